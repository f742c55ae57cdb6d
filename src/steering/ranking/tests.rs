//! Orders of regions on small tables made by hand, and orders by brute force.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::{EXACT_NEAREST, EXACT_REGIONS_MAX, Ranking, RankingKey};
use crate::base::{Point, RegionId};
use crate::geo::Place;
use crate::steering::reach::Ranked;
use crate::steering::spec::{Order, Policy, Region};
use crate::steering::testing::{HandTable, policy, world};
use proptest::prelude::*;

/// The order of regions for a client at 10.0.0.1.
#[track_caller]
fn check(text: &str, order: &str) {
    assert_eq!(world(text).order("10.0.0.1"), order);
}

const EUROPE_AND_COASTS: &str = "
    region us-west 37,-122
    region us-east 39,-77
    region eu 50,8
    region ap 1,104
    member us-west 192.0.2.1
    member us-east 192.0.2.2
    member eu 192.0.2.3
    member ap 192.0.2.4
";

fn with(text: &str) -> String {
    format!("{EUROPE_AND_COASTS}\n{text}")
}

#[test]
fn closest_sorts_by_great_circle_distance() {
    check(&with("place 10.0.0.0/8 48,2"), "eu us-east us-west ap");
    check(&with("place 10.0.0.0/8 35,139"), "ap us-west eu us-east");
    check(&with("place 10.0.0.0/8 65,-170"), "us-west us-east eu ap");
}

#[test]
fn unknown_location_gets_configured_order_never_zero_zero() {
    check(&with("place 10.0.0.0/8 DE EU"), "us-west us-east eu ap");
    check(&with("place 10.0.0.0/8 0,0"), "eu us-east ap us-west");
}

#[test]
fn a_region_without_coordinates_goes_last_in_configured_order() {
    let text = "region x -\nregion b 50,8\nregion y -\nregion a 51,8
        member x 192.0.2.1\nmember b 192.0.2.2\nmember y 192.0.2.3\nmember a 192.0.2.4\nplace 10.0.0.0/8 52,8";
    check(text, "a b x y");
}

#[test]
fn ties_keep_configured_order() {
    for (first, second) in [("40", "60"), ("60", "40"), ("40.1", "59.9"), ("59.9", "40.1"), ("-130", "-130")] {
        let text = format!(
            "region a 10,{first}\nregion b 10,{second}\nregion c 10,{first}
            member a 192.0.2.1\nmember b 192.0.2.2\nmember c 192.0.2.3\nplace 10.0.0.0/8 3.3,50"
        );
        check(&text, "a b c");
    }
}

#[test]
fn bias_widens_or_narrows_the_reach_of_a_region() {
    let text = |a: i8, b: i8| {
        format!(
            "region a 0,10 bias={a}\nregion b 0,-11 bias={b}
            member a 192.0.2.1\nmember b 192.0.2.2\nplace 10.0.0.0/8 0,0"
        )
    };
    check(&text(0, 0), "a b");
    // 11 * (1 - 9/100) = 10.01; 11 * (1 - 10/100) = 9.9.
    check(&text(0, 9), "a b");
    check(&text(0, 10), "b a");
    // 10 / (1 - 9/100) = 10.989; 10 / (1 - 10/100) = 11.1.
    check(&text(-9, 0), "a b");
    check(&text(-10, 0), "b a");
    check(&text(99, 0), "a b");
    check(&text(-99, 0), "b a");
}

#[test]
fn ranking_runs_over_the_regions_the_pool_has_members_in() {
    let text = "region a 50,8\nregion b 51,8\nmember b 192.0.2.1\nplace 10.0.0.0/8 50,8";
    check(text, "b");
}

#[test]
fn ranking_runs_within_the_policys_list() {
    check(&with("policy closest regions=ap,us-west\nplace 10.0.0.0/8 48,2"), "us-west ap");
    check(&with("policy closest regions=ap,us-west\nplace 10.0.0.0/8 DE"), "us-west ap");
}

#[test]
fn listed_keeps_the_policys_order_or_configured_order() {
    check(&with("policy listed regions=ap,eu,us-west\nplace 10.0.0.0/8 48,2"), "ap eu us-west");
    check(&with("policy listed\nplace 10.0.0.0/8 48,2"), "us-west us-east eu ap");
}

#[test]
fn any_has_all_regions_as_equals() {
    let world = world(&with("policy any\nplace 10.0.0.0/8 48,2"));
    let ranking = world.ranking();
    assert_eq!(ranking.cohort_count(), 1);
    let groups: Vec<_> = ranking.order(super::CohortId(0)).collect();
    assert_eq!(groups, [Ranked::new(4, false)], "one group of all four regions");
    assert_eq!(ranking.reach().regions_of(4).count(), 4);
}

