//! Reads the keys of one table: refuses the unknown, checks types and ranges by the key's own definition, and goes on
//! behind each mistake. Knows what a key takes, not what it is for.

use super::keys::{Key, Kind, Presence, TableDef};
use super::report::{Report, hint_known};
use super::tree::{Entry, Node, Origin, Spanned, Table, Value};
use super::values::Wrong;
use crate::base::{Diagnostic, Span, suggest};

/// Reads the value of a key, or an element of its list; `None` when it is no such value, which is then reported.
pub type Read<T> = fn(&mut Report, Slot, &Node) -> Option<T>;

/// What is being read: a key's value, or one element of its list.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    key: &'static Key,
    /// What it takes.
    pub kind: Kind,
    element: bool,
}

impl Slot {
    /// The same place, taking something else.
    pub fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// What to call it in a message.
    pub fn name(self) -> String {
        if self.element { format!("an element of `{}`", self.key.name) } else { format!("`{}`", self.key.name) }
    }

    /// What it must be, as the beginning of a message.
    pub fn must_be(self) -> String {
        format!("{} must be {}", self.name(), self.kind.article_noun())
    }

    /// A value of another type.
    pub fn mistyped(self, report: &mut Report, node: &Node) {
        let message = format!("{}, not {}", self.must_be(), node.value.description());
        let diagnostic = Diagnostic::error(message).at(node.span, "");
        report.push(match (&node.value, self.kind) {
            (Value::String(text), Kind::Integer { .. } | Kind::Number { .. } | Kind::Boolean)
                if (text.parse::<f64>().is_ok() && !matches!(self.kind, Kind::Boolean))
                    || text == "true"
                    || text == "false" =>
            {
                diagnostic.hint(format!("write it without quotes: {text}"))
            }
            (Value::Integer(number), Kind::Duration { .. }) if *number >= 0 => {
                diagnostic.hint(format!("with its unit: \"{number}s\", or \"{number}ms\" for milliseconds"))
            }
            (Value::String(text), Kind::Boolean) => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "1" => diagnostic.hint("write it without quotes: true"),
                "no" | "off" | "0" => diagnostic.hint("write it without quotes: false"),
                _ => diagnostic,
            },
            (_, Kind::Tables(def)) if def.header.starts_with("[[") => {
                diagnostic.hint(format!("each is written `{}`", def.header))
            }
            (_, Kind::Tables(_)) => diagnostic.hint(format!("for example `{} = {}`", self.key.name, self.key.example)),
            (_, Kind::Named(def)) if def.header.starts_with('[') => {
                diagnostic.hint(format!("each is written `{}`", def.header))
            }
            (_, Kind::Named(_)) => diagnostic.hint(format!("for example `{} = {}`", self.key.name, self.key.example)),
            (Value::Array(_), Kind::Table(def)) if def.header.starts_with('[') => {
                diagnostic.hint(format!("it is written `{}`", def.header))
            }
            (Value::Table(_) | Value::Array(_), _) => diagnostic,
            (_, Kind::List(_) | Kind::TablesOr(..)) => diagnostic.hint("write it in brackets: `[...]`"),
            _ => diagnostic,
        });
    }

    /// A value of the right type that is none of those it may be.
    pub fn refused(self, report: &mut Report, span: Span, wrong: Wrong) {
        let mut diagnostic = Diagnostic::error(format!("{}: {}", self.name(), wrong.why)).at(span, "");
        diagnostic.hints.extend(wrong.hint);
        report.push(diagnostic);
    }
}

/// Reads one table.
pub struct Reader<'r, 't> {
    /// Where mistakes go.
    pub report: &'r mut Report,
    /// Where the table is: its name in a header, or its braces.
    pub span: Span,
    table: &'t Table,
    def: &'static TableDef,
    /// Which keys were asked for, by their place in the definition.
    asked: u64,
}

impl<'r, 't> Reader<'r, 't> {
    /// Reads the table at `span` as `def` says; reports keys that it does not know.
    pub fn new(report: &'r mut Report, table: &'t Table, span: Span, def: &'static TableDef) -> Self {
        for entry in table.entries() {
            // Without a `=` behind it the key itself may be garbled; that was reported.
            let garbled = matches!(entry.node.value, Value::Broken) && entry.node.span == entry.key.span;
            if !knows(def, &entry.key.value) && !garbled {
                report.push(unknown_key(entry, table, def));
            }
        }
        Self { report, span, table, def, asked: 0 }
    }

