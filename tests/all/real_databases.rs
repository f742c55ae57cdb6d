//! The prefix table over databases of real size: what it costs, and that it says what the databases say. On demand, because
//! nobody may pass such databases on.

use azimuth::base::{Point, RegionId};
use azimuth::geo::spec::{DatabaseFile, GeoSpec};
use azimuth::geo::{Client, Locator};
use azimuth::steering::spec::{Policy, Region};
use azimuth::steering::{Ranking, RankingKey};
use maxminddb::{Reader, path};
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::Instant;

/// The whole table with a first ranking.
const TABLE_LEN_MAX: usize = 64 << 20;

/// Each further ranking.
const RANKING_LEN_MAX: usize = 8 << 20;

/// Look-ups that are timed, and that are compared with the databases.
const LOOKUPS: usize = 1_000_000;

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
}

fn databases() -> Vec<PathBuf> {
    let folder = std::env::var("AZIMUTH_TEST_GEO_DIR").expect("AZIMUTH_TEST_GEO_DIR is a folder with *.mmdb files");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| is_mmdb(path)).collect();
    files.sort();
    files
}

fn is_mmdb(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|extension| extension == "mmdb")
}

/// A ranking by distance of so many regions, which stand all over the world.
fn ranking(locator: &Locator, count: u16) -> Ranking {
    let mut lots = Lots(2);
    let mut degrees = |most: u64| (lots.draw() % (2 * most)) as f64 - most as f64;
    let regions: Vec<Region> = (0..count)
        .map(|_| Region { coordinates: Point::new(degrees(60), degrees(180)), ..Region::default() })
        .collect();
    let ids: Vec<RegionId> = (0..count).map(RegionId).collect();
    Ranking::build(&RankingKey::new(&Policy::default(), &ids, &regions), locator)
}

/// A line of /proc/self/status, where there is one.
fn memory(line: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|each| each.starts_with(line)).unwrap_or("unknown").replace(char::is_whitespace, " ")
}

/// Random IPv4 addresses, and random addresses inside random leaves of both families.
fn samples(locator: &Locator) -> [(&'static str, Vec<IpAddr>); 3] {
    let mut lots = Lots(1);
    let v4 = (0..LOOKUPS).map(|_| IpAddr::V4(Ipv4Addr::from_bits(lots.draw() as u32))).collect();
    let [lengths4, lengths6] = locator.leaf_depths();
    let mut starts4 = vec![0_u32];
    for &length in &lengths4[..lengths4.len() - 1] {
        starts4.push(starts4.last().unwrap() + (1 << (32 - length)));
    }
    let mut starts6 = vec![0_u128];
    for &length in &lengths6[..lengths6.len() - 1] {
        starts6.push(starts6.last().unwrap() + (1 << (128 - length)));
    }
    let in_v4 = |_| {
        let leaf = lots.draw() as usize % lengths4.len();
        let inside = lots.draw() as u32 & u32::MAX.checked_shr(lengths4[leaf].into()).unwrap_or(0);
        IpAddr::V4(Ipv4Addr::from_bits(starts4[leaf] | inside))
    };
    let leaf_v4 = (0..LOOKUPS).map(in_v4).collect();
    let in_v6 = |_| {
        let leaf = lots.draw() as usize % lengths6.len();
        let random = u128::from(lots.draw()) << 64 | u128::from(lots.draw());
        let inside = random & u128::MAX.checked_shr(lengths6[leaf].into()).unwrap_or(0);
        IpAddr::V6(Ipv6Addr::from_bits(starts6[leaf] | inside))
    };
    let leaf_v6 = (0..LOOKUPS).map(in_v6).collect();
    [("random IPv4", v4), ("in a random IPv4 leaf", leaf_v4), ("in a random IPv6 leaf", leaf_v6)]
}

/// Prints the mean times of look-ups that can overlap, and of look-ups that each wait for the one before: best of five.
fn print_times(locator: &Locator, name: &str, addresses: &[IpAddr]) {
    let (mut apart, mut chained) = (f64::MAX, f64::MAX);
    for _ in 0..5 {
        let start = Instant::now();
        let mut sum = 0_u64;
        for &address in addresses {
            sum += u64::from(locator.leaf(address).0);
        }
        black_box(sum);
        apart = apart.min(start.elapsed().as_nanos() as f64 / addresses.len() as f64);
        let start = Instant::now();
        let mut last = 0;
        for &address in addresses {
            let address = match address {
                IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() ^ (last & 1))),
                IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() ^ u128::from(last & 1))),
            };
            last = locator.leaf(address).0;
        }
        black_box(last);
        chained = chained.min(start.elapsed().as_nanos() as f64 / addresses.len() as f64);
    }
    println!("{name}: {apart:.1} ns a look-up, {chained:.1} ns when each waits for the one before");
}

