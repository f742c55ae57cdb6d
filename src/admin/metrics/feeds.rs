//! Metrics of feeds: what is read, what fails, what is too old to count.

use super::{Families, Labels};
use crate::admin::AdminState;
use crate::feed::{FeedMetrics, FeedState};
use crate::health::Word;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the states of one feed come to.
#[derive(Default)]
struct Sums {
    subjects: u64,
    stale: u64,
    failing: u64,
    held: u64,
    /// Seconds; of the subject whose last report is the oldest.
    age_max: Option<f64>,
}

pub(super) fn feeds(state: &AdminState, out: &mut Families<'_>) -> fmt::Result {
    let mut sums: BTreeMap<Arc<str>, Sums> = BTreeMap::new();
    let mut counted: Vec<(Arc<str>, Arc<FeedMetrics>)> = Vec::new();
    for entry in state.feeds.metrics().iter() {
        sums.insert(Arc::clone(entry.key()), Sums::default());
        counted.push((Arc::clone(entry.key()), Arc::clone(entry.value())));
    }
    counted.sort_by(|a, b| a.0.cmp(&b.0));
    let now = state.feeds.now();
    for entry in state.feeds.states().iter() {
        if let Some(sums) = sums.get_mut(&entry.key().0) {
            sums.add(entry.value(), entry.value().age(now).map(|age| age.as_secs_f64()));
        }
    }
    let of = |feed: &Arc<str>| -> Labels { vec![("feed", feed.to_string())] };
    let counter = |read: fn(&FeedMetrics) -> &AtomicU64| -> Vec<(Labels, u64)> {
        counted.iter().map(|(feed, counted)| (of(feed), read(counted).load(Ordering::Relaxed))).collect()
    };
    out.counter(
        "azimuth_feed_reports",
        "Reports of regions and members that were understood",
        counter(|feed| &feed.reports),
    )?;
    out.counter("azimuth_feed_failures", "Readings of a region or member that failed", counter(|feed| &feed.failures))?;
    out.counter(
        "azimuth_feed_local_errors",
        "Readings that did not come about for a reason on this machine",
        counter(|feed| &feed.local_errors),
    )?;
    let gauge = |read: fn(&Sums) -> f64| -> Vec<(Labels, f64)> {
        sums.iter().map(|(feed, sums)| (of(feed), read(sums))).collect()
    };
    out.gauge(
        "azimuth_feed_subjects",
        "Regions and members that a feed is asked for",
        gauge(|feed| feed.subjects as f64),
    )?;
    out.gauge(
        "azimuth_feed_stale",
        "Regions and members of which a feed has told nothing for too long, so that their load and weight are as configured",
        gauge(|feed| feed.stale as f64),
    )?;
    out.gauge(
        "azimuth_feed_failing",
        "Regions and members whose last reading failed",
        gauge(|feed| feed.failing as f64),
    )?;
    out.gauge(
        "azimuth_feed_out_of_service",
        "Regions and members that a feed has taken out of service or calls down",
        gauge(|feed| feed.held as f64),
    )?;
    let ages = sums.iter().filter_map(|(feed, sums)| Some((of(feed), sums.age_max?)));
    out.gauge("azimuth_feed_age_seconds", "Age of the oldest last report of a feed", ages)
}

impl Sums {
    fn add(&mut self, state: &FeedState, age: Option<f64>) {
        self.subjects += 1;
        self.stale += u64::from(state.is_stale);
        self.failing += u64::from(state.is_failing);
        self.held += u64::from(state.word.is_some_and(Word::forbids));
        self.age_max = [self.age_max, age].into_iter().flatten().reduce(f64::max);
    }
}
