//! Random numbers for spreading answers: fast, evenly distributed, good for nothing that must stay secret; and octets that
//! must.

use std::io;

/// A generator of 64-bit numbers (wyrand, by Wang Yi: a counter with a large odd step, multiplied by itself in disguise and
/// folded).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that nobody can foresee at start.
    #[must_use]
    pub fn new() -> Self {
        let mut seed = [0; 8];
        if getrandom::fill(&mut seed).is_err() {
            // Without entropy the address of a local still differs between threads and, mostly, between runs.
            seed = (std::ptr::from_ref(&seed) as usize as u64).to_le_bytes();
        }
        Self(u64::from_le_bytes(seed))
    }

    /// The next number.
    #[inline(always)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0xa076_1d64_78bd_642f);
        let product = u128::from(self.0) * u128::from(self.0 ^ 0xe703_7ed1_a0b4_28db);
        (product >> 64) as u64 ^ product as u64
    }
}

/// Octets that nobody can foresee; an error where the system has none to give.
pub fn secret<const N: usize>() -> io::Result<[u8; N]> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets)
        .map_err(|error| io::Error::other(format!("the system gives no randomness: {error}")))?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn every_bit_is_set_half_of_the_time() {
        let mut random = Random::new();
        let mut ones = [0_u32; 64];
        for _ in 0..10_000 {
            let number = random.next();
            for (bit, ones) in ones.iter_mut().enumerate() {
                *ones += (number >> bit) as u32 & 1;
            }
        }
        // Ten standard deviations of a fair coin.
        assert!(ones.iter().all(|ones| (4_500..5_500).contains(ones)), "{ones:?}");
    }

    #[test]
    fn two_generators_differ() {
        assert_ne!(Random::new().next(), Random::new().next());
    }
}
