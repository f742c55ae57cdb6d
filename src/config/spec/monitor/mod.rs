//! Reads `[monitor.NAME]`. Knows no pools and no members.

mod http;
mod others;
mod talk;
mod tls;

use super::{refuse, wrong};
use crate::base::Diagnostic;
use crate::config::keys::{TLS_KEYS, keys_of_some_kinds, monitor as keys};
use crate::config::reader::{Reader, Slot};
use crate::config::report::Report;
use crate::config::scalars::{boolean, duration, integer, text, text_or_none, word};
use crate::config::tree::{Node, Spanned};
use crate::health::Timing;
use crate::probe::spec::{BadPattern, GrpcCheck, HttpCheck, Kind, Monitor, MonitorKind, Pattern};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Longest retry interval unless `retry_interval` says otherwise.
const RETRY_INTERVAL_MAX: Duration = Duration::from_millis(200);

/// The port of monitors that have none.
const NO_PORT: u16 = 0;

/// Files with certificates that monitors name, each as often as it is named.
#[derive(Clone, Debug, Default)]
pub struct CertificateFiles {
    /// Authorities that they trust.
    pub authorities: Vec<Spanned<PathBuf>>,
    /// What they show when a server asks: a certificate, and its key.
    pub identities: Vec<(Spanned<PathBuf>, Spanned<PathBuf>)>,
}

/// Reads a monitor. The files with certificates that it names are added to `files`.
pub(super) fn monitor(
    name: &Spanned<Arc<str>>,
    reader: &mut Reader<'_, '_>,
    folder: &Path,
    files: &mut CertificateFiles,
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
        Kind::Tcp => (MonitorKind::Tcp(talk::tcp_check(reader)), None),
        Kind::Http => (MonitorKind::Http(http::http_check(reader)), Some(80)),
        Kind::Https => {
            let tls = Some(tls::tls_check(reader, folder, files));
            (MonitorKind::Http(HttpCheck { tls, ..http::http_check(reader) }), Some(443))
        }
        Kind::Tls => (MonitorKind::Tls(tls::tls_check(reader, folder, files)), Some(443)),
        Kind::Grpc => (MonitorKind::Grpc(grpc_check(reader, folder, files)), None),
        Kind::Dns => (MonitorKind::Dns(others::dns_check(name, reader)?), Some(53)),
        Kind::Icmp => (MonitorKind::Icmp(others::icmp_check(reader)), Some(NO_PORT)),
        Kind::Udp => (MonitorKind::Udp(others::udp_check(name, reader)), None),
        Kind::Exec => (MonitorKind::Exec(others::exec_check(name, reader)?), Some(NO_PORT)),
        Kind::File => (MonitorKind::File(others::file_check(name, reader, folder)?), Some(NO_PORT)),
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

fn grpc_check(reader: &mut Reader<'_, '_>, folder: &Path, files: &mut CertificateFiles) -> GrpcCheck {
    let has_tls = reader.one(&keys::TLS, boolean).is_some_and(|tls| tls.value);
    if !has_tls {
        for key in TLS_KEYS {
            refuse(reader, key, &format!("`{} = true`", keys::TLS.name));
        }
    }
    GrpcCheck {
        tls: has_tls.then(|| tls::tls_check(reader, folder, files)),
        service: reader.one(&keys::SERVICE, text_or_none).and_then(|service| service.value).unwrap_or_default(),
        host: reader.one(&keys::HOST, http::host_header).map(|host| host.value),
    }
}

/// Reads a regular expression.
fn pattern(report: &mut Report, slot: Slot, node: &Node) -> Option<Pattern> {
    let written = text(report, slot, node)?;
    let refused = |bad: BadPattern| {
        let place = bad.after.map(|after| match written.chars().skip(after).take(20).collect::<String>() {
            rest if rest.is_empty() => ", at its end".to_owned(),
            rest => format!(", at character {} (`{}`)", after + 1, rest.escape_debug()),
        });
        slot.refused(report, node.span, wrong(format!("{}{}", bad.why, place.unwrap_or_default())));
    };
    Pattern::new(&written).map_err(refused).ok()
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
