//! How long each field of a record's data is in wire form, and whether its octets have the form that they must have. Names
//! are not compressed. Knows no text.

use super::record_type::Field;
use crate::wire::Name;

/// The octets that `field` takes at the start of `rest`; `None` when they do not have its form.
#[must_use]
pub fn field_len(field: Field, rest: &[u8]) -> Option<usize> {
    let len = match field {
        Field::Name | Field::CompressibleName => name_len(rest)?,
        Field::U8 | Field::Algorithm | Field::SyncScheme => 1,
        Field::U16 | Field::Type | Field::CertificateType => 2,
        Field::U32 | Field::Seconds | Field::Time | Field::Ipv4 => 4,
        Field::U64 | Field::Locator => 8,
        Field::Ipv6 | Field::Location => 16,
        Field::Eui(len) => usize::from(len),
        Field::Text | Field::CaaTag | Field::Salt | Field::Base32Hash => string_len(rest)?,
        Field::Texts => texts_len(rest)?,
        Field::OptionalText => rest.first().map_or(0, |&len| 1 + usize::from(len)),
        Field::RestText | Field::Hex | Field::Base64 | Field::OptionalBase64 | Field::DashBase64 => rest.len(),
        Field::Types => types_len(rest)?,
        Field::ServiceParameters => parameters_len(rest)?,
        Field::IpsecGateway => ipsec_gateway_len(rest)?,
        Field::AmtRelay => 2 + relay_len(rest.get(1)? & 0x7f, &rest[2..])?,
        Field::HostIdentity => host_identity_len(rest)?,
        Field::Prefixes => prefixes_len(rest)?,
        // A protocol, and one bit for each of 65,536 ports at most.
        Field::Services => (1..=1 + 8192).contains(&rest.len()).then_some(rest.len())?,
        Field::Nsap => (!rest.is_empty()).then_some(rest.len())?,
        Field::AtmAddress => (rest.len() > 1 && rest[0] <= 1).then_some(rest.len())?,
    };
    (len <= rest.len()).then_some(len)
}

/// Whether `data` consists of `fields` and nothing else.
#[must_use]
pub fn has_form(fields: &[Field], data: &[u8]) -> bool {
    let mut rest = data;
    for &field in fields {
        let Some(len) = field_len(field, rest) else { return false };
        rest = &rest[len..];
    }
    rest.is_empty()
}

fn name_len(rest: &[u8]) -> Option<usize> {
    Name::from_wire(rest).ok().map(|(_, len)| len)
}

fn string_len(rest: &[u8]) -> Option<usize> {
    Some(1 + usize::from(*rest.first()?))
}

/// One or more strings that end where `rest` does.
fn texts_len(rest: &[u8]) -> Option<usize> {
    let mut len = string_len(rest)?;
    while len < rest.len() {
        len += string_len(&rest[len..])?;
    }
    Some(len)
}

/// Windows in ascending order, each with 1 to 32 octets of which the last is not zero (RFC 4034, section 4.1.2).
fn types_len(rest: &[u8]) -> Option<usize> {
    let (mut at, mut window_min) = (0, 0);
    while at < rest.len() {
        let (window, len) = (u16::from(rest[at]), usize::from(*rest.get(at + 1)?));
        let bits = rest.get(at + 2..at + 2 + len)?;
        if window < window_min || !(1..=32).contains(&len) || bits.last() == Some(&0) {
            return None;
        }
        (at, window_min) = (at + 2 + len, window + 1);
    }
    Some(at)
}

/// The keys of service parameters that have a form of their own (RFC 9460, section 14.3.2).
pub mod service_key {
    /// Keys that a client must know.
    pub const MANDATORY: u16 = 0;
    /// Protocols.
    pub const ALPN: u16 = 1;
    /// The default protocol is not served.
    pub const NO_DEFAULT_ALPN: u16 = 2;
    /// A port.
    pub const PORT: u16 = 3;
    /// IPv4 addresses.
    pub const IPV4HINT: u16 = 4;
    /// A configuration of Encrypted ClientHello.
    pub const ECH: u16 = 5;
    /// IPv6 addresses.
    pub const IPV6HINT: u16 = 6;
    /// Where DNS over HTTPS is served (RFC 9461).
    pub const DOHPATH: u16 = 7;
    /// Oblivious HTTP is served (RFC 9540).
    pub const OHTTP: u16 = 8;
    /// Groups of TLS.
    pub const TLS_SUPPORTED_GROUPS: u16 = 9;
    /// A key that is none.
    pub const INVALID: u16 = 65_535;
}

/// Walks over the parameters of SVCB and HTTPS data: key, and value.
pub fn parameters(mut rest: &[u8]) -> impl Iterator<Item = Option<(u16, &[u8])>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let parsed = rest.split_at_checked(4).and_then(|(head, behind)| {
            let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let (value, next) = behind.split_at_checked(len)?;
            rest = next;
            Some((u16::from_be_bytes([head[0], head[1]]), value))
        });
        if parsed.is_none() {
            rest = &[];
        }
        Some(parsed)
    })
}

