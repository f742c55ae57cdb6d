//! From databases, `[[network]]` tables and marks to the prefix table. Knows no steering.

use super::bits::Bits;
use super::client::{DISGUISES, looked_up_as};
use super::country_table::CountryTable;
use super::database::Database;
use super::index::{Index, LEAVES_MAX};
use super::latency::LatencyRows;
use super::naming::{Kinds, Numbers, SaidAll};
use super::places::{NetworkFacts, PlaceList, Sources};
use super::runs::{Runs, blocks, nested, overlay};
use super::spec::{GeoSpec, Network};
use super::{EMBEDDED_NAME, Locator, PlaceId};
use crate::base::huge_pages::prefer;
use crate::base::{Country, Diagnostic, Point, Prefix};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Leading bits of an IPv4 address that choose a top block of the index: 6 more make a /24.
const TOP_BITS_V4: u8 = 18;

/// Leading bits of an IPv6 address that choose a top block of the index: 8 times 6 more make a /64.
const TOP_BITS_V6: u8 = 16;

/// Most marks, because places list them as `u16`.
const MARKS_MAX: usize = 1 << 16;

/// Most databases; each makes compiling slower.
const DATABASES_MAX: usize = 64;

/// Reads and compiles all that `spec` names.
pub(super) fn compile(spec: &GeoSpec) -> Result<Locator, Vec<Diagnostic>> {
    let numbers = Numbers::new(&spec.named, &spec.latencies);
    let (databases, table) = read_all(spec, &numbers)?;
    assemble(spec, numbers, databases, table.points().collect())
}

/// Compiles what was read: `databases` are those that `spec` names, in this order, or the embedded table alone, read with
/// `numbers`, which are those of `spec`.
pub(super) fn assemble(
    spec: &GeoSpec,
    numbers: Numbers,
    databases: Vec<Database>,
    country_points: HashMap<Country, Point>,
) -> Result<Locator, Vec<Diagnostic>> {
    let mut lists_v4: Vec<Runs<u32>> = Vec::new();
    let mut lists_v6: Vec<Runs<u128>> = Vec::new();
    let (mut facts, mut kinds) = (Vec::new(), Kinds::default());
    for database in databases {
        kinds = kinds.with(database.kinds);
        lists_v4.push(database.v4);
        lists_v6.push(database.v6);
        facts.push(database.facts);
    }
    let mut latencies = LatencyRows::new(&spec.latencies, &numbers);
    if !latencies.networks.is_empty() {
        let networks = std::mem::take(&mut latencies.networks);
        lists_v4.push(nested(&v4_blocks(&networks), |inside| latencies.nest(inside)));
        lists_v6.push(nested(&v6_blocks(&networks), |inside| latencies.nest(inside)));
    }
    let networks: Vec<Prefix> = spec.networks.iter().map(|network| network.prefix).collect();
    lists_v4.push(innermost(&v4_blocks(&networks)));
    lists_v6.push(innermost(&v6_blocks(&networks)));
    let mut mark_sets = MarkSets::default();
    lists_v4.push(nested(&v4_blocks(&spec.marks), |inside| mark_sets.number(inside)));
    lists_v6.push(nested(&v6_blocks(&spec.marks), |inside| mark_sets.number(inside)));
    lists_v4.push(Runs::new());
    lists_v6.push(innermost(&DISGUISES.map(|(first, length)| (first, length, 0))));

    let (source_names, country_points_source, first_network_source) = source_names(spec);
    let sources = Sources {
        databases: facts,
        networks: spec.networks.iter().map(|network| network_facts(network, &numbers)).collect(),
        numbers,
        mark_sets: mark_sets.sets,
        regions: spec.regions.clone(),
        country_points,
        country_points_source,
        first_network_source,
    };
    let mut places = PlaceList::new(sources, latencies);
    let mut leaves = Leaves::default();
    leaves.add(&lists_v4, &mut places);
    drop(lists_v4);
    let v6_first = leaves.lengths.len();
    leaves.add(&lists_v6, &mut places);
    drop(lists_v6);
    if leaves.lengths.len() > LEAVES_MAX {
        let message =
            format!("the databases together have {} networks; at most {LEAVES_MAX} are possible", leaves.lengths.len());
        return Err(vec![Diagnostic::error(message).hint("name fewer files in `geoip.databases`")]);
    }
    let (places, latencies) = places.finish();
    let (lengths, leaf_places) = leaves.finish();
    Ok(Locator {
        v4: Index::build::<u32>(&lengths[..v6_first], 0, TOP_BITS_V4),
        v6: Index::build::<u128>(&lengths[v6_first..], v6_first as u32, TOP_BITS_V6),
        v6_first,
        lengths,
        leaf_places,
        places: places.into(),
        source_names: source_names.into(),
        marks: spec.marks.as_slice().into(),
        named: spec.named.iter().map(|named| named.fact.clone()).collect(),
        latencies: latencies.into(),
        kinds,
    })
}

