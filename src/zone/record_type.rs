//! Record types: numbers, mnemonics, and of which fields their data consists. Knows neither text nor octets of any record.

use crate::wire::rtype::{A, AAAA, ANY, CNAME, DNAME, DNSKEY, DS, MX, NS, NSEC, NSEC3, NSEC3PARAM, RRSIG, SOA, SRV};

/// One field of a record's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A domain name that messages may compress (RFC 3597, section 4).
    CompressibleName,
    /// A domain name that always stands in full.
    Name,
    /// One octet.
    U8,
    /// Two octets.
    U16,
    /// Four octets.
    U32,
    /// Four octets of seconds; in text with units.
    Seconds,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// One character string.
    Text,
    /// One or more character strings up to the end.
    Texts,
    /// A character string that may be left out, at the end.
    OptionalText,
    /// The octets of one string without a length octet, up to the end.
    RestText,
    /// The tag of a CAA record: a character string of letters and digits.
    CaaTag,
    /// Hexadecimal digits up to the end.
    Hex,
    /// One string of hexadecimal digits with a length octet, `-` for none (NSEC3PARAM's salt).
    Salt,
    /// Base64 up to the end.
    Base64,
    /// This many octets, in hexadecimal with hyphens.
    Eui(u8),
    /// A location (RFC 1876): 16 octets.
    Location,
    /// Four octets of seconds since 1970; in text also YYYYMMDDHHMMSS (RFC 4034, section 3.2).
    Time,
    /// A hash with a length octet; in text Base32 with the extended hex alphabet (RFC 5155, section 3.3).
    Base32Hash,
    /// Eight octets; in text a decimal number.
    U64,
    /// Eight octets; in text four groups of hexadecimal digits with colons (RFC 6742).
    Locator,
    /// A record type; in text its mnemonic or `TYPEnnn`.
    Type,
    /// The bit map of record types that NSEC introduced (RFC 4034, section 4.1.2), up to the end; in text their names.
    Types,
    /// Base64 up to the end; may be left out.
    OptionalBase64,
    /// Base64 in one token, `-` for nothing, up to the end (DOA).
    DashBase64,
    /// The type of a certificate: two octets, with mnemonics (RFC 4398, section 2.1).
    CertificateType,
    /// A DNSSEC algorithm: one octet, with mnemonics (RFC 4034, appendix A.1).
    Algorithm,
    /// The scheme of a DSYNC record: one octet, with mnemonics (RFC 9859, section 2.2).
    SyncScheme,
    /// The parameters of SVCB and HTTPS up to the end (RFC 9460, section 2.2), sorted by key.
    ServiceParameters,
    /// Precedence, gateway type, algorithm and gateway of IPSECKEY (RFC 4025, section 2.1).
    IpsecGateway,
    /// Precedence, discovery bit with relay type, and relay of AMTRELAY (RFC 8777, section 4).
    AmtRelay,
    /// Lengths, algorithm, tag and key of HIP, and the names of its rendezvous servers up to the end (RFC 8005).
    HostIdentity,
    /// Address prefixes up to the end (APL, RFC 3123).
    Prefixes,
    /// A protocol and the bit map of its ports up to the end (WKS, RFC 1035, section 3.4.2).
    Services,
    /// Hexadecimal digits behind `0x`, with dots anywhere, up to the end (NSAP, RFC 1706).
    Nsap,
    /// A format octet; then hexadecimal digits, or decimal ones behind `+` (ATMA), up to the end.
    AtmAddress,
}

/// A record type with a mnemonic.
#[derive(Clone, Copy, Debug)]
pub struct RecordType {
    /// In upper case.
    pub mnemonic: &'static str,
    /// How its data is written, for messages.
    pub form: &'static str,
    /// TYPE.
    pub code: u16,
    /// What its data consists of.
    pub fields: &'static [Field],
    /// Whether its name leads somewhere: CNAME and DNAME targets, and the names whose addresses belong into the
    /// additional section.
    pub has_targets: bool,
}

const fn plain(mnemonic: &'static str, form: &'static str, code: u16, fields: &'static [Field]) -> RecordType {
    RecordType { mnemonic, form, code, fields, has_targets: false }
}

const fn leading(mnemonic: &'static str, form: &'static str, code: u16, fields: &'static [Field]) -> RecordType {
    RecordType { mnemonic, form, code, fields, has_targets: true }
}

