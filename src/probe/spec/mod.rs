//! Monitors as validated configuration: plain data.

mod http;
mod kind;
mod tls;

pub use http::{BODY_LEN_MAX, HttpCheck};
pub use kind::Kind;
pub use tls::TlsCheck;

use std::sync::Arc;
use std::time::Duration;

/// How a member is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// Its name, unique among monitors.
    pub name: Arc<str>,
    /// What one probe does.
    pub kind: MonitorKind,
    /// Where it connects, unless the member's `probe_address` has a port.
    pub port: u16,
    /// When probes start and how results are counted.
    pub timing: crate::health::Timing,
}

/// What one probe does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MonitorKind {
    /// Connects, and closes.
    Tcp,
    /// One GET over a fresh connection.
    Http(HttpCheck),
}

impl MonitorKind {
    /// The word that configuration has for it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Tcp => Kind::Tcp,
            Self::Http(check) if check.tls.is_some() => Kind::Https,
            Self::Http(_) => Kind::Http,
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
}

/// One target to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTarget {
    /// What it is known by across reloads.
    pub key: crate::health::TargetKey,
    /// Index into [`ProbePlan::monitors`].
    pub monitor: usize,
    /// The regions whose members it stands for, for the blindness rule.
    pub regions: Vec<Arc<str>>,
}
