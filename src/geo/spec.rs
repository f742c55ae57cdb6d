//! What the locator is built from, as validated configuration.

use crate::base::{Country, Point, Prefix, RegionId, Span};
use std::path::PathBuf;

/// Where location facts come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GeoSpec {
    /// Database files, absolute or relative to the working directory, most trusted first; none: the embedded country table.
    pub databases: Vec<DatabaseFile>,
    /// `[[network]]` tables, in configured order.
    pub networks: Vec<Network>,
    /// The coordinates of every region by id: where clients of a network with `region` are located.
    pub regions: Vec<Option<Point>>,
    /// Prefixes that rules of policies name: each gets leaves of its own and is listed by the places inside it.
    pub marks: Vec<Prefix>,
}

/// A database file and where the configuration names it.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseFile {
    /// The file.
    pub path: PathBuf,
    /// Where the configuration names it, for messages.
    pub span: Option<Span>,
}

/// Facts about a prefix that no database knows; they win over every database.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The clients it speaks of.
    pub prefix: Prefix,
    /// What it says of them.
    pub fact: NetworkFact,
}

/// What a `[[network]]` table says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NetworkFact {
    /// Located at this region, and prefers it over all others.
    Region(RegionId),
    /// Located here.
    Coordinates(Point),
    /// Located in this country.
    Country(Country),
}
