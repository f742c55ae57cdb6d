//! Asks when it is time to, and hands what is said to the ledger. One task, which owns everything; asking are tasks beside it.
//! Knows no kinds.

use super::ask::{Answers, ask, of_check};
use super::held::HeldWords;
use super::ledger::{Event, Ledger};
use super::metrics::{self, Metrics, count};
use super::page::Clients;
use super::plan::{Ask, AskKey, FeedPlan, Source};
use super::{FeedState, Hooks, OnReport, States, log};
use crate::base::Trouble;
use crate::base::UnixTime;
use crate::health::{Pace, Report, Subject};
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{AbortHandle, JoinSet};

/// Over how long the first readings of new sources are spread at most.
const FIRST_SPREAD_MAX: Duration = Duration::from_secs(1);
/// First readings need not be further apart than this: a few sources are all asked at once.
const FIRST_STARTS_APART: Duration = Duration::from_millis(5);
/// Agents that are asked at a time.
const AGENTS_MAX: usize = 1024;
/// Pages that are got at a time.
const PAGES_MAX: usize = 256;
/// Sleeps no longer than this; longer ones are made of several.
const SLEEP_TIME_MAX: Duration = Duration::from_secs(3600);

/// What the scheduler is told to do.
pub enum Command {
    /// Go on with another plan, and say so when what it changes at once has been told of.
    Replace(FeedPlan, SyncSender<()>),
    /// Forget the words of a subject; say whether there were any.
    Forget(Subject, SyncSender<bool>),
    /// End.
    Stop,
}

/// The scheduler's state.
pub struct Scheduler {
    hooks: Hooks,
    on_report: OnReport,
    ledger: Ledger,
    held: HeldWords,
    states: Arc<States>,
    metrics: Arc<Metrics>,
    /// What was told of each subject last.
    told: HashMap<Subject, Report>,
    sources: HashMap<u64, Active>,
    numbers: HashMap<AskKey, u64>,
    next_number: u64,
    due: BTreeSet<(UnixTime, u64)>,
    /// Due, but as many are under way as may be: agents, and pages.
    waiting: [VecDeque<u64>; 2],
    rooms: [Arc<Semaphore>; 2],
    flights: JoinSet<Landed>,
    clients: Clients,
    events: Vec<Event>,
}

/// A source that is asked again and again.
struct Active {
    ask: Arc<Ask>,
    pace: Pace,
    planned: UnixTime,
    flight: Option<AbortHandle>,
}

/// The end of asking.
struct Landed {
    number: u64,
    answers: Answers,
}

impl Drop for Active {
    fn drop(&mut self) {
        if let Some(flight) = &self.flight {
            flight.abort();
        }
    }
}

impl Scheduler {
    /// A scheduler without sources.
    pub fn new(hooks: Hooks, held: HeldWords, on_report: OnReport, states: Arc<States>, metrics: Arc<Metrics>) -> Self {
        Self {
            hooks,
            on_report,
            ledger: Ledger::default(),
            held,
            states,
            metrics,
            told: HashMap::new(),
            sources: HashMap::new(),
            numbers: HashMap::new(),
            next_number: 0,
            due: BTreeSet::new(),
            waiting: Default::default(),
            rooms: [AGENTS_MAX, PAGES_MAX].map(|most| Arc::new(Semaphore::new(most))),
            flights: JoinSet::new(),
            clients: Clients::default(),
            events: Vec::new(),
        }
    }

    /// Takes the first plan and the words that held when the server stopped, and tells of these.
    pub fn begin(&mut self, plan: FeedPlan) {
        let words = self.held.read();
        words.iter().for_each(log::restored);
        self.take_plan(plan, |ledger| ledger.restore(words));
    }

