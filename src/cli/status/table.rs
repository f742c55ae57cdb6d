//! The status as text for a person, in at most 100 columns.

use crate::admin::operate::file::OrderForm;
use crate::admin::status::report::{Feed, Load, Member, Pool, PoolRegion, Region, Status};
use crate::base::UnixTime;
use crate::cli::monitor_words::{enough, taken};
use crate::cli::operate::{order_words, span};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use std::fmt::Write;

/// Columns that a line has at most.
const WIDTH_MAX: usize = 100;
/// Names are cut to this length at least, so that something is left of them.
const NAME_LEN_MIN: usize = 16;

/// How a line is colored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Heading,
    /// An operator, or a feed, has taken it out.
    Out,
    Bad,
}

impl Tone {
    const fn escape(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Heading => Some("\x1b[1m"),
            Self::Out => Some("\x1b[33m"),
            Self::Bad => Some("\x1b[31m"),
        }
    }
}

/// A row and how it looks.
struct Row {
    tone: Tone,
    cells: Vec<String>,
}

/// The whole status.
pub fn text(status: &Status, is_colored: bool) -> String {
    let mut lines = Vec::new();
    let head = format!(
        "{}  {}  snapshot {}  Azimuth {}",
        status.node,
        UnixTime::from_secs(status.now).utc_text(),
        status.generation,
        status.version
    );
    lines.push((Tone::Plain, head));
    lines.push((Tone::Plain, String::new()));
    lines.extend(regions(status));
    for pool in &status.pools {
        lines.push((Tone::Plain, String::new()));
        lines.extend(pool_lines(pool, status));
    }
    if !status.orders.is_empty() {
        lines.push((Tone::Plain, String::new()));
        lines.push((Tone::Heading, "ORDERS IN FORCE".to_owned()));
        for order in &status.orders {
            lines.extend(wrapped(&format!("  {}: {}", order.pattern.0, said_since(order, status.now)), Tone::Out));
        }
    }
    if !status.pools.is_empty() {
        lines.push((Tone::Plain, String::new()));
        lines.extend(wrapped(&legend(status.counted_seconds), Tone::Plain));
    }
    lines.into_iter().fold(String::new(), |mut out, (tone, line)| {
        // Writing into a text cannot fail.
        let _ = match tone.escape().filter(|_| is_colored && !line.is_empty()) {
            Some(escape) => writeln!(out, "{escape}{line}\x1b[0m"),
            None => writeln!(out, "{line}"),
        };
        out
    })
}

fn legend(seconds: f64) -> String {
    let counted = match seconds {
        seconds if seconds >= 1.0 => {
            format!("of the pool's answers, counted by this node over the last {seconds:.0} s")
        }
        _ => "of the pool's answers; not counted yet".to_owned(),
    };
    format!("SHARE of a region: {counted}; of a member: of its region's, by weight. LOAD: with the age of the report.")
}

fn said_since(order: &OrderForm, now: u64) -> String {
    format!("{} (since {})", order_words(order, now), span(now.saturating_sub(order.since)))
}

fn regions(status: &Status) -> Vec<(Tone, String)> {
    let header = ["REGION", "STATE", "MEMBERS UP", "LOAD"];
    let rows = status.regions.iter().map(|region| Row {
        tone: tone_of(&region.state, region.members == 0 || region.members_available > 0),
        cells: vec![
            region.name.clone(),
            region.state.clone(),
            format!("{} of {}", region.members_available, region.members),
            load_cell(region.load.as_ref(), &region.feeds),
        ],
    });
    let mut lines = table(&header, rows.collect(), &[2, 3]);
    for Region { name, orders, feeds, .. } in &status.regions {
        lines.extend(orders.iter().flat_map(|order| order_line(order, status.now)));
        lines.extend(feed_remarks(name, feeds).iter().flat_map(|remark| wrapped(remark, Tone::Plain)));
    }
    lines
}

fn order_line(order: &OrderForm, now: u64) -> Vec<(Tone, String)> {
    wrapped(&format!("  {}: {}", order.pattern.0, said_since(order, now)), Tone::Out)
}

