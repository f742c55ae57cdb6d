//! How long answers took: counted in classes that are about 3 % wide, from nanoseconds to minutes, so that a million answers
//! take no more room than one. Knows no clock.

use std::time::Duration;

/// Classes of each power of two.
const STEPS: u64 = 32;
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// Counts of latencies.
pub struct Latencies {
    counts: Vec<u64>,
    total: u64,
}

impl Latencies {
    pub fn new() -> Self {
        Self { counts: vec![0; class_of(u64::MAX) + 1], total: 0 }
    }

    pub fn add(&mut self, nanoseconds: u64) {
        self.counts[class_of(nanoseconds)] += 1;
        self.total += 1;
    }

    /// What so many thousandths of all did not exceed; none of none.
    pub fn quantile(&self, thousandths: u64) -> Option<Duration> {
        let wanted = (self.total * thousandths).div_ceil(1000).max(1);
        let mut seen = 0;
        let class = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        class.map(|class| Duration::from_nanos(first_of(class + 1)))
    }
}

fn class_of(nanoseconds: u64) -> usize {
    let bits = 64 - nanoseconds.leading_zeros();
    let shift = bits.saturating_sub(STEP_BITS + 1);
    (u64::from(shift) * STEPS + (nanoseconds >> shift)) as usize
}

/// The smallest latency of a class.
fn first_of(class: usize) -> u64 {
    let class = class as u64;
    let shift = (class / STEPS).saturating_sub(1);
    (class - shift * STEPS) << shift
}
