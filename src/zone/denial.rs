//! The chains of a zone, and which of them denies names: NSEC (RFC 4034), or NSEC3 with the parameters that the apex
//! announces (RFC 5155). Several may be there while a zone changes from one to another; they are never mixed.

use super::chain::{Chain, ChainBuilder, ChainEntry, ChainKey};
use super::draft::DraftRrset;
use super::edit::EditError;
use super::node_checks::full_name;
use super::pack::RrsetTooLong;
use super::record::Record;
use super::rrset::{RrsetRef, data_of};
use super::tree::Tree;
use crate::wire::{Name, NameKey, rtype};
use sha1::{Digest, Sha1};
use std::collections::{BTreeMap, HashSet};

/// More iterations than this are not computed for anybody: resolvers take such zones for unsigned at best (RFC 9276,
/// section 3.2).
pub const ITERATIONS_MAX: u16 = 500;
/// The only hash algorithm: SHA-1 (RFC 5155, section 11).
const SHA1: u8 = 1;
/// Octets of a hashed owner's label below the apex: a length and 32 digits.
const HASHED_LEN: usize = 33;

/// How names are hashed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parameters {
    algorithm: u8,
    /// Additional iterations.
    pub iterations: u16,
    salt: Box<[u8]>,
}

impl Parameters {
    /// Those of an NSEC3 or NSEC3PARAM record.
    #[must_use]
    pub fn of(data: &[u8]) -> Option<Self> {
        let ([algorithm, _flags, high, low, salt_len], rest) = data.split_first_chunk()?;
        let salt = rest.get(..usize::from(*salt_len))?;
        Some(Self { algorithm: *algorithm, iterations: u16::from_be_bytes([*high, *low]), salt: salt.into() })
    }

    /// The owner of the NSEC3 record of a name, as its label below the apex. The name is `label`, in wire form, in front of
    /// `rest`; both in lower case.
    #[must_use]
    pub fn hashed(&self, label: &[u8], rest: &[u8]) -> [u8; HASHED_LEN] {
        let mut hash = Sha1::new().chain_update(label).chain_update(rest).chain_update(&self.salt).finalize();
        for _ in 0..self.iterations {
            hash = Sha1::new().chain_update(hash).chain_update(&self.salt).finalize();
        }
        digits_of(&hash.into())
    }
}

/// A hash as a label: Base32 with the extended hex alphabet (RFC 5155, section 3.3).
#[must_use]
pub fn digits_of(hash: &[u8; 20]) -> [u8; HASHED_LEN] {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let mut out = [HASHED_LEN as u8 - 1; HASHED_LEN];
    let (groups, _) = hash.as_chunks::<5>();
    for (group, digits) in groups.iter().zip(out[1..].as_chunks_mut::<8>().0) {
        let bits = group.iter().fold(0_u64, |bits, octet| bits << 8 | u64::from(*octet));
        for (at, digit) in digits.iter_mut().enumerate() {
            *digit = DIGITS[(bits >> (35 - 5 * at)) as usize & 31];
        }
    }
    out
}

/// Whether labels below the apex are those of an NSEC3 record's owner.
#[must_use]
pub fn is_hashed(labels: &[u8]) -> bool {
    let digits = labels.strip_prefix(&[HASHED_LEN as u8 - 1]).filter(|_| labels.len() == HASHED_LEN);
    digits.is_some_and(|digits| digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'v')))
}

/// The type whose RRset a record belongs to: that of a signature is the type it covers.
#[must_use]
pub fn covered_type(rtype: u16, data: &[u8]) -> u16 {
    match data.first_chunk() {
        Some(covered) if rtype == rtype::RRSIG => u16::from_be_bytes(*covered),
        _ => rtype,
    }
}

/// Whether the RRsets of a type stand in chains, and not at the nodes of names.
#[must_use]
pub const fn is_chained(rtype: u16) -> bool {
    matches!(rtype, rtype::NSEC | rtype::NSEC3)
}

/// All chains of a zone.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    nsec: Chain,
    nsec3: Vec<(Parameters, Chain)>,
}

/// The chain with which a zone denies.
#[derive(Clone, Copy, Debug)]
pub enum Denial<'z> {
    /// Names as they are.
    Nsec(&'z Chain),
    /// Names as hashes.
    Nsec3(&'z Parameters, &'z Chain),
}

