//! Zones in and out: transfers, NOTIFY, and whatever else a message may want of this server that is more than a query.
//! Knows no steering, no transports and no configuration files.
//!
//! What the engine calls slow comes to the [`desk`], which has threads of its own: it checks signatures ([`tsig`]), looks
//! at what is asked, and hands the request to whoever answers its kind. [`message`] reads and writes whole messages.
//! [`live`] holds the zones as they are now, each with the changes that led there ([`history`]); whoever changes one asks
//! it for the right to write.

pub mod access;
pub mod alias;
mod axfr;
pub mod counters;
pub mod desk;
pub mod history;
mod ixfr;
pub mod journal;
pub mod live;
mod log_gate;
pub mod message;
pub mod notify;
pub mod outbound;
pub mod reload;
mod request;
pub mod secondary;
pub mod serial;
pub mod spec;
pub mod state_name;
pub mod static_view;
#[cfg(test)]
mod tests;
pub mod tsig;
pub mod update;

pub use counters::Counters;
pub use desk::{Desk, DeskHandle, Parts};
pub use history::{Delta, History};
pub use journal::Journals;
pub use live::{LiveZone, LiveZones, Pause, Writer};
pub use request::{Asked, Outbox, Reply, Submission};
pub use spec::{Role, ZoneTransfers};
