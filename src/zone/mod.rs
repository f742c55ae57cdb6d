//! Authoritative data: master files in, ready RRsets out. Knows no steering, no geography, no configuration files: of a
//! balanced name it knows only that it is one, and its slot number.
//!
//! The road of a load: `load` reads files (`files`), the parser in `master_file` stages records (`staging`), they are
//! grouped (`assemble`) and packed (`pack`) into shards (`shard`) of a tree (`tree`), and nodes learn what they must know of others
//! (`link`); NSEC and NSEC3 records go into chains (`chain`, `denial`), with which `proof` denies; `node_checks`, `zone_checks` and the like say what is wrong. `lookup` then only reads.

mod assemble;
pub mod chain;
mod chain_checks;
mod denial;
mod diff;
mod draft;
pub mod edit;
mod expiry;
mod files;
mod link;
mod load;
mod lookup;
mod master_file;
pub mod negative;
mod node_checks;
mod pack;
mod places;
pub mod proof;
pub mod record;
pub mod record_type;
pub mod rrset;
pub mod service;
mod set;
mod shard;
mod signing_checks;
pub mod spec;
mod staging;
mod target_checks;
#[cfg(test)]
mod tests;
pub mod text_out;
mod tree;
pub mod wire_form;
mod zone_checks;

pub use diff::diff;
pub use edit::{Change, EditError};
pub use negative::ApexRecords;
pub use places::places;
pub use record::Record;
pub use rrset::RrsetRef;
pub use set::ZoneSet;
pub use shard::NodeRef;
pub use spec::{AliasTarget, BalancedOwner, Role, ZoneSpec};

use crate::base::{Diagnostic, Sources};
use crate::wire::{Name, NameKey, rtype};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// One zone: immutable, cheap to copy and change (shards of nodes by name hash are shared between versions).
pub struct Zone {
    tree: tree::Tree,
    negative_ttl: u32,
    negative_soa: Box<negative::NegativeSoa>,
    serial: u32,
    records: usize,
    names: usize,
    /// NSEC and NSEC3 records.
    chains: Option<Arc<denial::Chains>>,
    denies_by: proof::DeniesBy,
    is_signed: bool,
    /// Balanced names are laid over data that was made elsewhere, and hide it.
    is_overlaid: bool,
    fingerprint: load::Fingerprint,
}

/// What a zone knows of a name and type (RFC 1034, section 4.3.2).
#[derive(Clone, Copy, Debug)]
pub enum Lookup<'z> {
    /// The owner has the RRset; with `from_wildcard` the owner is synthesised from a wildcard (RFC 4592).
    Answer {
        /// The RRset; for QTYPE ANY one of the owner's (RFC 8482).
        rrset: RrsetRef<'z>,
        /// Whether a wildcard owns it.
        from_wildcard: bool,
    },
    /// The owner has a CNAME, which stands for all its types; its target is the one in [`RrsetRef::targets`].
    Cname {
        /// The CNAME.
        rrset: RrsetRef<'z>,
        /// Whether a wildcard owns it.
        from_wildcard: bool,
    },
    /// The owner is balanced.
    Balanced {
        /// Its place in [`ZoneSpec::balanced`].
        slot: u32,
        /// The RRset of the asked type in the zone's data, if there is one; never for QTYPE ANY, never A, AAAA or CNAME, and
        /// over data from elsewhere never HTTPS.
        fixed: Option<RrsetRef<'z>>,
        /// Whether the owner is a wildcard that stands for the name.
        from_wildcard: bool,
    },
    /// The owner exists, empty non-terminals included, without the type.
    NoData,
    /// The name does not exist and no wildcard covers it.
    NxDomain,
    /// The zone has no data, so that nobody knows.
    Unavailable,
    /// The name is at or below a zone cut, whose owner is the name without its first `stripped` labels.
    Referral {
        /// The NS RRset of the cut.
        ns: RrsetRef<'z>,
        /// Labels of the name above which the cut stands.
        stripped: usize,
    },
    /// The name is below a DNAME, whose owner is the name without its first `owner_stripped` labels (at least one): the
    /// answer is the DNAME, and a CNAME from the name to the same labels in front of the DNAME's target, which is the one
    /// in [`RrsetRef::targets`]; YXDOMAIN where that name is too long (RFC 6672, section 3.2).
    Dname {
        /// The DNAME.
        rrset: RrsetRef<'z>,
        /// Labels of the name in front of the DNAME's owner.
        owner_stripped: usize,
    },
}

