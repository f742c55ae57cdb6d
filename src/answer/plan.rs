//! Finding: from a name to what shall be written, without writing it.

use super::Request;
use super::rate_limit::Charge;
use super::steered::{self, Asker, Steered};
use crate::snapshot::Snapshot;
use crate::wire::{ClientSubnet, NameKey, rtype};
use crate::zone::{Lookup, RrsetRef, Zone, ZoneSet};
use std::net::IpAddr;

/// All of a query that decides what is found, but the name: it stays the same along a CNAME chain.
#[derive(Clone, Copy)]
pub struct Question<'s> {
    /// What may be read.
    pub snapshot: &'s Snapshot,
    /// Whose shard counts.
    pub worker: usize,
    /// The QTYPE.
    pub qtype: u16,
    /// The client subnet of the query, where it is used.
    pub client_subnet: Option<&'s ClientSubnet>,
    /// Who sent the query.
    pub source: IpAddr,
    /// Uniformly random.
    pub random: u64,
    /// Seconds since 1970, as they count round in 32 bits.
    pub now: u32,
}

impl<'s> Question<'s> {
    /// What a request asks.
    #[inline(always)]
    pub fn of(
        snapshot: &'s Snapshot,
        worker: usize,
        qtype: u16,
        client_subnet: Option<&'s ClientSubnet>,
        request: &Request<'_>,
    ) -> Self {
        let Request { source, random, now, .. } = *request;
        Self { snapshot, worker, qtype, client_subnet, source, random, now: now.unix_seconds }
    }

    /// Who asks it.
    #[inline(always)]
    pub const fn asker(&self) -> Asker<'s> {
        Asker { client_subnet: self.client_subnet, source: self.source, random: self.random }
    }

    /// Whether a CNAME is itself the answer, and not to be followed.
    pub const fn takes_cname(&self) -> bool {
        matches!(self.qtype, rtype::CNAME | rtype::ANY)
    }
}

/// What one name leads to.
#[derive(Clone, Copy)]
pub struct Plan<'s> {
    /// The zone that knows.
    pub zone: &'s Zone,
    /// Labels to strip from the name to reach the zone's apex.
    pub apex_stripped: usize,
    /// What is written.
    pub step: Step<'s>,
    /// Whether the records are those of a wildcard that stands for the name.
    pub from_wildcard: bool,
}

impl Plan<'_> {
    /// What a response counts as that begins with this plan for `name`.
    #[inline]
    pub fn charge(&self, name: &NameKey) -> Charge {
        let apex = name.hash(self.apex_stripped);
        match self.step {
            Step::NoData { .. } | Step::NxDomain | Step::Unavailable => Charge::negative(apex),
            Step::Referral { .. } => Charge::referral(apex),
            Step::Dname { .. } => Charge::synthesized(apex),
            _ if self.from_wildcard => Charge::synthesized(apex),
            _ => Charge::records(name.hash(0)),
        }
    }
}

/// What is written. The tag is as wide as a word, so that what is behind it is copied by words.
#[derive(Clone, Copy)]
#[repr(u64)]
pub enum Step<'s> {
    /// A stored RRset, which ends the search.
    Answer(RrsetRef<'s>),
    /// A stored CNAME, whose target is next.
    Cname(RrsetRef<'s>),
    /// A variant of a pool's answers.
    Steered(Steered<'s>),
    /// NODATA, with this TTL at most.
    NoData {
        /// Seconds; [`u32::MAX`] when only the zone says how long.
        ttl_max: u32,
    },
    /// NXDOMAIN.
    NxDomain,
    /// The servers of another zone.
    Referral {
        /// Its NS RRset.
        ns: RrsetRef<'s>,
        /// Labels to strip from the name to reach the zone cut.
        stripped: usize,
    },
    /// A DNAME above the name (RFC 6672).
    Dname {
        /// The DNAME RRset.
        rrset: RrsetRef<'s>,
        /// Labels to strip from the name to reach its owner.
        owner_stripped: usize,
        /// Whether it is in the response already, from an earlier link of the chain.
        repeated: bool,
    },
    /// SERVFAIL: the zone has no data.
    Unavailable,
    /// SERVFAIL: nothing is known yet of the target of an alias.
    AliasUnknown,
    /// SERVFAIL: an alias leads in our own zones to another alias, or round in circles.
    AliasLoop,
    /// SERVFAIL: no member of a balanced name may be answered.
    AllDown,
}

impl Step<'_> {
    /// The same with a TTL that is no longer than `ttl_max`; stored RRsets keep theirs.
    pub fn with_ttl_max(mut self, ttl_max: u32) -> Self {
        if let Step::Steered(Steered { ttl, .. }) | Step::NoData { ttl_max: ttl } = &mut self {
            *ttl = (*ttl).min(ttl_max);
        }
        self
    }
}

/// The zone that answers for a name and type: its number, and the labels to strip from the name to reach its apex.
#[inline(always)]
pub fn zone_for(zones: &ZoneSet, name: &NameKey, qtype: u16) -> Option<(usize, usize)> {
    let (number, apex_stripped) = zones.find(name, 0)?;
    if qtype == rtype::DS && apex_stripped == 0 {
        return Some(parent_side(zones, name).unwrap_or((number, apex_stripped)));
    }
    Some((number, apex_stripped))
}

/// DS lives on the parent's side of a cut (RFC 4035, section 3.1.4.1); without that side the answer is NODATA.
#[cold]
fn parent_side(zones: &ZoneSet, name: &NameKey) -> Option<(usize, usize)> {
    zones.find(name, 1)
}

/// What `name` leads to; `None` when it is in no zone of ours.
pub fn find<'s>(question: &Question<'s>, name: &NameKey) -> Option<Plan<'s>> {
    let zones = &question.snapshot.zones;
    let (number, apex_stripped) = zone_for(zones, name, question.qtype)?;
    let zone = zones.zone(number);
    let found = zone.lookup(name, apex_stripped, question.qtype);
    let from_wildcard = matches!(
        found,
        Lookup::Answer { from_wildcard: true, .. }
            | Lookup::Cname { from_wildcard: true, .. }
            | Lookup::Balanced { from_wildcard: true, .. }
    );
    let step = match found {
        Lookup::Answer { rrset, .. } => Step::Answer(rrset),
        Lookup::Cname { rrset, .. } if question.takes_cname() => Step::Answer(rrset),
        Lookup::Cname { rrset, .. } => Step::Cname(rrset),
        Lookup::Balanced { slot, fixed, .. } => steered::step(question, number, slot, fixed),
        Lookup::NoData => Step::NoData { ttl_max: u32::MAX },
        Lookup::NxDomain => Step::NxDomain,
        Lookup::Unavailable => Step::Unavailable,
        Lookup::Referral { ns, stripped } => Step::Referral { ns, stripped },
        Lookup::Dname { rrset, owner_stripped } => Step::Dname { rrset, owner_stripped, repeated: false },
    };
    Some(Plan { zone, apex_stripped, step, from_wildcard })
}
