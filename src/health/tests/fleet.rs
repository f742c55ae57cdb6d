//! Targets and their addresses: host names, and what a reload does.

use super::{Bench, TIMING, key, reason, socket};
use crate::health::{AddressId, Endpoint, Event, Status, TargetKey, Timing};
use std::time::Duration;

fn host() -> TargetKey {
    TargetKey { monitor: "web".into(), endpoint: Endpoint::Host("lb.example.net.".into(), 80) }
}

fn host_with(addresses: &[u8]) -> (Bench, Vec<AddressId>) {
    let mut bench = Bench::new(Duration::ZERO);
    bench.fleet.insert(host(), vec!["eu".into()], TIMING);
    let ids = addresses.iter().map(|last| bench.fleet.add_address(&host(), socket(*last)).unwrap()).collect();
    (bench, ids)
}

#[test]
fn a_change_is_told_when_status_or_wavering_changes_and_at_no_other_time() {
    let mut bench = Bench::new(Duration::ZERO);
    let id = bench.add(&key(1), "eu");
    for (sign, told) in [("+", 1), ("+", 0), ("-", 1), ("-", 0), ("+", 0), ("?", 0), ("-", 1), ("-", 0), ("+", 1)] {
        bench.see(id, sign);
        assert_eq!(bench.events().len(), told);
    }
}

#[test]
fn a_state_says_since_when_and_why() {
    let mut bench = Bench::new(Duration::ZERO);
    let id = bench.add(&key(1), "eu");
    bench.see(id, "+");
    let state = bench.fleet.state(&key(1)).unwrap().clone();
    assert_eq!((state.latency, &*state.last_error), (Some(Duration::from_millis(3)), ""));
    assert_eq!(state.since, bench.now());
    bench.wait(5000).see(id, "+--");
    let state = bench.fleet.state(&key(1)).unwrap().clone();
    assert_eq!((state.latency, &*state.last_error, state.count), (None, "connection refused", 2));
    assert!(state.since < bench.now() && state.wavering);
    bench.see(id, "-");
    assert_eq!(bench.fleet.state(&key(1)).unwrap().since, bench.now());
}

#[test]
fn without_a_result_the_state_says_why_there_is_none() {
    let mut bench = Bench::new(Duration::ZERO);
    let id = bench.add(&key(1), "eu");
    bench.see(id, "?");
    assert_eq!(&*bench.fleet.state(&key(1)).unwrap().last_error, "no route");
    bench.see(id, "+?");
    assert_eq!(bench.status(&key(1)), Status::Up);
}

#[test]
fn a_host_is_up_while_any_of_its_addresses_is() {
    let (mut bench, ids) = host_with(&[1, 2]);
    bench.see(ids[0], "-");
    assert_eq!(bench.status(&host()), Status::Unknown, "the other address has no result yet");
    bench.see(ids[1], "+");
    assert_eq!(bench.status(&host()), Status::Up);
    bench.see(ids[0], "++").see(ids[1], "---");
    assert_eq!(bench.status(&host()), Status::Up);
    bench.see(ids[0], "---");
    assert_eq!(bench.status(&host()), Status::Down);
    assert_eq!(&*bench.fleet.state(&host()).unwrap().last_error, "192.0.2.1:80: connection refused");
}

#[test]
fn a_host_wavers_when_all_its_up_addresses_do() {
    let (mut bench, ids) = host_with(&[1, 2]);
    bench.see(ids[0], "+--").see(ids[1], "+");
    assert!(!bench.fleet.state(&host()).unwrap().wavering);
    bench.see(ids[1], "-");
    let state = bench.fleet.state(&host()).unwrap();
    assert_eq!((state.wavering, state.count), (true, 1));
}

#[test]
fn an_address_that_cannot_be_probed_from_here_has_no_say() {
    let (mut bench, ids) = host_with(&[1, 2]);
    bench.see(ids[0], "?").see(ids[1], "+");
    assert_eq!(bench.status(&host()), Status::Up);
    bench.see(ids[1], "---").see(ids[0], "?");
    assert_eq!(bench.status(&host()), Status::Down);
}

#[test]
fn a_host_whose_addresses_are_all_replaced_keeps_its_status_until_they_have_results() {
    let (mut bench, ids) = host_with(&[1]);
    bench.see(ids[0], "+");
    let now = bench.now();
    bench.fleet.remove_address(ids[0], now, &mut bench.events);
    let new = bench.fleet.add_address(&host(), socket(9)).unwrap();
    assert_eq!(bench.status(&host()), Status::Up);
    bench.see(new, "-");
    assert_eq!(bench.status(&host()), Status::Down);
}

#[test]
fn last_good_addresses_are_kept_when_resolution_fails() {
    let (mut bench, ids) = host_with(&[1]);
    bench.see(ids[0], "+");
    let now = bench.now();
    bench.fleet.unresolved(&host(), reason("no such name"), now, &mut bench.events);
    assert_eq!(bench.status(&host()), Status::Up);
    assert_eq!(bench.fleet.address_ids(&host()), ids);
}

