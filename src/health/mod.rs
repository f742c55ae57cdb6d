//! Observations in, status out. Pure: `now` is an argument. Knows no DNS, no sockets, no pools.
//!
//! [`machine`] counts the results of one probed address, [`pace`] says when its next probe starts, and [`fleet`] keeps
//! all of them, turns them into the states of targets, and holds those states while the checker itself seems blind
//! ([`blindness`]). [`stretch`] makes all intervals longer while the machine does not keep up.

pub mod blindness;
pub mod event;
pub mod fleet;
pub mod machine;
pub mod pace;
pub mod report;
pub mod spec;
pub mod stretch;

#[cfg(test)]
mod tests;

pub use event::Event;
pub use fleet::{AddressId, Fleet};
pub use machine::{Machine, Observation};
pub use pace::Pace;
pub use report::{Load, Report, Subject, Word};
pub use spec::{Captured, Endpoint, Status, TargetKey, TargetState, Timing};
pub use stretch::{Factor, Stretch};

/// A target's new state and why it changed: what leaves this room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The target.
    pub key: TargetKey,
    /// Its state now.
    pub state: TargetState,
}
