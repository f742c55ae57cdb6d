//! What is logged, shown and told: once a change, never once a probe.

use super::timing;
use crate::base::UnixTime;
use crate::health::{Change, Endpoint, Fleet, Observation, TargetKey};
use crate::probe::metrics::Metrics;
use crate::probe::report::Reporter;
use dashmap::DashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Runs something and returns the lines that it logged.
    fn of(run: impl FnOnce()) -> Vec<String> {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .without_time()
            .with_target(false)
            .with_ansi(false)
            .finish();
        tracing::subscriber::with_default(subscriber, run);
        let octets = log.0.lock().unwrap().clone();
        String::from_utf8(octets).unwrap().lines().map(|line| line.trim().to_owned()).collect()
    }
}

fn reporter() -> (Reporter, Arc<Mutex<Vec<Change>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let on_change = Box::new(move |changes: Vec<Change>| listener.lock().unwrap().extend(changes));
    (Reporter::new(Arc::new(DashMap::new()), Arc::new(Metrics::default()), on_change), told)
}

fn key() -> TargetKey {
    TargetKey { monitor: "web".into(), endpoint: Endpoint::Socket(SocketAddr::from(([192, 0, 2, 1], 80))) }
}

#[test]
fn a_change_of_status_is_logged_once_with_its_cause_and_probes_are_not() {
    let (reporter, told) = reporter();
    let mut fleet = Fleet::new(Duration::ZERO);
    fleet.insert(key(), Vec::new(), timing(Duration::from_secs(1)));
    let id = fleet.add_address(&key(), SocketAddr::from(([192, 0, 2, 1], 80))).unwrap();
    let lines = Log::of(|| {
        for passes in [true, true, false, false, false, false, false, true, true] {
            let seen = if passes {
                Observation::passed(Duration::ZERO)
            } else {
                Observation::Failed { reason: "connection refused".into() }
            };
            let mut events = Vec::new();
            fleet.observe(id, seen, UnixTime::from_secs(1), UnixTime::from_secs(1), &mut events);
            reporter.tell(events, &fleet);
        }
    });
    let line = |level, from, to, cause: &str| {
        format!("{level} target changed status monitor=web target=192.0.2.1:80 from={from} to={to} cause=\"{cause}\"")
    };
    let expected = [
        line("INFO", "unknown", "up", "passed"),
        line("WARN", "up", "down", "connection refused"),
        line("INFO", "down", "up", "passed"),
    ];
    assert_eq!(lines, expected);
    assert_eq!(told.lock().unwrap().len(), 5, "and when the counters began to move, twice");
}

#[test]
fn troubles_on_this_side_are_logged_at_most_every_ten_seconds() {
    let (mut reporter, _) = reporter();
    let lines = Log::of(|| {
        for second in 0..25 {
            reporter.local_error(&key(), "no route", UnixTime::from_secs(1_000_000 + second));
        }
    });
    assert_eq!(lines.len(), 3);
    assert!(lines[0].contains("cause=\"no route\" suppressed=0"), "{}", lines[0]);
    assert!(lines[1].contains("suppressed=9"), "{}", lines[1]);
}

#[test]
fn a_warning_is_logged_when_it_begins_has_other_words_and_is_over() {
    let (reporter, _) = reporter();
    let mut fleet = Fleet::new(Duration::ZERO);
    fleet.insert(key(), Vec::new(), timing(Duration::from_secs(1)));
    let id = fleet.add_address(&key(), SocketAddr::from(([192, 0, 2, 1], 80))).unwrap();
    let lines = Log::of(|| {
        for warning in [None, Some("13 days"), Some("13 days"), Some("12 days"), None, None] {
            let seen =
                Observation::Passed { latency: Duration::ZERO, warning: warning.map(Into::into), captured: None };
            fleet.observe(id, seen, UnixTime::from_secs(1), UnixTime::from_secs(1), &mut Vec::new());
            reporter.show(&key(), &fleet);
        }
    });
    let line = |level: &str, words: &str, cause: &str| {
        format!("{level} {words} monitor=web target=192.0.2.1:80 cause=\"{cause}\"")
    };
    let expected = [
        line("WARN", "a target passes, with a warning", "13 days"),
        line("WARN", "a target passes, with a warning", "12 days"),
        line("INFO", "a target's warning is over", "12 days"),
    ];
    assert_eq!(lines, expected);
}
