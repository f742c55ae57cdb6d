//! Place to cohort: which order of regions each client gets, computed at load, and how far around a client that order
//! holds, which is the ECS scope (RFC 7871). Knows no members and no health: orders change with the configuration only.

mod blocks;
mod globe;
mod intern;
mod key;
mod order;
mod rules;
mod scopes;

pub use globe::estimated_ms;
pub use key::RankingKey;

use super::reach::{GroupId, Ranked, Reach};
use super::spec::Order;
use crate::base::{NamedFact, Prefix, RegionId};
use crate::geo::latency::Profile;
use crate::geo::{LeafId, Locator, Place, PlaceId};
use blocks::Blocks;
use intern::{Cohort, Orders};
use rules::RuleIndex;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Up to this many regions the order is exact for every client.
pub const EXACT_REGIONS_MAX: usize = 16;
/// Among more regions than [`EXACT_REGIONS_MAX`], this many nearest ones are in exact order.
pub const EXACT_NEAREST: usize = 8;

/// The prefix table as a ranking reads it.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// See [`Locator::places`].
    pub places: &'a [Place],
    /// See [`Locator::leaf_places`].
    pub leaf_places: &'a Arc<[PlaceId]>,
    /// See [`Locator::leaf_depths`].
    pub leaf_depths: [&'a [u8]; 2],
    /// The prefixes that [`Place::marks`] are indexes of.
    pub marks: &'a [Prefix],
    /// The facts that [`Place::named`] are indexes of.
    pub named: &'a [NamedFact],
    /// What [`Place::latency`] numbers.
    pub latencies: &'a [Profile],
}

impl<'a> Table<'a> {
    /// The table of a locator.
    #[must_use]
    pub fn of(locator: &'a Locator) -> Self {
        Self {
            places: locator.places(),
            leaf_places: locator.leaf_places(),
            leaf_depths: locator.leaf_depths(),
            marks: locator.marks(),
            named: locator.named(),
            latencies: locator.latencies(),
        }
    }
}

/// All clients for which a ranking orders the regions alike, as a number within that ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CohortId(pub u32);

/// A latency that a region is ranked by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankedLatency {
    /// Round trip: measured in steps, see [`crate::geo::latency::bucket`], or estimated, see [`estimated_ms`].
    pub milliseconds: f64,
    /// What it counts with the region's bias.
    pub ranked_ms: f64,
    /// Whether it was measured.
    pub measured: bool,
}

/// The cohort of each place, as narrow as their number allows: it should stay in the nearer caches.
#[derive(Debug)]
enum PlaceCohorts {
    Narrow(Box<[u16]>),
    Wide(Box<[u32]>),
}

/// The order of regions for every place, and the ECS scope of every leaf.
#[derive(Debug)]
pub struct Ranking {
    key: RankingKey,
    /// Shared with the locator and all other rankings.
    leaf_places: Arc<[PlaceId]>,
    /// The only thing that a ranking has for each leaf: at 6 million leaves it is most of one.
    leaf_scopes: Box<[u8]>,
    place_cohorts: PlaceCohorts,
    orders: Orders,
    blocks: Blocks,
}

/// What a ranking says of a client, as far as most decisions need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spot {
    /// The first group of the client's order, where it is equal to none; else the number of no group.
    pub first: GroupId,
    /// See [`Ranking::at`].
    pub scope: u8,
}

impl Ranking {
    /// Ranks every place of the locator's table.
    #[must_use]
    pub fn build(key: &RankingKey, locator: &Locator) -> Self {
        Self::of_table(key, &Table::of(locator))
    }

    /// Ranks every place of `table`.
    #[must_use]
    pub fn of_table(key: &RankingKey, table: &Table<'_>) -> Self {
        let (place_cohorts, orders) = order::rank_places(key, table);
        let leaf_scopes = scopes::of_leaves(table, &place_cohorts);
        let spot = |leaf: usize| {
            let cohort = place_cohorts[table.leaf_places[leaf].0 as usize];
            Spot { first: orders.first(cohort), scope: leaf_scopes[leaf] }
        };
        Self {
            key: key.clone(),
            leaf_places: Arc::clone(table.leaf_places),
            blocks: Blocks::new(table.leaf_depths[0], spot),
            leaf_scopes,
            place_cohorts: PlaceCohorts::new(&place_cohorts),
            orders,
        }
    }

    /// The cohort of a leaf and its scope in bits within the leaf's family. A leaf of another table gets any of them.
    #[must_use]
    #[inline]
    pub fn at(&self, leaf: LeafId) -> (CohortId, u8) {
        let index = leaf.0 as usize;
        match (self.leaf_places.get(index), self.leaf_scopes.get(index)) {
            (Some(&place), Some(&scope)) => (self.place_cohorts.get(place), scope),
            _ => (CohortId(0), 0),
        }
    }

    /// What it says of a client, whose address is looked up in the table of `locator`, which it was built for.
    #[must_use]
    #[inline(always)]
    pub fn spot(&self, locator: &Locator, address: IpAddr) -> Spot {
        match address {
            IpAddr::V4(v4) => self.spot_v4(locator, v4),
            IpAddr::V6(_) => self.spot_of_leaf(locator.leaf(address)),
        }
    }

    /// As [`Self::spot`].
    #[must_use]
    #[inline(always)]
    pub fn spot_v4(&self, locator: &Locator, address: Ipv4Addr) -> Spot {
        match self.blocks.spot(address.to_bits()) {
            Some(spot) => spot,
            None => self.spot_of_leaf(locator.leaf(IpAddr::V4(address))),
        }
    }

    #[inline(always)]
    fn spot_of_leaf(&self, leaf: LeafId) -> Spot {
        let (cohort, scope) = self.at(leaf);
        Spot { first: self.first(cohort), scope }
    }

