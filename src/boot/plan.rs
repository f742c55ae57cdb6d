//! Which targets must be probed, and which of them each member hangs on.

use crate::config::Config;
use crate::health::{Endpoint, TargetKey};
use crate::probe::spec::{PlannedTarget, ProbePlan};
use crate::steering::spec::{Member, MemberTarget, ProbeAddress};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// For each pool, for each member: the targets that must all be up.
pub type MemberTargets = Vec<Vec<Vec<TargetKey>>>;

/// The plan of all probes, each (monitor, probe address and port) once, and what members hang on. Members that are not
/// enabled are not probed.
#[must_use]
pub fn probe_plan(config: &Config) -> (ProbePlan, MemberTargets) {
    let mut plan = ProbePlan {
        monitors: config.monitors.clone(),
        targets: Vec::new(),
        startup_grace: config.server.startup_grace,
        hold: config.server.hold,
        region_limits: config.probe_limits.clone(),
    };
    let mut known: HashMap<TargetKey, usize> = HashMap::new();
    let mut member_targets = MemberTargets::with_capacity(config.pools.len());
    for pool in &config.pools {
        let mut of_pool = Vec::with_capacity(pool.members.len());
        for member in &pool.members {
            let region = &config.regions[member.region.index()];
            let mut of_member = Vec::with_capacity(pool.monitors.len());
            if member.enabled && region.enabled {
                for required in &pool.monitors {
                    let monitor = required.monitor;
                    let checked_by = &config.monitors[monitor.index()];
                    let endpoint = endpoint(member, checked_by.port);
                    let key = TargetKey { monitor: Arc::clone(&checked_by.name), endpoint };
                    let at = *known.entry(key.clone()).or_insert_with(|| {
                        let target = PlannedTarget { key: key.clone(), monitor: monitor.index(), regions: Vec::new() };
                        plan.targets.push(target);
                        plan.targets.len() - 1
                    });
                    let regions = &mut plan.targets[at].regions;
                    if !regions.contains(&region.name) {
                        regions.push(Arc::clone(&region.name));
                    }
                    of_member.push(key);
                }
            }
            of_pool.push(of_member);
        }
        member_targets.push(of_pool);
    }
    (plan, member_targets)
}

/// Where a member is probed by a monitor with this port.
pub(super) fn endpoint(member: &Member, port: u16) -> Endpoint {
    match (&member.probe_address, &member.target) {
        (Some(ProbeAddress::Socket(address)), _) => Endpoint::Socket(*address),
        (Some(ProbeAddress::Address(address)), _) | (None, MemberTarget::Address(address)) => {
            Endpoint::Socket(SocketAddr::new(*address, port))
        }
        (None, MemberTarget::Name { text, .. }) => Endpoint::Host(text.trim_end_matches('.').into(), port),
    }
}
