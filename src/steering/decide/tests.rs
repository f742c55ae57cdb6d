//! The sentences on availability, families and TTL, each as a small world and its answers.

use super::{Verdict, decide};
use crate::base::Family;
use crate::steering::spec::Spread;
use crate::steering::testing::{World, world};

/// What a client at 10.0.0.1 may be answered: last octets of the members, and which TTL.
#[track_caller]
fn check(text: &str, family: Family, answer: &str) {
    assert_eq!(world(text).answer("10.0.0.1", family), answer);
}

#[track_caller]
fn check_a(text: &str, answer: &str) {
    check(text, Family::V4, answer);
}

/// Three regions, near to far.
const THREE: &str = "region near 0,1\nregion mid 0,20\nregion far 0,40\nplace 10.0.0.0/8 0,0\n";

fn three(text: &str) -> String {
    format!("{THREE}\n{text}")
}

#[test]
fn pass_1_takes_the_first_region_with_enough_weight_up() {
    let half = "member near 192.0.2.1 up\nmember near 192.0.2.2 down\nmember mid 192.0.2.3 up";
    check_a(&three(half), "1, max");
    let less = "member near 192.0.2.1 w=2 up\nmember near 192.0.2.2 w=3 down\nmember mid 192.0.2.3 up";
    check_a(&three(less), "3, max");
    check_a(&three(&format!("policy closest min_healthy=0.4\n{less}")), "1, max");
    check_a(&three(&format!("policy closest min_healthy=1\n{half}")), "3, max");
    check_a(&three(&format!("policy closest min_healthy=0\n{less}")), "1, max");
}

#[test]
fn min_healthy_0_still_wants_a_member_up() {
    check_a(&three("policy closest min_healthy=0\nmember near 192.0.2.1 down\nmember mid 192.0.2.3 up"), "3, max");
}

#[test]
fn a_share_met_in_decimal_is_met() {
    check_a(
        &three(
            "policy closest min_healthy=0.07\nmember near 192.0.2.1 w=7 up\nmember near 192.0.2.2 w=93 down\nmember mid 192.0.2.3",
        ),
        "1, max",
    );
}

#[test]
fn only_configured_weight_of_enabled_members_counts() {
    let text = |state| format!("member near 192.0.2.1 up\nmember near 192.0.2.2 w=9 {state}\nmember mid 192.0.2.3 up");
    check_a(&three(&text("down")), "3, max");
    check_a(&three(&text("off down")), "1, max");
    check_a(&three(&text("drained down")), "1, max");
}

#[test]
fn pass_2_takes_the_first_region_with_any_member_up() {
    let text = "member near 192.0.2.1 w=1 down\nmember mid 192.0.2.3 w=9 down\nmember mid 192.0.2.4 up\nmember far 192.0.2.5 w=9 down\nmember far 192.0.2.6 up";
    check_a(&three(text), "4, max");
}

#[test]
fn pass_3_all_takes_the_first_regions_enabled_members_as_if_up() {
    let text = "member near 192.0.2.1 off\nmember mid 192.0.2.2 down\nmember mid 192.0.2.3 down\nmember mid 192.0.2.4 drained\nmember far 192.0.2.5 down";
    check_a(&three(text), "2 3, max");
}

#[test]
fn pass_3_nodata_servfail_and_fallback() {
    let down = "member near 192.0.2.1 down\nmember near 2001:db8::1 down";
    let policy = |all_down| three(&format!("policy closest all_down={all_down}\n{down}"));
    check_a(&policy("nodata"), "nothing up, min");
    check_a(&policy("servfail"), "servfail, max");
    check_a(&policy("198.51.100.1,2001:db8:f::1,198.51.100.2"), "fallback, max");
    // Fallback addresses of one family make no record of the other.
    check(&policy("198.51.100.1"), Family::V6, "nothing up, min");
    let world = world(&policy("198.51.100.1,2001:db8:f::1,198.51.100.2"));
    let Verdict::Variant(number) = world.decide(&world.asked("10.0.0.1", Family::V4)).verdict else { panic!() };
    let answers = world.answers();
    assert_eq!((answers.variant(number).rtype, answers.variant(number).records), (1, 2));
    assert_eq!(world.decide(&world.asked("10.0.0.1", Family::V4)).region, None);
}

