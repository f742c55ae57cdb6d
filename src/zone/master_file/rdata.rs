//! Record data: from the tokens of a record, or from octets in hexadecimal (RFC 3597, section 5), into the form that the
//! zone stores, in which compressible names end in a pointer relative to the apex.

use super::lexer::Token;
use super::location::location;
use super::name_text::{compress, push_name, repeats};
use super::text::{STRING_LEN_MAX, number, push_base64, push_hex, push_unescaped, seconds, shown};
use crate::wire::{Name, NameError};
use crate::zone::record_type::{Field, RecordType};
use crate::zone::wire_form::field_len;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Most octets in the data of one record.
pub const DATA_LEN_MAX: usize = u16::MAX as usize;

/// The tokens of one record's data and what they are read with.
#[derive(Clone, Copy, Debug)]
pub struct DataText<'t> {
    /// The file.
    pub text: &'t [u8],
    /// The tokens behind the type.
    pub tokens: &'t [Token],
    /// Completes relative names.
    pub origin: &'t Name,
    /// Names are compressed against it.
    pub apex: &'t [u8],
}

/// What is wrong with record data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataError {
    /// The token, or `None` for the place behind the last one.
    pub token: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<&'static str>,
}

impl DataError {
    /// At a token.
    pub(super) fn at(token: usize, message: impl Into<String>) -> Self {
        Self { token: Some(token), message: message.into(), hint: None }
    }

    /// The same with a remedy.
    pub(super) fn with_hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

/// What is allowed in a name, but probably not meant; with its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// It ends in the origin twice, which is what a forgotten final dot looks like.
    RepeatsOrigin(usize),
    /// It looks like an IPv4 address.
    IsAddress(usize),
}

/// Appends the stored form of a record's data to `out`. Returns what looks odd in it. After an error `out` holds a part of the data.
pub fn push_data(
    rtype: u16,
    known: Option<&RecordType>,
    data: DataText<'_>,
    out: &mut Vec<u8>,
) -> Result<Option<Oddity>, DataError> {
    let start = out.len();
    let generic = data.tokens.first().is_some_and(|first| !first.quoted && first.of(data.text) == br"\#");
    let mut reader = Reader { data, at: 0, oddity: None, out };
    match known {
        _ if generic => reader.generic(known)?,
        Some(known) => {
            for &field in known.fields {
                reader.field(field)?;
            }
            reader.end()?;
        }
        None => {
            return Err(DataError {
                token: data.tokens.first().map(|_| 0),
                message: format!("the data of type TYPE{rtype} must be given in hexadecimal"),
                hint: Some("write it as `\\# LENGTH HEX`, for example `\\# 4 c0000201` (RFC 3597, section 5)"),
            });
        }
    }
    let oddity = reader.oddity;
    if out.len() - start > DATA_LEN_MAX {
        return Err(DataError { token: None, message: "the data is longer than 65,535 octets".into(), hint: None });
    }
    Ok(oddity)
}

/// Reads the tokens of one record's data, one after the other.
pub(super) struct Reader<'t, 'o> {
    pub(super) data: DataText<'t>,
    /// The next token.
    pub(super) at: usize,
    oddity: Option<Oddity>,
    pub(super) out: &'o mut Vec<u8>,
}

