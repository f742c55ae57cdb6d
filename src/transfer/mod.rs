//! Zones in and out: what changes zones while the server runs, and what hands them on. Knows no steering, no sockets of
//! queries and no configuration files.
//!
//! `live` holds the zones as they are now, each with the changes that led there (`history`); whoever changes one asks it
//! for the right to write.

pub mod history;
pub mod live;
pub mod reload;
pub mod spec;

pub use history::{Delta, History};
pub use live::{LiveZone, LiveZones, Pause, Writer};
pub use spec::{Role, ZoneTransfers};
