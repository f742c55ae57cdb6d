//! Mistakes of syntax in the words an operator reads. Knows no tree.

use crate::base::{Diagnostic, SourceId, Span};
use toml_parser::{Expected, ParseError};

/// A mistake as `toml_parser` reports it, in our form.
pub(super) fn describe(error: &ParseError, source: SourceId, text: &str) -> Diagnostic {
    let expected: Vec<String> = error.expected().unwrap_or_default().iter().map(describe_expected).collect();
    let mut message = format!("invalid TOML: {}", error.description());
    if !expected.is_empty() {
        message += &format!(", expected {}", expected.join(" or "));
    }
    let span = error.unexpected().or(error.context()).unwrap_or_default();
    let diagnostic = Diagnostic::error(message).at(Span::new(source, span.start()..span.end()), "");
    let opened = match error.context() {
        Some(context) if error.unexpected().is_some() && context.end() <= span.start() => context,
        _ => return diagnostic,
    };
    // What was opened and not closed may be far away; on the same line it is seen anyway.
    let same_line = text.get(opened.start()..span.start()).is_none_or(|between| !between.contains('\n'));
    if same_line {
        return diagnostic;
    }
    diagnostic.at(Span::new(source, opened.start()..opened.end()), "begins here")
}

fn describe_expected(expected: &Expected) -> String {
    match expected {
        Expected::Literal("\n") => "the end of the line".into(),
        Expected::Literal(literal) => format!("`{literal}`"),
        Expected::Description(words) => (*words).into(),
        _ => "something else".into(),
    }
}

/// Whether a value that could not be read was probably meant as a text: words, addresses, durations.
pub(super) fn looks_like_text(raw: &str) -> bool {
    let letters = raw.contains(|c: char| c.is_alphabetic()) && !raw.starts_with("0x");
    letters || raw.contains(char::is_whitespace) || raw.matches('.').count() > 1
}

/// The message for a value that is neither quoted nor a number, a boolean or a date.
pub(super) fn no_value(text: &str, span: Span) -> Diagnostic {
    let hint = match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "true" => "write `true`".to_owned(),
        "no" | "off" | "false" => "write `false`".to_owned(),
        _ if text.contains(char::is_whitespace) => {
            "texts stand in quotes, and commas between the elements of a list".to_owned()
        }
        _ => format!("texts stand in quotes: \"{text}\""),
    };
    Diagnostic::error(format!("invalid TOML: `{text}` is no value")).at(span, "").hint(hint)
}
