//! Nodes being changed: taken out of the tree, changed in any way, and settled together (which nodes exist, whose
//! children they are, what covers them) before they are packed again.

use super::denial::covered_type;
use super::edit::{EditError, LINKS};
use super::node_checks::full_name;
use super::pack::comparable;
use super::record::{Record, to_stored};
use super::rrset::{RrsetRef, data_of};
use super::shard::{NodeRef, flag};
use super::staging::NOT_BALANCED;
use super::tree::Tree;
use crate::wire::{Name, NameKey, rtype};
use std::collections::{BTreeMap, HashMap, HashSet};

/// An RRset being changed.
#[derive(Debug)]
pub struct DraftRrset {
    /// TYPE.
    pub rtype: u16,
    /// Seconds.
    pub ttl: u32,
    /// Stored data of its records; none when only its signatures are left, which go with it.
    pub data: Vec<Box<[u8]>>,
    /// Data of its RRSIG records.
    pub signatures: Vec<Box<[u8]>>,
}

/// A node being changed.
#[derive(Debug)]
pub struct Draft {
    /// The whole name.
    pub name: Name,
    /// Its labels below the apex, in lower case.
    pub labels: Box<[u8]>,
    /// The hash of the whole name.
    pub hash: u64,
    /// The slot of a balanced name, else [`NOT_BALANCED`].
    pub slot: u32,
    /// How many nodes are one label below.
    pub children: u32,
    /// Sorted by type.
    pub rrsets: Vec<DraftRrset>,
    links: u8,
    depth: usize,
    /// What the tree held: flags, 0 if there was no node; records; whether it owned any.
    old_flags: u8,
    old_records: usize,
}

impl Draft {
    fn new(tree: &Tree, key: &NameKey, stripped: usize, apex_stripped: usize) -> Self {
        let labels = &key.octets()[key.offset(stripped)..key.offset(apex_stripped)];
        let node = tree.find(key, stripped, apex_stripped);
        let rrsets: Vec<_> = node.into_iter().flat_map(NodeRef::rrsets).map(DraftRrset::of).collect();
        Self {
            name: full_name(labels, &tree.apex),
            labels: labels.into(),
            hash: key.hash(stripped),
            slot: node.and_then(NodeRef::slot).unwrap_or(NOT_BALANCED),
            children: node.map_or(0, NodeRef::children),
            links: node.map_or(0, NodeRef::flags) & LINKS,
            depth: apex_stripped - stripped,
            old_flags: node.map_or(0, NodeRef::flags),
            old_records: rrsets.iter().map(DraftRrset::len).sum(),
            rrsets,
        }
    }

    /// Whether the node exists: it owns something, is balanced, has something below it, or is the apex.
    pub fn is_alive(&self) -> bool {
        !self.rrsets.is_empty() || self.slot != NOT_BALANCED || self.children > 0 || self.depth == 0
    }

    /// Bits of [`LINKS`].
    pub const fn links(&self) -> u8 {
        self.links
    }

    fn covers(&self) -> bool {
        let has = |rtype: u16| self.rrsets.iter().any(|rrset| rrset.rtype == rtype);
        (self.depth > 0 && has(rtype::NS)) || has(rtype::DNAME)
    }

    const fn covered(&self) -> bool {
        self.old_flags & (flag::CUT | flag::DNAME) != 0
    }

    fn rrset(&mut self, rtype: u16, ttl: u32) -> &mut DraftRrset {
        let at = self.rrsets.binary_search_by_key(&rtype, |rrset| rrset.rtype).unwrap_or_else(|at| {
            self.rrsets.insert(at, DraftRrset::empty(rtype, ttl));
            at
        });
        &mut self.rrsets[at]
    }

    /// Takes a record out; an RRset goes with its last record or signature.
    pub fn remove(&mut self, record: &Record, apex: &Name) -> Result<(), EditError> {
        let covered = covered_type(record.rtype, &record.data);
        let found = self.rrsets.binary_search_by_key(&covered, |rrset| rrset.rtype);
        let at = found.map_err(|_| EditError::Missing(record.clone()))?;
        self.rrsets[at].remove(record, apex)?;
        if self.rrsets[at].len() == 0 {
            self.rrsets.remove(at);
        }
        Ok(())
    }