impl Chains {
    /// All RRsets.
    pub fn entries(&self) -> impl Iterator<Item = ChainEntry<'_>> {
        self.nsec.entries().chain(self.nsec3.iter().flat_map(|(_, chain)| chain.entries()))
    }

    /// The parameters of NSEC3 chains.
    pub fn parameters(&self) -> impl Iterator<Item = &Parameters> {
        self.nsec3.iter().map(|(parameters, _)| parameters)
    }

    /// Those that may not be in the chains of another version of the zone.
    pub fn entries_not_shared_with(&self, other: Option<&Self>) -> impl Iterator<Item = ChainEntry<'_>> {
        let others =
            other.into_iter().flat_map(|other| std::iter::once(&other.nsec).chain(other.nsec3.iter().map(|c| &c.1)));
        let shared: HashSet<usize> = others.flat_map(Chain::chunk_addresses).collect();
        let chains = std::iter::once(&self.nsec).chain(self.nsec3.iter().map(|(_, chain)| chain));
        chains.flat_map(move |chain| chain.entries_outside(&shared))
    }

    /// The NSEC3 chain number `number`.
    #[must_use]
    pub fn nsec3(&self, number: usize) -> Option<Denial<'_>> {
        self.nsec3.get(number).map(|(parameters, chain)| Denial::Nsec3(parameters, chain))
    }

    /// The NSEC chain.
    #[must_use]
    pub const fn nsec(&self) -> Denial<'_> {
        Denial::Nsec(&self.nsec)
    }

    /// Which NSEC3 chain the apex announces, whole enough to have the apex in it.
    #[must_use]
    pub fn announced(&self, tree: &Tree) -> Option<usize> {
        let announced = tree.apex_node()?.rrset(rtype::NSEC3PARAM)?;
        let apex = NameKey::of(&tree.apex);
        data_of(announced.octets()).filter(|data| data.get(1) == Some(&0)).find_map(|data| {
            let parameters = Parameters::of(data)?;
            if parameters.algorithm != SHA1 || parameters.iterations > ITERATIONS_MAX {
                return None;
            }
            let number = self.nsec3.iter().position(|(of_chain, _)| *of_chain == parameters)?;
            self.nsec3[number].1.find(&parameters.hashed(&[], apex.octets())).map(|_| number)
        })
    }

    /// The chain, by number with NSEC in front, and the entry of an owner's RRset.
    fn find(&self, rtype: u16, labels: &[u8]) -> Option<(usize, ChainEntry<'_>)> {
        if rtype == rtype::NSEC {
            return self.nsec.find(ChainKey::of_labels(labels).octets()).map(|entry| (0, entry));
        }
        let mut chains = self.nsec3.iter().enumerate();
        chains.find_map(|(number, (_, chain))| chain.find(labels).map(|entry| (number + 1, entry)))
    }

    /// The RRset that an owner has in a chain; `labels` are those below the apex, in lower case.
    #[must_use]
    pub fn rrset(&self, rtype: u16, labels: &[u8]) -> Option<RrsetRef<'_>> {
        self.find(rtype, labels).map(|(_, entry)| entry.rrset())
    }
}

/// Takes the RRsets of chains in any order.
#[derive(Debug, Default)]
pub struct ChainsBuilder {
    nsec: ChainBuilder,
    nsec3: BTreeMap<Parameters, ChainBuilder>,
}

impl ChainsBuilder {
    /// Adds an RRset, of which at least one record is there; `labels` is its owner below the apex.
    pub fn push<'d>(
        &mut self,
        labels: &[u8],
        (rtype, ttl): (u16, u32),
        data: impl Iterator<Item = &'d [u8]> + Clone,
        signatures: impl Iterator<Item = &'d [u8]>,
    ) -> Result<(), RrsetTooLong> {
        let parameters = data.clone().next().and_then(Parameters::of).filter(|_| rtype == rtype::NSEC3);
        let builder = match parameters {
            Some(parameters) => self.nsec3.entry(parameters).or_default(),
            None => &mut self.nsec,
        };
        builder.push(labels, (rtype, ttl), data, signatures)
    }

    /// The chains, if there are any.
    #[must_use]
    pub fn finish(self) -> Option<Chains> {
        let nsec = self.nsec.finish();
        let nsec3: Vec<_> = self.nsec3.into_iter().map(|(parameters, chain)| (parameters, chain.finish())).collect();
        (!nsec.is_empty() || !nsec3.is_empty()).then_some(Chains { nsec, nsec3 })
    }
}

/// RRsets of chains being changed, by type and labels of the owner below the apex.
pub struct ChainDrafts<'z> {
    old: Option<&'z Chains>,
    by_owner: BTreeMap<(u16, Box<[u8]>), DraftRrset>,
}

impl<'z> ChainDrafts<'z> {
    /// None yet.
    #[must_use]
    pub const fn new(old: Option<&'z Chains>) -> Self {
        Self { old, by_owner: BTreeMap::new() }
    }

    /// The RRset that a record of a chain, or a signature over one, belongs to.
    pub fn of(&mut self, record: &Record, apex: &Name) -> Result<&mut DraftRrset, EditError> {
        let labels = chained_owner(record, apex)?;
        let covered = covered_type(record.rtype, &record.data);
        let old = self.old.and_then(|old| old.rrset(covered, &labels));
        let draft = || old.map_or_else(|| DraftRrset::empty(covered, record.ttl), DraftRrset::of);
        Ok(self.by_owner.entry((covered, labels)).or_insert_with(draft))
    }

