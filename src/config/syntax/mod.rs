//! Text to tree: the rules of TOML on top of the events of `toml_parser`. Every syntax mistake is reported, with both
//! places where a key is given twice, and reading goes on behind each. Knows no key of ours.

mod brackets;
mod mistakes;

use super::report::{Report, key_text};
use super::tree::{Array, Node, Origin, Spanned, Table, Value};
use crate::base::{Diagnostic, SourceId, Span};
use brackets::Outside;
use mistakes::{describe, looks_like_text, no_value};
use std::borrow::Cow;
use toml_parser::decoder::ScalarKind;
use toml_parser::parser::{Event, EventKind, RecursionGuard, ValidateWhitespace};
use toml_parser::{ErrorSink, ParseError, Source};

/// Deepest nesting of arrays, inline tables and dotted keys, each. No key of ours needs more than five levels; the limit
/// keeps hostile text from exhausting the stack.
const NESTING_MAX: usize = 64;

/// Reads a document. What could not be read is left out or [`Value::Broken`].
pub fn parse(text: &str, source: SourceId, report: &mut Report) -> Table {
    let raw = Source::new(text);
    let tokens = raw.lex().into_vec();
    let cuts = brackets::find(&tokens, raw, source);
    let mut errors = Outside { cuts: &cuts, errors: Vec::new() };
    let mut events: Vec<Event> = Vec::with_capacity(tokens.len());
    let mut start = 0;
    for end in cuts.iter().map(|cut| cut.tokens.start).chain([tokens.len()]) {
        let mut checked = ValidateWhitespace::new(&mut events, raw);
        let mut bounded = RecursionGuard::new(&mut checked, NESTING_MAX as u32);
        toml_parser::parser::parse_document(&tokens[start..end], &mut bounded, &mut errors);
        start = cuts.iter().map(|cut| cut.tokens.end).find(|behind| *behind > end).unwrap_or(tokens.len());
    }
    let mut builder = Builder { events: &events, at: 0, raw, source, errors, report };
    let root = builder.document();
    let Builder { errors: Outside { errors, .. }, .. } = builder;
    for error in &errors {
        report.push(describe(error, source, text));
    }
    // The parser, or we, went on behind something that could not be read.
    if cuts.iter().any(|cut| cut.to_the_end) || events.iter().any(|event| event.kind() == EventKind::Error) {
        report.part_is_unread();
    }
    for diagnostic in cuts.into_iter().flat_map(|cut| cut.diagnostics) {
        report.push(diagnostic);
    }
    root
}

/// Why nothing can be added to an inline table.
const COMPLETE: &str = "is a table in braces already, which is complete";

/// One step from a table to a table inside it: the entry, and for `[[name]]` its last element.
type Steps = Vec<usize>;

/// A dotted key: all but its last part, and the last part.
struct KeyPath {
    parents: Vec<Spanned<String>>,
    last: Spanned<String>,
}

impl KeyPath {
    /// The key as it may be written.
    fn full(&self) -> String {
        let parts: Vec<String> = self.parents.iter().chain([&self.last]).map(|part| key_text(&part.value)).collect();
        parts.join(".")
    }
}

struct Builder<'a, 'r> {
    events: &'a [Event],
    at: usize,
    raw: Source<'a>,
    source: SourceId,
    errors: Outside<'a>,
    report: &'r mut Report,
}

impl Builder<'_, '_> {
    fn next(&mut self) -> Option<Event> {
        let event = self.events.get(self.at).copied();
        self.at += 1;
        event
    }

    fn peek(&self, ahead: usize) -> Option<EventKind> {
        self.events.get(self.at + ahead).map(Event::kind)
    }

    fn span(&self, span: toml_parser::Span) -> Span {
        Span::new(self.source, span.start()..span.end())
    }

    fn document(&mut self) -> Table {
        let mut root = Table::new(Origin::Header);
        // Where keys go; `None` below a header that could not be used, whose keys are read and dropped.
        let mut current: Option<Steps> = Some(Steps::new());
        while let Some(event) = self.next() {
            match event.kind() {
                EventKind::StdTableOpen => {
                    let header = self.header();
                    current = header.and_then(|path| self.open_table(&mut root, path));
                }
                EventKind::ArrayTableOpen => {
                    let header = self.header();
                    current = header.and_then(|path| self.open_array_table(&mut root, path));
                }
                EventKind::SimpleKey => {
                    let pair = self.key_value(event);
                    if pair.as_ref().is_some_and(|(path, value)| self.lacks_its_bracket(path, value)) {
                        current = None;
                    } else if let (Some((path, value)), Some(steps)) = (pair, &current) {
                        self.insert(table_at(&mut root, steps), path, value);
                    }
                }
                _ => {}
            }
        }
        root
    }

