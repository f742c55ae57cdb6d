//! The engine: octets in, octets out. One for every transport, synchronous, without allocation. It returns, it never
//! sends. Knows no sockets, no clock, no configuration files, no log and no async runtime.

use crate::snapshot::Snapshot;
use std::net::IpAddr;

/// What the engine must know of a transport: facts, not its name.
#[derive(Clone, Copy, Debug)]
pub struct TransportProfile {
    /// Largest response to a query without EDNS, in octets.
    pub response_len_plain: u16,
    /// Whether a longer response is truncated with TC, and the EDNS size of the query counts.
    pub truncates: bool,
}

impl TransportProfile {
    /// UDP: 512 octets without EDNS (RFC 1035, section 4.2.1), else what the query and the settings allow.
    pub const DATAGRAM: Self = Self { response_len_plain: 512, truncates: true };
    /// TCP and other streams: up to 65,535 octets.
    pub const STREAM: Self = Self { response_len_plain: u16::MAX, truncates: false };
}

/// One message from a client.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The message as received.
    pub octets: &'a [u8],
    /// Who sent it.
    pub source: IpAddr,
    /// What it came over.
    pub profile: &'a TransportProfile,
    /// Uniformly random, fresh for each request.
    pub random: u64,
}

/// What the transport shall do.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Send nothing.
    Drop,
    /// Send the first `len` octets of the output buffer.
    Reply {
        /// Octets.
        len: usize,
    },
}

/// Answers the queries of one worker; holds its scratch space and its counters.
pub struct Responder {}

impl Responder {
    /// The responder of worker `worker`, which is its index into the snapshot's shards.
    #[must_use]
    pub fn new(worker: usize) -> Self {
        let _ = worker;
        unimplemented!()
    }

    /// Answers one message into `out`, which has room for the transport's largest response.
    pub fn respond(&mut self, snapshot: &Snapshot, request: Request<'_>, out: &mut [u8]) -> Outcome {
        let _ = (snapshot, request, out);
        unimplemented!()
    }
}
