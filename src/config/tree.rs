//! A TOML document as a tree whose every key and value knows its place, in the order of the text.
//! Knows the shapes of TOML, not what any key means.

use crate::base::Span;
use std::collections::HashMap;

/// Something with the place where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// `value` at `span`.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// The same place with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: change(self.value), span: self.span }
    }
}

/// A value of a document.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string, its escapes resolved.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A number with a point or an exponent, infinite and not-a-number included.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date or a time; no key of ours takes one.
    DateTime,
    /// `[1, 2]`, or the tables under one `[[name]]`.
    Array(Array),
    /// `{ a = 1 }`, or what stands under `[name]`.
    Table(Table),
    /// What could not be read. A mistake was reported for it, so that nothing else need be said.
    Broken,
}

impl Value {
    /// What to call it in a message.
    pub const fn description(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number with a fraction",
            Self::Boolean(_) => "a boolean",
            Self::DateTime => "a date or time",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
            Self::Broken => "an unreadable value",
        }
    }
}

/// A value with its place.
pub type Node = Spanned<Value>;

/// The elements of an array.
#[derive(Clone, Debug, Default)]
pub struct Array {
    /// In the order of the text.
    pub elements: Vec<Node>,
    /// Whether it was written as `[[name]]`, which may be continued, rather than in brackets.
    pub of_tables: bool,
}

/// How a table came to be, which decides how it may be extended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Named on the way to another: `a` of `[a.b]`. A header or dotted keys may still define it.
    #[default]
    Implied,
    /// `[a]`, or one of `[[a]]`; the root.
    Header,
    /// `a` of `a.b = 1`.
    Dotted,
    /// `{ ... }`: complete.
    Inline,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key, its quotes and escapes resolved.
    pub key: Spanned<String>,
    /// The value.
    pub node: Node,
    /// A second `[header]` of the same name, which was reported. Kept so that mistakes in it are seen too.
    pub repeated: bool,
}

/// Keys and values in the order in which the keys first appear.
#[derive(Clone, Debug, Default)]
pub struct Table {
    entries: Vec<Entry>,
    by_key: HashMap<String, usize>,
    /// How it came to be.
    pub origin: Origin,
}

impl Table {
    /// An empty table.
    pub fn new(origin: Origin) -> Self {
        Self { origin, ..Self::default() }
    }

    /// All entries, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Where the entry of `key` is in [`Table::entries`].
    pub fn position(&self, key: &str) -> Option<usize> {
        // Most tables have a handful of keys; only tables of names grow, and hashing pays there.
        if self.entries.len() <= SCAN_LEN_MAX {
            return self.entries.iter().position(|entry| entry.key.value == key);
        }
        self.by_key.get(key).copied()
    }

    /// The entry of `key`.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.position(key).map(|at| &self.entries[at])
    }

    /// The value of the entry at `position`.
    pub fn node_mut(&mut self, position: usize) -> &mut Node {
        &mut self.entries[position].node
    }

    /// Appends an entry, whose key must be new, and returns its position.
    pub fn push(&mut self, key: Spanned<String>, node: Node) -> usize {
        self.push_entry(Entry { key, node, repeated: false })
    }

    /// Appends an entry for a key that is there already; [`Table::get`] goes on finding the first.
    pub fn push_repeated(&mut self, key: Spanned<String>, node: Node) -> usize {
        self.push_entry(Entry { key, node, repeated: true })
    }

    fn push_entry(&mut self, entry: Entry) -> usize {
        let position = self.entries.len();
        if position == SCAN_LEN_MAX {
            // Backwards, so that the first of a repeated key stays.
            let entries = self.entries.iter().enumerate().rev();
            self.by_key = entries.map(|(at, entry)| (entry.key.value.clone(), at)).collect();
        }
        if position >= SCAN_LEN_MAX {
            self.by_key.entry(entry.key.value.clone()).or_insert(position);
        }
        self.entries.push(entry);
        position
    }
}

/// Up to so many entries a table is searched from end to end.
const SCAN_LEN_MAX: usize = 16;
