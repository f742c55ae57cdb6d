//! Record data of every type as text and as octets; ours against `hickory-proto`, generic form against text.

#![expect(clippy::unwrap_used, reason = "test code")]

use super::lexer::Lexer;
use super::rdata::{DataError, DataText, push_data};
use crate::wire::Name;
use crate::zone::record_type;
use hickory_proto::rr::{RData, RecordType};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder};
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

/// The stored data of `text`, read with origin `example.com.` in a zone with that apex.
fn stored(mnemonic: &str, text: &str, apex: &str) -> Result<Vec<u8>, DataError> {
    let known = record_type::by_mnemonic(mnemonic.as_bytes());
    let code = known.map_or(65_280, |known| known.code);
    let (mut tokens, mut out) = (Vec::new(), Vec::new());
    // Directly behind a word, as in a record.
    let line = format!("{mnemonic} {text}");
    Lexer::new(line.as_bytes()).next_entry(&mut tokens);
    let (origin, apex) =
        (Name::from_text(b"example.com.", None).unwrap(), Name::from_text(apex.as_bytes(), None).unwrap());
    let data = DataText { text: line.as_bytes(), tokens: &tokens[1..], origin: &origin, apex: apex.as_wire() };
    push_data(code, known, data, &mut out).map(|_| out)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

const EXAMPLES: &[(&str, &str, &str)] = &[
    ("A", "192.0.2.1", "c0000201"),
    ("AAAA", "2001:db8::1", "20010db8000000000000000000000001"),
    ("AAAA", "::ffff:192.0.2.1", "00000000000000000000ffffc0000201"),
    ("NS", "ns", "026e73c000"),
    ("NS", "example.com.", "c000"),
    ("NS", "ns.other.com.", "026e73056f74686572c008"),
    ("CNAME", ".", "00"),
    ("PTR", "host.example.net.", "04686f7374076578616d706c65036e657400"),
    ("MX", "10 mail", "000a046d61696cc000"),
    ("SRV", "1 2 443 www", "0001000201bb03777777076578616d706c6503636f6d00"),
    ("SOA", "ns h\\.m 1 2h 30m 2w 1d", "026e73c00003682e6dc0000000000100001c200000070800127500000151 80"),
    ("TXT", "plain \"two words\" \"\"", "05706c61696e0974776f20776f72647300"),
    ("TXT", "\"a\\\"b\\\\c\\195\\133;\"", "086122625c63c3853b"),
    ("SPF", "v=spf1", "06763d73706631"),
    ("CAA", "0 issue \"ca.example.net; x=1\"", "0005697373756563612e6578616d706c652e6e65743b20783d31"),
    ("CAA", "128 iodef mailto:a@example.net", "8005696f6465666d61696c746f3a61406578616d706c652e6e6574"),
    ("DNAME", "d", "0164076578616d706c6503636f6d00"),
    (
        "DS",
        "60485 5 1 ( 2BB183AF 5F22588179A53B0A 98631FAD1A292118 )",
        "ec4505012bb183af5f22588179a53b0a98631fad1a292118",
    ),
    (
        "RRSIG",
        "A 5 3 86400 20030322173103 ( 20030220173103 2642 example.com. oJB1 W6Wn )",
        "0001 05 03 00015180 3e7c9dd7 3e5510d7 0a52 07 6578616d706c65 03 636f6d 00 a090755ba5a7",
    ),
    ("RRSIG", "TYPE1234 13 0 1h 4294967295 0 1 . AA==", "04d2 0d 00 00000e10 ffffffff 00000000 0001 00 00"),
    ("NSEC", "Host A MX RRSIG NSEC TYPE1234", NSEC),
    (
        "NSEC3",
        "1 1 12 aabbccdd ( 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX a )",
        "01 01 000c 04aabbccdd 14 174eb2409fe28bcb4887a1836f957f0a8425e27b 00 02 4001",
    ),
    ("CDS", "0 0 0 00", "0000000000"),
    ("DNSKEY", "256 3 8 AwEA AQ==", "01000308030100 01"),
    ("CDNSKEY", "0 3 0 AA==", "0000030000"),
    ("NSEC3PARAM", "1 0 12 aabb", "0100000c02aabb"),
    ("NSEC3PARAM", "1 0 0 -", "0100000000"),
    ("URI", "10 1 \"ftp://ftp.example/\"", "000a00016674703a2f2f6674702e6578616d706c652f"),
    ("RP", "a.b .", "016101620765 78616d706c6503636f6d0000"),
    ("AFSDB", "1 db", "0001026462076578616d706c6503636f6d00"),
    ("KX", "1 .", "000100"),
    ("RT", "1 .", "000100"),
    ("PX", "1 . .", "00010000"),
    ("X25", "311061700956", "0c333131303631373030393536"),
    ("ISDN", "150862028003217 004", "0f3135303836323032383030333231370330 3034"),
    ("ISDN", "1", "0131"),
    ("EUI48", "00-00-5e-00-53-2a", "00005e00532a"),
    ("EUI64", "00-00-5e-ef-10-00-00-2a", "00005eef1000002a"),
    ("ZONEMD", "2018031500 1 1 FEBE3D4C", "7848b78c0101febe3d4c"),
    ("DHCID", "AAIBY2/A", "000201636fc0"),
    ("LOC", "0 N 0 E 0m", "0012161380000000800000000098968 0"),
    ("MB", "m", "016dc000"),
    ("MINFO", "a b", "0161c0000162c000"),
    ("HINFO", "\"abc\" \"d e\"", "03616263036420 65"),
    (
        "NAPTR",
        "100 50 \"s\" \"e2u+sip\" \"!^.*$!\\\\1!\" Sub",
        "00640032017307653275 2b736970 09215e2e2a24215c3121 03537562076578616d706c6503636f6d00",
    ),
    ("TLSA", "3 1 1 ( d2abde24 0d7cd3ee )", "030101d2abde240d7cd3ee"),
    ("SMIMEA", "3 1 1 00ff", "03010100ff"),
    ("SSHFP", "4 2 00ff", "040200ff"),
    ("OPENPGPKEY", "AQID", "010203"),
    ("CERT", "1 2 8 AQID", "0001000208010203"),
    ("CSYNC", "66 3 A NS AAAA", "00000042000300046000 0008"),
    (
        "HTTPS",
        "1 . port=443 alpn=\"h2,h3\" ipv4hint=192.0.2.1",
        "000100 0001 0006 026832 026833 0003 0002 01bb 0004 0004 c0000201",
    ),
    ("SVCB", "0 svc", "0000 03737663076578616d706c6503636f6d00"),
    ("SVCB", "1 . key667=\"hello\\210qoo;\"", "000100 029b 000a 68656c6c6fd2716f6f3b"),
    (
        "SVCB",
        "16 . mandatory=\"port,alpn\" port=53 alpn=\"f\\\\\\\\oo\\\\,bar,h2\" key65333",
        "001000 0000 0004 00010003 0001 000c 08665c6f6f2c626172 026832 0003 0002 0035 ff35 0000",
    ),
    (
        "HTTPS",
        "1 . ohttp ipv6hint=2001:db8::1,2001:db8::2 ech=AQID no-default-alpn alpn=h3 dohpath=/q{?dns} tls-supported-groups=29,4588",
        "000100 0001 0003 026833 0002 0000 0005 0003 010203 0006 0020 20010db8000000000000000000000001 \
         20010db8000000000000000000000002 0007 0008 2f717b3f646e737d 0008 0000 0009 0004 001d11ec",
    ),
    ("WKS", "192.0.2.1 TCP smtp 80", "c000020106 00000040000000000000 80"),
    ("NSAP", "0x47.0005.80", "47000580"),
    ("NSAP-PTR", "n", "016e076578616d706c6503636f6d00"),
    ("KEY", "49152 3 RSASHA1", "c0000305"),
    ("GPOS", "-32.6882 116.8652 10.0", "082d33322e36383832 083131362e38363532 0431302e30"),
    ("EID", "e32c 6f78", "e32c6f78"),
    ("NIMLOC", "32251a03", "32251a03"),
    ("ATMA", "+61200000000", "01 3631323030303030303030"),
    ("ATMA", "39.246f00", "0039246f00"),
    ("SINK", "1 0 0 AQID", "010000010203"),
    ("APL", "1:192.168.32.0/21 !1:192.168.38.0/28", "00011503c0a820 00011c83c0a826"),
    ("APL", "2:ff00::/8", "00020801ff"),
    ("APL", "", ""),
    ("IPSECKEY", "10 1 2 192.0.2.38 AQID", "0a0102c0000226010203"),
    ("IPSECKEY", "10 0 0 .", "0a0000"),
    ("IPSECKEY", "10 3 2 gw AQ==", "0a0302026777076578616d706c6503636f6d0001"),
    (
        "HIP",
        "2 200100107B1A74DF AQID rvs a.",
        "0802 0003 200100107b1a74df 010203 03727673076578616d706c6503636f6d00 016100",
    ),
    ("NINFO", "a \"b c\"", "0161 03622063"),
    ("RKEY", "0 1 ED25519 AQID", "0000010f010203"),
    ("TALINK", ". n.", "00016e00"),
    ("DSYNC", "CDS NOTIFY 5359 cds.", "003b01 14ef 0363647300"),
    ("HHIT", "AQID", "010203"),
    ("BRID", "AQID", "010203"),
    ("NID", "10 0014:4fff:ff20:ee64", "000a00144fffff20ee64"),
    ("L32", "10 10.1.2.0", "000a0a010200"),
    ("L64", "10 2001:DB8:1140:0", "000a20010db811400000"),
    ("LP", "10 l.", "000a016c00"),
    ("AVC", "a", "0161"),
    ("DOA", "0 1 2 \"\" aHR0cA==", "00000000 00000001 02 00 68747470"),
    ("DOA", "0 1 2 t/p -", "00000000 00000001 02 03742f70"),
    ("AMTRELAY", "10 1 3 relay.", "0a83 0572656c617900"),
    ("AMTRELAY", "0 0 0 .", "0000"),
    ("AMTRELAY", "128 0 2 2001:db8::15", "8002 20010db8000000000000000000000015"),
    ("RESINFO", "qnamemin exterr=15", "08716e616d656d696e 096578746572723d3135"),
    ("WALLET", "BTC a", "03425443 0161"),
    ("CLA", "TLS-1", "05544c532d31"),
    ("IPN", "18446744073709551615", "ffffffffffffffff"),
    ("TA", "60485 RSASHA1 1 2bb1", "ec4505012bb1"),
    ("DLV", "60485 5 1 2bb1", "ec4505012bb1"),
    ("CERT", "PKIX 1 RSASHA256 AQID", "0001000108010203"),
    (
        "CSYNC",
        "66 3 RRSIG TYPE1234 NSEC",
        "000000420003 0006000000000003 041b000000000000000000000000000000000000000000000000000020",
    ),
];

/// The set of types is that of RFC 4034, section 4.3.
const NSEC: &str = "04486f7374076578616d706c6503636f6d00 0006400100000003 041b
    000000000000000000000000000000000000000000000000000020";

#[test]
fn every_type_has_its_octets() {
    for (mnemonic, text, octets) in EXAMPLES.iter().copied() {
        let stored = stored(mnemonic, text, "example.com.").map(|stored| hex(&stored));
        assert_eq!(stored, Ok(octets.replace([' ', '\n'], "")), "{mnemonic} {text}");
    }
    let tested = |mnemonic: &str| EXAMPLES.iter().any(|(tested, ..)| *tested == mnemonic);
    let left_out: Vec<_> = record_type::KNOWN.iter().map(|t| t.mnemonic).filter(|mnemonic| !tested(mnemonic)).collect();
    assert_eq!(left_out, ["MG", "MR", "MD", "MF"], "these have the form of others");
}

#[test]
fn the_generic_form_means_the_same() {
    for (mnemonic, text, _) in EXAMPLES.iter().copied() {
        // Without compression: against the root.
        let octets = stored(mnemonic, text, ".").unwrap();
        let generic = format!("\\# {} {}", octets.len(), hex(&octets));
        for apex in [".", "example.com."] {
            let (generic, text) = (stored(mnemonic, &generic, apex), stored(mnemonic, text, apex));
            assert_eq!(generic, text, "{mnemonic}");
        }
    }
    assert_eq!(stored("TYPE65280", "\\# 0", ".").unwrap(), b"");
    assert_eq!(stored("TYPE65280", "\\# 3 ( 0a0b 0c )", ".").unwrap(), b"\x0a\x0b\x0c");
}

#[test]
fn service_parameters_are_sorted_and_checked() {
    let sorted = stored("SVCB", "1 svc port=53 alpn=h2", "example.com.").unwrap();
    assert_eq!(sorted, stored("SVCB", "1 svc.example.com. alpn=\"h2\" port=53", "example.com.").unwrap());
    for (text, expected) in [
        ("1 . port=1 port=2", "3: the parameter `port` is given twice"),
        ("1 . alpn=\"\"", "2: `alpn` needs a value"),
        ("1 . alpn=h2,,h3", "2: `alpn` holds a protocol that is empty or longer than 255 octets"),
        ("1 . no-such=1", "2: `no-such` is no key of a parameter"),
        ("1 . key65535=x", "2: `key65535` is no key of a parameter"),
        ("1 . key03=x", "2: `key03` is no key of a parameter"),
        ("1 . key3=x", "2: these octets are no value of the key `port`"),
        ("1 . \"port=1\"", "2: a parameter does not stand in quotes, but its value may"),
        ("1 . port=65536", "2: `port` holds `65536`, which is no port"),
        ("1 . ohttp=1", "2: `ohttp` takes no value"),
        ("1 . ipv4hint=192.0.2.1,x", "2: `ipv4hint` holds `x`, which is no IPv4 address"),
        ("1 . ipv6hint=192.0.2.1", "2: `ipv6hint` holds `192.0.2.1`, which is no IPv6 address"),
        ("1 . ech=%", "2: `ech` is no Base64 data"),
        ("1 . dohpath=dns", "2: `dohpath` is no relative URI template with the variable `dns`"),
        ("1 . no-default-alpn port=1", "2: `no-default-alpn` needs `alpn` beside it"),
        ("1 . mandatory=port", "2: `port` is mandatory, but it is not given"),
        ("1 . mandatory=port,port port=1", "2: `mandatory` lists `port` twice"),
        ("1 . mandatory=mandatory", "2: `mandatory` lists itself"),
        ("0 svc port=1", "2: a record in AliasMode (priority 0) has no parameters"),
        ("1", "end: a name is missing"),
        ("x .", "0: `x` is no number from 0 to 65535"),
    ] {
        let error = stored("SVCB", text, ".").unwrap_err();
        let place = error.token.map_or("end".into(), |token| token.to_string());
        assert_eq!(format!("{place}: {}", error.message), expected, "{text}");
    }
}

#[test]
fn mistakes_name_their_token() {
    let mistake = |mnemonic: &str, text: &str| {
        let error = stored(mnemonic, text, ".").unwrap_err();
        format!("{}: {}", error.token.map_or("end".into(), |token| token.to_string()), error.message)
    };
    for (mnemonic, text, expected) in [
        ("A", "192.0.2", "0: `192.0.2` is no IPv4 address"),
        ("A", "", "end: an IPv4 address is missing"),
        ("A", "192.0.2.1 192.0.2.2", "1: `192.0.2.2` is too much: the record is complete before it"),
        ("AAAA", "192.0.2.1", "0: `192.0.2.1` is no IPv6 address"),
        ("MX", "mail 10", "0: `mail` is no number from 0 to 65535"),
        ("MX", "10", "end: a name is missing"),
        ("NS", "a..b", "0: `a..b` is no name: the name has an empty label (two dots in a row, or a dot at its start)"),
        ("SOA", "a b 1 2 3 4 5x", "6: `5x` is no time"),
        ("TXT", "\"\\300\"", "0: `\\` must be followed by a character or by three digits of at most 255"),
        ("CAA", "0 is-sue x", "1: `is-sue` is no CAA tag"),
        ("DS", "1 2 3 0", "3: this is no hexadecimal data"),
        ("DNSKEY", "256 3 8 A", "3: this is no Base64 data"),
        ("EUI48", "00-00-5e", "0: this is no address of 6 octets with hyphens between them"),
        ("LOC", "here", "0: this is no location"),
        ("A", "\\# 3 c00002", "0: the octets are no data of type A: a field is broken"),
        ("A", "\\# 4 c00002", "1: the length says 4 octets, but 3 follow"),
        ("A", "\\# x", "1: `x` is no number from 0 to 65535"),
        ("NS", "\\# 2 c000", "0: the octets are no data of type NS: a field is broken"),
        ("TYPE65280", "a", "0: the data of type TYPE65280 must be given in hexadecimal"),
    ] {
        assert_eq!(mistake(mnemonic, text), expected, "{mnemonic} {text}");
    }
    let long = format!("\"{}\"", "x".repeat(256));
    assert_eq!(mistake("TXT", &long), "0: the string has 256 octets, and at most 255 fit");
}

/// A host name with a final dot, in lower case: hickory would make it so.
fn host() -> impl Strategy<Value = String> {
    prop_oneof![9 => "([a-z0-9_]([a-z0-9-]{0,10}[a-z0-9])?\\.){1,4}", 1 => "\\."]
}

/// A type and its data in presentation form.
fn record() -> impl Strategy<Value = (&'static str, String)> {
    // Quotes and backslashes in strings stand behind a backslash.
    let string = "\"([a-zA-Z0-9 ;()@.$=]|\\\\\\\\|\\\\\"){0,60}\"";
    prop_oneof![
        any::<[u8; 4]>().prop_map(|o| ("A", std::net::Ipv4Addr::from(o).to_string())),
        any::<[u8; 16]>().prop_map(|o| ("AAAA", std::net::Ipv6Addr::from(o).to_string())),
        host().prop_map(|name| ("NS", name)),
        host().prop_map(|name| ("CNAME", name)),
        host().prop_map(|name| ("PTR", name)),
        (any::<u16>(), host()).prop_map(|(preference, name)| ("MX", format!("{preference} {name}"))),
        (any::<[u16; 3]>(), host()).prop_map(|([a, b, c], name)| ("SRV", format!("{a} {b} {c} {name}"))),
        (host(), host(), any::<u32>(), any::<[u16; 4]>())
            .prop_map(|(m, r, serial, [a, b, c, d])| ("SOA", format!("{m} {r} {serial} {a} {b} {c} {d}"))),
        proptest::collection::vec(string, 1..4).prop_map(|strings| ("TXT", strings.join(" "))),
        (any::<bool>(), "[a-z0-9]{1,15}", string)
            .prop_map(|(critical, tag, value)| ("CAA", format!("{} {tag} {value}", u8::from(critical) << 7))),
        (any::<[u16; 2]>(), "[a-z]", "[a-z0-9+]{0,9}", "[a-z0-9.]{0,9}", host())
            .prop_map(|([a, b], f, s, r, name)| ("NAPTR", format!("{a} {b} \"{f}\" \"{s}\" \"{r}\" {name}"))),
        (any::<[u8; 3]>(), "([0-9a-f]{2}){1,40}").prop_map(|([a, b, c], hex)| ("TLSA", format!("{a} {b} {c} {hex}"))),
        (any::<[u8; 3]>(), "([0-9a-f]{2}){1,40}").prop_map(|([a, b, c], hex)| ("SMIMEA", format!("{a} {b} {c} {hex}"))),
        (any::<[u8; 2]>(), "([0-9a-f]{2}){1,40}").prop_map(|([a, b], hex)| ("SSHFP", format!("{a} {b} {hex}"))),
        "([A-Za-z0-9+/]{4}){1,9}".prop_map(|base64| ("OPENPGPKEY", base64)),
        (any::<[u16; 2]>(), any::<u8>(), "([A-Za-z0-9+/]{4}){1,9}")
            .prop_map(|([a, b], c, base64)| ("CERT", format!("{a} {b} {c} {base64}"))),
        (any::<u32>(), 0_u16..4, proptest::collection::vec(rtype(), 0..6))
            .prop_map(|(serial, flags, types)| ("CSYNC", format!("{serial} {flags} {}", types.join(" ")))),
        ("[a-z ]{0,9}", "[a-z ]{0,9}").prop_map(|(cpu, os)| ("HINFO", format!("\"{cpu}\" \"{os}\""))),
        (1_u16.., host(), service_parameters())
            .prop_map(|(priority, name, parameters)| ("HTTPS", format!("{priority} {name}{parameters}"))),
    ]
}

fn rtype() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(&["A", "NS", "AAAA", "MX", "TXT", "CAA", "RRSIG", "DNSKEY", "TLSA", "HTTPS"][..])
}

