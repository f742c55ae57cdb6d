//! The ways of regions, one rule a test. Each is a list of what is seen when, and what the region is at then.

use super::members::{Member, Seen as MemberSeen};
use super::{PROBATION_MAX, Region, Seen};
use crate::base::UnixTime;
use crate::steering::control::course::Course;
use crate::steering::control::memory::Remembered;
use crate::steering::spec::{Failback, Recovery};
use std::time::Duration;

const START: u64 = 1_800_000_000;

fn at(second: u64) -> UnixTime {
    UnixTime::from_secs(START + second)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const UP: Seen = Seen {
    has_enabled: true,
    is_known: true,
    has_down: false,
    is_healthy: true,
    is_forced: false,
    has_report: false,
    has_feed: false,
};
const DOWN: Seen = Seen { is_healthy: false, has_down: true, ..UP };
const DRAINED: Seen = Seen { has_enabled: false, is_known: false, ..DOWN };
const UNKNOWN: Seen = Seen { is_known: false, has_down: false, ..DOWN };
/// One member is down, another has no result.
const HALF: Seen = Seen { is_known: false, ..DOWN };

fn warm() -> Recovery {
    Recovery { warm_up: Some(seconds(90)), ..Recovery::default() }
}

/// What the course is at, in a word, and the share of clients in percent.
fn word(region: &Region, recovery: &Recovery, second: u64) -> String {
    let percent = (region.admitted(recovery, at(second)) * 100.0).round();
    match region.course(recovery, at(second)) {
        Course::Steady => "steady".into(),
        Course::Shedding { .. } | Course::Draining { .. } => "load".into(),
        Course::WarmingUp { .. } => format!("warming {percent}"),
        Course::Probation { .. } => format!("probation {percent}"),
        Course::HeldBack { until: None } => "held".into(),
        Course::HeldBack { until: Some(until) } => format!("held until {}", until.as_secs() - START),
        Course::FailoverDelayed { until } => format!("delayed until {}", until.as_secs() - START),
        Course::Down { since } => format!("down since {}", since.as_secs() - START),
    }
}

fn check(recovery: &Recovery, steps: &[(u64, Seen, &str)]) -> Region {
    let mut region = Region::default();
    for (number, (second, seen, expected)) in steps.iter().enumerate() {
        region.step(seen, recovery, at(*second));
        assert_eq!(word(&region, recovery, *second), *expected, "step {number}, at {second} s");
    }
    region
}

#[test]
fn a_region_that_was_down_long_warms_up_in_a_straight_line() {
    check(
        &warm(),
        &[
            (0, UP, "steady"),
            (10, DOWN, "down since 10"),
            (70, UP, "warming 10"),
            (115, UP, "warming 55"),
            (159, UP, "warming 99"),
            (160, UP, "steady"),
        ],
    );
}

#[test]
fn a_short_down_time_needs_no_warm_up() {
    check(&warm(), &[(0, UP, "steady"), (10, DOWN, "down since 10"), (69, UP, "steady")]);
}

#[test]
fn at_the_start_nothing_warms_up() {
    check(&warm(), &[(0, UNKNOWN, "steady"), (100, UNKNOWN, "steady"), (101, UP, "steady")]);
    // What is found down at the start and recovers later does.
    check(&warm(), &[(0, DOWN, "down since 0"), (100, UP, "warming 10")]);
}

#[test]
fn without_warm_up_a_region_has_all_at_once() {
    check(&Recovery::default(), &[(0, UP, "steady"), (10, DOWN, "down since 10"), (500, UP, "steady")]);
}

#[test]
fn failing_again_while_warming_up_starts_it_over_however_short_it_was() {
    check(
        &warm(),
        &[
            (0, UP, "steady"),
            (10, DOWN, "down since 10"),
            (100, UP, "warming 10"),
            (150, UP, "warming 60"),
            (151, DOWN, "down since 151"),
            (153, UP, "warming 10"),
            (243, UP, "steady"),
        ],
    );
}

#[test]
fn a_failing_region_goes_on_until_its_delay_is_over() {
    let recovery = Recovery { failover_delay: seconds(30), ..warm() };
    check(
        &recovery,
        &[
            (0, UP, "steady"),
            (10, DOWN, "delayed until 40"),
            (39, DOWN, "delayed until 40"),
            (40, DOWN, "down since 10"),
            (70, UP, "warming 10"),
        ],
    );
    // One that recovers in time was never left.
    check(
        &recovery,
        &[(0, UP, "steady"), (10, DOWN, "delayed until 40"), (39, UP, "steady"), (50, DOWN, "delayed until 80")],
    );
}

#[test]
fn what_an_operator_takes_away_goes_at_once_and_comes_back_warm_but_not_held() {
    let recovery =
        Recovery { failover_delay: seconds(30), failback: Failback::Manual, failback_delay: seconds(60), ..warm() };
    check(&recovery, &[(0, UP, "steady"), (10, DRAINED, "down since 10"), (20, UP, "steady")]);
    check(&recovery, &[(0, UP, "steady"), (10, DRAINED, "down since 10"), (80, UP, "warming 10")]);
    // One that failed while it was drained waits as others do.
    check(
        &recovery,
        &[(0, UP, "steady"), (10, DRAINED, "down since 10"), (80, DOWN, "down since 10"), (90, UP, "held")],
    );
}

#[test]
fn a_recovered_region_waits_out_its_failback_delay() {
    let recovery = Recovery { failback_delay: seconds(120), ..warm() };
    check(
        &recovery,
        &[
            (0, UP, "steady"),
            (10, DOWN, "down since 10"),
            (20, UP, "held until 140"),
            (139, UP, "held until 140"),
            // It had no clients for long, so it warms up.
            (140, UP, "warming 10"),
        ],
    );
    // Flapping makes it wait anew.
    check(
        &recovery,
        &[
            (0, UP, "steady"),
            (10, DOWN, "down since 10"),
            (20, UP, "held until 140"),
            (100, DOWN, "down since 10"),
            (110, UP, "held until 230"),
        ],
    );
}

#[test]
fn manual_failback_waits_for_the_operator() {
    let recovery = Recovery { failback: Failback::Manual, ..warm() };
    let steps = [(0, UP, "steady"), (10, DOWN, "down since 10"), (20, UP, "held"), (90_000, UP, "held")];
    let mut region = check(&recovery, &steps);
    assert!(region.is_held_back());
    assert!(region.release(&recovery, false, at(90_001)));
    assert_eq!(word(&region, &recovery, 90_001), "warming 10");
    assert!(!region.release(&recovery, false, at(90_002)), "it waits no more");
    // Forcing it up is such a word too, and so is configuration that lets it come by itself.
    let mut forced = check(&recovery, &steps);
    forced.step(&Seen { is_forced: true, ..UP }, &recovery, at(90_001));
    assert_eq!(word(&forced, &recovery, 90_001), "steady");
    let mut reloaded = check(&recovery, &steps);
    reloaded.step(&UP, &warm(), at(90_001));
    assert_eq!(word(&reloaded, &warm(), 90_001), "warming 10");
}

#[test]
fn probation_ends_with_the_first_good_report_or_in_the_end_without_one() {
    let recovery = Recovery { probation: Some(0.02), ..warm() };
    let silent = Seen { has_feed: true, ..UP };
    let reports = Seen { has_report: true, ..silent };
    let steps = [
        (0, reports, "steady"),
        (10, DOWN, "down since 10"),
        (100, silent, "probation 2"),
        (150, silent, "probation 2"),
    ];
    let mut region = check(&recovery, &steps);
    region.step(&reports, &recovery, at(151));
    assert_eq!(word(&region, &recovery, 151), "warming 10");
    let mut region = check(&recovery, &steps);
    let end = 100 + PROBATION_MAX.as_secs();
    region.step(&silent, &recovery, at(end));
    assert_eq!(word(&region, &recovery, end), "warming 10");
    // Without a feed there is nothing to wait for.
    check(&recovery, &[(0, UP, "steady"), (10, DOWN, "down since 10"), (100, UP, "warming 10")]);
}

#[test]
fn no_results_after_a_reload_change_nothing() {
    check(&warm(), &[(0, UP, "steady"), (10, UNKNOWN, "steady"), (200, UNKNOWN, "steady"), (201, UP, "steady")]);
    check(
        &warm(),
        &[
            (0, UP, "steady"),
            (10, DOWN, "down since 10"),
            (100, UP, "warming 10"),
            (110, UNKNOWN, "warming 20"),
            (145, UP, "warming 55"),
        ],
    );
}

#[test]
fn a_region_fails_when_the_result_that_could_save_it_does_not_come() {
    let manual = Recovery { failback: Failback::Manual, failover_delay: seconds(30), ..warm() };
    check(
        &manual,
        &[
            (0, UP, "steady"),
            (10, HALF, "steady"),
            (309, HALF, "steady"),
            (310, HALF, "down since 10"),
            (311, HALF, "down since 10"),
            (400, UP, "held"),
            (410, HALF, "held"),
            (710, HALF, "down since 10"),
            (711, UP, "held"),
        ],
    );
    // A result in time decides as ever, and is not waited for again from the first moment.
    check(
        &warm(),
        &[(0, UP, "steady"), (10, HALF, "steady"), (200, UP, "steady"), (210, HALF, "steady"), (500, HALF, "steady")],
    );
    // At the start too; but without any result nothing is known to have failed.
    check(&warm(), &[(0, HALF, "steady"), (300, HALF, "down since 0"), (400, UP, "warming 10")]);
    check(&warm(), &[(0, UNKNOWN, "steady"), (9000, UNKNOWN, "steady"), (9001, UP, "steady")]);
    // Meanwhile it does not come back: what was left is left.
    let steps = [(0, UP, "steady"), (10, DOWN, "delayed until 40"), (20, HALF, "delayed until 40")];
    let mut region = check(&manual, &steps);
    region.step(&HALF, &manual, at(320));
    assert_eq!(word(&region, &manual, 320), "down since 20");
    assert!(!region.is_failing());
}

#[test]
fn a_restart_forgets_neither_waiting_nor_delays_and_warms_nothing_up() {
    let recovery = Recovery { failover_delay: seconds(30), failback_delay: seconds(120), ..warm() };
    let name = "eu".into();
    for (steps, state, after, expected) in [
        (&[(0, UP, "steady"), (10, DOWN, "delayed until 40")][..], Remembered::Failing, 20, "delayed until 40"),
        (
            &[(0, UP, "steady"), (10, DOWN, "delayed until 40"), (41, DOWN, "down since 10")],
            Remembered::Down,
            50,
            "down since 10",
        ),
        (
            &[
                (0, UP, "steady"),
                (10, DOWN, "delayed until 40"),
                (41, DOWN, "down since 10"),
                (50, UP, "held until 170"),
            ],
            Remembered::HeldBack,
            60,
            "held until 170",
        ),
    ] {
        let memory = check(&recovery, steps).memory(&name).expect("worth remembering");
        assert_eq!(memory.state, state);
        assert_eq!(Remembered::of_word(state.word()), Some(state));
        let mut region = Region::restored(&memory);
        region.step(&UNKNOWN, &recovery, at(after));
        assert_eq!(word(&region, &recovery, after), expected);
    }
    // What recovered while the server was away waits, and does not warm up.
    let down = check(
        &Recovery { failover_delay: Duration::ZERO, ..recovery },
        &[(0, UP, "steady"), (10, DOWN, "down since 10")],
    );
    let mut region = Region::restored(&down.memory(&name).expect("it is down"));
    region.step(&UP, &recovery, at(100));
    assert_eq!(word(&region, &recovery, 100), "held until 220");
    region.step(&UP, &recovery, at(220));
    assert_eq!(word(&region, &recovery, 220), "steady");
    assert_eq!(region.memory(&name), None, "nothing to remember of what is steady");
}

fn ramp_of(steps: &[(u64, bool, bool)]) -> Option<f64> {
    let mut member = Member::default();
    let mut share = None;
    for &(second, answers, region_stayed) in steps {
        let seen = MemberSeen {
            answers,
            is_forced: false,
            is_unknown: false,
            region_stayed,
            has_report: false,
            has_feed: false,
        };
        member.step(&seen, &warm(), at(second));
        share = member.ramp(&warm(), at(second)).map(|ramp| (ramp.share * 100.0).round());
    }
    share
}

#[test]
fn a_member_ramps_when_its_region_stayed() {
    assert_eq!(ramp_of(&[(0, true, true), (10, false, true), (100, true, true)]), Some(10.0));
    assert_eq!(ramp_of(&[(0, true, true), (10, false, true), (100, true, true), (145, true, true)]), Some(55.0));
    assert_eq!(ramp_of(&[(0, true, true), (10, false, true), (100, true, true), (190, true, true)]), None);
    assert_eq!(ramp_of(&[(0, true, true), (10, false, true), (30, true, true)]), None, "it was short");
    assert_eq!(ramp_of(&[(0, true, true), (10, false, true), (100, true, false)]), None, "its region warms up");
    assert_eq!(
        ramp_of(&[(0, true, true), (10, false, true), (100, true, true), (110, false, true), (111, true, true)]),
        Some(10.0)
    );
    assert_eq!(ramp_of(&[(0, true, true)]), None, "at the start");
}
