//! Orders by latency, regions that are tied, and rules on autonomous systems, cities and subdivisions.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::{EXACT_NEAREST, Ranking, estimated_ms};
use crate::steering::explain::{RankReason, RankedRegion};
use crate::steering::reach::Ranked;
use crate::steering::testing::{World, world};
use proptest::prelude::*;

/// Five regions on the equator: a degree is 111.2 km.
const EQUATOR: &str = "
    region a 0,10
    region b 0,20
    region c 0,-10.2
    region d 0,40
    region e -
    member a 192.0.2.1
    member b 192.0.2.2
    member c 192.0.2.3
    member d 192.0.2.4
    member e 192.0.2.5
";

fn with(text: &str) -> World {
    world(&format!("{EQUATOR}\n{text}"))
}

/// The order of regions for a client at 10.0.0.1, `=` before those that are equal to the one before.
#[track_caller]
fn check(text: &str, order: &str) {
    assert_eq!(with(text).ranked("10.0.0.1"), order, "{text}");
}

#[test]
fn regions_within_the_band_are_equal_in_configured_order() {
    check("policy closest tie_band=1.01\nplace 10.0.0.0/8 0,0", "a c b d e");
    check("policy closest tie_band=1.03\nplace 10.0.0.0/8 0,0", "a =c b d e");
    // Whichever is a little nearer: one order, one cohort.
    check("policy closest tie_band=1.03\nplace 10.0.0.0/8 0,-0.1", "a =c b d e");
    check("policy closest tie_band=2.01\nplace 10.0.0.0/8 0,0", "a =b =c d e");
    check("policy closest tie_band=100\nplace 10.0.0.0/8 0,0", "a =b =c =d e");
    let world = with("policy closest tie_band=1.03\nplace 10.0.0.0/8 0,0\nplace 11.0.0.0/8 0,-0.1\nplace ::/0 0,-0.2");
    assert_eq!(world.ranking().cohort_count(), 2, "these, and those that are nowhere");
}

#[test]
fn a_band_of_one_ties_what_is_equally_far() {
    check("policy closest\nplace 10.0.0.0/8 0,15", "a b d c e");
    check("policy closest tie_band=1\nplace 10.0.0.0/8 0,15", "a =b d c e");
}

#[test]
fn bias_counts_before_the_band() {
    let biased = EQUATOR.replace("region b 0,20", "region b 0,20 bias=50");
    let world = world(&format!("{biased}\npolicy closest tie_band=1.01\nplace 10.0.0.0/8 0,0"));
    assert_eq!(world.ranked("10.0.0.1"), "a =b c d e");
}

#[test]
fn clients_without_location_have_no_equals() {
    check("policy closest tie_band=9\nplace 10.0.0.0/8 DE", "a b c d e");
    check("policy latency tie_band=9\nplace 10.0.0.0/8 DE", "a b c d e");
}

#[test]
fn what_a_rule_or_a_network_prefers_comes_first_and_is_not_tied() {
    check("policy closest tie_band=2.01\nrule country=DE prefer=b\nplace 10.0.0.0/8 DE 0,0", "b a =c d e");
    check("policy closest tie_band=2.01\nrule country=DE prefer=a,d\nplace 10.0.0.0/8 DE 0,0", "a d b =c e");
    check("policy closest tie_band=2.01\nplace 10.0.0.0/8 DE 0,0 at=a", "a b =c d e");
    check("policy closest tie_band=2.01\nrule country=DE regions=b,c,d\nplace 10.0.0.0/8 DE 0,0", "b =c d");
}

#[test]
fn equals_of_which_one_is_picked_stand_side_by_side() {
    check("policy any\nplace 10.0.0.0/8 0,0", "a b c d e");
    check("policy any region_spread=hash/24/48\nplace 10.0.0.0/8 0,0", "a =b =c =d =e");
    check("policy any region_weights=a:70,b:30 regions=b,a\nplace 10.0.0.0/8 0,0", "a =b");
    check("policy any region_spread=random\nrule country=DE prefer=c\nplace 10.0.0.0/8 DE 0,0", "c a =b =d =e");
    check("policy any region_spread=random\nrule country=DE regions=c,d\nplace 10.0.0.0/8 DE 0,0", "c =d");
    check("policy any region_spread=random\nrule country=DE regions=c\nplace 10.0.0.0/8 DE 0,0", "c");
    let world = with("policy any region_spread=random\nplace 10.0.0.0/8 0,0");
    assert_eq!(world.ranking().reach().group_count(), 5, "no set of equals, which would be one entry");
}

#[test]
fn measured_latency_goes_before_distance() {
    check("policy latency\nplace 10.0.0.0/8 0,0 a:95 b:20 c:40 d:60", "b c d a e");
    // Measured where nobody knows where they are: the others follow as configured.
    check("policy latency\nplace 10.0.0.0/8 DE d:20", "d a b c e");
    check("policy latency\nplace 10.0.0.0/8 DE e:20", "e a b c d");
}

