//! Cookies, limits and what the server says of itself, as messages show them.

use crate::answer::{Guard, Moment, Outcome, Request, Responder, TransportProfile, testing};
use crate::base::PrefixSet;
use crate::snapshot::settings::{CookieSecret, Cookies, RateLimit};
use crate::snapshot::{Settings, Snapshot};
use crate::wire::rtype;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The moment of most questions.
const NOON: Moment = Moment { unix_seconds: 1_700_000_000, milliseconds: 5_000_000 };
const CLIENT: [u8; 4] = [192, 0, 2, 1];
const CLIENT_COOKIE: &[u8] = b"\x01\x02\x03\x04\x05\x06\x07\x08";

struct World {
    snapshot: Snapshot,
    responder: Responder,
}

/// A response in parts.
#[derive(Debug, PartialEq)]
struct Reply {
    octets: Vec<u8>,
    rcode: u16,
    truncated: bool,
    authoritative: bool,
    /// QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT.
    counts: [u16; 4],
    /// Codes and data.
    options: Vec<(u16, Vec<u8>)>,
}

impl Reply {
    fn option(&self, code: u16) -> Option<&[u8]> {
        self.options.iter().find(|(known, _)| *known == code).map(|(_, data)| data.as_slice())
    }
}

fn word(octets: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([octets[at], octets[at + 1]])
}

/// What follows the name at `at`.
fn behind_name(octets: &[u8], mut at: usize) -> usize {
    loop {
        match octets[at] {
            0 => return at + 1,
            0xc0.. => return at + 2,
            len => at += 1 + usize::from(len),
        }
    }
}

fn parts(octets: &[u8]) -> Reply {
    let counts = [4, 6, 8, 10].map(|at| word(octets, at));
    let mut at = 12;
    for _ in 0..counts[0] {
        at = behind_name(octets, at) + 4;
    }
    let (mut options, mut rcode) = (Vec::new(), word(octets, 2) & 15);
    for _ in 0..counts[1] + counts[2] + counts[3] {
        at = behind_name(octets, at);
        let (rtype, len) = (word(octets, at), usize::from(word(octets, at + 8)));
        if rtype == rtype::OPT {
            rcode |= u16::from(octets[at + 4]) << 4;
            let mut rest = &octets[at + 10..at + 10 + len];
            while !rest.is_empty() {
                let (option, behind) = rest.split_at(4 + usize::from(word(rest, 2)));
                options.push((word(option, 0), option[4..].to_vec()));
                rest = behind;
            }
        }
        at += 10 + len;
    }
    assert_eq!(at, octets.len(), "the message ends with its last record");
    let flags = word(octets, 2);
    let (truncated, authoritative) = (flags & 0x0200 != 0, flags & 0x0400 != 0);
    Reply { octets: octets.to_vec(), rcode, truncated, authoritative, counts, options }
}

fn option(code: u16, data: &[u8]) -> Vec<u8> {
    [&code.to_be_bytes()[..], &(data.len() as u16).to_be_bytes(), data].concat()
}

/// A query with an OPT record that holds `options`.
fn query(name: &str, rtype: u16, options: &[u8]) -> Vec<u8> {
    let mut query = testing::query(7, name, rtype);
    query[11] = 1;
    query.extend(b"\0\0\x29\x10\0\0\0\0\0");
    query.extend((options.len() as u16).to_be_bytes());
    query.extend(options);
    query
}

/// A query without a question.
fn without_question(options: &[u8]) -> Vec<u8> {
    let whole = query(".", 0, options);
    let mut query = [&whole[..12], &whole[17..]].concat();
    query[5] = 0;
    query
}

impl World {
    fn new(settings: Settings) -> Self {
        let mut zone =
            String::from("www A 192.0.2.1\n*.wild A 192.0.2.2\nsub NS ns.sub\nns.sub A 192.0.2.3\nd DNAME e\n");
        for number in 0..20 {
            writeln!(zone, "big TXT {}{number}", "x".repeat(40)).unwrap();
        }
        let snapshot = testing::with_settings(testing::snapshot(&[("example.", &zone)]), settings);
        let responder = Responder::new(0).guarded(Arc::new(Guard::new(1024, [7; 32])));
        Self { snapshot, responder }
    }