    /// Puts a record in.
    pub fn add(&mut self, record: &Record, apex: &Name) -> Result<(), EditError> {
        self.rrset(covered_type(record.rtype, &record.data), record.ttl).add(record, apex)
    }

    fn record_count(&self) -> usize {
        self.rrsets.iter().map(DraftRrset::len).sum()
    }
}

impl DraftRrset {
    /// One without records.
    pub const fn empty(rtype: u16, ttl: u32) -> Self {
        Self { rtype, ttl, data: Vec::new(), signatures: Vec::new() }
    }

    /// One that is stored.
    pub fn of(rrset: RrsetRef<'_>) -> Self {
        Self {
            rtype: rrset.rtype(),
            ttl: rrset.ttl(),
            data: data_of(rrset.octets()).map(Into::into).collect(),
            signatures: data_of(rrset.signatures()).map(Into::into).collect(),
        }
    }

    /// How many records, signatures included.
    pub fn len(&self) -> usize {
        self.data.len() + self.signatures.len()
    }

    fn list(&mut self, rtype: u16) -> &mut Vec<Box<[u8]>> {
        if rtype == rtype::RRSIG { &mut self.signatures } else { &mut self.data }
    }

    /// Takes out a record, or a signature that covers this RRset.
    pub fn remove(&mut self, record: &Record, apex: &Name) -> Result<(), EditError> {
        let (list, stored) = (self.list(record.rtype), to_stored(record.rtype, &record.data, apex));
        let same = comparable(record.rtype, &stored);
        let found = list.iter().position(|data| comparable(record.rtype, data) == same);
        list.remove(found.ok_or_else(|| EditError::Missing(record.clone()))?);
        Ok(())
    }

    /// Puts in a record, or a signature that covers this RRset.
    pub fn add(&mut self, record: &Record, apex: &Name) -> Result<(), EditError> {
        let (list, stored) = (self.list(record.rtype), to_stored(record.rtype, &record.data, apex));
        let same = comparable(record.rtype, &stored);
        if list.iter().any(|data| comparable(record.rtype, data) == same) {
            return Err(EditError::Present(record.clone()));
        }
        list.push(stored);
        if record.rtype != rtype::RRSIG {
            self.ttl = record.ttl;
        }
        Ok(())
    }
}

/// All nodes being changed, by their labels below the apex.
pub struct Drafts<'t> {
    tree: &'t Tree,
    by_labels: HashMap<Box<[u8]>, Draft>,
}

impl<'t> Drafts<'t> {
    /// None yet.
    pub fn new(tree: &'t Tree) -> Self {
        Self { tree, by_labels: HashMap::new() }
    }

    /// The node of a record's owner.
    pub fn of(&mut self, record: &Record) -> Result<&mut Draft, EditError> {
        if !record.is_well_formed() {
            return Err(EditError::Malformed(record.clone()));
        }
        let key = NameKey::of(&record.owner);
        let Some(apex_stripped) = self.tree.strip(&key) else {
            return Err(EditError::OutOfZone(record.owner.clone()));
        };
        Ok(self.at(&key, 0, apex_stripped))
    }

    fn at(&mut self, key: &NameKey, stripped: usize, apex_stripped: usize) -> &mut Draft {
        let labels = &key.octets()[key.offset(stripped)..key.offset(apex_stripped)];
        let tree = self.tree;
        self.by_labels.entry(labels.into()).or_insert_with(|| Draft::new(tree, key, stripped, apex_stripped))
    }

