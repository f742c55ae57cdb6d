//! Sets of prefixes that clients' addresses are drawn from, and which set each city stands for.

use super::chance::Chance;
use super::cities::City;
use super::nearest::Nearest;
use crate::base::{Country, Prefix};
use crate::geo::{Client, EMBEDDED_NAME, Locator, Place};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a client shows of an IPv4 and of an IPv6 address, in bits, as resolvers send it (RFC 7871, section 11.1).
const SHOWN_BITS: [u8; 2] = [24, 56];

/// Draws an address in a prefix, as a resolver sends it on: cut to what clients show, or to the prefix where that is longer.
pub(super) fn draw_in(prefix: Prefix, chance: &mut Chance) -> Client {
    match prefix.address() {
        IpAddr::V4(first) => {
            let free = 32 - u32::from(prefix.length());
            let address = first.to_bits() | (chance.next() & ((1 << free) - 1)) as u32;
            Client::new(Ipv4Addr::from_bits(address).into(), SHOWN_BITS[0].max(prefix.length()))
        }
        IpAddr::V6(first) => {
            let mask = u128::MAX.checked_shr(prefix.length().into()).unwrap_or(0);
            let drawn = (u128::from(chance.next()) << 64) | u128::from(chance.next());
            let address = Ipv6Addr::from_bits(first.to_bits() | (drawn & mask));
            Client::new(address.into(), SHOWN_BITS[1].max(prefix.length()))
        }
    }
}

/// Prefixes, each drawn as often as it has addresses.
#[derive(Debug, Default)]
pub(super) struct PrefixSet {
    /// With the sum of the weights up to and with it.
    prefixes: Vec<(Prefix, u64)>,
}

impl PrefixSet {
    fn add(&mut self, prefix: Prefix) {
        // IPv6 networks are handed out as /48; larger ones count as so many of them.
        let free = match prefix.address() {
            IpAddr::V4(_) => 32 - prefix.length(),
            IpAddr::V6(_) => 48_u8.saturating_sub(prefix.length()),
        };
        let before = self.total();
        self.prefixes.push((prefix, before.saturating_add(1 << free)));
    }

    fn total(&self) -> u64 {
        self.prefixes.last().map_or(0, |&(_, sum)| sum)
    }

    fn is_empty(&self) -> bool {
        self.prefixes.is_empty()
    }

    /// An address in one of the prefixes; `None` where there are none.
    pub(super) fn draw(&self, chance: &mut Chance) -> Option<Client> {
        let at = chance.below(self.total());
        let index = self.prefixes.partition_point(|&(_, sum)| sum <= at);
        self.prefixes.get(index).map(|&(prefix, _)| draw_in(prefix, chance))
    }
}

/// How the prefixes of a city were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A database puts them nearer to it than to any other city.
    ByCity,
    /// Of them only the country is known, and it is the city's.
    ByCountry,
}

/// The prefixes that each city stands for.
#[derive(Debug)]
pub(super) struct Catchments {
    sets: Vec<PrefixSet>,
    /// By city.
    of_city: Vec<Option<(usize, Found)>>,
}

/// Whose prefixes a place's are.
#[derive(Clone, Copy)]
enum Owner {
    City(usize),
    Country(Country),
}

impl Catchments {
    /// Gives every prefix of the table whose place is known to a city or a country.
    pub(super) fn new(locator: &Locator, cities: &[City]) -> Self {
        let nearest = Nearest::new(cities.iter().map(|city| city.point));
        let owners = owners(locator, &nearest, cities.len());
        let mut sets: Vec<[PrefixSet; 2]> = Vec::new();
        let mut by_city: Vec<Option<usize>> = vec![None; cities.len()];
        let mut by_country: BTreeMap<Country, usize> = BTreeMap::new();
        each_leaf(locator, |prefix, place| {
            let slot = match owners.get(place) {
                Some(Some(Owner::City(city))) => by_city[*city].get_or_insert(sets.len()),
                Some(Some(Owner::Country(country))) => by_country.entry(*country).or_insert(sets.len()),
                Some(None) | None => return,
            };
            if *slot == sets.len() {
                sets.push(Default::default());
            }
            sets[*slot][prefix.family().index()].add(prefix);
        });
        let sets: Vec<PrefixSet> = sets.into_iter().map(|[v4, v6]| if v4.is_empty() { v6 } else { v4 }).collect();
        let of_city = cities.iter().zip(by_city).map(|(city, own)| {
            let of_country = || by_country.get(&city.country).map(|&set| (set, Found::ByCountry));
            own.map(|set| (set, Found::ByCity)).or_else(of_country)
        });
        Self { of_city: of_city.collect(), sets }
    }

