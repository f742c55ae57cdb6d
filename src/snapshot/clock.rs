//! The publisher's clock. Nobody else in this room tells time.

use crate::base::UnixTime;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall-clock time, anchored once to the monotonic clock, so that it never goes back.
pub(super) struct Clock {
    anchor: Instant,
    anchored_at: UnixTime,
}

impl Clock {
    /// A clock that is right now.
    pub(super) fn anchored() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { anchor: Instant::now(), anchored_at: UnixTime::default() + since_epoch }
    }

    /// The time now.
    pub(super) fn now(&self) -> UnixTime {
        self.anchored_at + self.anchor.elapsed()
    }
}
