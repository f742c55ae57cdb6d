//! Files with measured latencies, as CSV or JSON: `key,region,milliseconds` each. Knows no paths and no databases.

use super::{Latency, LatencyKey, MILLISECONDS_MAX, bucket};
use crate::base::named::as_number;
use crate::base::prefix::PrefixError;
use crate::base::{Country, Diagnostic, PlaceName, Prefix, RegionId, SourceId, Span, suggest};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One latency a line, with or without a header; `#` begins a comment.
    Csv,
    /// A list of objects.
    Json,
}

/// What becomes of a latency to a region that is not configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// It is a mistake.
    Refused,
    /// It is left out, with a warning for all of them: the table was put together for another configuration.
    LeftOut,
}

/// Most latencies in one file.
pub const ROWS_MAX: usize = 4_000_000;
/// Mistakes in one file that are told; who makes one in a program makes it in every line.
const MISTAKES_MAX: usize = 20;

/// The columns of a CSV file and the keys of a JSON object.
const COLUMNS: [&str; 3] = ["key", "region", "milliseconds"];

/// What was read from one file.
#[derive(Debug, Default)]
pub struct LatencyFile {
    /// In the order of the file.
    pub latencies: Vec<Latency>,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads the octets of the file `source`; `regions` are the ids of regions by name.
#[must_use]
pub fn read(
    source: SourceId,
    octets: &[u8],
    format: Format,
    regions: &HashMap<&str, RegionId>,
    unknown: Unknown,
) -> LatencyFile {
    let mut reading =
        Reading { source, regions, unknown, left_out: None, seen: HashMap::new(), file: LatencyFile::default() };
    match format {
        Format::Csv => reading.csv(octets),
        Format::Json => reading.json(octets),
    }
    if let Some((span, count)) = reading.left_out {
        let message = format!("{count} latencies are left out: their regions are not configured any more");
        reading.file.diagnostics.push(Diagnostic::warning(message).at(span, "the first one"));
    }
    reading.file
}

/// Latencies as a CSV file that [`read`] takes: `regions` are the names by id.
#[must_use]
pub fn write_csv(latencies: &[Latency], regions: &[&str]) -> String {
    let mut text = COLUMNS.join(",") + "\n";
    for Latency { key, region, milliseconds } in latencies {
        let key = match key {
            LatencyKey::Network(prefix) => prefix.to_string(),
            LatencyKey::Asn(number) => format!("AS{number}"),
            LatencyKey::Subdivision(name) => name.to_string(),
            LatencyKey::Country(country) => country.as_str().to_owned(),
        };
        let region = regions.get(region.index()).copied().unwrap_or_default();
        let region = match region.contains(['"', ',', '#', ' ']) {
            true => Cow::Owned(format!("\"{}\"", region.replace('"', "\"\""))),
            false => Cow::Borrowed(region),
        };
        text.extend([key.as_str(), ",", &region, ",", &milliseconds.to_string(), "\n"]);
    }
    text
}

/// A cell or value, and where it stands.
struct Cell<'c> {
    text: Cow<'c, str>,
    range: Range<usize>,
}

struct Reading<'r> {
    source: SourceId,
    regions: &'r HashMap<&'r str, RegionId>,
    unknown: Unknown,
    /// Where the first latency to an unknown region is, and how many there are.
    left_out: Option<(Span, usize)>,
    seen: HashMap<(LatencyKey, RegionId), Span>,
    file: LatencyFile,
}

