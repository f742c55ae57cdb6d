//! What shall be live after a reload: of the zones that were loaded from files, and of those that come from elsewhere.

use super::history::Delta;
use super::live::Pause;
use super::spec::ZoneTransfers;
use crate::base::Diagnostic;
use crate::zone::{Zone, ZoneSpec, diff};
use std::sync::Arc;

/// A configured zone, as far as files tell.
pub struct Candidate<'c> {
    /// What it is built from.
    pub spec: &'c ZoneSpec,
    /// What else is configured of it.
    pub transfers: &'c ZoneTransfers,
    /// What was loaded from its file; without data where it has none.
    pub file: &'c Arc<Zone>,
}

/// Decides what of a zone shall be live, sets it, and returns it.
pub fn resolve(pause: &mut Pause, candidate: &Candidate<'_>) -> Result<Arc<Zone>, Vec<Diagnostic>> {
    let Candidate { transfers, file, .. } = candidate;
    let zone = Arc::clone(file);
    let live = pause.live(zone.apex()).map(|live| live.zone());
    let delta = live.and_then(|live| delta_between(&live, &zone));
    pause.set(Arc::clone(&zone), delta, Arc::new((*transfers).clone()));
    Ok(zone)
}

/// What leads from one version of a zone to another that has a newer serial.
#[must_use]
pub fn delta_between(old: &Arc<Zone>, new: &Arc<Zone>) -> Option<Delta> {
    let is_newer = new.serial().wrapping_sub(old.serial()) as i32 > 0;
    if Arc::ptr_eq(old, new) || !is_newer || !old.is_available() {
        return None;
    }
    let (removed, added) = diff(old, new);
    Some(Delta { from: old.serial(), to: new.serial(), removed, added })
}
