//! A pool under one policy, ready to answer: for each group of regions the availability in each pass, and the variants.

mod availability;
mod builder;
mod intake;
mod roster;
mod variants;

pub use availability::{Pass, Tally};
pub use builder::Builder;
pub use variants::StoredAnswer;

use super::condition::{MemberState, PoolCondition, RegionState};
use super::decide::Asked;
use super::explain::Shortfall;
use super::reach::{GroupId, Reach};
use super::spec::{AllDown, Families, Order, Policy, Pool, Region, Spread};
use super::spread::{self, By};
use crate::base::{Family, RegionId};
use availability::Judge;
pub(super) use availability::Standing;
use intake::Intakes;
pub(super) use intake::split_key;
use std::sync::Arc;
use variants::Variants;

/// A pool under one policy, in one state of its members. Immutable; the publisher builds the next one.
#[derive(Debug)]
pub struct PoolAnswers {
    reach: Arc<Reach>,
    condition: PoolCondition,
    /// By region number: what stands behind the availability of each family, for explanations.
    tallies: Box<[[Tally; 2]]>,
    answers_cname: bool,
    judge: Judge,
    intakes: Intakes,
    region_spread: Spread,
    all_down: WhenAllDown,
    spread: Spread,
    /// Of `spread`.
    picks_by: By,
    takes_turns: bool,
    quick: Quick,
    scope_floors: [u8; 2],
    /// A (or names), AAAA.
    slots: [Slot; 2],
    variants: Variants,
    /// All that the pool has members in, ascending.
    regions: Arc<[RegionId]>,
}

/// How a steady group's variant is picked where that takes nothing but a random number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quick {
    No,
    Alike,
    Weighted,
}

impl Quick {
    /// For a pool, of names or not, under a policy.
    const fn of(picks_by: By, takes_turns: bool, names: bool) -> Self {
        match picks_by {
            By::Chance if !takes_turns && !names => Self::Alike,
            By::Weight if !takes_turns && !names => Self::Weighted,
            _ => Self::No,
        }
    }
}

/// See [`PoolAnswers::partner`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partner {
    /// Its number.
    pub variant: u32,
    /// A member of its family is on the way to a change of what it holds.
    pub changes: bool,
}

/// One family of a pool. Pools of names have the first alone.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Some member within reach has the family, whatever its state.
    pub(super) exists: bool,
    /// By group.
    groups: Box<[Group]>,
    /// The variant of the policy's fallback addresses.
    pub(super) fallback: Option<u32>,
}

/// A group of regions in one family: its standing, and its variants, one for each member that may answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Group {
    pub(super) standing: Standing,
    first: u32,
    count: u32,
    /// Its cycle of turns, where turns go by weight.
    turns_start: u32,
    turns_len: u32,
}

/// [`AllDown`] without its addresses, which are a variant by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenAllDown {
    All,
    NoData,
    ServFail,
    Fallback,
    Policy,
}

impl WhenAllDown {
    const fn of(all_down: &AllDown) -> Self {
        match all_down {
            AllDown::All => Self::All,
            AllDown::NoData => Self::NoData,
            AllDown::ServFail => Self::ServFail,
            AllDown::Fallback(_) => Self::Fallback,
            AllDown::Policy(_) => Self::Policy,
        }
    }
}

impl PoolAnswers {
    /// A member or region that is not enabled never answers, whatever its state.
    #[must_use]
    pub fn build(pool: &Pool, policy: &Policy, regions: &[Region], condition: PoolCondition) -> Self {
        Builder::default().build((pool, policy, regions), condition, None)
    }

    /// Whether members are names: every type is answered with a CNAME.
    #[must_use]
    pub const fn answers_cname(&self) -> bool {
        self.answers_cname
    }

