//! Answers that stand ready: one stored RRset, a variant of a pool's answers, or the SOA record of an absence. Most
//! queries lead to one of them, which is found and written here without the state that chains, proofs and additional
//! records take. `plan` and `compose` know all of this as well, and the rest: what is given here is what they would give.

use super::rate_limit::{Charge, Verdict};
use super::steered::{self, Asker, Tallied};
use super::visitor::Visitor;
use super::{Outcome, Request, Responder, edns, negative, positive};
use crate::snapshot::Snapshot;
use crate::wire::numbers::flag;
use crate::wire::response::{QNAME_OFFSET, Section};
use crate::wire::{Edns, NameKey, OptAnswer, Rcode, Records, Response, class, rtype};
use crate::zone::Zone;

/// What stands ready for a query.
struct Ready<'s> {
    section: Section,
    records: Records<'s>,
    /// Replaces the stored TTL; seconds.
    ttl: Option<u32>,
    rcode: Rcode,
    scope: u8,
    charge: Charge,
    /// Where a decision counts that led here.
    tallied: Option<Tallied>,
}

/// Whether a QTYPE means only the records of that type: nothing that is asked of other names, and nothing that brings the
/// addresses of names with it.
const fn means_itself(qtype: u16) -> bool {
    !matches!(qtype, rtype::DS | rtype::RRSIG | rtype::NSEC | rtype::IXFR | rtype::AXFR | rtype::ANY)
        && !positive::has_addresses(qtype)
}

// What is said of the query and of who asks is read where it is needed, so that little has to be kept at hand on the way.
impl Responder {
    /// Answers the query that was parsed with what stands ready; `None` when nothing does, or it does not fit: then nothing
    /// has happened.
    #[inline(always)]
    pub(super) fn answer_ready(&self, snapshot: &Snapshot, request: &Request<'_>, out: &mut [u8]) -> Option<Outcome> {
        let (name, qtype) = (self.query.name(), self.query.qtype());
        if self.query.qclass() != class::IN || !means_itself(qtype) || !self.is_plain(snapshot, request) {
            return None;
        }
        let (number, zone, apex_stripped) = snapshot.zones.find_zone(name, 0)?;
        if zone.is_overlaid() {
            return None;
        }
        let signs = zone.is_signed() && self.query.edns().is_some_and(|edns| edns.dnssec_ok);
        let Some(node) = zone.node(name, apex_stripped) else {
            // Who asks for signatures is owed a proof.
            if signs || !zone.is_missing_below_plain_apex(apex_stripped) {
                return None;
            }
            return self.send(
                absence(zone, name.hash(apex_stripped), Rcode::NXDOMAIN),
                apex_stripped,
                (snapshot, request),
                out,
            );
        };
        if !node.speaks_for_itself() {
            return None;
        }
        if let Some(slot) = node.slot() {
            if signs {
                return None;
            }
            let client_subnet = self.query.edns().and_then(|edns| edns.client_subnet.as_ref());
            let asker = Asker { client_subnet, source: request.source, random: request.random };
            let (steered, tallied) = steered::steady(snapshot, (number, slot), qtype, asker)?;
            let (ttl, scope, tallied) = (Some(steered.ttl), steered.scope, Some(tallied));
            let ready = Ready { ttl, scope, tallied, ..records(name, steered.records()) };
            return self.send(ready, apex_stripped, (snapshot, request), out);
        }
        match node.rrset(qtype) {
            Some(rrset) if signs => {
                self.send(records(name, positive::signed_records(rrset)), apex_stripped, (snapshot, request), out)
            }
            Some(rrset) => self.send(records(name, positive::records(rrset)), apex_stripped, (snapshot, request), out),
            None if signs => None,
            None => self.send(
                absence(zone, name.hash(apex_stripped), Rcode::NOERROR),
                apex_stripped,
                (snapshot, request),
                out,
            ),
        }
    }

    /// Whether the query has none of the rare options, and its client may get any answer without a proof of where it is.
    #[inline(always)]
    fn is_plain(&self, snapshot: &Snapshot, request: &Request<'_>) -> bool {
        !self.query.edns().is_some_and(Edns::has_others)
            && self.visitor(request).response_len_max(&snapshot.settings).is_none()
    }

    #[inline(always)]
    fn visitor(&self, request: &Request<'_>) -> Visitor<'_> {
        Visitor::without_cookie(self.guard.as_deref(), request)
    }

    /// Writes what was found.
    #[inline(always)]
    fn send(
        &self,
        ready: Ready<'_>,
        apex_stripped: usize,
        (snapshot, request): (&Snapshot, &Request<'_>),
        out: &mut [u8],
    ) -> Option<Outcome> {
        let Self { query, counters, .. } = self;
        let (settings, profile, edns) = (&*snapshot.settings, request.profile, query.edns());
        let opt = edns.map(|edns| edns::opt_for(edns, ready.scope, None));
        let reserved = if let Some(opt) = &opt { opt.record_len() } else { 0 };
        let len_max = profile.response_len_max(settings, edns);
        let mut response = Response::begin(out, len_max, reserved, query, request.octets);
        let apex_at = QNAME_OFFSET + query.name().offset(apex_stripped);
        response.rrset_here(ready.section, ready.records, QNAME_OFFSET, apex_at, ready.ttl).ok()?;
        if let Some(tallied) = ready.tallied {
            tallied.count(snapshot, self.worker);
        }
        match self.visitor(request).judge(settings, request, ready.charge, counters) {
            Verdict::Send => {}
            Verdict::Slip => return Some(self.send_nothing(request, out)),
            Verdict::Drop => return Some(Outcome::Drop),
        }
        counters.responded(ready.rcode);
        response.set_flag(flag::AA);
        if edns.is_some_and(|edns| edns.client_subnet.is_some()) {
            counters.client_subnet();
        }
        Some(Outcome::Reply { len: response.finish(ready.rcode, opt.as_ref()) })
    }

    /// Asks the client to come again over a transport that cannot lie.
    #[cold]
    fn send_nothing(&self, request: &Request<'_>, out: &mut [u8]) -> Outcome {
        let Self { query, counters, .. } = self;
        let opt = query.edns().map(|edns| edns::opt_for(edns, 0, None));
        let (len_max, reserved) = (out.len(), opt.as_ref().map_or(0, OptAnswer::record_len));
        let mut response = Response::begin(out, len_max, reserved, query, request.octets);
        response.set_flag(flag::TC);
        counters.responded(Rcode::NOERROR);
        counters.truncated();
        if query.edns().is_some_and(|edns| edns.client_subnet.is_some()) {
            counters.client_subnet();
        }
        Outcome::Reply { len: response.finish(Rcode::NOERROR, opt.as_ref()) }
    }
}

/// Records of the name that was asked for.
#[inline(always)]
fn records<'s>(name: &NameKey, records: Records<'s>) -> Ready<'s> {
    let (section, charge) = (Section::Answer, Charge::records(name.hash(0)));
    Ready { section, records, ttl: None, rcode: Rcode::NOERROR, scope: 0, charge, tallied: None }
}

/// The SOA record of an absence.
#[inline(always)]
fn absence(zone: &Zone, apex_hash: u64, rcode: Rcode) -> Ready<'_> {
    let (section, charge) = (Section::Authority, Charge::negative(apex_hash));
    Ready { section, records: negative::ready(zone.negative_soa()), ttl: None, rcode, scope: 0, charge, tallied: None }
}
