//! How one member of a region is picked: one spread a file. Each picks a position among the members that may answer;
//! an answer of several members takes those that follow it, around.

pub(super) mod hash;
pub(super) mod log;
pub(super) mod weighted;

/// A position below `count` for a uniformly random number.
pub(super) const fn uniform(random: u64, count: u32) -> u32 {
    ((random as u128 * count as u128) >> 64) as u32
}
