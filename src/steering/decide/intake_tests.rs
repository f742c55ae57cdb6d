//! Clients that regions hand on, equals of which one is picked, regions that wait: each as a small world and many clients.

#![expect(clippy::unwrap_used, reason = "test code")]

use super::{Asked, Decision, decide};
use crate::base::Family;
use crate::steering::testing::{World, world};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Three regions, near to far, with one member each, and a policy that tells clients apart.
fn three(near: &str, mid: &str, far: &str, policy: &str) -> World {
    world(&format!(
        "region near 0,1 {near}\nregion mid 0,20 {mid}\nregion far 0,40 {far}\nplace 10.0.0.0/8 0,0\n\
         member near 192.0.2.1\nmember mid 192.0.2.2\nmember far 192.0.2.3\n{policy}"
    ))
}

const SHED: &str = "policy closest shed=yes";

/// Decisions for `count` clients, each of a /16 of its own, with numbers as random and turn as they come.
fn decisions(world: &World, count: u32) -> Vec<(Asked, Decision)> {
    let (answers, ranking) = (world.answers(), world.ranking());
    let of = |number: u32| {
        // The place is what counts for the order; the address, for the hash.
        let mut asked = world.asked("10.0.0.1", Family::V4);
        asked.address = Ipv4Addr::from_bits(number << 16 | 1).into();
        asked.random = u64::from(number).wrapping_mul(0x2545_f491_4f6c_dd1d);
        asked.turn = number;
        (asked, decide(&answers, &ranking, &asked))
    };
    (0..count).map(of).collect()
}

/// In how many of a hundred decisions each region answers, rounded.
fn shares(world: &World) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    let decisions = decisions(world, 20_000);
    for (_, decision) in &decisions {
        *counts.entry(world.names(&[decision.region.unwrap()])).or_insert(0) += 1;
    }
    counts.into_iter().map(|(name, count)| (name, (count + 100) / 200)).collect()
}

#[track_caller]
fn check(world: &World, expected: &[(&str, u32)]) {
    let shares = shares(world);
    let close = |&(name, share): &(&str, u32)| shares.get(name).is_some_and(|&is| is.abs_diff(share) <= 2);
    assert!(expected.iter().all(close) && shares.len() == expected.len(), "{shares:?}");
}

#[test]
fn a_region_hands_on_its_share_of_clients_to_the_next() {
    check(&three("shed=0.3", "", "", SHED), &[("near", 70), ("mid", 30)]);
    check(&three("shed=1", "", "", SHED), &[("mid", 100)]);
}

#[test]
fn a_region_refuses_clients_that_others_hand_on_and_takes_its_own() {
    check(&three("shed=0.4", "refuses=0.5", "", SHED), &[("near", 60), ("mid", 20), ("far", 20)]);
    check(&three("", "refuses=1", "", SHED), &[("near", 100)]);
    // What fails over is no client handed on.
    let mut world = three("", "refuses=1", "", SHED);
    world.states[0].status = crate::health::Status::Down;
    check(&world, &[("mid", 100)]);
}

#[test]
fn a_client_that_nobody_takes_goes_home() {
    check(&three("shed=1", "refuses=1", "refuses=1", SHED), &[("near", 100)]);
    check(&three("shed=1", "shed=1", "shed=1", SHED), &[("near", 100)]);
}

#[test]
fn a_client_that_nobody_takes_goes_home_and_not_to_a_region_that_waits_or_fails() {
    let world = three("held-back", "shed=0.5", "refuses=1", SHED);
    check(&world, &[("mid", 100)]);
    let mut world = three("", "shed=1", "refuses=1", SHED);
    let mut weak = world.pool.members[0].clone();
    weak.target = crate::steering::spec::MemberTarget::Address([192, 0, 2, 9].into());
    weak.weight = 9;
    world.pool.members.push(weak);
    let mut down = world.states[0];
    (down.status, down.weight) = (crate::health::Status::Down, 9000);
    world.states.push(down);
    check(&world, &[("mid", 100)]);
}

