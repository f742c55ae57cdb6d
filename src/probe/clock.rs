//! The one clock of a run: wall-clock time anchored once to the monotonic clock, so that it never goes back. Knows
//! nothing of what is timed.

use crate::base::UnixTime;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells [`UnixTime`]. Copies tell the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    anchor: Instant,
    anchored_at: UnixTime,
}

impl Clock {
    /// A clock that is right now and runs with the monotonic clock from here on.
    #[must_use]
    pub fn anchored() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { anchor: Instant::now(), anchored_at: UnixTime::default() + since_epoch }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        self.anchored_at + self.anchor.elapsed()
    }

    /// How long until then; zero when it is past.
    #[must_use]
    pub fn until(&self, time: UnixTime) -> Duration {
        time.since(self.now())
    }
}
