//! Single steps; the loop closed is in `simulations`.

use super::{Aim, Entry, step};
use std::time::Duration;

const fn entry(weight: f64, figure: Option<f64>) -> Entry {
    Entry { weight, factor: 1.0, figure, is_away: false }
}

fn factors(aim: Aim, entries: &[Entry], seconds: u64) -> Vec<f64> {
    let mut entries = entries.to_vec();
    step(aim, &mut entries, None, Duration::from_secs(seconds), 30);
    entries.iter().map(|entry| entry.factor).collect()
}

#[test]
fn a_step_goes_a_part_of_the_way_and_a_fifth_at_most() {
    let entries = [entry(1.0, Some(1.0)), entry(1.0, Some(1000.0))];
    let a_second = factors(Aim::Equal, &entries, 1);
    assert!(a_second[0] > 1.0 && a_second[0] < 1.02 && a_second[1] < 1.0, "{a_second:?}");
    assert_eq!(factors(Aim::Equal, &entries, 3600), [1.2, 0.8]);
    assert_eq!(factors(Aim::Equal, &entries, 0), [1.0, 1.0]);
}

#[test]
fn equal_figures_move_nothing() {
    for aim in [Aim::Equal, Aim::ByWeight, Aim::TwoChoices, Aim::Inverse] {
        let entries = [entry(1.0, Some(5.0)), entry(1.0, Some(5.0)), entry(1.0, Some(5.0))];
        for factor in factors(aim, &entries, 60) {
            assert!((factor - 1.0).abs() < 1e-9, "{aim:?} {factor}");
        }
    }
}

#[test]
fn nothing_to_do_says_nothing() {
    assert_eq!(factors(Aim::Equal, &[entry(1.0, Some(0.0)), entry(2.0, Some(0.0))], 60), [1.0, 1.0]);
    assert_eq!(
        factors(Aim::TwoChoices, &[entry(1.0, Some(7.0)), entry(2.0, None)], 60),
        [1.0, 1.0],
        "nobody to compare with"
    );
}

#[test]
fn who_is_away_keeps_its_share() {
    let away = Entry { factor: 1.7, is_away: true, ..entry(1.0, Some(0.0)) };
    let moved = factors(Aim::Equal, &[away, entry(1.0, Some(1.0)), entry(1.0, Some(3.0))], 10);
    assert!(moved[0] == 1.7 && moved[1] > 1.0 && moved[2] < 1.0, "{moved:?}");
}

#[test]
fn two_choices_prefer_whoever_has_less_to_do() {
    let moved = factors(Aim::TwoChoices, &[entry(1.0, Some(0.2)), entry(1.0, Some(0.5)), entry(1.0, Some(0.8))], 10);
    assert!(moved[0] > moved[1] && moved[1] > moved[2], "{moved:?}");
}

#[test]
fn a_far_busy_pair_and_a_quiet_one_are_balanced_each_in_itself() {
    // The first two are near each other, and so are the last two.
    let near = |one: usize, other: usize| if one / 2 == other / 2 { 1.0 } else { 1e-6 };
    for aim in [Aim::Equal, Aim::TwoChoices] {
        let mut entries = [100.0, 200.0, 1.0, 2.0].map(|figure| entry(1.0, Some(figure)));
        for _ in 0..2000 {
            step(aim, &mut entries, Some(&near), Duration::from_secs(1), 30);
            // What a pair has to do is divided by the shares within it.
            for (pair, load) in entries.chunks_mut(2).zip([300.0, 3.0]) {
                let sum = pair[0].factor + 2.0 * pair[1].factor;
                (pair[0].figure, pair[1].figure) =
                    (Some(load * pair[0].factor / sum), Some(load * 2.0 * pair[1].factor / sum));
            }
        }
        for pair in entries.chunks(2) {
            let ratio = pair[0].factor / pair[1].factor;
            assert!((ratio - 2.0).abs() < 0.1, "{aim:?} {entries:?}");
            assert!(pair[0].factor > 0.5 && pair[0].factor < 2.5, "{aim:?} {entries:?}");
        }
    }
}
