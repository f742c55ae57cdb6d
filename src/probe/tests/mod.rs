//! Tests of this room: small servers on loopback that behave in every bad way, and the scheduler among them.
#![expect(clippy::unwrap_used, reason = "test code")]

mod checks;
mod dns;
mod exec;
mod file;
mod grpc;
mod hosts;
mod https;
mod icmp;
mod limits;
mod report;
mod requests;
mod scheduler;
mod servers;
mod talk;
mod tls;
mod udp;

use crate::base::testing::with_time_enough;
use crate::health::{Endpoint, Observation, Timing};
use crate::probe::check::Check;
use crate::probe::spec::{Expectation, HttpCheck, Monitor, MonitorKind};
use crate::probe::tls::TlsStore;
use servers::Server;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Long enough never to be reached unless a test means it to be.
const PATIENCE: Duration = Duration::from_secs(120);

fn timing(timeout: Duration) -> Timing {
    Timing { interval: Duration::from_millis(50), timeout, fall: 3, rise: 2, retry_interval: Duration::from_millis(5) }
}

fn monitor(kind: MonitorKind) -> Monitor {
    Monitor { name: "web".into(), kind, port: 80, timing: timing(PATIENCE) }
}

fn http_check() -> HttpCheck {
    HttpCheck { path: "/healthz?deep=1".to_owned(), ..HttpCheck::default() }
}

/// An answer that contains this.
fn text(text: &str) -> Expectation {
    Expectation { text: Some(text.as_bytes().to_vec()), pattern: None }
}

/// Runs the check of a monitor once.
fn probe_endpoint(monitor: &Monitor, endpoint: &Endpoint, address: SocketAddr) -> Observation {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let check = Check::new(monitor, endpoint, address, &mut TlsStore::default());
    runtime.block_on(check.run())
}

fn probe(monitor: &Monitor, address: SocketAddr) -> Observation {
    probe_endpoint(monitor, &Endpoint::Socket(address), address)
}

fn probe_http(check: HttpCheck, address: SocketAddr) -> Observation {
    probe(&monitor(MonitorKind::Http(check)), address)
}

/// Soon. The system connects on loopback by itself, but nothing that another thread does need have happened by then.
const BRIEF: Duration = Duration::from_millis(250);

/// Runs the check of a monitor whose probes time out soon.
fn probe_briefly(kind: MonitorKind, address: SocketAddr) -> Observation {
    probe(&Monitor { timing: timing(BRIEF), ..monitor(kind) }, address)
}

/// Runs the check of a monitor against a server that goes so far, notes that by [`Shared::reach`], and then hangs. The reason
/// for which it has failed, with `TIMEOUT` in place of the timeout, which is as short as this machine allows.
#[track_caller]
fn probe_until_hung(kind: impl Fn() -> MonitorKind, server: impl Fn() -> Server) -> String {
    let (timeout, seen) = with_time_enough(BRIEF, |timeout| {
        let server = server();
        let began = Instant::now();
        let seen = probe(&Monitor { timing: timing(timeout), ..monitor(kind()) }, server.address);
        (seen, server.shared.reached().map(|at| at.duration_since(began)))
    });
    match seen {
        Observation::Failed { reason } => reason.replace(&format!("{timeout:?}"), "TIMEOUT"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_passed(seen: &Observation) {
    assert!(matches!(seen, Observation::Passed { .. }), "{seen:?}");
}

#[track_caller]
fn assert_failed(seen: &Observation, expected: &str) {
    match seen {
        Observation::Failed { reason } => assert_eq!(&**reason, expected),
        other => panic!("{other:?}, expected a failure: {expected}"),
    }
}

#[track_caller]
fn assert_local(seen: &Observation, expected: &str) {
    match seen {
        Observation::LocalError { reason } => assert!(reason.contains(expected), "{reason}, expected {expected}"),
        other => panic!("{other:?}, expected a local error: {expected}"),
    }
}
