//! The engine asked about zones: what scenarios with whole configurations would only say in passing.
#![expect(clippy::unwrap_used, reason = "test code")]

mod abuse;
mod ready;
mod signed;
mod validator;

use super::{Moment, Outcome, Request, Responder, TransportProfile, testing};
use crate::snapshot::Snapshot;
use crate::wire::{Name, rtype};
use hickory_proto::op::Message;
use hickory_proto::rr::RData;
use std::fmt::Write;

/// Zones and somebody to ask.
struct World {
    snapshot: Snapshot,
    responder: Responder,
}

/// What a query says besides its name and type.
#[derive(Clone, Copy)]
struct Asked {
    class: u16,
    /// The size in the OPT record, if there is one.
    edns: Option<u16>,
    profile: TransportProfile,
}

const PLAIN: Asked = Asked { class: 1, edns: None, profile: TransportProfile::DATAGRAM };
const EDNS: Asked = Asked { edns: Some(1232), ..PLAIN };
const TCP: Asked = Asked { profile: TransportProfile::STREAM, ..PLAIN };

impl World {
    /// Zones with their apexes; SOA and NS are added.
    fn new(zones: &[(&str, &str)]) -> Self {
        Self { snapshot: testing::snapshot(zones), responder: Responder::new(0) }
    }

    /// The octets of the response.
    fn octets(&mut self, name: &str, rtype: u16, asked: Asked) -> Vec<u8> {
        let mut query = testing::query(0x1234, name, rtype);
        let class_at = query.len() - 2;
        query[class_at..].copy_from_slice(&asked.class.to_be_bytes());
        query[11] = u8::from(asked.edns.is_some());
        if let Some(size) = asked.edns {
            query.extend([0, 0, 41]);
            query.extend(size.to_be_bytes());
            query.extend([0; 6]);
        }
        let source = [192, 0, 2, 1].into();
        let request = Request { octets: &query, source, profile: &asked.profile, random: 7, now: Moment::default() };
        let mut out = vec![0xee; 65_535];
        let Outcome::Reply { len } = self.responder.respond(&self.snapshot, request, &mut out) else {
            panic!("no response");
        };
        out.truncate(len);
        out
    }

    /// The response in words: RCODE and flags, then a line for each record.
    fn ask(&mut self, name: &str, rtype: u16, asked: Asked) -> String {
        let message = Message::from_vec(&self.octets(name, rtype, asked)).unwrap();
        let mut shown = format!("{:?}", message.metadata.response_code);
        for (set, word) in [(message.metadata.authoritative, " aa"), (message.metadata.truncation, " tc")] {
            shown.push_str(if set { word } else { "" });
        }
        shown.push('\n');
        for (section, records) in
            [("", &message.answers), ("authority ", &message.authorities), ("additional ", &message.additionals)]
        {
            for record in records {
                let data = match &record.data {
                    // What this reader does not know: a DNAME, whose data is an uncompressed name.
                    RData::Unknown { rdata, .. } => Name::from_wire(&rdata.anything).unwrap().0.to_string(),
                    data => data.to_string(),
                };
                writeln!(shown, "{section}{} {} {data}", record.name, record.record_type()).unwrap();
            }
        }
        shown
    }
}

