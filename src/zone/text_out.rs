//! Zones and records as text that every master file reader understands (RFC 1035, section 5; RFC 3597, section 5). What a
//! type's text cannot say, and types without one, stand as octets in hexadecimal.

use super::Zone;
use super::chain::ChainKey;
use super::record::Record;
use super::record_type::{self, Field, by_code};
use super::wire_form::{field_len, parameters, service_key};
use crate::wire::{Name, rtype};
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

impl Zone {
    /// The zone as a master file: the SOA record first, then by owner in canonical order (RFC 4034, section 6.1) and by
    /// type; every name in full, every record with its TTL.
    #[must_use]
    pub fn to_text(&self) -> String {
        to_text(self.records())
    }
}

/// Records as a master file, see [`Zone::to_text`].
#[must_use]
pub fn to_text(records: impl IntoIterator<Item = Record>) -> String {
    let mut records: Vec<Record> = records.into_iter().collect();
    records.sort_by_cached_key(|record| {
        let owner = record.owner.to_lower();
        // Without the root's octet.
        let labels = &owner.as_wire()[..owner.as_wire().len() - 1];
        let key: Box<[u8]> = ChainKey::of_labels(labels).octets().into();
        (record.rtype != rtype::SOA, key, record.rtype, record.data.clone())
    });
    let mut out = String::with_capacity(records.len() * 64);
    for record in &records {
        push_record(record, &mut out);
        out.push('\n');
    }
    out
}

/// One record on one line.
#[must_use]
pub fn record_text(record: &Record) -> String {
    let mut out = String::new();
    push_record(record, &mut out);
    out
}

fn push_record(record: &Record, out: &mut String) {
    let Record { owner, rtype, ttl, data } = record;
    let mnemonic = record_type::name(*rtype);
    // Writing to a string cannot fail.
    let _ = write!(out, "{}\t{ttl}\tIN\t{mnemonic}\t", owner.to_lower());
    let start = out.len();
    if push_fields(*rtype, data, out).is_none() {
        out.truncate(start);
        let _ = write!(out, "\\# {}", data.len());
        if !data.is_empty() {
            out.push(' ');
            push_hex(data, out);
        }
    }
}

/// Appends the fields of a record's data; `None` when they have no text that reads back as these octets.
fn push_fields(rtype: u16, data: &[u8], out: &mut String) -> Option<()> {
    let fields = by_code(rtype)?.fields;
    let mut rest = data;
    for (at, &field) in fields.iter().enumerate() {
        let (octets, behind) = rest.split_at(field_len(field, rest)?);
        rest = behind;
        let start = out.len();
        if at > 0 {
            out.push(' ');
        }
        let written = out.len();
        match field {
            Field::ServiceParameters => push_parameters(data, octets, out)?,
            _ => push_field(field, octets, out)?,
        }
        if out.len() == written {
            out.truncate(start);
        }
    }
    rest.is_empty().then_some(())
}