/// Parameters in ascending order of their keys, each in the form of its key (RFC 9460, section 2.2).
fn parameters_len(rest: &[u8]) -> Option<usize> {
    let mut last = None;
    for parameter in parameters(rest) {
        let (key, value) = parameter?;
        if last.is_some_and(|last| key <= last) || !parameter_is_valid(key, value) {
            return None;
        }
        last = Some(key);
    }
    Some(rest.len())
}

/// Whether a service parameter's value has the form that its key asks for.
#[must_use]
pub fn parameter_is_valid(key: u16, value: &[u8]) -> bool {
    let multiple_of = |len: usize| !value.is_empty() && value.len().is_multiple_of(len);
    match key {
        service_key::MANDATORY => {
            let keys: Vec<u16> = value.chunks_exact(2).map(|key| u16::from_be_bytes([key[0], key[1]])).collect();
            multiple_of(2) && keys[0] != service_key::MANDATORY && keys.windows(2).all(|pair| pair[0] < pair[1])
        }
        service_key::ALPN => {
            let mut rest = value;
            while let Some((&len, behind)) = rest.split_first() {
                match behind.get(usize::from(len)..) {
                    Some(next) if len > 0 => rest = next,
                    _ => return false,
                }
            }
            !value.is_empty()
        }
        service_key::NO_DEFAULT_ALPN | service_key::OHTTP => value.is_empty(),
        service_key::PORT => value.len() == 2,
        service_key::IPV4HINT => multiple_of(4),
        service_key::IPV6HINT => multiple_of(16),
        service_key::ECH => !value.is_empty(),
        service_key::DOHPATH => !value.is_empty() && std::str::from_utf8(value).is_ok(),
        service_key::TLS_SUPPORTED_GROUPS => multiple_of(2),
        service_key::INVALID => false,
        _ => true,
    }
}

/// The gateway of IPSECKEY or the relay of AMTRELAY: none, an address, or a name.
fn relay_len(kind: u8, rest: &[u8]) -> Option<usize> {
    match kind {
        0 => Some(0),
        1 => Some(4),
        2 => Some(16),
        3 => name_len(rest),
        _ => None,
    }
}

fn ipsec_gateway_len(rest: &[u8]) -> Option<usize> {
    let (head, behind) = rest.split_at_checked(3)?;
    Some(3 + relay_len(head[1], behind)?)
}

fn host_identity_len(rest: &[u8]) -> Option<usize> {
    let (head, _) = rest.split_at_checked(4)?;
    let mut len = 4 + usize::from(head[0]) + usize::from(u16::from_be_bytes([head[2], head[3]]));
    while len < rest.len() {
        len += name_len(&rest[len..])?;
    }
    Some(len)
}

/// Family, prefix length, negation with the count of octets, and these octets without zeros at their end (RFC 3123).
fn prefixes_len(rest: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < rest.len() {
        let head = rest.get(at..at + 4)?;
        let len = usize::from(head[3] & 0x7f);
        let octets = rest.get(at + 4..at + 4 + len)?;
        let (bits_max, octets_max) = match u16::from_be_bytes([head[0], head[1]]) {
            1 => (32, 4),
            2 => (128, 16),
            _ => return None,
        };
        if head[2] > bits_max || len > octets_max || octets.last() == Some(&0) {
            return None;
        }
        at += 4 + len;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::field_len;
    use crate::zone::record_type::Field;

    #[test]
    fn broken_octets_are_not_taken() {
        for (field, octets) in [
            (Field::Types, &b"\x00\x01\x00"[..]),
            (Field::Types, b"\x01\x01\x80\x00\x01\x40"),
            (Field::Types, b"\x00\x21"),
            (Field::ServiceParameters, b"\x00\x03\x00\x01\x35"),
            (Field::ServiceParameters, b"\x00\x03\x00\x02\x00\x35\x00\x03\x00\x02\x00\x35"),
            (Field::ServiceParameters, b"\x00\x01\x00\x03\x03h2"),
            (Field::ServiceParameters, b"\x00\x00\x00\x02\x00\x00"),
            (Field::ServiceParameters, b"\x00\x04\x00\x00"),
            (Field::ServiceParameters, b"\xff\xff\x00\x00"),
            (Field::IpsecGateway, b"\x0a\x04\x02"),
            (Field::IpsecGateway, b"\x0a\x01\x02\xc0\x00"),
            (Field::AmtRelay, b"\x0a"),
            (Field::HostIdentity, b"\x01\x02\x00\x01\xaa"),
            (Field::Prefixes, b"\x00\x01\x21\x00"),
            (Field::Prefixes, b"\x00\x01\x08\x02\x0a\x00"),
            (Field::Prefixes, b"\x00\x03\x00\x00"),
            (Field::AtmAddress, b"\x02\x00"),
            (Field::Services, b""),
        ] {
            assert_eq!(field_len(field, octets), None, "{field:?} {octets:?}");
        }
        assert_eq!(field_len(Field::Types, b""), Some(0));
        assert_eq!(field_len(Field::Prefixes, b"\x00\x01\x08\x81\x0a"), Some(5));
        assert_eq!(field_len(Field::IpsecGateway, b"\x0a\x03\x02\x01a\x00key"), Some(6));
    }
}
