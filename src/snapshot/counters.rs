//! Answers counted, by name: shards of configuration generations that workers may still write, and the totals into which
//! shards are folded once no worker can.

use super::WorkerShard;
use super::generation::{Generation, Inputs};
use crate::base::{PolicyId, PoolId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

/// How many answers one pool has given from one region, since the start. Only ever grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// The pool's name.
    pub pool: Arc<str>,
    /// The region's name; `None` for answers without a region: fallback addresses, or none at all.
    pub region: Option<Arc<str>>,
    /// Answers.
    pub answers: u64,
}

type Labels = (Arc<str>, Option<Arc<str>>);

/// All counters of all generations.
#[derive(Default)]
pub(super) struct Counters {
    folded: BTreeMap<Labels, u64>,
    live: Vec<Live>,
}

/// The shards of one generation, and what is needed to name what they count.
struct Live {
    shards: Arc<[WorkerShard]>,
    inputs: Arc<Inputs>,
    pairs: Arc<[(PoolId, PolicyId)]>,
}

impl Live {
    fn add_to(&self, totals: &mut BTreeMap<Labels, u64>) {
        for (number, (pool, _)) in self.pairs.iter().enumerate() {
            let pool = &self.inputs.pools[pool.index()].name;
            for (region, answers) in self.shards.iter().flat_map(|shard| shard.answers(number)) {
                let region = region.map(|region| Arc::clone(&self.inputs.regions[region.index()].name));
                *totals.entry((Arc::clone(pool), region)).or_default() += answers;
            }
        }
    }
}

impl Counters {
    /// Takes in the shards of a new generation.
    pub(super) fn begin(&mut self, generation: &Generation) {
        self.live.push(Live {
            shards: Arc::clone(&generation.shards),
            inputs: Arc::clone(&generation.inputs),
            pairs: Arc::clone(&generation.pairs),
        });
    }

    /// Folds the shards that nobody else holds any more; to be called after old snapshots were dropped. Says whether any
    /// generation but the last is left.
    pub(super) fn fold(&mut self) -> bool {
        let folded = &mut self.folded;
        self.live.retain(|live| {
            let held = Arc::strong_count(&live.shards) > 1;
            if !held {
                // Pairs with the release of the last holder: all it counted is seen.
                fence(Ordering::Acquire);
                live.add_to(folded);
            }
            held
        });
        self.live.len() > 1
    }

    /// All totals that are not 0, in order of names.
    pub(super) fn totals(&self) -> Vec<Total> {
        let mut totals = self.folded.clone();
        for live in &self.live {
            live.add_to(&mut totals);
        }
        totals.into_iter().map(|((pool, region), answers)| Total { pool, region, answers }).collect()
    }
}
