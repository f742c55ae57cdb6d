//! What the prober counts, to be read at any time. Knows no names of metrics: those are chosen where they are shown.

use crate::probe::spec::{Kind, Monitor};
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
    /// By how much probes started later than planned, in all, in microseconds; by `started` it is the mean.
    pub start_lag_micros: AtomicU64,
    /// The largest such delay, in microseconds.
    pub start_lag_micros_max: AtomicU64,
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

    pub(in crate::probe) fn count_start(&self, monitor: &Monitor, lag: Duration) {
        let lag_micros = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
        count(&self.of(monitor.kind.kind()).started);
        self.start_lag_micros.fetch_add(lag_micros, Ordering::Relaxed);
        self.start_lag_micros_max.fetch_max(lag_micros, Ordering::Relaxed);
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
