//! A large world as configuration text: so many pools over so many regions, under policies of every costly kind.

use crate::Chance;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Pools share so many sets of regions: services are rolled out to the same places.
const SETS: u64 = 40;

/// The policies of the many pools, most of them under the first.
const POLICIES: [(&str, &str); 5] = [
    ("near", "order = \"closest\""),
    ("hashed", "order = \"closest\"\nspread = \"hash\""),
    ("by-load", "order = \"closest\"\nspread = \"least-connections\""),
    ("shedding", "order = \"closest\"\nshed = { low = 0.7, high = 0.9 }"),
    ("quick", "order = \"closest\"\nspread = \"least-response-time\""),
];

/// Writes `azimuth.toml` and a zone into a folder. Beside the many pools there are one with a member in each region, once under a
/// policy that balances regions by load and once without, and pools that all have one address in common.
pub fn write(folder: &Path, pools: usize, regions: usize) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("large.example.zone"), zone()).unwrap();
    fs::write(folder.join("states"), "").unwrap();
    fs::write(folder.join("azimuth.toml"), config(pools, regions)).unwrap();
}

fn zone() -> &'static str {
    "$ORIGIN large.example.\n$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 604800 300\n@ NS ns1\nns1 A 192.0.2.53\n"
}

fn config(pools: usize, regions: usize) -> String {
    let mut chance = Chance(7);
    let mut text = String::from(
        "[server]\nlisten = [\"127.0.0.1:5414\"]\nworkers = 1\nstate_dir = \"state\"\nstartup_grace = \"1s\"\n\
         [admin]\nlisten = \"\"\n[monitor.web]\ntype = \"file\"\nfile = \"states\"\ndefault = \"up\"\ninterval = \"10s\"\n",
    );
    for region in 0..regions {
        let (latitude, longitude) = (chance.below(1200) as f64 / 10.0 - 60.0, chance.below(3600) as f64 / 10.0 - 180.0);
        writeln!(text, "[region.r{region:03}]\ncoordinates = [{latitude}, {longitude}]\ncapacity = 1000").unwrap();
    }
    for (name, keys) in POLICIES {
        writeln!(text, "[policy.{name}]\n{keys}").unwrap();
    }
    text += "[policy.wide]\norder = \"closest\"\ntie_band = 1.2\nregion_spread = \"two-choices\"\n";
    let sets: Vec<Vec<u64>> = (0..SETS).map(|_| set(&mut chance, regions as u64)).collect();
    for pool in 0..pools {
        let set = &sets[chance.below(SETS) as usize];
        let recovers = if pool % 10 == 9 { "failback_delay = \"10m\"\n" } else { "" };
        writeln!(text, "[pool.p{pool:05}]\nmonitor = \"web\"\n{recovers}members = [").unwrap();
        for (at, region) in set.iter().enumerate() {
            for member in 0..2 {
                let number = (pool * 16 + at * 2 + member) as u32;
                writeln!(text, "{{ region = \"r{region:03}\", address = \"{}\" }},", address(10, number)).unwrap();
            }
        }
        text += "]\n";
    }
    for pool in 0..pools {
        // The first member is common to all; the second is each pool's own.
        let shared = address(172, 1);
        let own = address(11, pool as u32);
        writeln!(
            text,
            "[pool.s{pool:05}]\nmonitor = \"web\"\nmembers = [\n{{ region = \"r000\", address = \"{shared}\" }},\n\
             {{ region = \"r{:03}\", address = \"{own}\" }} ]",
            1 + pool % 8,
        )
        .unwrap();
    }
    text += "[pool.wide]\nmonitor = \"web\"\nmembers = [\n";
    for region in 0..regions {
        writeln!(text, "{{ region = \"r{region:03}\", address = \"{}\" }},", address(12, region as u32)).unwrap();
    }
    text += "]\n[zone.\"large.example\"]\nfile = \"large.example.zone\"\n";
    for pool in 0..pools {
        let policy = POLICIES[(pool % 20).saturating_sub(15)].0;
        writeln!(text, "balance.p{pool:05} = {{ pool = \"p{pool:05}\", policy = \"{policy}\" }}").unwrap();
        writeln!(text, "balance.s{pool:05} = {{ pool = \"s{pool:05}\", policy = \"near\" }}").unwrap();
    }
    text += "balance.wide = { pool = \"wide\", policy = \"near\" }\nbalance.wide-load = { pool = \"wide\", policy = \"wide\" }\n";
    text
}

/// Three to six regions.
fn set(chance: &mut Chance, regions: u64) -> Vec<u64> {
    let count = 3 + chance.below(4);
    let mut set: Vec<u64> = (0..count).map(|_| chance.below(regions)).collect();
    set.sort_unstable();
    set.dedup();
    set
}

/// Address `number` of a network of /8.
fn address(network: u8, number: u32) -> String {
    let [_, a, b, c] = number.to_be_bytes();
    format!("{network}.{a}.{b}.{c}")
}
