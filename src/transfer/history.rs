//! How a zone came to be what it is: the changes between its last serials, from which secondaries are brought up to date
//! (RFC 1995).

use crate::zone::Record;
use std::collections::VecDeque;
use std::sync::Arc;

/// Most changes that are kept of a zone.
const DELTAS_MAX: usize = 1_000;
/// Most records in all changes that are kept of a zone; above, a transfer of the whole zone is often the shorter one.
const RECORDS_MAX: usize = 200_000;

/// What changed between two serials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The serial before.
    pub from: u32,
    /// The serial after.
    pub to: u32,
    /// What went, the SOA record first.
    pub removed: Vec<Record>,
    /// What came, the SOA record first.
    pub added: Vec<Record>,
}

/// The last changes of a zone, oldest first; each begins where the one before ended. Cheap to copy.
#[derive(Clone, Debug, Default)]
pub struct History {
    deltas: VecDeque<Arc<Delta>>,
    records: usize,
}

/// What led to the data of a zone.
#[derive(Debug)]
pub enum LedBy {
    /// These changes, one behind the other; none when it was made anew.
    Deltas(Vec<Delta>),
    /// Nothing: it is what it was.
    Nothing,
}

impl History {
    /// Goes on to the next version of the zone.
    pub fn follow(&mut self, led_by: LedBy) {
        match led_by {
            LedBy::Nothing => {}
            LedBy::Deltas(deltas) if deltas.is_empty() => self.clear(),
            LedBy::Deltas(deltas) => deltas.into_iter().for_each(|delta| self.push(delta)),
        }
    }

    /// Adds a change. One that does not begin where the last ended makes all before it worthless.
    pub fn push(&mut self, delta: Delta) {
        if self.deltas.back().is_some_and(|last| last.to != delta.from) {
            self.clear();
        }
        self.records += len(&delta);
        self.deltas.push_back(Arc::new(delta));
        while self.deltas.len() > DELTAS_MAX || self.records > RECORDS_MAX {
            let Some(oldest) = self.deltas.pop_front() else { break };
            self.records -= len(&oldest);
        }
    }

    /// Forgets everything: what follows was not made of what was before.
    pub fn clear(&mut self) {
        (self.deltas, self.records) = (VecDeque::new(), 0);
    }

    /// The changes that lead from `serial` to now; `None` when they are not known.
    #[must_use]
    pub fn since(&self, serial: u32) -> Option<Vec<Arc<Delta>>> {
        // From the newest back: a serial may come round again.
        let first = self.deltas.iter().rposition(|delta| delta.from == serial)?;
        Some(self.deltas.range(first..).cloned().collect())
    }
}

fn len(delta: &Delta) -> usize {
    delta.removed.len() + delta.added.len()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{DELTAS_MAX, Delta, History};

    fn delta(from: u32, to: u32) -> Delta {
        Delta { from, to, removed: Vec::new(), added: Vec::new() }
    }

    #[test]
    fn changes_lead_from_a_known_serial_to_now() {
        let mut history = History::default();
        for serial in 1..5 {
            history.push(delta(serial, serial + 1));
        }
        let serials = |from: u32| Some(history.since(from)?.iter().map(|delta| delta.to).collect::<Vec<_>>());
        assert_eq!((serials(3), serials(4), serials(5), serials(0)), (Some(vec![4, 5]), Some(vec![5]), None, None));
    }

    #[test]
    fn a_gap_makes_what_was_before_worthless_and_old_changes_go() {
        let mut history = History::default();
        history.push(delta(1, 2));
        history.push(delta(7, 8));
        assert!(history.since(1).is_none() && history.since(7).is_some());
        for serial in 8..8 + DELTAS_MAX as u32 {
            history.push(delta(serial, serial + 1));
        }
        assert!(history.since(7).is_none());
        assert_eq!(history.since(8).unwrap().len(), DELTAS_MAX);
    }
}
