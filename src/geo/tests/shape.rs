//! The prefix table against a naive longest-prefix match, on random networks.

use super::fixtures::{database, flat, locator};
use crate::base::{Country, Family, Prefix, prefix::cut_address};
use crate::geo::spec::{GeoSpec, Network, NetworkFact};
use crate::geo::{Client, Locator};
use mmdb_writer::IpVersion;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const CODES: [&str; 4] = ["DE", "FR", "JP", "US"];

/// Prefixes crowded into a few places, so that they nest, and lie side by side.
fn prefix() -> impl Strategy<Value = Prefix> {
    let v4 = (any::<u32>(), prop::sample::select(vec![0x0a00_0000_u32, 0xc0a8_0000, 0xffff_ff00]), 0..=32_u8)
        .prop_map(|(bits, base, length)| Prefix::cut(Ipv4Addr::from_bits(base | bits & 0x0003_0fff).into(), length));
    let v6 = (any::<u128>(), prop::sample::select(vec![0x2a00_u128 << 112, 0x2001_0db8 << 96, u128::MAX]), 0..=128_u8)
        .prop_map(|(bits, base, length)| {
            let crowded = bits & 0x0000_0000_ffff_0000_0000_0000_0000_00ff;
            Prefix::cut(Ipv6Addr::from_bits(base | crowded).into(), length)
        });
    prop_oneof![v4, v6].prop_filter_map("too long", |prefix| prefix)
}

/// Addresses at which something may change: the first and last of each prefix and their neighbours.
fn borders(prefixes: &[(Prefix, usize)]) -> Vec<IpAddr> {
    let of = |prefix: &Prefix| -> Vec<IpAddr> {
        match prefix.address() {
            IpAddr::V4(v4) => {
                let (first, length) = (v4.to_bits(), u32::from(prefix.length()));
                let last = first | u32::MAX.checked_shr(length).unwrap_or(0);
                [first.wrapping_sub(1), first, last, last.wrapping_add(1)]
                    .map(|at| Ipv4Addr::from_bits(at).into())
                    .into()
            }
            IpAddr::V6(v6) => {
                let (first, length) = (v6.to_bits(), u32::from(prefix.length()));
                let last = first | u128::MAX.checked_shr(length).unwrap_or(0);
                [first.wrapping_sub(1), first, last, last.wrapping_add(1)]
                    .map(|at| Ipv6Addr::from_bits(at).into())
                    .into()
            }
        }
    };
    prefixes.iter().flat_map(|(prefix, _)| of(prefix)).collect()
}

/// The value of the longest prefix that holds an address; of equal prefixes the one given first.
fn naive(prefixes: &[(Prefix, usize)], address: IpAddr) -> Option<usize> {
    let holding = prefixes.iter().rev().filter(|(prefix, _)| prefix.contains(address));
    holding.max_by_key(|(prefix, _)| prefix.length()).map(|(_, value)| *value)
}

/// Every leaf as a prefix, in order; fails if they do not cover both families exactly.
fn leaves(locator: &Locator) -> Vec<Prefix> {
    let mut leaves = Vec::new();
    for (family, lengths) in Family::BOTH.into_iter().zip(locator.leaf_depths()) {
        let mut next = Some(match family {
            Family::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Family::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        });
        for &length in lengths {
            let start = next.expect("leaves reach beyond the end");
            assert_eq!(cut_address(start, length), start, "a leaf is aligned to its length");
            let leaf = Prefix::cut(start, length).unwrap();
            leaves.push(leaf);
            next = match start {
                IpAddr::V4(v4) => (v4.to_bits() | u32::MAX.checked_shr(length.into()).unwrap_or(0))
                    .checked_add(1)
                    .map(|next| Ipv4Addr::from_bits(next).into()),
                IpAddr::V6(v6) => (v6.to_bits() | u128::MAX.checked_shr(length.into()).unwrap_or(0))
                    .checked_add(1)
                    .map(|next| Ipv6Addr::from_bits(next).into()),
            };
        }
        assert_eq!(next, None, "leaves cover the family");
    }
    leaves
}

