//! Changing a zone gives the same zone as building it anew from the records that are left.

use super::{load, name};
use crate::wire::{Name, NameKey, rtype};
use crate::zone::ZoneSpec;
use crate::zone::chain::ChainEntry;
use crate::zone::{Change, EditError, Record, Zone};
use proptest::prelude::*;

const TYPES: [u16; 6] = [rtype::A, rtype::NS, rtype::CNAME, 16, rtype::DNAME, rtype::MX];
/// Types that a test may sign.
const SIGNED: [u16; 4] = [rtype::A, rtype::NS, rtype::NSEC, rtype::NSEC3];
/// Kinds of records that a test may use: of [`TYPES`], NSEC, NSEC3, signatures over [`SIGNED`].
const KINDS: usize = TYPES.len() + 2 + SIGNED.len();

/// Every name that a test may use: up to three of these labels below the apex.
fn names() -> Vec<Name> {
    let labels = ["a", "b", "*"];
    let mut names = vec![name("example.")];
    for one in labels {
        names.push(name(&format!("{one}.example.")));
        for two in labels {
            names.push(name(&format!("{two}.{one}.example.")));
            names.extend(labels.map(|three| name(&format!("{three}.{two}.{one}.example."))));
        }
    }
    names
}

fn record(owner: &Name, rtype: u16, variant: u8) -> Record {
    let data: Vec<u8> = match rtype {
        rtype::A => vec![192, 0, 2, variant],
        16 => vec![1, variant],
        rtype::MX => [&[0, variant][..], b"\x01a\x07example\x00"].concat(),
        _ => [&[1, b'm' + variant][..], b"\x07example\x00"].concat(),
    };
    Record { owner: owner.clone(), rtype, ttl: 60, data: data.into() }
}

/// A record of a kind; the owner of those of chains is one label below the apex.
fn record_of(kind: usize, owner: &Name, variant: u8) -> Record {
    let (nsec, nsec3) = (TYPES.len(), TYPES.len() + 1);
    let covered = kind.checked_sub(nsec3 + 1).map(|signed| SIGNED[signed]);
    let labels: Vec<&[u8]> = owner.labels().collect();
    let chained = || match labels.len() {
        1 => owner.clone(),
        len => name(&format!("{}.example.", String::from_utf8_lossy(labels[len - 2]))),
    };
    // Few hashes, so that they meet.
    let hashed = || name(&format!("{}.example.", char::from(b'0' + labels.len() as u8).to_string().repeat(32)));
    let (owner, rtype, data) = match (kind, covered) {
        (_, Some(covered)) => {
            let owner = match covered {
                rtype::NSEC => chained(),
                rtype::NSEC3 => hashed(),
                _ => owner.clone(),
            };
            let fixed =
                [&covered.to_be_bytes()[..], &[13, 2, 0, 0, 0, 60, 0, 0, 0, variant, 0, 0, 0, 0, 0, 1]].concat();
            (owner, rtype::RRSIG, [&fixed[..], b"\x07example\x00", b"signature"].concat())
        }
        (kind, None) if kind == nsec => {
            (chained(), rtype::NSEC, [&[1, b'n' + variant][..], b"\x07example\x00"].concat())
        }
        (kind, None) if kind == nsec3 => {
            // The salt belongs to the owner: no two chains have a hash in common.
            let salt = labels.len() as u8 % 2;
            (hashed(), rtype::NSEC3, [&[1, 0, 0, 0, 1, salt, 20][..], &[variant; 20]].concat())
        }
        (kind, None) => return record(owner, TYPES[kind], variant),
    };
    Record { owner, rtype, ttl: 60, data: data.into() }
}

/// Drops signatures over RRsets that are not there, as the zone does.
fn drop_orphans(records: &mut Vec<Record>) {
    let covered = |record: &Record| u16::from_be_bytes([record.data[0], record.data[1]]);
    let owned: Vec<_> = records.iter().map(|record| (record.owner.clone(), record.rtype)).collect();
    records.retain(|record| record.rtype != rtype::RRSIG || owned.contains(&(record.owner.clone(), covered(record))));
}

