//! The one writer of snapshots.

use super::{Settings, Snapshot};
use crate::geo::Locator;
use crate::health::{Change, TargetKey};
use crate::steering::spec::{BalanceSpec, Policy, Pool, Region};
use crate::zone::ZoneSet;
use std::sync::Arc;

/// One configuration generation, loaded and checked: what snapshots are built from.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Limits and switches of the engine.
    pub settings: Settings,
    /// Authoritative data.
    pub zones: Arc<ZoneSet>,
    /// Where addresses are.
    pub locator: Arc<Locator>,
    /// By id.
    pub regions: Vec<Region>,
    /// By id.
    pub pools: Vec<Pool>,
    /// By id.
    pub policies: Vec<Policy>,
    /// For each zone by number, for each slot.
    pub balances: Vec<Vec<BalanceSpec>>,
    /// For each pool, for each member: the targets that must all be up; none: always up.
    pub member_targets: Vec<Vec<Vec<TargetKey>>>,
    /// How many worker shards to allocate.
    pub workers: usize,
}

/// Where workers find the current snapshot.
pub struct SnapshotStore {}

impl SnapshotStore {
    /// The current snapshot. Holding it delays nothing, but it should be dropped before waiting for packets.
    #[must_use]
    pub fn load(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        unimplemented!()
    }
}

/// The publisher's thread.
pub struct Publisher {}

impl Publisher {
    /// Builds and publishes the first snapshot, with every monitored target unknown, and starts the thread.
    #[must_use]
    pub fn start(inputs: Inputs) -> Self {
        let _ = inputs;
        unimplemented!()
    }

    /// Where workers find the current snapshot.
    #[must_use]
    pub fn store(&self) -> Arc<SnapshotStore> {
        unimplemented!()
    }

    /// Publishes another configuration generation; returns when it is live. Targets keep their states by name.
    pub fn replace(&self, inputs: Inputs) {
        let _ = inputs;
        unimplemented!()
    }

    /// Takes changes of health: the first is published at once, further ones are collected for 10 ms. Never blocks.
    pub fn changed(&self, changes: Vec<Change>) {
        let _ = changes;
        unimplemented!()
    }

    /// Ends the thread.
    pub fn stop(self) {
        unimplemented!()
    }
}
