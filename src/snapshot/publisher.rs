//! The one writer of snapshots: a thread that takes configuration generations and changes of health, builds what they
//! change, swaps, and has old snapshots freed when the last worker has let go of them. It reads the clock only to collect
//! changes and to say how long building took.

use super::clock::Clock;
use super::core::{self, Core};
use super::counters::{Counters, Total};
use super::generation::Generation;
use super::known::{Known, StateOf};
use super::past::{Hooks, IsReleased, PairCourse, Past};
use super::{AliasAnswers, Inputs, Snapshot};
use crate::base::{PolicyId, PoolId, UnixTime};
use crate::health::{Change, Report, Subject, TargetKey, TargetState};
use crate::steering::control::operator::OperatorTable;
use crate::zone::{AliasTarget, Zone};
use arc_swap::ArcSwap;
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
    known: Arc<Mutex<Known>>,
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
    Reported(Vec<(Subject, Report)>),
    Operate(Arc<OperatorTable>, SyncSender<()>),
    LookUp(StateOf),
    Courses(SyncSender<Vec<PairCourse>>),
    Release(IsReleased),
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
        self.replace_if(inputs, || {
            before_live();
            true
        });
    }

    /// As [`Self::replace_after`], but what is called may say no: then nothing is swapped in. What it said.
    pub fn replace_if(&self, inputs: Inputs, may_go_live: impl FnOnce() -> bool) -> bool {
        let _one_at_a_time = lock(&self.shared.replacing);
        let current = self.current();
        let generation = Box::new(Core::prepare(inputs, &current.snapshot));
        if !may_go_live() {
            return false;
        }
        let (live, is_live) = sync_channel(1);
        if self.messages.send(Message::Replace(generation, live)).is_ok() {
            // An error means that the publisher has ended, and there is nothing to wait for.
            let _ = is_live.recv();
        }
        true
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

    /// Takes what regions and members report, as [`Self::changed`] takes changes of health. Never blocks.
    pub fn reported(&self, reports: Vec<(Subject, Report)>) {
        // Without a publisher there is nobody to tell.
        let _ = self.messages.send(Message::Reported(reports));
    }

    /// Puts all words of operators in force that shall be from now on; returns when that is live.
    pub fn operate(&self, table: Arc<OperatorTable>) {
        let (live, is_live) = sync_channel(1);
        if self.messages.send(Message::Operate(table, live)).is_ok() {
            // An error means that the publisher has ended, and there is nothing to wait for.
            let _ = is_live.recv();
        }
    }

    /// Releases the regions that wait for failback, in pools, whose names (pool, region) are told to be. Never blocks.
    pub fn release(&self, is_released: IsReleased) {
        // Without a publisher there is nobody to tell.
        let _ = self.messages.send(Message::Release(is_released));
    }

    /// Where latencies and last errors of targets are looked up from now on: changes of health do not tell of each probe.
    pub fn look_up_targets(&self, state_of: StateOf) {
        // Without a publisher there is nobody to tell.
        let _ = self.messages.send(Message::LookUp(state_of));
    }

    /// What is going on in each pool under each policy; nothing when the publisher has ended. Waits for its thread, so that
    /// it must not be called from the thread of `on_memory`.
    #[must_use]
    pub fn courses(&self) -> Vec<PairCourse> {
        let (asker, answer) = sync_channel(1);
        let sent = self.messages.send(Message::Courses(asker));
        sent.ok().and_then(|()| answer.recv().ok()).unwrap_or_default()
    }

    /// The words of operators that are in force.
    #[must_use]
    pub fn operator(&self) -> Arc<OperatorTable> {
        Arc::clone(&core::lock(&self.shared.known).operator)
    }

    /// What is reported of a subject.
    #[must_use]
    pub fn report(&self, subject: &Subject) -> Option<Report> {
        core::lock(&self.shared.known).reports.get(subject).copied()
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
        core::lock(&self.shared.known).state(target)
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
        Self::start_after(inputs, &Past::default(), Hooks::default())
    }

    /// As [`Self::start`], going on with what the run before has left. `on_memory` is called from the publisher's thread with
    /// all that the next run must not forget, whenever that changes.
    ///
    /// # Panics
    /// When the system can not start a thread.
    #[must_use]
    pub fn start_after(inputs: Inputs, past: &Past, hooks: Hooks) -> Self {
        let begun = Instant::now();
        let clock = Clock::anchored();
        let mut core = Core::new(inputs, past, clock.now());
        let snapshot = core.snapshot();
        let mut counters = Counters::default();
        counters.begin(&core.generation);
        let metrics = PublisherMetrics {
            generation: 1,
            configurations: 1,
            publications: 1,
            last_build: begun.elapsed(),
            retired: 0,
        };
        let shared = Arc::new(Shared {
            store: Arc::new(SnapshotStore { current: ArcSwap::new(Arc::clone(&snapshot)) }),
            current: Mutex::new(Arc::new(current(snapshot, &core.generation))),
            known: Arc::clone(&core.known),
            counters: Mutex::new(counters),
            metrics: Mutex::new(metrics),
            replacing: Mutex::new(()),
        });
        let (messages, inbox) = channel();
        let worker = Worker {
            shared: Arc::clone(&shared),
            hooks,
            core,
            clock,
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
    core: Core,
    clock: Clock,
    hooks: Hooks,
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
                    (self.hooks.on_left_over)(Box::new(before));
                }
                Ok(Message::Zone(zone, live)) => {
                    _ = self.publish_if(|core, _| core.set_zone(zone));
                    // The caller may have given up waiting.
                    let _ = live.send(());
                }
                Ok(Message::Aliases(known)) => _ = self.publish_if(|core, _| core.set_aliases(known)),
                Ok(Message::Changed(changes)) => self.core.changed(changes),
                Ok(Message::Reported(reports)) => self.core.reported(reports),
                Ok(Message::Operate(table, live)) => {
                    self.core.operate(table, self.clock.now());
                    self.publish_all();
                    // The caller may have given up waiting.
                    let _ = live.send(());
                }
                Ok(Message::LookUp(state_of)) => self.core.look_up_targets(state_of),
                Ok(Message::Courses(asker)) => {
                    // The caller may have given up waiting.
                    let _ = asker.send(self.core.courses());
                }
                Ok(Message::Release(is_released)) => self.core.release(&is_released),
                Ok(Message::Flush(live)) => {
                    self.publish_all();
                    // The caller may have given up waiting.
                    let _ = live.send(());
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
            let is_due = self.core.is_dirty() || self.core.due().is_some_and(|due| due <= self.clock.now());
            if is_due && self.quiet_until.is_none_or(|until| until <= Instant::now()) {
                self.publish_changes();
            }
            self.free();
        }
    }

    /// The next message, or a time-out when there is something to do without one.
    fn next(&self, inbox: &Receiver<Message>) -> Result<Message, RecvTimeoutError> {
        // What the last publication had no room for waits only for what was told meanwhile.
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        let collecting = self.core.is_dirty().then(|| self.quiet_until.map_or(Duration::ZERO, left));
        let due = self.core.due().map(|due| due.since(self.clock.now()).max(COLLECTING));
        let freeing = (!self.retired.is_empty() || self.shards_to_fold).then_some(RETIRED_CHECK);
        match [collecting, due, freeing].into_iter().flatten().min() {
            Some(wait) => inbox.recv_timeout(wait),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// Rebuilds answers that what was told changes, and publishes them: all, unless these are very many.
    fn publish_changes(&mut self) {
        let is_told = self.core.is_dirty();
        // What moves by itself all the time must not make a change of health wait.
        if self.publish_if(Core::step_briefly) && is_told {
            self.quiet_until = Some(Instant::now() + COLLECTING);
        }
        if self.core.is_dirty() {
            self.quiet_until = None;
        }
        self.remember();
    }

    /// The same for all answers, however many.
    fn publish_all(&mut self) {
        self.publish_changes();
        while self.core.is_dirty() {
            self.publish_changes();
        }
    }

    /// Tells what the next run must not forget, where that is something new.
    fn remember(&mut self) {
        let courses = self.core.take_course_changes();
        if !courses.is_empty() {
            (self.hooks.on_course)(&courses);
        }
        if let Some(memories) = self.core.take_memories() {
            (self.hooks.on_memory)(&memories);
        }
    }

    /// Does something to what is built, and publishes it if that says so.
    fn publish_if(&mut self, change: impl FnOnce(&mut Core, UnixTime) -> bool) -> bool {
        let begun = Instant::now();
        let is_new = change(&mut self.core, self.clock.now());
        if is_new {
            self.publish(begun);
        }
        is_new
    }

    /// Makes a configuration generation live; gives what is left of the one before.
    fn replace(&mut self, generation: Generation) -> impl Send + use<> {
        let begun = Instant::now();
        let before = self.core.go_on_with(generation, self.clock.now());
        lock(&self.shared.counters).begin(&self.core.generation);
        self.shards_to_fold = true;
        lock(&self.shared.metrics).configurations += 1;
        self.publish(begun);
        before
    }

    /// Swaps in a snapshot of what is built.
    fn publish(&mut self, begun: Instant) {
        let snapshot = self.core.snapshot();
        let number = snapshot.generation;
        let old = self.shared.store.current.swap(Arc::clone(&snapshot));
        *lock(&self.shared.current) = Arc::new(current(snapshot, &self.core.generation));
        self.retired.push(old);
        let mut metrics = lock(&self.shared.metrics);
        metrics.generation = number;
        metrics.publications += 1;
        metrics.last_build = begun.elapsed();
        metrics.retired = self.retired.len();
    }

    /// Frees old snapshots that nobody else holds. Nobody can take hold of one again: readers take the current one.
    fn free(&mut self) {
        if !self.retired.is_empty() {
            for snapshot in self.retired.extract_if(.., |snapshot| Arc::strong_count(snapshot) == 1) {
                (self.hooks.on_left_over)(Box::new(snapshot));
            }
            lock(&self.shared.metrics).retired = self.retired.len();
        }
        if self.shards_to_fold {
            self.shards_to_fold = lock(&self.shared.counters).fold();
        }
    }
}

#[cfg(test)]
mod tests;
