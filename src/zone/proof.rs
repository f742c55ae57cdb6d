//! Which NSEC or NSEC3 records prove an outcome (RFC 4035, section 3.1.3; RFC 5155, section 7.2). Knows nothing of
//! messages; allocates nothing.

use super::chain::{Chain, ChainEntry, ChainKey};
use super::denial::{Chains, Denial, Parameters};
use super::rrset::RrsetRef;
use super::shard::NodeRef;
use super::tree::Tree;
use super::{Lookup, Zone};
use crate::wire::{NameKey, rtype};

/// Most records of one proof: NSEC3 takes three for a name that does not exist (RFC 5155, section 7.2.2).
const PROOF_LEN_MAX: usize = 3;

/// With which chain a zone denies.
#[derive(Clone, Copy, Debug)]
pub enum DeniesBy {
    /// The zone has none.
    Nothing,
    /// The NSEC chain.
    Nsec,
    /// The NSEC3 chain with this number.
    Nsec3(usize),
}

impl DeniesBy {
    /// An NSEC3 chain that the apex announces goes first: its announcement comes last and goes first when chains change
    /// (RFC 5155, section 10.4).
    pub(super) fn of(tree: &Tree, chains: Option<&Chains>) -> Self {
        let Some(chains) = chains else { return Self::Nothing };
        match (chains.announced(tree), chains.rrset(rtype::NSEC, &[])) {
            (Some(number), _) => Self::Nsec3(number),
            (None, Some(_)) => Self::Nsec,
            (None, None) => Self::Nothing,
        }
    }
}

/// The records of a proof, each once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Proof<'z> {
    entries: [Option<ChainEntry<'z>>; PROOF_LEN_MAX],
}

impl<'z> Proof<'z> {
    fn add(&mut self, entry: Option<ChainEntry<'z>>) {
        let Some(entry) = entry else { return };
        for place in &mut self.entries {
            match place {
                Some(known) if known.is_same(entry) => return,
                Some(_) => {}
                None => {
                    *place = Some(entry);
                    return;
                }
            }
        }
    }

    /// Its RRsets.
    pub fn entries(self) -> impl Iterator<Item = ChainEntry<'z>> {
        self.entries.into_iter().flatten()
    }
}

/// A name below an apex, as proofs need it.
#[derive(Clone, Copy)]
struct Place<'n> {
    name: &'n NameKey,
    apex_stripped: usize,
}

impl<'n> Place<'n> {
    /// The labels below the apex of the name without its first `stripped` ones.
    fn labels(self, stripped: usize) -> &'n [u8] {
        &self.name.octets()[self.name.offset(stripped)..self.name.offset(self.apex_stripped)]
    }
}

/// The key of the wildcard right below the apex.
const APEX_WILDCARD_KEY: &[u8] = b"*\0";
/// A wildcard's label in wire form.
const WILDCARD: &[u8] = b"\x01*";

/// An NSEC chain; names are given by how many labels are stripped.
impl Chain {
    /// The record of a name, or the one that covers it: that of an empty non-terminal too.
    fn nsec(&self, place: Place<'_>, stripped: usize) -> Option<ChainEntry<'_>> {
        self.at_or_before(ChainKey::of_labels(place.labels(stripped)).octets()).map(|(entry, _)| entry)
    }

    /// The same for the wildcard below a name.
    fn nsec_of_wildcard(&self, place: Place<'_>, stripped: usize) -> Option<ChainEntry<'_>> {
        if stripped == place.apex_stripped
            && let Some(entry) = self.first_if_before(APEX_WILDCARD_KEY)
        {
            return Some(entry);
        }
        let mut key = ChainKey::of_labels(place.labels(stripped));
        key.push_label(b"*");
        self.at_or_before(key.octets()).map(|(entry, _)| entry)
    }
}

/// An NSEC3 chain and how its names are hashed.
#[derive(Clone, Copy)]
struct Nsec3<'z> {
    parameters: &'z Parameters,
    chain: &'z Chain,
}

impl<'z> Nsec3<'z> {
    fn matching(self, place: Place<'_>, stripped: usize) -> Option<ChainEntry<'z>> {
        self.chain.find(&self.parameters.hashed(&[], place.name.suffix(stripped)))
    }

    /// The record that matches a name, or covers it: before the first comes the last.
    fn at(self, label: &[u8], rest: &[u8]) -> Option<ChainEntry<'z>> {
        let hashed = self.parameters.hashed(label, rest);
        self.chain.at_or_before(&hashed).map(|(entry, _)| entry).or_else(|| self.chain.last())
    }

    fn covering(self, place: Place<'_>, stripped: usize) -> Option<ChainEntry<'z>> {
        self.at(&[], place.name.suffix(stripped))
    }

    /// Proves the closest encloser, which is the name without its first `stripped` labels or, where that has no record
    /// because of opt-out, the closest one above it that has (RFC 5155, section 7.2.1). Returns its stripped labels.
    fn closest_encloser(self, place: Place<'_>, stripped: usize, proof: &mut Proof<'z>) -> usize {
        for encloser in stripped..=place.apex_stripped {
            if let Some(entry) = self.matching(place, encloser) {
                proof.add(Some(entry));
                if encloser > 0 {
                    proof.add(self.covering(place, encloser - 1));
                }
                return encloser;
            }
        }
        place.apex_stripped
    }
}

impl Zone {
    fn denial(&self) -> Option<Denial<'_>> {
        let chains = self.chains.as_deref()?;
        match self.denies_by {
            DeniesBy::Nothing => None,
            DeniesBy::Nsec => Some(chains.nsec()),
            DeniesBy::Nsec3(number) => chains.nsec3(number),
        }
    }