fn pool_lines(pool: &Pool, status: &Status) -> Vec<(Tone, String)> {
    let policies = match pool.policies.as_slice() {
        [] => "not steered by any name".to_owned(),
        [one] => format!("policy {one}"),
        many => format!("policies {}", many.join(", ")),
    };
    let rate = pool.answers_per_second.map(|rate| format!(", {rate:.1} answers a second")).unwrap_or_default();
    let mut lines = wrapped(&format!("POOL {}: {policies}{rate}{}", pool.name, enough(pool.at_least)), Tone::Heading);
    let header = ["REGION, MEMBER", "STATE", "MONITORS", "SINCE", "LATENCY", "LOAD", "SHARE"];
    let mut rows = Vec::new();
    let mut remarks = Vec::new();
    for region in &pool.regions {
        rows.push(region_row(region));
        remarks.extend(region.course.iter().map(|course| format!("  {}: {course}", region.name)));
        for member in &region.members {
            rows.push(member_row(member, status.now));
            remarks.extend(remarks_of(member));
        }
    }
    lines.extend(table(&header, rows, &[3, 4, 5, 6]));
    for remark in remarks {
        lines.extend(wrapped(&remark, Tone::Plain));
    }
    lines
}

fn region_row(region: &PoolRegion) -> Row {
    let none = || "-".to_owned();
    let share = region.share.map_or_else(none, percent);
    let cells = vec![region.name.clone(), region.state.clone(), "".into(), "".into(), "".into(), "".into(), share];
    Row { tone: tone_of(&region.state, region.available), cells }
}

fn member_row(member: &Member, now: u64) -> Row {
    let none = || "-".to_owned();
    let wavering = if member.wavering { "~" } else { "" };
    let monitored = if member.monitored == "unmonitored" { none() } else { member.monitored.clone() };
    let cells = vec![
        format!("  {}", member.target),
        member.state.clone(),
        format!("{monitored}{wavering}"),
        member.since.map_or_else(none, |since| span(now.saturating_sub(since))),
        member.latency_ms.map_or_else(none, |latency| format!("{latency:.1} ms")),
        load_cell(member.load.as_ref(), &member.feeds),
        member.share_by_weight.map_or_else(none, percent),
    ];
    Row { tone: tone_of(&member.state, member.available), cells }
}

/// What does not fit into a row: why a member fails, and what will be wrong with it.
fn remarks_of(member: &Member) -> Vec<String> {
    let mut remarks = Vec::new();
    for monitor in member.monitors.iter().filter(|monitor| monitor.against) {
        let error = monitor.last_error.as_ref().filter(|_| monitor.status != "up");
        if error.is_none() && !monitor.inverted {
            continue;
        }
        let error = error.map(|error| format!(": {error}")).unwrap_or_default();
        let status = taken(&monitor.status, monitor.inverted, monitor.watch_only);
        remarks.push(format!("  {}: {} {status}{error}", member.target, monitor.name));
    }
    if member.wavering && remarks.is_empty() {
        remarks.extend(member.last_error.iter().map(|error| format!("  {}: lately: {error}", member.target)));
    }
    for monitor in &member.monitors {
        let warning =
            monitor.warning.as_ref().map(|text| format!("  {}: {} warning: {text}", member.target, monitor.name));
        remarks.extend(warning);
    }
    remarks.extend(feed_remarks(&member.target, &member.feeds));
    remarks
}

/// What is wrong with the feeds of something.
fn feed_remarks(of: &str, feeds: &[Feed]) -> Vec<String> {
    let wrong = feeds.iter().filter(|feed| feed.stale || feed.failing || feed.last_error.is_some());
    let words = wrong.map(|feed| {
        let stale = if feed.stale { "stale, " } else { "" };
        let age = feed.age.map_or_else(|| "no report yet".to_owned(), |age| format!("last report {} ago", span(age)));
        let error = feed.last_error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        format!("  {of}: feed {} {stale}{age}{error}", feed.name)
    });
    words.collect()
}

