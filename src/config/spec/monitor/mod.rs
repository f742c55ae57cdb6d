//! Reads `[monitor.NAME]`. Knows no pools and no members.

use crate::base::Diagnostic;
use crate::config::keys::{keys_of_some_kinds, monitor as keys};
use crate::config::reader::{Reader, Slot};
use crate::config::report::Report;
use crate::config::scalars::{boolean, duration, http_status, integer, parsed, text, word};
use crate::config::spec::{host, path, refuse, wrong};
use crate::config::tree::{Node, Spanned};
use crate::health::Timing;
use crate::probe::spec::{ANSWER_LEN_MAX, Expectation, HttpCheck, Kind, Monitor, MonitorKind, TcpCheck, TlsCheck};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Status codes that pass unless `expect_status` says otherwise.
const STATUS_DEFAULT: (u16, u16) = (200, 299);
/// Longest retry interval unless `retry_interval` says otherwise.
const RETRY_INTERVAL_MAX: Duration = Duration::from_millis(200);

/// Reads a monitor. The certificate file that it trusts, if any, is added to `authorities`.
pub(super) fn monitor(
    name: &Spanned<Arc<str>>,
    reader: &mut Reader<'_, '_>,
    folder: &Path,
    authorities: &mut Vec<Spanned<PathBuf>>,
) -> Option<Monitor> {
    let word = reader.one(&keys::TYPE, word);
    let timing = timing(reader);
    let port = reader.one(&keys::PORT, integer::<u16>);
    let Some(kind) = word.and_then(|word| Kind::of_word(word.value)) else {
        // Nobody knows which keys it should have.
        for (key, _) in keys_of_some_kinds() {
            reader.place(key);
        }
        return None;
    };
    refuse_keys_of_other_kinds(reader, kind);
    let (kind, default_port) = match kind {
        Kind::Tcp => (MonitorKind::Tcp(TcpCheck::default()), None),
        Kind::Http => (MonitorKind::Http(http_check(reader)), Some(80)),
        Kind::Https => {
            let tls = Some(tls_check(reader, folder, authorities));
            (MonitorKind::Http(HttpCheck { tls, ..http_check(reader) }), Some(443))
        }
        // The key's list of words does not have them.
        Kind::Tls | Kind::Grpc | Kind::Dns | Kind::Icmp | Kind::Udp | Kind::Exec | Kind::File => return None,
    };
    if default_port.is_none() && reader.lacks(&[&keys::PORT]) {
        let message = format!("a `{}` monitor needs `{}`", kind.kind().word(), keys::PORT.name);
        let hint = format!("for example `{} = {}`", keys::PORT.name, keys::PORT.example);
        reader.report.absent(Diagnostic::error(message).at(name.span, "").hint(hint));
    }
    let port = port.map(|port| port.value).or(default_port)?;
    Some(Monitor { name: Arc::clone(&name.value), kind, port, timing })
}

/// Refuses what monitors of this kind do not use.
fn refuse_keys_of_other_kinds(reader: &mut Reader<'_, '_>, kind: Kind) {
    for (key, kinds) in keys_of_some_kinds().filter(|(_, kinds)| !kinds.contains(&kind)) {
        let words: Vec<String> = kinds.iter().map(|kind| format!("`{}`", kind.word())).collect();
        let words = match &words[..] {
            [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            words => words.concat(),
        };
        refuse(reader, key, &format!("monitors of type {words}"));
    }
}

fn timing(reader: &mut Reader<'_, '_>) -> Timing {
    let written = reader.one(&keys::INTERVAL, duration);
    let interval = written.as_ref().map_or(Duration::from_secs(5), |interval| interval.value);
    let timeout = reader.one(&keys::TIMEOUT, duration);
    let retry = reader.one(&keys::RETRY_INTERVAL, duration);
    if let Some(timeout) = &timeout
        && timeout.value > interval
    {
        let message = format!("`{}` is longer than `{}`", keys::TIMEOUT.name, keys::INTERVAL.name);
        let label = "a check that hangs delays the next one";
        let mut diagnostic = Diagnostic::warning(message).at(timeout.span, label);
        diagnostic.places.extend(written.as_ref().map(|interval| (interval.span, String::new())));
        reader.report.push(diagnostic);
    }
    if let Some(retry) = &retry
        && retry.value > interval
    {
        let message = format!("`{}` is longer than `{}`", keys::RETRY_INTERVAL.name, keys::INTERVAL.name);
        let label = "a failure slows the checks down";
        let mut diagnostic = Diagnostic::warning(message).at(retry.span, label);
        diagnostic.places.extend(written.as_ref().map(|interval| (interval.span, String::new())));
        reader.report.push(diagnostic);
    }
    Timing {
        interval,
        timeout: timeout.map_or(Duration::from_secs(2), |timeout| timeout.value),
        fall: reader.one(&keys::FALL, integer).map_or(3, |fall| fall.value),
        rise: reader.one(&keys::RISE, integer).map_or(2, |rise| rise.value),
        retry_interval: retry.map_or(RETRY_INTERVAL_MAX.min(interval / 10), |retry| retry.value),
    }
}

fn http_check(reader: &mut Reader<'_, '_>) -> HttpCheck {
    let statuses = reader.list(&keys::EXPECT_STATUS, http_status);
    if let Some(statuses) = &statuses
        && reader.is_empty_list(&keys::EXPECT_STATUS)
    {
        let message = format!("`{}` is empty, so that nothing would pass", keys::EXPECT_STATUS.name);
        reader.report.absent(Diagnostic::error(message).at(statuses.span, ""));
    }
    let expect_status =
        statuses.map_or_else(|| vec![STATUS_DEFAULT], |all| all.value.into_iter().map(|status| status.value).collect());
    HttpCheck {
        tls: None,
        path: reader.one(&keys::PATH, url_path).map_or_else(|| "/".to_owned(), |path| path.value),
        host: reader.one(&keys::HOST, host_header).map(|host| host.value),
        expect_status,
        expect_body: Expectation {
            text: reader.one(&keys::EXPECT_BODY, body_text).map(|body| body.value.into_bytes()),
            pattern: None,
        },
        ..HttpCheck::default()
    }
}

fn tls_check(reader: &mut Reader<'_, '_>, folder: &Path, authorities: &mut Vec<Spanned<PathBuf>>) -> TlsCheck {
    let server_name = reader.one(&keys::TLS_SERVER_NAME, host);
    let verify = reader.one(&keys::TLS_VERIFY, boolean);
    let ca_file = path(reader, &keys::TLS_CA_FILE, folder);
    if let Some(file) = &ca_file {
        match verify.as_ref().filter(|verify| !verify.value) {
            None => authorities.push(file.clone()),
            Some(verify) => {
                let message = format!("`{}` has no effect while certificates are not verified", keys::TLS_CA_FILE.name);
                reader.report.push(Diagnostic::warning(message).at(file.span, "").at(verify.span, "not verified"));
            }
        }
    }
    TlsCheck {
        server_name: server_name.map(|name| name.value),
        verify: verify.is_none_or(|verify| verify.value),
        ca_file: ca_file.map(|file| file.value),
        ..TlsCheck::default()
    }
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
fn host_header(report: &mut Report, slot: Slot, node: &Node) -> Option<String> {
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
