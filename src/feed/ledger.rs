//! What every feed has last said of every region and member, how old that is, and what it comes to. Pure: `now` is an
//! argument. Knows no kinds and no network.
//!
//! *Invariant:* what a feed said counts until it is older than `stale_after`; but a word that takes out of service holds until
//! the same feed says otherwise, the operator clears it, or the feed is no longer configured for it.

use super::held::HeldWord;
use super::reading::{Reading, Words, checked, field, is_administrative};
use super::spec::{Feed, Measure};
use crate::base::Trouble;
use crate::base::UnixTime;
use crate::health::{Load, Report, Subject, Word};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Two readings of a counter closer together than this tell no rate.
const RATE_TIME_MIN: Duration = Duration::from_millis(10);

/// What is known of everybody.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By subject its feeds, in configured order.
    entries: HashMap<Subject, Vec<Entry>>,
    /// When entries become stale unless something is read before.
    deadlines: BTreeSet<(UnixTime, Subject, Arc<str>)>,
    /// Words that hold may be others than before.
    words_moved: bool,
}

/// What one feed has said of one region or member.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The feed's name.
    pub feed: Arc<str>,
    /// Limits that a feed reports are not what its connections are measured against.
    has_capacity: bool,
    stale_after: Duration,
    /// Up, down or stopped.
    operational: Option<Word>,
    /// Ready, drain or maint.
    administrative: Option<Word>,
    /// Of the configured weight.
    pub weight_percent: Option<u16>,
    connections_max: Option<f64>,
    /// How much it has to do.
    pub load: Load,
    counters: Vec<(Measure, f64)>,
    /// When the counters stood so.
    counted_at: UnixTime,
    /// When it was first asked.
    since: UnixTime,
    /// When what it says was said.
    pub last_report: Option<UnixTime>,
    /// Why there was no answer last; after a good one what was odd in it. Empty when there is nothing to say.
    pub last_error: Arc<str>,
    /// The last answer was none.
    pub is_failing: bool,
    /// What it said is too old to count.
    pub is_stale: bool,
}

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A feed says something else in words.
    Word {
        /// The feed.
        feed: Arc<str>,
        /// Of whom.
        subject: Subject,
        /// Before.
        from: Option<Word>,
        /// Now.
        to: Option<Word>,
    },
    /// A feed's answers have something odd in them, which was skipped.
    Odd {
        /// The feed.
        feed: Arc<str>,
        /// In what it says of whom.
        subject: Subject,
        /// What.
        what: Arc<str>,
    },
    /// What a feed said is too old to count.
    Stale {
        /// The feed.
        feed: Arc<str>,
        /// Of whom.
        subject: Subject,
        /// It never said anything.
        never: bool,
        /// The word that holds all the same.
        holds: Option<Word>,
        /// The last error.
        cause: Arc<str>,
    },
    /// A feed that was stale speaks again.
    Fresh {
        /// The feed.
        feed: Arc<str>,
        /// Of whom.
        subject: Subject,
    },
}

impl Entry {
    fn new(feed: &Feed, has_capacity: bool, now: UnixTime) -> Self {
        Self {
            feed: Arc::clone(&feed.name),
            has_capacity,
            stale_after: feed.stale_after,
            operational: None,
            administrative: None,
            weight_percent: None,
            connections_max: None,
            load: Load::default(),
            counters: Vec::new(),
            counted_at: now,
            since: now,
            last_report: None,
            last_error: "".into(),
            is_failing: false,
            is_stale: false,
        }
    }

    /// Its word as it counts now.
    #[must_use]
    pub fn word(&self) -> Option<Word> {
        let word = self.operational.into_iter().chain(self.administrative).reduce(Word::worse);
        // Of words that nobody has confirmed for so long only those count that take out of service.
        word.filter(|word| word.forbids() || (!self.is_stale && self.last_report.is_some()))
    }

    /// When it becomes stale.
    fn deadline(&self) -> UnixTime {
        self.last_report.unwrap_or(self.since) + self.stale_after
    }

