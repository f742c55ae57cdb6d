//! Zones written as text and read again.

use super::{load, name, spec};
use crate::wire::{Name, rtype};
use crate::zone::record_type::{Field, KNOWN};
use crate::zone::text_out::{record_text, to_text};
use crate::zone::wire_form::has_form;
use crate::zone::{Record, Zone};
use proptest::collection::vec;
use proptest::prelude::*;

/// A name in wire form; some end in the apex.
fn any_name() -> impl Strategy<Value = Vec<u8>> {
    let labels = vec(vec(any::<u8>(), 1..6), 0..4);
    (labels, any::<bool>()).prop_map(|(labels, in_zone)| {
        let mut wire: Vec<u8> = labels.iter().flat_map(|label| [&[label.len() as u8], &label[..]].concat()).collect();
        wire.extend_from_slice(if in_zone { b"\x07example\0" } else { b"\0" });
        wire
    })
}

fn string(len_max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..len_max).prop_map(|text| [&[text.len() as u8], &text[..]].concat())
}

/// Octets that a field may hold; where a form is strict, some of those are not valid and are thrown away later.
fn octets_of(field: Field) -> BoxedStrategy<Vec<u8>> {
    let exactly = |len: usize| vec(any::<u8>(), len).boxed();
    match field {
        Field::Name | Field::CompressibleName => any_name().boxed(),
        Field::U8 | Field::Algorithm | Field::SyncScheme => exactly(1),
        Field::U16 | Field::CertificateType | Field::Type => exactly(2),
        Field::U32 | Field::Seconds | Field::Ipv4 => exactly(4),
        Field::U64 | Field::Locator => exactly(8),
        Field::Ipv6 => exactly(16),
        Field::Location => prop_oneof![
            exactly(16),
            (0..90_u32, 0..180_u32, any::<u32>()).prop_map(|(latitude, longitude, altitude)| {
                let angle = |degrees: u32| ((1_u32 << 31) - 7 + degrees * 3_600_000).to_be_bytes();
                [&[0, 0x12, 0x16, 0x00][..], &angle(latitude), &angle(longitude), &altitude.to_be_bytes()].concat()
            })
        ]
        .boxed(),
        Field::Eui(len) => exactly(len.into()),
        Field::Text | Field::OptionalText | Field::Salt => string(40).boxed(),
        Field::CaaTag => prop_oneof![string(8), Just(b"\x05issue".to_vec())].boxed(),
        Field::Texts => vec(string(20), 1..4).prop_map(|texts| texts.concat()).boxed(),
        Field::Types => vec(any::<u16>(), 0..5)
            .prop_map(|mut codes| {
                let mut out = Vec::new();
                crate::zone::master_file::push_types(&mut codes, &mut out);
                out
            })
            .boxed(),
        Field::ServiceParameters => vec((0..12_u16, vec(any::<u8>(), 0..10)), 0..4)
            .prop_map(|mut parameters| {
                parameters.sort();
                parameters.dedup_by_key(|(key, _)| *key);
                let octets = |(key, value): (u16, Vec<u8>)| {
                    [&key.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), &value].concat()
                };
                parameters.into_iter().flat_map(octets).collect()
            })
            .boxed(),
        Field::IpsecGateway => (exactly(1), 0..4_u8, exactly(1), gateway_tail())
            .prop_map(|(head, kind, algorithm, tail)| {
                [&head[..], &[kind], &algorithm, &tail[usize::from(kind)]].concat()
            })
            .boxed(),
        Field::AmtRelay => (exactly(1), 0..4_u8, any::<bool>(), gateway_tail())
            .prop_map(|(head, kind, bit, tail)| {
                [&head[..], &[u8::from(bit) << 7 | kind], &tail[usize::from(kind)]].concat()
            })
            .boxed(),
        Field::HostIdentity => (vec(any::<u8>(), 0..9), vec(any::<u8>(), 0..9), vec(any_name(), 0..3))
            .prop_map(|(tag, key, names)| {
                let head = [tag.len() as u8, 2, 0, key.len() as u8];
                [&head[..], &tag, &key, &names.concat()].concat()
            })
            .boxed(),
        Field::Prefixes => vec((1..3_u8, 0..33_u8, any::<bool>(), vec(1..255_u8, 0..5)), 0..3)
            .prop_map(|prefixes| {
                let octets = |(family, bits, negated, octets): (u8, u8, bool, Vec<u8>)| {
                    [&[0, family, bits, u8::from(negated) << 7 | octets.len() as u8][..], &octets].concat()
                };
                prefixes.into_iter().flat_map(octets).collect()
            })
            .boxed(),
        Field::AtmAddress => prop_oneof![vec(any::<u8>(), 1..9), Just(b"\x01358400".to_vec())].boxed(),
        _ => vec(any::<u8>(), 0..20).boxed(),
    }
}

