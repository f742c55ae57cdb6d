//! Members get what makes their figures equal. One region of four members, of which a client costs the third twice as much as
//! the first two, and the fourth half as much; after a step the ideal is reached by shares alone.

use super::{World, policy, span, zipf};
use crate::health::Status;
use crate::steering::spec::{Policy, Spread};
use std::time::Duration;

const COST: [f64; 4] = [1.0, 1.0, 2.0, 0.5];

const BY_LOAD: [Spread; 5] = [
    Spread::LeastConnections,
    Spread::WeightedLeastConnections,
    Spread::LeastBandwidth,
    Spread::LeastPackets,
    Spread::TwoChoices,
];

fn four(spread: Spread, sizes: &[f64]) -> World {
    let mut world = World::new(&[4], Policy { spread, ..policy() }).resolvers(&[0], sizes);
    world.cost = COST.to_vec();
    world
}

fn equal() -> Vec<f64> {
    vec![1.0; 1000]
}

/// The load of each member when all are equally loaded by `demand`.
fn ideal(cost: &[f64], demand: f64) -> f64 {
    demand / cost.iter().map(|cost| 1.0 / cost).sum::<f64>()
}

fn check_near(loads: &[f64], ideal: f64, off: f64, context: &str) {
    for load in loads {
        assert!((load - ideal).abs() <= off, "{context}: {loads:.3?} instead of {ideal:.3}");
    }
}

#[test]
fn a_thousand_equal_resolvers_settle_within_a_tenth_of_the_ideal() {
    for spread in BY_LOAD {
        let mut world = four(spread, &equal());
        world.run(480);
        let ideal = ideal(&COST, 1.0);
        check_near(&world.mean_loads(300), ideal, 0.1 * ideal, spread.word());
    }
}

#[test]
fn resolvers_by_zipfs_law_settle_within_a_tenth_and_the_greatest_ones_share() {
    let sizes = zipf(1000);
    let greatest = sizes[0] / sizes.iter().sum::<f64>();
    for spread in BY_LOAD {
        let mut world = four(spread, &sizes);
        world.run(480);
        let ideal = ideal(&COST, 1.0);
        check_near(&world.mean_loads(300), ideal, 0.1 * ideal + greatest, spread.word());
    }
}

/// How far the shares of members go up and down, each over its mean, while `seconds` go by.
fn amplitude(world: &mut World, seconds: u64) -> f64 {
    let mut rows = Vec::new();
    for _ in 0..seconds {
        world.second();
        rows.push(world.condition.members.iter().map(|state| f64::from(state.weight)).collect::<Vec<_>>());
    }
    let of = |member: usize| {
        let (least, most) = span(rows.iter().map(|row| row[member]));
        (most - least) / (rows.iter().map(|row| row[member]).sum::<f64>() / rows.len() as f64)
    };
    span((0..rows[0].len()).map(of)).1
}

#[test]
fn once_settled_shares_stay_where_they_are_and_no_swing_grows() {
    for (spread, session) in [
        (Spread::LeastConnections, 0.0),
        (Spread::LeastConnections, 120.0),
        (Spread::TwoChoices, 0.0),
        (Spread::TwoChoices, 120.0),
    ] {
        let mut world = four(spread, &equal());
        world.session = session;
        world.run(900);
        let [first, second] = [600, 600].map(|seconds| amplitude(&mut world, seconds));
        assert!(first < 0.35 && second < 0.35, "{spread:?} {session}: {first:.3} {second:.3}");
        assert!(second < first * 1.5 + 0.05, "{spread:?} {session}: {first:.3} {second:.3}");
    }
}

#[test]
fn a_step_of_load_leaves_shares_as_they_are() {
    let mut world = four(Spread::LeastConnections, &equal());
    world.run(600);
    world.demand[0] = 3.0;
    assert!(amplitude(&mut world, 300) < 0.35);
    let ideal = ideal(&COST, 3.0);
    check_near(&world.mean_loads(300), ideal, 0.1 * ideal, "three times the load");
}

#[test]
fn a_member_that_goes_and_comes_back_finds_its_share_again() {
    let mut world = four(Spread::LeastConnections, &equal());
    world.run(480);
    world.members[3].status = Status::Down;
    world.control();
    world.run(480);
    let without = ideal(&COST[..3], 1.0);
    check_near(&world.mean_loads(240)[..3], without, 0.1 * without, "three members");
    world.members[3].status = Status::Up;
    world.control();
    world.run(480);
    let all = ideal(&COST, 1.0);
    check_near(&world.mean_loads(240), all, 0.1 * all, "four members again");
}

