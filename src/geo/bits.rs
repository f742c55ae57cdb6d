//! Addresses of both families as whole numbers, so that one algorithm serves both. Knows no places.

use std::fmt::Debug;
use std::hash::Hash;

/// An address as a whole number, most significant bit first: `u32` for IPv4, `u128` for IPv6.
pub(super) trait Bits: Copy + Debug + Ord + Hash {
    /// Bits in an address.
    const WIDTH: u8;
    /// The first address.
    const MIN: Self;
    /// The last address.
    const MAX: Self;
    /// The number 1.
    const ONE: Self;

    /// The `count` bits behind the first `skip` ones, as a number; bits beyond the end are zero. `count` is 1 to 32 and
    /// `skip` less than the width.
    fn slice(self, skip: u8, count: u8) -> usize;

    /// All but the first `length` bits set: the distance from the first to the last address of a block.
    fn host_mask(length: u8) -> Self;

    /// `self` with all bits behind the first `length` set: the last address of its block.
    fn block_end(self, length: u8) -> Self;

    /// The bits behind the first `length`: how far inside its block the address is.
    fn offset_in_block(self, length: u8) -> Self;

    /// The number, wide enough for both families.
    fn to_u128(self) -> u128;

    /// The address of this number, if the family has it.
    fn from_u128(number: u128) -> Option<Self>;

    /// The next address, if there is one.
    fn next(self) -> Option<Self>;

    /// `self - other`, which must not be greater.
    fn minus(self, other: Self) -> Self;

    /// The length of the largest block that begins at `self` and does not reach beyond `end`.
    fn largest_block(self, end: Self) -> u8;
}

macro_rules! bits {
    ($number:ty) => {
        impl Bits for $number {
            const WIDTH: u8 = <$number>::BITS as u8;
            const MIN: Self = <$number>::MIN;
            const MAX: Self = <$number>::MAX;
            const ONE: Self = 1;

            #[inline(always)]
            fn slice(self, skip: u8, count: u8) -> usize {
                ((self << skip) >> (Self::WIDTH - count)) as usize
            }

            #[inline(always)]
            fn host_mask(length: u8) -> Self {
                Self::MAX.checked_shr(u32::from(length)).unwrap_or(0)
            }

            #[inline(always)]
            fn block_end(self, length: u8) -> Self {
                self | Self::host_mask(length)
            }

            #[inline(always)]
            fn offset_in_block(self, length: u8) -> Self {
                self & Self::host_mask(length)
            }

            fn to_u128(self) -> u128 {
                self.into()
            }

            fn from_u128(number: u128) -> Option<Self> {
                number.try_into().ok()
            }

            #[inline(always)]
            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }

            #[inline(always)]
            fn minus(self, other: Self) -> Self {
                self - other
            }

            #[inline]
            fn largest_block(self, end: Self) -> u8 {
                let aligned = Self::BITS - self.trailing_zeros();
                // One less than the number of addresses in 2^k is a number of k ones.
                let fitting = match (end - self).checked_add(1) {
                    None => 0,
                    Some(count) => 1 + count.leading_zeros(),
                };
                aligned.max(fitting) as u8
            }
        }
    };
}

bits!(u32);
bits!(u128);

#[cfg(test)]
mod tests {
    use super::Bits;

    #[test]
    fn the_largest_block_is_aligned_and_fits() {
        assert_eq!(0_u32.largest_block(u32::MAX), 0);
        assert_eq!(0_u128.largest_block(u128::MAX), 0);
        assert_eq!(0_u32.largest_block(0), 32);
        assert_eq!(0_u32.largest_block(1), 31);
        assert_eq!(0_u32.largest_block(2), 31);
        assert_eq!(4_u32.largest_block(u32::MAX), 30);
        assert_eq!(0x0a00_0000_u32.largest_block(0x0aff_ffff), 8);
        assert_eq!(0x0a00_0000_u32.largest_block(0x0aff_fffe), 9);
        assert_eq!(u32::MAX.largest_block(u32::MAX), 32);
        assert_eq!(u128::MAX.largest_block(u128::MAX), 128);
    }

    #[test]
    fn slices_beyond_the_end_are_filled_with_zeros() {
        assert_eq!(0x0000_0003_u32.slice(30, 6), 0b11_0000);
        assert_eq!(0xffff_ffff_u32.slice(18, 6), 0x3f);
        assert_eq!(1_u128.slice(127, 6), 0b10_0000);
    }
}
