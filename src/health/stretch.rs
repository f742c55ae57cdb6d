//! Whether this machine keeps up with the probes that fall due, and by how much all intervals are stretched while it does
//! not. Knows no clock, no probes and no targets.
//!
//! Judged is the delay between the time a probe was planned for and its start, over one round of probes at a time. When
//! more than half of a round's starts were late twice in a row, every interval becomes a quarter longer, and again after
//! each further round like it, unless the delay shrinks: then the queue is being worked off. After several calm rounds
//! intervals become a fifth shorter, until they are as configured. If that was too early, the next attempt waits twice as
//! long.

use crate::base::UnixTime;
use std::fmt;
use std::time::Duration;

/// A start that is later than this, and by more than a tenth of the probe's interval, is late.
const LATE_MIN: Duration = Duration::from_millis(100);

/// A start that is later than this share of what counts as late is not on time.
const ON_TIME_DIVISOR: u32 = 4;

/// A round takes at least this long, and has at least [`STARTS_MIN`] starts.
const ROUND_TIME_MIN: Duration = Duration::from_secs(1);

/// A round takes at most this long, if it has enough starts.
const ROUND_TIME_MAX: Duration = Duration::from_secs(60);

/// Fewer starts than this say nothing.
const STARTS_MIN: u32 = 16;

/// So many rounds in a row must be late before intervals become longer for the first time: one may be a mishap.
const LATE_ROUNDS_MIN: u32 = 2;

/// A delay of less than this many eighths of the one before shrinks.
const SHRINKS_EIGHTHS: u32 = 7;

/// So many rounds in a row must be calm before intervals become shorter.
const CALM_ROUNDS_MIN: u32 = 10;

/// And at most so many, however often that was too early.
const CALM_ROUNDS_MAX: u32 = 160;

/// A factor of at least 1 that intervals are multiplied by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factor(u32);

impl Factor {
    /// Intervals are as configured.
    pub const ONE: Self = Self(1000);

    /// The largest.
    pub const MAX: Self = Self(64_000);

    /// The factor in thousandths.
    #[must_use]
    pub const fn thousandths(self) -> u32 {
        self.0
    }

    /// A duration times the factor.
    #[must_use]
    pub fn of(self, duration: Duration) -> Duration {
        if self == Self::ONE {
            return duration;
        }
        let micros = duration.as_micros().saturating_mul(u128::from(self.0)) / 1000;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// What the next start of a probe is reckoned from: the time that its last one was planned for, so that phases stay; or,
    /// while intervals are stretched, the time that it came, so that a queue of late starts spreads them by itself.
    #[must_use]
    pub fn next_after(self, planned: UnixTime, started: UnixTime) -> UnixTime {
        if self == Self::ONE { planned } else { started.max(planned) }
    }

    fn longer(self) -> Self {
        Self(self.0 + self.0 / 4).min(Self::MAX)
    }

    fn shorter(self) -> Self {
        let less = Self(self.0 - self.0 / 5);
        // Whoever is that close to it may as well be there.
        if less.0 < Self::ONE.0 + Self::ONE.0 / 20 { Self::ONE } else { less }
    }
}

impl Default for Factor {
    fn default() -> Self {
        Self::ONE
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 1000, self.0 % 1000 / 10)
    }
}

/// What one round has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The factor before.
    pub from: Factor,
    /// The factor from now on.
    pub to: Factor,
    /// Starts in the round.
    pub starts: u32,
    /// Those that were late.
    pub late: u32,
}

/// Adds up how late probes start, and derives the factor from it.
#[derive(Clone, Debug)]
pub struct Stretch {
    factor: Factor,
    round: Option<Round>,
    late_rounds: u32,
    /// The mean delay of the last late round.
    late_lag: Duration,
    calm_rounds: u32,
    calm_rounds_wanted: u32,
    /// Intervals became shorter, and it is not known yet whether that was too early.
    is_on_trial: bool,
}

#[derive(Clone, Copy, Debug)]
struct Round {
    began: UnixTime,
    starts: u32,
    late: u32,
    on_time: u32,
    /// Of all starts together.
    intervals: Duration,
    /// Of all starts together.
    lags: Duration,
}

impl Default for Stretch {
    fn default() -> Self {
        Self {
            factor: Factor::ONE,
            round: None,
            late_rounds: 0,
            late_lag: Duration::ZERO,
            calm_rounds: 0,
            calm_rounds_wanted: CALM_ROUNDS_MIN,
            is_on_trial: false,
        }
    }
}

impl Stretch {
    /// The factor now.
    #[must_use]
    pub fn factor(&self) -> Factor {
        self.factor
    }

    /// Takes the start of one probe into account: how long after its planned time it came, and the configured interval of
    /// its monitor. Says so when that changes the factor.
    pub fn observe(&mut self, lag: Duration, interval: Duration, now: UnixTime) -> Option<Verdict> {
        let empty =
            Round { began: now, starts: 0, late: 0, on_time: 0, intervals: Duration::ZERO, lags: Duration::ZERO };
        let round = self.round.get_or_insert(empty);
        let late = LATE_MIN.max(interval / 10);
        round.starts += 1;
        round.late += u32::from(lag > late);
        round.on_time += u32::from(lag <= late / ON_TIME_DIVISOR);
        round.intervals = round.intervals.saturating_add(interval);
        round.lags = round.lags.saturating_add(lag);
        let typical = self.factor.of(round.intervals / round.starts);
        let length = typical.clamp(ROUND_TIME_MIN, ROUND_TIME_MAX);
        if round.starts < STARTS_MIN || now.since(round.began) < length {
            return None;
        }
        let round = self.round.take()?;
        let from = self.factor;
        self.judge(&round);
        (self.factor != from).then_some(Verdict { from, to: self.factor, starts: round.starts, late: round.late })
    }

    fn judge(&mut self, round: &Round) {
        if round.late > round.starts / 2 {
            self.calm_rounds = 0;
            self.late_rounds += 1;
            let lag = round.lags / round.starts;
            let shrinks = lag < std::mem::replace(&mut self.late_lag, lag) / 8 * SHRINKS_EIGHTHS;
            if self.late_rounds < LATE_ROUNDS_MIN || shrinks {
                return;
            }
            if std::mem::take(&mut self.is_on_trial) {
                self.calm_rounds_wanted = (self.calm_rounds_wanted * 2).min(CALM_ROUNDS_MAX);
            }
            self.factor = self.factor.longer();
            return;
        }
        self.late_rounds = 0;
        if round.on_time < round.starts - round.starts / 20 {
            self.calm_rounds = 0;
            return;
        }
        self.calm_rounds += 1;
        if self.calm_rounds < self.calm_rounds_wanted {
            return;
        }
        self.calm_rounds = 0;
        if self.factor == Factor::ONE {
            self.is_on_trial = false;
            self.calm_rounds_wanted = CALM_ROUNDS_MIN;
        } else {
            self.factor = self.factor.shorter();
            self.is_on_trial = true;
        }
    }
}
