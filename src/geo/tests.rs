//! The room as others see it: from configuration to place.

#![expect(clippy::unwrap_used, reason = "test code")]
use super::spec::GeoSpec;
use super::{Locator, Place};
use crate::base::{Continent, Prefix};

fn at<'a>(locator: &'a Locator, address: &str) -> &'a Place {
    let leaf = locator.leaf(address.parse().unwrap());
    &locator.places()[locator.place_of(leaf).0 as usize]
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
        assert_eq!(place.country.as_ref().map(|country| country.as_str()), Some(code), "{address}");
        assert_eq!(place.continent, Some(continent), "{address}");
        assert!(place.point.is_some(), "{address}");
        let source = &locator.source_names()[place.country_source.unwrap() as usize];
        assert_eq!(source, "embedded country table");
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
