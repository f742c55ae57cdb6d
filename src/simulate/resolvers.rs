//! Public resolvers that send no client subnet: their own address decides for everybody behind them.
//!
//! An approximation: real ones announce their address from more sites and do not publish all of them, and the network, not
//! distance alone, takes a client to one of them.

use super::cities::City;
use super::nearest::Nearest;
use super::prefixes::Catchments;
use crate::base::Point;
use crate::geo::Client;
use crate::simulate::chance::Chance;

/// Where public resolvers stand: large cities with large Internet exchanges on all continents. Name, latitude, longitude.
pub const SITES: [(&str, f64, f64); 36] = [
    ("Amsterdam", 52.37, 4.90),
    ("Ashburn", 39.04, -77.49),
    ("Atlanta", 33.75, -84.39),
    ("Bogota", 4.61, -74.08),
    ("Buenos Aires", -34.61, -58.38),
    ("Cairo", 30.06, 31.25),
    ("Chennai", 13.09, 80.28),
    ("Chicago", 41.85, -87.65),
    ("Dallas", 32.78, -96.81),
    ("Delhi", 28.65, 77.23),
    ("Dubai", 25.07, 55.17),
    ("Frankfurt", 50.12, 8.68),
    ("Hong Kong", 22.28, 114.17),
    ("Istanbul", 41.01, 28.95),
    ("Jakarta", -6.21, 106.85),
    ("Johannesburg", -26.20, 28.04),
    ("Lagos", 6.45, 3.39),
    ("London", 51.51, -0.13),
    ("Los Angeles", 34.05, -118.24),
    ("Madrid", 40.42, -3.70),
    ("Mexico City", 19.43, -99.13),
    ("Miami", 25.77, -80.19),
    ("Milan", 45.46, 9.19),
    ("Mumbai", 19.07, 72.88),
    ("Nairobi", -1.28, 36.82),
    ("Paris", 48.85, 2.35),
    ("Santiago", -33.46, -70.65),
    ("Sao Paulo", -23.55, -46.64),
    ("Seattle", 47.61, -122.33),
    ("Seoul", 37.57, 126.98),
    ("Singapore", 1.29, 103.85),
    ("Stockholm", 59.33, 18.06),
    ("Sydney", -33.87, 151.21),
    ("Tokyo", 35.69, 139.69),
    ("Toronto", 43.71, -79.40),
    ("Warsaw", 52.23, 21.01),
];

/// How many addresses a site asks from.
const EGRESS_ADDRESSES: u64 = 64;

/// Resolver sites whose addresses are known to the prefix table.
#[derive(Debug)]
pub(super) struct Resolvers {
    nearest: Nearest,
    /// By site: the addresses that it asks from.
    egress: Vec<Vec<Client>>,
}

impl Resolvers {
    /// Resolvers ask from addresses of the city that is nearest to their site.
    pub(super) fn new(catchments: &Catchments, cities: &[City], seed: u64) -> Self {
        let nearest_city = Nearest::new(cities.iter().map(|city| city.point));
        let mut points = Vec::new();
        let mut egress = Vec::new();
        for (number, (_, latitude, longitude)) in (0..).zip(SITES) {
            let Some(point) = Point::new(latitude, longitude) else { continue };
            let set = nearest_city.of(point).and_then(|city| catchments.of_city(city));
            let Some(set) = set.and_then(|(set, _)| catchments.set(set)) else { continue };
            let mut chance = Chance::new(seed, u64::MAX - number);
            let addresses: Vec<Client> = (0..EGRESS_ADDRESSES).filter_map(|_| set.draw(&mut chance)).collect();
            if !addresses.is_empty() {
                points.push(point);
                egress.push(addresses);
            }
        }
        Self { nearest: Nearest::new(points), egress }
    }

    /// The site that clients at `point` reach.
    pub(super) fn site_of(&self, point: Point) -> Option<usize> {
        self.nearest.of(point)
    }

    /// The address that one of the resolvers of a site asks from.
    pub(super) fn draw(&self, site: usize, chance: &mut Chance) -> Option<Client> {
        let egress = self.egress.get(site)?;
        egress.get(chance.below(egress.len() as u64) as usize).copied()
    }
}
