//! The members of a pool by family and region, with their states tallied.

use super::Region;
use super::availability::{Judge, Outlook, Pass, Standing, Tally};
use super::wants_together;
use crate::base::Family;
use crate::health::Status;
use crate::steering::condition::{MemberState, PoolCondition};
use crate::steering::reach::{GroupId, Reach};
use crate::steering::spec::{Member, MemberTarget, Policy, Pool};

/// The members of a pool within reach, by family and region.
pub(super) struct Roster<'p> {
    pool: &'p Pool,
    states: &'p [MemberState],
    pub(super) judge: Judge,
    /// Members are names; they all count as the first family.
    pub(super) names: bool,
    exists: [bool; 2],
    /// By region number.
    tallies: Vec<[Tally; 2]>,
    /// Enabled members by family, then region number, then configured order.
    entries: &'p [Vec<Entry>; 2],
}

/// A member that is enabled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    region: GroupId,
    member: u32,
    up: bool,
    passed_over: bool,
}

impl<'p> Roster<'p> {
    pub(super) fn new(
        pool: &'p Pool,
        policy: &Policy,
        regions: &[Region],
        condition: &'p PoolCondition,
        reach: &Reach,
        entries: &'p mut [Vec<Entry>; 2],
    ) -> Self {
        let states = &condition.members[..];
        let names = pool.members.iter().any(|member| matches!(member.target, MemberTarget::Name { .. }));
        let mut exists = [false; 2];
        let mut tallies = vec![[Tally::default(); 2]; reach.regions().len()];
        entries.iter_mut().for_each(Vec::clear);
        for (index, member) in pool.members.iter().enumerate() {
            let Some(region) = reach.number(member.region) else { continue };
            let slot = slot_of(member);
            exists[slot] = true;
            let in_service = member.enabled && regions.get(member.region.index()).is_some_and(|region| region.enabled);
            let Some(state) = states.get(index).filter(|state| state.enabled && in_service) else { continue };
            count(&mut tallies[usize::from(region)][slot], weight_of(member), *state);
            entries[slot].push(Entry {
                region,
                member: index as u32,
                up: state.status == Status::Up,
                passed_over: state.passed_over,
            });
        }
        if !condition.regions.are_default() {
            for (number, region) in reach.regions().iter().enumerate() {
                let held_back = condition.regions.of(*region).held_back;
                tallies[number].iter_mut().for_each(|tally| tally.held_back = held_back);
            }
        }
        for entries in entries.iter_mut().filter(|entries| !entries.is_sorted_by_key(|entry| entry.region)) {
            entries.sort_by_key(|entry| entry.region);
        }
        let together = wants_together(policy) && exists == [true; 2];
        let judge = Judge { together, min_healthy: policy.min_healthy };
        Self { pool, states, judge, names, exists, tallies, entries }
    }

    /// Whether any member has the family, whatever its state.
    pub(super) const fn exists(&self, family: Family) -> bool {
        self.exists[family.index()]
    }

    /// Of the pool.
    pub(super) fn name(&self) -> &'p str {
        &self.pool.name
    }

    pub(super) fn member(&self, index: u32) -> &'p Member {
        &self.pool.members[index as usize]
    }

    /// The weight of a member now.
    pub(super) fn weight(&self, index: u32) -> u32 {
        self.states.get(index as usize).map_or(1, |state| state.weight.max(1))
    }

    /// The standing of a group of regions, and the first pass in which it may answer.
    pub(super) fn standing(&self, regions: &[GroupId], family: Family) -> (Standing, Option<Pass>) {
        match regions {
            [region] => self.judge.standing(&[&self.tallies[usize::from(*region)]], family.index()),
            _ => {
                let tallies: Vec<&[Tally; 2]> =
                    regions.iter().map(|&region| &self.tallies[usize::from(region)]).collect();
                self.judge.standing(&tallies, family.index())
            }
        }
    }

    /// The members of a group that answer in `pass`, or those that are enabled, in configured order; of each region those that are
    /// passed over only when there are no others.
    pub(super) fn answering(&self, regions: &[GroupId], family: Family, pass: Option<Pass>, into: &mut Vec<u32>) {
        into.clear();
        let slot = family.index();
        for &region in regions {
            let tallies = &self.tallies[usize::from(region)];
            if pass.is_some_and(|pass| !self.judge.available(tallies, slot, pass, Outlook::Now)) {
                continue;
            }
            let entries = &self.entries[slot];
            let start = entries.partition_point(|entry| entry.region < region);
            let own = entries[start..].iter().take_while(|entry| entry.region == region);
            let answers = |entry: &&Entry| pass.is_none() || entry.up;
            let before = into.len();
            into.extend(own.clone().filter(answers).filter(|entry| !entry.passed_over).map(|entry| entry.member));
            if into.len() == before {
                into.extend(own.filter(answers).map(|entry| entry.member));
            }
        }
        into.sort_unstable();
    }

    /// The tallies by region number.
    pub(super) fn into_tallies(self) -> Box<[[Tally; 2]]> {
        self.tallies.into()
    }
}

/// Where a member's records go: A and names, or AAAA.
fn slot_of(member: &Member) -> usize {
    match &member.target {
        MemberTarget::Address(address) => Family::of(*address).index(),
        MemberTarget::Name { .. } => 0,
    }
}

/// A member's configured weight, which configuration keeps at 1 or more.
fn weight_of(member: &Member) -> u32 {
    member.weight.max(1)
}

fn count(tally: &mut Tally, weight: u32, state: MemberState) {
    let weight = u64::from(weight);
    let (up, unknown) = (state.status == Status::Up, state.status == Status::Unknown);
    tally.enabled_count += 1;
    tally.enabled += weight;
    tally.up += if up { weight } else { 0 };
    tally.falling += if up && state.wavering { weight } else { 0 };
    tally.unknown += if unknown { weight } else { 0 };
    // A first result is on its way, and it decides alone.
    tally.rising += if unknown || (!up && state.wavering) { weight } else { 0 };
}
