//! Checks of single names while a zone is assembled: what may stand beside what (RFC 1034, section 3.6.2; RFC 2181,
//! sections 5 and 10; RFC 6672, section 2.4).

use super::files::{Files, Findings};
use super::record_type;
use super::staging::{StagedRecord, Staging};
use crate::base::Diagnostic;
use crate::wire::{Name, rtype};

/// What the checks read, and where their findings go. Names are given as labels below the apex.
pub struct NodeChecks<'a> {
    /// The apex.
    pub apex: &'a Name,
    /// The records.
    pub staging: &'a Staging,
    /// The files that messages show.
    pub files: &'a Files,
    /// Grows.
    pub findings: &'a mut Findings,
    /// The first name with an RRset that fits into no message, and was left out.
    pub too_long: Option<Name>,
}

/// The whole name of a node.
#[must_use]
pub fn full_name(labels: &[u8], apex: &Name) -> Name {
    let wire = [labels, apex.as_wire()].concat();
    Name::from_wire(&wire).map_or_else(|_| apex.clone(), |(name, _)| name)
}

impl NodeChecks<'_> {
    fn record(&self, number: u32) -> &StagedRecord {
        &self.staging.records()[number as usize]
    }

    fn at(&self, diagnostic: Diagnostic, record: u32, label: &str) -> Diagnostic {
        diagnostic.at(self.files.span(self.record(record).place), label)
    }

    /// Checks the records of one name, sorted by type.
    pub fn node(&mut self, labels: &[u8], records: &[u32]) {
        let cname = records.iter().copied().find(|&record| self.record(record).rtype == rtype::CNAME);
        let Some(cname) = cname else { return };
        let other = records.iter().copied().find(|&record| self.record(record).rtype != rtype::CNAME);
        let Some(other) = other else { return };
        let name = full_name(labels, self.apex);
        let (message, hint) = if labels.is_empty() {
            let message =
                "the apex cannot be an alias: it must own SOA and NS records, and a CNAME stands alone".to_owned();
            (message, "give the apex A and AAAA records, or balance it over a pool of addresses")
        } else {
            (
                format!("`{name}` owns a CNAME and other records"),
                "a CNAME stands alone (RFC 1034, section 3.6.2); remove one of them",
            )
        };
        let diagnostic = self.at(Diagnostic::error(message), cname, "");
        let other_type = record_type::name(self.record(other).rtype);
        let diagnostic = self.at(diagnostic, other, &format!("the {other_type} record")).hint(hint);
        self.findings.push(diagnostic);
    }

    /// Checks an RRset, given with and without duplicates; returns its TTL.
    pub fn rrset(&mut self, labels: &[u8], records: &[u32], unique: &[u32]) -> u32 {
        let first = *self.record(records[0]);
        match first.rtype {
            rtype::SOA if !labels.is_empty() => {
                let message = format!("`{}` owns a SOA record, but is not the apex", full_name(labels, self.apex));
                let diagnostic = self.at(Diagnostic::error(message), records[0], "");
                self.findings.push(diagnostic.hint(format!("the apex of this zone is `{}`", self.apex)));
            }
            rtype::NS | rtype::DNAME if labels.starts_with(b"\x01*") => {
                let mnemonic = record_type::name(first.rtype);
                let message = format!("`{}` is a wildcard that owns {mnemonic} records", full_name(labels, self.apex));
                let diagnostic = self.at(Diagnostic::warning(message), records[0], "");
                self.findings.push(diagnostic.hint("what that means is not defined (RFC 4592, section 4)"));
            }
            _ => {}
        }
        if records.len() == 1 {
            return first.ttl;
        }
        if let (rtype::SOA | rtype::CNAME | rtype::DNAME, [one, another, ..]) = (first.rtype, unique) {
            let (name, mnemonic) = (full_name(labels, self.apex), record_type::name(first.rtype));
            let diagnostic = Diagnostic::error(format!("`{name}` owns more than one {mnemonic} record"));
            let diagnostic = self.at(diagnostic, *another, "this is another one");
            let diagnostic = self.at(diagnostic, *one, "the first one");
            self.findings.push(diagnostic.hint("keep one of them"));
        }
        let lowest = records.iter().copied().min_by_key(|&record| self.record(record).ttl).unwrap_or(records[0]);
        let ttl = self.record(lowest).ttl;
        if let Some(&other) = records.iter().find(|&&record| self.record(record).ttl != ttl) {
            let (name, mnemonic) = (full_name(labels, self.apex), record_type::name(first.rtype));
            let message = format!("the {mnemonic} records of `{name}` have different TTLs");
            let diagnostic =
                self.at(Diagnostic::warning(message), lowest, &format!("TTL {ttl}, which is used for all"));
            let diagnostic = self.at(diagnostic, other, &format!("TTL {}", self.record(other).ttl));
            self.findings.push(diagnostic.hint("records of one name and type have one TTL (RFC 2181, section 5.2)"));
        }
        ttl
    }

    /// A signature over an RRset that is not there.
    pub fn orphan_signature(&mut self, labels: &[u8], rtype: u16, record: u32) {
        let (name, mnemonic) = (full_name(labels, self.apex), record_type::name(rtype));
        let message = format!("`{name}` has a signature over {mnemonic} records, but no such records");
        let diagnostic = self.at(Diagnostic::warning(message), record, "it is left out");
        self.findings.push(diagnostic.hint("sign the zone again after changing it"));
    }

    /// The owner of an NSEC3 record is no hash below the apex.
    pub fn not_hashed(&mut self, labels: &[u8], record: u32) {
        let message = format!("`{}` is no owner of NSEC3 records", full_name(labels, self.apex));
        let hint = format!("it is a hash of 32 digits (0 to 9, A to V) below `{}` (RFC 5155, section 3)", self.apex);
        let diagnostic = self.at(Diagnostic::error(message), record, "");
        self.findings.push(diagnostic.hint(hint));
    }

    /// An RRset does not fit into a message.
    pub fn rrset_too_long(&mut self, labels: &[u8], records: &[u32]) {
        let (name, mnemonic) = (full_name(labels, self.apex), record_type::name(self.record(records[0]).rtype));
        self.too_long.get_or_insert_with(|| name.clone());
        let message = format!(
            "the {} {mnemonic} records of `{name}` do not fit into one message of 65,535 octets",
            records.len()
        );
        let diagnostic = self.at(Diagnostic::error(message), records[0], "the first of them");
        self.findings.push(diagnostic.hint("spread them over several names"));
    }
}
