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

/// Tells how a target stands by its last probe: changes of health do not tell of each.
pub type StateOf = Arc<dyn Fn(&TargetKey) -> Option<TargetState> + Send + Sync>;

/// What is known from outside.
#[derive(Default)]
pub(super) struct Known {
    pub(super) targets: TargetStates,
    pub(super) reports: HashMap<Subject, Report>,
    pub(super) operator: Arc<OperatorTable>,
    pub(super) state_of: Option<StateOf>,
}

impl Known {
    /// How long the probes of a target take; 0 or more.
    pub(super) fn latency(&self, target: &TargetKey) -> Option<Duration> {
        match &self.state_of {
            Some(state_of) => state_of(target)?.latency,
            None => self.targets.get(target)?.latency,
        }
    }

    /// What is known of a target: its status as it was told, with what the last probe saw where that is of the same status.
    pub(super) fn state(&self, target: &TargetKey) -> Option<TargetState> {
        let told = self.targets.get(target)?.clone();
        let seen = self.state_of.as_ref().and_then(|state_of| state_of(target));
        Some(match seen {
            Some(seen) if seen.status == told.status => {
                TargetState { since: told.since, wavering: told.wavering, ..seen }
            }
            _ => told,
        })
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