#[test]
fn members_and_regions_that_are_not_enabled_never_answer_in_any_pass() {
    let off = "region near 0,1 off\nregion mid 0,20\nplace 10.0.0.0/8 0,0\n";
    check_a(&format!("{off}\nmember near 192.0.2.1 up\nmember mid 192.0.2.2 up"), "2, max");
    check_a(&format!("{off}\nmember near 192.0.2.1 up\nmember mid 192.0.2.2 down"), "2, max");
    check_a(&format!("{off}\nmember near 192.0.2.1 up\nmember mid 192.0.2.2 up off"), "nothing up, min");
    check_a(&format!("{off}\nmember near 192.0.2.1 up\nmember mid 192.0.2.2 up drained"), "nothing up, min");
}

#[test]
fn a_family_added_by_reload_is_passed_over_and_its_region_is_not() {
    check_a(&three("member near 192.0.2.1 up\nmember near 2001:db8::1 unknown\nmember mid 192.0.2.2 up"), "1, min");
    check_a(&three("member near 192.0.2.1 up\nmember near 2001:db8::1 down\nmember mid 192.0.2.2 up"), "2, max");
}

#[test]
fn unknown_is_not_up_until_its_first_result_while_any_other_is_eligible() {
    check_a(&three("member near 192.0.2.1 up\nmember near 192.0.2.2 unknown"), "1, min");
    check_a(&three("member near 192.0.2.1 unknown\nmember mid 192.0.2.2 up"), "2, min");
    check_a(&three("member near 192.0.2.1 unknown\nmember mid 192.0.2.2 unknown"), "1, min");
    check_a(&three("member near 192.0.2.1 up\nmember mid 192.0.2.2 unknown"), "1, max");
}

#[test]
fn the_weight_of_members_without_a_first_result_does_not_count_against_their_region() {
    let text = |added| format!("member near 192.0.2.1 up\nmember near 192.0.2.2 w=9 {added}\nmember mid 192.0.2.3 up");
    check_a(&three(&text("unknown")), "1, min");
    check_a(&three(&text("down")), "3, max");
    let one_of_two = "member near 192.0.2.1 up\nmember near 192.0.2.2 w=2 down\n";
    check_a(&three(&format!("{one_of_two}member near 192.0.2.4 unknown\nmember mid 192.0.2.3 up")), "3, min");
    // In one family only: the other one is as healthy as it was.
    let families = "member near 2001:db8::1 up\nmember near 2001:db8::2 w=9 unknown\nmember mid 2001:db8::3 up\n";
    check_a(&three(&format!("{families}member near 192.0.2.1 up\nmember mid 192.0.2.3 up")), "1, min");
}

#[test]
fn whether_a_type_exists_never_depends_on_client_or_health() {
    for state in ["up", "down", "unknown", "off", "drained"] {
        check(&three(&format!("member near 192.0.2.1 {state}")), Family::V6, "no type, max");
    }
    // Members that may not answer keep the type.
    check(&three("member near 192.0.2.1\nmember near 2001:db8::1 off"), Family::V6, "nothing up, min");
    // A rule's fence keeps members from clients, but the type is there for others: no lasting denial.
    let fenced = "rule country=DE regions=near\nplace 10.0.0.0/8 DE 0,0";
    let pool = "member near 192.0.2.1\nmember mid 192.0.2.2\nmember mid 2001:db8::2";
    check(&three(&format!("policy closest\n{fenced}\n{pool}")), Family::V6, "nothing up, min");
    check(&three(&format!("policy closest all_down=servfail\n{fenced}\n{pool}")), Family::V6, "servfail, max");
    // The policy's own list is the same for all clients.
    check(&three(&format!("policy closest regions=near\n{pool}")), Family::V6, "no type, max");
}

const DUAL: &str =
    "member near 192.0.2.1 up\nmember near 2001:db8::1 up\nmember mid 192.0.2.2 up\nmember mid 2001:db8::2 up\n";

fn dual(changes: &[(&str, &str)]) -> String {
    changes
        .iter()
        .fold(three(DUAL), |text, (member, state)| text.replace(&format!("{member} up"), &format!("{member} {state}")))
}

#[test]
fn together_one_region_answers_both_families() {
    check(&dual(&[]), Family::V4, "1, max");
    check(&dual(&[]), Family::V6, ":1, max");
}

#[test]
fn together_a_region_is_available_only_if_each_family_it_has_members_of_passes() {
    for down in ["192.0.2.1", "2001:db8::1"] {
        check(&dual(&[(down, "down")]), Family::V4, "2, max");
        check(&dual(&[(down, "down")]), Family::V6, ":2, max");
    }
    // A family that has no members in service there is not one that it has.
    check(&dual(&[("2001:db8::1", "off")]), Family::V4, "1, max");
    check(&dual(&[("2001:db8::1", "off")]), Family::V6, ":2, max");
}

