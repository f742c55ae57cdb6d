//! Observations in, status out. Pure: `now` is an argument. Knows no DNS, no sockets, no pools.

pub mod spec;

pub use spec::{Endpoint, Status, TargetKey, TargetState, Timing};

/// A target's new state and why it changed: what leaves this room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The target.
    pub key: TargetKey,
    /// Its state now.
    pub state: TargetState,
}
