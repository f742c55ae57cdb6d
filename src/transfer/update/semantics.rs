//! What an update makes of a zone: its zone section, prerequisites and changes (RFC 2136, sections 3.1 to 3.4), and the
//! serial (section 3.6). Pure: knows no network, no files and no keys.

use super::staged::Staged;
use crate::transfer::journal::Step;
use crate::transfer::message::{MessageRecord, Question};
use crate::transfer::serial::{is_newer, next_serial};
use crate::wire::numbers::info_code;
use crate::wire::{Name, NameKey, Rcode, class, rtype};
use crate::zone::{BalancedOwner, EditError, Record, Zone, record_type};
use std::collections::BTreeMap;

/// NULL records stand in no master file (RFC 1035, section 3.3.10).
const NULL: u16 = 10;

/// The largest TTL; one with the highest bit set counts as 0 (RFC 2181, section 8).
const TTL_MAX: u32 = 0x7fff_ffff;

/// What an update came to.
pub enum Applied {
    /// Nothing is other than before, and the serial stays.
    Unchanged,
    /// The zone after it, and what changed.
    Changed(Box<Zone>, Step),
}

/// Why an update is not made. Nothing of it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The answer's RCODE.
    pub rcode: Rcode,
    /// What to tell beside it (RFC 8914).
    pub error: Option<(u16, String)>,
}

impl Refusal {
    /// Only an RCODE.
    #[must_use]
    pub const fn new(rcode: Rcode) -> Self {
        Self { rcode, error: None }
    }

    /// REFUSED with a sentence.
    #[must_use]
    pub fn refused(error: u16, text: impl Into<String>) -> Self {
        Self { rcode: Rcode::REFUSED, error: Some((error, text.into())) }
    }
}

impl From<Rcode> for Refusal {
    fn from(rcode: Rcode) -> Self {
        Self::new(rcode)
    }
}

/// Checks the zone section (RFC 2136, section 3.1.1): one record of type SOA.
pub fn check_zone(question: &Question) -> Result<(), Rcode> {
    match (question.qtype, question.qclass) {
        (rtype::SOA, class::IN) => Ok(()),
        (rtype::SOA, _) => Err(Rcode::NOTAUTH),
        _ => Err(Rcode::FORMERR),
    }
}

/// Checks the prerequisites (RFC 2136, section 3.2).
pub fn check_prerequisites(zone: &Zone, records: &[&MessageRecord]) -> Result<(), Refusal> {
    // Value-dependent ones are compared as whole RRsets, TTLs aside.
    let mut wanted: BTreeMap<(Name, u16), Vec<Record>> = BTreeMap::new();
    for record in records {
        if record.ttl != 0 {
            return Err(Rcode::FORMERR.into());
        }
        if !record.owner.is_at_or_below(zone.apex()) {
            return Err(Rcode::NOTZONE.into());
        }
        let is_empty = record.data.is_empty();
        match record.class {
            class::ANY | class::NONE if !is_empty => return Err(Rcode::FORMERR.into()),
            class::ANY if record.rtype == rtype::ANY => require(is_in_use(zone, &record.owner), Rcode::NXDOMAIN)?,
            class::ANY => require(has_rrset(zone, record), Rcode::NXRRSET)?,
            class::NONE if record.rtype == rtype::ANY => require(!is_in_use(zone, &record.owner), Rcode::YXDOMAIN)?,
            class::NONE => require(!has_rrset(zone, record), Rcode::YXRRSET)?,
            class::IN => {
                let id = (record.owner.clone(), record.rtype);
                wanted.entry(id).or_default().push((*record).clone().into_record());
            }
            _ => return Err(Rcode::FORMERR.into()),
        }
    }
    for ((owner, rtype), wanted) in wanted {
        let is_of_type = |record: &Record| record.rtype == rtype;
        let stored: Vec<Record> = zone.records_at(&NameKey::of(&owner)).into_iter().filter(is_of_type).collect();
        let covers = |some: &[Record], others: &[Record]| some.iter().all(|r| others.iter().any(|o| o.is_same(r)));
        require(covers(&stored, &wanted) && covers(&wanted, &stored), Rcode::NXRRSET)?;
    }
    Ok(())
}

fn require(holds: bool, otherwise: Rcode) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}

/// Whether a name owns at least one RRset (RFC 2136, section 2.4.4); a balanced one does, though nothing is stored.
fn is_in_use(zone: &Zone, owner: &Name) -> bool {
    let key = NameKey::of(owner);
    !zone.records_at(&key).is_empty() || zone.balanced_slot(&key).is_some()
}

fn has_rrset(zone: &Zone, record: &MessageRecord) -> bool {
    zone.records_at(&NameKey::of(&record.owner)).iter().any(|stored| stored.rtype == record.rtype)
}

