//! Brackets and braces that are never closed. A parser would read all that follows as if it were inside and find mistakes
//! that are none; so the value is cut out, and reading goes on where it must have ended. Knows tokens, no values.

use crate::base::{Diagnostic, SourceId, Span};
use std::ops::Range;
use toml_parser::lexer::{Token, TokenKind};
use toml_parser::{ErrorSink, ParseError, Source};

/// A value with an unclosed bracket.
pub(super) struct Cut {
    /// Its tokens, which no parser should see.
    pub tokens: Range<usize>,
    /// From what stands in front of it to its end: mistakes here follow from the cut.
    pub octets: Range<usize>,
    /// It has no end but that of the text, so that more than a value may have been cut.
    pub to_the_end: bool,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
}

/// Finds all values to cut, in the order of the text.
pub(super) fn find(tokens: &[Token], raw: Source<'_>, source: SourceId) -> Vec<Cut> {
    let mut scan = Scan { tokens, raw, source, open: Vec::new(), unclosed: Vec::new(), cuts: Vec::new(), outermost: 0 };
    scan.run();
    scan.cuts
}

struct Scan<'a> {
    tokens: &'a [Token],
    raw: Source<'a>,
    source: SourceId,
    /// What is open, outermost first, as indexes of tokens.
    open: Vec<usize>,
    outermost: usize,
    unclosed: Vec<Diagnostic>,
    cuts: Vec<Cut>,
}

impl Scan<'_> {
    fn run(&mut self) {
        let (mut line_starts, mut in_header) = (true, false);
        for (at, token) in self.tokens.iter().enumerate() {
            match token.kind() {
                TokenKind::Whitespace => continue,
                TokenKind::Newline => {
                    (line_starts, in_header) = (true, false);
                    if !self.open.is_empty() && self.is_header(at + 1) {
                        let bracket =
                            self.tokens[at..].iter().find(|token| token.kind() == TokenKind::LeftSquareBracket);
                        self.give_up(at, bracket.map(|bracket| (bracket.span(), "a new table begins here")));
                    }
                    continue;
                }
                TokenKind::Eof => self.give_up(at, None),
                TokenKind::LeftSquareBracket if line_starts && self.open.is_empty() => in_header = true,
                _ if in_header => {}
                TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                    if self.open.is_empty() {
                        self.outermost = at;
                    }
                    self.open.push(at);
                }
                TokenKind::RightSquareBracket => self.close(at, TokenKind::LeftSquareBracket),
                TokenKind::RightCurlyBracket => self.close(at, TokenKind::LeftCurlyBracket),
                _ => {}
            }
            line_starts = false;
        }
    }

    /// Closes the innermost bracket of a kind. Those inside it were never closed; with none of its kind open, the parser
    /// says what is wrong.
    fn close(&mut self, at: usize, kind: TokenKind) {
        let Some(depth) = self.open.iter().rposition(|&open| self.tokens[open].kind() == kind) else { return };
        for open in self.open.split_off(depth).into_iter().skip(1) {
            self.report(open, Some((self.tokens[at].span(), "this closes what is around it")));
        }
        if self.open.is_empty() {
            self.cut(at + 1);
        }
    }

    /// Whatever is open ends before the token `at`.
    fn give_up(&mut self, at: usize, odd: Option<(toml_parser::Span, &str)>) {
        for open in std::mem::take(&mut self.open) {
            self.report(open, odd);
        }
        self.cut(at);
    }

    fn report(&mut self, open: usize, odd: Option<(toml_parser::Span, &str)>) {
        let span = |span: toml_parser::Span| Span::new(self.source, span.start()..span.end());
        let token = &self.tokens[open];
        let bracket = if token.kind() == TokenKind::LeftCurlyBracket { "{" } else { "[" };
        let message = format!("invalid TOML: `{bracket}` is never closed");
        let diagnostic = Diagnostic::error(message).at(span(token.span()), "opened here");
        self.unclosed.push(match odd {
            Some((place, label)) => diagnostic.at(span(place), label),
            None => diagnostic,
        });
    }

    /// Cuts the tokens from the outermost bracket up to `end`, if anything is wrong with them.
    fn cut(&mut self, end: usize) {
        if self.unclosed.is_empty() {
            return;
        }
        let before = self.tokens[..self.outermost].iter().rfind(|token| token.kind() != TokenKind::Whitespace);
        let start = before.map_or(0, |token| token.span().start());
        let stop = self.tokens[..end].last().map_or(0, |token| token.span().end());
        let diagnostics = std::mem::take(&mut self.unclosed);
        let to_the_end = self.tokens[end..].iter().all(|token| token.kind() == TokenKind::Eof);
        self.cuts.push(Cut { tokens: self.outermost..end, octets: start..stop, to_the_end, diagnostics });
    }

    /// Whether the line that begins with the token `at` is a header: `[words.and."texts"]`, alone. In a list such a line
    /// would be no value.
    fn is_header(&self, at: usize) -> bool {
        let end =
            self.tokens[at..].iter().position(|token| matches!(token.kind(), TokenKind::Newline | TokenKind::Eof));
        let Some(length) = end else { return false };
        let line = self.tokens[at..at + length].iter().filter(|token| token.kind() != TokenKind::Whitespace);
        let line: Vec<&Token> = line.filter(|token| token.kind() != TokenKind::Comment).collect();
        let doubled = matches!(line.get(1), Some(token) if token.kind() == TokenKind::LeftSquareBracket);
        let brackets = if doubled { 2 } else { 1 };
        let (Some(inner_end), true) = (line.len().checked_sub(brackets), line.len() > 2 * brackets) else {
            return false;
        };
        let all = |tokens: &[&Token], kind: TokenKind| tokens.iter().all(|token| token.kind() == kind);
        if !all(&line[..brackets], TokenKind::LeftSquareBracket)
            || !all(&line[inner_end..], TokenKind::RightSquareBracket)
        {
            return false;
        }
        let inner = &line[brackets..inner_end];
        let word =
            inner[0].kind() == TokenKind::Atom && self.text(inner[0]).starts_with(|c: char| c.is_ascii_alphabetic());
        let part = |kind| matches!(kind, TokenKind::Atom | TokenKind::BasicString | TokenKind::LiteralString);
        let dotted = |(index, token): (usize, &&Token)| {
            if index.is_multiple_of(2) { part(token.kind()) } else { token.kind() == TokenKind::Dot }
        };
        word && inner.iter().enumerate().all(dotted)
    }

    fn text(&self, token: &Token) -> &str {
        self.raw.get(token).map_or("", |raw| raw.as_str())
    }
}

/// Drops the mistakes that follow from cuts.
pub(super) struct Outside<'a> {
    /// What was cut.
    pub cuts: &'a [Cut],
    /// The mistakes that remain.
    pub errors: Vec<ParseError>,
}

impl ErrorSink for Outside<'_> {
    fn report_error(&mut self, error: ParseError) {
        let start = error.unexpected().or(error.context()).unwrap_or_default().start();
        if !self.cuts.iter().any(|cut| (cut.octets.start..=cut.octets.end).contains(&start)) {
            self.errors.push(error);
        }
    }
}
