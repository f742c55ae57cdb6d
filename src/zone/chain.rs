//! Chains of NSEC or NSEC3 records in the order of their owners, searched for the record that covers a name. Chunks of
//! records are immutable and shared between versions of a zone, so that a change copies a few of them. Knows neither how
//! names are hashed nor what is proved with a record.

use super::pack::RrsetTooLong;
use super::rrset::{Arena, OWNER_OF_QUESTION, RECORD_HEADER_LEN, RrsetRef, StoredRrset, expires};
use crate::wire::name::NAME_LEN_MAX;
use crate::wire::{class, rtype, short};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

/// Records in a chunk of a new chain.
const CHUNK_LEN: usize = 128;
/// Octets of the longest key: escapes at most double a name.
const KEY_LEN_MAX: usize = 2 * NAME_LEN_MAX;

/// The place of an owner in the order of its chain, or of names (RFC 4034, section 6.1): keys are compared octet by octet.
///
/// For NSEC these are the labels below the apex from right to left, each with a zero behind it (RFC 4034, section 6.1);
/// zeros and ones within labels are escaped, so that a label is never taken for the start of a longer one. For NSEC3 it
/// is the only label, whose digits are in the order of the hashes (RFC 5155, section 3.3).
pub struct ChainKey {
    octets: [u8; KEY_LEN_MAX],
    len: usize,
}

impl ChainKey {
    /// The key of an NSEC record whose owner has these labels below the apex, in lower case.
    #[must_use]
    pub fn of_labels(labels: &[u8]) -> Self {
        let mut key = Self { octets: [0; KEY_LEN_MAX], len: 0 };
        if let Some((&len, label)) = labels.split_first()
            && usize::from(len) == label.len()
        {
            // Most names stand right below the apex.
            key.push_label(label);
            return key;
        }
        let mut starts = [0_u8; NAME_LEN_MAX / 2];
        let (mut at, mut count) = (0, 0);
        while at < labels.len() {
            starts[count] = at as u8;
            count += 1;
            at += 1 + usize::from(labels[at]);
        }
        for &start in starts[..count].iter().rev() {
            let (len, label) = (usize::from(labels[usize::from(start)]), &labels[usize::from(start) + 1..]);
            key.push_label(&label[..len]);
        }
        key
    }

    /// Puts another label in front of the name.
    pub fn push_label(&mut self, label: &[u8]) {
        if label.iter().any(|&octet| octet < 2) {
            self.push_escaped(label);
        } else {
            let behind = self.len + label.len();
            short::copy(&mut self.octets[self.len..behind], label);
            self.len = behind;
        }
        self.push(0);
    }

    #[cold]
    fn push_escaped(&mut self, label: &[u8]) {
        for &octet in label {
            if octet < 2 {
                self.push(1);
                self.push(octet + 1);
            } else {
                self.push(octet);
            }
        }
    }

    const fn push(&mut self, octet: u8) {
        self.octets[self.len] = octet;
        self.len += 1;
    }

    /// The octets that are compared.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets[..self.len]
    }
}

/// The first octets of a key, which decide most comparisons.
fn prefix_of(key: &[u8]) -> u64 {
    let mut prefix = [0; 8];
    let len = key.len().min(prefix.len());
    prefix[..len].copy_from_slice(&key[..len]);
    u64::from_be_bytes(prefix)
}

/// An RRset of a chain in its chunk, where these follow each other: labels of the owner below the apex in lower case, key
/// if it is another, records, signatures.
#[derive(Clone, Copy, Debug)]
struct Entry {
    prefix: u64,
    at: u32,
    rrset: StoredRrset,
    key_len: u16,
    labels_len: u8,
}

#[derive(Debug)]
struct Chunk {
    entries: Box<[Entry]>,
    arena: Arena,
    /// When the first of its signatures expires; [`u32::MAX`] without any.
    expires: u32,
}

/// One RRset of a chain.
#[derive(Clone, Copy, Debug)]
pub struct ChainEntry<'z> {
    chunk: &'z Chunk,
    entry: &'z Entry,
}

impl<'z> ChainEntry<'z> {
    fn part(self, skipped: usize, len: usize) -> &'z [u8] {
        &self.chunk.arena.octets[self.entry.at as usize + skipped..][..len]
    }

    /// The labels of its owner below the apex, in lower case.
    #[must_use]
    pub fn labels(self) -> &'z [u8] {
        self.part(0, self.entry.labels_len.into())
    }

    fn key(self) -> &'z [u8] {
        match self.entry.key_len {
            0 => self.labels(),
            len => self.part(self.entry.labels_len.into(), len.into()),
        }
    }

    /// The RRset.
    #[inline]
    #[must_use]
    pub fn rrset(self) -> RrsetRef<'z> {
        RrsetRef::new(&self.entry.rrset, &self.chunk.arena)
    }

    /// Whether both are the same stored RRset.
    #[must_use]
    pub fn is_same(self, other: Self) -> bool {
        std::ptr::eq(self.entry, other.entry)
    }

    fn compare(self, prefix: u64, key: &[u8]) -> Ordering {
        self.entry.prefix.cmp(&prefix).then_with(|| self.key().cmp(key))
    }
}

