//! Counts the results of one probed address and says whether it is up. Knows no clock, no other address and no probe.

use crate::base::{Trouble, UnixTime};
use crate::health::{Factor, Status, Timing};
use std::sync::Arc;
use std::time::Duration;

/// What one probe saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The target did what its monitor expects.
    Passed {
        /// From the start of the probe to its verdict.
        latency: Duration,
        /// It passed, yet something will need an operator: for operators, in a few words.
        warning: Option<Arc<str>>,
        /// What the monitor was asked to hand on of the target's answer.
        captured: Option<Arc<str>>,
    },
    /// The target did something else, or nothing in time.
    Failed {
        /// For operators, in a few words.
        reason: Arc<str>,
    },
    /// The probe failed on this side (no descriptors, no route, no buffers): no result.
    LocalError {
        /// For operators, in a few words.
        reason: Arc<str>,
    },
}

impl From<Trouble> for Observation {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Failed(reason) => Self::Failed { reason: reason.into() },
            Trouble::Local(reason) => Self::LocalError { reason: reason.into() },
        }
    }
}

impl Observation {
    /// A probe that passed and has nothing more to tell.
    #[must_use]
    pub fn passed(latency: Duration) -> Self {
        Self::Passed { latency, warning: None, captured: None }
    }
}

/// What the latest probe saw, without the details.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Last {
    /// There was no probe yet.
    #[default]
    Nothing,
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It had no result.
    LocalError,
}

/// The state machine of one probed address.
///
/// Up: failures count, `fall` of them make it down, and `fall` successes in a row clear them, so that flapping still
/// falls. Down: `rise` successes in a row make it up. The first result decides alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    timing: Timing,
    status: Status,
    /// The next result decides alone: the address is new, or its monitor has changed.
    undecided: bool,
    /// Failures that count; zero unless up.
    failures: u32,
    /// Successes in a row: while up, those since the last counted failure; while down, those since the last failure.
    successes: u32,
    last: Last,
}

impl Machine {
    /// An address without a result.
    #[must_use]
    pub fn new(timing: Timing) -> Self {
        Self { timing, status: Status::Unknown, undecided: true, failures: 0, successes: 0, last: Last::Nothing }
    }

    /// Takes the result of one probe.
    pub fn observe(&mut self, seen: &Observation) {
        match seen {
            Observation::Passed { .. } => {
                self.last = Last::Passed;
                self.passed();
            }
            Observation::Failed { .. } => {
                self.last = Last::Failed;
                self.failed();
            }
            Observation::LocalError { .. } => self.last = Last::LocalError,
        }
    }

    fn passed(&mut self) {
        if self.undecided {
            return self.become_status(Status::Up);
        }
        match self.status {
            Status::Up if self.failures > 0 => {
                self.successes = self.successes.saturating_add(1);
                if self.successes >= self.timing.fall {
                    self.failures = 0;
                    self.successes = 0;
                }
            }
            Status::Up => {}
            Status::Down | Status::Unknown => {
                self.successes = self.successes.saturating_add(1);
                if self.successes >= self.timing.rise {
                    self.become_status(Status::Up);
                }
            }
        }
    }

    fn failed(&mut self) {
        if self.undecided {
            return self.become_status(Status::Down);
        }
        self.successes = 0;
        if self.status == Status::Up {
            self.failures = self.failures.saturating_add(1);
            if self.failures >= self.timing.fall {
                self.become_status(Status::Down);
            }
        }
    }

    fn become_status(&mut self, status: Status) {
        self.status = status;
        self.undecided = false;
        self.failures = 0;
        self.successes = 0;
    }

    /// Goes on with another timing; what was counted stays counted.
    pub fn set_timing(&mut self, timing: Timing) {
        self.timing = timing;
    }

    /// Forgets what was counted and keeps the status until the next result, which decides alone: the monitor now asks
    /// something else.
    pub fn start_over(&mut self) {
        self.undecided = true;
        self.failures = 0;
        self.successes = 0;
        self.last = Last::Nothing;
    }

    /// When the next probe starts, after one that started at `started` and ended at `ended`, with intervals stretched.
    ///
    /// After a failure of an up address: `retry_interval` after the start of the failed probe, or at its end where that
    /// is later. Otherwise `interval` after the start, and where a probe took longer than that, at the first multiple of
    /// `interval` after its end, so that probes of one address never overlap and keep their phase. Recovery is never
    /// hurried.
    #[must_use]
    pub fn next_start(&self, started: UnixTime, ended: UnixTime, stretch: Factor) -> UnixTime {
        if self.hurries() {
            return (started + stretch.of(self.timing.retry_interval)).max(ended);
        }
        let interval = micros(stretch.of(self.timing.interval)).max(1);
        let intervals = ended.0.saturating_sub(started.0).div_ceil(interval).max(1);
        UnixTime(started.0.saturating_add(intervals.saturating_mul(interval)))
    }

    /// Whether the next probe waits for `retry_interval` only: the last one failed, and the address is still up.
    #[must_use]
    pub fn hurries(&self) -> bool {
        self.status == Status::Up && self.last == Last::Failed
    }

    /// Up, down or unknown.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Results that count towards the next change of status: failures while up, successes while down.
    #[must_use]
    pub fn count(&self) -> u32 {
        match self.status {
            Status::Up => self.failures,
            Status::Down => self.successes,
            Status::Unknown => 0,
        }
    }

    /// Whether the counters are on the way to a change of status.
    #[must_use]
    pub fn is_wavering(&self) -> bool {
        self.count() > 0
    }

    /// What the latest probe saw.
    #[must_use]
    pub fn last(&self) -> Last {
        self.last
    }

    /// When probes start and how results are counted.
    #[must_use]
    pub fn timing(&self) -> &Timing {
        &self.timing
    }
}

/// A duration in whole microseconds, the unit of [`UnixTime`].
pub(in crate::health) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
