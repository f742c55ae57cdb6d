//! Explanations say what the engine answers: one configuration, several questions.

use azimuth::admin::explain::{Explanation, Question, explain, explain_offline};
use azimuth::base::{Family, UnixTime};
use azimuth::boot::{Loaded, Overrides, load};
use azimuth::snapshot::{AliasAnswers, AliasFamily, Publisher};
use azimuth::steering::control::operator::{Action, OperatorTable, Order};
use azimuth::wire::Name;
use azimuth::zone::AliasTarget;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const CONFIG: &str = r#"
[server]
listen = ["127.0.0.1:0"]
[geoip]
client_subnet = false
latency = ["latency.csv"]
[region.eu]
coordinates = [50.1, 8.7]
[region.us]
coordinates = [39.0, -77.5]
[pool.web]
members = [
    { region = "us", address = "192.0.2.1" },
    { region = "eu", address = "198.51.100.1", weight = 3 },
    { region = "eu", address = "198.51.100.2" },
]
[pool.off]
members = [{ region = "us", address = "192.0.2.9", enabled = false }]
[[network]]
prefix = "203.0.113.0/24"
region = "eu"
[[network]]
prefix = "198.18.0.0/24"
coordinates = [50.1, 8.7]
asn = 64500
city = "Frankfurt am Main"
[policy.quick]
order = "latency"
tie_band = 2
[[policy.quick.rule]]
match = { city = "Frankfurt am Main", asn = 64501 }
prefer = ["us"]
[[policy.quick.rule]]
match = { asn = 64500 }
prefer = ["us", "eu"]
[zone."example.test"]
file = "zone"
balance.www = { pool = "web", ttl = { max = 60, min = 5 } }
balance.quick = { pool = "web", policy = "quick" }
balance.off = { pool = "off" }
alias.far = "lb.example.net."
"#;

const ZONE: &str = "$TTL 300\n@ IN SOA ns host 1 7200 900 1209600 300\n@ NS ns\nns A 192.0.2.53\nwww MX 10 ns\n\
                    alias CNAME other\nother CNAME www\nstatic A 192.0.2.80\n";

const LATENCIES: &str = "198.18.0.0/23,us,80\n198.18.1.0/24,eu,75\n";

fn loaded() -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("azimuth.toml"), CONFIG).unwrap();
    std::fs::write(folder.path().join("zone"), ZONE).unwrap();
    std::fs::write(folder.path().join("latency.csv"), LATENCIES).unwrap();
    let (loaded, report) = load(&folder.path().join("azimuth.toml"), &Overrides::default(), None);
    assert!(!report.has_errors(), "{:?}", report.diagnostics);
    loaded.unwrap()
}

fn explained(name: &str, rtype: &str, from: &str) -> Explanation {
    explain_offline(loaded().inputs, &Question::parse(name, rtype, from).unwrap())
}

#[test]
fn a_balanced_name_shows_its_regions_shares_and_the_engines_answer() {
    let explained = explained("www.example.test", "A", "203.0.113.0/24");
    let steering = explained.steering.unwrap();
    assert_eq!((steering.pool.as_str(), steering.policy.as_str(), steering.ttl), ("web", "closest", 60));
    let regions: Vec<_> = steering.regions.iter().map(|region| (region.name.as_str(), region.chosen)).collect();
    assert_eq!(regions, [("eu", true), ("us", false)]);
    let shares: Vec<_> = steering.regions[0].members.iter().map(|member| member.share).collect();
    assert_eq!(shares, [Some(0.75), Some(0.25)]);
    // Without client subnets the sender's address decides: the response must be of the client that was asked about.
    assert!(explained.response.answer[0].contains(" 60 IN A 198.51.100."), "{:?}", explained.response);
    assert!(explained.every_member_assumed_up);
}

#[test]
fn latencies_ties_and_what_rules_name_are_shown() {
    let explained = explained("quick.example.test", "A", "198.18.0.1");
    assert_eq!(explained.client.named, ["city = Frankfurt am Main", "asn = 64500"]);
    let steering = explained.steering.unwrap();
    assert_eq!(steering.rule.unwrap(), "number 2 of the policy: asn = 64500");
    assert_eq!(steering.order, "latency, equals within a factor of 2");
    let shown = |regions: Vec<azimuth::admin::explain::Region>| -> Vec<(String, f64, bool, bool)> {
        let of = |of: azimuth::admin::explain::Region| {
            (of.name, of.latency_ms.unwrap(), of.measured, of.verdict.contains("equal"))
        };
        regions.into_iter().map(of).collect()
    };
    // 10 ms is what no distance at all is estimated as.
    assert_eq!(shown(steering.regions), [("us".to_owned(), 80.0, true, false), ("eu".to_owned(), 10.0, false, false)]);
    let tied = self::explained("quick.example.test", "A", "198.18.1.1").steering.unwrap();
    assert_eq!(shown(tied.regions), [("eu".to_owned(), 75.0, true, true), ("us".to_owned(), 80.0, true, true)]);
}

#[test]
fn a_type_that_is_not_steered_is_not_explained_as_steered() {
    let explained = explained("www.example.test", "MX", "203.0.113.1");
    assert!(explained.balanced && explained.steering.is_none());
    let nodata = self::explained("www.example.test", "TXT", "203.0.113.1");
    assert!(nodata.steering.is_none() && nodata.response.answer.is_empty() && nodata.response.rcode == "NOERROR");
}

