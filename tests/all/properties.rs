//! Properties of the whole engine: any octets in, an RFC answer or silence out.

use crate::golden;
use crate::message::{self, ECS, Edns, Query, ecs};
use crate::world::{Over, World};
use azimuth::base::prefix::cut_address;
use hickory_proto::op::{Message, MessageType};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::RefCell;
use std::net::IpAddr;

/// Labels that lead somewhere, nearly somewhere, and nowhere.
const NAMES: &[&str] = &[
    "example.test",
    "www.example.test",
    "WWW.Example.Test",
    "*.example.test",
    "x.y.example.test",
    "one.example.test",
    "shop.apps.example.test",
    "apps.example.test",
    "cdn.example.test",
    "host.sub.example.test",
    "sub.example.test",
    "big.example.test",
    "loop.example.test",
    "nowhere.invalid",
    ".",
    "test",
    "a123456789012345678901234567890123456789012345678901234567890.example.test",
    "\\000\\255.example.test",
];
const TYPES: &[u16] =
    &[1, 2, 5, 6, 12, 15, 16, 28, 33, 41, 43, 46, 48, 64, 65, 250, 251, 252, 255, 257, 0, 65_280, 65_535];

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

fn query() -> impl Strategy<Value = Query> {
    let edns = (any::<u16>(), prop_oneof![9 => Just(0_u8), 1 => any::<u8>()], any::<u16>(), options());
    let edns = edns.prop_map(|(size, version, flags, options)| Edns { size, version, flags, options });
    let class = prop_oneof![20 => Just(1_u16), 1 => Just(255), 1 => any::<u16>()];
    let flags = prop_oneof![9 => Just(0_u16), 9 => Just(0x0100), 2 => any::<u16>()];
    let parts = (any::<u16>(), flags, prop::sample::select(NAMES), prop::sample::select(TYPES), class);
    (parts, prop::option::of(edns)).prop_map(|((id, flags, name, rtype, class), edns)| Query {
        id,
        flags,
        name: name.to_owned(),
        rtype,
        class,
        edns,
    })
}

fn options() -> impl Strategy<Value = Vec<(u16, Vec<u8>)>> {
    let subnet = (any::<IpAddr>(), 0_u8..=128).prop_map(|(address, source)| {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        (ECS, ecs(address, source.min(bits)))
    });
    let other = (0_u16..20, prop::collection::vec(any::<u8>(), 0..24));
    prop::collection::vec(prop_oneof![2 => subnet, 1 => other], 0..3)
}

fn over() -> impl Strategy<Value = Over> {
    prop_oneof![Just(Over::Udp), Just(Over::Tcp)]
}

/// What holds for whatever comes in; returns the response as an independent reader sees it.
fn check(world: &RefCell<World>, octets: &[u8], source: IpAddr, over: Over, random: u64) -> Option<Message> {
    let response = world.borrow_mut().ask(octets, source, over, random)?;
    assert!(octets.len() >= 12 && octets[2] & 0x80 == 0, "neither a fragment nor a response gets a response");
    assert_eq!(response[..2], octets[..2], "the id comes back");
    assert_eq!(response[2] & 0x80, 0x80, "it is a response");
    let message = message::read(&response).unwrap_or_else(|error| panic!("{error}\n{response:02x?}"));
    assert_eq!(message.metadata.message_type, MessageType::Response);
    let limit = match (over, &message.edns) {
        (Over::Tcp, _) => 65_535,
        (Over::Udp, None) => 512,
        (Over::Udp, Some(_)) => 1232,
    };
    assert!(response.len() <= limit, "{} octets over {over:?}", response.len());
    if message.metadata.truncation {
        assert_eq!(over, Over::Udp, "a stream truncates nothing");
    }
    Some(message)
}

#[test]
fn any_octets_get_a_well_formed_response_or_silence() {
    let world = RefCell::new(golden::world("base/everything"));
    let octets = prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..700),
        // A header that is nearly right in front of anything.
        2 => (any::<[u8; 2]>(), prop::collection::vec(any::<u8>(), 0..80)).prop_map(|(id, tail)| {
            [&id[..], &[0, 0, 0, 1, 0, 0, 0, 0, 0, 1], &tail].concat()
        }),
    ];
    let run = |(octets, source, over, random): (Vec<u8>, IpAddr, Over, u64)| {
        check(&world, &octets, source, over, random);
        Ok(())
    };
    runner(4096).run(&(octets, any::<IpAddr>(), over(), any::<u64>()), run).unwrap();
}

#[test]
fn queries_with_flipped_bits_get_a_well_formed_response_or_silence() {
    let world = RefCell::new(golden::world("base/everything"));
    let flips = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let cut = prop::option::weighted(0.1, any::<prop::sample::Index>());
    let run = |(query, flips, cut, source, over): (
        Query,
        Vec<(prop::sample::Index, u8)>,
        Option<prop::sample::Index>,
        IpAddr,
        Over,
    )| {
        let mut octets = query.octets();
        for (at, mask) in flips {
            let at = at.index(octets.len());
            octets[at] ^= mask;
        }
        if let Some(cut) = cut {
            octets.truncate(cut.index(octets.len()));
        }
        check(&world, &octets, source, over, 7);
        Ok(())
    };
    runner(8192).run(&(query(), flips, cut, any::<IpAddr>(), over()), run).unwrap();
}

