//! From an address to the number of its leaf: a succinct index over the leaves of one family. Knows no places.
//!
//! Leaves are CIDR blocks that cover the family without gaps, numbered in address order. The first bits of an address
//! choose one of many top blocks at once: most of these are inside one leaf, and their entry is its number. The others
//! have a node, and a node takes six bits more, one of 64 slots. A node does not list leaves, it counts them: the number of
//! a leaf is the number of leaves that begin before it, which is the node's first one, plus the slots up to the address in which
//! a leaf begins, plus what slots with more than one leaf add. A slot with a few leaves needs no node of its own: their
//! lengths are walked from its first leaf on.
//!
//! What a look-up reads of a node stands together, since finding memory takes longer than anything that is done with it.

use super::bits::Bits;
use crate::base::huge_pages::prefer;

/// Most leaves that one slot holds without a node of its own: longest walk. Longer walks cost time, shorter ones memory.
const WALK_LEN_MAX: usize = 24;

/// Bits that a node takes of an address.
const STRIDE: u8 = 6;

/// Set in the entry of a top block that has a node, which begins at the word that the other bits number; else they are a leaf's.
const HAS_NODE: u32 = 1 << 31;

/// Most leaves. Nodes take fewer words than eight for each.
pub(super) const LEAVES_MAX: usize = HAS_NODE as usize / 8;

/// 64 slots, each a block of addresses. Behind it stand its entries, one for each slot that is cut into several leaves, and one
/// for what is behind the last of these. The upper half of an entry is the word at which the slot's own node begins, or 0
/// where its leaves are walked; the lower half is the leaf that holds the node's first address, plus the leaves in cut slots
/// before this one that [`BEGINS`] does not count.
type Words = [u64];

/// Word of a node: slots at whose first address a leaf begins; never the first slot.
const BEGINS: usize = 0;
/// Word of a node: slots that are cut.
const CUT: usize = 1;
/// Where its entries begin.
const ENTRIES: usize = 2;

/// The index over the leaves of a family.
#[derive(Debug)]
pub(super) struct Index {
    /// By the first bits of an address: the leaf that holds the whole block, or the node of the block.
    top: Box<[u32]>,
    words: Box<Words>,
    top_bits: u8,
}

impl Index {
    /// The index over leaves of these lengths, which must cover the family without gaps; the number of the first leaf is
    /// `first`, and no leaf has a number above [`LEAVES_MAX`]. The first `top_bits` bits choose the top block.
    pub(super) fn build<A: Bits>(lengths: &[u8], first: u32, top_bits: u8) -> Self {
        // No node begins at word 0: as a child, 0 means that there is none.
        let mut builder = Builder { lengths, first, words: vec![0] };
        let mut top = Vec::with_capacity(1 << top_bits);
        let mut cursor = Cursor { start: Some(A::MIN), leaf: 0 };
        let mut block = Some(A::MIN);
        while let Some(start) = block {
            top.push(builder.top_block(start, top_bits, &mut cursor));
            block = start.block_end(top_bits).next();
        }
        let words = builder.words.into_boxed_slice();
        prefer(&words);
        Self { top: top.into(), words, top_bits }
    }

    /// The number of the leaf that holds `address`. `lengths` are those of all leaves, by leaf.
    #[inline(always)]
    pub(super) fn leaf<A: Bits>(&self, address: A, lengths: &[u8]) -> u32 {
        let mut depth = self.top_bits;
        let top = self.top[address.slice(0, depth)];
        if top & HAS_NODE == 0 {
            return top;
        }
        let mut node = (top & !HAS_NODE) as usize;
        loop {
            let words = &self.words[node..];
            let slot = address.slice(depth, STRIDE);
            let up_to = u64::MAX >> (63 - slot);
            let cut_before = (words[CUT] & (up_to >> 1)).count_ones();
            let entry = words[ENTRIES + cut_before as usize];
            let leaf = entry as u32 + (words[BEGINS] & up_to).count_ones();
            if words[CUT] >> slot & 1 == 0 {
                return leaf;
            }
            depth += STRIDE;
            node = (entry >> 32) as usize;
            if node == 0 {
                return walk(address.offset_in_block(depth), leaf, lengths);
            }
        }
    }

    /// Octets on the heap.
    pub(super) fn heap_len(&self) -> usize {
        size_of_val(&*self.top) + size_of_val(&*self.words)
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
    words: Vec<u64>,
}

impl Builder<'_> {
    /// The entry of the top block that begins at `start` and has `depth` fixed bits. `cursor` as for [`Builder::add_node`].
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

    /// Adds a node for the block that begins at `start`, where a leaf begins too, and has `depth` fixed bits, behind the nodes of
    /// its slots: the word at which it begins. `cursor` is at the first leaf of the block, and is moved behind the block.
    fn add_node<A: Bits>(&mut self, start: A, depth: u8, cursor: &mut Cursor<A>) -> u32 {
        let end = start.block_end(depth);
        let (mut begins, mut cut) = (0_u64, 0_u64);
        let mut entries: Vec<u64> = Vec::new();
        let entry = |leaf: u32, child: u32| u64::from(child) << 32 | u64::from(leaf);
        let mut leaf = self.first + cursor.leaf as u32;
        while let Some(at) = cursor.start.filter(|at| *at <= end) {
            let slot = at.slice(depth, STRIDE);
            if slot > 0 {
                begins |= 1 << slot;
            }
            if self.lengths[cursor.leaf] <= depth + STRIDE {
                self.advance(cursor);
                continue;
            }
            cut |= 1 << slot;
            let (child, leaves) = self.fill_slot(at, depth + STRIDE, cursor);
            entries.push(entry(leaf, child));
            leaf += leaves - 1;
        }
        entries.push(entry(leaf, 0));
        let at = self.words.len() as u32;
        self.words.extend([begins, cut]);
        self.words.append(&mut entries);
        at
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
