//! What a ranking says of whole blocks of IPv4 addresses, by their first bits: large neighborhoods get one order and one scope, so
//! that most clients need no look into the prefix table. Knows no places and no orders.

use super::Spot;
use std::collections::HashMap;

/// Most leading bits that choose a block: a table of 1 MiB.
const BITS_MAX: u32 = 19;
/// So many leaves share a block at least on average: a table that grows with the leaves.
const LEAVES_OF_BLOCK: usize = 4;
/// In place of a number, for a block that is not of one spot.
const MIXED: u16 = u16::MAX;

/// A spot for each block that is of one.
#[derive(Debug)]
pub(super) struct Blocks {
    /// By the first bits of an address: an index into `spots`, or [`MIXED`].
    numbers: Box<[u16]>,
    /// Bits behind the first ones.
    shift: u32,
    spots: Box<[Spot]>,
}

impl Blocks {
    /// The blocks of leaves of these lengths, which cover all addresses in order; `spot` says what is said of a leaf.
    pub(super) fn new(lengths: &[u8], spot: impl Fn(usize) -> Spot) -> Self {
        let bits = (lengths.len() / LEAVES_OF_BLOCK).checked_ilog2().unwrap_or(0).clamp(1, BITS_MAX);
        let shift = u32::BITS - bits;
        let mut builder = Builder { numbers: vec![MIXED; 1 << bits], spots: Vec::new(), known: HashMap::new() };
        let mut start = 0;
        // The spot of the block at hand, as long as it has one.
        let mut of_block = None;
        for (leaf, &length) in lengths.iter().enumerate() {
            let (spot, end) = (spot(leaf), start + (1_u64 << (32 - length)));
            let first = (start >> shift) as usize;
            if start.trailing_zeros() >= shift || start == 0 {
                of_block = Some(spot);
            } else if of_block != Some(spot) {
                of_block = None;
            }
            let behind = (end >> shift) as usize;
            if let Some(spot) = of_block.filter(|_| behind > first) {
                builder.fill(first..behind, spot);
            }
            start = end;
        }
        Self { numbers: builder.numbers.into(), shift, spots: builder.spots.into() }
    }

    /// What is said of the whole block of an address, if all of it is said alike.
    #[inline(always)]
    pub(super) fn spot(&self, address: u32) -> Option<Spot> {
        let number = *self.numbers.get((address >> self.shift) as usize)?;
        self.spots.get(usize::from(number)).copied()
    }

    /// Octets on the heap.
    pub(super) fn heap_len(&self) -> usize {
        size_of_val(&*self.numbers) + size_of_val(&*self.spots)
    }
}

struct Builder {
    numbers: Vec<u16>,
    spots: Vec<Spot>,
    known: HashMap<Spot, u16>,
}

impl Builder {
    /// Numbers a spot; as [`MIXED`] when there are too many.
    fn fill(&mut self, blocks: std::ops::Range<usize>, spot: Spot) {
        let number = *self.known.entry(spot).or_insert_with(|| {
            let number = u16::try_from(self.spots.len()).unwrap_or(MIXED);
            if number != MIXED {
                self.spots.push(spot);
            }
            number
        });
        self.numbers[blocks].fill(number);
    }
}