#[test]
fn regions_that_were_not_measured_are_estimated_by_distance() {
    // 0, 1111, 2224 and 4448 km: 26.7, 43.4, 27.0 and 76.7 ms.
    check("policy latency\nplace 10.0.0.0/8 0,0", "a c b d e");
    check("policy latency\nplace 10.0.0.0/8 0,0 b:25", "b a c d e");
    check("policy latency\nplace 10.0.0.0/8 0,0 a:30 b:30", "c a b d e");
    check("policy latency\nplace 10.0.0.0/8 0,0 d:45", "a c b d e");
    assert!((estimated_ms(1111.9) - 26.68).abs() < 0.01);
}

#[test]
fn bias_and_band_count_milliseconds() {
    let biased = EQUATOR.replace("region b 0,20", "region b 0,20 bias=50");
    let order =
        |policy: &str| world(&format!("{biased}\npolicy {policy}\nplace 10.0.0.0/8 0,0 a:20 b:45")).ranked("10.0.0.1");
    assert_eq!(order("latency"), "a b c d e");
    assert_eq!(order("latency tie_band=1.2"), "a =b c d e");
    assert_eq!(order("latency tie_band=1.4"), "a =b =c d e");
}

#[test]
fn beyond_16_regions_equals_are_among_the_exact_nearest() {
    let mut text = "policy closest tie_band=100\n".to_owned();
    for region in 0..20 {
        text += &format!("region r{region} 0,{}\nmember r{region} 192.0.2.{region}\n", 60 - region);
    }
    for latencies in ["", "r0:5 r19:5"] {
        let order = if latencies.is_empty() { text.clone() } else { text.replace("closest", "latency") };
        let world = world(&format!("{order}\nplace 10.0.0.0/8 0,0.6 {}", latencies.replace(' ', ",")));
        let ranking = world.ranking();
        let (cohort, _) = ranking.at(world.table.leaf("10.0.0.1".parse().unwrap()));
        let entries: Vec<Ranked> = ranking.order(cohort).collect();
        assert_eq!(entries.len(), 20);
        assert!(!entries[0].is_tied() && entries[1..EXACT_NEAREST].iter().all(|entry| entry.is_tied()));
        assert!(entries[..EXACT_NEAREST].is_sorted_by_key(|entry| entry.group()), "in configured order");
        assert!(entries[EXACT_NEAREST..].iter().all(|entry| !entry.is_tied()));
        assert_eq!(entries[0].group(), if latencies.is_empty() { 12 } else { 0 });
    }
}

#[test]
fn a_band_in_one_policy_changes_no_scope_of_anothers_names() {
    let places = "place 10.0.0.0/8 0,0\nplace 10.1.2.0/24 0,-0.3";
    let plain = with(&format!("policy closest\n{places}"));
    let banded = with(&format!("policy closest tie_band=1.1\n{places}"));
    assert_eq!((plain.scope("10.1.2.3"), banded.scope("10.1.2.3")), (24, 8), "one cohort needs no scope of its own");
    let beside = Ranking::of_table(&plain.key(), &banded.table.table());
    for leaf in &banded.table.leaves {
        let scope = |ranking: &Ranking, world: &World| ranking.at(world.table.leaf(leaf.address())).1;
        assert_eq!(scope(&beside, &banded), scope(&plain.ranking(), &plain), "{leaf}");
    }
}

#[test]
fn latencies_change_no_scope_of_names_under_other_orders() {
    let plain = with("policy closest\nplace 10.0.0.0/8 0,0");
    let measured = with("policy closest\nplace 10.0.0.0/8 0,0\nplace 10.1.2.0/24 0,0 d:5");
    assert!(measured.table.leaves.len() > plain.table.leaves.len());
    for client in ["10.1.2.3", "10.9.9.9", "11.0.0.1"] {
        assert_eq!(measured.scope(client), plain.scope(client), "{client}");
    }
    let by_latency = with("policy latency\nplace 10.0.0.0/8 0,0\nplace 10.1.2.0/24 0,0 d:5");
    assert_eq!(by_latency.scope("10.1.2.3"), 24);
}

#[test]
fn explanations_say_what_was_measured_estimated_and_tied() {
    let explained = |text: &str| -> Vec<RankedRegion> {
        let world = with(text);
        world.explain(&world.asked("10.0.0.1", crate::base::Family::V4)).regions
    };
    let regions = explained("policy latency tie_band=1.2\nplace 10.0.0.0/8 0,0 b:25 d:70");
    let reasons: Vec<RankReason> = regions.iter().map(|region| region.reason).collect();
    use RankReason::{Estimated, Listed, Measured, Tied};
    assert_eq!(reasons, [Tied, Tied, Tied, Measured, Listed]);
    let measured: Vec<Option<bool>> = regions.iter().map(|region| region.latency.map(|of| of.measured)).collect();
    assert_eq!(measured, [Some(false), Some(true), Some(false), Some(true), None]);
    assert_eq!(regions[3].latency.unwrap().milliseconds, 70.0);
    let regions = explained("policy latency\nplace 10.0.0.0/8 0,0 b:25");
    assert_eq!([regions[0].reason, regions[1].reason], [Measured, Estimated]);
    assert!(regions[1].distance_km.unwrap() > 1000.0);
    assert!(explained("policy any region_spread=random\nplace 10.0.0.0/8 0,0").iter().all(|of| of.reason == Tied));
}

