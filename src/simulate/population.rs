//! Clients: where they are, how many, and which addresses they show.

use super::chance::Chance;
use super::cities::City;
use super::list::Listed;
use super::prefixes::{Catchments, Found, draw_in};
use super::resolvers::Resolvers;
use crate::base::{Country, Point, Prefix};
use crate::geo::{Client, Locator};

/// Clients to be asked for.
#[derive(Debug)]
pub struct Population {
    spots: Vec<Spot>,
    catchments: Catchments,
    resolvers: Resolvers,
    /// The share of clients behind public resolvers.
    behind_resolvers: f64,
    basis: Basis,
}

/// Clients at one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) country: Option<Country>,
    /// Where they truly are.
    pub(super) point: Option<Point>,
    pub(super) clients: u64,
    addresses: Addresses,
    /// The resolver site that they reach.
    site: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Addresses {
    /// A set of the catchments.
    Set(usize),
    One(Prefix),
}

/// How a population came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    /// Cities, or lines of a list, that have clients.
    pub spots: usize,
    /// Clients whose city has prefixes of its own in the databases.
    pub by_city: u64,
    /// Clients that show a prefix of which only the country is known.
    pub by_country: u64,
    /// People of cities without any known prefix, who have no clients.
    pub left_out: u64,
}

/// What a population is made by.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many clients.
    pub clients: u64,
    /// The share of them behind public resolvers that send no client subnet: 0 to 1.
    pub behind_resolvers: f64,
    /// Where chance begins.
    pub seed: u64,
}

impl Population {
    /// The world's cities, each with its share of clients. They show addresses of the prefixes that `locator` puts nearest to
    /// their city, or, where it knows only countries, of their country.
    #[must_use]
    pub fn of_cities(cities: &[City], locator: &Locator, plan: &Plan) -> Self {
        let catchments = Catchments::new(locator, cities);
        let resolvers = Resolvers::new(&catchments, cities, plan.seed);
        let mut basis = Basis::default();
        let known: Vec<(&City, usize, Found)> = (cities.iter().enumerate())
            .filter_map(|(index, city)| {
                let found = catchments.of_city(index);
                basis.left_out += if found.is_none() { city.population } else { 0 };
                found.map(|(set, found)| (city, set, found))
            })
            .collect();
        let counts = apportion(plan.clients, known.iter().map(|(city, ..)| city.population as f64));
        let mut spots = Vec::with_capacity(known.len());
        for ((city, set, found), clients) in known.into_iter().zip(counts) {
            match found {
                Found::ByCity => basis.by_city += clients,
                Found::ByCountry => basis.by_country += clients,
            }
            spots.push(Spot {
                country: Some(city.country),
                point: Some(city.point),
                clients,
                addresses: Addresses::Set(set),
                site: resolvers.site_of(city.point),
            });
        }
        Self::new(spots, catchments, resolvers, plan, basis)
    }

    /// The clients of a list, each with its share; they are where `locator` says.
    #[must_use]
    pub fn of_list(listed: &[Listed], cities: &[City], locator: &Locator, plan: &Plan) -> Self {
        let cities = if plan.behind_resolvers > 0.0 { cities } else { &[] };
        let catchments = Catchments::new(locator, cities);
        let resolvers = Resolvers::new(&catchments, cities, plan.seed);
        let counts = apportion(plan.clients, listed.iter().map(|line| line.weight));
        let spots = listed.iter().zip(counts).map(|(line, clients)| {
            let client = Client::new(line.prefix.address(), line.prefix.length());
            let place = &locator.places()[locator.place_of(locator.leaf(client.address)).0 as usize];
            Spot {
                country: place.country,
                point: place.point,
                clients,
                addresses: Addresses::One(line.prefix),
                site: place.point.and_then(|point| resolvers.site_of(point)),
            }
        });
        Self::new(spots.collect(), catchments, resolvers, plan, Basis::default())
    }

    fn new(mut spots: Vec<Spot>, catchments: Catchments, resolvers: Resolvers, plan: &Plan, mut basis: Basis) -> Self {
        spots.retain(|spot| spot.clients > 0);
        basis.spots = spots.len();
        Self { spots, catchments, resolvers, behind_resolvers: plan.behind_resolvers, basis }
    }

    /// How it came about.
    #[must_use]
    pub const fn basis(&self) -> &Basis {
        &self.basis
    }

    /// How many clients there are.
    #[must_use]
    pub fn clients(&self) -> u64 {
        self.spots.iter().map(|spot| spot.clients).sum()
    }

    pub(super) fn spots(&self) -> &[Spot] {
        &self.spots
    }

    /// One client of a spot, as the server sees it: its own subnet, or the resolver that asks for it.
    pub(super) fn draw(&self, spot: &Spot, chance: &mut Chance) -> Option<Client> {
        let resolver = chance.happens(self.behind_resolvers).then_some(spot.site).flatten();
        if let Some(client) = resolver.and_then(|site| self.resolvers.draw(site, chance)) {
            return Some(client);
        }
        match spot.addresses {
            Addresses::Set(set) => self.catchments.set(set)?.draw(chance),
            Addresses::One(prefix) => Some(draw_in(prefix, chance)),
        }
    }
}

/// Divides `clients` among `weights` so that every part is off by less than one client and none is lost.
fn apportion(clients: u64, weights: impl Iterator<Item = f64> + Clone) -> Vec<u64> {
    let total: f64 = weights.clone().sum();
    let (mut sum, mut given) = (0.0, 0);
    let part = |weight| {
        sum += weight;
        // The last sum is the total to the bit: both add the same numbers in the same order.
        let until = if total > 0.0 { (clients as f64 * (sum / total)).round() as u64 } else { 0 };
        let part = until - given;
        given = until;
        part
    };
    weights.map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::apportion;

    #[test]
    fn parts_are_proportional_and_none_is_lost() {
        let weights = [5.0, 0.0, 2.5, 0.1, 0.1, 0.1, 2.2];
        let parts = apportion(1_000_003, weights.into_iter());
        assert_eq!(parts.iter().sum::<u64>(), 1_000_003);
        for (part, weight) in parts.iter().zip(weights) {
            assert!((*part as f64 - weight / 10.0 * 1_000_003.0).abs() <= 1.0, "{parts:?}");
        }
        assert_eq!(apportion(10, [0.0].into_iter()).iter().sum::<u64>(), 0);
    }
}
