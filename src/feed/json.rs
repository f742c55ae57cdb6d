//! The `json` kind: numbers and words of a JSON document, by pointers (RFC 6901). Pure.

use super::agent_check;
use super::reading::{Reading, Words, field, number, quoted};
use super::spec::Scaled;
use crate::health::Word;
use serde_json::Value;

/// What is read from a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// A number: its pointer, and what it measures.
    pub number: Option<(String, Scaled)>,
    /// A word.
    pub word: Option<String>,
    /// A weight in percent.
    pub weight: Option<String>,
}

/// Parses a document; an error says where it is none.
pub fn parse(text: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => "the JSON document ends too early".to_owned(),
        _ => format!("no JSON document: line {}, column {}: `{}`", error.line(), error.column(), quoted(text)),
    })
}

/// What the document says.
pub fn read(document: &Value, wanted: &Wanted) -> Result<Reading, String> {
    let at = |pointer: &str| {
        let found = document.pointer(pointer).filter(|value| !value.is_null());
        found.ok_or_else(|| format!("the document has nothing at `{pointer}`"))
    };
    let mut reading = Reading::default();
    if let Some(pointer) = &wanted.word {
        reading.words = Words::Whole(word_of(at(pointer)?, pointer)?);
    }
    if let Some(pointer) = &wanted.weight {
        let percent = at(pointer).and_then(|value| percent_of(value, pointer));
        reading.weight_percent = reading.unless_odd(percent)?;
    }
    if let Some((pointer, scaled)) = &wanted.number {
        let value = at(pointer).and_then(|value| number_of(value, pointer)).and_then(|value| scaled.of(value));
        *field(&mut reading.load, scaled.measure) = reading.unless_odd(value)?;
    }
    Ok(reading)
}

fn percent_of(value: &Value, pointer: &str) -> Result<u16, String> {
    let percent = number_of(value, pointer)?;
    if !(0.0..=256.0).contains(&percent) {
        return Err(format!("the weight at `{pointer}` is {percent}, not 0 to 256 percent"));
    }
    Ok(percent.round() as u16)
}

fn number_of(value: &Value, pointer: &str) -> Result<f64, String> {
    let found = match value {
        Value::Number(found) => found.as_f64(),
        Value::String(text) => number(text),
        _ => None,
    };
    found.ok_or_else(|| format!("`{}` at `{pointer}` is no number", quoted(value.to_string().as_bytes())))
}

/// A word of the agent's protocol, several of them of which the worst counts, or whether it is up.
fn word_of(value: &Value, pointer: &str) -> Result<Word, String> {
    let found = match value {
        Value::Bool(is_up) => Some(if *is_up { Word::Up } else { Word::Down }),
        Value::String(text) => match agent_check::parse(text.as_bytes()).map(|reading| reading.words) {
            Ok(Words::Parts { operational, administrative }) => {
                operational.into_iter().chain(administrative).reduce(Word::worse)
            }
            _ => None,
        },
        _ => None,
    };
    found.ok_or_else(|| {
        let value = quoted(value.to_string().as_bytes());
        format!("`{value}` at `{pointer}` is none of `up`, `ready`, `down`, `fail`, `stopped`, `drain`, `maint`")
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::*;
    use crate::feed::spec::Measure;

    const DOCUMENT: &[u8] =
        br#"{"load": {"used": 75, "text": "50", "percent": "50%", "none": null, "deep": [1], "less": -1},
        "a/b": {"m~n": 3}, "state": "maint", "fine": true, "both": "up,drain", "weight": 40}"#;

    fn wanted(pointer: &str) -> Wanted {
        let scaled = Scaled { measure: Measure::Utilisation, scale: 0.01 };
        Wanted { number: Some((pointer.to_owned(), scaled)), word: None, weight: None }
    }

    fn utilisation(pointer: &str) -> Result<f64, String> {
        read(&parse(DOCUMENT)?, &wanted(pointer)).map(|reading| reading.load.utilisation.unwrap())
    }

    #[test]
    fn pointers_lead_to_numbers_which_are_scaled() {
        assert_eq!(utilisation("/load/used"), Ok(0.75));
        assert_eq!(utilisation("/load/text"), Ok(0.5));
        assert_eq!(utilisation("/load/percent"), Ok(0.005));
        assert_eq!(utilisation("/load/deep/0"), Ok(0.01));
        assert_eq!(utilisation("/a~1b/m~0n"), Ok(0.03));
        for pointer in ["/load/none", "/load/missing", "/load", "/load/deep/1", "", "/load/less"] {
            assert!(utilisation(pointer).is_err(), "{pointer}");
        }
    }

    #[test]
    fn words_and_weights_stand_beside_numbers() {
        let document = parse(DOCUMENT).unwrap();
        let read = |word: &str, weight: Option<&str>| {
            read(&document, &Wanted { number: None, word: Some(word.to_owned()), weight: weight.map(str::to_owned) })
        };
        for (pointer, word) in [("/state", Word::Maint), ("/fine", Word::Up), ("/both", Word::Drain)] {
            assert_eq!(read(pointer, None).unwrap().words, Words::Whole(word), "{pointer}");
        }
        assert_eq!(read("/state", Some("/weight")).unwrap().weight_percent, Some(40));
        for pointer in ["/load/used", "/load/text", "/load"] {
            assert!(read(pointer, None).is_err(), "{pointer}");
        }
    }

    #[test]
    fn a_word_counts_though_the_numbers_beside_it_are_missing() {
        let document = parse(DOCUMENT).unwrap();
        let (word, weight) = (Some("/state".to_owned()), Some("/weight".to_owned()));
        for pointer in ["/load/missing", "/load/none", "/load/deep", "/load/less"] {
            let said =
                read(&document, &Wanted { word: word.clone(), weight: weight.clone(), ..wanted(pointer) }).unwrap();
            assert_eq!((said.words, said.weight_percent), (Words::Whole(Word::Maint), Some(40)), "{pointer}");
            assert_eq!(said.load, crate::health::Load::default());
            let odd = said.odd.unwrap();
            assert!(odd.contains(pointer) || odd.contains("utilisation"), "{odd}");
        }
        let said = read(&document, &Wanted { word, weight: Some("/load".into()), ..wanted("/load/used") }).unwrap();
        assert_eq!((said.words, said.load.utilisation), (Words::Whole(Word::Maint), Some(0.75)));
        assert!(said.odd.unwrap().contains("`/load`"));
        // Without a word there is nothing else to take.
        assert!(read(&document, &Wanted { weight, ..wanted("/load/none") }).is_err());
    }

    #[test]
    fn what_is_no_document_is_told_with_its_place() {
        for text in [&b""[..], b"{\"a\": ", b"<html>", b"{\"a\": NaN}", b"{} {}", b"\xff", b"{\"big\": 1e999}"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        let deep: Vec<u8> = std::iter::repeat_n(b'[', 100_000).collect();
        assert!(parse(&deep).is_err());
    }
}
