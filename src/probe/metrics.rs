//! What the prober counts, to be read at any time. Knows no names of metrics: those are chosen where they are shown.

use crate::probe::scheduler::Lane;
use crate::probe::spec::Kind;
use dashmap::DashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters and gauges of the prober. One writer; readers see each number by itself, not all of one moment.
#[derive(Debug, Default)]
pub struct Metrics {
    /// By [`Kind::index`].
    kinds: [KindMetrics; Kind::ALL.len()],
    /// Gauge: probes under way.
    pub in_flight: AtomicU64,
    /// Gauge: probes that are due and wait for a descriptor.
    pub waiting: AtomicU64,
    /// Gauge: 1 while states are held because the checker is probably blind.
    pub held: AtomicU64,
    /// How often that began.
    pub holds: AtomicU64,
    /// Look-ups of host names that failed.
    pub resolve_failures: AtomicU64,
    /// By how much probes started later than planned, not counting what they waited for [`Self::limits`].
    pub start_lag: LagMetrics,
    /// Gauge: what all intervals are multiplied by because this machine does not keep up, in thousandths; 1000 when it does.
    pub stretch_thousandths: AtomicU64,
    /// How often that became more.
    pub stretches: AtomicU64,
    /// Limits on probes under way at once, as far as somebody had to wait for one.
    pub limits: DashMap<Lane, LimitMetrics>,
}

/// How long probes waited for their start, as a histogram.
#[derive(Debug, Default)]
pub struct LagMetrics {
    /// By the index of the first of [`Self::BOUNDS_MICROS`] that was not exceeded; the last for those beyond all.
    buckets: [AtomicU64; LagMetrics::BOUNDS_MICROS.len() + 1],
    sum_micros: AtomicU64,
}

impl LagMetrics {
    /// Upper bounds, inclusive, in microseconds.
    pub const BOUNDS_MICROS: [u64; 13] = [
        1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
        10_000_000,
    ];

    /// Takes one into account.
    pub fn add(&self, lag: Duration) {
        let micros = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
        count(&self.buckets[Self::BOUNDS_MICROS.partition_point(|bound| *bound < micros)]);
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// How many there were up to each bound and not the one before, and beyond all.
    #[must_use]
    pub fn counts(&self) -> [u64; Self::BOUNDS_MICROS.len() + 1] {
        self.buckets.each_ref().map(|bucket| bucket.load(Ordering::Relaxed))
    }

    /// All of them together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum_micros.load(Ordering::Relaxed))
    }
}

/// What one limit has done.
#[derive(Debug, Default)]
pub struct LimitMetrics {
    /// Probes that had to wait for it.
    pub waited: AtomicU64,
    /// Gauge: probes that wait now.
    pub waiting: AtomicU64,
}

/// Counters of one kind of monitor.
#[derive(Debug, Default)]
pub struct KindMetrics {
    /// Probes that started.
    pub started: AtomicU64,
    /// Probes that passed.
    pub passed: AtomicU64,
    /// Probes that failed.
    pub failed: AtomicU64,
    /// Probes without a result, because of a trouble on this side.
    pub local_errors: AtomicU64,
    /// Probes that passed with a warning.
    pub warnings: AtomicU64,
}

impl Metrics {
    /// The counters for probes of this kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> &KindMetrics {
        &self.kinds[kind.index()]
    }

    /// All kinds with their counters.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, &KindMetrics)> {
        Kind::ALL.into_iter().zip(&self.kinds)
    }

    /// A probe waits for a limit, or did so.
    pub(in crate::probe) fn show_waiting(&self, lane: &Lane, waiting: usize, has_begun: bool) {
        let limit = self.limits.entry(lane.clone()).or_default();
        set(&limit.waiting, waiting);
        if has_begun {
            count(&limit.waited);
        }
    }
}

/// Adds one.
pub(in crate::probe) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Sets a gauge.
pub(in crate::probe) fn set(gauge: &AtomicU64, value: usize) {
    gauge.store(value as u64, Ordering::Relaxed);
}