use Field::{
    Algorithm, AmtRelay, AtmAddress, Base32Hash, Base64, CaaTag, CertificateType, CompressibleName, DashBase64, Eui,
    Hex, HostIdentity, IpsecGateway, Ipv4, Ipv6, Location, Locator, Name, Nsap, OptionalBase64, OptionalText, Prefixes,
    RestText, Salt, Seconds, ServiceParameters, Services, SyncScheme, Text, Texts, Time, Type, Types, U8, U16, U32,
    U64,
};

/// Every type with a mnemonic that zone files may hold; the frequent ones first, because it is searched from the start.
pub static KNOWN: [RecordType; 80] = [
    plain("A", "IPV4-ADDRESS", A, &[Ipv4]),
    plain("AAAA", "IPV6-ADDRESS", AAAA, &[Ipv6]),
    leading("NS", "SERVER", NS, &[CompressibleName]),
    leading("CNAME", "TARGET", CNAME, &[CompressibleName]),
    leading("MX", "PREFERENCE SERVER", MX, &[U16, CompressibleName]),
    plain("TXT", "\"TEXT\" ...", 16, &[Texts]),
    plain("PTR", "NAME", 12, &[CompressibleName]),
    leading("SRV", "PRIORITY WEIGHT PORT SERVER", SRV, &[U16, U16, U16, Name]),
    plain(
        "SOA",
        "PRIMARY MAILBOX SERIAL REFRESH RETRY EXPIRE MINIMUM",
        SOA,
        &[CompressibleName, CompressibleName, U32, Seconds, Seconds, Seconds, Seconds],
    ),
    plain(
        "RRSIG",
        "TYPE ALGORITHM LABELS ORIGINAL-TTL EXPIRATION INCEPTION KEY-TAG SIGNER BASE64",
        RRSIG,
        &[Type, Algorithm, U8, Seconds, Time, Time, U16, Name, Base64],
    ),
    plain("NSEC", "NEXT-NAME TYPE ...", NSEC, &[Name, Types]),
    plain("NSEC3", "HASH FLAGS ITERATIONS SALT NEXT-HASH TYPE ...", NSEC3, &[U8, U8, U16, Salt, Base32Hash, Types]),
    plain("DS", "KEY-TAG ALGORITHM DIGEST-TYPE HEX", DS, &[U16, U8, U8, Hex]),
    plain("CAA", "FLAGS TAG \"VALUE\"", 257, &[U8, CaaTag, RestText]),
    leading("HTTPS", "PRIORITY TARGET [KEY=VALUE ...]", 65, &[U16, Name, ServiceParameters]),
    leading("SVCB", "PRIORITY TARGET [KEY=VALUE ...]", 64, &[U16, Name, ServiceParameters]),
    leading("DNAME", "TARGET", DNAME, &[Name]),
    plain(
        "NAPTR",
        "ORDER PREFERENCE \"FLAGS\" \"SERVICES\" \"REGEXP\" REPLACEMENT",
        35,
        &[U16, U16, Text, Text, Text, Name],
    ),
    plain("TLSA", "USAGE SELECTOR MATCHING-TYPE HEX", 52, &[U8, U8, U8, Hex]),
    plain("SSHFP", "ALGORITHM FINGERPRINT-TYPE HEX", 44, &[U8, U8, Hex]),
    plain("SMIMEA", "USAGE SELECTOR MATCHING-TYPE HEX", 53, &[U8, U8, U8, Hex]),
    plain("OPENPGPKEY", "BASE64", 61, &[Base64]),
    plain("CERT", "TYPE KEY-TAG ALGORITHM BASE64", 37, &[CertificateType, U16, Algorithm, Base64]),
    plain("CSYNC", "SERIAL FLAGS TYPE ...", 62, &[U32, U16, Types]),
    plain("HINFO", "\"CPU\" \"OS\"", 13, &[Text, Text]),
    plain("DNSKEY", "FLAGS PROTOCOL ALGORITHM BASE64", DNSKEY, &[U16, U8, U8, Base64]),
    plain("CDNSKEY", "FLAGS PROTOCOL ALGORITHM BASE64", 60, &[U16, U8, U8, Base64]),
    plain("CDS", "KEY-TAG ALGORITHM DIGEST-TYPE HEX", 59, &[U16, U8, U8, Hex]),
    plain("NSEC3PARAM", "HASH FLAGS ITERATIONS SALT", NSEC3PARAM, &[U8, U8, U16, Salt]),
    plain("URI", "PRIORITY WEIGHT \"URI\"", 256, &[U16, U16, RestText]),
    plain("SPF", "\"TEXT\" ...", 99, &[Texts]),
    plain("LOC", "LATITUDE N|S LONGITUDE E|W ALTITUDE [SIZE [PRECISION [PRECISION]]]", 29, &[Location]),
    plain("RP", "MAILBOX TEXT-NAME", 17, &[Name, Name]),
    plain("AFSDB", "SUBTYPE SERVER", 18, &[U16, Name]),
    plain("RT", "PREFERENCE HOST", 21, &[U16, Name]),
    plain("KX", "PREFERENCE HOST", 36, &[U16, Name]),
    plain("PX", "PREFERENCE NAME NAME", 26, &[U16, Name, Name]),
    plain("X25", "ADDRESS", 19, &[Text]),
    plain("ISDN", "ADDRESS [SUBADDRESS]", 20, &[Text, OptionalText]),
    plain("EUI48", "xx-xx-xx-xx-xx-xx", 108, &[Eui(6)]),
    plain("EUI64", "xx-xx-xx-xx-xx-xx-xx-xx", 109, &[Eui(8)]),
    plain("ZONEMD", "SERIAL SCHEME ALGORITHM HEX", 63, &[U32, U8, U8, Hex]),
    plain("DHCID", "BASE64", 49, &[Base64]),
    plain("MB", "HOST", 7, &[CompressibleName]),
    plain("MG", "NAME", 8, &[CompressibleName]),
    plain("MR", "NAME", 9, &[CompressibleName]),
    plain("MD", "HOST", 3, &[CompressibleName]),
    plain("MF", "HOST", 4, &[CompressibleName]),
    plain("MINFO", "MAILBOX MAILBOX", 14, &[CompressibleName, CompressibleName]),
    plain("WKS", "ADDRESS PROTOCOL PORT ...", 11, &[Ipv4, Services]),
    plain("NSAP", "0xHEX", 22, &[Nsap]),
    plain("NSAP-PTR", "NAME", 23, &[Name]),
    plain("KEY", "FLAGS PROTOCOL ALGORITHM BASE64", 25, &[U16, U8, Algorithm, OptionalBase64]),
    plain("GPOS", "LONGITUDE LATITUDE ALTITUDE", 27, &[Text, Text, Text]),
    plain("EID", "HEX", 31, &[Hex]),
    plain("NIMLOC", "HEX", 32, &[Hex]),
    plain("ATMA", "HEX or +DIGITS", 34, &[AtmAddress]),
    plain("SINK", "MEANING CODING SUBCODING [BASE64]", 40, &[U8, U8, U8, OptionalBase64]),
    plain("APL", "[!]FAMILY:ADDRESS/LENGTH ...", 42, &[Prefixes]),
    plain("IPSECKEY", "PRECEDENCE GATEWAY-TYPE ALGORITHM GATEWAY [BASE64]", 45, &[IpsecGateway, OptionalBase64]),
    plain("HIP", "ALGORITHM HEX BASE64 [SERVER ...]", 55, &[HostIdentity]),
    plain("NINFO", "\"TEXT\" ...", 56, &[Texts]),
    plain("RKEY", "FLAGS PROTOCOL ALGORITHM BASE64", 57, &[U16, U8, Algorithm, Base64]),
    plain("TALINK", "NAME NAME", 58, &[Name, Name]),
    plain("DSYNC", "TYPE SCHEME PORT TARGET", 66, &[Type, SyncScheme, U16, Name]),
    plain("HHIT", "BASE64", 67, &[Base64]),
    plain("BRID", "BASE64", 68, &[Base64]),
    plain("NID", "PREFERENCE xxxx:xxxx:xxxx:xxxx", 104, &[U16, Locator]),
    plain("L32", "PREFERENCE IPV4-ADDRESS", 105, &[U16, Ipv4]),
    plain("L64", "PREFERENCE xxxx:xxxx:xxxx:xxxx", 106, &[U16, Locator]),
    plain("LP", "PREFERENCE NAME", 107, &[U16, Name]),
    plain("AVC", "\"TEXT\" ...", 258, &[Texts]),
    plain("DOA", "ENTERPRISE TYPE LOCATION \"MEDIA-TYPE\" BASE64", 259, &[U32, U32, U8, Text, DashBase64]),
    plain("AMTRELAY", "PRECEDENCE DISCOVERY TYPE RELAY", 260, &[AmtRelay]),
    plain("RESINFO", "\"TEXT\" ...", 261, &[Texts]),
    plain("WALLET", "\"TEXT\" ...", 262, &[Texts]),
    plain("CLA", "\"TEXT\" ...", 263, &[Texts]),
    plain("IPN", "NUMBER", 264, &[U64]),
    plain("TA", "KEY-TAG ALGORITHM DIGEST-TYPE HEX", 32_768, &[U16, Algorithm, U8, Hex]),
    plain("DLV", "KEY-TAG ALGORITHM DIGEST-TYPE HEX", 32_769, &[U16, Algorithm, U8, Hex]),
];

