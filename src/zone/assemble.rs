//! From staged records to the tree: groups them by shard, node and type; signatures go to what they cover, and NSEC and
//! NSEC3 records into chains.

use super::denial::{Chains, ChainsBuilder, covered_type, is_chained, is_hashed};
use super::node_checks::NodeChecks;
use super::pack::{ShardPacker, comparable};
use super::shard::Shard;
use super::staging::{NOT_BALANCED, StagedOwner, Staging};
use super::tree::{Tree, shard_of};
use crate::wire::{Name, rtype};
use std::borrow::Cow;

/// Names that a shard has at most on average, and at least half as many in zones of several shards: a change copies one
/// shard.
pub const NAMES_PER_SHARD: usize = 256;

/// How many bits of the hash choose among the shards of so many names.
#[must_use]
pub const fn shard_bits_for(names: usize) -> u32 {
    names.div_ceil(NAMES_PER_SHARD).next_power_of_two().trailing_zeros()
}

/// Builds the tree of a zone, and its chains; what is wrong with single names goes to `checks`.
pub fn assemble(apex: &Name, staging: &Staging, checks: &mut NodeChecks<'_>) -> (Tree, Option<Chains>) {
    let owners = staging.owners();
    let bits = shard_bits_for(owners.len());
    let (order, bounds) = by_shard(owners, bits);
    let mut assembler = Assembler {
        staging,
        packer: ShardPacker::default(),
        chains: ChainsBuilder::default(),
        records: Vec::new(),
        unique: Vec::new(),
        signatures: Vec::new(),
    };
    let mut sorted = Vec::new();
    let shards = bounds.windows(2).map(|bound| {
        let members = &order[bound[0] as usize..bound[1] as usize];
        sorted.clear();
        sorted.extend(members.iter().map(|&owner| (owners[owner as usize].hash, owner)));
        assembler.shard(&mut sorted, checks)
    });
    let shards = shards.collect();
    let chains = assembler.chains.finish();
    let depth_max = owners.iter().map(|owner| owner.depth).max().unwrap_or(0);
    let mut tree = Tree::new(apex.clone(), depth_max, shards);
    tree.link();
    (tree, chains)
}

/// The numbers of `owners` sorted by shard, file order kept, and the bounds of each shard's part.
fn by_shard(owners: &[StagedOwner], bits: u32) -> (Vec<u32>, Vec<u32>) {
    let mut bounds = vec![0_u32; (1 << bits) + 1];
    for owner in owners {
        bounds[shard_of(owner.hash, bits) + 1] += 1;
    }
    for shard in 1..bounds.len() {
        bounds[shard] += bounds[shard - 1];
    }
    let mut next = bounds.clone();
    let mut order = vec![0; owners.len()];
    for (number, owner) in owners.iter().enumerate() {
        let place = &mut next[shard_of(owner.hash, bits)];
        order[*place as usize] = number as u32;
        *place += 1;
    }
    (order, bounds)
}

struct Assembler<'s> {
    staging: &'s Staging,
    packer: ShardPacker,
    chains: ChainsBuilder,
    /// Records of one node, sorted by type.
    records: Vec<u32>,
    /// Records of one RRset without duplicates.
    unique: Vec<u32>,
    /// Its signatures without duplicates.
    signatures: Vec<u32>,
}

impl Assembler<'_> {
    /// Packs the owners of one shard, given as hash and number.
    fn shard(&mut self, owners: &mut [(u64, u32)], checks: &mut NodeChecks<'_>) -> Shard {
        let staging = self.staging;
        let name = |owner: u32| staging.name(&staging.owners()[owner as usize]);
        owners.sort_unstable();
        for same_hash in owners.chunk_by_mut(|a, b| a.0 == b.0) {
            if same_hash.iter().any(|&(_, owner)| name(owner) != name(same_hash[0].1)) {
                same_hash.sort_by_key(|&(_, owner)| name(owner));
            }
            for same_name in same_hash.chunk_by(|a, b| name(a.1) == name(b.1)) {
                self.node(same_name, checks);
            }
        }
        self.packer.finish()
    }

    /// Packs one node, which may have been staged several times.
    fn node(&mut self, owners: &[(u64, u32)], checks: &mut NodeChecks<'_>) {
        let staging = self.staging;
        let (hash, first) = owners[0];
        let name = staging.name(&staging.owners()[first as usize]);
        self.records.clear();
        let mut slot = NOT_BALANCED;
        for &(_, owner) in owners {
            self.records.extend(staging.records_of(owner as usize).map(|record| record as u32));
            slot = slot.min(staging.owners()[owner as usize].slot);
        }
        if staging.is_signed && self.signed_node(owners, name, slot, checks) {
            return;
        }
        let rtype = |record: u32| staging.records()[record as usize].rtype;
        if self.records.len() > 1 {
            self.records.sort_by_key(|&record| rtype(record));
            checks.node(name, &self.records);
        }
        self.packer.begin_node(hash, name, slot);
        for same_type in self.records.chunk_by(|&a, &b| rtype(a) == rtype(b)) {
            drop_duplicates(staging, same_type, &mut self.unique);
            let ttl = checks.rrset(name, same_type, &self.unique);
            let data = self.unique.iter().map(|&record| staging.data_of(&staging.records()[record as usize]));
            if self.packer.push_rrset(rtype(same_type[0]), ttl, data).is_err() {
                checks.rrset_too_long(name, &self.unique);
            }
        }
    }
}

