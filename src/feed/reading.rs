//! What one answer says of one region or member, in the words of all kinds of feeds alike. Pure; knows no kinds and no time.

use super::spec::{Measure, Scaled};
use crate::health::{Load, Word};

/// What one answer says of one region or member. What it does not say stays as it was said last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// Words.
    pub words: Words,
    /// Of the configured weight, in percent.
    pub weight_percent: Option<u16>,
    /// The most connections at a time that it takes.
    pub connections_max: Option<f64>,
    /// How much it has to do.
    pub load: Load,
    /// Numbers that only grow; what they grow by in a second is measured.
    pub counters: Vec<(Measure, f64)>,
    /// Something in the answer that was not understood and was skipped.
    pub odd: Option<String>,
}

/// What an answer says in words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Words {
    /// Nothing.
    #[default]
    Unsaid,
    /// Everything that there is to say, in one word.
    Whole(Word),
    /// Of two things each by itself, as agents of HAProxy do: what is not said stays as it was.
    Parts {
        /// Whether it works: up, down or stopped.
        operational: Option<Word>,
        /// Whether it is meant to: ready, drain or maint.
        administrative: Option<Word>,
    },
}

impl Reading {
    /// A number that is there; beside words one that is not is odd, and no reason to forget the words.
    pub fn unless_odd<T>(&mut self, number: Result<T, String>) -> Result<Option<T>, String> {
        match number {
            Ok(number) => Ok(Some(number)),
            Err(why) if self.words == Words::Unsaid => Err(why),
            Err(why) => {
                self.odd.get_or_insert(why);
                Ok(None)
            }
        }
    }
}

/// Whether a word says what is meant to be, rather than what is.
#[must_use]
pub const fn is_administrative(word: Word) -> bool {
    matches!(word, Word::Ready | Word::Drain | Word::Maint)
}

/// The number, unless nothing can have so much; then why.
pub fn checked(measure: Measure, value: f64) -> Result<f64, String> {
    if !value.is_finite() {
        return Err(format!("{measure} is {value}, which is no number to reckon with"));
    }
    if value < 0.0 {
        return Err(format!("{measure} is {value}: it cannot be less than 0"));
    }
    if value > measure.max() {
        let hint = if measure == Measure::Utilisation { "; is it in percent? then set `scale = 0.01`" } else { "" };
        return Err(format!("{measure} is {value}, beyond all reason (more than {}){hint}", measure.max()));
    }
    Ok(value)
}

impl Scaled {
    /// The number in the unit of the measure.
    pub fn of(self, value: f64) -> Result<f64, String> {
        checked(self.measure, value * self.scale)
    }
}

/// The field of a load that a measure is about.
pub fn field(load: &mut Load, measure: Measure) -> &mut Option<f64> {
    match measure {
        Measure::Utilisation => &mut load.utilisation,
        Measure::Connections => &mut load.connections,
        Measure::Bandwidth => &mut load.bandwidth,
        Measure::Packets => &mut load.packets,
        Measure::Requests => &mut load.requests,
        Measure::ResponseTime => &mut load.response_time,
    }
}

/// Sets a field to a number that is [`checked`].
pub fn set(load: &mut Load, measure: Measure, value: f64) -> Result<(), String> {
    *field(load, measure) = Some(checked(measure, value)?);
    Ok(())
}

/// A number as people write it: `0.75` or `75%`.
pub fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let (digits, unit) = match text.strip_suffix('%') {
        Some(digits) => (digits.trim_end(), 0.01),
        None => (text, 1.0),
    };
    // Words that the standard library takes for numbers are none here: `inf`, `nan`, `infinity`.
    let starts = digits.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit() || c == '.');
    digits.parse::<f64>().ok().filter(|_| starts).map(|number| number * unit)
}

/// Longest piece of what a stranger said that is quoted in messages, in characters.
const QUOTE_LEN_MAX: usize = 40;

/// A piece of an answer for a message: shortened, with control characters escaped.
pub fn quoted(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    let mut quoted: String = text.chars().take(QUOTE_LEN_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(QUOTE_LEN_MAX).is_some() {
        quoted.push_str("...");
    }
    quoted
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::*;

    #[test]
    fn numbers_that_no_load_can_be_are_refused() {
        for (measure, value) in [
            (Measure::Utilisation, f64::NAN),
            (Measure::Utilisation, f64::INFINITY),
            (Measure::Connections, f64::NEG_INFINITY),
            (Measure::Connections, -0.5),
            (Measure::Utilisation, 101.0),
            (Measure::ResponseTime, 90_000.0),
            (Measure::Requests, 1e16),
        ] {
            assert!(checked(measure, value).is_err(), "{measure} {value}");
        }
        assert!(checked(Measure::Utilisation, 250.0).unwrap_err().contains("scale = 0.01"));
        assert_eq!(checked(Measure::Connections, 0.0), Ok(0.0));
        let percent = Scaled { measure: Measure::Utilisation, scale: 0.01 };
        assert_eq!(percent.of(75.0), Ok(0.75));
        assert!(Scaled { measure: Measure::Requests, scale: 1e300 }.of(1e300).is_err());
    }

    #[test]
    fn numbers_come_plain_or_in_percent() {
        for (text, value) in
            [("0.75", 0.75), (" 75% ", 0.75), ("75 %", 0.75), ("1e2", 100.0), (".5", 0.5), ("-1", -1.0)]
        {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for text in ["", "%", "nan", "inf", "infinity", "-inf", "0.5x", "0,5", "75%%", "1 2"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn what_strangers_say_is_quoted_in_short() {
        assert_eq!(quoted(b"a\nb\x00\xff"), "a\\nb\\0\u{fffd}");
        assert_eq!(quoted("x".repeat(41).as_bytes()), "x".repeat(40) + "...");
    }
}
