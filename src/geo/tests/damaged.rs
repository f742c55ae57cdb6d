//! Databases that are no databases, or broken ones: an error that says what to do, or a harmless answer.

use super::fixtures::{database, flat, map, nested};
use crate::base::Sources;
use crate::geo::Locator;
use crate::geo::country_table::CountryTable;
use crate::geo::database::Database;
use crate::geo::naming::Numbers;
use crate::geo::spec::{DatabaseFile, GeoSpec};
use mmdb_writer::{IpVersion, Value};
use proptest::prelude::*;
use std::path::Path;

fn sample() -> Vec<u8> {
    database(
        IpVersion::V6,
        &[
            ("192.0.2.0/24", nested("NL", "EU", Some((52.5, 4.75)))),
            ("198.51.100.0/24", nested("DE", "EU", None)),
            ("2001:db8::/32", nested("JP", "AS", Some((35.0, 139.0)))),
            ("2001:db8:1::/48", flat("KR", (37.0, 127.0))),
        ],
    )
}

/// The whole message about a file with these octets, without its path.
fn message(octets: &[u8]) -> String {
    let unusable = Database::read(octets, &Numbers::default()).unwrap_err();
    unusable.diagnostic(Path::new("F")).render(&Sources::default(), false)
}

#[test]
fn foreign_data_is_refused_with_the_keys_that_were_found() {
    let octets = database(
        IpVersion::V4,
        &[("192.0.2.0/24", map([("is_anonymous", Value::from(true)), ("is_tor", Value::from(true))]))],
    );
    let text = message(&octets);
    assert!(text.contains("`F` holds no location data: its records have the keys `is_anonymous`, `is_tor`"), "{text}");
    assert!(text.contains("help: use a City, Country or ASN database"), "{text}");
    let text = message(&database(IpVersion::V4, &[("192.0.2.0/24", Value::from("NL"))]));
    assert!(text.contains("its records have no keys at all"), "{text}");
    let text = message(&database(IpVersion::V4, &[]));
    assert!(text.contains("not even one network"), "{text}");
}

#[test]
fn what_is_no_database_is_refused_with_a_remedy() {
    for octets in [&b""[..], b"hello", &[0; 4096], b"\xab\xcd\xefMaxMind.com", b"\xab\xcd\xefMaxMind.com\xff\xff\xff"] {
        let text = message(octets);
        assert!(text.contains("is no usable MaxMind DB") && text.contains("download it again"), "{text}");
    }
    assert!(message(b"\x1f\x8b\x08rest").contains("unpack it first"));
}

#[test]
fn every_unusable_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("good.mmdb"), sample()).unwrap();
    std::fs::write(path("bad.mmdb"), b"no database").unwrap();
    let file = |name: &str| DatabaseFile { path: path(name), span: None };
    let databases = vec![file("good.mmdb"), file("bad.mmdb"), file("missing.mmdb"), file("")];
    let errors = Locator::build(&GeoSpec { databases, ..GeoSpec::default() }).unwrap_err();
    let texts: Vec<String> = errors.iter().map(|error| error.one_line(&Sources::default())).collect();
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(texts[0].contains("bad.mmdb` is no usable MaxMind DB"), "{}", texts[0]);
    assert!(
        texts[1].contains("missing.mmdb` cannot be read") && texts[1].contains("azimuth geoip fetch"),
        "{}",
        texts[1]
    );
    assert!(texts[2].contains("is not a file"), "{}", texts[2]);
    let databases = vec![file("good.mmdb")];
    assert!(Locator::build(&GeoSpec { databases, ..GeoSpec::default() }).is_ok());
}

/// A tree in which both branches of each node lead to the next one has as many ends as there are addresses.
#[test]
fn a_search_tree_without_end_is_no_hang() {
    let octets = sample();
    let metadata = octets.windows(14).rposition(|window| window == b"\xab\xcd\xefMaxMind.com").unwrap();
    for end in [false, true] {
        let nodes = 130_u32;
        let mut damaged = Vec::new();
        for node in 0..nodes {
            let next = if node + 1 < nodes {
                node + 1
            } else if end {
                nodes
            } else {
                0
            };
            damaged.extend([&next.to_be_bytes()[1..], &next.to_be_bytes()[1..]].concat());
        }
        damaged.extend([0; 16 + 16]);
        damaged.extend(&octets[metadata..]);
        let at = damaged.windows(10).rposition(|window| window == b"node_count").unwrap() + 10;
        // The count is a 32-bit number: type and size in one octet, then as many octets.
        let size = usize::from(damaged[at] & 0x1f);
        let mut count = nodes.to_be_bytes()[4 - size..].to_vec();
        damaged[at + 1..=at + size].swap_with_slice(&mut count);
        assert!(Database::read(&damaged, &Numbers::default()).is_err());
    }
}

#[test]
fn a_cut_file_is_refused() {
    let octets = sample();
    for len in 0..octets.len() {
        assert!(Database::read(&octets[..len], &Numbers::default()).is_err(), "cut to {len} octets");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_octets_make_reading_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut octets = sample();
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        let _ = Database::read(&octets, &Numbers::default());
    }

    #[test]
    fn no_octets_make_unpacking_the_country_table_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(CountryTable::decode(&octets).is_err());
        let _ = CountryTable::decode_unpacked(&[b"azimuth countries 1\n", octets.as_slice()].concat());
    }
}
