//! Who is asked for what.

use super::{agent, feed, json, member, region};
use crate::feed::haproxy_stats;
use crate::feed::plan::{Address, FeedPlan, Need, Pick, Source, Who, lacks};
use crate::feed::spec::{AgentCheck, Feed, FeedKind, HaproxyStats, Header, Measure, Metric, Scaled, Template};
use crate::health::{Endpoint, Subject, TargetKey};
use std::sync::Arc;

const SCALED: Scaled = Scaled { measure: Measure::Utilisation, scale: 1.0 };

fn who(subject: Subject) -> Who {
    let address = Some(Address::Ip([192, 0, 2, 1].into()));
    Who { subject, address, name: None, region: "eu west".into(), has_capacity: false, target: None }
}

fn stats(server: Option<&str>) -> FeedKind {
    FeedKind::HaproxyStats(HaproxyStats {
        page: super::page("http://192.0.2.9/;csv"),
        backend: "{region}".into(),
        server: server.map(Template::from),
        full_weight: None,
        measures: Vec::new(),
    })
}

fn only(feed: Feed, who: &Who) -> Option<(Source, Pick)> {
    let mut plan = FeedPlan::default();
    plan.add(&Arc::new(feed), who).then(|| {
        let ask = plan.asks.remove(0);
        (ask.source, ask.picks[0].1.clone())
    })
}

#[test]
fn agents_are_asked_at_the_port_of_the_feed_unless_the_address_has_one() {
    let source = |kind: FeedKind, address: Address| {
        only(feed("x", kind), &Who { address: Some(address), ..who(member("a")) }).map(|(source, _)| source)
    };
    let with = |port| FeedKind::AgentCheck(AgentCheck { port, send: None });
    let at = |text: &str| Some(Source::Agent(Endpoint::Socket(text.parse().unwrap()), None));
    let (ip, socket) = (Address::Ip([10, 0, 0, 1].into()), Address::Socket("10.0.0.1:77".parse().unwrap()));
    assert_eq!(source(with(Some(99)), ip.clone()), at("10.0.0.1:99"));
    assert_eq!(source(with(Some(99)), socket.clone()), at("10.0.0.1:77"));
    assert_eq!(source(with(None), socket), at("10.0.0.1:77"));
    assert_eq!(source(with(None), ip), None);
    let host = Some(Source::Agent(Endpoint::Host("lb.example".into(), 99), None));
    assert_eq!(source(with(Some(99)), Address::Host("lb.example".into())), host);
}

#[test]
fn one_source_is_asked_once_for_all_of_whom_it_speaks() {
    let mut plan = FeedPlan::default();
    let (stats, agents) = (Arc::new(feed("stats", stats(None))), Arc::new(agent("agents")));
    for (target, name) in [("a", "s1"), ("b", "s2")] {
        let who = Who { name: Some(name.into()), ..who(member(target)) };
        assert!(plan.add(&stats, &who) && plan.add(&agents, &who));
    }
    assert!(plan.add(&stats, &who(region("eu"))));
    let picks: Vec<usize> = plan.asks.iter().map(|ask| ask.picks.len()).collect();
    assert_eq!(picks, [3, 2]);
    let servers: Vec<&str> = plan.asks[0]
        .picks
        .iter()
        .map(|(_, pick)| match pick {
            Pick::Row(haproxy_stats::Wanted { server, .. }) => server.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(servers, ["s1", "s2", "BACKEND"]);
    assert_eq!(plan.uses.len(), 5);
}

#[test]
fn places_are_filled_as_their_surroundings_want_them() {
    let mut who = who(member("a"));
    who.address = Some(Address::Socket("[2001:db8::1]:80".parse().unwrap()));
    who.name = Some("a/b~c".into());
    let (source, _) = only(feed("x", json("http://{address}:9100/{region}/{name}")), &who).unwrap();
    assert_eq!(source, Source::Page("http://[2001:db8::1]:9100/eu%20west/a%2Fb~c".into()));
    let mut kind = json("http://192.0.2.1/");
    if let FeedKind::Json(value) = &mut kind {
        value.word = Some("/{name}/state".into());
    }
    let Some((_, Pick::Places(places))) = only(feed("x", kind), &who) else { panic!("no places") };
    assert_eq!(places.word.unwrap(), "/a~1b~0c/state");
    let labels = vec![("instance".to_owned(), Template::from("{address} {name}"))];
    let metric =
        Metric { page: super::page("http://192.0.2.1/"), name: "up".into(), labels, rate: false, scaled: SCALED };
    let Some((_, Pick::Metric(metric))) = only(feed("x", FeedKind::Prometheus(metric)), &who) else {
        panic!("no metric")
    };
    assert_eq!(metric.labels[0].1, "2001:db8::1 a/b~c");
    let send = FeedKind::AgentCheck(AgentCheck { port: None, send: Some("{name}\n".into()) });
    let Some((Source::Agent(_, sent), _)) = only(feed("x", send), &who) else { panic!("no agent") };
    assert_eq!(sent.unwrap(), "a/b~c\n");
}

#[test]
fn the_name_of_a_region_is_its_own_unless_it_has_another() {
    let backend = |who: &Who, server: &str| match only(feed("x", stats(Some(server))), who) {
        Some((_, Pick::Row(row))) => Some((row.backend, row.server)),
        _ => None,
    };
    let mut eu = Who { region: "eu".into(), ..who(region("eu")) };
    assert_eq!(backend(&eu, "{name}"), Some(("eu".into(), "eu".into())));
    eu.name = Some("eu1".into());
    assert_eq!(backend(&eu, "{name}"), Some(("eu".into(), "eu1".into())));
    assert_eq!(backend(&who(member("a")), "{name}"), None, "a member has no name of its own");
}

#[test]
fn health_checks_are_read_of_what_they_check() {
    let kind = FeedKind::Header(Header { monitor: "web".into(), scaled: SCALED });
    assert_eq!(only(feed("x", kind.clone()), &who(region("eu"))), None);
    let target = TargetKey { monitor: "web".into(), endpoint: Endpoint::Host("a".into(), 80) };
    let member = Who { target: Some(target.clone()), ..who(member("a")) };
    assert_eq!(only(feed("x", kind), &member), Some((Source::Check(target), Pick::Whole)));
}

#[test]
fn what_is_missing_is_known_before_anybody_is_asked() {
    let agent = |port| FeedKind::AgentCheck(AgentCheck { port, send: None });
    for (kind, told, expected) in [
        (agent(None), (false, false, true), Some(Need::Address)),
        (agent(None), (true, false, true), Some(Need::Port)),
        (agent(None), (true, true, false), None),
        (agent(Some(1)), (true, false, false), None),
        (stats(None), (false, false, false), Some(Need::Name)),
        (stats(Some("FRONTEND")), (false, false, false), None),
        (stats(Some("{name}")), (false, false, false), Some(Need::Name)),
        (json("http://{address}/"), (false, false, false), Some(Need::Address)),
        (json("http://{address}/{name}"), (true, false, false), Some(Need::Name)),
        (json("http://{address}/{name}"), (true, false, true), None),
    ] {
        let (address, port, name) = told;
        assert_eq!(lacks(&kind, address, port, name), expected, "{kind:?} {told:?}");
    }
}
