//! Signed zones: what is stored where, what is found, and when signatures expire.

use super::{check, load, name};
use crate::base::UnixTime;
use crate::wire::{NameKey, rtype};
use crate::zone::{Change, Record, Zone};

/// Expires on 2026-01-08 at 12:00 UTC, or another day of that month.
fn signature(owner: &str, rtype: &str, day: u8) -> String {
    let labels = if owner == "@" { 1 } else { 2 };
    format!("{owner} RRSIG {rtype} 13 {labels} 60 202601{day:02}120000 20251201000000 1 example. AAAA\n")
}

fn text() -> String {
    let records = "$TTL 60\n@ SOA ns h 1 2 3 4 30\n@ NS ns\nns A 192.0.2.1\nns TXT \"x\"\n*.w A 192.0.2.2\n\
        @ NSEC ns SOA NS RRSIG NSEC\nns NSEC *.w A TXT RRSIG NSEC\n*.w NSEC @ A RRSIG NSEC\n\
        2t7b4g4vsa5smi47k61mv5bv1a22bojr NSEC3 1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A\n";
    let signed =
        [("@", "SOA", 20), ("ns", "A", 9), ("ns", "NSEC", 8), ("2t7b4g4vsa5smi47k61mv5bv1a22bojr", "NSEC3", 21)];
    let signatures = signed.map(|(owner, rtype, day)| signature(owner, rtype, day)).concat();
    records.to_owned() + &signatures
}

#[test]
fn rfc5155_owners_of_nsec3_records_are_no_names() {
    check(
        "example.",
        &text(),
        &[],
        "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. A = NXDOMAIN
         2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. NSEC3 = NXDOMAIN
         x.2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. A = NXDOMAIN",
    );
}

#[test]
fn chains_and_signatures_are_found_by_their_types() {
    let expected = "ns.example. NSEC = NSEC 60 21 octets
         example. NSEC = NSEC 60 20 octets
         w.example. NSEC = NODATA
         x.w.example. NSEC = * NSEC 60 17 octets
         absent.example. NSEC = NXDOMAIN
         ns.example. RRSIG = RRSIG 60 30 octets
         w.example. RRSIG = NODATA
         x.w.example. RRSIG = NODATA
         ns.example. TXT = TXT 60 x";
    check("example.", &text(), &[], expected);
}

#[test]
fn every_record_of_a_signed_zone_is_given_back() {
    let zone = load("example.", &text(), &[]);
    // Nine records and four signatures over them.
    assert_eq!((zone.record_count(), zone.records().count(), zone.name_count()), (13, 13, 3));
    assert!(zone.is_signed());
    let at = |owner: &str| zone.records_at(&NameKey::of(&name(owner)));
    let types = |records: Vec<Record>| records.iter().map(|record| record.rtype).collect::<Vec<_>>();
    let signed = [rtype::A, rtype::RRSIG, 16, rtype::NSEC, rtype::RRSIG];
    assert_eq!(types(at("ns.example.")), signed);
    assert_eq!(types(at("2T7B4g4vsa5smi47k61mv5bv1a22bojr.example.")), [rtype::NSEC3, rtype::RRSIG]);
    let again =
        Zone::from_records(&super::spec("example.", std::path::Path::new("none"), &[]), zone.records()).unwrap();
    assert_eq!(again.records().collect::<Vec<_>>(), zone.records().collect::<Vec<_>>());
}

#[test]
fn signatures_near_their_end_are_told_in_time() {
    let zone = load("example.", &text(), &[]);
    // 2026-01-08 at 12:00 UTC.
    const FIRST: u64 = 1_767_873_600;
    const DAY: u64 = 86_400;
    assert_eq!(zone.signatures_expire(), Some(UnixTime::from_secs(FIRST)));
    let warning =
        |zone: &Zone, now: u64| zone.expiry_warning(None, UnixTime::from_secs(now)).map(|found| found.message);
    assert_eq!(warning(&zone, FIRST - 3 * DAY - 1), None);
    let soon = "the signature over the NSEC records of `ns.example.` expires on 2026-01-08 at 12:00 UTC";
    assert_eq!(warning(&zone, FIRST - 3 * DAY).as_deref(), Some(soon));
    let late = "the signature over the NSEC records of `ns.example.` expired on 2026-01-08 at 12:00 UTC: resolvers that \
                validate refuse the answer";
    assert_eq!(warning(&zone, FIRST).as_deref(), Some(late));
    // A new signature ends it, and the next one is the first.
    let of_nsec = |record: &Record| record.rtype == rtype::RRSIG && record.data[..2] == rtype::NSEC.to_be_bytes();
    let old = zone.records().find(of_nsec).unwrap();
    let mut new = old.clone();
    new.data[8..12].copy_from_slice(&((FIRST + 9 * DAY) as u32).to_be_bytes());
    let zone = zone.edited(&[Change::Remove(old), Change::Add(new)]).unwrap();
    assert_eq!(zone.signatures_expire(), Some(UnixTime::from_secs(FIRST + DAY)));
    let next = "the signature over the A records of `ns.example.` expires on 2026-01-09 at 12:00 UTC";
    assert_eq!(warning(&zone, FIRST).as_deref(), Some(next));
    assert_eq!(load("example.", "$TTL 60\n@ SOA ns h 1 2 3 4 30\n@ NS ns.other.\n", &[]).signatures_expire(), None);
}

