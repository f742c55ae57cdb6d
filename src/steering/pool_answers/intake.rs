//! How far each region within reach takes clients: which of its own it hands on, which of others it does not take, and its
//! weight among equals. All by fixed hashes of pool, region and client, so that every node and version decides alike.

use super::spread::hash::{Candidate, client_key, coordinates, of_words};
use crate::base::{Family, RegionId};
use crate::steering::condition::{PoolCondition, RegionState, Share};
use crate::steering::reach::{GroupId, Reach};
use crate::steering::spec::{Policy, Pool, Region};
use std::net::IpAddr;
use std::sync::Arc;

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

/// The intakes of all regions within reach.
#[derive(Debug)]
pub(super) struct Intakes {
    /// By region number: what tells it apart in hashes.
    seeds: Arc<[u64]>,
    /// By region number; none where all regions take everybody.
    states: Box<[RegionState]>,
    /// Some region hands on clients, or does not take others'.
    pub(super) selects: bool,
}

/// What tells the regions within reach apart in hashes, by number.
pub(super) fn seeds(pool: &Pool, regions: &[Region], reach: &Reach) -> Arc<[u64]> {
    let name = |id: &RegionId| regions.get(id.index()).map_or("", |region| &*region.name);
    reach.regions().iter().map(|id| of_words(&[&pool.name, name(id)])).collect()
}

impl Intakes {
    /// By these [`seeds()`].
    pub(super) fn new(
        seeds: Arc<[u64]>,
        pool: &Pool,
        policy: &Policy,
        reach: &Reach,
        condition: &PoolCondition,
    ) -> Self {
        if condition.regions.are_default() {
            return Self { seeds, states: Box::default(), selects: false };
        }
        let splits = splits_clients(pool, policy, reach);
        let state = |id: &RegionId| {
            let state = condition.regions.of(*id);
            // Where scopes say nothing of it, nothing may depend on it.
            if splits { state } else { RegionState { shed: Share::NONE, refuses: Share::NONE, ..state } }
        };
        let states: Box<[RegionState]> = reach.regions().iter().map(state).collect();
        let selects = states.iter().any(|state| !state.takes_all() || state.refuses != Share::NONE);
        Self { seeds, states, selects }
    }

    /// What tells regions apart.
    pub(super) const fn seeds(&self) -> &Arc<[u64]> {
        &self.seeds
    }

    /// The state of the region that is group `group`; of a set of regions, that of one that takes everybody.
    pub(super) fn state(&self, group: GroupId) -> RegionState {
        self.states.get(usize::from(group)).copied().unwrap_or_default()
    }

    /// What a region hands on of its clients.
    pub(super) fn shed_of(&self, region: Option<GroupId>) -> Share {
        region.map_or(Share::NONE, |region| self.state(region).shed)
    }

    /// Whether a region hands this client on, and whether it would not take it from another.
    pub(super) fn turns_away(&self, group: GroupId, client: u64) -> (bool, bool) {
        let Some(&seed) = self.seeds.get(usize::from(group)) else { return (false, false) };
        let (state, (own, of_others)) = (self.state(group), coordinates(seed, client));
        (state.shed.holds(own) && !state.takes_all(), state.refuses.holds(of_others))
    }

    /// A region's part in a comparison of hashes among equals.
    pub(super) fn candidate(&self, group: GroupId) -> Candidate {
        let seed = self.seeds.get(usize::from(group));
        seed.map_or(Candidate::NONE, |&seed| Candidate::new(seed, self.state(group).weight.max(1)))
    }
}

/// What a client is told apart by where regions hand clients on.
pub(in crate::steering) fn split_key(client: IpAddr, known_bits: u8) -> u64 {
    client_key(client, known_bits.min(SPLIT_BITS[Family::of(client).index()]))
}
