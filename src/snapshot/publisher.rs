//! The one writer of snapshots: a thread that takes configuration generations and changes of health, builds what they
//! change, swaps, and frees old snapshots when the last worker has let go of them. It reads the clock only to collect
//! changes and to say how long building took.

use super::built::Built;
use super::counters::{Counters, Total};
use super::generation::{Before, Generation, TargetStates};
use super::{AliasAnswers, Inputs, Snapshot};
use crate::base::{PolicyId, PoolId};
use crate::health::{Change, TargetKey, TargetState};
use crate::zone::{AliasTarget, Zone};
use arc_swap::ArcSwap;
use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// After a publication, further changes of health are collected this long.
const COLLECTING: Duration = Duration::from_millis(10);
/// How often old snapshots are looked at, while there are any.
const RETIRED_CHECK: Duration = Duration::from_millis(20);

/// Where workers find the current snapshot.
pub struct SnapshotStore {
    current: ArcSwap<Snapshot>,
}

impl SnapshotStore {
    /// The current snapshot. Holding it delays nothing, but it should be dropped before waiting for packets.
    #[must_use]
    pub fn load(&self) -> arc_swap::Guard<Arc<Snapshot>> {
        self.current.load()
    }
}

/// What is published now, with what it was built from: for status and explanations.
#[derive(Clone, Debug)]
pub struct Current {
    /// The published snapshot.
    pub snapshot: Arc<Snapshot>,
    /// The configuration generation.
    pub inputs: Arc<Inputs>,
    /// The pool and policy behind each entry of [`Snapshot::pool_answers`].
    pub pairs: Arc<[(PoolId, PolicyId)]>,
}

/// What the publisher counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PublisherMetrics {
    /// The generation number of the current snapshot.
    pub generation: u64,
    /// Configuration generations that went live, the first included.
    pub configurations: u64,
    /// Snapshots published.
    pub publications: u64,
    /// How long the last snapshot took, from its cause being taken up to its being live; of a configuration without the
    /// rankings, which are built beside.
    pub last_build: Duration,
    /// Old snapshots that somebody still holds.
    pub retired: usize,
}

/// What the thread and everybody else share. Workers never touch it.
struct Shared {
    store: Arc<SnapshotStore>,
    current: Mutex<Arc<Current>>,
    targets: Mutex<TargetStates>,
    counters: Mutex<Counters>,
    metrics: Mutex<PublisherMetrics>,
    /// Held while a configuration generation is on its way, so that they go live one after the other.
    replacing: Mutex<()>,
}

/// A panic while a lock is held leaves nothing half-done that the next holder could stumble over.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Message {
    Replace(Box<Generation>, SyncSender<()>),
    Zone(Arc<Zone>, SyncSender<()>),
    Aliases(Vec<(Arc<AliasTarget>, AliasAnswers)>),
    Changed(Vec<Change>),
    Flush(SyncSender<()>),
    Stop,
}

/// What may be asked of and told to the publisher, from anywhere.
#[derive(Clone)]
pub struct PublisherHandle {
    messages: Sender<Message>,
    shared: Arc<Shared>,
}

impl PublisherHandle {
    /// Where workers find the current snapshot.
    #[must_use]
    pub fn store(&self) -> Arc<SnapshotStore> {
        Arc::clone(&self.shared.store)
    }

    /// Publishes another configuration generation; returns when it is live. Targets keep their states by name; those
    /// that it does not have are forgotten. Rankings are built on the calling thread, so that changes of health go on.
    pub fn replace(&self, inputs: Inputs) {
        self.replace_after(inputs, || ());
    }

    /// As [`Self::replace`], and calls `before_live` when the generation is built and only to be swapped in. States of its
    /// targets that are told in there are in it from the start; those of targets that it does not have stay until then.
    pub fn replace_after(&self, inputs: Inputs, before_live: impl FnOnce()) {
        let _one_at_a_time = lock(&self.shared.replacing);
        let current = self.current();
        let before = Before { locator: &current.snapshot.locator, rankings: &current.snapshot.rankings };
        let generation = Box::new(Generation::prepare(inputs, Some(before)));
        before_live();
        let (live, is_live) = sync_channel(1);
        if self.messages.send(Message::Replace(generation, live)).is_ok() {
            // An error means that the publisher has ended, and there is nothing to wait for.
            let _ = is_live.recv();
        }
    }

    /// Publishes another version of a zone, found by its apex; returns when it is live. A zone that the generation does not
    /// have is ignored.
    pub fn set_zone(&self, zone: Arc<Zone>) {
        let (live, is_live) = sync_channel(1);
        if self.messages.send(Message::Zone(zone, live)).is_ok() {
            // An error means that the publisher has ended, and there is nothing to wait for.
            let _ = is_live.recv();
        }
    }

    /// Publishes what is known of targets of aliases, found by their names; others are ignored. Never blocks.
    pub fn set_aliases(&self, known: Vec<(Arc<AliasTarget>, AliasAnswers)>) {
        // Without a publisher there is nobody to tell.
        let _ = self.messages.send(Message::Aliases(known));
    }

