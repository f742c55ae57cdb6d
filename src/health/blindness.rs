//! The suspicion that the checker, not the world, has failed: when it arises, and how it ends. Knows no machines beyond
//! what [`crate::health::fleet`] tells it about them.
//!
//! It arises when every address that was up has started failing within one interval and nothing has passed since the
//! first of them did. Then all states are held: those that fell meanwhile are up again, and nothing changes. What is
//! observed is counted all the same. An address whose probes are rarer than those of the suspects may pass by a result
//! that is older than the trouble: it refutes the suspicion only with a probe that started since.
//!
//! Targets that are watched without the network (by a file on this machine) pass with the cable cut: they neither raise
//! the suspicion nor refute or end it, and their own states are never held.
//!
//! It ends with the first probe that passes: from then on the checker sees, and each held address is judged by its own
//! next result. If that passes, its failures were the checker's and are set aside; if it fails, its state is what was
//! counted all along. So a checker that comes back marks nobody down, and a world in which one address came back marks
//! the others down within an interval. It also ends `hold` after it arose; then all states follow what was observed.

use crate::base::UnixTime;
use crate::health::machine::Last;
use crate::health::{Factor, Machine, Status};
use std::collections::{BTreeMap, BTreeSet};
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

/// How many addresses pass, by how rarely they are probed.
#[derive(Debug, Default)]
pub struct Passing(BTreeMap<Duration, usize>);

impl Passing {
    /// One more passes.
    pub fn add(&mut self, machine: &Machine) {
        *self.0.entry(pace(machine)).or_default() += 1;
    }

    /// One passes no more, with the timing that it was added with.
    pub fn remove(&mut self, machine: &Machine) {
        let pace = pace(machine);
        if let Some(count) = self.0.get_mut(&pace) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&pace);
            }
        }
    }

    /// Whether none passes that is probed as often as this address.
    #[must_use]
    pub fn has_none_like(&self, machine: &Machine) -> bool {
        self.0.first_key_value().is_none_or(|(often, _)| pace(machine) < *often)
    }
}

/// What is known of one address while a suspicion is looked into.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// Its results so far.
    pub machine: &'a Machine,
    /// Its failures.
    pub streak: Option<&'a Streak>,
    /// When its latest probe that passed started.
    pub passed: UnixTime,
    /// Whose members it stands for.
    pub regions: &'a [Arc<str>],
}

/// Adds up, address by address, whether all that were up started failing together.
#[derive(Debug)]
pub struct Suspicion<'a> {
    now: UnixTime,
    /// The latest start of a probe that passed.
    sighted: UnixTime,
    /// How rarely the suspects are probed at most.
    pace: Duration,
    /// What such a pace takes at most to have its results, with intervals stretched.
    window: Duration,
    addresses: usize,
    regions: BTreeSet<&'a str>,
    /// When the first of the suspects began to fail.
    first: Option<UnixTime>,
    /// The latest start of a probe of a rarely probed address that passes.
    seen: UnixTime,
    refuted: bool,
}

impl<'a> Suspicion<'a> {
    /// Nothing yet. `sighted` is the latest start of a probe that passed; `pace` is what [`pace`] says at most of those
    /// who must all fail, and `stretch` what intervals are multiplied by.
    #[must_use]
    pub fn new(now: UnixTime, sighted: UnixTime, pace: Duration, stretch: Factor) -> Self {
        Self {
            now,
            sighted,
            pace,
            window: stretch.of(pace),
            addresses: 0,
            regions: BTreeSet::new(),
            first: None,
            seen: UnixTime::default(),
            refuted: false,
        }
    }

    /// Takes one address into account. Returns whether its failures are the checker's if the suspicion is founded.
    pub fn add(&mut self, evidence: Evidence<'a>) -> bool {
        let Evidence { machine, streak, passed, regions } = evidence;
        let is_up = machine.status() == Status::Up;
        let is_rare = pace(machine) > self.pace;
        // A fallen address is a suspect only if nothing was seen since it began to fail; else it fell for good reason.
        let suspect = streak
            .filter(|streak| self.now.since(streak.began) <= self.window && (is_up || streak.began > self.sighted));
        match suspect {
            Some(streak) if !is_rare => {
                self.addresses += 1;
                self.regions.extend(regions.iter().map(AsRef::as_ref));
                self.first = Some(self.first.map_or(streak.began, |first| first.min(streak.began)));
            }
            Some(_) => {}
            None if is_rare => {
                if is_up && machine.last() == Last::Passed {
                    self.seen = self.seen.max(passed);
                }
            }
            // It passes, or began to fail long ago. Without a result lately it says nothing either way.
            None => self.refuted |= is_up && machine.last() != Last::LocalError,
        }
        suspect.is_some()
    }

    /// Whether the checker is probably blind.
    #[must_use]
    pub fn is_founded(&self) -> bool {
        !self.refuted
            && self.first.is_some_and(|first| self.seen <= first)
            && self.addresses >= SUSPECT_ADDRESSES_MIN
            && self.regions.len() >= SUSPECT_REGIONS_MIN
    }

    /// How many addresses started failing.
    #[must_use]
    pub fn addresses(&self) -> usize {
        self.addresses
    }
}

/// The longest time that one interval of an address's probes takes to have its result, as configured.
#[must_use]
pub fn pace(machine: &Machine) -> Duration {
    machine.timing().interval + machine.timing().timeout
}
