//! What updates do, against a second reading of RFC 2136 that knows no zones.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::rules;
use super::semantics::{Applied, Refusal, apply, check_prerequisites, prescan};
use crate::transfer::message::MessageRecord;
use crate::transfer::serial::{is_newer, next_serial};
use crate::transfer::spec::{AccessEntry, NamePattern, UpdateRule};
use crate::wire::{Name, Rcode, Section, class, rtype};
use crate::zone::{BalancedOwner, Record, Role, Zone, ZoneSpec};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes(), Some(&Name::from_text(b"example.", None).unwrap())).unwrap()
}

fn soa_data(serial: u32) -> Vec<u8> {
    [&b"\x02ns\x07example\0\x04host\x07example\0"[..], &[serial, 60, 60, 60, 60].map(u32::to_be_bytes).concat()]
        .concat()
}

fn record(owner: &str, rtype: u16, ttl: u32, data: &[u8]) -> Record {
    Record { owner: name(owner), rtype, ttl, data: data.into() }
}

fn balanced(owners: &[(&str, bool)]) -> Vec<BalancedOwner> {
    let owner = |&(owner, answers_cname): &(&str, bool)| BalancedOwner {
        owner: name(owner),
        role: Role::Balanced,
        answers_cname,
        span: None,
    };
    owners.iter().map(owner).collect()
}

fn zone_with(serial: u32, records: &[Record], balanced: Vec<BalancedOwner>) -> Zone {
    let spec = ZoneSpec { apex: name("@"), file: "none".into(), span: None, balanced };
    let apex = [record("@", rtype::SOA, 300, &soa_data(serial)), record("@", rtype::NS, 300, b"\x02ns\x07example\0")];
    Zone::from_records(&spec, apex.into_iter().chain(records.iter().cloned())).unwrap()
}

fn zone(records: &[Record]) -> Zone {
    zone_with(7, records, Vec::new())
}

fn message(class: u16, owner: &str, rtype: u16, ttl: u32, data: &[u8]) -> MessageRecord {
    let owner = name(owner);
    MessageRecord { section: Section::Authority, owner, rtype, class, ttl, data: data.into() }
}

fn add(owner: &str, rtype: u16, ttl: u32, data: &[u8]) -> MessageRecord {
    message(class::IN, owner, rtype, ttl, data)
}

const A: u16 = rtype::A;
const TXT: u16 = rtype::TXT;
const IP: &[u8] = &[192, 0, 2, 1];

/// The whole road of an update, permission aside.
fn update(zone: &Zone, balanced: &[BalancedOwner], changes: &[MessageRecord]) -> Result<Applied, Refusal> {
    let changes: Vec<&MessageRecord> = changes.iter().collect();
    prescan(zone.apex(), &changes)?;
    apply(zone, balanced, &changes)
}

fn changed(zone: &Zone, changes: &[MessageRecord]) -> Zone {
    match update(zone, &[], changes) {
        Ok(Applied::Changed(zone, step)) => {
            assert_eq!((step.delta.to, step.delta.removed[0].rtype), (zone.serial(), rtype::SOA));
            *zone
        }
        Ok(Applied::Unchanged) => panic!("nothing changed"),
        Err(refusal) => panic!("{refusal:?}"),
    }
}

fn is_unchanged(zone: &Zone, changes: &[MessageRecord]) -> bool {
    matches!(update(zone, &[], changes), Ok(Applied::Unchanged))
}

fn rcode(zone: &Zone, balanced: &[BalancedOwner], changes: &[MessageRecord]) -> Rcode {
    update(zone, balanced, changes).err().map_or(Rcode::NOERROR, |refusal| refusal.rcode)
}

#[test]
fn rfc2136_3_6_the_serial_grows_by_one_with_each_change_and_not_without() {
    let old = zone_with(u32::MAX, &[record("a", A, 60, IP)], Vec::new());
    let new = changed(&old, &[add("a", TXT, 60, b"\x01x")]);
    assert_eq!(new.serial(), 1, "0 is left out");
    assert!(is_unchanged(&old, &[add("a", A, 60, IP)]) && is_unchanged(&old, &[]));
    assert!(is_unchanged(&old, &[add("b", A, 60, IP), message(class::ANY, "b", rtype::ANY, 0, b"")]));
    let set = changed(&old, &[add("@", rtype::SOA, 60, &soa_data(4_000)), add("a", TXT, 60, b"\x01x")]);
    assert_eq!(set.serial(), 4_000, "an update may set a newer one");
    assert!(is_unchanged(&old, &[add("@", rtype::SOA, 60, &soa_data(u32::MAX))]), "the same is not newer");
    assert!(is_unchanged(&old, &[add("@", rtype::SOA, 60, &soa_data(u32::MAX - 1))]));
}

