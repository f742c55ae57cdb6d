//! The feeder as a whole: from servers to reports.

use super::servers::Server;
use super::{PATIENCE, feed, json, member, who};
use crate::base::UnixTime;
use crate::feed::spec::{AgentCheck, Feed, FeedKind, Header, Measure, Scaled};
use crate::feed::{FeedPlan, Feeder, Hooks, Who};
use crate::health::{Captured, Endpoint, Report, Subject, TargetKey, Word};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn plan(uses: &[(&Arc<Feed>, Who)]) -> FeedPlan {
    let mut plan = FeedPlan::default();
    for (feed, who) in uses {
        assert!(plan.add(feed, who));
    }
    plan
}

fn agents(name: &str) -> Arc<Feed> {
    Arc::new(feed(name, FeedKind::AgentCheck(AgentCheck { port: None, send: None })))
}

struct Running {
    feeder: Feeder,
    reports: Receiver<Vec<(Subject, Report)>>,
}

fn hooks() -> Hooks {
    let start = Instant::now();
    Hooks { now: Arc::new(move || UnixTime::from_secs(1_000_000) + start.elapsed()), captured: Box::new(|_| None) }
}

impl Running {
    fn start(plan: FeedPlan, hooks: Hooks, state_dir: &Path) -> Self {
        let (sender, reports) = channel();
        let tell = Box::new(move |reports| drop(sender.send(reports)));
        Self { feeder: Feeder::start(plan, hooks, state_dir, tell).unwrap(), reports }
    }

    /// Waits until a report of the subject is as wanted.
    #[track_caller]
    fn wait(&self, subject: &Subject, wanted: impl Fn(&Report) -> bool) -> Report {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(reports) = self.reports.recv_timeout(left) else { panic!("never told: {subject}") };
            for (who, report) in reports {
                if who == *subject && wanted(&report) {
                    return report;
                }
            }
        }
    }
}

#[test]
fn what_servers_say_is_told_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let (agent, page) = (Server::agent("up 50%\n"), Server::page(r#"{"load": 0.25, "state": "up"}"#));
    let documents = Arc::new(feed("documents", json(&format!("http://{}/", page.address))));
    let one = who("a", agent.address);
    let running = Running::start(plan(&[(&agents("agents"), one.clone()), (&documents, one)]), hooks(), folder.path());
    let both = |report: &Report| report.weight_percent == Some(50) && report.load.utilisation == Some(0.25);
    let report = running.wait(&member("a"), both);
    assert_eq!((report.word, report.is_fresh), (Some(Word::Up), true));
    agent.say("drain\n");
    running.wait(&member("a"), |report| report.word == Some(Word::Drain));
    let state = running.feeder.states().get(&("agents".into(), member("a"))).unwrap().clone();
    assert_eq!((state.word, state.is_stale, state.is_failing), (Some(Word::Drain), false, false));
    assert!(state.age(running.feeder.handle().now()).unwrap() < PATIENCE);
    // A failure leaves what was said as it is.
    agent.say("garbage\n");
    let deadline = Instant::now() + PATIENCE;
    let state = || running.feeder.states().get(&("agents".into(), member("a"))).unwrap().clone();
    while !state().is_failing && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(state().last_error.contains("garbage"), "{:?}", state());
    assert_eq!(state().word, Some(Word::Drain));
    let counted = running.feeder.handle().metrics().get("agents").map(|counted| Arc::clone(&counted)).unwrap();
    assert!(counted.reports.load(Ordering::Relaxed) >= 2 && counted.failures.load(Ordering::Relaxed) >= 1);
    running.feeder.stop();
}

#[test]
fn one_page_is_got_once_for_all_of_whom_it_speaks() {
    let folder = tempfile::tempdir().unwrap();
    let page = Server::page(r#"{"load": 0.5, "state": "up"}"#);
    let mut slow = feed("documents", json(&format!("http://{}/", page.address)));
    slow.interval = PATIENCE;
    let slow = Arc::new(slow);
    let uses: Vec<_> = ["a", "b", "c"].map(|target| (&slow, who(target, page.address))).into();
    let running = Running::start(plan(&uses), hooks(), folder.path());
    running.wait(&member("c"), |report| report.is_fresh);
    assert_eq!(page.connections(), 1);
}

#[test]
fn a_word_that_holds_outlives_a_silent_feed_a_reload_and_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Server::agent("maint\n");
    let uses = || plan(&[(&agents("agents"), who("a", agent.address))]);
    let running = Running::start(uses(), hooks(), folder.path());
    running.wait(&member("a"), |report| report.word == Some(Word::Maint));
    agent.say("");
    running.feeder.replace(uses());
    let report = running.wait(&member("a"), |_| true);
    assert_eq!(report.word, Some(Word::Maint), "told again after a reload");
    running.feeder.stop();
    let again = Running::start(uses(), hooks(), folder.path());
    // Told before the first reading.
    assert_eq!(again.reports.try_recv().unwrap()[0].1, Report { word: Some(Word::Maint), ..Report::default() });
    agent.say("ready\n");
    again.wait(&member("a"), |report| report.word == Some(Word::Ready));
    again.feeder.stop();
    let third = Running::start(uses(), hooks(), folder.path());
    assert_eq!(third.reports.try_recv().unwrap()[0].1, Report::default());
}

#[test]
fn an_operator_clears_a_word_of_a_feed_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Server::agent("stopped\n");
    let uses = || plan(&[(&agents("agents"), who("a", agent.address))]);
    let running = Running::start(uses(), hooks(), folder.path());
    running.wait(&member("a"), |report| report.word == Some(Word::Stopped));
    agent.say("");
    // A last reading may be under way.
    let deadline = Instant::now() + PATIENCE;
    let failing = || running.feeder.states().get(&("agents".into(), member("a"))).unwrap().is_failing;
    while !failing() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(running.feeder.forget(member("a")));
    running.wait(&member("a"), |report| report.word.is_none());
    assert!(!running.feeder.forget(member("a")) && !running.feeder.forget(member("b")));
    running.feeder.stop();
    let again = Running::start(uses(), hooks(), folder.path());
    assert_eq!(again.reports.try_recv().unwrap()[0].1, Report::default(), "nor is it restored");
}

