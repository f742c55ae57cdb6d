//! Regions and members come back.

use super::{START, World, policy};
use crate::base::UnixTime;
use crate::health::{Load, Status};
use crate::steering::condition::Share;
use crate::steering::control::{Admin, Control, Course};
use crate::steering::spec::{Failback, Limits, Policy, Recovery, ShedMarks};
use std::time::Duration;

/// Two regions of two members, `other` of one.
fn world(recovery: Recovery) -> World {
    let sizes = vec![1.0; 500];
    let mut world = World::new(&[2, 2], policy()).resolvers(&[0, 1], &sizes).resolvers(&[1, 0], &sizes);
    world.demand = vec![0.5, 0.5];
    world.every = 0;
    world.pool.recovery = recovery;
    world
}

fn warm() -> Recovery {
    Recovery { warm_up: Some(Duration::from_secs(90)), ..Recovery::default() }
}

fn set(world: &mut World, members: &[usize], status: Status) {
    for &member in members {
        world.members[member].status = status;
    }
    world.control();
}

fn course(world: &World, region: usize) -> Course {
    world.control.regions().nth(region).unwrap().course
}

#[test]
fn a_recovered_region_gets_its_clients_back_by_and_by() {
    let mut world = world(warm());
    world.run(60);
    set(&mut world, &[0, 1], Status::Down);
    world.run(120);
    assert!(world.loads[0] + world.loads[1] == 0.0 && world.loads[2] + world.loads[3] > 0.99);
    set(&mut world, &[0, 1], Status::Up);
    assert!((world.shed()[0] - 0.9).abs() < 1e-6);
    let state = world.state(0);
    assert!(state.settling && state.refuses == Share::ALL && !state.held_back);
    let mut before = world.shed()[0];
    for _ in 0..90 {
        world.second();
        let now = world.shed()[0];
        assert!(now <= before, "no client is sent away again: {before} then {now}");
        before = now;
    }
    world.second();
    assert_eq!(world.state(0), crate::steering::RegionState::default());
    assert_eq!(world.due, None, "nothing moves any more");
}

#[test]
fn a_region_warms_up_only_while_another_has_room_and_is_warm() {
    let mut world = world(warm());
    world.run(60);
    set(&mut world, &[0, 1, 2, 3], Status::Down);
    world.run(120);
    set(&mut world, &[0, 1, 2, 3], Status::Up);
    assert_eq!(world.shed(), [0.0, 0.0], "both are cold, so each takes its own");
    world.run(20);
    assert!(matches!(course(&world, 0), Course::WarmingUp { .. }));
    // The other one is full.
    let mut full = super::recovering::world(warm());
    full.run(60);
    set(&mut full, &[0, 1], Status::Down);
    full.run(120);
    full.region_facts[1].report.load = Load { utilisation: Some(1.2), ..Load::default() };
    set(&mut full, &[0, 1], Status::Up);
    assert_eq!(full.shed(), [0.0, 0.0]);
    full.region_facts[1].report.load.utilisation = Some(0.5);
    full.control();
    assert!(full.shed()[0] > 0.8);
}

#[test]
fn with_marks_the_region_that_takes_a_warming_ones_clients_refuses_what_is_too_much() {
    let mut world = world(warm());
    world.policy = Policy { shed: Some(ShedMarks { low: 0.8, high: 1.0 }), ..policy() };
    world.every = 5;
    world.demand = vec![1.0, 1.4];
    world.run(60);
    set(&mut world, &[0, 1], Status::Down);
    world.run(300);
    set(&mut world, &[0, 1], Status::Up);
    assert_eq!(world.state(0).refuses, Share::ALL, "a cold region takes no other clients");
    world.run(150);
    assert_eq!(course(&world, 0), Course::Steady);
    world.run(300);
    let loads = world.mean_loads(60);
    assert!(loads.iter().all(|&load| load < 1.0), "{loads:.2?}");
}

#[test]
fn a_failing_region_answers_with_the_members_it_had_until_the_delay_is_over() {
    let mut world = world(Recovery { failover_delay: Duration::from_secs(30), ..Recovery::default() });
    world.run(60);
    set(&mut world, &[0], Status::Down);
    assert_eq!(world.condition.members[0].status, Status::Down, "one of two is no failure of the region");
    set(&mut world, &[1], Status::Down);
    let kept = world.condition.members[1];
    assert!(kept.status == Status::Up && kept.wavering && kept.passed_over);
    assert_eq!(world.condition.members[0].status, Status::Down, "it was down before the region failed");
    assert_eq!(world.due, Some(UnixTime::from_secs(START + world.now + 30)));
    assert!(matches!(course(&world, 0), Course::FailoverDelayed { .. }));
    world.run(30);
    assert_eq!(world.condition.members[1].status, Status::Down);
    assert!(matches!(course(&world, 0), Course::Down { .. }));
}

