//! Splits a master file into entries, and entries into tokens with their places (RFC 1035, section 5.1). Knows neither
//! directives nor records.

/// One field of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// Offset of its first octet, behind an opening quote.
    pub start: u32,
    /// Offset behind its last octet, before a closing quote.
    pub end: u32,
    /// Whether it stood in quotes.
    pub quoted: bool,
    /// Whether it holds a backslash.
    pub escaped: bool,
}

impl Token {
    /// The octets as they stand in the file, without quotes.
    #[must_use]
    pub fn of<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        &text[self.start as usize..self.end as usize]
    }
}

/// What is wrong with an entry's punctuation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Punctuation {
    /// A quote at this offset is not closed on its line.
    OpenQuote(usize),
    /// A parenthesis at this offset is not closed before the file ends.
    OpenParenthesis(usize),
    /// A closing parenthesis at this offset has no opening one.
    StrayParenthesis(usize),
}

/// One directive or record: a line, or several in parentheses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whether it begins with a blank, so that the record has the owner of the one before it.
    pub indented: bool,
    /// The first mistake in its quotes and parentheses.
    pub mistake: Option<Punctuation>,
}

/// Walks over a master file.
#[derive(Debug)]
pub struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
}

/// Octets that end a token or need a closer look.
const STOPS: [bool; 256] = {
    let mut stops = [false; 256];
    let listed = b" \t\r\x0b\x0c\n;()\"\\";
    let mut at = 0;
    while at < listed.len() {
        stops[listed[at] as usize] = true;
        at += 1;
    }
    stops
};

