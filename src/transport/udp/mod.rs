//! UDP workers: batches of datagrams in, batches out.

use super::bind::{RECEIVE_BUFFER_LEN, UdpListener};
use super::clock;
use super::random::Random;
use super::service::IoCounters;
use super::slow::{DatagramReply, SlowDoor, SlowReply, SlowRequest};
use crate::answer::{Outcome, Request, Responder, TransportProfile};
use crate::snapshot::SnapshotStore;
use socket2::Socket;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
mod mmsg;
#[cfg(any(test, not(target_os = "linux")))]
mod plain;

#[cfg(target_os = "linux")]
use mmsg::Batch;
#[cfg(target_os = "linux")]
pub use mmsg::ReturnPath;
#[cfg(not(target_os = "linux"))]
use plain::Batch;
#[cfg(not(target_os = "linux"))]
pub use plain::ReturnPath;

/// How long a worker without queries waits before it looks whether it shall stop.
pub(in crate::transport) const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// How long a stopping worker answers what is queued.
const DRAIN_TIME_MAX: Duration = Duration::from_millis(500);
/// How long a worker waits after an error that no datagram caused, so that it does not spin.
pub(in crate::transport) const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// Sets what a UDP socket needs before it is bound to `address`.
pub fn prepare(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if socket.set_recv_buffer_size(RECEIVE_BUFFER_LEN).is_err() {
        tracing::debug!("the receive buffer keeps its size");
    }
    socket.set_read_timeout(Some(STOP_CHECK_INTERVAL))?;
    #[cfg(target_os = "linux")]
    mmsg::prepare(socket, address)?;
    #[cfg(not(target_os = "linux"))]
    let _ = address;
    Ok(())
}

/// One UDP worker: a socket and all that answering takes.
pub struct Worker {
    /// Shared with slow replies that are still to come.
    socket: Arc<UdpSocket>,
    batch: Batch,
    desk: Desk,
    io: Arc<IoCounters>,
    stop: Arc<AtomicBool>,
}

/// What answers one datagram after the other.
pub struct Desk {
    pub(in crate::transport) responder: Responder,
    pub(in crate::transport) random: Random,
    pub(in crate::transport) store: Arc<SnapshotStore>,
    pub(in crate::transport) slow_door: Option<Arc<dyn SlowDoor>>,
}

impl Desk {
    /// A desk of one worker.
    #[must_use]
    pub fn new(responder: Responder, store: Arc<SnapshotStore>, slow_door: Option<Arc<dyn SlowDoor>>) -> Self {
        Self { responder, random: Random::new(), store, slow_door }
    }
}

impl Worker {
    /// The worker of a socket.
    #[must_use]
    pub fn new(listener: UdpListener, desk: Desk, io: Arc<IoCounters>, stop: Arc<AtomicBool>) -> Self {
        Self { batch: Batch::new(listener.address), socket: Arc::new(listener.socket.into()), desk, io, stop }
    }

    /// Serves until told to stop, then answers what is queued.
    pub fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            self.serve_batch(true);
        }
        let end = Instant::now() + DRAIN_TIME_MAX;
        while self.serve_batch(false) > 0 && Instant::now() < end {}
    }

    /// Receives what is there, waiting for a first datagram if `wait`; answers and sends. Returns how many came.
    fn serve_batch(&mut self, wait: bool) -> usize {
        let received = match self.batch.receive(&self.socket, wait) {
            Ok(0) => return 0,
            Ok(received) => received,
            Err(error) => {
                self.io.receive_failed();
                tracing::debug!(%error, "receiving failed");
                std::thread::sleep(ERROR_PAUSE);
                return 0;
            }
        };
        // A panic costs the query that it came from: the rest of the batch has its turn after that.
        while catch_unwind(AssertUnwindSafe(|| self.answer_batch())).is_err() {
            self.desk.responder.count_panic();
        }
        let unsent = self.batch.send(&self.socket);
        if unsent > 0 {
            self.io.send_failed(unsent);
        }
        received
    }

    /// Answers what is not answered yet of the datagrams that were received.
    fn answer_batch(&mut self) {
        // Loaded once a batch, and not held while waiting for the next.
        let snapshot = self.desk.store.load();
        let (responder, random, now) = (&mut self.desk.responder, &mut self.desk.random, clock::now());
        self.batch.answer(|octets, sender, out| {
            let (source, profile, random) = (sender.ip(), &TransportProfile::DATAGRAM, random.next());
            match responder.respond_here(&snapshot, Request { octets, source, profile, random, now }, out) {
                Outcome::Reply { len } => len,
                Outcome::Drop => 0,
                Outcome::Slow => {
                    let (source, path) = (sender.address(), sender.return_path());
                    hand_on(self.desk.slow_door.as_deref(), &self.socket, &self.io, octets, source, path);
                    0
                }
            }
        });
    }
}

