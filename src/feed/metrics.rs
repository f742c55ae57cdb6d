//! What the feeder counts, by the name of the feed, to be read at any time. Knows no names of metrics.

use dashmap::DashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters by the name of the feed. One writer.
pub type Metrics = DashMap<Arc<str>, Arc<FeedMetrics>>;

/// Counters of one feed. Each region or member that an answer speaks of counts by itself.
#[derive(Debug, Default)]
pub struct FeedMetrics {
    /// Readings that went well.
    pub reports: AtomicU64,
    /// Readings that failed.
    pub failures: AtomicU64,
    /// Readings that did not come about for a reason on this side.
    pub local_errors: AtomicU64,
}

/// The counters of a feed.
pub(super) fn of(metrics: &Metrics, feed: &Arc<str>) -> Arc<FeedMetrics> {
    Arc::clone(&metrics.entry(Arc::clone(feed)).or_default())
}

/// Adds one.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
