//! Starts probes when they are due and hands their results to health. One task, which owns everything; probes are tasks
//! beside it. Knows no kinds of monitors and no answers.

mod first_round;
mod flights;
mod lanes;
mod lookup;
mod plan;

pub use first_round::FirstRound;
pub use lanes::Lane;

use crate::base::UnixTime;
use crate::health::{AddressId, Event, Factor, Fleet, Observation, Stretch, TargetKey};
use crate::probe::check::Check;
use crate::probe::clock::Clock;
use crate::probe::metrics::{Metrics, count, set};
use crate::probe::report::Reporter;
use crate::probe::spec::{Monitor, ProbePlan};
use crate::probe::tls::TlsStore;
use flights::{Flights, Landed};
use lanes::Lanes;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::AbortHandle;

/// What the scheduler is told to do.
pub enum Command {
    /// Go on with another plan, and say so when all that it changes at once has been told of.
    Replace(ProbePlan, SyncSender<()>),
    /// End.
    Stop,
}

/// The scheduler's state.
pub struct Scheduler {
    clock: Clock,
    fleet: Fleet,
    targets: HashMap<TargetKey, Target>,
    addresses: HashMap<AddressId, Address>,
    due: BTreeSet<(UnixTime, Job)>,
    /// Due, but as many probes are under way as descriptors allow.
    waiting: VecDeque<AddressId>,
    flights: Flights,
    lanes: Lanes,
    stretch: Stretch,
    tls_store: TlsStore,
    reporter: Reporter,
    metrics: Arc<Metrics>,
    first_round: Arc<FirstRound>,
    /// Targets of the first plan that were not probed yet.
    awaited: Option<HashSet<TargetKey>>,
    events: Vec<Event>,
}

/// What is planned for a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Job {
    Probe(AddressId),
    Resolve(TargetKey),
}

/// One target of the plan.
struct Target {
    monitor: Arc<Monitor>,
    /// The limits that its probes keep.
    lanes: Vec<Lane>,
    /// The look-up of a host name under way.
    lookup: Option<AbortHandle>,
    /// The last look-up failed, and that was logged.
    is_unresolved: bool,
}

/// One probed address of a target.
struct Address {
    key: TargetKey,
    socket: SocketAddr,
    /// Built before the first probe, and again after each change of plan that may concern it.
    check: Option<Check>,
    /// When its probe under way was planned to start, or its next one is.
    planned: UnixTime,
    /// When the probe that is due was let in by the limits that it had to wait for.
    let_in: Option<UnixTime>,
    /// What its probe under way has entered.
    entered: Vec<Lane>,
    flight: Option<AbortHandle>,
    /// The last probe had no result, and that was reported.
    has_local_error: bool,
}

impl Address {
    fn new(key: TargetKey, socket: SocketAddr, planned: UnixTime) -> Self {
        Self {
            key,
            socket,
            check: None,
            planned,
            let_in: None,
            entered: Vec::new(),
            flight: None,
            has_local_error: false,
        }
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        if let Some(flight) = &self.flight {
            flight.abort();
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some(lookup) = &self.lookup {
            lookup.abort();
        }
    }
}

impl Scheduler {
    /// A scheduler without targets.
    pub fn new(clock: Clock, reporter: Reporter, metrics: Arc<Metrics>, first_round: Arc<FirstRound>) -> Self {
        metrics.stretch_thousandths.store(Factor::ONE.thousandths().into(), Ordering::Relaxed);
        Self {
            clock,
            fleet: Fleet::default(),
            targets: HashMap::new(),
            addresses: HashMap::new(),
            due: BTreeSet::new(),
            waiting: VecDeque::new(),
            flights: Flights::new(),
            lanes: Lanes::default(),
            stretch: Stretch::default(),
            tls_store: TlsStore::default(),
            reporter,
            metrics,
            first_round,
            awaited: None,
            events: Vec::new(),
        }
    }

