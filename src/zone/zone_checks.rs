//! Checks of a whole zone after it is assembled: its apex, its name servers, what lies below a DNAME, and its balanced
//! names.

use super::Lookup;
use super::denial::{Chains, covered_type};
use super::files::{Files, Findings, Place, own_span};
use super::lookup::lookup;
use super::node_checks::full_name;
use super::record_type;
use super::shard::flag;
use super::spec::{BalancedOwner, Role, ZoneSpec};
use super::staging::{StagedRecord, Staging};
use super::tree::Tree;
use crate::base::Diagnostic;
use crate::wire::{Name, NameKey, rtype};
use std::cell::OnceCell;

/// What the checks read, and where their findings go.
pub struct ZoneChecks<'a> {
    pub(super) tree: &'a Tree,
    pub(super) staging: &'a Staging,
    pub(super) files: &'a Files,
    pub(super) findings: &'a mut Findings,
    /// Hash and number of every staged owner, sorted; made when a message first needs it.
    by_hash: OnceCell<Vec<(u64, u32)>>,
}

impl<'a> ZoneChecks<'a> {
    /// Checks of `tree`, which was assembled from `staging`.
    pub fn new(tree: &'a Tree, staging: &'a Staging, files: &'a Files, findings: &'a mut Findings) -> Self {
        Self { tree, staging, files, findings, by_hash: OnceCell::new() }
    }

    /// Runs all of them. What is missing is not looked for where a line could not be read: it may have stood there.
    pub fn run(&mut self, spec: &ZoneSpec, chains: Option<&Chains>) {
        let complete = !self.findings.has_errors();
        for (slot, balanced) in spec.balanced.iter().enumerate() {
            self.balanced(spec, slot, balanced);
        }
        let has = |flags: u8| self.tree.nodes().any(|node| node.has(flags));
        let (has_dname, has_cut) = (has(flag::DNAME), has(flag::CUT));
        for owner in 0..self.staging.owners().len() {
            let records = self.staging.records_of(owner);
            // Hashed names, right below the apex, are no names of the zone (RFC 5155, section 7.2.8).
            let is_of_name =
                |record: &&StagedRecord| covered_type(record.rtype, self.staging.data_of(record)) != rtype::NSEC3;
            if has_dname && let Some(record) = self.staging.records()[records.clone()].iter().find(is_of_name) {
                self.below_dname(owner, record);
            }
            for number in records {
                let record = &self.staging.records()[number];
                match record.rtype {
                    rtype::NS if complete => self.name_server(spec, owner, record),
                    rtype::MX if complete => self.host(spec, record, 2),
                    rtype::SRV if complete => self.host(spec, record, 6),
                    _ => {}
                }
            }
        }
        self.signing(spec, chains, complete);
        if has_cut {
            self.occluded();
        }
        if complete {
            self.apex(rtype::SOA, "@ 1h IN SOA ns1 hostmaster 1 2h 30m 2w 5m");
            self.apex(rtype::NS, "@ 1h IN NS ns1");
        }
    }

    fn apex(&mut self, rtype: u16, example: &str) {
        if self.tree.apex_node().and_then(|node| node.rrset(rtype)).is_none() {
            let message = format!("zone `{}` has no {} record at its apex", self.tree.apex, record_type::name(rtype));
            let diagnostic = Diagnostic::error(message).at(own_span(0, 0..0), "");
            self.findings.push(diagnostic.hint(format!("for example `{example}`, with `$ORIGIN {}`", self.tree.apex)));
        }
    }

    pub(super) fn key_of(&self, owner: usize) -> (Name, NameKey, usize) {
        let staged = &self.staging.owners()[owner];
        let name = full_name(self.staging.name(staged), &self.tree.apex);
        let key = NameKey::of(&name);
        (name, key, staged.depth.into())
    }

    /// Nothing may lie below a DNAME (RFC 6672, section 2.4).
    fn below_dname(&mut self, owner: usize, record: &StagedRecord) {
        let (name, key, apex_stripped) = self.key_of(owner);
        let Lookup::Dname { owner_stripped, .. } = lookup(self.tree, &key, apex_stripped, record.rtype) else { return };
        let above = name.without(owner_stripped);
        let mut diagnostic = Diagnostic::error(format!("`{name}` lies below `{above}`, which owns a DNAME"))
            .at(self.files.span(record.place), "");
        if let Some(place) = self.place_of(&above, &[rtype::DNAME]) {
            diagnostic = diagnostic.at(self.files.span(place), "it redirects everything below it");
        }
        self.findings.push(diagnostic.hint("remove the record, or the DNAME (RFC 6672, section 2.4)"));
    }

