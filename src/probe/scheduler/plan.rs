//! From one plan to the next: what stays keeps its state and its phase, the rest starts or stops. Knows no results.

use crate::base::UnixTime;
use crate::health::{AddressId, Endpoint, TargetKey};
use crate::probe::scheduler::{Address, Job, Lane, Scheduler, Target};
use crate::probe::spec::{Kind, Monitor, PlannedTarget, ProbePlan};
use crate::probe::tls::TlsStore;
use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

/// First probes of targets that a reload brings start within this time, and within their interval.
pub(super) const NEW_TARGETS_SPREAD_MAX: Duration = Duration::from_secs(1);

/// First probes need not be further apart than this: a few targets are all probed at once.
const FIRST_STARTS_APART: Duration = Duration::from_millis(5);

/// Programs of `exec` monitors that run at a time.
const PROGRAMS_MAX: usize = 32;

/// Over how long the first probes of so many addresses are spread.
pub(super) fn spread_of(addresses: usize, spread_max: Duration) -> Duration {
    spread_max.min(FIRST_STARTS_APART.saturating_mul(u32::try_from(addresses).unwrap_or(u32::MAX)))
}

impl Scheduler {
    /// Goes on with `plan`; first probes of new targets are spread over at most `spread_max`.
    pub(super) fn take_plan(&mut self, plan: ProbePlan, spread_max: Duration) {
        let now = self.clock.now();
        self.fleet.set_hold(plan.hold);
        self.set_limits(&plan);
        // Certificates may have been replaced in their files; checks are built again with what is there now.
        self.tls_store = TlsStore::default();
        let monitors: Vec<Arc<Monitor>> = plan.monitors.into_iter().map(Arc::new).collect();
        let wanted: HashSet<&TargetKey> = plan.targets.iter().map(|target| &target.key).collect();
        let gone: Vec<TargetKey> = self.targets.keys().filter(|key| !wanted.contains(key)).cloned().collect();
        let heirs = self.heirs(&gone, &plan.targets, &monitors);
        let new = plan.targets.iter().filter(|target| !self.targets.contains_key(&target.key)).count();
        let spread = spread_of(new, spread_max);
        for planned in plan.targets {
            let Some(monitor) = monitors.get(planned.monitor) else { continue };
            let lanes = self.lanes_of(monitor, &planned.regions);
            self.fleet.insert(planned.key.clone(), planned.regions, monitor.timing);
            // The network may be cut, and a file still say that all is well.
            self.fleet.set_local(&planned.key, monitor.kind.kind() == Kind::File);
            if self.targets.contains_key(&planned.key) {
                self.keep_target(&planned.key, monitor, lanes, now);
            } else {
                self.add_target(&planned.key, monitor, lanes, spread, now);
                if let Some(old) = heirs.get(&planned.key) {
                    self.fleet.inherit(&planned.key, old, now, &mut self.events);
                }
                self.reporter.show(&planned.key, &self.fleet);
            }
        }
        for key in gone {
            self.remove_target(&key);
        }
    }

    /// New targets that stand for old ones, because the port of their monitor has changed: a changed monitor keeps its
    /// last status until its own first verdict.
    fn heirs(
        &self,
        gone: &[TargetKey],
        planned: &[PlannedTarget],
        monitors: &[Arc<Monitor>],
    ) -> HashMap<TargetKey, TargetKey> {
        let gone: HashSet<&TargetKey> = gone.iter().collect();
        let old_ports: HashMap<&str, u16> =
            self.targets.values().map(|target| (&*target.monitor.name, target.monitor.port)).collect();
        let mut heirs = HashMap::new();
        for planned in planned {
            let Some(monitor) = monitors.get(planned.monitor) else { continue };
            let Some(&old_port) = old_ports.get(&*monitor.name) else { continue };
            if old_port == monitor.port || self.targets.contains_key(&planned.key) {
                continue;
            }
            let old_endpoint = match &planned.key.endpoint {
                Endpoint::Socket(socket) if socket.port() == monitor.port => {
                    let mut socket = *socket;
                    socket.set_port(old_port);
                    Endpoint::Socket(socket)
                }
                Endpoint::Host(host, port) if *port == monitor.port => Endpoint::Host(Arc::clone(host), old_port),
                Endpoint::Socket(_) | Endpoint::Host(..) => continue,
            };
            let old = TargetKey { monitor: Arc::clone(&monitor.name), endpoint: old_endpoint };
            if gone.contains(&old) {
                heirs.insert(planned.key.clone(), old);
            }
        }
        heirs
    }