impl<'t> Lexer<'t> {
    /// Begins at the start of `text`, which must be shorter than 4 GiB; a byte order mark is passed over.
    #[must_use]
    pub fn new(text: &'t [u8]) -> Self {
        Self { text, at: if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 } }
    }

    /// Reads the tokens of the next entry into `tokens`; `None` at the end of the file.
    pub fn next_entry(&mut self, tokens: &mut Vec<Token>) -> Option<Entry> {
        tokens.clear();
        let mut entry = Entry { indented: false, mistake: None };
        let (mut depth, mut opened_at) = (0_u32, 0);
        let mut line_start = true;
        loop {
            let octet = self.text.get(self.at).copied();
            if line_start && depth == 0 {
                entry.indented = matches!(octet, Some(b' ' | b'\t'));
                line_start = false;
            }
            match octet {
                None => {
                    if depth > 0 {
                        entry.mistake.get_or_insert(Punctuation::OpenParenthesis(opened_at));
                    }
                    return (!tokens.is_empty() || entry.mistake.is_some()).then_some(entry);
                }
                Some(b'\n') => {
                    self.at += 1;
                    if depth == 0 {
                        if !tokens.is_empty() || entry.mistake.is_some() {
                            return Some(entry);
                        }
                        line_start = true;
                    }
                }
                Some(b' ' | b'\t' | b'\r' | b'\x0b' | b'\x0c') => self.at += 1,
                Some(b';') => self.skip_comment(),
                Some(b'(') => {
                    if depth == 0 {
                        opened_at = self.at;
                    }
                    depth += 1;
                    self.at += 1;
                }
                Some(b')') => {
                    match depth.checked_sub(1) {
                        Some(less) => depth = less,
                        None => _ = entry.mistake.get_or_insert(Punctuation::StrayParenthesis(self.at)),
                    }
                    self.at += 1;
                }
                Some(b'"') => match self.quoted() {
                    Ok(token) => tokens.push(token),
                    Err(mistake) => _ = entry.mistake.get_or_insert(mistake),
                },
                Some(_) => match self.plain() {
                    Ok(token) => tokens.push(token),
                    Err(mistake) => _ = entry.mistake.get_or_insert(mistake),
                },
            }
        }
    }

    fn skip_comment(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|&octet| octet == b'\n').unwrap_or(rest.len());
    }

    /// The token in the quotes that open here.
    fn quoted(&mut self) -> Result<Token, Punctuation> {
        let opened_at = self.at;
        let escaped = self.skip_quoted()?;
        Ok(Token { start: (opened_at + 1) as u32, end: (self.at - 1) as u32, quoted: true, escaped })
    }

    /// Moves behind the quotes that open here and tells whether there are backslashes inside; an unclosed quote ends
    /// with its line.
    fn skip_quoted(&mut self) -> Result<bool, Punctuation> {
        let opened_at = self.at;
        let mut escaped = false;
        self.at += 1;
        loop {
            match self.text.get(self.at) {
                None | Some(b'\n') => return Err(Punctuation::OpenQuote(opened_at)),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') if self.text.get(self.at + 1).is_some_and(|&next| next != b'\n') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// The token without quotes that begins here. Quotes behind an equals sign belong to it, as in `alpn="h2,h3"`.
    fn plain(&mut self) -> Result<Token, Punctuation> {
        let start = self.at;
        let mut escaped = false;
        loop {
            while self.text.get(self.at).is_some_and(|&octet| !STOPS[usize::from(octet)]) {
                self.at += 1;
            }
            match self.text.get(self.at) {
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    if self.text.get(self.at).is_some_and(|&octet| octet != b'\n') {
                        self.at += 1;
                    }
                }
                Some(b'"') if self.text[start..self.at].last() == Some(&b'=') => escaped |= self.skip_quoted()?,
                _ => return Ok(Token { start: start as u32, end: self.at as u32, quoted: false, escaped }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Lexer, Punctuation};

    /// Each entry as its tokens between bars, with a leading `_` when it is indented.
    fn entries(text: &str) -> Vec<String> {
        let (mut lexer, mut tokens, mut shown) = (Lexer::new(text.as_bytes()), Vec::new(), Vec::new());
        while let Some(entry) = lexer.next_entry(&mut tokens) {
            let words: Vec<_> = tokens.iter().map(|t| String::from_utf8_lossy(t.of(text.as_bytes()))).collect();
            shown.push(format!("{}{}", if entry.indented { "_" } else { "" }, words.join("|")));
        }
        shown
    }

    fn mistake(text: &str) -> Option<Punctuation> {
        let (mut lexer, mut tokens) = (Lexer::new(text.as_bytes()), Vec::new());
        std::iter::from_fn(|| lexer.next_entry(&mut tokens)).find_map(|entry| entry.mistake)
    }

    #[test]
    fn lines_comments_and_blanks() {
        assert_eq!(entries("a b ; c\n\n  ; only\n\tc d\r\ne"), ["a|b", "_c|d", "e"]);
        assert_eq!(entries(""), [""; 0]);
        assert_eq!(entries("\u{feff}a"), ["a"]);
        assert_eq!(entries("a;b\nc"), ["a", "c"]);
    }

    #[test]
    fn parentheses_join_lines() {
        assert_eq!(entries("a ( b ; x )\n c\n) d\ne"), ["a|b|c|d", "e"]);
        assert_eq!(entries("a(b)c"), ["a|b|c"]);
        assert_eq!(entries("a ((b)\n) c\nd"), ["a|b|c", "d"]);
        assert_eq!(mistake("a (\nb\n"), Some(Punctuation::OpenParenthesis(2)));
        assert_eq!(mistake("a )\nb\n"), Some(Punctuation::StrayParenthesis(2)));
    }

    #[test]
    fn quotes_and_escapes() {
        assert_eq!(entries(r#"a "b;(c" "" d"e""#), ["a|b;(c||d|e"]);
        assert_eq!(entries(r#"a "b\"c" d\;e\ f"#), [r#"a|b\"c|d\;e\ f"#]);
        assert_eq!(entries(r#"a k="b c" d"#), [r#"a|k="b c"|d"#]);
        assert_eq!(mistake("a \"b\nc \"d\"\n"), Some(Punctuation::OpenQuote(2)));
        assert_eq!(entries("a \"b\nc \"d\"\n"), ["a", "c|d"], "the next line is read as if nothing had happened");
        assert_eq!(entries("a\\\nb"), ["a\\", "b"], "an escape does not swallow the end of a line");
        assert_eq!(mistake("a \"b\\\nc"), Some(Punctuation::OpenQuote(2)));
    }
}
