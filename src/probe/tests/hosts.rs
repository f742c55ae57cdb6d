//! Host names as targets, by the system's resolver.

use super::http_check;
use super::scheduler::{Bench, plan, target};
use super::servers::Server;
use crate::health::{Endpoint, Status, TargetKey};
use crate::probe::spec::{MonitorKind, TcpCheck};
use std::sync::atomic::Ordering;

fn host(name: &str, port: u16) -> TargetKey {
    TargetKey { monitor: "web".into(), endpoint: Endpoint::Host(name.into(), port) }
}

#[test]
fn a_host_is_probed_at_its_addresses() {
    let server = Server::http(200, "");
    let key = host("localhost.", server.address.port());
    let bench = Bench::start(plan(MonitorKind::Http(http_check()), vec![target(&key)]));
    assert!(bench.prober.wait_for_first_round());
    bench.wait_for(&key, Status::Up);
    server.shared.sick.store(true, Ordering::Relaxed);
    bench.wait_for(&key, Status::Down);
    let error = bench.state(&key).last_error;
    assert_eq!(&*error, format!("127.0.0.1:{}: status 503, expected 200-299", server.address.port()));
}

#[test]
fn a_host_that_cannot_be_resolved_has_failed_with_a_reason() {
    let key = host("nowhere.invalid.", 80);
    let bench = Bench::start(plan(MonitorKind::Tcp(TcpCheck::default()), vec![target(&key)]));
    bench.wait_for(&key, Status::Down);
    let error = bench.state(&key).last_error;
    assert!(error.starts_with("`nowhere.invalid` has no address: "), "{error}");
    assert!(bench.prober.metrics().resolve_failures.load(Ordering::Relaxed) > 0);
}