#[derive(Clone, Debug)]
struct Head {
    /// Of the first key in the chunk.
    prefix: u64,
    chunk: Arc<Chunk>,
}

/// A chain in the order of its keys. No chunk is empty.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    heads: Box<[Head]>,
}

impl Chain {
    /// The record whose owner has this key, or the last one before it; and whether it is the owner itself.
    #[must_use]
    pub fn at_or_before(&self, key: &[u8]) -> Option<(ChainEntry<'_>, bool)> {
        let prefix = prefix_of(key);
        let head = &self.heads[self.chunk_number(prefix, key)?];
        let entries = &head.chunk.entries;
        let entry = |number: usize| ChainEntry { chunk: &head.chunk, entry: &entries[number] };
        let (mut low, mut high) = (0, entries.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match entry(middle).compare(prefix, key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some((entry(middle), true)),
                Ordering::Greater => high = middle,
            }
        }
        Some((entry(low.checked_sub(1)?), false))
    }

    /// The first record, where it is the last one before `key`: for keys that mostly are behind it at once, as `*` is behind
    /// the apex.
    #[must_use]
    pub fn first_if_before(&self, key: &[u8]) -> Option<ChainEntry<'_>> {
        let chunk = &self.heads.first()?.chunk;
        let [first, second] = [0, 1].map(|number| chunk.entries.get(number).map(|entry| ChainEntry { chunk, entry }));
        let prefix = prefix_of(key);
        first.filter(|first| {
            first.compare(prefix, key) == Ordering::Less
                && second.is_some_and(|second| second.compare(prefix, key) == Ordering::Greater)
        })
    }

    /// The chunk where `key` is, if it is there: the last one that does not begin behind it.
    fn chunk_number(&self, prefix: u64, key: &[u8]) -> Option<usize> {
        let is_not_behind = |head: &Head| match head.prefix.cmp(&prefix) {
            Ordering::Equal => ChainEntry { chunk: &head.chunk, entry: &head.chunk.entries[0] }.key() <= key,
            order => order == Ordering::Less,
        };
        self.heads.partition_point(is_not_behind).checked_sub(1)
    }

    /// The record with this key.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<ChainEntry<'_>> {
        self.at_or_before(key).filter(|(_, is_owner)| *is_owner).map(|(entry, _)| entry)
    }

    /// The record with the last key.
    #[must_use]
    pub fn last(&self) -> Option<ChainEntry<'_>> {
        let chunk = &self.heads.last()?.chunk;
        chunk.entries.last().map(|entry| ChainEntry { chunk, entry })
    }

    /// All records in the order of their keys.
    pub fn entries(&self) -> impl Iterator<Item = ChainEntry<'_>> {
        self.heads.iter().flat_map(|head| entries_of(&head.chunk))
    }

    /// Where its chunks are, which tells whether another version shares them.
    pub fn chunk_addresses(&self) -> impl Iterator<Item = usize> {
        self.heads.iter().map(|head| Arc::as_ptr(&head.chunk).addr())
    }

    /// The records of the chunks that are at none of these addresses.
    pub fn entries_outside(&self, addresses: &HashSet<usize>) -> Vec<ChainEntry<'_>> {
        let heads = self.heads.iter().filter(|head| !addresses.contains(&Arc::as_ptr(&head.chunk).addr()));
        heads.flat_map(|head| entries_of(&head.chunk)).collect()
    }

    /// When the first signature over its records expires; [`u32::MAX`] without any. Looks at every chunk.
    #[must_use]
    pub fn expires(&self) -> u32 {
        self.heads.iter().map(|head| head.chunk.expires).min().unwrap_or(u32::MAX)
    }

    /// Whether it has no records.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// This chain with some RRsets replaced or, where nothing is given, taken out; chunks without any of them are shared.
    /// `changes` are sorted by key.
    #[must_use]
    pub fn with(&self, changes: &[(Box<[u8]>, Option<ChainEntry<'_>>)]) -> Self {
        let mut heads = Vec::with_capacity(self.heads.len() + 1);
        let mut copied = 0;
        let place = |key: &[u8]| self.chunk_number(prefix_of(key), key).unwrap_or(0);
        for changes in changes.chunk_by(|a, b| place(&a.0) == place(&b.0)) {
            let number = place(&changes[0].0);
            heads.extend_from_slice(&self.heads[copied..number]);
            let old = self.heads.get(number).into_iter().flat_map(|head| entries_of(&head.chunk));
            let mut builder = ChainBuilder::default();
            let is_changed =
                |entry: &ChainEntry<'_>| changes.binary_search_by(|(key, _)| (**key).cmp(entry.key())).is_ok();
            old.filter(|entry| !is_changed(entry)).for_each(|entry| builder.copy(entry));
            changes.iter().filter_map(|(_, new)| *new).for_each(|entry| builder.copy(entry));
            heads.extend(builder.finish().heads);
            copied = self.heads.len().min(number + 1);
        }
        heads.extend_from_slice(&self.heads[copied..]);
        Self { heads: heads.into() }
    }
}

fn entries_of(chunk: &Chunk) -> impl Iterator<Item = ChainEntry<'_>> {
    chunk.entries.iter().map(move |entry| ChainEntry { chunk, entry })
}

