//! Records as they come out of the parser, in file order and without a heap object each, until the zone is assembled.

use super::files::Place;
use crate::wire::{NameKey, rtype};

/// Most octets of staged record data, so that offsets into it and into what is assembled from it fit in 32 bits.
const DATA_TOTAL_MAX: usize = 1 << 31;
/// A staged owner that is not balanced.
pub const NOT_BALANCED: u32 = u32::MAX;

/// One owner with the records that follow it in the file up to the next owner. The same name may be staged many times.
#[derive(Clone, Copy, Debug)]
pub struct StagedOwner {
    /// The hash of the whole name.
    pub hash: u64,
    name_at: u32,
    first_record: u32,
    /// The slot of a balanced name, else [`NOT_BALANCED`].
    pub slot: u32,
    name_len: u8,
    /// Labels below the apex.
    pub depth: u8,
}

/// One record.
#[derive(Clone, Copy, Debug)]
pub struct StagedRecord {
    /// TYPE.
    pub rtype: u16,
    data_len: u16,
    /// Seconds.
    pub ttl: u32,
    data_at: u32,
    /// Where it stands.
    pub place: Place,
}

/// The zone does not fit into 32-bit offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

/// All records of a zone in file order.
#[derive(Debug, Default)]
pub struct Staging {
    owners: Vec<StagedOwner>,
    names: Vec<u8>,
    records: Vec<StagedRecord>,
    /// Whether there are RRSIG, NSEC or NSEC3 records.
    pub is_signed: bool,
    /// Record data; the parser appends to it and then calls [`Staging::add`].
    pub data: Vec<u8>,
    /// By labels below the apex: the owner staged last.
    last_at_depth: Vec<u32>,
}

impl Staging {
    /// Makes room for the records of a file of `len` octets.
    pub fn reserve_for_file(&mut self, len: usize) {
        // Octets of text behind one record: rarely fewer, so that nothing is moved later, and untouched room costs nothing.
        const TEXT_PER_RECORD: usize = 24;
        self.owners.reserve(len / TEXT_PER_RECORD);
        self.records.reserve(len / TEXT_PER_RECORD);
        self.names.reserve(len / 2);
        self.data.reserve(len / 2);
    }

    /// Begins an owner, which is at or below the apex with `apex_stripped` labels below it. The names between it and the
    /// apex are staged too: they exist because of it (RFC 4592, section 2.2.2).
    pub fn begin_owner(&mut self, key: &NameKey, apex_stripped: usize) {
        self.push_ancestors(key, apex_stripped);
        self.push_owner(key, 0, apex_stripped, NOT_BALANCED);
    }

    /// Stages a balanced owner.
    pub fn add_balanced(&mut self, key: &NameKey, apex_stripped: usize, slot: u32) {
        self.push_ancestors(key, apex_stripped);
        self.push_owner(key, 0, apex_stripped, slot);
    }

    fn push_ancestors(&mut self, key: &NameKey, apex_stripped: usize) {
        for stripped in 1..apex_stripped {
            let below = &key.octets()[key.offset(stripped)..key.offset(apex_stripped)];
            let last = self.last_at_depth.get(apex_stripped - stripped);
            // Whoever staged it staged its ancestors as well.
            if last.and_then(|&at| self.owners.get(at as usize)).is_some_and(|last| self.name(last) == below) {
                break;
            }
            self.push_owner(key, stripped, apex_stripped, NOT_BALANCED);
        }
    }

    fn push_owner(&mut self, key: &NameKey, stripped: usize, apex_stripped: usize, slot: u32) {
        let below = &key.octets()[key.offset(stripped)..key.offset(apex_stripped)];
        let depth = apex_stripped - stripped;
        if self.last_at_depth.len() <= depth {
            self.last_at_depth.resize(depth + 1, u32::MAX);
        }
        self.last_at_depth[depth] = self.owners.len() as u32;
        self.owners.push(StagedOwner {
            hash: key.hash(stripped),
            name_at: self.names.len() as u32,
            first_record: self.records.len() as u32,
            slot,
            name_len: below.len() as u8,
            depth: depth as u8,
        });
        self.names.extend_from_slice(below);
    }

    /// Adds a record to the owner begun last; its data is what stands in [`Staging::data`] from `data_at` on.
    pub fn add(&mut self, rtype: u16, ttl: u32, data_at: usize, place: Place) -> Result<(), TooLarge> {
        let data_len = self.data.len() - data_at;
        let total = self.data.len() + self.names.len() + 16 * (self.records.len() + self.owners.len());
        if total > DATA_TOTAL_MAX {
            return Err(TooLarge);
        }
        if matches!(rtype, rtype::RRSIG | rtype::NSEC | rtype::NSEC3) {
            self.is_signed = true;
            // Whether this owner becomes a node is open, so that names below it must say that it is one.
            let depth = self.owners.last().map_or(0, |owner| usize::from(owner.depth));
            self.last_at_depth[depth] = u32::MAX;
        }
        self.records.push(StagedRecord { rtype, data_len: data_len as u16, ttl, data_at: data_at as u32, place });
        Ok(())
    }

    /// The staged owners in file order.
    #[must_use]
    pub fn owners(&self) -> &[StagedOwner] {
        &self.owners
    }

    /// All records in file order.
    #[must_use]
    pub fn records(&self) -> &[StagedRecord] {
        &self.records
    }

    /// The labels of an owner below the apex, in lower case.
    #[must_use]
    pub fn name(&self, owner: &StagedOwner) -> &[u8] {
        &self.names[owner.name_at as usize..][..owner.name_len.into()]
    }

    /// The numbers of an owner's records.
    #[must_use]
    pub fn records_of(&self, owner: usize) -> std::ops::Range<usize> {
        let end = self.owners.get(owner + 1).map_or(self.records.len(), |next| next.first_record as usize);
        self.owners[owner].first_record as usize..end
    }

    /// The data of a record.
    #[must_use]
    pub fn data_of(&self, record: &StagedRecord) -> &[u8] {
        &self.data[record.data_at as usize..][..record.data_len.into()]
    }
}
