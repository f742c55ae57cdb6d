//! What one worker counts and remembers for one configuration generation. One writer, relaxed; folded into totals by name when
//! the generation is retired.

use crate::base::RegionId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Words before and behind what one worker writes: two cache lines, which processors fetch as pairs, so that no line is
/// written by one worker and used by another.
const APART: usize = 16;

/// What of a pool's words stands before its regions: its turn, then its answers without a region.
const BEFORE_REGIONS: usize = 2;

/// Where the words of each pool are; the same for all workers.
#[derive(Debug, Default)]
pub struct ShardLayout {
    /// By index of [`super::Snapshot::pool_answers`], and one more: where its words begin.
    starts: Arc<[u32]>,
    /// By word: whose answers it counts, ascending in each pool.
    regions: Box<[RegionId]>,
}

impl ShardLayout {
    /// Of pool answers from these regions, each ascending.
    pub(super) fn new(pools: impl Iterator<Item = Vec<RegionId>>) -> Self {
        let mut regions = vec![RegionId(0); APART];
        let mut starts = vec![regions.len() as u32];
        for of_pool in pools {
            regions.extend([RegionId(0); BEFORE_REGIONS]);
            regions.extend(of_pool);
            starts.push(regions.len() as u32);
        }
        regions.extend([RegionId(0); APART]);
        Self { starts: starts.into(), regions: regions.into() }
    }

    /// The regions of a pool, and where their words begin.
    fn of_pool(&self, pool: usize) -> Option<(usize, &[RegionId])> {
        let start = *self.starts.get(pool)? as usize + BEFORE_REGIONS;
        Some((start, self.regions.get(start..*self.starts.get(pool + 1)? as usize)?))
    }

    fn word_of(&self, pool: usize, region: Option<RegionId>) -> Option<usize> {
        let (start, regions) = self.of_pool(pool)?;
        let Some(region) = region else { return Some(start - 1) };
        // In a pool that is in all regions each is at its own number.
        let place = match regions.get(region.index()) {
            Some(here) if *here == region => region.index(),
            _ => regions.binary_search(&region).ok()?,
        };
        Some(start + place)
    }
}

/// See the head of this file.
#[derive(Debug, Default)]
pub struct WorkerShard {
    layout: Arc<ShardLayout>,
    /// Of the layout.
    starts: Arc<[u32]>,
    words: Box<[AtomicU64]>,
}

impl WorkerShard {
    /// One in which nothing is counted yet.
    pub(super) fn new(layout: &Arc<ShardLayout>) -> Self {
        Self {
            layout: Arc::clone(layout),
            starts: Arc::clone(&layout.starts),
            words: layout.regions.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The position of round-robin in a pool, by index of [`super::Snapshot::pool_answers`], which moves on. Only the worker
    /// whose shard it is may call it.
    #[must_use]
    pub fn next_turn(&self, pool: usize) -> u32 {
        let start = self.starts.get(pool).map(|start| *start as usize);
        start.and_then(|start| self.words.get(start)).map_or(0, add_one) as u32
    }

    /// Counts an answer of a pool from a region, or from none. Only the worker whose shard it is may call it.
    pub fn count(&self, pool: usize, region: Option<RegionId>) {
        if let Some(word) = self.layout.word_of(pool, region).and_then(|word| self.words.get(word)) {
            add_one(word);
        }
    }

    /// As [`Self::count`], for the region at a place among those of the pool, from 1, or for none with 0.
    #[inline(always)]
    pub fn count_at(&self, pool: usize, counter: u16) {
        let word = self.starts.get(pool).map(|start| *start as usize + (BEFORE_REGIONS - 1) + usize::from(counter));
        if let Some(word) = word.and_then(|word| self.words.get(word)) {
            add_one(word);
        }
    }

    /// The answers that were counted for a pool, by region and without one; none that are 0.
    pub(super) fn answers(&self, pool: usize) -> impl Iterator<Item = (Option<RegionId>, u64)> + '_ {
        let (start, regions) = self.layout.of_pool(pool).unwrap_or_default();
        let regions = [None].into_iter().chain(regions.iter().copied().map(Some));
        let words = self.words.get(start.saturating_sub(1)..).unwrap_or_default();
        regions.zip(words).map(|(region, word)| (region, word.load(Ordering::Relaxed))).filter(|(_, count)| *count > 0)
    }
}

/// Adds one to a word that nobody else writes; what it was.
fn add_one(word: &AtomicU64) -> u64 {
    let before = word.load(Ordering::Relaxed);
    word.store(before.wrapping_add(1), Ordering::Relaxed);
    before
}

#[cfg(test)]
mod tests {
    use super::{APART, ShardLayout, WorkerShard};
    use crate::base::RegionId;
    use std::sync::Arc;

    fn shard() -> WorkerShard {
        let pools = [&[0, 1, 2][..], &[1, 7], &[]].map(|regions| regions.iter().copied().map(RegionId).collect());
        WorkerShard::new(&Arc::new(ShardLayout::new(pools.into_iter())))
    }

    fn counted(shard: &WorkerShard, pool: usize) -> Vec<(Option<u16>, u64)> {
        shard.answers(pool).map(|(region, count)| (region.map(|region| region.0), count)).collect()
    }

    #[test]
    fn a_pool_has_a_word_for_each_of_its_regions_and_no_other() {
        let shard = shard();
        assert_eq!(shard.words.len(), 2 * APART + 3 * 2 + 5);
        for (pool, region) in
            [(0, Some(2)), (1, Some(7)), (1, Some(7)), (1, None), (2, None), (2, Some(0)), (1, Some(2))]
        {
            shard.count(pool, region.map(RegionId));
        }
        assert_eq!(counted(&shard, 0), [(Some(2), 1)]);
        assert_eq!(counted(&shard, 1), [(None, 1), (Some(7), 2)], "what is no region of the pool is not counted");
        assert_eq!(counted(&shard, 2), [(None, 1)]);
        assert_eq!(counted(&shard, 3), []);
    }

    #[test]
    fn an_answer_is_counted_by_its_region_or_by_the_place_of_it() {
        let (by_region, by_place) = (shard(), shard());
        for (pool, region, counter) in [(0, Some(2), 3), (1, Some(7), 2), (1, None, 0), (2, None, 0), (3, Some(1), 1)] {
            by_region.count(pool, region.map(RegionId));
            by_place.count_at(pool, counter);
        }
        assert!((0..4).all(|pool| counted(&by_region, pool) == counted(&by_place, pool)));
        assert_eq!(counted(&by_place, 1), [(None, 1), (Some(7), 1)]);
    }

    #[test]
    fn turns_are_counted_by_pool() {
        let shard = shard();
        assert_eq!([0, 0, 2, 0, 9].map(|pool| shard.next_turn(pool)), [0, 1, 0, 2, 0]);
        assert_eq!(counted(&shard, 0), []);
    }

    #[test]
    fn no_other_worker_writes_beside_the_words_of_one() {
        let shard = shard();
        (0..3).for_each(|pool| _ = shard.next_turn(pool));
        let written = |word: &std::sync::atomic::AtomicU64| word.load(std::sync::atomic::Ordering::Relaxed) > 0;
        let first = shard.words.iter().position(written);
        let last = shard.words.iter().rev().position(written);
        assert!(first.is_some_and(|first| first * 8 >= 128) && last.is_some_and(|last| last * 8 >= 128));
    }
}
