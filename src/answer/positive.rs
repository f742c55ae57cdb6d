//! Answers that exist, and the addresses that come with them.

use crate::wire::response::Section;
use crate::wire::{Full, NameKey, Records, Response, rtype};
use crate::zone::{Lookup, RrsetRef, Zone};

/// Names of one RRset whose addresses are added at most, where they are a courtesy.
const ADDITIONAL_NAMES_MAX: usize = 32;

/// The plain parts of a stored RRset, as the writer takes them.
#[inline(always)]
pub fn records(rrset: RrsetRef<'_>) -> Records<'_> {
    Records { octets: rrset.octets(), fixups: rrset.fixups(), count: rrset.records() }
}

/// A stored RRset and its signatures behind it, as the writer takes them.
#[inline(always)]
pub fn signed_records(rrset: RrsetRef<'_>) -> Records<'_> {
    let count = rrset.records() + rrset.signature_count();
    Records { octets: rrset.octets_and_signatures(), fixups: rrset.fixups(), count }
}

/// The signatures of a stored RRset, as the writer takes them.
pub fn signatures(rrset: RrsetRef<'_>) -> Records<'_> {
    Records { octets: rrset.signatures(), fixups: &[], count: rrset.signature_count() }
}

/// A zone, and where its apex is.
#[derive(Clone, Copy)]
pub struct ZonePlace<'s, 'n> {
    /// The zone.
    pub zone: &'s Zone,
    /// Its apex in lower-case wire form.
    pub apex: &'n [u8],
    /// How many labels the apex has.
    pub apex_labels: usize,
    /// Offset of the apex in the message.
    pub apex_at: usize,
}

/// Writes the RRset that was asked for, whose owner stands at offset `owner`, and the addresses of the names in it as far
/// as there is room.
pub fn write(
    response: &mut Response<'_>,
    place: ZonePlace<'_, '_>,
    rrset: RrsetRef<'_>,
    owner: usize,
    scratch: &mut NameKey,
) -> Result<(), Full> {
    let start = response.rrset(Section::Answer, records(rrset), owner, place.apex_at, None)?;
    if has_addresses(rrset.rtype()) {
        add_addresses(response, Names { place, rrset, start, signed: false }, scratch);
    }
    Ok(())
}

/// Whether the addresses of the names in a type's data are added.
pub const fn has_addresses(rtype: u16) -> bool {
    matches!(rtype, rtype::NS | rtype::MX | rtype::SRV | rtype::SVCB | rtype::HTTPS)
}

/// Adds the addresses of `names`. What does not fit is left out silently: it was not asked for (RFC 2181, section 9).
pub fn add_addresses(response: &mut Response<'_>, names: Names<'_, '_>, scratch: &mut NameKey) {
    for index in 0..names.rrset.targets().len().min(ADDITIONAL_NAMES_MAX) {
        if let Some(apex_stripped) = names.read(index, scratch) {
            let _ = names.write_addresses(index, scratch, apex_stripped, response);
            if matches!(names.rrset.rtype(), rtype::SVCB | rtype::HTTPS) {
                names.write_services(index, scratch, apex_stripped, response);
            }
        }
    }
}

/// The names in the RDATA of an RRset that has been written, and their addresses.
#[derive(Clone, Copy)]
pub struct Names<'s, 'n> {
    /// The zone of the RRset, and the only one whose addresses are given.
    pub place: ZonePlace<'s, 'n>,
    /// The RRset.
    pub rrset: RrsetRef<'s>,
    /// Where it begins in the message.
    pub start: usize,
    /// Whether addresses come with their signatures.
    pub signed: bool,
}

impl Names<'_, '_> {
    /// Sets `name` to the name number `index`; returns the labels to strip from it to reach the apex. `None` when it is
    /// not in the zone, or the same as an earlier one.
    pub fn read(&self, index: usize, name: &mut NameKey) -> Option<usize> {
        let targets = self.rrset.targets();
        let repeats = |&earlier: &u16| same_stored_name(self.rrset.octets(), earlier, targets[index]);
        if targets[..index].iter().any(repeats) {
            return None;
        }
        self.place.zone.target(self.rrset, targets[index], name);
        let stripped = name.label_count().checked_sub(self.place.apex_labels)?;
        (name.suffix(stripped) == self.place.apex).then_some(stripped)
    }

    /// Writes the A and AAAA RRsets of `name`, which is the name number `index`, as far as they fit.
    pub fn write_addresses(
        &self,
        index: usize,
        name: &NameKey,
        apex_stripped: usize,
        response: &mut Response<'_>,
    ) -> Result<(), Full> {
        let owner = self.start + usize::from(self.rrset.targets()[index]);
        let mut result = Ok(());
        for addresses in self.place.zone.addresses(name, apex_stripped).into_iter().flatten() {
            // Addresses have no names in their RDATA, so that no apex is needed.
            if let Err(full) = response.rrset(Section::Additional, records(addresses), owner, 0, None) {
                result = Err(full);
            } else if self.signed {
                // Without them the addresses are still of use (RFC 4035, section 3.1.1).
                let _ = response.rrset(Section::Additional, signatures(addresses), owner, 0, None);
            }
        }
        result
    }

    /// Writes the SVCB or HTTPS RRset of `name`, which is the name number `index`, as far as it fits: where an alias leads
    /// (RFC 9460, section 4.1).
    #[cold]
    fn write_services(&self, index: usize, name: &NameKey, apex_stripped: usize, response: &mut Response<'_>) {
        let owner = self.start + usize::from(self.rrset.targets()[index]);
        let found = self.place.zone.lookup(name, apex_stripped, self.rrset.rtype());
        if let Lookup::Answer { rrset, from_wildcard: false } = found {
            let written = response.rrset(Section::Additional, records(rrset), owner, self.place.apex_at, None);
            if self.signed && written.is_ok() {
                let _ = response.rrset(Section::Additional, signatures(rrset), owner, 0, None);
            }
        }
    }
}

/// Whether two names in stored octets are the same, letter case aside: equal names are stored with equal pointers.
fn same_stored_name(octets: &[u8], a: u16, b: u16) -> bool {
    let (mut a, mut b) = (usize::from(a), usize::from(b));
    loop {
        let len = octets[a];
        if len != octets[b] {
            return false;
        }
        let behind = match len {
            0 => return true,
            0xc0.. => return octets[a + 1] == octets[b + 1],
            _ => 1 + usize::from(len),
        };
        if !octets[a..a + behind].eq_ignore_ascii_case(&octets[b..b + behind]) {
            return false;
        }
        (a, b) = (a + behind, b + behind);
    }
}

#[cfg(test)]
mod tests {
    use super::same_stored_name;

    #[test]
    fn equal_stored_names_are_recognised() {
        let octets = b"\x03www\xc0\x00\x03WWW\xc0\x00\x03www\xc0\x08\x03wwx\x00\x03WWX\x00\x00";
        let names = [0, 6, 12, 18, 23, 28];
        for (i, a) in names.into_iter().enumerate() {
            for (j, b) in names.into_iter().enumerate() {
                let expected = i == j || [(0, 1), (3, 4)].contains(&(i.min(j), i.max(j)));
                assert_eq!(same_stored_name(octets, a, b), expected, "{a} {b}");
            }
        }
    }
}
