//! Explanations of small worlds: every reason that an operator is shown.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::{Explanation, Pick, RankReason, Shortfall};
use crate::base::Family;
use crate::steering::decide::{Considered, Verdict};
use crate::steering::pool_answers::Pass;
use crate::steering::testing::{World, world};

fn explained(text: &str, family: Family) -> (World, Explanation) {
    let world = world(text);
    let explanation = world.explain(&world.asked("10.0.0.1", family));
    (world, explanation)
}

/// The steps as text: family, pass, regions, outcome, and what falls short.
fn steps(world: &World, explanation: &Explanation) -> Vec<String> {
    let step = |step: &super::ExplainedStep| {
        let outcome = match step.step.outcome {
            Considered::NoMembers => "has none",
            Considered::PassedOver => "passed over",
            Considered::Chosen => "chosen",
            Considered::HandedOn => "handed on",
            Considered::Refused => "refused",
            Considered::NotPicked => "not picked",
        };
        let shortfall =
            step.shortfall.map(|Shortfall { family, up, enabled }| format!(": {up} of {enabled} {family:?}"));
        let (family, pass) = (step.step.family, step.step.pass);
        format!("{family:?} {pass:?} {} {outcome}{}", world.names(&step.regions), shortfall.unwrap_or_default())
    };
    explanation.steps.iter().map(step).collect()
}

const RANKED: &str = "
    region a 0,1
    region b 0,2 bias=50
    region c 0,3
    region d 0,4
    region e -
    policy closest
    rule country=DE prefer=d
    member a 192.0.2.1
    member b 192.0.2.2
    member c 192.0.2.3
    member d 192.0.2.4
    member e 192.0.2.5
";

#[test]
fn regions_are_shown_in_order_with_distances_and_reasons() {
    let (world, explanation) = explained(&format!("{RANKED}\nplace 10.0.0.0/8 DE 0,0 at=c"), Family::V4);
    assert_eq!(explanation.rule, Some(0));
    let shown = |region: &super::RankedRegion| {
        let km = |distance: Option<f64>| distance.map_or("-".to_owned(), |km| format!("{km:.0}"));
        let (near, ranked) = (km(region.distance_km), km(region.ranked_km));
        format!("{} {near} {ranked} {:?}", world.names(&[region.region]), region.reason)
    };
    let shown: Vec<String> = explanation.regions.iter().map(shown).collect();
    // A degree at the equator is 111.2 km; `b` is as near as `a` with its bias, and behind it in configured order.
    let expected = ["d 445 445 Rule", "c 334 334 Network", "a 111 111 Distance", "b 222 111 Distance", "e - - Listed"];
    assert_eq!(shown, expected);
}

#[test]
fn listed_equal_and_unlocated_orders_say_so() {
    let reasons = |text: &str| -> Vec<RankReason> {
        explained(text, Family::V4).1.regions.iter().map(|region| region.reason).collect()
    };
    assert_eq!(reasons(&format!("{RANKED}\nplace 10.0.0.0/8 FR")), [RankReason::Listed; 5]);
    let any = RANKED.replace("policy closest", "policy any");
    assert_eq!(reasons(&format!("{any}\nplace 10.0.0.0/8 FR 0,0")), [RankReason::Equal; 5]);
}

#[test]
fn approximation_is_marked_where_it_starts() {
    let mut text = String::new();
    for region in 0..20 {
        text += &format!("region r{region} 0,{region}\nmember r{region} 192.0.2.{region}\n");
    }
    let (_, explanation) = explained(&format!("{text}\nplace 10.0.0.0/8 0,0.6"), Family::V4);
    let reasons: Vec<RankReason> = explanation.regions.iter().map(|region| region.reason).collect();
    assert_eq!(reasons[..8], [RankReason::Distance; 8]);
    assert_eq!(reasons[8..], [RankReason::Approximate; 12]);
}

#[test]
fn regions_passed_over_say_what_falls_short() {
    let (world, explanation) = explained(
        "region a 0,1\nregion b 0,2\nregion c 0,3\nregion d 0,4\nplace 10.0.0.0/8 0,0
        member a 2001:db8::1\nmember b 192.0.2.1 w=1 up\nmember b 192.0.2.2 w=3 down\nmember c 192.0.2.3\nmember c 2001:db8::3 down
        member d 192.0.2.4\nmember d 2001:db8::4",
        Family::V4,
    );
    let expected = [
        "V4 Healthy a has none",
        "V4 Healthy b passed over: 1 of 4 V4",
        "V4 Healthy c passed over: 0 of 1 V6",
        "V4 Healthy d chosen",
    ];
    assert_eq!(steps(&world, &explanation), expected);
}

#[test]
fn aaaa_shows_that_it_follows_as_order() {
    let (world, explanation) = explained(
        "region a 0,1\nregion b 0,2\nplace 10.0.0.0/8 0,0
        member a 192.0.2.1\nmember b 192.0.2.2\nmember b 2001:db8::2",
        Family::V6,
    );
    let expected = ["V4 Healthy a chosen", "V6 Healthy a has none", "V6 Healthy b chosen"];
    assert_eq!(steps(&world, &explanation), expected);
}

#[test]
fn later_passes_show_the_earlier_ones() {
    let (world, explanation) =
        explained("region a 0,1\nplace 10.0.0.0/8 0,0\nmember a 192.0.2.1 down\nmember a 192.0.2.2 off", Family::V4);
    let expected = ["V4 Healthy a passed over: 0 of 1 V4", "V4 AnyUp a passed over: 0 of 1 V4", "V4 AllDown a chosen"];
    assert_eq!(steps(&world, &explanation), expected);
    assert_eq!(explanation.steps.last().unwrap().step.pass, Pass::AllDown);
    let members: Vec<(bool, Option<f64>)> = explanation.members.iter().map(|m| (m.answered, m.share)).collect();
    assert_eq!(members, [(true, Some(1.0)), (false, None)]);
}

#[test]
fn the_pick_says_what_decides_and_agrees_with_the_decision() {
    let pick = |policy: &str, members: &str| {
        let text = format!("region a 0,1\nplace 10.0.0.0/8 0,0\npolicy closest {policy}\n{members}");
        let (world, explanation) = explained(&text, Family::V4);
        let asked = world.asked("10.0.0.1", Family::V4);
        assert_eq!(explanation.decision, world.decide(&asked));
        if let Verdict::Variant(number) = explanation.decision.verdict {
            let answered = world.answers().variant_members(number);
            assert!((0..).zip(&explanation.members).all(|(index, m)| m.answered == answered.contains(&index)));
        }
        explanation
    };
    let two = "member a 192.0.2.1 w=1\nmember a 192.0.2.2 w=3";
    assert_eq!(pick("spread=weighted", two).pick, Pick::Chance);
    assert_eq!(pick("spread=round-robin", two).pick, Pick::Turn);
    assert_eq!(pick("spread=weighted", "member a 192.0.2.1").pick, Pick::Only);
    assert_eq!(pick("all_down=nodata", "member a 192.0.2.1 down").pick, Pick::None);
    let hash = pick("spread=hash/24/48", two);
    assert_eq!(hash.pick, Pick::Hash("10.0.0.0/24".parse().unwrap()));
    assert_eq!(hash.scope_floor, 24);
    let shares: Vec<Option<f64>> = hash.members.iter().map(|m| m.share).collect();
    assert!(shares == [Some(1.0), None] || shares == [None, Some(1.0)], "one client, one member");
    let shares: Vec<Option<f64>> = pick("spread=weighted", two).members.iter().map(|m| m.share).collect();
    assert_eq!(shares, [Some(0.25), Some(0.75)]);
}
