//! The time of requests: coarse, because it is read once a batch and nobody needs it finer than some milliseconds.

use crate::answer::Moment;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

/// Milliseconds in a second, and nanoseconds in a millisecond.
const MILLIS: u64 = 1_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// The clocks that are read without asking the kernel: they tick some hundred times a second. Read through the C library:
/// `rustix` finds the vDSO by itself, in a way that ends the process under valgrind, which hides it.
#[cfg(target_os = "linux")]
const CLOCKS: (ClockId, ClockId) = (ClockId::CLOCK_REALTIME_COARSE, ClockId::CLOCK_MONOTONIC_COARSE);
#[cfg(not(target_os = "linux"))]
const CLOCKS: (ClockId, ClockId) = (ClockId::CLOCK_REALTIME, ClockId::CLOCK_MONOTONIC);

/// This moment.
pub fn now() -> Moment {
    // Every system has these clocks; one without would have them stand still.
    let read = |clock| clock_gettime(clock).unwrap_or(TimeSpec::new(0, 0));
    let (calendar, monotonic) = (read(CLOCKS.0), read(CLOCKS.1));
    // A monotonic clock is never negative.
    let milliseconds =
        monotonic.tv_sec().unsigned_abs() * MILLIS + monotonic.tv_nsec().unsigned_abs() / NANOS_PER_MILLI;
    Moment { unix_seconds: calendar.tv_sec() as u32, milliseconds }
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