#[test]
fn rfc2181_5_2_the_ttl_of_an_rrset_follows_the_record_added_last() {
    let old = zone(&[record("a", A, 60, IP)]);
    let new = changed(&old, &[add("a", A, 30, &[192, 0, 2, 2])]);
    assert!(new.records_at(&crate::wire::NameKey::of(&name("a"))).iter().all(|record| record.ttl == 30));
    assert_eq!(new.serial(), 8);
}

#[test]
fn names_that_come_and_go_come_and_go_with_what_is_above_them() {
    let old = zone(&[]);
    let new = changed(&old, &[add("a.b.c", A, 60, IP), add("*.c", A, 60, IP)]);
    assert_eq!(new.name_count(), old.name_count() + 2);
    let gone = [message(class::ANY, "a.b.c", rtype::ANY, 0, b""), message(class::NONE, "*.c", A, 0, IP)];
    let again = changed(&new, &gone);
    assert_eq!((again.name_count(), again.serial()), (old.name_count(), 9));
    assert!(!again.has_names_below(&crate::wire::NameKey::of(&name("c"))));
}

#[test]
fn dname_takes_the_place_of_another_and_hides_nothing() {
    let old = zone(&[record("d", rtype::DNAME, 60, b"\x01x\0"), record("c", rtype::CNAME, 60, b"\x01x\0")]);
    let new = changed(&old, &[add("d", rtype::DNAME, 60, b"\x01y\0")]);
    assert_eq!(new.rrset_at(&crate::wire::NameKey::of(&name("d")), rtype::DNAME).unwrap().records(), 1);
    assert!(is_unchanged(&old, &[add("c", rtype::DNAME, 60, b"\x01y\0")]), "RFC 6672, section 5.2");
    assert!(is_unchanged(&old, &[add("d", rtype::CNAME, 60, b"\x01y\0")]));
    assert_eq!(rcode(&old, &[], &[add("below.d", A, 60, IP)]), Rcode::REFUSED);
    let names = zone(&[record("a.b", A, 60, IP)]);
    assert_eq!(rcode(&names, &[], &[add("b", rtype::DNAME, 60, b"\x01y\0")]), Rcode::REFUSED);
    assert_eq!(rcode(&names, &[], &[add("@", rtype::DNAME, 60, b"\x01y\0")]), Rcode::REFUSED);
    let moved = [message(class::ANY, "a.b", rtype::ANY, 0, b""), add("b", rtype::DNAME, 60, b"\x01y\0")];
    assert_eq!(rcode(&names, &[], &moved), Rcode::NOERROR, "what counts is what is left in the end");
}

#[test]
fn what_pools_answer_is_not_updated() {
    let balanced = balanced(&[("www", false), ("api", true), ("deep.cut", false)]);
    let zone = zone_with(7, &[], balanced.clone());
    for (owner, rtype, data, wanted) in [
        ("www", A, IP, Rcode::REFUSED),
        ("www", rtype::CNAME, b"\x01x\0", Rcode::REFUSED),
        ("www", TXT, b"\x01x", Rcode::NOERROR),
        ("api", TXT, b"\x01x", Rcode::REFUSED),
        ("cut", rtype::NS, b"\x01x\0", Rcode::REFUSED),
        ("deep.cut", rtype::NS, b"\x01x\0", Rcode::REFUSED),
        ("cut", rtype::DNAME, b"\x01x\0", Rcode::REFUSED),
        ("other", rtype::NS, b"\x01x\0", Rcode::NOERROR),
    ] {
        assert_eq!(rcode(&zone, &balanced, &[add(owner, rtype, 60, data)]), wanted, "{owner} {rtype}");
    }
    let exists = |class: u16| MessageRecord { section: Section::Answer, ..message(class, "www", rtype::ANY, 0, b"") };
    assert!(check_prerequisites(&zone, &[&exists(class::ANY)]).is_ok(), "a balanced name is in use");
    assert_eq!(check_prerequisites(&zone, &[&exists(class::NONE)]).unwrap_err().rcode, Rcode::YXDOMAIN);
}

