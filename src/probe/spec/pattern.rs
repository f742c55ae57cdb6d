//! What an answer must contain: texts and regular expressions, checked when the configuration is loaded. Knows no answers.

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::Parser;
use std::hash::{Hash, Hasher};

/// Most memory that a compiled expression may take, in octets. It also bounds the work of a search: the library's slowest
/// way takes time in proportion to it for each octet that is searched.
const COMPILED_SIZE_MAX: usize = 128 * 1024;

/// Most memory for the states that a search keeps, in octets.
const SEARCH_STATES_SIZE_MAX: usize = 256 * 1024;

/// Deepest nesting of groups.
const NESTING_DEPTH_MAX: u32 = 32;

/// What an answer must contain; both where both are given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Expectation {
    /// These octets.
    pub text: Option<Vec<u8>>,
    /// Something that this matches.
    pub pattern: Option<Pattern>,
}

impl Expectation {
    /// Whether nothing is expected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_none() && self.pattern.is_none()
    }
}

/// A regular expression that was compiled within limits.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// Why a text is no regular expression that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern {
    /// What is wrong.
    pub why: String,
    /// Where, if that is known: the number of characters before it.
    pub after: Option<usize>,
}

impl Pattern {
    /// Compiles a regular expression, which is searched for in octets; classes such as `\w` are Unicode's.
    ///
    /// # Errors
    ///
    /// It cannot be parsed, or takes too much memory.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        let characters = |offset: usize| text.get(..offset).map(|before| before.chars().count());
        let mut parser = regex_syntax::ParserBuilder::new().nest_limit(NESTING_DEPTH_MAX).utf8(false).build();
        if let Err(error) = Parser::parse(&mut parser, text) {
            return Err(match error {
                regex_syntax::Error::Parse(error) => {
                    BadPattern { why: error.kind().to_string(), after: characters(error.span().start.offset) }
                }
                regex_syntax::Error::Translate(error) => {
                    BadPattern { why: error.kind().to_string(), after: characters(error.span().start.offset) }
                }
                other => BadPattern { why: other.to_string(), after: None },
            });
        }
        RegexBuilder::new(text)
            .nest_limit(NESTING_DEPTH_MAX)
            .size_limit(COMPILED_SIZE_MAX)
            .dfa_size_limit(SEARCH_STATES_SIZE_MAX)
            .build()
            .map(Self)
            .map_err(|error| BadPattern {
                why: match error {
                    regex::Error::CompiledTooBig(_) => {
                        format!(
                            "it takes more than {} KiB of memory when compiled; `(?-u)` before it makes classes such as \
                             `\\w` those of ASCII, which are small",
                            COMPILED_SIZE_MAX / 1024
                        )
                    }
                    other => other.to_string(),
                },
                after: None,
            })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it matches somewhere in these octets.
    #[must_use]
    pub fn is_in(&self, octets: &[u8]) -> bool {
        self.0.is_match(octets)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]

    use super::*;

    #[test]
    fn a_mistake_is_shown_where_it_is() {
        for (text, why, after) in [
            ("a(b", "unclosed group", Some(1)),
            ("é)", "unopened group", Some(1)),
            ("x{3,2}", "invalid repetition count range, the start must be <= the end", Some(1)),
            (r"ok\pQ", "Unicode property not found", Some(2)),
        ] {
            assert_eq!(Pattern::new(text).unwrap_err(), BadPattern { why: why.to_owned(), after }, "{text}");
        }
    }

    #[test]
    fn what_is_too_big_is_refused() {
        assert!(Pattern::new(r"\w{100}").unwrap_err().why.contains("128 KiB"));
        assert!(Pattern::new(r"(?-u)\w{100}").is_ok());
        assert!(Pattern::new(&format!("{}a{}", "(".repeat(40), ")".repeat(40))).is_err());
    }

    #[test]
    fn what_operators_write_fits() {
        for text in [r"^\w+ \w+$", r"(?i)status:\s*(ok|healthy|degraded)", r"^220[ -].*ESMTP", r"\d{1,3}(\.\d{1,3}){3}"]
        {
            assert!(Pattern::new(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn octets_that_are_no_text_are_searched_too() {
        let pattern = Pattern::new(r"(?-u)\xff+ok$").unwrap();
        assert!(pattern.is_in(b"\xfe\xff\xffok"));
        assert!(!pattern.is_in(b"ok"));
    }
}
