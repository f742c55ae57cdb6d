//! Signed zones: random ones get chains and signatures without a key from a small signer here, and every answer is judged
//! by a validator (RFC 4035, section 5.4; RFC 5155, section 8).

use super::validator::{APEX, DENIALS, Denial, Message, Seen, hashed, name, read, validate, with_ancestors};
use crate::answer::{Moment, Outcome, Request, Responder, TransportProfile, testing};
use crate::snapshot::Snapshot;
use crate::wire::{Name, rtype};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const TXT: u16 = 16;
/// The types that names own.
type Owned = BTreeMap<Name, BTreeSet<u16>>;

/// What names own, apart from the apex, as text; and the same with chains and signatures.
fn signed(records: &[(Name, u16, String)], denial: Denial) -> String {
    let mut owned = Owned::from([(name("@"), BTreeSet::from([rtype::SOA, rtype::NS]))]);
    let mut text = String::from("@ NSEC3PARAM 1 0 1 aa01\n");
    if denial == Denial::Nsec {
        text.clear();
    } else {
        owned.get_mut(&name("@")).unwrap().insert(rtype::NSEC3PARAM);
    }
    for (owner, rtype, data) in records {
        writeln!(text, "{owner} TYPE{rtype} {data}").unwrap();
        owned.entry(owner.clone()).or_default().insert(*rtype);
    }
    let all = owned.clone();
    let is_cut = |owner: &Name| *owner != name("@") && all.get(owner).is_some_and(|types| types.contains(&rtype::NS));
    owned.retain(|owner, _| !with_ancestors(owner).skip(1).any(|n| is_cut(&n)));
    for (owner, types) in &owned {
        for rtype in types.iter().filter(|&&rtype| !is_cut(owner) || rtype == rtype::DS) {
            sign(&mut text, owner, *rtype);
        }
    }
    let cuts: BTreeSet<Name> = owned.keys().filter(|owner| is_cut(owner)).cloned().collect();
    if denial == Denial::Nsec {
        nsec(&mut text, &owned)
    } else {
        nsec3(&mut text, &owned, &cuts, denial)
    }
    text
}

fn sign(text: &mut String, owner: &Name, rtype: u16) {
    let is_wildcard = owner.labels().next() == Some(b"*");
    let labels = owner.label_count() - usize::from(is_wildcard);
    let data = format!("TYPE{rtype} 13 {labels} 60 20300101000000 20200101000000 1 {APEX} AAAA");
    writeln!(text, "{owner} RRSIG {data}").unwrap();
}

fn shown(types: &BTreeSet<u16>) -> String {
    types.iter().map(|rtype| format!(" TYPE{rtype}")).collect()
}

fn nsec(text: &mut String, owned: &Owned) {
    let next = owned.keys().skip(1).chain(owned.keys().take(1));
    for ((owner, types), next) in owned.iter().zip(next) {
        writeln!(text, "{owner} NSEC {next}{} RRSIG NSEC", shown(types)).unwrap();
        sign(text, owner, rtype::NSEC);
    }
}

fn nsec3(text: &mut String, owned: &Owned, cuts: &BTreeSet<Name>, denial: Denial) {
    let mut hashes = BTreeMap::new();
    for (owner, types) in owned {
        let is_secure = types.contains(&rtype::DS) || !cuts.contains(owner);
        if denial == Denial::OptOut && !is_secure {
            continue;
        }
        for above in with_ancestors(owner).take_while(|above| above.is_at_or_below(&name("@"))) {
            let none = BTreeSet::new();
            let mut types = owned.get(&above).unwrap_or(&none).clone();
            if types.iter().any(|rtype| !cuts.contains(&above) || *rtype == rtype::DS) {
                types.insert(rtype::RRSIG);
            }
            hashes.insert(hashed(&above), types);
        }
    }
    let next = hashes.keys().skip(1).chain(hashes.keys().take(1));
    for ((hash, types), next) in hashes.iter().zip(next) {
        let flags = u8::from(denial == Denial::OptOut);
        writeln!(text, "{hash} NSEC3 1 {flags} 1 aa01 {next}{}", shown(types)).unwrap();
        sign(text, &name(hash), rtype::NSEC3);
    }
}

