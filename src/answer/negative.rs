//! NODATA and NXDOMAIN: the SOA record that says how long to remember it (RFC 2308).

use super::positive::records;
use crate::wire::response::Section;
use crate::wire::{Full, Response};
use crate::zone::Zone;

/// Writes the SOA record of `zone`, whose apex stands at offset `apex`, with the TTL of negative answers, but at most
/// `ttl_max`.
pub fn write(response: &mut Response<'_>, zone: &Zone, apex: usize, ttl_max: u32) -> Result<(), Full> {
    let ttl = zone.negative_ttl().min(ttl_max);
    response.rrset(Section::Authority, records(zone.soa()), apex, apex, Some(ttl)).map(|_| ())
}