#[test]
fn rfc9471_glue_of_the_delegated_zone_may_be_missing_only_with_tc() {
    let mut within = String::new();
    let mut beside = String::from("beside NS ns.beside\nns.beside A 192.0.2.1\n");
    for number in 0..12 {
        writeln!(within, "sub NS a-name-server-{number}.sub\na-name-server-{number}.sub AAAA 2001:db8::{number}")
            .unwrap();
        writeln!(beside, "sub NS server-{number}.beside\nserver-{number}.beside AAAA 2001:db8::{number}").unwrap();
        writeln!(beside, "server-{number}.beside A 192.0.2.{number}").unwrap();
    }
    for (glue, is_whole) in [(within, false), (beside, true)] {
        let mut world = World::new(&[("example.", &glue)]);
        let shown = world.ask("www.sub.example.", rtype::A, PLAIN);
        if is_whole {
            assert_eq!(shown.lines().next(), Some("NoError"));
            assert_eq!(shown.matches("authority sub.example. NS").count(), 12, "{shown}");
            assert!((1..12).contains(&shown.matches("AAAA").count()), "{shown}");
        } else {
            assert_eq!(shown, "NoError tc\n", "what is truncated holds nothing that could flood somebody");
        }
        let shown = world.ask("www.sub.example.", rtype::A, TCP);
        assert_eq!((shown.lines().next(), shown.matches("AAAA").count()), (Some("NoError"), 12), "{shown}");
    }
    // What the delegated zone cannot do without comes first.
    let mixed = "sub NS ns.beside\nsub NS ns.sub\nbeside NS ns.beside\nns.beside A 192.0.2.1\nns.sub A 192.0.2.2\n";
    let shown = World::new(&[("example.", mixed)]).ask("sub.example.", rtype::NS, PLAIN);
    let addresses: Vec<&str> = shown.lines().filter(|line| line.starts_with("additional")).collect();
    assert_eq!(addresses, ["additional ns.sub.example. A 192.0.2.2", "additional ns.beside.example. A 192.0.2.1"]);
}

#[test]
fn chains_lead_through_every_zone_and_are_compressed_on_the_way() {
    let zones = [
        (
            "one.example.",
            "a CNAME b\nb CNAME c.two.example.\nmissing CNAME x.two.example.\nsub CNAME deep.below.two.example.",
        ),
        ("two.example.", "c CNAME d.example.\nbelow NS ns.below\nns.below A 192.0.2.9"),
        ("example.", "d A 192.0.2.1\nd A 192.0.2.2"),
    ];
    let mut world = World::new(&zones);
    let expected = "NoError aa\n\
        a.one.example. CNAME b.one.example.\n\
        b.one.example. CNAME c.two.example.\n\
        c.two.example. CNAME d.example.\n\
        d.example. A 192.0.2.1\n\
        d.example. A 192.0.2.2\n";
    assert_eq!(world.ask("a.one.example.", rtype::A, PLAIN), expected);
    // Header, question, `b` and a pointer, `c.two` with `example` as the pointer's place is unknown to zone one, `d` and
    // `example` likewise, two addresses; every owner is a pointer.
    let targets = [4, "c.two.example.".len() + 1, "d.example.".len() + 1];
    let len = 12 + 19 + targets.map(|target| 12 + target).iter().sum::<usize>() + 2 * 16;
    assert!(world.octets("a.one.example.", rtype::A, PLAIN).len() <= len);
    let expected = "NXDomain aa\nmissing.one.example. CNAME x.two.example.\n\
        authority two.example. SOA ns.two.example. host.two.example. 1 2 3 4 30\n";
    assert_eq!(world.ask("missing.one.example.", rtype::A, PLAIN), expected);
    let expected = "NoError aa\nsub.one.example. CNAME deep.below.two.example.\n\
        authority below.two.example. NS ns.below.two.example.\nadditional ns.below.two.example. A 192.0.2.9\n";
    assert_eq!(world.ask("sub.one.example.", rtype::A, PLAIN), expected);
}

#[test]
fn chains_that_lead_in_circles_or_too_far_end_where_a_resolver_goes_on() {
    let mut zone = String::from("loop CNAME pool\npool CNAME loop\nself CNAME self\nlast A 192.0.2.1\n");
    for link in 0..30 {
        writeln!(zone, "l{link} CNAME l{}", link + 1).unwrap();
    }
    for link in 0..15 {
        writeln!(zone, "m{link} CNAME {}", if link < 14 { format!("m{}", link + 1) } else { "last".to_owned() })
            .unwrap();
    }
    let mut world = World::new(&[("example.", &zone)]);
    let both = "NoError aa\nloop.example. CNAME pool.example.\npool.example. CNAME loop.example.\n";
    assert_eq!(world.ask("loop.example.", rtype::A, PLAIN), both);
    assert_eq!(world.ask("self.example.", rtype::A, PLAIN), "NoError aa\nself.example. CNAME self.example.\n");
    let far = world.ask("l0.example.", rtype::A, EDNS);
    assert_eq!(far.matches("CNAME").count(), super::chain::CNAME_CHAIN_LEN_MAX);
    assert!(far.ends_with("l15.example. CNAME l16.example.\n"), "{far}");
    let near = world.ask("m0.example.", rtype::A, EDNS);
    assert_eq!((near.matches("CNAME").count(), near.ends_with("last.example. A 192.0.2.1\n")), (15, true), "{near}");
}

