//! Reads what an `http` or `https` monitor asks for and expects. Knows no TLS.

use super::pattern;
use crate::base::Diagnostic;
use crate::config::keys::monitor as keys;
use crate::config::reader::{Reader, Slot};
use crate::config::report::Report;
use crate::config::scalars::{http_status, integer, parsed, text, word};
use crate::config::spec::wrong;
use crate::config::tree::{Node, Spanned};
use crate::config::values::Wrong;
use crate::probe::spec::{ANSWER_LEN_MAX, Expectation, HttpCheck, HttpVersion};

/// Status codes that pass unless `expect_status` says otherwise.
const STATUS_DEFAULT: (u16, u16) = (200, 299);

/// Methods that are sent with a body.
const METHODS_WITH_BODY: [&str; 4] = ["POST", "PUT", "PATCH", "DELETE"];

/// Headers that are not for an operator to set, in lower case, with what to do instead.
const OWN_HEADERS: &[(&str, &str)] = &[
    ("host", "it is set with `host`"),
    ("content-length", "it is computed; remove it"),
    ("connection", "each check is one fresh connection; remove it"),
    ("keep-alive", "each check is one fresh connection; remove it"),
    ("proxy-connection", "each check is one fresh connection; remove it"),
    ("proxy-authorization", "checks go to members, through no proxy; remove it"),
    ("te", "it is about one connection, not for a server behind another; remove it"),
    ("trailer", "a check sends none; remove it"),
    ("transfer-encoding", "a body is sent as it is; remove it"),
    ("upgrade", "what is spoken is set with `http_version`; remove it"),
];

/// Reads an `http` check; one of `https` has a TLS side besides.
pub(super) fn http_check(reader: &mut Reader<'_, '_>) -> HttpCheck {
    let method = reader.one(&keys::METHOD, word);
    let body = reader.one(&keys::BODY, text);
    check_body(reader, method.as_ref(), body.as_ref());
    let version = reader.one(&keys::HTTP_VERSION, word).map_or("1.1", |version| version.value);
    HttpCheck {
        tls: None,
        version: if version == "2" { HttpVersion::Http2 } else { HttpVersion::Http1 },
        expect_body: expect_body(reader, method.as_ref()),
        method: method.map_or("GET", |method| method.value).to_owned(),
        path: reader.one(&keys::PATH, url_path).map_or_else(|| "/".to_owned(), |path| path.value),
        host: reader.one(&keys::HOST, host_header).map(|host| host.value),
        headers: headers(reader),
        body: body.map(|body| body.value.into_bytes()).unwrap_or_default(),
        redirects_max: reader.one(&keys::FOLLOW_REDIRECTS, integer).map_or(0, |most| most.value),
        expect_status: expect_status(reader),
        capture_header: reader.one(&keys::CAPTURE_HEADER, captured_header).map(|name| name.value),
    }
}

/// A body goes with some methods only.
fn check_body(reader: &mut Reader<'_, '_>, method: Option<&Spanned<&'static str>>, body: Option<&Spanned<String>>) {
    let Some(body) = body else { return };
    let written = method.map_or("GET", |method| method.value);
    if METHODS_WITH_BODY.contains(&written) {
        return;
    }
    let message = format!("a {written} request has no body");
    let mut diagnostic = Diagnostic::error(message).at(body.span, "");
    diagnostic.places.extend(method.map(|method| (method.span, String::new())));
    reader.report.push(diagnostic.hint(format!("write `{} = \"POST\"`, or remove it", keys::METHOD.name)));
}

fn expect_body(reader: &mut Reader<'_, '_>, method: Option<&Spanned<&'static str>>) -> Expectation {
    let text = reader.one(&keys::EXPECT_BODY, body_text);
    let pattern = reader.one(&keys::EXPECT_BODY_REGEX, pattern);
    if let Some(head) = method.filter(|method| method.value == "HEAD") {
        for key in [&keys::EXPECT_BODY, &keys::EXPECT_BODY_REGEX] {
            if let Some(place) = reader.place(key) {
                let message = "the answer to a HEAD request has no body";
                let diagnostic = Diagnostic::error(message).at(place, "").at(head.span, "");
                reader.report.push(diagnostic.hint(format!("write `{} = \"GET\"`, or remove it", keys::METHOD.name)));
            }
        }
    }
    Expectation { text: text.map(|text| text.value.into_bytes()), pattern: pattern.map(|pattern| pattern.value) }
}

