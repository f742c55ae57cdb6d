//! Keys by name, and what zones say of transfers and NOTIFY with their keys looked up. Knows no files.

use crate::base::Diagnostic;
use crate::config::keys;
use crate::config::report::{Report, hint_known, key_text};
use crate::config::spec::{Definition, KeyTable, SecondaryTable, SourceTable, ZoneTable};
use crate::config::tree::Spanned;
use crate::transfer::spec::{
    AccessEntry, KeySpec, NotifyTarget, PrimarySpec, Role, SecondarySpec, UpdateRule, ZoneTransfers,
};
use crate::wire::Name;
use crate::zone::ZoneSpec;
use std::collections::HashMap;

/// The keys that are defined.
pub struct KeyNames<'a> {
    tables: &'a [Definition<KeyTable>],
    by_name: HashMap<&'a Name, usize>,
}

impl<'a> KeyNames<'a> {
    /// All keys; one that is defined twice is reported, and stands for its first definition.
    pub fn collect(tables: &'a [Definition<KeyTable>], report: &mut Report) -> Self {
        let mut by_name: HashMap<&Name, usize> = HashMap::with_capacity(tables.len());
        for (index, definition) in tables.iter().enumerate() {
            let Some(name) = &definition.table.name else { continue };
            match by_name.get(name) {
                Some(&first) if !definition.defined.repeated => {
                    let message = format!("key `{name}` is defined twice");
                    let diagnostic = Diagnostic::error(message)
                        .at(definition.defined.name.span, "defined again here")
                        .at(tables[first].defined.name.span, "first defined here");
                    report.push(diagnostic.hint("letter case and a final dot make no difference"));
                }
                Some(_) => {}
                None => {
                    by_name.insert(name, index);
                }
            }
        }
        Self { tables, by_name }
    }

    /// The keys as the running server needs them; those with mistakes are left out.
    pub fn specs(&self) -> Vec<KeySpec> {
        let firsts = self.tables.iter().enumerate().filter(|(index, definition)| {
            definition.table.name.as_ref().is_some_and(|name| self.by_name.get(name) == Some(index))
        });
        let specs = firsts.filter_map(|(_, definition)| {
            let KeyTable { name, algorithm, secret, .. } = &definition.table;
            Some(KeySpec { name: name.clone()?.to_lower(), algorithm: *algorithm, secret: secret.clone()? })
        });
        specs.collect()
    }

    /// The name in lower case, if it is that of a key; an undefined one is reported.
    pub fn find(&self, name: &Spanned<Name>, report: &mut Report) -> Option<Name> {
        if self.by_name.contains_key(&name.value) {
            return Some(name.value.to_lower());
        }
        let text = name.value.to_string();
        let diagnostic = Diagnostic::error(format!("key `{text}` is not defined")).at(name.span, "");
        report.absent(if self.by_name.is_empty() {
            diagnostic.hint(format!("define it under `[{}.{}]`", keys::top::KEY.name, key_text(&text)))
        } else {
            let mut known: Vec<String> = self.by_name.keys().map(ToString::to_string).collect();
            known.sort_unstable();
            hint_known(diagnostic, &text, "defined keys", known.iter().map(String::as_str))
        });
        None
    }
}

/// What a zone says of transfers and NOTIFY.
pub fn build(table: &ZoneTable, spec: &ZoneSpec, keys: &KeyNames<'_>, report: &mut Report) -> ZoneTransfers {
    let role = match &table.source {
        SourceTable::File(_) => Role::Primary,
        SourceTable::Servers(secondary) => Role::Secondary(build_secondary(secondary, spec, keys, report)),
    };
    let mut transfers = ZoneTransfers { role, has_balanced: !spec.balanced.is_empty(), ..ZoneTransfers::default() };
    for entry in &table.transfer {
        // One whose key is unknown would let in more than was meant.
        let key = entry.key.as_ref().map(|key| keys.find(key, report));
        if entry.is_whole && key != Some(None) {
            transfers.transfer.push(AccessEntry { prefix: entry.prefix, key: key.flatten() });
        }
    }
    for entry in &table.notify {
        let key = entry.key.as_ref().and_then(|key| keys.find(key, report));
        transfers.notify.extend(entry.address.map(|address| NotifyTarget { address, key }));
    }
    for entry in &table.update {
        let key = entry.key.as_ref().map(|key| keys.find(key, report));
        if entry.is_whole && key != Some(None) {
            let client = AccessEntry { prefix: entry.prefix, key: key.flatten() };
            let (names, types) = (entry.names.clone(), entry.types.clone());
            transfers.update.push(UpdateRule { client, names, types });
        }
    }
    transfers
}

fn build_secondary(table: &SecondaryTable, spec: &ZoneSpec, keys: &KeyNames<'_>, report: &mut Report) -> SecondarySpec {
    let primaries = table.primaries.iter().filter_map(|primary| {
        let key = primary.key.as_ref().map(|key| keys.find(key, report));
        // Without its key it would be asked unsigned.
        if key == Some(None) {
            return None;
        }
        Some(PrimarySpec { address: primary.address?, key: key.flatten() })
    });
    SecondarySpec {
        zone: spec.clone(),
        primaries: primaries.collect(),
        refresh_min: table.refresh_min,
        refresh_max: table.refresh_max,
        len_max: table.transfer_max,
    }
}
