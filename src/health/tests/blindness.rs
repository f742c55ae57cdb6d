//! The rule for a blind checker: when states are held, when not, and how a hold ends.

use super::{Bench, TIMING, key, seen};
use crate::health::{AddressId, Event, Status, TargetKey, Timing};
use proptest::prelude::*;
use std::time::Duration;

const HOLD: Duration = Duration::from_secs(30);

/// Targets that are up, in these regions.
fn up_in(regions: &[&str]) -> (Bench, Vec<AddressId>, Vec<TargetKey>) {
    let mut bench = Bench::new(HOLD);
    let keys: Vec<TargetKey> = (1..).take(regions.len()).map(key).collect();
    let ids: Vec<AddressId> = keys.iter().zip(regions).map(|(key, region)| bench.add(key, region)).collect();
    for id in &ids {
        bench.see(*id, "+");
    }
    bench.wait(1000).events();
    (bench, ids, keys)
}

fn has_alarm(events: &[Event]) -> bool {
    events.iter().any(|event| matches!(event, Event::Blind { .. }))
}

/// Every target fails until it would be down, one after the other, 500 ms apart.
fn fail_all(bench: &mut Bench, ids: &[AddressId]) {
    for id in ids {
        bench.see(*id, "---").wait(500);
    }
}

#[test]
fn when_every_up_target_starts_failing_within_one_interval_states_are_held_with_an_alarm() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    fail_all(&mut bench, &ids);
    assert_eq!(bench.statuses(&keys), [Status::Up; 4]);
    assert!(bench.fleet.is_holding());
    let events = bench.events();
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Blind { addresses: 4, .. })).count(), 1);
}

#[test]
fn targets_that_fell_before_the_last_one_started_failing_are_up_again() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    bench.see(ids[0], "---");
    assert_eq!(bench.changes(), ["192.0.2.1:80 up -> down"]);
    bench.see(ids[1], "-").see(ids[2], "-").see(ids[3], "-");
    assert_eq!(bench.changes(), ["192.0.2.1:80 down -> up"]);
    assert!(bench.fleet.state(&keys[0]).unwrap().wavering, "it may change at any time");
}

#[test]
fn a_region_s_total_failure_where_other_targets_pass_is_never_held() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "eu", "eu", "us"]);
    fail_all(&mut bench, &ids[..4]);
    assert_eq!(bench.statuses(&keys[..4]), [Status::Down; 4]);
    assert!(!has_alarm(&bench.events()));
}

#[test]
fn fewer_than_four_targets_are_never_held() {
    let (mut bench, ids, keys) = up_in(&["eu", "us", "asia"]);
    fail_all(&mut bench, &ids);
    assert_eq!(bench.statuses(&keys), [Status::Down; 3]);
}

#[test]
fn targets_of_one_region_are_never_held() {
    let (mut bench, ids, keys) = up_in(&["eu"; 6]);
    fail_all(&mut bench, &ids);
    assert_eq!(bench.statuses(&keys), [Status::Down; 6]);
}

#[test]
fn targets_that_were_not_up_do_not_count() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    bench.see(ids[0], "---").wait(60_000).see(ids[1], "+").changes();
    fail_all(&mut bench, &ids[1..]);
    assert_eq!(bench.statuses(&keys), [Status::Down; 4], "only three were up");
}

#[test]
fn a_target_that_fell_while_others_passed_stays_down_when_they_fail_too() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us", "us"]);
    bench.see(ids[0], "---").see(ids[1], "+").wait(100);
    fail_all(&mut bench, &ids[1..]);
    assert_eq!(bench.status(&keys[0]), Status::Down, "it fell for good reason");
    assert_eq!(bench.statuses(&keys[1..]), [Status::Up; 4]);
}

#[test]
fn regions_that_fail_one_after_the_other_are_not_held() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    fail_all(&mut bench, &ids[..2]);
    bench.see(ids[2], "+").see(ids[3], "+").wait(1000);
    fail_all(&mut bench, &ids[2..]);
    assert_eq!(bench.statuses(&keys), [Status::Down; 4]);
}

#[test]
fn targets_that_start_failing_over_more_than_an_interval_are_not_held() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    for id in &ids {
        bench.see(*id, "-").wait(3000);
    }
    assert!(!has_alarm(&bench.events()));
    for id in &ids {
        bench.see(*id, "--");
    }
    assert_eq!(bench.statuses(&keys), [Status::Down; 4]);
}

#[test]
fn hangs_count_from_when_they_are_observed_so_the_timeout_is_not_part_of_the_interval() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    // The first refuses at once, the last was probed an interval later and hung until its timeout.
    bench.see(ids[0], "-").see(ids[1], "-").see(ids[2], "-").wait(6900).see(ids[3], "-");
    assert!(bench.fleet.is_holding());
    assert_eq!(bench.statuses(&keys), [Status::Up; 4]);
}

