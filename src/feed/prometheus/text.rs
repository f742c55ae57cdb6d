//! Samples of a page in Prometheus text (version 0.0.4) or OpenMetrics. What the two have in common is read: names, labels
//! with escapes, values; types, timestamps and exemplars make no difference here. Knows no metrics.

use crate::feed::reading::quoted;
use std::borrow::Cow;

/// A sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// The metric's name as it stands in the line.
    pub name: Cow<'a, str>,
    /// Names and values of labels.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Its value, which may be no number or infinite.
    pub value: f64,
}

/// The samples of a page up to its end or to the `# EOF` of OpenMetrics. A line that is none is an error that says which.
pub fn samples(page: &[u8]) -> impl Iterator<Item = Result<Sample<'_>, String>> {
    let lines = page.split(|&octet| octet == b'\n').enumerate();
    let lines = lines.map(|(index, line)| (index + 1, line.trim_ascii()));
    let lines = lines.take_while(|(_, line)| *line != b"# EOF");
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#"));
    lines.map(|(number, line)| {
        let sample = std::str::from_utf8(line).ok().and_then(|text| Cursor { text }.sample());
        sample.ok_or_else(|| format!("line {number} is no sample of a metric: `{}`", quoted(line)))
    })
}

/// What is left of a line.
struct Cursor<'a> {
    text: &'a str,
}

impl<'a> Cursor<'a> {
    fn sample(mut self) -> Option<Sample<'a>> {
        let mut name = self.name(|octet| octet == b':').map(Cow::Borrowed);
        let mut labels = Vec::new();
        self.skip_blanks();
        if self.take('{') {
            self.labels(&mut name, &mut labels)?;
        }
        self.skip_blanks();
        let value = self.word()?;
        let value = parse_value(value)?;
        // A timestamp may follow, and behind `#` an exemplar.
        self.skip_blanks();
        if !self.text.is_empty() && !self.text.starts_with('#') {
            let timestamp = self.word()?;
            timestamp.parse::<f64>().ok()?;
            self.skip_blanks();
        }
        (self.text.is_empty() || self.text.starts_with('#')).then_some(Sample { name: name?, labels, value })
    }

    /// Labels up to the brace; a text alone is the metric's name, where that needs quotes.
    fn labels(
        &mut self,
        name: &mut Option<Cow<'a, str>>,
        labels: &mut Vec<(Cow<'a, str>, Cow<'a, str>)>,
    ) -> Option<()> {
        loop {
            self.skip_blanks();
            if self.take('}') {
                return Some(());
            }
            let label = match self.name(|_| false) {
                Some(label) => Cow::Borrowed(label),
                None => self.quoted_text()?,
            };
            self.skip_blanks();
            if self.take('=') {
                self.skip_blanks();
                labels.push((label, self.quoted_text()?));
            } else if name.is_none() {
                *name = Some(label);
            } else {
                return None;
            }
            self.skip_blanks();
            if !self.take(',') {
                return self.take('}').then_some(());
            }
        }
    }

    fn skip_blanks(&mut self) {
        self.text = self.text.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.text.strip_prefix(wanted);
        self.text = rest.unwrap_or(self.text);
        rest.is_some()
    }

    /// A word up to the next blank.
    fn word(&mut self) -> Option<&'a str> {
        let end = self.text.find([' ', '\t']).unwrap_or(self.text.len());
        let (word, rest) = self.text.split_at(end);
        self.text = rest;
        (!word.is_empty()).then_some(word)
    }

    /// A name: letters, digits and underscores, and what else is allowed.
    fn name(&mut self, other: impl Fn(u8) -> bool) -> Option<&'a str> {
        let octets = self.text.as_bytes();
        let inside = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_' || other(octet);
        let end = octets.iter().position(|&octet| !inside(octet)).unwrap_or(octets.len());
        let (name, rest) = self.text.split_at(end);
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        self.text = rest;
        Some(name)
    }

    /// A text in quotes, with `\\`, `\"` and `\n` in it; other escapes stand for themselves.
    fn quoted_text(&mut self) -> Option<Cow<'a, str>> {
        let body = self.text.strip_prefix('"')?;
        let mut escaped = false;
        let end = body.bytes().position(|octet| {
            let ends = octet == b'"' && !escaped;
            escaped = octet == b'\\' && !escaped;
            ends
        })?;
        self.text = &body[end + 1..];
        let raw = &body[..end];
        if !raw.contains('\\') {
            return Some(Cow::Borrowed(raw));
        }
        let mut text = String::with_capacity(raw.len());
        let mut letters = raw.chars();
        while let Some(letter) = letters.next() {
            match (letter, letter == '\\') {
                (_, true) => match letters.next() {
                    Some('n') => text.push('\n'),
                    Some(same @ ('\\' | '"')) => text.push(same),
                    other => {
                        text.push('\\');
                        text.extend(other);
                    }
                },
                (letter, false) => text.push(letter),
            }
        }
        Some(Cow::Owned(text))
    }
}

