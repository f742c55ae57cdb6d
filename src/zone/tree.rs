//! The stored form of a zone: shards of nodes by name hash. A shard is immutable and shared between versions of a zone,
//! so that a change copies one shard. Knows neither files nor the rules of answering.

use super::master_file::name_text::stored_len;
use super::shard::{Node, NodeRef, Shard, flag};
use crate::wire::name::NAME_LEN_MAX;
use crate::wire::{Name, NameKey, short};
use std::sync::Arc;

/// All nodes of a zone.
#[derive(Debug)]
pub struct Tree {
    /// The apex as it is configured.
    pub apex: Name,
    /// The apex in lower case.
    apex_lower: Box<[u8]>,
    apex_hash: u64,
    /// Shard and slot of the apex: every negative answer needs it.
    apex_place: Option<(u32, u32)>,
    /// Bits of [`flag`] of the apex; none without one.
    apex_flags: u8,
    apex_labels: u8,
    /// Labels below the apex of the deepest node.
    depth_max: u8,
    /// How many bits of the hash choose a shard.
    shard_bits: u8,
    /// All shards in pages of [`PAGE_LEN`], so that a change copies few pointers.
    pages: Box<[Arc<[Arc<Shard>]>]>,
}

/// Shards in a page: about as many as there are pages in a zone of a million names. A power of two.
const PAGE_LEN: usize = 64;

/// Which shard of `1 << bits` holds the names with this hash: its upper bits, so that tags (lower bits) differ inside.
#[must_use]
pub const fn shard_of(hash: u64, bits: u32) -> usize {
    (hash >> 1 >> (63 - bits)) as usize
}

fn into_pages(shards: Vec<Shard>) -> Box<[Arc<[Arc<Shard>]>]> {
    let mut shards = shards.into_iter().map(Arc::new).peekable();
    let mut pages = Vec::new();
    while shards.peek().is_some() {
        pages.push(shards.by_ref().take(PAGE_LEN).collect());
    }
    pages.into()
}

impl Tree {
    /// The tree of `shards`, a power of two of them, filled according to [`shard_of`].
    #[must_use]
    pub fn new(apex: Name, depth_max: u8, shards: Vec<Shard>) -> Self {
        let key = NameKey::of(&apex);
        let mut tree = Self {
            apex_lower: key.octets().into(),
            apex_hash: key.hash(0),
            apex_place: None,
            apex_flags: 0,
            apex_labels: key.label_count() as u8,
            apex,
            depth_max,
            shard_bits: shards.len().trailing_zeros() as u8,
            pages: into_pages(shards),
        };
        tree.know_apex();
        tree
    }

    /// Remembers where the apex is, and what is known of it.
    pub(super) fn know_apex(&mut self) {
        let shard = self.shard_number(self.apex_hash);
        let found = self.shard(shard).find(self.apex_hash as u32, <[u8]>::is_empty);
        let slot = found.and_then(|node| self.shard(shard).slot_of(node));
        self.apex_place = slot.map(|slot| (shard as u32, slot as u32));
        self.apex_flags = self.apex_node().map_or(0, NodeRef::flags);
    }

    /// This tree with some shards replaced; the others are shared.
    #[must_use]
    pub fn with(&self, depth_max: usize, replaced: impl IntoIterator<Item = (usize, Shard)>) -> Self {
        let mut pages = self.pages.to_vec();
        for (number, shard) in replaced {
            let page = &mut pages[number / PAGE_LEN];
            if Arc::get_mut(page).is_none() {
                *page = page.iter().cloned().collect();
            }
            if let Some(page) = Arc::get_mut(page) {
                page[number % PAGE_LEN] = Arc::new(shard);
            }
        }
        let (apex, apex_lower) = (self.apex.clone(), self.apex_lower.clone());
        let mut tree = Self { apex, apex_lower, depth_max: depth_max as u8, pages: pages.into(), ..*self };
        tree.know_apex();
        tree
    }

