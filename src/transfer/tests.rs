//! The desk as transports see it: requests in, answers out; and the messages that it sends by itself.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::counters::{End, Kind, Told};
use super::message::{Header, MESSAGE_LEN_MAX, MessageRecord, MessageWriter, Question, Reader};
use super::spec::{AccessEntry, Algorithm, KeySpec, NotifyTarget, Secret, TransferSpec, UpdateRule};
use super::tsig::{Key, Signer};
use super::{Asked, Delta, Desk, Journals, LiveZones, Parts, Reply, Submission, ZoneTransfers};
use crate::wire::numbers::OPCODE_NOTIFY;
use crate::wire::{Name, Rcode, Section, class, rtype};
use crate::zone::{Change, Record, Zone, ZoneSpec};
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Never to be reached unless something is broken.
const PATIENCE: Duration = Duration::from_secs(120);
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
/// What the stand-in for the engine says.
const BY_ENGINE: &[u8] = b"the engine";

fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes(), None).unwrap()
}

fn soa(serial: u32) -> Record {
    let numbers = [serial, 60, 60, 60, 60].map(u32::to_be_bytes).concat();
    Record { owner: name("example."), rtype: rtype::SOA, ttl: 60, data: [&[0, 0], &numbers[..]].concat().into() }
}

fn text(owner: &str, content: &str) -> Record {
    let data = [&[content.len() as u8], content.as_bytes()].concat().into();
    Record { owner: name(owner), rtype: 16, ttl: 60, data }
}

fn zone(serial: u32, names: u32) -> Arc<Zone> {
    let spec = ZoneSpec { apex: name("example."), file: "none".into(), span: None, balanced: Vec::new() };
    let ns = Record { owner: name("example."), rtype: rtype::NS, ttl: 60, data: name("ns.example.").as_wire().into() };
    let texts = (0..names).map(|number| text(&format!("host-{number}.example."), &"x".repeat(100)));
    Arc::new(Zone::from_records(&spec, [soa(serial), ns].into_iter().chain(texts)).unwrap())
}

