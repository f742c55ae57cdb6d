//! The main promise on thousands of clients: every answer is the haversine-nearest region that is up, and scopes never
//! overlap. Once with a database made here, and on demand with a real one.

use crate::message::{self, ECS, Edns, Query, ecs};
use crate::world::{Over, World};
use azimuth::base::prefix::cut_address;
use azimuth::base::{Point, Prefix};
use azimuth::health::Status;
use mmdb_writer::{Value, Writer};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

/// Twelve datacenters: name and coordinates, in configured order. None of them nearly as far as another from anywhere but
/// the lines between them.
const REGIONS: [Site<'static>; 12] = [
    ("virginia", 39.04, -77.49),
    ("oregon", 45.52, -122.68),
    ("saopaulo", -23.55, -46.63),
    ("dublin", 53.35, -6.26),
    ("frankfurt", 50.11, 8.68),
    ("stockholm", 59.33, 18.06),
    ("johannesburg", -26.2, 28.05),
    ("bahrain", 26.07, 50.56),
    ("mumbai", 19.08, 72.88),
    ("singapore", 1.35, 103.82),
    ("tokyo", 35.68, 139.69),
    ("sydney", -33.87, 151.21),
];

/// Regions that are down, in rounds.
const ROUNDS: [&[usize]; 5] = [&[], &[4], &[0, 1, 10], &[3, 4, 5, 7], &[0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11]];

/// Two distances that differ by less are equal: coordinates may be stored with less precision than computed.
const TIE_KM: f64 = 0.01;

/// SplitMix64.
struct Lots(u64);

impl Lots {
    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.draw() % limit
    }

    fn degrees(&mut self, range: f64) -> f64 {
        // Four decimals, as databases have.
        (self.below(20_001) as f64 / 10_000.0 - 1.0) * range
    }
}

/// A datacenter: name, latitude and longitude.
type Site<'n> = (&'n str, f64, f64);

