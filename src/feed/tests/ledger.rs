//! What is kept of what feeds say, how it grows old, and what it comes to.

use super::{agent, feed, json, member, region, seconds};
use crate::base::Trouble;
use crate::base::UnixTime;
use crate::feed::agent_check;
use crate::feed::ledger::{Event, Ledger};
use crate::feed::reading::{Reading, Words};
use crate::feed::spec::{Feed, Measure};
use crate::health::{Load, Report, Subject, Word};
use std::time::Duration;

struct Kept {
    ledger: Ledger,
    events: Vec<Event>,
    feeds: Vec<Feed>,
}

impl Kept {
    fn new(feeds: Vec<Feed>) -> Self {
        let mut kept = Self { ledger: Ledger::default(), events: Vec::new(), feeds };
        kept.configure(0);
        kept
    }

    /// All feeds are of one member and of one region.
    fn configure(&mut self, now: u64) {
        let (one, other) = (member("a"), region("eu"));
        let uses = [&one, &other].into_iter().flat_map(|who| self.feeds.iter().map(move |feed| (who, feed, false)));
        self.ledger.configure(uses, seconds(now));
    }

    fn read(&mut self, feed: &str, answer: Result<Reading, Trouble>, at: UnixTime) {
        self.ledger.read(feed, &member("a"), answer, at, &mut self.events);
    }

    fn says(&mut self, line: &str, at: u64) {
        let feed = self.feeds[0].name.clone();
        self.read(&feed, Ok(agent_check::parse(line.as_bytes()).unwrap()), seconds(at));
    }

    fn fails(&mut self, at: u64) {
        let feed = self.feeds[0].name.clone();
        self.read(&feed, Err(Trouble::Failed("refused".into())), seconds(at));
    }

    fn tick(&mut self, now: u64) -> Vec<Subject> {
        self.ledger.tick(seconds(now), &mut self.events)
    }

    fn report(&self) -> Report {
        self.ledger.report(&member("a"))
    }

    fn word(&self) -> Option<Word> {
        self.report().word
    }
}

fn load(utilisation: f64) -> Reading {
    Reading { load: Load { utilisation: Some(utilisation), ..Load::default() }, ..Reading::default() }
}

#[test]
fn what_an_agent_does_not_say_stays_as_it_was() {
    let mut kept = Kept::new(vec![agent("x")]);
    kept.says("drain 50%", 1);
    assert_eq!((kept.word(), kept.report().weight_percent), (Some(Word::Drain), Some(50)));
    // It works, and is still not meant to: only `ready` ends a drain.
    kept.says("up", 2);
    assert_eq!((kept.word(), kept.report().weight_percent), (Some(Word::Drain), Some(50)));
    kept.says("down", 3);
    kept.says("ready", 4);
    assert_eq!(kept.word(), Some(Word::Down));
    kept.says("up 100%", 5);
    assert_eq!((kept.word(), kept.report().weight_percent), (Some(Word::Ready), Some(100)));
}

#[test]
fn load_and_weight_count_until_they_are_stale_and_not_a_moment_longer() {
    let mut kept = Kept::new(vec![agent("x")]);
    kept.says("up 50%", 10);
    kept.fails(15);
    assert!(!kept.tick(25).contains(&member("a")), "the last good report still counts");
    assert_eq!((kept.report().weight_percent, kept.report().is_fresh), (Some(50), true));
    assert!(kept.tick(26).contains(&member("a")));
    assert_eq!(kept.report(), Report::default());
    assert_eq!(kept.tick(1000), [], "once is enough");
    kept.says("up", 1001);
    assert_eq!((kept.word(), kept.report().weight_percent, kept.report().is_fresh), (Some(Word::Up), None, true));
}