fn ask(responder: &mut Responder, snapshot: &Snapshot, qname: &Name, qtype: u16, dnssec_ok: bool) -> Message {
    let mut query = testing::query(1, &qname.to_string(), qtype);
    query[11] = 1;
    query.extend([0, 0, 41, 0xff, 0xff, 0, 0, if dnssec_ok { 0x80 } else { 0 }, 0, 0, 0]);
    let source = [192, 0, 2, 1].into();
    let request =
        Request { octets: &query, source, profile: &TransportProfile::STREAM, random: 7, now: Moment::default() };
    let mut out = vec![0xee; 65_535];
    let Outcome::Reply { len } = responder.respond(snapshot, request, &mut out) else { panic!("no response") };
    read(&out[..len])
}

const LABELS: [&str; 4] = ["a", "b", "*", "c"];

fn owner() -> impl Strategy<Value = Name> {
    prop::collection::vec(prop::sample::select(&LABELS[..]), 1..4).prop_map(|labels| name(&labels.join(".")))
}

/// What a name of a random zone owns.
#[derive(Clone, Copy, Debug)]
enum Owns {
    Address,
    Text,
    Alias(u8),
    Redirection,
    Delegation { is_secure: bool },
}

fn owns() -> impl Strategy<Value = Owns> {
    prop_oneof![
        4 => Just(Owns::Address),
        2 => Just(Owns::Text),
        2 => any::<u8>().prop_map(Owns::Alias),
        1 => Just(Owns::Redirection),
        3 => any::<bool>().prop_map(|is_secure| Owns::Delegation { is_secure }),
    ]
}

/// Every name that is asked for.
fn asked() -> Vec<Name> {
    let labels = ["a", "b", "*", "x"];
    let mut names = vec![name("@")];
    for at in 0..64 {
        let text = [labels[at / 16], labels[at / 4 % 4], labels[at % 4]];
        names.extend((0..3).map(|from| name(&text[from..].join("."))));
    }
    names.sort();
    names.dedup();
    names
}

