//! Names that are defined, and how they are looked up.

use crate::base::{Diagnostic, Span};
use crate::config::report::{Report, defined_twice, hint_known, key_text};
use crate::config::spec::Definition;
use crate::config::tree::Spanned;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

/// The names of one kind of thing, by their place in the configured order.
pub struct Names {
    /// `region`, `pool`, ...
    what: &'static str,
    by_name: HashMap<Arc<str>, usize>,
    in_order: Vec<Arc<str>>,
    /// How many names were compared to find near ones.
    compared: Cell<usize>,
}

/// Most names to compare for suggestions: with thousands defined and thousands misspelled, the first few dozen do.
const COMPARED_MAX: usize = 200_000;

impl Names {
    /// No names yet.
    pub fn new(what: &'static str) -> Self {
        Self { what, by_name: HashMap::new(), in_order: Vec::new(), compared: Cell::new(0) }
    }

    /// All names of `definitions`; one that is defined twice is reported, and stands for its first definition.
    pub fn collect<T>(what: &'static str, definitions: &[Definition<T>], report: &mut Report) -> Self {
        let mut names = Self::new(what);
        for (index, definition) in definitions.iter().enumerate() {
            let defined = &definition.defined;
            let first = names.add(&defined.name.value, index);
            if let Some(first) = first.filter(|_| !defined.repeated) {
                report.push(defined_twice(what, &defined.name, definitions[first].defined.name.span));
            }
        }
        names
    }

    /// Adds a name for `index`, unless it is there; then returns what it stands for.
    pub fn add(&mut self, name: &Arc<str>, index: usize) -> Option<usize> {
        match self.by_name.get(name) {
            Some(&first) => Some(first),
            None => {
                self.by_name.insert(Arc::clone(name), index);
                self.in_order.push(Arc::clone(name));
                None
            }
        }
    }

    /// What a name stands for that is known to be defined.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// What a name stands for, if it is defined.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// What a name stands for; an undefined one is reported.
    pub fn find(&self, name: &Spanned<String>, report: &mut Report) -> Option<usize> {
        let found = self.by_name.get(name.value.as_str()).copied();
        if found.is_none() {
            report.absent(self.undefined(name.value.as_str(), name.span));
        }
        found
    }

    fn undefined(&self, name: &str, span: Span) -> Diagnostic {
        let what = self.what;
        let diagnostic = Diagnostic::error(format!("{what} `{}` is not defined", name.escape_debug())).at(span, "");
        if self.in_order.is_empty() {
            return diagnostic.hint(format!("define it under `[{what}.{}]`", key_text(name)));
        }
        self.compared.set(self.compared.get() + self.in_order.len());
        if self.compared.get() > COMPARED_MAX.max(self.in_order.len()) {
            return diagnostic;
        }
        let known = self.in_order.iter().map(|name| &**name);
        let plural = match what {
            "policy" => "defined policies".to_owned(),
            _ => format!("defined {what}s"),
        };
        hint_known(diagnostic, name, &plural, known)
    }
}
