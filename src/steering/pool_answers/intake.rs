//! How far each region within reach takes clients: which of its own it hands on, which of others it does not take, and its
//! weight among equals. All by fixed hashes of pool, region and client, so that every node and version decides alike.

use super::spread::hash::{Candidate, client_key, coordinates, of_words};
use crate::base::Family;
use crate::steering::condition::{PoolCondition, RegionState, Share};
use crate::steering::reach::{GroupId, Reach};
use crate::steering::spec::{Policy, Pool, Region};
use std::net::IpAddr;

/// Where clients are told apart to be handed on: so many bits of their addresses, by family.
pub(in crate::steering) const SPLIT_BITS: [u8; 2] = [16, 32];

/// Whether a policy over a pool may hand on some clients and not others. Knows no health: it says what scopes are made for.
pub(super) fn splits_clients(pool: &Pool, policy: &Policy, reach: &Reach) -> bool {
    let splits = policy.shed.is_some()
        || policy.percentage_drain
        || pool.recovery.warm_up.is_some()
        || pool.recovery.probation.is_some_and(|share| share < 1.0);
    splits && reach.regions().len() > 1
}

/// One region's intake.
#[derive(Clone, Copy, Debug)]
struct Intake {
    state: RegionState,
    /// What tells the region apart in hashes.
    seed: u64,
}

/// The intakes of all regions within reach, by region number.
#[derive(Debug)]
pub(super) struct Intakes {
    by_region: Box<[Intake]>,
    /// Some region hands on clients, or does not take others'.
    pub(super) selects: bool,
}

impl Intakes {
    pub(super) fn new(
        pool: &Pool,
        policy: &Policy,
        regions: &[Region],
        reach: &Reach,
        condition: &PoolCondition,
    ) -> Self {
        let splits = splits_clients(pool, policy, reach);
        let intake = |id: &crate::base::RegionId| {
            let mut state = condition.regions.of(*id);
            if !splits {
                // Scopes say nothing of it, so nothing may depend on it.
                (state.shed, state.refuses) = (Share::NONE, Share::NONE);
            }
            let name = regions.get(id.index()).map_or("", |region| &*region.name);
            Intake { state, seed: of_words(&[&pool.name, name]) }
        };
        let by_region: Box<[Intake]> = reach.regions().iter().map(intake).collect();
        let selects = by_region.iter().any(|intake| !intake.state.takes_all() || intake.state.refuses != Share::NONE);
        Self { by_region, selects }
    }

    /// The state of the region that is group `group`; of a set of regions, that of one that takes everybody.
    pub(super) fn state(&self, group: GroupId) -> RegionState {
        self.by_region.get(usize::from(group)).map_or_else(RegionState::default, |intake| intake.state)
    }

    /// What a region hands on of its clients.
    pub(super) fn shed_of(&self, region: Option<GroupId>) -> Share {
        region.map_or(Share::NONE, |region| self.state(region).shed)
    }

    /// Whether a region hands this client on, and whether it would not take it from another.
    pub(super) fn turns_away(&self, group: GroupId, client: u64) -> (bool, bool) {
        let Some(intake) = self.by_region.get(usize::from(group)) else { return (false, false) };
        let (own, of_others) = coordinates(intake.seed, client);
        (intake.state.shed.holds(own) && !intake.state.takes_all(), intake.state.refuses.holds(of_others))
    }

    /// A region's part in a comparison of hashes among equals.
    pub(super) fn candidate(&self, group: GroupId) -> Candidate {
        let intake = self.by_region.get(usize::from(group));
        intake.map_or(Candidate::NONE, |intake| Candidate::new(intake.seed, intake.state.weight.max(1)))
    }
}

/// What a client is told apart by where regions hand clients on.
pub(in crate::steering) fn split_key(client: IpAddr, known_bits: u8) -> u64 {
    client_key(client, known_bits.min(SPLIT_BITS[Family::of(client).index()]))
}