/// What follows a kind of gateway: nothing, addresses, a name.
fn gateway_tail() -> impl Strategy<Value = [Vec<u8>; 4]> {
    (vec(any::<u8>(), 4), vec(any::<u8>(), 16), any_name()).prop_map(|(v4, v6, name)| [Vec::new(), v4, v6, name])
}

fn any_record() -> impl Strategy<Value = Record> {
    let known = (0..KNOWN.len()).prop_flat_map(|at| {
        let mut data = Just(Vec::new()).boxed();
        for &field in KNOWN[at].fields {
            data = (data, octets_of(field)).prop_map(|(data, more)| [data, more].concat()).boxed();
        }
        data.prop_map(move |data| (KNOWN[at].code, data))
    });
    let unknown = vec(any::<u8>(), 0..20).prop_map(|data| (65_280, data));
    let owner = "[a-c]|\\*|x\\\\\\.y|\\\\000z"
        .prop_map(|text| Name::from_text(text.as_bytes(), Some(&name("example."))).unwrap());
    (prop_oneof![20 => known, 1 => unknown], owner).prop_map(|((rtype, data), owner)| Record {
        owner,
        rtype,
        ttl: 300,
        data: data.into(),
    })
}

/// What may stand in a zone beside anything else.
fn is_storable(record: &Record) -> bool {
    let fields = KNOWN.iter().find(|known| known.code == record.rtype).map(|known| known.fields);
    let apart = [rtype::SOA, rtype::CNAME, rtype::DNAME, rtype::NS, rtype::RRSIG, rtype::NSEC, rtype::NSEC3];
    fields.is_none_or(|fields| has_form(fields, &record.data)) && !apart.contains(&record.rtype)
}

const APEX: &str = "@ 300 SOA ns1 host 1 2 3 4 5\n@ 300 NS ns.other.\n";

fn written(zone: &Zone) -> Vec<String> {
    let mut lines: Vec<String> = zone.records().map(|record| record_text(&record)).collect();
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_written_reads_back_as_the_same_zone(records in vec(any_record(), 1..12)) {
        let apex = load("example.", APEX, &[]);
        let records = apex.records().chain(records.into_iter().filter(is_storable));
        let zone = Zone::from_records(&spec("example.", "none".as_ref(), &[]), records).unwrap();
        let again = load("example.", &zone.to_text(), &[]);
        let wire = |zone: &Zone| {
            let mut all: Vec<_> = zone.records().map(|r| (r.owner, r.rtype, r.ttl, r.data)).collect();
            all.sort();
            all
        };
        prop_assert_eq!(wire(&zone), wire(&again), "{}", zone.to_text());
    }
}