/// Checks the shape, and that both the first and the last address of each leaf are found in it.
fn check_shape(locator: &Locator) {
    let leaves = leaves(locator);
    assert_eq!(leaves.len(), locator.leaf_places().len());
    for (number, leaf) in leaves.iter().enumerate() {
        let last = match leaf.address() {
            IpAddr::V4(v4) => {
                IpAddr::V4((v4.to_bits() | u32::MAX.checked_shr(leaf.length().into()).unwrap_or(0)).into())
            }
            IpAddr::V6(v6) => {
                IpAddr::V6((v6.to_bits() | u128::MAX.checked_shr(leaf.length().into()).unwrap_or(0)).into())
            }
        };
        for address in [leaf.address(), last] {
            assert_eq!(locator.leaf(address).0 as usize, number, "{address}");
            assert_eq!(locator.leaf_prefix(address), *leaf);
        }
    }
    for (number, pair) in leaves.windows(2).enumerate() {
        let parent = |leaf: Prefix| leaf.length().checked_sub(1).and_then(|length| Prefix::cut(leaf.address(), length));
        let siblings = pair[0].length() == pair[1].length() && parent(pair[0]) == parent(pair[1]);
        let places = locator.leaf_places();
        assert!(!siblings || places[number] != places[number + 1], "{} and {} should be one", pair[0], pair[1]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_database_is_found_by_longest_prefix(
        networks in prop::collection::vec((prefix(), 0..CODES.len()), 0..40),
        others in prop::collection::vec(any::<u32>(), 20),
    ) {
        // The writer lets the last of equal networks win, so each is given once.
        let mut networks = networks;
        networks.sort();
        networks.dedup_by_key(|(prefix, _)| *prefix);
        let [v4, v6]: [Vec<(Prefix, usize)>; 2] =
            Family::BOTH.map(|family| networks.iter().copied().filter(|(prefix, _)| prefix.family() == family).collect());
        let written = |list: &[(Prefix, usize)], version| {
            let texts: Vec<String> = list.iter().map(|(prefix, _)| prefix.to_string()).collect();
            let records = texts.iter().zip(list).map(|(text, (_, code))| (text.as_str(), flat(CODES[*code], (1.0, 2.0))));
            let mut records: Vec<_> = records.collect();
            if records.is_empty() {
                records.push(("192.0.2.1/32", flat("", (0.0, 0.0))));
            }
            database(version, &records)
        };
        let locator = locator(GeoSpec::default(), &[written(&v4, IpVersion::V4), written(&v6, IpVersion::V6)]);
        check_shape(&locator);
        let random = others.iter().map(|bits| IpAddr::V4(Ipv4Addr::from_bits(*bits)));
        for address in borders(&networks).into_iter().chain(random) {
            if Client::new(address, 128).address != address {
                continue;
            }
            let place = &locator.places()[locator.place_of(locator.leaf(address)).0 as usize];
            let found = place.country.map(|country| country.as_str().to_owned());
            // The second database's IPv6 tree speaks of IPv4 too, where a prefix holds all of ::/96.
            let expected = naive(&networks, address).or_else(|| match address {
                IpAddr::V4(_) => naive(&v6, Ipv6Addr::UNSPECIFIED.into()),
                IpAddr::V6(_) => None,
            });
            prop_assert_eq!(found.as_deref(), expected.map(|code| CODES[code]), "{}", address);
        }
    }

    #[test]
    fn networks_and_marks_are_found_by_prefix(
        networks in prop::collection::vec((prefix(), 0..CODES.len()), 0..30),
        marks in prop::collection::vec(prefix(), 0..20),
    ) {
        let fact = |code: usize| NetworkFact::Country(Country::new(CODES[code]).unwrap());
        let spec = GeoSpec {
            networks: networks.iter().map(|&(prefix, code)| Network::located(prefix, fact(code))).collect(),
            marks: marks.clone(),
            ..GeoSpec::default()
        };
        let locator = locator(spec, &[database(IpVersion::V4, &[("192.0.2.0/24", flat("GB", (1.0, 2.0)))])]);
        check_shape(&locator);
        let numbered: Vec<(Prefix, usize)> = marks.iter().copied().zip(0..).collect();
        for address in borders(&networks).into_iter().chain(borders(&numbered)) {
            if Client::new(address, 128).address != address {
                continue;
            }
            let place = &locator.places()[locator.place_of(locator.leaf(address)).0 as usize];
            let expected = naive(&networks, address).map(|code| CODES[code]);
            let database = if address.to_string().starts_with("192.0.2.") { Some("GB") } else { None };
            prop_assert_eq!(place.country.as_ref().map(|country| country.as_str()), expected.or(database), "{}", address);
            let inside: Vec<u16> =
                (0..).zip(&marks).filter(|(_, mark)| mark.contains(address)).map(|(number, _)| number).collect();
            prop_assert_eq!(&*place.marks, inside.as_slice(), "{}", address);
        }
    }
}

/// A block whose addresses alternate, so that every level of the index is needed and no two leaves merge.
#[test]
fn dense_blocks_reach_every_level_of_the_index() {
    let mut texts: Vec<(String, usize)> = (0..2048_u32)
        .map(|number| (format!("{}/32", Ipv4Addr::from_bits(0x0a01_0000 + number)), number as usize % 3))
        .collect();
    texts.extend(
        (0..700_u32).map(|number| (format!("198.18.{}.{}/31", number >> 7, (number * 2) & 255), number as usize % 2)),
    );
    texts.extend((0..3000_u128).map(|number| {
        let address = Ipv6Addr::from_bits(0x2a00_0001 << 96 | number << 64);
        (format!("{address}/64"), number as usize % 3)
    }));
    texts.extend((0..300_u128).map(|number| {
        let address = Ipv6Addr::from_bits(0x2a00_0002 << 96 | number);
        (format!("{address}/128"), number as usize % 3)
    }));
    let networks: Vec<_> = texts.iter().map(|(text, code)| (text.as_str(), flat(CODES[*code], (1.0, 2.0)))).collect();
    let locator = locator(GeoSpec::default(), &[database(IpVersion::V6, &networks)]);
    check_shape(&locator);
    for (text, code) in &texts {
        let prefix: Prefix = text.parse().unwrap();
        let place = &locator.places()[locator.place_of(locator.leaf(prefix.address())).0 as usize];
        assert_eq!(place.country.unwrap().as_str(), CODES[*code], "{text}");
    }
}