#[test]
fn a_word_that_takes_out_of_service_holds_until_the_feed_says_otherwise() {
    for (line, word) in
        [("maint", Word::Maint), ("drain", Word::Drain), ("down", Word::Down), ("stopped", Word::Stopped)]
    {
        let mut kept = Kept::new(vec![agent("x")]);
        kept.says(&format!("{line} 50%"), 1);
        kept.tick(1000);
        let expected = Report { word: Some(word), ..Report::default() };
        assert_eq!(kept.report(), expected, "stale: the word holds, the weight does not");
        // Neither garbage nor a failure undoes it, nor a report about something else, nor a reload.
        kept.fails(1001);
        kept.says("50%", 1002);
        kept.configure(1003);
        assert_eq!(kept.word(), Some(word));
        kept.says("up ready", 1004);
        assert!(!kept.word().unwrap().forbids());
    }
}

#[test]
fn good_words_count_only_while_they_are_fresh() {
    let mut kept = Kept::new(vec![agent("x")]);
    kept.says("up ready", 1);
    assert_eq!(kept.word(), Some(Word::Ready));
    kept.tick(100);
    assert_eq!(kept.word(), None);
}

#[test]
fn a_feed_that_never_speaks_changes_nothing_and_is_told_of_once() {
    let mut kept = Kept::new(vec![agent("x")]);
    kept.fails(1);
    kept.fails(2);
    assert_eq!(kept.report(), Report::default());
    kept.tick(100);
    kept.tick(200);
    let stale = kept.events.iter().filter(|event| matches!(event, Event::Stale { never: true, .. })).count();
    assert_eq!((kept.events.len(), stale), (2, 2), "for the member and for the region: {:?}", kept.events);
    assert_eq!(kept.report(), Report::default());
}

#[test]
fn changes_are_told_once_each() {
    let mut kept = Kept::new(vec![agent("x")]);
    kept.tick(100); // the region's, and the member's, which never said anything
    kept.events.clear();
    for (line, at) in [("up", 101), ("up", 102), ("maint", 103), ("maint", 104), ("ready", 105)] {
        kept.says(line, at);
    }
    kept.tick(200);
    kept.says("up", 201);
    let words: Vec<String> = kept
        .events
        .iter()
        .map(|event| match event {
            Event::Word { from, to, .. } => format!("{from:?} to {to:?}"),
            Event::Stale { holds, .. } => format!("stale {holds:?}"),
            Event::Fresh { .. } => "fresh".to_owned(),
            Event::Odd { what, .. } => format!("odd {what}"),
        })
        .collect();
    let expected = ["fresh", "Some(Up) to Some(Maint)", "Some(Maint) to Some(Ready)", "stale None", "fresh"];
    assert_eq!(words, expected);
}

#[test]
fn errors_are_kept_until_the_next_good_answer() {
    let mut kept = Kept::new(vec![agent("x")]);
    kept.says("up", 1);
    kept.fails(2);
    let entry = &kept.ledger.entries(&member("a"))[0];
    assert_eq!((&*entry.last_error, entry.is_failing, entry.last_report), ("refused", true, Some(seconds(1))));
    kept.says("up sideways", 3);
    kept.says("up backwards", 3);
    let odd = kept.events.iter().filter(|event| matches!(event, Event::Odd { .. })).count();
    assert_eq!(odd, 1, "one line of the log is enough");
    let entry = &kept.ledger.entries(&member("a"))[0];
    assert!(entry.last_error.contains("sideways") && !entry.is_failing);
    kept.says("up", 4);
    assert_eq!(&*kept.ledger.entries(&member("a"))[0].last_error, "");
}

