//! Worlds so small that what must come of them can be worked out by hand.

use super::*;
use crate::simulate::load;
use crate::simulate::report::{Known, NO_ANSWER, Outcome};

fn outcome(counts: &Counts, loads: Option<&str>, capacities: &[Option<f64>]) -> Outcome {
    let loads = loads.map(|text| load::parse(text).unwrap());
    let roll = Roll::new(&inputs(of_order(Order::Closest), [1; 3]), None);
    Outcome::new(counts, &Known { roll: &roll, loads: loads.as_ref(), capacities, moves_max: 10 })
}

fn moves(outcome: &Outcome) -> Vec<(&str, &str, u64)> {
    outcome.moves.iter().map(|row| (&*row.from, &*row.to, row.clients)).collect()
}

#[test]
fn clients_of_a_region_that_is_down_go_to_the_next_nearest() {
    let counts = simulated(inputs(of_order(Order::Closest), [1; 3]), &[down("eu")], &hundred(0.0, 100), 1);
    // Paris and Warsaw are nearer to Ashburn than to Singapore.
    assert_eq!((&*counts.before.by_region, &*counts.after.by_region), (&[50, 30, 20][..], &[0, 80, 20][..]));
    let outcome = outcome(&counts, None, &[None; 3]);
    assert_eq!(outcome.moved, 50);
    assert_eq!(moves(&outcome), [("eu", "us", 50)]);
    assert_eq!(outcome.moves[0].country, None);
    // The nearest 30 are in New York, 350 km from Ashburn; the next 40 in Paris, 474 km from Frankfurt.
    assert_eq!(outcome.before.median_km, Some(474));
    assert_eq!(outcome.after.unanswered, 0);
}

#[test]
fn load_follows_the_share_and_is_measured_against_the_capacity() {
    let counts = simulated(inputs(of_order(Order::Closest), [1; 3]), &[down("eu")], &hundred(0.0, 100), 1);
    let told = outcome(&counts, Some("eu,500,1000\nus,300\nap,100,90"), &[None, Some(700.0), Some(1.0)]);
    let load = |row: usize| {
        let row = &told.regions[row];
        (row.load_before.unwrap(), row.load_after.unwrap().round(), row.capacity.unwrap())
    };
    assert_eq!([load(0), load(1), load(2)], [(500.0, 0.0, 1000.0), (300.0, 800.0, 700.0), (100.0, 100.0, 90.0)]);
    assert_eq!(
        (told.before.over_capacity, told.after.over_capacity),
        (vec!["ap".into()], vec!["us".into(), "ap".into()])
    );
}

#[test]
fn a_region_that_had_nobody_is_measured_by_what_clients_cost_elsewhere() {
    let counts = simulated(inputs(of_order(Order::Listed), [1; 3]), &[down("eu")], &hundred(0.0, 100), 1);
    let told = outcome(&counts, Some("eu,500\nus,20"), &[None; 3]);
    assert_eq!(told.regions.iter().map(|row| row.load_after).collect::<Vec<_>>(), [Some(0.0), Some(520.0)]);
}

#[test]
fn what_nobody_can_answer_is_told() {
    let policy = Policy { all_down: AllDown::NoData, ..of_order(Order::Closest) };
    let counts = simulated(inputs(policy, [1; 3]), &[down("*")], &hundred(0.0, 100), 1);
    let told = outcome(&counts, None, &[None; 3]);
    assert_eq!((told.before.unanswered, told.after.unanswered, told.after.median_km), (0, 100, None));
    assert_eq!(moves(&told), [("eu", NO_ANSWER, 50), ("us", NO_ANSWER, 30), ("ap", NO_ANSWER, 20)]);
}

#[test]
fn fallback_addresses_are_counted_apart() {
    let policy = Policy { all_down: AllDown::Fallback(vec![[203, 0, 113, 1].into()]), ..of_order(Order::Closest) };
    let counts = simulated(inputs(policy, [1; 3]), &[down("pool/web")], &hundred(0.0, 100), 1);
    assert_eq!((counts.after.fallback, counts.after.unanswered, counts.after.by_region), (100, 0, vec![0; 3]));
}

#[test]
fn a_drained_region_gets_nobody_and_a_drained_pool_is_no_other_pool() {
    let counts =
        simulated(inputs(of_order(Order::Closest), [1; 3]), &[drained("region/eu", 100)], &hundred(0.0, 100), 1);
    assert_eq!(counts.after.by_region, [0, 80, 20]);
    let counts =
        simulated(inputs(of_order(Order::Closest), [1; 3]), &[drained("pool/api/eu", 100)], &hundred(0.0, 100), 1);
    assert_eq!(counts.after.by_region, [50, 30, 20]);
    let counts =
        simulated(inputs(of_order(Order::Closest), [1; 3]), &[down("pool/w*/us/192.0.2.2")], &hundred(0.0, 100), 1);
    assert_eq!(counts.after.by_region, [80, 0, 20]);
}

#[test]
fn a_candidate_is_compared_by_the_names_of_regions() {
    let present = inputs(of_order(Order::Closest), [1; 3]);
    let mut candidate = inputs(of_order(Order::Closest), [1; 3]);
    // Another order, one region less, and a new one in Warsaw.
    candidate.regions.reverse();
    candidate.regions[0] = Region { name: "pl".into(), coordinates: Some(point(52.2, 21.0)), ..Region::default() };
    let roll = Roll::new(&present, Some(&candidate));
    let names: Vec<&str> = roll.names().iter().map(|name| &**name).collect();
    assert_eq!(names, ["eu", "us", "ap", "pl"]);
    let (mut present, mut candidate) = (World::new(present), World::new(candidate));
    let service = Service { zone: 0, slot: 0, family: None };
    let (snapshot, other) = (present.snapshot(), candidate.snapshot());
    let before = Scene::new(&present, &snapshot, service, &roll).unwrap();
    let after = Scene::new(&candidate, &other, service, &roll).unwrap();
    let counts = replay(&hundred(0.0, 100), &before, &after, 1, &mut |_| {});
    assert_eq!((counts.before.by_region, counts.after.by_region), (vec![50, 30, 20, 0], vec![40, 30, 0, 30]));
    // Bangkok is nearer to Warsaw than to Frankfurt.
    let moved: Vec<_> = counts.moves.iter().map(|(&(_, was, is), &clients)| (was, is, clients)).collect();
    assert_eq!(moved, [(0, 3, 10), (2, 3, 20)]);
    assert!(Scene::new(&present, &snapshot, Service { slot: 9, ..service }, &roll).is_none());
}
