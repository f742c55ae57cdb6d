//! Keeps the probes of many addresses apart: each has a phase within the interval and comes back to it. Knows no clock
//! and no results beyond those of its own machine.

use crate::base::UnixTime;
use crate::health::machine::micros;
use crate::health::{Factor, Machine, Status};
use std::time::Duration;

/// When the probes of one address start, within the interval.
///
/// The first probe starts early (the first round is shorter than an interval) and retries leave the rhythm; the next
/// regular probe of an address that is up is moved to its phase again, earlier by less than an interval and never later
/// than an interval after the last one. Probes of an address that is not up stay a whole interval apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The phase as a share of the interval, in units of 2^-32: it stays when the interval changes.
    share: u32,
    in_phase: bool,
}

impl Pace {
    /// The pace of the `number`th address. Any run of numbers is spread evenly (the multiples of the golden ratio), so
    /// that those who come and go leave the phases of all others alone.
    #[must_use]
    pub fn new(number: u64) -> Self {
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let share = number.wrapping_mul(GOLDEN) >> 32;
        Self { share: u32::try_from(share).unwrap_or(u32::MAX), in_phase: false }
    }

    /// The phase within a time of this length.
    #[must_use]
    pub fn offset(&self, within: Duration) -> Duration {
        Duration::from_micros(scaled(micros(within), self.share))
    }

    /// When the next probe starts, after one that started at `started` and ended at `ended` and was observed by
    /// `machine`. While intervals are stretched phases are left alone: coming back to one makes an interval shorter.
    #[must_use]
    pub fn next_start(&mut self, machine: &Machine, started: UnixTime, ended: UnixTime, stretch: Factor) -> UnixTime {
        let next = machine.next_start(started, ended, stretch);
        if stretch != Factor::ONE {
            return next;
        }
        if machine.hurries() || machine.status() != Status::Up {
            self.in_phase = false;
            return next;
        }
        if self.in_phase {
            return next;
        }
        let interval = micros(machine.timing().interval).max(1);
        let phase = scaled(interval, self.share);
        let past_phase = next.0.saturating_add(interval - phase) % interval;
        let in_phase = UnixTime(next.0.saturating_sub(past_phase));
        self.in_phase = in_phase > started && in_phase >= ended;
        if self.in_phase { in_phase } else { next }
    }

    /// Forgets that the last probe was in phase: the interval has changed.
    pub fn lose_phase(&mut self) {
        self.in_phase = false;
    }
}

fn scaled(whole: u64, share: u32) -> u64 {
    u64::try_from((u128::from(whole) * u128::from(share)) >> 32).unwrap_or(u64::MAX)
}
