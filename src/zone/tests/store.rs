//! What the store promises to those who write messages from it: pointers, targets, counts, and zones found by suffix.

use super::{Zone, load, name, show_rrset, spec};
use crate::base::Sources;
use crate::wire::{NameKey, rtype};
use crate::zone::{Lookup, ZoneSet};
use std::sync::Arc;

const TEXT: &str = "$TTL 300
@ 200 SOA ns1 h.com. 42 2h 30m 2w 100
@ NS ns1
@ NS ns.example.net.
@ MX 10 mail
ns1 A 192.0.2.1
ns1 AAAA 2001:db8::1
mail A 192.0.2.2
mail A 192.0.2.3
sub NS ns.sub
ns.sub A 192.0.2.4
_s._tcp SRV 1 2 3 mail
*.w A 192.0.2.5
";

#[test]
fn pointers_lead_into_the_apex() {
    let zone = load("Example.COM.", TEXT, &["geo"]);
    let soa = zone.soa();
    // `ns1` and a pointer to the apex; `h` and a pointer to its last label; five numbers.
    assert_eq!(soa.octets()[12..22], *b"\x03ns1\xc0\x00\x01h\xc0\x08");
    assert_eq!((soa.fixups(), soa.targets(), soa.ttl(), soa.records()), (&[16_u16, 20][..], &[][..], 200, 1));
    let ns = zone.ns();
    assert_eq!((ns.fixups(), ns.targets()), (&[16_u16][..], &[12_u16, 30][..]));
    assert_eq!(ns.octets()[16..18], [0xc0, 0]);
    assert_eq!(show_rrset(&zone, ns), "NS 300 ns1.example.com. | ns.example.net.");
    let key = NameKey::of(&name("_s._tcp.example.com."));
    let Lookup::Answer { rrset, .. } = zone.lookup(&key, 2, rtype::SRV) else { panic!("no SRV") };
    assert_eq!((rrset.fixups(), rrset.targets()), (&[][..], &[18_u16][..]), "SRV names are not compressed (RFC 3597)");
}

#[test]
fn numbers_of_a_zone() {
    let zone = load("Example.COM.", TEXT, &["geo", "www"]);
    assert_eq!((zone.serial(), zone.negative_ttl()), (42, 100));
    assert_eq!(zone.record_count(), 12);
    assert_eq!(zone.name_count(), 9, "balanced names count, empty non-terminals do not");
    assert_eq!(zone.apex().to_string(), "Example.COM.");
    assert_eq!(format!("{zone:?}"), "Zone(Example.COM., serial 42, 12 records)");
    let low = load("example.com.", "@ 50 SOA a. b. 1 2 3 4 100\n@ NS a.\n", &[]);
    assert_eq!(low.negative_ttl(), 50, "the smaller of TTL and MINIMUM");
}

#[test]
fn addresses_are_those_of_the_name_itself() {
    let zone = load("example.com.", TEXT, &["geo"]);
    let of = |text: &str| {
        let key = NameKey::of(&name(text));
        let shown =
            zone.addresses(&key, zone.strip(&key).unwrap()).map(|found| found.map(|rrset| show_rrset(&zone, rrset)));
        shown.into_iter().flatten().collect::<Vec<_>>().join(" & ")
    };
    assert_eq!(of("NS1.example.com."), "A 300 192.0.2.1 & AAAA 300 16 octets");
    assert_eq!(of("ns.sub.example.com."), "A 300 192.0.2.4", "glue");
    assert_eq!(of("x.w.example.com."), "", "no wildcard");
    assert_eq!(of("geo.example.com."), "", "nothing steered");
    assert_eq!(of("nothing.example.com."), "");
}

fn tiny(apex: &str) -> Arc<Zone> {
    load(apex, "@ 1 SOA a. b. 1 2 3 4 5\n@ NS a.\n", &[])
}

#[test]
fn the_deepest_zone_wins() {
    let set = ZoneSet::new(["example.com.", "sub.Example.com.", "net.", "other.example.com."].map(tiny).to_vec());
    let find = |text: &str, from: usize| set.find(&NameKey::of(&name(text)), from);
    assert_eq!(find("www.example.COM.", 0), Some((0, 1)));
    assert_eq!(find("example.com.", 0), Some((0, 0)));
    assert_eq!(find("a.b.sub.example.com.", 0), Some((1, 2)));
    assert_eq!(find("sub.example.com.", 1), Some((0, 1)), "the parent side, for DS");
    assert_eq!(find("example.com.", 1), None);
    assert_eq!(find("net.", 0), Some((2, 0)));
    assert_eq!(find("com.", 0), None);
    assert_eq!(find("xexample.com.", 0), None);
    assert_eq!(find(".", 0), None);
    assert_eq!(find(&"a.".repeat(127), 0), None);
    assert_eq!(set.zones().len(), 4);
    assert_eq!(ZoneSet::default().find(&NameKey::default(), 0), None);
    let with_root = ZoneSet::new([".", "example."].map(tiny).to_vec());
    assert_eq!(with_root.find(&NameKey::of(&name("a.b.")), 0), Some((0, 2)));
    assert_eq!(with_root.find(&NameKey::of(&name("a.example.")), 0), Some((1, 1)));
}

#[test]
fn a_thousand_zones_are_told_apart() {
    let zones: Vec<_> = (0..1_000).map(|number| tiny(&format!("z{number}.example."))).collect();
    let set = ZoneSet::new(zones);
    for number in 0..1_000 {
        assert_eq!(set.find(&NameKey::of(&name(&format!("www.z{number}.example."))), 0), Some((number, 1)));
    }
    assert_eq!(set.find(&NameKey::of(&name("z1000.example.")), 0), None);
}

#[test]
fn a_zone_file_that_is_a_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let spec = spec("example.com.", folder.path(), &[]);
    let (zone, diagnostics) = Zone::load(&spec, None, &mut Sources::default());
    assert!(zone.is_none() && diagnostics.len() == 1);
    assert!(diagnostics[0].hints[0].contains("folder"));
}
