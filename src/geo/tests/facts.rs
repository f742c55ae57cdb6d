//! Which source decides which fact.

use super::fixtures::{at, country, database, flat, locator, map, nested, source};
use crate::base::{Continent, Country, Point, Prefix, RegionId};
use crate::geo::spec::{GeoSpec, Network, NetworkFact};
use crate::geo::{Locator, Place};
use mmdb_writer::{IpVersion, Value};

fn point(latitude: f64, longitude: f64) -> Option<Point> {
    Point::new(latitude, longitude)
}

fn network(prefix: &str, fact: NetworkFact) -> Network {
    Network::located(prefix.parse().unwrap(), fact)
}

fn prefixes(texts: &[&str]) -> Vec<Prefix> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn nested_and_flat_schemas_are_read_alike() {
    let nested = database(
        IpVersion::V6,
        &[("192.0.2.0/24", nested("NL", "EU", Some((52.5, 4.75)))), ("2001:db8::/32", nested("JP", "AS", None))],
    );
    let flat = database(
        IpVersion::V6,
        &[("192.0.2.0/24", flat("NL", (52.5, 4.75))), ("2001:db8::/32", flat("JP", (0.0, 0.0)))],
    );
    for octets in [nested, flat] {
        let locator = locator(GeoSpec::default(), &[octets]);
        let place = at(&locator, "192.0.2.1");
        assert_eq!(place.country, Country::new("NL"));
        assert_eq!(place.continent, Some(Continent::Europe));
        assert_eq!(place.point, point(52.5, 4.75));
        assert_eq!(source(&locator, place.country_source), "db0");
        assert_eq!(source(&locator, place.point_source), "db0");
        assert_eq!(country(&locator, "2001:db8::1"), "JP");
        assert_eq!(at(&locator, "198.51.100.1"), &Place::default());
    }
}

#[test]
fn numbers_may_be_of_any_type_and_codes_may_stand_alone() {
    let record = |latitude: Value, longitude: Value| {
        map([("country", Value::from("nl")), ("latitude", latitude), ("longitude", longitude)])
    };
    let octets = database(
        IpVersion::V4,
        &[
            ("192.0.2.0/26", record(Value::from(10_u16), Value::from(-20_i32))),
            ("192.0.2.64/26", record(Value::from("10"), Value::from(" -20 "))),
            ("192.0.2.128/26", record(Value::from(10.0_f32), Value::from(-20.0_f64))),
            ("192.0.2.192/26", record(Value::from("north"), Value::from(true))),
        ],
    );
    let locator = locator(GeoSpec::default(), &[octets]);
    for address in ["192.0.2.1", "192.0.2.65", "192.0.2.129"] {
        assert_eq!(at(&locator, address).point, point(10.0, -20.0), "{address}");
        assert_eq!(country(&locator, address), "NL");
    }
    assert_eq!(source(&locator, at(&locator, "192.0.2.200").point_source), "embedded country table");
}

#[test]
fn unknown_location_is_never_zero_zero() {
    let octets = database(
        IpVersion::V4,
        &[
            ("192.0.2.0/26", flat("", (0.0, 0.0))),
            ("192.0.2.64/26", nested("", "", Some((0.0, 0.0)))),
            (
                "192.0.2.128/26",
                map([("country_code", Value::from("")), ("latitude", Value::from("")), ("longitude", Value::from(""))]),
            ),
            ("192.0.2.192/26", flat("ZZ", (95.0, 0.0))),
            ("198.51.100.0/24", flat("NL", (0.0, 0.0))),
            ("203.0.113.0/24", flat("", (0.0, 9.5))),
        ],
    );
    let locator = locator(GeoSpec::default(), &[octets]);
    for address in ["192.0.2.1", "192.0.2.65", "192.0.2.129", "192.0.2.193"] {
        assert_eq!(at(&locator, address), &Place::default(), "{address}");
    }
    let country_point = at(&locator, "198.51.100.1");
    assert!(country_point.point.unwrap().distance_km(point(52.2, 5.2).unwrap()) < 60.0, "{country_point:?}");
    assert_eq!(source(&locator, country_point.point_source), "embedded country table");
    assert_eq!(at(&locator, "203.0.113.1").point, point(0.0, 9.5), "one zero is a coordinate");
}

