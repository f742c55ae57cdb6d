//! Intervals become longer while the machine does not keep up, evenly, and shorter again afterwards.

use super::{TIMING, at_millis, seen};
use crate::health::{Factor, Machine, Pace, Stretch};
use std::collections::BTreeSet;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Rounds of a second with 100 starts each, all with the same lag.
fn rounds(stretch: &mut Stretch, from_second: u64, seconds: u64, lag_millis: u64) {
    for millis in (from_second * 1000..(from_second + seconds) * 1000).step_by(10) {
        stretch.observe(Duration::from_millis(lag_millis), SECOND, at_millis(millis));
    }
}

#[test]
fn intervals_stay_as_configured_while_starts_are_on_time() {
    let mut stretch = Stretch::default();
    rounds(&mut stretch, 0, 100, 20);
    assert_eq!(stretch.factor(), Factor::ONE);
}

#[test]
fn one_late_round_changes_nothing() {
    let mut stretch = Stretch::default();
    for second in 0..50 {
        rounds(&mut stretch, second, 1, if second % 2 == 0 { 5000 } else { 0 });
    }
    assert_eq!(stretch.factor(), Factor::ONE);
}

#[test]
fn late_rounds_make_intervals_longer_up_to_a_limit() {
    let mut stretch = Stretch::default();
    rounds(&mut stretch, 0, 4, 5000);
    assert!(stretch.factor() > Factor::ONE);
    rounds(&mut stretch, 4, 10_000, 5000);
    assert_eq!(stretch.factor(), Factor::MAX);
}

#[test]
fn what_is_late_depends_on_the_interval() {
    let mut stretch = Stretch::default();
    for millis in (0..600_000).step_by(100) {
        stretch.observe(Duration::from_millis(900), 10 * SECOND, at_millis(millis));
    }
    assert_eq!(stretch.factor(), Factor::ONE);
}

#[test]
fn few_starts_say_nothing() {
    let mut stretch = Stretch::default();
    for second in 0..15 {
        assert_eq!(stretch.observe(5 * SECOND, SECOND, at_millis(second * 1000)), None);
    }
}

#[test]
fn calm_rounds_bring_the_configured_intervals_back() {
    let mut stretch = Stretch::default();
    rounds(&mut stretch, 0, 6, 5000);
    // The round in between has some of both.
    rounds(&mut stretch, 6, 4, 0);
    let stretched = stretch.factor();
    rounds(&mut stretch, 10, 5, 0);
    assert_eq!(stretch.factor(), stretched, "not before it was calm for a while");
    rounds(&mut stretch, 15, 600, 0);
    assert_eq!(stretch.factor(), Factor::ONE);
}

#[test]
fn between_late_and_calm_the_factor_stays() {
    let mut stretch = Stretch::default();
    rounds(&mut stretch, 0, 6, 5000);
    rounds(&mut stretch, 6, 4, 60);
    let stretched = stretch.factor();
    rounds(&mut stretch, 10, 600, 60);
    assert_eq!(stretch.factor(), stretched);
}

#[test]
fn after_a_relapse_the_next_attempt_waits_twice_as_long() {
    let calm_until_shorter = |stretch: &mut Stretch, second: &mut u64| {
        let (before, began) = (stretch.factor(), *second);
        while stretch.factor() == before {
            rounds(stretch, *second, 1, 0);
            *second += 1;
        }
        *second - began
    };
    let (mut stretch, mut second) = (Stretch::default(), 20);
    rounds(&mut stretch, 0, 20, 5000);
    let first = calm_until_shorter(&mut stretch, &mut second);
    rounds(&mut stretch, second, 30, 5000);
    second += 30;
    let again = calm_until_shorter(&mut stretch, &mut second);
    assert!(again >= first * 3 / 2, "{first} s, then {again} s");
}

#[test]
fn a_factor_multiplies_and_reads_well() {
    let mut stretch = Stretch::default();
    rounds(&mut stretch, 0, 4, 5000);
    let factor = stretch.factor();
    assert!(factor.of(SECOND) > SECOND);
    assert_eq!(Factor::ONE.of(Duration::MAX), Duration::MAX);
    assert_eq!(Factor::ONE.to_string(), "1.00");
    assert_eq!(Factor::MAX.to_string(), "64.00");
}

#[test]
fn a_stretched_probe_starts_a_stretched_interval_after_the_last_and_retries_likewise() {
    let mut machine = Machine::new(TIMING);
    machine.observe(&seen('+'));
    let mut pace = Pace::new(1);
    let next = pace.next_start(&machine, at_millis(0), at_millis(3), Factor::MAX);
    assert_eq!(next, at_millis(5000 * 64));
    machine.observe(&seen('-'));
    let retry = pace.next_start(&machine, at_millis(0), at_millis(3), Factor::MAX);
    assert_eq!(retry, at_millis(200 * 64));
}

/// A machine that starts so many probes a second and not more, with targets at an interval of a second.
struct Loop {
    stretch: Stretch,
    due: BTreeSet<(u64, usize)>,
    starts: Vec<Vec<u64>>,
    now_millis: u64,
    credit: u64,
}

impl Loop {
    fn new(targets: usize) -> Self {
        let due = (0..targets).map(|target| ((target * 1000 / targets) as u64, target)).collect();
        Self { stretch: Stretch::default(), due, starts: vec![Vec::new(); targets], now_millis: 0, credit: 0 }
    }

    fn run(&mut self, seconds: u64, starts_a_second: u64) {
        for _ in 0..seconds * 1000 {
            self.now_millis += 1;
            self.credit = (self.credit + starts_a_second).min(starts_a_second * 10);
            while self.credit >= 1000
                && let Some(&(planned, target)) = self.due.first()
                && planned <= self.now_millis
            {
                self.credit -= 1000;
                self.due.pop_first();
                self.starts[target].push(self.now_millis);
                let lag = Duration::from_millis(self.now_millis - planned);
                self.stretch.observe(lag, SECOND, at_millis(self.now_millis));
                let factor = self.stretch.factor();
                let interval = u64::try_from(factor.of(SECOND).as_millis()).unwrap();
                let from = factor.next_after(at_millis(planned), at_millis(self.now_millis)).since(at_millis(0));
                let from = u64::try_from(from.as_millis()).unwrap();
                let next = from + (self.now_millis - from).div_ceil(interval).max(1) * interval;
                self.due.insert((next, target));
            }
        }
    }
}

#[test]
fn a_machine_that_can_start_a_third_of_the_probes_settles_at_intervals_three_to_five_times_as_long() {
    let mut machine = Loop::new(900);
    machine.run(120, 300);
    let settled = machine.stretch.factor().thousandths();
    assert!((3000..5000).contains(&settled), "{settled}");
    machine.starts.iter_mut().for_each(Vec::clear);
    machine.run(60, 300);
    let counts: Vec<usize> = machine.starts.iter().map(Vec::len).collect();
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least * 10 >= *most * 8, "evenly: {least} to {most} starts");
    machine.run(300, 10_000);
    assert_eq!(machine.stretch.factor(), Factor::ONE);
}

#[test]
fn a_machine_with_room_to_spare_never_stretches() {
    let mut machine = Loop::new(900);
    machine.run(120, 1000);
    assert_eq!(machine.stretch.factor(), Factor::ONE);
}
