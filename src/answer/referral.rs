//! Referrals: the name servers of a zone that begins below ours, and the addresses without which nobody finds them.

use super::positive::{Names, records};
use crate::wire::numbers::flag;
use crate::wire::response::Section;
use crate::wire::{Full, NameKey, Response};
use crate::zone::{RrsetRef, Zone};

/// A zone cut above a name.
#[derive(Clone, Copy)]
pub struct Cut<'s> {
    /// The zone on its upper side.
    pub zone: &'s Zone,
    /// The NS RRset.
    pub ns: RrsetRef<'s>,
    /// Labels to strip from the name to reach the cut.
    pub stripped: usize,
}

/// Writes the NS RRset of a cut above `name`, which stands at offset `at`, and the addresses of its servers: first of
/// those within the delegated zone, of which none may be missing unless TC says so (RFC 9471), then of the others that
/// our zone knows, as far as there is room.
pub fn write(
    response: &mut Response<'_>,
    cut: Cut<'_>,
    name: &NameKey,
    at: usize,
    apex: usize,
    scratch: &mut NameKey,
) -> Result<(), Full> {
    let owner = response.suffix(at, cut.stripped);
    let start = response.rrset(Section::Authority, records(cut.ns), owner, apex, None)?;
    let names = Names { zone: cut.zone, rrset: cut.ns, start };
    let delegated = name.suffix(cut.stripped);
    for within in [true, false] {
        for index in 0..cut.ns.targets.len() {
            let Some(apex_stripped) = names.read(index, scratch) else { continue };
            let cut_labels = name.label_count() - cut.stripped;
            if is_at_or_below(scratch, delegated, cut_labels) != within {
                continue;
            }
            if names.write_addresses(index, scratch, apex_stripped, response).is_err() && within {
                response.set_flag(flag::TC);
            }
        }
    }
    Ok(())
}

/// Whether `name` is at or below the name `upper`, which has `labels` labels and is in lower case.
fn is_at_or_below(name: &NameKey, upper: &[u8], labels: usize) -> bool {
    name.label_count().checked_sub(labels).is_some_and(|stripped| name.suffix(stripped) == upper)
}
