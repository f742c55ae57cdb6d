//! Reads `[feed.NAME]`, and what regions and members say of the feeds that they use. Knows no regions and no monitors: their
//! names are looked up later.

use super::{distinct_names, path, probe_address, refuse, wrong};
use crate::base::suggest::nearest;
use crate::base::{Diagnostic, Span};
use crate::config::keys::{Key, feed as keys};
use crate::config::reader::{Reader, Slot};
use crate::config::report::{Report, list_of};
use crate::config::scalars::{boolean, duration, integer, number, parsed, text, word};
use crate::config::tree::{Node, Spanned};
use crate::config::values::Wrong;
use crate::feed::page::{HEADERS_MAX, check_header, check_url};
use crate::feed::spec::{
    AgentCheck, Feed, FeedKind, HaproxyStats, Header, JsonValue, Measure, Metric, Page, Placeholder, Scaled, Template,
};
use crate::steering::spec::ProbeAddress;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Intervals without a good reading after which a feed is stale, unless `stale_after` says otherwise.
const STALE_INTERVALS: u32 = 3;

/// `[feed.NAME]` as typed.
#[derive(Clone, Debug)]
pub struct FeedTable {
    /// The feed; `None` where it has mistakes.
    pub feed: Option<Feed>,
    /// The monitor that it names.
    pub monitor: Option<Spanned<String>>,
}

/// What a region or a member says of how it is asked.
#[derive(Clone, Debug, Default)]
pub struct AskedTable {
    /// Where.
    pub address: Option<Spanned<ProbeAddress>>,
    /// What it is called there.
    pub name: Option<Spanned<String>>,
    /// What its load is measured against.
    pub capacity: Option<f64>,
}

/// Keys that only some types have.
const OF_TYPES: &[(&Key, &[&str])] = &[
    (&keys::PORT, &["agent-check"]),
    (&keys::SEND, &["agent-check"]),
    (&keys::URL, &["haproxy-stats", "json", "prometheus"]),
    (&keys::HEADERS, &["haproxy-stats", "json", "prometheus"]),
    (&keys::TLS_CA_FILE, &["haproxy-stats", "json", "prometheus"]),
    (&keys::BACKEND, &["haproxy-stats"]),
    (&keys::SERVER, &["haproxy-stats"]),
    (&keys::FULL_WEIGHT, &["haproxy-stats"]),
    (&keys::POINTER, &["json"]),
    (&keys::WORD_POINTER, &["json"]),
    (&keys::WEIGHT_POINTER, &["json"]),
    (&keys::METRIC, &["prometheus"]),
    (&keys::LABELS, &["prometheus"]),
    (&keys::RATE, &["prometheus"]),
    (&keys::MONITOR, &["header"]),
    (&keys::MEASURES, &["haproxy-stats", "json", "prometheus", "header"]),
    (&keys::SCALE, &["json", "prometheus", "header"]),
];

/// Reads a feed. The certificate file that it trusts, if any, is added to `authorities`.
pub(super) fn feed(
    name: &Spanned<Arc<str>>,
    reader: &mut Reader<'_, '_>,
    folder: &Path,
    authorities: &mut Vec<Spanned<PathBuf>>,
) -> FeedTable {
    let kind = reader.one(&keys::TYPE, word);
    let (interval, timeout, stale_after) = timing(reader);
    let known = kind.as_ref().map(|kind| kind.value);
    for (key, types) in OF_TYPES {
        if known.is_some_and(|known| !types.contains(&known)) {
            refuse(reader, key, &format!("feeds of type {}", list_of(types)));
        }
    }
    let measures = measures(reader, known);
    let scale = reader.one(&keys::SCALE, number).map_or(1.0, |scale| scale.value);
    let scaled = Scaled { measure: measures.first().copied().unwrap_or(Measure::Utilisation), scale };
    let port = reader.one(&keys::PORT, integer::<u16>).map(|port| port.value);
    let send = reader.one(&keys::SEND, text).map(|send| Template(send.value));
    let page = page(reader, folder, authorities);
    let stats = stats(reader, measures);
    let places = places(reader, scaled);
    let metric = metric(reader, scaled);
    let monitor = reader.one(&keys::MONITOR, text);
    let kind = known.and_then(|kind| {
        let needs = |reader: &mut Reader<'_, '_>, key| needs(reader, name.span, kind, key);
        Some(match kind {
            "agent-check" => FeedKind::AgentCheck(AgentCheck { port, send }),
            "header" => {
                needs(reader, &[&keys::MONITOR])?;
                FeedKind::Header(Header { monitor: monitor.as_ref()?.value.as_str().into(), scaled })
            }
            _ => {
                let has_page = needs(reader, &[&keys::URL]);
                match kind {
                    "haproxy-stats" => {
                        needs(reader, &[&keys::BACKEND])?;
                        FeedKind::HaproxyStats(HaproxyStats { page: page.zip(has_page)?.0, ..stats? })
                    }
                    "json" => {
                        needs(reader, &[&keys::POINTER, &keys::WORD_POINTER, &keys::WEIGHT_POINTER])?;
                        FeedKind::Json(JsonValue { page: page.zip(has_page)?.0, ..places })
                    }
                    _ => {
                        needs(reader, &[&keys::METRIC])?;
                        FeedKind::Prometheus(Metric { page: page.zip(has_page)?.0, ..metric? })
                    }
                }
            }
        })
    });
    let feed = kind.map(|kind| Feed { name: Arc::clone(&name.value), kind, interval, timeout, stale_after });
    FeedTable { feed, monitor: monitor.filter(|_| known == Some("header")) }
}