/// Types that are known by name but that a zone file may not hold, with the reason.
pub static REFUSED: [(&str, u16, &str); 9] = [
    ("NULL", 10, "NULL records may not stand in master files (RFC 1035, section 3.3.10)"),
    ("OPT", 41, META),
    ("TKEY", 249, META),
    ("TSIG", 250, META),
    ("IXFR", 251, META),
    ("AXFR", 252, META),
    ("MAILB", 253, META),
    ("MAILA", 254, META),
    ("ANY", ANY, META),
];

const META: &str = "it is a type of questions or messages, not of stored data";

/// The entry of a type number, if it has a mnemonic.
#[must_use]
pub fn by_code(code: u16) -> Option<&'static RecordType> {
    KNOWN.iter().find(|known| known.code == code)
}

/// The entry of a mnemonic in any letter case.
#[must_use]
pub fn by_mnemonic(text: &[u8]) -> Option<&'static RecordType> {
    KNOWN.iter().find(|known| known.mnemonic.as_bytes().eq_ignore_ascii_case(text))
}

/// The number of a type that is written as a mnemonic in any letter case, one that is refused in zone files included, or as
/// `TYPEnnn` (RFC 3597, section 5).
#[must_use]
pub fn code_of(text: &[u8]) -> Option<u16> {
    if let Some(known) = by_mnemonic(text) {
        return Some(known.code);
    }
    if let Some((_, code, _)) = REFUSED.iter().find(|(mnemonic, ..)| mnemonic.as_bytes().eq_ignore_ascii_case(text)) {
        return Some(*code);
    }
    let (word, digits) = text.split_at_checked(4)?;
    let plain = word.eq_ignore_ascii_case(b"TYPE") && digits.iter().all(u8::is_ascii_digit);
    plain.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

/// Why records of this type may not be stored: QTYPEs and meta-TYPEs (RFC 6895, section 3.1) and what the table above says.
#[must_use]
pub fn refusal(code: u16) -> Option<&'static str> {
    if let Some((.., reason)) = REFUSED.iter().find(|(_, refused, _)| *refused == code) {
        return Some(reason);
    }
    (code == 0 || (128..=255).contains(&code)).then_some(META)
}

