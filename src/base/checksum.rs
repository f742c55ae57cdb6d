//! A hash of octets that is the same in every process and version: for recognising files and finding damage, not against
//! somebody who wants two texts to be alike.

/// The hash of `octets`.
#[must_use]
pub fn checksum(octets: &[u8]) -> u64 {
    let (words, rest) = octets.as_chunks::<8>();
    let mut hash = mix(octets.len() as u64);
    for word in words {
        hash = mix(hash ^ u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(hash ^ u64::from_le_bytes(last))
}

/// The two halves of a product of 128 bits, folded together; both factors depend on the word, so that none of them is
/// zero for long.
const fn mix(word: u64) -> u64 {
    let product = (word ^ 0x9e37_79b9_7f4a_7c15) as u128 * (word.rotate_left(32) ^ 0xd1b5_4a32_d192_ed03) as u128;
    (product as u64) ^ ((product >> 64) as u64) ^ word.rotate_left(17)
}

#[cfg(test)]
mod tests {
    use super::checksum;
    use std::collections::HashSet;

    #[test]
    fn it_never_changes() {
        let octets: Vec<u8> = (0..=255).collect();
        assert_eq!([checksum(b""), checksum(b"a"), checksum(&octets)], KNOWN);
    }

    /// Journals hold such numbers: another value here makes all of them worthless.
    const KNOWN: [u64; 3] = [1_610_372_631_061_967_193, 9_379_172_034_113_759_663, 13_235_648_578_633_581_189];

    #[test]
    fn each_bit_and_the_length_count() {
        let mut octets = vec![0_u8; 40];
        let mut seen = HashSet::from([checksum(&octets)]);
        for bit in 0..320 {
            octets[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(checksum(&octets)));
            octets[bit / 8] ^= 1 << (bit % 8);
        }
        for len in 0..40 {
            assert!(seen.insert(checksum(&octets[..len])));
        }
    }
}