    fn set_limits(&mut self, plan: &ProbePlan) {
        let regions = plan.region_limits.iter().map(|(region, limit)| (Lane::Region(Arc::clone(region)), *limit));
        self.lanes.set_limits(regions.chain([(Lane::Programs, PROGRAMS_MAX)]));
    }

    /// The limits that probes of a target keep.
    fn lanes_of(&self, monitor: &Monitor, regions: &[Arc<str>]) -> Vec<Lane> {
        let regions = regions.iter().map(|region| Lane::Region(Arc::clone(region)));
        let programs = (monitor.kind.kind() == Kind::Exec).then_some(Lane::Programs);
        regions.chain(programs).filter(|lane| self.lanes.is_limited(lane)).collect()
    }

    fn add_target(
        &mut self,
        key: &TargetKey,
        monitor: &Arc<Monitor>,
        lanes: Vec<Lane>,
        spread: Duration,
        now: UnixTime,
    ) {
        let target = Target { monitor: Arc::clone(monitor), lanes, lookup: None, is_unresolved: false };
        self.targets.insert(key.clone(), target);
        let spread = spread.min(monitor.timing.interval);
        let socket = match &key.endpoint {
            Endpoint::Socket(socket) => *socket,
            // A file speaks of the name itself.
            Endpoint::Host(_, port) if monitor.kind.kind() == Kind::File => (Ipv4Addr::UNSPECIFIED, *port).into(),
            // Looking up has its own queue; the probes that follow are spread.
            Endpoint::Host(..) => {
                self.due.insert((now, Job::Resolve(key.clone())));
                return;
            }
        };
        let Some(id) = self.fleet.add_address(key, socket) else { return };
        self.addresses.insert(id, Address::new(key.clone(), socket, now));
        self.plan_probe(id, now + self.fleet.first_offset(id, spread));
    }

    /// A target that stays. Its check is built again; if its monitor now asks something else, that is asked soon.
    fn keep_target(&mut self, key: &TargetKey, monitor: &Arc<Monitor>, lanes: Vec<Lane>, now: UnixTime) {
        let Some(target) = self.targets.get_mut(key) else { return };
        let old = std::mem::replace(&mut target.monitor, Arc::clone(monitor));
        target.lanes = lanes;
        let asks_otherwise = old.kind != monitor.kind;
        let is_faster = monitor.timing.interval < old.timing.interval;
        if asks_otherwise {
            self.fleet.start_over(key, now, &mut self.events);
        }
        let soon = if asks_otherwise { NEW_TARGETS_SPREAD_MAX } else { monitor.timing.interval };
        for id in self.fleet.address_ids(key) {
            let latest = now + self.fleet.first_offset(id, soon.min(monitor.timing.interval));
            let Some(address) = self.addresses.get_mut(&id) else { continue };
            address.check = None;
            if asks_otherwise && let Some(flight) = address.flight.take() {
                // Its answer would be to the old question.
                flight.abort();
                self.lanes.leave(&std::mem::take(&mut address.entered));
                self.plan_probe(id, latest);
            } else if (asks_otherwise || is_faster)
                && address.flight.is_none()
                && latest < address.planned
                && self.due.remove(&(address.planned, Job::Probe(id)))
            {
                self.plan_probe(id, latest);
            }
        }
    }

    fn remove_target(&mut self, key: &TargetKey) {
        for id in self.fleet.address_ids(key) {
            self.forget_address(id);
        }
        self.targets.remove(key);
        self.fleet.remove(key, &mut self.events);
        self.reporter.forget(key);
        if let Some(awaited) = &mut self.awaited {
            awaited.remove(key);
        }
    }

    /// Stops probing an address; what is under way is dropped with it.
    pub(super) fn forget_address(&mut self, id: AddressId) {
        if let Some(address) = self.addresses.remove(&id) {
            self.lanes.leave(&address.entered);
            self.due.remove(&(address.planned, Job::Probe(id)));
        }
    }
}