fn expect_status(reader: &mut Reader<'_, '_>) -> Vec<(u16, u16)> {
    let statuses = reader.list(&keys::EXPECT_STATUS, http_status);
    if let Some(statuses) = &statuses
        && reader.is_empty_list(&keys::EXPECT_STATUS)
    {
        let message = format!("`{}` is empty, so that nothing would pass", keys::EXPECT_STATUS.name);
        reader.report.absent(Diagnostic::error(message).at(statuses.span, ""));
    }
    statuses.map_or_else(|| vec![STATUS_DEFAULT], |all| all.value.into_iter().map(|status| status.value).collect())
}

/// Reads the headers of the request; a name stands once, in whatever letters.
fn headers(reader: &mut Reader<'_, '_>) -> Vec<(String, String)> {
    let mut headers: Vec<(Spanned<String>, String)> = Vec::new();
    for (name, value) in reader.by_name(&keys::HEADERS, header_value) {
        let mistake = header_name(&name.value);
        if let Err(wrong) = mistake {
            let mut diagnostic = Diagnostic::error(wrong.why).at(name.span, "");
            diagnostic.hints.extend(wrong.hint);
            reader.report.push(diagnostic);
        } else if let Some((other, _)) = headers.iter().find(|(other, _)| other.value.eq_ignore_ascii_case(&name.value))
        {
            let message = format!("the header `{}` is set twice; letters of either case are the same", name.value);
            reader.report.push(Diagnostic::error(message).at(name.span, "").at(other.span, "here too"));
        } else {
            headers.push((name, value.value));
        }
    }
    headers.into_iter().map(|(name, value)| (name.value, value)).collect()
}

fn header_name(name: &str) -> Result<(), Wrong> {
    let lower = name.to_ascii_lowercase();
    if let Some((_, advice)) = OWN_HEADERS.iter().find(|(own, _)| *own == lower) {
        return Err(Wrong { why: format!("the header `{name}` cannot be set"), hint: Some((*advice).to_owned()) });
    }
    token(name)
}

/// Whether a text can be the name of a header (RFC 9110, section 5.6.2).
fn token(name: &str) -> Result<(), Wrong> {
    let is_of_token = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
    if name.is_empty() || !name.bytes().all(is_of_token) {
        let why = format!("`{}` cannot be the name of a header", name.escape_debug());
        return Err(Wrong { why, hint: Some("a name has letters, digits and hyphens".to_owned()) });
    }
    Ok(())
}

/// Reads the name of a header of the answer.
fn captured_header(report: &mut Report, slot: Slot, node: &Node) -> Option<String> {
    parsed(report, slot, node, |name| token(name).map(|()| name.to_owned()))
}

/// Reads the value of a header: printable ASCII, blanks and tabs inside (RFC 9110, section 5.5).
fn header_value(report: &mut Report, slot: Slot, node: &Node) -> Option<String> {
    let value = text(report, slot, node)?;
    if let Some(odd) = value.chars().find(|c| !c.is_ascii_graphic() && !matches!(c, ' ' | '\t')) {
        let why = format!("`{}` cannot be in the value of a header", odd.escape_debug());
        slot.refused(report, node.span, wrong(why));
        return None;
    }
    if value.trim().len() != value.len() {
        slot.refused(report, node.span, wrong("the value of a header neither begins nor ends with a blank"));
        return None;
    }
    Some(value)
}

/// Reads the path and query of a request line.
fn url_path(report: &mut Report, slot: Slot, node: &Node) -> Option<String> {
    parsed(report, slot, node, |text| {
        if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic()) {
            let why = match odd {
                ' ' => "a blank in a path is written `%20`".to_owned(),
                _ => format!("`{}` must be percent-encoded in a path", odd.escape_debug()),
            };
            return Err(wrong(why));
        }
        if text.contains('#') {
            return Err(wrong("a path sent to a server has no `#`"));
        }
        if text.starts_with('/') {
            return Ok(text.to_owned());
        }
        let mut refused = wrong(format!("`{text}` does not begin with `/`"));
        if !text.contains("://") {
            refused.hint = Some(format!("write \"/{text}\""));
        }
        Err(refused)
    })
}

/// Reads a `Host` header: a host name or an address, with or without a port.
pub(super) fn host_header(report: &mut Report, slot: Slot, node: &Node) -> Option<String> {
    parsed(report, slot, node, |text| {
        let name = match text.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() && !name.ends_with(':') => name,
            _ => text,
        };
        crate::config::values::host(name).map(|_| text.to_owned())
    })
}

/// Reads what a body must contain.
fn body_text(report: &mut Report, slot: Slot, node: &Node) -> Option<String> {
    let body = text(report, slot, node)?;
    if body.len() > ANSWER_LEN_MAX {
        report.error(node.span, format!("only the first {ANSWER_LEN_MAX} octets of a body are searched"));
        return None;
    }
    Some(body)
}
