//! Databases made for tests, in every schema that is read.

use crate::base::{Country, Point};
use crate::geo::compile::assemble;
use crate::geo::country_table::CountryTable;
use crate::geo::database::Database;
use crate::geo::naming::Numbers;
use crate::geo::spec::{DatabaseFile, GeoSpec};
use crate::geo::{Client, Locator, Place};
use mmdb_writer::ipnet::IpNet;
use mmdb_writer::{IpVersion, Value, Writer};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Unpacked once, because that is slow without optimisation.
static COUNTRY_POINTS: LazyLock<HashMap<Country, Point>> =
    LazyLock::new(|| CountryTable::embedded().unwrap().points().collect());

/// A value of a record.
pub fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::map(entries)
}

/// A record as MaxMind writes it.
pub fn nested(country: &str, continent: &str, point: Option<(f64, f64)>) -> Value {
    let names = || map([("en", Value::from("Somewhere"))]);
    let mut entries = vec![("city", map([("names", names())]))];
    if !country.is_empty() {
        entries.push(("country", map([("names", names()), ("iso_code", Value::from(country))])));
    }
    if !continent.is_empty() {
        entries.push(("continent", map([("code", Value::from(continent)), ("names", names())])));
    }
    if let Some((latitude, longitude)) = point {
        let location = [
            ("accuracy_radius", Value::from(50_u16)),
            ("latitude", Value::from(latitude)),
            ("longitude", Value::from(longitude)),
            ("time_zone", Value::from("Etc/UTC")),
        ];
        entries.push(("location", map(location)));
    }
    Value::map(entries)
}

/// A record as ip-location-db writes it.
pub fn flat(country: &str, point: (f32, f32)) -> Value {
    map([
        ("country_code", Value::from(country)),
        ("city", Value::from("Somewhere")),
        ("latitude", Value::from(point.0)),
        ("longitude", Value::from(point.1)),
    ])
}

/// The octets of a database with these networks, of which the most specific counts.
pub fn database(version: IpVersion, networks: &[(&str, Value)]) -> Vec<u8> {
    let mut sorted: Vec<(IpNet, &Value)> = networks.iter().map(|(net, value)| (net.parse().unwrap(), value)).collect();
    sorted.sort_by_key(|(net, _)| net.prefix_len());
    let mut writer = Writer::builder("Test-City").ip_version(version).build();
    for (net, value) in sorted {
        writer.insert_value(net, value.clone()).unwrap();
    }
    writer.to_bytes().unwrap()
}

/// A table over databases given as octets; they are called `db0`, `db1` and so on.
pub fn locator(mut spec: GeoSpec, databases: &[Vec<u8>]) -> Locator {
    let name = |number: usize| DatabaseFile { path: format!("db{number}").into(), span: None };
    spec.databases = (0..databases.len()).map(name).collect();
    let numbers = Numbers::new(&spec.named, &spec.latencies);
    let databases = databases.iter().map(|octets| Database::read(octets, &numbers).unwrap()).collect();
    assemble(&spec, numbers, databases, COUNTRY_POINTS.clone()).unwrap()
}

/// The place of an address, undressed if need be.
pub fn at<'a>(locator: &'a Locator, address: &str) -> &'a Place {
    let client = Client::new(address.parse().unwrap(), 128);
    &locator.places()[locator.place_of(locator.leaf(client.address)).0 as usize]
}

/// The country of an address, empty if unknown.
pub fn country<'a>(locator: &'a Locator, address: &str) -> &'a str {
    at(locator, address).country.as_ref().map_or("", |country| country.as_str())
}

/// Who gave a fact.
pub fn source(locator: &Locator, source: Option<u16>) -> &str {
    source.map_or("nobody", |source| &locator.source_names()[usize::from(source)])
}