    fn ask_as(&mut self, octets: &[u8], source: IpAddr, profile: TransportProfile, now: Moment) -> Option<Reply> {
        let mut out = vec![0xee; 65_535];
        let request = Request { octets, source, profile: &profile, random: 7 << 32, now };
        match self.responder.respond(&self.snapshot, request, &mut out) {
            Outcome::Reply { len } => Some(parts(&out[..len])),
            Outcome::Drop | Outcome::Slow => None,
        }
    }

    fn udp(&mut self, octets: &[u8]) -> Reply {
        self.ask_as(octets, CLIENT.into(), TransportProfile::DATAGRAM, NOON).unwrap()
    }

    fn tcp(&mut self, octets: &[u8]) -> Reply {
        let profile = TransportProfile::stream(Duration::from_secs(10));
        self.ask_as(octets, CLIENT.into(), profile, NOON).unwrap()
    }

    /// The cookie option that a client learns, as it sends it.
    fn learned(&mut self) -> Vec<u8> {
        let reply = self.udp(&query("www.example.", rtype::A, &option(10, CLIENT_COOKIE)));
        option(10, reply.option(10).unwrap())
    }
}

fn requiring(require_above: u16) -> Settings {
    Settings { cookies: Cookies { require_above: Some(require_above), ..Cookies::default() }, ..Settings::default() }
}

fn limiting(responses: u32, slip: u8) -> Settings {
    let limit = RateLimit { slip, exempt: PrefixSet::default(), ..RateLimit::default() };
    Settings { rate_limit: limit.with_responses_per_second(responses), ..Settings::default() }
}

#[test]
fn each_option_is_answered_by_those_who_know_it() {
    let settings = Settings { nsid: Some(Arc::from(*b"fra1")), ..Settings::default() };
    let mut world = World::new(settings);
    let all = [option(3, b""), option(10, CLIENT_COOKIE), option(11, b""), option(12, b"\0\0"), option(65_001, b"x")];
    let asked = query("www.example.", rtype::A, &all.concat());
    let reply = world.udp(&asked);
    let codes: Vec<u16> = reply.options.iter().map(|(code, _)| *code).collect();
    assert_eq!((reply.rcode, codes), (0, vec![10, 3]), "keepalive means nothing over UDP");
    assert_eq!(reply.option(3), Some(&b"fra1"[..]));
    assert_eq!((&reply.option(10).unwrap()[..8], reply.option(10).unwrap().len()), (CLIENT_COOKIE, 24));
    let reply = world.tcp(&asked);
    assert_eq!(reply.option(11), Some(&b"\0\x64"[..]), "10 seconds");
    assert!(world.udp(&query("www.example.", rtype::A, b"")).options.is_empty(), "nobody gets what he did not ask for");
    let mut silent =
        World::new(Settings { cookies: Cookies { enabled: false, ..Cookies::default() }, ..Settings::default() });
    assert!(silent.udp(&asked).options.is_empty());
    assert_eq!(silent.udp(&query("www.example.", rtype::A, &option(10, b"x"))).rcode, 0);
}

#[test]
fn rfc7828_a_time_from_a_client_is_an_error_over_tcp_alone() {
    let mut world = World::new(Settings::default());
    let asked = query("www.example.", rtype::A, &option(11, b"\0\x64"));
    let (udp, tcp) = (world.udp(&asked), world.tcp(&asked));
    assert_eq!((udp.rcode, udp.options.len(), tcp.rcode, tcp.options.len()), (0, 0, 1, 0));
}

