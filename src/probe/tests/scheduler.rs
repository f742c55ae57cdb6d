//! The scheduler among real servers: first round, falls and rises, reloads, and the end.

use super::servers::{Certificates, Server, refusing};
use super::{PATIENCE, assert_passed, http_check, probe_http, timing};
use crate::health::{Change, Endpoint, Status, TargetKey, TargetState, Timing};
use crate::probe::Prober;
use crate::probe::spec::{HttpCheck, Kind, Monitor, MonitorKind, PlannedTarget, ProbePlan, TlsCheck};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A prober, and all changes that it told of.
pub(super) struct Bench {
    pub(super) prober: Prober,
    changes: Arc<Mutex<Vec<Change>>>,
}

impl Bench {
    pub(super) fn start(plan: ProbePlan) -> Self {
        let changes = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&changes);
        let prober = Prober::start(plan, Box::new(move |changes| told.lock().unwrap().extend(changes))).unwrap();
        Self { prober, changes }
    }

    pub(super) fn state(&self, key: &TargetKey) -> TargetState {
        self.prober.states().get(key).map(|state| state.clone()).unwrap_or_default()
    }

    /// Waits until a condition holds, and panics if it never does.
    #[track_caller]
    pub(super) fn wait_until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !holds(self) {
            assert!(started.elapsed() < PATIENCE, "{what} did not come about: {:?}", self.changes.lock().unwrap());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[track_caller]
    pub(super) fn wait_for(&self, key: &TargetKey, status: Status) {
        self.wait_until(&format!("{key} {status}"), |bench| bench.state(key).status == status);
    }

    /// The statuses that were told of a target, without those that repeat the one before.
    fn told(&self, key: &TargetKey) -> Vec<Status> {
        let changes = self.changes.lock().unwrap();
        let mut told: Vec<Status> =
            changes.iter().filter(|change| change.key == *key).map(|change| change.state.status).collect();
        told.dedup();
        told
    }
}

pub(super) fn key(address: SocketAddr) -> TargetKey {
    TargetKey { monitor: "web".into(), endpoint: Endpoint::Socket(address) }
}

pub(super) fn target(key: &TargetKey) -> PlannedTarget {
    target_in(key, "eu")
}

fn target_in(key: &TargetKey, region: &str) -> PlannedTarget {
    PlannedTarget { key: key.clone(), monitor: 0, regions: vec![region.into()] }
}

pub(super) fn plan(kind: MonitorKind, targets: Vec<PlannedTarget>) -> ProbePlan {
    let monitor = Monitor { name: "web".into(), kind, port: 80, timing: timing(PATIENCE) };
    ProbePlan { monitors: vec![monitor], targets, startup_grace: PATIENCE, hold: PATIENCE, ..ProbePlan::default() }
}

fn http_plan(addresses: &[SocketAddr]) -> ProbePlan {
    let targets = addresses.iter().map(|address| target(&key(*address))).collect();
    plan(MonitorKind::Http(http_check()), targets)
}

/// The same plan with another timing of its monitor.
fn timed(mut plan: ProbePlan, change: impl Fn(&mut Timing)) -> ProbePlan {
    plan.monitors.iter_mut().for_each(|monitor| change(&mut monitor.timing));
    plan
}

#[test]
fn after_the_first_round_every_target_has_a_result_and_was_told_of() {
    let servers: Vec<Server> = (0..5).map(|_| Server::http(200, "")).collect();
    let (_socket, dead) = refusing();
    let mut addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
    addresses.push(dead);
    let bench = Bench::start(http_plan(&addresses));
    assert!(bench.prober.wait_for_first_round());
    for address in &addresses {
        let expected = if *address == dead { Status::Down } else { Status::Up };
        assert_eq!(bench.state(&key(*address)).status, expected);
        assert_eq!(bench.told(&key(*address)), [expected]);
    }
}

#[test]
fn an_empty_plan_has_no_first_round() {
    let bench = Bench::start(ProbePlan { startup_grace: PATIENCE, ..ProbePlan::default() });
    let started = Instant::now();
    assert!(bench.prober.wait_for_first_round());
    assert!(started.elapsed() < PATIENCE);
}

