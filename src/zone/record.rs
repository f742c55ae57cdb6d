//! Records in plain wire form: how they travel between the store, transfers, updates, journals and exports. Knows no
//! messages: names here are never compressed.

use super::Zone;
use super::denial::is_chained;
use super::master_file::name_text::{compress, stored_len};
use super::node_checks::full_name;
use super::pack::{NamesIn, comparable};
use super::record_type;
use super::rrset::{RrsetRef, data_of};
use super::shard::NodeRef;
use super::wire_form::has_form;
use crate::wire::{Name, NameKey, rtype};
use std::fmt;

/// One record of class IN.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The owner.
    pub owner: Name,
    /// TYPE.
    pub rtype: u16,
    /// Seconds.
    pub ttl: u32,
    /// RDATA; names in it stand in full. What comes out of a zone has the letter case it came in with, but for the labels of
    /// the apex.
    pub data: Box<[u8]>,
}

impl Record {
    /// Whether two records are the same but for their TTL and the letter case of names (RFC 2181, section 5).
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.rtype == other.rtype
            && self.owner == other.owner
            && comparable(self.rtype, &self.data) == comparable(other.rtype, &other.data)
    }

    /// Whether the data has the form that its type asks for, so that it can be stored; of types that are not known anything
    /// may be.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        record_type::by_code(self.rtype).is_none_or(|known| has_form(known.fields, &self.data))
    }

    /// The SERIAL field of a SOA record (RFC 1035, section 3.3.13); `None` for other records and for broken ones.
    #[must_use]
    pub fn soa_serial(&self) -> Option<u32> {
        if self.rtype != rtype::SOA {
            return None;
        }
        let numbers = self.data.last_chunk::<20>()?;
        numbers.first_chunk::<4>().map(|serial| u32::from_be_bytes(*serial))
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {:02x?}", self.owner, self.ttl, super::record_type::name(self.rtype), self.data)
    }
}

/// The stored form of record data in plain wire form: names that may be compressed end in a pointer relative to the apex
/// (see [`RrsetRef`]). The data is well-formed ([`Record::is_well_formed`]).
#[must_use]
pub fn to_stored(rtype: u16, data: &[u8], apex: &Name) -> Box<[u8]> {
    let Some(names) = NamesIn::compressible(rtype) else { return data.into() };
    let mut out = Vec::with_capacity(data.len());
    let mut copied = 0;
    names.visit(data, |at, _| {
        out.extend_from_slice(&data[copied..at]);
        let (len, start) = (stored_len(&data[at..]).0, out.len());
        out.extend_from_slice(&data[at..at + len]);
        compress(&mut out, start, apex.as_wire());
        copied = at + len;
    });
    out.extend_from_slice(&data[copied..]);
    out.into()
}

/// The plain wire form of stored record data.
#[must_use]
pub fn from_stored(rtype: u16, data: &[u8], apex: &Name) -> Box<[u8]> {
    let Some(names) = NamesIn::compressible(rtype) else { return data.into() };
    let mut out = Vec::with_capacity(data.len() + apex.as_wire().len());
    let mut copied = 0;
    names.visit(data, |_, pointer_at| {
        let Some(pointer_at) = pointer_at else { return };
        out.extend_from_slice(&data[copied..pointer_at]);
        let offset = usize::from(u16::from_be_bytes([data[pointer_at], data[pointer_at + 1]]) & 0x3fff);
        out.extend_from_slice(&apex.as_wire()[offset..]);
        copied = pointer_at + 2;
    });
    out.extend_from_slice(&data[copied..]);
    out.into()
}

impl Zone {
    /// Every stored record in plain form, the SOA first, signatures and occluded records included. Balanced names have
    /// none.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let is_soa = |record: &Record| record.rtype == rtype::SOA;
        let soa = self.tree.apex_node().into_iter().flat_map(|apex| self.records_of(apex)).filter(is_soa);
        let others = self.tree.nodes().flat_map(|node| self.records_of(node)).filter(move |record| !is_soa(record));
        let chained = self.chains.iter().flat_map(|chains| chains.entries());
        let chained =
            chained.flat_map(|entry| self.records_of_rrset(full_name(entry.labels(), &self.tree.apex), entry.rrset()));
        soa.chain(others).chain(chained)
    }

    /// The records of one owner: those that are stored, signatures included.
    #[must_use]
    pub fn records_at(&self, owner: &NameKey) -> Vec<Record> {
        let Some(apex_stripped) = self.tree.strip(owner) else { return Vec::new() };
        let labels = &owner.octets()[..owner.offset(apex_stripped)];
        let node = self.tree.find(owner, 0, apex_stripped);
        let chained = [rtype::NSEC, rtype::NSEC3].into_iter().filter_map(|rtype| self.chained(rtype, labels));
        let chained = chained.flat_map(|rrset| self.records_of_rrset(full_name(labels, &self.tree.apex), rrset));
        node.into_iter().flat_map(|node| self.records_of(node)).chain(chained).collect()
    }

    /// The RRset that an owner has of a type, glue and occluded data included.
    #[must_use]
    pub fn rrset_at(&self, owner: &NameKey, rtype: u16) -> Option<RrsetRef<'_>> {
        let apex_stripped = self.tree.strip(owner)?;
        if is_chained(rtype) {
            return self.chained(rtype, &owner.octets()[..owner.offset(apex_stripped)]);
        }
        self.tree.find(owner, 0, apex_stripped)?.rrset(rtype)
    }

    /// The RRset of a chain whose owner has these labels below the apex.
    pub(super) fn chained(&self, rtype: u16, labels: &[u8]) -> Option<RrsetRef<'_>> {
        self.chains.as_ref()?.rrset(rtype, labels)
    }

    fn records_of<'z>(&'z self, node: NodeRef<'z>) -> impl Iterator<Item = Record> + 'z {
        let owner = full_name(node.name(), &self.tree.apex);
        node.rrsets().flat_map(move |rrset| self.records_of_rrset(owner.clone(), rrset))
    }

    /// The records of an RRset in plain form, signatures behind it.
    pub(super) fn records_of_rrset<'z>(
        &'z self,
        owner: Name,
        rrset: RrsetRef<'z>,
    ) -> impl Iterator<Item = Record> + 'z {
        let apex = &self.tree.apex;
        let record = move |rtype: u16, data: &[u8]| Record {
            owner: owner.clone(),
            rtype,
            ttl: rrset.ttl(),
            data: from_stored(rtype, data, apex),
        };
        let signatures = data_of(rrset.signatures()).map(|data| (rtype::RRSIG, data));
        data_of(rrset.octets()).map(move |data| (rrset.rtype(), data)).chain(signatures).map(move |(t, d)| record(t, d))
    }
}