#[test]
fn rfc7873_cookies_are_given_kept_and_judged() {
    let mut world = World::new(Settings::default());
    let learned = world.learned();
    let again = world.udp(&query("www.example.", rtype::A, &learned));
    assert_eq!(option(10, again.option(10).unwrap()), learned, "it is sent back");
    // Whatever is wrong with it, the answer is given, with another cookie.
    let mut wrong = learned.clone();
    wrong[27] ^= 1;
    let reply = world.udp(&query("www.example.", rtype::A, &wrong));
    assert_eq!((reply.rcode, reply.counts[1], option(10, reply.option(10).unwrap())), (0, 1, learned));
    let reply = world.udp(&query("nowhere.test.", rtype::A, &option(10, CLIENT_COOKIE)));
    assert_eq!((reply.rcode, reply.option(10).is_some()), (5, true), "an error has one too");
    let reply = world.udp(&query("www.example.", rtype::A, &option(10, &CLIENT_COOKIE[..7])));
    assert_eq!((reply.rcode, reply.options.len()), (1, 0));
    let tally = world.responder.counters().tally();
    assert_eq!((tally.cookies_valid, tally.cookies_missing, tally.cookies_invalid), (1, 2, 1));
}

#[test]
fn rfc7873_a_message_without_a_question_asks_for_a_cookie() {
    let mut world = World::new(Settings::default());
    let learned = world.learned();
    let mut wrong = learned.clone();
    wrong[20] ^= 1;
    for (options, rcode) in [(&option(10, CLIENT_COOKIE), 0), (&learned, 0), (&wrong, 23)] {
        let reply = world.udp(&without_question(options));
        assert_eq!((reply.rcode, reply.counts, reply.authoritative), (rcode, [0, 0, 0, 1], false));
        assert_eq!(option(10, reply.option(10).unwrap()), learned);
    }
    // Without a cookie it is nothing.
    for octets in [without_question(b""), without_question(&option(3, b"")), testing::query(7, ".", 0)[..12].to_vec()] {
        let mut octets = octets;
        octets[5] = 0;
        assert_eq!(world.udp(&octets).rcode, 1);
    }
    let mut unaware =
        World::new(Settings { cookies: Cookies { enabled: false, ..Cookies::default() }, ..Settings::default() });
    assert_eq!(unaware.udp(&without_question(&learned)).rcode, 1);
}

#[test]
fn servers_that_share_a_secret_take_each_others_cookies() {
    let shared = |secrets: &[CookieSecret]| {
        let cookies = Cookies { secrets: secrets.into(), require_above: Some(100), ..Cookies::default() };
        let mut world = World::new(Settings { cookies, ..Settings::default() });
        // Each draws its own at random.
        world.responder = Responder::new(0).guarded(Arc::new(Guard::new(1024, [secrets[0].0[0]; 32])));
        world
    };
    let (one, two) = (CookieSecret([1; 16]), CookieSecret([2; 16]));
    let learned = shared(&[one]).learned();
    let takes = |secrets| shared(secrets).udp(&query("big.example.", 16, &learned)).rcode == 0;
    assert_eq!((takes(&[one]), takes(&[two, one]), takes(&[two])), (true, true, false));
}

#[test]
fn large_answers_are_for_those_who_prove_where_they_are() {
    let mut world = World::new(requiring(600));
    let learned = world.learned();
    // 900 octets of text: within what the client takes, above what it may have.
    let plain = world.udp(&query("big.example.", 16, b""));
    assert_eq!((plain.rcode, plain.truncated, plain.counts, plain.octets.len()), (0, true, [1, 0, 0, 1], 40));
    let asked = world.udp(&query("big.example.", 16, &option(10, CLIENT_COOKIE)));
    assert_eq!((asked.rcode, asked.truncated, asked.counts), (23, false, [1, 0, 0, 1]));
    assert_eq!(option(10, asked.option(10).unwrap()), learned);
    let proved = world.udp(&query("big.example.", 16, &learned));
    assert_eq!((proved.rcode, proved.truncated, proved.counts[1]), (0, false, 20));
    assert_eq!(world.tcp(&query("big.example.", 16, b"")).counts[1], 20, "TCP proves it too");
    assert_eq!(world.udp(&query("www.example.", rtype::A, b"")).counts[1], 1, "small answers are for everybody");
    // However little is allowed, there is room to say so.
    let mut world = World::new(requiring(0));
    let long = format!("{}example.", "a234567890.".repeat(20));
    for name in ["www.example.", "example.", &long] {
        let reply = world.udp(&query(name, rtype::SOA, b""));
        assert_eq!((reply.truncated, reply.counts), (true, [1, 0, 0, 1]), "{name}");
    }
    assert_eq!(world.udp(&query("www.test.", rtype::A, b"")).rcode, 5, "errors have no records to leave out");
}

