//! Answers of the engine alone, without sockets, for a tool that counts instructions: everything before is done outside the two
//! functions that are counted.

use crate::{Chance, query};
use azimuth::answer::{Moment, Outcome, Request, Responder, TransportProfile};
use azimuth::base::Sources;
use azimuth::geo::Locator;
use azimuth::snapshot::{Inputs, Publisher, Snapshot};
use azimuth::zone::{Zone, ZoneSet};
use std::path::Path;
use std::sync::Arc;

/// Queries are made before they are counted, and used again and again.
const DISTINCT: u64 = 4096;

/// Loads the configuration and answers `count` queries for names that are there and `count` for others.
pub fn run(config: &Path, names: u64, origin: &str, count: u64) {
    let publisher = Publisher::start(inputs(config));
    let store = publisher.store();
    let snapshot = store.load();
    let mut chance = Chance(1);
    let mut queries = |prefix: &str| -> Vec<Vec<u8>> {
        (0..DISTINCT).map(|_| query(&format!("{prefix}{:07}", chance.below(names)), origin)).collect()
    };
    let (there, absent) = (queries("h"), queries("h5x"));
    let mut responder = Responder::new(0);
    // Once without being counted: what happens at the first answer only is no cost of an answer.
    let warm =
        (answer_positive(&mut responder, &snapshot, &there, 64), answer_absent(&mut responder, &snapshot, &absent, 64));
    let octets = answer_positive(&mut responder, &snapshot, &there, count);
    let octets_absent = answer_absent(&mut responder, &snapshot, &absent, count);
    println!("{} and {} octets", octets + warm.0, octets_absent + warm.1);
    drop(snapshot);
    publisher.stop();
}

/// Counted by its name.
#[inline(never)]
pub fn answer_positive(responder: &mut Responder, snapshot: &Snapshot, queries: &[Vec<u8>], count: u64) -> u64 {
    respond(responder, snapshot, queries, count, 0)
}

/// Counted by its name.
#[inline(never)]
pub fn answer_absent(responder: &mut Responder, snapshot: &Snapshot, queries: &[Vec<u8>], count: u64) -> u64 {
    respond(responder, snapshot, queries, count, 3)
}

fn respond(responder: &mut Responder, snapshot: &Snapshot, queries: &[Vec<u8>], count: u64, rcode: u8) -> u64 {
    let mut out = [0; 1232];
    let mut sum = 0;
    for octets in queries.iter().cycle().take(count as usize) {
        let request = Request {
            octets,
            source: [192, 0, 2, 1].into(),
            profile: &TransportProfile::DATAGRAM,
            random: sum,
            now: Moment::default(),
        };
        let Outcome::Reply { len } = responder.respond(snapshot, request, &mut out) else { panic!("no reply") };
        assert_eq!(out[3] & 15, rcode);
        sum += len as u64;
    }
    sum
}

fn inputs(path: &Path) -> Inputs {
    let mut sources = Sources::default();
    let (config, mistakes) = azimuth::config::load(path, &mut sources);
    let shown: Vec<String> = mistakes.iter().map(|mistake| mistake.one_line(&sources)).collect();
    let Some(config) = config else { panic!("{shown:#?}") };
    let load = |spec| {
        let (zone, mistakes) = Zone::load(spec, None, &mut sources);
        let Some(zone) = zone else { panic!("{} mistakes", mistakes.len()) };
        zone
    };
    let zones = config.zones.iter().map(|zone| &zone.spec).map(load).collect();
    Inputs {
        settings: config.settings,
        zones: Arc::new(ZoneSet::new(zones)),
        locator: Arc::new(Locator::build(&config.geo).unwrap()),
        regions: config.regions,
        member_targets: config.pools.iter().map(|pool| vec![Vec::new(); pool.members.len()]).collect(),
        pools: config.pools,
        policies: config.policies,
        owners: config.zones.iter().map(|zone| zone.spec.balanced.as_slice().into()).collect(),
        aliases: config.zones.iter().map(|zone| zone.aliases.clone()).collect(),
        balances: config.zones.into_iter().map(|zone| zone.balances).collect(),
        workers: 1,
    }
}
