//! The service as clients see it, on loopback.
#![expect(clippy::unwrap_used, reason = "test code")]

mod slow;

use super::{Listeners, QUERY_LEN_MAX, Service, SlowDoor, StreamLimits};
use crate::answer::testing;
use crate::base::PrefixSet;
use crate::snapshot::settings::RateLimit;
use crate::snapshot::{Inputs, Publisher, Settings};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a client waits for what must come.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a write waits that finds all buffers full: far more than a server that reads takes to make room.
const FULL_AFTER: Duration = Duration::from_secs(1);

const LIMITS: StreamLimits =
    StreamLimits { connections: 100, connections_per_client: 100, idle_timeout: Duration::from_secs(60) };

/// A service for `www.example. A 192.0.2.1` and `big.example. TXT` of some 20,000 octets.
struct Running {
    service: Option<Service>,
    publisher: Option<Publisher>,
    addresses: Vec<SocketAddr>,
}

impl Running {
    fn start(listen: &[&str], workers: usize, limits: StreamLimits) -> Self {
        Self::start_with(listen, workers, limits, Settings::default(), None)
    }

    /// Nobody is exempt from limits.
    fn start_strict(limits: StreamLimits) -> Self {
        let rate_limit = RateLimit { exempt: PrefixSet::default(), ..RateLimit::default() };
        Self::start_with(&["127.0.0.1:0"], 1, limits, Settings { rate_limit, ..Settings::default() }, None)
    }

    fn start_with(
        listen: &[&str],
        workers: usize,
        limits: StreamLimits,
        settings: Settings,
        slow_door: Option<Arc<dyn SlowDoor>>,
    ) -> Self {
        let big: String = (0..80).map(|number| format!("big TXT {}-{number}\n", "x".repeat(240))).collect();
        let zones = [("example.", &*format!("www A 192.0.2.1\n{big}"))];
        let listen: Vec<SocketAddr> = listen.iter().map(|address| address.parse().unwrap()).collect();
        let listeners = Listeners::bind(&listen, workers).unwrap();
        let addresses = listeners.addresses().to_vec();
        let inputs = Inputs { settings, ..testing::inputs(&zones, listeners.shard_count() - 1) };
        let publisher = Publisher::start(inputs);
        let service = Service::start(listeners, publisher.store(), limits, slow_door).unwrap();
        Self { service: Some(service), publisher: Some(publisher), addresses }
    }

    fn udp(&self) -> UdpSocket {
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(self.addresses[0]).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    fn tcp(&self) -> TcpStream {
        let client = TcpStream::connect(self.addresses[0]).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        client.set_nodelay(true).unwrap();
        client
    }

    fn service(&self) -> &Service {
        self.service.as_ref().unwrap()
    }

    fn stop(&mut self) {
        self.service.take().unwrap().stop();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.service.take());
        self.publisher.take().unwrap().stop();
    }
}

fn www(id: u16) -> Vec<u8> {
    testing::query(id, "www.example.", 1)
}

fn big(id: u16) -> Vec<u8> {
    testing::query(id, "big.example.", 16)
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes(), message].concat()
}

/// The next message of a stream; `None` at its end.
fn next(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).ok()?;
    let mut message = vec![0; u16::from_be_bytes(len).into()];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

/// Whether `message` answers query `id` for `www`.
fn answers(message: &[u8], id: u16) -> bool {
    message[..2] == id.to_be_bytes() && message[3] & 15 == 0 && message.ends_with(&[192, 0, 2, 1])
}

#[test]
fn every_address_is_served_over_udp_and_tcp() {
    let running = Running::start(&["127.0.0.1:0", "127.0.0.2:0", "0.0.0.0:0"], 2, LIMITS);
    for (id, address) in (1..).zip(&running.addresses) {
        let host = if address.ip().is_unspecified() { [127, 0, 0, 1].into() } else { address.ip() };
        let to = SocketAddr::new(host, address.port());
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect(to).unwrap();
        udp.set_read_timeout(Some(PATIENCE)).unwrap();
        udp.send(&www(id)).unwrap();
        let mut reply = [0; 512];
        let len = udp.recv(&mut reply).unwrap();
        assert!(answers(&reply[..len], id), "{address}");
        let mut tcp = TcpStream::connect(to).unwrap();
        tcp.write_all(&framed(&www(id))).unwrap();
        assert_eq!(next(&mut tcp).as_deref(), Some(&reply[..len]), "{address}");
    }
    let workers = running.service().workers();
    let received = |transport: &str| -> u64 {
        workers.iter().filter(|w| w.transport == transport).map(|w| w.answers.tally().received()).sum()
    };
    assert_eq!((workers.len(), received("udp"), received("tcp")), (7, 3, 3));
}

