//! What stands ready is what would have been composed.

use super::{Moment, Outcome, Request, Responder, TransportProfile, testing};
use crate::snapshot::Snapshot;
use crate::wire::{Understood, rtype};

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

/// Whether an answer to `query` stood ready. If so, it is compared with what is composed, and so is what both count.
fn was_ready(snapshot: &Snapshot, query: &[u8], profile: &TransportProfile) -> bool {
    let request = Request { octets: query, source: [192, 0, 2, 1].into(), profile, random: 7, now: Moment::default() };
    let mut responders = [Responder::new(0), Responder::new(0)];
    for responder in &mut responders {
        assert_eq!(responder.query.parse(query, || Understood::ALL), Ok(()));
    }
    let mut outs = [vec![0xaa; 65_535], vec![0x55; 65_535]];
    let Some(ready) = responders[0].answer_ready(snapshot, &request, &mut outs[0]) else { return false };
    let composed = responders[1].answer_composed(snapshot, &request, &mut outs[1]);
    assert_eq!(ready, composed, "{query:x?}");
    let Outcome::Reply { len } = ready else { panic!("no reply to {query:x?}") };
    assert_eq!(outs[0][..len], outs[1][..len], "{query:x?}");
    let [tally, other] = responders.map(|responder| responder.counters().tally());
    assert_eq!(tally, other, "{query:x?}");
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