fn configuration(databases: &[String], regions: &[Site<'_>]) -> String {
    let quoted: Vec<String> = databases.iter().map(|path| format!("{path:?}")).collect();
    let mut toml = format!("[geoip]\ndatabases = [{}]\n[monitor.tcp]\ntype = \"tcp\"\nport = 80\n", quoted.join(", "));
    for (name, latitude, longitude) in regions {
        writeln!(toml, "[region.{name}]\ncoordinates = [{latitude:?}, {longitude:?}]").unwrap();
    }
    toml.push_str("[pool.world]\nmonitor = \"tcp\"\nmembers = [\n");
    for (index, (name, ..)) in regions.iter().enumerate() {
        writeln!(toml, "  {{ region = \"{name}\", address = \"192.0.2.{index}\" }},").unwrap();
    }
    toml + "]\n[zone.\"example.test\"]\nfile = \"example.test.zone\"\nbalance.www = { pool = \"world\" }\n"
}

fn load(folder: &Path, databases: &[String], regions: &[Site<'_>]) -> World {
    std::fs::write(folder.join("azimuth.toml"), configuration(databases, regions)).unwrap();
    let zone = "@ 3600 SOA ns host 1 7200 3600 1209600 300\n@ 3600 NS ns.example.net.\n";
    std::fs::write(folder.join("example.test.zone"), zone).unwrap();
    World::load(folder).unwrap_or_else(|error| panic!("{error}"))
}

/// Sets the regions of a round down and all others up.
fn set_round(world: &mut World, down: &[usize]) {
    world.set_health("*", None, Status::Up, false);
    for index in down {
        assert_eq!(world.set_health(&format!("192.0.2.{index}"), None, Status::Down, false), 1);
    }
}

/// The region that a client of this subnet is answered, and the scope.
fn ask(world: &mut World, subnet: Prefix) -> (usize, u8) {
    let mut query = Query::new("www.example.test", 1);
    query.edns = Some(Edns { options: vec![(ECS, ecs(subnet.address(), subnet.length()))], ..Edns::default() });
    let response = world.ask(&query.octets(), IpAddr::from([192, 0, 2, 53]), Over::Udp, 1).unwrap();
    let message = message::read(&response).unwrap();
    let answer = message::rdata(&message.answers);
    let region = answer[0].rsplit('.').next().unwrap().parse().unwrap();
    (region, message::client_subnet(&message).unwrap().scope)
}

/// Whether `region` is as near as any region that is up.
fn is_nearest(point: Option<Point>, region: usize, down: &[usize]) -> bool {
    let mut up = (0..REGIONS.len()).filter(|index| !down.contains(index));
    let Some(point) = point else { return up.next() == Some(region) };
    let distance = |index: usize| point.distance_km(Point::new(REGIONS[index].1, REGIONS[index].2).unwrap());
    let least = up.map(distance).fold(f64::INFINITY, f64::min);
    !down.contains(&region) && distance(region) <= least + TIE_KM
}

/// The answers that resolvers would hold by now: by scope.
#[derive(Default)]
struct Cache(BTreeMap<IpAddr, (u8, usize)>);

impl Cache {
    /// Adds an answer; panics when its scope overlaps another, or holds another answer.
    fn add(&mut self, subnet: Prefix, scope: u8, region: usize) {
        let first = cut_address(subnet.address(), scope);
        let scope_prefix = Prefix::cut(first, scope).unwrap();
        if let Some(&(known_scope, known_region)) = self.0.get(&first) {
            assert_eq!((known_scope, known_region), (scope, region), "{subnet}: {first} has two scopes or two answers");
            return;
        }
        if let Some((&before, &(known_scope, _))) = self.0.range(..first).next_back() {
            let known = Prefix::cut(before, known_scope).unwrap();
            assert!(!known.contains(first), "{subnet}: scopes {known} and {scope_prefix} overlap");
        }
        if let Some((&behind, &(known_scope, _))) = self.0.range(first..).next() {
            assert!(
                !scope_prefix.contains(behind),
                "{subnet}: scopes {scope_prefix} and {behind}/{known_scope} overlap"
            );
        }
        self.0.insert(first, (scope, region));
    }
}

/// Asks for `count` clients in every round and checks each answer against `locate`, which says where an address is, or
/// that it cannot tell (`Err`). Returns how many answers were judged.
fn judge(world: &mut World, clients: &[Prefix], locate: &dyn Fn(IpAddr) -> Result<Option<Point>, ()>) -> usize {
    let mut judged = 0;
    let mut scopes = BTreeMap::new();
    for down in ROUNDS {
        set_round(world, down);
        let mut cache = Cache::default();
        for &subnet in clients {
            let (region, scope) = ask(world, subnet);
            cache.add(subnet, scope, region);
            assert_eq!(*scopes.entry(subnet).or_insert(scope), scope, "{subnet}: a scope never depends on health");
            let Ok(point) = locate(subnet.address()) else { continue };
            assert!(is_nearest(point, region, down), "{subnet} at {point:?} was answered {}", REGIONS[region].0);
            judged += 1;
        }
    }
    judged
}

/// A database of nested networks at random places, and the list it was made of, longest prefixes last.
fn fixture(lots: &mut Lots, networks: usize) -> (Vec<u8>, Vec<(Prefix, Point)>) {
    let mut listed: Vec<(Prefix, Point)> = Vec::new();
    while listed.len() < networks {
        let (address, bits) = random_client(lots);
        let shortest = if bits == 32 { 4 } else { 20 };
        let length = shortest + u8::try_from(lots.below(if bits == 32 { 21 } else { 29 })).unwrap();
        let prefix = Prefix::cut(address, length).unwrap();
        let point = Point::new(lots.degrees(90.0), lots.degrees(180.0)).unwrap();
        if listed.iter().all(|(other, _)| *other != prefix) {
            listed.push((prefix, point));
        }
    }
    listed.sort_by_key(|(prefix, _)| prefix.length());
    let mut writer = Writer::builder("GeoLite2-City").build();
    for (prefix, point) in &listed {
        let location = [("latitude", Value::from(point.latitude())), ("longitude", Value::from(point.longitude()))];
        let record = Value::map([("location", Value::map(location))]);
        writer.insert_range(prefix.address(), crate::golden::last_address(*prefix), &record).unwrap();
    }
    (writer.to_bytes().unwrap(), listed)
}

/// An address of either family, in space where databases have something: IPv6 in 2400::/6.
fn random_client(lots: &mut Lots) -> (IpAddr, u8) {
    if lots.below(3) > 0 {
        (IpAddr::V4(Ipv4Addr::from_bits(lots.draw() as u32)), 32)
    } else {
        let bits = u128::from(lots.draw()) << 64 | u128::from(lots.draw());
        (IpAddr::V6(Ipv6Addr::from_bits(0x24 << 120 | bits >> 6)), 128)
    }
}

/// Client subnets as resolvers send them: /24 and /56, some more, some less exact.
fn random_subnets(lots: &mut Lots, count: usize, near: &[(Prefix, Point)]) -> Vec<Prefix> {
    let mut subnets = Vec::new();
    while subnets.len() < count {
        let (mut address, mut bits) = random_client(lots);
        // Half of them inside a network of the list, so that the deep ones are met.
        if !near.is_empty() && lots.below(2) == 0 {
            let (prefix, _) = near[usize::try_from(lots.below(near.len() as u64)).unwrap()];
            address = prefix.address();
            bits = prefix.family().bits();
        }
        let usual = if bits == 32 { 24 } else { 56 };
        let length = match lots.below(4) {
            0 => bits,
            1 => usual - 4,
            _ => usual,
        };
        subnets.push(Prefix::cut(cut_address(address, length), length).unwrap());
    }
    subnets
}

#[test]
fn every_answer_is_the_nearest_region_that_is_up_and_scopes_never_overlap() {
    let mut lots = Lots(2);
    let (database, listed) = fixture(&mut lots, 4_000);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fixture.mmdb"), database).unwrap();
    let mut world = load(folder.path(), &["fixture.mmdb".to_owned()], &REGIONS);
    let clients = random_subnets(&mut lots, 4_000, &listed);
    // The slow way: the longest of all networks that hold the address.
    let locate =
        |address: IpAddr| Ok(listed.iter().rev().find(|(prefix, _)| prefix.contains(address)).map(|(_, point)| *point));
    assert_eq!(judge(&mut world, &clients, &locate), ROUNDS.len() * clients.len());
}

/// "Up to 16 regions (of that set) the order is exact for every client; above, the nearest 8 are exact".
#[test]
fn of_forty_regions_the_nearest_eight_are_in_exact_order() {
    let mut lots = Lots(5);
    let (database, listed) = fixture(&mut lots, 300);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fixture.mmdb"), database).unwrap();
    let names: Vec<String> = (0..40).map(|number| format!("region{number}")).collect();
    let sites: Vec<Site<'_>> =
        names.iter().map(|name| (name.as_str(), lots.degrees(90.0), lots.degrees(180.0))).collect();
    let mut world = load(folder.path(), &["fixture.mmdb".to_owned()], &sites);
    let (mut compared, clients) = (0, random_subnets(&mut lots, 60, &listed));
    for subnet in clients {
        let Some((_, point)) = listed.iter().rev().find(|(prefix, _)| prefix.contains(subnet.address())) else {
            continue;
        };
        let distance = |index: usize| point.distance_km(Point::new(sites[index].1, sites[index].2).unwrap());
        let mut order: Vec<usize> = (0..sites.len()).collect();
        order.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)));
        world.set_health("*", None, Status::Up, false);
        for &nearest in &order[..8] {
            let (region, _) = ask(&mut world, subnet);
            assert!((distance(region) - distance(nearest)).abs() < TIE_KM, "{subnet}: {region} instead of {nearest}");
            world.set_health(&format!("192.0.2.{nearest}"), None, Status::Down, false);
            compared += 1;
        }
        // Behind them the order is not exact, but somebody who is up answers.
        let (region, _) = ask(&mut world, subnet);
        assert!(!order[..8].contains(&region));
    }
    assert!(compared >= 100, "enough clients were inside a network: {compared}");
}

