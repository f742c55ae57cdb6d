//! UDP workers: batches of datagrams in, batches out.

use super::bind::{RECEIVE_BUFFER_LEN, UdpListener};
use super::random::Random;
use super::service::IoCounters;
use crate::answer::{Outcome, Request, Responder, TransportProfile};
use crate::snapshot::{Snapshot, SnapshotStore};
use socket2::Socket;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
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
#[cfg(not(target_os = "linux"))]
use plain::Batch;

/// How long a worker without queries waits before it looks whether it shall stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// How long a stopping worker answers what is queued.
const DRAIN_TIME_MAX: Duration = Duration::from_millis(500);
/// How long a worker waits after an error that no datagram caused, so that it does not spin.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

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
    socket: UdpSocket,
    batch: Batch,
    desk: Desk,
    io: Arc<IoCounters>,
    stop: Arc<AtomicBool>,
}

/// What answers one datagram after the other.
struct Desk {
    responder: Responder,
    random: Random,
    store: Arc<SnapshotStore>,
}

impl Worker {
    /// The worker of a socket.
    #[must_use]
    pub fn new(
        listener: UdpListener,
        responder: Responder,
        store: Arc<SnapshotStore>,
        io: Arc<IoCounters>,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let wildcard = listener.address.ip().is_unspecified();
        let desk = Desk { responder, random: Random::new(), store };
        Self { socket: listener.socket.into(), batch: Batch::new(wildcard), desk, io, stop }
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
        {
            // Loaded once a batch, and not held while waiting for the next.
            let snapshot = self.desk.store.load();
            let (responder, random) = (&mut self.desk.responder, &mut self.desk.random);
            self.batch.answer(received, |query, source, out| answer(responder, random, &snapshot, query, source, out));
        }
        let unsent = self.batch.send(&self.socket);
        if unsent > 0 {
            self.io.send_failed(unsent);
        }
        received
    }
}

/// Answers one datagram into `out`; returns the length of the response, 0 for none. A panic costs this query only.
fn answer(
    responder: &mut Responder,
    random: &mut Random,
    snapshot: &Snapshot,
    query: &[u8],
    source: IpAddr,
    out: &mut [u8],
) -> usize {
    let request = Request { octets: query, source, profile: &TransportProfile::DATAGRAM, random: random.next() };
    match catch_unwind(AssertUnwindSafe(|| responder.respond(snapshot, request, out))) {
        Ok(Outcome::Reply { len }) => len,
        Ok(Outcome::Drop) => 0,
        Err(_) => {
            responder.count_panic();
            0
        }
    }
}