/// Checks the form of the changes before any is made (RFC 2136, section 3.4.1).
pub fn prescan(apex: &Name, records: &[&MessageRecord]) -> Result<(), Rcode> {
    for record in records {
        if !record.owner.is_at_or_below(apex) {
            return Err(Rcode::NOTZONE);
        }
        let (rtype, has_data) = (record.rtype, !record.data.is_empty());
        let is_broken = match record.class {
            class::IN => is_meta(rtype),
            class::ANY => record.ttl != 0 || has_data || (is_meta(rtype) && rtype != rtype::ANY),
            // Whoever compares it with what is stored relies on the form of its type.
            class::NONE => record.ttl != 0 || is_meta(rtype) || !(*record).clone().into_record().is_well_formed(),
            _ => true,
        };
        if is_broken {
            return Err(Rcode::FORMERR);
        }
    }
    Ok(())
}

/// Types of questions and messages (RFC 6895, section 3.1), which are never stored.
const fn is_meta(rtype: u16) -> bool {
    matches!(rtype, 0 | rtype::OPT | 128..=255)
}

/// Makes the changes (RFC 2136, section 3.4.2), whose form was checked ([`prescan`]). `balanced` are the names of the zone
/// whose answers are steered.
pub fn apply(zone: &Zone, balanced: &[BalancedOwner], records: &[&MessageRecord]) -> Result<Applied, Refusal> {
    let mut staged = Staged::new(zone);
    for record in records {
        match record.class {
            class::IN => add(&mut staged, zone, balanced, record)?,
            class::ANY => delete_rrsets(&mut staged, zone.apex(), record),
            _ => delete_record(&mut staged, zone.apex(), record),
        }
    }
    if !staged.is_changed() {
        return Ok(Applied::Unchanged);
    }
    let from = zone.serial();
    let soa = staged.soa().ok_or(Rcode::SERVFAIL)?;
    let mut to = soa.soa_serial().ok_or(Rcode::SERVFAIL)?;
    if to == from {
        to = next_serial(from);
        staged.replace(with_serial(soa, to));
    }
    let step = staged.into_step(from, to);
    let changes: Vec<_> = step.changes().collect();
    let edited = zone.edited(&changes).map_err(|error| refused_edit(&error))?;
    check_whole(&edited, balanced, &step)?;
    Ok(Applied::Changed(Box::new(edited), step))
}

/// A SOA record with another serial.
#[must_use]
pub fn with_serial(mut soa: Record, serial: u32) -> Record {
    if let Some(numbers) = soa.data.last_chunk_mut::<20>() {
        numbers[..4].copy_from_slice(&serial.to_be_bytes());
    }
    soa
}

/// Section 3.4.2.2, and for DNAME RFC 6672, section 5.2.
fn add(
    staged: &mut Staged<'_>,
    zone: &Zone,
    balanced: &[BalancedOwner],
    record: &MessageRecord,
) -> Result<(), Refusal> {
    let mut record = record.clone().into_record();
    if record.ttl > TTL_MAX {
        record.ttl = 0;
    }
    check_storable(&record)?;
    check_balanced(zone, balanced, &record)?;
    let owned: Vec<u16> = staged.at(&record.owner).iter().map(|record| record.rtype).collect();
    match record.rtype {
        rtype::SOA => {
            let serial = |soa: Option<Record>| soa.and_then(|soa| soa.soa_serial());
            let old = if record.owner == *zone.apex() { serial(staged.soa()) } else { None };
            if let (Some(old), Some(new)) = (old, record.soa_serial())
                && is_newer(new, old)
            {
                staged.replace(record);
            }
        }
        rtype::CNAME if owned.iter().any(|owned| *owned != rtype::CNAME) => {}
        _ if record.rtype != rtype::CNAME && owned.contains(&rtype::CNAME) => {}
        rtype::CNAME | rtype::DNAME => staged.replace(record),
        _ => staged.add(record),
    }
    Ok(())
}

/// What no zone of ours holds.
fn check_storable(record: &Record) -> Result<(), Refusal> {
    match record.rtype {
        rtype::RRSIG | rtype::NSEC | rtype::NSEC3 => {
            Err(Refusal::refused(info_code::NOT_SUPPORTED, "signatures and denials are made by whoever signs the zone"))
        }
        NULL => Err(Refusal::refused(info_code::NOT_SUPPORTED, "NULL records cannot stand in a zone file")),
        _ => Ok(()),
    }
}

