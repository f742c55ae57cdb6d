//! Address to place: databases, `[[network]]` overrides, and the prefix table they are compiled into.
//! Knows no DNS, no regions beyond their ids, no policies.

mod bits;
mod blind;
pub mod client;
mod compile;
pub mod continents;
pub mod country_build;
pub mod country_table;
mod database;
pub mod details;
mod facts;
mod hash;
mod index;
pub mod latency;
mod naming;
mod places;
mod record;
mod runs;
pub mod spec;
#[cfg(test)]
mod tests;

pub use client::{Client, Disguise};

use crate::base::{Continent, Country, Diagnostic, NamedFact, Point, Prefix, RegionId};
use index::Index;
use latency::{LatencyId, Profile};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// What the embedded country table is called in [`Locator::source_names`].
pub const EMBEDDED_NAME: &str = "embedded country table";

/// A leaf of the prefix table: one CIDR block whose addresses share a place. IPv4 leaves come first, in address order,
/// then IPv6 leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafId(pub u32);

/// A place, as an index into [`Locator::places`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceId(pub u32);

/// The location facts that a set of prefixes shares.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// The country, where one is known.
    pub country: Option<Country>,
    /// The continent, from the database or the country.
    pub continent: Option<Continent>,
    /// Where clients are taken to be: the database's coordinates, the country's point, or a region's coordinates.
    pub point: Option<Point>,
    /// `[[network]] region`: this region comes first.
    pub prefers: Option<RegionId>,
    /// Which marks ([`spec::GeoSpec::marks`]) these addresses are inside, as ascending indexes.
    pub marks: Box<[u16]>,
    /// Which of the facts that rules name ([`Locator::named`]) hold, as ascending indexes.
    pub named: Box<[u16]>,
    /// Measured latencies from here.
    pub latency: Option<LatencyId>,
    /// Who said so, for each fact: index into [`Locator::source_names`].
    pub country_source: Option<u16>,
    /// Who gave the point.
    pub point_source: Option<u16>,
    /// IPv6 addresses that carry an IPv4 address ([`Disguise`]). Clients there are looked up as IPv4, so nobody is found
    /// here; but the scope of an answer to other clients must not reach over these addresses.
    pub disguised: bool,
}

/// The compiled prefix table with its places.
///
/// *Invariant:* the leaves of a family cover it without gaps, and no two leaves that are the halves of one block have the
/// same place.
pub struct Locator {
    v4: Index,
    v6: Index,
    /// The number of the first IPv6 leaf.
    v6_first: usize,
    /// The prefix length of every leaf.
    lengths: Box<[u8]>,
    leaf_places: Arc<[PlaceId]>,
    places: Box<[Place]>,
    source_names: Box<[String]>,
    marks: Box<[Prefix]>,
    named: Box<[NamedFact]>,
    latencies: Box<[Profile]>,
    /// What the databases can know of facts that are named.
    kinds: naming::Kinds,
}

impl Locator {
    /// Reads every database and compiles the table. Errors name the file and the remedy.
    pub fn build(spec: &spec::GeoSpec) -> Result<Self, Vec<Diagnostic>> {
        compile::compile(spec)
    }

    /// The leaf of an address; see [`Client`] for IPv4 addresses in IPv6 clothes, which must be undressed first.
    #[must_use]
    #[inline(always)]
    pub fn leaf(&self, address: IpAddr) -> LeafId {
        LeafId(match address {
            IpAddr::V4(v4) => self.v4.leaf(v4.to_bits(), &self.lengths),
            IpAddr::V6(v6) => self.leaf_v6(v6.to_bits()),
        })
    }

    /// Apart, so that the walk over IPv4 leaves can stand where it is asked for.
    #[inline(never)]
    fn leaf_v6(&self, address: u128) -> u32 {
        self.v6.leaf(address, &self.lengths)
    }

    /// The place of a leaf.
    #[must_use]
    pub fn place_of(&self, leaf: LeafId) -> PlaceId {
        self.leaf_places[leaf.0 as usize]
    }

    /// The leaf of an address as a prefix.
    #[must_use]
    pub fn leaf_prefix(&self, address: IpAddr) -> Prefix {
        let length = self.lengths[self.leaf(address).0 as usize];
        // Lengths are those of the address's own family.
        Prefix::cut(address, length).expect("a leaf is no longer than its family's addresses")
    }

    /// All places.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The prefix lengths of all IPv4 leaves, then of all IPv6 leaves, in address order: with it the shape of the table.
    #[must_use]
    pub fn leaf_depths(&self) -> [&[u8]; 2] {
        let (v4, v6) = self.lengths.split_at(self.v6_first);
        [v4, v6]
    }

    /// The place of every leaf, by leaf.
    #[must_use]
    pub fn leaf_places(&self) -> &Arc<[PlaceId]> {
        &self.leaf_places
    }

    /// What the sources of facts are called: database file names, `embedded country table`, `[[network]] PREFIX`.
    #[must_use]
    pub fn source_names(&self) -> &[String] {
        &self.source_names
    }

    /// The prefixes that [`Place::marks`] are indexes of: [`spec::GeoSpec::marks`].
    #[must_use]
    pub fn marks(&self) -> &[Prefix] {
        &self.marks
    }

    /// The facts that [`Place::named`] are indexes of: [`spec::GeoSpec::named`].
    #[must_use]
    pub fn named(&self) -> &[NamedFact] {
        &self.named
    }

    /// What [`Place::latency`] numbers.
    #[must_use]
    pub fn latencies(&self) -> &[Profile] {
        &self.latencies
    }

    /// Octets on the heap: the index, the leaves and the places.
    #[must_use]
    pub fn heap_len(&self) -> usize {
        let lists = |place: &Place| size_of_val(&*place.marks) + size_of_val(&*place.named);
        let marks: usize = self.places.iter().map(lists).sum();
        let profiles: usize = self.latencies.iter().map(|profile| size_of_val(&**profile)).sum();
        let latencies = size_of_val(&*self.latencies) + profiles;
        let names: usize = self.source_names.iter().map(|name| size_of::<String>() + name.capacity()).sum();
        let leaves = size_of_val(&*self.lengths) + size_of_val(&*self.leaf_places);
        self.v4.heap_len() + self.v6.heap_len() + leaves + size_of_val(&*self.places) + marks + names + latencies
    }
}

impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locator")
            .field("leaves", &self.lengths.len())
            .field("places", &self.places.len())
            .field("source_names", &self.source_names)
            .finish_non_exhaustive()
    }
}