#[test]
fn rfc2136_3_4_1_the_form_of_every_change_is_checked_first() {
    let zone = zone(&[record("a", A, 60, IP)]);
    for (change, wanted) in [
        (message(class::IN, "a", rtype::ANY, 0, b""), Rcode::FORMERR),
        (message(class::IN, "a", rtype::AXFR, 0, b"x"), Rcode::FORMERR),
        (message(class::ANY, "a", A, 1, b""), Rcode::FORMERR),
        (message(class::ANY, "a", A, 0, IP), Rcode::FORMERR),
        (message(class::ANY, "a", rtype::AXFR, 0, b""), Rcode::FORMERR),
        (message(class::NONE, "a", A, 1, IP), Rcode::FORMERR),
        (message(class::NONE, "a", rtype::ANY, 0, b""), Rcode::FORMERR),
        (message(3, "a", A, 0, IP), Rcode::FORMERR),
        (message(class::NONE, "@", rtype::NS, 0, b""), Rcode::FORMERR),
        (message(class::NONE, "a", rtype::CNAME, 0, b""), Rcode::FORMERR),
        (message(class::NONE, "a", 12, 0, b"\x03a"), Rcode::FORMERR),
        (message(class::NONE, "a", A, 0, b""), Rcode::FORMERR),
        (message(class::IN, "a.other.", A, 0, IP), Rcode::NOTZONE),
        (message(class::IN, "b", rtype::RRSIG, 60, b"\0\x01"), Rcode::REFUSED),
        (message(class::IN, "b", 10, 60, b"x"), Rcode::REFUSED),
    ] {
        let both = [message(class::ANY, "a", A, 0, b""), change];
        assert_eq!(rcode(&zone, &[], &both), wanted, "{:?}", both[1]);
    }
}

#[test]
fn a_rule_allows_names_and_types_for_a_client() {
    let client = |key: &str| AccessEntry { prefix: None, key: Some(name(key)) };
    let rules = [
        UpdateRule {
            client: client("acme."),
            names: vec![NamePattern::Exact(name("_acme-challenge.www")), NamePattern::Below(name("dyn"))],
            types: Some(vec![TXT]),
        },
        UpdateRule { client: client("all."), names: Vec::new(), types: None },
        UpdateRule { client: client("soa."), names: Vec::new(), types: Some(vec![rtype::SOA, rtype::NS]) },
    ];
    let zone = zone(&[
        record("x.dyn", TXT, 60, b"\x01x"),
        record("both.dyn", TXT, 60, b"\x01x"),
        record("both.dyn", A, 60, IP),
    ]);
    let allowed = |key: &str, change: &MessageRecord| {
        let key = name(key);
        let entries = rules::entries_for(&rules, "192.0.2.1".parse().unwrap(), Some(&key));
        rules::check(&entries, &zone, &[change]).is_ok()
    };
    for (key, change, wanted) in [
        ("acme.", add("_acme-challenge.www", TXT, 60, b"\x01x"), true),
        ("acme.", add("_ACME-challenge.www", A, 60, IP), false),
        ("acme.", add("a.b.dyn", TXT, 60, b"\x01x"), true),
        ("acme.", add("dyn", TXT, 60, b"\x01x"), false),
        ("acme.", message(class::ANY, "x.dyn", rtype::ANY, 0, b""), true),
        ("acme.", message(class::ANY, "both.dyn", rtype::ANY, 0, b""), false),
        ("acme.", message(class::ANY, "www", rtype::ANY, 0, b""), false),
        ("all.", add("www", A, 60, IP), true),
        ("all.", add("sub", rtype::NS, 60, b"\0"), true),
        ("all.", add("@", rtype::NS, 60, b"\0"), false),
        ("all.", message(class::NONE, "@", rtype::NS, 0, b"\0"), false),
        ("all.", add("@", rtype::SOA, 60, &soa_data(9)), false),
        ("all.", add("sub", rtype::DS, 60, b"\0"), false),
        ("all.", message(class::ANY, "@", rtype::ANY, 0, b""), true),
        ("soa.", add("@", rtype::SOA, 60, &soa_data(9)), true),
        ("soa.", add("@", rtype::NS, 60, b"\0"), true),
    ] {
        assert_eq!(allowed(key, &change), wanted, "{key} {change:?}");
    }
    assert!(rules::entries_for(&rules, "192.0.2.1".parse().unwrap(), None).is_empty());
}