    fn balanced(&mut self, spec: &ZoneSpec, slot: usize, balanced: &BalancedOwner) {
        let BalancedOwner { owner, role, answers_cname, span } = balanced;
        let place = |diagnostic: Diagnostic| match span {
            Some(span) => diagnostic.at(*span, ""),
            None => diagnostic,
        };
        if !owner.is_at_or_below(&spec.apex) {
            let message = format!("the {} `{owner}` is not in zone `{}`", role.noun(), spec.apex);
            self.findings.push(place(Diagnostic::error(message)).hint("name it in the zone that holds it"));
            return;
        }
        if *answers_cname && *owner == spec.apex {
            let message = format!("the apex `{owner}` cannot be balanced over a pool of names: a CNAME stands alone");
            self.findings.push(place(Diagnostic::error(message)).hint("use a pool of addresses at the apex"));
            return;
        }
        let key = NameKey::of(owner);
        let apex_stripped = owner.label_count() - spec.apex.label_count();
        let Some(node) = self.tree.find(&key, 0, apex_stripped) else { return };
        // The node has the first slot of those that were given for it.
        let first = node.slot().map_or(slot, |first| first as usize);
        if first < slot {
            let mut diagnostic = place(Diagnostic::error(format!("`{owner}` is balanced twice")));
            if let Some(span) = spec.balanced[first].span {
                diagnostic = diagnostic.at(span, "the first time");
            }
            self.findings.push(diagnostic.hint("keep one of them"));
            return;
        }
        if node.has(flag::CUT | flag::COVERED) {
            self.covered_balanced(balanced, &key, apex_stripped, place);
            return;
        }
        let stored: Vec<u16> = node.rrsets().map(|rrset| rrset.rtype()).collect();
        let conflicting: Vec<u16> = stored
            .into_iter()
            .filter(|&rtype| *answers_cname || matches!(rtype, rtype::A | rtype::AAAA | rtype::CNAME))
            .collect();
        let Some(&rtype) = conflicting.first() else { return };
        let mnemonic = record_type::name(rtype);
        let mut diagnostic = place(Diagnostic::error(format!(
            "`{owner}` {} and owns {mnemonic} records in the zone file",
            role.predicate()
        )));
        if let Some(found) = self.place_of(owner, &conflicting) {
            diagnostic = diagnostic.at(self.files.span(found), "in the zone file");
        }
        let hint = match role {
            _ if *answers_cname => {
                "the pool holds names, and nothing stands beside a CNAME; remove the records or the balanced name"
            }
            Role::Balanced => "the pool answers for the name; remove the records or the balanced name",
            Role::OfRegion => "the pool answers for the name; rename the records, or switch `region_names` off",
            Role::Alias => "the addresses of its target are answered; remove the records or the alias",
        };
        self.findings.push(diagnostic.hint(hint));
    }

    fn covered_balanced(
        &mut self,
        BalancedOwner { owner, role, .. }: &BalancedOwner,
        key: &NameKey,
        apex_stripped: usize,
        place: impl Fn(Diagnostic) -> Diagnostic,
    ) {
        let (stripped, rtype, what) = match lookup(self.tree, key, apex_stripped, rtype::A) {
            Lookup::Dname { owner_stripped, .. } => (owner_stripped, rtype::DNAME, "below the DNAME"),
            Lookup::Referral { stripped: 0, .. } => (0, rtype::NS, "at the zone cut"),
            Lookup::Referral { stripped, .. } => (stripped, rtype::NS, "below the zone cut"),
            _ => return,
        };
        let above = owner.without(stripped);
        let mut diagnostic = place(Diagnostic::error(format!("the {} `{owner}` lies {what} `{above}`", role.noun())));
        if let Some(found) = self.place_of(&above, &[rtype]) {
            diagnostic = diagnostic.at(self.files.span(found), "in the zone file");
        }
        self.findings.push(diagnostic.hint("this server does not answer for it; remove one of them"));
    }

    /// Where the first record of a name with one of `types` stands.
    pub(super) fn place_of(&self, name: &Name, types: &[u16]) -> Option<Place> {
        let key = NameKey::of(name);
        let labels = &key.octets()[..key.offset(self.tree.strip(&key)?)];
        let by_hash = self.by_hash.get_or_init(|| {
            let owners = self.staging.owners().iter().enumerate();
            let mut by_hash: Vec<_> = owners.map(|(number, owner)| (owner.hash, number as u32)).collect();
            by_hash.sort_unstable();
            by_hash
        });
        let first = by_hash.partition_point(|&(hash, _)| hash < key.hash(0));
        let same_hash = by_hash[first..].iter().take_while(|&&(hash, _)| hash == key.hash(0));
        let mut records = same_hash
            .map(|&(_, number)| number as usize)
            .filter(|&number| self.staging.name(&self.staging.owners()[number]) == labels)
            .flat_map(|number| &self.staging.records()[self.staging.records_of(number)]);
        records.find(|record| types.contains(&record.rtype)).map(|record| record.place)
    }
}
