//! Scopes on small tables made by hand: how far around a client an answer holds.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::scopes::of_leaves;
use super::{CohortId, PlaceCohorts, Ranking};
use crate::base::{Family, Prefix};
use crate::geo::{LeafId, Place, PlaceId};
use crate::steering::testing::{HandTable, halves, world};
use proptest::prelude::*;

const TWO: &str = "region eu 50,8\nregion us 39,-77\nmember eu 192.0.2.1\nmember us 192.0.2.2\n";

#[track_caller]
fn check(places: &str, scopes: &[(&str, u8)]) {
    let world = world(&format!("{TWO}\n{places}"));
    for &(client, scope) in scopes {
        assert_eq!(world.scope(client), scope, "{client}");
    }
}

#[test]
fn the_scope_is_the_depth_of_the_shallowest_ancestor_that_is_all_of_one_cohort() {
    // 10.0.0.0/8 is nearer to us, but for one /24 inside; the /16 beside that one is another place of the same cohort.
    check(
        "place 10.0.0.0/8 39,-77\nplace 10.1.2.0/24 50,8\nplace 10.9.0.0/16 40,-80",
        &[
            ("10.1.2.3", 24),
            ("10.1.3.3", 24),
            ("10.1.0.1", 23),
            ("10.9.0.1", 13),
            ("10.128.0.1", 9),
            ("11.0.0.1", 8),
            ("128.0.0.1", 1),
        ],
    );
}

#[test]
fn scope_is_0_when_both_families_are_one_cohort() {
    check("place 10.0.0.0/8 50,8\nplace 2001:db8::/32 51,9", &[("10.0.0.1", 0), ("192.0.2.1", 0), ("2001:db8::1", 0)]);
}

#[test]
fn a_uniform_family_has_at_least_1_beside_one_that_is_not() {
    check("place 10.0.0.0/8 39,-77", &[("10.0.0.1", 8), ("2001:db8::1", 1), ("ffff::", 1)]);
    check("place 2001:db8::/32 39,-77", &[("10.0.0.1", 1), ("192.0.2.1", 1), ("2001:db8::1", 32)]);
}

#[test]
fn uniform_families_of_different_cohorts_have_1() {
    check("place 0.0.0.0/0 39,-77\nplace ::/0 50,8", &[("10.0.0.1", 1), ("2001:db8::1", 1)]);
}

#[test]
fn no_scope_of_ipv6_reaches_over_addresses_that_are_looked_up_as_ipv4() {
    let places = "place 2002::/16 disguised\nplace 10.0.0.0/8 39,-77";
    check(places, &[("2003::1", 16), ("2000::1", 15), ("3000::1", 4), ("8000::1", 1)]);
    let uniform = "place 2002::/16 disguised";
    check(uniform, &[("10.0.0.1", 0), ("2003::1", 0)]);
}

#[test]
fn a_rule_in_one_policy_changes_no_scope_of_anothers_names() {
    let places = "place 10.0.0.0/8 39,-77\nplace 10.1.2.0/24 50,8";
    let plain = world(&format!("{TWO}\n{places}"));
    let ruled = world(&format!("{TWO}\npolicy closest\nrule network=10.77.0.0/16 prefer=eu\n{places}"));
    assert_eq!(ruled.scope("10.77.0.1"), 16);
    assert_eq!(ruled.scope("10.76.0.1"), 16);
    // The table has leaves for the rule's network; a policy without the rule does not see them.
    let beside = Ranking::of_table(&plain.key(), &ruled.table.table());
    assert!(ruled.table.leaves.len() > plain.table.leaves.len());
    let alone = plain.ranking();
    for leaf in &ruled.table.leaves {
        let address = leaf.address();
        let (_, scope) = beside.at(ruled.table.leaf(address));
        assert_eq!(scope, alone.at(plain.table.leaf(address)).1, "{leaf}");
    }
}

