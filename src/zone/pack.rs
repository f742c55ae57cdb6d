//! Packs the nodes of one shard: names and records into one arena, their places into a table.

use super::master_file::name_text::stored_len;
use super::record_type::{self, Field};
use super::rrset::{Arena, OWNER_OF_QUESTION, StoredRrset, expires};
use super::shard::{Node, Shard, flag};
use super::staging::NOT_BALANCED;
use super::wire_form::field_len;
use crate::wire::{class, rtype};
use std::borrow::Cow;

/// An RRset has more octets than fit into a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RrsetTooLong;

/// Takes the nodes of a shard one after the other; used for all shards in turn.
#[derive(Debug)]
pub struct ShardPacker {
    nodes: Vec<Node>,
    rrsets: Vec<StoredRrset>,
    octets: Vec<u8>,
    offsets: Vec<u16>,
    expires: u32,
}

impl Default for ShardPacker {
    fn default() -> Self {
        let (nodes, rrsets, octets, offsets) = Default::default();
        Self { nodes, rrsets, octets, offsets, expires: u32::MAX }
    }
}

impl ShardPacker {
    /// Begins a node; `labels` is its name below the apex in lower case, `slot` its slot or [`NOT_BALANCED`].
    pub fn begin_node(&mut self, hash: u64, labels: &[u8], slot: u32) {
        let balanced = if slot == NOT_BALANCED { 0 } else { flag::BALANCED };
        self.nodes.push(Node {
            tag: hash as u32,
            name_at: self.octets.len() as u32,
            rrsets_at: self.rrsets.len() as u32,
            slot,
            children: 0,
            rrset_count: 0,
            name_len: labels.len() as u8,
            flags: flag::OCCUPIED | balanced,
        });
        self.octets.extend_from_slice(labels);
    }

    /// Adds an RRset with the stored form of its records' data to the node begun last. RRsets come in the order of their
    /// types.
    pub fn push_rrset<'d>(
        &mut self,
        rtype: u16,
        ttl: u32,
        data: impl Iterator<Item = &'d [u8]>,
    ) -> Result<(), RrsetTooLong> {
        let (octets_at, offsets_at) = (self.octets.len(), self.offsets.len());
        let names = NamesIn::of(rtype);
        let mut targets = Vec::new();
        let mut records = 0_u16;
        for data in data {
            self.push_record_header(rtype, ttl, data.len());
            let data_at = self.octets.len() - octets_at;
            if data_at + data.len() > usize::from(u16::MAX) {
                self.octets.truncate(octets_at);
                self.offsets.truncate(offsets_at);
                return Err(RrsetTooLong);
            }
            self.octets.extend_from_slice(data);
            if let Some(names) = names {
                names.visit(data, |at, pointer_at| {
                    self.offsets.extend(pointer_at.map(|pointer_at| (data_at + pointer_at) as u16));
                    if names.are_targets {
                        targets.push((data_at + at) as u16);
                    }
                });
            }
            records += 1;
        }
        let fixups = (self.offsets.len() - offsets_at) as u16;
        self.offsets.extend_from_slice(&targets);
        self.rrsets.push(StoredRrset {
            rtype,
            records,
            ttl,
            octets_at: octets_at as u32,
            offsets_at: offsets_at as u32,
            octets_len: (self.octets.len() - octets_at) as u16,
            signatures_len: 0,
            signatures: 0,
            fixups,
            targets: targets.len() as u16,
        });
        if let Some(node) = self.nodes.last_mut() {
            node.rrset_count += 1;
            node.flags |= match rtype {
                // NS at the apex is no cut.
                rtype::NS if node.name_len > 0 => flag::CUT,
                rtype::DNAME => flag::DNAME,
                rtype::CNAME => flag::CNAME,
                _ => 0,
            };
        }
        Ok(())
    }

    /// Adds signatures to the RRset pushed last, as data of RRSIG records.
    pub fn push_signatures<'d>(&mut self, data: impl Iterator<Item = &'d [u8]>) -> Result<(), RrsetTooLong> {
        let start = self.octets.len();
        let Some(ttl) = self.rrsets.last().map(|rrset| rrset.ttl) else { return Ok(()) };
        let mut signatures = 0;
        for data in data {
            self.push_record_header(rtype::RRSIG, ttl, data.len());
            self.octets.extend_from_slice(data);
            signatures += 1;
        }
        let len = u16::try_from(self.octets.len() - start).map_err(|_| RrsetTooLong)?;
        if let Some(rrset) = self.rrsets.last_mut() {
            (rrset.signatures_len, rrset.signatures) = (len, signatures);
        }
        self.expires = self.expires.min(expires(&self.octets[start..]));
        Ok(())
    }

    fn push_record_header(&mut self, rtype: u16, ttl: u32, data_len: usize) {
        self.octets.extend_from_slice(&OWNER_OF_QUESTION);
        self.octets.extend_from_slice(&rtype.to_be_bytes());
        self.octets.extend_from_slice(&class::IN.to_be_bytes());
        self.octets.extend_from_slice(&ttl.to_be_bytes());
        self.octets.extend_from_slice(&(data_len as u16).to_be_bytes());
    }

    /// Adds a node as it is in another shard.
    pub fn copy_node(&mut self, shard: &Shard, node: &Node) {
        let (name_at, rrsets_at) = (self.octets.len() as u32, self.rrsets.len() as u32);
        self.octets.extend_from_slice(shard.name(node));
        for stored in shard.stored(node) {
            let (octets_at, offsets_at) = (self.octets.len() as u32, self.offsets.len() as u32);
            let octets = &shard.arena().octets[stored.octets_at as usize..];
            self.octets
                .extend_from_slice(&octets[..usize::from(stored.octets_len) + usize::from(stored.signatures_len)]);
            if stored.signatures_len > 0 {
                let signatures = &octets[stored.octets_len.into()..][..stored.signatures_len.into()];
                self.expires = self.expires.min(expires(signatures));
            }
            let offsets = &shard.arena().offsets[stored.offsets_at as usize..];
            self.offsets.extend_from_slice(&offsets[..usize::from(stored.fixups) + usize::from(stored.targets)]);
            self.rrsets.push(StoredRrset { octets_at, offsets_at, ..*stored });
        }
        self.nodes.push(Node { name_at, rrsets_at, ..*node });
    }

    /// Sets what the node begun last knows of others: how many children it has, and bits of [`flag`] that say more.
    pub fn set_links(&mut self, children: u32, flags: u8) {
        if let Some(node) = self.nodes.last_mut() {
            node.children = children;
            node.flags |= flags;
        }
    }

    /// The shard of the nodes so far; the packer is empty afterwards.
    #[must_use]
    pub fn finish(&mut self) -> Shard {
        let arena = Arena { octets: self.octets[..].to_vec(), offsets: self.offsets[..].to_vec() };
        let nodes = self.nodes.drain(..).collect();
        let shard = Shard::new(nodes, self.rrsets[..].into(), arena, std::mem::replace(&mut self.expires, u32::MAX));
        self.rrsets.clear();
        self.octets.clear();
        self.offsets.clear();
        shard
    }
}

