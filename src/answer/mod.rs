//! The engine: octets in, octets out. One for every transport, synchronous, without allocation. It returns, it never
//! sends. Knows no sockets, no clock, no configuration files, no log and no async runtime.
//!
//! Three stages: `wire` parses, `plan` finds what the name leads to (for balanced names with `steered`), and `compose`
//! writes it with `positive`, `negative` and `referral`, or, for who
//! asks for signatures, with `dnssec`. A plan is what one name leads to; a CNAME chain makes one plan a
//! link, because the owner of each link is where the last target was written.

pub mod counters;
pub mod profile;
#[cfg(test)]
pub mod testing;

mod chain;
mod compose;
mod dnssec;
mod edns;
mod negative;
mod plan;
mod positive;
mod referral;
mod respond;
#[cfg(test)]
mod signed_tests;
mod steered;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod validator;

pub use chain::CNAME_CHAIN_LEN_MAX;
pub use counters::{Counters, Tally};
pub use plan::zone_for;
pub use profile::TransportProfile;
pub use respond::Responder;

use std::net::IpAddr;

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
