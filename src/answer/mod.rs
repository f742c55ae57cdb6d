//! The engine: octets in, octets out. One for every transport, synchronous, without allocation. It returns, it never
//! sends. Knows no sockets, no clock, no configuration files, no log and no async runtime.
//!
//! Most queries take the short road: `wire` parses, and `ready` finds and writes what stands ready for just this question.
//!
//! The others take three stages: `wire` parses, `plan` finds what the name leads to (for balanced names with `steered`), and
//! `compose` writes it with `positive`, `negative` and `referral`, or, for who asks for signatures, with `dnssec`. A plan is
//! what one name leads to; a CNAME chain makes one plan a link, because the owner of each link is where the last target was
//! written.

pub mod counters;
pub mod profile;
#[cfg(test)]
pub mod testing;

mod alias;
mod chain;
mod chaos;
mod compose;
mod cookie;
mod dnssec;
mod edns;
mod guard;
mod negative;
mod plan;
mod positive;
mod rate_limit;
mod ready;
mod referral;
mod respond;
#[cfg(test)]
mod service_tests;
mod steered;
#[cfg(test)]
mod tests;
mod visitor;

pub use alias::is_ours;
pub use chain::CNAME_CHAIN_LEN_MAX;
pub use counters::{Counters, Tally};
pub use guard::{Guard, SEED_LEN};
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
    /// When it was received.
    pub now: Moment,
}

/// A moment as transports read it, coarsely, once a batch: by the calendar and by a clock that never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970-01-01 00:00:00 UTC, as they count round in 32 bits.
    pub unix_seconds: u32,
    /// Milliseconds since some moment before the start.
    pub milliseconds: u64,
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
    /// Hand the message to the slow door: it asks for more than one answer from what is at hand. Only responders that
    /// were told of a slow door say so ([`Responder::with_slow_door`]).
    Slow,
}
