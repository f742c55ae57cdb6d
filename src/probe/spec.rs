//! Monitors as validated configuration: plain data.

use std::path::PathBuf;
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

/// An `http` or `https` check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// `Some` for `https`.
    pub tls: Option<TlsCheck>,
    /// Path and query, beginning with a slash.
    pub path: String,
    /// The `Host` header, and the TLS server name unless that is set apart; the probed address when `None`.
    pub host: Option<String>,
    /// Status codes that pass, as inclusive ranges; never empty. 200 to 299 unless configured.
    pub expect_status: Vec<(u16, u16)>,
    /// Text that must occur in the first [`BODY_LEN_MAX`] octets of the body.
    pub expect_body: Option<String>,
}

/// Most octets of a response body that a check reads.
pub const BODY_LEN_MAX: usize = 64 * 1024;

/// The TLS side of an `https` check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsCheck {
    /// SNI and the name that the certificate must be for; `host`, else the probed address when `None`.
    pub server_name: Option<String>,
    /// Whether the certificate must chain to a known root and be for the server name.
    pub verify: bool,
    /// Roots in a PEM file, instead of the system's.
    pub ca_file: Option<PathBuf>,
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
