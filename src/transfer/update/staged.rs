//! The owners that an update touches, as they were and as they shall be, while its records are gone through. Knows no
//! messages.

use crate::transfer::Delta;
use crate::transfer::journal::Step;
use crate::wire::{Name, NameKey, rtype};
use crate::zone::{Record, Zone};
use std::collections::BTreeMap;

/// One owner.
#[derive(Debug)]
struct Owner {
    before: Vec<Record>,
    now: Vec<Record>,
}

/// A zone with changes that are not made yet.
pub struct Staged<'z> {
    zone: &'z Zone,
    owners: BTreeMap<Name, Owner>,
}

impl<'z> Staged<'z> {
    /// `zone` without any change.
    #[must_use]
    pub const fn new(zone: &'z Zone) -> Self {
        Self { zone, owners: BTreeMap::new() }
    }

    /// The records that an owner has now.
    pub fn at(&mut self, owner: &Name) -> &mut Vec<Record> {
        if !self.owners.contains_key(owner) {
            let before = self.zone.records_at(&NameKey::of(owner));
            self.owners.insert(owner.clone(), Owner { now: before.clone(), before });
        }
        &mut self.owners.entry(owner.clone()).or_insert_with(|| Owner { before: Vec::new(), now: Vec::new() }).now
    }

    /// Puts a record in. Its TTL becomes that of its whole RRset (RFC 2181, section 5.2); one that is there already is
    /// replaced (RFC 2136, section 3.4.2.2).
    pub fn add(&mut self, record: Record) {
        let now = self.at(&record.owner);
        for other in now.iter_mut().filter(|other| other.rtype == record.rtype) {
            other.ttl = record.ttl;
        }
        match now.iter_mut().find(|other| other.is_same(&record)) {
            Some(other) => *other = record,
            None => now.push(record),
        }
    }

    /// Puts a record in the place of all of its owner and type.
    pub fn replace(&mut self, record: Record) {
        let now = self.at(&record.owner);
        now.retain(|other| other.rtype != record.rtype);
        now.push(record);
    }

    /// The SOA record.
    pub fn soa(&mut self) -> Option<Record> {
        let apex = self.zone.apex().clone();
        self.at(&apex).iter().find(|record| record.rtype == rtype::SOA).cloned()
    }

    /// Whether anything is other than it was; letter case does not count.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.owners.values().any(|owner| {
            owner.before.iter().enumerate().any(|(at, record)| !has(&owner.now, at, record))
                || owner.now.iter().enumerate().any(|(at, record)| !has(&owner.before, at, record))
        })
    }

    /// What changed, the SOA records first, with all that the RRsets were that did.
    #[must_use]
    pub fn into_step(self, from: u32, to: u32) -> Step {
        let (mut kept, mut removed, mut added) = (Vec::new(), Vec::new(), Vec::new());
        for Owner { before, now } in self.owners.into_values() {
            let gone: Vec<bool> = before.iter().enumerate().map(|(at, record)| !has(&now, at, record)).collect();
            let new = now.iter().enumerate().filter(|(at, record)| !has(&before, *at, record));
            let new: Vec<&Record> = new.map(|(_, record)| record).collect();
            let is_touched = |rtype: u16| {
                new.iter().any(|record| record.rtype == rtype)
                    || before.iter().zip(&gone).any(|(record, gone)| *gone && record.rtype == rtype)
            };
            let touched: Vec<bool> = before.iter().map(|record| is_touched(record.rtype)).collect();
            added.extend(new.into_iter().cloned());
            for ((record, gone), touched) in before.into_iter().zip(gone).zip(touched) {
                match (gone, touched) {
                    (true, _) => removed.push(record),
                    (false, true) => kept.push(record),
                    (false, false) => {}
                }
            }
        }
        removed.sort_by_key(|record| record.rtype != rtype::SOA);
        added.sort_by_key(|record| record.rtype != rtype::SOA);
        Step { delta: Delta { from, to, removed, added }, kept }
    }
}

/// Whether `list` has the record with this TTL; it is probably near `at`.
fn has(list: &[Record], at: usize, record: &Record) -> bool {
    let is_it = |other: &Record| other.ttl == record.ttl && other.is_same(record);
    let near = at.saturating_sub(1)..list.len().min(at + 2);
    list.get(near).is_some_and(|near| near.iter().any(is_it)) || list.iter().any(is_it)
}
