//! One monitor for one address, ready to run: where the kinds of monitors meet. Knows no schedule.

use crate::health::{Endpoint, Observation};
use crate::probe::http::HttpProbe;
use crate::probe::spec::{Monitor, MonitorKind};
use crate::probe::tcp;
use crate::probe::tls::TlsStore;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A check that can be run any number of times.
#[derive(Clone, Debug)]
pub enum Check {
    /// Connects, and closes.
    Tcp {
        /// Where to.
        address: SocketAddr,
        /// A verdict comes within this time.
        timeout: Duration,
    },
    /// One GET.
    Http(Arc<HttpProbe>),
    /// Cannot be run for a reason on this side.
    Broken(Arc<str>),
}

impl Check {
    /// Prepares what `monitor` asks of `address`, which is `endpoint` or one of its addresses.
    pub fn new(monitor: &Monitor, endpoint: &Endpoint, address: SocketAddr, tls_store: &mut TlsStore) -> Self {
        let timeout = monitor.timing.timeout;
        match &monitor.kind {
            MonitorKind::Tcp => Self::Tcp { address, timeout },
            MonitorKind::Http(check) => match HttpProbe::new(check, endpoint, address, timeout, tls_store) {
                Ok(probe) => Self::Http(Arc::new(probe)),
                Err(reason) => Self::Broken(reason.into()),
            },
        }
    }

    /// Runs it once.
    pub async fn run(&self) -> Observation {
        match self {
            Self::Tcp { address, timeout } => tcp::probe(*address, *timeout).await,
            Self::Http(probe) => probe.probe().await,
            Self::Broken(reason) => Observation::LocalError { reason: Arc::clone(reason) },
        }
    }
}