#[test]
fn the_first_database_that_knows_decides_field_by_field() {
    let countries = database(
        IpVersion::V4,
        &[
            ("192.0.2.0/24", map([("country_code", Value::from("DE"))])),
            ("198.51.100.0/24", map([("country_code", Value::from(""))])),
        ],
    );
    let cities = database(
        IpVersion::V4,
        &[
            ("192.0.2.0/25", nested("AT", "EU", Some((48.25, 16.25)))),
            ("198.51.100.0/25", nested("AT", "EU", None)),
            ("203.0.113.0/24", nested("", "OC", None)),
        ],
    );
    let last = database(IpVersion::V4, &[("0.0.0.0/0", nested("US", "NA", Some((38.0, -97.0))))]);
    let locator = locator(GeoSpec::default(), &[countries, cities, last]);

    let place = at(&locator, "192.0.2.1");
    assert_eq!((place.country, place.point), (Country::new("DE"), point(48.25, 16.25)));
    assert_eq!(source(&locator, place.country_source), "db0");
    assert_eq!(source(&locator, place.point_source), "db1", "a point goes with the database that gave it");

    let place = at(&locator, "192.0.2.129");
    assert_eq!((place.country, place.point), (Country::new("DE"), point(38.0, -97.0)));

    let place = at(&locator, "198.51.100.1");
    assert_eq!((place.country, place.point), (Country::new("AT"), point(38.0, -97.0)));
    assert_eq!(source(&locator, place.country_source), "db1");

    let place = at(&locator, "203.0.113.1");
    assert_eq!((place.country, place.continent), (Country::new("US"), Some(Continent::Oceania)));
    assert_eq!(country(&locator, "8.8.8.8"), "US");
}

#[test]
fn split_files_speak_of_their_family_and_a_whole_file_of_both() {
    let v4 = database(IpVersion::V4, &[("0.0.0.0/1", flat("DE", (1.0, 1.0)))]);
    let v6 = database(IpVersion::V6, &[("2000::/3", flat("FR", (1.0, 1.0)))]);
    let both =
        database(IpVersion::V6, &[("0.0.0.0/0", flat("JP", (1.0, 1.0))), ("2001:db8::/32", flat("KR", (1.0, 1.0)))]);
    let locator = locator(GeoSpec::default(), &[v4, v6, both]);
    assert_eq!(country(&locator, "10.0.0.1"), "DE");
    assert_eq!(country(&locator, "200.0.0.1"), "JP");
    assert_eq!(country(&locator, "2001:db8::1"), "FR");
    assert_eq!(country(&locator, "fe80::1"), "");
    assert_eq!(country(&locator, "::192.0.2.1"), "", "an IPv6 tree's ::/96 is IPv4 data");
}

#[test]
fn registered_country_says_nothing_about_location() {
    let octets = database(
        IpVersion::V4,
        &[("192.0.2.0/24", map([("registered_country", map([("iso_code", Value::from("US"))]))]))],
    );
    assert_eq!(at(&locator(GeoSpec::default(), &[octets]), "192.0.2.1"), &Place::default());
}

#[test]
fn parts_of_the_world_are_continents_without_a_country() {
    let octets = database(
        IpVersion::V4,
        &[("192.0.2.0/25", flat("EU", (0.0, 0.0))), ("192.0.2.128/25", flat("AP", (0.0, 0.0)))],
    );
    let locator = locator(GeoSpec::default(), &[octets]);
    for (address, continent) in [("192.0.2.1", Continent::Europe), ("192.0.2.129", Continent::Asia)] {
        let place = at(&locator, address);
        assert_eq!((place.country, place.continent, place.point), (None, Some(continent), None));
    }
}

#[test]
fn asn_databases_are_accepted_and_tell_no_location() {
    let octets =
        database(IpVersion::V4, &[("192.0.2.0/24", map([("autonomous_system_number", Value::from(64_512_u32))]))]);
    assert_eq!(at(&locator(GeoSpec::default(), &[octets]), "192.0.2.1"), &Place::default());
}

fn overridden(networks: Vec<Network>) -> Locator {
    let regions = vec![point(50.0, 8.0), None];
    let octets = database(
        IpVersion::V6,
        &[
            ("192.0.2.0/24", nested("NL", "EU", Some((52.5, 4.75)))),
            ("2001:db8::/32", nested("JP", "AS", Some((35.0, 139.0)))),
        ],
    );
    locator(GeoSpec { networks, regions, ..GeoSpec::default() }, &[octets])
}

