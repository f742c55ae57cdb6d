//! Precedence, expiry and replacement of orders, and what patterns mean in a configuration.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::matching::{matched, why_nothing};
use super::{Action, ORDERS_MAX, OperatorTable, Order};
use crate::base::{RegionId, UnixTime};
use crate::steering::control::Admin;
use crate::steering::spec::{Member, MemberTarget, Pool, Region};

const NOW: UnixTime = UnixTime::from_secs(1_000);

fn order(action: Action, pattern: &str) -> Order {
    let pattern = pattern.parse().unwrap();
    Order { pattern, action, since: NOW, until: None, reason: "".into(), by: "test".into() }
}

const DRAIN: Action = Action::Drain { percent: 100 };

fn part(percent: u8) -> Action {
    Action::Drain { percent }
}

fn table(orders: &[(Action, &str)]) -> OperatorTable {
    let mut table = OperatorTable::default();
    for (action, pattern) in orders {
        table.say(order(*action, pattern)).unwrap();
    }
    table
}

#[test]
fn forced_down_beats_draining_beats_forced_up_at_whatever_level() {
    let levels = ["region/r", "pool/p", "pool/p/r", "pool/p/r/192.0.2.1"];
    let strength = [
        (Action::ForceUp, Admin::ForcedUp),
        (DRAIN, Admin::Draining { percent: 100 }),
        (Action::ForceDown, Admin::ForcedDown),
    ];
    for one in levels {
        for other in levels.iter().filter(|other| **other != one) {
            for (weak, (weaker, _)) in strength.iter().enumerate() {
                for (stronger, admin) in &strength[weak..] {
                    let table = table(&[(*stronger, one), (*weaker, other)]);
                    assert_eq!(
                        table.admin_of_member("p", "r", "192.0.2.1", NOW),
                        *admin,
                        "{stronger:?} {one}, {weaker:?} {other}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_word_holds_for_what_its_pattern_names_and_for_nothing_else() {
    let table =
        table(&[(DRAIN, "region/eu-*"), (Action::ForceDown, "pool/web/us/192.0.2.9"), (Action::ForceUp, "pool/api")]);
    let drained = Admin::Draining { percent: 100 };
    assert_eq!(table.admin_of_region("eu-west", NOW), drained);
    assert_eq!(table.admin_of_region("us", NOW), Admin::None);
    assert_eq!(table.admin_of_pool_region("api", "eu-west", NOW), drained);
    assert_eq!(table.admin_of_pool_region("api", "us", NOW), Admin::ForcedUp);
    assert_eq!(table.admin_of_pool_region("web", "us", NOW), Admin::None, "a member is not its region");
    assert_eq!(table.admin_of_member("web", "us", "192.0.2.9", NOW), Admin::ForcedDown);
    assert_eq!(table.admin_of_member("web", "us", "192.0.2.8", NOW), Admin::None);
}

#[test]
fn a_part_of_a_region_is_said_of_the_region_and_a_part_of_a_member_of_the_member() {
    let table = table(&[(part(30), "region/r"), (part(50), "pool/p/r"), (part(20), "pool/p/r/192.0.2.1")]);
    assert_eq!(table.admin_of_region("r", NOW), Admin::Draining { percent: 30 });
    assert_eq!(table.admin_of_pool_region("p", "r", NOW), Admin::Draining { percent: 50 }, "the stronger of two");
    assert_eq!(table.admin_of_member("p", "r", "192.0.2.1", NOW), Admin::Draining { percent: 20 });
    assert_eq!(table.admin_of_member("p", "r", "192.0.2.2", NOW), Admin::None);
}

#[test]
fn a_part_of_a_whole_pool_is_refused_with_advice() {
    let said = OperatorTable::default().say(order(part(50), "pool/p")).unwrap_err();
    assert!(said.contains("`pool/p/REGION`"), "{said}");
    for percent in [0, 101] {
        assert!(OperatorTable::default().say(order(part(percent), "region/r")).is_err());
    }
}

#[test]
fn a_later_word_on_the_same_pattern_replaces_the_earlier_one() {
    let mut table = table(&[(DRAIN, "pool/p/r"), (Action::ForceDown, "pool/p/r/192.0.2.1")]);
    let replaced = table.say(order(Action::ForceUp, "pool/\"p\"/r")).unwrap();
    assert_eq!(replaced.unwrap().action, DRAIN);
    assert_eq!(table.orders().len(), 2);
    assert_eq!(table.admin_of_pool_region("p", "r", NOW), Admin::ForcedUp);
}

#[test]
fn undrain_takes_drains_and_clear_takes_all() {
    let all = [(DRAIN, "pool/p/a"), (Action::ForceDown, "pool/p/b"), (part(10), "pool/p/c"), (DRAIN, "region/a")];
    let patterns = |removed: Vec<Order>| removed.iter().map(|order| order.pattern.to_string()).collect::<Vec<_>>();
    let every = "pool/p/*".parse().unwrap();
    assert_eq!(patterns(table(&all).remove(&every, true)), ["pool/p/a", "pool/p/c"]);
    assert_eq!(patterns(table(&all).remove(&every, false)), ["pool/p/a", "pool/p/b", "pool/p/c"]);
    assert!(table(&all).remove(&"region/b".parse().unwrap(), false).is_empty());
}

#[test]
fn a_word_ends_at_its_time() {
    let mut table = OperatorTable::default();
    let at = |seconds| UnixTime::from_secs(seconds);
    table.say(Order { until: Some(at(1_010)), ..order(DRAIN, "region/a") }).unwrap();
    table.say(Order { until: Some(at(1_020)), ..order(DRAIN, "region/b") }).unwrap();
    table.say(order(DRAIN, "region/c")).unwrap();
    assert_eq!(table.next_expiry(NOW), Some(at(1_010)));
    assert_eq!(table.admin_of_region("a", at(1_009)), Admin::Draining { percent: 100 });
    assert_eq!(table.admin_of_region("a", at(1_010)), Admin::None, "at its time, before anybody takes it out");
    assert_eq!(table.next_expiry(at(1_010)), Some(at(1_020)));
    assert_eq!(table.expire(at(1_010)).len(), 1);
    assert_eq!(table.expire(at(5_000)).len(), 1);
    assert_eq!((table.orders().len(), table.next_expiry(at(5_000))), (1, None));
}

#[test]
fn there_is_a_limit_that_replacing_does_not_meet() {
    let mut table = OperatorTable::default();
    for number in 0..ORDERS_MAX {
        table.say(order(DRAIN, &format!("region/r{number}"))).unwrap();
    }
    assert!(table.say(order(DRAIN, "region/one-more")).unwrap_err().contains("1000 orders"));
    assert!(table.say(order(Action::ForceUp, "region/r0")).is_ok());
}

fn configuration() -> (Vec<Region>, Vec<Pool>) {
    let regions = ["eu-west", "eu-north", "us-east"].map(|name| Region { name: name.into(), ..Region::default() });
    let member = |region: u16, last: u8| Member::new(RegionId(region), MemberTarget::Address([192, 0, 2, last].into()));
    let pool = |name: &str, members: Vec<Member>| Pool { name: name.into(), members, ..Pool::default() };
    let pools = vec![pool("web", vec![member(0, 1), member(2, 2)]), pool("api", vec![member(0, 3)])];
    (regions.to_vec(), pools)
}

#[test]
fn what_a_pattern_means_is_found_in_configured_order() {
    let (regions, pools) = configuration();
    let means = |text: &str| {
        let found = matched(&text.parse().unwrap(), &regions, &pools);
        let members: Vec<_> = found.members.iter().map(|(pool, at)| (pool.0, *at)).collect();
        (found.regions.iter().map(|region| region.0).collect::<Vec<_>>(), members)
    };
    assert_eq!(means("region/eu-*"), (vec![0, 1], vec![(0, 0), (1, 0)]));
    assert_eq!(means("region/eu-north"), (vec![1], vec![]), "a region that nothing is in is one all the same");
    assert_eq!(means("pool/*"), (vec![0, 2], vec![(0, 0), (0, 1), (1, 0)]));
    assert_eq!(means("pool/web/us-east"), (vec![2], vec![(0, 1)]));
    assert_eq!(means("pool/*/*/192.0.2.3"), (vec![0], vec![(1, 0)]));
    assert_eq!(means("pool/api/us-east"), (vec![], vec![]));
}

#[test]
fn what_means_nothing_tells_near_names() {
    let (regions, pools) = configuration();
    for (text, told) in [
        ("region/eu-wset", "no region is called `eu-wset`; did you mean `eu-west`?"),
        ("region/ap-*", "no region matches `ap-*`; there is `eu-north`, `eu-west`, `us-east`"),
        ("pool/WEB", "no pool is called `WEB`; did you mean `web`?"),
        ("pool/api/us-east", "no region of pool `api` is called `us-east`; there is `eu-west`"),
        ("pool/web/eu-west/192.0.2.77", "no member of pool `web` in `eu-west` is called `192.0.2.77.`"),
    ] {
        let pattern = text.parse().unwrap();
        let said = why_nothing(&pattern, &regions, &pools);
        assert!(said.starts_with(told.trim_end_matches("77.`")), "{said}");
    }
}