/// All that a zone answers, as text.
fn shown(zone: &Zone) -> Vec<String> {
    let mut lines: Vec<_> = zone.records().map(|record| format!("{record:?}")).collect();
    lines.sort();
    let names = names();
    let asked = names.iter().flat_map(|owner| [owner.clone(), name(&format!("x.{owner}"))]);
    for owner in asked {
        let key = NameKey::of(&owner);
        let stripped = zone.strip(&key).unwrap();
        lines.extend(TYPES.map(|rtype| format!("{owner} {rtype} {:?}", zone.lookup(&key, stripped, rtype))));
    }
    let proofs = |owner: &Name| {
        let key = NameKey::of(owner);
        let stripped = zone.strip(&key).unwrap();
        let shown = |entry: ChainEntry<'_>| format!("{:?} {:?}", entry.labels(), entry.rrset());
        let denied: Vec<_> = zone.prove_nxdomain(&key, stripped).entries().map(shown).collect();
        let empty: Vec<_> = zone.prove_nodata(&key, stripped).entries().map(shown).collect();
        let stored: Vec<_> = zone.records_at(&key).iter().map(|record| format!("{record:?}")).collect();
        let nsec = zone.rrset_at(&key, rtype::NSEC).map(|rrset| format!("{rrset:?}"));
        format!("{owner} {denied:?} {empty:?} {stored:?} {nsec:?}")
    };
    lines.extend(names.iter().map(proofs));
    lines.push(format!("{} {} {} {}", zone.record_count(), zone.name_count(), zone.serial(), zone.negative_ttl()));
    lines
}

fn spec(balanced: &[&str]) -> ZoneSpec {
    super::spec("example.", std::path::Path::new("none"), balanced)
}

fn records_of_text(text: &str) -> Vec<Record> {
    load("example.", text, &[]).records().collect()
}

fn apex_records() -> Vec<Record> {
    records_of_text("@ 60 SOA ns.other. h.other. 7 1 1 1 30\n@ 60 NS ns.other.\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_changed_zone_is_the_zone_of_its_records(
        steps in prop::collection::vec(
            prop::collection::vec((any::<prop::sample::Index>(), 0..KINDS, 0_u8..2), 1..6), 1..12),
        balanced in any::<bool>(),
    ) {
        let names = names();
        let spec = spec(if balanced { &["a.b.example."] } else { &[] });
        let mut records = apex_records();
        let mut zone = Zone::from_records(&spec, records.clone()).unwrap();
        for step in steps {
            let mut changes = Vec::new();
            for (owner, kind, variant) in step {
                let record = record_of(kind, &names[owner.index(names.len())], variant);
                match records.iter().position(|known| known.is_same(&record)) {
                    Some(at) => {
                        records.remove(at);
                        changes.push(Change::Remove(record));
                    }
                    None => {
                        records.push(record.clone());
                        changes.push(Change::Add(record));
                    }
                }
            }
            drop_orphans(&mut records);
            zone = zone.edited(&changes).unwrap();
            // The store sorts by owner and type, and keeps the order of records in an RRset.
            let rebuilt = Zone::from_records(&spec, records.clone()).unwrap();
            prop_assert_eq!(shown(&zone), shown(&rebuilt));
        }
    }
}