    /// The prefixes of a city, by its index; `None` where the table knows none.
    pub(super) fn of_city(&self, city: usize) -> Option<(usize, Found)> {
        self.of_city.get(city).copied().flatten()
    }

    /// The prefixes with the number that [`Self::of_city`] gives.
    pub(super) fn set(&self, number: usize) -> Option<&PrefixSet> {
        self.sets.get(number)
    }
}

/// For each place whose prefixes its prefixes are. What a `[[network]]` table locates is a city's where a database knows that
/// city too: an office alone must not stand for a city.
fn owners(locator: &Locator, nearest: &Nearest, cities: usize) -> Vec<Option<Owner>> {
    let names = locator.source_names();
    let country_points = names.iter().position(|name| name == EMBEDDED_NAME).unwrap_or(names.len());
    let source = |place: &Place| place.point_source.map(usize::from);
    let city = |place: &Place| place.point.and_then(|point| nearest.of(point));
    let mut known = vec![false; cities];
    for place in locator.places().iter().filter(|place| source(place).is_some_and(|source| source < country_points)) {
        if let Some(city) = city(place) {
            known[city] = true;
        }
    }
    let owner = |place: &Place| {
        let located = city(place).filter(|&city| source(place) != Some(country_points) && known[city]);
        located.map(Owner::City).or_else(|| place.country.map(Owner::Country))
    };
    locator.places().iter().map(owner).collect()
}

/// Calls `leaf` with every leaf of the table in address order, and the number of its place.
fn each_leaf(locator: &Locator, mut leaf: impl FnMut(Prefix, usize)) {
    let [v4, v6] = locator.leaf_depths();
    let (v4_places, v6_places) = locator.leaf_places().split_at(v4.len());
    let mut start = 0_u32;
    for (&length, place) in v4.iter().zip(v4_places) {
        if let Some(prefix) = Prefix::cut(Ipv4Addr::from_bits(start).into(), length) {
            leaf(prefix, place.0 as usize);
        }
        start = start.wrapping_add(1_u32.checked_shl(32 - u32::from(length)).unwrap_or(0));
    }
    let mut start = 0_u128;
    for (&length, place) in v6.iter().zip(v6_places) {
        if let Some(prefix) = Prefix::cut(Ipv6Addr::from_bits(start).into(), length) {
            leaf(prefix, place.0 as usize);
        }
        start = start.wrapping_add(1_u128.checked_shl(128 - u32::from(length)).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{PrefixSet, draw_in};
    use crate::simulate::chance::Chance;

    #[test]
    fn clients_show_what_resolvers_send_of_them() {
        let mut chance = Chance::new(1, 1);
        for (prefix, bits) in
            [("192.0.0.0/20", 24), ("192.0.2.0/24", 24), ("192.0.2.7/32", 32), ("2001:db8::/32", 56), ("::1/128", 128)]
        {
            let prefix: crate::base::Prefix = prefix.parse().unwrap();
            for _ in 0..100 {
                let client = draw_in(prefix, &mut chance);
                assert!(prefix.contains(client.address) && client.known_bits == bits, "{client:?}");
            }
        }
    }

    #[test]
    fn a_prefix_is_drawn_as_often_as_it_has_addresses() {
        let mut set = PrefixSet::default();
        assert_eq!(set.draw(&mut Chance::new(1, 1)), None);
        for prefix in ["192.0.2.0/24", "198.51.100.0/23", "203.0.113.0/26"] {
            set.add(prefix.parse().unwrap());
        }
        let mut chance = Chance::new(1, 1);
        let large: crate::base::Prefix = "198.51.100.0/23".parse().unwrap();
        let count = (0..10_000).filter(|_| large.contains(set.draw(&mut chance).unwrap().address)).count();
        // 512 of 832 addresses.
        assert!((5_950..6_360).contains(&count), "{count}");
    }
}