#[test]
fn a_target_without_a_result_on_this_side_says_nothing_either_way() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us", "asia"]);
    bench.see(ids[4], "?");
    fail_all(&mut bench, &ids[..4]);
    assert!(bench.fleet.is_holding());
    assert_eq!(bench.statuses(&keys), [Status::Up; 5]);
}

#[test]
fn while_held_a_new_target_is_held_too() {
    let (mut bench, ids, _) = up_in(&["eu", "eu", "us", "us"]);
    fail_all(&mut bench, &ids);
    let new = bench.add(&key(9), "eu");
    bench.see(new, "-");
    assert_eq!(bench.status(&key(9)), Status::Unknown);
    bench.see(new, "+");
    assert_eq!(bench.status(&key(9)), Status::Up, "its first result in sight decides");
}

#[test]
fn after_the_hold_states_follow_what_was_observed() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    bench.see(ids[0], "---").see(ids[1], "---").see(ids[2], "---").see(ids[3], "--");
    bench.wait(29_990);
    assert_eq!(bench.statuses(&keys), [Status::Up; 4]);
    assert_eq!(bench.fleet.deadline(), Some(super::at_millis(1000 + 4 + 10) + HOLD));
    bench.events();
    bench.wait(1000);
    assert_eq!(bench.statuses(&keys), [Status::Down, Status::Down, Status::Down, Status::Up]);
    assert!(bench.fleet.state(&keys[3]).unwrap().wavering, "two of three failures count");
    assert!(bench.events().contains(&Event::HoldEnded { expired: true }));
    bench.see(ids[3], "-");
    assert_eq!(bench.status(&keys[3]), Status::Down);
}

#[test]
fn when_a_probe_passes_the_checker_sees_and_each_target_is_judged_by_its_own_next_result() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    fail_all(&mut bench, &ids);
    bench.see(ids[0], "---").events();
    bench.see(ids[1], "+");
    assert!(bench.events().contains(&Event::SeesAgain { key: keys[1].clone() }));
    assert_eq!(bench.statuses(&keys), [Status::Up; 4], "nobody is down because one passed");
    bench.see(ids[2], "+");
    assert_eq!(bench.status(&keys[2]), Status::Up, "its failures were the checker's");
    assert!(!bench.fleet.state(&keys[2]).unwrap().wavering);
    bench.see(ids[0], "-");
    assert_eq!(bench.status(&keys[0]), Status::Down, "held failures are not lost");
    assert!(bench.fleet.is_holding());
    bench.see(ids[3], "-");
    assert!(!bench.fleet.is_holding());
    assert!(bench.events().contains(&Event::HoldEnded { expired: false }));
    assert_eq!(bench.statuses(&keys), [Status::Down, Status::Up, Status::Up, Status::Down]);
}

#[test]
fn failures_that_counted_before_the_blindness_still_count_after_it() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    bench.see(ids[0], "-+");
    fail_all(&mut bench, &ids);
    bench.see(ids[0], "+");
    assert_eq!(bench.fleet.state(&keys[0]).unwrap().count, 1);
}

#[test]
fn a_blind_checker_that_comes_back_marks_nobody_down() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us", "asia"]);
    fail_all(&mut bench, &ids);
    bench.wait(10_000).changes();
    for id in &ids {
        bench.see(*id, "+");
    }
    assert_eq!(bench.changes(), [""; 0]);
    assert_eq!(bench.statuses(&keys), [Status::Up; 5]);
    assert!(!bench.fleet.is_holding());
}

#[test]
fn a_second_blindness_is_held_as_the_first_was() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    fail_all(&mut bench, &ids);
    for id in &ids {
        bench.see(*id, "+").wait(100);
    }
    bench.wait(5000).events();
    fail_all(&mut bench, &ids);
    assert!(has_alarm(&bench.events()));
    assert_eq!(bench.statuses(&keys), [Status::Up; 4]);
}

#[test]
fn removing_every_held_target_ends_the_hold() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    fail_all(&mut bench, &ids);
    for key in &keys {
        bench.fleet.remove(key, &mut bench.events);
    }
    assert!(!bench.fleet.is_holding());
}

#[test]
fn a_hold_of_zero_switches_the_rule_off() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    bench.fleet.set_hold(Duration::ZERO);
    fail_all(&mut bench, &ids);
    assert_eq!(bench.statuses(&keys), [Status::Down; 4]);
}

/// A target that is watched by a file on this machine, and up.
fn add_local(bench: &mut Bench, key: &TargetKey) -> AddressId {
    let id = bench.add(key, "asia");
    bench.fleet.set_local(key, true);
    bench.see(id, "+");
    id
}

