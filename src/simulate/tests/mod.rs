//! Small worlds, and what comes of them.
#![expect(clippy::unwrap_used, reason = "test code")]

mod loads;
mod populations;
mod properties;
mod worlds;

use super::population::Plan;
use super::replay::Counts;
use super::scene::{Roll, Scene, Service};
use super::{Change, Population, Wish, World, list, replay, what_if};
use crate::base::{Point, PolicyId, PoolId, RegionId};
use crate::geo::Locator;
use crate::geo::spec::{GeoSpec, Network, NetworkFact};
use crate::snapshot::{Inputs, Settings};
use crate::steering::control::operator::Action;
use crate::steering::spec::*;
use std::sync::{Arc, LazyLock};

/// `eu` near Frankfurt, `us` near Ashburn, `ap` near Singapore.
const REGIONS: [(&str, f64, f64); 3] = [("eu", 50.1, 8.7), ("us", 39.0, -77.5), ("ap", 1.35, 103.8)];

/// Networks that are located exactly: two near each region, and their names in lists.
const NETWORKS: [(&str, f64, f64); 4] = [
    ("192.0.2.0/24", 48.9, 2.4),
    ("198.51.100.0/24", 40.7, -74.0),
    ("203.0.113.0/24", 13.8, 100.5),
    ("100.64.0.0/16", 52.2, 21.0),
];

fn point(latitude: f64, longitude: f64) -> Point {
    Point::new(latitude, longitude).unwrap()
}

fn regions() -> Vec<Region> {
    let region = |(name, latitude, longitude): (&str, f64, f64)| Region {
        name: name.into(),
        coordinates: Some(point(latitude, longitude)),
        ..Region::default()
    };
    REGIONS.into_iter().map(region).collect()
}

static LOCATOR: LazyLock<Arc<Locator>> = LazyLock::new(|| {
    let network = |(prefix, latitude, longitude): (&str, f64, f64)| {
        Network::located(prefix.parse().unwrap(), NetworkFact::Coordinates(point(latitude, longitude)))
    };
    let spec = GeoSpec { networks: NETWORKS.into_iter().map(network).collect(), ..GeoSpec::default() };
    Arc::new(Locator::build(&spec).unwrap())
});

/// One name: a pool with a member of the given weight in each region, under one policy.
fn inputs(policy: Policy, weights: [u32; 3]) -> Inputs {
    let member = |region: u16, weight: u32| Member {
        weight,
        ..Member::new(RegionId(region), MemberTarget::Address([192, 0, 2, region as u8 + 1].into()))
    };
    let members: Vec<Member> = (0..).zip(weights).map(|(region, weight)| member(region, weight)).collect();
    Inputs {
        settings: Settings::default(),
        zones: Arc::default(),
        locator: Arc::clone(&LOCATOR),
        regions: regions(),
        member_targets: vec![vec![Vec::new(); members.len()]],
        pools: vec![Pool { name: "web".into(), members, ..Pool::default() }],
        policies: vec![policy],
        owners: Vec::new(),
        balances: vec![vec![BalanceSpec { pool: PoolId(0), policy: PolicyId(0), ttl: TtlRange::default() }]],
        aliases: Vec::new(),
        workers: 1,
    }
}

fn of_order(order: Order) -> Policy {
    Policy { name: "tested".into(), order, ..Policy::default() }
}

fn down(pattern: &str) -> Change {
    Change { pattern: what_if::pattern(pattern).unwrap(), wish: Wish::Down }
}

fn drained(pattern: &str, percent: u8) -> Change {
    Change { pattern: what_if::pattern(pattern).unwrap(), wish: Wish::Operator(Action::Drain { percent }) }
}

/// One client a line in each network, by weight: 40 of Europe, 30 of America, 20 of Asia, 10 of Poland.
fn hundred(behind_resolvers: f64, clients: u64) -> Population {
    let listed = list::parse("192.0.2.0/24 4\n198.51.100.0/24 3\n203.0.113.0/24 2\n100.64.0.0/16 1\n").unwrap();
    let plan = Plan { clients, behind_resolvers, seed: 1 };
    Population::of_list(&listed, &super::cities::embedded(), &LOCATOR, &plan)
}

/// The counts of one name, before and after `changes`.
fn simulated(inputs: Inputs, changes: &[Change], population: &Population, seed: u64) -> Counts {
    let roll = Roll::new(&inputs, None);
    let mut world = World::new(inputs);
    let service = Service { zone: 0, slot: 0, family: None };
    let snapshot = world.snapshot();
    let before = Scene::new(&world, &snapshot, service, &roll).unwrap();
    world.suppose(changes).unwrap();
    world.settle();
    let snapshot = world.snapshot();
    let after = Scene::new(&world, &snapshot, service, &roll).unwrap();
    replay(population, &before, &after, seed, &mut |_| {})
}