#[test]
fn queries_one_behind_the_other_are_answered_in_their_order() {
    let running = Running::start(&["127.0.0.1:0"], 1, LIMITS);
    let mut stream = running.tcp();
    let all: Vec<u8> = (0..300).flat_map(|id| framed(&www(id))).collect();
    let (first, rest) = all.split_at(all.len() - 7);
    stream.write_all(first).unwrap();
    for id in 0..299 {
        assert!(answers(&next(&mut stream).unwrap(), id), "{id}");
    }
    for octet in rest {
        stream.write_all(&[*octet]).unwrap();
    }
    assert!(answers(&next(&mut stream).unwrap(), 299));
    // What must not be answered is passed over, and the stream goes on.
    let mut response = www(1);
    response[2] |= 0x80;
    let odd = [framed(&response), framed(&www(2))].concat();
    stream.write_all(&odd).unwrap();
    assert!(answers(&next(&mut stream).unwrap(), 2));
    // A client that shuts its side still gets its answers.
    stream.write_all(&[framed(&big(3)), framed(&www(4))].concat()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(next(&mut stream).unwrap().len() > 20_000);
    assert!(answers(&next(&mut stream).unwrap(), 4));
    assert_eq!(next(&mut stream), None);
}

#[test]
fn a_client_that_asks_and_does_not_read_is_not_read_from() {
    let running = Running::start(&["127.0.0.1:0"], 1, LIMITS);
    let mut stream = running.tcp();
    stream.set_write_timeout(Some(FULL_AFTER)).unwrap();
    let many = framed(&big(1)).repeat(100);
    // Each round takes 3 kB and would make 2 MB of answers; the buffers of both sides are full long before this ends.
    let full = (0..20_000).any(|_| stream.write_all(&many).is_err());
    assert!(full, "the server went on reading");
    let mut other = running.tcp();
    other.write_all(&framed(&www(1))).unwrap();
    assert!(answers(&next(&mut other).unwrap(), 1));
}

#[test]
fn a_frame_longer_than_any_query_closes_the_stream() {
    let running = Running::start(&["127.0.0.1:0"], 1, LIMITS);
    let mut stream = running.tcp();
    let longest = [&www(1)[..], &vec![0; QUERY_LEN_MAX - www(1).len()]].concat();
    stream.write_all(&framed(&longest)).unwrap();
    assert_eq!(next(&mut stream).unwrap()[3], 1, "FORMERR for what follows the question");
    stream.write_all(&(QUERY_LEN_MAX as u16 + 1).to_be_bytes()).unwrap();
    assert_eq!(next(&mut stream), None);
}

#[test]
fn who_says_nothing_or_only_parts_of_a_query_is_sent_away() {
    let running =
        Running::start(&["127.0.0.1:0"], 1, StreamLimits { idle_timeout: Duration::from_millis(100), ..LIMITS });
    let (mut silent, mut slow) = (running.tcp(), running.tcp());
    assert_eq!(next(&mut silent), None);
    // One octet at a time for as long as it is taken.
    let end = framed(&www(1)).repeat(1_000).into_iter().position(|octet| {
        std::thread::sleep(Duration::from_millis(20));
        slow.write_all(&[octet]).is_err()
    });
    assert!(end.is_some());
    // Places are free again. Whether a client of this service asks in time is a matter of how busy the machine is.
    let began = Instant::now();
    while running.service().streams().open() > 0 {
        assert!(began.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(running.service().streams().accepted(), 2);
    let (udp, mut reply) = (running.udp(), [0; 512]);
    udp.send(&www(2)).unwrap();
    let len = udp.recv(&mut reply).unwrap();
    assert!(answers(&reply[..len], 2));
}

#[test]
fn a_frame_that_holds_no_header_closes_the_stream() {
    let running = Running::start(&["127.0.0.1:0"], 1, LIMITS);
    for len in [0, 1, 11] {
        let mut stream = running.tcp();
        stream.write_all(&framed(&www(1)[..len])).unwrap();
        // The idle timeout is far longer than this client waits.
        let said = stream.read(&mut [0]).map_err(|error| error.kind());
        assert!(matches!(said, Ok(0) | Err(ErrorKind::ConnectionReset)), "{len} octets: {said:?}");
    }
}

#[test]
fn who_says_only_what_has_no_answer_is_sent_away() {
    let running =
        Running::start(&["127.0.0.1:0"], 1, StreamLimits { idle_timeout: Duration::from_millis(500), ..LIMITS });
    // A response (QR is set) is never answered.
    let mut response = www(1);
    response[2] |= 0x80;
    let mut stream = running.tcp();
    let end = (0..3_000).position(|_| {
        std::thread::sleep(Duration::from_millis(5));
        stream.write_all(&framed(&response)).is_err()
    });
    assert!(end.is_some());
}

#[test]
fn a_client_with_its_share_of_connections_is_refused_more() {
    let limits = StreamLimits { connections_per_client: 2, ..LIMITS };
    let running = Running::start_strict(limits);
    let mut streams = [running.tcp(), running.tcp()];
    for stream in &mut streams {
        stream.write_all(&framed(&www(1))).unwrap();
        assert!(answers(&next(stream).unwrap(), 1));
    }
    assert_eq!(next(&mut running.tcp()), None);
    assert_eq!((running.service().streams().open(), running.service().streams().refused()), (2, 1));
    // Whoever is exempt from rate limits is from this one too, as loopback is unless configured otherwise.
    let running = Running::start(&["127.0.0.1:0"], 1, limits);
    let mut streams: Vec<TcpStream> = (0..9).map(|_| running.tcp()).collect();
    for stream in &mut streams {
        stream.write_all(&framed(&www(1))).unwrap();
        assert!(answers(&next(stream).unwrap(), 1));
    }
}

#[test]
fn who_is_silent_or_slow_or_deaf_is_sent_away_before_who_asks() {
    let running = Running::start(&["127.0.0.1:0"], 1, StreamLimits { connections: 4, ..LIMITS });
    let ask = |stream: &mut TcpStream| {
        stream.write_all(&framed(&www(1))).unwrap();
        answers(&next(stream).unwrap(), 1)
    };
    let is_gone = |stream: &mut TcpStream| {
        let mut rest = Vec::new();
        // What was on its way comes first, then the end.
        matches!(stream.read_to_end(&mut rest).map_err(|error| error.kind()), Ok(_) | Err(ErrorKind::ConnectionReset))
    };
    let (mut busy, mut half, mut deaf) = (running.tcp(), running.tcp(), running.tcp());
    assert!(ask(&mut busy));
    assert!(ask(&mut half));
    half.write_all(&framed(&www(1))[..9]).unwrap();
    let many = framed(&big(1)).repeat(100);
    deaf.set_write_timeout(Some(FULL_AFTER)).unwrap();
    assert!((0..20_000).any(|_| deaf.write_all(&many).is_err()), "the server went on reading");
    let mut silent = running.tcp();
    // Each of the new ones is answered, so that none of them is silent any more when the next one comes.
    let mut new = Vec::new();
    for slow in [&mut silent, &mut half, &mut deaf] {
        new.push(running.tcp());
        assert!(new.last_mut().is_some_and(ask));
        assert!(is_gone(slow));
    }
    assert_eq!((running.service().streams().shed(), running.service().streams().open()), (3, 4));
    assert!(ask(&mut busy), "although it was answered longer ago than all others");
}

#[test]
fn udp_clients_are_limited_all_workers_together_and_slip_to_tcp() {
    let rate_limit = RateLimit { slip: 1, exempt: PrefixSet::default(), ..RateLimit::default() };
    let settings = Settings { rate_limit: rate_limit.with_responses_per_second(1), ..Settings::default() };
    let running = Running::start_with(&["127.0.0.1:0"], 2, LIMITS, settings, None);
    // Many ports, so that the kernel gives both workers some of them.
    let clients: Vec<UdpSocket> = (0..50).map(|_| running.udp()).collect();
    let mut reply = [0; 512];
    let mut whole = 0;
    for (id, client) in (0..).zip(&clients) {
        client.send(&www(id)).unwrap();
        let len = client.recv(&mut reply).unwrap();
        let is_short = len == www(id).len() && reply[2] & 2 != 0;
        assert!(is_short || answers(&reply[..len], id));
        whole += usize::from(!is_short);
    }
    // This may take a second or two on a busy machine.
    assert!((1..10).contains(&whole), "{whole} of one client");
    let mut stream = running.tcp();
    for id in 0..10 {
        stream.write_all(&framed(&www(id))).unwrap();
        assert!(answers(&next(&mut stream).unwrap(), id));
    }
    let tally: u64 = running.service().workers().iter().map(|worker| worker.answers.tally().slipped).sum();
    assert_eq!(tally, 50 - whole as u64);
    // Other limits hold from the next configuration on.
    let (publisher, workers) = (running.publisher.as_ref().unwrap(), running.service().workers().len() - 1);
    publisher.replace(Inputs {
        settings: Settings::default(),
        ..testing::inputs(&[("example.", "www A 192.0.2.1")], workers)
    });
    for (id, client) in (0..).zip(&clients) {
        client.send(&www(id)).unwrap();
        let len = client.recv(&mut reply).unwrap();
        assert!(answers(&reply[..len], id));
    }
}

#[test]
fn when_all_places_are_taken_the_longest_idle_is_sent_away() {
    let running = Running::start(&["127.0.0.1:0"], 1, StreamLimits { connections: 2, ..LIMITS });
    let ask = |stream: &mut TcpStream| {
        stream.write_all(&framed(&www(1))).unwrap();
        answers(&next(stream).unwrap(), 1)
    };
    let (mut first, mut second) = (running.tcp(), running.tcp());
    assert!(ask(&mut first) && ask(&mut second) && ask(&mut first));
    let mut third = running.tcp();
    assert!(ask(&mut third) && ask(&mut first));
    assert_eq!(next(&mut second), None);
    assert_eq!(running.service().streams().shed(), 1);
}

#[test]
fn who_reads_nothing_has_ended_before_another_takes_its_place() {
    let running = Running::start(&["127.0.0.1:0"], 1, StreamLimits { connections: 1, ..LIMITS });
    let mut deaf = running.tcp();
    let many = framed(&big(1)).repeat(100);
    deaf.set_write_timeout(Some(FULL_AFTER)).unwrap();
    let full = (0..20_000).any(|_| deaf.write_all(&many).is_err());
    assert!(full, "the server went on reading");
    // From here on a write waits for the end of the connection, if for anything.
    deaf.set_write_timeout(Some(PATIENCE)).unwrap();
    for id in 0..10 {
        let mut other = running.tcp();
        other.write_all(&framed(&www(id))).unwrap();
        assert!(answers(&next(&mut other).unwrap(), id));
        // Not merely full: the other end is gone.
        let said = deaf.write(&many).unwrap_err().kind();
        assert!(matches!(said, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{said:?}");
        assert_eq!(running.service().streams().open(), 1);
    }
}

#[test]
fn what_is_queued_is_answered_before_the_service_ends() {
    let mut running = Running::start(&["127.0.0.1:0"], 2, LIMITS);
    let (udp, mut tcp) = (running.udp(), running.tcp());
    let _idle = running.tcp();
    for id in 0..100 {
        udp.send(&www(id)).unwrap();
    }
    tcp.write_all(&framed(&www(100)).repeat(50)).unwrap();
    running.stop();
    let mut reply = [0; 512];
    for id in 0..100 {
        let len = udp.recv(&mut reply).unwrap();
        assert!(answers(&reply[..len], id), "{id}");
    }
    for _ in 0..50 {
        assert!(answers(&next(&mut tcp).unwrap(), 100));
    }
    assert_eq!(next(&mut tcp), None);
}