/// Parameters in the order of their keys, as hickory keeps them, each with a blank before it.
fn service_parameters() -> impl Strategy<Value = String> {
    let optional = |text: &'static str| prop_oneof![Just(String::new()), text.prop_map(|text| format!(" {text}"))];
    let v4 = prop_oneof![
        Just(String::new()),
        any::<[[u8; 4]; 2]>().prop_map(|[a, b]| format!(
            " ipv4hint={},{}",
            std::net::Ipv4Addr::from(a),
            std::net::Ipv4Addr::from(b)
        )),
    ];
    let v6 = prop_oneof![
        Just(String::new()),
        any::<[u8; 16]>().prop_map(|octets| format!(" ipv6hint={}", std::net::Ipv6Addr::from(octets))),
    ];
    let port = prop_oneof![Just(String::new()), any::<u16>().prop_map(|port| format!(" port={port}"))];
    (optional("alpn=[a-z0-9]{1,9}(,[a-z0-9]{1,9}){0,3}"), port, v4, optional("ech=([A-Za-z0-9+/]{4}){1,9}"), v6)
        .prop_map(|(alpn, port, v4, ech, v6)| format!("{alpn}{port}{v4}{ech}{v6}"))
}

proptest! {
    #[test]
    fn ours_equals_hickory((mnemonic, text) in record()) {
        let code = record_type::by_mnemonic(mnemonic.as_bytes()).unwrap().code;
        let theirs = RData::try_from_str(RecordType::from(code), &text).unwrap();
        let mut octets = Vec::new();
        let mut encoder = BinEncoder::new(&mut octets);
        encoder.set_name_encoding(hickory_proto::serialize::binary::NameEncoding::Uncompressed);
        theirs.emit(&mut encoder).unwrap();
        prop_assert_eq!(stored(mnemonic, &text, ".").map(|o| hex(&o)), Ok(hex(&octets)), "{} {}", mnemonic, text);
    }

    /// Whatever parameters a service has: an error or data, never a panic.
    #[test]
    fn any_service_parameters_are_read_or_refused(
        parameters in "((mandatory|alpn|port|no-default-alpn|ipv4hint|ech|ipv6hint|key[0-9]{1,5}|[a-z]{1,4})(=\"?([a-z0-9,]|[ -~]|.){0,5}\"?)? ){0,4}",
    ) {
        let _ = stored("SVCB", &format!("1 . {parameters}"), ".");
    }

    /// Whatever stands behind a type: an error or data, never a panic.
    #[test]
    fn any_data_is_read_or_refused(
        known in 0..record_type::KNOWN.len(),
        text in "(([0-9a-f]{0,3}|[ -~]{0,6}|\\\\# [0-9]|\"[ -~]{0,9}\"|[a-z]{1,9}=\"?[ -~]{0,5}\"?|alpn=.{0,4}|mandatory=.{0,4}|key[0-9]{1,5}=.{0,3}) ){0,7}",
    ) {
        let _ = stored(record_type::KNOWN[known].mnemonic, &text, "example.com.");
    }
}
