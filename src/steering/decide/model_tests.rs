//! Decisions against a direct reading of the rules, on random pools and states.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::Verdict;
use crate::base::{Family, RegionId};
use crate::health::Status;
use crate::steering::MemberState;
use crate::steering::spec::{AllDown, Families, Order, Spread};
use crate::steering::testing::{World, world};
use proptest::prelude::*;
use std::net::IpAddr;

const FAR: usize = 4;

/// What a client may be answered: members by index, and whether as if they were up.
#[derive(Debug, PartialEq)]
struct Modelled {
    members: Vec<usize>,
    as_if_up: bool,
}

/// What a client may be answered, by the rules read literally. `None` where nothing is up and the policy does not say `all`.
fn model(world: &World, family: Family) -> Option<Modelled> {
    let groups = groups(world);
    let together = world.policy.families == Families::Together;
    let both = together && Family::BOTH.iter().all(|&family| any_of_family(world, family));
    let passes: &[u8] = if both { &[1, 2, 3] } else { &[1, 2] };
    let may =
        |group: &Vec<RegionId>, family, pass| group.iter().any(|&region| available(world, region, family, pass, both));
    let found = |family| {
        passes.iter().find_map(|&pass| groups.iter().find(|group| may(group, family, pass)).map(|group| (group, pass)))
    };
    let answering = |group: &Vec<RegionId>, pass: u8| {
        let eligible = |&m: &usize| {
            let region = world.pool.members[m].region;
            group.contains(&region) && available(world, region, family, pass, both) && up(world, m)
        };
        Some(Modelled { members: members(world, family).filter(eligible).collect(), as_if_up: false })
    };
    if family == Family::V6
        && both
        && let Some((group, lead @ (1 | 2))) = found(Family::V4)
        && let Some(own) = (1..=lead).find(|&pass| may(group, family, pass))
    {
        return answering(group, own);
    }
    if let Some((group, pass)) = found(family) {
        return answering(group, pass);
    }
    if world.policy.all_down != AllDown::All {
        return None;
    }
    let within = |group: &Vec<RegionId>, m: usize| group.contains(&world.pool.members[m].region);
    let has = |group: &&Vec<RegionId>, family| members(world, family).any(|m| within(group, m));
    let lead = groups.iter().find(|group| both && has(group, Family::V4)).filter(|group| has(group, family));
    let first = lead.or_else(|| groups.iter().find(|group| has(group, family)));
    let members = members(world, family).filter(|&m| first.is_some_and(|group| within(group, m)));
    Some(Modelled { members: members.collect(), as_if_up: true })
}

/// The client's regions, best first, in groups of equals: the regions are numbered by distance.
fn groups(world: &World) -> Vec<Vec<RegionId>> {
    let all = (0..FAR as u16).map(RegionId);
    match world.policy.order {
        Order::Any => vec![all.collect()],
        Order::Closest | Order::Latency | Order::Listed => all.map(|region| vec![region]).collect(),
    }
}

fn family_of(world: &World, member: usize) -> Family {
    match world.pool.members[member].target {
        crate::steering::spec::MemberTarget::Address(address) => Family::of(address),
        crate::steering::spec::MemberTarget::Name { .. } => Family::V4,
    }
}

fn any_of_family(world: &World, family: Family) -> bool {
    (0..world.pool.members.len()).any(|member| family_of(world, member) == family)
}

/// The members in service.
fn members(world: &World, family: Family) -> impl Iterator<Item = usize> + '_ {
    (0..world.pool.members.len()).filter(move |&m| {
        let member = &world.pool.members[m];
        let enabled = member.enabled && world.states[m].enabled && world.regions[member.region.index()].enabled;
        enabled && family_of(world, m) == family
    })
}

fn up(world: &World, member: usize) -> bool {
    world.states[member].status == Status::Up
}