#[test]
fn a_network_located_at_a_region_prefers_it() {
    check(&with("place 10.0.0.0/8 48,2 at=ap"), "ap eu us-east us-west");
    check(&with("policy listed\nplace 10.0.0.0/8 at=eu"), "eu us-west us-east ap");
    check(&with("policy closest regions=eu,us-west\nplace 10.0.0.0/8 48,2 at=ap"), "eu us-west");
}

#[test]
fn a_rule_prefers_regions_and_the_rest_follow() {
    let rule = "rule country=DE prefer=ap,us-east";
    check(&with(&format!("policy closest\n{rule}\nplace 10.0.0.0/8 DE EU 48,2")), "ap us-east eu us-west");
    check(&with(&format!("policy closest\n{rule}\nplace 10.0.0.0/8 FR EU 48,2")), "eu us-east us-west ap");
    check(&with(&format!("policy closest\n{rule}\nplace 10.0.0.0/8 DE EU 48,2 at=eu")), "ap us-east eu us-west");
    check(&with(&format!("policy any\n{rule}\nplace 10.0.0.0/8 DE EU 48,2")), "ap us-east us-west eu");
}

#[test]
fn a_rules_regions_are_a_fence() {
    check(&with("policy closest\nrule country=DE regions=ap,us-west\nplace 10.0.0.0/8 DE EU 48,2"), "us-west ap");
    check(
        &with("policy closest\nrule country=DE regions=ap,us-west prefer=ap,eu\nplace 10.0.0.0/8 DE EU 48,2 at=eu"),
        "ap us-west",
    );
    check(&with("policy any\nrule country=DE regions=ap,us-west\nplace 10.0.0.0/8 DE EU 48,2"), "us-west ap");
    check(&with("policy closest regions=eu\nrule country=DE regions=ap\nplace 10.0.0.0/8 DE EU 48,2"), "");
}

#[test]
fn the_rule_with_the_most_specific_key_decides_then_file_order() {
    let rules = "policy listed
        rule continent=EU prefer=us-west
        rule country=DE prefer=us-east
        rule country=DE prefer=eu
        rule network=10.0.0.0/8 prefer=eu
        rule network=10.0.0.0/16 prefer=ap";
    let place = |place: &str| with(&format!("{rules}\nplace 10.0.0.0/8 {place}"));
    let first = |text: &str, client: &str| world(text).order(client).split(' ').next().unwrap().to_owned();
    assert_eq!(first(&place("DE EU"), "10.0.0.1"), "ap", "the longest network");
    assert_eq!(first(&place("DE EU"), "10.1.0.1"), "eu", "a network before a country");
    let elsewhere = with(&format!("{rules}\nplace 11.0.0.0/8 DE EU\nplace 12.0.0.0/8 FR EU"));
    assert_eq!(first(&elsewhere, "11.0.0.1"), "us-east", "the first rule of that country");
    assert_eq!(first(&elsewhere, "12.0.0.1"), "us-west", "the continent");
}

#[test]
fn all_keys_of_one_match_must_hold() {
    let rules = "policy listed
        rule network=10.0.0.0/8 country=FR prefer=eu
        rule network=10.0.0.0/7 continent=EU prefer=us-east
        rule country=DE continent=AS prefer=eu
        rule continent=EU prefer=ap";
    check(&with(&format!("{rules}\nplace 10.0.0.0/8 FR EU")), "eu us-west us-east ap");
    check(&with(&format!("{rules}\nplace 10.0.0.0/8 DE EU")), "us-east us-west eu ap");
    check(&with(&format!("{rules}\nplace 10.0.0.0/8 DE AS")), "eu us-west us-east ap");
    let inside_none = with(&format!("{rules}\nplace 12.0.0.0/8 DE EU"));
    assert_eq!(world(&inside_none).order("12.0.0.1"), "ap us-west us-east eu");
}

#[test]
fn keys_are_equal_exactly_when_the_ranking_is_the_same() {
    let world = world(&with("policy closest"));
    let pool: Vec<RegionId> = (0..4).map(RegionId).collect();
    let base = RankingKey::new(&world.policy, &pool, &world.regions);
    let with_policy = |change: &dyn Fn(&mut Policy)| {
        let mut policy = world.policy.clone();
        change(&mut policy);
        RankingKey::new(&policy, &pool, &world.regions)
    };
    assert_eq!(base, with_policy(&|policy| policy.min_healthy = 1.0));
    assert_eq!(base, with_policy(&|policy| policy.name = "other".into()));
    assert_eq!(base, with_policy(&|policy| policy.regions = Some(pool.iter().rev().copied().collect())));
    assert_ne!(base, with_policy(&|policy| policy.order = Order::Listed));
    assert_ne!(base, with_policy(&|policy| policy.regions = Some(vec![RegionId(1)])));
    assert_ne!(base, RankingKey::new(&world.policy, &pool[1..], &world.regions));
    let with_region = |order: Order, change: &dyn Fn(&mut Region)| {
        let mut regions = world.regions.clone();
        change(&mut regions[2]);
        RankingKey::new(&policy(order), &pool, &regions)
    };
    assert_eq!(base, with_region(Order::Closest, &|region| region.enabled = false));
    assert_ne!(base, with_region(Order::Closest, &|region| region.bias = 5));
    assert_ne!(base, with_region(Order::Closest, &|region| region.coordinates = None));
    assert_eq!(with_region(Order::Listed, &|_| {}), with_region(Order::Listed, &|region| region.bias = 5));
}

