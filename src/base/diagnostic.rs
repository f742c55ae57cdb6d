//! Mistakes in what an operator wrote: where, what, why and what to do, shown the way the Rust compiler shows them.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A file that was read, by its number in [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// Octets `start..end` of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// Offset of the first octet.
    pub start: u32,
    /// Offset behind the last octet; equal to `start` for a place between two octets.
    pub end: u32,
}

impl Span {
    /// The span of `range` in `source`; offsets beyond 4 GiB are cut to it.
    #[must_use]
    pub fn new(source: SourceId, range: Range<usize>) -> Self {
        let cut = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { source, start: cut(range.start), end: cut(range.end) }
    }
}

/// The files that were read, kept for showing their lines.
#[derive(Clone, Debug, Default)]
pub struct Sources(Vec<Source>);

#[derive(Clone, Debug)]
struct Source {
    path: PathBuf,
    octets: Vec<u8>,
    /// Where lines start, found when the first place is asked for: a file may have thousands of mistakes.
    line_starts: OnceLock<Vec<usize>>,
}

impl Source {
    fn line_starts(&self) -> &[usize] {
        self.line_starts.get_or_init(|| {
            let breaks = self.octets.iter().enumerate().filter(|(_, octet)| **octet == b'\n');
            std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect()
        })
    }
}

impl Sources {
    /// Remembers a file under the path that messages shall show.
    pub fn add(&mut self, path: impl Into<PathBuf>, octets: impl Into<Vec<u8>>) -> SourceId {
        let id = SourceId(u32::try_from(self.0.len()).unwrap_or(u32::MAX));
        self.0.push(Source { path: path.into(), octets: octets.into(), line_starts: OnceLock::new() });
        id
    }

    /// The path of a file.
    #[must_use]
    pub fn path(&self, id: SourceId) -> &Path {
        &self.0[id.0 as usize].path
    }

    /// The octets of a file.
    #[must_use]
    pub fn octets(&self, id: SourceId) -> &[u8] {
        &self.0[id.0 as usize].octets
    }

    /// Line and column of a span's start, both from 1; columns count characters.
    #[must_use]
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let source = &self.0[span.source.0 as usize];
        let at = source.octets.len().min(span.start as usize);
        let starts = source.line_starts();
        // The first line starts at 0, so that there is always one that starts at or before `at`.
        let line = starts.partition_point(|&start| start <= at);
        let before = &source.octets[starts[line - 1]..at];
        (line, 1 + String::from_utf8_lossy(before).chars().count())
    }

    /// `path:line:column` of a span's start.
    #[must_use]
    pub fn place(&self, span: Span) -> String {
        let (line, column) = self.line_column(span);
        format!("{}:{line}:{column}", self.path(span.source).display())
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a look; the configuration is used.
    Warning,
    /// The configuration is not used.
    Error,
}

/// One mistake. Built with [`Diagnostic::error`] or [`Diagnostic::warning`] and the methods that add to it.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence without a final period; names stand in backticks.
    pub message: String,
    /// Where, with a few words put under the source line (may be empty). The first is where the mistake is; the rest
    /// are other places that matter, such as a first definition. None: the mistake is in no file.
    pub places: Vec<(Span, String)>,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// An error with its message.
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), places: Vec::new(), hints: Vec::new() }
    }

    /// A warning with its message.
    #[must_use]
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// Adds a place with the words to put under it.
    #[must_use]
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.places.push((span, label.into()));
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The message with source lines, over several lines, without colours unless `coloured`.
    #[must_use]
    pub fn render(&self, sources: &Sources, coloured: bool) -> String {
        let title = match self.severity {
            Severity::Warning => Level::WARNING.primary_title(self.message.as_str()),
            Severity::Error => Level::ERROR.primary_title(self.message.as_str()),
        };
        let mut excerpts: Vec<Excerpt> = Vec::new();
        for (index, (span, label)) in self.places.iter().enumerate() {
            let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            let excerpt = Excerpt::new(sources, *span, label, kind);
            match excerpts.iter_mut().find(|earlier| earlier.shows_the_same_as(&excerpt)) {
                Some(earlier) => earlier.marks.extend(excerpt.marks),
                None => excerpts.push(excerpt),
            }
        }
        let mut what_and_where = Group::with_title(title);
        for excerpt in &excerpts {
            let snippet = Snippet::source(excerpt.line.as_str()).line_start(excerpt.line_number).path(&excerpt.path);
            let marks = excerpt.marks.iter().map(|mark| mark.kind.span(mark.range.clone()).label(mark.label));
            what_and_where = what_and_where.element(snippet.annotations(marks));
        }
        let mut report = vec![what_and_where];
        for hint in &self.hints {
            report.push(Group::with_title(Level::HELP.secondary_title(hint.as_str())));
        }
        let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&report)
    }

    /// `path:line:column: message; hint` on one line, for logs.
    #[must_use]
    pub fn one_line(&self, sources: &Sources) -> String {
        let place = self.places.first().map(|(span, _)| sources.place(*span) + ": ").unwrap_or_default();
        let hints: String = self.hints.iter().map(|hint| format!("; {hint}")).collect();
        format!("{place}{}{hints}", self.message)
    }
}

