//! How a region of a pool is left when it fails, and how it comes back: delays, failback, probation, warm-up. One [`Region`]
//! for each; it is told what is seen of it, and time is an argument. Knows no members, no loads and no other regions.

pub(super) mod members;

use super::course::Course;
use super::memory::{RegionMemory, Remembered};
use crate::base::UnixTime;
use crate::steering::spec::{Failback, Recovery};
use std::sync::Arc;
use std::time::Duration;

/// A feed that stays silent holds a region on probation at most this long: a broken feed must not cost a region.
pub const PROBATION_MAX: Duration = Duration::from_secs(300);

/// A region of which one member is down and another has no result is not known to have failed; it has, when no result comes for so
/// long. Its clients are led elsewhere all the while.
pub const RESULTS_WAIT_MAX: Duration = Duration::from_secs(300);

/// What is seen of a region at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// It has enabled members: neither an operator nor a feed has taken all of them away.
    pub(super) has_enabled: bool,
    /// It is healthy, or results that are still to come cannot make it so.
    pub(super) is_known: bool,
    /// A member of it is down.
    pub(super) has_down: bool,
    /// It is good enough for the first pass.
    pub(super) is_healthy: bool,
    /// It is so by the word of an operator.
    pub(super) is_forced: bool,
    /// It, or a member of it that is up, has a report that is not stale.
    pub(super) has_report: bool,
    /// Reports of it are to be expected.
    pub(super) has_feed: bool,
}

/// The way of one region.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Region {
    phase: Phase,
    /// It is not healthy since then, and answers still.
    failing: Option<UnixTime>,
    /// It was so before a restart: nobody knows any more which of its members were up.
    has_failed_before_restart: bool,
    /// Whether it has failed depends since then on results that do not come.
    waiting: Option<UnixTime>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Phase {
    /// Nothing was seen of it yet.
    #[default]
    Unseen,
    /// It takes its clients.
    In,
    /// It is left.
    Out(Absence),
    /// It waits for failback since then.
    Held(Absence, UnixTime),
    /// It waits for a good report since then.
    Probation(UnixTime),
    /// It warms up since then.
    Warming(UnixTime),
}

/// The time in which a region has no clients of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Absence {
    since: UnixTime,
    /// It failed; otherwise an operator or its own balancer took it away.
    failed: bool,
    /// It was not yet warm when it went.
    was_cold: bool,
    /// It is known from before a restart, and nothing was seen since.
    is_restored: bool,
}

impl Region {
    /// Takes in what is seen now.
    pub(super) fn step(&mut self, seen: &Seen, recovery: &Recovery, now: UnixTime) {
        if seen.has_enabled && !seen.is_known {
            // At the start, or after a reload with other monitors: too little is known, so nothing changes.
            self.wait(seen, now);
            return;
        }
        self.waiting = None;
        let away = |since| Absence { since, failed: seen.has_enabled, was_cold: false, is_restored: false };
        match self.phase {
            Phase::Unseen if seen.is_healthy => self.phase = Phase::In,
            Phase::Unseen => self.phase = Phase::Out(away(now)),
            Phase::In | Phase::Probation(_) | Phase::Warming(_) if seen.is_healthy => self.stay(seen, recovery, now),
            Phase::In | Phase::Probation(_) | Phase::Warming(_) => self.fail(seen, recovery, now),
            Phase::Out(absence) if seen.is_healthy => self.come_back(absence, seen, recovery, now),
            Phase::Out(ref mut absence) => {
                absence.failed |= seen.has_enabled;
                absence.is_restored = false;
            }
            Phase::Held(absence, _) if !seen.is_healthy => self.phase = Phase::Out(absence),
            Phase::Held(absence, since) => {
                let is_due = recovery.failback == Failback::Auto && now >= since + recovery.failback_delay;
                if is_due || seen.is_forced {
                    self.admit(absence, seen, recovery, now);
                }
            }
        }
    }

    /// Results are to come that may save it; those that never come do not.
    fn wait(&mut self, seen: &Seen, now: UnixTime) {
        if !seen.has_down {
            self.waiting = None;
            return;
        }
        let since = *self.waiting.get_or_insert(now);
        if now < since + RESULTS_WAIT_MAX {
            return;
        }
        let gone = |was_cold| Absence { since, failed: true, was_cold, is_restored: false };
        match self.phase {
            Phase::Unseen | Phase::In => self.phase = Phase::Out(gone(false)),
            Phase::Probation(_) | Phase::Warming(_) => self.phase = Phase::Out(gone(true)),
            Phase::Held(absence, _) => self.phase = Phase::Out(absence),
            Phase::Out(ref mut absence) => absence.failed = true,
        }
        (self.failing, self.has_failed_before_restart) = (None, false);
    }

    /// When it is waited no longer for results, while it is.
    pub(super) fn waits_until(&self) -> Option<UnixTime> {
        self.waiting.map(|since| since + RESULTS_WAIT_MAX)
    }

    fn stay(&mut self, seen: &Seen, recovery: &Recovery, now: UnixTime) {
        (self.failing, self.has_failed_before_restart) = (None, false);
        match self.phase {
            Phase::Probation(since) if seen.has_report || now >= since + PROBATION_MAX => {
                self.phase = recovery.warm_up.map_or(Phase::In, |_| Phase::Warming(now));
            }
            Phase::Warming(since) if recovery.warm_up.is_none_or(|warm_up| now >= since + warm_up) => {
                self.phase = Phase::In;
            }
            _ => {}
        }
    }