    /// Whether a missing name stands right below the apex, and that has no wildcard for it: NXDOMAIN without another look.
    #[inline(always)]
    #[must_use]
    pub fn is_missing_below_plain_apex(&self, apex_stripped: usize) -> bool {
        const TELLING: u8 = flag::OCCUPIED | flag::CUT | flag::COVERED | flag::DNAME | flag::WILDCARD_CHILD;
        apex_stripped == 1 && self.apex_flags & TELLING == flag::OCCUPIED
    }

    /// Labels below the apex of the deepest node.
    #[must_use]
    pub fn depth_max(&self) -> usize {
        self.depth_max.into()
    }

    /// How many labels of `name` to strip to reach the apex; `None` when it is not at or below it.
    #[must_use]
    pub fn strip(&self, name: &NameKey) -> Option<usize> {
        let stripped = name.label_count().checked_sub(self.apex_labels.into())?;
        (name.hash(stripped) == self.apex_hash && self.has_apex(name.suffix(stripped))).then_some(stripped)
    }

    /// Whether this name in lower case is the apex.
    #[inline(always)]
    #[must_use]
    pub fn has_apex(&self, name: &[u8]) -> bool {
        short::same(name, &self.apex_lower)
    }

    /// Which shard holds the names with this hash.
    #[must_use]
    pub const fn shard_number(&self, hash: u64) -> usize {
        shard_of(hash, self.shard_bits as u32)
    }

    /// A shard by its number.
    #[inline(always)]
    #[must_use]
    pub fn shard(&self, number: usize) -> &Shard {
        &self.pages[number / PAGE_LEN][number % PAGE_LEN]
    }