    /// Takes an answer that was given at `at`.
    fn take(&mut self, mut reading: Reading, at: UnixTime) -> Result<(), String> {
        let mut load = reading.load;
        let apart = at.since(self.counted_at);
        let is_apart = apart >= RATE_TIME_MIN;
        let counters = std::mem::take(&mut reading.counters);
        for &(measure, total) in &counters {
            let before = self.counters.iter().find(|(known, _)| *known == measure).map(|&(_, total)| total);
            let kept = *field(&mut self.load, measure);
            *field(&mut load, measure) = match before {
                Some(before) if total >= before && is_apart => {
                    reading.unless_odd(checked(measure, (total - before) / apart.as_secs_f64()))?.or(kept)
                }
                // It was set back, so that it tells nothing this time.
                Some(_) => kept,
                None => None,
            };
        }
        if is_apart || self.counters.is_empty() {
            (self.counters, self.counted_at) = (counters, at);
        }
        self.load = load;
        match reading.words {
            Words::Unsaid => {}
            Words::Whole(word) if is_administrative(word) => {
                (self.operational, self.administrative) = (None, Some(word));
            }
            Words::Whole(word) => (self.operational, self.administrative) = (Some(word), None),
            Words::Parts { operational, administrative } => {
                self.operational = operational.or(self.operational);
                self.administrative = administrative.or(self.administrative);
            }
        }
        self.weight_percent = reading.weight_percent.or(self.weight_percent);
        self.connections_max = reading.connections_max.or(self.connections_max);
        self.last_report = Some(at);
        self.is_failing = false;
        self.last_error = reading.odd.unwrap_or_default().into();
        Ok(())
    }

    /// Forgets what does not count when it is old.
    fn grow_stale(&mut self) {
        self.is_stale = true;
        self.weight_percent = None;
        self.connections_max = None;
        self.load = Load::default();
        self.counters.clear();
    }
}

