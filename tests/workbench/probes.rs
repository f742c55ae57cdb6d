//! A prober with many targets: how late its probes start, and what they cost.

use azimuth::health::{Endpoint, TargetKey, Timing};
use azimuth::probe::metrics::LagMetrics;
use azimuth::probe::spec::{Kind, Monitor, MonitorKind, PlannedTarget, ProbePlan, TcpCheck};
use azimuth::probe::{Metrics, Prober};
use socket2::{Domain, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Every address of 127/8 is this machine's: so many targets need no more than one listener.
fn target(number: u32, port: u16) -> PlannedTarget {
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 64, 0, 1)) + number);
    let endpoint = Endpoint::Socket(SocketAddr::from((address, port)));
    PlannedTarget { key: TargetKey { monitor: "tcp".into(), endpoint }, monitor: 0, regions: Vec::new() }
}

/// Probes so many targets once a second for so many seconds after the first round, and prints what was seen as JSON.
pub fn run(targets: u32, seconds: u32) {
    // The queue of the standard library's listeners is too short for thousands of connections a second.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into()).unwrap();
    listener.listen(4096).unwrap();
    let listener = TcpListener::from(listener);
    let port = listener.local_addr().unwrap().port();
    std::thread::Builder::new().name("listener".to_owned()).spawn(move || listener.incoming().for_each(drop)).unwrap();
    let second = Duration::from_secs(1);
    let timing = Timing { interval: second, timeout: second, fall: 3, rise: 2, retry_interval: second / 10 };
    let monitor = Monitor { name: "tcp".into(), kind: MonitorKind::Tcp(TcpCheck::default()), port, timing };
    let plan = ProbePlan {
        monitors: vec![monitor],
        targets: (0..targets).map(|number| target(number, port)).collect(),
        startup_grace: 5 * second,
        ..ProbePlan::default()
    };
    let prober = Prober::start(plan, Box::new(|_| ())).unwrap();
    let is_first_round_over = prober.wait_for_first_round();
    let metrics = prober.metrics();
    let (began, before, cpu_before) = (Instant::now(), Tally::of(&metrics), cpu_time());
    std::thread::sleep(seconds * second);
    let (elapsed, after, cpu) = (began.elapsed().as_secs_f64(), Tally::of(&metrics), cpu_time() - cpu_before);
    let lags: Vec<u64> = after.lags.iter().zip(before.lags).map(|(after, before)| after - before).collect();
    println!(
        "{{\"targets\": {targets}, \"first_round\": {is_first_round_over}, \"probes_per_second\": {:.0}, \"passed\": {}, \
         \"failed\": {}, \"local_errors\": {}, \"core_share\": {:.2}, \"lag_ms_p50\": {}, \"lag_ms_p99\": {}, \
         \"lag_ms_p999\": {}, \"stretch\": {:.2}}}",
        (after.passed - before.passed) as f64 / elapsed,
        after.passed - before.passed,
        after.failed - before.failed,
        after.local_errors - before.local_errors,
        cpu.as_secs_f64() / elapsed,
        quantile(&lags, 500),
        quantile(&lags, 990),
        quantile(&lags, 999),
        metrics.stretch_thousandths.load(Ordering::Relaxed) as f64 / 1000.0,
    );
    prober.stop();
}

struct Tally {
    passed: u64,
    failed: u64,
    local_errors: u64,
    lags: [u64; LagMetrics::BOUNDS_MICROS.len() + 1],
}

impl Tally {
    fn of(metrics: &Metrics) -> Self {
        let tcp = metrics.of(Kind::Tcp);
        Self {
            passed: tcp.passed.load(Ordering::Relaxed),
            failed: tcp.failed.load(Ordering::Relaxed),
            local_errors: tcp.local_errors.load(Ordering::Relaxed),
            lags: metrics.start_lag.counts(),
        }
    }
}

/// The upper bound in milliseconds that so many thousandths of all starts kept.
fn quantile(lags: &[u64], thousandths: u64) -> String {
    let wanted = (lags.iter().sum::<u64>() * thousandths).div_ceil(1000);
    let mut seen = 0;
    for (count, bound) in lags.iter().zip(LagMetrics::BOUNDS_MICROS) {
        seen += count;
        if seen >= wanted {
            return (bound / 1000).to_string();
        }
    }
    "null".to_owned()
}

/// Processor time of the prober's thread, in user and kernel mode together.
fn cpu_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let ticks = tasks.filter_map(|task| {
        let stat = std::fs::read_to_string(task.ok()?.path().join("stat")).ok()?;
        let (name, rest) = stat.split_once(") ")?;
        if !name.ends_with("(azimuth-probe") {
            return None;
        }
        let fields: Vec<u64> = rest.split(' ').skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
        Some(fields.iter().sum::<u64>())
    });
    // A tick is a hundredth of a second wherever Linux runs today.
    Duration::from_millis(ticks.sum::<u64>() * 10)
}
