//! What is known from outside, by name, so that it survives configuration generations: results of probes, reports of regions
//! and members, words of operators. Decides nothing.

use crate::base::UnixTime;
use crate::health::{Report, Subject, TargetKey, TargetState};
use crate::steering::control::operator::OperatorTable;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What is known of targets, by name. A target that is not there is unknown.
pub(super) type TargetStates = HashMap<TargetKey, TargetState>;

/// Tells how long the last probe of a target took that passed, if one did lately.
pub type LatencyOf = Arc<dyn Fn(&TargetKey) -> Option<Duration> + Send + Sync>;

/// What is known from outside.
#[derive(Default)]
pub(super) struct Known {
    pub(super) targets: TargetStates,
    pub(super) reports: HashMap<Subject, Report>,
    pub(super) operator: Arc<OperatorTable>,
    pub(super) latency_of: Option<LatencyOf>,
}

impl Known {
    /// How long the probes of a target take; 0 or more.
    pub(super) fn latency(&self, target: &TargetKey) -> Option<Duration> {
        match &self.latency_of {
            Some(latency_of) => latency_of(target),
            None => self.targets.get(target)?.latency,
        }
    }

    /// What is reported of a subject.
    pub(super) fn report(&self, subject: &Subject) -> Report {
        self.reports.get(subject).copied().unwrap_or_default()
    }

    /// When a word of an operator ends.
    pub(super) fn next_expiry(&self, now: UnixTime) -> Option<UnixTime> {
        self.operator.next_expiry(now)
    }
}
