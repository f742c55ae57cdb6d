//! How far a region opens its two valves by its load: the one that hands its own clients on, and the one that refuses
//! clients handed on by others. Knows no clients, no health and no clock.
//!
//! A valve has a line: closed below its start, open at its end, and in between as far as the utilisation is on the way.
//! Answers stay in caches, so that a valve works late; a valve that followed its line at once would swing between its ends.
//! Therefore an account is kept of what is in caches; a valve foresees the utilisation that will come when they have
//! caught up, and moves to the place where that lies on the line. Where it comes to rest it is on the line, whatever it
//! foresaw. Back it goes only after the utilisation has fallen by a part of the line's length more.

use crate::steering::spec::ShedMarks;
use std::time::Duration;

/// How much lower than on the way up the line lies on the way back, as a part of its length.
const BAND: f64 = 0.1;

/// A difference that is not worth a change of answers.
const STEP_MIN: f64 = 1.0 / 256.0;

/// Below this difference a valve has arrived.
const ARRIVED: f64 = 1e-3;

/// Where a valve opens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    /// Below this utilisation it is closed.
    pub(super) from: f64,
    /// Above this one it is open; greater than `from`.
    pub(super) to: f64,
}

/// What a valve goes by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    /// Of the region's capacity.
    pub(super) utilisation: f64,
    /// The utilisation by the clients that the valve stands before: what it sends away when it is all open.
    pub(super) behind: f64,
    /// What of that was let through by the answers that are in caches now.
    pub(super) passed: f64,
}

/// How quickly a valve opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haste {
    /// Within half the lifetime of answers: many clients move.
    Measured,
    /// Nearly at once: what it keeps away is on its way.
    Prompt,
}

/// A share of clients that is sent elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Valve {
    open: f64,
    shown: f64,
    has_arrived: bool,
}

/// A quantity that answers decide, as caches have it: its mean over one lifetime of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct InCaches {
    /// Means over an eighth of a lifetime each, the youngest first.
    bins: [f64; BIN_COUNT],
    /// Of the bin that is being filled: seconds times the quantity, and seconds.
    current: f64,
    filled: f64,
}

const BIN_COUNT: usize = 8;

impl InCaches {
    /// For `elapsed` answers were given by `value`.
    pub(super) fn add(&mut self, value: f64, elapsed: Duration, ttl_max: u32) {
        let span = lifetime(ttl_max);
        let width = span / BIN_COUNT as f64;
        let mut left = elapsed.as_secs_f64().min(span);
        while left > 0.0 {
            let part = left.min((width - self.filled).max(0.0));
            self.current += value * part;
            self.filled += part;
            left -= part;
            if self.filled >= width * (1.0 - 1e-9) {
                self.bins.rotate_right(1);
                self.bins[0] = self.current / self.filled.max(f64::MIN_POSITIVE);
                (self.current, self.filled) = (0.0, 0.0);
            }
        }
    }

    /// The mean.
    pub(super) fn mean(&self, ttl_max: u32) -> f64 {
        let width = lifetime(ttl_max) / BIN_COUNT as f64;
        let young: f64 = self.bins[..BIN_COUNT - 1].iter().sum::<f64>() * width;
        let old = self.bins[BIN_COUNT - 1] * (width - self.filled).max(0.0);
        (young + old + self.current) / (BIN_COUNT as f64 * width)
    }

    /// Whether caches still hold other values than `now`.
    pub(super) fn differ_from(&self, now: f64) -> bool {
        self.bins.iter().any(|bin| (bin - now).abs() > ARRIVED)
    }
}

/// How long answers are in caches, in seconds.
fn lifetime(ttl_max: u32) -> f64 {
    f64::from(ttl_max.max(TTL_LEAST))
}

impl Valve {
    /// Moves on by `elapsed`. Without a reading it closes slowly: nothing is known then.
    pub(super) fn step(&mut self, line: Line, reading: Option<Reading>, haste: Haste, elapsed: Duration, ttl_max: u32) {
        let (seconds, ttl) = (elapsed.as_secs_f64(), lifetime(ttl_max));
        let aim = reading.map_or(0.0, |reading| self.aim(line, reading));
        let way = match (reading, haste) {
            (None, _) => 2.0 * ttl,
            // What hurts is taken off quickly, and comes back slowly.
            (Some(_), Haste::Measured) if aim > self.open => ttl / 2.0,
            (Some(_), Haste::Prompt) if aim > self.open => 1.0,
            (Some(_), _) => ttl,
        };
        self.has_arrived = (aim - self.open).abs() < ARRIVED;
        self.open = if self.has_arrived { aim } else { approach(self.open, aim, seconds / way) };
        let at_end = self.open <= 0.0 || self.open >= 1.0;
        if (self.open - self.shown).abs() >= STEP_MIN || at_end {
            self.shown = self.open;
        }
    }

    /// Where the valve should be: where the foreseen utilisation lies on the line.
    fn aim(&self, line: Line, reading: Reading) -> f64 {
        let length = line.to - line.from;
        // With the valve open by `share`, and caches caught up, the utilisation is what it is now, less what has passed, plus
        // behind * (1 - share); and that is to be from + length * share.
        let foreseen = |utilisation: f64| {
            ((utilisation - reading.passed + reading.behind - line.from) / (length + reading.behind)).clamp(0.0, 1.0)
        };
        let up = foreseen(reading.utilisation);
        let back = foreseen(reading.utilisation + BAND * length);
        self.open.clamp(up, back)
    }

    /// The share now, in steps that are worth a change of answers.
    pub(super) const fn share(&self) -> f64 {
        self.shown
    }

    /// Whether it is on its way.
    pub(super) const fn moves(&self) -> bool {
        !self.has_arrived
    }
}

/// Answers of less than this are taken for this old: reports come no faster.
const TTL_LEAST: u32 = 5;

/// The way from `now` to `to` after `way` lifetimes of an exponential approach.
fn approach(now: f64, to: f64, way: f64) -> f64 {
    now + (to - now) * (1.0 - (-way).exp())
}

/// The utilisation by all of a region's own clients, of which the share `gone` is with other regions: an estimate.
pub(super) fn own_load(utilisation: f64, gone: f64, high: f64) -> f64 {
    (utilisation / (1.0 - gone).max(0.05)).clamp(utilisation.max(high / 2.0), (3.0 * high).max(utilisation))
}

/// The marks of a region, as they are while `pressure`, from 0 to 1, comes from another one that is worse off: then it takes
/// more of others' clients, nearly up to its high mark, and hands on its own only above that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lines {
    /// On which it hands on its own clients.
    pub(super) shed: Line,
    /// On which it refuses others': it ends where the other one begins, so that no two regions hand their clients to each other.
    pub(super) refuse: Line,
}

impl Lines {
    pub(super) fn new(marks: ShedMarks, pressure: f64) -> Self {
        let length = marks.high - marks.low;
        let from = marks.low + pressure * (1.0 - LINE_LEAST) * length;
        let refuse = Line { from: from - length.min(marks.low / 2.0), to: from };
        Self { shed: Line { from, to: marks.high }, refuse }
    }
}

/// The part of the way between its marks that a region keeps for handing on its own clients, whatever the pressure.
const LINE_LEAST: f64 = 0.25;

/// The line of pressure: from the middle between the marks to the high one.
pub(super) fn pressure_line(marks: ShedMarks) -> Line {
    Line { from: f64::midpoint(marks.low, marks.high), to: marks.high }
}
