//! What a key takes, in the words of messages and of the reference.

use super::TableDef;
use std::time::Duration;

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number in this range.
    Integer {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// A number in this range.
    Number {
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// Any text that is not empty.
    Text,
    /// A short text; empty text for none.
    TextOrNone {
        /// Most octets.
        max: usize,
    },
    /// A file or folder, relative to the file that says so.
    Path,
    /// A path that may hold wildcards.
    PathPattern,
    /// Digits with units.
    Duration {
        /// The least.
        min: Duration,
        /// The greatest.
        max: Duration,
    },
    /// `false`, `true` for this many milliseconds, or digits with units.
    SwitchOrDuration {
        /// What `true` means.
        on: Duration,
        /// The least.
        min: Duration,
        /// The greatest.
        max: Duration,
    },
    /// Octets as a number, or digits with a unit.
    Size {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// Seconds as a number, or digits with units.
    Seconds,
    /// Seconds, or a table with the seconds of two cases.
    Ttl(&'static TableDef),
    /// One of these words.
    Words {
        /// What may be written.
        known: &'static [&'static str],
        /// What is planned and refused until it exists.
        later: &'static [&'static str],
    },
    /// An IPv4 or IPv6 address.
    Address,
    /// Addresses, or the name of a policy.
    AddressesOrPolicy,
    /// An address prefix.
    Prefix,
    /// An address with a port.
    Socket,
    /// An address with a port; empty text for none.
    SocketOrNone,
    /// An address with or without a port.
    ProbeAddress,
    /// A domain name.
    DomainName,
    /// A host name or an address.
    Host,
    /// Latitude and longitude.
    Coordinates,
    /// A country's code.
    Country,
    /// A continent's code.
    Continent,
    /// The number of an autonomous system.
    Asn,
    /// The name of a city, as databases have it.
    City,
    /// The code or name of a subdivision of a country.
    Subdivision,
    /// HTTP status codes: a number, a class or a range.
    HttpStatus,
    /// The name of something that is defined elsewhere: `region`, `pool`, `monitor`, `policy`.
    Name(&'static str),
    /// Any number of them.
    List(&'static Kind),
    /// One of them, or a list.
    OneOrList(&'static Kind),
    /// A table.
    Table(&'static TableDef),
    /// A list of tables.
    Tables(&'static TableDef),
    /// A list of tables, any of which may stand as the one value that it cannot do without.
    TablesOr(&'static TableDef, &'static Kind),
    /// Tables by name.
    Named(&'static TableDef),
    /// Values of one kind by name.
    ByName(&'static Kind),
}

impl Kind {
    /// A duration in this range of milliseconds.
    pub const fn millis(min: u64, max: u64) -> Self {
        Self::Duration { min: Duration::from_millis(min), max: Duration::from_millis(max) }
    }

    /// The kind with an article, as in "must be ...".
    pub fn article_noun(self) -> String {
        match self {
            Self::Boolean => "`true` or `false`".into(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::Text => "a text that is not empty".into(),
            Self::TextOrNone { max } => format!("a text of at most {max} octets, or `\"\"` for none"),
            Self::Path => "a path".into(),
            Self::PathPattern => "a path, with or without wildcards".into(),
            Self::Duration { .. } => "a duration such as `\"5s\"` or `\"200ms\"`".into(),
            Self::SwitchOrDuration { on, .. } => {
                format!("`true` (for {}), `false`, or a duration such as `\"2m\"`", duration_text(on))
            }
            Self::AddressesOrPolicy => "a list of addresses, or the name of a policy".into(),
            Self::Size { min, max } => {
                format!("a size from {min} to {max} octets, such as `{max}` or `\"{}\"`", size_text(max))
            }
            Self::Seconds => "a whole number of seconds".into(),
            Self::Ttl(_) => "a whole number of seconds, or `{ max = ..., min = ... }`".into(),
            Self::Words { known, .. } => {
                let quoted: Vec<String> = known.iter().map(|word| format!("`\"{word}\"`")).collect();
                format!("one of {}", quoted.join(", "))
            }
            Self::Address => "an IPv4 or IPv6 address".into(),
            Self::Prefix => "an address prefix such as `\"192.0.2.0/24\"`".into(),
            Self::Socket => "an address with a port, such as `\"192.0.2.1:53\"` or `\"[2001:db8::1]:53\"`".into(),
            Self::SocketOrNone => "an address with a port, such as `\"127.0.0.1:8053\"`, or `\"\"` for none".into(),
            Self::ProbeAddress => "an address with or without a port".into(),
            Self::DomainName => "a domain name".into(),
            Self::Host => "a host name or an address".into(),
            Self::Coordinates => "`[latitude, longitude]` in degrees".into(),
            Self::Country => "a two-letter country code such as `\"DE\"`".into(),
            Self::Continent => "a continent's code: AF, AN, AS, EU, NA, OC or SA".into(),
            Self::Asn => "the number of an autonomous system, such as `3320` or `\"AS3320\"`".into(),
            Self::City => "the English name of a city, such as `\"Berlin\"`".into(),
            Self::Subdivision => "a subdivision's ISO 3166-2 code such as `\"DE-BE\"`, or its English name".into(),
            Self::HttpStatus => "an HTTP status such as `200`, `\"2xx\"` or `\"200-299\"`".into(),
            Self::Name(what) => format!("the name of a {what}"),
            Self::List(element) => format!("a list, each element {}", element.article_noun()),
            Self::OneOrList(element) => format!("{}, or a list of them", element.article_noun()),
            Self::Table(_) => "a table".into(),
            Self::Tables(_) => "a list of tables".into(),
            Self::TablesOr(_, single) => format!("a list, each element {} or a table", single.article_noun()),
            Self::Named(_) => "a table of tables, each with a name".into(),
            Self::ByName(kind) => format!("a table of names, each with {}", kind.article_noun()),
        }
    }
}

/// A size as it would be written with its unit, in the largest that divides it.
fn size_text(octets: u64) -> String {
    for (unit, length) in [("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if octets >= length && octets.is_multiple_of(length) {
            return format!("{} {unit}", octets / length);
        }
    }
    format!("{octets} B")
}

/// A duration as it would be written in a configuration, in the largest unit that divides it.
pub fn duration_text(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if millis >= length && millis.is_multiple_of(length) {
            return format!("{}{unit}", millis / length);
        }
    }
    if millis == 0 { "0s".into() } else { format!("{millis}ms") }
}