/// Gives a copy of a datagram to the slow door.
#[cold]
pub fn hand_on(
    slow_door: Option<&dyn SlowDoor>,
    socket: &Arc<UdpSocket>,
    io: &Arc<IoCounters>,
    query: &[u8],
    source: SocketAddr,
    path: ReturnPath,
) {
    let reply = DatagramReply { socket: Arc::clone(socket), path, io: Arc::clone(io) };
    let octets = query.into();
    let request = SlowRequest { octets, source, is_stream: false, reply: SlowReply::Datagram(reply) };
    if !slow_door.is_some_and(|door| door.submit(request)) {
        io.slow_dropped();
    }
}

/// Answers one datagram into `out`. A panic costs this query only.
#[cfg(any(test, all(feature = "xdp", target_os = "linux")))]
pub fn answer(
    responder: &mut Responder,
    snapshot: &crate::snapshot::Snapshot,
    request: Request<'_>,
    out: &mut [u8],
) -> Outcome {
    match catch_unwind(AssertUnwindSafe(|| responder.respond(snapshot, request, out))) {
        Ok(outcome) => outcome,
        Err(_) => {
            responder.count_panic();
            Outcome::Drop
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{AssertUnwindSafe, Outcome, Request, Responder, TransportProfile, catch_unwind, plain};
    use crate::answer::{Moment, testing};
    use crate::transport::{Listeners, QUERY_LEN_MAX, UDP_RESPONSE_LEN_MAX};
    use std::net::{IpAddr, SocketAddr, UdpSocket};
    use std::time::Duration;

    fn server(listen: &str) -> (UdpSocket, u16) {
        let address = SocketAddr::new(listen.parse().unwrap(), 0);
        let mut listeners = Listeners::bind(&[address], 1).unwrap();
        (listeners.udp.remove(0).socket.into(), listeners.addresses()[0].port())
    }

    /// A client that takes replies from `server` only.
    fn client(server: &str, port: u16) -> UdpSocket {
        let server: IpAddr = server.parse().unwrap();
        let local = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        let client = UdpSocket::bind(local).unwrap();
        client.connect((server, port)).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        client
    }

    /// Receives what was sent, which a busy system may deliver some time later.
    macro_rules! receive {
        ($batch:expr, $socket:expr) => {
            loop {
                match $batch.receive($socket, true).unwrap() {
                    0 => {}
                    count => break count,
                }
            }
        };
    }

    fn received(client: &UdpSocket) -> Vec<u8> {
        let mut reply = vec![0; 65_535];
        let len = client.recv(&mut reply).unwrap();
        reply.truncate(len);
        reply
    }

    /// What the stand-in for the engine says: the query and who sent it; nothing to `drop`.
    fn echo(query: &[u8], sender: IpAddr, out: &mut [u8]) -> usize {
        assert_eq!(out.len(), UDP_RESPONSE_LEN_MAX);
        if query == b"drop" {
            return 0;
        }
        let reply = [query, sender.to_string().as_bytes()].concat();
        let len = reply.len().min(out.len());
        out[..len].copy_from_slice(&reply[..len]);
        len
    }

    #[test]
    fn a_panic_costs_one_query_and_is_counted() {
        let snapshot = testing::flawed_snapshot();
        let (mut responder, mut out) = (Responder::new(0), [0; 512]);
        let mut ask = |name: &str| {
            let (octets, source) = (&testing::query(1, name, 1), [192, 0, 2, 1].into());
            let (profile, now) = (&TransportProfile::DATAGRAM, Moment::default());
            let request = Request { octets, source, profile, random: 7, now };
            let outcome = super::answer(&mut responder, &snapshot, request, &mut out);
            matches!(outcome, Outcome::Reply { .. })
        };
        assert_eq!((ask("bad.example."), ask("www.example."), ask("bad.example.")), (false, true, false));
        let tally = responder.counters().tally();
        assert_eq!((tally.panics, tally.received()), (2, 3));
    }

    macro_rules! echoes {
        ($batch:ty, $name:ident) => {
            #[test]
            fn $name() {
                let (socket, port) = server("127.0.0.1");
                let mut batch = <$batch>::new(socket.local_addr().unwrap());
                assert_eq!(batch.receive(&socket, false).unwrap(), 0, "nothing is there");
                let clients: Vec<_> = (0..100).map(|_| client("127.0.0.1", port)).collect();
                for round in ["first", "drop", "second, which is longer", "third"] {
                    for client in &clients {
                        client.send(round.as_bytes()).unwrap();
                    }
                    let mut left = clients.len();
                    while left > 0 {
                        let count = receive!(batch, &socket);
                        batch.answer(|query, sender, out| echo(query, sender.ip(), out));
                        assert_eq!(batch.send(&socket), 0);
                        left -= count;
                    }
                    for client in clients.iter().filter(|_| round != "drop") {
                        assert_eq!(received(client), format!("{round}127.0.0.1").into_bytes());
                    }
                }
                clients[0].send(&[7; QUERY_LEN_MAX + 1]).unwrap();
                receive!(batch, &socket);
                batch.answer(|query, sender, out| echo(query, sender.ip(), out));
                assert_eq!(batch.send(&socket), 0);
                assert_eq!(received(&clients[0]), [7; UDP_RESPONSE_LEN_MAX], "long queries are cut");
            }
        };
    }

    #[cfg(target_os = "linux")]
    echoes!(super::mmsg::Batch, batches_carry_every_datagram_to_its_sender);
    echoes!(plain::Batch, the_plain_loop_carries_every_datagram_to_its_sender);

    #[cfg(target_os = "linux")]
    #[test]
    fn a_batch_goes_on_behind_the_datagram_that_caused_a_panic() {
        let (socket, port) = server("127.0.0.1");
        let mut batch = super::mmsg::Batch::new(socket.local_addr().unwrap());
        let clients = ["first", "panic", "drop", "last"].map(|query| (query, client("127.0.0.1", port)));
        for (query, client) in &clients {
            client.send(query.as_bytes()).unwrap();
        }
        let (mut left, mut panics) = (clients.len(), 0);
        while left > 0 {
            left -= receive!(batch, &socket);
            while catch_unwind(AssertUnwindSafe(|| {
                batch.answer(|query, sender, out| {
                    assert_ne!(query, b"panic", "as expected");
                    echo(query, sender.ip(), out)
                });
            }))
            .is_err()
            {
                panics += 1;
            }
            assert_eq!(batch.send(&socket), 0);
        }
        assert_eq!(panics, 1);
        for (query, client) in clients.iter().filter(|(query, _)| ["first", "last"].contains(query)) {
            assert_eq!(received(client), format!("{query}127.0.0.1").into_bytes());
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn replies_leave_from_the_address_that_the_query_was_sent_to() {
        let mut cases = vec![("0.0.0.0", "127.0.0.1"), ("0.0.0.0", "127.0.0.2"), ("0.0.0.0", "127.1.2.3")];
        if UdpSocket::bind("[::1]:0").is_ok() {
            cases.push(("::", "::1"));
        }
        for (listen, to) in cases {
            let (socket, port) = server(listen);
            let mut batch = super::mmsg::Batch::new(socket.local_addr().unwrap());
            let client = client(to, port);
            for _ in 0..3 {
                client.send(b"q").unwrap();
                receive!(batch, &socket);
                batch.answer(|query, sender, out| echo(query, sender.ip(), out));
                assert_eq!(batch.send(&socket), 0);
                assert_eq!(received(&client)[..1], *b"q", "{listen} {to}");
            }
        }
    }

    #[cfg(all(feature = "xdp", target_os = "linux"))]
    #[test]
    fn a_reply_to_what_came_otherwise_leaves_from_the_address_that_it_is_told() {
        let mut cases = vec![("127.0.0.1", "127.0.0.1", None), ("0.0.0.0", "127.0.0.2", Some("127.0.0.2"))];
        if UdpSocket::bind("[::1]:0").is_ok() {
            cases.extend([("::1", "::1", None), ("::", "::1", Some("::1"))]);
        }
        for (listen, to, from) in cases {
            let (socket, port) = server(listen);
            let client = client(to, port);
            let from = from.map(|from| from.parse().unwrap());
            super::ReturnPath::new(client.local_addr().unwrap(), from, 1).send(&socket, b"reply").unwrap();
            assert_eq!(received(&client), b"reply", "{listen} {to}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn replies_that_cannot_be_sent_are_counted_and_forgotten() {
        let (socket, port) = server("127.0.0.1");
        let (client, mut batch) = (client("127.0.0.1", port), super::mmsg::Batch::new(socket.local_addr().unwrap()));
        let mut ask = |through: &UdpSocket| {
            client.send(b"q").unwrap();
            receive!(batch, &socket);
            batch.answer(|query, sender, out| echo(query, sender.ip(), out));
            batch.send(through)
        };
        // A socket that is shut can send nothing to anybody.
        let shut = UdpSocket::bind("127.0.0.1:0").unwrap();
        shut.connect("127.0.0.1:9").unwrap();
        socket2::SockRef::from(&shut).shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!((ask(&shut), ask(&shut), ask(&socket)), (1, 1, 0));
        assert_eq!(received(&client), b"q127.0.0.1");
    }
}