#[test]
fn rfc6672_a_dname_stands_for_a_cname_of_every_name_below() {
    let zone = "old DNAME new\na.new A 192.0.2.1\n*.b.new A 192.0.2.2\nnew TXT new\nlong DNAME \
        123456789.123456789.123456789.123456789.123456789.123456789.123456789.123456789.123456789.123456789.123456789\n\
        grow DNAME x.grow.example.\nb DNAME @";
    let mut world = World::new(&[("example.", zone)]);
    let dname = "old.example. DNAME new.example.\n";
    let found = format!("NoError aa\n{dname}A.old.example. CNAME A.new.example.\nA.new.example. A 192.0.2.1\n");
    assert_eq!(world.ask("A.old.example.", rtype::A, PLAIN), found);
    let cname = format!("NoError aa\n{dname}a.old.example. CNAME a.new.example.\n");
    assert_eq!(world.ask("a.old.example.", rtype::CNAME, PLAIN), cname);
    let wild = format!("NoError aa\n{dname}x.b.old.example. CNAME x.b.new.example.\nx.b.new.example. A 192.0.2.2\n");
    assert_eq!(world.ask("x.b.old.example.", rtype::A, PLAIN), wild);
    assert_eq!(world.ask("old.example.", 39, PLAIN), format!("NoError aa\n{dname}"));
    assert!(world.ask("old.example.", rtype::A, PLAIN).starts_with("NoError aa\nauthority example. SOA"));
    // 12 labels more make 251 octets, 13 would make 262.
    let mut long = |labels| world.ask(&format!("{}long.example.", "a234567890.".repeat(labels)), rtype::A, EDNS);
    assert!(long(12).starts_with("NXDomain aa\nlong.example. DNAME ") && long(12).contains("CNAME"));
    let too_long = long(13);
    assert!(too_long.starts_with("YXDomain aa\nlong.example. DNAME ") && !too_long.contains("CNAME"), "{too_long}");
    // The names grow for ever: each DNAME is used once. Where they do not grow, it is used again and given once.
    let grown = world.ask("a.grow.example.", rtype::A, EDNS);
    assert_eq!((grown.matches(" DNAME ").count(), grown.matches(" CNAME ").count()), (1, 1), "{grown}");
    let shrunk =
        "NXDomain aa\nb.example. DNAME example.\nx.b.b.example. CNAME x.b.example.\nx.b.example. CNAME x.example.\n";
    assert!(world.ask("x.b.b.example.", rtype::A, PLAIN).starts_with(shrunk));
}

#[test]
fn addresses_come_along_once_and_only_from_the_zone() {
    let zone = "@ MX 1 mail\n@ MX 2 MAIL\n@ MX 3 elsewhere.test.\n_s._tcp SRV 1 1 1 mail\n_s._tcp SRV 1 2 2 none\n\
        mail A 192.0.2.1\nmail AAAA 2001:db8::1\nalias CNAME mail\nd DNAME mail";
    let mut world = World::new(&[("example.", zone)]);
    let addresses = "additional mail.example. A 192.0.2.1\nadditional mail.example. AAAA 2001:db8::1\n";
    assert!(world.ask("example.", rtype::MX, PLAIN).ends_with(&format!("3 elsewhere.test.\n{addresses}")));
    assert!(world.ask("_s._tcp.example.", rtype::SRV, PLAIN).ends_with(&format!("none.example.\n{addresses}")));
    assert!(!world.ask("alias.example.", rtype::CNAME, PLAIN).contains("additional"));
    assert!(!world.ask("d.example.", 39, PLAIN).contains("additional"));
}

