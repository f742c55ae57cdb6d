//! The counting of results: each sentence of the rules, and a model that recounts the whole history every time.

use super::{TIMING, at_millis, seen};
use crate::health::{Factor, Machine, Status, Timing};
use proptest::prelude::*;
use std::time::Duration;

fn after(signs: &str) -> Machine {
    let mut machine = Machine::new(TIMING);
    for sign in signs.chars() {
        machine.observe(&seen(sign));
    }
    machine
}

#[track_caller]
fn check(signs: &str, status: Status, count: u32) {
    let machine = after(signs);
    assert_eq!((machine.status(), machine.count()), (status, count), "after {signs:?}");
    assert_eq!(machine.is_wavering(), count > 0, "after {signs:?}");
}

#[test]
fn without_a_result_the_status_is_unknown() {
    check("", Status::Unknown, 0);
    check("???", Status::Unknown, 0);
}

#[test]
fn the_first_result_decides_alone() {
    check("+", Status::Up, 0);
    check("-", Status::Down, 0);
    check("??+", Status::Up, 0);
    check("?-", Status::Down, 0);
}

#[test]
fn up_fall_failures_make_it_down() {
    check("+-", Status::Up, 1);
    check("+--", Status::Up, 2);
    check("+---", Status::Down, 0);
}

#[test]
fn up_failures_count_across_successes_so_that_flapping_still_falls() {
    check("+-+-+", Status::Up, 2);
    check("+-+-+-", Status::Down, 0);
    check("+-++-++-", Status::Down, 0);
}

#[test]
fn up_fall_successes_in_a_row_clear_the_failures() {
    check("+--++", Status::Up, 2);
    check("+--+++", Status::Up, 0);
    check("+--+++--", Status::Up, 2);
}

#[test]
fn down_rise_successes_in_a_row_make_it_up() {
    check("-+", Status::Down, 1);
    check("-++", Status::Up, 0);
    check("-+-+", Status::Down, 1);
    check("-+-++", Status::Up, 0);
}

#[test]
fn local_errors_are_no_result() {
    check("+-?-?", Status::Up, 2);
    check("+--+?+?+", Status::Up, 0);
    check("-+?+", Status::Up, 0);
}

#[test]
fn after_a_failure_of_an_up_address_the_next_probe_starts_retry_interval_after_its_start() {
    let machine = after("+-");
    assert_eq!(machine.next_start(at_millis(0), at_millis(3), Factor::ONE), at_millis(200));
    assert_eq!(machine.next_start(at_millis(0), at_millis(200), Factor::ONE), at_millis(200));
}

#[test]
fn or_at_its_end_where_that_is_later() {
    assert_eq!(after("+-").next_start(at_millis(0), at_millis(2000), Factor::ONE), at_millis(2000));
}

#[test]
fn after_a_success_the_next_probe_waits_for_the_interval_even_while_failures_count() {
    assert_eq!(after("+").next_start(at_millis(0), at_millis(3), Factor::ONE), at_millis(5000));
    assert_eq!(after("+-+").next_start(at_millis(0), at_millis(3), Factor::ONE), at_millis(5000));
}

#[test]
fn recovery_is_never_hurried() {
    for signs in ["-", "-+", "-+-", "+---", "---", "+---+"] {
        assert_eq!(
            after(signs).next_start(at_millis(0), at_millis(3), Factor::ONE),
            at_millis(5000),
            "after {signs:?}"
        );
    }
}

#[test]
fn a_local_error_is_retried_at_the_next_interval() {
    assert_eq!(after("+-?").next_start(at_millis(0), at_millis(3), Factor::ONE), at_millis(5000));
    assert_eq!(after("?").next_start(at_millis(0), at_millis(3), Factor::ONE), at_millis(5000));
}

#[test]
fn a_probe_longer_than_the_interval_keeps_the_phase() {
    assert_eq!(after("+").next_start(at_millis(0), at_millis(5000), Factor::ONE), at_millis(5000));
    assert_eq!(after("+").next_start(at_millis(0), at_millis(5001), Factor::ONE), at_millis(10_000));
    assert_eq!(after("+").next_start(at_millis(0), at_millis(12_000), Factor::ONE), at_millis(15_000));
}

