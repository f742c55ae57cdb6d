//! What stands ready is what would have been composed.

use super::{Moment, Outcome, Request, Responder, TransportProfile, testing};
use crate::base::{PolicyId, PoolId, RegionId, Sources, place_words::Point};
use crate::geo::{Locator, spec::GeoSpec};
use crate::snapshot::{Inputs, Publisher, Settings, Snapshot};
use crate::steering::spec::*;
use crate::wire::{Name, Understood, rtype};
use crate::zone::{BalancedOwner, Role, Zone, ZoneSet, ZoneSpec};
use std::net::IpAddr;
use std::sync::Arc;

const ZONES: [(&str, &str); 3] = [
    (
        "example.",
        "www A 192.0.2.1\nwww A 192.0.2.2\nwww AAAA 2001:db8::1\nwww TXT text\nmany TXT \"a long text that is repeated\"\n\
         mail MX 10 www\ntwo CNAME www\n_s._tcp SRV 0 0 53 www\npoint PTR www\nbelow.empty A 192.0.2.3\n\
         *.wild A 192.0.2.4\nsub NS ns.sub\nns.sub A 192.0.2.5\nmoved DNAME example.org.",
    ),
    ("wild.org.", "* A 192.0.2.7\n* TXT wild"),
    ("deep.example.org.", "a.b.c A 192.0.2.8\n@ A 192.0.2.9"),
];

const NAMES: [&str; 21] = [
    "www.example.",
    "WWW.eXample.",
    "many.example.",
    "mail.example.",
    "two.example.",
    "_s._tcp.example.",
    "point.example.",
    "empty.example.",
    "x.wild.example.",
    "sub.example.",
    "host.sub.example.",
    "moved.example.",
    "x.moved.example.",
    "missing.example.",
    "x.missing.example.",
    "example.",
    "x.wild.org.",
    "a.b.c.deep.example.org.",
    "x.b.c.deep.example.org.",
    "deep.example.org.",
    "elsewhere.org.",
];

const TYPES: [u16; 12] = [
    rtype::A,
    rtype::AAAA,
    rtype::TXT,
    rtype::MX,
    rtype::CNAME,
    rtype::NS,
    rtype::SOA,
    rtype::DS,
    rtype::RRSIG,
    rtype::ANY,
    12,
    65_000,
];

/// OPT records: none, a bare one, one with DO, one of a client that takes little, one with a client subnet, one that asks
/// for the server's name.
const OPTS: [&[u8]; 6] = [
    b"",
    b"\0\0\x29\x04\xd0\0\0\0\0\0\0",
    b"\0\0\x29\x04\xd0\0\0\x80\0\0\0",
    b"\0\0\x29\0\x10\0\0\0\0\0\0",
    b"\0\0\x29\x04\xd0\0\0\0\0\0\x0b\0\x08\0\x07\0\x01\x18\0\xc0\0\x02",
    b"\0\0\x29\x04\xd0\0\0\0\0\0\x04\0\x03\0\0",
];

/// Whether an answer to `query` stood ready.
fn was_ready(snapshot: &Snapshot, query: &[u8], profile: &TransportProfile) -> bool {
    let source = [192, 0, 2, 1].into();
    is_same([snapshot, snapshot], Request { octets: query, source, profile, random: 7, now: Moment::default() })
}

/// Whether an answer stood ready in the first of two snapshots that are alike. If so, it is compared with what is composed from
/// the second, and so is what both responders count.
fn is_same([first, second]: [&Snapshot; 2], request: Request<'_>) -> bool {
    let query = request.octets;
    let mut responders = [Responder::new(0), Responder::new(0)];
    for responder in &mut responders {
        assert_eq!(responder.query.parse(query, || Understood::ALL), Ok(()));
    }
    let mut outs = [vec![0xaa; 65_535], vec![0x55; 65_535]];
    let Some(ready) = responders[0].answer_ready(first, &request, &mut outs[0]) else { return false };
    let composed = responders[1].answer_composed(second, &request, &mut outs[1]);
    assert_eq!(ready, composed, "{request:x?}");
    let Outcome::Reply { len } = ready else { panic!("no reply to {request:x?}") };
    assert_eq!(outs[0][..len], outs[1][..len], "{request:x?}");
    let [tally, other] = responders.map(|responder| responder.counters().tally());
    assert_eq!(tally, other, "{request:x?}");
    true
}

