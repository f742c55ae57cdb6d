//! What holds of every simulation.

use super::*;
use crate::simulate::cities;

fn world(clients: u64) -> Population {
    let plan = Plan { clients, behind_resolvers: 0.5, seed: 3 };
    Population::of_cities(&cities::embedded(), &LOCATOR, &plan)
}

fn policies() -> [Policy; 5] {
    let hash = Spread::Hash { ipv4_prefix: 24, ipv6_prefix: 48 };
    [
        of_order(Order::Closest),
        of_order(Order::Listed),
        of_order(Order::Any),
        Policy { spread: hash, ..of_order(Order::Any) },
        Policy { spread: Spread::RoundRobin, ..of_order(Order::Any) },
    ]
}

#[test]
fn when_nothing_changes_before_is_after() {
    let population = world(3_000);
    for policy in policies() {
        let counts = simulated(inputs(policy.clone(), [1, 2, 3]), &[], &population, 1);
        assert_eq!(counts.before, counts.after, "{policy:?}");
        assert!(counts.moves.is_empty(), "{policy:?}");
    }
}

#[test]
fn shares_sum_to_one_whatever_happens() {
    let population = world(3_000);
    for policy in policies() {
        for changes in [vec![], vec![down("eu")], vec![down("eu"), drained("us", 100)], vec![down("*")]] {
            let counts = simulated(inputs(policy.clone(), [1, 2, 3]), &changes, &population, 1);
            assert_eq!((counts.before.clients(), counts.after.clients()), (3_000, 3_000), "{changes:?}");
        }
    }
}

#[test]
fn only_clients_of_the_region_that_goes_move() {
    let population = world(3_000);
    let draws = |policy: &Policy| policy.order == Order::Any && !matches!(policy.spread, Spread::Hash { .. });
    for policy in policies().into_iter().filter(|policy| !draws(policy)) {
        let counts = simulated(inputs(policy.clone(), [1, 2, 3]), &[down("eu")], &population, 1);
        assert_eq!(counts.after.by_region[0], 0);
        assert!(counts.moves.keys().all(|(_, was, is)| (*was, *is != 0) == (0, true)), "{policy:?} {:?}", counts.moves);
        assert_eq!(counts.moved(), counts.before.by_region[0], "{policy:?}");
    }
}

#[test]
fn whom_chance_takes_elsewhere_has_hardly_moved() {
    let population = world(20_000);
    let counts = simulated(inputs(of_order(Order::Any), [1, 2, 3]), &[down("eu")], &population, 1);
    let of_eu = counts.before.by_region[0];
    let beyond = counts.moved() - of_eu;
    assert!(of_eu > 3_000 && beyond < 600, "{of_eu} {beyond}");
}

#[test]
fn weights_are_respected() {
    let population = world(20_000);
    for spread in [Spread::Weighted, Spread::WeightedRoundRobin] {
        let policy = Policy { spread, ..of_order(Order::Any) };
        let counts = simulated(inputs(policy, [1, 2, 5]), &[], &population, 1);
        for (clients, expected) in counts.before.by_region.iter().zip([2_500_u64, 5_000, 12_500]) {
            assert!(clients.abs_diff(expected) < 400, "{spread:?} {:?}", counts.before.by_region);
        }
    }
}

#[test]
fn a_seed_makes_one_result_and_another_one_nearly_the_same() {
    let population = world(20_000);
    let run = |seed| simulated(inputs(of_order(Order::Closest), [1; 3]), &[down("eu")], &population, seed);
    let (first, again, other) = (run(1), run(1), run(2));
    assert_eq!(first, again);
    assert_ne!(first, other);
    for (a, b) in first.after.by_region.iter().zip(&other.after.by_region) {
        assert!(a.abs_diff(*b) < 400, "{:?} {:?}", first.after.by_region, other.after.by_region);
    }
}

#[test]
fn progress_is_told_in_full() {
    let inputs = inputs(of_order(Order::Closest), [1; 3]);
    let roll = Roll::new(&inputs, None);
    let mut world = World::new(inputs);
    let snapshot = world.snapshot();
    let scene = Scene::new(&world, &snapshot, Service { zone: 0, slot: 0, family: None }, &roll).unwrap();
    let mut told = 0;
    replay(&hundred(0.0, 25_000), &scene, &scene, 1, &mut |clients| told += clients);
    assert_eq!(told, 25_000);
}