/// A value as Go and OpenMetrics write it.
fn parse_value(text: &str) -> Option<f64> {
    // Go writes `+Inf`, `-Inf` and `NaN`; the standard library reads all of them, and some more words.
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::*;

    fn one(line: &str) -> Result<Sample<'_>, String> {
        samples(line.as_bytes()).next().unwrap()
    }

    fn labels(line: &str) -> Vec<(String, String)> {
        one(line).unwrap().labels.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
    }

    #[test]
    fn names_values_timestamps_and_exemplars() {
        for (line, name, value) in [
            ("up 1", "up", 1.0),
            ("  up\t 1  ", "up", 1.0),
            ("node:load:rate5m 1.5e3 1395066363000", "node:load:rate5m", 1500.0),
            ("up{} -4", "up", -4.0),
            ("up +Inf -3982045", "up", f64::INFINITY),
            ("up -Inf", "up", f64::NEG_INFINITY),
            ("a_total{x=\"1\"} 17 1520879607.789 # {id=\"a b\"} 0.67 1.0", "a_total", 17.0),
            ("a_total 17 # {} 0.67", "a_total", 17.0),
            ("{\"a.b\",x=\"1\"} 5", "a.b", 5.0),
            ("{\"a.b\"} 5", "a.b", 5.0),
            ("up 0x10", "", 0.0),
        ] {
            match one(line) {
                Ok(sample) => assert_eq!((&*sample.name, sample.value), (name, value), "{line}"),
                Err(error) => assert!(name.is_empty(), "{line}: {error}"),
            }
        }
        assert!(one("up NaN").unwrap().value.is_nan());
    }

    #[test]
    fn labels_with_escapes_blanks_and_a_last_comma() {
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        let line = r#"x{path="C:\\DIR\\F \"t\"\n",b="},{",c=""} 1"#;
        assert_eq!(labels(line), pairs(&[("path", "C:\\DIR\\F \"t\"\n"), ("b", "},{"), ("c", "")]));
        assert_eq!(labels("x { a = \"3\" , b=\"4\" , } 1"), pairs(&[("a", "3"), ("b", "4")]));
        assert_eq!(labels(r#"x{a="\q\\"} 1"#), pairs(&[("a", "\\q\\")]));
        assert_eq!(labels("x{a=\"\u{4e16}\"} 1"), pairs(&[("a", "\u{4e16}")]));
        assert_eq!(labels("x{\"a.b\"=\"1\"} 1"), pairs(&[("a.b", "1")]));
    }

    #[test]
    fn comments_and_empty_lines_are_skipped_and_eof_ends_the_page() {
        let page = b"# HELP a text with \\n\n# TYPE a counter\n#odd\n\n   \na 1\r\n# UNIT a s\n# EOF\nb 2\n";
        let names: Vec<String> = samples(page).map(|sample| sample.unwrap().name.into_owned()).collect();
        assert_eq!(names, ["a"]);
        assert_eq!(samples(b"").count(), 0);
    }

    #[test]
    fn garbage_is_an_error_that_names_its_line() {
        for line in [
            "up",
            "up x",
            "1up 1",
            "up{ 1",
            "up{a} 1",
            "up{a=1} 1",
            "up{a=\"1} 1",
            "up{a=\"1\"",
            "up{a=\"1\" b=\"2\"} 1",
            "<html>",
            "up 1 2 3",
            "up 1 x",
            "{} 1",
            "{\"a\",\"b\"} 1",
            "up{a=\"\\\"} 1",
            "up\u{e9} 1",
        ] {
            assert!(one(line).is_err(), "{line}");
        }
        assert!(samples(b"a 1\n\n\xff 1\n").nth(1).unwrap().unwrap_err().contains("line 3"));
    }
}