    fn fail(&mut self, seen: &Seen, recovery: &Recovery, now: UnixTime) {
        // What an operator or the region itself takes away goes at once.
        let since = *self.failing.get_or_insert(now);
        if seen.has_enabled && now < since + recovery.failover_delay {
            return;
        }
        let was_cold = matches!(self.phase, Phase::Probation(_) | Phase::Warming(_));
        self.phase = Phase::Out(Absence { since, failed: seen.has_enabled, was_cold, is_restored: false });
        (self.failing, self.has_failed_before_restart) = (None, false);
    }

    fn come_back(&mut self, absence: Absence, seen: &Seen, recovery: &Recovery, now: UnixTime) {
        let waits = recovery.failback == Failback::Manual || !recovery.failback_delay.is_zero();
        if absence.failed && waits && !seen.is_forced {
            self.phase = Phase::Held(absence, now);
        } else {
            self.admit(absence, seen, recovery, now);
        }
    }

    fn admit(&mut self, absence: Absence, seen: &Seen, recovery: &Recovery, now: UnixTime) {
        let was_long = now.since(absence.since) >= recovery.warm_up_after && !absence.is_restored;
        let is_cold = (was_long || absence.was_cold) && !seen.is_forced;
        self.phase = match (recovery.probation, recovery.warm_up) {
            (Some(_), _) if is_cold && seen.has_feed => Phase::Probation(now),
            (_, Some(_)) if is_cold => Phase::Warming(now),
            _ => Phase::In,
        };
    }

    /// The operator's word that ends waiting for failback. Says whether it did wait.
    pub(super) fn release(&mut self, recovery: &Recovery, has_feed: bool, now: UnixTime) -> bool {
        let Phase::Held(absence, _) = self.phase else { return false };
        let seen = Seen { has_feed, ..Seen::default() };
        self.admit(absence, &seen, recovery, now);
        true
    }

    /// The share of its clients that it may have, from 0 to 1.
    pub(super) fn admitted(&self, recovery: &Recovery, now: UnixTime) -> f64 {
        match self.phase {
            Phase::Probation(_) => recovery.probation.unwrap_or(1.0).clamp(0.0, 1.0),
            Phase::Warming(since) => ramp(recovery, since, now),
            Phase::Unseen | Phase::In | Phase::Out(_) | Phase::Held(..) => 1.0,
        }
    }

    /// It has come back and may not have all of its clients yet.
    pub(super) const fn is_cold(&self) -> bool {
        matches!(self.phase, Phase::Probation(_) | Phase::Warming(_))
    }

    /// It takes its clients as ever.
    pub(super) const fn is_steady(&self) -> bool {
        matches!(self.phase, Phase::In) && self.failing.is_none()
    }

    /// It waits for failback.
    pub(super) const fn is_held_back(&self) -> bool {
        matches!(self.phase, Phase::Held(..))
    }

    /// It has failed and goes on answering.
    pub(super) const fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// It was failing when the server was started.
    pub(super) const fn has_failed_before_restart(&self) -> bool {
        self.has_failed_before_restart
    }

    /// Until when its members answer although it has failed. `None` too when that is over, and results are waited for.
    pub(super) fn delayed_until(&self, recovery: &Recovery, now: UnixTime) -> Option<UnixTime> {
        self.failing.map(|since| since + recovery.failover_delay).filter(|&until| now < until)
    }

    /// What it is at, load and operators aside.
    pub(super) fn course(&self, recovery: &Recovery, now: UnixTime) -> Course {
        if let Some(until) = self.delayed_until(recovery, now) {
            return Course::FailoverDelayed { until };
        }
        let share = self.admitted(recovery, now);
        match self.phase {
            Phase::Unseen | Phase::In => Course::Steady,
            Phase::Out(absence) => Course::Down { since: absence.since },
            Phase::Held(_, since) => Course::HeldBack {
                until: (recovery.failback == Failback::Auto).then(|| since + recovery.failback_delay),
            },
            Phase::Probation(since) => Course::Probation { share, until: since + PROBATION_MAX },
            Phase::Warming(since) => Course::WarmingUp { share, until: since + recovery.warm_up.unwrap_or_default() },
        }
    }

    /// What a restart must not forget of it.
    pub(super) fn memory(&self, region: &Arc<str>) -> Option<RegionMemory> {
        let (state, since, failed) = match (self.failing, self.phase) {
            (Some(since), _) => (Remembered::Failing, since, since),
            (None, Phase::Out(absence)) if absence.failed => (Remembered::Down, absence.since, absence.since),
            (None, Phase::Held(absence, since)) => (Remembered::HeldBack, since, absence.since),
            _ => return None,
        };
        Some(RegionMemory { region: Arc::clone(region), state, since, failed })
    }

    /// As it was before a restart.
    pub(super) fn restored(memory: &RegionMemory) -> Self {
        let absence = Absence { since: memory.failed, failed: true, was_cold: false, is_restored: true };
        match memory.state {
            Remembered::Failing => {
                Self { phase: Phase::In, failing: Some(memory.since), has_failed_before_restart: true, waiting: None }
            }
            Remembered::Down => Self { phase: Phase::Out(absence), ..Self::default() },
            Remembered::HeldBack => {
                Self { phase: Phase::Held(Absence { is_restored: false, ..absence }, memory.since), ..Self::default() }
            }
        }
    }
}

/// The share that warming up since `since` has come to at `now`: a straight line.
fn ramp(recovery: &Recovery, since: UnixTime, now: UnixTime) -> f64 {
    let Some(warm_up) = recovery.warm_up.filter(|warm_up| !warm_up.is_zero()) else { return 1.0 };
    let from = recovery.warm_up_from.clamp(0.0, 1.0);
    let way = now.since(since).as_secs_f64() / warm_up.as_secs_f64();
    from + (1.0 - from) * way.min(1.0)
}

#[cfg(test)]
mod tests;
