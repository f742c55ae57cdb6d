//! The syntax of master files as data: zone text, and what the zone then holds.

use super::{Zone, check, show, spec, try_load};
use crate::base::Sources;
use proptest::prelude::{any, proptest};

const SOA: &str = "@ SOA ns.example.net. h 7 2h 30m 2w 60\n@ NS ns.example.net.\n";

#[test]
fn rfc1035_owners_origins_and_parentheses() {
    check(
        "example.com.",
        "$TTL 300
; the origin is the apex until something else is said
@ IN SOA ns.example.net. h (
  1 ; serial
  2h 30m 2w 60 )
  IN NS ns.example.net.
www 60 IN A 192.0.2.1
    IN 60 TXT \"one\"

  ; a comment between
    TXT \"two\" ; behind
  60 A 192.0.2.2
$ORIGIN sub
a A 192.0.2.3
$origin deeper
a A 192.0.2.4
$ORIGIN example.com.
@ A 192.0.2.5
b.sub.example.com. A 192.0.2.6
( c.sub
  A
  192.0.2.7 )
a\\.dot A 192.0.2.8
\\097bc A 192.0.2.9
\\@ A 192.0.2.10
\\$x A 192.0.2.11
",
        &[],
        "example.com. SOA = SOA 300 40 octets
         example.com. A = A 300 192.0.2.5
         www.example.com. A = A 60 192.0.2.1 | 192.0.2.2
         www.example.com. TXT = TXT 60 one | two
         a.sub.example.com. A = A 300 192.0.2.3
         a.deeper.sub.example.com. A = A 300 192.0.2.4
         b.sub.example.com. A = A 300 192.0.2.6
         c.sub.example.com. A = A 300 192.0.2.7
         a\\.dot.example.com. A = A 300 192.0.2.8
         dot.example.com. A = NXDOMAIN
         abc.example.com. A = A 300 192.0.2.9
         \\@.example.com. A = A 300 192.0.2.10
         \\$x.example.com. A = A 300 192.0.2.11",
    );
}

#[test]
fn rfc2308_default_ttls() {
    // Without $TTL the last one given counts; $TTL wins from where it stands.
    check(
        "example.com.",
        "@ 100 SOA ns.example.net. h 7 2h 30m 2w 60\n@ NS ns.example.net.\na A 192.0.2.1\nb 50 A 192.0.2.2\nc A 192.0.2.3\n\
         $TTL 1m30s\nd A 192.0.2.4\ne 20 A 192.0.2.5\nf A 192.0.2.6\n",
        &[],
        "example.com. NS = NS 100 ns.example.net.
         a.example.com. A = A 100 192.0.2.1
         b.example.com. A = A 50 192.0.2.2
         c.example.com. A = A 50 192.0.2.3
         d.example.com. A = A 90 192.0.2.4
         e.example.com. A = A 20 192.0.2.5
         f.example.com. A = A 90 192.0.2.6",
    );
    // Nothing at all: MINIMUM of the SOA.
    check("example.com.", &format!("{SOA}a A 192.0.2.1\n"), &[], "a.example.com. A = A 60 192.0.2.1");
}

#[test]
fn records_of_one_name_meet_wherever_they_stand() {
    check(
        "example.com.",
        &format!(
            "$TTL 9\n{SOA}a A 192.0.2.2\nb A 192.0.2.9\nA TXT \"x\"\na 5 A 192.0.2.1\na A 192.0.2.2\n\
             m MX 10 A\nm MX 10 a\nm MX 20 a\n"
        ),
        &[],
        "a.example.com. A = A 5 192.0.2.2 | 192.0.2.1
         a.example.com. TXT = TXT 9 x
         m.example.com. MX = MX 9 a.example.com. | a.example.com.",
    );
}

#[test]
fn generated_records() {
    check(
        "example.com.",
        &format!("$TTL 9\n{SOA}$GENERATE 1-3/2 host-$ 60 IN A 192.0.2.${{10,2}}\n$GENERATE 5-6 $ CNAME $.sub\n"),
        &[],
        "5.example.com. A = -> CNAME 9 5.sub.example.com.
         6.example.com. A = -> CNAME 9 6.sub.example.com.
         host-1.example.com. A = A 60 192.0.2.11
         host-3.example.com. A = A 60 192.0.2.13
         host-2.example.com. A = NXDOMAIN",
    );
}

