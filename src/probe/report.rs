//! Where results go: the table of states, the log (once a change, never once a probe), the metrics, and whoever listens
//! to changes. Knows no schedule and no probes.

use crate::base::UnixTime;
use crate::health::stretch::Verdict;
use crate::health::{Change, Event, Factor, Fleet, Status, TargetKey, TargetState};
use crate::probe::OnChange;
use crate::probe::metrics::{Metrics, count, set};
use dashmap::DashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Troubles on this side are logged at most this often; the rest is counted.
const LOCAL_ERROR_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Tells the rest of the world what happens to targets.
pub struct Reporter {
    states: Arc<DashMap<TargetKey, TargetState>>,
    metrics: Arc<Metrics>,
    on_change: OnChange,
    /// No trouble on this side is logged before.
    quiet_until: UnixTime,
    suppressed: u64,
}

impl Reporter {
    /// A reporter that writes states and metrics there and calls `on_change`.
    pub fn new(states: Arc<DashMap<TargetKey, TargetState>>, metrics: Arc<Metrics>, on_change: OnChange) -> Self {
        Self { states, metrics, on_change, quiet_until: UnixTime::default(), suppressed: 0 }
    }

    /// Shows the state of one target, whether or not it has changed.
    pub fn show(&self, key: &TargetKey, fleet: &Fleet) {
        let Some(state) = fleet.state(key) else { return };
        let before = match self.states.get_mut(key) {
            Some(mut shown) => std::mem::replace(&mut *shown, state.clone()).warning,
            None => self.states.insert(key.clone(), state.clone()).map(|shown| shown.warning).unwrap_or_default(),
        };
        log_warning(key, &before, &state.warning);
    }

    /// Shows a target no more.
    pub fn forget(&self, key: &TargetKey) {
        self.states.remove(key);
    }

    /// Tells of events, in their order. The table of states is up to date before anybody hears of a change.
    pub fn tell(&self, events: Vec<Event>, fleet: &Fleet) {
        if events.is_empty() {
            return;
        }
        let mut changes = Vec::new();
        let mut is_blind = false;
        for event in events {
            match event {
                Event::Changed { change, from } => {
                    if from != change.state.status {
                        log_change(&change, from, is_blind);
                    }
                    self.show(&change.key, fleet);
                    changes.push(change);
                }
                Event::Blind { addresses, until } => {
                    is_blind = true;
                    count(&self.metrics.holds);
                    tracing::error!(
                        targets = addresses,
                        until = until.as_secs(),
                        "every target that was up started failing at once: this checker is probably blind; states are \
                         held; look at this machine's network and firewall"
                    );
                }
                Event::SeesAgain { key } => tracing::warn!(
                    monitor = %key.monitor,
                    target = %key.endpoint,
                    "a probe passed again: held targets are judged by their next probes"
                ),
                Event::HoldEnded { expired: true } => {
                    tracing::error!("nothing has passed while states were held; they follow what is observed again");
                }
                Event::HoldEnded { expired: false } => tracing::warn!("no state is held any more"),
            }
        }
        set(&self.metrics.held, usize::from(fleet.is_holding()));
        if !changes.is_empty() {
            (self.on_change)(changes);
        }
    }

    /// Tells that all intervals have become longer or shorter.
    pub fn stretched(&self, verdict: &Verdict) {
        self.metrics.stretch_thousandths.store(verdict.to.thousandths().into(), Ordering::Relaxed);
        let Verdict { from, to, starts, late } = verdict;
        if to > from {
            count(&self.metrics.stretches);
            tracing::warn!(
                factor = %to,
                starts,
                late,
                "this machine does not keep up with its probes: all intervals are stretched by this factor; give it more \
                 processor time or descriptors, or make intervals longer"
            );
        } else if *to == Factor::ONE {
            tracing::info!("this machine keeps up with its probes again: intervals are as configured");
        } else {
            tracing::info!(factor = %to, "probes start on time: intervals are stretched less");
        }
    }

    /// Logs that a probe had no result, unless such a thing was logged just before.
    pub fn local_error(&mut self, key: &TargetKey, reason: &str, now: UnixTime) {
        if now < self.quiet_until {
            self.suppressed += 1;
            return;
        }
        self.quiet_until = now + LOCAL_ERROR_LOG_INTERVAL;
        let suppressed = std::mem::take(&mut self.suppressed);
        tracing::warn!(
            monitor = %key.monitor,
            target = %key.endpoint,
            cause = reason,
            suppressed,
            "a probe had no result, for a reason on this machine; the target's status stays"
        );
    }
}

/// Logs a warning that is new or has other words, and its end.
fn log_warning(key: &TargetKey, before: &str, now: &str) {
    let (monitor, target) = (&key.monitor, &key.endpoint);
    if before == now {
    } else if now.is_empty() {
        tracing::info!(%monitor, %target, cause = before, "a target's warning is over");
    } else {
        tracing::warn!(%monitor, %target, cause = now, "a target passes, with a warning");
    }
}

fn log_change(change: &Change, from: Status, is_blind: bool) {
    let Change { key, state } = change;
    let cause = match state.status {
        _ if is_blind => "held: the checker is probably blind",
        Status::Up => "passed",
        Status::Down | Status::Unknown => &state.last_error,
    };
    let to = state.status;
    let (monitor, target) = (&key.monitor, &key.endpoint);
    if to == Status::Down {
        tracing::warn!(%monitor, %target, %from, %to, cause, "target changed status");
    } else {
        tracing::info!(%monitor, %target, %from, %to, cause, "target changed status");
    }
}