    /// The records of a variant that [`super::decide()`] chose; none for a number it can not have chosen.
    #[must_use]
    #[inline]
    pub fn variant(&self, number: u32) -> StoredAnswer<'_> {
        self.variants.stored(number)
    }

    /// How many variants there are; they are numbered from 0.
    #[must_use]
    pub const fn variant_count(&self) -> u32 {
        self.variants.count()
    }

    /// The members whose records a variant holds, in the order of the records; none for fallback addresses.
    #[must_use]
    pub fn variant_members(&self, number: u32) -> Vec<usize> {
        let group = self.slots.iter().flat_map(|slot| &slot.groups).find(|group| group.variants().contains(&number));
        let Some(group) = group else { return Vec::new() };
        let records = u32::from(self.variant(number).records);
        let turn = |step: u32| group.first + (number - group.first + step) % group.count;
        (0..records).filter_map(|step| self.variants.member(turn(step))).collect()
    }

    /// The first of the variants that hold the same records as this one in whatever order: where one answer has room for a
    /// whole group, they are those of the group.
    #[must_use]
    pub fn first_with_same_records(&self, number: u32) -> u32 {
        let mut groups = self.slots.iter().flat_map(|slot| &slot.groups);
        let records = u32::from(self.variant(number).records);
        let whole = groups.find(|group| group.variants().contains(&number) && group.count == records);
        whole.map_or(number, |group| group.first)
    }

    /// The region of a variant's first record; none for fallback addresses.
    #[must_use]
    pub fn variant_region(&self, number: u32) -> Option<RegionId> {
        self.variants.region(number)
    }

    /// The addresses of a variant's records, one behind the other; none where the records are names.
    #[must_use]
    pub fn variant_addresses(&self, number: u32) -> Vec<u8> {
        if self.answers_cname { Vec::new() } else { self.variants.addresses(number) }
    }

    /// The AAAA variant that goes with an A variant in one answer: from the same regions, with members in the same place
    /// among theirs. `None` where these have no member of that family that may answer.
    #[must_use]
    pub fn partner(&self, number: u32) -> Option<Partner> {
        let [ipv4, ipv6] = &self.slots;
        if ipv4.fallback == Some(number) {
            return ipv6.fallback.map(|variant| Partner { variant, changes: false });
        }
        let id = ipv4.groups.iter().position(|group| group.variants().contains(&number))?;
        let (own, other) = (ipv4.groups[id], ipv6.groups.get(id).copied()?);
        let may_answer = |group: Group| {
            let passes = Pass::searching(self.judge.together);
            passes.iter().any(|&pass| group.standing.available(pass))
        };
        // What is answered as if it were up says nothing of what is up.
        if other.count == 0 || (may_answer(own) && !may_answer(other)) {
            return None;
        }
        let changes = other.standing.changes() || other.standing.changes_when_down() || other.standing.soon_count() > 0;
        Some(Partner { variant: other.first + (number - own.first) % other.count, changes })
    }

    /// The states it was built from, by member in configured order.
    #[must_use]
    pub fn states(&self) -> &[MemberState] {
        &self.condition.members
    }

    /// The condition it was built from.
    #[must_use]
    pub const fn condition(&self) -> &PoolCondition {
        &self.condition
    }

    /// The weights behind a region's availability, by family (names count as the first); `None` beyond reach.
    #[must_use]
    pub fn tallies(&self, region: RegionId) -> Option<&[Tally; 2]> {
        self.tallies.get(usize::from(self.reach.number(region)?))
    }

    /// Why a region did not pass; `None` when it did, or has no members to pass with.
    pub(super) fn shortfall(&self, region: RegionId, family: Family, pass: Pass) -> Option<Shortfall> {
        let tallies = self.tallies(region)?;
        let slot = self.judge.shortfall(tallies, family.index(), pass)?;
        Some(Shortfall { family: Family::BOTH[slot], up: tallies[slot].up, enabled: tallies[slot].judged() })
    }

    /// The regions and groups that may answer.
    #[must_use]
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Whether one region answers both families; always false when there is one family only.
    #[must_use]
    pub const fn together(&self) -> bool {
        self.judge.together
    }

    /// How many bits of a client's address the answer may depend on beside the cohort, by family of the client.
    #[must_use]
    pub fn scope_floor(&self, client: Family) -> u8 {
        self.scope_floors[client.index()]
    }

    /// How many bits of the client's address the pick depends on; 0 where it does not hash.
    #[must_use]
    pub const fn hashed_bits(&self, client: Family) -> u8 {
        prefix_bits(self.spread)[client.index()]
    }

    /// How members are picked.
    #[must_use]
    pub const fn spread(&self) -> Spread {
        self.spread
    }

    /// Whether anything is picked by turns.
    #[must_use]
    pub const fn takes_turns(&self) -> bool {
        self.takes_turns
    }

    /// Whether some region hands on clients, or does not take those of others.
    pub(super) const fn selects(&self) -> bool {
        self.intakes.selects
    }

    /// How far a group takes clients.
    #[must_use]
    pub fn intake(&self, group: GroupId) -> RegionState {
        self.intakes.state(group)
    }

    /// Whether a group hands on the client of this [`split_key`], and whether it would not take it from another.
    pub(super) fn turns_away(&self, group: GroupId, client: u64) -> (bool, bool) {
        self.intakes.turns_away(group, client)
    }

    /// The position of the one among several equal groups that gets a client; there is at least one.
    pub(super) fn pick_equal(&self, groups: &[GroupId], asked: &Asked) -> usize {
        let weight = |group: &GroupId| u64::from(self.intakes.state(*group).weight.max(1));
        // A fraction of the golden ratio a turn visits everybody by weight, evenly mixed, whichever groups there are.
        let turned = u64::from(asked.turn).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let by_weight = |random: u64| {
            let total: u64 = groups.iter().map(weight).sum();
            let mut left = ((u128::from(random) * u128::from(total)) >> 64) as u64;
            let drawn = groups.iter().position(|group| {
                let weight = weight(group);
                let here = left < weight;
                left = left.wrapping_sub(weight);
                here
            });
            drawn.unwrap_or(0)
        };
        let alike = |random| spread::uniform(random, groups.len() as u32) as usize;
        match self.region_spread.picks_by() {
            By::Weight => by_weight(spread::hash::remixed(asked.random)),
            By::WeightedTurn => by_weight(turned),
            By::Turn => alike(turned),
            By::Chance => alike(spread::hash::remixed(asked.random)),
            By::Hash => {
                let bits = prefix_bits(self.region_spread)[Family::of(asked.address).index()].min(asked.known_bits);
                let key = spread::hash::client_key(asked.address, bits);
                spread::hash::best_of(groups.iter().map(|&group| self.intakes.candidate(group)), key) as usize
            }
        }
    }

    pub(super) const fn all_down(&self) -> WhenAllDown {
        self.all_down
    }

    /// Whether a type exists: some member within reach has the family, whatever its state.
    #[must_use]
    pub const fn has_family(&self, family: Family) -> bool {
        self.slot(family).exists
    }

    /// The slot that answers `family`.
    pub(super) const fn slot(&self, family: Family) -> &Slot {
        if self.answers_cname { &self.slots[0] } else { &self.slots[family.index()] }
    }

    /// The records of a variant of `group`, and by which word the answer is counted, where the group is steady and a random
    /// number is all that it takes to pick one.
    #[inline(always)]
    pub(super) fn pick_quick(&self, family: Family, group: GroupId, random: u64) -> Option<(StoredAnswer<'_>, u16)> {
        let group = self.slots[family.index()].steady(group)?;
        let position = match self.quick {
            Quick::Alike => spread::uniform(random, group.count),
            Quick::Weighted => spread::weighted::draw(self.variants.draws(group.variants()), random),
            Quick::No => return None,
        };
        self.variants.stored_and_counter(group.first + position)
    }

    /// The variant of `group` for one query.
    #[inline(always)]
    pub(super) fn pick(&self, group: &Group, asked: &Asked) -> Option<u32> {
        if group.count < 2 {
            return (group.count == 1).then_some(group.first);
        }
        let position = match self.picks_by {
            By::Turn => asked.turn % group.count,
            By::Chance => spread::uniform(asked.random, group.count),
            By::Weight => spread::weighted::draw(self.variants.draws(group.variants()), asked.random),
            By::Hash | By::WeightedTurn => self.pick_among(group, asked),
        };
        Some(group.first + position)
    }

    /// The position of a variant among those of `group`, where finding it takes more than a draw.
    #[inline(never)]
    fn pick_among(&self, group: &Group, asked: &Asked) -> u32 {
        if self.picks_by == By::WeightedTurn {
            return self.variants.turn(group.turns(), asked.turn);
        }
        let bits = asked.known_bits.min(self.hashed_bits(Family::of(asked.address)));
        let key = spread::hash::client_key(asked.address, bits);
        spread::hash::best(self.variants.candidates(group.variants()), key)
    }

    /// The probability of each of a group's variants where chance decides: `None` with [`Spread::Hash`].
    pub(super) fn shares(&self, group: Group) -> Option<Vec<f64>> {
        match self.spread.picks_by() {
            By::Weight => Some(spread::weighted::shares(self.variants.draws(group.variants()))),
            By::Turn | By::Chance => Some(vec![1.0 / f64::from(group.count); group.count as usize]),
            By::WeightedTurn => {
                let cycle = group.turns();
                let mut shares = vec![0.0; group.count as usize];
                for turn in 0..cycle.len() as u32 {
                    shares[self.variants.turn(group.turns(), turn) as usize] += 1.0 / cycle.len() as f64;
                }
                Some(shares)
            }
            By::Hash => None,
        }
    }
}

