//! Tests of the whole room: zone text in, lookups or messages out.

#![expect(clippy::unwrap_used, reason = "test code")]

mod answers;
mod bad;
mod edits;
mod model;
mod signing;
mod store;
mod syntax;
mod text;

use super::{BalancedOwner, Lookup, Role, RrsetRef, Zone, ZoneSpec, record_type};
use crate::base::{Diagnostic, Sources};
use crate::wire::{Name, NameKey, rtype};
use std::sync::Arc;

fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes(), None).unwrap()
}

/// The signs that mark a pool of names, an alias, and the name of a region.
const SIGNS: [char; 3] = ['=', '>', '+'];

/// A spec whose balanced names are relative to the apex; a leading sign says what they are.
fn spec(apex: &str, file: &std::path::Path, balanced: &[&str]) -> ZoneSpec {
    let apex = name(apex);
    let balanced = balanced.iter().map(|text| BalancedOwner {
        owner: Name::from_text(text.trim_start_matches(SIGNS).as_bytes(), Some(&apex)).unwrap(),
        role: match text.as_bytes()[0] {
            b'>' => Role::Alias,
            b'+' => Role::OfRegion,
            _ => Role::Balanced,
        },
        answers_cname: text.starts_with('='),
        span: None,
    });
    ZoneSpec { balanced: balanced.collect(), apex, file: file.to_owned(), span: None }
}

fn try_load(apex: &str, text: impl AsRef<[u8]>, balanced: &[&str]) -> (Option<Arc<Zone>>, Vec<Diagnostic>, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone");
    std::fs::write(&file, text).unwrap();
    let mut sources = Sources::default();
    let (zone, diagnostics) = Zone::load(&spec(apex, &file, balanced), None, &mut sources);
    (zone, diagnostics, sources)
}

/// The zone of `text`, which must have no errors.
fn load(apex: &str, text: &str, balanced: &[&str]) -> Arc<Zone> {
    let (zone, diagnostics, sources) = try_load(apex, text, balanced);
    let shown: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.render(&sources, false)).collect();
    zone.unwrap_or_else(|| panic!("{}", shown.join("\n")))
}

const TXT: u16 = 16;

/// An RRset as `TYPE TTL data | data`, names in data written out.
fn show_rrset(zone: &Zone, rrset: RrsetRef<'_>) -> String {
    let mut octets = rrset.octets();
    let mut shown = Vec::new();
    while !octets.is_empty() {
        let len = usize::from(u16::from_be_bytes([octets[10], octets[11]]));
        assert_eq!(octets[..2], super::rrset::OWNER_OF_QUESTION);
        assert_eq!(u16::from_be_bytes([octets[2], octets[3]]), rrset.rtype());
        assert_eq!(octets[4..6], [0, 1]);
        assert_eq!(u32::from_be_bytes(octets[6..10].try_into().unwrap()), rrset.ttl());
        let data = &octets[12..12 + len];
        shown.push(match rrset.rtype() {
            rtype::A => data.iter().map(u8::to_string).collect::<Vec<_>>().join("."),
            TXT => String::from_utf8_lossy(&data[1..]).into_owned(),
            _ => format!("{} octets", data.len()),
        });
        octets = &octets[12 + len..];
    }
    assert_eq!(shown.len(), usize::from(rrset.records()));
    if !rrset.targets().is_empty() {
        let mut key = NameKey::default();
        shown = rrset
            .targets()
            .iter()
            .map(|&at| {
                zone.target(rrset, at, &mut key);
                Name::from_wire(key.octets()).unwrap().0.to_string()
            })
            .collect();
    }
    format!("{} {} {}", record_type::name(rrset.rtype()), rrset.ttl(), shown.join(" | "))
}

fn show(zone: &Zone, qname: &str, qtype: &str) -> String {
    let key = NameKey::of(&name(qname));
    let apex_stripped = zone.strip(&key).unwrap();
    let code = record_type::by_mnemonic(qtype.as_bytes()).map_or(rtype::ANY, |known| known.code);
    let star = |from_wildcard: bool| if from_wildcard { "* " } else { "" };
    match zone.lookup(&key, apex_stripped, code) {
        Lookup::Answer { rrset, from_wildcard } => format!("{}{}", star(from_wildcard), show_rrset(zone, rrset)),
        Lookup::Cname { rrset, from_wildcard } => format!("{}-> {}", star(from_wildcard), show_rrset(zone, rrset)),
        Lookup::Balanced { slot, fixed, from_wildcard } => {
            let fixed = fixed.map(|rrset| format!(" with {}", show_rrset(zone, rrset))).unwrap_or_default();
            format!("{}balanced {slot}{fixed}", star(from_wildcard))
        }
        Lookup::NoData => "NODATA".into(),
        Lookup::NxDomain => "NXDOMAIN".into(),
        Lookup::Unavailable => "no data".into(),
        Lookup::Referral { ns, stripped } => format!("referral {stripped} {}", show_rrset(zone, ns)),
        Lookup::Dname { rrset, owner_stripped } => format!("below {owner_stripped} {}", show_rrset(zone, rrset)),
    }
}

/// Checks lines `QNAME TYPE = OUTCOME` against a zone.
fn check(apex: &str, text: &str, balanced: &[&str], expected: &str) {
    let zone = load(apex, text, balanced);
    for line in expected.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (question, outcome) = line.split_once(" = ").unwrap();
        let (qname, qtype) = question.trim().split_once(' ').unwrap();
        assert_eq!(show(&zone, qname, qtype.trim()), outcome.trim(), "{question}");
    }
}