#[test]
fn whatever_stands_ready_is_what_would_have_been_composed() {
    let long = "many TXT \"a long text of one record, of which there are several, so that they fill a datagram\"\n";
    let long: String = (0..12).map(|number| long.replace("one", &format!("record {number}"))).collect();
    let zones: Vec<(&str, String)> = ZONES.iter().map(|(apex, text)| (*apex, format!("{text}\n"))).collect();
    let mut zones: Vec<(&str, &str)> = zones.iter().map(|(apex, text)| (*apex, text.as_str())).collect();
    let first = format!("{}{long}", zones[0].1);
    zones[0].1 = &first;
    let snapshot = testing::snapshot(&zones);
    let (mut asked, mut ready) = (0, 0);
    for name in NAMES {
        for qtype in TYPES {
            for opt in OPTS {
                let mut query = testing::query(0x1234, name, qtype);
                query[11] = u8::from(!opt.is_empty());
                query.extend(opt);
                for profile in [TransportProfile::DATAGRAM, TransportProfile::STREAM] {
                    asked += 1;
                    ready += usize::from(was_ready(&snapshot, &query, &profile));
                }
            }
        }
    }
    assert!(ready > asked / 4 && ready < asked, "{ready} of {asked}");
}

#[test]
fn what_means_more_than_itself_or_needs_a_proof_is_composed() {
    let snapshot = testing::snapshot(&ZONES);
    let ready =
        |name: &str, qtype: u16| was_ready(&snapshot, &testing::query(1, name, qtype), &TransportProfile::DATAGRAM);
    for (name, qtype) in [
        ("www.example.", rtype::ANY),
        ("mail.example.", rtype::MX),
        ("two.example.", rtype::A),
        ("x.wild.example.", rtype::A),
        ("x.wild.org.", rtype::A),
        ("host.sub.example.", rtype::A),
        ("x.moved.example.", rtype::A),
        ("x.missing.example.", rtype::A),
        ("elsewhere.org.", rtype::A),
    ] {
        assert!(!ready(name, qtype), "{name} {qtype}");
    }
    for (name, qtype) in [
        ("www.example.", rtype::A),
        ("www.example.", rtype::SOA),
        ("missing.example.", rtype::A),
        ("empty.example.", rtype::A),
        ("a.b.c.deep.example.org.", rtype::A),
    ] {
        assert!(ready(name, qtype), "{name} {qtype}");
    }
}

/// Names `n0`, `n1` and so on, each over the same pool by a policy of its own; what a publisher makes of them.
fn balanced(policies: &[Policy]) -> Publisher {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone");
    std::fs::write(&file, "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns.test.\n").unwrap();
    let name = |text: &str| Name::from_text(text.as_bytes(), None).unwrap();
    let owner = |number| BalancedOwner {
        owner: name(&format!("n{number}.example.")),
        role: Role::Balanced,
        answers_cname: false,
        span: None,
    };
    let balanced: Vec<BalancedOwner> = (0..policies.len()).map(owner).collect();
    let spec = ZoneSpec { apex: name("example."), file, span: None, balanced: balanced.clone() };
    let zone = Zone::load(&spec, None, &mut Sources::default()).0.unwrap();
    let places = [(40.0, -75.0), (50.0, 8.0), (35.0, 139.0)];
    let regions = places.iter().map(|&(latitude, longitude)| Region {
        name: format!("at{longitude}").into(),
        coordinates: Point::new(latitude, longitude),
        ..Region::default()
    });
    let member = |region: u16, host: u8| {
        let target = match host {
            0 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, region]),
            _ => IpAddr::from([192, 0, 2, 10 * region as u8 + host]),
        };
        // The last region has no IPv6, and the second is not enabled in part.
        let enabled = (region, host) != (2, 0) && (region, host) != (1, 2);
        Member { weight: 1 + u32::from(host), enabled, ..Member::new(RegionId(region), MemberTarget::Address(target)) }
    };
    let members: Vec<Member> = (0..3).flat_map(|region| (0..3).map(move |host| member(region, host))).collect();
    let count = policies.len() as u32;
    let balance = |policy| BalanceSpec { pool: PoolId(0), policy: PolicyId(policy), ttl: TtlRange { min: 5, max: 90 } };
    Publisher::start(Inputs {
        settings: Settings::default(),
        zones: Arc::new(ZoneSet::new(vec![zone])),
        locator: Arc::new(Locator::build(&GeoSpec::default()).unwrap()),
        regions: regions.collect(),
        member_targets: vec![vec![Vec::new(); members.len()]],
        pools: vec![Pool { name: "web".into(), members, ..Pool::default() }],
        policies: policies.to_vec(),
        owners: vec![balanced.into()],
        balances: vec![(0..count).map(balance).collect()],
        aliases: vec![Vec::new()],
        workers: 1,
    })
}