    /// Asks until told to stop.
    pub async fn run(mut self, mut commands: UnboundedReceiver<Command>) {
        loop {
            let now = (self.hooks.now)();
            self.start_due(now);
            let stale = self.ledger.tick(now, &mut self.events);
            self.tell(stale);
            let wake = self.due.first().map(|(time, _)| *time).into_iter().chain(self.ledger.deadline()).min();
            let sleep = wake.map_or(SLEEP_TIME_MAX, |wake| wake.since((self.hooks.now)()).min(SLEEP_TIME_MAX));
            tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(Command::Replace(plan, taken)) => {
                        self.take_plan(plan, |_| ());
                        // Who asked may have given up waiting.
                        let _ = taken.send(());
                    }
                    Some(Command::Forget(subject, done)) => {
                        let has_forgotten = self.ledger.forget(&subject, &mut self.events);
                        self.tell([subject]);
                        let _ = done.send(has_forgotten);
                    }
                    Some(Command::Stop) | None => return,
                },
                Some(landed) = self.flights.join_next_with_id(), if !self.flights.is_empty() => match landed {
                    Ok((task, landed)) => self.land(task, landed),
                    Err(error) => self.lose(&error),
                },
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    fn take_plan(&mut self, plan: FeedPlan, known: impl FnOnce(&mut Ledger)) {
        let now = (self.hooks.now)();
        // Certificates may have been replaced in their files.
        self.clients = Clients::default();
        let uses = plan.uses;
        let by_feed = uses.iter().map(|(subject, feed, has_capacity)| (subject, &**feed, *has_capacity));
        let subjects = self.ledger.configure(by_feed, now);
        known(&mut self.ledger);
        let feeds: HashSet<Arc<str>> = plan.asks.iter().map(|ask| Arc::clone(&ask.feed.name)).collect();
        self.metrics.retain(|feed, _| feeds.contains(feed));
        for feed in &feeds {
            metrics::of(&self.metrics, feed);
        }
        let keys: HashSet<AskKey> = plan.asks.iter().map(Ask::key).collect();
        let gone: Vec<AskKey> = self.numbers.keys().filter(|key| !keys.contains(key)).cloned().collect();
        for number in gone.iter().filter_map(|key| self.numbers.remove(key)).collect::<Vec<u64>>() {
            if let Some(active) = self.sources.remove(&number) {
                self.due.remove(&(active.planned, number));
            }
        }
        let new = plan.asks.iter().filter(|ask| !self.numbers.contains_key(&ask.key())).count();
        let spread = FIRST_STARTS_APART.saturating_mul(u32::try_from(new).unwrap_or(u32::MAX)).min(FIRST_SPREAD_MAX);
        for ask in plan.asks {
            self.take_source(ask, spread, now);
        }
        // A generation may begin with nothing known: everything is told again.
        self.told.clear();
        let uses: HashSet<(&Subject, &str)> = uses.iter().map(|(subject, feed, _)| (subject, &*feed.name)).collect();
        self.states.retain(|(feed, subject), _| uses.contains(&(subject, &**feed)));
        self.tell(subjects);
    }

    /// A source that is new, or may have changed.
    fn take_source(&mut self, ask: Ask, spread: Duration, now: UnixTime) {
        let key = ask.key();
        if let Some(&number) = self.numbers.get(&key) {
            let Some(active) = self.sources.get_mut(&number) else { return };
            if *active.ask == ask {
                return;
            }
            let soon = now + active.pace.offset(ask.feed.interval.min(FIRST_SPREAD_MAX));
            active.ask = Arc::new(ask);
            // What is under way would be read as it was wanted before.
            let (planned, flight) = (active.planned, active.flight.take());
            match flight {
                Some(flight) => flight.abort(),
                None if planned <= soon => return,
                None => {
                    self.due.remove(&(planned, number));
                }
            }
            self.plan_next(number, soon);
            return;
        }
        let number = self.next_number;
        self.next_number += 1;
        let pace = Pace::new(number);
        let first = now + pace.offset(spread.min(ask.feed.interval));
        self.numbers.insert(key, number);
        self.sources.insert(number, Active { ask: Arc::new(ask), pace, planned: first, flight: None });
        self.due.insert((first, number));
    }

    fn plan_next(&mut self, number: u64, at: UnixTime) {
        if let Some(active) = self.sources.get_mut(&number) {
            active.planned = at;
            self.due.insert((at, number));
        }
    }

    fn start_due(&mut self, now: UnixTime) {
        for lane in 0..2 {
            while self.has_room(lane)
                && let Some(number) = self.waiting[lane].pop_front()
            {
                self.start(number, now);
            }
        }
        while self.due.first().is_some_and(|(time, _)| *time <= now)
            && let Some((_, number)) = self.due.pop_first()
        {
            let Some(lane) = self.sources.get(&number).map(|active| lane_of(&active.ask)) else { continue };
            match lane {
                Some(lane) if !self.has_room(lane) => self.waiting[lane].push_back(number),
                _ => self.start(number, now),
            }
        }
    }

    fn has_room(&self, lane: usize) -> bool {
        self.rooms[lane].available_permits() > 0
    }

    fn start(&mut self, number: u64, now: UnixTime) {
        let Some(active) = self.sources.get_mut(&number).filter(|active| active.flight.is_none()) else { return };
        let wanted = Arc::clone(&active.ask);
        let Some(lane) = lane_of(&wanted) else {
            if let Source::Check(target) = &wanted.source
                && let Some((answers, at)) = of_check((self.hooks.captured)(target), &wanted)
            {
                self.take(&wanted, answers, at);
            }
            self.after(number, now);
            return;
        };
        let client = match &wanted.source {
            Source::Page(url) => wanted.feed.kind.page().map(|page| self.clients.of(page, url)),
            Source::Agent(..) | Source::Check(_) => None,
        };
        let client = match client.transpose() {
            Ok(client) => client,
            Err(why) => {
                let answers = vec![Err(Trouble::Local(why)); wanted.picks.len()];
                self.take(&wanted, answers, now);
                self.after(number, now);
                return;
            }
        };
        let place = Arc::clone(&self.rooms[lane]).try_acquire_owned();
        let flight = self.flights.spawn(async move {
            let answers = ask(&wanted, client).await;
            drop(place);
            Landed { number, answers }
        });
        active.flight = Some(flight);
    }

    fn land(&mut self, task: tokio::task::Id, landed: Landed) {
        let Landed { number, answers } = landed;
        let Some(active) = self.sources.get_mut(&number) else { return };
        // A task that ended just before it was aborted has an answer to a question that nobody asks any more.
        if active.flight.as_ref().is_none_or(|flight| flight.id() != task) {
            return;
        }
        active.flight = None;
        let wanted = Arc::clone(&active.ask);
        let now = (self.hooks.now)();
        self.take(&wanted, answers, now);
        self.after(number, now);
    }

    /// Reading has ended without an end: it was aborted, or has panicked, and is done again in its time.
    fn lose(&mut self, error: &tokio::task::JoinError) {
        if !error.is_panic() {
            return;
        }
        tracing::error!(%error, "reading a feed has panicked");
        let is_its = |active: &Active| active.flight.as_ref().is_some_and(|flight| flight.id() == error.id());
        let found =
            self.sources.iter().find(|(_, active)| is_its(active)).map(|(&number, active)| (number, &active.ask));
        let Some((number, ask)) = found else { return };
        let why = "reading it has failed by a mistake in Azimuth; see its log";
        let answers = vec![Err(Trouble::Local(why.to_owned())); ask.picks.len()];
        self.land(error.id(), Landed { number, answers });
    }

    /// Hands what was said to the ledger, and tells of what that changes.
    fn take(&mut self, ask: &Ask, answers: Answers, at: UnixTime) {
        let counters = metrics::of(&self.metrics, &ask.feed.name);
        tracing::debug!(feed = %ask.feed.name, ?answers, "read");
        let mut changed = Vec::new();
        for ((subject, _), answer) in ask.picks.iter().zip(answers) {
            let counter = match &answer {
                Ok(_) => &counters.reports,
                Err(Trouble::Failed(_)) => &counters.failures,
                Err(Trouble::Local(_)) => &counters.local_errors,
            };
            if self.ledger.read(&ask.feed.name, subject, answer, at, &mut self.events) {
                count(counter);
                changed.push(subject.clone());
            }
        }
        self.tell(changed);
    }

    /// Plans the next reading of a source whose last one has ended.
    fn after(&mut self, number: u64, ended: UnixTime) {
        let Some(active) = self.sources.get(&number) else { return };
        let next = next_start(active.planned, ended, active.ask.feed.interval, &active.pace);
        self.plan_next(number, next);
    }

    /// Shows subjects, and tells of those whose report is another one.
    fn tell(&mut self, subjects: impl IntoIterator<Item = Subject>) {
        for event in self.events.drain(..) {
            log::event(&event);
        }
        let mut reports = Vec::new();
        for subject in subjects {
            for entry in self.ledger.entries(&subject) {
                self.states.insert((Arc::clone(&entry.feed), subject.clone()), FeedState::of(entry));
            }
            let report = self.ledger.report(&subject);
            if self.told.get(&subject) != Some(&report) {
                if self.ledger.entries(&subject).is_empty() {
                    self.told.remove(&subject);
                } else {
                    self.told.insert(subject.clone(), report);
                }
                reports.push((subject, report));
            }
        }
        // Before anybody answers by them.
        if self.ledger.words_moved() {
            self.held.write(self.ledger.held());
        }
        if !reports.is_empty() {
            (self.on_report)(reports);
        }
    }
}

/// Agents and pages are limited by themselves; what health checks have brought is here already.
fn lane_of(ask: &Ask) -> Option<usize> {
    match &ask.source {
        Source::Agent(..) => Some(0),
        Source::Page(_) => Some(1),
        Source::Check(_) => None,
    }
}

/// When a source is asked again: at its own place within the interval, so that sources stay spread; not before half an interval
/// has passed since it was last due, nor before that reading has ended.
fn next_start(planned: UnixTime, ended: UnixTime, interval: Duration, pace: &Pace) -> UnixTime {
    let micros = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX).max(1);
    let phase = u64::try_from(pace.offset(interval).as_micros()).unwrap_or_default();
    let earliest = (planned + interval / 2).max(ended).0;
    let past_phase = earliest.saturating_add(micros - phase % micros) % micros;
    UnixTime(if past_phase == 0 { earliest } else { earliest.saturating_add(micros - past_phase) })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]
    use super::*;
    use crate::feed::Who;
    use crate::feed::plan::Address;
    use crate::feed::spec::{AgentCheck, Feed, FeedKind};

    #[tokio::test]
    async fn a_reading_that_panics_is_told_and_done_again() {
        const NOW: UnixTime = UnixTime::from_secs(1_000);
        let kind = FeedKind::AgentCheck(AgentCheck { port: None, send: None });
        let [interval, timeout, stale_after] = [5, 1, 15].map(Duration::from_secs);
        let feed = Arc::new(Feed { name: "x".into(), kind, interval, timeout, stale_after });
        let subject = Subject::Region("eu".into());
        let (address, region) = (Some(Address::Socket(([127, 0, 0, 1], 1).into())), "eu".into());
        let who = Who { subject: subject.clone(), address, name: None, region, has_capacity: false, target: None };
        let mut plan = FeedPlan::default();
        assert!(plan.add(&feed, &who));
        let folder = tempfile::tempdir().unwrap();
        let hooks = Hooks { now: Arc::new(|| NOW), captured: Box::new(|_| None) };
        let (held, states) = (HeldWords::new(folder.path()), Arc::new(States::default()));
        let mut scheduler = Scheduler::new(hooks, held, Box::new(drop), Arc::clone(&states), Arc::default());
        scheduler.begin(plan);
        let (_, number) = scheduler.due.pop_first().unwrap();
        let flight = scheduler.flights.spawn(async { panic!("as a mistake would") });
        scheduler.sources.get_mut(&number).unwrap().flight = Some(flight);
        let error = scheduler.flights.join_next_with_id().await.unwrap().err().unwrap();
        scheduler.lose(&error);
        assert!(scheduler.sources[&number].flight.is_none());
        assert!(scheduler.due.iter().any(|&(at, due)| due == number && at > NOW), "{:?}", scheduler.due);
        let state = states.get(&("x".into(), subject)).unwrap();
        assert!(state.is_failing && state.last_error.contains("mistake"), "{state:?}");
    }

    #[test]
    fn sources_come_back_to_their_own_place_within_the_interval() {
        let interval = Duration::from_secs(5);
        for number in 0..100 {
            let pace = Pace::new(number);
            let mut planned = UnixTime::from_secs(1_000);
            for round in 0..5 {
                let next = next_start(planned, planned + Duration::from_millis(3), interval, &pace);
                let apart = next.since(planned);
                assert!(apart >= interval / 2 && apart <= interval * 3 / 2, "{number} {round}: {apart:?}");
                if round > 0 {
                    assert_eq!(apart, interval, "{number}");
                }
                planned = next;
            }
            // A reading that takes longer than the interval is not followed by several at once.
            let ended = planned + interval * 3 + Duration::from_millis(1);
            assert!(next_start(planned, ended, interval, &pace) >= ended);
        }
    }
}