#[test]
fn together_when_no_region_is_up_in_all_its_families_each_family_takes_what_is_up() {
    let v6_down = [("2001:db8::1", "down"), ("2001:db8::2", "down"), ("192.0.2.1", "down")];
    check(&dual(&v6_down), Family::V4, "2, max");
    check(&dual(&v6_down), Family::V6, ":1, max");
}

#[test]
fn together_aaaa_takes_the_nearest_that_has_where_as_region_has_none() {
    let pool = "member near 192.0.2.1\nmember mid 2001:db8::2\nmember far 192.0.2.3\nmember far 2001:db8::3";
    check(&three(pool), Family::V4, "1, max");
    check(&three(pool), Family::V6, ":2, max");
    // By A's order: the region with AAAA alone is nearer, and still A's region answers both.
    let pool = "member near 2001:db8::1\nmember mid 192.0.2.2\nmember mid 2001:db8::2";
    check(&three(pool), Family::V6, ":2, max");
}

#[test]
fn together_a_pool_with_ipv6_alone_is_ordered_by_it() {
    check(&three("member near 2001:db8::1\nmember mid 2001:db8::2"), Family::V6, ":1, max");
    check(&three("member near 2001:db8::1 down\nmember mid 2001:db8::2"), Family::V6, ":2, max");
}

#[test]
fn together_pass_3_keeps_to_as_region() {
    let pool = "member near 2001:db8::1 down\nmember mid 192.0.2.2 down\nmember mid 2001:db8::2 down";
    check(&three(pool), Family::V4, "2, max");
    check(&three(pool), Family::V6, ":2, max");
}

#[test]
fn apart_each_family_goes_alone() {
    let apart =
        |changes: &[(&str, &str)]| format!("policy closest families=apart\n{}", dual(changes)).replace(THREE, "");
    let apart = |changes: &[(&str, &str)]| format!("{THREE}\n{}", apart(changes));
    check(&apart(&[("2001:db8::1", "down")]), Family::V4, "1, max");
    check(&apart(&[("2001:db8::1", "down")]), Family::V6, ":2, max");
    check(&apart(&[("192.0.2.1", "down")]), Family::V6, ":1, max");
}

#[test]
fn a_cname_pool_answers_every_type_with_the_cname() {
    let pool = three(
        "policy closest answers=3\nmember near lb.example.net.\nmember near lc.example.net.\nmember mid ld.example.net.",
    );
    for family in Family::BOTH {
        check(&pool, family, "lb.example.net. lc.example.net., max");
        let world = world(&pool);
        let Verdict::Variant(number) = world.decide(&world.asked("10.0.0.1", family)).verdict else { panic!() };
        let answers = world.answers();
        assert!(answers.answers_cname());
        let stored = answers.variant(number);
        assert_eq!((stored.rtype, stored.records), (5, 1), "a CNAME is alone");
        assert_eq!(stored.octets, b"\xc0\x0c\0\x05\0\x01\0\0\0\0\0\x10\x02lb\x07example\x03net\0");
    }
}

#[test]
fn ttl_is_min_when_the_chosen_region_is_about_to_answer_otherwise() {
    let text = |state| three(&format!("member near 192.0.2.1 {state}\nmember near 192.0.2.2 up\nmember mid 192.0.2.3"));
    check_a(&text("up~"), "1 2, min");
    check_a(&text("down~"), "2, min");
    check_a(&text("unknown~"), "2, min");
    check_a(&text("down"), "2, max");
    check_a(&text("off up~"), "2, max");
}

#[test]
fn ttl_is_min_when_a_region_passed_over_before_is_about_to_be_available() {
    let text = |near, far| {
        three(&format!(
            "member near 192.0.2.1 w=3 {near}\nmember near 192.0.2.2 w=5 down\nmember near 192.0.2.3 w=1 down~
            member mid 192.0.2.4\nmember far 192.0.2.5 {far}"
        ))
    };
    // 4 of 9 are not enough, so that their coming changes nothing.
    check_a(&text("down~", "up~"), "4, max");
    check_a(&text("down~", "up~").replace("w=5", "w=4"), "4, min");
    check_a(&text("down", "up~").replace("w=5", "w=4"), "4, max");
}

#[test]
fn ttl_is_max_when_only_a_region_behind_the_chosen_one_wavers() {
    check_a(&three("member near 192.0.2.1\nmember mid 192.0.2.2 up~\nmember far 192.0.2.3 down~"), "1, max");
}

