//! Reads single values: each function checks type and range by the definition of the key, and says what is wrong.
//! Knows no tables.

use super::keys::Kind;
use super::reader::Slot;
use super::report::Report;
use super::tree::{Node, Value};
use super::values::{self, Wrong};
use crate::base::named::as_number;
use crate::base::{Continent, Country, Diagnostic, PlaceName, Point, suggest};
use std::time::Duration;

/// Reads `true` or `false`.
pub fn boolean(report: &mut Report, slot: Slot, node: &Node) -> Option<bool> {
    let Value::Boolean(value) = node.value else {
        slot.mistyped(report, node);
        return None;
    };
    Some(value)
}

/// Reads a whole number in the kind's range.
pub fn integer<T: TryFrom<i64>>(report: &mut Report, slot: Slot, node: &Node) -> Option<T> {
    let Value::Integer(number) = node.value else {
        slot.mistyped(report, node);
        return None;
    };
    let in_range = match slot.kind {
        Kind::Integer { min, max } => (min..=max).contains(&number),
        _ => true,
    };
    let value = if in_range { T::try_from(number).ok() } else { None };
    if value.is_none() {
        report.error(node.span, format!("{}, not {number}", slot.must_be()));
    }
    value
}

/// Reads a number in the kind's range.
pub fn number(report: &mut Report, slot: Slot, node: &Node) -> Option<f64> {
    let number = match node.value {
        Value::Integer(number) => number as f64,
        Value::Float(number) => number,
        _ => {
            slot.mistyped(report, node);
            return None;
        }
    };
    let Kind::Number { min, max } = slot.kind else { return Some(number) };
    let in_range = (min..=max).contains(&number);
    if !in_range {
        report.error(node.span, format!("{}, not {number}", slot.must_be()));
    }
    in_range.then_some(number)
}

/// A text as it stands, which may be empty.
fn raw_text<'t>(report: &mut Report, slot: Slot, node: &'t Node) -> Option<&'t str> {
    match &node.value {
        Value::String(text) => Some(text),
        _ => {
            slot.mistyped(report, node);
            None
        }
    }
}

/// Reads a text that is not empty.
pub fn text(report: &mut Report, slot: Slot, node: &Node) -> Option<String> {
    let text = raw_text(report, slot, node)?;
    if text.is_empty() {
        report.error(node.span, format!("{} must not be empty", slot.name()));
        return None;
    }
    Some(text.to_owned())
}

/// Reads a text of at most as many octets as the kind says; `None` inside for an empty one.
pub fn text_or_none(report: &mut Report, slot: Slot, node: &Node) -> Option<Option<String>> {
    let text = raw_text(report, slot, node)?;
    if let Kind::TextOrNone { max } = slot.kind
        && text.len() > max
    {
        report.error(node.span, format!("{}, not of {}", slot.must_be(), text.len()));
        return None;
    }
    Some((!text.is_empty()).then(|| text.to_owned()))
}

/// What other servers call things, and what they are called here.
const OTHER_WORDS: [(&str, &str); 2] = [("master", "primary"), ("slave", "secondary")];

/// Reads one of the kind's words.
pub fn word(report: &mut Report, slot: Slot, node: &Node) -> Option<&'static str> {
    let text = raw_text(report, slot, node)?;
    let Kind::Words { known, later } = slot.kind else { return None };
    if let Some(word) = known.iter().find(|word| **word == text) {
        return Some(word);
    }
    let diagnostic = if later.contains(&text) {
        Diagnostic::error(format!("{} `{text}` is not supported by this version of Azimuth", slot.name()))
            .hint(format!("use {}", slot.kind.article_noun()))
    } else {
        let diagnostic = Diagnostic::error(format!("{}, not `{}`", slot.must_be(), text.escape_debug()));
        let other = OTHER_WORDS.iter().find(|(other, _)| text.eq_ignore_ascii_case(other)).map(|(_, meant)| *meant);
        let other = other.filter(|meant| known.contains(meant));
        let near = other.or_else(|| suggest::nearest(text, known.iter().copied()));
        match near {
            _ if text.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("hmac-")) => {
                let known: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
                let hint = format!("keys are of {}: `tsig-keygen -a hmac-sha256 NAME` makes one", known.join(", "));
                diagnostic.hint(hint)
            }
            Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
            None => diagnostic,
        }
    };
    report.push(diagnostic.at(node.span, ""));
    None
}

