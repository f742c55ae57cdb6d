//! How many instructions it takes: of the parts of an answer, of a whole one for each work, and in small and large worlds.
//! Every bench does its work [`COUNT`] times; `compare.py` divides by that and compares with `baseline.json`.
//! See `benches/README.md`.

#![expect(clippy::unwrap_used, reason = "a bench: what goes wrong ends it")]
#![expect(missing_docs, reason = "the macros make public items")]
#![expect(clippy::disallowed_methods, reason = "the macros end the process")]

mod works;

use azimuth::base::Family;
use azimuth::geo::Locator;
use azimuth::snapshot::Snapshot;
use azimuth::steering::decide::{Asked, Decision};
use azimuth::steering::{PoolAnswers, Ranking, decide};
use azimuth::wire::{NameKey, Query, Rcode, Response, Understood, rtype};
use azimuth::zone::{Lookup, Zone, ZoneSet};
use gungraun::Callgrind;
use gungraun::prelude::*;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use works::{Live, read_queries};

/// How often a bench does its work; `compare.py` knows it too.
const COUNT: usize = 4096;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("works").join(name)
}

fn queries(name: &str) -> Vec<Vec<u8>> {
    read_queries(&file(&format!("{name}.queries")), COUNT)
}

/// Done at full speed, before the benches of a group.
fn write_works() {
    works::write(&file(""));
}

/// Caches are not simulated, which takes half of the time.
fn instructions_alone() -> LibraryBenchmarkConfig {
    LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["cache-sim=no"])).to_owned()
}

fn live(configuration: &str) -> Live {
    Live::load(&file(&format!("{configuration}.toml")))
}

/// A live world and its queries.
type Asking = &'static mut (Live, Vec<Vec<u8>>);

fn asking(configuration: &str, of: &str) -> Asking {
    // Leaked, so that no bench counts how it is freed.
    let asking = Box::leak(Box::new((live(configuration), queries(of))));
    // Asked once without being counted: what the first answer alone costs is no cost of an answer.
    answer_all(asking);
    asking
}

fn answer_all((live, queries): &mut (Live, Vec<Vec<u8>>)) {
    for (octets, random) in queries.iter().zip(0..) {
        black_box(live.answer(black_box(octets), random));
    }
}

#[library_benchmark(setup = asking)]
#[bench::w1("geographic", "w1")]
#[bench::w2("geographic", "w2")]
#[bench::w3("geographic", "w3")]
#[bench::w4("geographic", "w4")]
#[bench::w5("signed", "w5")]
#[bench::w5nx("signed", "w5nx")]
fn respond(asking: Asking) {
    answer_all(asking);
}

#[library_benchmark(setup = asking)]
#[bench::hosts_100("hosts-100", "hosts-100")]
#[bench::hosts_100_000("hosts-100000", "hosts-100000")]
#[bench::absent_of_100("hosts-100", "w4")]
#[bench::absent_of_100_000("hosts-100000", "w4")]
#[bench::regions_3("regions-3", "w3")]
#[bench::regions_300("regions-300", "w3")]
#[bench::pools_10("pools-10", "pools-10")]
#[bench::pools_10_000("pools-10000", "pools-10000")]
fn grow(asking: Asking) {
    answer_all(asking);
}

/// A query and the messages to parse with it.
type Parsing = &'static mut (Query, Vec<Vec<u8>>);

fn parsing(of: &str) -> Parsing {
    Box::leak(Box::new((Query::default(), queries(of))))
}

#[library_benchmark(setup = parsing)]
#[bench::plain("w1")]
#[bench::edns("w5")]
#[bench::client_subnet("w3")]
fn parse((query, messages): Parsing) {
    for message in messages {
        black_box(query.parse(black_box(message), || Understood::ALL)).unwrap();
    }
}

/// Names as messages hold them.
fn wire_names(messages: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    messages.into_iter().map(|message| message[12..message.len() - 4].to_vec()).collect()
}

type Keying = &'static mut (NameKey, Vec<Vec<u8>>);

fn keying() -> Keying {
    Box::leak(Box::new((NameKey::default(), wire_names(queries("w1")))))
}

#[library_benchmark(setup = keying)]
#[bench::host()]
fn name_key((key, names): Keying) {
    for name in names {
        black_box(key.set(black_box(name))).unwrap();
    }
}

