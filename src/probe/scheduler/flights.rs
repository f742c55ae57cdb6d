//! Probes and look-ups under way: bounded, and none is lost, not even one that panics. Knows no plan.

use crate::base::UnixTime;
use crate::health::{AddressId, Observation, TargetKey};
use crate::probe::check::Check;
use crate::probe::clock::Clock;
use std::collections::HashMap;
use std::net::SocketAddr;
use tokio::task::{AbortHandle, Id, JoinSet};

/// Probes under way at a time where the system's limit of descriptors is not known.
const PROBES_MAX_DEFAULT: usize = 256;

/// Most probes under way at a time, however many descriptors there are.
const PROBES_MAX: usize = 16 * 1024;

/// What a task has ended with.
pub enum Landed {
    /// A probe has ended.
    Probe {
        /// The task.
        task: Id,
        /// Of which address.
        id: AddressId,
        /// When it began.
        started: UnixTime,
        /// What it saw.
        seen: Observation,
    },
    /// A look-up has ended.
    Lookup {
        /// The task.
        task: Id,
        /// For which target.
        key: TargetKey,
        /// The addresses, or why there are none.
        found: Result<Vec<SocketAddr>, String>,
    },
    /// A task was no longer wanted.
    Aborted,
}

/// All tasks under way. Dropping it aborts them.
pub struct Flights {
    tasks: JoinSet<Landed>,
    probes: HashMap<Id, (AddressId, UnixTime)>,
    probes_max: usize,
}

impl Flights {
    /// Nothing under way. Half of this process's descriptors are for probes; the rest is for those who ask.
    pub fn new() -> Self {
        Self::with_limit(descriptors_max().map_or(PROBES_MAX_DEFAULT, |max| (max / 2).clamp(1, PROBES_MAX)))
    }

    /// Nothing under way, and never more probes than this.
    pub fn with_limit(probes_max: usize) -> Self {
        Self { tasks: JoinSet::new(), probes: HashMap::new(), probes_max }
    }

    /// Starts a probe.
    pub fn start_probe(&mut self, id: AddressId, clock: Clock, check: Check) -> AbortHandle {
        let flight = self.tasks.spawn(async move {
            // Not when the task was made: on a busy machine it may have waited since.
            let started = clock.now();
            let seen = check.run().await;
            Landed::Probe { task: tokio::task::id(), id, started, seen }
        });
        self.probes.insert(flight.id(), (id, clock.now()));
        flight
    }

    /// Starts a look-up.
    pub fn start_lookup(&mut self, key: TargetKey, host: String, port: u16) -> AbortHandle {
        self.tasks.spawn(async move {
            let found = crate::probe::resolve::resolve(&host, port).await;
            Landed::Lookup { task: tokio::task::id(), key, found }
        })
    }

    /// Waits for the next task to end; `None` when there is none. Nothing is lost if it is no longer waited for.
    pub async fn next(&mut self) -> Option<Landed> {
        Some(match self.tasks.join_next_with_id().await? {
            Ok((task, landed)) => {
                self.probes.remove(&task);
                landed
            }
            Err(error) => match self.probes.remove(&error.id()) {
                Some((id, started)) if error.is_panic() => {
                    let reason = "the probe panicked; please report this".into();
                    Landed::Probe { task: error.id(), id, started, seen: Observation::LocalError { reason } }
                }
                _ => Landed::Aborted,
            },
        })
    }

    /// Whether nothing is under way.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Whether another probe would be one too many.
    pub fn is_full(&self) -> bool {
        self.probes.len() >= self.probes_max
    }

    /// Probes under way.
    pub fn probes(&self) -> usize {
        self.probes.len()
    }
}

/// The soft limit of open files of this process, where the system tells it in a file.
fn descriptors_max() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
