//! Load reports from regions, one kind a file: what their own balancers and servers say of them, beside what probes see.
//!
//! [`plan`] says who is asked for what, `scheduler` asks when it is time, `ask` reads answers by kind, and [`ledger`] keeps what
//! was said, how old it is and what it comes to. Words that hold survive a restart (`held`). Knows no answers, no snapshot and no
//! probes; what health checks have captured is had through a hook.

pub mod agent_check;
pub mod ask;
pub mod haproxy_stats;
mod header;
mod held;
pub mod json;
pub mod ledger;
mod log;
pub mod metrics;
pub mod page;
pub mod plan;
pub mod prometheus;
pub mod reading;
mod scheduler;
pub mod spec;

#[cfg(test)]
mod tests;

pub use metrics::{FeedMetrics, Metrics};
pub use plan::{Address, FeedPlan, Who};
pub use spec::Feed;

use crate::base::UnixTime;
use crate::health::{Captured, Load, Report, Subject, TargetKey, Word};
use dashmap::DashMap;
use held::HeldWords;
use ledger::Entry;
use scheduler::{Command, Scheduler};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Called with what all feeds of a subject say together, whenever that changes, from the feeder's thread; must not block.
pub type OnReport = Box<dyn Fn(Vec<(Subject, Report)>) + Send>;

/// Tells the header that the last check of a target handed on, if any did.
pub type CapturedOf = Box<dyn Fn(&TargetKey) -> Option<Captured> + Send>;

/// What the feeder cannot know by itself.
pub struct Hooks {
    /// The time now.
    pub now: Arc<dyn Fn() -> UnixTime + Send + Sync>,
    /// The header that the last good health check of a target has captured, and when that was.
    pub captured: CapturedOf,
}

/// What each feed has said of each subject, by both.
pub type States = DashMap<(Arc<str>, Subject), FeedState>;

/// What one feed has said of one region or member.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedState {
    /// Its word as it counts now.
    pub word: Option<Word>,
    /// Of the configured weight, in percent; `None` when stale.
    pub weight_percent: Option<u16>,
    /// Nothing when stale.
    pub load: Load,
    /// When it last said something that was understood.
    pub last_report: Option<UnixTime>,
    /// Why the last reading failed; after a good one what was odd in it. Empty when there is nothing to say.
    pub last_error: Arc<str>,
    /// The last reading failed.
    pub is_failing: bool,
    /// What it said is too old to count, all but words that hold.
    pub is_stale: bool,
}

impl FeedState {
    fn of(entry: &Entry) -> Self {
        Self {
            word: entry.word(),
            weight_percent: entry.weight_percent,
            load: entry.load,
            last_report: entry.last_report,
            last_error: Arc::clone(&entry.last_error),
            is_failing: entry.is_failing,
            is_stale: entry.is_stale,
        }
    }

    /// How old what it says is; `None` when it has said nothing.
    #[must_use]
    pub fn age(&self, now: UnixTime) -> Option<Duration> {
        self.last_report.map(|then| now.since(then))
    }
}

/// Look-ups at a time: the system's resolver blocks a thread for each.
const RESOLVE_THREADS_MAX: usize = 8;

/// The running feeder: one thread with a current-thread runtime. Dropping it stops all readings.
pub struct Feeder {
    handle: FeederHandle,
    thread: Option<JoinHandle<()>>,
}

/// What may be asked of the feeder, from anywhere.
#[derive(Clone)]
pub struct FeederHandle {
    commands: UnboundedSender<Command>,
    states: Arc<States>,
    metrics: Arc<Metrics>,
    now: Arc<dyn Fn() -> UnixTime + Send + Sync>,
}

impl Feeder {
    /// Starts reading. Words that held when the server stopped, kept in `state_dir`, have been told of when it returns. Fails
    /// when the system grants no thread or no event queue.
    pub fn start(plan: FeedPlan, hooks: Hooks, state_dir: &Path, on_report: OnReport) -> std::io::Result<Self> {
        let (states, metrics) = (Arc::new(States::default()), Arc::new(Metrics::default()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(RESOLVE_THREADS_MAX)
            .thread_name("azimuth-lookup")
            .build()?;
        let (commands, received) = unbounded_channel();
        let (held, now) = (HeldWords::new(state_dir), Arc::clone(&hooks.now));
        let mut scheduler = Scheduler::new(hooks, held, on_report, Arc::clone(&states), Arc::clone(&metrics));
        scheduler.begin(plan);
        let thread = std::thread::Builder::new().name("azimuth-feed".to_owned()).spawn(move || {
            runtime.block_on(scheduler.run(received));
            // A look-up that hangs in the system's resolver must not delay the end.
            runtime.shutdown_background();
        })?;
        Ok(Self { handle: FeederHandle { commands, states, metrics, now }, thread: Some(thread) })
    }

    /// For whoever shows states or clears words.
    #[must_use]
    pub const fn handle(&self) -> &FeederHandle {
        &self.handle
    }

    /// What goes on with another plan, on whatever thread: what is known of those that stay is kept. It returns when the plan
    /// is taken and all that is known has been told again.
    pub fn replacer(&self) -> impl FnOnce(FeedPlan) + Send + use<> {
        let commands = self.handle.commands.clone();
        move |plan| {
            let (taken, is_taken) = sync_channel(1);
            // The thread is gone only if it panicked, which `end` reports, or the server stops.
            let _ = commands.send(Command::Replace(plan, taken));
            // An error means the same: there is nothing to wait for.
            let _ = is_taken.recv();
        }
    }

    /// Goes on with another plan, see [`Self::replacer`].
    pub fn replace(&self, plan: FeedPlan) {
        self.replacer()(plan);
    }

    /// What each feed has said of each subject, to read at any time.
    #[must_use]
    pub fn states(&self) -> Arc<States> {
        self.handle.states()
    }

    /// See [`FeederHandle::forget`].
    pub fn forget(&self, subject: Subject) -> bool {
        self.handle.forget(subject)
    }

    /// Stops all readings and joins the thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // The thread is gone only if it panicked.
        let _ = self.handle.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of feeds had panicked; load and words were no longer read");
        }
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.end();
    }
}

impl FeederHandle {
    /// What each feed has said of each subject, to read at any time.
    #[must_use]
    pub fn states(&self) -> Arc<States> {
        Arc::clone(&self.states)
    }

    /// The time by which reports are stamped.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        (self.now)()
    }

    /// What is counted, to read at any time.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Clears the words that the feeds of a subject have said, as an operator may, until they say them again. False: there were
    /// none.
    pub fn forget(&self, subject: Subject) -> bool {
        let (done, is_done) = sync_channel(1);
        let _ = self.commands.send(Command::Forget(subject, done));
        // An error means that the feeder has ended.
        is_done.recv().unwrap_or(false)
    }
}