#[test]
fn what_a_client_gets_of_a_balanced_name_at_once_is_what_a_whole_decision_comes_to() {
    let spreads = [
        Spread::Weighted,
        Spread::Random,
        Spread::All,
        Spread::RoundRobin,
        Spread::Hash { ipv4_prefix: 24, ipv6_prefix: 48 },
    ];
    let mut policies: Vec<Policy> = Vec::new();
    for spread in spreads {
        for (order, answers) in
            [(Order::Closest, None), (Order::Closest, Some(2)), (Order::Any, None), (Order::Listed, None)]
        {
            policies.push(Policy {
                name: format!("p{}", policies.len()).into(),
                order,
                spread,
                answers,
                ..Policy::default()
            });
        }
    }
    let subnets: [&[u8]; 5] = [
        &[],
        &[0, 1, 24, 0, 128, 101, 101],
        &[0, 1, 0, 0],
        &[0, 2, 48, 0, 0x20, 0x01, 0x06, 0x7c, 0x02, 0xe8],
        &[0, 2, 40, 0, 0x20, 0x02, 133, 11, 1],
    ];
    let sources: [IpAddr; 4] = [
        [193, 0, 6, 139].into(),
        [127, 0, 0, 1].into(),
        [0, 0, 0, 0, 0, 0xffff, 0x8065, 0x6501].into(),
        [0x2001, 0x200, 0, 0, 0, 0, 0, 1].into(),
    ];
    let publishers = [balanced(&policies), balanced(&policies)];
    let [at_once, whole] = publishers.each_ref().map(|publisher| Arc::clone(&publisher.store().load()));
    let (mut asked, mut ready) = (0, 0);
    for number in 0..policies.len() {
        for (qtype, subnet, source) in subnets.iter().flat_map(|subnet| {
            sources.iter().flat_map(move |source| [(rtype::A, *subnet, *source), (rtype::AAAA, *subnet, *source)])
        }) {
            let mut query = testing::query(7, &format!("n{number}.example."), qtype);
            if !subnet.is_empty() {
                query[11] = 1;
                query.extend(b"\0\0\x29\x04\xd0\0\0\0\0\0");
                query.extend([subnet.len() as u8 + 4, 0, 8, 0, subnet.len() as u8]);
                query.extend(subnet);
            }
            for random in [0, u64::MAX / 3, u64::MAX] {
                asked += 1;
                let (octets, profile, now) = (&*query, &TransportProfile::DATAGRAM, Moment::default());
                let request = Request { octets, source, profile, random, now };
                ready += usize::from(is_same([&at_once, &whole], request));
            }
        }
    }
    assert!(ready > asked / 3 && ready < asked, "{ready} of {asked}");
    let counted = [&at_once, &whole].map(|snapshot| format!("{:?}", snapshot.shards[0]));
    assert_eq!(counted[0], counted[1], "answers are counted for the same regions");
    publishers.into_iter().for_each(Publisher::stop);
}
