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

#[cfg(test)]
mod tests {
    use super::{Blocks, Spot};

    /// The spot of a leaf that is alone with it, or shares it with its neighbors.
    fn spot(number: usize) -> Spot {
        Spot { first: number as u16, scope: (number >> 16) as u8 }
    }

    /// Checks the blocks of leaves of these lengths with these spots: 64 blocks, each told of or not as `is_told` says.
    fn check(lengths: &[u8], spots: impl Fn(usize) -> Spot, is_told: impl Fn(u32) -> bool) {
        let blocks = Blocks::new(lengths, &spots);
        let mut start = 0_u64;
        for (leaf, &length) in lengths.iter().enumerate() {
            let len = 1_u64 << (32 - length);
            for address in [start, start + len / 2, start + len - 1] {
                let told = is_told((address >> 26) as u32).then(|| spots(leaf));
                assert_eq!(blocks.spot(address as u32), told, "leaf {leaf}, address {address:x}");
            }
            start += len;
        }
    }

    #[test]
    fn blocks_of_one_spot_are_told_of_and_no_others() {
        check(&[8; 256], |leaf| spot(leaf / 4), |_| true);
        check(&[8; 256], spot, |_| false);
        check(&[8; 256], |leaf| if leaf / 4 == 5 { spot(leaf) } else { spot(1 << 16) }, |block| block != 5);
        // The last leaf of a block differs, and the next one goes on like it.
        check(&[8; 256], |leaf| spot(usize::from(leaf > 102)), |block| block != 25);
    }

    #[test]
    fn a_leaf_may_be_larger_than_a_block() {
        let lengths: Vec<u8> = [1].into_iter().chain([9; 256]).collect();
        check(&lengths, |leaf| spot(usize::from(leaf > 0) * leaf.div_ceil(8)), |_| true);
        check(&lengths, spot, |block| block < 32);
    }

    #[test]
    fn spots_that_have_no_number_are_left_to_the_table() {
        let blocks = Blocks::new(&[18; 1 << 18], |leaf| spot(leaf / 4));
        assert_eq!(blocks.spot(0), Some(spot(0)));
        let last_numbered = (u32::from(u16::MAX) - 1) << 16;
        assert_eq!(blocks.spot(last_numbered), Some(spot(usize::from(u16::MAX) - 1)));
        assert_eq!(blocks.spot(u32::MAX), None);
    }
}