    /// Octets on the heap that are there for this ranking alone.
    #[must_use]
    pub fn heap_len(&self) -> usize {
        let cohorts = match &self.place_cohorts {
            PlaceCohorts::Narrow(cohorts) => size_of_val(&**cohorts),
            PlaceCohorts::Wide(cohorts) => size_of_val(&**cohorts),
        };
        size_of_val(&*self.leaf_scopes) + cohorts + self.orders.heap_len() + self.blocks.heap_len()
    }

    /// The groups of a cohort, best first.
    pub fn order(&self, cohort: CohortId) -> impl Iterator<Item = Ranked> + '_ {
        self.orders.groups(self.cohort(cohort))
    }

    /// The first group of a cohort, where it is equal to none; else the number of no group.
    #[inline]
    pub(super) fn first(&self, cohort: CohortId) -> GroupId {
        self.orders.first(cohort)
    }

    fn cohort(&self, cohort: CohortId) -> Cohort {
        self.orders.cohort(cohort)
    }

    /// Whether any order has equals.
    #[must_use]
    pub const fn has_ties(&self) -> bool {
        self.orders.has_ties()
    }

    /// Up to which place in a cohort's order it is exact; `None` when all of it is.
    #[must_use]
    pub fn approximate_from(&self, cohort: CohortId) -> Option<usize> {
        self.orders.approximate_from(self.cohort(cohort))
    }

    /// How many different orders there are.
    #[must_use]
    pub fn cohort_count(&self) -> usize {
        self.orders.len()
    }

    /// What it was built for.
    #[must_use]
    pub const fn key(&self) -> &RankingKey {
        &self.key
    }

    /// The regions and groups that orders speak of.
    #[must_use]
    pub const fn reach(&self) -> &Reach {
        self.key.reach()
    }

    /// The rule that decides for a place of `table`, as an index into the policy's rules.
    #[must_use]
    pub fn rule_for(&self, place: &Place, table: &Table<'_>) -> Option<usize> {
        RuleIndex::new(self.key.rules(), table).decide(place)
    }

    /// Whether a rule prefers a region.
    #[must_use]
    pub fn is_preferred(&self, rule: Option<usize>, region: RegionId) -> bool {
        let rule = rule.and_then(|rule| self.key.rules().get(rule));
        rule.zip(self.reach().number(region)).is_some_and(|(rule, region)| rule.prefer.contains(&region))
    }

    /// The distance of a region from a place in kilometres, and the distance it is ranked by; where distance orders and both
    /// are located.
    #[must_use]
    pub fn distance_km(&self, region: RegionId, place: &Place) -> Option<(f64, f64)> {
        let site = self.key.sites().get(usize::from(self.reach().number(region)?))?;
        let distance = site.coordinates?.distance_km(place.point?);
        Some((distance, distance * key::bias_factor(site.bias)))
    }

    /// The latency to a region from a place of `table`, where latency orders: measured, else estimated where both are located.
    #[must_use]
    pub fn latency(&self, region: RegionId, place: &Place, table: &Table<'_>) -> Option<RankedLatency> {
        let site = self.key.sites().get(usize::from(self.reach().number(region)?))?;
        if self.key.order() != Order::Latency {
            return None;
        }
        let profile = place.latency.and_then(|latency| table.latencies.get(latency.0 as usize));
        let measured = profile.and_then(|profile| profile.iter().find(|(known, _)| *known == region));
        let milliseconds = match measured {
            Some(&(_, milliseconds)) => f64::from(milliseconds),
            None => estimated_ms(site.coordinates?.distance_km(place.point?)),
        };
        let ranked_ms = milliseconds * key::bias_factor(site.bias);
        Some(RankedLatency { milliseconds, ranked_ms, measured: measured.is_some() })
    }

    /// Whether regions are equals, where no preference comes first.
    #[must_use]
    pub fn orders_equals(&self) -> bool {
        self.key.order() == Order::Any
    }

    /// The order of a cohort with groups resolved to regions, in configured order within a group.
    #[must_use]
    pub fn regions(&self, cohort: CohortId) -> Vec<RegionId> {
        self.regions_and_ties(cohort).into_iter().map(|(region, _)| region).collect()
    }

    /// As [`Self::regions`], each with whether it is an entry of its own that is equal to one beside it.
    #[must_use]
    pub fn regions_and_ties(&self, cohort: CohortId) -> Vec<(RegionId, bool)> {
        let entries: Vec<Ranked> = self.order(cohort).collect();
        let mut regions: Vec<(RegionId, bool)> = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let tied = entry.is_tied() || entries.get(at + 1).is_some_and(|next| next.is_tied());
            for region in self.reach().regions_of(entry.group()) {
                if !regions.iter().any(|(known, _)| *known == region) {
                    regions.push((region, tied));
                }
            }
        }
        regions
    }
}

impl PlaceCohorts {
    fn new(cohorts: &[CohortId]) -> Self {
        let narrow: Result<Box<[u16]>, _> = cohorts.iter().map(|cohort| u16::try_from(cohort.0)).collect();
        narrow.map_or_else(|_| Self::Wide(cohorts.iter().map(|cohort| cohort.0).collect()), Self::Narrow)
    }

    #[inline]
    fn get(&self, place: PlaceId) -> CohortId {
        CohortId(match self {
            Self::Narrow(cohorts) => cohorts[place.0 as usize].into(),
            Self::Wide(cohorts) => cohorts[place.0 as usize],
        })
    }
}

#[cfg(test)]
mod nearness_tests;
#[cfg(test)]
mod scope_tests;
#[cfg(test)]
mod tests;
