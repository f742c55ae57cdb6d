//! Authoritative data: master files in, ready RRsets out. Knows no steering, no geography, no configuration files: of a
//! balanced name it knows only that it is one, and its slot number.

pub mod rrset;
pub mod spec;

pub use rrset::RrsetRef;
pub use spec::{BalancedOwner, ZoneSpec};

use crate::base::{Diagnostic, Sources};
use crate::wire::{Name, NameKey};
use std::sync::Arc;

/// One zone: immutable, cheap to copy and change (shards of nodes by name hash are shared between versions).
#[derive(Debug)]
pub struct Zone {
    apex: Name,
}

/// What a zone knows of a name and type (RFC 1034, section 4.3.2).
#[derive(Clone, Copy, Debug)]
pub enum Lookup<'z> {
    /// The owner has the RRset; with `from_wildcard` the owner is synthesised from a wildcard (RFC 4592).
    Answer { rrset: RrsetRef<'z>, from_wildcard: bool },
    /// The owner has a CNAME, which stands for all its types; its target is at `target` in the octets.
    Cname { rrset: RrsetRef<'z>, from_wildcard: bool },
    /// The owner is balanced. `fixed` is the RRset of the asked type in the zone file, if there is one.
    Balanced { slot: u32, fixed: Option<RrsetRef<'z>>, from_wildcard: bool },
    /// The owner exists, empty non-terminals included, without the type.
    NoData,
    /// The name does not exist and no wildcard covers it.
    NxDomain,
    /// The name is at or below a zone cut, whose owner is the name without its first `stripped` labels.
    Referral { ns: RrsetRef<'z>, stripped: usize },
}

impl Zone {
    /// Reads and checks a zone file. Every mistake is reported; warnings come with the zone, errors instead of it. Files
    /// that a message shows are added to `sources`.
    pub fn load(spec: &ZoneSpec, sources: &mut Sources) -> (Option<Self>, Vec<Diagnostic>) {
        let _ = (spec, sources);
        unimplemented!()
    }

    /// The apex.
    #[must_use]
    pub const fn apex(&self) -> &Name {
        &self.apex
    }

    /// The SOA RRset at the apex.
    #[must_use]
    pub fn soa(&self) -> RrsetRef<'_> {
        unimplemented!()
    }

    /// The TTL of negative answers: the smaller of the SOA's TTL and its MINIMUM field (RFC 2308, section 5).
    #[must_use]
    pub fn negative_ttl(&self) -> u32 {
        unimplemented!()
    }

    /// Finds `name`, which is at or below the apex; suffix `apex_stripped` of it is the apex.
    #[must_use]
    pub fn lookup(&self, name: &NameKey, apex_stripped: usize, rtype: u16) -> Lookup<'_> {
        let _ = (name, apex_stripped, rtype);
        unimplemented!()
    }

    /// Sets `into` to the name in RDATA that begins at `offset` of the RRset's octets (one of [`RrsetRef::targets`]).
    pub fn target(&self, rrset: RrsetRef<'_>, offset: u16, into: &mut NameKey) {
        let _ = (rrset, offset, into);
        unimplemented!()
    }

    /// The A and AAAA RRsets that this zone holds for `name`, glue below cuts included; never steered ones.
    #[must_use]
    pub fn addresses(&self, name: &NameKey, apex_stripped: usize) -> [Option<RrsetRef<'_>>; 2] {
        let _ = (name, apex_stripped);
        unimplemented!()
    }
}

/// All zones, found by the longest suffix of a name.
#[derive(Clone, Debug, Default)]
pub struct ZoneSet {
    zones: Vec<Arc<Zone>>,
}

impl ZoneSet {
    /// A set of zones with distinct apexes; a zone's number is its place in `zones`.
    #[must_use]
    pub fn new(zones: Vec<Arc<Zone>>) -> Self {
        Self { zones }
    }

    /// All zones by number.
    #[must_use]
    pub fn zones(&self) -> &[Arc<Zone>] {
        &self.zones
    }

    /// The deepest zone at or above suffix `from` of `name`: its number and the labels to strip from the whole name to
    /// reach its apex. Ask with `from` 1 for the parent side of a name that is itself an apex (DS).
    #[must_use]
    pub fn find(&self, name: &NameKey, from: usize) -> Option<(usize, usize)> {
        let _ = (name, from);
        unimplemented!()
    }
}
