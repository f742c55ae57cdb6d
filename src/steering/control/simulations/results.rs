//! Results of probes come one at a time, in any order; what a region is at in the end does not depend on it.

use super::{START, World, policy};
use crate::base::UnixTime;
use crate::health::Status;
use crate::steering::control::recovery::RESULTS_WAIT_MAX;
use crate::steering::control::{Control, Course, RegionMemory, Remembered};
use crate::steering::spec::{Failback, MemberTarget, Recovery, Spread};
use std::time::Duration;

/// The region in question has this many members: two of each family.
const MEMBERS: usize = 4;

/// What is remembered of the region at the start: when it failed, and since when it is what it is, in seconds before.
const RESTORED: [Option<(Remembered, u64)>; 3] =
    [None, Some((Remembered::Down, 500)), Some((Remembered::HeldBack, 50))];

/// A region that nothing is known of beside one that is up.
fn world(recovery: Recovery, restored: Option<(Remembered, u64)>) -> World {
    let mut world = World::new(&[MEMBERS, 1], policy());
    for member in 2..MEMBERS {
        let address = format!("2001:db8::{member}").parse().unwrap();
        world.pool.members[member].target = MemberTarget::Address(address);
    }
    world.pool.recovery = recovery;
    world.members[..MEMBERS].iter_mut().for_each(|facts| facts.status = Status::Unknown);
    let memory = restored.map(|(state, before)| RegionMemory {
        region: "r0".into(),
        state,
        since: UnixTime::from_secs(START - before),
        failed: UnixTime::from_secs(START - 500),
    });
    world.control.restore(memory.into_iter().collect());
    world.control();
    world
}

fn orders() -> Vec<[usize; MEMBERS]> {
    let all = (0..MEMBERS.pow(4)).map(|number| [number / 64 % 4, number / 16 % 4, number / 4 % 4, number % 4]);
    let orders: Vec<_> = all.filter(|order| (0..MEMBERS).all(|member| order.contains(&member))).collect();
    assert_eq!(orders.len(), 24);
    orders
}

fn course(world: &World) -> Course {
    world.control.regions().next().unwrap().course
}

fn status_of(mask: usize, member: usize) -> Status {
    if mask >> member & 1 == 1 { Status::Up } else { Status::Down }
}

#[test]
fn a_region_is_what_its_results_make_it_in_whatever_order_they_come() {
    let warm = Recovery { warm_up: Some(Duration::from_secs(90)), ..Recovery::default() };
    let waits = Recovery { failback_delay: Duration::from_secs(100), ..warm };
    let manual = Recovery { failback: Failback::Manual, ..warm };
    for (recovery, restored) in [warm, waits, manual].into_iter().flat_map(|one| RESTORED.map(|memory| (one, memory))) {
        for mask in 0..1 << MEMBERS {
            let mut at_once = world(recovery, restored);
            (0..MEMBERS).for_each(|member| at_once.members[member].status = status_of(mask, member));
            at_once.control();
            // Half of each family is enough.
            let is_healthy = mask & 0b11 != 0 && mask & 0b1100 != 0;
            for order in orders() {
                let mut one_by_one = world(recovery, restored);
                let told = format!("{recovery:?}, {restored:?}: {mask:04b} in the order {order:?}");
                for member in order {
                    one_by_one.members[member].status = status_of(mask, member);
                    one_by_one.control();
                    if is_healthy && restored.is_none() {
                        assert_eq!(
                            (course(&one_by_one), one_by_one.control.memory()),
                            (Course::Steady, vec![]),
                            "{told}"
                        );
                    }
                }
                if is_healthy {
                    assert_eq!(course(&one_by_one), course(&at_once), "{told}");
                    assert_eq!(one_by_one.condition, at_once.condition, "{told}");
                    assert_eq!(one_by_one.control.memory(), at_once.control.memory(), "{told}");
                    let was_down = matches!(restored, Some((Remembered::Down, _)));
                    let is_warming = matches!(course(&one_by_one), Course::WarmingUp { .. });
                    assert!(!is_warming || !was_down, "{told}: at the start");
                } else {
                    assert!(matches!(course(&one_by_one), Course::Down { .. }), "{told}");
                }
            }
        }
    }
}

#[test]
fn a_delay_that_runs_goes_on_after_a_restart_with_the_members_that_clients_have() {
    let recovery = Recovery { failover_delay: Duration::from_secs(30), ..Recovery::default() };
    let mut world = World::new(&[2, 1], policy());
    world.pool.recovery = recovery;
    world.control();
    world.members[..2].iter_mut().for_each(|facts| facts.status = Status::Down);
    world.control();
    let before = course(&world);
    let memory = world.control.memory();
    world.run(10);
    world.control = Control::default();
    world.control.restore(memory);
    world.members[..2].iter_mut().for_each(|facts| facts.status = Status::Unknown);
    world.control();
    for member in 0..2 {
        world.members[member].status = Status::Down;
        world.control();
        assert_eq!(course(&world), before);
    }
    let states = &world.condition.members[..2];
    assert!(states.iter().all(|state| state.status == Status::Up && state.passed_over), "{states:?}");
    world.run(20);
    assert!(world.condition.members[..2].iter().all(|state| state.status == Status::Down));
    assert!(matches!(course(&world), Course::Down { .. }));
}

#[test]
fn a_delay_that_is_over_keeps_nobody_while_results_are_waited_for_and_asks_for_the_step_that_gives_them_up_alone() {
    let recovery = Recovery { failover_delay: Duration::from_secs(30), ..Recovery::default() };
    let mut world = world(recovery, Some((Remembered::Failing, 20)));
    world.members[0].status = Status::Down;
    world.control();
    assert!(matches!(course(&world), Course::FailoverDelayed { .. }));
    assert_eq!(world.condition.members[0].status, Status::Up);
    world.run(10);
    assert_eq!(world.condition.members[0].status, Status::Down);
    let wait = RESULTS_WAIT_MAX.as_secs() - 10;
    assert_eq!((course(&world), world.due), (Course::Steady, Some(UnixTime::from_secs(START + world.now + wait))));
    world.run(wait);
    assert!(matches!(course(&world), Course::Down { .. }));
    assert_eq!(world.due, None);
}

#[test]
fn shares_by_response_time_are_looked_after_while_nothing_is_reported() {
    let mut world = World::new(&[2, 1], policy());
    world.every = 0;
    world.policy.spread = Spread::LeastResponseTime;
    world.members.iter_mut().for_each(|facts| facts.latency = Some(Duration::from_millis(20)));
    world.run(60);
    assert_eq!(world.condition.members[0].weight, 1000);
    // Nobody calls for a step: the latency is just another one.
    world.members[0].latency = Some(Duration::from_millis(60));
    world.run(300);
    assert!(world.condition.members[0].weight < 700, "{:?}", world.condition.members);
    let mut alone = World::new(&[1, 1], world.policy.clone());
    alone.control();
    assert_eq!(alone.due, None, "there is nothing to share");
}
