//! Changes of a zone without a rebuild: the shards of changed names are packed anew, all others are shared with the zone
//! before. Knows no protocol: updates and incremental transfers both come as lists of changes.

use super::Zone;
use super::assemble::{NAMES_PER_SHARD, shard_bits_for};
use super::denial::{ChainDrafts, covered_type, is_chained};
use super::draft::{Draft, Drafts};
use super::pack::ShardPacker;
use super::record::Record;
use super::shard::{Shard, flag};
use super::tree::{Tree, shard_of};
use crate::wire::{Name, NameKey, rtype};
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// One step of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<R = Record> {
    /// A record goes; its TTL does not matter.
    Remove(R),
    /// A record comes; its TTL becomes that of its whole RRset (RFC 2181, section 5.2).
    Add(R),
}

/// Why a change cannot be made. The zone stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EditError {
    /// A record that shall go is not there.
    Missing(Record),
    /// A record that shall come is there already.
    Present(Record),
    /// The data of a record is not what its type asks for.
    Malformed(Record),
    /// The owner is not in the zone.
    OutOfZone(Name),
    /// An RRset would have more octets than fit into a message.
    RrsetTooLong(Name),
    /// The zone would not fit into 2 GiB.
    TooLarge,
    /// The zone would have no SOA record, or several.
    Soa,
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(record) => write!(f, "there is no such record to remove: {record:?}"),
            Self::Present(record) => write!(f, "the record is there already: {record:?}"),
            Self::Malformed(record) => write!(f, "the data is not what its type asks for: {record:?}"),
            Self::OutOfZone(owner) => write!(f, "`{owner}` is not in the zone"),
            Self::RrsetTooLong(owner) => write!(f, "an RRset of `{owner}` would be longer than any message"),
            Self::TooLarge => f.write_str("the zone would be larger than 2 GiB"),
            Self::Soa => f.write_str("the zone would not have exactly one SOA record"),
        }
    }
}

impl std::error::Error for EditError {}

impl Zone {
    /// The zone after `changes`, made in their order, all or none. Costs a few shards of nodes for each changed name; where
    /// a zone cut or DNAME comes or goes, one look at every name as well.
    pub fn edited<R: Borrow<Record>>(&self, changes: &[Change<R>]) -> Result<Self, EditError> {
        let apex = &self.tree.apex;
        let mut drafts = Drafts::new(&self.tree);
        let mut chain_drafts = ChainDrafts::new(self.chains.as_deref());
        for change in changes {
            let (Change::Remove(record) | Change::Add(record)) = change;
            let record = record.borrow();
            match (change, is_chained(covered_type(record.rtype, &record.data))) {
                (Change::Remove(_), false) => drafts.of(record)?.remove(record, apex)?,
                (Change::Add(_), false) => drafts.of(record)?.add(record, apex)?,
                (Change::Remove(_), true) => chain_drafts.of(record, apex)?.remove(record, apex)?,
                (Change::Add(_), true) => chain_drafts.of(record, apex)?.add(record, apex)?,
            }
        }
        drafts.settle();
        let (records, names) = drafts.growth();
        let depth_max = drafts.depth_max();
        let mut replaced = Vec::new();
        for (number, drafts) in drafts.by_shard() {
            replaced.push((number, packed(self.tree.shard(number), &drafts)?));
        }
        let mut tree = self.tree.with(depth_max, replaced);
        let names = self.names.saturating_add_signed(names);
        if names > CROWDED * NAMES_PER_SHARD * tree.shard_count() {
            tree = with_more_shards(&tree, names);
        }
        let soa = tree.apex_node().and_then(|apex| apex.rrset(rtype::SOA));
        if soa.is_none_or(|soa| soa.records() != 1) {
            return Err(EditError::Soa);
        }
        let (chains, chained) = match chain_drafts.finish(apex)? {
            Some((chains, growth)) => (chains.map(Arc::new), growth),
            None => (self.chains.clone(), 0),
        };
        let records = self.records.saturating_add_signed(records + chained);
        Ok(Self::new(tree, chains, (records, names), self.is_overlaid, self.fingerprint.clone()))
    }
}

/// How many times more names than planned the shards of a zone may hold until it gets more of them.
const CROWDED: usize = 4;

/// The same nodes in as many shards as a new zone with so many names would have.
fn with_more_shards(tree: &Tree, names: usize) -> Tree {
    let bits = shard_bits_for(names);
    let mut members = vec![Vec::new(); 1 << bits];
    let mut key = NameKey::default();
    for shard in 0..tree.shard_count() {
        for node in tree.shard(shard).nodes() {
            tree.set_key_of_labels(tree.shard(shard).name(node), &mut key);
            members[shard_of(key.hash(0), bits)].push((shard, node));
        }
    }
    let mut packer = ShardPacker::default();
    let shards = members.into_iter().map(|nodes| {
        nodes.into_iter().for_each(|(shard, node)| packer.copy_node(tree.shard(shard), node));
        packer.finish()
    });
    Tree::new(tree.apex.clone(), tree.depth_max() as u8, shards.collect())
}

/// The shard with the nodes of `drafts` instead of those it had; `drafts` are sorted by name.
fn packed(old: &Shard, drafts: &[Draft]) -> Result<Shard, EditError> {
    let mut packer = ShardPacker::default();
    let is_drafted = |name: &[u8]| drafts.binary_search_by(|draft| (*draft.labels).cmp(name)).is_ok();
    for node in old.nodes() {
        if !is_drafted(old.name(node)) {
            packer.copy_node(old, node);
        }
    }
    for draft in drafts.iter().filter(|draft| draft.is_alive()) {
        packer.begin_node(draft.hash, &draft.labels, draft.slot);
        for rrset in &draft.rrsets {
            let data = rrset.data.iter().map(|data| &**data);
            let too_long = |_| EditError::RrsetTooLong(draft.name.clone());
            packer.push_rrset(rrset.rtype, rrset.ttl, data).map_err(too_long)?;
            packer.push_signatures(rrset.signatures.iter().map(|data| &**data)).map_err(too_long)?;
        }
        packer.set_links(draft.children, draft.links());
    }
    Ok(packer.finish())
}

/// Flags that depend on other nodes.
pub(super) const LINKS: u8 = flag::COVERED | flag::WILDCARD_CHILD;

impl Tree {
    /// Whether suffix `stripped` of the name whose labels below the apex are `labels` is a node that covers what is below.
    pub(super) fn covers(&self, hash: u64, labels: &[u8]) -> bool {
        self.find_by(hash, |stored| stored == labels).is_some_and(|node| node.has(flag::CUT | flag::DNAME))
    }
}