#[test]
fn the_grace_ends_the_wait_for_a_target_that_hangs() {
    let server = Server::hanging();
    let grace = Duration::from_millis(50);
    let bench = Bench::start(ProbePlan { startup_grace: grace, ..http_plan(&[server.address]) });
    assert!(!bench.prober.wait_for_first_round());
    assert_eq!(bench.state(&key(server.address)).status, Status::Unknown);
}

#[test]
fn a_target_that_cannot_be_probed_from_here_does_not_delay_the_start() {
    let server = Server::http(200, "");
    let nowhere: SocketAddr = "[fe80::1]:80".parse().unwrap();
    let bench = Bench::start(http_plan(&[server.address, nowhere]));
    assert!(bench.prober.wait_for_first_round());
    assert_eq!(bench.state(&key(nowhere)).status, Status::Unknown);
    assert!(!bench.state(&key(nowhere)).last_error.is_empty());
    assert!(bench.prober.metrics().of(Kind::Http).local_errors.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_target_falls_rises_and_is_told_of_each_time() {
    let server = Server::http(200, "");
    let key = key(server.address);
    let bench = Bench::start(http_plan(&[server.address]));
    bench.wait_for(&key, Status::Up);
    server.shared.sick.store(true, Ordering::Relaxed);
    bench.wait_for(&key, Status::Down);
    assert_eq!(&*bench.state(&key).last_error, "status 503, expected 200-299");
    server.shared.sick.store(false, Ordering::Relaxed);
    bench.wait_for(&key, Status::Up);
    bench.wait_until("three changes", |bench| bench.told(&key) == [Status::Up, Status::Down, Status::Up]);
    assert!(bench.state(&key).latency.is_some());
}

#[test]
fn a_fall_takes_fall_probes_and_they_do_not_wait_for_the_interval() {
    let server = Server::http(200, "");
    let key = key(server.address);
    let bench = Bench::start(timed(http_plan(&[server.address]), |timing| timing.fall = 1_000_000));
    bench.wait_for(&key, Status::Up);
    server.shared.sick.store(true, Ordering::Relaxed);
    bench.wait_until("failures", |bench| bench.state(&key).count > 0);
    // From here on a wait for the next regular probe would never end.
    bench.prober.replace(timed(http_plan(&[server.address]), |timing| {
        timing.interval = NEVER;
        timing.fall = 50;
    }));
    bench.wait_for(&key, Status::Down);
}

#[test]
fn changes_are_told_when_counters_begin_to_move() {
    let server = Server::http(200, "");
    let key = key(server.address);
    let never_down = |plan| timed(plan, |timing| timing.fall = 1_000_000);
    let bench = Bench::start(never_down(http_plan(&[server.address])));
    bench.wait_for(&key, Status::Up);
    server.shared.sick.store(true, Ordering::Relaxed);
    bench.wait_until("wavering told", |bench| {
        bench.changes.lock().unwrap().iter().any(|change| change.state.status == Status::Up && change.state.wavering)
    });
    bench.wait_until("more failures", |bench| bench.state(&key).count > 5);
    let told = bench.changes.lock().unwrap().len();
    assert_eq!(told, 2, "each failure is shown, but only the first is told of");
}

#[test]
fn replace_keeps_the_state_of_targets_that_stay_starts_new_ones_and_stops_others() {
    let servers: Vec<Server> = (0..3).map(|_| Server::http(200, "")).collect();
    let [stays, goes, comes] = [0, 1, 2].map(|index: usize| servers[index].address);
    let bench = Bench::start(http_plan(&[stays, goes]));
    assert!(bench.prober.wait_for_first_round());
    let since = bench.state(&key(stays)).since;
    bench.prober.replace(http_plan(&[stays, comes]));
    bench.wait_for(&key(comes), Status::Up);
    assert_eq!(bench.state(&key(stays)).since, since);
    assert_eq!(bench.told(&key(stays)), [Status::Up]);
    bench.wait_until("removal", |bench| !bench.prober.states().contains_key(&key(goes)));
    // Connections are accepted in their order: what was under way to the removed target was counted before ours is answered.
    let probed = || {
        assert_passed(&probe_http(http_check(), goes));
        servers[1].connections()
    };
    let (before, rounds) = (probed(), servers[0].connections());
    bench.wait_until("probes", |_| servers[0].connections() >= rounds + 4);
    assert_eq!(probed(), before + 1, "ours alone");
}

/// Never again within a test.
const NEVER: Duration = Duration::from_secs(1_000_000);

#[test]
fn replace_leaves_the_probes_of_targets_that_stay_alone() {
    let (stays, marker) = (Server::http(200, ""), Server::http(200, ""));
    let rare = |addresses: &[SocketAddr]| timed(http_plan(addresses), |timing| timing.interval = NEVER);
    let bench = Bench::start(rare(&[stays.address]));
    assert!(bench.prober.wait_for_first_round());
    for _ in 0..20 {
        bench.prober.replace(rare(&[stays.address]));
    }
    bench.prober.replace(rare(&[stays.address, marker.address]));
    bench.wait_for(&key(marker.address), Status::Up);
    assert_eq!(stays.connections(), 1);
}

#[test]
fn a_shorter_interval_holds_from_the_next_probe_on() {
    let server = Server::http(200, "");
    let bench = Bench::start(timed(http_plan(&[server.address]), |timing| timing.interval = NEVER));
    bench.wait_for(&key(server.address), Status::Up);
    server.shared.sick.store(true, Ordering::Relaxed);
    bench.prober.replace(http_plan(&[server.address]));
    bench.wait_for(&key(server.address), Status::Down);
}

#[test]
fn replace_reads_certificates_anew() {
    let certificates = Certificates::new(&["www.example.com"], 2020, 2100);
    let (server, mut ca_file) = (Server::https(&certificates), tempfile::NamedTempFile::new().unwrap());
    let tls = TlsCheck {
        server_name: Some("www.example.com".to_owned()),
        verify: true,
        ca_file: Some(ca_file.path().to_owned()),
        ..TlsCheck::default()
    };
    let key = key(server.address);
    let check = HttpCheck { tls: Some(tls), ..http_check() };
    let plan = || plan(MonitorKind::Http(check.clone()), vec![target(&key)]);
    let bench = Bench::start(plan());
    assert!(bench.prober.wait_for_first_round());
    assert_eq!(bench.state(&key).status, Status::Unknown, "an empty file is a trouble of ours");
    ca_file.write_all(certificates.authority_pem.as_bytes()).unwrap();
    bench.prober.replace(plan());
    bench.wait_for(&key, Status::Up);
}

#[test]
fn probes_in_flight_of_removed_targets_are_dropped() {
    let (hanging, healthy) = (Server::hanging(), Server::http(200, ""));
    let bench = Bench::start(http_plan(&[hanging.address, healthy.address]));
    bench.wait_until("a hanging probe", |_| hanging.connections() == 1);
    bench.prober.replace(http_plan(&[healthy.address]));
    bench.wait_until("no hanging probe", |bench| {
        let states = bench.prober.states();
        !states.contains_key(&key(hanging.address))
            && bench.prober.metrics().of(Kind::Http).started.load(Ordering::Relaxed) > 3
            && bench.prober.metrics().in_flight.load(Ordering::Relaxed) == 0
    });
    assert!(bench.prober.wait_for_first_round(), "nobody waits for what is gone");
}

#[test]
fn a_changed_monitor_keeps_its_last_status_until_its_own_first_verdict() {
    let server = Server::http(200, "fine");
    let key = key(server.address);
    let bench = Bench::start(http_plan(&[server.address]));
    bench.wait_for(&key, Status::Up);
    let check = HttpCheck { expect_body: super::text("better"), ..http_check() };
    bench.prober.replace(timed(plan(MonitorKind::Http(check), vec![target(&key)]), |timing| timing.fall = 1_000_000));
    // It is shown a moment before it is told.
    bench.wait_until("a verdict told", |bench| bench.told(&key).len() == 2);
    assert_eq!(bench.told(&key), [Status::Up, Status::Down], "never unknown, and one verdict is enough");
}

#[test]
fn a_monitor_whose_port_has_changed_keeps_its_last_status_too() {
    let (old, new) = (Server::http(200, ""), Server::hanging());
    let with_port = |address: SocketAddr| {
        let mut plan = http_plan(&[address]);
        plan.monitors[0].port = address.port();
        plan
    };
    let bench = Bench::start(with_port(old.address));
    bench.wait_for(&key(old.address), Status::Up);
    bench.prober.replace(with_port(new.address));
    assert_eq!(bench.told(&key(new.address)), [Status::Up], "before `replace` returns");
    bench.wait_for(&key(new.address), Status::Up);
    assert_eq!(bench.told(&key(new.address)), [Status::Up]);
}

#[test]
fn a_member_added_by_reload_gets_its_first_result_soon_whatever_the_interval() {
    let (old, new) = (Server::http(200, ""), Server::http(200, ""));
    let slow = |plan| timed(plan, |timing| timing.interval = NEVER);
    let bench = Bench::start(slow(http_plan(&[old.address])));
    assert!(bench.prober.wait_for_first_round());
    bench.prober.replace(slow(http_plan(&[old.address, new.address])));
    bench.wait_for(&key(new.address), Status::Up);
}

#[test]
fn when_everything_fails_at_once_states_are_held_and_a_gauge_says_so() {
    let (servers, sick) = Server::group(4);
    let keys: Vec<TargetKey> = servers.iter().map(|server| key(server.address)).collect();
    let targets = keys.iter().enumerate().map(|(index, key)| target_in(key, ["eu", "us"][index % 2])).collect();
    let bench = Bench::start(plan(MonitorKind::Http(http_check()), targets));
    assert!(bench.prober.wait_for_first_round());
    sick.store(true, Ordering::Relaxed);
    bench.wait_until("the alarm", |bench| bench.prober.metrics().held.load(Ordering::Relaxed) == 1);
    let failed = || bench.prober.metrics().of(Kind::Http).failed.load(Ordering::Relaxed);
    let before = failed();
    bench.wait_until("many more failures", |_| failed() > before + 20);
    assert!(keys.iter().all(|key| bench.state(key).status == Status::Up));
    sick.store(false, Ordering::Relaxed);
    bench.wait_until("the end of the hold", |bench| bench.prober.metrics().held.load(Ordering::Relaxed) == 0);
    assert!(keys.iter().all(|key| bench.state(key).status == Status::Up));
    assert_eq!(bench.prober.metrics().holds.load(Ordering::Relaxed), 1);
}

#[test]
fn a_hold_ends_by_itself() {
    let (servers, sick) = Server::group(4);
    let keys: Vec<TargetKey> = servers.iter().map(|server| key(server.address)).collect();
    let targets = keys.iter().enumerate().map(|(index, key)| target_in(key, ["eu", "us"][index % 2])).collect();
    let hold = Duration::from_millis(200);
    let bench = Bench::start(ProbePlan { hold, ..plan(MonitorKind::Http(http_check()), targets) });
    assert!(bench.prober.wait_for_first_round());
    sick.store(true, Ordering::Relaxed);
    bench.wait_until("everything down", |bench| {
        bench.prober.metrics().holds.load(Ordering::Relaxed) == 1
            && keys.iter().all(|key| bench.state(key).status == Status::Down)
    });
}

#[test]
fn stop_ends_probes_in_flight_promptly() {
    let server = Server::hanging();
    let bench = Bench::start(http_plan(&[server.address]));
    bench.wait_until("a hanging probe", |_| server.connections() == 1);
    let started = Instant::now();
    bench.prober.stop();
    assert!(started.elapsed() < PATIENCE / 2, "the probe would have hung for {PATIENCE:?}");
}

#[test]
fn many_targets_are_all_probed_as_often_as_one_of_them() {
    let server = Server::http(200, "");
    // Every address of 127/8 is this machine's; the server listens at one of them, the rest refuses.
    let mut addresses: Vec<SocketAddr> = (0..500_u16)
        .map(|number| {
            let [high, low] = number.to_be_bytes();
            SocketAddr::from(([127, 77, high, low.max(1)], server.address.port()))
        })
        .collect();
    addresses.dedup();
    addresses.push(server.address);
    let bench = Bench::start(timed(http_plan(&addresses), |timing| timing.interval = Duration::from_millis(300)));
    assert!(bench.prober.wait_for_first_round());
    assert_eq!(bench.prober.states().len(), addresses.len());
    assert_eq!(bench.state(&key(server.address)).status, Status::Up);
    // By then every other has had as many intervals, but for where in an interval it begins and what is under way.
    bench.wait_until("five probes of one", |_| server.connections() >= 5);
    let started = bench.prober.metrics().of(Kind::Http).started.load(Ordering::Relaxed);
    let targets = u64::try_from(addresses.len()).unwrap();
    assert!(started >= 3 * targets, "{started} probes of {targets} targets");
}