    /// The node with this hash whose labels below the apex pass `matches`.
    #[inline(always)]
    pub fn find_by(&self, hash: u64, matches: impl Fn(&[u8]) -> bool) -> Option<NodeRef<'_>> {
        let shard = self.shard(self.shard_number(hash));
        let node = shard.find(hash as u32, matches)?;
        Some(NodeRef { shard, node })
    }

    /// The node of suffix `stripped` of `name`, whose suffix `apex_stripped` is the apex.
    #[inline(never)]
    #[must_use]
    pub fn find(&self, name: &NameKey, stripped: usize, apex_stripped: usize) -> Option<NodeRef<'_>> {
        self.find_here(name, stripped, apex_stripped)
    }

    /// As [`Self::find`], as a part of its caller: for the name of each query.
    #[inline(always)]
    pub fn find_here(&self, name: &NameKey, stripped: usize, apex_stripped: usize) -> Option<NodeRef<'_>> {
        let labels = name.labels(stripped, apex_stripped);
        self.find_by(
            name.hash(stripped),
            #[inline(always)]
            |stored| short::same(stored, labels),
        )
    }

    /// The node `*` below suffix `stripped` of `name`.
    #[must_use]
    pub fn find_wildcard(&self, name: &NameKey, stripped: usize, apex_stripped: usize) -> Option<NodeRef<'_>> {
        let parent = name.labels(stripped, apex_stripped);
        let hash = crate::wire::name::hash_label(name.hash(stripped), b"*");
        self.find_by(hash, |stored| stored.strip_prefix(b"\x01*").is_some_and(|rest| rest == parent))
    }

    /// How many shards.
    #[must_use]
    pub fn shard_count(&self) -> usize {
        1 << self.shard_bits
    }

    /// How many slots the table of a shard has.
    #[must_use]
    pub fn slot_count(&self, shard: usize) -> usize {
        self.shard(shard).nodes.len()
    }

    /// The node in a slot of a shard, if the slot is in use.
    #[must_use]
    pub fn node_at(&self, shard: usize, slot: usize) -> Option<NodeRef<'_>> {
        let shard = self.shard(shard);
        let node = &shard.nodes[slot];
        (node.flags & flag::OCCUPIED != 0).then_some(NodeRef { shard, node })
    }

    /// Shard and slot of suffix `stripped` of `name`.
    #[must_use]
    pub fn place_of(&self, name: &NameKey, stripped: usize, apex_stripped: usize) -> Option<(usize, usize)> {
        let labels = name.labels(stripped, apex_stripped);
        let hash = name.hash(stripped);
        let shard = self.shard_number(hash);
        let node = self.shard(shard).find(hash as u32, |stored| stored == labels)?;
        Some((shard, self.shard(shard).slot_of(node)?))
    }

    /// Sets bits of [`flag`] in a node of a tree that is not shared yet.
    pub fn set_flags(&mut self, (shard, slot): (usize, usize), flags: u8) {
        if let Some(node) = self.node_mut(shard, slot) {
            node.flags |= flags;
        }
    }

    /// Counts a node one label below another one, in a tree that is not shared yet.
    pub fn add_child(&mut self, (shard, slot): (usize, usize)) {
        if let Some(node) = self.node_mut(shard, slot) {
            node.children += 1;
        }
    }

    fn node_mut(&mut self, shard: usize, slot: usize) -> Option<&mut Node> {
        let page = Arc::get_mut(&mut self.pages[shard / PAGE_LEN])?;
        let shard = Arc::get_mut(&mut page[shard % PAGE_LEN])?;
        shard.nodes.get_mut(slot)
    }

    /// Sets `key` to the whole name of a node; returns how many of its labels are below the apex.
    pub fn set_key(&self, node: NodeRef<'_>, key: &mut NameKey) -> usize {
        self.set_key_of_labels(node.name(), key)
    }

    /// Sets `key` to the name with these labels below the apex; returns how many they are.
    pub fn set_key_of_labels(&self, labels: &[u8], key: &mut NameKey) -> usize {
        let apex = self.apex.as_wire();
        let mut wire = [0; NAME_LEN_MAX];
        let len = labels.len() + apex.len();
        wire[..labels.len()].copy_from_slice(labels);
        wire[labels.len()..len].copy_from_slice(apex);
        // Names are checked before they are stored.
        let _ = key.set(&wire[..len]);
        key.label_count() - usize::from(self.apex_labels)
    }

    /// Sets `key` to the stored name at the start of `data`, which may end in a pointer relative to the apex.
    pub fn set_key_of_data(&self, data: &[u8], key: &mut NameKey) {
        let (len, has_pointer) = stored_len(data);
        if !has_pointer {
            // Names are checked before they are stored.
            let _ = key.set(&data[..len]);
            return;
        }
        let apex = self.apex.as_wire();
        let (labels, pointer) = data[..len].split_at(len - 2);
        let rest = &apex[usize::from(pointer[0] & 0x3f) << 8 | usize::from(pointer[1])..];
        let mut wire = [0; NAME_LEN_MAX];
        wire[..labels.len()].copy_from_slice(labels);
        wire[labels.len()..labels.len() + rest.len()].copy_from_slice(rest);
        let _ = key.set(&wire[..labels.len() + rest.len()]);
    }

    /// The node of the apex.
    #[must_use]
    pub fn apex_node(&self) -> Option<NodeRef<'_>> {
        let (shard, slot) = self.apex_place?;
        self.node_at(shard as usize, slot as usize)
    }

    /// All nodes but those in shards that `other` shares.
    pub fn nodes_not_shared_with<'z>(&'z self, other: &'z Self) -> impl Iterator<Item = NodeRef<'z>> {
        let is_shared = |number: usize| {
            let (ours, theirs) = (self.shard(number), (number < other.shard_count()).then(|| other.shard(number)));
            theirs.is_some_and(|theirs| std::ptr::eq(ours, theirs))
        };
        let numbers = (0..self.shard_count()).filter(move |&number| !is_shared(number));
        numbers.flat_map(|number| self.shard(number).used())
    }

    /// When the first signature expires; [`u32::MAX`] without any. Looks at every shard.
    #[must_use]
    pub fn expires(&self) -> u32 {
        let shards = self.pages.iter().flat_map(|page| page.iter());
        shards.map(|shard| shard.expires).min().unwrap_or(u32::MAX)
    }

    /// All nodes, in no order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeRef<'_>> {
        let shards = self.pages.iter().flat_map(|page| page.iter());
        shards.flat_map(|shard| shard.used())
    }
}