#[test]
fn a_feed_that_hangs_delays_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let hanging = Server::start(|stream, shared| {
        shared.wait_for_end();
        drop(stream);
    });
    let agent = Server::agent("up\n");
    let agents = agents("agents");
    let uses = [(&agents, who("a", hanging.address)), (&agents, who("b", agent.address))];
    let running = Running::start(plan(&uses), hooks(), folder.path());
    running.wait(&member("b"), |report| report.word == Some(Word::Up));
    assert!(agent.connections() >= 1 && hanging.connections() <= 1);
    running.feeder.stop();
}

#[test]
fn what_goes_stale_is_told_without_anybody_answering() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Server::agent("up 50%\n");
    let mut short = feed("agents", FeedKind::AgentCheck(AgentCheck { port: None, send: None }));
    short.stale_after = Duration::from_millis(300);
    let running = Running::start(plan(&[(&Arc::new(short), who("a", agent.address))]), hooks(), folder.path());
    running.wait(&member("a"), |report| report.weight_percent == Some(50));
    agent.say("");
    // On a busy machine it may have been stale before, and a last reading may be under way: from the first failure on there is none.
    let deadline = Instant::now() + PATIENCE;
    let state = || running.feeder.states().get(&("agents".into(), member("a"))).unwrap().clone();
    while !(state().is_failing && state().is_stale) {
        assert!(Instant::now() < deadline, "{:?}", state());
        std::thread::sleep(Duration::from_millis(2));
    }
    running.wait(&member("a"), |report| *report == Report::default());
    agent.say("up 25%\n");
    running.wait(&member("a"), |report| report.weight_percent == Some(25));
}

#[test]
fn a_reload_asks_elsewhere_and_lets_go_of_what_is_no_longer_configured() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Server::agent("down\n"), Server::agent("up\n"));
    let agents = agents("agents");
    let running = Running::start(plan(&[(&agents, who("a", first.address))]), hooks(), folder.path());
    running.wait(&member("a"), |report| report.word == Some(Word::Down));
    running.feeder.replace(plan(&[(&agents, who("a", second.address)), (&agents, who("b", second.address))]));
    running.wait(&member("a"), |report| report.word == Some(Word::Up));
    running.feeder.replace(plan(&[(&agents, who("b", second.address))]));
    running.wait(&member("a"), |report| *report == Report::default());
    assert!(running.feeder.states().get(&("agents".into(), member("a"))).is_none());
    running.feeder.replace(FeedPlan::default());
    assert!(running.feeder.states().is_empty() && running.feeder.handle().metrics().is_empty());
}

#[test]
fn headers_of_health_checks_are_read_as_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let target = TargetKey { monitor: "web".into(), endpoint: Endpoint::Host("a".into(), 80) };
    let captured = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&captured);
    let hooks = Hooks { captured: Box::new(move |_| seen.lock().unwrap().clone()), ..hooks() };
    let now = Arc::clone(&hooks.now);
    let scaled = Scaled { measure: Measure::Utilisation, scale: 1.0 };
    let header = Arc::new(feed("header", FeedKind::Header(Header { monitor: "web".into(), scaled })));
    let one = Who { target: Some(target), ..who("a", ([192, 0, 2, 1], 1).into()) };
    let running = Running::start(plan(&[(&header, one)]), hooks, folder.path());
    *captured.lock().unwrap() = Some(Captured { value: "75%".into(), at: now() });
    running.wait(&member("a"), |report| report.load.utilisation == Some(0.75));
    *captured.lock().unwrap() = Some(Captured { value: "cpu_utilization=0.5,rps_fractional=10".into(), at: now() });
    let report = running.wait(&member("a"), |report| report.load.utilisation == Some(0.5));
    assert_eq!(report.load.requests, Some(10.0));
}
