//! Many steps as one: what the RRsets that a journal touches were in the master files, and what they are now.

use super::Step;
use crate::transfer::Delta;
use crate::wire::{Name, rtype};
use crate::zone::Record;
use std::collections::BTreeMap;

/// An RRset before all steps and after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// As the files have it; empty where they have none.
    pub base: Vec<Record>,
    /// As it is now; empty where it is gone.
    pub now: Vec<Record>,
}

/// Every RRset that some steps touch, by owner and type.
#[derive(Clone, Debug, Default)]
pub struct Folded {
    /// In the order of their owners.
    pub rrsets: BTreeMap<(Name, u16), Touched>,
}

impl Folded {
    /// Takes in the next step.
    pub fn push(&mut self, step: &Step) {
        // An RRset that is new here comes with all that it was.
        let mut fresh: BTreeMap<(Name, u16), Touched> = BTreeMap::new();
        for record in step.kept.iter().chain(&step.delta.removed).chain(&step.delta.added) {
            let id = (record.owner.clone(), record.rtype);
            if !self.rrsets.contains_key(&id) {
                fresh.entry(id).or_default();
            }
        }
        for record in step.kept.iter().chain(&step.delta.removed) {
            if let Some(touched) = fresh.get_mut(&(record.owner.clone(), record.rtype)) {
                touched.base.push(record.clone());
                touched.now.push(record.clone());
            }
        }
        // `append` would go through the whole map.
        self.rrsets.extend(fresh);
        for record in &step.delta.removed {
            if let Some(touched) = self.rrsets.get_mut(&(record.owner.clone(), record.rtype)) {
                touched.now.retain(|other| !other.is_same(record));
            }
        }
        for record in &step.delta.added {
            if let Some(touched) = self.rrsets.get_mut(&(record.owner.clone(), record.rtype)) {
                touched.now.push(record.clone());
            }
        }
    }

    /// One step that does what all of them did.
    #[must_use]
    pub fn into_step(self, from: u32, to: u32) -> Step {
        let (mut kept, mut removed, mut added) = (Vec::new(), Vec::new(), Vec::new());
        for Touched { base, now } in self.rrsets.into_values() {
            let has = |list: &[Record], record: &Record| list.iter().any(|o| o.ttl == record.ttl && o.is_same(record));
            added.extend(now.iter().filter(|record| !has(&base, record)).cloned());
            for record in base {
                if has(&now, &record) { kept.push(record) } else { removed.push(record) }
            }
        }
        removed.sort_by_key(|record| record.rtype != rtype::SOA);
        added.sort_by_key(|record| record.rtype != rtype::SOA);
        Step { delta: Delta { from, to, removed, added }, kept }
    }
}
