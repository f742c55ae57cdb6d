//! Feeds as validated configuration: plain data.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How load and words of regions and members are asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Feed {
    /// Its name, unique among feeds.
    pub name: Arc<str>,
    /// What is asked, and how the answer is read.
    pub kind: FeedKind,
    /// From the start of one reading to the start of the next.
    pub interval: Duration,
    /// A reading without a whole answer by then has failed.
    pub timeout: Duration,
    /// Load and weight of the last good reading count no longer than this.
    pub stale_after: Duration,
}

/// What is asked, and how the answer is read.
#[derive(Clone, Debug, PartialEq)]
pub enum FeedKind {
    /// HAProxy's agent protocol: one line over TCP.
    AgentCheck(AgentCheck),
    /// HAProxy's statistics as CSV.
    HaproxyStats(HaproxyStats),
    /// A JSON document.
    Json(JsonValue),
    /// A page of metrics in Prometheus text or OpenMetrics.
    Prometheus(Metric),
    /// A response header of a health check.
    Header(Header),
}

impl FeedKind {
    /// As configuration writes it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::AgentCheck(_) => "agent-check",
            Self::HaproxyStats(_) => "haproxy-stats",
            Self::Json(_) => "json",
            Self::Prometheus(_) => "prometheus",
            Self::Header(_) => "header",
        }
    }

    /// The page that is read, for kinds that read one.
    #[must_use]
    pub const fn page(&self) -> Option<&Page> {
        match self {
            Self::HaproxyStats(HaproxyStats { page, .. })
            | Self::Json(JsonValue { page, .. })
            | Self::Prometheus(Metric { page, .. }) => Some(page),
            Self::AgentCheck(_) | Self::Header(_) => None,
        }
    }
}

/// HAProxy's agent protocol.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentCheck {
    /// Where it connects, unless a `feed_address` has a port.
    pub port: Option<u16>,
    /// What is sent first, verbatim.
    pub send: Option<Template>,
}

/// A page that is got by HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Where it is: `http` or `https`.
    pub url: Template,
    /// Further headers of the request.
    pub headers: Vec<(String, String)>,
    /// Roots in a PEM file, instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// HAProxy's statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct HaproxyStats {
    /// The page with the CSV.
    pub page: Page,
    /// The proxy's name: the first column.
    pub backend: Template,
    /// The server's name, or `BACKEND` or `FRONTEND`: the second column. `None`: `BACKEND` for a region, the `feed_name` for a
    /// member.
    pub server: Option<Template>,
    /// The weight that stands for all of the configured one; `None`: weights are not read.
    pub full_weight: Option<u32>,
    /// Only these are read; empty: all that there are.
    pub measures: Vec<Measure>,
}

/// Places in a JSON document.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonValue {
    /// The page with the document.
    pub page: Page,
    /// A number and what it measures.
    pub number: Option<(Template, Scaled)>,
    /// A word: pointer (RFC 6901).
    pub word: Option<Template>,
    /// A weight in percent: pointer.
    pub weight: Option<Template>,
}

/// A metric of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The page.
    pub page: Page,
    /// The metric's name, with `_total` and the like as the page has it.
    pub name: String,
    /// Labels that a series must have, with these values; those that match are added up.
    pub labels: Vec<(String, Template)>,
    /// It is a counter: what it grows by in a second is measured.
    pub rate: bool,
    /// What it measures.
    pub scaled: Scaled,
}

/// A response header of a health check.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// The monitor that captures it.
    pub monitor: Arc<str>,
    /// What it measures, where the header does not say so itself.
    pub scaled: Scaled,
}

/// A number that is read, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaled {
    /// What it measures.
    pub measure: Measure,
    /// It is multiplied by this.
    pub scale: f64,
}

/// What a number measures: the fields of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Share of the capacity; 1 is all of it.
    Utilisation,
    /// At a time.
    Connections,
    /// Octets a second.
    Bandwidth,
    /// A second.
    Packets,
    /// A second.
    Requests,
    /// Seconds.
    ResponseTime,
}

impl Measure {
    /// All, by the words that configuration has for them.
    pub const ALL: [(&str, Self); 6] = [
        ("utilisation", Self::Utilisation),
        ("connections", Self::Connections),
        ("bandwidth", Self::Bandwidth),
        ("packets", Self::Packets),
        ("requests", Self::Requests),
        ("response-time", Self::ResponseTime),
    ];