#[test]
fn a_host_that_never_had_an_address_has_failed_with_a_reason() {
    let (mut bench, _) = host_with(&[]);
    assert!(!bench.fleet.has_been_probed(&host()));
    let now = bench.now();
    bench.fleet.unresolved(&host(), reason("no such name"), now, &mut bench.events);
    assert_eq!(bench.changes(), ["lb.example.net.:80 unknown -> down"]);
    assert_eq!(&*bench.fleet.state(&host()).unwrap().last_error, "no such name");
    assert!(bench.fleet.has_been_probed(&host()));

    let late = bench.fleet.add_address(&host(), socket(1)).unwrap();
    bench.see(late, "+");
    assert_eq!(bench.status(&host()), Status::Up, "its first result decides alone");
}

#[test]
fn a_reload_with_another_timing_leaves_counters_alone() {
    let mut bench = Bench::new(Duration::ZERO);
    let id = bench.add(&key(1), "eu");
    bench.see(id, "+--");
    bench.fleet.insert(key(1), vec!["us".into()], Timing { fall: 4, ..TIMING });
    assert_eq!(bench.fleet.state(&key(1)).unwrap().count, 2);
    bench.see(id, "-");
    assert_eq!(bench.status(&key(1)), Status::Up);
    bench.see(id, "-");
    assert_eq!(bench.status(&key(1)), Status::Down);
}

#[test]
fn a_changed_monitor_keeps_the_status_and_its_first_verdict_decides() {
    let mut bench = Bench::new(Duration::ZERO);
    let id = bench.add(&key(1), "eu");
    bench.see(id, "+--").changes();
    let now = bench.now();
    bench.fleet.start_over(&key(1), now, &mut bench.events);
    assert!(matches!(bench.events().as_slice(), [Event::Changed { change, from: Status::Up }]
        if change.state.status == Status::Up && !change.state.wavering));
    bench.see(id, "-");
    assert_eq!(bench.changes(), ["192.0.2.1:80 up -> down"]);
}

#[test]
fn a_target_whose_port_has_changed_inherits_the_status() {
    let mut bench = Bench::new(Duration::ZERO);
    let old = bench.add(&key(1), "eu");
    bench.see(old, "+-").changes();
    let moved = TargetKey { monitor: "web".into(), endpoint: Endpoint::Socket(([192, 0, 2, 1], 8080).into()) };
    let new = bench.add(&moved, "eu");
    let now = bench.now();
    bench.fleet.inherit(&moved, &key(1), now, &mut bench.events);
    bench.fleet.remove(&key(1), &mut bench.events);
    assert_eq!(bench.changes(), ["192.0.2.1:8080 unknown -> up"]);
    assert!(!bench.fleet.state(&moved).unwrap().wavering);
    bench.see(new, "-");
    assert_eq!(bench.status(&moved), Status::Down);
}

#[test]
fn results_of_removed_addresses_are_ignored() {
    let mut bench = Bench::new(Duration::ZERO);
    let id = bench.add(&key(1), "eu");
    bench.fleet.remove(&key(1), &mut bench.events);
    bench.see(id, "+");
    assert!(bench.events().is_empty() && bench.fleet.state(&key(1)).is_none());
}

#[test]
fn a_warning_stays_until_a_probe_passes_without_it_and_a_captured_value_has_its_time() {
    let mut bench = Bench::new(Duration::ZERO);
    let id = bench.add(&key(1), "eu");
    bench.see_passed(id, Some("expires soon"), Some("0.5"));
    let state = bench.fleet.state(&key(1)).unwrap().clone();
    assert_eq!((state.status, &*state.warning), (Status::Up, "expires soon"));
    let captured = state.captured.unwrap();
    assert_eq!((&*captured.value, captured.at), ("0.5", bench.now()));
    bench.wait(5000).see(id, "-");
    let state = bench.fleet.state(&key(1)).unwrap().clone();
    assert_eq!((&*state.warning, state.captured), ("expires soon", Some(captured)), "a failure says nothing of either");
    bench.see(id, "+");
    let state = bench.fleet.state(&key(1)).unwrap().clone();
    assert_eq!((&*state.warning, state.captured), ("", None));
}

#[test]
fn a_host_has_the_warning_of_its_first_address_that_has_one() {
    let (mut bench, ids) = host_with(&[1, 2]);
    bench.see_passed(ids[1], Some("expires soon"), None).see_passed(ids[0], None, None);
    let warning = |bench: &Bench| bench.fleet.state(&host()).unwrap().warning.to_string();
    assert_eq!(warning(&bench), "192.0.2.2:80: expires soon");
    bench.see_passed(ids[0], Some("expired"), None);
    assert_eq!(warning(&bench), "192.0.2.1:80: expired");
    let now = bench.now();
    bench.fleet.remove_address(ids[0], now, &mut Vec::new());
    bench.see_passed(ids[1], None, None);
    assert_eq!(warning(&bench), "");
}