impl Reading<'_> {
    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, range)
    }

    fn push(&mut self, range: Range<usize>, diagnostic: Diagnostic) {
        self.file.diagnostics.push(diagnostic.at(Span::new(self.source, range), ""));
    }

    fn error(&mut self, range: Range<usize>, message: impl Into<String>, hint: &str) {
        self.push(range, Diagnostic::error(message).hint(hint));
    }

    /// Whether to go on; tells when it is enough.
    fn goes_on(&mut self, at: usize) -> bool {
        if self.file.latencies.len() > ROWS_MAX {
            let hint = "measure from shorter prefixes, or from autonomous systems";
            self.error(at..at, format!("there are more than {ROWS_MAX} latencies"), hint);
            return false;
        }
        if self.file.diagnostics.len() >= MISTAKES_MAX {
            self.error(at..at, "there are more mistakes than are told; the rest was not read", "mend those first");
            return false;
        }
        true
    }

    fn csv(&mut self, octets: &[u8]) {
        let mut builder = csv::ReaderBuilder::new();
        let builder = builder.has_headers(false).flexible(true).comment(Some(b'#')).trim(csv::Trim::All);
        let mut reader = builder.from_reader(octets);
        let mut record = csv::ByteRecord::new();
        let mut is_first = true;
        // Reading from memory cannot fail, and octets are judged cell by cell.
        while let Ok(true) = reader.read_byte_record(&mut record) {
            let start = record.position().map_or(0, |position| position.byte() as usize);
            let line = record_range(octets, start);
            if !self.goes_on(line.start) {
                return;
            }
            if record.len() != COLUMNS.len() {
                let message = format!("there are {} cells, not {}", record.len(), COLUMNS.len());
                self.error(line, message, "each line is `key,region,milliseconds`, for example `AS3320,eu-west,18`");
                is_first = false;
                continue;
            }
            let header = record.iter().zip(COLUMNS).all(|(cell, name)| cell.eq_ignore_ascii_case(name.as_bytes()));
            if !(is_first && header) {
                let ranges = cell_ranges(octets, line);
                let cell = |at: usize| Cell { text: String::from_utf8_lossy(&record[at]), range: ranges[at].clone() };
                let [key, region, milliseconds] = [0, 1, 2].map(cell);
                match milliseconds.text.parse() {
                    Ok(number) => self.row(&key, &region, (number, milliseconds.range)),
                    Err(_) => {
                        let message = format!("`{}` is no number", milliseconds.text.escape_debug());
                        self.error(milliseconds.range, message, "write milliseconds, such as 18 or 18.5");
                    }
                }
            }
            is_first = false;
        }
    }

    fn json(&mut self, octets: &[u8]) {
        let mut at = skip_blanks(octets, 0);
        if octets.get(at) != Some(&b'[') {
            let hint = r#"for example [{"key": "AS3320", "region": "eu-west", "milliseconds": 18}]"#;
            return self.error(at..at, "this is no list of objects", hint);
        }
        at = skip_blanks(octets, at + 1);
        if octets.get(at) == Some(&b']') {
            return self.json_end(octets, at + 1);
        }
        loop {
            if !self.goes_on(at) {
                return;
            }
            let mut values = serde_json::Deserializer::from_slice(&octets[at..]).into_iter::<Row<'_>>();
            let row = match values.next() {
                Some(Ok(row)) => row,
                Some(Err(error)) => {
                    let place = offset_of(&octets[at..], error.line(), error.column()) + at;
                    let hint = r#"each is like {"key": "AS3320", "region": "eu-west", "milliseconds": 18}"#;
                    return self.error(place..place, format!("this is no latency: {}", without_place(&error)), hint);
                }
                None => return self.error(at..at, "the list does not end", "is the file complete?"),
            };
            let range = at..at + values.byte_offset();
            let [key, region] = [row.key, row.region].map(|text| Cell { text, range: range.clone() });
            self.row(&key, &region, (row.milliseconds, range.clone()));
            at = skip_blanks(octets, range.end);
            match octets.get(at) {
                Some(b',') => at = skip_blanks(octets, at + 1),
                Some(b']') => return self.json_end(octets, at + 1),
                _ => return self.error(at..at, "expected `,` or `]`", "is the file complete?"),
            }
        }
    }

    fn json_end(&mut self, octets: &[u8], after: usize) {
        let at = skip_blanks(octets, after);
        if at < octets.len() {
            self.error(at..at, "there is something behind the list", "remove it");
        }
    }

    /// Takes one latency.
    fn row(&mut self, key: &Cell<'_>, region: &Cell<'_>, (milliseconds, place): (f64, Range<usize>)) {
        let parsed = match parse_key(&key.text) {
            Ok(parsed) => parsed,
            Err((message, hint)) => return self.error(key.range.clone(), message, &hint),
        };
        if let LatencyKey::Country(country) = &parsed
            && !country.is_assigned()
        {
            let message = format!("the country code `{}` is not assigned", country.as_str());
            let diagnostic = Diagnostic::warning(message).hint("no client is located there");
            self.push(key.range.clone(), diagnostic);
        }
        if !(0.0..=MILLISECONDS_MAX).contains(&milliseconds) {
            let message = format!("`{milliseconds}` is no latency in milliseconds");
            return self.error(place, message, &format!("write a number from 0 to {MILLISECONDS_MAX}"));
        }
        let Some(&id) = self.regions.get(&*region.text) else { return self.unknown_region(region) };
        let span = self.span(key.range.clone());
        if let Some(&first) = self.seen.get(&(parsed.clone(), id)) {
            let message = format!("the latency from `{}` to `{}` is there twice", key.text, region.text);
            self.file.diagnostics.push(Diagnostic::error(message).at(span, "").at(first, "first here"));
            return;
        }
        self.seen.insert((parsed.clone(), id), span);
        self.file.latencies.push(Latency { key: parsed, region: id, milliseconds: bucket(milliseconds) });
    }

    fn unknown_region(&mut self, region: &Cell<'_>) {
        if self.unknown == Unknown::LeftOut {
            let span = self.span(region.range.clone());
            self.left_out.get_or_insert((span, 0)).1 += 1;
            return;
        }
        let message = format!("region `{}` is not defined", region.text.escape_debug());
        let hint = match suggest::nearest(&region.text, self.regions.keys().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "regions are named as in `[region.NAME]`".to_owned(),
        };
        self.error(region.range.clone(), message, &hint);
    }
}

