//! Address to place: databases, `[[network]]` overrides, and the prefix table they are compiled into.
//! Knows no DNS, no regions beyond their ids, no policies.

pub mod client;
pub mod spec;

pub use client::{Client, Disguise};

use crate::base::{Continent, Country, Diagnostic, Point, RegionId};
use std::net::IpAddr;

/// A leaf of the prefix table: one CIDR block whose addresses share a place. IPv4 leaves come first, in address order,
/// then IPv6 leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeafId(pub u32);

/// A place, as an index into [`Locator::places`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceId(pub u32);

/// The location facts that a set of prefixes shares.
#[derive(Clone, Debug, PartialEq)]
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
    /// Who said so, for each fact: index into [`Locator::source_names`].
    pub country_source: Option<u16>,
    /// Who gave the point.
    pub point_source: Option<u16>,
}

/// The compiled prefix table with its places.
#[derive(Debug)]
pub struct Locator {}

impl Locator {
    /// Reads every database and compiles the table. Errors name the file and the remedy.
    pub fn build(spec: &spec::GeoSpec) -> Result<Self, Vec<Diagnostic>> {
        let _ = spec;
        unimplemented!()
    }

    /// The leaf of an address; see [`Client`] for IPv4 addresses in IPv6 clothes, which must be undressed first.
    #[must_use]
    pub fn leaf(&self, address: IpAddr) -> LeafId {
        let _ = address;
        unimplemented!()
    }

    /// The place of a leaf.
    #[must_use]
    pub fn place_of(&self, leaf: LeafId) -> PlaceId {
        let _ = leaf;
        unimplemented!()
    }

    /// All places.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        unimplemented!()
    }

    /// The prefix lengths of all IPv4 leaves, then of all IPv6 leaves, in address order: with it the shape of the table.
    #[must_use]
    pub fn leaf_depths(&self) -> [&[u8]; 2] {
        unimplemented!()
    }

    /// The place of every leaf, by leaf.
    #[must_use]
    pub fn leaf_places(&self) -> &[PlaceId] {
        unimplemented!()
    }

    /// What the sources of facts are called: database file names, `embedded country table`, `[[network]] PREFIX`.
    #[must_use]
    pub fn source_names(&self) -> &[String] {
        unimplemented!()
    }
}

impl Locator {
    /// The prefixes that [`Place::marks`] are indexes of: those of [`spec::GeoSpec::marks`].
    #[must_use]
    pub fn marks(&self) -> &[crate::base::Prefix] {
        unimplemented!()
    }
}