    /// Takes changes of health: the first is published at once, further ones are collected for 10 ms. Never blocks.
    pub fn changed(&self, changes: Vec<Change>) {
        // Without a publisher there is nobody to tell.
        let _ = self.messages.send(Message::Changed(changes));
    }

    /// Returns when all changes that were told before are live: those that are being collected are published at once.
    pub fn flush(&self) {
        let (live, is_live) = sync_channel(1);
        if self.messages.send(Message::Flush(live)).is_ok() {
            // An error means that the publisher has ended, and there is nothing to wait for.
            let _ = is_live.recv();
        }
    }

    /// What is published now.
    #[must_use]
    pub fn current(&self) -> Arc<Current> {
        Arc::clone(&lock(&self.shared.current))
    }

    /// What is known of a target; `None` when nothing was ever reported of it.
    #[must_use]
    pub fn target_state(&self, target: &TargetKey) -> Option<TargetState> {
        lock(&self.shared.targets).get(target).cloned()
    }

    /// Answers given, by names of pool and region; none that are 0.
    #[must_use]
    pub fn totals(&self) -> Vec<Total> {
        lock(&self.shared.counters).totals()
    }

    /// What the publisher counts.
    #[must_use]
    pub fn metrics(&self) -> PublisherMetrics {
        *lock(&self.shared.metrics)
    }
}

/// The publisher's thread; ends when dropped.
pub struct Publisher {
    handle: PublisherHandle,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    /// Builds and publishes the first snapshot, with every monitored target unknown, and starts the thread.
    ///
    /// # Panics
    /// When the system can not start a thread.
    #[must_use]
    pub fn start(inputs: Inputs) -> Self {
        let begun = Instant::now();
        let generation = Generation::prepare(inputs, None);
        let targets = TargetStates::new();
        let built = Built::new(&generation, &targets, None);
        let snapshot = Arc::new(built.snapshot(&generation, 1));
        let mut counters = Counters::default();
        counters.begin(&generation);
        let metrics = PublisherMetrics {
            generation: 1,
            configurations: 1,
            publications: 1,
            last_build: begun.elapsed(),
            retired: 0,
        };
        let shared = Arc::new(Shared {
            store: Arc::new(SnapshotStore { current: ArcSwap::new(Arc::clone(&snapshot)) }),
            current: Mutex::new(Arc::new(current(snapshot, &generation))),
            targets: Mutex::new(targets),
            counters: Mutex::new(counters),
            metrics: Mutex::new(metrics),
            replacing: Mutex::new(()),
        });
        let (messages, inbox) = channel();
        let worker = Worker {
            shared: Arc::clone(&shared),
            generation,
            built,
            number: 1,
            dirty: BTreeSet::new(),
            quiet_until: None,
            retired: Vec::new(),
            shards_to_fold: false,
        };
        let thread = std::thread::Builder::new().name("publisher".to_owned()).spawn(move || worker.run(&inbox));
        let thread = Some(thread.expect("the system can start the publisher's thread"));
        Self { handle: PublisherHandle { messages, shared }, thread }
    }

    /// A handle to share.
    #[must_use]
    pub fn handle(&self) -> PublisherHandle {
        self.handle.clone()
    }

    /// Ends the thread. What is published stays.
    pub fn stop(self) {
        drop(self);
    }
}

impl std::ops::Deref for Publisher {
    type Target = PublisherHandle;