/// Longest part of a source line that a message shows, in octets; a longer line is cut around the span.
const EXCERPT_LEN_MAX: usize = 200;

/// One source line as it is shown, and the parts of it that are marked.
struct Excerpt<'a> {
    source: SourceId,
    path: String,
    line_number: usize,
    line: String,
    marks: Vec<Mark<'a>>,
}

/// A marked part of an excerpt.
struct Mark<'a> {
    range: Range<usize>,
    label: &'a str,
    kind: AnnotationKind,
}

impl<'a> Excerpt<'a> {
    fn new(sources: &Sources, span: Span, label: &'a str, kind: AnnotationKind) -> Self {
        let octets = sources.octets(span.source);
        let start = octets.len().min(span.start as usize);
        let line_start = octets[..start].iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
        let line_end = octets[start..].iter().position(|&b| b == b'\n').map_or(octets.len(), |at| start + at);
        let end = (span.end as usize).clamp(start, line_end);
        let from = if line_end - line_start > EXCERPT_LEN_MAX {
            start.saturating_sub(EXCERPT_LEN_MAX / 2).max(line_start)
        } else {
            line_start
        };
        let to = line_end.min((from + EXCERPT_LEN_MAX).max(end.min(start + EXCERPT_LEN_MAX)));
        // Lossy and without tabs or control characters, so that the marks stand under what they mark.
        let clean = |part: &[u8]| -> String {
            String::from_utf8_lossy(part).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
        };
        let (before, marked, after) =
            (clean(&octets[from..start]), clean(&octets[start..end.min(to)]), clean(&octets[end.min(to)..to]));
        let range = before.len()..before.len() + marked.len();
        Self {
            source: span.source,
            path: sources.path(span.source).display().to_string(),
            line_number: sources.line_column(span).0,
            line: before + &marked + after.trim_end(),
            marks: vec![Mark { range, label, kind }],
        }
    }

    /// Whether two excerpts show the same part of the same line, so that one can hold the marks of both.
    fn shows_the_same_as(&self, other: &Self) -> bool {
        (self.source, self.line_number, &self.line) == (other.source, other.line_number, &other.line)
    }
}

#[cfg(test)]
mod tests {
    use super::{Diagnostic, Sources, Span};

    #[test]
    fn shows_where_what_and_what_to_do() {
        let mut sources = Sources::default();
        let pools = sources.add("pools.toml", "[pool.web]\nmembers = [\n  { region = \"us-esat\" },\n]\n");
        let span = Span::new(pools, 36..45);
        let diagnostic =
            Diagnostic::error("region `us-esat` is not defined").at(span, "").hint("did you mean `us-east`?");
        let text = diagnostic.render(&sources, false);
        for part in
            ["error: region `us-esat` is not defined", "pools.toml:3:14", "^^^^^^^^^", "help: did you mean `us-east`?"]
        {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
        assert_eq!(
            diagnostic.one_line(&sources),
            "pools.toml:3:14: region `us-esat` is not defined; did you mean `us-east`?"
        );
    }

    #[test]
    fn two_places_on_a_line_are_marked_together() {
        let mut sources = Sources::default();
        let file = sources.add("a.toml", "ttl = { max = 5, min = 60 }\nother = 1\n");
        let at = |range| Span::new(file, range);
        let diagnostic = Diagnostic::error("`min` is greater than `max`").at(at(23..25), "60").at(at(14..15), "5");
        let text = diagnostic.clone().render(&sources, false);
        assert_eq!(text.matches("ttl = {").count(), 1, "{text}");
        let text = diagnostic.at(at(36..37), "elsewhere").render(&sources, false);
        assert!(text.matches("ttl = {").count() == 1 && text.contains("other = 1"), "{text}");
    }

    #[test]
    fn lines_and_columns_count_from_one() {
        let mut sources = Sources::default();
        let file = sources.add("z", "a\n\u{e9}b\n\n".as_bytes().to_vec());
        let places: Vec<_> = (0..8).map(|at| sources.line_column(Span::new(file, at..at))).collect();
        assert_eq!(places, [(1, 1), (1, 2), (2, 1), (2, 2), (2, 2), (2, 3), (3, 1), (4, 1)]);
    }

    #[test]
    fn odd_octets_and_odd_spans_do_not_panic() {
        let mut sources = Sources::default();
        let file = sources.add("z", b"\xff\x00\tabc\n\xe4".to_vec());
        for start in 0..12 {
            for end in 0..12 {
                let span = Span::new(file, start..end);
                assert!(!Diagnostic::warning("w").at(span, "here").at(span, "").render(&sources, false).is_empty());
            }
        }
        assert_eq!(Diagnostic::error("no file").render(&sources, false), "error: no file");
    }
}