/// Reads a text with one of the functions of [`values`].
pub fn parsed<T>(
    report: &mut Report,
    slot: Slot,
    node: &Node,
    parse: impl FnOnce(&str) -> Result<T, Wrong>,
) -> Option<T> {
    let text = raw_text(report, slot, node)?;
    parse(text).map_err(|wrong| slot.refused(report, node.span, wrong)).ok()
}

/// Reads a duration in the kind's range.
pub fn duration(report: &mut Report, slot: Slot, node: &Node) -> Option<Duration> {
    let duration = parsed(report, slot, node, values::duration)?;
    let Kind::Duration { min, max } = slot.kind else { return Some(duration) };
    let in_range = (min..=max).contains(&duration);
    if !in_range {
        let (min, max) = (super::keys::duration_text(min), super::keys::duration_text(max));
        let message = format!("{} must be from {min} to {max}", slot.name());
        report.error(node.span, message);
    }
    in_range.then_some(duration)
}

/// Reads a duration, or a switch; `None` inside for off.
pub fn switch_or_duration(report: &mut Report, slot: Slot, node: &Node) -> Option<Option<Duration>> {
    let Kind::SwitchOrDuration { on, min, max } = slot.kind else { return None };
    match node.value {
        Value::Boolean(switch) => Some(switch.then_some(on)),
        Value::String(_) => duration(report, slot.of(Kind::Duration { min, max }), node).map(Some),
        _ => {
            slot.mistyped(report, node);
            None
        }
    }
}

/// Reads a size in the kind's range: octets as a number, or a text with a unit.
pub fn size<T: TryFrom<u64>>(report: &mut Report, slot: Slot, node: &Node) -> Option<T> {
    let octets = match &node.value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        Value::String(_) => Some(parsed(report, slot, node, values::size)?),
        _ => {
            slot.mistyped(report, node);
            return None;
        }
    };
    let in_range = octets.filter(|octets| match slot.kind {
        Kind::Size { min, max } => (min..=max).contains(octets),
        _ => true,
    });
    let size = in_range.and_then(|octets| T::try_from(octets).ok());
    if size.is_none() {
        let written = match &node.value {
            Value::Integer(number) => number.to_string(),
            _ => octets.unwrap_or_default().to_string(),
        };
        report.error(node.span, format!("{}, not {written}", slot.must_be()));
    }
    size
}

/// The longest TTL (RFC 2181, section 8), in seconds.
pub const TTL_MAX: u32 = i32::MAX as u32;

/// Reads a TTL: seconds as a number, or a duration of whole seconds.
pub fn seconds(report: &mut Report, slot: Slot, node: &Node) -> Option<u32> {
    let slot = slot.of(Kind::Seconds);
    let seconds = match &node.value {
        Value::Integer(number) => u64::try_from(*number).ok(),
        Value::String(_) => {
            let duration = parsed(report, slot, node, values::duration)?;
            (duration.subsec_millis() == 0).then_some(duration.as_secs())
        }
        _ => {
            slot.mistyped(report, node);
            return None;
        }
    };
    let ttl = seconds.and_then(|seconds| u32::try_from(seconds).ok()).filter(|ttl| *ttl <= TTL_MAX);
    if ttl.is_none() {
        report.error(node.span, format!("{} must be a whole number of seconds from 0 to {TTL_MAX}", slot.name()));
    }
    ttl
}

/// Reads `[latitude, longitude]`.
pub fn coordinates(report: &mut Report, slot: Slot, node: &Node) -> Option<Point> {
    let number = |node: &Node| match node.value {
        Value::Integer(number) => Some(number as f64),
        Value::Float(number) => Some(number),
        _ => None,
    };
    let Value::Array(array) = &node.value else {
        slot.mistyped(report, node);
        return None;
    };
    if array.elements.iter().any(|element| matches!(element.value, Value::Broken)) {
        return None;
    }
    let [Some(latitude), Some(longitude)] = array.elements.iter().map(number).collect::<Vec<_>>()[..] else {
        report.error(node.span, slot.must_be());
        return None;
    };
    let point = Point::new(latitude, longitude);
    if point.is_none() {
        let message = format!("{} must be a latitude from -90 to 90 and a longitude from -180 to 180", slot.name());
        let diagnostic = Diagnostic::error(message).at(node.span, "");
        let swapped = Point::new(longitude, latitude).is_some();
        let hint = format!("the latitude comes first: [{longitude}, {latitude}]");
        report.push(if swapped { diagnostic.hint(hint) } else { diagnostic });
    }
    point
}