    fn deref(&self) -> &PublisherHandle {
        &self.handle
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.handle.messages.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn current(snapshot: Arc<Snapshot>, generation: &Generation) -> Current {
    Current { snapshot, inputs: Arc::clone(&generation.inputs), pairs: Arc::clone(&generation.pairs) }
}

/// What the thread owns.
struct Worker {
    shared: Arc<Shared>,
    generation: Generation,
    built: Built,
    /// Of the last snapshot.
    number: u64,
    /// Pools whose members may have changed since then.
    dirty: BTreeSet<PoolId>,
    /// While changes are collected.
    quiet_until: Option<Instant>,
    /// Old snapshots, until nobody else holds them: the last to let go frees, and that shall not be a query worker.
    retired: Vec<Arc<Snapshot>>,
    /// Shards of earlier generations are still written or to be folded.
    shards_to_fold: bool,
}

impl Worker {
    fn run(mut self, inbox: &Receiver<Message>) {
        loop {
            match self.next(inbox) {
                Ok(Message::Replace(generation, live)) => {
                    let before = self.replace(*generation);
                    // The caller may have given up waiting.
                    let _ = live.send(());
                    drop(before);
                }
                Ok(Message::Zone(zone, live)) => {
                    self.set_zone(zone);
                    // The caller may have given up waiting.
                    let _ = live.send(());
                }
                Ok(Message::Aliases(known)) => self.set_aliases(known),
                Ok(Message::Changed(changes)) => self.note(changes),
                Ok(Message::Flush(live)) => {
                    self.publish_changes();
                    // The caller may have given up waiting.
                    let _ = live.send(());
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if !self.dirty.is_empty() && self.quiet_until.is_none_or(|until| until <= Instant::now()) {
                self.publish_changes();
            }
            self.free();
        }
    }

    /// The next message, or a time-out when there is something to do without one.
    fn next(&self, inbox: &Receiver<Message>) -> Result<Message, RecvTimeoutError> {
        let collecting = self.quiet_until.filter(|_| !self.dirty.is_empty());
        let collecting = collecting.map(|until| until.saturating_duration_since(Instant::now()));
        let freeing = (!self.retired.is_empty() || self.shards_to_fold).then_some(RETIRED_CHECK);
        match [collecting, freeing].into_iter().flatten().min() {
            Some(wait) => inbox.recv_timeout(wait),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// Takes in changes of health. States of targets that this generation does not have are kept for the next one, whose
    /// probes may be quicker than its publication.
    fn note(&mut self, changes: Vec<Change>) {
        let mut targets = lock(&self.shared.targets);
        for Change { key, state } in changes {
            let known = targets.get(&key).map(|known| (known.status, known.wavering));
            if known != Some((state.status, state.wavering)) {
                self.dirty.extend(self.generation.pools_of_target(&key));
            }
            targets.insert(key, state);
        }
    }

    /// Rebuilds the answers of dirty pools, where they change, and publishes.
    fn publish_changes(&mut self) {
        let begun = Instant::now();
        let mut replaced = Vec::new();
        let targets = lock(&self.shared.targets);
        for pool in std::mem::take(&mut self.dirty) {
            let leads = self.generation.leads_of_pool(pool);
            if leads.is_empty() {
                continue;
            }
            let states = self.generation.member_states(pool, &targets);
            let known = &mut self.built.states[pool.index()];
            if *known != states {
                *known = states;
                for &lead in leads {
                    let answers = self.generation.build_answers(lead as usize, known);
                    let sharers = self.generation.sharers_of(lead as usize);
                    replaced.extend(sharers.iter().map(|&number| (number as usize, Arc::clone(&answers))));
                }
            }
        }
        drop(targets);
        if replaced.is_empty() {
            return;
        }
        self.built.services = self.generation.services.rebuild(&self.built.services, &replaced);
        self.built.answers = self.built.answers.with(replaced);
        self.publish(begun);
        self.quiet_until = Some(Instant::now() + COLLECTING);
    }

    /// Makes a configuration generation live; gives what is left of the one before.
    fn replace(&mut self, mut generation: Generation) -> (Generation, Built) {
        let begun = Instant::now();
        let mut targets = lock(&self.shared.targets);
        generation.remember(&self.generation, &targets);
        targets.retain(|target, _| generation.has_target(target));
        let built = Built::new(&generation, &targets, Some((&self.generation, &self.built)));
        drop(targets);
        self.dirty.clear();
        lock(&self.shared.counters).begin(&generation);
        let before = (std::mem::replace(&mut self.generation, generation), std::mem::replace(&mut self.built, built));
        self.shards_to_fold = true;
        lock(&self.shared.metrics).configurations += 1;
        self.publish(begun);
        before
    }

    /// Makes live what is known of targets of aliases, where it is something new.
    fn set_aliases(&mut self, known: Vec<(Arc<AliasTarget>, AliasAnswers)>) {
        let begun = Instant::now();
        let numbered = known.into_iter().filter_map(|(target, answers)| {
            let number = self.generation.targets.number(&target)?;
            (**self.built.aliases.get(number) != answers).then(|| (number, Arc::new(answers)))
        });
        let replaced: Vec<_> = numbered.collect();
        if !replaced.is_empty() {
            self.built.aliases = self.built.aliases.with(replaced);
            self.publish(begun);
        }
    }

    /// Makes another version of a zone live.
    fn set_zone(&mut self, zone: Arc<Zone>) {
        let begun = Instant::now();
        let apex = zone.apex().clone();
        if let Some(zones) = self.built.zones.with(zone) {
            self.built.zones = Arc::new(zones);
            if let Some(number) = self.built.zones.number_of(&apex) {
                let Built { zones, services, answers, .. } = &mut self.built;
                *services = self.generation.take_services_of(number, zones, services, answers);
            }
            self.publish(begun);
        }
    }

    /// Swaps in a snapshot of what is built.
    fn publish(&mut self, begun: Instant) {
        self.number += 1;
        let snapshot = Arc::new(self.built.snapshot(&self.generation, self.number));
        let old = self.shared.store.current.swap(Arc::clone(&snapshot));
        *lock(&self.shared.current) = Arc::new(current(snapshot, &self.generation));
        self.retired.push(old);
        let mut metrics = lock(&self.shared.metrics);
        metrics.generation = self.number;
        metrics.publications += 1;
        metrics.last_build = begun.elapsed();
        metrics.retired = self.retired.len();
    }

    /// Frees old snapshots that nobody else holds. Nobody can take hold of one again: readers take the current one.
    fn free(&mut self) {
        if !self.retired.is_empty() {
            self.retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
            lock(&self.shared.metrics).retired = self.retired.len();
        }
        if self.shards_to_fold {
            self.shards_to_fold = lock(&self.shared.counters).fold();
        }
    }
}

#[cfg(test)]
mod tests;
