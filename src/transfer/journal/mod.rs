//! What updates have changed in zones whose master files stay as they are: one file a zone, written before an update is
//! answered, replayed over the master file at start. Knows no messages.
//!
//! [`mod@file`] writes and reads one journal, in the octets of [`mod@format`]; [`store`] holds those of all zones and decides at
//! start and reload what of a zone shall be live; [`fold`] makes one change of many; [`merge`] brings a journal together with
//! a master file that was edited meanwhile.

pub mod file;
pub mod fold;
pub mod format;
pub mod merge;
pub mod store;
#[cfg(test)]
mod tests;

pub use file::{Journal, JournalError};
pub use store::Journals;

use super::Delta;
use crate::zone::{Change, Record};

/// One change of a zone as a journal holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What changed.
    pub delta: Delta,
    /// What did not change of the RRsets that did: with what is removed this is all that they were. A journal holds it where
    /// it touches them for the first time.
    pub kept: Vec<Record>,
}

impl Step {
    /// What makes the zone after it out of the zone before.
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        let removed = self.delta.removed.iter().cloned().map(Change::Remove);
        removed.chain(self.delta.added.iter().cloned().map(Change::Add))
    }
}