/// Reports that a feed has none of `keys`; `None` then.
fn needs(reader: &mut Reader<'_, '_>, name: Span, kind: &str, keys: &[&'static Key]) -> Option<()> {
    if keys.iter().any(|key| reader.place(key).is_some()) {
        return Some(());
    }
    if reader.lacks(keys) {
        let words: Vec<&str> = keys.iter().map(|key| key.name).collect();
        let one_of = if keys.len() > 1 { "one of " } else { "" };
        let message = format!("a `{kind}` feed needs {one_of}{}", list_of(&words));
        let hint = format!("for example `{} = {}`", keys[0].name, keys[0].example);
        reader.report.absent(Diagnostic::error(message).at(name, "").hint(hint));
    }
    None
}

fn timing(reader: &mut Reader<'_, '_>) -> (Duration, Duration, Duration) {
    let written = reader.one(&keys::INTERVAL, duration);
    let interval = written.as_ref().map_or(Duration::from_secs(5), |interval| interval.value);
    let timeout = reader.one(&keys::TIMEOUT, duration);
    let stale_after = reader.one(&keys::STALE_AFTER, duration);
    let mut warn = |of: &Spanned<Duration>, message: String, label: &str| {
        let mut diagnostic = Diagnostic::warning(message).at(of.span, label);
        diagnostic.places.extend(written.as_ref().map(|interval| (interval.span, String::new())));
        reader.report.push(diagnostic);
    };
    if let Some(timeout) = timeout.as_ref().filter(|timeout| timeout.value > interval) {
        let message = format!("`{}` is longer than `{}`", keys::TIMEOUT.name, keys::INTERVAL.name);
        warn(timeout, message, "a reading that hangs delays the next one");
    }
    if let Some(stale_after) = stale_after.as_ref().filter(|stale_after| stale_after.value <= interval) {
        let message = format!("`{}` is not longer than `{}`", keys::STALE_AFTER.name, keys::INTERVAL.name);
        warn(stale_after, message, "the feed is stale before it is read again");
    }
    let stale_after = stale_after.map_or(interval.saturating_mul(STALE_INTERVALS), |stale_after| stale_after.value);
    (interval, timeout.map_or(Duration::from_secs(2), |timeout| timeout.value), stale_after)
}

fn measures(reader: &mut Reader<'_, '_>, kind: Option<&str>) -> Vec<Measure> {
    let Some(list) = reader.list(&keys::MEASURES, word) else { return Vec::new() };
    let takes_several = kind.is_none_or(|kind| kind == "haproxy-stats");
    if list.value.len() > 1 && !takes_several {
        let message = format!("`{}` of a feed that reads one number takes one word", keys::MEASURES.name);
        reader.report.push(Diagnostic::error(message).at(list.span, "").hint("make one feed for each number"));
    }
    if reader.is_empty_list(&keys::MEASURES) {
        reader.report.absent(Diagnostic::error(format!("`{}` is empty", keys::MEASURES.name)).at(list.span, ""));
    }
    let measure =
        |word: &&'static str| Measure::ALL.iter().find(|(known, _)| known == word).map(|&(_, measure)| measure);
    list.value.iter().filter_map(|word| measure(&word.value)).collect()
}

fn page(reader: &mut Reader<'_, '_>, folder: &Path, authorities: &mut Vec<Spanned<PathBuf>>) -> Option<Page> {
    let headers = reader.by_name(&keys::HEADERS, text);
    if let Some((beyond, _)) = headers.get(HEADERS_MAX) {
        reader.report.error(beyond.span, format!("`{}` has more than {HEADERS_MAX} headers", keys::HEADERS.name));
    }
    for (name, value) in &headers {
        if let Err(why) = check_header(&name.value, &value.value) {
            reader.report.error(name.span, why);
        }
    }
    let ca_file = path(reader, &keys::TLS_CA_FILE, folder);
    let url = reader.one(&keys::URL, url)?;
    if let Some(file) = &ca_file {
        if url.value.0.starts_with("https:") {
            authorities.push(file.clone());
        } else {
            let message = format!("`{}` has no effect without `https`", keys::TLS_CA_FILE.name);
            reader.report.push(Diagnostic::warning(message).at(file.span, "").at(url.span, "not `https`"));
        }
    }
    let headers = headers.into_iter().map(|(name, value)| (name.value, value.value)).collect();
    Some(Page { url: url.value, headers, ca_file: ca_file.map(|file| file.value) })
}

/// What stands where the page comes later.
fn no_page() -> Page {
    Page { url: Template(String::new()), headers: Vec::new(), ca_file: None }
}

fn stats(reader: &mut Reader<'_, '_>, measures: Vec<Measure>) -> Option<HaproxyStats> {
    let server = reader.one(&keys::SERVER, text).map(|server| Template(server.value));
    let full_weight = reader.one(&keys::FULL_WEIGHT, integer).map(|weight| weight.value);
    let backend = reader.one(&keys::BACKEND, text).map(|backend| Template(backend.value))?;
    Some(HaproxyStats { page: no_page(), backend, server, full_weight, measures })
}

fn places(reader: &mut Reader<'_, '_>, scaled: Scaled) -> JsonValue {
    let mut place = |key| reader.one(key, pointer).map(|pointer| pointer.value);
    JsonValue {
        page: no_page(),
        number: place(&keys::POINTER).map(|pointer| (pointer, scaled)),
        word: place(&keys::WORD_POINTER),
        weight: place(&keys::WEIGHT_POINTER),
    }
}

fn metric(reader: &mut Reader<'_, '_>, scaled: Scaled) -> Option<Metric> {
    let labels = reader.by_name(&keys::LABELS, text).into_iter();
    let labels = labels.map(|(name, value)| (name.value, Template(value.value))).collect();
    let rate = reader.one(&keys::RATE, boolean).is_some_and(|rate| rate.value);
    let name = reader.one(&keys::METRIC, metric_name)?.value;
    Some(Metric { page: no_page(), name, labels, rate, scaled })
}

/// Reads what regions and members say of how they are asked.
pub(super) fn asked(
    reader: &mut Reader<'_, '_>,
    address: &'static Key,
    name: &'static Key,
    capacity: &'static Key,
) -> AskedTable {
    AskedTable {
        address: reader.one(address, probe_address),
        name: reader.one(name, text),
        capacity: reader.one(capacity, number).map(|capacity| capacity.value),
    }
}

/// Reads the names of feeds.
pub(super) fn names(reader: &mut Reader<'_, '_>, key: &'static Key) -> Vec<Spanned<String>> {
    distinct_names(reader, key).map_or_else(Vec::new, |names| names.value)
}

/// Reads a URL, which may have places in it.
fn url(report: &mut Report, slot: Slot, node: &Node) -> Option<Template> {
    parsed(report, slot, node, |text| {
        let url = Template::from(text);
        if let Some(word) = url.unknown_placeholder() {
            return Err(no_placeholder(word));
        }
        check_url(&url).map(|()| url).map_err(|why| {
            // Not the URL itself, which may hold a password.
            let mut refused = wrong(why);
            refused.hint = Some("write it like \"http://192.0.2.1:8404/stats;csv\"".to_owned());
            refused
        })
    })
}

/// A word between braces that stands for nothing would be asked for as it is written.
fn no_placeholder(word: &str) -> Wrong {
    let known = Placeholder::ALL.map(|(known, _)| known);
    let mut refused = wrong(format!("`{{{word}}}` stands for nothing"));
    refused.hint = Some(match nearest(word, known) {
        Some(meant) => format!("did you mean `{{{meant}}}`?"),
        None => format!(
            "{} are filled in; a brace itself is written %7B",
            known.map(|known| format!("`{{{known}}}`")).join(", ")
        ),
    });
    refused
}

/// Reads a JSON pointer (RFC 6901).
fn pointer(report: &mut Report, slot: Slot, node: &Node) -> Option<Template> {
    parsed(report, slot, node, |text| {
        if !text.starts_with('/') {
            let mut refused = wrong(format!("`{}` is no JSON pointer", text.escape_debug()));
            refused.hint = Some(format!("write \"/{}\"", text.replace('.', "/")));
            return Err(refused);
        }
        let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        if escapes { Ok(Template::from(text)) } else { Err(wrong("in a JSON pointer `~` is written `~0`")) }
    })
}

/// Reads the name of a metric.
fn metric_name(report: &mut Report, slot: Slot, node: &Node) -> Option<String> {
    parsed(report, slot, node, |text| {
        if let Some((name, _)) = text.split_once('{') {
            let mut refused = wrong("labels stand apart from the name");
            refused.hint = Some(format!("write \"{name}\" here and `labels = {{ ... }}` beside it"));
            return Err(refused);
        }
        let odd = text.chars().find(|c| c.is_control() || c.is_whitespace() || *c == '"');
        match odd {
            Some(odd) => Err(wrong(format!("`{}` must not be in the name of a metric", odd.escape_debug()))),
            None if text.is_empty() => Err(wrong("the name of a metric is not empty")),
            None => Ok(text.to_owned()),
        }
    })
}
