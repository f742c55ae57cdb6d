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
    /// Two octets: a record type; in text its mnemonic or `TYPEnnn`.
    Type,
    /// Any number of types up to the end, as windows of bits (RFC 4034, section 4.1.2).
    Types,
    /// Four octets of seconds since 1970; in text also YYYYMMDDHHMMSS (RFC 4034, section 3.2).
    Time,
    /// A hash with a length octet; in text Base32 with the extended hex alphabet (RFC 5155, section 3.3).
    Base32Hash,
}

/// How the data of a type is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Field by field, here.
    Fields(&'static [Field]),
    /// By `hickory-proto`.
    Hickory,
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
    /// How its data is read.
    pub format: Format,
    /// Whether its name leads somewhere: CNAME and DNAME targets, and the names whose addresses belong into the
    /// additional section.
    pub has_targets: bool,
}

const fn plain(mnemonic: &'static str, form: &'static str, code: u16, fields: &'static [Field]) -> RecordType {
    RecordType { mnemonic, form, code, format: Format::Fields(fields), has_targets: false }
}

const fn leading(mnemonic: &'static str, form: &'static str, code: u16, fields: &'static [Field]) -> RecordType {
    RecordType { mnemonic, form, code, format: Format::Fields(fields), has_targets: true }
}

const fn hickory(mnemonic: &'static str, form: &'static str, code: u16) -> RecordType {
    RecordType { mnemonic, form, code, format: Format::Hickory, has_targets: false }
}

use Field::{
    Base32Hash, Base64, CaaTag, CompressibleName, Eui, Hex, Ipv4, Ipv6, Location, Name, OptionalText, RestText, Salt,
    Seconds, Text, Texts, Time, Type, Types, U8, U16, U32,
};

/// Every type with a mnemonic that zone files may hold; the frequent ones first, because it is searched from the start.
pub static KNOWN: [RecordType; 49] = [
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
        &[Type, U8, U8, Seconds, Time, Time, U16, Name, Base64],
    ),
    plain("NSEC", "NEXT-NAME TYPE ...", NSEC, &[Name, Types]),
    plain("NSEC3", "HASH FLAGS ITERATIONS SALT NEXT-HASH TYPE ...", NSEC3, &[U8, U8, U16, Salt, Base32Hash, Types]),
    plain("DS", "KEY-TAG ALGORITHM DIGEST-TYPE HEX", DS, &[U16, U8, U8, Hex]),
    plain("CAA", "FLAGS TAG \"VALUE\"", 257, &[U8, CaaTag, RestText]),
    hickory("HTTPS", "PRIORITY TARGET [KEY=VALUE ...]", 65),
    hickory("SVCB", "PRIORITY TARGET [KEY=VALUE ...]", 64),
    leading("DNAME", "TARGET", DNAME, &[Name]),
    hickory("NAPTR", "ORDER PREFERENCE \"FLAGS\" \"SERVICES\" \"REGEXP\" REPLACEMENT", 35),
    hickory("TLSA", "USAGE SELECTOR MATCHING-TYPE HEX", 52),
    hickory("SSHFP", "ALGORITHM FINGERPRINT-TYPE HEX", 44),
    hickory("SMIMEA", "USAGE SELECTOR MATCHING-TYPE HEX", 53),
    hickory("OPENPGPKEY", "BASE64", 61),
    hickory("CERT", "TYPE KEY-TAG ALGORITHM BASE64", 37),
    hickory("CSYNC", "SERIAL FLAGS TYPE ...", 62),
    hickory("HINFO", "\"CPU\" \"OS\"", 13),
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

/// Why records of this type may not be stored: QTYPEs and meta-TYPEs (RFC 6895, section 3.1) and what the table above says.
#[must_use]
pub fn refusal(code: u16) -> Option<&'static str> {
    if let Some((.., reason)) = REFUSED.iter().find(|(_, refused, _)| *refused == code) {
        return Some(reason);
    }
    (code == 0 || (128..=255).contains(&code)).then_some(META)
}

/// The number of a type given by its mnemonic in any letter case, or as `TYPEnnn`.
#[must_use]
pub fn code(text: &[u8]) -> Option<u16> {
    let refused = || REFUSED.iter().find(|(mnemonic, ..)| mnemonic.as_bytes().eq_ignore_ascii_case(text));
    let by_name = by_mnemonic(text).map(|known| known.code).or_else(|| refused().map(|(_, code, _)| *code));
    by_name.or_else(|| {
        let (prefix, digits) = text.split_at_checked(4)?;
        let is_number = prefix.eq_ignore_ascii_case(b"TYPE") && digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
    })
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
    use super::{Field, Format, KNOWN, REFUSED, by_mnemonic, name, refusal};

    #[test]
    fn every_type_stands_once_in_the_tables() {
        let mut codes: Vec<_> = KNOWN.iter().map(|t| t.code).chain(REFUSED.iter().map(|t| t.1)).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), KNOWN.len() + REFUSED.len());
        assert!(KNOWN.iter().all(|t| refusal(t.code).is_none()));
        assert_eq!(by_mnemonic(b"cname").map(|t| t.code), Some(super::CNAME));
        assert_eq!((name(1), name(46), name(65_280)), ("A".into(), "RRSIG".into(), "TYPE65280".into()));
    }

    #[test]
    fn a_type_with_targets_has_one_name() {
        for known in KNOWN.iter().filter(|t| t.has_targets) {
            let Format::Fields(fields) = known.format else { panic!("{}", known.mnemonic) };
            assert_eq!(fields.iter().filter(|f| matches!(f, Field::Name | Field::CompressibleName)).count(), 1);
        }
    }
}
