//! One XDP worker: batches of frames in, batches out. The same engine as behind sockets, so that answers are the same.

use super::frame::{Checksums, Datagram, Refused};
use super::interface::Interface;
use super::queue::{Frame, Queue};
use crate::answer::{Outcome, Request, TransportProfile};
use crate::transport::UDP_RESPONSE_LEN_MAX;
use crate::transport::bind::UdpListener;
use crate::transport::clock;
use crate::transport::service::IoCounters;
use crate::transport::udp::{self, Desk, ReturnPath};
use rustix::thread::set_current_timer_slack;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How long a worker that has served a batch lets the next one grow before it has the kernel wake it for a first frame. Being
/// woken costs both sides more than an answer does: under load this makes batches of one or two into batches of ten.
const PAUSE: Duration = Duration::from_micros(30);

/// One XDP worker: a queue and all that answering takes.
pub struct Worker {
    queue: Queue,
    desk: Desk,
    road: Road,
    io: Arc<IoCounters>,
    stop: Arc<AtomicBool>,
    response: Box<[u8]>,
}

/// What a worker knows of the way that its replies go.
struct Road {
    checksums: Checksums,
    mtu: usize,
    interface: u32,
    ways: Arc<Ways>,
}

/// The ordinary sockets: the way of answers that come later or do not fit into a frame.
#[derive(Debug)]
pub struct Ways(Vec<(SocketAddr, Arc<UdpSocket>)>);

impl Ways {
    /// One socket for each address that is listened to.
    pub fn through(listeners: &[UdpListener]) -> io::Result<Self> {
        let mut ways: Vec<(SocketAddr, Arc<UdpSocket>)> = Vec::new();
        for UdpListener { socket, address } in listeners {
            if ways.iter().all(|(known, _)| known != address) {
                ways.push((*address, Arc::new(socket.try_clone()?.into())));
            }
        }
        Ok(Self(ways))
    }

    /// The socket that would have had a query to `destination`, and whether it listens everywhere.
    fn of(&self, destination: SocketAddr) -> Option<(&Arc<UdpSocket>, bool)> {
        let everywhere = |address: &SocketAddr| {
            address.ip().is_unspecified()
                && address.port() == destination.port()
                && address.is_ipv4() == destination.is_ipv4()
        };
        let exact = self.0.iter().find(|(address, _)| *address == destination).map(|(_, socket)| (socket, false));
        exact.or_else(|| self.0.iter().find(|(address, _)| everywhere(address)).map(|(_, socket)| (socket, true)))
    }
}

impl Worker {
    /// The worker of a queue.
    #[must_use]
    pub fn new(
        queue: Queue,
        interface: &Interface,
        desk: Desk,
        ways: Arc<Ways>,
        io: Arc<IoCounters>,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let checksums = if interface.is_virtual { Checksums::MayBePartial } else { Checksums::Whole };
        let road = Road { checksums, mtu: interface.mtu, interface: interface.index, ways };
        Self { queue, desk, road, io, stop, response: vec![0; UDP_RESPONSE_LEN_MAX].into_boxed_slice() }
    }

    /// Serves until told to stop, then answers what has been received.
    pub fn run(mut self) {
        if let Err(error) = set_current_timer_slack(NonZeroU64::new(1)) {
            tracing::debug!(%error, "pauses between batches are longer than they should be");
        }
        let mut may_pause = false;
        while !self.stop.load(Ordering::Relaxed) {
            let received = self.serve_batch();
            if received == 0 {
                if may_pause { thread::sleep(PAUSE) } else { self.wait() }
            }
            may_pause = received > 0;
        }
        while self.serve_batch() > 0 {}
    }

    fn wait(&self) {
        if let Err(error) = self.queue.wait(udp::STOP_CHECK_INTERVAL) {
            self.io.receive_failed();
            tracing::debug!(%error, "waiting for frames failed");
            thread::sleep(udp::ERROR_PAUSE);
        }
    }

    /// Answers what is there; returns how many frames were.
    fn serve_batch(&mut self) -> usize {
        let received = self.queue.receive();
        if received == 0 {
            return 0;
        }
        {
            // Loaded once a batch, and not held while waiting for the next.
            let snapshot = self.desk.store.load();
            let now = clock::now();
            let Self { queue, desk, road, io, response, .. } = self;
            let Desk { responder, random, slow_door, .. } = desk;
            queue.answer(|frame| {
                let datagram = match Datagram::parse(frame.octets(), road.checksums) {
                    Ok(datagram) => datagram,
                    Err(refused) => {
                        count(io, refused);
                        return false;
                    }
                };
                let random = random.next();
                let octets = &frame.octets()[datagram.message.clone()];
                let (source, profile) = (datagram.source.ip(), &TransportProfile::DATAGRAM);
                match udp::answer(responder, &snapshot, Request { octets, source, profile, random, now }, response) {
                    Outcome::Reply { len } => road.reply(frame, &datagram, &response[..len], random as u16, io),
                    Outcome::Drop => false,
                    Outcome::Slow => {
                        if let Some((socket, path)) = road.way_back(&datagram) {
                            udp::hand_on(slow_door.as_deref(), socket, io, octets, datagram.source, path);
                        }
                        false
                    }
                }
            });
        }
        if let Err(error) = self.queue.send() {
            self.io.send_failed(1);
            tracing::debug!(%error, "sending failed");
        }
        received
    }
}

impl Road {
    /// Makes the frame that of the reply, or sends a reply that is too long for one over the socket. Whether there is a frame
    /// to be sent.
    fn reply(&self, frame: &mut Frame<'_>, datagram: &Datagram, message: &[u8], random: u16, io: &IoCounters) -> bool {
        if datagram.reply_packet_len(message.len()) <= self.mtu
            && let Some(octets) = frame.resized(datagram.reply_len(message.len()))
        {
            datagram.write_reply(octets, message, random);
            return true;
        }
        let sent = self.way_back(datagram).is_some_and(|(socket, path)| path.send(socket, message).is_ok());
        if !sent {
            io.send_failed(1);
        }
        false
    }

    #[cold]
    fn way_back(&self, datagram: &Datagram) -> Option<(&Arc<UdpSocket>, ReturnPath)> {
        let (socket, is_everywhere) = self.ways.of(datagram.destination)?;
        let from = is_everywhere.then_some(datagram.destination.ip());
        Some((socket, ReturnPath::new(datagram.source, from, self.interface)))
    }
}

#[cold]
fn count(io: &IoCounters, refused: Refused) {
    io.receive_failed();
    tracing::trace!(?refused, "a frame is not answered");
}
