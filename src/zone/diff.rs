//! What two versions of a zone differ in: parts that they share are not looked at.

use super::Zone;
use super::node_checks::full_name;
use super::record::Record;
use super::rrset::RrsetRef;
use super::shard::NodeRef;
use crate::wire::{NameKey, rtype};
use std::collections::BTreeSet;

/// The records that only `old` has and those that only `new` has, SOA records first. A record with another TTL counts as
/// another record.
#[must_use]
pub fn diff(old: &Zone, new: &Zone) -> (Vec<Record>, Vec<Record>) {
    let (mut removed, mut added) = (only_in(old, new), only_in(new, old));
    removed.sort_by_key(|record| record.rtype != rtype::SOA);
    added.sort_by_key(|record| record.rtype != rtype::SOA);
    (removed, added)
}

/// The records of `one` that `other` does not have.
fn only_in(one: &Zone, other: &Zone) -> Vec<Record> {
    let mut found = Vec::new();
    let mut key = NameKey::default();
    for node in one.tree.nodes_not_shared_with(&other.tree) {
        let apex_stripped = one.tree.set_key(node, &mut key);
        let counterpart = other.tree.find(&key, 0, apex_stripped);
        for rrset in node.rrsets() {
            let theirs = counterpart.and_then(|node| node.rrset(rrset.rtype()));
            if theirs.is_some_and(|theirs| is_equal(rrset, theirs)) {
                continue;
            }
            let known: BTreeSet<(u16, u32, Box<[u8]>)> = counterpart
                .zip(theirs)
                .into_iter()
                .flat_map(|(node, theirs)| other.records_of_rrset(other.name_of(node), theirs))
                .map(|record| (record.rtype, record.ttl, record.data))
                .collect();
            let records = one.records_of_rrset(one.name_of(node), rrset);
            found.extend(records.filter(|r| !known.contains(&(r.rtype, r.ttl, r.data.clone()))));
        }
    }
    let chained = one.chains.iter().flat_map(|chains| chains.entries_not_shared_with(other.chains.as_deref()));
    for entry in chained {
        let (rrset, owner) = (entry.rrset(), full_name(entry.labels(), &one.tree.apex));
        let theirs = other.chained(rrset.rtype(), entry.labels());
        if theirs.is_some_and(|theirs| is_equal(rrset, theirs)) {
            continue;
        }
        let known: Vec<Record> =
            theirs.into_iter().flat_map(|theirs| other.records_of_rrset(owner.clone(), theirs)).collect();
        found.extend(one.records_of_rrset(owner.clone(), rrset).filter(|record| !known.contains(record)));
    }
    found
}

fn is_equal(a: RrsetRef<'_>, b: RrsetRef<'_>) -> bool {
    (a.octets(), a.signatures()) == (b.octets(), b.signatures())
}

impl Zone {
    fn name_of(&self, node: NodeRef<'_>) -> crate::wire::Name {
        super::node_checks::full_name(node.name(), &self.tree.apex)
    }
}
