//! From a zone file to a zone, or to a list of mistakes; an unchanged zone is recognised by the hashes of its files.

use super::Zone;
use super::assemble::assemble;
use super::denial::Chains;
use super::edit::EditError;
use super::files::{Files, Findings, Place};
use super::master_file::{Parser, cannot_read};
use super::node_checks::NodeChecks;
use super::record::{Record, to_stored};
use super::rrset::{RrsetRef, data_of};
use super::shard::flag;
use super::spec::ZoneSpec;
use super::staging::Staging;
use super::tree::Tree;
use super::zone_checks::ZoneChecks;
use crate::base::{Diagnostic, Sources, checksum};
use crate::wire::{NameKey, rtype};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a zone was built from, as hashes; that of the spec means something within one process only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    spec: u64,
    files: Box<[(PathBuf, u64)]>,
}

impl Fingerprint {
    /// The files, as they were named.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// A hash of what stands in the files, in the order in which they were read; the same in every process.
    pub fn content(&self) -> u64 {
        let digests: Vec<u8> = self.files.iter().flat_map(|(_, digest)| digest.to_le_bytes()).collect();
        checksum(&digests)
    }
}

/// See [`Zone::load`].
pub fn load(
    spec: &ZoneSpec,
    previous: Option<&Arc<Zone>>,
    sources: &mut Sources,
) -> (Option<Arc<Zone>>, Vec<Diagnostic>) {
    let mut files = Files::default();
    let file = match files.read(&spec.file) {
        Ok(file) => file,
        Err(error) => {
            let diagnostic = cannot_read(&spec.file, &error);
            return (
                None,
                vec![match spec.span {
                    Some(span) => diagnostic.at(span, ""),
                    None => diagnostic,
                }],
            );
        }
    };
    let spec_hash = hash_spec(spec);
    if let Some(previous) = previous
        && previous.fingerprint.spec == spec_hash
        && is_unchanged(&previous.fingerprint, &mut files)
    {
        return (Some(Arc::clone(previous)), Vec::new());
    }
    let (mut staging, mut findings) = (Staging::default(), Findings::default());
    Parser::new(&spec.apex, &mut staging, &mut findings, &mut files).file(file, &spec.apex);
    stage_balanced(spec, &mut staging);
    let mut checks =
        NodeChecks { apex: &spec.apex, staging: &staging, files: &files, findings: &mut findings, too_long: None };
    let (tree, chains) = assemble(&spec.apex, &staging, &mut checks);
    ZoneChecks::new(&tree, &staging, &files, &mut findings).run(spec, chains.as_ref());
    drop(staging);
    let zone = if findings.has_errors() {
        None
    } else {
        Some(Arc::new(finish(tree, chains, Fingerprint { spec: spec_hash, files: files.digests() })))
    };
    (zone, findings.finish(&spec.apex.to_string(), files, sources))
}

/// See [`Zone::from_records`].
pub fn from_records(spec: &ZoneSpec, records: impl IntoIterator<Item = Record>) -> Result<Zone, EditError> {
    let files = Files::made_up("records");
    let (mut staging, mut findings) = (Staging::default(), Findings::default());
    let apex_key = NameKey::of(&spec.apex);
    let mut last_owner = None;
    for record in records {
        if !record.is_well_formed() {
            return Err(EditError::Malformed(record));
        }
        if last_owner.as_ref() != Some(&record.owner) {
            let key = NameKey::of(&record.owner);
            let below = key.label_count().checked_sub(apex_key.label_count());
            let Some(apex_stripped) = below.filter(|&stripped| key.suffix(stripped) == apex_key.octets()) else {
                return Err(EditError::OutOfZone(record.owner));
            };
            staging.begin_owner(&key, apex_stripped);
        }
        let data_at = staging.data.len();
        staging.data.extend_from_slice(&to_stored(record.rtype, &record.data, &spec.apex));
        if staging.add(record.rtype, record.ttl, data_at, Place { file: 0, start: 0 }).is_err() {
            return Err(EditError::TooLarge);
        }
        last_owner = Some(record.owner);
    }
    stage_balanced(spec, &mut staging);
    // What a primary has put together is served as it is: it is there that mistakes are mended.
    let mut checks =
        NodeChecks { apex: &spec.apex, staging: &staging, files: &files, findings: &mut findings, too_long: None };
    let (tree, chains) = assemble(&spec.apex, &staging, &mut checks);
    if let Some(owner) = checks.too_long {
        return Err(EditError::RrsetTooLong(owner));
    }
    if tree.apex_node().and_then(|apex| apex.rrset(rtype::SOA)).is_none_or(|soa| soa.records() != 1) {
        return Err(EditError::Soa);
    }
    Ok(finish(tree, chains, Fingerprint { spec: hash_spec(spec), files: Box::default() }))
}

fn hash_spec(spec: &ZoneSpec) -> u64 {
    let mut hasher = DefaultHasher::new();
    // Letter case counts: answers show it.
    spec.apex.as_wire().hash(&mut hasher);
    spec.file.hash(&mut hasher);
    spec.balanced.len().hash(&mut hasher);
    for balanced in &spec.balanced {
        balanced.owner.hash(&mut hasher);
        balanced.answers_cname.hash(&mut hasher);
    }
    hasher.finish()
}

/// Whether every file that the previous zone was built from can be read and is as it was.
fn is_unchanged(previous: &Fingerprint, files: &mut Files) -> bool {
    previous.files.iter().all(|(path, digest)| files.read(path).is_ok_and(|file| files.digest(file) == *digest))
}

fn stage_balanced(spec: &ZoneSpec, staging: &mut Staging) {
    for (slot, balanced) in spec.balanced.iter().enumerate() {
        if balanced.owner.is_at_or_below(&spec.apex) {
            let apex_stripped = balanced.owner.label_count() - spec.apex.label_count();
            staging.add_balanced(&NameKey::of(&balanced.owner), apex_stripped, slot as u32);
        }
    }
}

fn finish(tree: Tree, chains: Option<Chains>, fingerprint: Fingerprint) -> Zone {
    let count = |rrset: RrsetRef<'_>| usize::from(rrset.records()) + data_of(rrset.signatures()).count();
    let mut records = chains.iter().flat_map(Chains::entries).map(|entry| count(entry.rrset())).sum();
    let mut names = 0;
    for node in tree.nodes() {
        records += node.rrsets().map(count).sum::<usize>();
        names += usize::from(node.has(flag::BALANCED) || node.rrsets().next().is_some());
    }
    Zone::new(tree, chains.map(Arc::new), (records, names), false, fingerprint)
}