#[test]
fn a_query_comes_back_with_its_question_and_its_subnet() {
    let world = RefCell::new(golden::world("base/everything"));
    let run = |(mut query, source, over, random): (Query, IpAddr, Over, u64)| {
        query.flags &= 0x0110;
        let octets = query.octets();
        let message = check(&world, &octets, source, over, random).expect("a query is answered");
        prop_assert_eq!(message.queries.len(), 1);
        prop_assert_eq!(message.edns.is_some(), query.edns.is_some(), "OPT for OPT");
        let Some(edns) = &query.edns else { return Ok(()) };
        let subnet = message::client_subnet(&message);
        let Some(sent) = edns.options.iter().find(|(code, _)| *code == ECS) else {
            prop_assert_eq!(subnet, None, "no subnet that was not sent");
            return Ok(());
        };
        if let Some(subnet) = subnet {
            prop_assert_eq!(subnet.source, sent.1[2]);
            prop_assert_eq!(ecs(subnet.address, subnet.source), &sent.1[..], "family, source and address come back");
            let bits = if subnet.family == 1 { 32 } else { 128 };
            prop_assert!(subnet.scope <= bits);
            if subnet.source == 0 || (query.class == 1 && !message.metadata.authoritative) {
                prop_assert_eq!(subnet.scope, 0);
            }
        }
        Ok(())
    };
    runner(8192).run(&(query(), any::<IpAddr>(), over(), any::<u64>()), run).unwrap();
}

/// RFC 7871, section 7.3.1: a resolver hands an answer to every client inside the scope.
#[test]
fn every_client_inside_a_scope_gets_the_same_answer() {
    let world = RefCell::new(golden::world("base/everything"));
    let names =
        prop::sample::select(vec!["www.example.test", "ruled.example.test", "hash.example.test", "cdn.example.test"]);
    // Half of the clients in and around the blocks that the world knows.
    let address = prop_oneof![
        any::<IpAddr>(),
        any::<u32>().prop_map(|bits| IpAddr::from((0x5102_0000 | bits & 0x0001_ffff).to_be_bytes())),
        any::<u128>().prop_map(|bits| IpAddr::from((0x2a00 << 112 | bits >> 24).to_be_bytes())),
        // IPv4 in IPv6 clothes, and what lies beside them: mapped, NAT64, 6to4, Teredo.
        any::<u32>().prop_map(|bits| IpAddr::from((0xffff << 32 | u128::from(bits)).to_be_bytes())),
        any::<u32>().prop_map(|bits| IpAddr::from((0x64_ff9b << 96 | u128::from(bits)).to_be_bytes())),
        any::<u128>().prop_map(|bits| IpAddr::from((0x2002 << 112 | bits >> 16).to_be_bytes())),
        any::<u128>().prop_map(|bits| IpAddr::from((0x2001 << 112 | bits >> 32).to_be_bytes())),
        any::<u128>().prop_map(|bits| IpAddr::from((0x2001 << 112 | bits >> 16).to_be_bytes())),
    ];
    let ask = |name: &str, address: IpAddr, source: u8| {
        let mut query = Query::new(name, 1);
        query.edns = Some(Edns { options: vec![(ECS, ecs(address, source))], ..Edns::default() });
        let message = check(&world, &query.octets(), IpAddr::from([192, 0, 2, 53]), Over::Udp, 1).unwrap();
        let scope = message::client_subnet(&message).unwrap().scope;
        (scope, message::rdata(&message.answers))
    };
    let run = |(name, address, source, other): (&str, IpAddr, prop::sample::Index, u128)| {
        // SOURCE 0 says nothing, so it asks for the resolver itself.
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let source = 1 + u8::try_from(source.index(bits.into())).unwrap();
        let (scope, answer) = ask(name, address, source);
        // Another address of the scope: the first bits of what was sent, the last bits of another.
        let inside = match cut_address(cut_address(address, source), scope) {
            IpAddr::V4(first) => {
                let hosts = u32::MAX.checked_shr(scope.into()).unwrap_or(0);
                IpAddr::V4((first.to_bits() | other as u32 & hosts).into())
            }
            IpAddr::V6(first) => {
                let hosts = u128::MAX.checked_shr(scope.into()).unwrap_or(0);
                IpAddr::V6((first.to_bits() | other & hosts).into())
            }
        };
        let (sent, shared) = (ask(name, inside, bits), (scope, answer));
        prop_assert_eq!(sent, shared, "{}: {}/{} and {} share scope {}", name, address, source, inside, scope);
        Ok(())
    };
    let input = (names, address, any::<prop::sample::Index>(), any::<u128>());
    runner(8192).run(&input, run).unwrap();
}
