//! Sockets and framing: the only room that sends a reply. Knows no zones, no steering, no geography and no health.

use crate::snapshot::SnapshotStore;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Sockets that are bound and not yet served, so that privileges can be dropped in between.
pub struct Listeners {}

/// An address that could not be bound.
#[derive(Debug)]
pub struct BindError {
    /// Where.
    pub address: SocketAddr,
    /// `udp` or `tcp`.
    pub protocol: &'static str,
    /// What the system said.
    pub error: std::io::Error,
}

impl Listeners {
    /// Binds UDP (one socket a worker) and TCP at every address; all of them or none.
    pub fn bind(listen: &[SocketAddr], workers: usize) -> Result<Self, BindError> {
        let _ = (listen, workers);
        unimplemented!()
    }

    /// The addresses that were bound, with the ports that the system chose for port 0.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        unimplemented!()
    }
}

/// Limits of TCP service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Connections at a time, in all.
    pub connections: usize,
    /// Connections at a time from one client address (IPv6: one /64).
    pub connections_per_client: usize,
    /// A connection without a complete query for this long is closed.
    pub idle_timeout: Duration,
}

/// The threads that serve queries.
pub struct Service {}

impl Service {
    /// Starts serving. Worker `n` of UDP counts in shard `n` of the snapshot; the stream thread in the one behind them.
    pub fn start(listeners: Listeners, store: Arc<SnapshotStore>, limits: StreamLimits) -> std::io::Result<Self> {
        let _ = (listeners, store, limits);
        unimplemented!()
    }

    /// Answers what is queued and ends all threads, within a second.
    pub fn stop(self) {
        unimplemented!()
    }
}
