//! Fields of rarer record types in text: bit maps of types, gateways, identities, prefixes and addresses of other
//! networks.

use super::rdata::{DataError, Reader, parsed};
use super::text::{number, push_base64, push_hex, shown};
use crate::zone::record_type::{self, Field};
use std::net::IpAddr;

/// Mnemonics of certificate types (RFC 4398, section 2.1).
pub const CERTIFICATE_TYPES: [(&str, u16); 10] = [
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];

/// Mnemonics of DNSSEC algorithms (RFC 4034, appendix A.1, and the registry that continues it).
pub const ALGORITHMS: [(&str, u16); 16] = [
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("RSASHA1", 5),
    ("DSA-NSEC3-SHA1", 6),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECC-GOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

/// Mnemonics of DSYNC schemes (RFC 9859, section 2.2).
pub const SYNC_SCHEMES: [(&str, u16); 1] = [("NOTIFY", 1)];

/// Protocols of WKS by name.
const PROTOCOLS: [(&str, u16); 2] = [("TCP", 6), ("UDP", 17)];

/// Services of WKS by name; any other is written as its port.
const SERVICES: [(&str, u16); 14] = [
    ("FTP", 21),
    ("SSH", 22),
    ("TELNET", 23),
    ("SMTP", 25),
    ("TIME", 37),
    ("DOMAIN", 53),
    ("TFTP", 69),
    ("FINGER", 79),
    ("HTTP", 80),
    ("POP3", 110),
    ("NTP", 123),
    ("IMAP", 143),
    ("SNMP", 161),
    ("HTTPS", 443),
];

impl Reader<'_, '_> {
    /// A field that only rarer types have.
    pub(super) fn rare(&mut self, field: Field) -> Result<(), DataError> {
        match field {
            Field::U64 => {
                let (at, _, text) = self.next("a number")?;
                let digits = text.iter().all(u8::is_ascii_digit);
                let value: Option<u64> = parsed(text).filter(|_| digits);
                let value =
                    value.ok_or_else(|| DataError::at(at, format!("`{}` is no number of 64 bits", shown(text))))?;
                self.out.extend_from_slice(&value.to_be_bytes());
                Ok(())
            }
            Field::Locator => self.locator(),
            Field::Type => {
                let code = self.record_type()?;
                self.out.extend_from_slice(&code.to_be_bytes());
                Ok(())
            }
            Field::Types => self.types(),
            Field::OptionalBase64 if self.at == self.data.tokens.len() => Ok(()),
            Field::OptionalBase64 => self.rest("Base64 data", push_base64),
            Field::DashBase64 => self.dash_base64(),
            Field::CertificateType => {
                let code = self.mnemonic("a type of certificate", &CERTIFICATE_TYPES, u16::MAX)?;
                self.out.extend_from_slice(&code.to_be_bytes());
                Ok(())
            }
            Field::Algorithm => {
                let code = self.mnemonic("an algorithm", &ALGORITHMS, u8::MAX.into())?;
                self.out.push(code as u8);
                Ok(())
            }
            Field::SyncScheme => {
                let code = self.mnemonic("a scheme", &SYNC_SCHEMES, u8::MAX.into())?;
                self.out.push(code as u8);
                Ok(())
            }
            Field::IpsecGateway => self.ipsec_gateway(),
            Field::AmtRelay => self.amt_relay(),
            Field::HostIdentity => self.host_identity(),
            Field::Prefixes => self.prefixes(),
            Field::Services => self.services(),
            Field::Nsap => self.nsap(),
            Field::AtmAddress => self.atm_address(),
            // Every other field is read before this is asked.
            _ => Err(DataError::at(self.at, "this field is not known")),
        }
    }

    fn mnemonic(&mut self, what: &str, known: &[(&str, u16)], max: u16) -> Result<u16, DataError> {
        let (at, _, text) = self.next(what)?;
        let named = known.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(text)).map(|(_, code)| *code);
        let code = named.or_else(|| number(text, max.into()).map(|code| code as u16));
        code.ok_or_else(|| DataError::at(at, format!("`{}` is no {}", shown(text), what.trim_start_matches("an "))))
    }

    fn record_type(&mut self) -> Result<u16, DataError> {
        let (at, _, text) = self.next("a record type")?;
        record_type::code_of(text).ok_or_else(|| DataError::at(at, format!("`{}` is no record type", shown(text))))
    }

    fn types(&mut self) -> Result<(), DataError> {
        let mut codes = Vec::new();
        while self.at < self.data.tokens.len() {
            codes.push(self.record_type()?);
        }
        push_types(&mut codes, self.out);
        Ok(())
    }

    /// Four groups of hexadecimal digits, which may lack leading zeros.
    fn locator(&mut self) -> Result<(), DataError> {
        let (at, _, text) = self.next("four groups of hexadecimal digits")?;
        let group = |part: &[u8]| {
            let digits = (1..=4).contains(&part.len()) && part.iter().all(u8::is_ascii_hexdigit);
            digits.then(|| u16::from_str_radix(std::str::from_utf8(part).ok()?, 16).ok()).flatten()
        };
        let groups: Option<Vec<u16>> = text.split(|&octet| octet == b':').map(group).collect();
        let groups = groups.filter(|groups| groups.len() == 4).ok_or_else(|| {
            DataError::at(at, format!("`{}` is no number of 64 bits in four groups", shown(text)))
                .with_hint("for example `2001:db8:1140:1000`")
        })?;
        self.out.extend(groups.into_iter().flat_map(u16::to_be_bytes));
        Ok(())
    }

    fn dash_base64(&mut self) -> Result<(), DataError> {
        let is_empty = self.data.tokens.get(self.at).is_some_and(|token| token.of(self.data.text) == b"-");
        if is_empty {
            self.at += 1;
            return Ok(());
        }
        self.rest("Base64 data", push_base64)
    }

    /// One token of hexadecimal or Base64 digits.
    fn digits(&mut self, what: &str, push: fn(&[&[u8]], &mut Vec<u8>) -> Option<()>) -> Result<Vec<u8>, DataError> {
        let (at, _, text) = self.next(what)?;
        let mut octets = Vec::new();
        push(&[text], &mut octets).ok_or_else(|| DataError::at(at, format!("this is no {what}")))?;
        Ok(octets)
    }

    /// Nothing (`.`), an address or a name, as `kind` says.
    fn gateway(&mut self, kind: u8, kind_at: usize) -> Result<(), DataError> {
        match kind {
            0 => {
                let (at, _, text) = self.next("`.`")?;
                let hint = "type 0 stands for none, which is written `.`";
                if text == b"." {
                    Ok(())
                } else {
                    Err(DataError::at(at, format!("`{}` stands where there is none", shown(text))).with_hint(hint))
                }
            }
            1 => self.ipv4(),
            2 => self.ipv6(),
            3 => self.name(false),
            _ => Err(DataError::at(kind_at, format!("{kind} is no known type"))
                .with_hint("0 is none, 1 an IPv4 address, 2 an IPv6 address, 3 a name")),
        }
    }

    fn ipsec_gateway(&mut self) -> Result<(), DataError> {
        let precedence = self.number(u8::MAX.into())? as u8;
        let kind_at = self.at;
        let kind = self.number(u8::MAX.into())? as u8;
        let algorithm = self.number(u8::MAX.into())? as u8;
        self.out.extend_from_slice(&[precedence, kind, algorithm]);
        self.gateway(kind, kind_at)
    }

    fn amt_relay(&mut self) -> Result<(), DataError> {
        let precedence = self.number(u8::MAX.into())? as u8;
        let discovery = self.number(1)? as u8;
        let kind_at = self.at;
        let kind = self.number(0x7f)? as u8;
        self.out.extend_from_slice(&[precedence, discovery << 7 | kind]);
        self.gateway(kind, kind_at)
    }

    fn host_identity(&mut self) -> Result<(), DataError> {
        let algorithm = self.number(u8::MAX.into())? as u8;
        let at = self.at;
        let tag = self.digits("hexadecimal data", push_hex)?;
        let key = self.digits("Base64 data", push_base64)?;
        let (Ok(tag_len), Ok(key_len)) = (u8::try_from(tag.len()), u16::try_from(key.len())) else {
            return Err(DataError::at(at, "the tag or the key is too long"));
        };
        self.out.extend_from_slice(&[tag_len, algorithm]);
        self.out.extend_from_slice(&key_len.to_be_bytes());
        self.out.extend_from_slice(&tag);
        self.out.extend_from_slice(&key);
        while self.at < self.data.tokens.len() {
            self.name(false)?;
        }
        Ok(())
    }

    fn prefixes(&mut self) -> Result<(), DataError> {
        while self.at < self.data.tokens.len() {
            let (at, _, text) = self.next("a prefix")?;
            push_prefix(text, self.out).ok_or_else(|| {
                DataError::at(at, format!("`{}` is no address prefix", shown(text))).with_hint(
                    "for example `1:192.0.2.0/24`, `2:2001:db8::/32`, or `!1:192.0.2.64/28` for an exception",
                )
            })?;
        }
        Ok(())
    }

    fn services(&mut self) -> Result<(), DataError> {
        let protocol = self.mnemonic("a protocol", &PROTOCOLS, u8::MAX.into())?;
        self.out.push(protocol as u8);
        let mut bits = Vec::new();
        while self.at < self.data.tokens.len() {
            let port = usize::from(self.mnemonic("a service or port", &SERVICES, u16::MAX)?);
            if bits.len() <= port / 8 {
                bits.resize(port / 8 + 1, 0_u8);
            }
            bits[port / 8] |= 0x80 >> (port % 8);
        }
        self.out.extend_from_slice(&bits);
        Ok(())
    }

    fn nsap(&mut self) -> Result<(), DataError> {
        let (at, _, text) = self.next("an NSAP address")?;
        let digits = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X"));
        let read = digits.filter(|digits| !digits.is_empty()).and_then(|digits| push_dotted_hex(digits, self.out));
        read.ok_or_else(|| {
            DataError::at(at, format!("`{}` is no NSAP address", shown(text)))
                .with_hint("for example `0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00`")
        })
    }

    fn atm_address(&mut self) -> Result<(), DataError> {
        let (at, _, text) = self.next("an ATM address")?;
        let read = match text.strip_prefix(b"+") {
            Some(digits) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
                self.out.push(1);
                self.out.extend_from_slice(digits);
                Some(())
            }
            Some(_) => None,
            None => {
                self.out.push(0);
                (!text.is_empty()).then(|| push_dotted_hex(text, self.out)).flatten()
            }
        };
        read.ok_or_else(|| {
            DataError::at(at, format!("`{}` is no ATM address", shown(text)))
                .with_hint("give hexadecimal digits, or `+` and decimal ones")
        })
    }
}

