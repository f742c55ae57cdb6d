//! The parameters of SVCB and HTTPS records in text (RFC 9460, sections 2.1 and 7, appendix A). Knows no other data.

use super::rdata::{DataError, Reader, bad_escape, parsed};
use super::text::{number, push_base64, push_unescaped, shown};
use crate::zone::wire_form::{parameter_is_valid, service_key as key};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Keys with a name of their own.
pub const NAMES: [(&str, u16); 10] = [
    ("mandatory", key::MANDATORY),
    ("alpn", key::ALPN),
    ("no-default-alpn", key::NO_DEFAULT_ALPN),
    ("port", key::PORT),
    ("ipv4hint", key::IPV4HINT),
    ("ech", key::ECH),
    ("ipv6hint", key::IPV6HINT),
    ("dohpath", key::DOHPATH),
    ("ohttp", key::OHTTP),
    ("tls-supported-groups", key::TLS_SUPPORTED_GROUPS),
];

/// One parameter as it was read.
struct Parameter {
    key: u16,
    /// Its token.
    at: usize,
    value: Vec<u8>,
}

impl Reader<'_, '_> {
    /// All remaining tokens, behind priority and target, as parameters in the order of their keys.
    pub(super) fn service_parameters(&mut self) -> Result<(), DataError> {
        let first = self.at;
        let is_alias =
            self.data.tokens.first().is_some_and(|priority| number(priority.of(self.data.text), 0) == Some(0));
        if is_alias && first < self.data.tokens.len() {
            return Err(DataError::at(first, "a record in AliasMode (priority 0) has no parameters")
                .with_hint("remove the parameters, or give a priority from 1 on (RFC 9460, section 2.4.2)"));
        }
        let mut parameters: Vec<Parameter> = Vec::with_capacity(self.data.tokens.len() - first);
        for at in first..self.data.tokens.len() {
            let token = self.data.tokens[at];
            let text = token.of(self.data.text);
            if token.quoted {
                return Err(DataError::at(at, "a parameter does not stand in quotes, but its value may")
                    .with_hint("write it as `key=\"value\"`"));
            }
            let parameter = read_parameter(at, text)?;
            if parameters.iter().any(|earlier| earlier.key == parameter.key) {
                return Err(DataError::at(at, format!("the parameter `{}` is given twice", key_name(parameter.key)))
                    .with_hint("a key stands at most once; give a list of values with commas"));
            }
            parameters.push(parameter);
        }
        parameters.sort_by_key(|parameter| parameter.key);
        check_together(&parameters)?;
        for Parameter { key, at, value } in &parameters {
            let len = u16::try_from(value.len()).map_err(|_| DataError::at(*at, "the value is too long"))?;
            self.out.extend_from_slice(&key.to_be_bytes());
            self.out.extend_from_slice(&len.to_be_bytes());
            self.out.extend_from_slice(value);
        }
        self.at = self.data.tokens.len();
        Ok(())
    }
}

/// What parameters ask of each other: `parameters` are sorted by key.
fn check_together(parameters: &[Parameter]) -> Result<(), DataError> {
    let has = |key: u16| parameters.iter().any(|parameter| parameter.key == key);
    for Parameter { key, at, value } in parameters {
        if *key == key::NO_DEFAULT_ALPN && !has(key::ALPN) {
            return Err(DataError::at(*at, "`no-default-alpn` needs `alpn` beside it")
                .with_hint("name the protocols that are served, as in `alpn=h2` (RFC 9460, section 7.1.1)"));
        }
        if *key != key::MANDATORY {
            continue;
        }
        let listed = value.chunks_exact(2).map(|key| u16::from_be_bytes([key[0], key[1]]));
        if let Some(missing) = listed.into_iter().find(|&key| !has(key)) {
            let message = format!("`{}` is mandatory, but it is not given", key_name(missing));
            return Err(DataError::at(*at, message)
                .with_hint("give that parameter too, or take it out of `mandatory` (RFC 9460, section 8)"));
        }
    }
    Ok(())
}

/// Reads `key`, `key=value` or `key="value"`.
fn read_parameter(at: usize, text: &[u8]) -> Result<Parameter, DataError> {
    let equals = text.iter().position(|&octet| octet == b'=');
    let (name, value) = equals.map_or((text, None), |equals| (&text[..equals], Some(&text[equals + 1..])));
    let key = read_key(name).ok_or_else(|| unknown_key(at, name))?;
    let value = value.unwrap_or_default();
    let quoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    let mut octets = Vec::with_capacity(value.len());
    push_unescaped(quoted.unwrap_or(value), &mut octets).ok_or_else(|| bad_escape(at))?;
    let is_numbered = name.get(..3).is_some_and(|word| word.eq_ignore_ascii_case(b"key"));
    if is_numbered {
        if !parameter_is_valid(key, &octets) {
            let message = format!("these octets are no value of the key `{}`", key_name(key));
            return Err(DataError::at(at, message).with_hint("write the parameter by its name"));
        }
        return Ok(Parameter { key, at, value: octets });
    }
    let value = read_value(key, &octets).map_err(|wrong| {
        let error = DataError::at(at, format!("`{}` {}", key_name(key), wrong.0));
        error.with_hint(wrong.1)
    })?;
    Ok(Parameter { key, at, value })
}