/// At a balanced name nothing may stand that its pool answers.
fn check_balanced(zone: &Zone, balanced: &[BalancedOwner], record: &Record) -> Result<(), Refusal> {
    let Some(slot) = zone.balanced_slot(&NameKey::of(&record.owner)) else { return Ok(()) };
    let balanced = balanced.get(slot as usize);
    if is_answered_by_pool(balanced, record.rtype) {
        let why = balanced.map_or("is balanced", |balanced| balanced.role.predicate());
        let text = format!("{} {why}: its addresses come from elsewhere", record.owner);
        return Err(Refusal::refused(info_code::PROHIBITED, text));
    }
    Ok(())
}

fn is_answered_by_pool(balanced: Option<&BalancedOwner>, rtype: u16) -> bool {
    balanced.is_some_and(|balanced| balanced.answers_cname) || matches!(rtype, rtype::A | rtype::AAAA | rtype::CNAME)
}

/// The balanced name that updates, which led from `base` to `zone`, have put something beside that its pool answers, or have
/// hidden; with a sentence. No update does so, but a name may have become a balanced one since.
#[must_use]
pub fn balanced_conflict<'b>(
    base: &Zone,
    zone: &Zone,
    balanced: &'b [BalancedOwner],
) -> Option<(&'b BalancedOwner, String)> {
    balanced.iter().find_map(|owner| {
        let (key, is) = (NameKey::of(&owner.owner), owner.role.predicate());
        if zone.is_covered(&key) && !base.is_covered(&key) {
            return Some((
                owner,
                format!("{} {is}, and updates have put a delegation or DNAME at or above it", owner.owner),
            ));
        }
        let before = base.records_at(&key);
        let added = zone.records_at(&key).into_iter().find(|record| {
            is_answered_by_pool(Some(owner), record.rtype) && !before.iter().any(|old| old.is_same(record))
        })?;
        let rtype = record_type::name(added.rtype);
        Some((owner, format!("{} {is}, and updates have added {rtype} records to it", owner.owner)))
    })
}

/// Section 3.4.2.3: an RRset, or all of a name. The apex keeps its SOA and NS records.
fn delete_rrsets(staged: &mut Staged<'_>, apex: &Name, record: &MessageRecord) {
    let is_apex = record.owner == *apex;
    staged.at(&record.owner).retain(|stored| {
        let is_meant = record.rtype == rtype::ANY || record.rtype == stored.rtype;
        !is_meant || (is_apex && matches!(stored.rtype, rtype::SOA | rtype::NS))
    });
}

/// Section 3.4.2.4: one record. The apex keeps its SOA record and its last NS record.
fn delete_record(staged: &mut Staged<'_>, apex: &Name, record: &MessageRecord) {
    let is_apex = record.owner == *apex;
    let wanted = record.clone().into_record();
    let stored = staged.at(&record.owner);
    let same_type = stored.iter().filter(|stored| stored.rtype == wanted.rtype).count();
    if is_apex && (wanted.rtype == rtype::SOA || (wanted.rtype == rtype::NS && same_type == 1)) {
        return;
    }
    stored.retain(|stored| !stored.is_same(&wanted));
}

/// What a zone file may not hold either: names below a DNAME, and balanced names at or below a zone cut.
fn check_whole(edited: &Zone, balanced: &[BalancedOwner], step: &Step) -> Result<(), Refusal> {
    let prohibited = |text: String| Err(Refusal::refused(info_code::PROHIBITED, text));
    let mut covers = false;
    for record in &step.delta.added {
        covers |= matches!(record.rtype, rtype::NS | rtype::DNAME);
        if record.rtype == rtype::DNAME && edited.has_names_below(&NameKey::of(&record.owner)) {
            return prohibited(format!("there are names below {}, which a DNAME would hide", record.owner));
        }
        let mut above = record.owner.parent();
        while let Some(name) = above.filter(|name| name.is_at_or_below(edited.apex())) {
            if edited.rrset_at(&NameKey::of(&name), rtype::DNAME).is_some() {
                return prohibited(format!("{} would be hidden by the DNAME of {name}", record.owner));
            }
            above = name.parent();
        }
    }
    let hidden = balanced.iter().filter(|_| covers).find(|balanced| edited.is_covered(&NameKey::of(&balanced.owner)));
    match hidden {
        Some(hidden) => prohibited(format!("{} {}, and would be hidden", hidden.owner, hidden.role.predicate())),
        None => Ok(()),
    }
}

fn refused_edit(error: &EditError) -> Refusal {
    match error {
        EditError::RrsetTooLong(_) => Refusal::refused(info_code::PROHIBITED, error.to_string()),
        EditError::Malformed(_) => Rcode::FORMERR.into(),
        _ => Refusal { rcode: Rcode::SERVFAIL, error: Some((info_code::OTHER, error.to_string())) },
    }
}
