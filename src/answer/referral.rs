//! Referrals: the name servers of a zone that begins below ours, and the addresses without which nobody finds them.

use super::positive::{Names, ZonePlace, records};
use crate::wire::numbers::flag;
use crate::wire::response::Section;
use crate::wire::{Full, NameKey, Response};
use crate::zone::RrsetRef;

/// Servers outside the delegated zone whose addresses are looked for at most, where those are a courtesy: the bits of the
/// set in which they are remembered.
const OTHERS_MAX: usize = u64::BITS as usize;

/// Writes the NS RRset `ns` of a cut above `name`, which stands at offset `at`, and the addresses of its servers: first of
/// those within the delegated zone, of which none may be missing unless TC says so (RFC 9471), then of the others that
/// our zone knows, as far as there is room. The cut is `name` without its first `stripped` labels.
pub fn write(
    response: &mut Response<'_>,
    place: ZonePlace<'_, '_>,
    (ns, stripped): (RrsetRef<'_>, usize),
    name: &NameKey,
    at: usize,
    scratch: &mut NameKey,
) -> Result<(), Full> {
    let owner = response.suffix(at, stripped);
    let start = response.rrset(Section::Authority, records(ns), owner, place.apex_at, None)?;
    add_glue(response, Names { place, rrset: ns, start, signed: false }, (name, stripped), scratch);
    Ok(())
}

/// Adds the addresses of the servers `names` of the cut above `name`.
pub fn add_glue(
    response: &mut Response<'_>,
    names: Names<'_, '_>,
    (name, stripped): (&NameKey, usize),
    scratch: &mut NameKey,
) {
    let ns = names.rrset;
    let (cut, cut_labels) = (name.suffix(stripped), name.label_count() - stripped);
    let mut others = 0_u64;
    for index in 0..ns.targets().len() {
        let Some(apex_stripped) = names.read(index, scratch) else { continue };
        if !is_at_or_below(scratch, cut, cut_labels) {
            others |= if index < OTHERS_MAX { 1 << index } else { 0 };
        } else if names.write_addresses(index, scratch, apex_stripped, response).is_err() {
            response.set_flag(flag::TC);
        }
    }
    while others != 0 {
        let index = others.trailing_zeros() as usize;
        others &= others - 1;
        if let Some(apex_stripped) = names.read(index, scratch) {
            let _ = names.write_addresses(index, scratch, apex_stripped, response);
        }
    }
}

/// Whether `name` is at or below the name `upper`, which has `labels` labels and is in lower case.
fn is_at_or_below(name: &NameKey, upper: &[u8], labels: usize) -> bool {
    name.label_count().checked_sub(labels).is_some_and(|stripped| name.suffix(stripped) == upper)
}
