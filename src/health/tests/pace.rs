//! Phases: spread, kept, and found again.

use super::{TIMING, at_millis, seen};
use crate::base::UnixTime;
use crate::health::{Factor, Machine, Pace};
use std::time::Duration;

fn machine(signs: &str) -> Machine {
    let mut machine = Machine::new(TIMING);
    for sign in signs.chars() {
        machine.observe(&seen(sign));
    }
    machine
}

/// Starts of probes that take 3 ms, from a first one on.
fn starts(pace: &mut Pace, machine: &Machine, first: UnixTime, count: usize) -> Vec<UnixTime> {
    let next = |last: &UnixTime| Some(pace.next_start(machine, *last, *last + Duration::from_millis(3), Factor::ONE));
    std::iter::successors(Some(first), next).take(count).collect()
}

#[test]
fn phases_of_any_run_of_numbers_are_spread_over_the_interval() {
    for first in [0, 7, 123_456] {
        for len in [2_u64, 5, 50, 1000] {
            let mut offsets: Vec<Duration> =
                (first..first + len).map(|number| Pace::new(number).offset(TIMING.interval)).collect();
            offsets.sort_unstable();
            let around = TIMING.interval - *offsets.last().unwrap() + offsets[0];
            let gaps = offsets.windows(2).map(|pair| pair[1] - pair[0]).chain([around]);
            let even = TIMING.interval / u32::try_from(len).unwrap();
            assert!(gaps.max().unwrap() < even * 3, "{len} from {first} on");
        }
    }
}

#[test]
fn phase_is_kept_without_drift() {
    let mut pace = Pace::new(3);
    let starts = starts(&mut pace, &machine("+"), at_millis(777), 50);
    for pair in starts[1..].windows(2) {
        assert_eq!(pair[1].since(pair[0]), TIMING.interval);
    }
}

#[test]
fn after_an_early_first_probe_the_second_comes_within_an_interval_and_in_phase() {
    for number in 0..100 {
        let mut pace = Pace::new(number);
        let first = at_millis(number * 5);
        let second = pace.next_start(&machine("+"), first, first, Factor::ONE);
        assert!(second > first && second.since(first) <= TIMING.interval);
        let offset = u64::try_from(pace.offset(TIMING.interval).as_micros()).unwrap();
        assert_eq!(second.0 % 5_000_000, offset);
    }
}

#[test]
fn retries_leave_the_phase_and_the_next_regular_probe_comes_back_to_it() {
    let mut pace = Pace::new(3);
    let regular = starts(&mut pace, &machine("+"), at_millis(0), 3)[2];
    let end = Duration::from_millis(3);
    let retry = pace.next_start(&machine("+-"), regular, regular + end, Factor::ONE);
    assert_eq!(retry.since(regular), TIMING.retry_interval);
    let back = pace.next_start(&machine("+-+"), retry, retry + end, Factor::ONE);
    assert_eq!(back.since(regular), TIMING.interval);
}

#[test]
fn probes_of_a_down_address_stay_an_interval_apart() {
    let mut pace = Pace::new(3);
    for pair in starts(&mut pace, &machine("-"), at_millis(777), 10).windows(2) {
        assert_eq!(pair[1].since(pair[0]), TIMING.interval);
    }
}

#[test]
fn a_probe_that_overran_its_phase_is_followed_by_one_in_the_next() {
    let mut pace = Pace::new(0);
    let start = UnixTime::from_secs(1000) + Duration::from_millis(100);
    let next = pace.next_start(&machine("+"), start, start + Duration::from_millis(4950), Factor::ONE);
    assert_eq!(next.since(start), TIMING.interval, "phase 0 s, at 1005 s, is over when the probe ends at 1005.05 s");
    let next = pace.next_start(&machine("+"), next, next + Duration::from_millis(3), Factor::ONE);
    assert_eq!(next, UnixTime::from_secs(1010));
}
