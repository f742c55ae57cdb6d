//! The resolver loop against a small resolver on loopback.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::lookup::look_up;
use super::{AliasResolver, AliasSpec, system_resolvers};
use crate::snapshot::{AliasAnswers, AliasFamily};
use crate::transfer::message::{MessageWriter, Reader};
use crate::wire::numbers::flag;
use crate::wire::{Name, Rcode, Section, rtype};
use crate::zone::{AliasTarget, Record};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes(), None).unwrap()
}

fn record(owner: &str, rtype: u16, ttl: u32, data: &[u8]) -> Record {
    Record { owner: name(owner), rtype, ttl, data: data.into() }
}

/// A resolver that answers with these records, over UDP, and over TCP where `cut`; fails while `fails`.
struct Fake {
    address: SocketAddr,
    fails: Arc<AtomicBool>,
}

fn fake(answers: Vec<Record>, cut: bool) -> Fake {
    // The system chooses a port that is free for datagrams, where it may be taken for connections.
    let (udp, tcp) = std::iter::repeat_with(|| UdpSocket::bind("127.0.0.1:0").unwrap())
        .find_map(|udp| TcpListener::bind(udp.local_addr().unwrap()).ok().map(|tcp| (udp, tcp)))
        .unwrap();
    let address = udp.local_addr().unwrap();
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let respond = move |query: &[u8], is_cut: bool| {
        let reader = Reader::new(query).unwrap();
        let question = reader.question().unwrap();
        let mut writer = MessageWriter::response(reader.header(), Some(question), 4096);
        if failing.load(Ordering::Relaxed) {
            writer.set_rcode(Rcode::SERVFAIL);
        } else if is_cut {
            writer.set_flag(flag::TC);
        } else {
            for record in &answers {
                if record.rtype == rtype::SOA {
                    writer.push(Section::Authority, record).ok().unwrap();
                } else if [question.qtype, rtype::CNAME].contains(&record.rtype) {
                    writer.push(Section::Answer, record).ok().unwrap();
                }
            }
        }
        writer.finish()
    };
    let over_tcp = respond.clone();
    if cut {
        std::thread::spawn(move || {
            for stream in tcp.incoming() {
                let mut stream = stream.unwrap();
                let mut len = [0; 2];
                stream.read_exact(&mut len).unwrap();
                let mut query = vec![0; usize::from(u16::from_be_bytes(len))];
                stream.read_exact(&mut query).unwrap();
                let response = over_tcp(&query, false);
                stream.write_all(&(response.len() as u16).to_be_bytes()).unwrap();
                stream.write_all(&response).unwrap();
            }
        });
    }
    std::thread::spawn(move || {
        let mut query = [0; 2048];
        while let Ok((len, from)) = udp.recv_from(&mut query) {
            // Somebody else's response first: another id.
            let mut forged = respond(&query[..len], false);
            forged[0] ^= 0xff;
            udp.send_to(&forged, from).unwrap();
            udp.send_to(&respond(&query[..len], cut), from).unwrap();
        }
    });
    Fake { address, fails }
}

fn asked(fake: &Fake, qtype: u16) -> Result<super::Found, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(look_up(fake.address, &name("lb.example."), qtype)).map_err(|error| error.to_string())
}

#[test]
fn a_chain_is_followed_and_its_lowest_ttl_counts() {
    let resolver = fake(
        vec![
            record("b.example.", rtype::A, 300, &[192, 0, 2, 1]),
            record("LB.example.", rtype::CNAME, 20, name("b.example.").as_wire()),
            record("b.example.", rtype::A, 300, &[192, 0, 2, 2]),
            record("c.example.", rtype::A, 1, &[192, 0, 2, 3]),
        ],
        false,
    );
    let found = asked(&resolver, rtype::A).unwrap();
    assert_eq!((found.ttl, found.addresses.len()), (20, 2));
    assert_eq!(asked(&resolver, rtype::AAAA).unwrap().addresses.len(), 0);
}

#[test]
fn what_is_cut_is_asked_over_tcp_and_what_is_not_there_is_kept_as_long_as_the_soa_says() {
    let numbers = [1, 2, 3, 4, 40_u32].map(u32::to_be_bytes).concat();
    let soa = [&[0, 0], &numbers[..]].concat();
    let resolver =
        fake(vec![record("lb.example.", rtype::AAAA, 70, &[7; 16]), record("example.", rtype::SOA, 90, &soa)], true);
    let found = asked(&resolver, rtype::AAAA).unwrap();
    assert_eq!((found.ttl, found.addresses.len()), (70, 1));
    let none = asked(&resolver, rtype::A).unwrap();
    assert_eq!((none.ttl, none.addresses.len()), (40, 0));
    resolver.fails.store(true, Ordering::Relaxed);
    assert_eq!(asked(&resolver, rtype::A), Err("the response is SERVFAIL".to_owned()));
}

fn addresses(known: &AliasAnswers) -> [Option<u16>; 2] {
    [0, 1].map(|family| match &known.0[family] {
        AliasFamily::Unknown => None,
        AliasFamily::Known { records, .. } => Some(*records),
    })
}

#[test]
fn the_second_resolver_is_asked_where_the_first_fails_and_what_was_known_stays() {
    let answers = || vec![record("lb.example.", rtype::A, 0, &[192, 0, 2, 1])];
    let (bad, good) = (fake(answers(), false), fake(answers(), false));
    bad.fails.store(true, Ordering::Relaxed);
    let (told, tells) = mpsc::channel();
    let target = Arc::new(AliasTarget::new(name("lb.example.")));
    let spec = AliasSpec { targets: vec![target], resolvers: vec![bad.address, good.address] };
    let resolver = AliasResolver::start(spec.clone(), move || {
        // Nobody listens any more at the end of the test.
        (Box::new(|_| false), Box::new(move |known| _ = told.send(known)))
    })
    .unwrap();
    let next = || tells.recv_timeout(Duration::from_secs(120)).unwrap().remove(0).1;
    let known = next();
    assert_eq!(addresses(&known), [Some(1), Some(0)]);
    good.fails.store(true, Ordering::Relaxed);
    // Both fail now: told again, as it was.
    assert_eq!(next(), known);
    assert_eq!(resolver.counters().failing.load(Ordering::Relaxed), 1);
    // Another configuration is asked at once.
    bad.fails.store(false, Ordering::Relaxed);
    resolver.configure(AliasSpec { resolvers: vec![bad.address], ..spec });
    while next() == known {}
    drop(resolver);
}

#[test]
fn targets_of_our_own_are_asked_of_nobody() {
    let (told, tells) = mpsc::channel::<()>();
    let target = Arc::new(AliasTarget::new(name("lb.example.")));
    let (asked, is_asked) = mpsc::channel();
    let resolver = AliasResolver::start(AliasSpec { targets: vec![target], resolvers: Vec::new() }, move || {
        let is_ours = move |target: &AliasTarget| {
            let _ = asked.send(target.name.to_string());
            true
        };
        (Box::new(is_ours), Box::new(move |_| _ = told.send(())))
    })
    .unwrap();
    assert_eq!(is_asked.recv_timeout(Duration::from_secs(120)).unwrap(), "lb.example.");
    drop(resolver);
    assert!(tells.try_recv().is_err());
}

#[test]
fn the_systems_resolvers_are_read() {
    let text = "# nameserver 192.0.2.9\nnameserver 192.0.2.1\nsearch example.\n nameserver\t2001:db8::1 # two\nnameserver x\nnameservers 1.2.3.4\n";
    let found: Vec<String> = system_resolvers(text).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["192.0.2.1:53", "[2001:db8::1]:53"]);
}