#[test]
fn ttl_in_pass_2_looks_at_every_region_that_might_pass_the_first() {
    let pool = |far| {
        three(&format!(
            "member near 192.0.2.1 w=1 up\nmember near 192.0.2.2 w=9 down\nmember far 192.0.2.3 w=1 up\nmember far 192.0.2.4 w=9 {far}"
        ))
    };
    check_a(&pool("down"), "1, max");
    check_a(&pool("down~"), "1, min");
}

#[test]
fn ttl_in_pass_3_is_min_when_anything_is_about_to_come_up() {
    check_a(&three("member near 192.0.2.1 down\nmember mid 192.0.2.2 down~"), "1, min");
    check_a(&three("member near 192.0.2.1 down~\nmember near 192.0.2.2 down"), "1 2, min");
    check_a(&three("member near 192.0.2.1 down~\nmember mid 192.0.2.2 down"), "1, max");
    check_a(&three("policy closest all_down=198.51.100.1\nmember near 192.0.2.1 down~"), "fallback, min");
}

#[test]
fn ttl_together_watches_the_other_family_where_it_decides_on_the_region() {
    check(&dual(&[("2001:db8::1", "up~")]), Family::V4, "1, min");
    check(&dual(&[("2001:db8::1", "down~")]), Family::V4, "2, min");
    check(&dual(&[("2001:db8::2", "up~")]), Family::V4, "1, max");
}

#[test]
fn any_spreads_over_all_eligible_regions_as_if_in_one() {
    let pool =
        "policy any\nmember far 192.0.2.1\nmember near 192.0.2.2\nmember mid 192.0.2.3 w=9 down\nmember mid 192.0.2.4";
    check_a(&three(pool), "1 2, max");
    check_a(&three(&pool.replace("w=9 down", "w=9 down~")), "1 2, min");
    check_a(&three(&pool.replace("w=9", "w=1")), "1 2 4, max");
    let all_down = "policy any\nmember far 192.0.2.1 down\nmember near 192.0.2.2 down\nmember mid 192.0.2.4 off";
    check_a(&three(all_down), "1 2, max");
    check_a(&three(&format!("{}\nmember mid 192.0.2.5 w=1 up\nmember mid 192.0.2.6 w=9 down", all_down)), "5, max");
}

#[test]
fn any_prefers_regions_of_a_rule_one_after_the_other() {
    let text = |mid| {
        format!(
            "region near 0,1\nregion mid 0,20\nregion far 0,40\npolicy any\nrule country=DE prefer=mid
            member near 192.0.2.1\nmember mid 192.0.2.2 {mid}\nmember far 192.0.2.3\nplace 10.0.0.0/8 DE 0,0"
        )
    };
    check_a(&text("up"), "2, max");
    check_a(&text("down"), "1 3, max");
    check_a(&text("down~"), "1 3, min");
}

/// Regions are counted by answer for this many random numbers.
fn tally(world: &World, draws: u64, family: Family) -> Vec<u32> {
    let (answers, ranking) = (world.answers(), world.ranking());
    let mut counts = vec![0; world.pool.members.len()];
    for draw in 0..draws {
        let mut asked = world.asked("10.0.0.1", family);
        asked.random = draw.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        asked.turn = draw as u32;
        let Verdict::Variant(number) = decide(&answers, &ranking, &asked).verdict else { panic!("no answer") };
        for member in answers.variant_members(number) {
            counts[member] += 1;
        }
    }
    counts
}

fn spread(policy: &str) -> World {
    world(&three(&format!(
        "policy closest {policy}\nmember near 192.0.2.1 w=1\nmember near 192.0.2.2 w=3\nmember near 192.0.2.3 down\nmember near 192.0.2.4 w=4\nmember mid 192.0.2.5"
    )))
}

#[track_caller]
fn check_shares(policy: &str, expected: [u32; 5]) {
    let world = spread(policy);
    let counts = tally(&world, 24_000, Family::V4);
    for (count, expected) in counts.iter().zip(expected) {
        assert!(count.abs_diff(expected) < 400, "{policy}: {counts:?}");
    }
    // And that is what explanations say.
    let explanation = world.explain(&world.asked("10.0.0.1", Family::V4));
    for (member, expected) in explanation.members.iter().zip(expected) {
        assert!((member.share.unwrap_or(0.0) - f64::from(expected) / 24_000.0).abs() < 1e-6, "{policy}");
    }
}