#[test]
fn a_target_that_needs_no_network_does_not_refute_the_suspicion() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    let local = add_local(&mut bench, &key(9));
    for id in &ids {
        bench.see(*id, "---").see(local, "+");
    }
    assert!(bench.fleet.is_holding());
    assert_eq!(bench.statuses(&keys), [Status::Up; 4]);
}

#[test]
fn a_target_that_needs_no_network_neither_ends_a_hold_nor_is_held() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    let local = add_local(&mut bench, &key(9));
    fail_all(&mut bench, &ids);
    bench.events();
    bench.see(local, "+");
    assert!(!bench.events().iter().any(|event| matches!(event, Event::SeesAgain { .. })));
    bench.see(local, "---");
    assert_eq!(bench.status(&key(9)), Status::Down, "what the file says holds");
    for id in &ids {
        bench.see(*id, "-");
    }
    assert_eq!(bench.statuses(&keys), [Status::Up; 4]);
    for id in &ids {
        bench.see(*id, "+");
    }
    assert!(!bench.fleet.is_holding(), "nobody waits for the file");
}

#[test]
fn files_that_say_down_for_all_are_no_blindness() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    for key in &keys {
        bench.fleet.set_local(key, true);
    }
    fail_all(&mut bench, &ids);
    assert_eq!(bench.statuses(&keys), [Status::Down; 4]);
}

/// A target that is probed once a minute, and up.
fn add_rare(bench: &mut Bench, key: &TargetKey) -> AddressId {
    let id = bench.add_timed(key, "asia", Timing { interval: Duration::from_secs(60), ..TIMING });
    bench.see(id, "+");
    id
}

#[test]
fn a_result_from_before_the_first_failure_refutes_nothing_where_the_next_is_not_due() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    add_rare(&mut bench, &key(9));
    bench.wait(500);
    fail_all(&mut bench, &ids);
    assert!(bench.fleet.is_holding());
    assert_eq!(bench.statuses(&keys), [Status::Up; 4]);
}

#[test]
fn a_rare_probe_that_passes_after_the_first_failure_refutes_the_suspicion() {
    let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us"]);
    let rare = add_rare(&mut bench, &key(9));
    bench.see(ids[0], "-").see(rare, "+").see(ids[1], "-").see(ids[2], "-").see(ids[3], "-");
    assert!(!bench.fleet.is_holding());
    for id in &ids {
        bench.see(*id, "--");
    }
    assert_eq!(bench.statuses(&keys), [Status::Down; 4]);
}

#[test]
fn rare_probes_alone_are_judged_by_their_own_pace() {
    let (mut bench, _, _) = up_in(&[]);
    let keys: Vec<TargetKey> = (1..=5).map(key).collect();
    let ids: Vec<AddressId> = keys.iter().map(|key| add_rare(&mut bench, key)).collect();
    bench.fleet.insert(keys[0].clone(), vec!["eu".into()], Timing { interval: Duration::from_secs(60), ..TIMING });
    for id in &ids[..4] {
        bench.see(*id, "-").wait(10_000);
    }
    assert!(!bench.fleet.is_holding(), "the fifth passes, and is as rare");
    bench.see(ids[4], "-");
    assert!(bench.fleet.is_holding());
}

proptest! {
    /// Whatever happens: states move by results that are allowed to move them, counts of the fleet stay right (else the
    /// subtraction panics), and with the hold over the fleet says what single machines say.
    #[test]
    fn holding_never_outlives_its_time_and_never_marks_down(
        steps in proptest::collection::vec((0_usize..6, "[-+?]", 0_u64..2000), 0..200),
    ) {
        let (mut bench, ids, keys) = up_in(&["eu", "eu", "us", "us", "asia", "asia"]);
        let mut held_since = None;
        for (target, sign, wait) in steps {
            bench.wait(wait);
            let was_blind = bench.fleet.is_holding();
            bench.events();
            let now = bench.now();
            bench.fleet.observe(ids[target], seen(sign.chars().next().unwrap()), now, now, &mut bench.events);
            if was_blind && sign == "-" {
                let others = bench.changes().into_iter().filter(|change| {
                    !change.starts_with(&format!("{} ", keys[target].endpoint))
                });
                prop_assert_eq!(others.count(), 0, "a failure may move its own target only");
            }
            held_since = bench.fleet.is_holding().then(|| held_since.unwrap_or(now));
            if let Some(since) = held_since {
                prop_assert!(now.since(since) <= HOLD + TIMING.interval);
            }
        }
        for id in &ids {
            bench.see(*id, "++++++");
        }
        prop_assert_eq!(bench.statuses(&keys), [Status::Up; 6]);
        prop_assert!(!bench.fleet.is_holding());
    }
}
