//! What shall be live of a secondary zone when a configuration goes live: what is live already, or what was kept.

use super::keep;
use super::schedule::{Bounds, Timers};
use super::{fetch::soa_of, overlay};
use crate::transfer::spec::{SecondarySpec, ZoneTransfers};
use crate::transfer::{Delta, Pause};
use crate::zone::Zone;
use std::path::Path;
use std::sync::Arc;

/// Decides it, sets it, and returns it.
pub fn resolve(pause: &mut Pause, spec: &SecondarySpec, transfers: &Arc<ZoneTransfers>, state_dir: &Path) -> Arc<Zone> {
    let apex = &spec.zone.apex;
    if let Some(live) = pause.live(apex) {
        let zone = live.zone();
        let before = live.transfers();
        let is_same = before.role.secondary().is_some_and(|before| before.zone.balanced == spec.zone.balanced);
        if is_same || !zone.is_available() {
            pause.set_same(Arc::clone(&zone), Arc::clone(transfers));
            return zone;
        }
        match overlay::build(&spec.zone, zone.records()) {
            Ok(rebuilt) => {
                let rebuilt = Arc::new(rebuilt);
                pause.set_same(Arc::clone(&rebuilt), Arc::clone(transfers));
                return rebuilt;
            }
            // It was a zone before.
            Err(error) => {
                tracing::error!(zone = %apex, %error, "the zone cannot be built anew; it is transferred again")
            }
        }
    }
    let (zone, deltas) = kept(spec, state_dir).unwrap_or_else(|| (Zone::unavailable(apex.clone()), Vec::new()));
    let zone = Arc::new(zone);
    pause.set_led(Arc::clone(&zone), deltas, Arc::clone(transfers));
    zone
}

/// What was kept, unless it is too old.
fn kept(spec: &SecondarySpec, state_dir: &Path) -> Option<(Zone, Vec<Delta>)> {
    let apex = &spec.zone.apex;
    let kept = match keep::load(state_dir, &spec.zone) {
        Ok(kept) => kept?,
        Err(error) => {
            tracing::error!(zone = %apex, %error, "what was kept of the zone cannot be used; it is transferred again");
            return None;
        }
    };
    if let Some(error) = kept.damage {
        tracing::warn!(zone = %apex, %error, "the last changes that were kept of the zone are damaged and left out");
    }
    let timers = soa_of(&kept.zone).and_then(|soa| Timers::of(&soa, Bounds::of(spec)))?;
    if kept.last_good + timers.expire <= keep::file_time() {
        tracing::warn!(zone = %apex, serial = kept.zone.serial(), "what was kept of the zone has expired");
        return None;
    }
    tracing::info!(zone = %apex, serial = kept.zone.serial(), "answering from what was kept of the zone");
    Some((kept.zone, kept.deltas))
}