#[test]
fn counters_stay_when_the_timing_changes() {
    let mut machine = after("+--");
    machine.set_timing(Timing { fall: 5, ..TIMING });
    assert_eq!((machine.status(), machine.count()), (Status::Up, 2));
    machine.observe(&seen('-'));
    assert_eq!((machine.status(), machine.count()), (Status::Up, 3));
    machine.set_timing(Timing { fall: 2, ..TIMING });
    assert_eq!(machine.status(), Status::Up, "a change of timing is no result");
    machine.observe(&seen('-'));
    assert_eq!(machine.status(), Status::Down);
}

#[test]
fn a_changed_monitor_keeps_its_last_status_until_its_own_first_verdict() {
    for (signs, status) in [("+--", Status::Up), ("-+", Status::Down)] {
        let mut machine = after(signs);
        machine.start_over();
        assert_eq!((machine.status(), machine.count()), (status, 0));
        machine.observe(&seen('?'));
        assert_eq!(machine.status(), status, "a local error is no verdict");
        let mut other = machine.clone();
        machine.observe(&seen('+'));
        assert_eq!(machine.status(), Status::Up);
        other.observe(&seen('-'));
        assert_eq!(other.status(), Status::Down);
    }
}

/// The rules, read aloud: status and count after a history, recounted from its beginning.
fn model(history: &str, fall: usize, rise: usize) -> (Status, u32) {
    // "Local errors are no result."
    let results: Vec<bool> = history.chars().filter(|sign| *sign != '?').map(|sign| sign == '+').collect();
    let of = |passed: bool| if passed { Status::Up } else { Status::Down };
    // "The first result decides alone."
    let Some(&first) = results.first() else { return (Status::Unknown, 0) };
    let (mut status, mut since) = (of(first), 1);
    let mut count = 0;
    for end in 1..=results.len() {
        let (changes, counted) = count_of(&results[since..end], status, fall, rise);
        count = counted;
        if changes {
            status = of(status != Status::Up);
            since = end;
            count = 0;
        }
    }
    (status, u32::try_from(count).unwrap())
}

/// Of all results since the status was reached: how many count, and whether that is enough.
fn count_of(results: &[bool], status: Status, fall: usize, rise: usize) -> (bool, usize) {
    if status == Status::Up {
        // "`fall` successes in a row clear them": failures count from behind the last such row.
        let cleared = (0..results.len()).rev().find(|&end| {
            let row = (end + 1).checked_sub(fall);
            row.is_some_and(|start| results[start..=end].iter().all(|passed| *passed))
        });
        let counted = &results[cleared.map_or(0, |end| end + 1)..];
        // "`fall` of them make it down."
        let failures = counted.iter().filter(|passed| !**passed).count();
        (failures >= fall, failures)
    } else {
        // "`rise` successes in a row make it up."
        let successes = results.iter().rev().take_while(|passed| **passed).count();
        (successes >= rise, successes)
    }
}

proptest! {
    #[test]
    fn the_machine_is_the_model(history in "[-+?]{0,60}", fall in 1_u32..5, rise in 1_u32..5) {
        let mut machine = Machine::new(Timing { fall, rise, ..TIMING });
        for (index, sign) in history.char_indices() {
            machine.observe(&seen(sign));
            let expected = model(&history[..=index], fall as usize, rise as usize);
            prop_assert_eq!((machine.status(), machine.count()), expected, "after {:?}", &history[..=index]);
        }
    }

    #[test]
    fn the_next_probe_never_starts_before_the_last_one_ended(
        history in "[-+?]{0,8}",
        start in 0_u64..10_000,
        length in 0_u64..20_000,
    ) {
        let (started, ended) = (at_millis(start), at_millis(start + length));
        let machine = after(&history);
        let next = machine.next_start(started, ended, Factor::ONE);
        prop_assert!(next >= ended && next > started);
        let is_late = next.since(ended) > Duration::from_secs(5);
        prop_assert!(!is_late);
    }
}
