//! One step, stage by stage: what is seen of regions, how they come and go, what members weigh, what regions hand on and
//! refuse. Each stage reads what the ones before it left. Knows no answers.

mod members;
mod regions;

use super::tracks::{RegionTrack, Tracks};
use super::{Facts, admin};
use crate::base::UnixTime;
use crate::health::Status;
use crate::steering::condition::{MemberState, PoolCondition, RegionState, WEIGHT_UNIT};
use crate::steering::spec::Families;
use std::time::Duration;

/// While something moves, the next step is due after this time.
const TICK: Duration = Duration::from_secs(1);

/// Decimal shares such as 0.07 may be off in binary by this.
const ROUNDING: f64 = 1e-9;

/// What one step works with.
pub(super) struct Step<'a, 'f> {
    facts: &'a Facts<'f>,
    tracks: &'a mut Tracks,
    /// Since the step before; zero at the first.
    elapsed: Duration,
    /// By member: as judged, then changed by the stages.
    members: Vec<MemberState>,
    /// By place.
    sights: Vec<Sight>,
    next: Option<UnixTime>,
}

/// What is seen of one region.
#[derive(Clone, Copy, Debug, Default)]
struct Sight {
    /// By family: the weights of enabled members.
    families: [Tally; 2],
    /// All that are up are so by the word of an operator.
    is_forced: bool,
    has_report: bool,
    is_healthy: bool,
    /// Results that are still to come cannot turn that it is not healthy.
    is_known: bool,
    utilisation: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    enabled: u64,
    up: u64,
    unknown: u64,
    down: u64,
}

impl Tally {
    /// As the first pass judges.
    fn is_healthy(&self, min_healthy: f64) -> bool {
        let judged = if self.unknown < self.enabled { self.enabled - self.unknown } else { self.enabled };
        self.up > 0 && self.up as f64 >= (min_healthy - ROUNDING) * judged as f64
    }

    /// As it is when everything that has no result yet is found up.
    const fn at_best(&self) -> Self {
        Self { up: self.up + self.unknown, unknown: 0, ..*self }
    }
}

impl<'a, 'f> Step<'a, 'f> {
    /// Judges the members.
    pub(super) fn new(facts: &'a Facts<'f>, tracks: &'a mut Tracks, elapsed: Duration) -> Self {
        let members = facts.members.iter().zip(&facts.pool.members).map(|(known, member)| {
            let region =
                facts.region_facts.get(member.region.index()).map_or(admin::Admin::None, |region| region.admin);
            let enabled =
                member.enabled && facts.regions.get(member.region.index()).is_some_and(|region| region.enabled);
            admin::judge(known, region, enabled, member.weight)
        });
        let members = members.collect();
        let sights = vec![Sight { is_forced: true, ..Sight::default() }; tracks.regions.len()];
        Self { facts, tracks, elapsed, members, sights, next: None }
    }

    /// All stages.
    pub(super) fn run(mut self) -> (PoolCondition, Option<UnixTime>) {
        self.see();
        self.recover_regions();
        self.recover_members();
        let mut regions = self.weighted_regions();
        self.share_members();
        self.limit_members();
        self.measure();
        self.work_valves();
        self.share_regions(&mut regions);
        self.show_regions(&mut regions);
        let regions = self.tracks.regions.iter().map(|track| track.id).zip(regions).collect();
        (PoolCondition { members: self.members, regions }, self.next)
    }

    /// The regions with their weights by configuration and report, by place.
    fn weighted_regions(&self) -> Vec<RegionState> {
        let weights = &self.facts.policy.region_weights;
        let weighted = |track: &RegionTrack| {
            let configured = weights.iter().rfind(|(region, _)| *region == track.id).map_or(1, |(_, weight)| *weight);
            let mut weight = configured.saturating_mul(WEIGHT_UNIT);
            let report = self.facts.region_facts.get(track.id.index()).map(|facts| facts.report);
            if let Some(percent) = report.and_then(|report| report.weight_percent) {
                let reported = u64::from(weight) * u64::from(percent) / 100;
                weight = u32::try_from(reported).unwrap_or(u32::MAX).max(1);
            }
            RegionState { weight, ..RegionState::default() }
        };
        self.tracks.regions.iter().map(weighted).collect()
    }

    /// Asks for the next step at `when`, or before.
    fn wake(&mut self, when: UnixTime) {
        let when = when.max(UnixTime(self.facts.now.0 + 1));
        self.next = Some(self.next.map_or(when, |next| next.min(when)));
    }

    fn tick(&mut self) {
        self.wake(self.facts.now + TICK);
    }

    /// Whether one region answers both families.
    fn together(&self) -> bool {
        self.facts.policy.families == Families::Together
    }

    /// What is seen of each region.
    fn see(&mut self) {
        for (index, track) in self.tracks.members.iter().enumerate() {
            let (state, known) = (&self.members[index], &self.facts.members[index]);
            let Some(place) = track.place.map(usize::from).filter(|_| state.enabled) else { continue };
            let region = self.tracks.regions[place].id.index();
            let region_forced =
                self.facts.region_facts.get(region).is_some_and(|facts| facts.admin == admin::Admin::ForcedUp);
            let weight = self.facts.pool.members[index].weight.max(1);
            let sight = &mut self.sights[place];
            let tally = &mut sight.families[track.slot];
            tally.enabled += u64::from(weight);
            match state.status {
                Status::Up => {
                    tally.up += u64::from(weight);
                    sight.is_forced &= known.admin == admin::Admin::ForcedUp || region_forced;
                    sight.has_report |= known.report.is_fresh;
                }
                Status::Unknown => tally.unknown += u64::from(weight),
                Status::Down => tally.down += u64::from(weight),
            }
        }
        let (together, least) = (self.together(), self.facts.policy.min_healthy);
        for (sight, track) in self.sights.iter_mut().zip(&mut self.tracks.regions) {
            let report = self.facts.region_facts.get(track.id.index()).map(|facts| facts.report);
            sight.has_report |= report.is_some_and(|report| report.is_fresh);
            track.has_reported |= sight.has_report;
            // A family without any result, as after a reload that added it, does not object.
            let judge = |families: [Tally; 2]| {
                let mut judged = families.iter().filter(|tally| tally.unknown < tally.enabled);
                if together {
                    let mut any = false;
                    judged.all(|tally| {
                        any = true;
                        tally.is_healthy(least)
                    }) && any
                } else {
                    judged.any(|tally| tally.is_healthy(least))
                }
            };
            sight.is_healthy = judge(sight.families);
            sight.is_known = sight.is_healthy || !judge(sight.families.map(|tally| tally.at_best()));
        }
    }
}
