//! What a pattern means in a configuration: its regions, its members, the pools of these; and, where it means nothing, which
//! names are near. Knows no orders.

use super::pattern::Part;
use super::{Level, Pattern, target_text};
use crate::base::{PoolId, RegionId, suggest};
use crate::steering::spec::{Pool, Region};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Most names that a message lists.
const LISTED_MAX: usize = 12;

/// What a pattern means in one configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// The regions that it names, or that its members are in.
    pub regions: BTreeSet<RegionId>,
    /// Its members, each by its pool and its place there, in configured order. None where it names a region that nothing is in.
    pub members: Vec<(PoolId, usize)>,
}

impl Matched {
    /// Whether it means nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    /// The pools of its members.
    #[must_use]
    pub fn pools(&self) -> BTreeSet<PoolId> {
        self.members.iter().map(|(pool, _)| *pool).collect()
    }
}

/// What a pattern means.
#[must_use]
pub fn matched(pattern: &Pattern, regions: &[Region], pools: &[Pool]) -> Matched {
    let mut found = Matched::default();
    for (id, region) in (0_u16..).map(RegionId).zip(regions) {
        if pattern.names_region(&region.name) {
            found.regions.insert(id);
        }
    }
    for (id, pool) in (0_u32..).map(PoolId).zip(pools) {
        if pattern.pool().is_some_and(|part| !part.matches(&pool.name)) {
            continue;
        }
        for (at, member) in pool.members.iter().enumerate() {
            let Some(region) = regions.get(member.region.index()) else { continue };
            if pattern.covers_member(&pool.name, &region.name, &target_text(&member.target)) {
                found.members.push((id, at));
                found.regions.insert(member.region);
            }
        }
    }
    found
}

/// Why a pattern means nothing here, and which names are near; for one that [`matched`] finds nothing for.
#[must_use]
pub fn why_nothing(pattern: &Pattern, regions: &[Region], pools: &[Pool]) -> String {
    let name_of = |region: RegionId| regions.get(region.index()).map_or("", |region| &*region.name);
    if pattern.level() == Level::Region {
        return missing("region", pattern.region(), regions.iter().map(|region| &*region.name));
    }
    let within = |pool: &&Pool| pattern.pool().is_some_and(|part| part.matches(&pool.name));
    let mut those = pools.iter().filter(within).peekable();
    if those.peek().is_none() {
        return missing("pool", pattern.pool(), pools.iter().map(|pool| &*pool.name));
    }
    let members: Vec<_> = those.flat_map(|pool| &pool.members).collect();
    let in_region: Vec<_> = members
        .iter()
        .filter(|member| pattern.region().is_none_or(|part| part.matches(name_of(member.region))))
        .collect();
    let pool = pattern.pool().map(ToString::to_string).unwrap_or_default();
    if in_region.is_empty() {
        let known = members.iter().map(|member| name_of(member.region));
        return missing(&format!("region of pool `{pool}`"), pattern.region(), known);
    }
    let known: Vec<_> = in_region.iter().map(|member| target_text(&member.target)).collect();
    let region = pattern.region().map(ToString::to_string).unwrap_or_default();
    missing(&format!("member of pool `{pool}` in `{region}`"), pattern.target(), known.iter().map(|target| &**target))
}

/// `no region is called ...; did you mean ...?`
fn missing<'a>(what: &str, part: Option<&Part>, known: impl Iterator<Item = &'a str>) -> String {
    let known: BTreeSet<&str> = known.collect();
    let Some(part) = part else { return format!("there is no {what}") };
    let mut text = match part.is_literal() {
        true => format!("no {what} is called `{}`", part.text()),
        false => format!("no {what} matches `{part}`"),
    };
    // Writing into a text cannot fail.
    let _ = match suggest::nearest(part.text(), known.iter().copied()) {
        Some(near) if part.is_literal() => write!(text, "; did you mean `{near}`?"),
        _ if known.is_empty() => write!(text, "; none is configured"),
        _ => {
            let listed: Vec<String> = known.iter().take(LISTED_MAX).map(|name| format!("`{name}`")).collect();
            let more = known.len().saturating_sub(LISTED_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            write!(text, "; there is {}{more}", listed.join(", "))
        }
    };
    text
}