impl<'t> Reader<'t, '_> {
    /// The next token; `expected` says what is missing when there is none.
    pub(super) fn next(&mut self, expected: &str) -> Result<(usize, Token, &'t [u8]), DataError> {
        let Some(token) = self.data.tokens.get(self.at) else {
            return Err(DataError { token: None, message: format!("{expected} is missing"), hint: None });
        };
        self.at += 1;
        Ok((self.at - 1, *token, token.of(self.data.text)))
    }

    fn end(&self) -> Result<(), DataError> {
        match self.data.tokens.get(self.at) {
            None => Ok(()),
            Some(token) => {
                let text = shown(token.of(self.data.text));
                Err(DataError::at(self.at, format!("`{text}` is too much: the record is complete before it")))
            }
        }
    }

    fn field(&mut self, field: Field) -> Result<(), DataError> {
        match field {
            Field::CompressibleName => self.name(true),
            Field::Name => self.name(false),
            Field::U8 => self.number(u8::MAX.into()).map(|value| self.out.push(value as u8)),
            Field::U16 => {
                self.number(u16::MAX.into()).map(|value| self.out.extend_from_slice(&(value as u16).to_be_bytes()))
            }
            Field::U32 => self.number(u32::MAX).map(|value| self.out.extend_from_slice(&value.to_be_bytes())),
            Field::Seconds => {
                let (at, _, text) = self.next("a time in seconds")?;
                let value = seconds(text).ok_or_else(|| {
                    DataError::at(at, format!("`{}` is no time", shown(text)))
                        .with_hint("give seconds, or units as in `1h30m` (w, d, h, m, s)")
                })?;
                self.out.extend_from_slice(&value.to_be_bytes());
                Ok(())
            }
            Field::Ipv4 => self.ipv4(),
            Field::Ipv6 => self.ipv6(),
            Field::Text => self.string(),
            Field::Texts => {
                self.string()?;
                while self.at < self.data.tokens.len() {
                    self.string()?;
                }
                Ok(())
            }
            Field::OptionalText => {
                if self.at < self.data.tokens.len() {
                    self.string()
                } else {
                    Ok(())
                }
            }
            Field::RestText => {
                let (at, _, text) = self.next("a text")?;
                push_unescaped(text, self.out).ok_or_else(|| bad_escape(at))
            }
            Field::CaaTag => self.caa_tag(),
            Field::Hex => self.rest("hexadecimal data", push_hex),
            Field::Base64 => self.rest("Base64 data", push_base64),
            Field::Salt => self.salt(),
            Field::Eui(octets) => self.eui(octets),
            Field::Location => self.location(),
            Field::Time => self.time(),
            Field::Base32Hash => self.hash(),
            Field::ServiceParameters => self.service_parameters(),
            rare => self.rare(rare),
        }
    }

    pub(super) fn ipv4(&mut self) -> Result<(), DataError> {
        let (at, _, text) = self.next("an IPv4 address")?;
        let address: Ipv4Addr = parsed(text).ok_or_else(|| not_an_address(at, text, "IPv4"))?;
        self.out.extend_from_slice(&address.octets());
        Ok(())
    }

    pub(super) fn ipv6(&mut self) -> Result<(), DataError> {
        let (at, _, text) = self.next("an IPv6 address")?;
        let address: Ipv6Addr = parsed(text).ok_or_else(|| not_an_address(at, text, "IPv6"))?;
        self.out.extend_from_slice(&address.octets());
        Ok(())
    }

    pub(super) fn name(&mut self, compressible: bool) -> Result<(), DataError> {
        let (at, token, text) = self.next("a name")?;
        let origin = self.data.origin.as_wire();
        let start = self.out.len();
        let relative = push_name(text, origin, self.out).map_err(|error| bad_name(at, &token, text, error))?;
        if relative && repeats(&self.out[start..], origin) {
            self.oddity = Some(Oddity::RepeatsOrigin(at));
        } else if relative && text.last().is_some_and(u8::is_ascii_digit) && parsed::<Ipv4Addr>(text).is_some() {
            self.oddity = Some(Oddity::IsAddress(at));
        }
        if compressible {
            compress(self.out, start, self.data.apex);
        }
        Ok(())
    }

    pub(super) fn number(&mut self, max: u32) -> Result<u32, DataError> {
        let (at, _, text) = self.next("a number")?;
        number(text, max).ok_or_else(|| DataError::at(at, format!("`{}` is no number from 0 to {max}", shown(text))))
    }

    fn string(&mut self) -> Result<(), DataError> {
        let (at, token, text) = self.next("a character string")?;
        let len_at = self.out.len();
        self.out.push(0);
        if token.escaped {
            push_unescaped(text, self.out).ok_or_else(|| bad_escape(at))?;
        } else {
            self.out.extend_from_slice(text);
        }
        let len = self.out.len() - len_at - 1;
        if len > STRING_LEN_MAX {
            return Err(DataError::at(at, format!("the string has {len} octets, and at most 255 fit"))
                .with_hint("split it into several strings in quotes with a blank between them"));
        }
        self.out[len_at] = len as u8;
        Ok(())
    }

    fn caa_tag(&mut self) -> Result<(), DataError> {
        let (at, _, text) = self.next("a tag")?;
        if text.is_empty() || text.len() > STRING_LEN_MAX || !text.iter().all(u8::is_ascii_alphanumeric) {
            let shown = shown(text);
            return Err(DataError::at(at, format!("`{shown}` is no CAA tag"))
                .with_hint("a tag consists of letters and digits, such as `issue`, `issuewild` or `iodef`"));
        }
        self.out.push(text.len() as u8);
        self.out.extend_from_slice(text);
        Ok(())
    }

    /// All remaining tokens, joined.
    pub(super) fn rest(&mut self, what: &str, push: fn(&[&[u8]], &mut Vec<u8>) -> Option<()>) -> Result<(), DataError> {
        let at = self.next(what)?.0;
        self.at = self.data.tokens.len();
        push(&self.texts_from(at), self.out).ok_or_else(|| DataError::at(at, format!("this is no {what}")))
    }

    fn texts_from(&self, at: usize) -> Vec<&'t [u8]> {
        self.data.tokens[at..].iter().map(|token| token.of(self.data.text)).collect()
    }

    fn salt(&mut self) -> Result<(), DataError> {
        let (at, _, text) = self.next("a salt")?;
        let len_at = self.out.len();
        self.out.push(0);
        if text != b"-" {
            push_hex(&[text], self.out).ok_or_else(|| DataError::at(at, "this is no valid salt"))?;
        }
        let len = self.out.len() - len_at - 1;
        self.out[len_at] = u8::try_from(len).map_err(|_| DataError::at(at, "the salt is longer than 255 octets"))?;
        Ok(())
    }

    fn eui(&mut self, octets: u8) -> Result<(), DataError> {
        let (at, _, text) = self.next("an EUI address")?;
        let start = self.out.len();
        let pairs: Vec<_> = text.split(|&octet| octet == b'-').collect();
        let read = pairs.iter().all(|pair| pair.len() == 2).then(|| push_hex(&pairs, self.out)).flatten();
        if read.is_none() || self.out.len() - start != usize::from(octets) {
            let message = format!("this is no address of {octets} octets with hyphens between them");
            return Err(DataError::at(at, message).with_hint("for example `00-00-5e-00-53-2a`"));
        }
        Ok(())
    }

    fn location(&mut self) -> Result<(), DataError> {
        let at = self.next("a location")?.0;
        let texts = self.data.tokens.iter().map(|token| std::str::from_utf8(token.of(self.data.text)));
        let octets = texts.collect::<Result<Vec<_>, _>>().ok().and_then(|words| location(&words));
        self.at = self.data.tokens.len();
        let octets = octets.ok_or_else(|| {
            DataError::at(at, "this is no location").with_hint("for example `52 22 23 N 4 53 32 E -2m` (RFC 1876)")
        })?;
        self.out.extend_from_slice(&octets);
        Ok(())
    }

    /// `\# LENGTH HEX`, which any type may have. Octets of a known type are checked against its fields.
    fn generic(&mut self, known: Option<&RecordType>) -> Result<(), DataError> {
        self.at = 1;
        let len = self.number(DATA_LEN_MAX as u32)? as usize;
        let data = self.data;
        let digits_at = self.at;
        let mut octets = Vec::with_capacity(len);
        push_hex(&self.texts_from(digits_at), &mut octets)
            .ok_or_else(|| DataError::at(digits_at, "this is no hexadecimal data"))?;
        if octets.len() != len {
            let message = format!("the length says {len} octets, but {} follow", octets.len());
            return Err(DataError::at(1, message));
        }
        let Some(known) = known else {
            self.out.extend_from_slice(&octets);
            return Ok(());
        };
        push_octets(known.fields, &octets, data.apex, self.out).ok_or_else(|| {
            DataError::at(0, format!("the octets are no data of type {}: a field is broken", known.mnemonic))
        })
    }
}

/// Appends the stored form of data in wire form whose names are not compressed; `None` when it does not have `fields`.
fn push_octets(fields: &[Field], octets: &[u8], apex: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = octets;
    for field in fields {
        let len = field_len(*field, rest)?;
        let start = out.len();
        out.extend_from_slice(&rest[..len]);
        if *field == Field::CompressibleName {
            compress(out, start, apex);
        }
        rest = &rest[len..];
    }
    rest.is_empty().then_some(())
}

/// A value as Rust writes it.
pub(super) fn parsed<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn not_an_address(at: usize, text: &[u8], family: &str) -> DataError {
    DataError::at(at, format!("`{}` is no {family} address", shown(text)))
}

fn bad_name(at: usize, token: &Token, text: &[u8], error: NameError) -> DataError {
    let shown = shown(text);
    let error = DataError::at(at, format!("`{shown}` is no name: {error}"));
    if token.quoted { error.with_hint("names stand without quotes") } else { error }
}

/// A backslash that escapes nothing.
pub(super) fn bad_escape(at: usize) -> DataError {
    DataError::at(at, NameError::BadEscape.to_string())
}