fn points(count: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Point>> {
    let point = (-90.0..=90.0_f64, -180.0..=180.0_f64);
    prop::collection::vec(point.prop_map(|(lat, lon)| Point::new(lat, lon).unwrap()), count)
}

fn regions(points: &[Point], biases: &[i8]) -> Vec<Region> {
    let region = |(number, &at): (usize, &Point)| Region {
        name: format!("r{number}").into(),
        coordinates: Some(at),
        bias: biases[number % biases.len()],
        ..Region::default()
    };
    points.iter().enumerate().map(region).collect()
}

/// Places at `clients`, one leaf each.
fn table(clients: &[Point]) -> HandTable {
    let mut table = HandTable::default();
    let depth = clients.len().next_power_of_two().ilog2() as u8;
    for number in 0..1 << depth {
        let place = Place { point: Some(clients[number % clients.len()]), ..Place::default() };
        table.places.push(place);
        table.depths[0].push(depth);
    }
    table.leaf_places = (0..1 << depth).map(crate::geo::PlaceId).collect();
    table
}

fn biased(region: &Region, from: Point) -> f64 {
    let distance = region.coordinates.unwrap().distance_km(from);
    let share = f64::from(region.bias) / 100.0;
    if region.bias > 0 { distance * (1.0 - share) } else { distance / (1.0 + share) }
}

/// Whether `order` is ascending by biased distance, give or take a metre: near the far side of the globe that is what the
/// haversine formula itself gives or takes.
fn ascending(order: &[RegionId], regions: &[Region], from: Point) -> bool {
    order
        .windows(2)
        .all(|pair| biased(&regions[pair[0].index()], from) <= biased(&regions[pair[1].index()], from) + 1e-3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn up_to_16_regions_the_order_is_the_haversine_sort(
        at in points(1..=EXACT_REGIONS_MAX), clients in points(1..20), biases in prop::collection::vec(-50_i8..50, 1..5),
    ) {
        let (regions, table) = (regions(&at, &biases), table(&clients));
        let ids: Vec<RegionId> = (0..regions.len() as u16).map(RegionId).collect();
        let ranking = Ranking::of_table(&RankingKey::new(&policy(Order::Closest), &ids, &regions), &table.table());
        for (leaf, &client) in (0..).zip(&clients) {
            let (cohort, _) = ranking.at(crate::geo::LeafId(leaf));
            let order = ranking.regions(cohort);
            prop_assert_eq!(order.len(), regions.len());
            prop_assert!(ascending(&order, &regions, client));
            prop_assert_eq!(ranking.approximate_from(cohort), None);
        }
    }

    #[test]
    fn above_16_regions_the_nearest_8_are_exact_and_the_rest_is_by_the_nearest_region(
        at in points(EXACT_REGIONS_MAX + 1..60), clients in points(1..10), bias in -9_i8..9,
    ) {
        let (regions, table) = (regions(&at, &[0, bias]), table(&clients));
        let ids: Vec<RegionId> = (0..regions.len() as u16).map(RegionId).collect();
        let ranking = Ranking::of_table(&RankingKey::new(&policy(Order::Closest), &ids, &regions), &table.table());
        for (leaf, &client) in (0..).zip(&clients) {
            let (cohort, _) = ranking.at(crate::geo::LeafId(leaf));
            let order = ranking.regions(cohort);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(&sorted, &ids, "every region once");
            let (exact, rest) = order.split_at(EXACT_NEAREST);
            prop_assert!(ascending(exact, &regions, client));
            let last = biased(&regions[exact[EXACT_NEAREST - 1].index()], client);
            prop_assert!(rest.iter().all(|region| biased(&regions[region.index()], client) >= last - 1e-3));
            prop_assert!(ascending(rest, &regions, regions[exact[0].index()].coordinates.unwrap()));
            prop_assert_eq!(ranking.approximate_from(cohort), Some(EXACT_NEAREST));
        }
    }
}