fn key() -> Arc<Key> {
    Arc::new(Key::new(&name("ours."), Algorithm::HmacSha256, SECRET))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// A desk with the zone `example.`, which whoever signs with `ours.` and all of 192.0.2.0/24 may have.
struct Room {
    desk: Desk,
    zones: LiveZones,
}

impl Room {
    fn new(zone: Arc<Zone>, transfers: ZoneTransfers) -> Self {
        let prefix = AccessEntry { prefix: Some("192.0.2.0/24".parse().unwrap()), key: None };
        let signed = AccessEntry { prefix: None, key: Some(name("ours.")) };
        let zones = LiveZones::default();
        let mut pause = zones.pause();
        pause.set(zone, None, Arc::new(ZoneTransfers { transfer: vec![prefix, signed], ..transfers }));
        pause.adopt();
        let secret = Secret(SECRET.into());
        let keys = vec![KeySpec { name: name("ours."), algorithm: Algorithm::HmacSha256, secret }];
        let spec = TransferSpec { keys, transfers_max: 1 };
        let engine = Box::new(|_: &[u8], _, _| BY_ENGINE.to_vec());
        let desk = Desk::start(Parts {
            engine,
            zones: zones.clone(),
            spec,
            journals: Journals::new(std::path::Path::new("no-such-folder")),
        })
        .unwrap();
        Self { desk, zones }
    }

    fn of(zone: Arc<Zone>) -> Self {
        Self::new(zone, ZoneTransfers::default())
    }

    /// Begins a request over a stream.
    fn begin(&self, message: &[u8], source: &str) -> tokio::sync::mpsc::Receiver<Vec<u8>> {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let (octets, source) = (message.into(), source.parse().unwrap());
        let submission = Submission { octets, source, is_stream: true, reply: Reply::Stream(sender) };
        assert!(self.desk.handle().submit(submission));
        receiver
    }

    /// All answers over a stream.
    fn ask(&self, message: &[u8], source: &str) -> Vec<Vec<u8>> {
        let mut receiver = self.begin(message, source);
        std::iter::from_fn(|| receiver.blocking_recv()).collect()
    }

    /// The answer over UDP, if there is one.
    fn ask_datagram(&self, message: &[u8], source: &str) -> Option<Vec<u8>> {
        let (sender, receiver) = mpsc::channel();
        let reply = Reply::Datagram(Box::new(move |answer: &[u8]| sender.send(answer.to_vec()).unwrap()));
        let (octets, source) = (message.into(), source.parse().unwrap());
        assert!(self.desk.handle().submit(Submission { octets, source, is_stream: false, reply }));
        receiver.recv_timeout(PATIENCE).ok()
    }

    /// Makes another version live that has one record more for each serial.
    fn change(&self, from: u32, to: u32) {
        let live = self.zones.get(&name("example.")).unwrap();
        live.change(|writer| {
            let added = text("new.example.", &format!("serial {to}"));
            let changes = [Change::Remove(soa(from)), Change::Add(soa(to)), Change::Add(added.clone())];
            let zone = Arc::new(writer.zone().edited(&changes).unwrap());
            writer.commit(zone, Some(Delta { from, to, removed: vec![soa(from)], added: vec![soa(to), added] }));
        });
    }

    fn count(&self, kind: Kind, end: End) -> u64 {
        let counted = self.desk.handle().counters().requests().find(|(k, e, _)| (*k, *e) == (kind, end));
        counted.unwrap().2
    }
}

const FRIEND: &str = "192.0.2.7:1234";
const STRANGER: &str = "198.51.100.7:1234";

fn request(qtype: u16, serial: Option<u32>) -> Vec<u8> {
    let question = Question { name: name("EXAMPLE."), qtype, qclass: class::IN };
    let mut writer = MessageWriter::request(7, 0, &question, MESSAGE_LEN_MAX);
    if let Some(serial) = serial {
        writer.push(Section::Authority, &soa(serial)).unwrap();
    }
    writer.finish()
}

fn records(messages: &[Vec<u8>]) -> Vec<MessageRecord> {
    messages.iter().flat_map(|message| Reader::new(message).unwrap().rest().unwrap()).collect()
}

/// The serials of the SOA records, in order, with 0 for every other record.
fn serials(messages: &[Vec<u8>]) -> Vec<u32> {
    records(messages).into_iter().map(|record| record.into_record().soa_serial().unwrap_or(0)).collect()
}

#[test]
fn rfc5936_a_zone_begins_and_ends_with_its_soa_and_nothing_is_left_out() {
    let zone = zone(5, 3_000);
    let room = Room::of(Arc::clone(&zone));
    let messages = room.ask(&request(rtype::AXFR, None), FRIEND);
    assert!(messages.len() > 10, "{} messages", messages.len());
    for (index, message) in messages.iter().enumerate() {
        let header = Header::parse(message).unwrap();
        assert_eq!((header.id, header.flags), (7, 0x8400));
        assert_eq!(header.counts[0], u16::from(index == 0), "the question stands in the first alone");
        assert!(message.len() < 17_000);
    }
    let serials = serials(&messages);
    assert_eq!((serials.first(), serials.last(), serials.iter().filter(|s| **s == 5).count()), (Some(&5), Some(&5), 2));
    let sent: BTreeSet<String> = records(&messages).iter().map(|record| record.owner.to_string()).collect();
    assert_eq!((serials.len(), sent.len()), (zone.record_count() + 1, 3_001));
    assert_eq!(room.count(Kind::Axfr, End::Done), 1);
}

#[test]
fn a_signed_transfer_is_signed_message_by_message() {
    let room = Room::of(zone(1, 1_000));
    let mut message = request(rtype::AXFR, None);
    let mut verifier = Signer::request(&key(), &mut message, now());
    let mut messages = room.ask(&message, STRANGER);
    assert!(messages.len() > 3);
    for message in &mut messages {
        verifier.verify(message, now()).unwrap();
        assert!(message.len() <= MESSAGE_LEN_MAX);
    }
    verifier.finish().unwrap();
    assert_eq!(records(&messages).len(), 1_003);
    // A query with a signature is the engine's to answer, and signed.
    let mut query = request(rtype::A, None);
    let mut verifier = Signer::request(&key(), &mut query, now());
    let mut answer = room.ask_datagram(&query, STRANGER).unwrap();
    assert_eq!(answer[..BY_ENGINE.len() - 1], BY_ENGINE[..BY_ENGINE.len() - 1], "its last octet counts the records");
    // The stand-in's answer is no message, so that there is nothing to verify.
    let _ = verifier.verify(&mut answer, now());
}

#[test]
fn who_may_not_have_a_zone_is_refused_as_if_there_were_no_transfers() {
    let room = Room::of(zone(1, 1));
    for message in [request(rtype::AXFR, None), request(rtype::IXFR, Some(0))] {
        assert_eq!(room.ask(&message, STRANGER), [BY_ENGINE]);
    }
    let other = Question { name: name("other."), qtype: rtype::AXFR, qclass: class::IN };
    assert_eq!(room.ask(&MessageWriter::request(7, 0, &other, 512).finish(), FRIEND), [BY_ENGINE]);
    assert_eq!(room.ask_datagram(&request(rtype::AXFR, None), STRANGER).unwrap(), BY_ENGINE);
    let balanced = Room::new(zone(1, 1), ZoneTransfers { has_balanced: true, ..ZoneTransfers::default() });
    assert_eq!(balanced.ask(&request(rtype::AXFR, None), FRIEND), [BY_ENGINE], "its view is not decided");
}

#[test]
fn rfc5936_4_2_a_zone_is_not_given_over_udp() {
    let room = Room::of(zone(1, 1));
    let answer = room.ask_datagram(&request(rtype::AXFR, None), FRIEND).unwrap();
    assert_eq!(Header::parse(&answer).unwrap().rcode(), Rcode::FORMERR);
}

#[test]
fn rfc1995_what_changed_is_given_in_order() {
    let room = Room::of(zone(1, 50));
    (1..4).for_each(|serial| room.change(serial, serial + 1));
    let ask = |serial| serials(&room.ask(&request(rtype::IXFR, Some(serial)), FRIEND));
    assert_eq!(ask(2), [4, 2, 3, 0, 3, 4, 0, 4]);
    assert_eq!(ask(3), [4, 3, 4, 0, 4]);
    assert_eq!(ask(4), [4], "up to date");
    assert_eq!(ask(5), [4], "newer than here");
    let whole = ask(0);
    assert_eq!((whole.len(), whole[0], whole.last()), (56, 4, Some(&4)), "not remembered: the whole zone");
    assert!(whole[1..55].iter().all(|serial| *serial == 0));
    let unsaid = room.ask(&request(rtype::IXFR, None), FRIEND);
    assert_eq!(Header::parse(&unsaid[0]).unwrap().rcode(), Rcode::FORMERR);
}

#[test]
fn rfc1995_over_udp_what_does_not_fit_is_the_soa_alone() {
    let room = Room::of(zone(1, 50));
    (1..30).for_each(|serial| room.change(serial, serial + 1));
    let ask = |serial| serials(&[room.ask_datagram(&request(rtype::IXFR, Some(serial)), FRIEND).unwrap()]);
    assert_eq!(ask(29), [30, 29, 30, 0, 30]);
    assert_eq!(ask(1), [30]);
    assert_eq!(ask(0), [30]);
    assert_eq!(ask(30), [30]);
}

#[test]
fn changes_that_are_longer_than_the_zone_are_not_given_instead_of_it() {
    let room = Room::of(zone(1, 1));
    (1..9).for_each(|serial| room.change(serial, serial + 1));
    let whole = serials(&room.ask(&request(rtype::IXFR, Some(1)), FRIEND));
    assert_eq!(whole.iter().filter(|serial| **serial > 0).count(), 2);
}

#[test]
fn a_transfer_beyond_the_limit_is_refused_and_one_that_is_broken_off_makes_room() {
    let room = Room::of(zone(1, 3_000));
    let mut first = room.begin(&request(rtype::AXFR, None), FRIEND);
    assert!(first.blocking_recv().is_some());
    let refused = room.ask(&request(rtype::AXFR, None), FRIEND);
    assert_eq!(Header::parse(&refused[0]).unwrap().rcode(), Rcode::REFUSED);
    assert_eq!(room.count(Kind::Axfr, End::Busy), 1);
    drop(first);
    let served = (0..PATIENCE.as_millis()).any(|_| {
        std::thread::sleep(Duration::from_millis(1));
        room.ask(&request(rtype::AXFR, None), FRIEND).len() > 1
    });
    assert!(served);
    // Its place is free a moment before it is counted.
    wait_until(|| room.count(Kind::Axfr, End::Broken) == 1);
}

#[test]
fn what_cannot_be_read_is_formerr_or_left_to_the_engine() {
    let room = Room::of(zone(1, 1));
    let mut update = request(rtype::SOA, None);
    update[2] = 5 << 3;
    update.truncate(update.len() - 1);
    let answer = room.ask_datagram(&update, FRIEND).unwrap();
    assert_eq!((Header::parse(&answer).unwrap().rcode(), answer[2]), (Rcode::FORMERR, 0x80 | 5 << 3));
    assert_eq!(room.ask_datagram(&[&[0, 7, 5 << 3], &[0; 9][..]].concat(), FRIEND).unwrap(), BY_ENGINE);
}

#[test]
fn where_updates_are_taken_those_with_another_count_of_zones_are_formerr() {
    let client = AccessEntry { prefix: None, key: Some(name("nobody.")) };
    let rule = UpdateRule { client, names: Vec::new(), types: None };
    let room = Room::new(zone(1, 1), ZoneTransfers { update: vec![rule], ..ZoneTransfers::default() });
    let empty = |opcode: u8| [&[0, 7, opcode << 3], &[0; 9][..]].concat();
    let answer = room.ask_datagram(&empty(5), FRIEND).unwrap();
    assert_eq!(Header::parse(&answer).unwrap().rcode(), Rcode::FORMERR);
    assert_eq!(room.ask_datagram(&empty(4), FRIEND).unwrap(), BY_ENGINE, "there is no secondary zone");
    // Nor does a message that ends early count as a bad signature.
    room.ask_datagram(&empty(5)[..11], FRIEND).unwrap();
    assert_eq!(room.desk.handle().counters().signatures_refused_count(), 0);
}

#[test]
fn an_error_is_told_as_far_as_there_is_room_beside_the_signature() {
    let question = Question { name: name("example."), qtype: rtype::SOA, qclass: class::IN };
    let mut writer = MessageWriter::request(7, 5 << 11, &question, MESSAGE_LEN_MAX);
    writer.push_opt(512, false, None);
    let asked = Asked::parse(&writer.finish(), FRIEND.parse().unwrap(), false).unwrap();
    let text = "\u{e4}".repeat(200);
    let len_with = |signature_len| asked.finish_with(asked.answer(signature_len), Some((18, &text))).len();
    // Header and question, OPT record, head of the error; the text ends with a whole character.
    let bare_len = 12 + 13 + 11;
    assert_eq!(len_with(0), bare_len + 6 + 400);
    assert_eq!(len_with(100), 412);
    assert_eq!(len_with(101), 410);
    assert_eq!(len_with(512 - bare_len), bare_len);
    assert!(Reader::new(&asked.finish_with(asked.answer(300), Some((18, &text)))).unwrap().rest().is_ok());
}

/// A server that is told of serials.
struct Told1996(UdpSocket);

impl Told1996 {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    fn target(&self, key: Option<&str>) -> NotifyTarget {
        NotifyTarget { address: self.0.local_addr().unwrap(), key: key.map(name) }
    }

    /// The serial of the next message, which is answered if `answered`.
    fn next(&self, answered: Option<Rcode>) -> u32 {
        self.next_by_serial(|_| answered)
    }

    /// The serial of the next message, which is answered if `answered` has an answer to that serial.
    fn next_by_serial(&self, answered: impl Fn(u32) -> Option<Rcode>) -> u32 {
        let mut octets = [0; 1_500];
        let (len, from) = self.0.recv_from(&mut octets).unwrap();
        let header = Header::parse(&octets[..len]).unwrap();
        assert_eq!((header.opcode(), header.flags & 0x0400), (OPCODE_NOTIFY, 0x0400), "AA is set");
        let reader = Reader::new(&octets[..len]).unwrap();
        assert_eq!(
            (&reader.question().unwrap().name, reader.question().unwrap().qtype),
            (&name("example."), rtype::SOA)
        );
        let serial = reader.rest().unwrap().remove(0).into_record().soa_serial().unwrap();
        if let Some(rcode) = answered(serial) {
            octets[2] |= 0x80;
            octets[3] |= rcode.0 as u8;
            self.0.send_to(&octets[..len], from).unwrap();
        }
        serial
    }
}

fn wait_until(condition: impl Fn() -> bool) {
    let held = (0..PATIENCE.as_millis()).any(|_| {
        std::thread::sleep(Duration::from_millis(1));
        condition()
    });
    assert!(held);
}

#[test]
fn rfc1996_servers_are_told_until_they_answer_and_then_of_what_changed_meanwhile() {
    let told = Told1996::new();
    let notify = vec![told.target(None)];
    let room = Room::new(zone(1, 1), ZoneTransfers { notify, ..ZoneTransfers::default() });
    let count = |which| room.desk.handle().counters().notifies().find(|(told, _)| *told == which).unwrap().1;
    let begun = Instant::now();
    room.desk.handle().start_notifying();
    assert_eq!(told.next(None), 1, "at the start");
    // Nobody answers, and the zone changes twice: the next try tells of the last version.
    room.change(1, 2);
    room.change(2, 3);
    // There are tries before the changes if these took a busy machine so long: a second at least is between any two.
    let (mut earlier, earlier_max) = (0, begun.elapsed().as_secs());
    while told.next_by_serial(|serial| (serial == 3).then_some(Rcode::NOERROR)) != 3 {
        earlier += 1;
        assert!(earlier <= earlier_max, "{earlier} tries");
    }
    wait_until(|| count(Told::Acknowledged) == 1);
    room.change(3, 4);
    assert_eq!(told.next(Some(Rcode::NOTAUTH)), 4, "nothing came in between");
    wait_until(|| count(Told::Odd) == 1);
}

#[test]
fn a_server_that_was_silent_is_told_anew_when_the_zone_changes() {
    let told = Told1996::new();
    let notify = vec![told.target(None)];
    let room = Room::new(zone(1, 1), ZoneTransfers { notify, ..ZoneTransfers::default() });
    room.desk.handle().start_notifying();
    for _ in 0..3 {
        assert_eq!(told.next(None), 1);
    }
    // It would be left alone for four seconds now, then for eight.
    room.change(1, 2);
    assert_eq!(told.next(None), 2);
    assert_eq!(told.next(Some(Rcode::NOERROR)), 2, "the tries have begun anew");
}

#[test]
fn a_server_that_refuses_is_told_once_a_second_at_most() {
    let told = Told1996::new();
    let notify = vec![told.target(None)];
    let room = Room::new(zone(1, 1), ZoneTransfers { notify, ..ZoneTransfers::default() });
    let (begun, mut messages) = (Instant::now(), 1);
    room.desk.handle().start_notifying();
    assert_eq!(told.next(Some(Rcode::REFUSED)), 1);
    // However fast the zone changes.
    let mut serial = 1;
    while serial < 20 {
        room.change(serial, serial + 1);
        serial += 1;
    }
    while told.next(Some(Rcode::REFUSED)) < serial {
        messages += 1;
    }
    assert!(messages <= begun.elapsed().as_secs(), "{messages} before the last one");
}

#[test]
fn notify_is_signed_and_an_answer_without_a_signature_counts_for_nothing() {
    let told = Told1996::new();
    let notify = vec![told.target(Some("ours."))];
    let room = Room::new(zone(1, 1), ZoneTransfers { notify, ..ZoneTransfers::default() });
    room.desk.handle().start_notifying();
    // What it sends back has the request's signature, which does not fit.
    assert_eq!(told.next(Some(Rcode::NOERROR)), 1);
    assert_eq!(told.next(None), 1, "so it is told again");
}