    /// The chains after the changes, and by how many records they grew; `None` when nothing was changed.
    pub fn finish(self, apex: &Name) -> Result<Option<(Option<Chains>, isize)>, EditError> {
        if self.by_owner.is_empty() {
            return Ok(None);
        }
        let mut chains = self.old.cloned().unwrap_or_default();
        let mut growth = 0;
        let (mut new, mut gone) = (ChainsBuilder::default(), BTreeMap::<usize, Vec<Box<[u8]>>>::new());
        for ((rtype, labels), rrset) in &self.by_owner {
            if let Some((number, entry)) = self.old.and_then(|old| old.find(*rtype, labels)) {
                growth -= DraftRrset::of(entry.rrset()).len() as isize;
                gone.entry(number).or_default().push(key_of(*rtype, labels));
            }
            if !rrset.data.is_empty() {
                growth += rrset.len() as isize;
                let (data, signatures) = (rrset.data.iter().map(|d| &**d), rrset.signatures.iter().map(|d| &**d));
                new.push(labels, (*rtype, rrset.ttl), data, signatures)
                    .map_err(|_| EditError::RrsetTooLong(full_name(labels, apex)))?;
            }
        }
        let new = new.finish().unwrap_or_default();
        for (parameters, _) in &new.nsec3 {
            if chains.nsec3.iter().all(|(known, _)| known != parameters) {
                chains.nsec3.push((parameters.clone(), Chain::default()));
            }
        }
        let gone_of = |number: usize| gone.get(&number).map_or(&[][..], |keys| keys);
        chains.nsec = changed(&chains.nsec, gone_of(0), &new.nsec);
        for (number, (parameters, chain)) in chains.nsec3.iter_mut().enumerate() {
            let new = new.nsec3.iter().find(|(of_new, _)| of_new == parameters).map(|(_, chain)| chain);
            *chain = changed(chain, gone_of(number + 1), new.unwrap_or(&Chain::default()));
        }
        chains.nsec3.retain(|(_, chain)| !chain.is_empty());
        let any = !chains.nsec.is_empty() || !chains.nsec3.is_empty();
        Ok(Some((any.then_some(chains), growth)))
    }
}

fn key_of(rtype: u16, labels: &[u8]) -> Box<[u8]> {
    if rtype == rtype::NSEC { ChainKey::of_labels(labels).octets().into() } else { labels.into() }
}

/// `old` without the keys `gone` and with the RRsets of `new`.
fn changed(old: &Chain, gone: &[Box<[u8]>], new: &Chain) -> Chain {
    let mut changes: BTreeMap<Box<[u8]>, Option<ChainEntry<'_>>> = gone.iter().map(|key| (key.clone(), None)).collect();
    changes.extend(new.entries().map(|entry| (key_of(entry.rrset().rtype(), entry.labels()), Some(entry))));
    if changes.is_empty() {
        return old.clone();
    }
    old.with(&changes.into_iter().collect::<Vec<_>>())
}

/// The labels below the apex, in lower case, of the owner of a record that belongs to a chain.
fn chained_owner(record: &Record, apex: &Name) -> Result<Box<[u8]>, EditError> {
    if !record.is_well_formed() {
        return Err(EditError::Malformed(record.clone()));
    }
    if !record.owner.is_at_or_below(apex) {
        return Err(EditError::OutOfZone(record.owner.clone()));
    }
    let (wire, apex_len) = (record.owner.as_wire(), apex.as_wire().len());
    let labels = wire[..wire.len() - apex_len].to_ascii_lowercase();
    let is_nsec3 = covered_type(record.rtype, &record.data) == rtype::NSEC3;
    if is_nsec3 && !is_hashed(&labels) {
        return Err(EditError::Malformed(record.clone()));
    }
    Ok(labels.into())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Parameters, is_hashed};

    #[test]
    fn rfc5155_hashes_are_those_of_appendix_a() {
        let parameters = Parameters::of(b"\x01\x00\x00\x0c\x04\xaa\xbb\xcc\xdd").unwrap();
        for (label, rest, hashed) in [
            (&b""[..], &b"\x07example\x00"[..], "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"),
            (b"\x01a", b"\x07example\x00", "35mthgpgcu1qg68fab165klnsnk3dpvl"),
            (b"\x01*", b"\x01w\x07example\x00", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"),
            (b"", b"\x02xx\x07example\x00", "t644ebqk9bibcna874givr6joj62mlhv"),
        ] {
            let label = parameters.hashed(label, rest);
            assert_eq!(&label[1..], hashed.as_bytes());
            assert!(is_hashed(&label) && !is_hashed(&label[..32]));
        }
    }
}
