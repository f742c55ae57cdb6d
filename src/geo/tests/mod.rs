//! The room as others see it: from databases and configuration to places.

#![expect(clippy::unwrap_used, reason = "test code")]

mod blind;
mod damaged;
mod facts;
mod fixtures;
mod naming;
mod shape;

use super::country_table::CountryTable;
use super::spec::GeoSpec;
use super::{Locator, Place};
use crate::base::{Continent, Prefix};
use fixtures::{at, country, source};

#[test]
fn the_embedded_table_is_ordered_and_survives_being_written() {
    let table = CountryTable::embedded().unwrap();
    let (countries, v4, v6) = table.counts();
    assert!(countries > 200 && v4 > 100_000 && v6 > 50_000, "{:?}", table.counts());
    assert!(table.about().contains("iptoasn") && table.about().contains("GeoNames"), "{}", table.about());
    assert!(table.is_ordered());
    assert_eq!(CountryTable::decode(&table.encode().unwrap()).unwrap(), table);
}

#[test]
fn the_embedded_table_knows_countries_continents_and_points() {
    let locator = Locator::build(&GeoSpec::default()).unwrap();
    for (address, code, continent) in [
        ("8.8.8.8", "US", Continent::NorthAmerica),
        ("81.2.69.160", "GB", Continent::Europe),
        ("133.1.2.3", "JP", Continent::Asia),
        ("2001:200::1", "JP", Continent::Asia),
        ("2a02:8100::1", "DE", Continent::Europe),
    ] {
        let place = at(&locator, address);
        assert_eq!(country(&locator, address), code, "{address}");
        assert_eq!(place.continent, Some(continent), "{address}");
        assert!(place.point.is_some(), "{address}");
        assert_eq!(source(&locator, place.country_source), "embedded country table");
    }
    for address in ["10.1.2.3", "127.0.0.1", "::1", "fe80::1"] {
        assert_eq!(at(&locator, address), &Place::default(), "{address} is nowhere");
    }
    let [v4, v6] = locator.leaf_depths();
    assert_eq!(v4.iter().map(|length| 1_u64 << (32 - length)).sum::<u64>(), 1 << 32);
    assert_eq!(v4.len() + v6.len(), locator.leaf_places().len());
    let prefix: Prefix = locator.leaf_prefix("81.2.69.160".parse().unwrap());
    assert!(prefix.contains("81.2.69.160".parse().unwrap()));
}
