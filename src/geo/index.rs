//! From an address to the number of its leaf: a succinct index over the leaves of one family. Knows no places.
//!
//! Leaves are CIDR blocks that cover the family without gaps, numbered in address order. The first bits of an address
//! choose one of many top blocks at once: most of these are inside one leaf, and their entry is its number. The others
//! have a node, and a node takes six bits more, one of 64 slots. A node does not list leaves, it counts them: the number of
//! a leaf is the number of leaves that begin before it, which is the node's base, plus the slots up to the address in which
//! a leaf begins, plus what slots with more than one leaf add. A slot with a few leaves needs no node of its own: their
//! lengths are walked from its first leaf on.

use super::bits::Bits;
use crate::base::huge_pages::prefer;

/// Most leaves that one slot holds without a node of its own: longest walk. Longer walks cost time, shorter ones memory.
const WALK_LEN_MAX: usize = 24;

/// Bits that a node takes of an address.
const STRIDE: u8 = 6;

/// Set in the entry of a top block that has a node, whose number the other bits are; else they are a leaf's.
const HAS_NODE: u32 = 1 << 31;

/// Most leaves that can be numbered.
pub(super) const LEAVES_MAX: usize = HAS_NODE as usize;

/// 64 slots, each a block of addresses.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// Slots at whose first address a leaf begins; never the first slot, which `base` counts.
    begins: u64,
    /// Slots that are cut into several leaves.
    cut: u64,
    /// The leaf that holds the first address.
    base: u32,
    /// The first of this node's entries: one for each cut slot and one more. Nodes without cut slots share entry 0.
    entries: u32,
}

/// What a cut slot adds.
#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// Leaves in the cut slots before this one that `begins` does not count.
    surplus: u32,
    /// The node of this slot; 0: its leaves are walked.
    child: u32,
}

/// The index over the leaves of a family.
#[derive(Debug)]
pub(super) struct Index {
    /// By the first bits of an address: the leaf that holds the whole block, or the node of the block.
    top: Box<[u32]>,
    nodes: Box<[Node]>,
    entries: Box<[Entry]>,
    top_bits: u8,
}

impl Index {
    /// The index over leaves of these lengths, which must cover the family without gaps; the number of the first leaf is
    /// `first`, and no leaf has a number above [`LEAVES_MAX`]. The first `top_bits` bits choose the top block.
    pub(super) fn build<A: Bits>(lengths: &[u8], first: u32, top_bits: u8) -> Self {
        // Node 0 is never used: as a child, 0 means that there is none.
        let unused = Node { begins: 0, cut: 0, base: 0, entries: 0 };
        let mut builder = Builder { lengths, first, nodes: vec![unused], entries: vec![Entry::default()] };
        let mut top = Vec::with_capacity(1 << top_bits);
        let mut cursor = Cursor { start: Some(A::MIN), leaf: 0 };
        let mut block = Some(A::MIN);
        while let Some(start) = block {
            top.push(builder.top_block(start, top_bits, &mut cursor));
            block = start.block_end(top_bits).next();
        }
        let (nodes, entries) = (builder.nodes.into_boxed_slice(), builder.entries.into_boxed_slice());
        prefer(&nodes);
        prefer(&entries);
        Self { top: top.into(), nodes, entries, top_bits }
    }

    /// The number of the leaf that holds `address`. `lengths` are those of all leaves, by leaf.
    #[inline(always)]
    pub(super) fn leaf<A: Bits>(&self, address: A, lengths: &[u8]) -> u32 {
        let mut depth = self.top_bits;
        let top = self.top[address.slice(0, depth)];
        if top & HAS_NODE == 0 {
            return top;
        }
        let mut node = &self.nodes[(top & !HAS_NODE) as usize];
        loop {
            let slot = address.slice(depth, STRIDE);
            let up_to = u64::MAX >> (63 - slot);
            let cut_before = (node.cut & (up_to >> 1)).count_ones();
            let entry = self.entries[(node.entries + cut_before) as usize];
            let leaf = node.base + (node.begins & up_to).count_ones() + entry.surplus;
            if node.cut >> slot & 1 == 0 {
                return leaf;
            }
            depth += STRIDE;
            if entry.child == 0 {
                return walk(address.offset_in_block(depth), leaf, lengths);
            }
            node = &self.nodes[entry.child as usize];
        }
    }

