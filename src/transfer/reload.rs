//! What shall be live after a reload: of the zones that were loaded from files, and of those that come from elsewhere.

use super::history::Delta;
use super::journal::store::Settled;
use super::live::Pause;
use super::serial::is_newer;
use super::spec::{Role, ZoneTransfers};
use super::{Journals, secondary, static_view};
use crate::base::Diagnostic;
use crate::wire::Name;
use crate::zone::{BalancedOwner, Zone, ZoneSpec, diff};
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

/// What of a zone shall be live.
pub struct Resolved {
    /// The zone.
    pub zone: Arc<Zone>,
    /// Why it is not what its file says, where that is a mistake. All other zones load in spite of it.
    pub complaint: Option<Diagnostic>,
}

/// Decides what of a zone shall be live, sets it, and returns it.
pub fn resolve(pause: &mut Pause, candidate: &Candidate<'_>, journals: &Journals) -> Result<Resolved, Vec<Diagnostic>> {
    let Candidate { spec, transfers, file, state_dir } = candidate;
    let transfers = Arc::new(ZoneTransfers { balanced: spec.balanced.clone(), ..(*transfers).clone() });
    if let Role::Secondary(secondary) = &transfers.role {
        let zone = secondary::resolve::resolve(pause, secondary, &transfers, state_dir);
        return Ok(Resolved { zone, complaint: None });
    }
    if let Some(view) = &transfers.static_view {
        let live = pause.live(file.apex()).map(|live| live.zone());
        return match journals
            .settle((file, &transfers.balanced), live.as_ref(), false)
            .map_err(|diagnostic| vec![diagnostic])?
        {
            Settled::Files => {
                let zone = static_view::resolve(pause, file, &transfers, view, state_dir)?;
                Ok(Resolved { zone, complaint: None })
            }
            Settled::AsItIs | Settled::Replayed(..) | Settled::Apart(_) => {
                Err(vec![static_view::has_journal(file, view)])
            }
        };
    }
    primary(pause, file, transfers, journals).map_err(|diagnostic| vec![diagnostic])
}

/// What `check` says of the journal of a zone that has a file here, without touching anything.
#[must_use]
pub fn check_journal(
    file: &Zone,
    spec: &ZoneSpec,
    transfers: &ZoneTransfers,
    journals: &Journals,
) -> Option<Diagnostic> {
    match &transfers.static_view {
        _ if transfers.role.secondary().is_some() => None,
        Some(view) => journals.has(file.apex()).then(|| static_view::has_journal(file, view)),
        None => journals.check(file, &spec.balanced),
    }
}

/// A zone that has a file here, and changes from updates in a journal.
fn primary(
    pause: &mut Pause,
    file: &Arc<Zone>,
    transfers: Arc<ZoneTransfers>,
    journals: &Journals,
) -> Result<Resolved, Diagnostic> {
    // What came from another server is no earlier version of what the file says.
    let live = pause.live(file.apex()).filter(|live| live.transfers().role == Role::Primary);
    let has_same_slots =
        live.as_ref().is_some_and(|live| is_same_overlay(&live.transfers().balanced, &transfers.balanced));
    let live = live.map(|live| live.zone());
    let takes_updates = !transfers.update.is_empty();
    let mut complaint = None;
    let zone = match (journals.settle((file, &transfers.balanced), live.as_ref(), takes_updates)?, live) {
        (Settled::AsItIs, Some(live)) => {
            pause.set_same(Arc::clone(&live), transfers);
            live
        }
        (Settled::Replayed(zone, steps), live) => {
            complaint = left_over(zone.apex(), &transfers, journals);
            match live.filter(|live| live.is_available()) {
                // The same data with other balanced names.
                Some(live) if live.serial() == zone.serial() => pause.set_same(Arc::clone(&zone), transfers),
                Some(live) => pause.set(Arc::clone(&zone), delta_between(&live, &zone), transfers),
                None => pause.set_led(Arc::clone(&zone), steps.into_iter().map(|step| step.delta).collect(), transfers),
            }
            zone
        }
        // Its numbers of balanced names would be taken for those of the new configuration.
        (Settled::Apart(why), Some(live)) if live.is_available() && !has_same_slots => return Err(why),
        (Settled::Apart(why), live) => {
            complaint = Some(match live.as_ref().is_some_and(|live| live.is_available()) {
                true => why.hint("until then the zone stays as it was, updates included"),
                false => why.hint("until then the zone is answered with SERVFAIL; all others are served"),
            });
            let zone = live.unwrap_or_else(|| Arc::new(Zone::unavailable(file.apex().clone())));
            pause.set_same(Arc::clone(&zone), transfers);
            zone
        }
        (Settled::Files | Settled::AsItIs, live) => {
            let delta = live.and_then(|live| delta_between(&live, file));
            pause.set(Arc::clone(file), delta, transfers);
            Arc::clone(file)
        }
    };
    Ok(Resolved { zone, complaint })
}

/// Whether a zone with the balanced names `old` laid over can stand where one with `new` is expected.
fn is_same_overlay(old: &[BalancedOwner], new: &[BalancedOwner]) -> bool {
    let facts = |owners: &[BalancedOwner]| -> Vec<_> {
        owners.iter().map(|owner| (owner.owner.clone(), owner.role, owner.answers_cname)).collect()
    };
    facts(old) == facts(new)
}

/// The warning about a journal of a zone that takes no updates any more.
#[must_use]
pub fn left_over(apex: &Name, transfers: &ZoneTransfers, journals: &Journals) -> Option<Diagnostic> {
    // A view is refused with a journal.
    let is_concerned =
        transfers.role == Role::Primary && transfers.update.is_empty() && transfers.static_view.is_none();
    if !is_concerned || !journals.has(apex) {
        return None;
    }
    let message = format!("zone `{apex}` takes no updates any more, but there is a journal of some");
    let hint = format!(
        "it is still used: write its changes into the zone file with `azimuth zone merge --flush {apex}`, or give them up with \
         `azimuth zone discard-journal {apex}`"
    );
    Some(Diagnostic::warning(message).hint(hint))
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
