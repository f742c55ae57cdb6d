//! What stands between the owner and the data of a record: TTL, class and type.

use super::lexer::Token;
use super::text::{TTL_MAX, number, seconds, shown};
use super::{Parser, Scope};
use crate::base::{Diagnostic, suggest};
use crate::zone::record_type::{self, RecordType};
use std::net::IpAddr;

/// TTL and type of a record, and the tokens of its data.
pub struct Header<'t> {
    /// The TTL, if it stands there.
    pub ttl: Option<u32>,
    /// TYPE.
    pub rtype: u16,
    /// What is known of the type.
    pub known: Option<&'static RecordType>,
    /// Offset of the type.
    pub type_start: u32,
    /// The tokens behind the type.
    pub data: &'t [Token],
}

/// What is no record, and why.
struct Mistake {
    message: String,
    hint: String,
}

impl Parser<'_> {
    /// Reads `[TTL] [CLASS] TYPE`, TTL and class in either order, from `rest`, the part of `entry` behind the owner.
    pub(super) fn header<'t>(
        &mut self,
        scope: &Scope<'_>,
        indented: bool,
        entry: &[Token],
        rest: &'t [Token],
    ) -> Option<Header<'t>> {
        let (mut ttl, mut has_class) = (None, false);
        for (at, token) in rest.iter().enumerate() {
            let text = token.of(scope.text);
            if let Some(known) = record_type::by_mnemonic(text) {
                let data = &rest[at + 1..];
                return Some(Header { ttl, rtype: known.code, known: Some(known), type_start: token.start, data });
            }
            let mistake = match class(text) {
                Some(Ok(())) if !has_class => {
                    has_class = true;
                    continue;
                }
                Some(Err(message)) => {
                    Mistake { message, hint: "this server has class IN only; leave the class out".into() }
                }
                _ if text.first().is_some_and(u8::is_ascii_digit) && ttl.is_none() => match seconds(text) {
                    Some(value) if value <= TTL_MAX => {
                        ttl = Some(value);
                        continue;
                    }
                    Some(_) => Mistake {
                        message: format!("the TTL `{}` is too large", shown(text)),
                        hint: format!("a TTL is at most {TTL_MAX} seconds (RFC 2181, section 8)"),
                    },
                    None => no_type(text, indented),
                },
                _ => match numbered_type(text) {
                    Some(code) if record_type::refusal(code).is_none() => {
                        let data = &rest[at + 1..];
                        let known = record_type::by_code(code);
                        return Some(Header { ttl, rtype: code, known, type_start: token.start, data });
                    }
                    _ => no_type(text, indented),
                },
            };
            self.findings.push(Diagnostic::error(mistake.message).at(scope.token_span(token), "").hint(mistake.hint));
            return None;
        }
        self.findings.push(
            Diagnostic::error("the record has no type and no data")
                .at(scope.end_span(entry), "")
                .hint("a record is `[OWNER] [TTL] [CLASS] TYPE DATA`"),
        );
        None
    }
}

/// Whether `text` is a class, and whether it is IN.
fn class(text: &[u8]) -> Option<Result<(), String>> {
    if text.eq_ignore_ascii_case(b"IN") || text.eq_ignore_ascii_case(b"CLASS1") {
        return Some(Ok(()));
    }
    let is_other = [&b"CH"[..], b"HS", b"CS"].iter().any(|other| text.eq_ignore_ascii_case(other))
        || prefixed_number(text, b"CLASS").is_some();
    is_other.then(|| Err(format!("class {} is not served", shown(text).to_ascii_uppercase())))
}

/// `TYPEnnn`, or the mnemonic of a type that is refused.
fn numbered_type(text: &[u8]) -> Option<u16> {
    let refused = record_type::REFUSED.iter().find(|(mnemonic, ..)| mnemonic.as_bytes().eq_ignore_ascii_case(text));
    refused.map(|(_, code, _)| *code).or_else(|| prefixed_number(text, b"TYPE"))
}

fn prefixed_number(text: &[u8], prefix: &[u8]) -> Option<u16> {
    let (head, digits) = text.split_at_checked(prefix.len())?;
    if !head.eq_ignore_ascii_case(prefix) {
        return None;
    }
    number(digits, u16::MAX.into()).map(|code| code as u16)
}

/// Why `text` is no type, and what may have been meant.
fn no_type(text: &[u8], indented: bool) -> Mistake {
    let shown = shown(text);
    if let Some(code) = numbered_type(text)
        && let Some(reason) = record_type::refusal(code)
    {
        return Mistake {
            message: format!("records of type {} are refused", record_type::name(code)),
            hint: reason.to_owned(),
        };
    }
    let hint = if let Ok(address) = shown.parse::<IpAddr>() {
        format!("is the type `{}` missing before the address?", if address.is_ipv4() { "A" } else { "AAAA" })
    } else if text.first().is_some_and(u8::is_ascii_digit) {
        return Mistake {
            message: format!("`{shown}` is neither a TTL nor a record type"),
            hint: "a TTL is given in seconds, or with units as in `1h30m` (w, d, h, m, s)".to_owned(),
        };
    } else if text.starts_with(b"$") && indented {
        "directives must begin in the first column".to_owned()
    } else if let Some(near) = suggest::nearest(&shown, record_type::KNOWN.iter().map(|known| known.mnemonic)) {
        format!("did you mean `{near}`?")
    } else if indented {
        "the line begins with a blank, so that it has the owner of the record before it; an owner of its own must begin \
         in the first column"
            .to_owned()
    } else {
        "a record is `[OWNER] [TTL] [CLASS] TYPE DATA`; types without a name are written `TYPEnnn \\# LENGTH HEX`"
            .to_owned()
    };
    Mistake { message: format!("`{shown}` is no record type"), hint }
}
