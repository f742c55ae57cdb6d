//! Autonomous systems, cities and subdivisions as rules and latency tables name them. Knows no databases.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The name of a city, or the code or name of a subdivision. Two are equal whatever their letter case.
#[derive(Clone, Debug)]
pub struct PlaceName {
    text: Arc<str>,
    folded: Arc<str>,
}

impl PlaceName {
    /// A name as somebody wrote it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.into(), folded: fold(text).into() }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The country of a subdivision that is written as ISO 3166-2 has it, such as `DE-BE`; `None` for any other name.
    #[must_use]
    pub fn country_of_code(&self) -> Option<&str> {
        let (country, part) = self.text.split_once('-')?;
        let two_letters = country.len() == 2 && country.bytes().all(|octet| octet.is_ascii_alphabetic());
        let short = (1..=3).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_alphanumeric());
        (two_letters && short).then_some(country)
    }
}

/// How names are compared.
fn fold(text: &str) -> String {
    text.to_lowercase()
}

impl PartialEq for PlaceName {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for PlaceName {}

impl PartialOrd for PlaceName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PlaceName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl Hash for PlaceName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

impl fmt::Display for PlaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A fact about clients of which there are too many to keep them all: only those that somebody names are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamedFact {
    /// Their addresses are announced by this autonomous system.
    Asn(u32),
    /// They are located in a city of this name.
    City(PlaceName),
    /// They are located in this subdivision of a country.
    Subdivision(PlaceName),
}

impl fmt::Display for NamedFact {
    /// As a key of a rule.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asn(number) => write!(f, "asn = {number}"),
            Self::City(name) => write!(f, "city = {name}"),
            Self::Subdivision(name) => write!(f, "subdivision = {name}"),
        }
    }
}

/// The number of an autonomous system from `AS3320` or `3320`; `None` for anything else, and for 0, which is none (RFC 7607).
#[must_use]
pub fn as_number(text: &str) -> Option<u32> {
    let digits = match text.get(..2) {
        Some(start) if start.eq_ignore_ascii_case("AS") => &text[2..],
        _ => text,
    };
    let number = digits.bytes().all(|octet| octet.is_ascii_digit()).then(|| digits.parse().ok())??;
    (number != 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::{PlaceName, as_number};

    #[test]
    fn names_are_equal_whatever_their_letter_case() {
        assert_eq!(PlaceName::new("Zürich"), PlaceName::new("ZÜRICH"));
        assert_ne!(PlaceName::new("Berlin"), PlaceName::new("Bern"));
        assert_eq!(PlaceName::new("de-be").as_str(), "de-be");
    }

    #[test]
    fn codes_of_subdivisions_are_told_from_names() {
        assert_eq!(PlaceName::new("DE-BE").country_of_code(), Some("DE"));
        assert_eq!(PlaceName::new("US-CA").country_of_code(), Some("US"));
        for name in ["Berlin", "DE", "DE-", "DE-BERLIN", "D1-BE", "Île-de-France", "Rhein-Main"] {
            assert_eq!(PlaceName::new(name).country_of_code(), None, "{name}");
        }
    }

    #[test]
    fn as_numbers_come_with_and_without_their_letters() {
        assert_eq!([as_number("AS3320"), as_number("as3320"), as_number("3320")], [Some(3320); 3]);
        for text in ["", "AS", "AS0", "0", "AS-1", "+1", "AS4294967296", "3320x", "ÄS1"] {
            assert_eq!(as_number(text), None, "{text}");
        }
    }
}