/// A zone as RFC 2136 sees it: RRsets by name and type.
type Model = BTreeMap<(String, u16), (u32, Vec<Vec<u8>>)>;

fn model_of(zone: &Zone) -> Model {
    let mut model = Model::new();
    for record in zone.records() {
        let rrset =
            model.entry((record.owner.to_lower().to_string(), record.rtype)).or_insert((record.ttl, Vec::new()));
        rrset.1.push(record.data.to_vec());
    }
    model.values_mut().for_each(|(_, data)| data.sort());
    model
}

const OWNERS: [&str; 6] = ["@", "a", "B", "*.a", "sub", "x.sub"];
const APEX: &str = "example.";

/// Section 3.4.2.7, line by line.
fn model_update(model: &mut Model, rr: &MessageRecord) {
    let id = (rr.owner.to_lower().to_string(), rr.rtype);
    let data = rr.data.to_vec();
    let owns = |model: &Model, wanted: &dyn Fn(u16) -> bool| model.keys().any(|(n, t)| *n == id.0 && wanted(*t));
    let serial = |data: &[u8]| u32::from_be_bytes(data[data.len() - 20..][..4].try_into().unwrap());
    match rr.class {
        class::IN => {
            if rr.rtype == rtype::CNAME {
                if owns(model, &|t| t != rtype::CNAME) {
                    return;
                }
            } else if owns(model, &|t| t == rtype::CNAME) {
                return;
            }
            if rr.rtype == rtype::SOA {
                let Some((_, old)) = model.get(&id) else { return };
                if !is_newer(serial(&data), serial(&old[0])) {
                    return;
                }
            }
            let rrset = model.entry(id).or_insert((rr.ttl, Vec::new()));
            rrset.0 = rr.ttl;
            if matches!(rr.rtype, rtype::CNAME | rtype::SOA) {
                rrset.1.clear();
            }
            if !rrset.1.contains(&data) {
                rrset.1.push(data);
                rrset.1.sort();
            }
        }
        class::ANY if rr.rtype == rtype::ANY => {
            model.retain(|(n, t), _| *n != id.0 || (*n == APEX && matches!(*t, rtype::SOA | rtype::NS)));
        }
        class::ANY => {
            if !(id.0 == APEX && matches!(rr.rtype, rtype::SOA | rtype::NS)) {
                model.remove(&id);
            }
        }
        _ => {
            let Some((_, list)) = model.get_mut(&id) else { return };
            let is_last_ns = id.0 == APEX && rr.rtype == rtype::NS && list.len() == 1;
            if (id.0 == APEX && rr.rtype == rtype::SOA) || is_last_ns {
                return;
            }
            list.retain(|other| *other != data);
            if list.is_empty() {
                model.remove(&id);
            }
        }
    }
}

/// Section 3.2.5.
fn model_prerequisites(model: &Model, prerequisites: &[MessageRecord]) -> Rcode {
    let mut temp: BTreeMap<(String, u16), Vec<Vec<u8>>> = BTreeMap::new();
    for rr in prerequisites {
        let id = (rr.owner.to_lower().to_string(), rr.rtype);
        let in_use = model.keys().any(|(n, _)| *n == id.0);
        let (is_any, exists) = (rr.rtype == rtype::ANY, model.contains_key(&id));
        let wrong = match rr.class {
            class::ANY if is_any => (!in_use).then_some(Rcode::NXDOMAIN),
            class::ANY => (!exists).then_some(Rcode::NXRRSET),
            class::NONE if is_any => in_use.then_some(Rcode::YXDOMAIN),
            class::NONE => exists.then_some(Rcode::YXRRSET),
            _ => {
                let list = temp.entry(id).or_default();
                if !list.contains(&rr.data.to_vec()) {
                    list.push(rr.data.to_vec());
                    list.sort();
                }
                None
            }
        };
        if let Some(rcode) = wrong {
            return rcode;
        }
    }
    let holds = temp.iter().all(|(id, list)| model.get(id).is_some_and(|(_, stored)| stored == list));
    if holds { Rcode::NOERROR } else { Rcode::NXRRSET }
}