    /// Decides which nodes exist, deepest first, since a node may exist for those below it only (RFC 4592, section
    /// 2.2.2); then what covers them.
    pub fn settle(&mut self) {
        for draft in self.by_labels.values_mut() {
            draft.rrsets.retain(|rrset| !rrset.data.is_empty());
        }
        let mut depth = self.depth_max();
        while depth > 0 {
            let at_depth: Vec<_> =
                self.by_labels.values().filter(|draft| draft.depth == depth).map(alive_change).collect();
            for (name, change) in at_depth.into_iter().filter(|(_, change)| *change != 0) {
                let key = NameKey::of(&name);
                let parent = self.at(&key, 1, depth);
                if parent.depth > 0 {
                    parent.children = parent.children.saturating_add_signed(change);
                }
                if name.is_wildcard() {
                    parent.links &= !flag::WILDCARD_CHILD;
                    parent.links |= if change > 0 { flag::WILDCARD_CHILD } else { 0 };
                }
            }
            depth -= 1;
        }
        self.settle_covers();
    }

    fn settle_covers(&mut self) {
        // Where nothing is below, the rest of the zone need not be looked at; the children of the apex are not counted.
        let is_changed = |d: &&Draft| d.covers() != d.covered() && (d.children > 0 || d.depth == 0);
        let changed: HashSet<Box<[u8]>> =
            self.by_labels.values().filter(is_changed).map(|d| d.labels.clone()).collect();
        if !changed.is_empty() {
            let mut key = NameKey::default();
            for node in self.tree.nodes() {
                if labels_above(node.name()).any(|above| changed.contains(above)) {
                    let apex_stripped = self.tree.set_key(node, &mut key);
                    self.at(&key, 0, apex_stripped);
                }
            }
        }
        let covered: Vec<_> =
            self.by_labels.values().map(|draft| (draft.labels.clone(), self.is_covered(draft))).collect();
        for (labels, covered) in covered {
            if let Some(draft) = self.by_labels.get_mut(&labels) {
                draft.links &= !flag::COVERED;
                draft.links |= if covered { flag::COVERED } else { 0 };
            }
        }
    }

    /// Whether a zone cut or DNAME lies above a node.
    fn is_covered(&self, draft: &Draft) -> bool {
        let key = NameKey::of(&draft.name);
        (1..=draft.depth).any(|stripped| {
            let labels = &key.octets()[key.offset(stripped)..key.offset(draft.depth)];
            match self.by_labels.get(labels) {
                Some(above) => above.covers(),
                None => self.tree.covers(key.hash(stripped), labels),
            }
        })
    }

    /// By how much the numbers of records and of names that own some, or are balanced, grow.
    pub fn growth(&self) -> (isize, isize) {
        let counts = |draft: &Draft| {
            let owns = |records: usize| isize::from(records > 0 || draft.slot != NOT_BALANCED);
            let (new, old) = (draft.record_count(), draft.old_records);
            let was = if draft.old_flags == 0 { 0 } else { owns(old) };
            (new as isize - old as isize, owns(new) - was)
        };
        self.by_labels.values().map(counts).fold((0, 0), |sum, add| (sum.0 + add.0, sum.1 + add.1))
    }

    /// Labels below the apex of the deepest node.
    pub fn depth_max(&self) -> usize {
        let drafted = self.by_labels.values().map(|draft| draft.depth).max().unwrap_or(0);
        drafted.max(self.tree.depth_max())
    }

    /// The nodes by the number of their shard, sorted by name in each.
    pub fn by_shard(self) -> BTreeMap<usize, Vec<Draft>> {
        let mut by_shard: BTreeMap<usize, Vec<Draft>> = BTreeMap::new();
        for (_, draft) in self.by_labels {
            by_shard.entry(self.tree.shard_number(draft.hash)).or_default().push(draft);
        }
        for drafts in by_shard.values_mut() {
            drafts.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        }
        by_shard
    }
}

/// The labels below the apex of each name above the one with these.
fn labels_above(mut labels: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&len, behind) = labels.split_first()?;
        labels = &behind[usize::from(len)..];
        Some(labels)
    })
}

/// The name of a node, and 1 if it comes into being, -1 if it goes.
fn alive_change(draft: &Draft) -> (Name, i32) {
    (draft.name.clone(), i32::from(draft.is_alive()) - i32::from(draft.old_flags != 0))
}