    /// How many labels to strip from a name that is no node to reach its closest encloser.
    fn closest_encloser(&self, place: Place<'_>) -> usize {
        let first = place.apex_stripped.saturating_sub(self.tree.depth_max()).max(1);
        let is_node = |&stripped: &usize| self.tree.find(place.name, stripped, place.apex_stripped).is_some();
        (first..place.apex_stripped).find(is_node).unwrap_or(place.apex_stripped)
    }

    /// Proves that `name`, whose suffix `apex_stripped` is the apex, does not exist, nor a wildcard for it.
    #[must_use]
    pub fn prove_nxdomain(&self, name: &NameKey, apex_stripped: usize) -> Proof<'_> {
        let (place, mut proof) = (Place { name, apex_stripped }, Proof::default());
        let encloser = self.closest_encloser(place);
        match self.denial() {
            Some(Denial::Nsec(chain)) => {
                proof.add(chain.nsec(place, 0));
                proof.add(chain.nsec_of_wildcard(place, encloser));
            }
            Some(Denial::Nsec3(parameters, chain)) => {
                let nsec3 = Nsec3 { parameters, chain };
                let encloser = nsec3.closest_encloser(place, encloser, &mut proof);
                proof.add(nsec3.at(WILDCARD, name.suffix(encloser)));
            }
            None => {}
        }
        proof
    }

    /// Proves that `name`, or the wildcard that stands for it, exists without the type.
    #[must_use]
    pub fn prove_nodata(&self, name: &NameKey, apex_stripped: usize) -> Proof<'_> {
        let (place, mut proof) = (Place { name, apex_stripped }, Proof::default());
        let is_node = self.tree.find(name, 0, apex_stripped).is_some();
        match self.denial() {
            Some(Denial::Nsec(chain)) => {
                proof.add(chain.nsec(place, 0));
                if !is_node {
                    proof.add(chain.nsec_of_wildcard(place, self.closest_encloser(place)));
                }
            }
            Some(Denial::Nsec3(parameters, chain)) => {
                let nsec3 = Nsec3 { parameters, chain };
                if is_node {
                    // Without a record of its own: opt-out (RFC 5155, section 7.2.4).
                    nsec3.closest_encloser(place, 0, &mut proof);
                } else {
                    let encloser = nsec3.closest_encloser(place, self.closest_encloser(place), &mut proof);
                    proof.add(nsec3.at(WILDCARD, name.suffix(encloser)));
                }
            }
            None => {}
        }
        proof
    }

    /// Proves that nothing stands closer to `name` than the wildcard that was expanded.
    #[must_use]
    pub fn prove_expansion(&self, name: &NameKey, apex_stripped: usize) -> Option<ChainEntry<'_>> {
        let place = Place { name, apex_stripped };
        match self.denial()? {
            Denial::Nsec(chain) => chain.nsec(place, 0),
            Denial::Nsec3(parameters, chain) => {
                Nsec3 { parameters, chain }.covering(place, self.closest_encloser(place) - 1)
            }
        }
    }

    /// Proves that the zone cut at `name` without its first `stripped` labels has no DS record.
    #[must_use]
    pub fn prove_no_ds(&self, name: &NameKey, stripped: usize, apex_stripped: usize) -> Proof<'_> {
        let (place, mut proof) = (Place { name, apex_stripped }, Proof::default());
        match self.denial() {
            Some(Denial::Nsec(chain)) => proof.add(chain.nsec(place, stripped)),
            Some(Denial::Nsec3(parameters, chain)) => {
                Nsec3 { parameters, chain }.cut(place, stripped, &mut proof);
            }
            None => {}
        }
        proof
    }

    /// The DS RRset of the zone cut at `name` without its first `stripped` labels.
    #[must_use]
    pub fn ds(&self, name: &NameKey, stripped: usize, apex_stripped: usize) -> Option<RrsetRef<'_>> {
        self.tree.find(name, stripped, apex_stripped)?.rrset(rtype::DS)
    }

    /// What an authoritative name, or the wildcard that stands for it, has of NSEC or RRSIG. Signatures of one RRset are
    /// enough, as with ANY (RFC 8482, section 7).
    #[cold]
    pub(super) fn lookup_signing(&self, name: &NameKey, apex_stripped: usize, rtype: u16) -> Lookup<'_> {
        let exact = self.tree.find(name, 0, apex_stripped);
        let wildcard = || {
            let encloser = self.closest_encloser(Place { name, apex_stripped });
            self.tree.find_wildcard(name, encloser, apex_stripped)
        };
        let Some(node) = exact.or_else(wildcard) else { return Lookup::NoData };
        let rrset = if rtype == rtype::NSEC { self.chained(rtype, node.name()) } else { self.signatures_of(node) };
        rrset.map_or(Lookup::NoData, |rrset| Lookup::Answer { rrset, from_wildcard: exact.is_none() })
    }

    fn signatures_of<'z>(&'z self, node: NodeRef<'z>) -> Option<RrsetRef<'z>> {
        let nsec = self.chained(rtype::NSEC, node.name());
        let signed = node.rrsets().chain(nsec).find(|rrset| !rrset.signatures().is_empty())?;
        Some(signed.as_signatures())
    }
}

impl<'z> Nsec3<'z> {
    /// A cut without a record of its own is denied by opt-out (RFC 5155, section 7.2.7).
    fn cut(self, place: Place<'_>, stripped: usize, proof: &mut Proof<'z>) {
        match self.matching(place, stripped) {
            Some(entry) => proof.add(Some(entry)),
            None => {
                self.closest_encloser(place, stripped + 1, proof);
            }
        }
    }
}