fn network_facts(network: &Network, numbers: &Numbers) -> NetworkFacts {
    let subdivisions: Vec<String> = network.subdivision.iter().map(|name| name.as_str().to_owned()).collect();
    let named = SaidAll {
        asn: numbers.said_of_asn(network.asn),
        city: numbers.said_of_city(network.city.as_ref().map(|city| city.as_str())),
        subdivision: numbers.said_of_subdivisions(&subdivisions),
    };
    NetworkFacts { location: network.fact, named }
}

/// What sources are called, the number of the embedded table and that of the first `[[network]]`.
fn source_names(spec: &GeoSpec) -> (Vec<String>, u16, u16) {
    let mut names: Vec<String> = spec.databases.iter().map(|file| file.path.display().to_string()).collect();
    let embedded = names.len() as u16;
    names.push(EMBEDDED_NAME.to_owned());
    let first_network = names.len() as u16;
    names.extend(spec.networks.iter().map(|network| format!("[[network]] {}", network.prefix)));
    // Facts name their source as `u16`: the last number stands for all that would be behind it.
    names.truncate(usize::from(u16::MAX));
    names.push("[[network]]".to_owned());
    (names, embedded, first_network)
}

/// Every database, or what is wrong with each that cannot be used.
fn read_all(spec: &GeoSpec, numbers: &Numbers) -> Result<(Vec<Database>, CountryTable), Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    if spec.marks.len() > MARKS_MAX {
        diagnostics.push(
            Diagnostic::error(format!(
                "the rules name {} networks; at most {MARKS_MAX} are possible",
                spec.marks.len()
            ))
            .hint("describe networks with `[[network]]` and match them by country or continent"),
        );
    }
    if spec.named.len() > MARKS_MAX {
        diagnostics.push(
            Diagnostic::error(format!(
                "the rules name {} autonomous systems, cities and subdivisions; at most {MARKS_MAX} are possible",
                spec.named.len()
            ))
            .hint("describe networks with `[[network]]` and match them by country or continent"),
        );
    }
    if spec.databases.len() > DATABASES_MAX {
        diagnostics.push(
            Diagnostic::error(format!(
                "{} databases are named; at most {DATABASES_MAX} are possible",
                spec.databases.len()
            ))
            .hint("name fewer files in `geoip.databases`"),
        );
    }
    let mut databases = Vec::new();
    for file in spec.databases.iter().take(DATABASES_MAX) {
        match Database::open(&file.path, numbers) {
            Ok(database) => databases.push(database),
            Err(unusable) => {
                let diagnostic = unusable.diagnostic(&file.path);
                diagnostics.push(match file.span {
                    Some(span) => diagnostic.at(span, ""),
                    None => diagnostic,
                });
            }
        }
    }
    let mut table = CountryTable::embedded();
    if let (Ok(table), true) = (&mut table, spec.databases.is_empty()) {
        databases.push(table.take_database());
    }
    match table {
        Ok(table) if diagnostics.is_empty() => Ok((databases, table)),
        Ok(_) => Err(diagnostics),
        Err(reason) => {
            diagnostics.push(
                Diagnostic::error(format!("the embedded country table is damaged: {reason}"))
                    .hint("this build of azimuth is broken; install it again"),
            );
            Err(diagnostics)
        }
    }
}

