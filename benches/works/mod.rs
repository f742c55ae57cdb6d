//! What is measured: worlds (configuration, zones, database) and queries, written as files, the same each time. Benches answer
//! them in process; `peers.py` gives the same zones and queries to other servers. Measures nothing itself.
//!
//! | work | asked |
//! |---|---|
//! | w1 | an address of a zone file |
//! | w2 | a balanced name, from an address in no database |
//! | w3 | a balanced name, with client subnets from all over the world |
//! | w4 | names that do not exist |
//! | w5 | w1 of a signed zone, with the DO bit |
//! | w5nx | w4 of a signed zone, with the DO bit |

pub mod chance;

mod database;
mod live;
mod queries;
mod worlds;
mod zones;

pub use live::Live;

use database::Networks;
use queries::Opt;
use std::fs;
use std::path::Path;

/// Hosts of a zone, where nothing else is said.
const HOSTS: u64 = 10_000;
/// Queries of a work.
const QUERIES: usize = 200_000;
/// Queries of a world that grows.
const QUERIES_GROWING: usize = 10_000;
/// The name of the database's file.
const DATABASE: &str = "city.mmdb";

/// Writes all worlds and queries into `folder`.
pub fn write(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let networks = Networks::new();
    let put = |name: &str, octets: &[u8]| fs::write(folder.join(name), octets).unwrap();
    put(DATABASE, &networks.to_mmdb());
    put("plain.zone", zones::plain(HOSTS).as_bytes());
    put("signed.zone", zones::signed(HOSTS).as_bytes());
    put("geographic.toml", worlds::geographic("plain.zone", DATABASE).as_bytes());
    put("signed.toml", worlds::only_a_zone("signed.zone").as_bytes());
    let ask = |name: &str, queries: Vec<Vec<u8>>| put(&format!("{name}.queries"), &packed(&queries));
    ask("w1", queries::hosts(HOSTS, QUERIES, Opt::None));
    ask("w2", vec![queries::query("www", Opt::None); QUERIES]);
    ask("w3", queries::subnets(&networks, QUERIES));
    ask("w4", queries::absent(QUERIES, Opt::None));
    ask("w5", queries::hosts(HOSTS, QUERIES, Opt::DnssecOk));
    ask("w5nx", queries::absent(QUERIES, Opt::DnssecOk));
    write_growing(folder);
}

/// Worlds of several sizes.
fn write_growing(folder: &Path) {
    let put = |name: &str, octets: &[u8]| fs::write(folder.join(name), octets).unwrap();
    for hosts in [100, 100_000] {
        put(&format!("hosts-{hosts}.zone"), zones::plain(hosts).as_bytes());
        put(&format!("hosts-{hosts}.toml"), worlds::only_a_zone(&format!("hosts-{hosts}.zone")).as_bytes());
        put(&format!("hosts-{hosts}.queries"), &packed(&queries::hosts(hosts, QUERIES_GROWING, Opt::None)));
    }
    put("one.zone", zones::plain(1).as_bytes());
    for regions in [3, 300] {
        let text = worlds::many_regions("one.zone", DATABASE, regions);
        put(&format!("regions-{regions}.toml"), text.as_bytes());
    }
    for pools in [10, 10_000] {
        put(&format!("pools-{pools}.toml"), worlds::many_pools("one.zone", pools).as_bytes());
        put(&format!("pools-{pools}.queries"), &packed(&queries::pools(pools, QUERIES_GROWING)));
    }
}

/// Messages in one file, each behind its length in two octets, as over TCP.
fn packed(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut octets = Vec::new();
    for message in messages {
        octets.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
        octets.extend(message);
    }
    octets
}

/// The messages of a file, `count` at most.
pub fn read_queries(path: &Path, count: usize) -> Vec<Vec<u8>> {
    let octets = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut messages, mut rest) = (Vec::new(), &octets[..]);
    while let Some((len, behind)) = rest.split_first_chunk::<2>().filter(|_| messages.len() < count) {
        let (message, behind) = behind.split_at(usize::from(u16::from_be_bytes(*len)));
        messages.push(message.to_vec());
        rest = behind;
    }
    messages
}
