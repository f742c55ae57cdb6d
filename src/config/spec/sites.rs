//! Reads `[region.NAME]`, `[[network]]` and `[[guard]]`. Knows no geography.

use super::prefix;
use crate::base::{Country, Diagnostic, Point, Prefix, Span};
use crate::config::keys::{guard, network, region};
use crate::config::reader::Reader;
use crate::config::scalars::{boolean, coordinates, country, integer, text};
use crate::config::tree::Spanned;
use crate::steering::spec::Region;
use std::sync::Arc;

pub(super) fn region(name: &Spanned<Arc<str>>, reader: &mut Reader<'_, '_>) -> Region {
    Region {
        capacity: None,
        name: Arc::clone(&name.value),
        coordinates: reader.one(&region::COORDINATES, coordinates).map(|point| point.value),
        bias: reader.one(&region::BIAS, integer).map_or(0, |bias| bias.value),
        enabled: reader.one(&region::ENABLED, boolean).is_none_or(|enabled| enabled.value),
    }
}

/// `[[network]]` as typed.
#[derive(Clone, Debug)]
pub struct NetworkTable {
    /// The addresses it speaks of.
    pub prefix: Option<Spanned<Prefix>>,
    /// What it says of them.
    pub fact: Option<FactTable>,
}

/// What a `[[network]]` says.
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
    let mut given: Vec<(Span, &str)> =
        keys.into_iter().filter_map(|key| reader.place(key).map(|place| (place, key.name))).collect();
    given.sort_unstable();
    let words = "`region`, `coordinates` and `country`";
    match given[..] {
        [] if reader.lacks(&keys) => {
            let message = format!("a network needs one of {words}");
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
    NetworkTable { prefix, fact: region.or(point).or(country) }
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
