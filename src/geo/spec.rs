//! What the locator is built from, as validated configuration.

use super::latency::Latency;
use crate::base::{Country, NamedFact, PlaceName, Point, Prefix, RegionId, Span};
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
    /// What rules of policies name of autonomous systems, cities and subdivisions, each once: places list those that hold.
    pub named: Vec<Named>,
    /// Files with measured latencies, in configured order: of two that speak of the same the later one counts. The locator does
    /// not read them; whoever does puts what they say into `latencies`.
    pub latency_files: Vec<LatencyFile>,
    /// Measured latencies: of two that speak of the same the later one counts.
    pub latencies: Vec<Latency>,
}

/// A fact that a rule names.
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    /// The fact.
    pub fact: NamedFact,
    /// Where the first rule that names it does, for messages.
    pub span: Option<Span>,
}

/// A file with measured latencies and where the configuration names it.
#[derive(Clone, Debug, PartialEq)]
pub struct LatencyFile {
    /// The file.
    pub path: PathBuf,
    /// Where the configuration names it, for messages.
    pub span: Option<Span>,
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
    /// Where they are, if it says so.
    pub fact: Option<NetworkFact>,
    /// The autonomous system that they belong to, if it says so.
    pub asn: Option<u32>,
    /// The city that they are in, if it says so.
    pub city: Option<PlaceName>,
    /// The subdivision that they are in, if it says so.
    pub subdivision: Option<PlaceName>,
}

impl Network {
    /// A network that says only where its clients are.
    #[must_use]
    pub const fn located(prefix: Prefix, fact: NetworkFact) -> Self {
        Self { prefix, fact: Some(fact), asn: None, city: None, subdivision: None }
    }
}

/// Where a `[[network]]` table says that its clients are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NetworkFact {
    /// Located at this region, and prefers it over all others.
    Region(RegionId),
    /// Located here.
    Coordinates(Point),
    /// Located in this country.
    Country(Country),
}
