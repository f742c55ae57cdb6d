//! Regions hand on what is too much for them. Three regions of one member each; load is a part of capacity.

use super::{World, policy, span, zipf};
use crate::steering::condition::Share;
use crate::steering::control::{Admin, Course};
use crate::steering::spec::{Policy, ShedMarks};

const LOW: f64 = 0.8;
const HIGH: f64 = 1.0;

fn sheds() -> Policy {
    Policy { shed: Some(ShedMarks { low: LOW, high: HIGH }), percentage_drain: true, ..policy() }
}

/// Each region's own clients would be the load `demand`; clients of the first go on to the second, then to the third.
fn three(demand: [f64; 3], sizes: &[f64]) -> World {
    let world = World::new(&[1, 1, 1], sheds());
    let mut world = world.resolvers(&[0, 1, 2], sizes).resolvers(&[1, 2, 0], sizes).resolvers(&[2, 1, 0], sizes);
    world.demand = demand.to_vec();
    world
}

fn equal() -> Vec<f64> {
    vec![1.0; 500]
}

/// Runs for `seconds`; neither neighbor of the first region may ever be above its high mark.
fn run_with_room(world: &mut World, seconds: u64) {
    for _ in 0..seconds {
        world.second();
        for neighbor in [1, 2] {
            let load = world.loads[neighbor];
            assert!(load <= HIGH, "region {neighbor} at {load:.2} after {} s", world.now);
        }
    }
}

/// By how much the share that the first region hands on moves within `seconds`.
fn swing(world: &mut World, seconds: u64) -> f64 {
    let (least, most) = span((0..seconds).map(|_| {
        world.second();
        world.shed()[0]
    }));
    most - least
}

/// After it has settled the first region is between its marks, and what it hands on stands still.
fn check_settled(world: &mut World, context: &str) {
    let swing = swing(world, 300);
    assert!(swing < 0.05, "{context}: swings by {swing:.3}");
    let loads = world.mean_loads(120);
    assert!(loads[0] > LOW && loads[0] <= HIGH, "{context}: {loads:.2?}");
}

#[test]
fn a_region_at_130_percent_settles_between_its_marks_and_fills_no_neighbor() {
    for ttl in [30, 60] {
        for demand in [[1.3, 0.5, 0.5], [1.3, 0.75, 0.3], [2.0, 0.3, 0.3]] {
            let mut world = three(demand, &equal());
            world.ttl = ttl;
            // Reports begin when caches are full: before, nobody can know what is coming.
            world.every = 0;
            world.run(u64::from(ttl));
            world.every = 5;
            run_with_room(&mut world, 20 * u64::from(ttl));
            check_settled(&mut world, &format!("{demand:?} with TTL {ttl}"));
        }
    }
}

#[test]
fn a_chain_of_overload_ends_at_the_region_that_has_room() {
    let mut world = three([1.3, 0.95, 0.4], &equal());
    run_with_room(&mut world, 600);
    check_settled(&mut world, "chain");
    let loads = world.mean_loads(60);
    assert!(loads[1] < 0.95 && loads[2] > 0.7, "{loads:.2?}");
}

#[test]
fn neighbors_with_little_room_take_what_they_can_up_to_their_high_mark() {
    let mut world = three([1.3, 0.78, 0.79], &equal());
    run_with_room(&mut world, 900);
    let loads = world.mean_loads(300);
    assert!(loads[0] < 1.05 && loads[1] > 0.9 && loads[2] > 0.9, "{loads:.2?}");
}

#[test]
fn where_all_are_overloaded_nothing_is_handed_on_and_nothing_swings() {
    let mut world = three([1.3, 1.3, 1.3], &equal());
    world.run(600);
    let changes = world.changes;
    world.run(300);
    assert_eq!(world.changes, changes, "answers stand still");
    assert_eq!([0, 1, 2].map(|region| world.state(region).shed), [Share::NONE; 3]);
    // When one of them has room again, it is used.
    world.demand[2] = 0.3;
    run_with_room_of(&mut world, 2, 600);
    let loads = world.mean_loads(60);
    assert!(loads[0] < 1.2 && loads[1] < 1.2 && loads[2] > 0.75, "{loads:.2?}");
}

fn run_with_room_of(world: &mut World, region: usize, seconds: u64) {
    for second in 0..seconds {
        world.second();
        // The answers from before are gone after two lifetimes.
        assert!(second < 60 || world.loads[region] <= HIGH, "{:.2?}", world.loads);
    }
}