    /// Probes until told to stop.
    pub async fn run(mut self, plan: ProbePlan, mut commands: UnboundedReceiver<Command>) {
        let first_spread = plan.startup_grace / 2;
        self.take_plan(plan, first_spread);
        self.awaited = Some(self.targets.keys().cloned().collect());
        loop {
            let now = self.clock.now();
            self.fleet.tick(now, &mut self.events);
            self.start_due(now);
            self.tell();
            let wake = self.next_wake();
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(Command::Replace(plan, taken)) => {
                        self.take_plan(plan, plan::NEW_TARGETS_SPREAD_MAX);
                        self.tell();
                        // Who asked may have given up waiting.
                        let _ = taken.send(());
                    }
                    Some(Command::Stop) | None => return,
                },
                Some(landed) = self.flights.next(), if !self.flights.is_empty() => self.land(landed),
                () = sleep_until(&self.clock, wake) => {}
            }
        }
    }

    fn next_wake(&self) -> Option<UnixTime> {
        let due = self.due.first().map(|(time, _)| *time);
        due.into_iter().chain(self.fleet.deadline()).min()
    }

    fn start_due(&mut self, now: UnixTime) {
        while !self.flights.is_full()
            && let Some(id) = self.waiting.pop_front()
        {
            self.start_probe(id);
        }
        while !self.flights.is_full()
            && let Some((lane, id)) = self.lanes.next()
        {
            self.metrics.show_waiting(&lane, self.lanes.waiting(&lane), false);
            if let Some(address) = self.addresses.get_mut(&id) {
                address.let_in = Some(now);
            }
            self.start_probe(id);
        }
        while self.due.first().is_some_and(|(time, _)| *time <= now)
            && let Some((_, job)) = self.due.pop_first()
        {
            match job {
                Job::Resolve(key) => self.start_lookup(key),
                Job::Probe(id) if self.flights.is_full() => self.waiting.push_back(id),
                Job::Probe(id) => self.start_probe(id),
            }
        }
        set(&self.metrics.waiting, self.waiting.len());
        set(&self.metrics.in_flight, self.flights.probes());
    }

    fn start_probe(&mut self, id: AddressId) {
        let Some(address) = self.addresses.get_mut(&id) else { return };
        let Some(target) = self.targets.get(&address.key) else { return };
        if let Err(full) = self.lanes.enter(id, &target.lanes) {
            self.metrics.show_waiting(&full, self.lanes.waiting(&full), true);
            return;
        }
        address.entered.clone_from(&target.lanes);
        count(&self.metrics.of(target.monitor.kind.kind()).started);
        let check = address.check.get_or_insert_with(|| {
            Check::new(&target.monitor, &address.key.endpoint, address.socket, &mut self.tls_store)
        });
        address.flight = Some(self.flights.start_probe(id, self.clock, check.clone()));
    }

    /// Takes into account how late a probe started.
    fn note_start(&mut self, lag: Duration, interval: Duration, now: UnixTime) {
        self.metrics.start_lag.add(lag);
        if let Some(verdict) = self.stretch.observe(lag, interval, now) {
            self.fleet.set_stretch(verdict.to);
            self.reporter.stretched(&verdict);
        }
    }

    fn land(&mut self, landed: Landed) {
        match landed {
            // A task that ended just before it was aborted has an answer to a question that nobody asks any more.
            Landed::Probe { task, id, started, seen } => {
                let flight = self.addresses.get(&id).and_then(|address| address.flight.as_ref());
                if flight.is_some_and(|flight| flight.id() == task) {
                    self.land_probe(id, started, seen);
                }
            }
            Landed::Lookup { task, key, found } => {
                let lookup = self.targets.get(&key).and_then(|target| target.lookup.as_ref());
                if lookup.is_some_and(|lookup| lookup.id() == task) {
                    self.land_lookup(&key, found);
                }
            }
            Landed::Aborted => {}
        }
    }

    fn land_probe(&mut self, id: AddressId, started: UnixTime, seen: Observation) {
        let now = self.clock.now();
        let Some(address) = self.addresses.get_mut(&id) else { return };
        address.flight = None;
        self.lanes.leave(&std::mem::take(&mut address.entered));
        let key = address.key.clone();
        let planned = address.planned;
        let lag = started.since(address.let_in.take().unwrap_or(planned));
        let is_local_error = matches!(seen, Observation::LocalError { .. });
        let had_local_error = std::mem::replace(&mut address.has_local_error, is_local_error);
        if let Some(target) = self.targets.get(&key) {
            let metrics = self.metrics.of(target.monitor.kind.kind());
            tracing::debug!(monitor = %key.monitor, target = %key.endpoint, address = %address.socket, ?seen, "probed");
            match &seen {
                Observation::Passed { warning, .. } => {
                    count(&metrics.passed);
                    if warning.is_some() {
                        count(&metrics.warnings);
                    }
                }
                Observation::Failed { .. } => count(&metrics.failed),
                Observation::LocalError { reason } => {
                    count(&metrics.local_errors);
                    if !had_local_error {
                        self.reporter.local_error(&key, reason, now);
                    }
                }
            }
        }
        self.fleet.observe(id, seen, started, now, &mut self.events);
        if let Some(target) = self.targets.get(&key) {
            self.note_start(lag, target.monitor.timing.interval, now);
        }
        let reckoned_from = self.stretch.factor().next_after(planned, started);
        if let Some(next) = self.fleet.next_start(id, reckoned_from, now) {
            self.plan_probe(id, next);
        }
        self.reporter.show(&key, &self.fleet);
        self.note_first_round(&key);
    }

    fn plan_probe(&mut self, id: AddressId, at: UnixTime) {
        if let Some(address) = self.addresses.get_mut(&id) {
            address.planned = at;
            self.due.insert((at, Job::Probe(id)));
        }
    }

    /// Tells of what has happened, and then whether the first round is over: who waits for that has heard of it all.
    fn tell(&mut self) {
        self.reporter.tell(std::mem::take(&mut self.events), &self.fleet);
        if self.awaited.as_ref().is_some_and(HashSet::is_empty) {
            self.awaited = None;
            self.first_round.end();
        }
    }

    fn note_first_round(&mut self, key: &TargetKey) {
        if let Some(awaited) = &mut self.awaited
            && self.fleet.has_been_probed(key)
        {
            awaited.remove(key);
        }
    }
}