/// Records of chains hold no names that are compressed, and none whose addresses anybody wants.
fn arena_of(mut octets: Vec<u8>) -> Arena {
    octets.shrink_to_fit();
    Arena { octets, offsets: Vec::new() }
}

/// Takes the RRsets of a chain in any order.
#[derive(Debug, Default)]
pub struct ChainBuilder {
    entries: Vec<Entry>,
    octets: Vec<u8>,
}

impl ChainBuilder {
    /// Adds an RRset of NSEC or NSEC3 records; `labels` is its owner below the apex, in lower case.
    pub fn push<'d>(
        &mut self,
        labels: &[u8],
        (rtype, ttl): (u16, u32),
        data: impl Iterator<Item = &'d [u8]>,
        signatures: impl Iterator<Item = &'d [u8]>,
    ) -> Result<(), RrsetTooLong> {
        let at = self.octets.len();
        self.octets.extend_from_slice(labels);
        let key = (rtype == rtype::NSEC).then(|| ChainKey::of_labels(labels));
        let key = key.as_ref().map_or(&[][..], ChainKey::octets);
        self.octets.extend_from_slice(key);
        let start = self.octets.len();
        let records = data.map(|data| self.push_record(rtype, ttl, data)).count();
        let signatures_at = self.octets.len();
        let signatures = signatures.map(|data| self.push_record(rtype::RRSIG, ttl, data)).count();
        let behind = self.octets.len();
        let lengths = (u16::try_from(signatures_at - start), u16::try_from(behind - signatures_at));
        let (Ok(octets_len), Ok(signatures_len)) = lengths else {
            self.octets.truncate(at);
            return Err(RrsetTooLong);
        };
        self.entries.push(Entry {
            prefix: prefix_of(if key.is_empty() { labels } else { key }),
            at: at as u32,
            rrset: StoredRrset {
                rtype,
                records: records as u16,
                ttl,
                octets_at: start as u32,
                octets_len,
                signatures_len,
                signatures: signatures as u16,
                ..StoredRrset::default()
            },
            key_len: key.len() as u16,
            labels_len: labels.len() as u8,
        });
        Ok(())
    }

    fn push_record(&mut self, rtype: u16, ttl: u32, data: &[u8]) {
        let mut header = [0; RECORD_HEADER_LEN];
        header[..2].copy_from_slice(&OWNER_OF_QUESTION);
        header[2..4].copy_from_slice(&rtype.to_be_bytes());
        header[4..6].copy_from_slice(&class::IN.to_be_bytes());
        header[6..10].copy_from_slice(&ttl.to_be_bytes());
        header[10..].copy_from_slice(&(data.len() as u16).to_be_bytes());
        self.octets.extend_from_slice(&header);
        self.octets.extend_from_slice(data);
    }

    fn copy(&mut self, from: ChainEntry<'_>) {
        let at = self.octets.len() as u32;
        let Entry { rrset, key_len, labels_len, .. } = *from.entry;
        let skipped = usize::from(labels_len) + usize::from(key_len);
        let len = skipped + usize::from(rrset.octets_len) + usize::from(rrset.signatures_len);
        self.octets.extend_from_slice(from.part(0, len));
        let rrset = StoredRrset { octets_at: at + skipped as u32, ..rrset };
        self.entries.push(Entry { at, rrset, ..*from.entry });
    }

    /// The chain of the RRsets so far; an owner that was given twice stands there twice.
    #[must_use]
    pub fn finish(self) -> Chain {
        let mut entries = self.entries;
        let all = Chunk { entries: Box::default(), arena: arena_of(self.octets), expires: u32::MAX };
        entries.sort_by(|a, b| {
            let b = ChainEntry { chunk: &all, entry: b };
            ChainEntry { chunk: &all, entry: a }.compare(b.entry.prefix, b.key())
        });
        // Pieces of equal length, so that none is tiny.
        let pieces = entries.len().div_ceil(CHUNK_LEN).max(1);
        let heads = entries.chunks(entries.len().div_ceil(pieces).max(1)).map(|entries| {
            let mut piece = Self::default();
            entries.iter().for_each(|entry| piece.copy(ChainEntry { chunk: &all, entry }));
            let mut chunk = Chunk { entries: piece.entries.into(), arena: arena_of(piece.octets), expires: u32::MAX };
            chunk.expires =
                entries_of(&chunk).map(|entry| expires(entry.rrset().signatures())).min().unwrap_or(u32::MAX);
            Head { prefix: chunk.entries[0].prefix, chunk: Arc::new(chunk) }
        });
        Chain { heads: heads.collect() }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Chain, ChainBuilder, ChainEntry, ChainKey};
    use crate::wire::{Name, rtype};
    use proptest::prelude::*;

    fn labels() -> impl Strategy<Value = Vec<u8>> {
        let octet = prop_oneof![Just(0_u8), Just(1), Just(2), Just(b'a'), Just(b'b'), Just(255)];
        prop::collection::vec(prop::collection::vec(octet, 1..4), 0..4)
            .prop_map(|labels| labels.iter().flat_map(|label| [&[label.len() as u8], &label[..]].concat()).collect())
    }

    fn name(labels: &[u8]) -> Name {
        Name::from_wire(&[labels, b"\x00"].concat()).unwrap().0
    }

    fn built(owners: &[Vec<u8>]) -> Chain {
        let mut builder = ChainBuilder::default();
        for owner in owners {
            builder.push(owner, (rtype::NSEC, 60), [&owner[..]].into_iter(), [&b"signed"[..]].into_iter()).unwrap();
        }
        builder.finish()
    }

    fn owners(chain: &Chain) -> Vec<Vec<u8>> {
        chain.entries().map(|entry| entry.labels().to_vec()).collect()
    }

    proptest! {
        #[test]
        fn rfc4034_keys_are_in_canonical_order(a in labels(), b in labels()) {
            let keys = ChainKey::of_labels(&a).octets().cmp(ChainKey::of_labels(&b).octets());
            prop_assert_eq!(keys, name(&a).cmp(&name(&b)));
        }

        #[test]
        fn searches_and_changes_are_those_of_a_sorted_list(
            first in prop::collection::btree_set(labels(), 0..400),
            changed in prop::collection::btree_set(labels(), 0..400),
            sought in labels(),
        ) {
            let mut list: Vec<_> = first.into_iter().collect();
            let chain = built(&list);
            // Names of the set that are there go, the others come.
            let new = built(&changed.iter().filter(|owner| !list.contains(owner)).cloned().collect::<Vec<_>>());
            let mut changes: Vec<_> = changed.iter().map(|owner| {
                let key = ChainKey::of_labels(owner);
                (Box::from(key.octets()), new.find(key.octets()))
            }).collect();
            changes.sort_by(|a: &(Box<[u8]>, Option<ChainEntry<'_>>), b| a.0.cmp(&b.0));
            let chain = chain.with(&changes);
            let (gone, come): (Vec<_>, Vec<_>) = changed.into_iter().partition(|owner| list.contains(owner));
            list.retain(|owner| !gone.contains(owner));
            list.extend(come);
            list.sort_by_key(|owner| name(owner));
            prop_assert_eq!(owners(&chain), &list[..]);
            prop_assert_eq!(chain.last().map(|entry| entry.labels()), list.last().map(|owner| &owner[..]));
            let found = chain.at_or_before(ChainKey::of_labels(&sought).octets());
            let expected = list.iter().rfind(|owner| name(owner) <= name(&sought));
            prop_assert_eq!(found.map(|(entry, _)| entry.labels()), expected.map(|owner| &owner[..]));
            if let Some(first) = chain.first_if_before(ChainKey::of_labels(&sought).octets()) {
                prop_assert!(found.is_some_and(|(entry, is_owner)| entry.is_same(first) && !is_owner));
            }
            prop_assert_eq!(found.is_some_and(|(_, is_owner)| is_owner), list.contains(&sought));
            if let Some((entry, _)) = found {
                prop_assert_eq!(&entry.rrset().octets()[12..], entry.labels());
                prop_assert_eq!(&entry.rrset().signatures()[12..], b"signed");
            }
        }
    }
}