fn push_field(field: Field, octets: &[u8], out: &mut String) -> Option<()> {
    match field {
        Field::Name | Field::CompressibleName => push_name(octets, out).map(drop)?,
        Field::U8 | Field::Algorithm | Field::SyncScheme => push(out, *octets.first()?),
        Field::U16 | Field::CertificateType => push(out, u16::from_be_bytes(octets.try_into().ok()?)),
        Field::U32 | Field::Seconds | Field::Time => push(out, u32::from_be_bytes(octets.try_into().ok()?)),
        Field::U64 => push(out, u64::from_be_bytes(octets.try_into().ok()?)),
        Field::Ipv4 => push(out, Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?)),
        Field::Ipv6 => push(out, Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?)),
        Field::Text | Field::Texts | Field::OptionalText => push_texts(octets, out)?,
        Field::RestText => push_quoted(octets, out),
        Field::CaaTag => push_tag(octets.get(1..)?, out)?,
        Field::Hex => {
            (!octets.is_empty()).then_some(())?;
            push_hex(octets, out);
        }
        Field::Salt if octets == [0] => out.push('-'),
        Field::Salt => push_hex(octets.get(1..)?, out),
        Field::Base32Hash => {
            let hash = octets.get(1..).filter(|hash| !hash.is_empty())?;
            push_base32(hash, out);
        }
        Field::Base64 | Field::OptionalBase64 => {
            (!octets.is_empty() || field == Field::OptionalBase64).then_some(())?;
            push_base64(octets, out);
        }
        Field::DashBase64 if octets.is_empty() => out.push('-'),
        Field::DashBase64 => push_base64(octets, out),
        Field::Eui(_) => push_joined(octets.iter().map(|octet| format!("{octet:02x}")), "-", out),
        Field::Locator => {
            let (groups, _) = octets.as_chunks::<2>();
            push_joined(groups.iter().map(|group| format!("{:x}", u16::from_be_bytes(*group))), ":", out);
        }
        Field::Location => push_location(octets.try_into().ok()?, out)?,
        Field::Type => out.push_str(&record_type::name(u16::from_be_bytes(octets.try_into().ok()?))),
        Field::Types => push_joined(types(octets).into_iter().map(record_type::name), " ", out),
        Field::IpsecGateway => {
            let (head, gateway) = octets.split_first_chunk::<3>()?;
            push_joined(head.iter().map(u8::to_string), " ", out);
            push_gateway(head[1], gateway, out)?;
        }
        Field::AmtRelay => {
            let (&[precedence, kind], relay) = octets.split_first_chunk::<2>()?;
            push(out, format_args!("{precedence} {} {}", kind >> 7, kind & 0x7f));
            push_gateway(kind & 0x7f, relay, out)?;
        }
        Field::HostIdentity => push_host_identity(octets, out)?,
        Field::Prefixes => push_prefixes(octets, out)?,
        Field::Services => push_services(octets, out)?,
        Field::Nsap => {
            out.push_str("0x");
            push_hex(octets, out);
        }
        Field::AtmAddress => push_atm_address(octets, out)?,
        // Written by whoever knows the rest of the record.
        Field::ServiceParameters => return None,
    }
    Some(())
}

fn push(out: &mut String, value: impl std::fmt::Display) {
    // Writing to a string cannot fail.
    let _ = write!(out, "{value}");
}

fn push_joined(items: impl Iterator<Item = String>, between: &str, out: &mut String) {
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push_str(between);
        }
        out.push_str(&item);
    }
}

fn push_name(octets: &[u8], out: &mut String) -> Option<usize> {
    let (name, len) = Name::from_wire(octets).ok()?;
    push(out, name);
    Some(len)
}

/// Character strings one behind the other, each in quotes.
fn push_texts(octets: &[u8], out: &mut String) -> Option<()> {
    let mut rest = octets;
    let mut is_first = true;
    while let Some((&len, behind)) = rest.split_first() {
        let (text, next) = behind.split_at_checked(len.into())?;
        if !is_first {
            out.push(' ');
        }
        push_quoted(text, out);
        (rest, is_first) = (next, false);
    }
    Some(())
}

fn push_quoted(text: &[u8], out: &mut String) {
    out.push('"');
    for &octet in text {
        match octet {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(octet.into());
            }
            b' '..=b'~' => out.push(octet.into()),
            _ => push(out, format_args!("\\{octet:03}")),
        }
    }
    out.push('"');
}

fn push_tag(tag: &[u8], out: &mut String) -> Option<()> {
    let is_plain = !tag.is_empty() && tag.iter().all(u8::is_ascii_alphanumeric);
    out.push_str(std::str::from_utf8(tag).ok().filter(|_| is_plain)?);
    Some(())
}

fn push_hex(octets: &[u8], out: &mut String) {
    for octet in octets {
        push(out, format_args!("{octet:02x}"));
    }
}

fn push_base64(octets: &[u8], out: &mut String) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in octets.chunks(3) {
        let octet = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) & 63;
            out.push(if digit > chunk.len() { '=' } else { DIGITS[value as usize].into() });
        }
    }
}

/// Base32 with the extended hex alphabet and without padding (RFC 5155, section 3.3).
fn push_base32(octets: &[u8], out: &mut String) {
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let (mut bits, mut held) = (0_u32, 0);
    for &octet in octets {
        (bits, held) = (bits << 8 | u32::from(octet), held + 8);
        while held >= 5 {
            held -= 5;
            out.push(DIGITS[(bits >> held & 31) as usize].into());
        }
    }
    if held > 0 {
        out.push(DIGITS[(bits << (5 - held) & 31) as usize].into());
    }
}