    /// The key of a header, whose opening bracket was read; reads to its closing bracket.
    fn header(&mut self) -> Option<KeyPath> {
        let mut path = None;
        while let Some(kind) = self.peek(0) {
            match kind {
                EventKind::SimpleKey if path.is_none() => {
                    let event = self.next()?;
                    path = Some(self.key_path(event));
                }
                EventKind::Whitespace | EventKind::Error => self.at += 1,
                EventKind::StdTableClose | EventKind::ArrayTableClose => {
                    self.at += 1;
                    break;
                }
                // The header was not closed.
                _ => break,
            }
        }
        let path = path.flatten();
        if path.is_none() {
            self.report.part_is_unread();
        }
        path
    }

    /// A key with its value, from the key's first part; `None` when the key could not be read.
    fn key_value(&mut self, first: Event) -> Option<(KeyPath, Node)> {
        let path = self.key_path(first);
        let mut value = None;
        if self.peek_behind_space() == Some(EventKind::KeyValSep) {
            self.skip_space();
            self.at += 1;
            self.skip_space();
            value = self.value();
            // Something behind the value on its line: whatever was meant, it was not this value.
            if let (Some(value), Some(EventKind::Error)) = (&mut value, self.peek_on_line()) {
                value.value = Value::Broken;
            }
        }
        if path.is_none() || value.is_none() {
            self.report.part_is_unread();
        }
        path.map(|path| {
            let span = path.last.span;
            (path, value.unwrap_or_else(|| Node::new(Value::Broken, span)))
        })
    }

    /// Whether a key was probably meant as a header, as in `region.us-east]`: the keys behind it belong to no table we know.
    fn lacks_its_bracket(&self, path: &KeyPath, value: &Node) -> bool {
        let behind = self.raw.input().get(path.last.span.end as usize..).unwrap_or_default();
        value.span == path.last.span && behind.trim_start().starts_with(']')
    }

    fn peek_on_line(&self) -> Option<EventKind> {
        let kinds = self.events.get(self.at..)?.iter().map(Event::kind);
        kinds.into_iter().find(|kind| *kind != EventKind::Whitespace)
    }

