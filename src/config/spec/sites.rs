//! Reads `[region.NAME]`, `[[network]]` and `[[guard]]`. Knows no geography.

use super::feed::{AskedTable, asked, names};
use super::prefix;
use crate::base::{Country, Diagnostic, PlaceName, Point, Prefix, Span};
use crate::config::keys::{guard, network, region};
use crate::config::reader::Reader;
use crate::config::report::Report;
use crate::config::scalars::{asn, boolean, coordinates, country, integer, place_name, subdivision, text};
use crate::config::tree::Spanned;
use crate::steering::spec::Region;
use std::sync::Arc;

/// What a region says of the feeds that it uses.
#[derive(Clone, Debug)]
pub struct RegionFeeds {
    /// The names of feeds.
    pub feeds: Vec<Spanned<String>>,
    /// How it is asked.
    pub asked: AskedTable,
}

/// Reads a region. What it says of feeds is added to `feeds`.
pub(super) fn region(name: &Spanned<Arc<str>>, reader: &mut Reader<'_, '_>, feeds: &mut Vec<RegionFeeds>) -> Region {
    let asked = asked(reader, &region::FEED_ADDRESS, &region::FEED_NAME, &region::CAPACITY);
    let capacity = asked.capacity;
    feeds.push(RegionFeeds { feeds: names(reader, &region::FEED), asked });
    Region {
        capacity,
        name: Arc::clone(&name.value),
        coordinates: reader.one(&region::COORDINATES, coordinates).map(|point| point.value),
        bias: reader.one(&region::BIAS, integer).map_or(0, |bias| bias.value),
        enabled: reader.one(&region::ENABLED, boolean).is_none_or(|enabled| enabled.value),
    }
}

/// How many probes of targets in a region may be under way at once.
pub(super) fn probe_concurrency(reader: &mut Reader<'_, '_>) -> Option<usize> {
    reader.one(&region::PROBE_CONCURRENCY, integer).map(|limit| limit.value)
}

/// `[[network]]` as typed.
#[derive(Clone, Debug)]
pub struct NetworkTable {
    /// The addresses it speaks of.
    pub prefix: Option<Spanned<Prefix>>,
    /// What it says of them.
    pub fact: Option<FactTable>,
    /// Their autonomous system.
    pub asn: Option<u32>,
    /// Their city.
    pub city: Option<PlaceName>,
    /// Their subdivision.
    pub subdivision: Option<PlaceName>,
}

/// Where a `[[network]]` says that its addresses are.
#[derive(Clone, Debug)]
pub enum FactTable {
    /// A region by name.
    Region(Spanned<String>),
    /// A point.
    Coordinates(Point),
    /// A country.
    Country(Country),
}

pub(super) fn network(reader: &mut Reader<'_, '_>) -> NetworkTable {
    let prefix = reader.one(&network::PREFIX, prefix);
    let keys = [&network::REGION, &network::COORDINATES, &network::COUNTRY];
    let others = [&network::ASN, &network::CITY, &network::SUBDIVISION];
    let mut given: Vec<(Span, &str)> =
        keys.into_iter().filter_map(|key| reader.place(key).map(|place| (place, key.name))).collect();
    given.sort_unstable();
    let words = "`region`, `coordinates` and `country`";
    match given[..] {
        [] if reader.lacks(&[keys, others].concat()) => {
            let message = format!("a network needs one of {words}, or one of `asn`, `city` and `subdivision`");
            reader.report.absent(Diagnostic::error(message).at(reader.span, ""));
        }
        [] | [_] => {}
        [(first_place, first), (second_place, second), ..] => {
            let message = format!("a network takes only one of {words}, not both `{first}` and `{second}`");
            reader.report.push(Diagnostic::error(message).at(second_place, "").at(first_place, ""));
        }
    }
    let region = reader.one(&network::REGION, text).map(FactTable::Region);
    let point = reader.one(&network::COORDINATES, coordinates).map(|point| FactTable::Coordinates(point.value));
    let country = reader.one(&network::COUNTRY, country).map(|country| FactTable::Country(country.value));
    let asn = reader.one(&network::ASN, asn).map(|asn| asn.value);
    let city = reader.one(&network::CITY, place_name).map(|city| city.value);
    let subdivision = reader.one(&network::SUBDIVISION, subdivision);
    if let Some(FactTable::Country(country)) = &country {
        check_country(*country, subdivision.as_ref(), reader.report);
    }
    let subdivision = subdivision.map(|subdivision| subdivision.value);
    NetworkTable { prefix, fact: region.or(point).or(country), asn, city, subdivision }
}

/// The code of a subdivision says which country it is in.
pub(super) fn check_country(country: Country, subdivision: Option<&Spanned<PlaceName>>, report: &mut Report) {
    let Some(subdivision) = subdivision else { return };
    let of_code = subdivision.value.country_of_code().and_then(Country::new);
    if let Some(other) = of_code.filter(|of_code| *of_code != country) {
        let message = format!("`{}` is in {}, not in {}", subdivision.value, other.as_str(), country.as_str());
        report.push(Diagnostic::error(message).at(subdivision.span, "").hint("remove `country`: the code says it"));
    }
}

/// `[[guard]]` as typed.
#[derive(Clone, Debug)]
pub struct GuardTable {
    /// The pool's name, or a pattern of names.
    pub pool: Option<Spanned<String>>,
    /// So many regions must stay.
    pub min_regions: Option<Spanned<u16>>,
}

pub(super) fn guard(reader: &mut Reader<'_, '_>) -> GuardTable {
    GuardTable { pool: reader.one(&guard::POOL, text), min_regions: reader.one(&guard::MIN_REGIONS, integer) }
}