#[test]
fn a_network_wins_over_every_database() {
    let locator = overridden(vec![
        network("192.0.2.0/26", NetworkFact::Region(RegionId(0))),
        network("192.0.2.64/26", NetworkFact::Region(RegionId(1))),
        network("192.0.2.128/26", NetworkFact::Coordinates(point(1.0, 2.0).unwrap())),
        network("192.0.2.192/26", NetworkFact::Country(Country::new("BR").unwrap())),
        network("198.51.100.0/24", NetworkFact::Country(Country::new("BV").unwrap())),
    ]);
    let place = at(&locator, "192.0.2.1");
    assert_eq!((place.prefers, place.point, place.country), (Some(RegionId(0)), point(50.0, 8.0), Country::new("NL")));
    assert_eq!(source(&locator, place.point_source), "[[network]] 192.0.2.0/26");
    assert_eq!(source(&locator, place.country_source), "db0");

    let place = at(&locator, "192.0.2.65");
    assert_eq!(
        (place.prefers, place.point),
        (Some(RegionId(1)), point(52.5, 4.75)),
        "a region may have no coordinates"
    );

    let place = at(&locator, "192.0.2.129");
    assert_eq!((place.prefers, place.point, place.country), (None, point(1.0, 2.0), Country::new("NL")));

    let place = at(&locator, "192.0.2.193");
    assert_eq!((place.country, place.continent), (Country::new("BR"), Some(Continent::SouthAmerica)));
    assert!(place.point.unwrap().distance_km(point(-18.0, -46.0).unwrap()) < 1000.0, "Brazil, not Holland: {place:?}");
    assert_eq!(source(&locator, place.country_source), "[[network]] 192.0.2.192/26");

    let place = at(&locator, "198.51.100.1");
    assert_eq!((place.country, place.continent, place.point), (Country::new("BV"), Some(Continent::Antarctica), None));
}

#[test]
fn of_nested_networks_the_longest_alone_counts() {
    let locator = overridden(vec![
        network("192.0.2.0/24", NetworkFact::Region(RegionId(0))),
        network("192.0.2.0/25", NetworkFact::Country(Country::new("BR").unwrap())),
        network("192.0.2.7/32", NetworkFact::Coordinates(point(1.0, 2.0).unwrap())),
        network("192.0.2.7/32", NetworkFact::Region(RegionId(0))),
    ]);
    assert_eq!(at(&locator, "192.0.2.200").prefers, Some(RegionId(0)));
    let place = at(&locator, "192.0.2.1");
    assert_eq!((place.prefers, place.country), (None, Country::new("BR")));
    let place = at(&locator, "192.0.2.7");
    assert_eq!((place.prefers, place.country, place.point), (None, Country::new("NL"), point(1.0, 2.0)));
    assert_eq!(locator.leaf_prefix("192.0.2.7".parse().unwrap()).to_string(), "192.0.2.7/32");
}

#[test]
fn marks_split_leaves_and_are_listed_in_ascending_order() {
    let octets = database(IpVersion::V6, &[("192.0.2.0/24", flat("NL", (1.0, 2.0)))]);
    let marks =
        prefixes(&["192.0.2.64/26", "192.0.2.0/24", "2001:db8::/32", "192.0.2.64/26", "::ffff:192.0.2.128/121"]);
    let locator = locator(GeoSpec { marks, ..GeoSpec::default() }, &[octets]);
    for (address, marks, leaf) in [
        ("192.0.2.1", vec![1], "192.0.2.0/26"),
        ("192.0.2.65", vec![0, 1, 3], "192.0.2.64/26"),
        ("192.0.2.129", vec![1, 4], "192.0.2.128/25"),
        ("2001:db8::1", vec![2], "2001:db8::/32"),
        ("2001:db9::1", vec![], "2001:db9::/32"),
    ] {
        assert_eq!(*at(&locator, address).marks, *marks, "{address}");
        assert_eq!(locator.leaf_prefix(address.parse().unwrap()).to_string(), leaf);
        assert_eq!(country(&locator, address), if address.starts_with("192") { "NL" } else { "" });
    }
}

#[test]
fn addresses_in_ipv6_clothes_are_found_as_ipv4_and_their_forms_are_places_apart() {
    let octets =
        database(IpVersion::V6, &[("192.0.2.0/24", flat("NL", (1.0, 2.0))), ("2000::/3", flat("JP", (1.0, 2.0)))]);
    let networks = vec![network("::ffff:192.0.2.128/121", NetworkFact::Country(Country::new("BR").unwrap()))];
    let locator = locator(GeoSpec { networks, ..GeoSpec::default() }, &[octets]);
    for (address, code) in [
        ("::ffff:192.0.2.1", "NL"),
        ("64:ff9b::192.0.2.1", "NL"),
        ("2002:c000:0201::1", "NL"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdfe", "NL"),
        ("::ffff:192.0.2.129", "BR"),
        ("192.0.2.129", "BR"),
        ("2001:1::", "JP"),
        ("2003::1", "JP"),
    ] {
        assert_eq!(country(&locator, address), code, "{address}");
    }
    for (first, length) in [("::ffff:0.0.0.0", 96), ("64:ff9b::", 96), ("2002::", 16), ("2001::", 32)] {
        let leaf = locator.leaf_prefix(first.parse().unwrap());
        assert_eq!(leaf, Prefix::cut(first.parse().unwrap(), length).unwrap(), "no other leaf reaches over it");
        assert!(locator.places()[locator.place_of(locator.leaf(first.parse().unwrap())).0 as usize].disguised);
    }
}