#[test]
fn the_delay_keeps_nothing_that_an_operator_took_away() {
    let mut world = world(Recovery { failover_delay: Duration::from_secs(30), ..Recovery::default() });
    world.run(60);
    world.region_facts[0].admin = Admin::ForcedDown;
    world.control();
    assert!(world.condition.members[..2].iter().all(|state| !state.enabled));
    assert!(matches!(course(&world, 0), Course::Down { .. }));
}

#[test]
fn a_region_that_waits_is_passed_over_and_its_return_is_announced_by_short_ttls() {
    let mut world = world(Recovery { failback_delay: Duration::from_secs(100), ..Recovery::default() });
    world.run(60);
    set(&mut world, &[0, 1], Status::Down);
    world.run(10);
    set(&mut world, &[0, 1], Status::Up);
    assert!(world.state(0).held_back && !world.state(0).settling);
    world.run(69);
    assert!(!world.state(0).settling);
    world.run(1);
    assert!(world.state(0).settling, "one lifetime before the end");
    world.run(30);
    assert!(!world.state(0).held_back);
    assert_eq!(course(&world, 0), Course::Steady);
}

#[test]
fn manual_failback_outlives_a_restart_and_ends_with_release() {
    let mut world = world(Recovery { failback: Failback::Manual, ..warm() });
    world.run(60);
    set(&mut world, &[0, 1], Status::Down);
    world.run(10);
    set(&mut world, &[0, 1], Status::Up);
    let memory = world.control.memory();
    assert_eq!(memory.len(), 1);
    world.control = Control::default();
    world.control.restore(memory.clone());
    assert_eq!(world.control.memory(), memory, "kept before the first step too");
    world.control();
    assert!(world.state(0).held_back);
    let mut release = |name: &str| world.control.release_where(|region| region == name);
    assert!(!release("r1") && release("r0"));
    world.control();
    assert!(!world.state(0).held_back);
    assert_eq!(world.control.memory(), []);
}

#[test]
fn a_member_that_recovers_in_a_region_that_stayed_ramps_by_weight() {
    let mut world = world(warm());
    world.run(60);
    set(&mut world, &[0], Status::Down);
    assert_eq!(course(&world, 0), Course::Steady, "half of it is up");
    world.run(120);
    set(&mut world, &[0], Status::Up);
    assert_eq!(world.condition.members.iter().map(|state| state.weight).collect::<Vec<_>>(), [100, 1000, 1000, 1000]);
    let of_pool = world.pool.recovery;
    let ramp = world.control.members(&world.policy, &of_pool).next().unwrap().ramp.unwrap();
    assert_eq!(ramp.until, UnixTime::from_secs(START + world.now + 90));
    world.run(45);
    assert_eq!(world.condition.members[0].weight, 550);
    world.run(45);
    assert_eq!(world.condition.members[0].weight, 1000);
    assert_eq!(world.shed(), [0.0, 0.0]);
}

#[test]
fn a_region_below_min_healthy_counts_as_left() {
    let mut world = world(warm());
    world.policy.min_healthy = 1.0;
    world.run(60);
    set(&mut world, &[0], Status::Down);
    assert!(matches!(course(&world, 0), Course::Down { .. }));
    world.run(100);
    set(&mut world, &[0], Status::Up);
    assert!(matches!(course(&world, 0), Course::WarmingUp { .. }));
    assert!(world.condition.members.iter().all(|state| state.weight == 1000), "the region's warm-up is enough");
}

#[test]
fn members_beyond_a_limit_are_passed_over_and_count_for_availability() {
    let mut world = world(Recovery::default());
    world.pool.limits = Limits { connections: Some(100.0), ..Limits::default() };
    let connections = |count| Load { connections: Some(count), ..Load::default() };
    world.members[0].report.load = connections(150.0);
    world.control();
    let state = world.condition.members[0];
    assert!(state.passed_over && state.enabled && state.status == Status::Up && state.weight == 1000);
    let of_pool = world.pool.recovery;
    let course = world.control.members(&world.policy, &of_pool).next().unwrap();
    assert_eq!(course.exceeded.map(|exceeded| exceeded.limit), Some("connections"));
    assert_eq!(super::recovering::course(&world, 0), Course::Steady);
    world.members[0].report.load = connections(95.0);
    world.control();
    assert!(world.condition.members[0].passed_over, "it comes back at nine tenths");
    world.members[0].report.load = connections(90.0);
    world.control();
    assert!(!world.condition.members[0].passed_over);
}

#[test]
fn a_reload_that_moves_regions_and_members_finds_them_by_name() {
    let mut world = world(Recovery { failback: Failback::Manual, ..warm() });
    world.run(60);
    set(&mut world, &[0, 1], Status::Down);
    world.run(10);
    set(&mut world, &[0, 1], Status::Up);
    assert!(world.state(0).held_back);
    // The regions change places, and one member goes.
    world.regions.swap(0, 1);
    for member in &mut world.pool.members {
        member.region.0 = 1 - member.region.0;
    }
    world.pool.members.remove(1);
    world.members.remove(1);
    world.control();
    assert!(world.state(1).held_back && !world.state(0).held_back);
    assert_eq!(&*world.control.regions().nth(1).unwrap().name, "r0");
}
