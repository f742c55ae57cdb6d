//! NODATA and NXDOMAIN: the SOA record that says how long to remember it (RFC 2308).

use super::positive::{records, signed_records};
use crate::wire::response::{POINTER_OFFSET_MAX, QNAME_OFFSET, Section};
use crate::wire::{Full, Records, Response};
use crate::zone::{ApexRecords, Zone};

/// The SOA record that is ready for most negative answers, as the writer takes it: its owner is set right with the other
/// pointers to the apex.
#[inline]
pub const fn ready(ready: ApexRecords<'_>) -> Records<'_> {
    Records { octets: ready.octets, fixups: ready.fixups, count: ready.count }
}

/// Writes the SOA record of `zone`, whose apex stands at offset `apex`, with the TTL of negative answers, but at most
/// `ttl_max`, and its signatures if they are wanted.
pub fn write(response: &mut Response<'_>, zone: &Zone, apex: usize, ttl_max: u32, signed: bool) -> Result<(), Full> {
    if ttl_max >= zone.negative_ttl() && apex <= POINTER_OFFSET_MAX {
        let soa = if signed { zone.signed_negative_soa() } else { zone.negative_soa() };
        return response.rrset(Section::Authority, ready(soa), QNAME_OFFSET, apex, None).map(|_| ());
    }
    let ttl = zone.negative_ttl().min(ttl_max);
    let soa = if signed { signed_records(zone.soa()) } else { records(zone.soa()) };
    response.rrset(Section::Authority, soa, apex, apex, Some(ttl)).map(|_| ())
}
