//! The slow door: what is handed to it, and how its answers come back.

use super::{LIMITS, PATIENCE, Running, answers, framed, next, testing, www};
use crate::transport::{QUERY_LEN_MAX, SlowDoor, SlowReply, SlowRequest, StreamLimits};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

const AXFR: u16 = 252;
const UPDATE: u8 = 5 << 3;
const NOTIFY: u8 = 4 << 3;

/// Keeps what it is given for the test to answer; takes nothing while it is full.
#[derive(Default)]
struct Waiting {
    requests: Mutex<Vec<SlowRequest>>,
    is_full: AtomicBool,
}

impl SlowDoor for Waiting {
    fn submit(&self, request: SlowRequest) -> bool {
        if self.is_full.load(Ordering::SeqCst) {
            return false;
        }
        self.requests.lock().unwrap().push(request);
        true
    }
}

impl Waiting {
    /// The next request, which must come.
    fn take(&self) -> SlowRequest {
        for _ in 0..PATIENCE.as_millis() {
            if let Some(request) = self.requests.lock().unwrap().pop() {
                return request;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("no request came");
    }

    fn start(listen: &str, limits: StreamLimits) -> (Running, Arc<Self>) {
        let door = Arc::<Self>::default();
        let running = Running::start_with(
            &[listen],
            2,
            limits,
            crate::snapshot::Settings::default(),
            Some(Arc::clone(&door) as Arc<dyn SlowDoor>),
        );
        (running, door)
    }
}

fn stream_of(request: SlowRequest) -> mpsc::Sender<Vec<u8>> {
    match request.reply {
        SlowReply::Stream(sender) => sender,
        SlowReply::Datagram(_) => panic!("it came over a stream"),
    }
}

fn axfr(id: u16) -> Vec<u8> {
    testing::query(id, "example.", AXFR)
}

/// A message of another OPCODE.
fn of_opcode(opcode: u8, mut message: Vec<u8>) -> Vec<u8> {
    message[2] |= opcode;
    message
}

/// A query with a TSIG record of no sense, which is none of the transport's business.
fn signed(mut query: Vec<u8>) -> Vec<u8> {
    query[11] = 1;
    query.extend_from_slice(b"\0\0\xfa\0\xff\0\0\0\0\0\x03xyz");
    query
}

#[test]
fn slow_messages_are_answered_from_the_address_they_were_sent_to() {
    let (running, door) = Waiting::start("0.0.0.0:0", LIMITS);
    for (host, query) in [
        ([127, 0, 0, 1], axfr(1)),
        ([127, 0, 0, 2], of_opcode(NOTIFY, www(2))),
        ([127, 1, 2, 3], of_opcode(UPDATE, www(3))),
        ([127, 0, 0, 1], signed(www(4))),
    ] {
        // A connected socket takes datagrams of that address alone.
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(SocketAddr::from((host, running.addresses[0].port()))).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.send(&query).unwrap();
        let request = door.take();
        assert_eq!((&*request.octets, request.is_stream), (&query[..], false));
        assert_eq!(request.source, client.local_addr().unwrap());
        let SlowReply::Datagram(reply) = request.reply else { panic!("it came over UDP") };
        reply.send(b"an answer");
        let mut answer = [0; 512];
        let len = client.recv(&mut answer).unwrap();
        assert_eq!(&answer[..len], b"an answer", "{host:?}");
    }
    let slow: u64 = running.service().workers().iter().map(|worker| worker.answers.tally().slow).sum();
    assert_eq!(slow, 4);
}

#[test]
fn without_a_slow_door_what_it_would_take_is_refused() {
    let running = Running::start(&["127.0.0.1:0"], 1, LIMITS);
    let client = running.udp();
    let rcode = |query: &[u8]| {
        client.send(query).unwrap();
        let mut answer = [0; 512];
        client.recv(&mut answer).unwrap();
        answer[3] & 15
    };
    const REFUSED: u8 = 5;
    const NOTIMP: u8 = 4;
    assert_eq!(rcode(&axfr(1)), REFUSED);
    assert_eq!(rcode(&of_opcode(NOTIFY, www(1))), NOTIMP);
    assert_eq!(rcode(&of_opcode(UPDATE, www(1))), NOTIMP);
    assert_eq!(rcode(&signed(www(1))), 0, "a signature is passed over");
}

#[test]
fn any_number_of_answers_come_between_those_before_and_those_behind() {
    let (running, door) = Waiting::start("127.0.0.1:0", LIMITS);
    let mut stream = running.tcp();
    stream.write_all(&[framed(&www(1)), framed(&axfr(2)), framed(&www(3))].concat()).unwrap();
    assert!(answers(&next(&mut stream).unwrap(), 1), "what came before does not wait");
    let sender = stream_of(door.take());
    for part in 0..50_u8 {
        sender.blocking_send(vec![part; 60_000]).unwrap();
        assert_eq!(next(&mut stream).unwrap(), vec![part; 60_000]);
    }
    drop(sender);
    assert!(answers(&next(&mut stream).unwrap(), 3));
    // One that is not answered at all ends as well.
    stream.write_all(&[framed(&axfr(4)), framed(&www(5))].concat()).unwrap();
    drop(door.take());
    assert!(answers(&next(&mut stream).unwrap(), 5));
}

#[test]
fn a_client_that_reads_slowly_holds_up_its_own_transfer_only() {
    let (running, door) = Waiting::start("127.0.0.1:0", LIMITS);
    let mut deaf = running.tcp();
    deaf.write_all(&framed(&axfr(1))).unwrap();
    let sender = stream_of(door.take());
    let (mut sent, mut held_up) = (0, 0);
    // Without a reader there is an end: the buffers of the system and of the connection are full. A busy machine has none for a
    // moment, too.
    while held_up < 100 {
        held_up = if sender.try_send(vec![7; 60_000]).is_ok() { 0 } else { held_up + 1 };
        sent += 1;
        std::thread::sleep(Duration::from_millis(1));
        assert!(sent < 10_000, "nothing holds it up");
    }
    let mut other = running.tcp();
    other.write_all(&framed(&www(2))).unwrap();
    assert!(answers(&next(&mut other).unwrap(), 2));
    // It is given up after some seconds, and whoever makes its answers is told.
    drop(other);
    let gone = (0..PATIENCE.as_millis()).any(|_| {
        std::thread::sleep(Duration::from_millis(1));
        // Where there was room after all there is always more for it.
        let _ = sender.try_send(vec![7; 60_000]);
        sender.is_closed()
    });
    assert!(gone);
}

#[test]
fn a_client_that_goes_away_ends_its_transfer() {
    let (running, door) = Waiting::start("127.0.0.1:0", LIMITS);
    let mut stream = running.tcp();
    stream.write_all(&framed(&axfr(1))).unwrap();
    let sender = stream_of(door.take());
    drop(stream);
    let ended = (0..1_000).any(|_| sender.blocking_send(vec![1; 60_000]).is_err());
    assert!(ended);
}

#[test]
fn messages_that_find_the_door_crowded_are_dropped_and_counted() {
    let (running, door) = Waiting::start("127.0.0.1:0", LIMITS);
    door.is_full.store(true, Ordering::SeqCst);
    let (udp, mut tcp) = (running.udp(), running.tcp());
    udp.send(&axfr(1)).unwrap();
    udp.send(&www(2)).unwrap();
    let mut answer = [0; 512];
    let len = udp.recv(&mut answer).unwrap();
    assert!(answers(&answer[..len], 2));
    tcp.write_all(&[framed(&axfr(3)), framed(&www(4))].concat()).unwrap();
    assert!(answers(&next(&mut tcp).unwrap(), 4));
    let drops: u64 = running.service().workers().iter().map(|worker| worker.io.slow_drops()).sum();
    assert_eq!(drops, 2);
}

#[test]
fn an_update_may_be_longer_than_any_query() {
    let (running, door) = Waiting::start("127.0.0.1:0", LIMITS);
    let mut stream = running.tcp();
    let mut update = of_opcode(UPDATE, www(1));
    update.resize(60_000, 7);
    for octets in framed(&update).chunks(1_000) {
        stream.write_all(octets).unwrap();
    }
    let request = door.take();
    assert_eq!(&*request.octets, &update[..]);
    stream_of(request).blocking_send(b"done".to_vec()).unwrap();
    assert_eq!(next(&mut stream).unwrap(), b"done");
    // A query may not.
    let mut query = www(1);
    query.resize(QUERY_LEN_MAX + 1, 0);
    let _ = stream.write_all(&framed(&query));
    let said = stream.read(&mut [0]).map_err(|error| error.kind());
    assert!(matches!(said, Ok(0) | Err(ErrorKind::ConnectionReset)), "{said:?}");
}
