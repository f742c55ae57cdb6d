//! What answers may hold, as decided beside the road of queries: the state of each member, and how far each region takes
//! clients. [`super::control`] makes it, [`super::PoolAnswers`] is built from it. Knows no reasons.

use crate::base::RegionId;
use crate::health::Status;

/// A pool under one policy at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PoolCondition {
    /// By member, in configured order.
    pub members: Vec<MemberState>,
    /// How far its regions take clients.
    pub regions: RegionStates,
}

/// The states of a pool's regions. Only those are kept that differ from [`RegionState::default`], which are few: what a pool takes
/// in memory and what it costs to compare two conditions does not grow with the regions that there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegionStates(Box<[(RegionId, RegionState)]>);

impl RegionStates {
    /// Whether all regions take everybody.
    #[must_use]
    pub const fn are_default(&self) -> bool {
        self.0.is_empty()
    }

    /// The state of a region; one that nothing is said of takes everybody.
    #[must_use]
    pub fn of(&self, region: RegionId) -> RegionState {
        let at = self.0.binary_search_by_key(&region, |(id, _)| *id);
        at.map_or_else(|_| RegionState::default(), |at| self.0[at].1)
    }
}

impl FromIterator<(RegionId, RegionState)> for RegionStates {
    fn from_iter<I: IntoIterator<Item = (RegionId, RegionState)>>(states: I) -> Self {
        let mut kept: Vec<_> = states.into_iter().filter(|(_, state)| *state != RegionState::default()).collect();
        kept.sort_by_key(|(id, _)| *id);
        Self(kept.into())
    }
}

/// What is known of one member when answers are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberState {
    /// Up when enough of its monitors pass, or it has none.
    pub status: Status,
    /// A monitor's counters are on the way to a change of `status`.
    pub wavering: bool,
    /// May answer at all: enabled, and neither an operator nor its region says otherwise.
    pub enabled: bool,
    /// Its weight now, in thousandths of a unit of configured weight; at least 1 while it is enabled.
    pub weight: u32,
    /// It counts for what is available and does not answer while another of its region and family does.
    pub passed_over: bool,
}

/// Thousandths that a configured weight of 1 has.
pub const WEIGHT_UNIT: u32 = 1000;

impl MemberState {
    /// A member in this state with the weight that is configured for it.
    #[must_use]
    pub const fn configured(status: Status, wavering: bool, enabled: bool, weight: u32) -> Self {
        Self { status, wavering, enabled, weight: weight.saturating_mul(WEIGHT_UNIT), passed_over: false }
    }
}

/// How far one region takes clients of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionState {
    /// Among equals, in thousandths of a unit of configured weight.
    pub weight: u32,
    /// Of its own clients, those that are handed on to the next region that takes them.
    pub shed: Share,
    /// Of the clients that other regions hand on, those that it does not take.
    pub refuses: Share,
    /// It is passed over while another region is healthy: it waits for failback.
    pub held_back: bool,
    /// What it takes is about to change: TTLs are the names' `min`.
    pub settling: bool,
}

impl Default for RegionState {
    fn default() -> Self {
        Self { weight: WEIGHT_UNIT, shed: Share::NONE, refuses: Share::NONE, held_back: false, settling: false }
    }
}

impl RegionState {
    /// Whether it takes its own clients all.
    #[must_use]
    pub fn takes_all(&self) -> bool {
        self.shed == Share::NONE
    }
}

/// A share of client subnets, from none to all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Share(u32);

impl Share {
    /// No client.
    pub const NONE: Self = Self(0);
    /// Every client.
    pub const ALL: Self = Self(u32::MAX);

    /// The nearest share to a number from 0 to 1; what lies outside, or is no number, becomes the end that it is beyond, or none.
    #[must_use]
    pub fn from_f64(share: f64) -> Self {
        Self((share.clamp(0.0, 1.0) * f64::from(u32::MAX)) as u32)
    }

    /// From 0 to 1.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(u32::MAX)
    }

    /// Whether a client at this coordinate is among them. Coordinates are spread evenly over all numbers.
    #[must_use]
    pub const fn holds(self, coordinate: u32) -> bool {
        // `ALL` holds the greatest coordinate too.
        coordinate < self.0 || self.0 == u32::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::{RegionState, RegionStates, Share};
    use crate::base::RegionId;

    #[test]
    fn regions_that_take_everybody_take_no_room() {
        let held_back = RegionState { held_back: true, ..RegionState::default() };
        let states = [(RegionId(7), held_back), (RegionId(2), RegionState::default())];
        let states: RegionStates = states.into_iter().collect();
        assert_eq!((states.of(RegionId(7)), states.of(RegionId(2))), (held_back, RegionState::default()));
        assert_eq!((states.0.len(), states.of(RegionId(300))), (1, RegionState::default()));
    }

    #[test]
    fn shares_hold_their_part_of_coordinates() {
        assert!(!Share::NONE.holds(0));
        assert!(Share::ALL.holds(u32::MAX));
        let quarter = Share::from_f64(0.25);
        let held = (0..1000_u32).filter(|step| quarter.holds(step * 4_294_967)).count();
        assert!((249..=251).contains(&held), "{held}");
    }

    #[test]
    fn what_is_no_share_becomes_one() {
        assert_eq!(Share::from_f64(f64::NAN), Share::NONE);
        assert_eq!((Share::from_f64(-1.0), Share::from_f64(7.0)), (Share::NONE, Share::ALL));
    }
}
