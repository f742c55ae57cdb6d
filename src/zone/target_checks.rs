//! Checks of what names in records lead to, and of records that nobody is answered with.

use super::Lookup;
use super::lookup::lookup;
use super::record_type;
use super::shard::flag;
use super::spec::ZoneSpec;
use super::staging::StagedRecord;
use super::zone_checks::ZoneChecks;
use crate::base::Diagnostic;
use crate::wire::{Name, NameKey, rtype};

/// Whether a name is balanced over a pool of names: it answers with a CNAME.
fn answers_cname(spec: &ZoneSpec, slot: u32) -> bool {
    spec.balanced.get(slot as usize).is_some_and(|balanced| balanced.answers_cname)
}

impl ZoneChecks<'_> {
    /// Name servers inside the zone need addresses there, and glue where only the zone can tell them.
    pub(super) fn name_server(&mut self, spec: &ZoneSpec, owner: usize, record: &StagedRecord) {
        let mut key = NameKey::default();
        self.tree.set_key_of_data(self.staging.data_of(record), &mut key);
        let Some(apex_stripped) = self.tree.strip(&key) else { return };
        let node = self.tree.find(&key, 0, apex_stripped);
        if node.is_some_and(|node| node.rrset(rtype::A).or_else(|| node.rrset(rtype::AAAA)).is_some()) {
            return;
        }
        let Ok((target, _)) = Name::from_wire(key.octets()) else { return };
        let (name, ..) = self.key_of(owner);
        let is_alias = || {
            let message = format!("the name server `{target}` is an alias");
            (message, "name servers must own addresses themselves (RFC 2181, section 10.3)")
        };
        let (message, hint) = match lookup(self.tree, &key, apex_stripped, rtype::A) {
            Lookup::Balanced { slot, .. } if answers_cname(spec, slot) => is_alias(),
            Lookup::Answer { .. } | Lookup::Balanced { .. } => return,
            Lookup::Referral { .. } if target.is_at_or_below(&name) && name != self.tree.apex => (
                format!("`{target}` has no glue: nobody can reach the zone `{name}` without an address here"),
                "add its A or AAAA records to this zone",
            ),
            Lookup::Referral { .. } | Lookup::Unavailable => return,
            Lookup::Cname { .. } | Lookup::Dname { .. } => is_alias(),
            Lookup::NoData | Lookup::NxDomain => {
                let aaaa = lookup(self.tree, &key, apex_stripped, rtype::AAAA);
                if matches!(aaaa, Lookup::Answer { .. }) {
                    return;
                }
                (
                    format!("the name server `{target}` has no address in this zone"),
                    "add its A or AAAA records, or check the name",
                )
            }
        };
        self.findings.push(Diagnostic::warning(message).at(self.files.span(record.place), "").hint(hint));
    }

    /// The hosts of MX and SRV records must not be aliases (RFC 2181, section 10.3; RFC 2782); those inside the zone must
    /// exist. `name_at` is where the name stands in the data.
    pub(super) fn host(&mut self, spec: &ZoneSpec, record: &StagedRecord, name_at: usize) {
        let mut key = NameKey::default();
        self.tree.set_key_of_data(&self.staging.data_of(record)[name_at..], &mut key);
        let Some(apex_stripped) = self.tree.strip(&key) else { return };
        let (found, what) = (lookup(self.tree, &key, apex_stripped, rtype::A), record_type::name(record.rtype));
        let Ok((target, _)) = Name::from_wire(key.octets()) else { return };
        let is_alias = || {
            let message = format!("the {what} record leads to `{target}`, which is an alias");
            (message, "name a host that owns its addresses itself (RFC 2181, section 10.3; RFC 2782)")
        };
        let (message, hint) = match found {
            Lookup::Balanced { slot, .. } if answers_cname(spec, slot) => is_alias(),
            Lookup::Cname { .. } | Lookup::Dname { .. } => is_alias(),
            // The root stands for no host at all (RFC 7505; RFC 2782).
            Lookup::NxDomain if target != Name::root() => (
                format!("the {what} record leads to `{target}`, which does not exist in this zone"),
                "add its A or AAAA records, or check the name",
            ),
            _ => return,
        };
        self.findings.push(Diagnostic::warning(message).at(self.files.span(record.place), "").hint(hint));
    }

    /// At a zone cut and below it only addresses are of use, as glue, and at the cut itself DS: the zone below answers for
    /// everything else.
    pub(super) fn occluded(&mut self) {
        let mut found = Vec::new();
        for node in self.tree.nodes().filter(|node| node.has(flag::CUT | flag::COVERED)) {
            let is_useful = |rtype: u16| match rtype {
                rtype::A | rtype::AAAA => true,
                rtype::NS | rtype::DS => !node.has(flag::COVERED),
                _ => false,
            };
            if let Some(rrset) = node.rrsets().find(|rrset| !is_useful(rrset.rtype())) {
                found.push((node.name(), rrset.rtype()));
            }
        }
        for (labels, rtype) in found {
            let name = super::node_checks::full_name(labels, &self.tree.apex);
            let key = NameKey::of(&name);
            let Some(apex_stripped) = self.tree.strip(&key) else { continue };
            // What lies below a DNAME has a message of its own.
            let Lookup::Referral { stripped, .. } = lookup(self.tree, &key, apex_stripped, rtype::A) else { continue };
            let (above, mnemonic) = (name.without(stripped), record_type::name(rtype));
            let whereabouts =
                if stripped == 0 { "is a zone cut".to_owned() } else { format!("lies below the zone cut `{above}`") };
            let message = format!("`{name}` {whereabouts}: its {mnemonic} records are never answered");
            let mut diagnostic = Diagnostic::warning(message);
            if let Some(place) = self.place_of(&name, &[rtype]) {
                diagnostic = diagnostic.at(self.files.span(place), "");
            }
            if let Some(place) = self.place_of(&above, &[rtype::NS]) {
                diagnostic = diagnostic.at(self.files.span(place), "the zone below begins here");
            }
            self.findings.push(diagnostic.hint("move them to the zone below, or remove the NS records"));
        }
    }
}