/// What a database says of an address: country and latitude, of either schema.
fn said(reader: &Reader<Vec<u8>>, address: IpAddr) -> (Option<String>, Option<f64>) {
    if address.is_ipv6() && reader.metadata().ip_version == 4 {
        return (None, None);
    }
    let found = reader.lookup(address).unwrap();
    let text = |path: &[maxminddb::PathElement<'_>]| found.decode_path::<String>(path).ok().flatten();
    let number = |path: &[maxminddb::PathElement<'_>]| {
        let wide = found.decode_path::<f64>(path).ok().flatten();
        wide.or_else(|| found.decode_path::<f32>(path).ok().flatten().map(f64::from))
    };
    let country = text(&path!["country", "iso_code"]).or_else(|| text(&path!["country_code"]));
    let latitude = number(&path!["location", "latitude"]).or_else(|| number(&path!["latitude"]));
    // Codes for nothing known and for parts of the world are no countries.
    (country.filter(|code| !matches!(code.as_str(), "" | "AP" | "EU" | "XX" | "ZZ")), latitude)
}

#[test]
#[ignore = "needs databases: AZIMUTH_TEST_GEO_DIR=FOLDER cargo test --profile ci --test all -- --ignored real_databases --nocapture"]
fn cost_and_content_of_the_prefix_table() {
    let files = databases();
    let of = |path: &PathBuf| DatabaseFile { path: path.clone(), span: None };
    let spec = GeoSpec { databases: files.iter().map(of).collect(), ..GeoSpec::default() };
    let start = Instant::now();
    let locator = Locator::build(&spec).unwrap();
    println!("loaded in {:.2} s; {}; {}", start.elapsed().as_secs_f64(), memory("VmRSS"), memory("VmHWM"));
    let [v4, v6] = locator.leaf_depths();
    let rankings = [12, 300].map(|count| ranking(&locator, count));
    for ranking in &rankings {
        let len = ranking.heap_len();
        println!("{} regions: {:.1} MiB", ranking.reach().regions().len(), len as f64 / f64::from(1 << 20));
        assert!(len < RANKING_LEN_MAX, "{len} octets");
    }
    let table_len = locator.heap_len() + rankings[1].heap_len();
    println!(
        "{} IPv4 and {} IPv6 leaves, {} places, {:.1} MiB, {:.1} MiB with a first ranking",
        v4.len(),
        v6.len(),
        locator.places().len(),
        locator.heap_len() as f64 / f64::from(1 << 20),
        table_len as f64 / f64::from(1 << 20),
    );
    assert!(table_len < TABLE_LEN_MAX, "{table_len} octets");
    let samples = samples(&locator);
    for (name, addresses) in &samples {
        print_times(&locator, name, addresses);
    }
    let readers: Vec<Reader<Vec<u8>>> = files.iter().map(|path| Reader::open_readfile(path).unwrap()).collect();
    for address in samples.iter().flat_map(|(_, addresses)| &addresses[..LOOKUPS / 10]) {
        if Client::new(*address, 128).address != *address {
            continue;
        }
        let place = &locator.places()[locator.place_of(locator.leaf(*address)).0 as usize];
        let said: Vec<_> = readers.iter().map(|reader| said(reader, *address)).collect();
        let country = said.iter().find_map(|(country, _)| country.clone());
        assert_eq!(place.country.map(|country| country.as_str().to_owned()), country, "{address}");
        if let Some(latitude) = said.iter().find_map(|(_, latitude)| *latitude).filter(|latitude| *latitude != 0.0) {
            assert_eq!(place.point.map(|point| point.latitude()), Some(latitude), "{address}");
        }
    }
}
