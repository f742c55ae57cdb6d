//! What `icmp`, `udp`, `exec` and `file` checks do, as plain data. Knows no sockets, programs or files.

use crate::probe::spec::Expectation;
use std::path::PathBuf;
use std::time::Duration;

/// An `icmp` check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpCheck {
    /// So many echo requests, one after the other, must all be answered within the timeout; at least 1.
    pub count: u16,
}

/// A `udp` check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UdpCheck {
    /// The datagram that is sent.
    pub send: Vec<u8>,
    /// What the datagram that comes back must contain.
    pub expect: Expectation,
}

/// An `exec` check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecCheck {
    /// An absolute path.
    pub program: PathBuf,
    /// What it is called with.
    pub arguments: Vec<String>,
}

/// A `file` check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileCheck {
    /// The file.
    pub path: PathBuf,
    /// Whether targets that the file does not name are up.
    pub default_up: bool,
    /// What was not written for so long says nothing any more, and the default holds for all; never when `None`.
    pub stale_after: Option<Duration>,
}
