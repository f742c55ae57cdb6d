//! The suspicion that the checker, not the world, has failed: when it arises, and how it ends. Knows no machines beyond
//! what [`crate::health::fleet`] tells it about them.
//!
//! It arises when every address that was up has started failing within one interval and nothing has passed since the
//! first of them did. Then all states are held: those that fell meanwhile are up again, and nothing changes. What is
//! observed is counted all the same.
//!
//! It ends with the first probe that passes: from then on the checker sees, and each held address is judged by its own
//! next result. If that passes, its failures were the checker's and are set aside; if it fails, its state is what was
//! counted all along. So a checker that comes back marks nobody down, and a world in which one address came back marks
//! the others down within an interval. It also ends `hold` after it arose; then all states follow what was observed.

use crate::base::UnixTime;
use crate::health::machine::Last;
use crate::health::{Machine, Status};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Fewest addresses that must start failing for the checker to be suspected.
pub const SUSPECT_ADDRESSES_MIN: usize = 4;

/// Fewest regions that they must be in: one region alone can fail as a whole.
pub const SUSPECT_REGIONS_MIN: usize = 2;

/// A suspicion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blindness {
    /// States are held until then at most.
    pub until: UnixTime,
    /// Something has passed since: held addresses are judged one by one.
    pub sees_again: bool,
}

/// An uninterrupted run of failures that began while the address was up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streak {
    /// When the first of them was observed.
    pub began: UnixTime,
    /// The machine as it was before.
    pub before: Machine,
}

/// Adds up, address by address, whether all that were up started failing together.
#[derive(Debug, Default)]
pub struct Suspicion<'a> {
    addresses: usize,
    regions: BTreeSet<&'a str>,
    refuted: bool,
}

impl<'a> Suspicion<'a> {
    /// Takes one address into account. `sighted` is the latest start of a probe that passed; `window` is the longest
    /// time that one interval of probes takes to have its results. Returns whether the address is one of the suspects.
    pub fn add(
        &mut self,
        machine: &Machine,
        streak: Option<&Streak>,
        regions: &'a [Arc<str>],
        sighted: UnixTime,
        now: UnixTime,
        window: Duration,
    ) -> bool {
        let is_up = machine.status() == Status::Up;
        // A fallen address is a suspect only if nothing was seen since it began to fail; else it fell for good reason.
        let is_suspect =
            streak.is_some_and(|streak| now.since(streak.began) <= window && (is_up || streak.began > sighted));
        if is_suspect {
            self.addresses += 1;
            self.regions.extend(regions.iter().map(AsRef::as_ref));
        } else if is_up && machine.last() != Last::LocalError {
            // It passes, or began to fail long ago. Without a result lately it says nothing either way.
            self.refuted = true;
        }
        is_suspect
    }

    /// Whether the checker is probably blind.
    #[must_use]
    pub fn is_founded(&self) -> bool {
        !self.refuted && self.addresses >= SUSPECT_ADDRESSES_MIN && self.regions.len() >= SUSPECT_REGIONS_MIN
    }

    /// How many addresses started failing.
    #[must_use]
    pub fn addresses(&self) -> usize {
        self.addresses
    }
}

/// The longest time that one interval of probes takes to have its results.
#[must_use]
pub fn window<'a>(machines: impl Iterator<Item = &'a Machine>) -> Duration {
    machines.map(|machine| machine.timing().interval + machine.timing().timeout).max().unwrap_or_default()
}