fn any_data(rtype: u16) -> BoxedStrategy<Vec<u8>> {
    match rtype {
        rtype::A => (1..4_u8).prop_map(|last| vec![192, 0, 2, last]).boxed(),
        rtype::SOA => (0..20_u32).prop_map(soa_data).boxed(),
        rtype::NS | rtype::CNAME => (b'a'..b'd').prop_map(|label| vec![1, label, 0]).boxed(),
        _ => (b'a'..b'd').prop_map(|text| vec![1, text]).boxed(),
    }
}

fn any_record() -> impl Strategy<Value = (usize, u16, Vec<u8>)> {
    let rtype = prop::sample::select(vec![A, TXT, rtype::NS, rtype::CNAME, rtype::SOA]);
    (0..OWNERS.len(), rtype).prop_flat_map(|(owner, rtype)| any_data(rtype).prop_map(move |data| (owner, rtype, data)))
}

fn any_change() -> impl Strategy<Value = MessageRecord> {
    (any_record(), 0..10_u8, 1..3_u32).prop_map(|((owner, rtype, data), kind, ttl)| match kind {
        0 => message(class::ANY, OWNERS[owner], rtype::ANY, 0, b""),
        1 => message(class::ANY, OWNERS[owner], rtype, 0, b""),
        2..5 => message(class::NONE, OWNERS[owner], rtype, 0, &data),
        _ => add(OWNERS[owner], rtype, 60 * ttl, &data),
    })
}

fn any_prerequisite() -> impl Strategy<Value = MessageRecord> {
    (any_record(), 0..5_u8).prop_map(|((owner, rtype, data), kind)| match kind {
        0 => message(class::ANY, OWNERS[owner], rtype::ANY, 0, b""),
        1 => message(class::ANY, OWNERS[owner], rtype, 0, b""),
        2 => message(class::NONE, OWNERS[owner], rtype::ANY, 0, b""),
        3 => message(class::NONE, OWNERS[owner], rtype, 0, b""),
        _ => message(class::IN, OWNERS[owner], rtype, 0, &data),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn updates_do_what_rfc2136_says(
        messages in prop::collection::vec(prop::collection::vec(any_change(), 1..8), 1..6),
        prerequisites in prop::collection::vec(any_prerequisite(), 1..4),
    ) {
        let mut zone = zone(&[record("a", A, 60, IP), record("sub", rtype::NS, 60, b"\x01a\0")]);
        let mut model = model_of(&zone);
        for changes in &messages {
            let before = model.clone();
            changes.iter().for_each(|change| model_update(&mut model, change));
            let soa = (APEX.to_owned(), rtype::SOA);
            let old = zone.serial();
            match update(&zone, &[], changes) {
                Ok(Applied::Unchanged) => prop_assert_eq!(&before, &model),
                Ok(Applied::Changed(edited, step)) => {
                    if model[&soa].1[0] == before[&soa].1[0] {
                        model.get_mut(&soa).unwrap().1[0] = soa_data(next_serial(old));
                    }
                    prop_assert_ne!(&before, &model);
                    // The delta makes the same zone, and tells all that the RRsets were.
                    let replayed = zone.edited(&step.changes().collect::<Vec<_>>()).unwrap();
                    prop_assert_eq!(model_of(&replayed), model_of(&edited));
                    for record in step.delta.removed.iter().chain(&step.delta.added) {
                        let id = (record.owner.to_lower().to_string(), record.rtype);
                        let told = step.kept.iter().chain(&step.delta.removed);
                        let told = told.filter(|r| r.owner == record.owner && r.rtype == record.rtype).count();
                        prop_assert_eq!(told, before.get(&id).map_or(0, |(_, list)| list.len()));
                    }
                    zone = *edited;
                }
                Err(refusal) => prop_assert!(false, "{:?}", refusal),
            }
            prop_assert_eq!(model_of(&zone), model.clone());
        }
        let all: Vec<&MessageRecord> = prerequisites.iter().collect();
        let rcode = check_prerequisites(&zone, &all).err().map_or(Rcode::NOERROR, |refusal| refusal.rcode);
        prop_assert_eq!(rcode, model_prerequisites(&model, &prerequisites));
    }
}