impl Assembler<'_> {
    /// Packs the node whose records were collected, in a zone with signatures or chains; returns whether there was any of
    /// them here, and leaves the node alone where not.
    fn signed_node(&mut self, owners: &[(u64, u32)], name: &[u8], slot: u32, checks: &mut NodeChecks<'_>) -> bool {
        let staging = self.staging;
        let covered = |record: u32| {
            let record = &staging.records()[record as usize];
            covered_type(record.rtype, staging.data_of(record))
        };
        let is_signature = |record: u32| staging.records()[record as usize].rtype == rtype::RRSIG;
        if !self.records.iter().any(|&record| is_signature(record) || is_chained(covered(record))) {
            return false;
        }
        let mut records = std::mem::take(&mut self.records);
        records.sort_by_key(|&record| (covered(record), is_signature(record)));
        let plain: Vec<u32> =
            records.iter().copied().filter(|&record| !is_signature(record) && !is_chained(covered(record))).collect();
        checks.node(name, &plain);
        // The owner of an NSEC3 record is no name of the zone (RFC 5155, section 7.2.8), unless it is one besides: with
        // other records, or as an ancestor or a balanced name, which are staged without any.
        let is_bare = |&(_, owner): &(u64, u32)| staging.records_of(owner as usize).is_empty();
        if !plain.is_empty() || owners.iter().any(is_bare) {
            self.packer.begin_node(owners[0].0, name, slot);
        }
        for same_type in records.chunk_by(|&a, &b| covered(a) == covered(b)) {
            let (data, signatures) = same_type.split_at(same_type.partition_point(|&record| !is_signature(record)));
            self.signed_rrset(name, covered(same_type[0]), (data, signatures), checks);
        }
        self.records = records;
        true
    }

    /// Packs an RRset with the signatures that cover it, or puts it into its chain.
    fn signed_rrset(
        &mut self,
        name: &[u8],
        rtype: u16,
        (records, signatures): (&[u32], &[u32]),
        checks: &mut NodeChecks<'_>,
    ) {
        let staging = self.staging;
        if records.is_empty() {
            checks.orphan_signature(name, rtype, signatures[0]);
            return;
        }
        drop_duplicates(staging, records, &mut self.unique);
        drop_duplicates(staging, signatures, &mut self.signatures);
        let ttl = checks.rrset(name, records, &self.unique);
        let data_of = |&record: &u32| staging.data_of(&staging.records()[record as usize]);
        let (data, signatures) = (self.unique.iter().map(data_of), self.signatures.iter().map(data_of));
        let packed = if !is_chained(rtype) {
            self.packer.push_rrset(rtype, ttl, data).and_then(|()| self.packer.push_signatures(signatures))
        } else if rtype == rtype::NSEC3 && !is_hashed(name) {
            checks.not_hashed(name, records[0]);
            return;
        } else {
            self.chains.push(name, (rtype, ttl), data, signatures)
        };
        if packed.is_err() {
            checks.rrset_too_long(name, &self.unique);
        }
    }
}

/// Sets `unique` to the first of each set of equal records (RFC 2181, section 5), in file order.
fn drop_duplicates(staging: &Staging, records: &[u32], unique: &mut Vec<u32>) {
    unique.clear();
    unique.extend_from_slice(records);
    if records.len() <= 1 {
        return;
    }
    let data = |record: u32| {
        let record = &staging.records()[record as usize];
        comparable(record.rtype, staging.data_of(record))
    };
    let mut keyed: Vec<_> = records.iter().map(|&record| (data(record), record)).collect();
    keyed.sort_unstable();
    let is_repeated = |pair: &[(Cow<'_, [u8]>, u32)]| pair[0].0 == pair[1].0;
    if keyed.windows(2).any(is_repeated) {
        keyed.dedup_by(|later, earlier| later.0 == earlier.0);
        unique.clear();
        unique.extend(keyed.iter().map(|(_, record)| record));
        unique.sort_unstable();
    }
}
