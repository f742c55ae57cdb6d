//! Some of a zone's nodes: a table in the order of their tags, and what it points into. Immutable, and shared between
//! versions of a zone. Knows neither files nor the rules of answering.

use super::rrset::{Arena, RrsetRef, StoredRrset};

/// What is known of a node beforehand, as bits.
pub mod flag {
    /// The slot of the table is in use.
    pub const OCCUPIED: u8 = 1;
    /// Owns NS and is not the apex: a zone cut.
    pub const CUT: u8 = 2;
    /// Lies below a cut or below a DNAME, so that its own records are not what the zone answers with.
    pub const COVERED: u8 = 4;
    /// Owns a DNAME.
    pub const DNAME: u8 = 8;
    /// Owns a CNAME.
    pub const CNAME: u8 = 16;
    /// Has a child `*`.
    pub const WILDCARD_CHILD: u8 = 32;
    /// Is balanced.
    pub const BALANCED: u8 = 64;
}

/// A name of the zone, empty non-terminals included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Node {
    /// The lower half of the name's hash.
    pub tag: u32,
    /// Where its labels below the apex begin in the shard's octets.
    pub name_at: u32,
    /// Its first RRset in the shard.
    pub rrsets_at: u32,
    /// The slot of a balanced name.
    pub slot: u32,
    /// How many nodes are one label below; not counted at the apex, which stays without any.
    pub children: u32,
    /// How many RRsets; they are sorted by type.
    pub rrset_count: u16,
    /// Octets of its labels below the apex.
    pub name_len: u8,
    /// Bits of [`flag`].
    pub flags: u8,
}

impl Node {
    /// A slot of the table that is not in use: no name has a higher tag.
    pub const VACANT: Self =
        Self { tag: u32::MAX, name_at: 0, rrsets_at: 0, slot: 0, children: 0, rrset_count: 0, name_len: 0, flags: 0 };
}

/// Some of a zone's nodes: a table, and the arenas that its nodes point into.
#[derive(Debug)]
pub struct Shard {
    /// An open-addressed table in the order of tags, which is that of the slots where searches begin: whatever is searched
    /// for is found, or known to be missing, at the first tag that is not smaller.
    pub(super) nodes: Box<[Node]>,
    /// At how many slots searches begin; behind them are those that found no other place.
    range: usize,
    /// The RRsets of each node one behind the other.
    rrsets: Box<[StoredRrset]>,
    /// Names and records.
    arena: Arena,
    /// When the first of its signatures expires, in seconds since 1970; [`u32::MAX`] without any.
    pub(super) expires: u32,
}

impl Shard {
    /// The shard of `nodes`, which point into the rest.
    #[must_use]
    pub(super) fn new(mut nodes: Vec<Node>, rrsets: Box<[StoredRrset]>, arena: Arena, expires: u32) -> Self {
        nodes.sort_by_key(|node| node.tag);
        // Two thirds full: a search looks at two slots on average.
        let range = nodes.len() * 3 / 2 + 1;
        let mut table = Vec::with_capacity(range + 1);
        for node in nodes {
            let first = first_slot(node.tag, range);
            table.resize(table.len().max(first), Node::VACANT);
            table.push(node);
        }
        table.resize(table.len().max(range), Node::VACANT);
        Self { nodes: table.into(), range, rrsets, arena, expires }
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.flags & flag::OCCUPIED != 0)
    }

    pub(super) fn used(&self) -> impl Iterator<Item = NodeRef<'_>> {
        self.nodes().map(move |node| NodeRef { shard: self, node })
    }

    /// The labels of a node below the apex, in lower case.
    #[inline(always)]
    #[must_use]
    pub fn name(&self, node: &Node) -> &[u8] {
        &self.arena.octets[node.name_at as usize..][..node.name_len.into()]
    }

    /// The node with this tag whose name passes `matches`.
    #[inline(always)]
    pub(super) fn find(&self, tag: u32, matches: impl Fn(&[u8]) -> bool) -> Option<&Node> {
        let mut at = first_slot(tag, self.range);
        let mut node = self.nodes.get(at)?;
        while node.tag < tag {
            at += 1;
            node = self.nodes.get(at)?;
        }
        while node.tag == tag && node.flags & flag::OCCUPIED != 0 {
            if matches(self.name(node)) {
                return Some(node);
            }
            at += 1;
            node = self.nodes.get(at)?;
        }
        None
    }

    /// The slot of a node.
    pub(super) fn slot_of(&self, node: &Node) -> Option<usize> {
        self.nodes.element_offset(node)
    }

    /// The RRsets of a node, in the order of their types.
    #[inline(always)]
    #[must_use]
    pub(super) fn stored(&self, node: &Node) -> &[StoredRrset] {
        &self.rrsets[node.rrsets_at as usize..][..node.rrset_count.into()]
    }

    /// What its nodes and RRsets point into.
    pub(super) const fn arena(&self) -> &Arena {
        &self.arena
    }
}

