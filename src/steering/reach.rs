//! How far a policy reaches over a pool: the regions that may answer, numbered densely, and the groups that orders are made
//! of. [`super::Ranking`] and [`super::PoolAnswers`] both number by it, so that an order of one finds the answers of the
//! other. Knows no places and no member states.

use super::spec::{Order, Policy, Pool};
use crate::base::RegionId;

/// A region within a reach, or a set of regions that are equals: what orders of regions are made of.
///
/// Numbers below the count of regions are those regions alone, in configured order; the sets stand behind them. They stay below
/// [`TIED`].
pub type GroupId = u16;

/// The bit of an entry of an order that says: equal to the one before it, so that chance or turn decides between the two.
pub const TIED: GroupId = 1 << 15;

/// An entry of a client's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ranked(GroupId);

impl Ranked {
    /// A group, and whether it is equal to the one before it.
    #[must_use]
    pub const fn new(group: GroupId, tied: bool) -> Self {
        Self(if tied { group | TIED } else { group })
    }

    /// An entry as orders store it.
    pub(super) const fn from_raw(raw: GroupId) -> Self {
        Self(raw)
    }

    /// The group.
    #[must_use]
    pub const fn group(self) -> GroupId {
        self.0 & !TIED
    }

    /// Whether it is equal to the entry before it.
    #[must_use]
    pub const fn is_tied(self) -> bool {
        self.0 & TIED != 0
    }
}

/// Regions that may answer a pool under a policy, and the groups made of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Reach {
    /// Ascending, which is configured order.
    regions: Box<[RegionId]>,
    /// Sets of equals, as ascending region numbers: all regions, then each rule's fence. Only [`Order::Any`] has them, and only where
    /// no region is picked before its members are.
    sets: Box<[Box<[GroupId]>]>,
}

impl Reach {
    /// The reach of `policy` over `pool_regions`, in whatever order these come.
    #[must_use]
    pub fn new(policy: &Policy, pool_regions: &[RegionId]) -> Self {
        let allowed = |region: &RegionId| policy.regions.as_ref().is_none_or(|only| only.contains(region));
        let mut regions: Vec<RegionId> = pool_regions.iter().copied().filter(allowed).collect();
        regions.sort_unstable();
        regions.dedup();
        let mut reach = Self { regions: regions.into(), sets: Box::default() };
        if policy.order == Order::Any && !policy.picks_regions() {
            reach.sets = reach.sets_of_equals(policy);
        }
        reach
    }

    fn sets_of_equals(&self, policy: &Policy) -> Box<[Box<[GroupId]>]> {
        let mut sets = vec![self.numbers().collect::<Box<[_]>>()];
        for rule in &policy.rules {
            if let Some(fence) = &rule.regions {
                let set = self.fence(fence);
                if !sets.contains(&set) {
                    sets.push(set);
                }
            }
        }
        sets.into()
    }

    /// The numbers of those `regions` that are within the reach, ascending.
    pub(super) fn fence(&self, regions: &[RegionId]) -> Box<[GroupId]> {
        let mut numbers: Vec<GroupId> = regions.iter().filter_map(|&region| self.number(region)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into()
    }

    /// Every region's number, in configured order.
    pub(super) fn numbers(&self) -> impl Iterator<Item = GroupId> + use<> {
        // Region ids have 16 bits, so that their count has at most 17 and every number fits.
        (0..self.regions.len()).map(|number| number as GroupId)
    }

    /// The number of a region, if it is within the reach.
    #[must_use]
    pub fn number(&self, region: RegionId) -> Option<GroupId> {
        self.regions.binary_search(&region).ok().and_then(|number| GroupId::try_from(number).ok())
    }

    /// The group of a set of equals made by [`Self::fence`] or of all regions, if there are sets.
    pub(super) fn group_of_set(&self, set: &[GroupId]) -> Option<GroupId> {
        let at = self.sets.iter().position(|known| **known == *set)?;
        GroupId::try_from(self.regions.len() + at).ok()
    }

    /// The regions by number.
    #[must_use]
    pub fn regions(&self) -> &[RegionId] {
        &self.regions
    }

    /// How many groups there are.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.regions.len() + self.sets.len()
    }

    /// The region numbers of group `group`, ascending; none for a number beyond [`Self::group_count`].
    pub fn members_of(&self, group: GroupId) -> impl Iterator<Item = GroupId> + '_ {
        let single = usize::from(group) < self.regions.len();
        let set = usize::from(group).checked_sub(self.regions.len()).and_then(|at| self.sets.get(at));
        single.then_some(group).into_iter().chain(set.into_iter().flat_map(|set| set.iter().copied()))
    }

    /// The regions of group `group`, in configured order.
    pub fn regions_of(&self, group: GroupId) -> impl Iterator<Item = RegionId> + '_ {
        self.members_of(group).map(|number| self.regions[usize::from(number)])
    }
}

/// The regions that a pool has members in, ascending.
#[must_use]
pub fn regions_of_pool(pool: &Pool) -> Vec<RegionId> {
    let mut regions: Vec<RegionId> = pool.members.iter().map(|member| member.region).collect();
    regions.sort_unstable();
    regions.dedup();
    regions
}