#[test]
fn aliases_are_followed_to_the_balanced_name() {
    let explained = explained("alias.example.test.", "A", "203.0.113.1");
    assert_eq!(explained.aliases, ["other.example.test.", "www.example.test."]);
    assert_eq!(explained.steering.unwrap().pool, "web");
    assert_eq!(explained.response.answer.len(), 3);
}

#[test]
fn nothing_to_answer_with_is_told_apart_from_a_policy_that_wants_nodata() {
    let explained = explained("off.example.test", "A", "203.0.113.1");
    let verdict = explained.steering.unwrap().verdict;
    assert_eq!(verdict, "NODATA: no member of this family may answer");
    assert!(explained.response.answer.is_empty());
}

#[test]
fn other_names_are_explained_without_steering() {
    let fixed = explained("static.example.test", "A", "203.0.113.1");
    assert!(!fixed.balanced && fixed.steering.is_none() && fixed.response.answer.len() == 1);
    let foreign = explained("example.org", "A", "203.0.113.1");
    assert_eq!((foreign.zone, foreign.response.rcode.as_str()), (None, "REFUSED"));
}

#[test]
fn what_a_resolver_said_is_shown_with_the_time_that_is_left() {
    let publisher = Publisher::start(loaded().inputs);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as u32;
    let target = Arc::new(AliasTarget::new(Name::from_text(b"lb.example.net.", None).unwrap()));
    let known = Family::BOTH.map(|family| AliasFamily::known(family, &[[192, 0, 2, 7].into()], now + 1_000));
    publisher.set_aliases(vec![(target, AliasAnswers(known))]);
    publisher.flush();
    let question = Question::parse("far.example.test", "A", "203.0.113.1").unwrap();
    let answer = explain(&publisher.handle(), &question).response.answer;
    let ttl: u32 = answer[0].split(' ').nth(1).unwrap().parse().unwrap();
    assert!((500..=1_001).contains(&ttl), "{answer:?}");
    publisher.stop();
}

const EQUALS: &str = r#"
[admin]
listen = ""
[region.west]
coordinates = [53.35, -6.26]
[region.central]
coordinates = [50.11, 8.68]
[region.far]
coordinates = [39.04, -77.49]
[pool.web]
members = [
    { region = "west", address = "192.0.2.1" },
    { region = "central", address = "198.51.100.1" },
    { region = "far", address = "203.0.113.1" },
]
[policy.backup]
order = "listed"
regions = ["far"]
[policy.web]
regions = ["west", "central"]
tie_band = 100
region_weights = { west = 70, central = 30 }
fallback = "backup"
[zone."example.test"]
file = "zone"
balance.www = { pool = "web", policy = "web" }
"#;

/// What is explained once these orders are in force.
fn explained_under(orders: &[(&str, Action)]) -> Explanation {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("azimuth.toml"), EQUALS).unwrap();
    std::fs::write(folder.path().join("zone"), ZONE.replace("www MX 10 ns\n", "")).unwrap();
    let (loaded, report) = load(&folder.path().join("azimuth.toml"), &Overrides::default(), None);
    assert!(!report.has_errors(), "{:?}", report.diagnostics);
    let publisher = Publisher::start(loaded.unwrap().inputs);
    let mut table = OperatorTable::default();
    for &(pattern, action) in orders {
        let (pattern, since) = (pattern.parse().unwrap(), UnixTime::default());
        let order = Order { pattern, action, since, until: None, reason: "new racks".into(), by: "test".into() };
        table.say(order).unwrap();
    }
    publisher.handle().operate(Arc::new(table));
    publisher.flush();
    let question = Question::parse("www.example.test", "A", "193.0.6.0/24").unwrap();
    let explained = explain(&publisher.handle(), &question);
    publisher.stop();
    explained
}

#[test]
fn equals_are_shown_with_their_weights_and_shares() {
    let steering = explained_under(&[]).steering.unwrap();
    let mut equals: Vec<_> = steering.regions.iter().map(|r| (r.name.as_str(), r.equal.clone().unwrap())).collect();
    equals.sort_by_key(|(name, _)| *name);
    let shown: Vec<_> = equals.iter().map(|(name, equal)| (*name, equal.weight, equal.share)).collect();
    assert_eq!(shown, [("central", 30.0, Some(0.3)), ("west", 70.0, Some(0.7))]);
    assert!(steering.regions.iter().any(|region| region.verdict.contains("picked among equals (`weighted`")));
    assert_eq!(steering.left_out, ["far"]);
}

#[test]
fn an_order_is_shown_with_its_pattern_and_reason() {
    let steering = explained_under(&[("region/west", Action::Drain { percent: 100 })]).steering.unwrap();
    let west = steering.regions.iter().find(|region| region.name == "west").unwrap();
    assert!(
        !west.chosen && west.notes.iter().any(|note| note.contains("`region/west`") && note.ends_with("new racks"))
    );
    assert_eq!(west.members[0].status, "draining");
    assert!(steering.regions.iter().any(|region| region.name == "central" && region.chosen));
}

#[test]
fn the_policy_that_is_fallen_back_to_is_explained_too() {
    let explained = explained_under(&[("region/west", Action::ForceDown), ("pool/web/central", Action::ForceDown)]);
    let steering = explained.steering.unwrap();
    assert!(steering.verdict.contains("the policy `backup`"), "{}", steering.verdict);
    let fallback = steering.fallback.unwrap();
    assert_eq!((fallback.policy.as_str(), fallback.regions[0].chosen), ("backup", true));
    assert!(explained.response.answer[0].ends_with("203.0.113.1"), "{:?}", explained.response);
}
