//! What all simulated worlds stand on: eight regions, a handful of geographies (who is where), and the zone in each of its
//! versions. Made once.

use super::random::Random;
use crate::golden::database;
use azimuth::base::{Country, Point, Prefix, RegionId, Sources};
use azimuth::geo::Locator;
use azimuth::geo::spec::{DatabaseFile, GeoSpec, Network, NetworkFact};
use azimuth::wire::Name;
use azimuth::zone::{BalancedOwner, Role, Zone, ZoneSet, ZoneSpec};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// Names and coordinates.
pub const REGIONS: [(&str, f64, f64); 8] = [
    ("us-east", 39.0, -77.5),
    ("us-west", 45.6, -121.2),
    ("sa-east", -23.6, -46.6),
    ("eu-west", 53.3, -6.3),
    ("eu-north", 60.2, 24.9),
    ("ap-south", 19.1, 72.9),
    ("ap-east", 35.7, 139.7),
    ("oceania", -33.9, 151.2),
];

/// How many versions of the zone there are, and so at most configurations of one world.
pub const GENERATIONS: usize = 8;
/// Names that are balanced over addresses: `n0` to `n3`. `n0` has an HTTPS record.
pub const ADDRESS_NAMES: usize = 4;
/// `n4` is balanced over names.
pub const NAMES: usize = 5;
/// Of the negative answers.
pub const NEGATIVE_TTL: u32 = 60;

const GEOGRAPHIES: usize = 16;

/// Who is where.
pub struct Geography {
    pub locator: Arc<Locator>,
    /// The prefixes that something is said of: between their edges all addresses are alike.
    pub edges: Vec<Prefix>,
    /// Those that rules may name.
    pub marks: Vec<Prefix>,
}

/// The geography of a seed.
pub fn geography(seed: u64) -> &'static Geography {
    static ALL: LazyLock<Vec<Geography>> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        (0..GEOGRAPHIES).map(|number| make(number as u64, folder.path())).collect()
    });
    &ALL[(seed % GEOGRAPHIES as u64) as usize]
}

/// A prefix out of a few octets, so that prefixes nest and touch.
fn prefix(random: &mut Random) -> Prefix {
    let octets = [10, 11, 64, 100, 200];
    let part = |random: &mut Random| *random.pick(&[0_u8, 1, 127, 128, 255]);
    match random.one_in(3) {
        false => {
            let address = [*random.pick(&octets), part(random), part(random), part(random)];
            Prefix::cut(IpAddr::from(address), 4 + random.below(25) as u8).unwrap()
        }
        true => {
            let mut address = [0_u8; 16];
            // Far from the forms of IPv6 addresses that hold IPv4 ones.
            address[..3].copy_from_slice(&[0x2a, 0x01, 0x0d]);
            for octet in &mut address[3..8] {
                *octet = part(random);
            }
            Prefix::cut(IpAddr::from(address), 20 + random.below(44) as u8).unwrap()
        }
    }
}

fn make(number: u64, folder: &Path) -> Geography {
    let mut random = Random::new(0x6765_6f00 + number);
    let mut edges: Vec<Prefix> = Vec::new();
    let mut fresh = |random: &mut Random| loop {
        let prefix = prefix(random);
        if !edges.contains(&prefix) {
            edges.push(prefix);
            return prefix;
        }
    };
    let places = [
        "country=DE continent=EU at=52,13",
        "country=US continent=NA at=40,-100",
        "country=BR continent=SA",
        "continent=AS",
    ];
    let lines: Vec<String> =
        (0..8).map(|_| format!("{} {}", fresh(&mut random), random.clone().pick(&places))).collect();
    // Shorter prefixes first: what comes later wins in such a file.
    let mut lines = lines;
    lines.sort_by_key(|line| line.split([' ', '/']).nth(1).map(|length| length.parse::<u8>().unwrap()));
    let file = folder.join(format!("{number}.mmdb"));
    std::fs::write(&file, database::build(&lines.join("\n")).unwrap()).unwrap();
    let networks = (0..6 + random.below(10)).map(|_| {
        let fact = match random.below(4) {
            0 => NetworkFact::Region(RegionId(random.index(REGIONS.len()) as u16)),
            1 => NetworkFact::Country(Country::new("FR").unwrap()),
            _ => NetworkFact::Coordinates(point(random.share() * 140.0 - 70.0, random.share() * 360.0 - 180.0)),
        };
        Network::located(fresh(&mut random), fact)
    });
    let networks: Vec<Network> = networks.collect();
    let marks: Vec<Prefix> = (0..3).map(|_| fresh(&mut random)).collect();
    let regions = REGIONS.map(|(_, latitude, longitude)| Some(point(latitude, longitude))).to_vec();
    let databases = vec![DatabaseFile { path: file, span: None }];
    let spec = GeoSpec { databases, networks, regions, marks: marks.clone(), ..GeoSpec::default() };
    let locator = Arc::new(Locator::build(&spec).unwrap_or_else(|found| panic!("{found:?}")));
    Geography { locator, edges, marks }
}

fn point(latitude: f64, longitude: f64) -> Point {
    Point::new(latitude, longitude).unwrap()
}

/// The zone as the configuration with this number has it: its serial is one more, which is how answers show where they are from.
pub fn zones(generation: usize) -> Arc<ZoneSet> {
    static ALL: LazyLock<Vec<Arc<ZoneSet>>> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        (0..GENERATIONS).map(|generation| zone(generation, folder.path())).collect()
    });
    Arc::clone(&ALL[generation])
}

/// The balanced names, in the order of their slots.
pub fn owners() -> Vec<BalancedOwner> {
    let owner = |number: usize| BalancedOwner {
        owner: Name::from_text(name(number).as_bytes(), None).unwrap(),
        role: Role::Balanced,
        answers_cname: number >= ADDRESS_NAMES,
        span: None,
    };
    (0..NAMES).map(owner).collect()
}

/// A balanced name, absolute.
pub fn name(number: usize) -> String {
    format!("n{number}.sim.example.")
}

fn zone(generation: usize, folder: &Path) -> Arc<ZoneSet> {
    let file = folder.join(format!("{generation}.zone"));
    let serial = generation + 1;
    let text = format!(
        "@ 60 SOA ns host {serial} 7200 3600 1209600 {NEGATIVE_TTL}\n@ 60 NS ns\nns 60 A 192.0.2.53\nn0 60 HTTPS 1 . alpn=h2\n"
    );
    std::fs::write(&file, format!("$ORIGIN sim.example.\n{text}")).unwrap();
    let apex = Name::from_text(b"sim.example.", None).unwrap();
    let spec = ZoneSpec { apex, file, span: None, balanced: owners() };
    let mut sources = Sources::default();
    let (zone, found) = Zone::load(&spec, None, &mut sources);
    let shown = || found.iter().map(|diagnostic| diagnostic.render(&sources, false)).collect::<String>();
    Arc::new(ZoneSet::new(vec![zone.unwrap_or_else(|| panic!("{}", shown()))]))
}