/// The mnemonic of a type, or `TYPEnnn` (RFC 3597, section 5).
#[must_use]
pub fn name(code: u16) -> String {
    let refused = || REFUSED.iter().find(|(_, refused, _)| *refused == code).map(|(mnemonic, ..)| *mnemonic);
    match by_code(code).map(|known| known.mnemonic).or_else(refused) {
        Some(mnemonic) => mnemonic.to_owned(),
        None => format!("TYPE{code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, KNOWN, REFUSED, by_mnemonic, code_of, name, refusal};

    #[test]
    fn every_type_stands_once_in_the_tables() {
        let mut codes: Vec<_> = KNOWN.iter().map(|t| t.code).chain(REFUSED.iter().map(|t| t.1)).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), KNOWN.len() + REFUSED.len());
        assert!(KNOWN.iter().all(|t| refusal(t.code).is_none()));
        assert_eq!(by_mnemonic(b"cname").map(|t| t.code), Some(super::CNAME));
        let codes = [&b"tlsa"[..], b"RRSIG", b"type65280", b"TYPE", b"TYPE70000", b"TYPE+1"].map(code_of);
        assert_eq!(codes, [Some(52), Some(46), Some(65_280), None, None, None]);
        assert_eq!((name(1), name(46), name(65_280)), ("A".into(), "RRSIG".into(), "TYPE65280".into()));
    }

    #[test]
    fn a_type_with_targets_has_one_name() {
        for known in KNOWN.iter().filter(|t| t.has_targets) {
            assert_eq!(known.fields.iter().filter(|f| matches!(f, Field::Name | Field::CompressibleName)).count(), 1);
        }
    }
}
