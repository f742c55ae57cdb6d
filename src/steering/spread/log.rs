//! A logarithm of whole numbers, the same on every machine: a floating-point `ln` may differ in its last bit between
//! systems, and then two nodes would answer one client differently.

/// Bits behind the point of what [`negative_log2`] gives.
const FRACTION_BITS: u32 = 24;
/// The table has one entry for each value of this many leading bits, and one behind.
const TABLE_BITS: u32 = 8;
const TABLE_LEN: usize = (1 << TABLE_BITS) + 1;

/// `log2(1 + i / 256)` in 2^-24, cut.
static LOG2: [u32; TABLE_LEN] = table();

const fn table() -> [u32; TABLE_LEN] {
    let mut table = [0; TABLE_LEN];
    let mut entry = 0;
    while entry < TABLE_LEN {
        table[entry] = log2_bits((1 << 32) + ((entry as u64) << (32 - TABLE_BITS)));
        entry += 1;
    }
    table
}

/// The logarithm of `x` / 2^32, between 1 and 2, bit by bit: squaring doubles it.
const fn log2_bits(mut x: u64) -> u32 {
    let mut bits = 0;
    if x >= 2 << 32 {
        return 1 << FRACTION_BITS;
    }
    let mut bit = FRACTION_BITS;
    while bit > 0 {
        bit -= 1;
        let square = (x as u128 * x as u128) >> 32;
        x = square as u64;
        if x >= 2 << 32 {
            bits |= 1 << bit;
            x >>= 1;
        }
    }
    bits
}

/// `-log2(number / 2^64)` in 2^-24, for `number` taken as odd: above 0, at most 2^30. Exact to about 2^-18, by straight
/// lines between the entries of a table.
pub(super) fn negative_log2(number: u64) -> u64 {
    let number = number | 1;
    let zeros = number.leading_zeros();
    let mantissa = (number << zeros) << 1;
    let entry = (mantissa >> (64 - TABLE_BITS)) as usize;
    let between = (mantissa << TABLE_BITS) >> 32;
    let (low, high) = (u64::from(LOG2[entry]), u64::from(LOG2[entry + 1]));
    let fraction = low + (((high - low) * between) >> 32);
    (u64::from(zeros + 1) << FRACTION_BITS) - fraction
}

#[cfg(test)]
mod tests {
    use super::{FRACTION_BITS, LOG2, negative_log2};

    #[test]
    fn it_is_close_to_the_real_logarithm() {
        for step in 1..100_000_u64 {
            let number = step.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let exact = 64.0 - (number as f64).log2();
            let ours = negative_log2(number) as f64 / f64::from(1 << FRACTION_BITS);
            assert!((exact - ours).abs() < 1e-5, "{number}: {exact} {ours}");
        }
    }

    #[test]
    fn the_ends_are_whole() {
        assert_eq!(negative_log2(0), 64 << FRACTION_BITS);
        assert_eq!(negative_log2(1 << 63), 1 << FRACTION_BITS);
        assert!(negative_log2(u64::MAX) > 0);
        assert_eq!((LOG2[0], LOG2[256]), (0, 1 << 24));
    }
}
