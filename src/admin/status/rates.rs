//! How many answers each pool gave from each region lately: totals remembered for some seconds. Knows no clock.

use crate::snapshot::Total;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often totals are taken.
pub const INTERVAL: Duration = Duration::from_secs(2);
/// How far back they are remembered: shares of few answers jump about, and old ones mislead.
const REMEMBERED: Duration = Duration::from_secs(10);

type Names = (Arc<str>, Option<Arc<str>>);
type Totals = HashMap<Names, u64>;

/// Totals of the last seconds.
#[derive(Debug, Default)]
pub struct Rates(Mutex<VecDeque<(Instant, Totals)>>);

/// Answers over some time up to now.
#[derive(Debug, Default)]
pub struct Counted {
    /// How long; zero when nothing can be said.
    pub over: Duration,
    /// Over that time.
    pub answers: Totals,
    /// Since the start.
    pub totals: Totals,
}

impl Rates {
    /// Remembers the totals of this moment.
    pub fn take(&self, totals: &[Total], now: Instant) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push_back((now, by_names(totals)));
        // One that is old enough stays, so that the time covered is about as long as it shall be.
        while samples.get(1).is_some_and(|(at, _)| now.saturating_duration_since(*at) >= REMEMBERED) {
            samples.pop_front();
        }
    }

    /// What was answered since the oldest moment remembered.
    #[must_use]
    pub fn counted(&self, totals: &[Total], now: Instant) -> Counted {
        let totals = by_names(totals);
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((begun, before)) = samples.front() else {
            return Counted { totals, ..Counted::default() };
        };
        let since = |(names, count): (&Names, &u64)| {
            (names.clone(), count.saturating_sub(before.get(names).copied().unwrap_or(0)))
        };
        let answers = totals.iter().map(since).collect();
        Counted { over: now.saturating_duration_since(*begun), answers, totals }
    }
}

fn by_names(totals: &[Total]) -> Totals {
    let mut all = Totals::new();
    for total in totals {
        *all.entry((Arc::clone(&total.pool), total.region.clone())).or_default() += total.answers;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{Counted, Rates};
    use crate::snapshot::Total;
    use std::time::{Duration, Instant};

    fn total(answers: u64) -> Vec<Total> {
        vec![Total { pool: "web".into(), region: None, answers }]
    }

    #[test]
    fn answers_are_counted_over_the_last_seconds() {
        let rates = Rates::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let of = |counted: Counted| (counted.over.as_secs(), counted.answers.values().sum::<u64>());
        assert_eq!(of(rates.counted(&total(5), at(0))), (0, 0), "nothing is remembered yet");
        for second in (0..=20).step_by(2) {
            rates.take(&total(second * 100), at(second));
        }
        assert_eq!(of(rates.counted(&total(2_100), at(21))), (11, 1_100));
    }
}
