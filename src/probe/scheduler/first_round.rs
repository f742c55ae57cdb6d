//! A latch that opens when the first round of probes is over. Knows no probes.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Closed until [`FirstRound::end`].
#[derive(Debug, Default)]
pub struct FirstRound {
    is_over: Mutex<bool>,
    opened: Condvar,
}

impl FirstRound {
    /// Opens the latch for good.
    pub fn end(&self) {
        *self.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.opened.notify_all();
    }

    /// Blocks until the latch is open, at most for `time_max`; whether it is.
    pub fn wait(&self, time_max: Duration) -> bool {
        let is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_over, _) = self
            .opened
            .wait_timeout_while(is_over, time_max, |is_over| !*is_over)
            .unwrap_or_else(PoisonError::into_inner);
        *is_over
    }
}
