//! A journal and a master file that was edited meanwhile, brought together RRset by RRset: what only one of them changed is
//! taken from it, what both changed alike is as both say, and what they changed differently is a conflict. Pure: reads and
//! writes no files.

use super::fold::{Folded, Touched};
use crate::transfer::serial::{is_newer, next_serial};
use crate::transfer::update::semantics::with_serial;
use crate::wire::{Name, NameKey, rtype};
use crate::zone::{Change, Record, Zone};

/// Whose version of an RRset is taken where both changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefer {
    /// The master file's.
    File,
    /// The journal's.
    Journal,
}

/// An RRset that both changed differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Its owner.
    pub owner: Name,
    /// Its type.
    pub rtype: u16,
    /// What the journal builds on; empty where there was none.
    pub base: Vec<Record>,
    /// What updates made of it.
    pub journal: Vec<Record>,
    /// What the file says now.
    pub file: Vec<Record>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    /// What makes the merged zone out of that of the file.
    pub changes: Vec<Change>,
    /// RRsets that were taken from the journal, conflicts settled for it included. All others are as the file has them.
    pub from_journal: usize,
    /// RRsets that updates changed and that were taken from the file, conflicts settled for it included.
    pub from_file: usize,
    /// RRsets that both changed alike, or that updates changed and changed back.
    pub alike: usize,
    /// Conflicts that were settled for one side.
    pub settled: usize,
    /// What nobody settled.
    pub conflicts: Vec<Conflict>,
    /// The serial of the merged zone.
    pub serial: u32,
}

/// Merges what a journal changed into `file`. `serial` is that of the zone with all changes of the journal.
#[must_use]
pub fn merge(folded: Folded, file: &Zone, serial: u32, prefer: Option<Prefer>) -> Merged {
    let newest = if is_newer(file.serial(), serial) { file.serial() } else { serial };
    let mut merged = Merged { serial: next_serial(newest), ..Merged::default() };
    let mut soa = None;
    for ((owner, rtype), Touched { base, now }) in folded.rrsets {
        let in_file: Vec<Record> =
            file.records_at(&NameKey::of(&owner)).into_iter().filter(|record| record.rtype == rtype).collect();
        let is_soa = rtype == rtype::SOA;
        let equal = |a: &[Record], b: &[Record]| is_equal(a, b, is_soa);
        let is_alike = equal(&now, &in_file);
        let taken = if equal(&in_file, &base) {
            now
        } else if equal(&now, &base) || is_alike {
            in_file.clone()
        } else {
            merged.settled += usize::from(prefer.is_some());
            match prefer {
                Some(Prefer::Journal) => now,
                Some(Prefer::File) => in_file.clone(),
                None => {
                    merged.conflicts.push(Conflict { owner, rtype, base, journal: now, file: in_file });
                    continue;
                }
            }
        };
        if is_soa {
            soa = taken.into_iter().next();
        } else if is_alike {
            merged.alike += 1;
        } else if equal(&taken, &in_file) {
            merged.from_file += 1;
        } else {
            merged.from_journal += 1;
            merged.changes.extend(in_file.into_iter().map(Change::Remove));
            merged.changes.extend(taken.into_iter().map(Change::Add));
        }
    }
    let old = file.records().next();
    merged.changes.extend(old.clone().map(Change::Remove));
    merged.changes.extend(soa.or(old).map(|soa| Change::Add(with_serial(soa, merged.serial))));
    merged
}

/// Whether two RRsets are the same, TTLs included. The serials of SOA records do not count: they always differ.
fn is_equal(a: &[Record], b: &[Record], is_soa: bool) -> bool {
    let cleared = |record: &Record| if is_soa { with_serial(record.clone(), 0) } else { record.clone() };
    let covers = |some: &[Record], others: &[Record]| {
        some.iter().all(|record| {
            let record = cleared(record);
            others.iter().any(|other| other.ttl == record.ttl && cleared(other).is_same(&record))
        })
    };
    covers(a, b) && covers(b, a)
}
