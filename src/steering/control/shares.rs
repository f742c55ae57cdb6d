//! Shares that follow reports: each step moves them a little towards where the reported figures would be as they should.
//! Knows no members and no regions but their weights and figures, no health and no clock.
//!
//! Whoever gets fewer clients has less to do only when answers have left the caches, and connections have ended. A share that
//! were set to what the last report asks for would swing: everybody is sent to whoever has least, and then away again. So a
//! target is never far from the present share (the root of the ratio between mean and own figure, at most twofold), the
//! share goes only a part of the way in each step, and it keeps within bounds of the weight.

use crate::steering::spec::Spread;
use std::time::Duration;

/// A share changes by at most this part of itself in one step.
const STEP_MAX: f64 = 0.2;

/// A target is at most this many times the present share, or this part of it.
const CORRECTION_MAX: f64 = 2.0;

/// A share by load is at most this many times, and at least this part of, both the share by weight and an equal share.
const LOAD_BOUND: f64 = 16.0;

/// A share by response time is at most this many times the share by weight, and at least this part of it.
const RESPONSE_BOUND: f64 = 4.0;

/// What is added to figures, as a part of their mean: little load is little evidence.
const FIGURE_FLOOR: f64 = 0.05;

/// Added to response times, in seconds, so that those far below a difference that matters count as equal.
const RESPONSE_FLOOR: f64 = 0.001;

/// A difference in utilisation, as a part of the mean, at which the better of two wins nearly three times of four.
const CHOICE_WIDTH: f64 = 1.0;

/// With more than this many, two choices are weighed against so many others only, evenly taken.
const OPPONENTS_MAX: usize = 64;

/// A target this near is reached, as a part of the share.
const ARRIVED: f64 = 0.01;

/// What a share is moved by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// Equal figures.
    Equal,
    /// Figures that are proportional to weights.
    ByWeight,
    /// Equal utilisation, by comparing two and two.
    TwoChoices,
    /// Shares by weight over figure.
    Inverse,
}

/// One of those that share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Entry {
    /// Its weight; above 0.
    pub(super) weight: f64,
    /// Its share over the share that its weight alone would give; above 0.
    pub(super) factor: f64,
    /// What it reports; `None`: nothing that is not stale.
    pub(super) figure: Option<f64>,
    /// It does not answer now: what it reports says nothing, and its share waits.
    pub(super) is_away: bool,
}

impl Aim {
    /// The aim of a spread that follows reports.
    pub(super) const fn of(spread: Spread) -> Option<Self> {
        match spread {
            Spread::Weighted
            | Spread::Hash { .. }
            | Spread::RoundRobin
            | Spread::WeightedRoundRobin
            | Spread::Random
            | Spread::All => None,
            Spread::LeastConnections | Spread::LeastBandwidth | Spread::LeastPackets => Some(Self::Equal),
            Spread::WeightedLeastConnections => Some(Self::ByWeight),
            Spread::TwoChoices => Some(Self::TwoChoices),
            Spread::LeastResponseTime => Some(Self::Inverse),
        }
    }
}

/// How much an entry counts for another one; `None`: all count alike.
pub(super) type Nearness<'n> = Option<&'n dyn Fn(usize, usize) -> f64>;

/// Moves the factors of `entries` on by `elapsed`. Says whether some are still on their way.
pub(super) fn step(aim: Aim, entries: &mut [Entry], near: Nearness<'_>, elapsed: Duration, ttl_max: u32) -> bool {
    let pace = (elapsed.as_secs_f64() / (2.0 * f64::from(ttl_max.max(1)))).min(1.0);
    let taking_part: Vec<usize> =
        (0..entries.len()).filter(|&index| entries[index].figure.is_some() && !entries[index].is_away).collect();
    let mut moves = false;
    // Alone, or without a report: back to the share by weight.
    let alone = taking_part.len() < 2;
    for entry in entries.iter_mut().filter(|entry| !entry.is_away && (alone || entry.figure.is_none())) {
        moves |= approach(entry, 1.0, pace);
    }
    if alone {
        return moves;
    }
    let part: Vec<Entry> = taking_part.iter().map(|&index| entries[index]).collect();
    let near_in_part = |one: usize, other: usize| near.map_or(1.0, |near| near(taking_part[one], taking_part[other]));
    let near: Nearness<'_> = if near.is_some() { Some(&near_in_part) } else { None };
    let Some(targets) = targets(aim, &part, near) else { return moves };
    for (&index, target) in taking_part.iter().zip(targets) {
        moves |= approach(&mut entries[index], target, pace);
    }
    moves
}