#[test]
fn below_the_low_mark_nothing_is_handed_on() {
    let mut world = three([0.75, 0.5, 0.79], &equal());
    world.run(300);
    assert_eq!(world.shed(), [0.0; 3]);
    assert!(world.control.regions().all(|region| region.course == Course::Steady));
}

#[test]
fn steps_of_load_up_and_down_are_followed_without_swinging() {
    let mut world = three([0.6, 0.5, 0.5], &equal());
    world.run(120);
    world.demand[0] = 1.4;
    run_with_room(&mut world, 600);
    check_settled(&mut world, "step up");
    assert!(matches!(world.control.regions().next().unwrap().course, Course::Shedding { .. }));
    world.demand[0] = 0.6;
    let mut before = world.shed()[0];
    for _ in 0..600 {
        world.second();
        let now = world.shed()[0];
        assert!(now <= before + 0.01, "{before} then {now}");
        before = now;
    }
    assert_eq!(world.shed(), [0.0; 3]);
}

#[test]
fn a_feed_that_falls_silent_lets_shares_drift_back_without_a_jump() {
    let mut world = three([1.3, 0.5, 0.5], &equal());
    world.run(600);
    let mut before = world.shed()[0];
    assert!(before > 0.2);
    world.fall_silent();
    for _ in 0..600 {
        let now = world.shed()[0];
        assert!(before - now < 0.02 && now <= before, "{before} then {now}");
        before = now;
        world.second();
    }
    assert_eq!(world.shed(), [0.0; 3]);
    assert!((0..world.regions.len()).all(|region| world.state(region).refuses == Share::NONE));
}

#[test]
fn uneven_resolvers_long_sessions_and_rare_reports_make_it_slower_but_not_swing() {
    for (sizes, session, every) in [(zipf(500), 0.0, 5), (equal(), 120.0, 5), (equal(), 0.0, 20), (zipf(500), 60.0, 15)]
    {
        let mut world = three([1.3, 0.5, 0.5], &sizes);
        (world.session, world.every) = (session, every);
        world.run(900);
        let (first, second) = (swing(&mut world, 600), swing(&mut world, 600));
        // One resolver of the Zipf-sized is 15 % of a region.
        assert!(first < 0.2 && second < 0.2 && second < first + 0.05, "{first:.3} {second:.3}");
        let loads = world.mean_loads(300);
        assert!(loads[0] > LOW - 0.02 && loads[0] < HIGH + 0.02, "{loads:.2?} {session} {every}");
    }
}

#[test]
fn a_small_region_refuses_what_a_great_one_hands_on() {
    let mut world = three([1.3, 0.5, 0.5], &equal());
    // The first is ten times as large as the others: what is a tenth of it fills them.
    for (region, capacity) in world.regions.iter_mut().zip([10_000.0, 1_000.0, 1_000.0]) {
        region.capacity = Some(capacity);
    }
    world.scale = vec![10.0, 1.0, 1.0];
    run_with_room_of(&mut world, 1, 900);
    run_with_room_of(&mut world, 2, 300);
    let loads = world.mean_loads(120);
    assert!(loads[0] > 1.1 && loads[1] > LOW && loads[2] > LOW, "{loads:.2?}");
}

#[test]
fn a_percentage_drain_hands_on_at_least_that_share() {
    let mut world = three([0.5, 0.5, 0.5], &equal());
    world.region_facts[0].admin = Admin::Draining { percent: 40 };
    world.run(120);
    assert_eq!(world.state(0).shed, Share::from_f64(0.4));
    assert_eq!(world.state(0).refuses, Share::from_f64(0.4));
    assert_eq!(world.control.regions().next().unwrap().course, Course::Draining { share: 0.4 });
    let loads = world.mean_loads(60);
    assert!((loads[0] - 0.3).abs() < 0.05, "{loads:.2?}");
    world.policy.percentage_drain = false;
    world.run(1 + world.every);
    assert_eq!(world.state(0).shed, Share::NONE);
}

#[test]
fn a_region_that_reports_itself_is_believed_before_its_members() {
    let mut world = three([0.5, 0.5, 0.5], &equal());
    world.region_facts[0].report.load.utilisation = Some(0.97);
    world.run(300);
    assert_eq!(world.control.regions().next().unwrap().utilisation, Some(0.97));
    assert!(world.shed()[0] > 0.3);
}
