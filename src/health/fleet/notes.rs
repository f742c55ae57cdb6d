//! What operators want to know of the last probe of a target, besides its status. Knows no counting.

use super::{AddressId, Fleet};
use crate::base::UnixTime;
use crate::health::{Captured, Endpoint, Observation, Status, TargetKey};
use std::sync::Arc;

impl Fleet {
    /// Keeps what operators want to know of the last probe.
    pub(super) fn note(&mut self, key: &TargetKey, seen: Observation, id: AddressId, now: UnixTime) {
        let Some(target) = self.targets.get_mut(key) else { return };
        let state = &mut target.state;
        let reason = match seen {
            Observation::Passed { latency, warning, captured } => {
                state.latency = Some(latency);
                state.captured = captured.map(|value| Captured { value, at: now });
                self.warn(key, warning, id);
                return;
            }
            Observation::Failed { reason } => {
                state.latency = None;
                reason
            }
            // Not a verdict, but all that is known of a target without one.
            Observation::LocalError { reason } if state.status == Status::Unknown => reason,
            Observation::LocalError { .. } => return,
        };
        state.last_error = match (&key.endpoint, self.addresses.get(&id)) {
            (Endpoint::Host(..), Some(address)) if !address.socket.ip().is_unspecified() => {
                format!("{}: {reason}", address.socket).into()
            }
            _ => reason,
        };
    }

    /// Keeps the warning of an address; the target has that of its first address that has one.
    fn warn(&mut self, key: &TargetKey, warning: Option<Arc<str>>, id: AddressId) {
        let Some(target) = self.targets.get_mut(key) else { return };
        let Some(address) = self.addresses.get_mut(&id) else { return };
        if warning.is_none() && target.state.warning.is_empty() {
            return;
        }
        address.warning = match (&key.endpoint, warning) {
            (Endpoint::Host(..), Some(warning)) => Some(format!("{}: {warning}", address.socket).into()),
            (_, warning) => warning,
        };
        let mut warnings = target.addresses.iter().filter_map(|id| self.addresses.get(id)?.warning.as_ref());
        target.state.warning = warnings.next().map(Arc::clone).unwrap_or_default();
    }
}