type NumberedName = fn(usize) -> String;

#[test]
fn a_client_that_asks_too_often_is_limited_by_the_kind_of_answer() {
    // Names, then how many of them are answered where 3 of a kind are: those that cost the server a name each, and those
    // of which anybody can think up as many as he likes.
    let kinds: [(&str, NumberedName, usize); 7] = [
        ("one name", |_| "www.example.".to_owned(), 3),
        ("nonexistent names", |number| format!("n{number}.example."), 3),
        ("names of a wildcard", |number| format!("n{number}.wild.example."), 3),
        ("names below a cut", |number| format!("n{number}.sub.example."), 3),
        ("names below a DNAME", |number| format!("n{number}.d.example."), 3),
        ("names of nobody", |number| format!("n{number}.test."), 3),
        ("two names", |number| ["www.example.", "example."][number % 2].to_owned(), 6),
    ];
    for (kind, name, answered) in kinds {
        let mut world = World::new(limiting(3, 0));
        let mut sent = 0;
        for number in 0..20 {
            let rtype = if kind == "two names" { rtype::SOA } else { rtype::A };
            let octets =
                testing::query(1, &name(number), if kind == "two names" && number % 2 == 0 { 1 } else { rtype });
            sent += usize::from(world.ask_as(&octets, CLIENT.into(), TransportProfile::DATAGRAM, NOON).is_some());
        }
        assert_eq!(sent, answered, "{kind}");
        let tally = world.responder.counters().tally();
        assert_eq!(
            (tally.limited, tally.slipped, tally.received(), tally.dropped()),
            (20 - sent as u64, 0, 20, tally.limited)
        );
    }
}

#[test]
fn messages_that_are_no_queries_are_limited_as_errors() {
    let mut world = World::new(limiting(3, 0));
    let mut sent = |octets: &[u8]| {
        (0..5).filter(|_| world.ask_as(octets, CLIENT.into(), TransportProfile::DATAGRAM, NOON).is_some()).count()
    };
    let mut update = testing::query(1, "example.", 1);
    update[2] |= 0x28;
    assert_eq!((sent(&update), sent(&testing::query(1, "www.test.", 1))), (3, 0), "errors are all alike");
    assert_eq!(sent(&testing::query(1, "www.example.", 1)), 3);
}

#[test]
fn messages_for_the_slow_door_are_limited_too_where_the_sender_may_be_somebody_else() {
    let mut world = World::new(limiting(3, 1));
    world.responder = Responder::new(0).with_slow_door(true).guarded(Arc::new(Guard::new(1024, [7; 32])));
    let mut update = testing::query(1, "example.", 6);
    update[2] |= 0x28;
    let mut out = [0; 512];
    let mut outcome = |profile: TransportProfile| {
        let request = Request { octets: &update, source: CLIENT.into(), profile: &profile, random: 0, now: NOON };
        world.responder.respond(&world.snapshot, request, &mut out)
    };
    let over_udp = [(); 5].map(|()| outcome(TransportProfile::DATAGRAM));
    assert_eq!(over_udp, [Outcome::Slow, Outcome::Slow, Outcome::Slow, Outcome::Drop, Outcome::Drop]);
    assert!([(); 9].iter().all(|()| outcome(TransportProfile::STREAM) == Outcome::Slow));
}