impl Slot {
    /// The group, if it answers every client whose order it is the first of.
    #[inline]
    pub(super) fn steady(&self, group: GroupId) -> Option<&Group> {
        self.groups.get(usize::from(group)).filter(|group| group.standing.is_steady())
    }

    /// A group's standing and variants; one that has no members for a number that is not there.
    pub(super) fn group(&self, group: GroupId) -> Group {
        self.groups.get(usize::from(group)).copied().unwrap_or_default()
    }
}

impl Group {
    pub(super) const fn variants(&self) -> std::ops::Range<u32> {
        self.first..self.first + self.count
    }

    const fn turns(&self) -> std::ops::Range<u32> {
        self.turns_start..self.turns_start + self.turns_len
    }
}

/// The least scope by family of the client. Where one family's clients are split and the other's are not, these get 1 all
/// the same: scope 0 would speak for both families.
fn scope_floors(pool: &Pool, policy: &Policy, reach: &Reach) -> [u8; 2] {
    let mut floors = prefix_bits(policy.spread);
    let mut widen = |by: [u8; 2]| floors = [floors[0].max(by[0]), floors[1].max(by[1])];
    if ranks_equals(policy) && reach.regions().len() > 1 {
        widen(prefix_bits(policy.region_spread.unwrap_or(Spread::Weighted)));
    }
    if intake::splits_clients(pool, policy, reach) {
        widen(intake::SPLIT_BITS);
    }
    if floors == [0, 0] { floors } else { [floors[0].max(1), floors[1].max(1)] }
}

/// Whether equal regions may stand beside each other in an order.
fn ranks_equals(policy: &Policy) -> bool {
    policy.tie_band.is_some() || (policy.order == Order::Any && policy.picks_regions())
}

/// How many bits of a client's address a spread hashes, by family.
const fn prefix_bits(spread: Spread) -> [u8; 2] {
    match spread {
        Spread::Hash { ipv4_prefix, ipv6_prefix } => [ipv4_prefix, ipv6_prefix],
        _ => [0, 0],
    }
}

/// Whether the policy wants one region for both families.
fn wants_together(policy: &Policy) -> bool {
    policy.families == Families::Together
}