fn available(world: &World, region: RegionId, family: Family, pass: u8, both: bool) -> bool {
    let of_region = |family| members(world, family).filter(|&m| world.pool.members[m].region == region);
    let weight = |m: usize| f64::from(world.pool.members[m].weight);
    let passes = |family| {
        // Members without a first result are not judged; without any that is up it makes no difference.
        let judged = of_region(family).filter(|&m| world.states[m].status != Status::Unknown);
        let judged: f64 = judged.map(weight).sum();
        let up: f64 = of_region(family).filter(|&m| up(world, m)).map(weight).sum();
        up > 0.0 && (pass > 1 || up >= world.policy.min_healthy * judged)
    };
    let has = |family| of_region(family).next().is_some();
    // A family without any first result is passed over itself, and keeps no other back.
    let has_result = |family| of_region(family).any(|m| world.states[m].status != Status::Unknown);
    let objects = |other: Family| other != family && has_result(other) && !passes(other);
    has(family) && passes(family) && !(both && pass < 3 && Family::BOTH.into_iter().any(objects))
}

/// Whether what wavers may change the answer: every way in which wavering members, and those
/// without a first result, may turn out is tried. That members are
/// answered because nothing is up any more counts as a change, even when they are the same ones.
fn about_to_change(world: &World, family: Family) -> bool {
    let outcomes = |state: &MemberState| match (state.status, state.wavering) {
        (Status::Unknown, _) => vec![Status::Unknown, Status::Up, Status::Down],
        (_, true) => vec![Status::Up, Status::Down],
        (status, false) => vec![status],
    };
    let outcomes: Vec<Vec<Status>> = world.states.iter().map(outcomes).collect();
    let now = model(world, family);
    (0..outcomes.iter().map(Vec::len).product::<usize>()).any(|mut turned| {
        let mut then = world.clone();
        for (state, outcomes) in then.states.iter_mut().zip(&outcomes) {
            state.status = outcomes[turned % outcomes.len()];
            turned /= outcomes.len();
        }
        let then = model(&then, family);
        let members = |modelled: &Option<Modelled>| modelled.as_ref().map(|modelled| modelled.members.clone());
        let given_up = |modelled: &Option<Modelled>| modelled.as_ref().is_some_and(|modelled| modelled.as_if_up);
        members(&then) != members(&now) || (given_up(&then) && !given_up(&now))
    })
}

fn member() -> impl Strategy<Value = String> {
    (0..FAR, any::<bool>(), 1_u32..5, 0..8_u8, prop::bool::weighted(0.25), 0..12_u8).prop_map(
        |(region, v6, weight, status, wavering, off)| {
            let status = ["up", "up", "up", "down", "down", "down", "down", "unknown"][usize::from(status)];
            let wavering = if wavering { "~" } else { "" };
            let off = ["off", "drained", ""][usize::from(off.min(2))];
            format!("r{region} {} w={weight} {status}{wavering} {off}", if v6 { "2001:db8::" } else { "192.0.2." })
        },
    )
}

fn worlds(families: &'static [&'static str], orders: &'static [&'static str]) -> impl Strategy<Value = World> {
    let shape = (0..orders.len(), 0..families.len(), 0..3_usize, 0..5_usize, 0..9_usize);
    (prop::collection::vec(member(), 1..9), shape).prop_map(
        |(members, (order, families_at, all_down, healthy, off))| {
            let mut text = String::new();
            for region in 0..FAR {
                let off = if region == off { "off" } else { "" };
                text += &format!("region r{region} 0,{} {off}\n", region * 10 + 1);
            }
            let all_down = ["all", "nodata", "198.51.100.9,2001:db8:9::9"][all_down];
            let min_healthy = ["0", "0.3", "0.5", "0.75", "1"][healthy];
            let (order, families) = (orders[order], families[families_at]);
            text += &format!(
                "policy {order} spread=random families={families} all_down={all_down} min_healthy={min_healthy}\n"
            );
            for (number, member) in members.iter().enumerate() {
                let member = member.replacen("192.0.2.", &format!("192.0.2.{}", number + 1), 1);
                text +=
                    &format!("member {}\n", member.replacen("2001:db8::", &format!("2001:db8::{:x}", number + 1), 1));
            }
            world(&format!("{text}\nplace 10.0.0.0/8 0,0"))
        },
    )
}

