//! Monitors that touch the network, one kind a file, and the scheduler that starts them. Observations go to
//! [`crate::health`] to be judged; what changes is sent on. Knows no answers and no snapshot.

pub mod check;
pub mod clock;
pub mod connect;
pub mod deadline;
pub mod dns;
pub mod exec;
pub mod file;
pub mod grpc;
pub mod http;
pub mod icmp;
pub mod metrics;
pub mod progress;
pub mod report;
pub mod resolve;
pub mod route;
pub mod scheduler;
pub mod search;
pub mod spec;
pub mod tcp;
pub mod tls;
pub mod udp;
pub mod workers;

#[cfg(test)]
mod tests;

pub use clock::Clock;
pub use metrics::{KindMetrics, Metrics};
pub use scheduler::Lane;

use crate::health::{Change, TargetKey, TargetState};
use dashmap::DashMap;
use report::Reporter;
use scheduler::{Command, FirstRound, Scheduler};
use spec::ProbePlan;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Called with changes of status or of wavering, in the order they happened, from the probe thread; must not block.
pub type OnChange = Box<dyn Fn(Vec<Change>) + Send>;

/// The running scheduler: one thread with a current-thread runtime. Dropping it stops all probes.
pub struct Prober {
    commands: UnboundedSender<Command>,
    thread: Option<JoinHandle<()>>,
    states: Arc<DashMap<TargetKey, TargetState>>,
    metrics: Arc<Metrics>,
    first_round: Arc<FirstRound>,
    clock: Clock,
    started: Instant,
    startup_grace: Duration,
}

impl Prober {
    /// Starts probing. Fails when the system grants no thread or no event queue.
    pub fn start(plan: ProbePlan, on_change: OnChange) -> std::io::Result<Self> {
        let clock = Clock::anchored();
        let startup_grace = plan.startup_grace;
        let states = Arc::new(DashMap::new());
        let metrics = Arc::new(Metrics::default());
        let first_round = Arc::new(FirstRound::default());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(resolve::RESOLVE_THREADS_MAX)
            .thread_name("azimuth-lookup")
            .build()?;
        let (commands, received) = unbounded_channel();
        let reporter = Reporter::new(Arc::clone(&states), Arc::clone(&metrics), on_change);
        let scheduler = Scheduler::new(clock, reporter, Arc::clone(&metrics), Arc::clone(&first_round));
        let thread = std::thread::Builder::new().name("azimuth-probe".to_owned()).spawn(move || {
            runtime.block_on(scheduler.run(plan, received));
            // A look-up that hangs in the system's resolver must not delay the end.
            runtime.shutdown_background();
        })?;
        let started = Instant::now();
        Ok(Self { commands, thread: Some(thread), states, metrics, first_round, clock, started, startup_grace })
    }

    /// What goes on with another plan, on whatever thread: targets that stay keep their state and their phase, others start
    /// or stop. It returns when the probe thread has taken the plan, and has told of every status that a new target takes
    /// over from one it replaces.
    pub fn replacer(&self) -> impl FnOnce(ProbePlan) + Send + use<> {
        let commands = self.commands.clone();
        move |plan| {
            let (taken, is_taken) = sync_channel(1);
            // The thread is gone only if it panicked, which `end` reports, or the server stops.
            let _ = commands.send(Command::Replace(plan, taken));
            // An error means the same: there is nothing to wait for.
            let _ = is_taken.recv();
        }
    }

    /// Goes on with another plan, see [`Self::replacer`].
    pub fn replace(&self, plan: ProbePlan) {
        self.replacer()(plan);
    }

    /// Blocks until every target of the first plan was probed once, at most until `startup_grace` after start. False: the
    /// grace ended first. (A probe that had no result for a reason on this side counts: waiting would not help.)
    pub fn wait_for_first_round(&self) -> bool {
        self.first_round.wait(self.startup_grace.saturating_sub(self.started.elapsed()))
    }

    /// What is known of every target now, to read at any time.
    #[must_use]
    pub fn states(&self) -> Arc<DashMap<TargetKey, TargetState>> {
        Arc::clone(&self.states)
    }

    /// What is counted, to read at any time.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// The clock that states are stamped with.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Stops all probes and joins the thread.
    pub fn stop(mut self) {
        self.end();
    }

    fn send(&self, command: Command) {
        // The thread is gone only if it panicked, which `end` reports.
        let _ = self.commands.send(command);
    }

    fn end(&mut self) {
        self.send(Command::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the probe thread had panicked; states were no longer updated");
        }
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.end();
    }
}