fn tone_of(state: &str, is_well: bool) -> Tone {
    let by_somebody = ["drain", "forced", "disabled", "(feed)"].iter().any(|word| state.contains(word));
    match (by_somebody, is_well) {
        (true, _) => Tone::Out,
        (false, true) => Tone::Plain,
        (false, false) if state == "not steered" => Tone::Plain,
        (false, false) => Tone::Bad,
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

/// The load as it is reported, and how old that is; `stale` where it is too old to count.
fn load_cell(load: Option<&Load>, feeds: &[Feed]) -> String {
    let load = load.and_then(load_words);
    let newest = feeds.iter().filter(|feed| !feed.stale).filter_map(|feed| feed.age).min();
    match (load, newest) {
        (Some(load), Some(age)) => format!("{load} ({})", span(age)),
        (Some(load), None) => load,
        (None, Some(age)) => format!("- ({})", span(age)),
        (None, None) if feeds.iter().any(|feed| feed.stale) => "stale".to_owned(),
        (None, None) => "-".to_owned(),
    }
}

/// The first of what is reported: what is nearest to a use of the capacity.
fn load_words(load: &Load) -> Option<String> {
    let utilisation = load.utilisation.map(percent);
    utilisation
        .or_else(|| load.connections.map(|count| format!("{count:.0} conn")))
        .or_else(|| load.requests.map(|rate| format!("{rate:.0} req/s")))
        .or_else(|| load.bandwidth.map(|rate| format!("{}B/s", in_thousands(rate))))
        .or_else(|| load.packets.map(|rate| format!("{}pkt/s", in_thousands(rate))))
        .or_else(|| load.response_time.map(|time| format!("{:.1} ms", time * 1e3)))
}

/// A large number in four digits or less.
fn in_thousands(number: f64) -> String {
    let units = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match units.into_iter().find(|(size, _)| number >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", number / size),
        None => format!("{number:.0} "),
    }
}

/// A table of lines; columns in `right` are aligned to the right. Names in the first column are cut where lines would become
/// too long.
fn table(header: &[&str], mut rows: Vec<Row>, right: &[usize]) -> Vec<(Tone, String)> {
    let width = |cells: &[Row], at: usize| {
        let longest = cells.iter().map(|row| row.cells[at].chars().count()).max().unwrap_or(0);
        longest.max(header[at].chars().count())
    };
    let others: usize = (1..header.len()).map(|at| width(&rows, at) + 2).sum();
    let room = WIDTH_MAX.saturating_sub(others).max(NAME_LEN_MIN);
    for row in &mut rows {
        row.cells[0] = shortened(&row.cells[0], room);
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().copied());
    let tones: Vec<Tone> = std::iter::once(Tone::Heading).chain(rows.iter().map(|row| row.tone)).collect();
    for row in rows {
        table.add_row(row.cells);
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.to_string();
    tones.into_iter().zip(text.lines().map(|line| line.trim_end().to_owned())).collect()
}

/// A name of at most `room` characters, cut in its middle.
fn shortened(name: &str, room: usize) -> String {
    let characters: Vec<char> = name.chars().collect();
    if characters.len() <= room {
        return name.to_owned();
    }
    let end = (room - 1) / 2;
    let start = room - 1 - end;
    let (start, end) = (&characters[..start], &characters[characters.len() - end..]);
    start.iter().chain(&['\u{2026}']).chain(end).collect()
}

/// A text in lines of at most [`WIDTH_MAX`] characters, broken at blanks; further lines stand below the first word.
fn wrapped(text: &str, tone: Tone) -> Vec<(Tone, String)> {
    let indent = text.chars().take_while(|c| *c == ' ').count();
    let mut lines = Vec::new();
    let mut line = " ".repeat(indent);
    for word in text.split_whitespace() {
        let is_begun = line.chars().count() > indent;
        if is_begun && line.chars().count() + 1 + word.chars().count() > WIDTH_MAX {
            lines.push((tone, std::mem::replace(&mut line, " ".repeat(indent + 2))));
            line.push_str(word);
            continue;
        }
        if is_begun && !line.ends_with(' ') {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push((tone, line));
    lines
}

#[cfg(test)]
mod tests;
