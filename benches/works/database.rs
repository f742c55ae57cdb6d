//! A location database: blocks of all sizes from /8 to /24 all over the IPv4 space, each at one of some thousand places. It
//! has the shape of MaxMind's City databases, which is the one that every server with a geographic module reads.

use super::chance::Chance;
use super::worlds::SITES;
use mmdb_writer::ipnet::{IpNet, Ipv4Net};
use mmdb_writer::{IpVersion, Value, Writer};
use std::net::Ipv4Addr;

const SEED: u64 = 20_260_101;
/// Places of one continent.
const PLACES: u64 = 500;
/// How often a block is one network, rather than two halves: some 80,000 networks come of it.
const WHOLE: f64 = 0.3;
/// The longest prefix.
const LENGTH_MAX: u8 = 24;
/// How often a network is on the continent of its /8.
const AT_HOME: f64 = 0.8;

/// One place, and the continent's number in [`SITES`].
struct Place {
    site: usize,
    latitude: f64,
    longitude: f64,
}

/// All networks of the database: always the same.
pub struct Networks {
    places: Vec<Place>,
    /// Each with the number of its place.
    networks: Vec<(Ipv4Net, usize)>,
}

impl Networks {
    pub fn new() -> Self {
        let mut chance = Chance(SEED);
        let mut all = Self { places: Vec::new(), networks: Vec::new() };
        for (number, site) in SITES.iter().enumerate() {
            for _ in 0..PLACES {
                let latitude = (site.latitude + 40.0 * (chance.share() - 0.5)).clamp(-60.0, 75.0);
                let longitude = site.longitude + 60.0 * (chance.share() - 0.5);
                let longitude = (longitude + 180.0).rem_euclid(360.0) - 180.0;
                all.places.push(Place { site: number, latitude, longitude });
            }
        }
        // Without what is no address of a host on the Internet.
        for first in (1..224).filter(|first| ![10, 127].contains(first)) {
            let home = chance.below(SITES.len() as u64);
            let block = Ipv4Net::new(Ipv4Addr::new(first, 0, 0, 0), 8).unwrap();
            all.divide(block, home, &mut chance);
        }
        all
    }

    fn divide(&mut self, block: Ipv4Net, home: u64, chance: &mut Chance) {
        let length = block.prefix_len();
        if length == LENGTH_MAX || length > 8 && chance.share() < WHOLE {
            let continent = if chance.share() < AT_HOME { home } else { chance.below(SITES.len() as u64) };
            self.networks.push((block, (continent * PLACES + chance.below(PLACES)) as usize));
            return;
        }
        for half in block.subnets(length + 1).unwrap() {
            self.divide(half, home, chance);
        }
    }

    /// The first address of some /24 in some network.
    pub fn subnet(&self, chance: &mut Chance) -> Ipv4Addr {
        let (network, _) = chance.one_of(&self.networks);
        let offset = chance.below(1 << (LENGTH_MAX - network.prefix_len())) as u32;
        Ipv4Addr::from(u32::from(network.network()) + (offset << 8))
    }

    /// As a file.
    pub fn to_mmdb(&self) -> Vec<u8> {
        let records: Vec<Value> = self.places.iter().map(record).collect();
        let mut writer = Writer::builder("GeoIP2-City").ip_version(IpVersion::V6).build();
        for (network, place) in &self.networks {
            writer.insert_value(IpNet::V4(*network), records[*place].clone()).unwrap();
        }
        writer.to_bytes().unwrap()
    }
}

fn record(place: &Place) -> Value {
    let site = &SITES[place.site];
    let code = |text: &str| Value::from(text);
    Value::map([
        ("continent", Value::map([("code", code(site.continent))])),
        ("country", Value::map([("iso_code", code(site.country))])),
        (
            "location",
            Value::map([("latitude", Value::from(place.latitude)), ("longitude", Value::from(place.longitude))]),
        ),
    ])
}