/// Zones and the names to find in them.
type Finding = &'static (Arc<Snapshot>, Vec<NameKey>);

fn finding(of: &str) -> Finding {
    let keys = wire_names(queries(of)).into_iter().map(|octets| {
        let mut key = NameKey::default();
        key.set(&octets).unwrap();
        key
    });
    Box::leak(Box::new((live("geographic").snapshot, keys.collect())))
}

#[library_benchmark(setup = finding)]
#[bench::any("w1")]
fn zone((snapshot, keys): Finding) {
    let zones: &ZoneSet = &snapshot.zones;
    for key in keys {
        black_box(zones.find(black_box(key), 0)).unwrap();
    }
}

#[library_benchmark(setup = finding)]
#[bench::hit("w1")]
#[bench::miss("w4")]
#[bench::balanced("w2")]
fn lookup((snapshot, keys): Finding) {
    let zone: &Zone = &snapshot.zones.zones()[0];
    for key in keys {
        let found: Lookup<'_> = zone.lookup(black_box(key), 1, rtype::A);
        black_box(&found);
    }
}

/// What places are found in, and addresses.
type Locating = &'static (Arc<Snapshot>, Vec<IpAddr>);

fn locating() -> Locating {
    let of_message = |octets: &Vec<u8>| {
        let [.., a, b, c] = octets[..] else { panic!("too short") };
        Ipv4Addr::new(a, b, c, 0).into()
    };
    Box::leak(Box::new((live("geographic").snapshot, queries("w3").iter().map(of_message).collect())))
}

#[library_benchmark(setup = locating)]
#[bench::of_80_000_networks()]
fn prefix((snapshot, addresses): Locating) {
    let locator: &Locator = &snapshot.locator;
    for address in addresses {
        black_box(locator.leaf(black_box(*address)));
    }
}

#[library_benchmark(setup = locating)]
#[bench::of_80_000_networks()]
fn spot((snapshot, addresses): Locating) {
    let ranking: &Ranking = &snapshot.rankings[snapshot.balances[0][0].ranking as usize];
    for address in addresses {
        black_box(ranking.spot(&snapshot.locator, black_box(*address)));
    }
}

/// What is decided on, and by what.
type Deciding = &'static (Arc<Snapshot>, Vec<Asked>);

fn deciding() -> Deciding {
    let (snapshot, addresses) = locating();
    let asked = |(address, turn): (&IpAddr, u32)| Asked {
        leaf: snapshot.locator.leaf(*address),
        address: *address,
        known_bits: 24,
        family: Family::V4,
        random: u64::from(turn),
        turn,
    };
    Box::leak(Box::new((Arc::clone(snapshot), addresses.iter().zip(0..).map(asked).collect())))
}

#[library_benchmark(setup = deciding)]
#[bench::of_6_regions()]
fn decision((snapshot, all_asked): Deciding) {
    let balance = snapshot.balances[0][0];
    let answers: &PoolAnswers = snapshot.pool_answers.get(balance.pool_answers as usize);
    let ranking: &Ranking = &snapshot.rankings[balance.ranking as usize];
    for asked in all_asked {
        let decided: Decision = decide(answers, ranking, black_box(asked));
        black_box(decided);
    }
}

/// A response without records: what every answer begins and ends with.
type Writing = &'static (Query, Vec<u8>);

fn writing() -> Writing {
    let message = queries("w1").remove(0);
    let mut query = Query::default();
    query.parse(&message, || Understood::ALL).unwrap();
    Box::leak(Box::new((query, message)))
}

#[library_benchmark(setup = writing)]
#[bench::question()]
fn write((query, message): Writing) {
    let mut out = [0; 512];
    for _ in 0..COUNT {
        let mut response = Response::begin(black_box(&mut out), 512, 0, query, message);
        black_box(response.finish(Rcode::NOERROR, None));
    }
}

library_benchmark_group!(
    name = parts,
    setup = write_works(),
    benchmarks = [parse, name_key, zone, lookup, prefix, spot, decision, write]
);
library_benchmark_group!(name = answers, setup = write_works(), benchmarks = [respond]);
library_benchmark_group!(name = growth, setup = write_works(), benchmarks = [grow]);

main!(config = instructions_alone(), library_benchmark_groups = [parts, answers, growth]);
