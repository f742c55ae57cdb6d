//! How many probes may be under way at once: in a region, of programs, and with the descriptors that are left.

use super::scheduler::{Bench, key, plan, target};
use super::servers::Server;
use super::{PATIENCE, http_check};
use crate::health::{Status, TargetKey};
use crate::probe::Lane;
use crate::probe::spec::{ExecCheck, MonitorKind, PlannedTarget, ProbePlan, TcpCheck};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn in_region(address: SocketAddr, region: &str) -> PlannedTarget {
    PlannedTarget { regions: vec![region.into()], ..target(&key(address)) }
}

/// Addresses of this machine at the port of a server that listens at all of them.
fn many(port: u16, count: u8) -> Vec<SocketAddr> {
    (1..=count).map(|last| SocketAddr::from(([127, 0, 0, last], port))).collect()
}

#[test]
fn a_region_has_no_more_probes_under_way_than_its_limit_and_holds_up_no_other() {
    let (hanging, healthy) = (Server::hanging_everywhere(), Server::http(200, ""));
    let mut targets: Vec<PlannedTarget> =
        many(hanging.address.port(), 30).into_iter().map(|address| in_region(address, "stuck")).collect();
    targets.push(in_region(healthy.address, "well"));
    let mut plan = plan(MonitorKind::Http(http_check()), targets);
    plan.region_limits = [("stuck".into(), 4), ("well".into(), 1)].into();
    let bench = Bench::start(plan);
    bench.wait_for(&key(healthy.address), Status::Up);
    bench.wait_until("four hanging probes", |_| hanging.connections() == 4);
    let metrics = bench.prober.metrics();
    bench.wait_until("26 that wait", |_| {
        metrics.limits.get(&Lane::Region("stuck".into())).is_some_and(|limit| {
            (limit.waited.load(Ordering::Relaxed), limit.waiting.load(Ordering::Relaxed)) == (26, 26)
        })
    });
    let passed = || metrics.of(crate::probe::spec::Kind::Http).passed.load(Ordering::Relaxed);
    let before = passed();
    bench.wait_until("the other region's probes go on", |_| passed() > before + 5);
    assert_eq!(hanging.connections(), 4);
}

#[test]
fn who_waits_for_a_limit_comes_in_turn_and_is_not_called_late() {
    let server = Server::http_everywhere(200);
    let addresses = many(server.address.port(), 40);
    let targets = addresses.iter().map(|address| in_region(*address, "eu")).collect();
    let mut plan = plan(MonitorKind::Http(http_check()), targets);
    plan.region_limits = [("eu".into(), 1)].into();
    let bench = Bench::start(plan);
    for address in &addresses {
        bench.wait_for(&key(*address), Status::Up);
    }
}

#[test]
fn a_limit_that_a_reload_lifts_holds_nobody_back_any_more() {
    let hanging = Server::hanging_everywhere();
    let targets: Vec<PlannedTarget> =
        many(hanging.address.port(), 10).into_iter().map(|address| in_region(address, "eu")).collect();
    let limited = |limits: &[(&str, usize)]| ProbePlan {
        region_limits: limits.iter().map(|(region, limit)| ((*region).into(), *limit)).collect(),
        ..plan(MonitorKind::Http(http_check()), targets.clone())
    };
    let bench = Bench::start(limited(&[("eu", 2)]));
    bench.wait_until("two probes", |_| hanging.connections() == 2);
    bench.prober.replace(limited(&[("eu", 3)]));
    bench.wait_until("three probes", |_| hanging.connections() == 3);
    bench.prober.replace(limited(&[]));
    bench.wait_until("all probes", |_| hanging.connections() == 10);
}

#[test]
fn programs_run_at_most_32_at_a_time_and_end_with_the_prober() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("echo $$ > {}/$AZIMUTH_ADDRESS; exec sleep 1000", folder.path().display());
    let check = ExecCheck { program: "/bin/sh".into(), arguments: vec!["-c".to_owned(), script] };
    let targets = many(1, 40).iter().map(|address| target(&key(*address))).collect();
    let bench = Bench::start(plan(MonitorKind::Exec(check), targets));
    let started = || std::fs::read_dir(folder.path()).unwrap().count();
    bench.wait_until("32 programs", |_| started() == 32);
    let metrics = bench.prober.metrics();
    bench.wait_until("8 that wait", |_| {
        metrics.limits.get(&Lane::Programs).is_some_and(|limit| limit.waiting.load(Ordering::Relaxed) == 8)
    });
    assert_eq!(started(), 32);
    let is_written = |path: &std::path::Path| std::fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n'));
    let numbers: Vec<std::path::PathBuf> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    bench.wait_until("their numbers", |_| numbers.iter().all(|path| is_written(path)));
    bench.prober.stop();
    let began = std::time::Instant::now();
    for number in numbers {
        let number = std::fs::read_to_string(number).unwrap();
        while std::path::Path::new("/proc").join(number.trim()).exists() {
            assert!(began.elapsed() < PATIENCE, "{number} lives on");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// In a process of its own: descriptors are counted for all of them.
#[test]
fn without_descriptors_probes_have_no_result_and_nobody_falls() {
    const CHILD: &str = "AZIMUTH_TEST_WITHOUT_DESCRIPTORS";
    if std::env::var_os(CHILD).is_none() {
        let name = "probe::tests::limits::without_descriptors_probes_have_no_result_and_nobody_falls";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--test-threads", "1"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let server = Server::hanging();
    let target_key: TargetKey = key(server.address);
    let bench = Bench::start(plan(MonitorKind::Tcp(TcpCheck::default()), vec![target(&target_key)]));
    bench.wait_for(&target_key, Status::Up);
    let (soft, hard) = rustix_limits();
    set_limit(64, hard);
    let mut taken = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        taken.push(file);
    }
    let metrics = bench.prober.metrics();
    let local_errors = || metrics.of(crate::probe::spec::Kind::Tcp).local_errors.load(Ordering::Relaxed);
    bench.wait_until("local errors", |_| local_errors() > 10);
    assert_eq!(bench.state(&target_key).status, Status::Up);
    drop(taken);
    set_limit(soft, hard);
    let passed = || metrics.of(crate::probe::spec::Kind::Tcp).passed.load(Ordering::Relaxed);
    let before = passed();
    bench.wait_until("probes that pass again", |_| passed() > before + 3);
    assert_eq!(metrics.of(crate::probe::spec::Kind::Tcp).failed.load(Ordering::Relaxed), 0);
}

fn rustix_limits() -> (u64, u64) {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    (limit.current.unwrap_or(1024), limit.maximum.unwrap_or(1024))
}

fn set_limit(soft: u64, hard: u64) {
    let limit = rustix::process::Rlimit { current: Some(soft), maximum: Some(hard) };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
}
