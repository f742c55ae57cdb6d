//! Place to cohort: which order of regions each client gets, computed at load.

use super::spec::{Policy, Region};
use crate::base::RegionId;
use crate::geo::Locator;

/// What a ranking depends on besides the prefix table: names whose key is equal share the ranking.
#[derive(Clone, Debug, PartialEq)]
pub struct RankingKey {}

impl RankingKey {
    /// The key of `policy` over the regions a pool has members in.
    #[must_use]
    pub fn new(policy: &Policy, pool_regions: &[RegionId], regions: &[Region]) -> Self {
        let _ = (policy, pool_regions, regions);
        unimplemented!()
    }
}

/// The order of regions for every place, and the ECS scope of every leaf.
#[derive(Debug)]
pub struct Ranking {}

impl Ranking {
    /// Ranks every place of the table.
    #[must_use]
    pub fn build(key: &RankingKey, locator: &Locator) -> Self {
        let _ = (key, locator);
        unimplemented!()
    }
}
