//! Monitors as validated configuration: plain data.

mod dns;
mod grpc;
mod http;
mod kind;
mod other;
mod pattern;
mod tcp;
mod tls;

pub use dns::{BadQuestion, DnsCheck, DnsQuestion, DnsTransport, ExpectedRecord, Rcode};
pub use grpc::GrpcCheck;
pub use http::{HttpCheck, HttpVersion};
pub use kind::Kind;
pub use other::{ExecCheck, FileCheck, IcmpCheck, UdpCheck};
pub use pattern::{BadPattern, Expectation, Pattern};
pub use tcp::TcpCheck;
pub use tls::{ClientIdentity, TlsCheck};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Most octets of an answer that a check looks at.
pub const ANSWER_LEN_MAX: usize = 64 * 1024;

/// How a member is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// Its name, unique among monitors.
    pub name: Arc<str>,
    /// What one probe does.
    pub kind: MonitorKind,
    /// Where it connects, unless the member's `probe_address` has a port; 0 for kinds that know no ports and were given none.
    pub port: u16,
    /// When probes start and how results are counted.
    pub timing: crate::health::Timing,
}

/// What one probe does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MonitorKind {
    /// Connects, perhaps says and expects something, and closes.
    Tcp(TcpCheck),
    /// One request over a fresh connection.
    Http(HttpCheck),
    /// A TLS handshake.
    Tls(TlsCheck),
    /// One call of the standard health service.
    Grpc(GrpcCheck),
    /// One question, by one or two ways.
    Dns(DnsCheck),
    /// Echo requests.
    Icmp(IcmpCheck),
    /// A datagram, and one in answer.
    Udp(UdpCheck),
    /// A program of the operator.
    Exec(ExecCheck),
    /// A file that another system writes.
    File(FileCheck),
}

impl MonitorKind {
    /// The files that it names and that are read when checks are made.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let tls = match self {
            Self::Http(HttpCheck { tls, .. }) | Self::Grpc(GrpcCheck { tls, .. }) => tls.as_ref(),
            Self::Tls(tls) => Some(tls),
            Self::Tcp(_) | Self::Dns(_) | Self::Icmp(_) | Self::Udp(_) | Self::Exec(_) | Self::File(_) => None,
        };
        tls.into_iter().flat_map(TlsCheck::files)
    }

    /// The word that configuration has for it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Tcp(_) => Kind::Tcp,
            Self::Http(check) if check.tls.is_some() => Kind::Https,
            Self::Http(_) => Kind::Http,
            Self::Tls(_) => Kind::Tls,
            Self::Grpc(_) => Kind::Grpc,
            Self::Dns(_) => Kind::Dns,
            Self::Icmp(_) => Kind::Icmp,
            Self::Udp(_) => Kind::Udp,
            Self::Exec(_) => Kind::Exec,
            Self::File(_) => Kind::File,
        }
    }
}

/// The whole work of the scheduler: every monitor, and every distinct target.
#[derive(Clone, Debug, Default)]
pub struct ProbePlan {
    /// In configured order.
    pub monitors: Vec<Monitor>,
    /// Each (monitor, probe address and port) once, however many pools share it.
    pub targets: Vec<PlannedTarget>,
    /// The server answers when the first round is done, or this long after start.
    pub startup_grace: Duration,
    /// How long states are held while the checker seems blind.
    pub hold: Duration,
    /// Most probes of targets in a region that are under way at once, for regions that have such a limit.
    pub region_limits: BTreeMap<Arc<str>, usize>,
}

/// One target to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTarget {
    /// What it is known by across reloads.
    pub key: crate::health::TargetKey,
    /// Index into [`ProbePlan::monitors`].
    pub monitor: usize,
    /// The regions whose members it stands for, for the blindness rule and the limits of regions.
    pub regions: Vec<Arc<str>>,
}