/// Reads a country's code; warns of one that is not assigned, where nobody is ever located.
pub fn country(report: &mut Report, slot: Slot, node: &Node) -> Option<Country> {
    let country = parsed(report, slot, node, |text| {
        let why = || format!("`{}` is no ISO 3166-1 alpha-2 country code", text.escape_debug());
        Country::new(text).ok_or_else(|| Wrong { why: why(), hint: None })
    })?;
    if !country.is_assigned() {
        let message =
            format!("the country code `{}` is not assigned, so that no client is located there", country.as_str());
        let diagnostic = Diagnostic::warning(message).at(node.span, "");
        let british = country.as_str() == "UK";
        report.push(if british { diagnostic.hint("the United Kingdom is \"GB\"") } else { diagnostic });
    }
    Some(country)
}

/// Reads a continent's code.
pub fn continent(report: &mut Report, slot: Slot, node: &Node) -> Option<Continent> {
    parsed(report, slot, node, |text| {
        Continent::new(text).ok_or_else(|| {
            let named = Continent::ALL.iter().find(|(_, _, name)| name.eq_ignore_ascii_case(text));
            let hint = match named {
                Some((_, code, name)) => format!("{name} is \"{code}\""),
                None => Continent::ALL.map(|(_, code, name)| format!("{code} {name}")).join(", "),
            };
            Wrong { why: format!("`{}` is no continent", text.escape_debug()), hint: Some(hint) }
        })
    })
}

/// Reads the number of an autonomous system.
pub fn asn(report: &mut Report, slot: Slot, node: &Node) -> Option<u32> {
    let (number, written) = match &node.value {
        Value::Integer(number) => (u32::try_from(*number).ok().filter(|number| *number != 0), number.to_string()),
        Value::String(text) => (as_number(text), format!("`{}`", text.escape_debug())),
        _ => {
            slot.mistyped(report, node);
            return None;
        }
    };
    if number.is_none() {
        report.error(node.span, format!("{}, not {written}", slot.must_be()));
    }
    number
}

/// Reads the name of a city or subdivision.
pub fn place_name(report: &mut Report, slot: Slot, node: &Node) -> Option<PlaceName> {
    let name = text(report, slot, node)?;
    if name.trim() != name {
        let diagnostic = Diagnostic::error(format!("{} has blanks around it", slot.name())).at(node.span, "");
        report.push(diagnostic.hint(format!("write \"{}\"", name.trim())));
        return None;
    }
    Some(PlaceName::new(&name))
}

/// Reads a subdivision; warns of a code that begins with no country.
pub fn subdivision(report: &mut Report, slot: Slot, node: &Node) -> Option<PlaceName> {
    let name = place_name(report, slot, node)?;
    let country = name.country_of_code().and_then(Country::new);
    if let Some(country) = country.filter(|country| !country.is_assigned()) {
        let message = format!(
            "the country code `{}` is not assigned, so that no client is located in `{name}`",
            country.as_str()
        );
        let diagnostic = Diagnostic::warning(message).at(node.span, "");
        let british = country.as_str() == "UK";
        report.push(if british { diagnostic.hint("the United Kingdom is \"GB\"") } else { diagnostic });
    }
    Some(name)
}

/// Reads one status or a range of them.
pub fn http_status(report: &mut Report, slot: Slot, node: &Node) -> Option<(u16, u16)> {
    let wrong = match &node.value {
        Value::Integer(number) => match values::http_status(&number.to_string()) {
            Ok(range) => return Some(range),
            Err(wrong) => wrong,
        },
        Value::String(_) => return parsed(report, slot, node, values::http_status),
        _ => {
            slot.mistyped(report, node);
            return None;
        }
    };
    slot.refused(report, node.span, wrong);
    None
}
