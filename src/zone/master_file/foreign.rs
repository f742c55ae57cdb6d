//! Record data that `hickory-proto` reads: the types with a syntax of their own. Names in it are read here, because it
//! knows no origin and would change their letter case.

use super::text::push_unescaped;
use crate::wire::Name;
use hickory_proto::rr::rdata::{HTTPS, SVCB};
use hickory_proto::rr::{RData, RecordType};
use hickory_proto::serialize::binary::{BinDecoder, BinEncodable, BinEncoder, Restrict};

/// One token of record data: its text without quotes, and whether it stood in quotes.
#[derive(Clone, Copy, Debug)]
pub struct Word<'t> {
    /// The octets between quotes or blanks, escapes kept.
    pub text: &'t [u8],
    /// Whether it stood in quotes.
    pub quoted: bool,
}

/// Appends the wire form of the data of type `code`; the error says what is wrong in a few words.
pub fn push_data(code: u16, words: &[Word<'_>], origin: &Name, out: &mut Vec<u8>) -> Result<(), String> {
    let name_at_word = match code {
        NAPTR => Some(5),
        SVCB_CODE | HTTPS_CODE => Some(1),
        _ => None,
    };
    let (mut line, mut name) = (String::new(), None);
    for (index, word) in words.iter().enumerate() {
        line.push(' ');
        if name_at_word == Some(index) {
            // The root stands for it: hickory would change its letter case and its odd characters.
            name = Some(Name::from_text(word.text, Some(origin)).map_err(|error| error.to_string())?);
            line.push('.');
        } else if matches!(code, SVCB_CODE | HTTPS_CODE) && index > 1 {
            push_parameter(word.text, &mut line)?;
        } else {
            push_word(*word, &mut line)?;
        }
    }
    let data = RData::try_from_str(RecordType::from(code), &line).map_err(|error| error.to_string())?;
    let data = in_key_order(data);
    let mut octets = Vec::new();
    data.emit(&mut BinEncoder::new(&mut octets)).map_err(|error| error.to_string())?;
    // What hickory takes from text but would not take from the wire must not reach the wire.
    check_octets(code, &octets)?;
    if let Some(name) = name {
        // Behind the priority of SVCB and HTTPS; at the end of NAPTR.
        let root_at = if code == NAPTR { octets.len() - 1 } else { 2 };
        octets.splice(root_at..=root_at, name.as_wire().iter().copied());
    }
    out.extend_from_slice(&octets);
    Ok(())
}

const NAPTR: u16 = 35;
const SVCB_CODE: u16 = 64;
const HTTPS_CODE: u16 = 65;

/// Whether `octets` are the wire form of data of type `code`, without compressed names.
pub fn check_octets(code: u16, octets: &[u8]) -> Result<(), String> {
    let len = u16::try_from(octets.len()).map_err(|_| "the data is longer than 65,535 octets".to_owned())?;
    let data = RData::read(&mut BinDecoder::new(octets), RecordType::from(code), Restrict::new(len))
        .map_err(|error| error.to_string())?;
    let mut again = Vec::new();
    data.emit(&mut BinEncoder::new(&mut again)).map_err(|error| error.to_string())?;
    if again == octets { Ok(()) } else { Err("the octets are not in the form that this type has".to_owned()) }
}

/// Writes a word so that hickory reads the octets it stands for: decoded, in quotes when it was.
fn push_word(word: Word<'_>, line: &mut String) -> Result<(), String> {
    let mut octets = Vec::new();
    push_unescaped(word.text, &mut octets).ok_or("`\\` must be followed by a character or by three digits")?;
    // Its strings are UTF-8, and its own `\DDD` counts in other steps than tens.
    let text =
        String::from_utf8(octets).map_err(|_| "octets that are no UTF-8 can only be given as `\\# LENGTH HEX`")?;
    if word.quoted {
        line.push('"');
        for character in text.chars() {
            if matches!(character, '"' | '\\') {
                line.push('\\');
            }
            line.push(character);
        }
        line.push('"');
    } else if text.chars().any(|c| c.is_whitespace() || c.is_control() || "();\"\\".contains(c)) {
        return Err(format!("`{}` must stand in quotes", text.escape_debug()));
    } else {
        line.push_str(&text);
    }
    Ok(())
}

/// Writes a parameter of SVCB or HTTPS without the quotes around its value, which hickory would split at a blank.
fn push_parameter(text: &[u8], line: &mut String) -> Result<(), String> {
    let text = std::str::from_utf8(text).map_err(|_| "parameters must be UTF-8")?;
    let (key, value) = text.split_once('=').map_or((text, None), |(key, value)| (key, Some(value)));
    line.push_str(key);
    if let Some(value) = value {
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
        if value.is_empty() {
            return Err(format!("the parameter `{key}` has an empty value"));
        }
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || "();\"".contains(c);
        if text.contains(is_odd) && value.contains(is_odd) {
            return Err(format!("the value of `{key}` holds characters that can only be given as `\\# LENGTH HEX`"));
        }
        line.push('=');
        line.push_str(value);
    }
    Ok(())
}

/// Parameters may be written in any order, but go over the wire in the order of their keys (RFC 9460, section 2.2).
fn in_key_order(data: RData) -> RData {
    let sorted = |mut svcb: SVCB| {
        svcb.svc_params.sort_by_key(|(key, _)| *key);
        svcb
    };
    match data {
        RData::SVCB(svcb) => RData::SVCB(sorted(svcb)),
        RData::HTTPS(https) => RData::HTTPS(HTTPS(sorted(https.0))),
        other => other,
    }
}
