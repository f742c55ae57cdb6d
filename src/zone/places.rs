//! Where RRsets stand in master files, for messages. Knows nothing of what they ought to hold.

use super::files::{Files, Findings};
use super::master_file::Parser;
use super::spec::ZoneSpec;
use super::staging::Staging;
use crate::wire::{Name, NameKey};
use std::collections::HashMap;
use std::path::PathBuf;

/// File and line of the first record of each of some RRsets; `None` for those that the master file of `spec` does not have,
/// and for all where it cannot be read.
#[must_use]
pub fn places(spec: &ZoneSpec, rrsets: &[(Name, u16)]) -> Vec<Option<(PathBuf, usize)>> {
    let (mut files, mut staging, mut findings) = (Files::default(), Staging::default(), Findings::default());
    let Ok(file) = files.read(&spec.file) else { return vec![None; rrsets.len()] };
    Parser::new(&spec.apex, &mut staging, &mut findings, &mut files).file(file, &spec.apex);
    let apex_len = spec.apex.as_wire().len();
    let mut wanted: HashMap<(Vec<u8>, u16), usize> = HashMap::new();
    for (at, (owner, rtype)) in rrsets.iter().enumerate() {
        let key = NameKey::of(owner);
        let labels = key.octets().len().saturating_sub(apex_len);
        wanted.insert((key.octets()[..labels].to_vec(), *rtype), at);
    }
    let mut found = vec![None; rrsets.len()];
    for (number, owner) in staging.owners().iter().enumerate() {
        for record in &staging.records()[staging.records_of(number)] {
            let Some(&at) = wanted.get(&(staging.name(owner).to_vec(), record.rtype)) else { continue };
            if found[at].is_none() {
                let octets = files.octets(record.place.file);
                let before = &octets[..octets.len().min(record.place.start as usize)];
                let line = 1 + before.iter().filter(|octet| **octet == b'\n').count();
                found[at] = Some((files.path(record.place.file).to_path_buf(), line));
            }
        }
    }
    found
}
