//! The words of health: what is probed, how results are counted, what is known.

use crate::base::UnixTime;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// When probes start and how results are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timing {
    /// From the start of one probe to the start of the next.
    pub interval: Duration,
    /// A probe without a verdict by then has failed.
    pub timeout: Duration,
    /// Failures that make an up target down; at least 1.
    pub fall: u32,
    /// Successes in a row that make a down target up; at least 1.
    pub rise: u32,
    /// From the start of a failed probe of an up target to the next.
    pub retry_interval: Duration,
}

/// What a target is known by across reloads: state is kept for each of these, however many pools share it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetKey {
    /// The monitor's name.
    pub monitor: Arc<str>,
    /// What is probed.
    pub endpoint: Endpoint,
}

/// What is probed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// One address and port; port 0 where none matters.
    Socket(SocketAddr),
    /// Every address of a host name, at a port; up while any of them is.
    Host(Arc<str>, u16),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // What is probed without a port has none to show.
            Self::Socket(address) if address.port() == 0 => address.ip().fmt(f),
            Self::Socket(address) => address.fmt(f),
            Self::Host(host, 0) => f.write_str(host),
            Self::Host(host, port) => write!(f, "{host}:{port}"),
        }
    }
}

impl fmt::Display for TargetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.monitor, self.endpoint)
    }
}

/// Whether a target may be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// No result yet.
    #[default]
    Unknown,
    /// It passes.
    Up,
    /// It fails.
    Down,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

/// What is known of a target now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetState {
    /// Up, down or unknown.
    pub status: Status,
    /// Its counters are on the way to a change of status: an up target has failures that count, a down one successes.
    pub wavering: bool,
    /// When the status was reached.
    pub since: UnixTime,
    /// Why the last failed probe failed; of a target without a result, why it has none; empty when there is nothing to
    /// say.
    pub last_error: Arc<str>,
    /// How long the last probe took, if it passed.
    pub latency: Option<Duration>,
    /// Results that count towards the next change of status.
    pub count: u32,
    /// What will need an operator although the target passes, as its last probe that passed said; empty when nothing.
    pub warning: Arc<str>,
    /// What the last probe that passed has captured of the target's answer, if its monitor asks for that.
    pub captured: Option<Captured>,
}

/// A piece of a target's answer that is handed on, such as the value of a response header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// As the target wrote it.
    pub value: Arc<str>,
    /// When the answer came.
    pub at: UnixTime,
}
