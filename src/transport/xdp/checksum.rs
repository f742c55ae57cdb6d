//! The checksum of IP and UDP (RFC 1071): the ones' complement of a sum in ones' complement. Octets only.
//!
//! Sums are kept in the order of this machine, which RFC 1071 (section 2) shows to be as good as any: only what goes in and
//! comes out as a number has to be turned.

/// A sum that is not folded yet.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// Adds octets; an odd one at the end counts as if a zero followed. All but the last to be added must be of even number.
    #[must_use]
    pub fn add(self, octets: &[u8]) -> Self {
        let mut sum = self.0;
        let (words, rest) = octets.as_chunks::<4>();
        for &word in words {
            // No carry is lost: 64 bits hold the sum of four thousand million words.
            sum += u64::from(u32::from_ne_bytes(word));
        }
        let (pairs, rest) = rest.as_chunks::<2>();
        for &pair in pairs {
            sum += u64::from(u16::from_ne_bytes(pair));
        }
        if let [last] = rest {
            sum += u64::from(u16::from_ne_bytes([*last, 0]));
        }
        Self(sum)
    }

    /// Adds a number.
    #[must_use]
    pub const fn number(self, number: u16) -> Self {
        Self(self.0 + number.to_be() as u64)
    }

    const fn folded(self) -> u16 {
        let mut sum = self.0;
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        sum as u16
    }

    /// Whether what was added holds the right checksum.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        self.folded() == 0xffff
    }

    /// Whether the two octets are the sum itself.
    #[must_use]
    pub fn equals(self, octets: &[u8]) -> bool {
        octets == self.folded().to_ne_bytes()
    }

    /// The checksum of what was added.
    #[must_use]
    pub const fn checksum(self) -> [u8; 2] {
        (!self.folded()).to_ne_bytes()
    }

    /// The checksum for UDP, where 0 says that there is none, and all ones is the same number.
    #[must_use]
    pub const fn checksum_or_all_ones(self) -> [u8; 2] {
        match self.checksum() {
            [0, 0] => [0xff, 0xff],
            checksum => checksum,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sum;
    use proptest::prelude::*;

    /// As RFC 1071 defines it, number by number.
    fn plain(octets: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for pair in octets.chunks(2) {
            sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u32::from(low));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }

    #[test]
    fn the_example_of_rfc_1071() {
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::default().add(&octets).checksum(), (!0xddf2_u16).to_be_bytes());
    }

    #[test]
    fn no_sum_is_zero_but_that_of_nothing() {
        assert_eq!(Sum::default().checksum(), [0xff, 0xff]);
        assert_eq!(Sum::default().add(&[0xff; 4000]).checksum(), [0, 0]);
        assert_eq!(Sum::default().add(&[0xff; 4000]).checksum_or_all_ones(), [0xff, 0xff]);
    }

    proptest! {
        #[test]
        fn it_is_that_of_the_plain_way(octets in prop::collection::vec(any::<u8>(), 0..300), pairs in 0_usize..150) {
            let (first, second) = octets.split_at((2 * pairs).min(octets.len() & !1));
            let sum = Sum::default().add(first).add(second);
            prop_assert_eq!(sum.checksum(), plain(&octets).to_be_bytes());
            if octets.len() % 2 == 0 {
                prop_assert!(sum.add(&sum.checksum()).is_whole());
            }
        }

        #[test]
        fn numbers_are_added_in_the_order_of_the_network(number: u16, octets: [u8; 6]) {
            let added = Sum::default().add(&octets).number(number);
            prop_assert_eq!(added.checksum(), Sum::default().add(&octets).add(&number.to_be_bytes()).checksum());
        }
    }
}