    /// Beyond this a number is a mistake of who reports it and not a load.
    #[must_use]
    pub const fn max(self) -> f64 {
        match self {
            // A hundred times what it can bear.
            Self::Utilisation => 100.0,
            // A day.
            Self::ResponseTime => 86_400.0,
            Self::Connections | Self::Bandwidth | Self::Packets | Self::Requests => 1e15,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Self::ALL.iter().find(|(_, measure)| measure == self).map_or("", |(word, _)| word);
        f.write_str(word)
    }
}

/// A text with places for what a region or member is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub String);

/// What a place in a [`Template`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// `{address}`: the `feed_address`, else the member's own address or name.
    Address,
    /// `{name}`: the `feed_name`, else the region's own name.
    Name,
    /// `{region}`: the region's name.
    Region,
}

impl Placeholder {
    /// All, as they are written between braces.
    pub const ALL: [(&str, Self); 3] = [("address", Self::Address), ("name", Self::Name), ("region", Self::Region)];
}

impl Template {
    /// The placeholders in it, in their order. Other braces stand for themselves.
    pub fn placeholders(&self) -> impl Iterator<Item = Placeholder> + '_ {
        self.parts().filter_map(Result::err)
    }

    /// The first word between braces that is no placeholder.
    #[must_use]
    pub fn unknown_placeholder(&self) -> Option<&str> {
        let is_word = |text: &&str| {
            !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"_-".contains(&octet))
        };
        let of_piece = |piece: &'_ str| -> Option<(usize, usize)> {
            let mut from = 0;
            while let Some(open) = piece[from..].find('{').map(|at| from + at + 1) {
                let close = piece[open..].find(['{', '}']).map(|at| open + at)?;
                if piece[close..].starts_with('}') && is_word(&&piece[open..close]) {
                    return Some((open, close));
                }
                from = open;
            }
            None
        };
        let pieces = self.parts().filter_map(Result::ok);
        pieces.into_iter().find_map(|piece| of_piece(piece).map(|(open, close)| &piece[open..close]))
    }

    /// Text pieces, and placeholders between them.
    fn parts(&self) -> impl Iterator<Item = Result<&str, Placeholder>> {
        let mut rest = self.0.as_str();
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let next = Placeholder::ALL
                .iter()
                .filter_map(|&(word, place)| Some((rest.find(&format!("{{{word}}}"))?, word.len() + 2, place)))
                .min_by_key(|&(at, ..)| at);
            let (part, len) = match next {
                Some((0, len, place)) => (Err(place), len),
                Some((at, ..)) => (Ok(&rest[..at]), at),
                None => (Ok(rest), rest.len()),
            };
            rest = &rest[len..];
            Some(part)
        })
    }

    /// The text with all placeholders filled.
    pub fn fill(&self, value: impl Fn(Placeholder) -> String) -> String {
        self.parts().map(|part| part.map_or_else(&value, str::to_owned)).collect()
    }
}

impl From<&str> for Template {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_between_braces_that_stand_for_nothing_are_found() {
        for (text, word) in [
            ("http://{adress}/", Some("adress")),
            ("http://{address}/{regionname}", Some("regionname")),
            ("{{x-1}", Some("x-1")),
            ("{address}{name}{region}", None),
            ("/federate?match[]={job=\"web\"}", None),
            ("{}{ }{", None),
        ] {
            assert_eq!(Template::from(text).unknown_placeholder(), word, "{text}");
        }
    }

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        let template = Template::from("http://{address}:80/{region}/{x}{name}{}{name");
        let filled = template.fill(|place| match place {
            Placeholder::Address => "[::1]".to_owned(),
            Placeholder::Name => "{region}".to_owned(),
            Placeholder::Region => "eu".to_owned(),
        });
        assert_eq!(filled, "http://[::1]:80/eu/{x}{region}{}{name");
        let places: Vec<Placeholder> = template.placeholders().collect();
        assert_eq!(places, [Placeholder::Address, Placeholder::Region, Placeholder::Name]);
        assert_eq!(Template::from("").fill(|_| String::new()), "");
    }
}