impl Zone {
    fn new(
        tree: tree::Tree,
        chains: Option<Arc<denial::Chains>>,
        (records, names): (usize, usize),
        is_overlaid: bool,
        fingerprint: load::Fingerprint,
    ) -> Self {
        let (negative_ttl, serial) = soa_facts(&tree);
        let soa = tree.apex_node().and_then(|apex| apex.rrset(rtype::SOA));
        let is_signed = chains.is_some() || soa.is_some_and(|soa| !soa.signatures().is_empty());
        let denies_by = proof::DeniesBy::of(&tree, chains.as_deref());
        let negative_soa = Box::new(negative::NegativeSoa::new(soa.unwrap_or(RrsetRef::no_soa()), negative_ttl));
        Self {
            tree,
            negative_ttl,
            negative_soa,
            serial,
            records,
            names,
            chains,
            denies_by,
            is_signed,
            is_overlaid,
            fingerprint,
        }
    }

    /// Reads and checks a zone file. Every mistake is reported, up to a limit; warnings come with the zone, errors instead
    /// of it. Files that a message shows are added to `sources`.
    ///
    /// When `previous` was built from equal files and an equal `spec`, it is returned itself ([`Arc::ptr_eq`]), and its
    /// warnings are not repeated.
    #[must_use]
    pub fn load(
        spec: &ZoneSpec,
        previous: Option<&Arc<Self>>,
        sources: &mut Sources,
    ) -> (Option<Arc<Self>>, Vec<Diagnostic>) {
        load::load(spec, previous, sources)
    }

    /// The zone of records that come from elsewhere, the SOA among them, with the balanced names of `spec` laid over it.
    pub fn from_records(spec: &ZoneSpec, records: impl IntoIterator<Item = Record>) -> Result<Self, EditError> {
        load::from_records(spec, records)
    }

    /// As [`Zone::from_records`], for data that is another server's to change: the balanced names hide what it has of A,
    /// AAAA, CNAME and HTTPS at their owners. [`Zone::records`] still yields all of it.
    pub fn overlaid(spec: &ZoneSpec, records: impl IntoIterator<Item = Record>) -> Result<Self, EditError> {
        Ok(Self { is_overlaid: !spec.balanced.is_empty(), ..Self::from_records(spec, records)? })
    }

    /// Whether balanced names are laid over data that is another server's to change.
    #[must_use]
    #[inline]
    pub const fn is_overlaid(&self) -> bool {
        self.is_overlaid
    }

    /// A zone without data, as long as there is none: a secondary zone before its first transfer or after its expiry, or
    /// one whose file and journal do not fit together.
    #[must_use]
    pub fn unavailable(apex: Name) -> Self {
        let tree = tree::Tree::new(apex, 0, vec![pack::ShardPacker::default().finish()]);
        Self::new(tree, None, (0, 0), false, load::Fingerprint::default())
    }

