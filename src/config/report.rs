//! The mistakes found so far, and the words in which the common ones are told.

use super::tree::Spanned;
use crate::base::{Diagnostic, Severity, Span, suggest};

/// Mistakes in the order in which they were found.
#[derive(Debug, Default)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    has_errors: bool,
    incomplete: bool,
}

impl Report {
    /// Adds a mistake.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.has_errors |= diagnostic.severity == Severity::Error;
        self.diagnostics.push(diagnostic);
    }

    /// Notes that part of the configuration could not be read, so that what seems to be missing may stand there.
    pub fn part_is_unread(&mut self) {
        self.incomplete = true;
    }

    /// Adds a mistake that consists in something not being there. Left out when part of the configuration could not be
    /// read: it may stand there.
    pub fn absent(&mut self, diagnostic: Diagnostic) {
        if !self.incomplete {
            self.push(diagnostic);
        }
    }

    /// An error at one place.
    pub fn error(&mut self, span: Span, message: impl Into<String>) {
        self.push(Diagnostic::error(message).at(span, ""));
    }

    /// Whether any mistake so far is an error.
    pub fn has_errors(&self) -> bool {
        self.has_errors
    }

    /// All mistakes, sorted by file and place; those without a place come last.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut diagnostics = self.diagnostics;
        diagnostics.sort_by_key(|diagnostic| {
            let place = diagnostic.places.first().map(|(span, _)| (span.source, span.start));
            (place.is_none(), place)
        });
        diagnostics
    }
}

/// `did you mean` the nearest of `known`, else what is known, as hints for a word that is not.
pub fn hint_known<'a>(
    diagnostic: Diagnostic,
    word: &str,
    plural: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(near) = suggest::nearest(word, known.iter().copied()) {
        return diagnostic.hint(format!("did you mean `{near}`?"));
    }
    if known.is_empty() { diagnostic } else { diagnostic.hint(format!("{plural} are {}", list_of(&known))) }
}

/// Most words that a hint lists.
const LISTED_MAX: usize = 24;

/// Words in backticks with commas between them; a long list is cut.
pub fn list_of<S: AsRef<str>>(words: &[S]) -> String {
    let listed: Vec<String> = words.iter().take(LISTED_MAX).map(|word| format!("`{}`", word.as_ref())).collect();
    match words.len().checked_sub(LISTED_MAX) {
        Some(more) if more > 0 => format!("{} and {more} more", listed.join(", ")),
        _ => listed.join(", "),
    }
}

/// A key as it is written: in quotes where it needs them.
pub fn key_text(key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare { key.to_owned() } else { format!("\"{}\"", key.escape_debug()) }
}

/// An error for a name that stands for two things.
pub fn defined_twice(what: &str, name: &Spanned<impl AsRef<str>>, first: Span) -> Diagnostic {
    Diagnostic::error(format!("{what} `{}` is defined twice", name.value.as_ref()))
        .at(name.span, "defined again here")
        .at(first, "first defined here")
}