#[test]
fn who_is_handed_on_is_told_by_the_subnet_and_only_grows_with_the_share() {
    let less = decisions(&three("shed=0.2", "", "", SHED), 5_000);
    let more = decisions(&three("shed=0.5", "", "", SHED), 5_000);
    for ((_, less), (_, more)) in less.iter().zip(&more) {
        let moved = |decision: &Decision| decision.region.unwrap().index() == 1;
        assert!(!moved(less) || moved(more), "a client that was handed on stays so");
    }
    let world = three("shed=0.5", "", "", SHED);
    let (answers, ranking) = (world.answers(), world.ranking());
    for mut asked in decisions(&world, 500).into_iter().map(|(asked, _)| asked) {
        let first = decide(&answers, &ranking, &asked);
        let std::net::IpAddr::V4(address) = asked.address else { unreachable!("clients are IPv4") };
        asked.address = Ipv4Addr::from_bits(address.to_bits() | 0xffff).into();
        asked.random = !asked.random;
        assert_eq!(decide(&answers, &ranking, &asked).region, first.region, "one /16, one region");
    }
}

#[test]
fn scopes_say_that_clients_are_told_apart_whether_or_not_anybody_is_handed_on() {
    for near in ["", "shed=0.5"] {
        let world = three(near, "", "", SHED);
        assert!(decisions(&world, 50).iter().all(|(_, decision)| decision.scope == 16));
        let plain = three(near, "", "", "policy closest");
        assert!(decisions(&plain, 50).iter().all(|(_, decision)| decision.scope < 16));
        check(&plain, &[("near", 100)]);
    }
}

#[test]
fn a_region_that_waits_is_passed_over_as_long_as_another_is_healthy() {
    check(&three("held-back", "", "", "policy closest"), &[("mid", 100)]);
    let mut world = three("held-back", "", "", "policy closest");
    for other in [1, 2] {
        world.states[other].status = crate::health::Status::Down;
    }
    check(&world, &[("near", 100)]);
}

#[test]
fn ttl_is_min_when_a_region_that_waits_is_about_to_be_back() {
    let min = |near: &str| decisions(&three(near, "", "", "policy closest"), 50).iter().all(|(_, d)| d.ttl_min);
    assert!(min("held-back settling"));
    assert!(!min("held-back"));
}

#[test]
fn ttl_is_min_while_a_region_that_answers_or_hands_on_settles() {
    let min = |world: &World| decisions(world, 200).iter().filter(|(_, decision)| decision.ttl_min).count();
    assert_eq!(min(&three("shed=0.5 settling", "", "", SHED)), 200);
    assert_eq!(
        min(&three("shed=0.5", "settling", "", SHED)),
        decisions(&three("shed=0.5", "", "", SHED), 200).iter().filter(|(_, d)| d.region.unwrap().index() == 1).count()
    );
    assert_eq!(min(&three("", "settling", "", SHED)), 0);
}

#[test]
fn one_of_equals_is_picked_by_weight() {
    let tied = |spread: &str| format!("policy any region_spread={spread}");
    for spread in ["weighted", "weighted-round-robin", "hash/16/32"] {
        check(&three("weight=7000", "weight=2000", "", &tied(spread)), &[("near", 70), ("mid", 20), ("far", 10)]);
    }
    for spread in ["random", "round-robin"] {
        check(&three("weight=7000", "", "", &tied(spread)), &[("near", 33), ("mid", 33), ("far", 33)]);
    }
}

#[test]
fn equals_that_are_down_or_hand_on_are_left_out() {
    let mut world = three("weight=7000", "", "", "policy any region_spread=weighted");
    world.states[0].status = crate::health::Status::Down;
    check(&world, &[("mid", 50), ("far", 50)]);
    let shed = three("shed=1 weight=7000", "", "", "policy any region_spread=weighted shed=yes");
    check(&shed, &[("mid", 50), ("far", 50)]);
}

#[test]
fn equals_by_hash_widen_the_scope_and_keep_each_client_where_it_is() {
    let world = three("", "", "", "policy any region_spread=hash/20/40");
    let (answers, ranking) = (world.answers(), world.ranking());
    for (mut asked, decision) in decisions(&world, 300) {
        assert_eq!(decision.scope, 20);
        (asked.random, asked.turn) = (1, 1);
        assert_eq!(decide(&answers, &ranking, &asked).region, decision.region);
    }
}