/// Where names stand in the data of a type: its fields up to the last name.
#[derive(Clone, Copy)]
pub struct NamesIn {
    fields: &'static [Field],
    are_targets: bool,
}

impl NamesIn {
    /// `None` when there are none.
    pub fn of(rtype: u16) -> Option<Self> {
        let known = record_type::by_code(rtype)?;
        let is_name = |field: &Field| matches!(field, Field::Name | Field::CompressibleName);
        let last = known.fields.iter().rposition(is_name)?;
        Some(Self { fields: &known.fields[..=last], are_targets: known.has_targets })
    }

    /// As [`Self::of`], for types whose names may be compressed (RFC 3597, section 4).
    pub fn compressible(rtype: u16) -> Option<Self> {
        Self::of(rtype).filter(|names| names.fields.contains(&Field::CompressibleName))
    }

    /// Calls `name` for each name in `data` with its offset, and that of the pointer it ends in.
    pub fn visit(self, data: &[u8], mut name: impl FnMut(usize, Option<usize>)) {
        let mut at = 0;
        for field in self.fields {
            match field {
                Field::Name | Field::CompressibleName => {
                    let (len, has_pointer) = stored_len(&data[at..]);
                    name(at, has_pointer.then(|| at + len - 2));
                    at += len;
                }
                _ => match field_len(*field, &data[at..]) {
                    Some(len) => at += len,
                    // Data is checked before it is stored.
                    None => return,
                },
            }
        }
    }
}

/// Stored data with its names in lower case, which is how records are compared (RFC 4343, section 3).
#[must_use]
pub fn comparable(rtype: u16, data: &[u8]) -> Cow<'_, [u8]> {
    let Some(names) = NamesIn::of(rtype) else { return Cow::Borrowed(data) };
    let mut lower = data.to_vec();
    names.visit(data, |at, pointer_at| {
        let end = pointer_at.unwrap_or(at + stored_len(&data[at..]).0);
        lower[at..end].make_ascii_lowercase();
    });
    Cow::Owned(lower)
}