/// The IPv4 prefixes among `prefixes`, each with its index.
fn v4_blocks(prefixes: &[Prefix]) -> Vec<(u32, u8, usize)> {
    let looked_up = prefixes.iter().map(|prefix| looked_up_as(*prefix)).enumerate();
    looked_up
        .filter_map(|(index, prefix)| match prefix.address() {
            IpAddr::V4(v4) => Some((v4.to_bits(), prefix.length(), index)),
            IpAddr::V6(_) => None,
        })
        .collect()
}

/// The IPv6 prefixes among `prefixes`, each with its index.
fn v6_blocks(prefixes: &[Prefix]) -> Vec<(u128, u8, usize)> {
    let looked_up = prefixes.iter().map(|prefix| looked_up_as(*prefix)).enumerate();
    looked_up
        .filter_map(|(index, prefix)| match prefix.address() {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => Some((v6.to_bits(), prefix.length(), index)),
        })
        .collect()
}

/// Runs of the innermost block's index plus one; of equal blocks the first one counts.
fn innermost<A: Bits>(blocks: &[(A, u8, usize)]) -> Runs<A> {
    let mut distinct = blocks.to_vec();
    distinct.sort();
    distinct.dedup_by_key(|(start, length, _)| (*start, *length));
    nested(&distinct, |inside| inside.last().map_or(0, |&index| index as u32 + 1))
}

/// Distinct sets of marks, numbered from 1.
#[derive(Default)]
struct MarkSets {
    sets: Vec<Box<[u16]>>,
}

impl MarkSets {
    fn number(&mut self, inside: &[usize]) -> u32 {
        let mut set: Vec<u16> = inside.iter().filter_map(|&mark| u16::try_from(mark).ok()).collect();
        set.sort_unstable();
        self.sets.push(set.into());
        self.sets.len() as u32
    }
}

/// The leaves of both families, in order.
#[derive(Default)]
struct Leaves {
    lengths: Vec<u8>,
    places: Vec<PlaceId>,
}

impl Leaves {
    /// Adds the family that `lists` describe: every interval's place, neighbours with the same place joined, cut into the
    /// fewest blocks. These are the blocks that joining siblings bottom-up would leave: both are the largest blocks that
    /// hold one place.
    fn add<A: Bits>(&mut self, lists: &[Runs<A>], places: &mut PlaceList) {
        let mut pending: Option<(A, PlaceId)> = None;
        let lists: Vec<&Runs<A>> = lists.iter().collect();
        overlay(&lists, |start, numbers| {
            let place = places.place(numbers);
            match pending {
                Some((_, before)) if before == place => {}
                Some((from, before)) => {
                    self.run(from, start.minus(A::ONE), before);
                    pending = Some((start, place));
                }
                None => pending = Some((start, place)),
            }
        });
        if let Some((from, place)) = pending {
            self.run(from, A::MAX, place);
        }
    }

    /// Lengths and places, as queries read them.
    fn finish(self) -> (Box<[u8]>, Arc<[PlaceId]>) {
        let finished = (self.lengths.into_boxed_slice(), Arc::from(self.places));
        prefer(&finished.0);
        prefer(&finished.1);
        finished
    }

    fn run<A: Bits>(&mut self, start: A, end: A, place: PlaceId) {
        blocks(start, end, |_, length| {
            self.lengths.push(length);
            self.places.push(place);
        });
    }
}