/// The records of a zone whose names own this, without what no zone may hold.
fn records(zone: &BTreeMap<Name, Owns>) -> Vec<(Name, u16, String)> {
    let targets = asked();
    let mut records = Vec::new();
    for (owner, owns) in zone {
        let is_wildcard = owner.labels().next() == Some(b"*");
        let above =
            |wanted: fn(&Owns) -> bool| with_ancestors(owner).skip(1).any(|above| zone.get(&above).is_some_and(wanted));
        if above(|owns| matches!(owns, Owns::Redirection)) {
            continue;
        }
        let mut add = |rtype: u16, data: &str| records.push((owner.clone(), rtype, data.to_owned()));
        match owns {
            _ if above(|owns| matches!(owns, Owns::Delegation { .. })) => add(rtype::A, "192.0.2.1"),
            Owns::Address => add(rtype::A, "192.0.2.1"),
            Owns::Alias(number) => add(rtype::CNAME, &targets[usize::from(*number) % targets.len()].to_string()),
            Owns::Delegation { is_secure } if !is_wildcard => {
                add(rtype::NS, "ns.elsewhere.");
                if *is_secure {
                    add(rtype::DS, "1 13 2 00");
                }
            }
            Owns::Redirection if !is_wildcard => add(rtype::DNAME, "b.example."),
            _ => add(TXT, "text"),
        }
    }
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_answer_of_a_signed_zone_is_proved(
        zone in prop::collection::btree_map(owner(), owns(), 0..14),
        denial in prop::sample::select(&DENIALS[..]),
    ) {
        let records = records(&zone);
        let snapshot = testing::snapshot(&[(APEX, &signed(&records, denial))]);
        let mut responder = Responder::new(0);
        for qname in asked() {
            for qtype in [rtype::A, rtype::CNAME, rtype::DS, rtype::ANY] {
                let response = ask(&mut responder, &snapshot, &qname, qtype, true);
                let verdict = validate(&response, &qname, qtype, denial);
                prop_assert_eq!(verdict, Ok(()), "{} {} {:?}", qname, qtype, response);
                prop_assert_eq!(response.flags & 0x20, 0, "AD is for resolvers");
                // Who does not ask for signatures gets the same without them.
                let plain = ask(&mut responder, &snapshot, &qname, qtype, false);
                let shown = |section: &[Seen], is_answer: bool| {
                    let is_signing = |rtype| match rtype {
                        rtype::DS => !is_answer,
                        _ => matches!(rtype, rtype::RRSIG | rtype::NSEC | rtype::NSEC3),
                    };
                    let other = section.iter().filter(|seen| !is_signing(seen.rtype));
                    // Pointers in data lead elsewhere.
                    other.map(|seen| (seen.owner.clone(), seen.rtype, seen.ttl, seen.data.len())).collect::<Vec<_>>()
                };
                prop_assert_eq!(plain.rcode, response.rcode);
                for (at, (signed, plain)) in response.sections.iter().zip(&plain.sections).enumerate() {
                    let plain_shown = shown(plain, at == 0);
                    prop_assert_eq!(plain_shown.len(), plain.len());
                    prop_assert_eq!(shown(signed, at == 0), plain_shown);
                }
            }
        }
    }
}

#[test]
fn links_of_a_chain_are_proved_whatever_zone_it_ends_in() {
    let records =
        [(name("*.a"), rtype::CNAME, "host.other.".to_owned()), (name("*.b"), rtype::CNAME, "x.a".to_owned())];
    let other = "host MX 10 mail\nmail A 192.0.2.1\n@ MX 10 mail\n";
    let snapshot = testing::snapshot(&[(APEX, &signed(&records, Denial::Nsec)), ("other.", other)]);
    let mut responder = Responder::new(0);
    let mut shown = |qname: &str, qtype: u16| {
        let response = ask(&mut responder, &snapshot, &name(qname), qtype, true);
        let section = |seen: &Vec<Seen>| seen.iter().map(|seen| format!("{} {}", seen.owner, seen.rtype)).collect();
        response.sections.each_ref().map(section)
    };
    let owned = |records: &[&str]| records.iter().map(ToString::to_string).collect::<Vec<String>>();
    // In a zone that is not signed: the proof of the first link goes before the addresses.
    let [answer, authority, additional]: [Vec<String>; 3] = shown("y.a", rtype::MX);
    assert_eq!(answer, owned(&["y.a.example. 5", "y.a.example. 46", "host.other. 15"]));
    assert_eq!(authority, owned(&["*.a.example. 47", "*.a.example. 46"]));
    assert_eq!(additional, owned(&["mail.other. 1"]));
    // Two links, each with its own proof; then NODATA of the other zone.
    let [answer, authority, _] = shown("y.b", TXT);
    assert_eq!(answer.len(), 4);
    let proofs = owned(&["*.b.example. 47", "*.b.example. 46", "*.a.example. 47", "*.a.example. 46"]);
    assert_eq!(authority, [owned(&["other. 6"]), proofs].concat());
    // Where the chain leaves all zones.
    let records = [(name("*.a"), rtype::CNAME, "host.nowhere.".to_owned())];
    let snapshot = testing::snapshot(&[(APEX, &signed(&records, Denial::Nsec))]);
    let response = ask(&mut responder, &snapshot, &name("y.a"), rtype::A, true);
    assert_eq!(response.sections.each_ref().map(Vec::len), [2, 2, 0]);
}