#[test]
#[ignore = "needs a city database: AZIMUTH_TEST_GEO_DIR=FOLDER cargo test --profile ci --test all -- --ignored real_database --nocapture"]
fn real_database_twenty_thousand_clients() {
    let folder = std::env::var("AZIMUTH_TEST_GEO_DIR").expect("AZIMUTH_TEST_GEO_DIR is a folder with *.mmdb files");
    let folder = std::fs::canonicalize(folder).unwrap();
    let mut databases: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path().display().to_string()).collect();
    databases.retain(|path| path.ends_with(".mmdb"));
    databases.sort();
    assert!(!databases.is_empty(), "there is no *.mmdb file");
    let readers: Vec<_> = databases.iter().map(|path| maxminddb::Reader::open_readfile(path).unwrap()).collect();
    let temp = tempfile::tempdir().unwrap();
    let begun = std::time::Instant::now();
    let mut world = load(temp.path(), &databases, &REGIONS);
    println!("loaded {databases:?} in {:.2} s", begun.elapsed().as_secs_f64());
    let clients = random_subnets(&mut Lots(3), 20_000, &[]);
    let locate = |address: IpAddr| {
        let found = readers.iter().find_map(|reader| record(reader, address));
        // What has a country only is at the country's point, which this test does not know.
        match found {
            None => Ok(None),
            Some(record) => coordinates(&record).map(Some).ok_or(()),
        }
    };
    let judged = judge(&mut world, &clients, &locate);
    println!("{judged} of {} answers judged", ROUNDS.len() * clients.len());
    assert!(judged > ROUNDS.len() * clients.len() / 2, "most clients have coordinates");
}

/// What a database says of an address, in whatever schema.
fn record(reader: &maxminddb::Reader<Vec<u8>>, address: IpAddr) -> Option<serde_json::Value> {
    if address.is_ipv6() && reader.metadata().ip_version == 4 {
        return None;
    }
    reader.lookup(address).ok()?.decode::<serde_json::Value>().ok().flatten()
}

/// The coordinates of a record, nested (MaxMind) or flat (ip-location-db).
fn coordinates(record: &serde_json::Value) -> Option<Point> {
    let holder = record.get("location").unwrap_or(record);
    let degrees = |key: &str| {
        let value = holder.get(key)?;
        value.as_f64().or_else(|| value.as_str()?.parse().ok())
    };
    Point::new(degrees("latitude")?, degrees("longitude")?)
}
