//! Answers that stand ready: one stored RRset, a variant of a pool's answers, or the SOA record of an absence. Most
//! queries lead to one of them, which is found and written here without the state that chains, proofs and additional
//! records take. `plan` and `compose` know all of this as well, and the rest: what is given here is what they would give.

use super::plan::Question;
use super::rate_limit::Charge;
use super::steered::{self, Tallied};
use super::{negative, positive};
use crate::snapshot::Snapshot;
use crate::wire::response::{QNAME_OFFSET, Section};
use crate::wire::{Full, NameKey, Query, Rcode, Records, Response, class, rtype};
use crate::zone;

/// What stands ready for a query.
pub struct Ready<'s> {
    section: Section,
    records: Records<'s>,
    /// Replaces the stored TTL; seconds.
    ttl: Option<u32>,
    /// Offset of the zone's apex in the message.
    apex_at: usize,
    /// What the response says.
    pub rcode: Rcode,
    /// What SCOPE the response has.
    pub scope: u8,
    /// What the response counts as.
    pub charge: Charge,
    /// Where a decision counts that led here.
    pub tallied: Option<Tallied>,
}

impl Ready<'_> {
    /// Writes it.
    #[inline(always)]
    pub fn write(&self, response: &mut Response<'_>) -> Result<(), Full> {
        response.rrset_here(self.section, self.records, QNAME_OFFSET, self.apex_at, self.ttl).map(|_| ())
    }
}

/// Whether a QTYPE means only the records of that type: nothing that is asked of other names, and nothing that brings the
/// addresses of names with it.
const fn means_itself(qtype: u16) -> bool {
    !matches!(qtype, rtype::DS | rtype::RRSIG | rtype::NSEC | rtype::IXFR | rtype::AXFR | rtype::ANY)
        && !positive::has_addresses(qtype)
}

/// What stands ready for `query`, if anything does. Signatures are added with `dnssec_ok`, where none but those of the
/// RRset itself are owed. `question` is made for balanced names alone. Has no effect, so that it may be dropped.
#[inline(always)]
pub fn find<'s>(
    query: &Query,
    snapshot: &'s Snapshot,
    dnssec_ok: bool,
    question: impl FnOnce() -> Question<'s>,
) -> Option<Ready<'s>> {
    let (name, qtype) = (query.name(), query.qtype());
    if query.qclass() != class::IN || !means_itself(qtype) {
        return None;
    }
    let (number, apex_stripped) = snapshot.zones.find(name, 0)?;
    let zone = snapshot.zones.zone(number);
    let signs = dnssec_ok && zone.is_signed();
    let found = zone.ready(name, apex_stripped, qtype)?;
    let apex_at = QNAME_OFFSET + name.offset(apex_stripped);
    match found {
        zone::Ready::Answer(rrset) => {
            let records = if signs { positive::signed_records(rrset) } else { positive::records(rrset) };
            Some(answer(name, apex_at, records))
        }
        // What signs, and does not exist, takes proofs.
        _ if signs => None,
        zone::Ready::Balanced(slot) => {
            let (steered, tallied) = steered::ready(&question(), number, slot)?;
            let records = steered.records();
            let ready = answer(name, apex_at, records);
            Some(Ready { ttl: Some(steered.ttl), scope: steered.scope, tallied: Some(tallied), ..ready })
        }
        zone::Ready::NoData => Some(absence(zone, name.hash(apex_stripped), apex_at, Rcode::NOERROR)),
        zone::Ready::NxDomain => Some(absence(zone, name.hash(apex_stripped), apex_at, Rcode::NXDOMAIN)),
    }
}

#[inline(always)]
fn answer<'s>(name: &NameKey, apex_at: usize, records: Records<'s>) -> Ready<'s> {
    let (section, charge) = (Section::Answer, Charge::records(name.hash(0)));
    Ready { section, records, ttl: None, apex_at, rcode: Rcode::NOERROR, scope: 0, charge, tallied: None }
}

#[inline(always)]
fn absence(zone: &zone::Zone, apex_hash: u64, apex_at: usize, rcode: Rcode) -> Ready<'_> {
    let (section, records) = (Section::Authority, negative::ready(zone.negative_soa()));
    let charge = Charge::negative(apex_hash);
    Ready { section, records, ttl: None, apex_at, rcode, scope: 0, charge, tallied: None }
}