#[test]
fn more_than_65536_cohorts_widen_their_numbers() {
    let cohorts: Vec<CohortId> = (0..1 << 17).map(CohortId).collect();
    let wide = PlaceCohorts::new(&cohorts);
    assert!(
        matches!(wide, PlaceCohorts::Wide(_))
            && matches!(PlaceCohorts::new(&cohorts[..65_536]), PlaceCohorts::Narrow(_))
    );
    for place in [0, 1, 65_535, 65_536, (1 << 17) - 1] {
        assert_eq!(wide.get(PlaceId(place)), CohortId(place));
    }
}

/// A random way to cut a family into leaves: a stream of decisions to split or not, and of places.
fn random_table() -> impl Strategy<Value = HandTable> {
    let places = 4_u8;
    prop::collection::vec((any::<u8>(), 0..places), 1..200).prop_map(move |mut choices| {
        let mut table = HandTable::default();
        for number in 0..places {
            let lon = f64::from(number) * 90.0 - 135.0;
            table.places.push(Place { point: crate::base::Point::new(0.0, lon), ..Place::default() });
        }
        table.places.push(Place { disguised: true, ..Place::default() });
        for root in ["0.0.0.0/0", "::/0"] {
            grow(&mut table, root.parse().unwrap(), &mut choices);
        }
        table
    })
}

fn grow(table: &mut HandTable, prefix: Prefix, choices: &mut Vec<(u8, u8)>) {
    let (split, place) = choices.pop().unwrap_or((0, 0));
    if split > 90 && prefix.length() < 20 {
        for half in halves(prefix) {
            grow(table, half, choices);
        }
        return;
    }
    let disguised = prefix.family() == Family::V6 && split % 8 == 7;
    table.push_leaf_place(PlaceId(if disguised { 4 } else { place.into() }));
    table.depths[prefix.family().index()].push(prefix.length());
    table.leaves.push(prefix);
}

proptest! {
    #[test]
    fn scopes_partition_the_space(table in random_table(), cohort_of_place in prop::collection::vec(0_u32..3, 4)) {
        let mut cohorts: Vec<CohortId> = cohort_of_place.into_iter().map(CohortId).collect();
        cohorts.push(CohortId(0));
        let scopes = of_leaves(&table.table(), &cohorts);
        let live: Vec<usize> = (0..table.leaves.len()).filter(|&leaf| !table.place(LeafId(leaf as u32)).disguised).collect();
        let cohort = |leaf: usize| cohorts[table.leaf_places[leaf].0 as usize];
        let mut ipv4 = (0..table.depths[0].len()).map(cohort);
        let v4_uniform = ipv4.all(|each| each == cohort(0));
        let scope_prefix = |leaf: usize| Prefix::cut(table.leaves[leaf].address(), scopes[leaf]).unwrap();
        for &leaf in &live {
            prop_assert!(scopes[leaf] <= table.leaves[leaf].length().max(1));
            let scope = scope_prefix(leaf);
            for other in 0..table.leaves.len() {
                let overlap = scope.covers(table.leaves[other]) || (scopes[leaf] == 0);
                if live.contains(&other) && overlap {
                    prop_assert_eq!(cohort(other), cohort(leaf), "one scope, one cohort");
                    prop_assert_eq!(scopes[other], scopes[leaf], "and one answer for all of it");
                } else if overlap {
                    prop_assert!(v4_uniform && cohort(0) == cohort(leaf), "over addresses looked up as IPv4");
                }
            }
        }
        // Shallowest: one bit less would take in another cohort, a disguised block, or the whole of one family alone.
        for &leaf in live.iter().filter(|&&leaf| scopes[leaf] > 1) {
            let wider = Prefix::cut(table.leaves[leaf].address(), scopes[leaf] - 1).unwrap();
            let mut inside = (0..table.leaves.len()).filter(|&other| wider.covers(table.leaves[other]));
            prop_assert!(inside.any(|other| !live.contains(&other) || cohort(other) != cohort(leaf)));
        }
    }
}
