//! The `haproxy-stats` kind: a row of HAProxy's statistics, by the names of its columns as HAProxy's management guide lists
//! them. Pure; knows no time.

use super::reading::{Reading, Words, checked, quoted, set};
use super::spec::Measure;
use crate::health::{Load, Word};
use std::collections::HashMap;

/// The rows of servers stand for what serves; those of `FRONTEND` and `BACKEND` for all behind them.
const BACKEND: &str = "BACKEND";
const FRONTEND: &str = "FRONTEND";

/// A page of statistics.
pub struct Page {
    columns: HashMap<String, usize>,
    rows: HashMap<(String, String), csv::StringRecord>,
    /// Of each proxy the servers, in their order.
    servers: HashMap<String, Vec<String>>,
}

/// What is read from a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// First column.
    pub backend: String,
    /// Second column.
    pub server: String,
    /// The weight that stands for 100 percent.
    pub full_weight: Option<u32>,
    /// Only these; empty: all.
    pub measures: Vec<Measure>,
    /// Whether connections may be compared with the limit of the server: not where a capacity is configured.
    pub by_limit: bool,
}

impl Page {
    /// Reads a page; an error says what is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        if !text.starts_with(b"#") {
            let hint = "the URL of HAProxy's statistics as CSV ends in `;csv`";
            return Err(format!("this is no CSV of HAProxy, which begins with `#`: `{}`; {hint}", quoted(text)));
        }
        if !text.ends_with(b"\n") {
            return Err("the CSV ends within a line: it was cut off".to_owned());
        }
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
        let garbled = |error: csv::Error| match error.position() {
            Some(position) => format!("line {} of the CSV cannot be read", position.line()),
            None => "the CSV cannot be read".to_owned(),
        };
        let header = reader.headers().map_err(garbled)?;
        let columns: HashMap<String, usize> =
            header.iter().enumerate().map(|(at, name)| (name.trim_start_matches('#').trim().to_owned(), at)).collect();
        for needed in ["pxname", "svname", "status"] {
            if !columns.contains_key(needed) {
                return Err(format!("the CSV has no column `{needed}`: is it HAProxy's?"));
            }
        }
        let mut page = Self { columns, rows: HashMap::new(), servers: HashMap::new() };
        for row in reader.records() {
            let row = row.map_err(garbled)?;
            let (Some(proxy), Some(server)) = (page.text(&row, "pxname"), page.text(&row, "svname")) else { continue };
            let key = (proxy.to_owned(), server.to_owned());
            // Listeners (type 3) have names too, and servers are type 2.
            if page.text(&row, "type").is_none_or(|kind| kind == "2") && ![BACKEND, FRONTEND].contains(&server) {
                page.servers.entry(key.0.clone()).or_default().push(key.1.clone());
            }
            page.rows.insert(key, row);
        }
        Ok(page)
    }

    /// What the page says of a row.
    pub fn read(&self, wanted: &Wanted) -> Result<Reading, String> {
        let (backend, server) = (&wanted.backend, &wanted.server);
        let Some(row) = self.row(backend, server) else {
            let known = self.rows.keys().any(|(proxy, _)| proxy == backend);
            let what = if known { format!("no server `{server}` in it") } else { "it is not there".to_owned() };
            return Err(format!("backend `{backend}` of HAProxy's statistics: {what}"));
        };
        let mut reading = Reading { words: Words::Whole(self.word(row, backend, server)?), ..Reading::default() };
        if let Some(full) = wanted.full_weight
            && let Some(weight) = self.number(row, "weight")?
        {
            let percent = (weight * 100.0 / f64::from(full.max(1))).round().min(256.0);
            reading.weight_percent = Some(percent as u16);
        }
        reading.load = self.load(row, backend, server, wanted.by_limit)?;
        if let (Some(received), Some(sent)) = (self.number(row, "bin")?, self.number(row, "bout")?) {
            reading.counters.push((Measure::Bandwidth, received + sent));
        }
        if !wanted.measures.is_empty() {
            let all = std::mem::take(&mut reading.load);
            for &measure in &wanted.measures {
                let mut source = all;
                *super::reading::field(&mut reading.load, measure) = *super::reading::field(&mut source, measure);
            }
            reading.counters.retain(|(measure, _)| wanted.measures.contains(measure));
        }
        Ok(reading)
    }

    fn row(&self, backend: &str, server: &str) -> Option<&csv::StringRecord> {
        self.rows.get(&(backend.to_owned(), server.to_owned()))
    }

    fn text<'r>(&self, row: &'r csv::StringRecord, column: &str) -> Option<&'r str> {
        row.get(*self.columns.get(column)?).filter(|text| !text.is_empty())
    }

    /// A number of a row; `None` where the column is empty or not there.
    fn number(&self, row: &csv::StringRecord, column: &str) -> Result<Option<f64>, String> {
        let Some(text) = self.text(row, column) else { return Ok(None) };
        let number = text.parse::<u64>().map(|number| number as f64);
        number.map(Some).map_err(|_| format!("column `{column}` is `{}`, not a number", quoted(text.as_bytes())))
    }

    fn word(&self, row: &csv::StringRecord, backend: &str, server: &str) -> Result<Word, String> {
        let status = self.text(row, "status").unwrap_or_default();
        let word = word_of(status)
            .ok_or_else(|| format!("column `status` is `{}`, which is none of HAProxy's", quoted(status.as_bytes())))?;
        if server != BACKEND || word != Word::Down {
            return Ok(word);
        }
        // A backend without weight is down for HAProxy, also where its servers were taken out of service on purpose.
        let servers = self.servers.get(backend).into_iter().flatten();
        let words: Vec<Option<Word>> = servers
            .filter_map(|server| self.row(backend, server))
            .map(|row| word_of(self.text(row, "status").unwrap_or_default()))
            .collect();
        let all = |of: fn(Word) -> bool| !words.is_empty() && words.iter().all(|word| word.is_some_and(of));
        Ok(if all(|word| word == Word::Maint) {
            Word::Maint
        } else if all(|word| matches!(word, Word::Maint | Word::Drain)) {
            Word::Drain
        } else {
            Word::Down
        })
    }

    fn load(&self, row: &csv::StringRecord, backend: &str, server: &str, by_limit: bool) -> Result<Load, String> {
        let mut load = Load::default();
        let connections = self.number(row, "scur")?;
        if let Some(connections) = connections {
            set(&mut load, Measure::Connections, connections)?;
        }
        // Requests are counted of frontends only; sessions of HTTP proxies are as many.
        let rate = self.number(row, "req_rate")?;
        if let Some(rate) = rate.map_or_else(|| self.number(row, "rate"), |rate| Ok(Some(rate)))? {
            set(&mut load, Measure::Requests, rate)?;
        }
        // Of TCP proxies 0, as of those that had no request yet.
        if let Some(millis) = self.number(row, "rtime")?.filter(|&millis| millis > 0.0) {
            set(&mut load, Measure::ResponseTime, millis / 1000.0)?;
        }
        if by_limit {
            // What waits in a queue wants room as well, so that more than all may be in use.
            let (used, limit) = if server == BACKEND {
                // The limit of a backend is no limit: by default it is a tenth of those of its frontends.
                let (used, limit) = self.servers_use(backend)?;
                (used + self.number(row, "qcur")?.unwrap_or_default(), limit)
            } else {
                let waiting = self.number(row, "qcur")?.unwrap_or_default();
                (connections.unwrap_or_default() + waiting, self.number(row, "slim")?)
            };
            if let Some(limit) = limit.filter(|&limit| limit > 0.0) {
                let share = (used / limit).min(Measure::Utilisation.max());
                load.utilisation = Some(checked(Measure::Utilisation, share)?);
            }
        }
        Ok(load)
    }

    /// The connections and queues of the servers of a backend that are in service, and their limits together; `None` while one
    /// of them has no limit.
    fn servers_use(&self, backend: &str) -> Result<(f64, Option<f64>), String> {
        let (mut used, mut limits) = (0.0, Some(0.0));
        for server in self.servers.get(backend).into_iter().flatten() {
            let Some(row) = self.row(backend, server) else { continue };
            let word = word_of(self.text(row, "status").unwrap_or_default());
            if word.is_none_or(Word::forbids) {
                continue;
            }
            used += self.number(row, "scur")?.unwrap_or_default() + self.number(row, "qcur")?.unwrap_or_default();
            let limit = self.number(row, "slim")?.filter(|&limit| limit > 0.0);
            limits = limits.zip(limit).map(|(sum, limit): (f64, f64)| sum + limit);
        }
        Ok((used, limits))
    }
}

/// The word for a status: `UP`, `UP 1/2` (on its way down), `DOWN 1/2` (on its way up), `NOLB`, `MAINT (via b/s)`, ...
fn word_of(status: &str) -> Option<Word> {
    let first = status.split(' ').next().unwrap_or_default();
    match first {
        // Frontends are open, or full, which is a question of load.
        "UP" | "OPEN" | "FULL" => Some(Word::Up),
        // Not checked: in service as far as HAProxy knows.
        "no" if status == "no check" => Some(Word::Ready),
        "DOWN" => Some(Word::Down),
        "STOP" | "PAUSED" => Some(Word::Stopped),
        // It runs and wants no new connections.
        "NOLB" | "DRAIN" => Some(Word::Drain),
        "MAINT" => Some(Word::Maint),
        _ => None,
    }
}
