//! What is going on in a pool under a policy, for those who show it. Made by each step; knows no words and no colors.

use crate::base::{RegionId, UnixTime};
use std::sync::Arc;

/// What is going on in a region of a pool. Where several things are, the first of them in the order of this list, from its end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Course {
    /// Nothing: it takes its clients.
    #[default]
    Steady,
    /// It hands on the share of its clients that its load asks for.
    Shedding {
        /// Of its clients, from 0 to 1.
        share: f64,
        /// Of its capacity, as it was last told.
        utilisation: Option<f64>,
    },
    /// An operator has it hand on a share of its clients.
    Draining {
        /// Of its clients, from 0 to 1.
        share: f64,
    },
    /// It has come back, and its share of its clients grows.
    WarmingUp {
        /// Of its clients that it takes, from 0 to 1.
        share: f64,
        /// When it takes them all.
        until: UnixTime,
    },
    /// It has come back, and waits for its first good report.
    Probation {
        /// Of its clients that it takes, from 0 to 1.
        share: f64,
        /// When it goes on without one.
        until: UnixTime,
    },
    /// It could answer, and is passed over while another region is healthy.
    HeldBack {
        /// Until then; `None`: until the operator releases it.
        until: Option<UnixTime>,
    },
    /// It has failed, and goes on answering.
    FailoverDelayed {
        /// Until then.
        until: UnixTime,
    },
    /// It is not healthy enough for the first pass.
    Down {
        /// Since then.
        since: UnixTime,
    },
}

/// A region of a pool, as it is after a step.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionCourse {
    /// Which.
    pub region: RegionId,
    /// Its name.
    pub name: Arc<str>,
    /// What is going on.
    pub course: Course,
    /// Of its capacity, where that is known.
    pub utilisation: Option<f64>,
    /// Of its own clients, those that it hands on, from 0 to 1.
    pub shed: f64,
    /// Of the clients that others hand on, those that it does not take, from 0 to 1.
    pub refuses: f64,
}

impl RegionCourse {
    /// What is going on, with the share of its clients that it does take: one that comes back takes all of them while no other
    /// region has room for them.
    #[must_use]
    pub fn in_effect(&self) -> Course {
        let takes_all = self.shed <= 0.0;
        match self.course {
            Course::WarmingUp { until, .. } if takes_all => Course::WarmingUp { share: 1.0, until },
            Course::Probation { until, .. } if takes_all => Course::Probation { share: 1.0, until },
            course => course,
        }
    }
}

/// A member of a pool, as it is after a step. The default: nothing is going on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MemberCourse {
    /// The limit that it is passed over for, while other members of its region are not beyond theirs.
    pub exceeded: Option<Exceeded>,
    /// It has come back, and its weight grows.
    pub ramp: Option<Ramp>,
    /// It is down, and answers until its region's `failover_delay` is over.
    pub kept: bool,
    /// Its share of what its region answers in its family, over the share that its weight alone would give; `None` where shares
    /// do not follow reports.
    pub share_factor: Option<f64>,
}

/// A limit that a member is beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exceeded {
    /// The key of the pool's `limits`.
    pub limit: &'static str,
    /// What the limit is.
    pub most: f64,
    /// What the member last reported.
    pub reported: f64,
}

/// A member's way back to its whole weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    /// Of its weight, from 0 to 1.
    pub share: f64,
    /// When it has all of it, as far as is known.
    pub until: UnixTime,
}
