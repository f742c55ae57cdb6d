//! Chance from a seed: the same on every machine.

/// A sequence of numbers that look random (SplitMix64).
#[derive(Clone, Copy, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The sequence of one subject under a seed: those of other subjects look independent of it.
    #[must_use]
    pub const fn new(seed: u64, subject: u64) -> Self {
        Self(mix(seed ^ mix(subject)))
    }

    /// The next number, uniform over all.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// The next number below `count`; 0 for 0.
    pub const fn below(&mut self, count: u64) -> u64 {
        ((self.next() as u128 * count as u128) >> 64) as u64
    }

    /// Whether something with this probability happens.
    pub fn happens(&mut self, probability: f64) -> bool {
        // 53 bits are what a float between 0 and 1 can tell apart.
        ((self.next() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }
}

const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::Chance;

    #[test]
    fn a_seed_and_a_subject_make_one_sequence() {
        let sequence = |seed, subject| {
            let mut chance = Chance::new(seed, subject);
            [chance.next(), chance.next(), chance.next()]
        };
        assert_eq!(sequence(1, 2), sequence(1, 2));
        assert_ne!(sequence(1, 2), sequence(1, 3));
        assert_ne!(sequence(1, 2), sequence(2, 2));
    }

    #[test]
    fn probabilities_hold_and_their_ends_are_certain() {
        let mut chance = Chance::new(7, 0);
        let count = (0..100_000).filter(|_| chance.happens(0.3)).count();
        assert!((29_400..30_600).contains(&count), "{count}");
        assert!((0..1000).all(|_| !chance.happens(0.0) && chance.happens(1.0)));
        assert!((0..1000).all(|_| chance.below(7) < 7));
    }
}