impl Ledger {
    /// Takes who uses which feed from now on, each subject's feeds in configured order. What is known of those that stay is
    /// kept. Returns all subjects, those that were let go of too.
    pub fn configure<'a>(
        &mut self,
        uses: impl IntoIterator<Item = (&'a Subject, &'a Feed, bool)>,
        now: UnixTime,
    ) -> BTreeSet<Subject> {
        self.words_moved = true;
        let mut old = std::mem::take(&mut self.entries);
        let mut subjects: BTreeSet<Subject> = old.keys().cloned().collect();
        self.deadlines.clear();
        for (subject, feed, has_capacity) in uses {
            let known = old.get_mut(subject).and_then(|entries| {
                let at = entries.iter().position(|entry| entry.feed == feed.name)?;
                Some(entries.swap_remove(at))
            });
            let mut entry = known.unwrap_or_else(|| Entry::new(feed, has_capacity, now));
            entry.stale_after = feed.stale_after;
            entry.has_capacity = has_capacity;
            if !entry.is_stale {
                self.deadlines.insert((entry.deadline(), subject.clone(), Arc::clone(&entry.feed)));
            }
            self.entries.entry(subject.clone()).or_default().push(entry);
            subjects.insert(subject.clone());
        }
        subjects
    }

    /// Takes an answer of a feed, given at `at`, or why there is none. False: nobody asks for that any more, or it is the
    /// answer that is known.
    pub fn read(
        &mut self,
        feed: &str,
        subject: &Subject,
        answer: Result<Reading, Trouble>,
        at: UnixTime,
        events: &mut Vec<Event>,
    ) -> bool {
        let Some(entry) = self.entries.get_mut(subject).and_then(|all| all.iter_mut().find(|one| &*one.feed == feed))
        else {
            return false;
        };
        let answer = match answer {
            // A health check whose answer was read before has not been made again.
            Ok(_) if entry.last_report.is_some_and(|last| at <= last) => return false,
            Ok(reading) => reading,
            Err(trouble) => {
                entry.fail(trouble);
                return true;
            }
        };
        let (from, deadline) = (entry.word(), entry.deadline());
        let words = (entry.operational, entry.administrative);
        let was_odd = entry.is_odd();
        if let Err(why) = entry.take(answer, at) {
            entry.fail(Trouble::Failed(why));
            return true;
        }
        let is_held = [from, entry.word()].into_iter().flatten().any(Word::forbids);
        self.words_moved |= is_held && words != (entry.operational, entry.administrative);
        let was_stale = std::mem::take(&mut entry.is_stale);
        if entry.is_odd() && !was_odd {
            let (feed, what) = (Arc::clone(&entry.feed), Arc::clone(&entry.last_error));
            events.push(Event::Odd { feed, subject: subject.clone(), what });
        }
        let (feed, to) = (Arc::clone(&entry.feed), entry.word());
        self.deadlines.remove(&(deadline, subject.clone(), Arc::clone(&feed)));
        self.deadlines.insert((entry.deadline(), subject.clone(), Arc::clone(&feed)));
        if was_stale {
            events.push(Event::Fresh { feed: Arc::clone(&feed), subject: subject.clone() });
        }
        // That all is well from the start is no news.
        if from != to && (from.is_some() || to.is_some_and(Word::forbids)) {
            events.push(Event::Word { feed, subject: subject.clone(), from, to });
        }
        true
    }

    /// Lets what is too old by `now` become stale. Returns whose.
    pub fn tick(&mut self, now: UnixTime, events: &mut Vec<Event>) -> Vec<Subject> {
        let mut stale = Vec::new();
        while self.deadlines.first().is_some_and(|(deadline, ..)| *deadline < now)
            && let Some((_, subject, feed)) = self.deadlines.pop_first()
        {
            let Some(entries) = self.entries.get_mut(&subject) else { continue };
            let Some(entry) = entries.iter_mut().find(|entry| entry.feed == feed) else { continue };
            entry.grow_stale();
            events.push(Event::Stale {
                feed,
                subject: subject.clone(),
                never: entry.last_report.is_none(),
                holds: entry.word(),
                cause: Arc::clone(&entry.last_error),
            });
            stale.push(subject);
        }
        stale
    }

    /// When something next becomes stale.
    pub fn deadline(&self) -> Option<UnixTime> {
        // A deadline itself is not too late yet.
        self.deadlines.first().map(|(deadline, ..)| *deadline + Duration::from_micros(1))
    }

    /// What all feeds of a subject say together: the worst word, and of everything else what the first says that says it.
    pub fn report(&self, subject: &Subject) -> Report {
        let mut report = Report::default();
        let mut connections_max = None;
        let mut has_capacity = false;
        for entry in self.entries.get(subject).into_iter().flatten() {
            report.word = report.word.into_iter().chain(entry.word()).reduce(Word::worse);
            report.weight_percent = report.weight_percent.or(entry.weight_percent);
            report.is_fresh |= entry.last_report.is_some() && !entry.is_stale;
            report.load = first_of(report.load, entry.load);
            connections_max = connections_max.or(entry.connections_max);
            has_capacity |= entry.has_capacity;
        }
        if report.load.utilisation.is_none()
            && !has_capacity
            && let (Some(connections), Some(most)) = (report.load.connections, connections_max)
            && most > 0.0
        {
            report.load.utilisation = Some((connections / most).min(Measure::Utilisation.max()));
        }
        report
    }

    /// What the feeds of a subject say, in configured order.
    pub fn entries(&self, subject: &Subject) -> &[Entry] {
        self.entries.get(subject).map_or(&[], Vec::as_slice)
    }

    /// Clears the words of all feeds of a subject, until they say something again. False: there are none.
    pub fn forget(&mut self, subject: &Subject, events: &mut Vec<Event>) -> bool {
        let mut has_forgotten = false;
        self.words_moved = true;
        for entry in self.entries.get_mut(subject).into_iter().flatten() {
            let from = entry.word();
            has_forgotten |= from.is_some();
            (entry.operational, entry.administrative) = (None, None);
            if from.is_some() {
                events.push(Event::Word { feed: Arc::clone(&entry.feed), subject: subject.clone(), from, to: None });
            }
        }
        has_forgotten
    }

    /// Whether [`Self::held`] may be something else than when this was last asked.
    pub fn words_moved(&mut self) -> bool {
        std::mem::take(&mut self.words_moved)
    }

    /// All words that hold, in a fixed order.
    pub fn held(&self) -> Vec<HeldWord> {
        let mut held: Vec<HeldWord> = self
            .entries
            .iter()
            .flat_map(|(subject, entries)| entries.iter().map(move |entry| (subject, entry)))
            .filter(|(_, entry)| entry.word().is_some_and(Word::forbids))
            .map(|(subject, entry)| HeldWord {
                feed: Arc::clone(&entry.feed),
                subject: subject.clone(),
                operational: entry.operational,
                administrative: entry.administrative,
            })
            .collect();
        held.sort_by(|a, b| (&a.subject, &a.feed).cmp(&(&b.subject, &b.feed)));
        held
    }

    /// Takes words that held when the server stopped, of feeds and subjects that are still there.
    pub fn restore(&mut self, held: Vec<HeldWord>) {
        for word in held {
            let entries = self.entries.get_mut(&word.subject).into_iter().flatten();
            for entry in entries.filter(|entry| entry.feed == word.feed && entry.last_report.is_none()) {
                (entry.operational, entry.administrative) = (word.operational, word.administrative);
            }
        }
    }
}

impl Entry {
    /// The last answer was good but for something.
    fn is_odd(&self) -> bool {
        !self.is_failing && !self.last_error.is_empty()
    }

    fn fail(&mut self, trouble: Trouble) {
        let (Trouble::Failed(why) | Trouble::Local(why)) = trouble;
        self.last_error = why.into();
        self.is_failing = true;
    }
}

fn first_of(first: Load, second: Load) -> Load {
    Load {
        utilisation: first.utilisation.or(second.utilisation),
        connections: first.connections.or(second.connections),
        bandwidth: first.bandwidth.or(second.bandwidth),
        packets: first.packets.or(second.packets),
        requests: first.requests.or(second.requests),
        response_time: first.response_time.or(second.response_time),
    }
}