/// The number of a key: its name, or `keyNNNNN`.
fn read_key(name: &[u8]) -> Option<u16> {
    let known = NAMES.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
    if let Some((_, key)) = known {
        return Some(*key);
    }
    let (word, digits) = name.split_at_checked(3)?;
    let leading_zero = digits.len() > 1 && digits[0] == b'0';
    let key = number(digits, u32::from(key::INVALID) - 1)?;
    (word.eq_ignore_ascii_case(b"key") && !leading_zero).then_some(key as u16)
}

/// The name of a key, or `keyNNNNN`.
#[must_use]
pub fn key_name(key: u16) -> String {
    let known = NAMES.iter().find(|(_, known)| *known == key);
    known.map_or_else(|| format!("key{key}"), |(name, _)| (*name).to_owned())
}

fn unknown_key(at: usize, name: &[u8]) -> DataError {
    let error = DataError::at(at, format!("`{}` is no key of a parameter", shown(name)));
    error.with_hint(
        "known keys are `mandatory`, `alpn`, `no-default-alpn`, `port`, `ipv4hint`, `ech`, `ipv6hint`, `dohpath`, `ohttp` \
         and `tls-supported-groups`; any other is written `keyNNNNN` with its number",
    )
}

/// What is wrong with a value, and what to do.
type WrongValue = (String, &'static str);

/// The wire form of the value of a key with a name, whose text is `octets` without quotes and escapes.
fn read_value(key: u16, octets: &[u8]) -> Result<Vec<u8>, WrongValue> {
    let mut out = Vec::with_capacity(octets.len() + 1);
    match key {
        key::NO_DEFAULT_ALPN | key::OHTTP => {
            if !octets.is_empty() {
                return Err(("takes no value".into(), "write the key alone"));
            }
        }
        _ if octets.is_empty() => return Err(("needs a value".into(), "write it as `key=value`")),
        key::MANDATORY => return read_mandatory(octets),
        key::ALPN => {
            for id in list_with_escapes(octets) {
                let len = u8::try_from(id.len()).ok().filter(|&len| len > 0);
                let len = len.ok_or_else(|| {
                    ("holds a protocol that is empty or longer than 255 octets".into(), "for example `alpn=h2,h3`")
                })?;
                out.push(len);
                out.extend_from_slice(&id);
            }
        }
        key::PORT => {
            let port = number(octets, u16::MAX.into());
            let port = port
                .ok_or_else(|| (format!("holds `{}`, which is no port", shown(octets)), "give a number up to 65535"))?;
            out.extend_from_slice(&(port as u16).to_be_bytes());
        }
        key::IPV4HINT => {
            for part in octets.split(|&octet| octet == b',') {
                let address: Ipv4Addr = parsed(part).ok_or_else(|| no_address(part, "IPv4"))?;
                out.extend_from_slice(&address.octets());
            }
        }
        key::IPV6HINT => {
            for part in octets.split(|&octet| octet == b',') {
                let address: Ipv6Addr = parsed(part).ok_or_else(|| no_address(part, "IPv6"))?;
                out.extend_from_slice(&address.octets());
            }
        }
        key::ECH => {
            let read = push_base64(&[octets], &mut out).filter(|()| !out.is_empty());
            read.ok_or_else(|| ("is no Base64 data".into(), "give the ECHConfigList as your TLS server prints it"))?;
        }
        key::DOHPATH => {
            let is_template = octets.first() == Some(&b'/') && octets.windows(3).any(|part| part == b"dns");
            if !is_template || std::str::from_utf8(octets).is_err() {
                let wrong = "is no relative URI template with the variable `dns`".into();
                return Err((wrong, "for example `dohpath=/dns-query{?dns}` (RFC 9461)"));
            }
            out.extend_from_slice(octets);
        }
        _ => {
            // TLS groups; no other key has a name.
            for part in octets.split(|&octet| octet == b',') {
                let group = number(part, u16::MAX.into());
                let group = group.ok_or_else(|| {
                    (
                        format!("holds `{}`, which is no number of a group", shown(part)),
                        "give numbers up to 65535 with commas",
                    )
                })?;
                out.extend_from_slice(&(group as u16).to_be_bytes());
            }
        }
    }
    Ok(out)
}

fn no_address(part: &[u8], family: &str) -> WrongValue {
    (format!("holds `{}`, which is no {family} address", shown(part)), "give addresses with commas and without blanks")
}

/// Keys with commas, which go over the wire in ascending order.
fn read_mandatory(octets: &[u8]) -> Result<Vec<u8>, WrongValue> {
    let mut keys = Vec::new();
    for part in octets.split(|&octet| octet == b',') {
        let key = read_key(part);
        let key =
            key.ok_or_else(|| (format!("lists `{}`, which is no key", shown(part)), "give names of keys with commas"))?;
        if key == key::MANDATORY {
            return Err(("lists itself".into(), "take it out: it is always understood"));
        }
        if keys.contains(&key) {
            return Err((format!("lists `{}` twice", key_name(key)), "list each key once"));
        }
        keys.push(key);
    }
    keys.sort_unstable();
    Ok(keys.into_iter().flat_map(u16::to_be_bytes).collect())
}

/// The items of a list with commas, in which `\,` is a comma and `\\` a backslash of an item (RFC 9460, appendix A.1).
fn list_with_escapes(octets: &[u8]) -> Vec<Vec<u8>> {
    let mut items = vec![Vec::new()];
    let mut rest = octets.iter();
    while let Some(&octet) = rest.next() {
        match octet {
            b',' => items.push(Vec::new()),
            b'\\' => items.last_mut().into_iter().for_each(|item| item.extend(rest.next())),
            _ => items.last_mut().into_iter().for_each(|item| item.push(octet)),
        }
    }
    items
}