/// Appends the bit map of `codes`, which are sorted for it.
pub fn push_types(codes: &mut Vec<u16>, out: &mut Vec<u8>) {
    codes.sort_unstable();
    codes.dedup();
    for window in codes.chunk_by(|a, b| a >> 8 == b >> 8) {
        let last = window.last().map_or(0, |code| code & 0xff);
        let bits_at = out.len() + 2;
        out.extend_from_slice(&[(window[0] >> 8) as u8, (last / 8 + 1) as u8]);
        out.resize(bits_at + usize::from(last / 8) + 1, 0);
        for code in window {
            out[bits_at + usize::from((code & 0xff) / 8)] |= 0x80 >> (code % 8);
        }
    }
}

fn push_dotted_hex(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let parts: Vec<&[u8]> = text.split(|&octet| octet == b'.').collect();
    push_hex(&parts, out)
}

/// `[!]FAMILY:ADDRESS/LENGTH`, whose octets go without the zeros at their end.
fn push_prefix(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (negation, text) = text.strip_prefix(b"!").map_or((0, text), |text| (0x80, text));
    let colon = text.iter().position(|&octet| octet == b':')?;
    let slash = text.iter().rposition(|&octet| octet == b'/')?;
    let address: IpAddr = parsed(text.get(colon + 1..slash)?)?;
    let (family, bits_max, octets) = match address {
        IpAddr::V4(address) => (1_u16, 32, address.octets().to_vec()),
        IpAddr::V6(address) => (2, 128, address.octets().to_vec()),
    };
    let bits = number(&text[slash + 1..], bits_max)?;
    if number(&text[..colon], u16::MAX.into())? != u32::from(family) {
        return None;
    }
    let len = octets.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
    out.extend_from_slice(&family.to_be_bytes());
    out.extend_from_slice(&[bits as u8, negation | len as u8]);
    out.extend_from_slice(&octets[..len]);
    Some(())
}
