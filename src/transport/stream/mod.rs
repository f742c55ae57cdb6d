//! Streams: one thread with a current-thread runtime and a responder of its own. TCP today.

mod connection;
mod table;

pub use table::{StreamCounters, StreamLimits};

use super::clock;
use super::random::Random;
use super::service::IoCounters;
use super::slow::SlowDoor;
use crate::answer::{Outcome, Request, Responder, TransportProfile};
use crate::snapshot::SnapshotStore;
use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use table::Table;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{sleep, timeout};

/// How long connections may go on answering when the service stops.
const DRAIN_TIME_MAX: Duration = Duration::from_millis(700);
/// How long a stopping service looks for connections that wait to be accepted.
const ACCEPT_DRAIN_TIME: Duration = Duration::from_millis(20);
/// How long accepting pauses when the system cannot give another connection (no descriptors, no memory).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The runtime of the stream thread.
pub fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// What answers the queries of all streams.
pub struct Desk {
    answering: Answering,
    table: Table,
    slow: Option<Slow>,
}

/// The slow door, and where those are counted who find it crowded.
type Slow = (Arc<dyn SlowDoor>, Arc<IoCounters>);

/// What became of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    /// It gets no response.
    Nothing,
    /// Its response is added to those that wait to be written.
    Pending,
    /// It is for the slow door.
    Slow,
}

/// The parts that one query needs.
struct Answering {
    responder: Responder,
    random: Random,
    store: Arc<SnapshotStore>,
    out: Box<[u8]>,
    profile: TransportProfile,
}

impl Desk {
    /// A desk with its limits and counters.
    #[must_use]
    pub fn new(
        responder: Responder,
        store: Arc<SnapshotStore>,
        limits: StreamLimits,
        counters: Arc<StreamCounters>,
        slow: Option<Slow>,
    ) -> Self {
        let out = vec![0; usize::from(u16::MAX)].into_boxed_slice();
        let profile = TransportProfile::stream(limits.idle_timeout);
        let answering = Answering { responder, random: Random::new(), store, out, profile };
        Self { answering, table: Table::new(limits, counters), slow }
    }
}

impl Answering {
    /// Answers one message; the framed response is added to `pending`. A panic costs this query only.
    fn answer(&mut self, query: &[u8], source: IpAddr, pending: &mut Vec<u8>) -> Answered {
        let (profile, random, now) = (&self.profile, self.random.next(), clock::now());
        let request = Request { octets: query, source, profile, random, now };
        let snapshot = self.store.load();
        let (responder, out) = (&mut self.responder, &mut self.out);
        match catch_unwind(AssertUnwindSafe(|| responder.respond(&snapshot, request, out))) {
            Ok(Outcome::Reply { len }) => {
                pending.extend_from_slice(&(len as u16).to_be_bytes());
                pending.extend_from_slice(&self.out[..len]);
                Answered::Pending
            }
            Ok(Outcome::Drop) => Answered::Nothing,
            Ok(Outcome::Slow) => Answered::Slow,
            Err(_) => {
                self.responder.count_panic();
                Answered::Nothing
            }
        }
    }
}

/// What every connection shares.
#[derive(Clone)]
struct Shared {
    answering: Rc<RefCell<Answering>>,
    table: Rc<Table>,
    slow: Option<Slow>,
    stop: watch::Receiver<bool>,
}

impl Shared {
    /// Whether a client may have any number of connections.
    fn is_exempt(&self, client: IpAddr) -> bool {
        self.answering.borrow().store.load().settings.rate_limit.exempt.contains(client)
    }
}

/// Serves all listeners until `stop`, then answers what has arrived.
pub fn run(runtime: &Runtime, listeners: Vec<std::net::TcpListener>, desk: Desk, stop: watch::Receiver<bool>) {
    let Desk { answering, table, slow } = desk;
    let shared =
        Shared { answering: Rc::new(RefCell::new(answering)), table: Rc::new(table), slow, stop: stop.clone() };
    LocalSet::new().block_on(runtime, async {
        let mut acceptors = JoinSet::new();
        for listener in listeners {
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    acceptors.spawn_local(accept(listener, shared.clone()));
                }
                Err(error) => tracing::error!(%error, "a TCP socket cannot be served"),
            }
        }
        while acceptors.join_next().await.is_some() {}
    });
}

/// Accepts connections of one listener until told to stop, then lets them end.
async fn accept(listener: TcpListener, shared: Shared) {
    let (mut connections, mut stop) = (JoinSet::new(), shared.stop.clone());
    loop {
        tokio::select! {
            accepted = listener.accept() => admit(accepted, &shared, &mut connections).await,
            Some(_) = connections.join_next() => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
    }
    let accept_rest = async {
        loop {
            admit(listener.accept().await, &shared, &mut connections).await;
        }
    };
    let _: Result<(), _> = timeout(ACCEPT_DRAIN_TIME, accept_rest).await;
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN_TIME_MAX, all_ended).await.is_err() {
        tracing::debug!("stopped with TCP connections that were still being answered");
    }
}

async fn admit(
    accepted: io::Result<(tokio::net::TcpStream, std::net::SocketAddr)>,
    shared: &Shared,
    connections: &mut JoinSet<()>,
) {
    match accepted {
        Ok((stream, client)) => {
            let exempt = shared.is_exempt(client.ip());
            if let Some(place) = shared.table.admit(client.ip(), exempt).await {
                connections.spawn_local(connection::serve(stream, client, place, shared.clone()));
            }
        }
        // The client has gone again.
        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
        Err(error) => {
            tracing::warn!(%error, "a TCP connection could not be accepted");
            sleep(ACCEPT_PAUSE).await;
        }
    }
}