#[test]
fn connections_by_weight_become_proportional_to_weights() {
    let mut world = four(Spread::WeightedLeastConnections, &equal());
    for (member, weight) in world.pool.members.iter_mut().zip([1, 2, 3, 2]) {
        member.weight = weight;
    }
    world.run(480);
    let loads = world.mean_loads(300);
    let by_weight: Vec<f64> = loads.iter().zip([1.0, 2.0, 3.0, 2.0]).map(|(load, weight)| load / weight).collect();
    let mean = by_weight.iter().sum::<f64>() / 4.0;
    check_near(&by_weight, mean, 0.1 * mean, "load by weight");
}

#[test]
fn the_sum_of_weights_is_that_of_the_configured_ones() {
    let mut world = four(Spread::LeastConnections, &equal());
    for _ in 0..300 {
        world.second();
        let sum: u32 = world.condition.members.iter().map(|state| state.weight).sum();
        assert!(sum.abs_diff(4000) <= 4, "{sum}");
    }
}

#[test]
fn silence_lets_shares_drift_back_to_the_weights_without_a_jump() {
    let mut world = four(Spread::LeastConnections, &equal());
    world.run(480);
    world.fall_silent();
    let mut before = f64::from(world.condition.members[3].weight);
    assert!(before > 1500.0);
    for _ in 0..600 {
        world.second();
        let now = f64::from(world.condition.members[3].weight);
        assert!((now - before).abs() < 0.05 * before, "{before} then {now}");
        before = now;
    }
    assert!(world.condition.members.iter().all(|state| state.weight == 1000), "{:?}", world.condition.members);
}

#[test]
fn a_member_without_reports_keeps_its_share_by_weight() {
    let mut world = four(Spread::LeastBandwidth, &equal());
    for _ in 0..300 {
        world.second();
        world.members[0].report.load.bandwidth = None;
    }
    assert!(world.condition.members[0].weight.abs_diff(1000) < 30, "{:?}", world.condition.members);
    assert!(world.condition.members[3].weight > 1300);
}

#[test]
fn however_bad_its_figures_a_member_keeps_a_sixteenth_of_its_share() {
    let mut world = four(Spread::LeastConnections, &equal());
    world.cost = vec![1.0, 1.0, 1.0, 1e6];
    world.run(900);
    let least = world.condition.members[3].weight;
    assert!((40..=80).contains(&least), "{least}");
}

#[test]
fn response_times_share_by_their_inverse_within_bounds() {
    let mut world = four(Spread::LeastResponseTime, &equal());
    for (facts, millis) in world.members.iter_mut().zip([10, 20, 40, 5000]) {
        facts.latency = Some(Duration::from_millis(millis));
    }
    world.run(600);
    let weights: Vec<f64> = world.condition.members.iter().map(|state| f64::from(state.weight)).collect();
    assert!((weights[0] / weights[1] - 1.9).abs() < 0.1 && (weights[1] / weights[2] - 1.9).abs() < 0.15, "{weights:?}");
    assert!((200.0..=300.0).contains(&weights[3]), "{weights:?}");
    assert!(amplitude(&mut world, 300) < 0.02);
}

#[test]
fn regions_that_are_equals_share_by_what_they_report() {
    let spread = Spread::LeastConnections;
    let mut world =
        World::new(&[1, 2, 1], Policy { region_spread: Some(spread), ..policy() }).resolvers(&[0, 1, 2], &equal());
    world.cost = vec![1.0, 1.0, 1.0, 0.5];
    world.run(480);
    let loads = world.mean_loads(300);
    // The second region's figure is the sum of its two members'.
    let figures = [loads[0], loads[1] + loads[2], loads[3]];
    let ideal = ideal(&[1.0, 1.0, 0.5], 1.0);
    check_near(&figures, ideal, 0.1 * ideal, "regions");
}

#[test]
fn what_does_not_move_asks_for_no_step() {
    let mut world = four(Spread::LeastConnections, &equal());
    world.every = 0;
    world.control();
    assert_eq!(world.due, None);
    world.policy.spread = Spread::Weighted;
    world.every = 5;
    world.run(60);
    assert_eq!(world.due, None);
    assert_eq!(world.changes, 1);
}
