//! From facts to conditions: what probes, feeds and operators say of members and regions, put together by precedence, then
//! moved slowly where answers in caches would make haste harmful. One [`Control`] for each pool under a policy; time is an
//! argument. Knows no clock, no queries and no answers.

pub mod admin;
pub mod course;
pub mod guards;
mod limits;
pub mod memory;
mod nearness;
pub mod operator;
mod recovery;
mod shares;
mod shedding;
mod stages;
mod tracks;

use super::condition::PoolCondition;
use super::spec::{Policy, Pool, Recovery, Region};
use crate::base::UnixTime;
use crate::health::{Report, Status};
pub use admin::Admin;
pub use course::{Course, MemberCourse, RegionCourse};
pub use memory::{RegionMemory, Remembered};
use stages::Step;
use std::time::Duration;
use tracks::Tracks;

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
pub struct Control {
    tracks: Tracks,
    last_step: Option<UnixTime>,
}

impl Control {
    /// The condition by these facts, and when it wants to be asked again even if nothing is reported.
    pub fn step(&mut self, facts: &Facts<'_>) -> (PoolCondition, Option<UnixTime>) {
        self.tracks.align(facts);
        let elapsed = self.last_step.map_or(Duration::ZERO, |last| facts.now.since(last));
        self.last_step = Some(facts.now);
        Step::new(facts, &mut self.tracks, elapsed).run()
    }

    /// Lets regions come back that wait for the operator, of those that `is_meant` by name: the next step does so. Says whether
    /// there are such regions.
    pub fn release_where(&mut self, is_meant: impl Fn(&str) -> bool) -> bool {
        let mut any = false;
        let waiting = self.tracks.regions.iter_mut().filter(|track| track.recovery.is_held_back());
        for track in waiting.filter(|track| is_meant(&track.name)) {
            track.is_released = true;
            any = true;
        }
        any
    }

    /// What is going on in the regions that the policy reaches, by region id. As of the last step.
    pub fn regions(&self) -> impl Iterator<Item = &RegionCourse> {
        self.tracks.regions.iter().map(|track| &track.course)
    }

    /// What is going on with the members, in configured order. As of the last step; `recovery`: the pool's, `now`: its time.
    pub fn members<'a>(
        &'a self,
        policy: &'a Policy,
        recovery: &'a Recovery,
    ) -> impl Iterator<Item = MemberCourse> + 'a {
        let now = self.last_step.unwrap_or(UnixTime(0));
        self.tracks.members.iter().map(move |track| MemberCourse {
            exceeded: track.exceeded,
            ramp: track.recovery.ramp(recovery, now),
            kept: track.kept,
            share_factor: policy.spread.is_dynamic().then_some(track.share.shown),
        })
    }

    /// What a restart must not forget: regions that have failed or wait for failback.
    #[must_use]
    pub fn memory(&self) -> Vec<RegionMemory> {
        let tracks = self.tracks.regions.iter().filter_map(|track| track.recovery.memory(&track.name));
        // What was not yet claimed is kept too.
        tracks.chain(self.tracks.memories.iter().cloned()).collect()
    }

    /// Takes in what was remembered before a restart; to be called before the first step.
    pub fn restore(&mut self, memories: Vec<RegionMemory>) {
        self.tracks.memories = memories;
    }
}

#[cfg(test)]
mod simulations;