async fn sleep_until(clock: &Clock, wake: Option<UnixTime>) {
    /// Sleeps no longer than this; longer ones are made of several.
    const SLEEP_TIME_MAX: Duration = Duration::from_secs(3600);
    let sleep = wake.map_or(SLEEP_TIME_MAX, |wake| clock.until(wake).min(SLEEP_TIME_MAX));
    tokio::time::sleep(sleep).await;
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]

    use super::*;
    use crate::health::{Endpoint, Timing};
    use crate::probe::spec::{HttpCheck, MonitorKind, PlannedTarget};
    use dashmap::DashMap;
    use std::sync::atomic::AtomicUsize;
    use tokio::io::AsyncReadExt;
    use tokio::sync::mpsc::unbounded_channel;

    const PATIENCE: Duration = Duration::from_secs(120);

    fn plan(port: u16, targets: u8) -> ProbePlan {
        let check = HttpCheck::default();
        let timing = Timing {
            interval: PATIENCE,
            timeout: Duration::from_millis(20),
            fall: 1,
            rise: 1,
            retry_interval: PATIENCE,
        };
        let monitor = Monitor { name: "web".into(), kind: MonitorKind::Http(check), port, timing };
        let target = |last| PlannedTarget {
            key: TargetKey { monitor: "web".into(), endpoint: Endpoint::Socket(([127, 0, 0, last], port).into()) },
            monitor: 0,
            regions: Vec::new(),
        };
        let targets = (1..=targets).map(target).collect();
        ProbePlan {
            monitors: vec![monitor],
            targets,
            startup_grace: Duration::ZERO,
            hold: Duration::ZERO,
            ..ProbePlan::default()
        }
    }

    #[tokio::test]
    async fn probes_that_are_due_wait_while_as_many_as_descriptors_allow_are_under_way() {
        let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (now_open, most_open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let most = Arc::clone(&most_open);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                most.fetch_max(now_open.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                let now_open = Arc::clone(&now_open);
                tokio::spawn(async move {
                    // The probe times out, and closes.
                    while matches!(stream.read(&mut [0; 1024]).await, Ok(1..)) {}
                    now_open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        let (states, metrics) = (Arc::new(DashMap::new()), Arc::new(Metrics::default()));
        let reporter = Reporter::new(Arc::clone(&states), Arc::clone(&metrics), Box::new(|_| ()));
        let mut scheduler = Scheduler::new(Clock::anchored(), reporter, metrics, Arc::default());
        scheduler.flights = Flights::with_limit(3);
        let (commands, received) = unbounded_channel();
        let all_down = async {
            while states.iter().filter(|state| state.status == crate::health::Status::Down).count() < 20 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            commands.send(Command::Stop).map_err(|_| "stopped already").unwrap();
        };
        let both = async { tokio::join!(scheduler.run(plan(port, 20), received), all_down) };
        tokio::time::timeout(PATIENCE, both).await.unwrap();
        // Connections that were given up may be seen to end a moment after the next ones have begun.
        assert!((1..=10).contains(&most_open.load(Ordering::Relaxed)), "{most_open:?} at a time");
    }
}