#[test]
fn of_several_feeds_the_worst_word_counts_and_numbers_of_the_first_that_has_them() {
    let mut kept = Kept::new(vec![agent("first"), agent("second"), agent("third")]);
    kept.read("third", Ok(load(0.9)), seconds(1));
    assert_eq!(kept.report().load.utilisation, Some(0.9));
    let both = Reading {
        words: Words::Whole(Word::Down),
        load: Load { utilisation: Some(0.5), connections: Some(3.0), ..Load::default() },
        weight_percent: Some(10),
        ..Reading::default()
    };
    kept.read("second", Ok(both), seconds(2));
    kept.read("first", Ok(Reading { words: Words::Whole(Word::Up), ..load(0.1) }), seconds(3));
    let report = kept.report();
    assert_eq!((report.word, report.weight_percent), (Some(Word::Down), Some(10)));
    assert_eq!((report.load.utilisation, report.load.connections), (Some(0.1), Some(3.0)));
    // One that is fresh is enough.
    kept.read("first", Ok(Reading { words: Words::Whole(Word::Up), ..load(0.2) }), seconds(30));
    kept.tick(31);
    let report = kept.report();
    assert_eq!((report.word, report.weight_percent, report.is_fresh), (Some(Word::Down), None, true));
    assert_eq!((report.load.utilisation, report.load.connections), (Some(0.2), None));
}

#[test]
fn connections_are_measured_against_what_an_agent_takes_at_most() {
    let mut kept = Kept::new(vec![agent("x"), agent("y")]);
    kept.says("maxconn:200", 1);
    assert_eq!(kept.report().load, Load::default());
    let connections = Load { connections: Some(50.0), ..Load::default() };
    kept.read("y", Ok(Reading { load: connections, ..Reading::default() }), seconds(2));
    assert_eq!(kept.report().load.utilisation, Some(0.25));
    let who = member("a");
    // A capacity that is configured is the operator's word.
    let feeds = kept.feeds.clone();
    kept.ledger.configure(feeds.iter().map(|feed| (&who, feed, true)), seconds(3));
    assert_eq!(kept.report().load, connections);
}

#[test]
fn counters_are_measured_by_what_they_grow_in_a_second() {
    let counted = |total: f64| Ok(Reading { counters: vec![(Measure::Bandwidth, total)], ..Reading::default() });
    let mut kept = Kept::new(vec![agent("x")]);
    let bandwidth = |kept: &Kept| kept.report().load.bandwidth;
    kept.read("x", counted(1e6), seconds(10));
    assert_eq!((bandwidth(&kept), kept.report().is_fresh), (None, true), "one reading tells nothing");
    kept.read("x", counted(3e6), seconds(14));
    assert_eq!(bandwidth(&kept), Some(5e5));
    kept.read("x", counted(1e3), seconds(18));
    assert_eq!(bandwidth(&kept), Some(5e5), "set back: what was known stays");
    kept.read("x", counted(5e3), seconds(20));
    assert_eq!(bandwidth(&kept), Some(2e3));
    // Too close together to tell anything.
    kept.read("x", counted(9e3), seconds(20) + Duration::from_micros(5));
    assert_eq!(bandwidth(&kept), Some(2e3));
    kept.read("x", counted(7e3), seconds(22));
    assert_eq!(bandwidth(&kept), Some(1e3));
    // After a silence the mean of it all would be about the past.
    kept.tick(100);
    kept.read("x", counted(9e9), seconds(101));
    assert_eq!(bandwidth(&kept), None);
}

#[test]
fn a_rate_beyond_reason_is_an_error_and_what_was_known_stays() {
    let counted = |total: f64| Ok(Reading { counters: vec![(Measure::Utilisation, total)], ..Reading::default() });
    let mut kept = Kept::new(vec![agent("x")]);
    kept.read("x", counted(0.0), seconds(10));
    kept.read("x", counted(1.0), seconds(12));
    kept.read("x", counted(1e9), seconds(14));
    let entry = &kept.ledger.entries(&member("a"))[0];
    assert!(entry.is_failing && entry.last_error.contains("beyond all reason"), "{}", entry.last_error);
    assert_eq!((kept.report().load.utilisation, entry.last_report), (Some(0.5), Some(seconds(12))));
}