/// The types of a bit map (RFC 4034, section 4.1.2), whose form was checked.
fn types(mut rest: &[u8]) -> Vec<u16> {
    let mut types = Vec::new();
    while let Some((&[window, len], behind)) = rest.split_first_chunk::<2>() {
        let (bits, next) = behind.split_at(behind.len().min(len.into()));
        for (at, octet) in bits.iter().enumerate() {
            let set = (0..8).filter(|bit| octet & (0x80 >> bit) != 0);
            types.extend(set.map(|bit| u16::from(window) << 8 | (at * 8 + bit) as u16));
        }
        rest = next;
    }
    types
}

/// The gateway of IPSECKEY or the relay of AMTRELAY, with a blank in front.
fn push_gateway(kind: u8, octets: &[u8], out: &mut String) -> Option<()> {
    out.push(' ');
    match kind {
        0 => out.push('.'),
        1 => push(out, Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?)),
        2 => push(out, Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?)),
        _ => push_name(octets, out).map(drop)?,
    }
    Some(())
}

fn push_host_identity(octets: &[u8], out: &mut String) -> Option<()> {
    let (&[tag_len, algorithm, k0, k1], rest) = octets.split_first_chunk::<4>()?;
    let (tag, rest) = rest.split_at_checked(tag_len.into())?;
    let (key, mut rest) = rest.split_at_checked(u16::from_be_bytes([k0, k1]).into())?;
    // An empty field has no text.
    (!tag.is_empty() && !key.is_empty()).then_some(())?;
    push(out, format_args!("{algorithm} "));
    push_hex(tag, out);
    out.push(' ');
    push_base64(key, out);
    while !rest.is_empty() {
        out.push(' ');
        rest = &rest[push_name(rest, out)?..];
    }
    Some(())
}

fn push_prefixes(mut rest: &[u8], out: &mut String) -> Option<()> {
    let mut is_first = true;
    while let Some((&[_, family, bits, len], behind)) = rest.split_first_chunk::<4>() {
        let (octets, next) = behind.split_at_checked(usize::from(len & 0x7f))?;
        if !is_first {
            out.push(' ');
        }
        if len & 0x80 != 0 {
            out.push('!');
        }
        let mut whole = [0; 16];
        whole.get_mut(..octets.len())?.copy_from_slice(octets);
        let [a, b, c, d, ..] = whole;
        match family {
            1 => push(out, format_args!("1:{}/{bits}", Ipv4Addr::new(a, b, c, d))),
            _ => push(out, format_args!("2:{}/{bits}", Ipv6Addr::from(whole))),
        }
        (rest, is_first) = (next, false);
    }
    Some(())
}

fn push_services(octets: &[u8], out: &mut String) -> Option<()> {
    let (protocol, bits) = octets.split_first()?;
    // Text cannot say that zeros follow.
    (bits.last() != Some(&0)).then_some(())?;
    push(out, protocol);
    for (at, octet) in bits.iter().enumerate() {
        for bit in (0..8).filter(|bit| octet & (0x80 >> bit) != 0) {
            push(out, format_args!(" {}", at * 8 + bit));
        }
    }
    Some(())
}

fn push_atm_address(octets: &[u8], out: &mut String) -> Option<()> {
    match octets.split_first()? {
        (0, address) if !address.is_empty() => push_hex(address, out),
        (1, digits) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            out.push('+');
            out.push_str(std::str::from_utf8(digits).ok()?);
        }
        _ => return None,
    }
    Some(())
}