#[test]
fn rare_fields_are_written_as_their_standards_do() {
    for line in [
        "a.example.\t300\tIN\tA\t192.0.2.1",
        "a.example.\t300\tIN\tTXT\t\"a \\\"b\\\\\" \"\\195\\133\" \"\"",
        "a.example.\t300\tIN\tMX\t10 Mail.example.",
        "a.example.\t300\tIN\tCAA\t0 issue \"ca.example; x=1\"",
        "a.example.\t300\tIN\tLOC\t52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000.00m 10.00m",
        "a.example.\t300\tIN\tHTTPS\t1 . alpn=h2,h3 port=8443 ipv4hint=192.0.2.1 key65000=\"a\\000\"",
        "a.example.\t300\tIN\tSVCB\t1 svc.example. mandatory=key3 port=53",
        "a.example.\t300\tIN\tAPL\t1:192.168.32.0/21 !1:192.168.38.0/28 2:2001:db8::/32",
        "a.example.\t300\tIN\tIPSECKEY\t10 3 2 gw.example. Zm9v",
        "a.example.\t300\tIN\tIPSECKEY\t10 0 2 .",
        "a.example.\t300\tIN\tAMTRELAY\t10 1 2 2001:db8::15",
        "a.example.\t300\tIN\tHIP\t2 200100107b1a74df AwEAAbdx rvs.example.",
        "a.example.\t300\tIN\tWKS\t192.0.2.1 6 25 80",
        "a.example.\t300\tIN\tCSYNC\t66 3 A NS TYPE65280",
        "a.example.\t300\tIN\tEUI48\t00-00-5e-00-53-2a",
        "a.example.\t300\tIN\tL64\t10 2001:db8:1140:1000",
        "a.example.\t300\tIN\tNSEC3PARAM\t1 0 10 -",
        "a.example.\t300\tIN\tDS\t60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118",
        "a.example.\t300\tIN\tTYPE65280\t\\# 2 0aff",
        "a.example.\t300\tIN\tTYPE65281\t\\# 0",
    ] {
        let zone = load("example.", &format!("{APEX}{line}\n"), &[]);
        assert!(written(&zone).contains(&line.to_owned()), "{line}\n{}", written(&zone).join("\n"));
    }
}

#[test]
fn zones_are_written_in_canonical_order() {
    let text =
        format!("{APEX}z A 192.0.2.1\nb.a A 192.0.2.1\nZ.b A 192.0.2.1\n*.a A 192.0.2.1\na AAAA ::1\na A 192.0.2.1\n");
    let zone = load("example.", &text.replace(" A ", " 60 A ").replace(" AAAA ", " 60 AAAA "), &[]);
    let owners: Vec<_> =
        to_text(zone.records()).lines().map(|line| line.split("\t60").next().unwrap_or("").to_owned()).collect();
    assert!(owners[0].starts_with("example.\t300\tIN\tSOA\t") && owners[1].starts_with("example.\t300\tIN\tNS\t"));
    assert_eq!(owners[2..], ["a.example.", "a.example.", "*.a.example.", "b.a.example.", "z.b.example.", "z.example."]);
}

#[test]
fn records_of_signed_zones_are_written_as_their_standards_do() {
    let record =
        |rtype: u16, data: &[u8]| record_text(&Record { owner: name("a.example."), rtype, ttl: 60, data: data.into() });
    let signature = b"\0\x01\x0f\x02\0\0\x01\x2c\x65\0\0\x01\x64\0\0\x02\x12\x34\x07example\0foo";
    let text = "a.example.\t60\tIN\tRRSIG\tA 15 2 300 1694498817 1677721602 4660 example. Zm9v";
    assert_eq!(record(rtype::RRSIG, signature), text);
    let chain = b"\x07example\0\0\x01\x40";
    assert_eq!(record(rtype::NSEC, chain), "a.example.\t60\tIN\tNSEC\texample. A");
    let hashed = b"\x01\0\0\x0a\x02\xaa\xbb\x05\x00\x44\x32\x14\xc7\0\x01\x40";
    assert_eq!(record(rtype::NSEC3, hashed), "a.example.\t60\tIN\tNSEC3\t1 0 10 aabb 01234567 A");
}