#[test]
fn beside_a_rate_beyond_reason_a_word_counts() {
    let counters = |total: f64| vec![(Measure::Utilisation, total)];
    let mut kept = Kept::new(vec![agent("x")]);
    for (total, at) in [(0.0, 10), (1.0, 12)] {
        kept.read("x", Ok(Reading { counters: counters(total), ..Reading::default() }), seconds(at));
    }
    let words = Words::Whole(Word::Maint);
    kept.read("x", Ok(Reading { counters: counters(1e9), words, ..Reading::default() }), seconds(14));
    let entry = &kept.ledger.entries(&member("a"))[0];
    assert!(!entry.is_failing && entry.last_error.contains("beyond all reason"), "{}", entry.last_error);
    assert_eq!((kept.word(), kept.report().load.utilisation), (Some(Word::Maint), Some(0.5)));
}

#[test]
fn an_answer_that_is_known_already_is_no_news() {
    let mut kept = Kept::new(vec![agent("x")]);
    let who = member("a");
    assert!(kept.ledger.read("x", &who, Ok(load(0.5)), seconds(5), &mut kept.events));
    assert!(!kept.ledger.read("x", &who, Ok(load(0.5)), seconds(5), &mut kept.events));
    assert!(!kept.ledger.read("y", &who, Ok(load(0.5)), seconds(6), &mut kept.events));
    assert!(!kept.ledger.read("x", &member("b"), Ok(load(0.5)), seconds(6), &mut kept.events));
}

#[test]
fn a_reload_keeps_what_is_known_of_feeds_that_stay_and_lets_go_of_others() {
    let mut kept = Kept::new(vec![agent("x"), agent("y")]);
    kept.says("maint 50%", 1);
    kept.read("y", Ok(Reading { words: Words::Whole(Word::Down), ..Reading::default() }), seconds(1));
    kept.feeds = vec![feed("x", json("http://192.0.2.1/"))];
    kept.configure(2);
    assert_eq!((kept.word(), kept.report().weight_percent), (Some(Word::Maint), Some(50)));
    kept.feeds.clear();
    let none: [(&Subject, &Feed, bool); 0] = [];
    let told = kept.ledger.configure(none, seconds(3));
    assert_eq!(told.into_iter().collect::<Vec<_>>(), [region("eu"), member("a")], "all are told of");
    assert_eq!(kept.report(), Report::default());
    // A feed that comes back starts over.
    kept.feeds = vec![agent("x")];
    kept.configure(4);
    assert_eq!(kept.report(), Report::default());
}

#[test]
fn words_that_hold_are_restored_and_others_are_not() {
    let mut kept = Kept::new(vec![agent("x")]);
    kept.says("maint up", 1);
    assert!(kept.ledger.words_moved());
    let held = kept.ledger.held();
    assert_eq!(held.len(), 1);
    let mut again = Kept::new(vec![agent("x")]);
    again.ledger.restore(held.clone());
    assert_eq!(again.report(), Report { word: Some(Word::Maint), ..Report::default() });
    // The agent says all there is to say by itself: it was up.
    again.says("ready", 2);
    assert_eq!(again.word(), Some(Word::Ready));
    assert_eq!(again.ledger.held(), []);
    let mut other = Kept::new(vec![agent("y")]);
    other.ledger.restore(held);
    assert_eq!(other.report(), Report::default());
}

#[test]
fn an_operator_may_clear_a_word_until_it_is_said_again() {
    let mut kept = Kept::new(vec![agent("x")]);
    kept.says("maint", 1);
    kept.tick(100);
    assert!(kept.ledger.forget(&member("a"), &mut kept.events));
    assert_eq!(kept.word(), None);
    assert!(!kept.ledger.forget(&member("a"), &mut kept.events));
    assert!(!kept.ledger.forget(&member("b"), &mut kept.events));
    kept.says("75%", 101);
    assert_eq!(kept.word(), None);
    kept.says("maint", 102);
    assert_eq!(kept.word(), Some(Word::Maint));
}