    fn entry(&mut self, key: &'static Key) -> Option<&'t Entry> {
        let position = self.def.keys.iter().position(|known| known.name == key.name);
        debug_assert!(position.is_some(), "`{}` is no key of {}", key.name, self.def.header);
        self.asked |= position.map_or(0, |position| 1 << position);
        self.table.get(key.name)
    }

    /// Where a key is written, if it is.
    pub fn place(&mut self, key: &'static Key) -> Option<Span> {
        self.entry(key).map(|entry| entry.key.span)
    }

    /// Whether none of `keys` is written, and none was meant: a key that is one of them mistyped, or one that is planned
    /// and refused, was reported already.
    pub fn lacks(&mut self, keys: &[&'static Key]) -> bool {
        if keys.iter().any(|key| self.entry(key).is_some()) {
            return false;
        }
        let def = self.def;
        !self.table.entries().iter().filter(|entry| !knows(def, &entry.key.value)).any(|entry| {
            let written = entry.key.value.as_str();
            def.later.contains(&written)
                || is_name_with_dots(entry, self.table)
                || suggest::nearest(written, keys.iter().map(|key| key.name)).is_some()
        })
    }

    /// The value of a key as it stands.
    pub fn node(&mut self, key: &'static Key) -> Option<&'t Node> {
        let node = self.entry(key).map(|entry| &entry.node);
        if node.is_none() && key.presence == Presence::Required && self.lacks(&[key]) {
            let message = format!("{} needs `{}`", self.def.article_noun, key.name);
            let hint = format!("for example `{} = {}`", key.name, key.example);
            self.report.absent(Diagnostic::error(message).at(self.span, "").hint(hint));
        }
        node.filter(|node| !matches!(node.value, Value::Broken))
    }

    /// The value of a key.
    pub fn one<T>(&mut self, key: &'static Key, read: Read<T>) -> Option<Spanned<T>> {
        let node = self.node(key)?;
        let slot = Slot { key, kind: key.kind, element: false };
        read(self.report, slot, node).map(|value| Spanned::new(value, node.span))
    }

    /// The elements of a key's list; for [`Kind::OneOrList`] a single value is a list of one.
    pub fn list<T>(&mut self, key: &'static Key, read: Read<T>) -> Option<Spanned<Vec<Spanned<T>>>> {
        let node = self.node(key)?;
        let whole = Slot { key, kind: key.kind, element: false };
        let element = match key.kind {
            Kind::List(element) | Kind::OneOrList(element) => *element,
            Kind::AddressesOrPolicy => Kind::Address,
            other => other,
        };
        let elements = match (&node.value, key.kind) {
            (Value::Array(array), _) => array.elements.as_slice(),
            (Value::String(_) | Value::Integer(_), Kind::OneOrList(_) | Kind::AddressesOrPolicy) => {
                let value = read(self.report, Slot { kind: element, ..whole }, node)?;
                return Some(Spanned::new(vec![Spanned::new(value, node.span)], node.span));
            }
            _ => {
                whole.mistyped(self.report, node);
                return None;
            }
        };
        let slot = Slot { kind: element, element: true, ..whole };
        let mut values = Vec::with_capacity(elements.len());
        for node in elements {
            if matches!(node.value, Value::Broken) {
                continue;
            }
            values.extend(read(self.report, slot, node).map(|value| Spanned::new(value, node.span)));
        }
        Some(Spanned::new(values, node.span))
    }

    /// Whether a key has a list without any element.
    pub fn is_empty_list(&mut self, key: &'static Key) -> bool {
        matches!(self.entry(key), Some(Entry { node: Node { value: Value::Array(array), .. }, .. }) if array.elements.is_empty())
    }

    /// Reads the table under a key.
    pub fn table(&mut self, key: &'static Key, def: &'static TableDef) -> Option<Reader<'_, 't>> {
        let node = self.node(key)?;
        let entry = self.entry(key)?;
        match &node.value {
            // A header's name is a better place than the table, which may be long.
            Value::Table(table) => Some(Reader::new(self.report, table, place_of(entry), def)),
            _ => {
                Slot { key, kind: key.kind, element: false }.mistyped(self.report, node);
                None
            }
        }
    }

    /// Reads each table of a list of tables.
    pub fn tables<T>(
        &mut self,
        key: &'static Key,
        def: &'static TableDef,
        mut read: impl FnMut(&mut Reader<'_, 't>) -> T,
    ) -> Option<Spanned<Vec<T>>> {
        let node = self.node(key)?;
        let whole = Slot { key, kind: key.kind, element: false };
        let Value::Array(array) = &node.value else {
            whole.mistyped(self.report, node);
            return None;
        };
        let mut values = Vec::with_capacity(array.elements.len());
        for node in &array.elements {
            match &node.value {
                Value::Table(table) => values.push(read(&mut Reader::new(self.report, table, node.span, def))),
                Value::Broken => {}
                _ => Slot { kind: Kind::Table(def), element: true, ..whole }.mistyped(self.report, node),
            }
        }
        Some(Spanned::new(values, node.span))
    }

    /// Reads each element of a list of tables, any of which may stand as a single value.
    pub fn tables_or<T>(
        &mut self,
        key: &'static Key,
        def: &'static TableDef,
        mut read: impl FnMut(&mut Reader<'_, 't>) -> T,
        mut single: impl FnMut(&mut Report, Slot, &Node) -> T,
    ) -> Option<Spanned<Vec<T>>> {
        let node = self.node(key)?;
        let whole = Slot { key, kind: key.kind, element: false };
        let (Value::Array(array), Kind::TablesOr(_, kind)) = (&node.value, key.kind) else {
            whole.mistyped(self.report, node);
            return None;
        };
        let mut values = Vec::with_capacity(array.elements.len());
        for node in &array.elements {
            match &node.value {
                Value::Table(table) => values.push(read(&mut Reader::new(self.report, table, node.span, def))),
                Value::Broken => {}
                _ => values.push(single(self.report, Slot { kind: *kind, element: true, ..whole }, node)),
            }
        }
        Some(Spanned::new(values, node.span))
    }

    /// Reads each value of a table of values; with its name.
    pub fn by_name<T>(&mut self, key: &'static Key, read: Read<T>) -> Vec<(Spanned<String>, Spanned<T>)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let (whole, kind) = match key.kind {
            Kind::ByName(kind) => (Slot { key, kind: key.kind, element: false }, *kind),
            other => (Slot { key, kind: other, element: false }, other),
        };
        let Value::Table(table) = &node.value else {
            whole.mistyped(self.report, node);
            return Vec::new();
        };
        let slot = Slot { key, kind, element: true };
        let mut values = Vec::with_capacity(table.entries().len());
        for entry in table.entries().iter().filter(|entry| !matches!(entry.node.value, Value::Broken)) {
            let value = read(self.report, slot, &entry.node);
            values.extend(value.map(|value| (entry.key.clone(), Spanned::new(value, entry.node.span))));
        }
        values
    }

    /// Reads each table of a table of tables; `read` gets its name and whether that was reported as repeated.
    pub fn named<T>(
        &mut self,
        key: &'static Key,
        def: &'static TableDef,
        mut read: impl FnMut(&Entry, &mut Reader<'_, 't>) -> T,
    ) -> Vec<T> {
        let Some(node) = self.node(key) else {
            // Names that are defined in a value that could not be read.
            if self.place(key).is_some() {
                self.report.part_is_unread();
            }
            return Vec::new();
        };
        let Value::Table(table) = &node.value else {
            Slot { key, kind: key.kind, element: false }.mistyped(self.report, node);
            return Vec::new();
        };
        let mut values = Vec::with_capacity(table.entries().len());
        for entry in table.entries() {
            match &entry.node.value {
                Value::Table(inner) => {
                    values.push(read(entry, &mut Reader::new(self.report, inner, entry.key.span, def)));
                }
                Value::Broken => self.report.part_is_unread(),
                other => {
                    let message = format!("`{}` must be a table, not {}", entry.key.value, other.description());
                    let hint = format!("{} is written under `{}`", def.article_noun, def.header);
                    self.report.push(Diagnostic::error(message).at(entry.node.span, "").hint(hint));
                }
            }
        }
        values
    }
}

impl Drop for Reader<'_, '_> {
    /// A key that the definition lists and nothing reads would be accepted without a word.
    fn drop(&mut self) {
        if cfg!(debug_assertions) && !std::thread::panicking() {
            let unread = self.def.keys.iter().enumerate().find(|(at, _)| self.asked & (1 << at) == 0);
            debug_assert!(unread.is_none(), "`{:?}` of {} is not read", unread, self.def.header);
        }
    }
}

fn knows(def: &TableDef, name: &str) -> bool {
    def.keys.iter().any(|key| key.name == name)
}

/// Whether an entry may be the second part of a name that lacks its quotes, as in `[zone.example.com]`.
fn is_name_with_dots(entry: &Entry, parent: &Table) -> bool {
    matches!(parent.origin, Origin::Implied | Origin::Dotted) && matches!(entry.node.value, Value::Table(_))
}

/// The place to show for a table: its braces, or its name in a header.
fn place_of(entry: &Entry) -> Span {
    let same_source = entry.node.span.source == entry.key.span.source;
    if same_source && entry.node.span.start > entry.key.span.end { entry.node.span } else { entry.key.span }
}

fn unknown_key(entry: &Entry, parent: &Table, def: &TableDef) -> Diagnostic {
    let key = entry.key.value.as_str();
    if def.later.contains(&key) {
        return Diagnostic::error(format!(
            "`{key}` of {} is not supported by this version of Azimuth",
            def.article_noun
        ))
        .at(entry.key.span, "")
        .hint("remove it");
    }
    let message = format!("`{key}` is not a key of {}", def.article_noun);
    let diagnostic = Diagnostic::error(message).at(entry.key.span, "");
    let near = suggest::nearest(key, def.keys.iter().map(|key| key.name));
    if near.is_none() && def.is_named && is_name_with_dots(entry, parent) {
        return diagnostic
            .hint("a name with dots in it stands in quotes: `[zone.\"example.com\"]`, `balance.\"api.v2\"`");
    }
    hint_known(diagnostic, key, "its keys", def.keys.iter().map(|key| key.name))
}