#[test]
fn includes_keep_to_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("more")).unwrap();
    write(
        "zone",
        &format!(
            "$TTL 9\n{SOA}www A 192.0.2.1\n$INCLUDE \"more/hosts\" hosts\n  TXT \"of www\"\nlast A 192.0.2.4\n$INCLUDE more/deeper\n"
        ),
    );
    write("more/hosts", "  A 192.0.2.2\na A 192.0.2.3\n$ORIGIN elsewhere.example.com.\n$INCLUDE deeper\n");
    write("more/deeper", "deep TXT \"deep\"\n");
    let mut sources = Sources::default();
    let spec = spec("example.com.", &folder.path().join("zone"), &["geo"]);
    let (zone, diagnostics) = Zone::load(&spec, None, &mut sources);
    let zone = zone.unwrap_or_else(|| panic!("{diagnostics:?}"));
    for (qname, qtype, expected) in [
        ("www.example.com.", "A", "A 9 192.0.2.1 | 192.0.2.2"),
        ("www.example.com.", "TXT", "TXT 9 of www"),
        ("a.hosts.example.com.", "A", "A 9 192.0.2.3"),
        ("deep.elsewhere.example.com.", "TXT", "TXT 9 deep"),
        ("deep.example.com.", "TXT", "TXT 9 deep"),
        ("last.example.com.", "A", "A 9 192.0.2.4"),
    ] {
        assert_eq!(show(&zone, qname, qtype), expected, "{qname}");
    }

    let reload = |spec| Zone::load(spec, Some(&zone), &mut Sources::default()).0;
    assert!(std::sync::Arc::ptr_eq(&zone, &reload(&spec).unwrap()), "equal files: the same zone");
    let mut other = spec.clone();
    other.balanced[0].answers_cname = true;
    assert!(!std::sync::Arc::ptr_eq(&zone, &reload(&other).unwrap()), "another configuration");
    write("more/deeper", "deep TXT \"changed\"\n");
    let changed = reload(&spec).unwrap();
    assert_eq!(show(&changed, "deep.example.com.", "TXT"), "TXT 9 changed", "an included file counts");
    assert_eq!(show(&zone, "deep.example.com.", "TXT"), "TXT 9 deep", "the old zone is as it was");
    std::fs::remove_file(folder.path().join("more/deeper")).unwrap();
    assert!(reload(&spec).is_none());
}

#[test]
fn files_without_a_message_are_not_kept() {
    let (zone, diagnostics, sources) = try_load("example.com.", format!("$TTL 9\n{SOA}"), &[]);
    assert!(zone.is_some() && diagnostics.is_empty());
    assert!(format!("{sources:?}").len() < 100, "{sources:?}");
}

#[test]
fn carriage_returns_byte_order_mark_and_a_missing_last_newline() {
    let text = format!("\u{feff}$TTL 9\n{SOA}a TXT \"x\"").replace('\n', "\r\n");
    check("example.com.", &text, &[], "a.example.com. TXT = TXT 9 x");
}

#[test]
fn the_root_can_be_a_zone() {
    check(
        ".",
        "$TTL 9\n. SOA ns.example. h.example. 1 2 3 4 5\n. NS ns.example.\nns.example A 192.0.2.1\ncom NS ns.com\nns.com A 192.0.2.2\n",
        &[],
        ". NS = NS 9 ns.example.
         example. A = NODATA
         www.com. A = referral 1 NS 9 ns.com.
         org. A = NXDOMAIN",
    );
}

proptest! {
    #[test]
    fn any_octets_are_a_zone_or_have_mistakes(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        let (zone, diagnostics, sources) = try_load("example.com.", octets, &[]);
        proptest::prop_assert!(zone.is_some() || !diagnostics.is_empty());
        for diagnostic in &diagnostics {
            let _ = diagnostic.render(&sources, false);
        }
    }

    /// Closer to real files than octets are.
    #[test]
    fn any_words_are_a_zone_or_have_mistakes(
        text in "((\\$TTL|\\$ORIGIN|\\$GENERATE 1-3|@|www|a\\.b|\\*|IN|300|A|AAAA|NS|CNAME|DNAME|TXT|SOA|MX 10|192\\.0\\.2\\.1|::1|ns1|\\$\\{1,2\\}|\"x y\"|\\\\# 4 01020304|TYPE99|[(]|[)]|\"|\\\\|;)[ \n\t]{0,2}){0,40}",
    ) {
        let head = format!("$TTL 9\n{SOA}");
        let (zone, diagnostics, sources) = try_load("example.com.", head + &text, &["www", "=a.b"]);
        proptest::prop_assert!(zone.is_some() || !diagnostics.is_empty());
        for diagnostic in &diagnostics {
            let _ = diagnostic.render(&sources, false);
        }
    }
}
