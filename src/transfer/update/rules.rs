//! Who may change what of a zone. Every change of an update must be allowed by an entry that lets the client in; what else
//! the entry says narrows that down to names and types.

use super::semantics::Refusal;
use crate::transfer::message::MessageRecord;
use crate::transfer::spec::{NamePattern, UpdateRule};
use crate::wire::numbers::info_code;
use crate::wire::{Name, NameKey, class, rtype};
use crate::zone::{Zone, record_type};
use std::net::IpAddr;

/// Types that an entry without a list of types leaves alone: the SOA record, and what belongs to signed zones and their
/// delegations (DS, SIG, KEY, NXT, RRSIG, NSEC, DNSKEY, NSEC3, NSEC3PARAM, CDS, CDNSKEY).
const NOT_BY_DEFAULT: [u16; 12] = [rtype::SOA, rtype::DS, 24, 25, 30, 46, 47, 48, 50, 51, 59, 60];

impl NamePattern {
    /// Whether an owner is meant.
    #[must_use]
    pub fn matches(&self, owner: &Name) -> bool {
        match self {
            Self::Exact(name) => owner == name,
            Self::Below(name) => owner != name && owner.is_at_or_below(name),
        }
    }
}

impl UpdateRule {
    fn names(&self, owner: &Name) -> bool {
        self.names.is_empty() || self.names.iter().any(|pattern| pattern.matches(owner))
    }

    fn allows(&self, apex: &Name, owner: &Name, rtype: u16) -> bool {
        let by_type = match &self.types {
            Some(types) => types.contains(&rtype),
            None => !(NOT_BY_DEFAULT.contains(&rtype) || (rtype == rtype::NS && owner == apex)),
        };
        by_type && self.names(owner)
    }
}

/// The entries that let in a client at `source` whose request is signed with `key`.
#[must_use]
pub fn entries_for<'r>(rules: &'r [UpdateRule], source: IpAddr, key: Option<&Name>) -> Vec<&'r UpdateRule> {
    rules.iter().filter(|rule| rule.client.allows(source, key)).collect()
}

/// Whether `entries` allow all changes of an update, whose form was checked. Deleting all of a name asks for every type that
/// it has.
pub fn check(entries: &[&UpdateRule], zone: &Zone, records: &[&MessageRecord]) -> Result<(), Refusal> {
    let apex = zone.apex();
    for record in records {
        let is_allowed = |rtype: u16| entries.iter().any(|entry| entry.allows(apex, &record.owner, rtype));
        let denied = if record.class == class::ANY && record.rtype == rtype::ANY {
            if !entries.iter().any(|entry| entry.names(&record.owner)) {
                return Err(refused(&record.owner, None));
            }
            let stored = zone.records_at(&NameKey::of(&record.owner)).into_iter().map(|record| record.rtype);
            // The apex keeps these whatever is asked.
            let stays = |rtype: u16| record.owner == *apex && matches!(rtype, rtype::SOA | rtype::NS);
            stored.into_iter().find(|rtype| !stays(*rtype) && !is_allowed(*rtype))
        } else {
            (!is_allowed(record.rtype)).then_some(record.rtype)
        };
        if let Some(rtype) = denied {
            return Err(refused(&record.owner, Some(rtype)));
        }
    }
    debug_assert!(records.iter().all(|record| [class::IN, class::ANY, class::NONE].contains(&record.class)));
    Ok(())
}

fn refused(owner: &Name, rtype: Option<u16>) -> Refusal {
    let what = rtype.map_or_else(|| "anything".into(), record_type::name);
    Refusal::refused(info_code::PROHIBITED, format!("no rule allows changing {what} at {owner}"))
}