#[test]
fn time_and_other_networks_and_tcp_and_cookies_are_not_limited() {
    let mut world = World::new(limiting(2, 0));
    let learned = world.learned();
    let octets = testing::query(1, "www.example.", 1);
    let mut ask = |octets: &[u8], client: [u8; 4], profile, later| {
        let now = Moment { milliseconds: NOON.milliseconds + later, ..NOON };
        world.ask_as(octets, client.into(), profile, now).is_some()
    };
    let udp = TransportProfile::DATAGRAM;
    assert_eq!([(); 3].map(|()| ask(&octets, CLIENT, udp, 0)), [true, false, false], "one was for the cookie");
    assert!(ask(&octets, [192, 0, 3, 1], udp, 0), "another network");
    assert!([(); 9].iter().all(|()| ask(&octets, CLIENT, TransportProfile::STREAM, 0)));
    let proved = query("www.example.", 1, &learned);
    assert!([(); 9].iter().all(|()| ask(&proved, CLIENT, udp, 0)));
    assert_eq!([500, 501, 1_000].map(|later| ask(&octets, CLIENT, udp, later)), [true, false, true]);
}

#[test]
fn what_slips_is_short_and_says_how_to_ask_again() {
    let mut world = World::new(limiting(1, 1));
    for name in ["www.example.", "nowhere.example.", "x.sub.example."] {
        let octets = query(name, rtype::A, b"");
        let first = world.udp(&octets);
        assert!(!first.truncated && first.counts[1] + first.counts[2] > 0, "{name}");
        let second = world.udp(&octets);
        assert_eq!((second.rcode, second.truncated, second.authoritative), (0, true, false), "{name}");
        assert_eq!((second.counts, second.octets.len()), ([1, 0, 0, 1], octets.len()), "{name}");
        let third = world.udp(&query(name, rtype::A, &option(10, CLIENT_COOKIE)));
        assert_eq!((third.rcode, third.truncated, third.counts), (23, false, [1, 0, 0, 1]), "{name}");
        assert_eq!(third.option(10).map(<[u8]>::len), Some(24));
    }
    let refused = query("www.test.", rtype::A, b"");
    let (first, second) = (world.udp(&refused), world.udp(&refused));
    assert_eq!(first, second, "errors are sent as they are");
    let tally = world.responder.counters().tally();
    assert_eq!((tally.limited, tally.slipped, tally.truncated), (0, 7, 3));
}

#[test]
fn chaos_says_what_it_was_told_to() {
    let chaos = |name: &str, rtype| {
        let mut octets = testing::query(7, name, rtype);
        let class_at = octets.len() - 1;
        octets[class_at] = 3;
        octets
    };
    let mut silent = World::new(Settings::default());
    let mut world = World::new(Settings {
        version: Some(Arc::from(*b"Azimuth 1")),
        identity: Some(Arc::from([b'x'; 255])),
        ..Settings::default()
    });
    let version: &[u8] = b"\xc0\x0c\x00\x10\x00\x03\0\0\0\0\x00\x0a\x09Azimuth 1";
    let identity = [b"\xc0\x0c\x00\x10\x00\x03\0\0\0\0\x01\x00\xff", &[b'x'; 255][..]].concat();
    for (name, record) in [
        ("version.bind.", version),
        ("VERSION.server.", version),
        ("id.server.", &identity),
        ("hostname.bind.", &identity),
    ] {
        for rtype in [16, 255] {
            let reply = world.udp(&chaos(name, rtype));
            assert_eq!((reply.rcode, reply.authoritative, reply.counts), (0, true, [1, 1, 0, 0]), "{name}");
            assert!(reply.octets.ends_with(record), "{name}");
        }
        assert_eq!(world.udp(&chaos(name, 1)).rcode, 5, "{name}");
        assert_eq!(silent.udp(&chaos(name, 16)).rcode, 5, "{name}");
    }
    assert_eq!(world.udp(&chaos("authors.bind.", 16)).rcode, 5);
    assert_eq!(world.udp(&testing::query(7, "version.bind.", 16)).rcode, 5, "in class IN it is a name like others");
}
