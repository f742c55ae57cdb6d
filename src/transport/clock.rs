//! The time of requests: coarse, because it is read once a batch and nobody needs it finer than some milliseconds.

use crate::answer::Moment;
use rustix::time::{ClockId, clock_gettime};

/// Milliseconds in a second, and nanoseconds in a millisecond.
const MILLIS: u64 = 1_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// The clocks that are read without asking the kernel: they tick some hundred times a second.
#[cfg(target_os = "linux")]
const CLOCKS: (ClockId, ClockId) = (ClockId::RealtimeCoarse, ClockId::MonotonicCoarse);
#[cfg(not(target_os = "linux"))]
const CLOCKS: (ClockId, ClockId) = (ClockId::Realtime, ClockId::Monotonic);

/// This moment.
pub fn now() -> Moment {
    let (calendar, monotonic) = (clock_gettime(CLOCKS.0), clock_gettime(CLOCKS.1));
    // A monotonic clock is never negative.
    let milliseconds = monotonic.tv_sec.unsigned_abs() * MILLIS + monotonic.tv_nsec.unsigned_abs() / NANOS_PER_MILLI;
    Moment { unix_seconds: calendar.tv_sec as u32, milliseconds }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use std::time::{SystemTime, UNIX_EPOCH};

    #[test]
    fn the_moment_is_now_and_never_goes_back() {
        let before = super::now();
        let calendar = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let after = super::now();
        assert!(u64::from(before.unix_seconds) <= calendar && calendar <= u64::from(after.unix_seconds) + 1);
        assert!(before.milliseconds <= after.milliseconds);
    }
}
