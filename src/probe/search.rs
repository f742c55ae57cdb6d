//! Looks for what is expected in an answer that comes in pieces, within limits. Knows no protocol.

use crate::probe::spec::{ANSWER_LEN_MAX, Expectation};

/// Most octets that all searches for a pattern in one answer go through, but for the last search: an answer that comes
/// octet by octet must not be searched from its beginning each time.
const SEARCHED_LEN_MAX: usize = 8 * ANSWER_LEN_MAX;

/// Longest piece of an answer or of what was expected that is quoted in messages, in characters.
const QUOTE_LEN_MAX: usize = 40;

/// The search in one answer.
pub struct Search<'a> {
    expected: &'a Expectation,
    seen: Vec<u8>,
    has_text: bool,
    has_pattern: bool,
    searched: usize,
}

impl<'a> Search<'a> {
    /// Nothing was seen yet.
    pub fn new(expected: &'a Expectation) -> Self {
        let has_text = expected.text.as_ref().is_none_or(Vec::is_empty);
        Self { expected, seen: Vec::new(), has_text, has_pattern: expected.pattern.is_none(), searched: 0 }
    }

    /// Takes the next piece; whether everything that is expected was seen now.
    pub fn is_found_with(&mut self, piece: &[u8]) -> bool {
        // A text may begin in what came before.
        let text = self.expected.text.as_deref().unwrap_or_default();
        let from = self.seen.len().saturating_sub(text.len().saturating_sub(1));
        let room = ANSWER_LEN_MAX - self.seen.len();
        self.seen.extend_from_slice(&piece[..piece.len().min(room)]);
        if !self.has_text {
            self.has_text = self.seen[from..].windows(text.len()).any(|window| window == text);
        }
        if self.searched + self.seen.len() <= SEARCHED_LEN_MAX || self.is_at_limit() {
            self.search_pattern();
        }
        self.has_text && self.has_pattern
    }

    /// Whether everything that is expected was seen; to be asked when nothing more comes.
    pub fn is_found(&mut self) -> bool {
        self.search_pattern();
        self.has_text && self.has_pattern
    }

    fn search_pattern(&mut self) {
        if let Some(pattern) = self.expected.pattern.as_ref().filter(|_| !self.has_pattern) {
            self.searched += self.seen.len();
            self.has_pattern = pattern.is_in(&self.seen);
        }
    }

    /// Whether no more is looked at.
    pub fn is_at_limit(&self) -> bool {
        self.seen.len() >= ANSWER_LEN_MAX
    }

    /// What was seen, shortened; `None` for nothing.
    pub fn seen(&self) -> Option<String> {
        let start = &self.seen[..self.seen.len().min(4 * (QUOTE_LEN_MAX + 1))];
        (!start.is_empty()).then(|| quoted(&String::from_utf8_lossy(start)))
    }

    /// What is missing, as the end of a sentence that says where: `does not contain "ready"`.
    pub fn complaint(&self) -> String {
        let within = if self.is_at_limit() { format!(" in its first {ANSWER_LEN_MAX} octets") } else { String::new() };
        match (&self.expected.text, &self.expected.pattern) {
            (Some(text), _) if !self.has_text => {
                format!("does not contain {}{within}", quoted(&String::from_utf8_lossy(text)))
            }
            (_, Some(pattern)) => format!("does not match {}{within}", quoted(pattern.as_str())),
            (_, None) => String::new(),
        }
    }
}

/// The text in quotes, shortened, with control characters escaped.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    quoted.extend(text.chars().take(QUOTE_LEN_MAX).flat_map(char::escape_debug));
    quoted.push_str(if text.chars().nth(QUOTE_LEN_MAX).is_some() { "...\"" } else { "\"" });
    quoted
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]

    use super::*;
    use crate::probe::spec::Pattern;

    fn expecting(text: Option<&str>, pattern: Option<&str>) -> Expectation {
        let pattern = pattern.map(|pattern| Pattern::new(pattern).unwrap());
        Expectation { text: text.map(|text| text.as_bytes().to_vec()), pattern }
    }

    #[test]
    fn both_are_needed_where_both_are_expected() {
        let both = expecting(Some("ready"), Some("load=[0-9]+"));
        let mut search = Search::new(&both);
        assert!(!search.is_found_with(b"rea"));
        assert!(!search.is_found_with(b"dy loa"));
        assert_eq!(search.complaint(), "does not match \"load=[0-9]+\"");
        assert!(search.is_found_with(b"d=7"));
    }

    #[test]
    fn a_pattern_is_found_at_the_end_however_small_the_pieces() {
        let pattern = expecting(None, Some("ab$"));
        let mut search = Search::new(&pattern);
        for _ in 0..ANSWER_LEN_MAX / 2 - 1 {
            assert!(!search.is_found_with(b"."));
        }
        assert!(search.searched <= SEARCHED_LEN_MAX);
        search.is_found_with(b"a");
        search.is_found_with(b"b");
        assert!(search.is_found());
    }

    #[test]
    fn nothing_expected_is_found_at_once() {
        for nothing in [expecting(None, None), expecting(Some(""), None)] {
            assert!(Search::new(&nothing).is_found_with(b""));
        }
    }

    #[test]
    fn nothing_is_kept_or_found_behind_the_limit() {
        let text = expecting(Some("ok"), None);
        let mut search = Search::new(&text);
        assert!(!search.is_found_with(&vec![b'.'; ANSWER_LEN_MAX - 1]));
        assert!(!search.is_found_with(b"ok"));
        assert!(search.is_at_limit());
        assert_eq!(search.complaint(), "does not contain \"ok\" in its first 65536 octets");
    }

    #[test]
    fn what_is_quoted_is_short_and_printable() {
        let nothing = expecting(Some("x"), None);
        let mut search = Search::new(&nothing);
        search.is_found_with(b"\x1b[2J\xff");
        search.is_found_with(&[b'.'; 100]);
        assert_eq!(search.seen().unwrap(), format!("\"\\u{{1b}}[2J\u{fffd}{}...\"", ".".repeat(35)));
    }
}
