//! All that a query may read, as one immutable value with a generation number; its store, and the one publisher that
//! writes it. Knows no configuration files and no transports.

pub mod aliases;
mod built;
mod clock;
pub mod core;
pub mod counters;
mod facts;
mod generation;
mod known;
mod past;
mod probed;
pub mod publisher;
mod queue;
mod said;
mod services;
pub mod settings;
mod shard;
mod twins;

pub use aliases::{Alias, AliasAnswers, AliasFamily};
pub use core::{Core, Work};
pub use counters::Total;
pub use facts::target_name;
pub use generation::Inputs;
pub use known::StateOf;
pub use past::{CourseChange, Hooks, IsReleased, PairCourse, PairMemory, Past};
pub use publisher::{Current, Publisher, PublisherHandle, PublisherMetrics, SnapshotStore};
pub use services::{ServiceAnswers, ZoneServices, service_of};
pub use settings::Settings;
pub use shard::WorkerShard;

use crate::geo::Locator;
use crate::steering::spec::TtlRange;
use crate::steering::{PoolAnswers, Ranking};
use crate::zone::ZoneSet;
use std::sync::Arc;

/// All that a query may read.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Grows by one with each publication.
    pub generation: u64,
    /// Limits and switches of the engine.
    pub settings: Arc<Settings>,
    /// Authoritative data.
    pub zones: Arc<ZoneSet>,
    /// Where addresses are.
    pub locator: Arc<Locator>,
    /// For each zone by number, for each slot: what the balanced name is answered with.
    pub balances: Arc<[Box<[Balance]>]>,
    /// What names fall back to; see [`Balance::fallback`].
    pub fallbacks: Arc<[Balance]>,
    /// Orders of regions, each shared by the names whose key is equal.
    pub rankings: Arc<[Arc<Ranking>]>,
    /// Pools under policies, in the current state of their members.
    pub pool_answers: Pages<PoolAnswers>,
    /// For each zone by number: which of [`Self::service_answers`] its balanced names have; see [`service_of`].
    pub services: Arc<[ZoneServices]>,
    /// HTTPS and SVCB RRsets with hints of the members that are answered.
    pub service_answers: Pages<ServiceAnswers>,
    /// For each zone by number: its aliases, whose slots stand behind those of [`Self::balances`].
    pub aliases: Arc<[Box<[Alias]>]>,
    /// What is known of the targets of aliases.
    pub alias_answers: Pages<AliasAnswers>,
    /// What workers count and remember: one shard a worker.
    pub shards: Arc<[WorkerShard]>,
}

/// What a balanced name is answered with: indexes into the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Index into [`Snapshot::pool_answers`].
    pub pool_answers: u32,
    /// Index into [`Snapshot::rankings`].
    pub ranking: u32,
    /// Seconds.
    pub ttl: TtlRange,
    /// Where its policy falls back to another: index into [`Snapshot::fallbacks`] of the same pool under that one.
    pub fallback: Option<u32>,
}

impl Snapshot {
    /// What a balanced name is answered with when `balance` says [`crate::steering::Verdict::Elsewhere`].
    #[must_use]
    pub fn fallback_of(&self, balance: &Balance) -> Option<Balance> {
        self.fallbacks.get(balance.fallback? as usize).copied()
    }
}

/// A list whose pages are shared between versions, so that replacing one entry copies one page.
#[derive(Debug)]
pub struct Pages<T>(Arc<[Arc<[Arc<T>]>]>);

impl<T> Clone for Pages<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Entries in a page of [`Pages`].
const PAGE_LEN: usize = 64;

impl<T> Pages<T> {
    /// The list of `entries`.
    #[must_use]
    pub fn new(entries: &[Arc<T>]) -> Self {
        Self(entries.chunks(PAGE_LEN).map(Arc::from).collect())
    }

    /// Entry `index`, which must be in the list.
    #[must_use]
    pub fn get(&self, index: usize) -> &Arc<T> {
        &self.0[index / PAGE_LEN][index % PAGE_LEN]
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.iter().flat_map(|page| page.iter())
    }

    /// The list with some entries replaced; untouched pages are shared.
    #[must_use]
    pub fn with(&self, replaced: impl IntoIterator<Item = (usize, Arc<T>)>) -> Self {
        let mut pages: Vec<Arc<[Arc<T>]>> = self.0.to_vec();
        for (index, entry) in replaced {
            let page = &mut pages[index / PAGE_LEN];
            if Arc::get_mut(page).is_none() {
                *page = page.iter().cloned().collect();
            }
            if let Some(page) = Arc::get_mut(page) {
                page[index % PAGE_LEN] = entry;
            }
        }
        Self(pages.into())
    }
}