#[test]
fn a_refusal_says_why_to_those_who_can_read_it() {
    let mut world = World::new(&[("example.", "www A 192.0.2.1")]);
    let error = |world: &mut World, name: &str, rtype: u16, asked: Asked| {
        let octets = world.octets(name, rtype, asked);
        // The last option of the OPT record is an Extended DNS Error without text.
        (octets[3] & 15, octets[octets.len() - 6..].to_vec())
    };
    let said = |code: u8| (5, vec![0, 15, 0, 2, 0, code]);
    assert_eq!(error(&mut world, "www.test.", rtype::A, EDNS), said(20));
    assert_eq!(error(&mut world, "example.", rtype::AXFR, EDNS), said(18));
    assert_eq!(error(&mut world, "www.example.", rtype::A, Asked { class: 3, ..EDNS }), said(21));
    assert_eq!(world.ask("www.test.", rtype::A, PLAIN), "Refused\n");
    let any_class = world.ask("www.example.", rtype::A, Asked { class: 255, ..PLAIN });
    assert_eq!(any_class, "NoError\nwww.example. A 192.0.2.1\n", "of all classes nothing is authoritative");
}

#[test]
fn no_response_is_longer_than_agreed_and_all_can_be_read() {
    let mut zone = String::from("one CNAME two\ntwo CNAME many\nsub NS ns.sub\nsub NS ns2.sub\nns.sub A 192.0.2.1\n");
    for number in 0..40 {
        writeln!(zone, "many A 192.0.2.{number}\nmany MX {number} m{number}\nm{number} AAAA 2001:db8::{number}")
            .unwrap();
        writeln!(zone, "ns2.sub AAAA 2001:db8::{number}").unwrap();
    }
    let mut world = World::new(&[("example.", &zone)]);
    for size in 512..=1232 {
        let asked = Asked { edns: Some(size), ..PLAIN };
        for (name, rtype) in
            [("one", rtype::A), ("many", rtype::MX), ("one", rtype::MX), ("x.sub", rtype::A), ("none", rtype::A)]
        {
            let octets = world.octets(&format!("{name}.example."), rtype, asked);
            let message = Message::from_vec(&octets).unwrap();
            assert!(octets.len() <= usize::from(size), "{name} {rtype} {size}");
            assert!(message.edns.is_some(), "OPT stays, whatever is left out");
            let empty = message.answers.is_empty() && message.authorities.is_empty();
            assert_eq!(empty, message.metadata.truncation && message.additionals.is_empty(), "{name} {rtype} {size}");
        }
    }
}

#[test]
fn what_fits_no_message_is_an_error_over_streams() {
    let mut zone = String::new();
    for number in 0..255 {
        writeln!(zone, "huge TXT {} {number}", "x".repeat(240)).unwrap();
    }
    let fits = World::new(&[("example.", &zone)]).ask("huge.example.", 16, TCP);
    assert_eq!(fits.matches("huge.example. TXT").count(), 255);
    writeln!(zone, "to CNAME huge\nhuge TXT {}", "y".repeat(55)).unwrap();
    let mut world = World::new(&[("example.", &zone)]);
    assert!(world.ask("huge.example.", 16, TCP).starts_with("NoError aa\n"));
    assert_eq!(world.ask("to.example.", 16, TCP), "ServFail\n");
    assert_eq!(world.ask("to.example.", 16, EDNS), "NoError aa tc\n");
}

#[test]
fn addresses_of_names_out_of_reach_of_pointers_are_spelled_out() {
    let mut zone = String::new();
    for number in 0..900 {
        writeln!(zone, "sub NS a-name-server-{number}.sub\na-name-server-{number}.sub A 192.0.2.1").unwrap();
    }
    let shown = World::new(&[("example.", &zone)]).ask("sub.example.", rtype::NS, TCP);
    let (mut servers, mut owners) = (Vec::new(), Vec::new());
    for line in shown.lines().skip(1) {
        match line.strip_prefix("authority sub.example. NS ") {
            Some(server) => servers.push(server),
            None => owners.push(line.strip_prefix("additional ").unwrap().strip_suffix(" A 192.0.2.1").unwrap()),
        }
    }
    assert_eq!((servers.len(), &servers), (900, &owners));
}