fn approach(entry: &mut Entry, target: f64, pace: f64) -> bool {
    let before = entry.factor;
    let way = (pace * (target - before)).clamp(-STEP_MAX * before, STEP_MAX * before);
    entry.factor = before + way;
    let is_near = (target - entry.factor).abs() <= ARRIVED * entry.factor;
    if is_near && target == 1.0 {
        entry.factor = 1.0;
    }
    !is_near
}

/// The factors to move to, which leave the sum of shares as it is; `None` when figures say nothing.
fn targets(aim: Aim, part: &[Entry], near: Nearness<'_>) -> Option<Vec<f64>> {
    let count = part.len() as f64;
    let weights: f64 = part.iter().map(|entry| entry.weight).sum();
    let figures: f64 = part.iter().filter_map(|entry| entry.figure).sum();
    if figures <= 0.0 {
        return None;
    }
    let figure = |entry: &Entry| entry.figure.unwrap_or_default();
    // An equal share, over the share by weight.
    let equal = |entry: &Entry| weights / (count * entry.weight);
    // What an entry is compared with: the mean of all, or of itself and those near it; for figures over `unit`.
    let mean = |one: usize, unit: &dyn Fn(&Entry) -> f64| {
        let Some(near) = near else { return figures / part.iter().map(unit).sum::<f64>() };
        let others = part.iter().enumerate().filter(|&(other, _)| other != one);
        let sums = others.map(|(other, entry)| (near(one, other), entry));
        let sums = sums.map(|(near, entry)| [near * figure(entry), near * unit(entry)]);
        let [there, units] = sums.fold([0.0; 2], |sum, one| [sum[0] + one[0], sum[1] + one[1]]);
        f64::midpoint(figure(&part[one]) / unit(&part[one]), there / units.max(f64::MIN_POSITIVE))
    };
    let corrected = |unit: &dyn Fn(&Entry) -> f64| {
        let of =
            |(one, entry): (usize, &Entry)| entry.factor * correction(mean(one, unit), figure(entry) / unit(entry));
        part.iter().enumerate().map(of).collect()
    };
    let mut targets: Vec<f64> = match aim {
        Aim::Equal => corrected(&|_| 1.0),
        Aim::ByWeight => corrected(&|entry| entry.weight),
        Aim::TwoChoices => {
            let of = |(one, entry): (usize, &Entry)| entry.factor * 2.0 * wins(part, one, near, mean(one, &|_| 1.0));
            part.iter().enumerate().map(of).collect()
        }
        Aim::Inverse => {
            let time = |entry: &Entry| figure(entry) + RESPONSE_FLOOR;
            let mean = weights / part.iter().map(|entry| entry.weight / time(entry)).sum::<f64>();
            part.iter().map(|entry| mean / time(entry)).collect()
        }
    };
    let bounds = |entry: &Entry| match aim {
        Aim::Inverse => (1.0 / RESPONSE_BOUND, RESPONSE_BOUND),
        Aim::Equal => (equal(entry).min(1.0) / LOAD_BOUND, equal(entry).max(1.0) * LOAD_BOUND),
        Aim::ByWeight | Aim::TwoChoices => (1.0 / LOAD_BOUND, LOAD_BOUND),
    };
    // What the bounds cut off one goes to the others.
    for _ in 0..2 {
        let sum: f64 = part.iter().zip(&targets).map(|(entry, target)| entry.weight * target).sum();
        for (entry, target) in part.iter().zip(&mut targets) {
            let (least, most) = bounds(entry);
            *target = (*target * weights / sum).clamp(least, most);
        }
    }
    Some(targets)
}

/// What a share is multiplied with so that `figure` comes nearer to `mean`.
fn correction(mean: f64, figure: f64) -> f64 {
    let floor = FIGURE_FLOOR * mean;
    ((mean + floor) / (figure + floor)).sqrt().clamp(1.0 / CORRECTION_MAX, CORRECTION_MAX)
}

/// How often an entry wins against one of the others, drawn by their shares: half the time when all are equal. `mean`: of the
/// figures compared.
fn wins(part: &[Entry], one: usize, near: Nearness<'_>, mean: f64) -> f64 {
    let stride = part.len().div_ceil(OPPONENTS_MAX);
    let figure = part[one].figure.unwrap_or_default();
    // A draw against itself keeps the sum above 0, and is a draw.
    let (mut won, mut drawn) = (f64::MIN_POSITIVE / 2.0, f64::MIN_POSITIVE);
    for (index, other) in part.iter().enumerate().step_by(stride) {
        let nearness = near.map_or(1.0, |near| if index == one { 0.0 } else { near(one, index) });
        let share = other.weight * other.factor * nearness;
        let ahead = (other.figure.unwrap_or_default() - figure) / (CHOICE_WIDTH * mean.max(f64::MIN_POSITIVE));
        won += share / (1.0 + (-ahead).exp());
        drawn += share;
    }
    won / drawn
}

#[cfg(test)]
mod tests;
