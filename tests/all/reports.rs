//! What feeds and probes tell, from the answers and results of single readings on: through the server's own plan, reading, ledger and
//! fleet, in virtual time. Knows no sockets and no snapshot.

use azimuth::base::UnixTime;
use azimuth::boot::feed_plan;
use azimuth::config::Config;
use azimuth::feed::FeedPlan;
use azimuth::feed::ask::{of_check, read};
use azimuth::feed::ledger::Ledger;
use azimuth::feed::plan::Source;
use azimuth::health::{
    AddressId, Captured, Change, Endpoint, Event, Fleet, Observation, Report, Subject, TargetKey, TargetState,
};
use azimuth::probe::spec::Monitor;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What was said of whom.
pub type Reports = Vec<(Subject, Report)>;

/// All feeds of a configuration.
pub struct Feeds {
    plan: FeedPlan,
    ledger: Ledger,
    /// Who was spoken of. Of others reports are set by hand.
    known: BTreeSet<Subject>,
}

impl Feeds {
    pub fn new(config: &Config, now: UnixTime) -> Self {
        let plan = feed_plan(config);
        let mut ledger = Ledger::default();
        ledger.configure(plan.uses.iter().map(|(subject, feed, capacity)| (subject, &**feed, *capacity)), now);
        Self { plan, ledger, known: BTreeSet::new() }
    }

    /// The source that a feed asks about `subject` answers so. All of whom it speaks are reported of; the text has a line for each
    /// answer that could not be used, or only in part. An error when the feed does not ask about that.
    pub fn answered(
        &mut self,
        feed: &str,
        subject: &Subject,
        answer: &str,
        now: UnixTime,
    ) -> Result<(Reports, String), String> {
        let is_it = |(of, _): &(Subject, _)| of == subject;
        let asks = self.plan.asks.iter().find(|ask| *ask.feed.name == *feed && ask.picks.iter().any(is_it));
        let ask = asks.ok_or_else(|| format!("feed {feed} does not ask about {subject}"))?;
        let captured = || Captured { value: answer.into(), at: now };
        let answers = match &ask.source {
            Source::Check(_) => of_check(Some(captured()), ask).map(|(answers, _)| answers).unwrap_or_default(),
            Source::Agent(..) | Source::Page(_) => read(answer.as_bytes(), ask),
        };
        let (mut reports, mut troubles, mut events) = (Vec::new(), String::new(), Vec::new());
        for ((of, _), answer) in ask.picks.iter().zip(answers) {
            self.ledger.read(feed, of, answer, now, &mut events);
            let entry = self.ledger.entries(of).iter().find(|entry| *entry.feed == *feed).unwrap();
            if !entry.last_error.is_empty() {
                troubles.push_str(&format!("{of}: {}\n", entry.last_error));
            }
            self.known.insert(of.clone());
            reports.push((of.clone(), self.ledger.report(of)));
        }
        Ok((reports, troubles))
    }

    /// When something is too old to count.
    pub fn due(&self) -> Option<UnixTime> {
        self.ledger.deadline()
    }

    /// Whose reports are others by then.
    pub fn grown_stale(&mut self, now: UnixTime) -> Reports {
        let stale = self.ledger.tick(now, &mut Vec::new());
        let known = stale.into_iter().filter(|subject| self.known.contains(subject));
        known.map(|subject| (subject.clone(), self.ledger.report(&subject))).collect()
    }

    /// Starts anew with what is on the disk: words that hold. Tells them.
    pub fn restart(&mut self, config: &Config, now: UnixTime) -> Reports {
        let held = self.ledger.held();
        *self = Self { known: std::mem::take(&mut self.known), ..Self::new(config, now) };
        self.ledger.restore(held);
        self.known.iter().map(|subject| (subject.clone(), self.ledger.report(subject))).collect()
    }
}

/// The states of targets by their latest probes, for who looks them up.
pub type States = Arc<Mutex<HashMap<TargetKey, TargetState>>>;

/// The results of probes, and what they come to.
pub struct Probes {
    fleet: Fleet,
    ids: HashMap<TargetKey, AddressId>,
    states: States,
}

impl Probes {
    pub fn new(hold: Duration) -> Self {
        Self { fleet: Fleet::new(hold), ids: HashMap::new(), states: States::default() }
    }

    pub fn states(&self) -> States {
        Arc::clone(&self.states)
    }

    /// A target to be probed, in a region; those of names are not.
    pub fn insert(&mut self, key: &TargetKey, monitor: &Monitor, region: &Arc<str>) {
        let Endpoint::Socket(socket) = key.endpoint else { return };
        if !self.ids.contains_key(key) {
            self.fleet.insert(key.clone(), vec![Arc::clone(region)], monitor.timing);
            let id = self.fleet.add_address(key, socket);
            self.ids.extend(id.map(|id| (key.clone(), id)));
        }
    }

    /// A probe has seen this; what that changes.
    pub fn ended(&mut self, key: &TargetKey, seen: Observation, now: UnixTime) -> Vec<Change> {
        let Some(&id) = self.ids.get(key) else { return Vec::new() };
        let mut events = Vec::new();
        self.fleet.observe(id, seen, now, now, &mut events);
        self.told(events)
    }

    /// When states that are held are held no longer.
    pub fn due(&self) -> Option<UnixTime> {
        self.fleet.deadline()
    }

    /// What that changes.
    pub fn hold_ends(&mut self, now: UnixTime) -> Vec<Change> {
        let mut events = Vec::new();
        self.fleet.tick(now, &mut events);
        self.told(events)
    }

    fn told(&self, events: Vec<Event>) -> Vec<Change> {
        let mut states = self.states.lock().unwrap();
        states.extend(self.ids.keys().filter_map(|key| Some((key.clone(), self.fleet.state(key)?.clone()))));
        let changes = events.into_iter().filter_map(|event| match event {
            Event::Changed { change, .. } => Some(change),
            _ => None,
        });
        changes.collect()
    }
}
