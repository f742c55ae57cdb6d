//! What shall be live after a reload: of the zones that were loaded from files, and of those that come from elsewhere.

use super::history::Delta;
use super::live::Pause;
use super::secondary;
use super::serial::is_newer;
use super::spec::{Role, ZoneTransfers};
use crate::base::Diagnostic;
use crate::zone::{Zone, ZoneSpec, diff};
use std::path::Path;
use std::sync::Arc;

/// A configured zone, as far as files tell.
pub struct Candidate<'c> {
    /// What it is built from.
    pub spec: &'c ZoneSpec,
    /// What else is configured of it.
    pub transfers: &'c ZoneTransfers,
    /// What was loaded from its file; without data where it has none.
    pub file: &'c Arc<Zone>,
    /// The folder with what must survive a restart.
    pub state_dir: &'c Path,
}

/// Decides what of a zone shall be live, sets it, and returns it.
pub fn resolve(pause: &mut Pause, candidate: &Candidate<'_>) -> Result<Arc<Zone>, Vec<Diagnostic>> {
    let Candidate { transfers, file, state_dir, .. } = candidate;
    if let Role::Secondary(spec) = &transfers.role {
        return Ok(secondary::resolve::resolve(pause, spec, &Arc::new((*transfers).clone()), state_dir));
    }
    let zone = Arc::clone(file);
    let live = pause.live(zone.apex()).map(|live| live.zone());
    let delta = live.and_then(|live| delta_between(&live, &zone));
    pause.set(Arc::clone(&zone), delta, Arc::new((*transfers).clone()));
    Ok(zone)
}

/// What leads from one version of a zone to another that has a newer serial.
#[must_use]
pub fn delta_between(old: &Arc<Zone>, new: &Arc<Zone>) -> Option<Delta> {
    if Arc::ptr_eq(old, new) || !is_newer(new.serial(), old.serial()) || !old.is_available() {
        return None;
    }
    let (removed, added) = diff(old, new);
    Some(Delta { from: old.serial(), to: new.serial(), removed, added })
}