    /// Whether there is data to answer from.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.records > 0
    }

    /// Every file that the zone was read from, included ones too.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.fingerprint.files()
    }

    /// A hash of what stands in those files, the same in every process. Changes of the zone leave it as it was.
    #[must_use]
    pub fn content_hash(&self) -> u64 {
        self.fingerprint.content()
    }

    /// The apex.
    #[must_use]
    pub const fn apex(&self) -> &Name {
        &self.tree.apex
    }

    /// The SOA RRset at the apex.
    #[must_use]
    pub fn soa(&self) -> RrsetRef<'_> {
        let apex = self.tree.apex_node();
        apex.and_then(|node| node.rrset(rtype::SOA)).unwrap_or(RrsetRef::no_soa())
    }

    /// The NS RRset at the apex.
    #[must_use]
    pub fn ns(&self) -> RrsetRef<'_> {
        let apex = self.tree.apex_node();
        apex.and_then(|node| node.rrset(rtype::NS)).unwrap_or(RrsetRef::no_ns())
    }

    /// The TTL of negative answers: the smaller of the SOA's TTL and its MINIMUM field (RFC 2308, section 5).
    #[must_use]
    pub const fn negative_ttl(&self) -> u32 {
        self.negative_ttl
    }

    /// The SOA record of negative answers.
    #[inline]
    #[must_use]
    pub fn negative_soa(&self) -> ApexRecords<'_> {
        self.negative_soa.plain()
    }

    /// The SOA record of negative answers and its signatures.
    #[must_use]
    pub fn signed_negative_soa(&self) -> ApexRecords<'_> {
        self.negative_soa.signed()
    }

    /// The SERIAL field of the SOA.
    #[must_use]
    pub const fn serial(&self) -> u32 {
        self.serial
    }

    /// How many records the zone holds, without duplicates.
    #[must_use]
    pub const fn record_count(&self) -> usize {
        self.records
    }

    /// How many names own records or are balanced.
    #[must_use]
    pub const fn name_count(&self) -> usize {
        self.names
    }

    /// How many labels of `name` to strip to reach the apex; `None` when it is not at or below the apex.
    #[must_use]
    pub fn strip(&self, name: &NameKey) -> Option<usize> {
        self.tree.strip(name)
    }

    /// Whether the zone came with signatures.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        self.is_signed
    }

    /// The slot of an owner, if it is balanced.
    #[must_use]
    pub fn balanced_slot(&self, owner: &NameKey) -> Option<u32> {
        let apex_stripped = self.tree.strip(owner)?;
        self.tree.find(owner, 0, apex_stripped)?.slot()
    }

    /// Whether an owner is a zone cut, or lies below one or below a DNAME, so that its own records are not what the zone
    /// answers with.
    #[must_use]
    pub fn is_covered(&self, owner: &NameKey) -> bool {
        let node = self.tree.strip(owner).and_then(|apex_stripped| self.tree.find(owner, 0, apex_stripped));
        node.is_some_and(|node| node.has(shard::flag::CUT | shard::flag::COVERED))
    }

    /// Whether there is any name below an owner.
    #[must_use]
    pub fn has_names_below(&self, owner: &NameKey) -> bool {
        match self.tree.strip(owner) {
            // Children of the apex are not counted.
            Some(0) => self.tree.depth_max() > 0 && self.tree.nodes().any(|node| !node.name().is_empty()),
            Some(apex_stripped) => self.tree.find(owner, 0, apex_stripped).is_some_and(|node| node.children() > 0),
            None => false,
        }
    }

    /// The node of `name`, whose suffix `apex_stripped` is the apex. Balanced names may hide what it has, where they are
    /// [laid over](Self::is_overlaid) the zone.
    #[inline(always)]
    #[must_use]
    pub fn node(&self, name: &NameKey, apex_stripped: usize) -> Option<NodeRef<'_>> {
        self.tree.find_here(name, 0, apex_stripped)
    }

    /// Whether `name`, which has no node, surely does not exist: it stands right below the apex, where no wildcard is.
    #[inline(always)]
    #[must_use]
    pub fn is_missing_below_plain_apex(&self, apex_stripped: usize) -> bool {
        self.tree.is_missing_below_plain_apex(apex_stripped)
    }

    /// Finds `name`, which is at or below the apex; suffix `apex_stripped` of it is the apex.
    #[must_use]
    pub fn lookup(&self, name: &NameKey, apex_stripped: usize, rtype: u16) -> Lookup<'_> {
        if self.is_overlaid || matches!(rtype, rtype::NSEC | rtype::RRSIG) {
            return self.lookup_apart(name, apex_stripped, rtype);
        }
        lookup::lookup(&self.tree, name, apex_stripped, rtype)
    }

    /// As [`Self::lookup`], where balanced names hide what the zone holds, and for types that do not stand at nodes.
    #[cold]
    fn lookup_apart(&self, name: &NameKey, apex_stripped: usize, rtype: u16) -> Lookup<'_> {
        match lookup::lookup(&self.tree, name, apex_stripped, rtype) {
            Lookup::Balanced { slot, from_wildcard, .. } if self.is_overlaid && is_hidden(rtype) => {
                Lookup::Balanced { slot, fixed: None, from_wildcard }
            }
            Lookup::NoData if matches!(rtype, rtype::NSEC | rtype::RRSIG) => {
                self.lookup_signing(name, apex_stripped, rtype)
            }
            // Both live beside a CNAME (RFC 4035, section 2.5); without any it is followed.
            Lookup::Cname { rrset, from_wildcard } if matches!(rtype, rtype::NSEC | rtype::RRSIG) => {
                match self.lookup_signing(name, apex_stripped, rtype) {
                    Lookup::NoData => Lookup::Cname { rrset, from_wildcard },
                    found => found,
                }
            }
            found => found,
        }
    }

    /// The RRset of a type that the zone holds for `owner`, a balanced name, glue and occluded data included; none that such
    /// a name hides.
    #[must_use]
    pub fn rrset_of(&self, owner: &Name, rtype: u16) -> Option<RrsetRef<'_>> {
        if self.is_overlaid && is_hidden(rtype) { None } else { self.rrset_at(&NameKey::of(owner), rtype) }
    }

    /// Sets `into` to the name in RDATA that begins at `offset` of the RRset's octets (one of [`RrsetRef::targets`]).
    pub fn target(&self, rrset: RrsetRef<'_>, offset: u16, into: &mut NameKey) {
        self.tree.set_key_of_data(&rrset.octets()[usize::from(offset)..], into);
    }

    /// The A and AAAA RRsets that this zone holds for `name`, glue below cuts included; never steered ones, and never by a
    /// wildcard.
    #[must_use]
    pub fn addresses(&self, name: &NameKey, apex_stripped: usize) -> [Option<RrsetRef<'_>>; 2] {
        match self.tree.find(name, 0, apex_stripped) {
            // What a balanced name hides is hidden here too, unless it lies below a cut, where nothing is balanced.
            Some(node) if node.slot().is_none() || node.has(shard::flag::CUT | shard::flag::COVERED) => {
                [node.rrset(rtype::A), node.rrset(rtype::AAAA)]
            }
            _ => [None, None],
        }
    }
}

/// What balanced names hide of data that is another server's to change.
const fn is_hidden(rtype: u16) -> bool {
    matches!(rtype, rtype::A | rtype::AAAA | rtype::CNAME | rtype::HTTPS)
}

/// TTL of negative answers and SERIAL, from the SOA record of the apex; zeros without one.
fn soa_facts(tree: &tree::Tree) -> (u32, u32) {
    let soa = tree.apex_node().and_then(|apex| apex.rrset(rtype::SOA));
    let numbers = |soa: RrsetRef<'_>| {
        let [s0, s1, s2, s3, .., m0, m1, m2, m3] = *soa.octets().last_chunk::<20>()?;
        Some((soa.ttl().min(u32::from_be_bytes([m0, m1, m2, m3])), u32::from_be_bytes([s0, s1, s2, s3])))
    };
    soa.and_then(numbers).unwrap_or((0, 0))
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({}, serial {}, {} records)", self.tree.apex, self.serial, self.records)
    }
}