/// What the decision and its variants say: the members that may answer.
fn check_members(world: &World, family: Family) -> Result<bool, TestCaseError> {
    let expected = model(world, family);
    let explanation = world.explain(&world.asked("10.0.0.1", family));
    let decision = explanation.decision;
    let shared: Vec<usize> =
        (0..).zip(&explanation.members).filter(|(_, m)| m.share.is_some()).map(|(m, _)| m).collect();
    if !any_of_family(world, family) {
        prop_assert_eq!(decision.verdict, Verdict::NoType);
        return Ok(decision.ttl_min);
    }
    match expected {
        Some(Modelled { members, .. }) if !members.is_empty() => {
            prop_assert_eq!(&shared, &members);
            let regions: Vec<RegionId> = members.iter().map(|&m| world.pool.members[m].region).collect();
            prop_assert!(regions.contains(&decision.region.unwrap()));
            let total: f64 = explanation.members.iter().filter_map(|m| m.share).sum();
            prop_assert!((total - 1.0).abs() < 1e-6);
        }
        _ => {
            prop_assert!(shared.is_empty());
            let fallback = matches!(world.policy.all_down, AllDown::Fallback(_));
            prop_assert_eq!(matches!(decision.verdict, Verdict::Variant(_)), fallback);
            prop_assert_eq!(decision.region, None);
        }
    }
    Ok(decision.ttl_min)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn decisions_follow_the_three_passes(world in worlds(&["together", "apart"], &["closest", "any"])) {
        for family in Family::BOTH {
            check_members(&world, family)?;
        }
    }

    #[test]
    fn ttl_is_min_exactly_when_the_answer_is_about_to_change(world in worlds(&["apart"], &["closest"])) {
        for family in Family::BOTH.into_iter().filter(|&family| any_of_family(&world, family)) {
            let ttl_min = check_members(&world, family)?;
            // NODATA because nothing is up always has the shorter TTL.
            let nothing = model(&world, family).is_none_or(|modelled| modelled.members.is_empty())
                && !matches!(world.policy.all_down, AllDown::Fallback(_));
            prop_assert_eq!(ttl_min, nothing || about_to_change(&world, family));
        }
    }

    #[test]
    fn ttl_is_never_max_when_the_answer_is_about_to_change(world in worlds(&["together"], &["closest", "any"])) {
        for family in Family::BOTH.into_iter().filter(|&family| any_of_family(&world, family)) {
            let ttl_min = check_members(&world, family)?;
            prop_assert!(ttl_min || !about_to_change(&world, family));
        }
    }

    #[test]
    fn no_pick_leaves_the_group(mut world in worlds(&["together", "apart"], &["closest", "any"]), random: u64, turn: u32, spread in 0..5_usize, answers in 0..4_u16) {
        world.policy.spread = [
            Spread::Weighted,
            Spread::Hash { ipv4_prefix: 24, ipv6_prefix: 48 },
            Spread::RoundRobin,
            Spread::Random,
            Spread::All,
        ][spread];
        world.policy.answers = (answers > 0).then_some(answers);
        for family in Family::BOTH {
            let mut asked = world.asked("10.0.0.1", family);
            (asked.random, asked.turn, asked.address) = (random, turn, IpAddr::V4((random as u32).into()));
            let answers = world.answers();
            if let (Verdict::Variant(number), Some(Modelled { members: may, .. })) = (world.decide(&asked).verdict, model(&world, family)) {
                let stored = answers.variant(number);
                let members = answers.variant_members(number);
                prop_assert!(members.iter().all(|member| may.contains(member)));
                prop_assert_eq!(members.len(), usize::from(stored.records));
                let all = world.policy.spread == Spread::All && world.policy.answers.is_none();
                let wanted = if all { may.len() } else { usize::from(world.policy.answers.unwrap_or(1)).min(may.len()) };
                prop_assert_eq!(members.len(), wanted);
                let rdata = if family == Family::V4 { 4 } else { 16 };
                prop_assert_eq!(stored.octets.len(), members.len() * (12 + rdata));
            }
        }
    }
}
