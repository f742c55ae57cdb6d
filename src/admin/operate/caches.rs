//! How long caches may hold what was answered of a pool: the TTLs given out now, and those of configurations before. Knows no
//! orders.

use crate::base::{PoolId, UnixTime};
use crate::snapshot::Current;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// When the last answers of configurations that were replaced have left the caches of those who keep to their TTL, by pool.
#[derive(Debug, Default)]
pub struct Dry(HashMap<Arc<str>, UnixTime>);

impl Dry {
    /// At this time a configuration was replaced that answered pools with these TTLs at most, in seconds.
    pub fn replaced(&mut self, longest: impl IntoIterator<Item = (Arc<str>, u32)>, now: UnixTime) {
        self.0.retain(|_, dry| *dry > now);
        for (pool, ttl) in longest {
            let dry = self.0.entry(pool).or_default();
            *dry = (*dry).max(now + Duration::from_secs(ttl.into()));
        }
    }

    /// When caches hold nothing of these pools any more that was answered until now, with TTLs of `longest` seconds at most as
    /// they are configured.
    pub fn at<'a>(&self, pools: impl Iterator<Item = &'a str>, longest: u32, now: UnixTime) -> UnixTime {
        let earlier = pools.filter_map(|pool| self.0.get(pool)).copied();
        earlier.max().unwrap_or_default().max(now + Duration::from_secs(longest.into()))
    }
}

/// The longest TTL that names over these pools are answered with, in seconds.
pub fn longest_ttl(current: &Current, pools: &BTreeSet<PoolId>) -> u32 {
    longest_ttls(current).into_iter().filter(|(pool, _)| pools.contains(pool)).map(|(_, ttl)| ttl).max().unwrap_or(0)
}

/// The longest TTL of each pool that names are over, in seconds.
fn longest_ttls(current: &Current) -> HashMap<PoolId, u32> {
    let mut longest = HashMap::new();
    for balance in current.snapshot.balances.iter().flatten() {
        if let Some((pool, _)) = current.pairs.get(balance.pool_answers as usize) {
            let known = longest.entry(*pool).or_insert(0);
            *known = balance.ttl.max.max(*known);
        }
    }
    longest
}

/// As [`longest_ttls`], by the names of the pools.
pub fn longest_ttls_by_name(current: &Current) -> Vec<(Arc<str>, u32)> {
    let named = |(pool, ttl): (PoolId, u32)| (Arc::clone(&current.inputs.pools[pool.index()].name), ttl);
    longest_ttls(current).into_iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::Dry;
    use crate::base::UnixTime;

    #[test]
    fn caches_are_dry_when_the_longest_ttl_given_out_is_over() {
        let (at, mut dry) = (UnixTime::from_secs, Dry::default());
        let of = |dry: &Dry, now| dry.at(["web", "api"].into_iter(), 30, at(now));
        assert_eq!(of(&dry, 100), at(130));
        dry.replaced([("web".into(), 3_600), ("other".into(), 86_400)], at(100));
        assert_eq!(of(&dry, 200), at(3_700), "of the configuration before");
        dry.replaced([("web".into(), 30), ("api".into(), 30)], at(200));
        assert_eq!(of(&dry, 300), at(3_700), "of the one before that");
        assert_eq!(of(&dry, 3_690), at(3_720));
        dry.replaced([], at(3_700));
        assert_eq!(dry.0.len(), 1, "what is over is forgotten");
    }
}