    /// Octets on the heap.
    pub(super) fn heap_len(&self) -> usize {
        size_of_val(&*self.top) + size_of_val(&*self.nodes) + size_of_val(&*self.entries)
    }
}

/// The leaf `offset` addresses behind the first one of `leaf`.
#[inline(never)]
fn walk<A: Bits>(mut offset: A, mut leaf: u32, lengths: &[u8]) -> u32 {
    loop {
        let last = A::host_mask(lengths[leaf as usize]);
        if offset <= last {
            return leaf;
        }
        offset = offset.minus(last).minus(A::ONE);
        leaf += 1;
    }
}

/// The next leaf to be put into a node.
struct Cursor<A> {
    /// Its first address; none behind the last leaf.
    start: Option<A>,
    /// Its index in the lengths.
    leaf: usize,
}

struct Builder<'a> {
    lengths: &'a [u8],
    first: u32,
    nodes: Vec<Node>,
    entries: Vec<Entry>,
}

impl Builder<'_> {
    /// The entry of the top block that begins at `start` and has `depth` fixed bits. `cursor` as for [`Builder::fill`].
    fn top_block<A: Bits>(&mut self, start: A, depth: u8, cursor: &mut Cursor<A>) -> u32 {
        if cursor.start != Some(start) {
            return self.first + cursor.leaf as u32 - 1;
        }
        if self.lengths[cursor.leaf] <= depth {
            self.advance(cursor);
            return self.first + cursor.leaf as u32 - 1;
        }
        HAS_NODE | self.add_node(start, depth, cursor)
    }

    /// The number of a new node for the block that begins at `start`, where a leaf begins too, and has `depth` fixed bits.
    fn add_node<A: Bits>(&mut self, start: A, depth: u8, cursor: &mut Cursor<A>) -> u32 {
        let number = self.nodes.len();
        self.nodes.push(Node { begins: 0, cut: 0, base: self.first + cursor.leaf as u32, entries: 0 });
        self.fill(number, start, depth, cursor);
        number as u32
    }

    /// Fills node `number`, whose block begins at `start` and has `depth` fixed bits, and its children. `cursor` is at the
    /// first leaf of the block, and is moved behind the block.
    fn fill<A: Bits>(&mut self, number: usize, start: A, depth: u8, cursor: &mut Cursor<A>) {
        let end = start.block_end(depth);
        let mut node = self.nodes[number];
        let mut entries: Vec<Entry> = Vec::new();
        let mut surplus = 0;
        while let Some(at) = cursor.start.filter(|at| *at <= end) {
            let slot = at.slice(depth, STRIDE);
            if slot > 0 {
                node.begins |= 1 << slot;
            }
            if self.lengths[cursor.leaf] <= depth + STRIDE {
                self.advance(cursor);
                continue;
            }
            node.cut |= 1 << slot;
            let (child, leaves) = self.fill_slot(at, depth + STRIDE, cursor);
            entries.push(Entry { surplus, child });
            surplus += leaves - 1;
        }
        if node.cut != 0 {
            node.entries = self.entries.len() as u32;
            self.entries.append(&mut entries);
            self.entries.push(Entry { surplus, child: 0 });
        }
        self.nodes[number] = node;
    }

    /// Moves the cursor over a cut slot that begins at `start` and has `depth` fixed bits: its node, or 0, and how many
    /// leaves it has.
    fn fill_slot<A: Bits>(&mut self, start: A, depth: u8, cursor: &mut Cursor<A>) -> (u32, u32) {
        let end = start.block_end(depth);
        let mut ahead = Cursor { ..*cursor };
        while ahead.start.is_some_and(|at| at <= end) && ahead.leaf - cursor.leaf <= WALK_LEN_MAX {
            self.advance(&mut ahead);
        }
        let mut child = 0;
        let first = cursor.leaf;
        if ahead.start.is_some_and(|at| at <= end) {
            child = self.add_node(start, depth, cursor);
        } else {
            *cursor = ahead;
        }
        (child, (cursor.leaf - first) as u32)
    }

    fn advance<A: Bits>(&self, cursor: &mut Cursor<A>) {
        cursor.start = cursor.start.and_then(|start| start.block_end(self.lengths[cursor.leaf]).next());
        cursor.leaf += 1;
    }
}