#[test]
fn rfc2181_an_alias_may_be_signed_and_in_a_chain() {
    let text = text() + "alias CNAME ns\nalias NSEC ns CNAME RRSIG NSEC\n" + &signature("alias", "CNAME", 20);
    let (zone, diagnostics, _) = super::try_load("example.", &text, &[]);
    // Not all of it is signed, which is no error.
    assert!(zone.is_some(), "{diagnostics:?}");
    check(
        "example.",
        &text,
        &[],
        "alias.example. NSEC = NSEC 60 20 octets
         alias.example. RRSIG = RRSIG 60 30 octets
         alias.example. A = -> CNAME 60 ns.example.",
    );
    // Without any of them the alias is followed.
    let plain = "$TTL 60\n@ SOA ns h 1 2 3 4 30\n@ NS ns\nns A 192.0.2.1\nalias CNAME ns\n";
    check("example.", plain, &[], "alias.example. RRSIG = -> CNAME 60 ns.example.");
}

#[test]
fn a_signature_with_a_later_sibling_of_its_algorithm_is_no_matter() {
    let expire = |more: &str| {
        let expires = load("example.", &(text() + more), &[]).signatures_expire().unwrap();
        (expires.as_secs() - UnixTime::from_secs(1_767_225_600).as_secs()) / 86_400 + 1
    };
    assert_eq!(expire(""), 8);
    // The next to expire is that over the address.
    assert_eq!(expire(&signature("ns", "NSEC", 30)), 9);
    assert_eq!(expire(&(signature("ns", "NSEC", 30) + &signature("ns", "A", 31))), 20);
    // A resolver may know only the other algorithm.
    assert_eq!(expire(&signature("ns", "NSEC", 30).replace(" 13 ", " 8 ")), 8);
    // The NSEC3 records are not what the zone denies with.
    let hashed = signature("2t7b4g4vsa5smi47k61mv5bv1a22bojr", "NSEC3", 2);
    let other = text().replace("20260121120000", "20260102120000");
    assert_ne!(other, text());
    assert!(other.contains(&hashed));
    assert_eq!(load("example.", &other, &[]).signatures_expire(), load("example.", &text(), &[]).signatures_expire());
}

#[test]
fn hashed_names_are_not_below_a_dname_at_the_apex() {
    let redirected = "$TTL 60\n@ SOA ns.other. h 1 2 3 4 30\n@ NS ns.other.\n@ DNAME other.\n";
    let hashed = "2t7b4g4vsa5smi47k61mv5bv1a22bojr";
    let chain = format!("{hashed} NSEC3 1 0 0 - {hashed} SOA\n{}", signature(hashed, "NSEC3", 21));
    check("example.", &format!("{redirected}{chain}"), &[], &format!("{hashed}.example. A = below 1 DNAME 60 other."));
    // Another record at such a name is a name's.
    let text = format!("{redirected}{chain}{hashed} A 192.0.2.1\n");
    let (zone, diagnostics, _) = super::try_load("example.", text, &[]);
    assert!(zone.is_none());
    assert!(diagnostics.iter().any(|found| found.message.contains("lies below `example.`")), "{diagnostics:?}");
}

#[test]
fn a_wholly_signed_zone_with_cuts_glue_and_empty_names_has_no_warning() {
    let text = "$TTL 60\n@ SOA ns h 1 2 3 4 30\n@ NS ns\nns A 192.0.2.1\na.w A 192.0.2.2\nsub NS ns.sub\n\
        ns.sub A 192.0.2.3\nsub DS 1 13 2 00\nold DNAME ns\n@ NSEC NS SOA NS RRSIG NSEC\nns NSEC old A RRSIG NSEC\n\
        old NSEC sub DNAME RRSIG NSEC\nsub NSEC a.w NS DS RRSIG NSEC\na.w NSEC @ A RRSIG NSEC\n";
    let owners = ["@ SOA", "@ NS", "@ NSEC", "ns A", "ns NSEC", "old DNAME", "old NSEC", "sub DS", "sub NSEC", "a.w A"];
    let signed = |owners: &[&str]| {
        let signatures = owners.iter().filter_map(|pair| pair.split_once(' ')).map(|(o, rtype)| signature(o, rtype, 9));
        super::try_load("example.", text.to_owned() + &signatures.collect::<String>(), &[]).1
    };
    let all = [&owners[..], &["a.w NSEC"]].concat();
    assert!(signed(&all).is_empty(), "{:?}", signed(&all));
    let found = signed(&owners);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].message, "the NSEC records of `a.w.example.` have no signature, and the zone is signed");
}