#[test]
fn a_zone_that_grows_gets_more_shards() {
    let mut zone = Zone::from_records(&spec(&[]), apex_records()).unwrap();
    let of = |number: usize| record(&name(&format!("n{number}.d{}.example.", number % 7)), rtype::A, 1);
    for step in 0..8 {
        let changes: Vec<_> = (step * 500..(step + 1) * 500).map(|number| Change::Add(of(number))).collect();
        zone = zone.edited(&changes).unwrap();
    }
    assert!(zone.tree.shard_count() >= 8, "{}", zone.tree.shard_count());
    let changes: Vec<_> =
        (0..4_000).filter(|number| number % 3 == 0).map(|number| Change::Remove(of(number))).collect();
    zone = zone.edited(&changes).unwrap();
    let rest = apex_records().into_iter().chain((0..4_000).filter(|number| number % 3 != 0).map(of));
    let rebuilt = Zone::from_records(&spec(&[]), rest).unwrap();
    let sorted = |zone: &Zone| {
        let mut lines: Vec<_> = zone.records().map(|record| format!("{record:?}")).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&zone), sorted(&rebuilt));
    assert_eq!(zone.name_count(), rebuilt.name_count());
    assert!(zone.addresses(&NameKey::of(&of(1).owner), 2)[0].is_some());
}

#[test]
fn a_change_of_one_name_leaves_all_other_shards_shared() {
    let text: String = (0..20_000).map(|number| format!("h{number} 60 A 192.0.2.1\n")).collect();
    let zone = load("example.", &format!("@ 60 SOA ns.other. h.other. 7 1 1 1 30\n@ 60 NS ns.other.\n{text}"), &[]);
    let shards = zone.tree.shard_count();
    assert!(shards >= 64, "{shards}");
    let edited = zone.edited(&[Change::Add(record(&name("new.example."), 16, 1))]).unwrap();
    let copied = edited.tree.nodes_not_shared_with(&zone.tree).count();
    assert!((1..1_000).contains(&copied), "{copied} nodes were copied");
}

#[test]
fn what_cannot_be_changed_is_said_and_changes_nothing() {
    let zone = Zone::from_records(&spec(&[]), apex_records()).unwrap();
    let there = record(&name("a.example."), rtype::A, 1);
    let zone = zone.edited(&[Change::Add(there.clone())]).unwrap();
    let elsewhere = record(&name("a.other."), rtype::A, 1);
    let broken = Record { data: Box::new([0, 1, 5, b'x']), ..record(&name("a.example."), rtype::MX, 1) };
    let soa = zone.records().next().unwrap();
    assert_eq!((soa.soa_serial(), there.soa_serial()), (Some(7), None));
    let missing = record(&name("a.example."), rtype::A, 2);
    for (change, error) in [
        (Change::Add(there.clone()), EditError::Present(there.clone())),
        (Change::Remove(missing.clone()), EditError::Missing(missing)),
        (Change::Add(elsewhere), EditError::OutOfZone(name("a.other."))),
        (Change::Add(broken.clone()), EditError::Malformed(broken)),
        (Change::Remove(soa), EditError::Soa),
    ] {
        assert_eq!(zone.edited(&[change]).unwrap_err(), error);
    }
    assert_eq!(zone.record_count(), 3);
}

#[test]
fn an_rrset_that_fits_into_no_message_makes_no_zone() {
    let owner = name("long.example.");
    let text = |n: u16| [&[255][..], &[b'x'; 253], &n.to_be_bytes()].concat();
    let texts = (0..300).map(|n| Record { owner: owner.clone(), rtype: 16, ttl: 60, data: text(n).into() });
    let records: Vec<_> = apex_records().into_iter().chain(texts).collect();
    let error = Zone::from_records(&spec(&[]), records.clone()).unwrap_err();
    assert_eq!(error, EditError::RrsetTooLong(owner));
    assert!(Zone::from_records(&spec(&[]), records[..200].to_vec()).is_ok());
}

#[test]
fn names_in_data_come_out_in_full() {
    let text = "@ 60 SOA ns.other. Host.Example. 7 1 1 1 30\n@ 60 NS NS\nns 60 A 192.0.2.1\nmx 60 MX 7 Mail.eXample.\n";
    let records = records_of_text(text);
    let mx = records.iter().find(|record| record.rtype == rtype::MX).unwrap();
    assert_eq!(&*mx.data, b"\x00\x07\x04Mail\x07example\x00");
    let again: Vec<_> = Zone::from_records(&spec(&[]), records.clone()).unwrap().records().collect();
    assert_eq!(again, records);
}