#[test]
fn a_more_specific_key_decides_whatever_the_order_in_the_file() {
    let rules = "policy listed
        rule continent=EU prefer=a
        rule country=DE prefer=b
        rule subdivision=DE-BE prefer=c
        rule city=Berlin prefer=d
        rule asn=64500 prefer=e
        rule network=10.9.0.0/16 prefer=b,a";
    let first = |place: &str, client: &str| {
        let world = with(&format!("{rules}\nplace 10.0.0.0/8 {place}"));
        world.ranked(client).split(' ').next().unwrap().to_owned()
    };
    let everything = "DE EU asn=64500 city=Berlin subdivision=DE-BE";
    assert_eq!(first(everything, "10.9.0.1"), "b");
    assert_eq!(first(everything, "10.0.0.1"), "e");
    assert_eq!(first("DE EU city=BERLIN subdivision=de-be", "10.0.0.1"), "d");
    assert_eq!(first("DE EU subdivision=DE-BE", "10.0.0.1"), "c");
    assert_eq!(first("DE EU asn=64501 city=Hamburg subdivision=DE-HH", "10.0.0.1"), "b");
    assert_eq!(first("FR EU", "10.0.0.1"), "a");
}

#[test]
fn of_namesakes_the_country_tells_which() {
    let rules = "policy listed\nrule city=Berlin country=DE prefer=d\nrule city=Berlin prefer=c\nrule asn=64500 city=Berlin country=FR prefer=b";
    check(&format!("{rules}\nplace 10.0.0.0/8 DE city=Berlin"), "d a b c e");
    check(&format!("{rules}\nplace 10.0.0.0/8 US city=Berlin"), "c a b d e");
    check(&format!("{rules}\nplace 10.0.0.0/8 FR city=Berlin asn=64500"), "b a c d e");
    check(&format!("{rules}\nplace 10.0.0.0/8 US city=Berlin asn=64500"), "c a b d e");
    check(&format!("{rules}\nplace 10.0.0.0/8 FR asn=64500"), "a b c d e");
}

#[test]
fn of_two_subdivisions_of_one_place_the_first_rule_decides() {
    let rules = "policy listed\nrule subdivision=GB-LND prefer=c\nrule subdivision=GB-ENG prefer=d";
    check(&format!("{rules}\nplace 10.0.0.0/8 GB subdivision=GB-ENG subdivision=GB-LND"), "c a b d e");
    check(&format!("{rules}\nplace 10.0.0.0/8 GB subdivision=GB-ENG"), "d a b c e");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_tied_are_those_within_the_band_and_the_rest_is_in_order(
        longitudes in prop::collection::vec(-170.0..170.0_f64, 2..15), band in 1.0..3.0_f64,
        measured in prop::collection::vec(prop::option::of(1_u16..40), 2..15), by_latency in any::<bool>(),
    ) {
        let mut text = format!("policy {} tie_band={band}\n", if by_latency { "latency" } else { "closest" });
        let mut profile = Vec::new();
        for (number, longitude) in longitudes.iter().enumerate() {
            text += &format!("region r{number} 0,{longitude}\nmember r{number} 192.0.2.{number}\n");
            if let Some(Some(step)) = measured.get(number) {
                profile.push(format!("r{number}:{}", step * 5));
            }
        }
        let world = world(&format!("{text}place 10.0.0.0/8 0,0 {}", profile.join(",")));
        let regions = world.explain(&world.asked("10.0.0.1", crate::base::Family::V4)).regions;
        let near = |region: &RankedRegion| match by_latency {
            true => region.latency.unwrap().ranked_ms,
            false => region.ranked_km.unwrap(),
        };
        let nearest = regions.iter().map(near).fold(f64::INFINITY, f64::min);
        let tied = regions.iter().filter(|region| region.reason == RankReason::Tied).count();
        let (equals, rest) = regions.split_at(tied.max(1));
        // Give or take what rounding to whole nanoseconds does.
        prop_assert!(equals.iter().all(|region| near(region) <= nearest * band + 1e-3));
        prop_assert!(rest.iter().all(|region| near(region) >= nearest * band - 1e-3));
        prop_assert!(equals.is_sorted_by_key(|region| region.region));
        prop_assert!(rest.windows(2).all(|pair| near(&pair[0]) <= near(&pair[1]) + 1e-3));
        prop_assert_eq!(regions.len(), longitudes.len());
    }
}