/// The parameters of SVCB and HTTPS; `data` is all of the record. `None` for what other readers would refuse in text.
fn push_parameters(data: &[u8], octets: &[u8], out: &mut String) -> Option<()> {
    let parameters: Vec<(u16, &[u8])> = parameters(octets).collect::<Option<_>>()?;
    let has = |key: u16| parameters.iter().any(|(other, _)| *other == key);
    let is_alias = data.starts_with(&[0, 0]);
    if (is_alias && !parameters.is_empty()) || (has(service_key::NO_DEFAULT_ALPN) && !has(service_key::ALPN)) {
        return None;
    }
    for (at, &(key, value)) in parameters.iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        let (pairs, _) = value.as_chunks::<2>();
        let numbers = || pairs.iter().map(|pair| u16::from_be_bytes(*pair));
        match key {
            service_key::MANDATORY => {
                numbers().all(has).then_some(())?;
                out.push_str("mandatory=");
                push_joined(numbers().map(|key| format!("key{key}")), ",", out);
            }
            service_key::NO_DEFAULT_ALPN => out.push_str("no-default-alpn"),
            service_key::OHTTP => out.push_str("ohttp"),
            service_key::ALPN if is_plain_alpn(value) => {
                out.push_str("alpn=");
                let ids = alpn_ids(value).map(|id| String::from_utf8_lossy(id).into_owned());
                push_joined(ids, ",", out);
            }
            service_key::PORT => {
                out.push_str("port=");
                push_joined(numbers().map(|port| port.to_string()), ",", out);
            }
            service_key::IPV4HINT => {
                out.push_str("ipv4hint=");
                let (addresses, _) = value.as_chunks::<4>();
                push_joined(addresses.iter().map(|octets| Ipv4Addr::from(*octets).to_string()), ",", out);
            }
            service_key::IPV6HINT => {
                out.push_str("ipv6hint=");
                let (addresses, _) = value.as_chunks::<16>();
                push_joined(addresses.iter().map(|octets| Ipv6Addr::from(*octets).to_string()), ",", out);
            }
            service_key::ECH => {
                out.push_str("ech=");
                push_base64(value, out);
            }
            _ => {
                push(out, format_args!("key{key}"));
                if !value.is_empty() {
                    out.push('=');
                    push_quoted(value, out);
                }
            }
        }
    }
    Some(())
}

fn alpn_ids(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&len, behind) = rest.split_first()?;
        let (id, next) = behind.split_at_checked(len.into())?;
        rest = next;
        Some(id)
    })
}

/// Whether protocols can stand without quotes and escapes.
fn is_plain_alpn(value: &[u8]) -> bool {
    alpn_ids(value)
        .all(|id| id.iter().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'/')))
}

/// RFC 1876, section 3.
fn push_location(octets: &[u8; 16], out: &mut String) -> Option<()> {
    let [version, sizes @ .., a0, a1, a2, a3] = *octets;
    let (precisions, angles) = sizes.split_first_chunk::<3>()?;
    let (angles, _) = angles.as_chunks::<4>();
    let &[latitude, longitude] = angles else { return None };
    (version == 0).then_some(())?;
    push_angle(u32::from_be_bytes(latitude), 90, ['S', 'N'], out)?;
    out.push(' ');
    push_angle(u32::from_be_bytes(longitude), 180, ['W', 'E'], out)?;
    // Above the reference spheroid, which lies 100,000 m over the lowest altitude.
    let altitude = i64::from(u32::from_be_bytes([a0, a1, a2, a3])) - 10_000_000;
    let sign = if altitude < 0 { "-" } else { "" };
    let centimetres = altitude.unsigned_abs();
    push(out, format_args!(" {sign}{}.{:02}m", centimetres / 100, centimetres % 100));
    for precision in precisions {
        let (mantissa, exponent) = (u64::from(precision >> 4), u32::from(precision & 15));
        // Zero has one form; larger digits have none.
        (mantissa <= 9 && exponent <= 9 && (mantissa > 0 || exponent == 0)).then_some(())?;
        let centimetres = mantissa * 10_u64.pow(exponent);
        push(out, format_args!(" {}.{:02}m", centimetres / 100, centimetres % 100));
    }
    Some(())
}

fn push_angle(value: u32, degrees_max: u64, hemispheres: [char; 2], out: &mut String) -> Option<()> {
    /// The equator or the prime meridian, in thousandths of an arc second.
    const MIDDLE: i64 = 1 << 31;
    let from_middle = i64::from(value) - MIDDLE;
    let thousandths = from_middle.unsigned_abs();
    (thousandths <= degrees_max * 3_600_000).then_some(())?;
    let hemisphere = hemispheres[usize::from(from_middle >= 0)];
    let (degrees, minutes) = (thousandths / 3_600_000, thousandths / 60_000 % 60);
    let (seconds, rest) = (thousandths / 1000 % 60, thousandths % 1000);
    push(out, format_args!("{degrees} {minutes} {seconds}.{rest:03} {hemisphere}"));
    Some(())
}
