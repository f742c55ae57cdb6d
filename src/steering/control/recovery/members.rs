//! How a member comes back into a region that stayed: its weight grows as a region's share does. Knows no other members.

use super::{PROBATION_MAX, ramp};
use crate::base::UnixTime;
use crate::steering::control::course::Ramp;
use crate::steering::spec::Recovery;

/// The way of one member.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::steering::control) struct Member {
    phase: Phase,
    /// It was up when its region was last healthy.
    pub(in crate::steering::control) was_up: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Phase {
    /// It never answered.
    #[default]
    Unseen,
    In,
    /// It does not answer since then; whether it was cold when it went.
    Out(UnixTime, bool),
    /// It waits for a good report since then.
    Probation(UnixTime),
    Warming(UnixTime),
}

/// What is seen of a member at one moment.
#[derive(Clone, Copy, Debug)]
pub(in crate::steering::control) struct Seen {
    /// It may answer.
    pub(in crate::steering::control) answers: bool,
    /// It was forced up.
    pub(in crate::steering::control) is_forced: bool,
    /// It has no result yet, as after a reload.
    pub(in crate::steering::control) is_unknown: bool,
    /// Its region neither left nor came back with it.
    pub(in crate::steering::control) region_stayed: bool,
    /// It has a report that is not stale.
    pub(in crate::steering::control) has_report: bool,
    /// Reports of it are to be expected.
    pub(in crate::steering::control) has_feed: bool,
}

impl Member {
    /// Takes in what is seen now.
    pub(in crate::steering::control) fn step(&mut self, seen: &Seen, recovery: &Recovery, now: UnixTime) {
        self.phase = match self.phase {
            _ if seen.is_unknown => return,
            Phase::Unseen if seen.answers => Phase::In,
            Phase::Unseen => Phase::Out(now, false),
            Phase::In if !seen.answers => Phase::Out(now, false),
            Phase::Probation(_) | Phase::Warming(_) if !seen.answers => Phase::Out(now, true),
            // What its region does is enough.
            Phase::Probation(_) | Phase::Warming(_) if !seen.region_stayed || seen.is_forced => Phase::In,
            Phase::Probation(since) if seen.has_report || now >= since + PROBATION_MAX => {
                recovery.warm_up.map_or(Phase::In, |_| Phase::Warming(now))
            }
            Phase::Warming(since) if recovery.warm_up.is_none_or(|warm_up| now >= since + warm_up) => Phase::In,
            Phase::Out(since, was_cold) if seen.answers => {
                let is_cold = was_cold || now.since(since) >= recovery.warm_up_after;
                match (recovery.probation, recovery.warm_up) {
                    _ if !is_cold || !seen.region_stayed || seen.is_forced => Phase::In,
                    (Some(_), _) if seen.has_feed => Phase::Probation(now),
                    (_, Some(_)) => Phase::Warming(now),
                    _ => Phase::In,
                }
            }
            phase => phase,
        };
    }

    /// Nothing was seen of it yet.
    pub(in crate::steering::control) const fn is_unseen(&self) -> bool {
        matches!(self.phase, Phase::Unseen)
    }

    /// Its way back to its whole weight, while it is on it.
    pub(in crate::steering::control) fn ramp(&self, recovery: &Recovery, now: UnixTime) -> Option<Ramp> {
        match self.phase {
            Phase::Unseen | Phase::In | Phase::Out(..) => None,
            Phase::Probation(since) => {
                Some(Ramp { share: recovery.probation.unwrap_or(1.0), until: since + PROBATION_MAX })
            }
            Phase::Warming(since) => {
                let until = since + recovery.warm_up.unwrap_or_default();
                Some(Ramp { share: ramp(recovery, since, now), until })
            }
        }
    }
}