    fn peek_behind_space(&self) -> Option<EventKind> {
        let space = |kind: &EventKind| matches!(kind, EventKind::Whitespace | EventKind::Comment | EventKind::Newline);
        self.events.get(self.at..)?.iter().map(Event::kind).find(|kind| !space(kind))
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(0), Some(EventKind::Whitespace | EventKind::Comment | EventKind::Newline)) {
            self.at += 1;
        }
    }

    /// All parts of a dotted key. `None` when a part is missing or there are too many, which is then reported.
    fn key_path(&mut self, first: Event) -> Option<KeyPath> {
        let mut parts = vec![self.key_part(first)];
        loop {
            let spaces = usize::from(self.peek(0) == Some(EventKind::Whitespace));
            if self.peek(spaces) != Some(EventKind::KeySep) {
                break;
            }
            self.at += spaces + 1;
            while self.peek(0) == Some(EventKind::Whitespace) {
                self.at += 1;
            }
            if self.peek(0) == Some(EventKind::SimpleKey) {
                let event = self.next()?;
                parts.push(self.key_part(event));
            }
        }
        if parts.len() > NESTING_MAX {
            let error = ParseError::new(format!("a key may have at most {NESTING_MAX} parts"));
            self.errors.report_error(error.with_unexpected(first.span()));
            return None;
        }
        let mut parts = parts.into_iter().collect::<Option<Vec<_>>>()?;
        let last = parts.pop()?;
        Some(KeyPath { parents: parts, last })
    }

    fn key_part(&mut self, event: Event) -> Option<Spanned<String>> {
        let raw = self.raw.get(event)?;
        let mut decoded = Cow::Borrowed("");
        let before = self.errors.errors.len();
        raw.decode_key(&mut decoded, &mut self.errors);
        // An empty key without quotes stands where the parser missed one; it has said so.
        let missing = raw.is_empty() || self.errors.errors.len() > before;
        (!missing).then(|| Spanned::new(decoded.into_owned(), self.span(event.span())))
    }

    fn value(&mut self) -> Option<Node> {
        let event = self.next()?;
        match event.kind() {
            EventKind::Scalar => Some(self.scalar(event)),
            EventKind::ArrayOpen => Some(self.array(event)),
            EventKind::InlineTableOpen => Some(self.inline_table(event)),
            _ => {
                self.at -= 1;
                None
            }
        }
    }

    fn scalar(&mut self, event: Event) -> Node {
        let mut errors: Vec<ParseError> = Vec::new();
        let mut decoded = Cow::Borrowed("");
        let raw = self.raw.get(event);
        let kind = raw.map(|raw| raw.decode_scalar(&mut decoded, &mut errors));
        let value = match kind {
            None => Value::Broken,
            _ if event.span().is_empty() => {
                self.missing_value(event);
                Value::Broken
            }
            _ if !errors.is_empty() => {
                match raw.filter(|raw| event.encoding().is_none() && looks_like_text(raw.as_str())) {
                    Some(raw) => {
                        self.report.push(no_value(raw.as_str(), self.span(event.span())));
                    }
                    None => errors.drain(..).for_each(|error| self.errors.report_error(error)),
                }
                Value::Broken
            }
            Some(ScalarKind::String) => Value::String(decoded.into_owned()),
            Some(ScalarKind::Boolean(value)) => Value::Boolean(value),
            Some(ScalarKind::DateTime) => Value::DateTime,
            Some(ScalarKind::Float) => match decoded.parse::<f64>() {
                Ok(number) if number.is_finite() || !decoded.contains(|c: char| c.is_ascii_digit()) => {
                    Value::Float(number)
                }
                _ => self.too_large(event),
            },
            Some(ScalarKind::Integer(radix)) => match i64::from_str_radix(&decoded, radix.value()) {
                Ok(number) => Value::Integer(number),
                Err(_) => self.too_large(event),
            },
        };
        Node::new(value, self.span(event.span()))
    }

    fn too_large(&mut self, event: Event) -> Value {
        let error = ParseError::new("the number does not fit into 64 bits");
        self.errors.report_error(error.with_unexpected(event.span()));
        Value::Broken
    }

    fn missing_value(&mut self, event: Event) {
        let start = event.span().start();
        let told = self.errors.errors.iter().any(|error| error.unexpected().is_some_and(|span| span.start() == start));
        if !told {
            self.errors.report_error(ParseError::new("a value is missing").with_unexpected(event.span()));
        }
    }

    fn array(&mut self, open: Event) -> Node {
        let mut array = Array::default();
        let mut end = open.span();
        while let Some(kind) = self.peek(0) {
            match kind {
                EventKind::Scalar | EventKind::ArrayOpen | EventKind::InlineTableOpen => {
                    array.elements.extend(self.value());
                }
                EventKind::ArrayClose => {
                    end = self.events[self.at].span();
                    self.at += 1;
                    break;
                }
                EventKind::StdTableOpen | EventKind::ArrayTableOpen | EventKind::InlineTableClose => break,
                _ => self.at += 1,
            }
        }
        Node::new(Value::Array(array), self.span(open.span().append(end)))
    }

    fn inline_table(&mut self, open: Event) -> Node {
        let mut table = Table::new(Origin::Inline);
        let mut end = open.span();
        while let Some(event) = self.next() {
            match event.kind() {
                EventKind::SimpleKey => {
                    if let Some((path, value)) = self.key_value(event) {
                        self.insert(&mut table, path, value);
                    }
                }
                EventKind::InlineTableClose => {
                    end = event.span();
                    break;
                }
                EventKind::StdTableOpen | EventKind::ArrayTableOpen | EventKind::ArrayClose => {
                    self.at -= 1;
                    break;
                }
                // Values whose key is missing, to be read past.
                EventKind::ArrayOpen | EventKind::InlineTableOpen => {
                    self.at -= 1;
                    let _ = self.value();
                }
                _ => {}
            }
        }
        Node::new(Value::Table(table), self.span(open.span().append(end)))
    }

    /// Puts a value under a dotted key.
    fn insert(&mut self, mut table: &mut Table, path: KeyPath, value: Node) {
        let dotted = !path.parents.is_empty();
        for part in path.parents {
            let span = part.span;
            let position = match table.position(&part.value) {
                Some(position) => position,
                None => table.push(part.clone(), Node::new(Value::Table(Table::new(Origin::Dotted)), span)),
            };
            let first = table.entries()[position].key.span;
            let value = &mut table.node_mut(position).value;
            let problem = match &*value {
                Value::Table(inner) if matches!(inner.origin, Origin::Implied | Origin::Dotted) => None,
                Value::Table(inner) if inner.origin == Origin::Inline => Some(COMPLETE.to_owned()),
                Value::Table(_) => Some("is a table with a header of its own already".to_owned()),
                other => Some(format!("is {} already, and no table to put keys into", other.description())),
            };
            match (value, problem) {
                (Value::Broken, _) => return,
                (Value::Table(inner), None) => {
                    inner.origin = Origin::Dotted;
                    table = inner;
                }
                (_, problem) => return self.twice(&part, first, &problem.unwrap_or_default()),
            }
        }
        debug_assert!(!dotted || table.origin == Origin::Dotted);
        match table.get(&path.last.value) {
            Some(existing) => {
                let first = existing.key.span;
                self.twice(&path.last, first, "is given twice");
            }
            None => {
                table.push(path.last, value);
            }
        }
    }

    /// Follows all but the last part of a header's key.
    fn descend<'t>(&mut self, root: &'t mut Table, parents: Vec<Spanned<String>>) -> Option<(&'t mut Table, Steps)> {
        let mut steps = Steps::with_capacity(parents.len() + 1);
        let mut table = root;
        for part in parents {
            let span = part.span;
            let position = match table.position(&part.value) {
                Some(position) => position,
                None => table.push(part.clone(), Node::new(Value::Table(Table::new(Origin::Implied)), span)),
            };
            steps.push(position);
            let first = table.entries()[position].key.span;
            let description = table.entries()[position].node.value.description();
            match inner_table(table.node_mut(position)) {
                Some(inner) if inner.origin != Origin::Inline => table = inner,
                Some(_) => {
                    self.twice(&part, first, COMPLETE);
                    return None;
                }
                None => {
                    self.twice(&part, first, &format!("is {description} already, and no table to put keys into"));
                    return None;
                }
            }
        }
        Some((table, steps))
    }

    /// `[path]`: the steps to the table that now takes keys.
    fn open_table(&mut self, root: &mut Table, path: KeyPath) -> Option<Steps> {
        let full = path.full();
        let (parent, mut steps) = self.descend(root, path.parents)?;
        let new = Node::new(Value::Table(Table::new(Origin::Header)), path.last.span);
        let Some(position) = parent.position(&path.last.value) else {
            steps.push(parent.push(path.last, new));
            return Some(steps);
        };
        let first = parent.entries()[position].key.span;
        match &mut parent.node_mut(position).value {
            Value::Table(table) if table.origin == Origin::Implied => {
                table.origin = Origin::Header;
                steps.push(position);
            }
            _ => {
                self.twice(&Spanned::new(full, path.last.span), first, "is defined twice");
                steps.push(parent.push_repeated(path.last, new));
            }
        }
        Some(steps)
    }

    /// `[[path]]`: the steps to the new element.
    fn open_array_table(&mut self, root: &mut Table, path: KeyPath) -> Option<Steps> {
        let (parent, mut steps) = self.descend(root, path.parents)?;
        let span = path.last.span;
        let position = match parent.position(&path.last.value) {
            Some(position) => position,
            None => {
                let array = Array { of_tables: true, ..Array::default() };
                parent.push(path.last.clone(), Node::new(Value::Array(array), span))
            }
        };
        let first = parent.entries()[position].key.span;
        match &mut parent.node_mut(position).value {
            Value::Array(array) if array.of_tables => {
                array.elements.push(Node::new(Value::Table(Table::new(Origin::Header)), span));
            }
            Value::Broken => return None,
            _ => {
                self.twice(&path.last, first, "is something else than a list of `[[...]]` tables already");
                return None;
            }
        }
        steps.push(position);
        Some(steps)
    }

    fn twice(&mut self, key: &Spanned<String>, first: Span, what: &str) {
        let diagnostic = Diagnostic::error(format!("`{}` {what}", key.value)).at(key.span, "").at(first, "first here");
        self.report.push(diagnostic);
    }
}

/// The table that keys go into: the value itself, or the last element of a `[[name]]` list.
fn inner_table(node: &mut Node) -> Option<&mut Table> {
    match &mut node.value {
        Value::Table(table) => Some(table),
        Value::Array(array) if array.of_tables => match array.elements.last_mut().map(|last| &mut last.value) {
            Some(Value::Table(table)) => Some(table),
            _ => None,
        },
        _ => None,
    }
}

/// The table at the end of steps that were taken before.
fn table_at<'t>(root: &'t mut Table, steps: &[usize]) -> &'t mut Table {
    let mut table = root;
    for &step in steps {
        // Steps come from `descend`, `open_table` and `open_array_table`, which saw tables there; tables stay tables.
        match inner_table(table.node_mut(step)) {
            Some(inner) => table = inner,
            None => unreachable!("a table became another value"),
        }
    }
    table
}
