//! From facts to conditions: what probes, feeds and operators say of members and regions, put together by precedence, then
//! moved slowly where answers in caches would make haste harmful. One [`Control`] for each pool under a policy; time is an
//! argument. Knows no clock, no queries and no answers.

pub mod admin;
pub mod operator;

use super::condition::{PoolCondition, RegionState, WEIGHT_UNIT};
use super::spec::{Policy, Pool, Region};
use crate::base::UnixTime;
use crate::health::{Report, Status};
pub use admin::Admin;
use std::time::Duration;

/// What is known of a pool under a policy at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The pool.
    pub pool: &'a Pool,
    /// The policy.
    pub policy: &'a Policy,
    /// All regions, by id.
    pub regions: &'a [Region],
    /// By member, in configured order.
    pub members: &'a [MemberFacts],
    /// By region id.
    pub region_facts: &'a [RegionFacts],
    /// The longest TTL that answers are given with, in seconds.
    pub ttl_max: u32,
    /// Now.
    pub now: UnixTime,
}

/// What is known of one member.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MemberFacts {
    /// By its monitors alone.
    pub status: Status,
    /// Their counters are on the way to a change of that.
    pub wavering: bool,
    /// What operators say of it, at whatever level; the strongest word.
    pub admin: Admin,
    /// What its feeds say.
    pub report: Report,
    /// How long the last probe of it that passed took, the longest of its monitors.
    pub latency: Option<Duration>,
}

/// What is known of one region.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RegionFacts {
    /// What operators say of it as a whole, or of the pool in it.
    pub admin: Admin,
    /// What its feeds say.
    pub report: Report,
}

/// What a pool under a policy remembers from step to step.
#[derive(Clone, Debug, Default)]
pub struct Control {}

impl Control {
    /// Lets a region come back that waits for the operator.
    pub fn release(&mut self, _region: &str) {}

    /// The condition by these facts, and when it wants to be asked again even if nothing is reported.
    pub fn step(&mut self, facts: &Facts<'_>) -> (PoolCondition, Option<UnixTime>) {
        let members = facts.members.iter().zip(&facts.pool.members).map(|(known, member)| {
            let region = facts.region_facts.get(member.region.index()).map_or(Admin::None, |region| region.admin);
            let enabled =
                member.enabled && facts.regions.get(member.region.index()).is_some_and(|region| region.enabled);
            admin::judge(known, region, enabled, member.weight)
        });
        let weight = |id: usize| {
            let configured = facts.policy.region_weights.iter().find(|(region, _)| region.index() == id);
            configured.map_or(WEIGHT_UNIT, |&(_, weight)| weight.saturating_mul(WEIGHT_UNIT))
        };
        let regions = (0..facts.regions.len()).map(|id| RegionState { weight: weight(id), ..RegionState::default() });
        (PoolCondition { members: members.collect(), regions: regions.collect() }, None)
    }
}