/// An element of a JSON file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    region: Cow<'a, str>,
    milliseconds: f64,
}

/// Whose latency it is, or why that is nobody, and what to write.
fn parse_key(text: &str) -> Result<LatencyKey, (String, String)> {
    let forms = || "write a prefix, `AS3320`, a country such as `DE`, or a subdivision such as `DE-BE`".to_owned();
    if text.contains('/') || text.parse::<IpAddr>().is_ok() {
        return text.parse::<Prefix>().map(LatencyKey::Network).map_err(|error| match error {
            PrefixError::HostBits(meant) => {
                (format!("`{text}` has bits set beyond its prefix length"), format!("the network is `{meant}`"))
            }
            PrefixError::Address | PrefixError::Length => (format!("`{text}` is no prefix: {error}"), forms()),
        });
    }
    if let Some(number) = as_number(text) {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err((format!("`{text}` may be anything"), format!("an autonomous system is written `AS{number}`")));
        }
        return Ok(LatencyKey::Asn(number));
    }
    if let Some(country) = Country::new(text) {
        return Ok(LatencyKey::Country(country));
    }
    let name = PlaceName::new(text);
    match name.country_of_code() {
        Some(_) => Ok(LatencyKey::Subdivision(name)),
        None => Err((format!("`{}` says not whose latency it is", text.escape_debug()), forms())),
    }
}

/// The octets of the record that is read next from `start`, without line breaks: empty lines and comments are skipped.
fn record_range(octets: &[u8], mut start: usize) -> Range<usize> {
    loop {
        let rest = octets.get(start..).unwrap_or_default();
        let len = rest.iter().position(|octet| *octet == b'\n').unwrap_or(rest.len());
        let line = &rest[..len];
        let skipped = line.first() == Some(&b'#') || line.iter().all(|octet| *octet == b'\r');
        if !skipped || rest.is_empty() || len == rest.len() {
            let end = start + line.strip_suffix(b"\r").unwrap_or(line).len();
            return start..end;
        }
        start += len + 1;
    }
}

/// Where the first cells of a record stand, without blanks around them.
fn cell_ranges(octets: &[u8], line: Range<usize>) -> [Range<usize>; COLUMNS.len()] {
    let mut ranges = std::array::from_fn(|_| line.clone());
    let (mut quoted, mut at, mut start) = (false, 0, line.start);
    for end in line.clone() {
        match octets[end] {
            b'"' => quoted = !quoted,
            b',' if !quoted && at < ranges.len() => {
                ranges[at] = trimmed(octets, start..end);
                (at, start) = (at + 1, end + 1);
            }
            _ => {}
        }
    }
    if let Some(last) = ranges.get_mut(at) {
        *last = trimmed(octets, start..line.end);
    }
    ranges
}

fn trimmed(octets: &[u8], range: Range<usize>) -> Range<usize> {
    let cell = &octets[range.clone()];
    let before = cell.len() - cell.trim_ascii_start().len();
    let after = cell.len() - cell.trim_ascii_end().len();
    if before == cell.len() { range } else { range.start + before..range.end - after }
}

fn skip_blanks(octets: &[u8], from: usize) -> usize {
    let rest = octets.get(from..).unwrap_or_default();
    from + rest.iter().position(|octet| !octet.is_ascii_whitespace()).unwrap_or(rest.len())
}

/// The offset of a line and column, both from 1.
fn offset_of(octets: &[u8], line: usize, column: usize) -> usize {
    let breaks = octets.iter().enumerate().filter(|(_, octet)| **octet == b'\n').map(|(at, _)| at + 1);
    let start = std::iter::once(0).chain(breaks).nth(line.saturating_sub(1)).unwrap_or(octets.len());
    (start + column.saturating_sub(1)).min(octets.len())
}

/// The message of an error without the place in it, which is counted from the element on.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(text.as_str(), |at| &text[..at]).to_owned()
}

#[cfg(test)]
mod tests;