#[test]
fn each_spread_draws_its_shares() {
    check_shares("spread=weighted", [3_000, 9_000, 0, 12_000, 0]);
    check_shares("spread=random", [8_000, 8_000, 0, 8_000, 0]);
    check_shares("spread=round-robin", [8_000, 8_000, 0, 8_000, 0]);
    check_shares("spread=all", [24_000, 24_000, 0, 24_000, 0]);
    // Two at a time: the one drawn and the one behind it.
    check_shares("spread=weighted answers=2", [15_000, 12_000, 0, 21_000, 0]);
    check_shares("spread=round-robin answers=2", [16_000, 16_000, 0, 16_000, 0]);
    check_shares("spread=all answers=1", [8_000, 8_000, 0, 8_000, 0]);
    check_shares("spread=weighted answers=9", [24_000, 24_000, 0, 24_000, 0]);
}

#[test]
fn round_robin_takes_members_in_turn() {
    let world = spread("spread=round-robin");
    let (answers, ranking) = (world.answers(), world.ranking());
    let mut order = Vec::new();
    for turn in 0..4 {
        let mut asked = world.asked("10.0.0.1", Family::V4);
        asked.turn = turn;
        let Verdict::Variant(number) = decide(&answers, &ranking, &asked).verdict else { panic!() };
        order.extend(answers.variant_members(number));
    }
    assert_eq!(order, [0, 1, 3, 0]);
}

#[test]
fn an_answer_of_k_members_is_one_of_n_rotations_of_ready_records() {
    let world = spread("spread=weighted answers=2");
    let answers = world.answers();
    let octets = |number| answers.variant(number).octets.to_vec();
    let record = |last: u8| [b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\xc0\0\x02".as_slice(), &[last]].concat();
    assert_eq!(octets(0), [record(1), record(2)].concat());
    assert_eq!(octets(1), [record(2), record(4)].concat());
    assert_eq!(octets(2), [record(4), record(1)].concat());
    assert_eq!(answers.variant_members(2), [3, 0]);
    assert_eq!(octets(3), record(5), "the other region has one member");
    assert_eq!(answers.variant_count(), 4);
}

#[test]
fn the_scope_is_the_deeper_of_cohort_and_hash_length_whatever_the_health() {
    let text = |policy: &str, state: &str| {
        three(&format!(
            "policy closest {policy}\nplace 10.9.0.0/16 0,39\nmember near 192.0.2.1 {state}\nmember mid 192.0.2.2 {state}\nmember far 192.0.2.3 {state}"
        ))
    };
    for state in ["up", "down", "down~", "off"] {
        let scope = |policy: &str, client: &str| {
            let world = world(&text(policy, state));
            world.decide(&world.asked(client, Family::V4)).scope
        };
        assert_eq!(scope("spread=weighted", "10.9.0.1"), 16);
        assert_eq!(scope("spread=weighted", "10.0.0.1"), 13);
        assert_eq!(scope("spread=hash/24/48", "10.9.0.1"), 24);
        assert_eq!(scope("spread=hash/8/48", "10.9.0.1"), 16);
        assert_eq!(scope("spread=hash/24/48", "2001:db8::1"), 48);
        assert_eq!(scope("spread=hash/0/48 regions=near", "10.9.0.1"), 1, "IPv6 clients are split, IPv4 ones are not");
        assert_eq!(scope("spread=hash/0/0 regions=near", "10.9.0.1"), 0);
        assert_eq!(scope("spread=all regions=near", "10.9.0.1"), 0);
    }
}

#[test]
fn the_hash_reads_no_more_of_the_address_than_the_scope_covers() {
    let world = world(&three(
        "policy closest spread=hash/24/48\nmember near 192.0.2.1\nmember near 192.0.2.2\nmember near 192.0.2.3",
    ));
    let (answers, ranking) = (world.answers(), world.ranking());
    let pick = |client: &str, known_bits: u8| {
        let mut asked = world.asked(client, Family::V4);
        asked.known_bits = known_bits;
        decide(&answers, &ranking, &asked).verdict
    };
    let mut distinct = std::collections::HashSet::new();
    for third in 0..64 {
        let whole = pick(&format!("10.0.{third}.77"), 32);
        assert_eq!(whole, pick(&format!("10.0.{third}.0"), 24));
        assert_eq!(whole, pick(&format!("10.0.{third}.200"), 32));
        // Fewer bits known: the same for all that share them.
        assert_eq!(pick(&format!("10.0.{third}.77"), 16), pick("10.0.0.0", 16));
        distinct.insert(format!("{whole:?}"));
    }
    assert_eq!(distinct.len(), 3);
    assert!(matches!(answers.spread(), Spread::Hash { .. }));
}
