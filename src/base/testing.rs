//! Timeouts in tests of what hangs, on machines of any speed. Knows no clock: who calls says how long things took.

use std::time::Duration;

/// Much more than any machine takes.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Runs `attempt` with a timeout, shorter ones first, and returns the timeout and what came of it.
///
/// `attempt` starts something that goes so far and then hangs. It returns what was seen of it, and how long it took to come so
/// far, counted as the timeout is, if it did. Where that was more than half of the timeout, what was seen tells how busy the
/// machine is and nothing else: then it is begun anew with twice the time.
pub fn with_time_enough<T>(
    shortest: Duration,
    mut attempt: impl FnMut(Duration) -> (T, Option<Duration>),
) -> (Duration, T) {
    let mut timeout = shortest;
    loop {
        let (seen, took) = attempt(timeout);
        if took.is_some_and(|took| took <= timeout / 2) || timeout > TIMEOUT_MAX {
            return (timeout, seen);
        }
        timeout *= 2;
    }
}
