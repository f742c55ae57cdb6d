//! Keeps what any stranger can cause from filling the log: so many lines a second, and a count of those held back.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines that pass in one [`PERIOD`].
const LINES_MAX: u32 = 10;
/// How long they are counted together.
const PERIOD: Duration = Duration::from_secs(1);

/// Counts lines of log.
#[derive(Debug, Default)]
pub struct LogGate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    period_end: Option<Instant>,
    passed: u32,
    held_back: u64,
}

impl LogGate {
    /// Whether a line may be written at `now`: then how many were held back before it.
    pub fn pass(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.period_end.is_none_or(|end| end <= now) {
            (state.period_end, state.passed) = (Some(now + PERIOD), 0);
        }
        if state.passed == LINES_MAX {
            state.held_back += 1;
            return None;
        }
        state.passed += 1;
        Some(std::mem::take(&mut state.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::{LINES_MAX, LogGate, PERIOD};
    use std::time::Instant;

    #[test]
    fn a_flood_is_counted_and_told_with_the_next_line() {
        let (gate, now) = (LogGate::default(), Instant::now());
        let passed = (0..2 * LINES_MAX).filter(|_| gate.pass(now) == Some(0)).count();
        assert_eq!(passed, LINES_MAX as usize);
        assert_eq!(gate.pass(now + PERIOD), Some(LINES_MAX.into()));
        assert_eq!(gate.pass(now + PERIOD), Some(0));
    }
}