/// Where a search for `tag` begins in a table where searches begin at `range` slots.
const fn first_slot(tag: u32, range: usize) -> usize {
    ((tag as u64 * range as u64) >> 32) as usize
}

/// A node with the shard that holds its data.
#[derive(Clone, Copy, Debug)]
pub struct NodeRef<'z> {
    pub(super) shard: &'z Shard,
    pub(super) node: &'z Node,
}

impl<'z> NodeRef<'z> {
    /// Whether one of these bits of [`flag`] is set.
    #[must_use]
    pub const fn has(self, flags: u8) -> bool {
        self.node.flags & flags != 0
    }

    /// Whether its own RRsets are all that is to be said of it: it is at or below no cut, below no DNAME, and no CNAME
    /// stands for its types.
    #[inline(always)]
    #[must_use]
    pub const fn speaks_for_itself(self) -> bool {
        !self.has(flag::CUT | flag::COVERED | flag::CNAME)
    }

    /// The slot, if it is balanced.
    #[must_use]
    pub const fn slot(self) -> Option<u32> {
        if self.has(flag::BALANCED) { Some(self.node.slot) } else { None }
    }

    /// Its labels below the apex, in lower case.
    #[must_use]
    pub fn name(self) -> &'z [u8] {
        self.shard.name(self.node)
    }

    /// The RRset of a type.
    #[inline(always)]
    #[must_use]
    pub fn rrset(self, rtype: u16) -> Option<RrsetRef<'z>> {
        let stored = self.stored().iter().find(|stored| stored.rtype == rtype)?;
        Some(RrsetRef::new(stored, &self.shard.arena))
    }

    /// All its RRsets, in the order of their types.
    pub fn rrsets(self) -> impl Iterator<Item = RrsetRef<'z>> {
        self.stored().iter().map(move |stored| RrsetRef::new(stored, &self.shard.arena))
    }

    /// How many nodes are one label below it; 0 for the apex.
    #[must_use]
    pub const fn children(self) -> u32 {
        self.node.children
    }

    /// All bits of [`flag`].
    #[must_use]
    pub const fn flags(self) -> u8 {
        self.node.flags
    }

    #[inline(always)]
    fn stored(self) -> &'z [StoredRrset] {
        self.shard.stored(self.node)
    }
}

#[cfg(test)]
mod tests {
    use super::{Arena, Node, Shard, first_slot, flag};
    use proptest::prelude::*;

    /// A shard of nodes with these tags, whose names are their numbers.
    fn shard(tags: &[u32]) -> Shard {
        let octets: Vec<u8> = (0..tags.len() as u16).flat_map(u16::to_be_bytes).collect();
        let node = |(number, &tag): (usize, &u32)| Node {
            tag,
            name_at: 2 * number as u32,
            name_len: 2,
            flags: flag::OCCUPIED,
            ..Node::VACANT
        };
        let nodes = tags.iter().enumerate().map(node).collect();
        Shard::new(nodes, Box::default(), Arena { octets, offsets: Vec::new() }, u32::MAX)
    }

    fn tag() -> impl Strategy<Value = u32> {
        prop_oneof![any::<u32>(), 0_u32..4, u32::MAX - 3..=u32::MAX]
    }

    proptest! {
        #[test]
        fn every_node_is_found_by_tag_and_name_and_no_other(
            tags in prop::collection::vec(tag(), 0..200),
            absent in tag(),
        ) {
            let shard = shard(&tags);
            let found = |tag: u32, name: [u8; 2]| shard.find(tag, |stored| stored == name).map(|node| node.name_at);
            for (number, &tag) in tags.iter().enumerate() {
                let name = (number as u16).to_be_bytes();
                prop_assert_eq!(found(tag, name), Some(2 * number as u32));
                prop_assert_eq!(found(tag, [255, 255]), None);
            }
            if !tags.contains(&absent) {
                prop_assert_eq!(found(absent, [0, 0]), None);
            }
            prop_assert_eq!(shard.nodes().count(), tags.len());
            // No node stands in front of the slot where searches for it begin, so that none is passed over.
            let mut slots = shard.nodes.iter().enumerate().filter(|(_, node)| node.flags != 0);
            prop_assert!(slots.all(|(slot, node)| slot >= first_slot(node.tag, shard.range)));
            prop_assert!(shard.nodes.iter().filter(|node| node.flags != 0).is_sorted_by_key(|node| node.tag));
        }
    }
}
