//! From transferred records to the zone that is served, with the balanced names of the configuration laid over it. Knows
//! no network and no files.

use crate::transfer::Delta;
use crate::wire::{Name, NameKey, rtype};
use crate::zone::{Change, EditError, Lookup, Record, Zone, ZoneSpec};

/// TYPE of the public keys of a signed zone (RFC 4034, section 2).
const DNSKEY: u16 = 48;

/// Why balanced names are not answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Inactive {
    /// All of them are.
    #[default]
    None,
    /// The zone is signed, and an answer without a signature would be taken for a forgery.
    Signed,
    /// These lie at or below a zone cut, or below a DNAME.
    Covered(Vec<Name>),
}

impl Inactive {
    /// How many names it concerns.
    #[must_use]
    pub fn count(&self, spec: &ZoneSpec) -> usize {
        match self {
            Self::None => 0,
            Self::Signed => spec.balanced.len(),
            Self::Covered(names) => names.len(),
        }
    }
}

/// The zone of these records, the SOA record among them.
pub fn build(spec: &ZoneSpec, records: impl IntoIterator<Item = Record>) -> Result<Zone, EditError> {
    settled(spec, Zone::overlaid(spec, records)?)
}

/// The zone after these changes.
pub fn changed(spec: &ZoneSpec, zone: &Zone, deltas: &[Delta]) -> Result<Zone, EditError> {
    let steps = |delta| {
        let Delta { removed, added, .. }: &Delta = delta;
        removed.iter().map(Change::Remove).chain(added.iter().map(Change::Add))
    };
    let changes: Vec<Change<&Record>> = deltas.iter().flat_map(steps).collect();
    settled(spec, zone.edited(&changes)?)
}

/// The zone with the balanced names laid over it, or without where it is signed.
fn settled(spec: &ZoneSpec, zone: Zone) -> Result<Zone, EditError> {
    let is_wanted = !spec.balanced.is_empty() && !is_signed(&zone);
    if zone.is_overlaid() == is_wanted {
        return Ok(zone);
    }
    let balanced = if is_wanted { spec.balanced.clone() } else { Vec::new() };
    Zone::overlaid(&ZoneSpec { balanced, ..spec.clone() }, zone.records())
}

/// Whether validators expect signatures of the zone: it has keys, or its SOA record a signature.
fn is_signed(zone: &Zone) -> bool {
    let apex = NameKey::of(zone.apex());
    let has = |rtype: u16| zone.rrset_at(&apex, rtype).is_some();
    has(DNSKEY) || has(rtype::RRSIG) || !zone.soa().signatures().is_empty()
}

/// Which of the balanced names are not answered from this zone.
#[must_use]
pub fn inactive(spec: &ZoneSpec, zone: &Zone) -> Inactive {
    if spec.balanced.is_empty() || !zone.is_available() {
        return Inactive::None;
    }
    if !zone.is_overlaid() {
        return Inactive::Signed;
    }
    let is_covered = |owner: &&Name| {
        let key = NameKey::of(owner);
        let found = zone.strip(&key).map(|apex_stripped| zone.lookup(&key, apex_stripped, rtype::A));
        !matches!(found, Some(Lookup::Balanced { .. }))
    };
    let covered: Vec<Name> = spec.balanced.iter().map(|balanced| &balanced.owner).filter(is_covered).cloned().collect();
    if covered.is_empty() { Inactive::None } else { Inactive::Covered(covered) }
}
