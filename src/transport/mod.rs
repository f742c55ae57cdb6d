//! Sockets and framing: the only room that sends a reply. Knows no zones, no steering, no geography and no health.
//!
//! Every UDP worker is an OS thread with a socket, a [`Responder`](crate::answer::Responder) and buffers of its own, one
//! for each worker number and listen address; the kernel spreads clients over the sockets of an address. Streams share
//! one thread. Nothing that a worker does allocates, locks or frees after start, but for the stream thread.

mod bind;
pub mod clock;
mod random;
mod service;
mod slow;
mod stream;
#[cfg(test)]
mod tests;
mod udp;
#[cfg(all(feature = "xdp", target_os = "linux"))]
mod xdp;

pub use bind::{BindError, Listeners};
pub use service::{IoCounters, Service, WorkerCounters};
pub use slow::{DatagramReply, SlowDoor, SlowReply, SlowRequest};
pub use stream::{StreamCounters, StreamLimits};

/// Longest query that is read, in octets, over any transport. A longer datagram is cut, which makes it malformed; a
/// longer frame closes its stream.
pub const QUERY_LEN_MAX: usize = 4096;

/// Longest response over UDP, in octets, whatever the settings say: the size of the workers' buffers.
pub const UDP_RESPONSE_LEN_MAX: usize = 4096;
