//! Reads a configuration file and all it includes, each once. Knows of their content only `include`.

use super::glob;
use super::keys::top;
use super::report::Report;
use super::syntax;
use super::tree::{Spanned, Table, Value};
use crate::base::{Diagnostic, SourceId, Sources, Span};
use std::collections::HashMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Most files in one configuration.
const FILES_MAX: usize = 100_000;
/// Deepest nesting of includes.
const DEPTH_MAX: usize = 16;
/// Largest file, in octets. Data belongs into zone files, which may be larger.
const FILE_LEN_MAX: u64 = 64 << 20;

/// A file that was read.
#[derive(Debug)]
pub struct Document {
    /// Its number among the sources.
    pub source: SourceId,
    /// What it holds.
    pub root: Table,
    /// What its paths are relative to.
    pub folder: PathBuf,
}

/// Reads the file at `path`, then what it includes, and so on: a file stands before those it includes.
pub fn read_all(path: &Path, sources: &mut Sources, report: &mut Report) -> Vec<Document> {
    let mut files = Files { sources, report, documents: Vec::new(), seen: HashMap::new(), open: Vec::new() };
    files.read(path, None);
    files.documents
}

struct Files<'a> {
    sources: &'a mut Sources,
    report: &'a mut Report,
    documents: Vec<Document>,
    /// Files by what they really are, however they were spelled, with the place that named each first.
    seen: HashMap<PathBuf, Option<Span>>,
    /// The files whose includes are being read, outermost first.
    open: Vec<PathBuf>,
}

impl Files<'_> {
    /// Reads one file; `said` is where it is named.
    fn read(&mut self, path: &Path, said: Option<Span>) {
        let canonical = match path.canonicalize() {
            Ok(canonical) => canonical,
            Err(error) => return self.unreadable(path, said, &error),
        };
        if let Some(first) = self.seen.get(&canonical) {
            return self.again(&canonical, *first, path, said);
        }
        if self.seen.len() >= FILES_MAX {
            return self.refuse(said, format!("the configuration has more than {FILES_MAX} files"));
        }
        let text = match read_text(path) {
            Ok(octets) => octets,
            Err(error) => return self.unreadable(path, said, &error),
        };
        self.seen.insert(canonical.clone(), said);
        let source = self.sources.add(path, text.clone());
        let text = match std::str::from_utf8(&text) {
            Ok(text) => text,
            Err(error) => {
                let at = error.valid_up_to();
                let diagnostic = Diagnostic::error("the file is not UTF-8 text").at(Span::new(source, at..at + 1), "");
                self.report.part_is_unread();
                return self.report.push(diagnostic.hint("save it in the encoding UTF-8"));
            }
        };
        let root = syntax::parse(text, source, self.report);
        let folder = path.parent().unwrap_or_else(|| Path::new("")).to_path_buf();
        let includes = self.includes(&root);
        self.documents.push(Document { source, root, folder: folder.clone() });
        self.open.push(canonical);
        for include in includes {
            self.include(&folder, &include);
        }
        self.open.pop();
    }

    /// The paths under `include`.
    fn includes(&mut self, root: &Table) -> Vec<Spanned<String>> {
        let key = &top::INCLUDE;
        let Some(entry) = root.get(key.name) else { return Vec::new() };
        let nodes = match &entry.node.value {
            Value::Array(array) => array.elements.as_slice(),
            _ => std::slice::from_ref(&entry.node),
        };
        let mut paths = Vec::with_capacity(nodes.len());
        for node in nodes {
            match &node.value {
                Value::String(path) if !path.is_empty() => paths.push(Spanned::new(path.clone(), node.span)),
                Value::Broken => {}
                Value::String(_) => self.refuse(Some(node.span), format!("an element of `{}` is empty", key.name)),
                other => {
                    let message =
                        format!("`{}` takes {}, not {}", key.name, key.kind.article_noun(), other.description());
                    self.refuse(Some(node.span), message);
                }
            }
        }
        paths
    }

    fn include(&mut self, folder: &Path, include: &Spanned<String>) {
        let said = Some(include.span);
        if self.open.len() > DEPTH_MAX {
            return self.refuse(said, format!("files include each other more than {DEPTH_MAX} deep"));
        }
        let path = folder.join(&include.value);
        if !glob::is_pattern(&include.value) {
            return self.read(&path, said);
        }
        if include.value.split('/').any(|segment| segment == "**") {
            return self.refuse(said, "`**` is not supported: `*` matches within one folder".into());
        }
        match glob::expand(folder, Path::new(&include.value)) {
            Ok(paths) if paths.is_empty() => {
                let message = format!("no file matches `{}`", include.value);
                self.report.push(Diagnostic::warning(message).at(include.span, ""));
            }
            Ok(paths) => {
                for path in paths {
                    self.read(&path, said);
                }
            }
            Err(error) => {
                self.refuse(said, format!("cannot look for files that match `{}`: {error}", include.value));
            }
        }
    }

    /// A file that was read before.
    fn again(&mut self, canonical: &PathBuf, first: Option<Span>, path: &Path, said: Option<Span>) {
        let path = path.display();
        let (message, hint) = if self.open.last() == Some(canonical) {
            (
                format!("`{path}` includes itself"),
                "keep the files to include in a folder of their own, such as `conf.d/*.toml`",
            )
        } else if self.open.contains(canonical) {
            (format!("`{path}` is included by a file that it includes"), "include it in one place only")
        } else {
            (format!("`{path}` is included twice"), "each file is read once; include it in one place only")
        };
        let mut diagnostic = Diagnostic::error(message);
        diagnostic.places.extend(said.map(|span| (span, String::new())));
        let first = first.filter(|first| Some(*first) != said);
        diagnostic.places.extend(first.map(|span| (span, "first included here".to_owned())));
        self.report.push(diagnostic.hint(hint));
    }

    /// A mistake that leaves files unread.
    fn refuse(&mut self, said: Option<Span>, message: String) {
        let mut diagnostic = Diagnostic::error(message);
        diagnostic.places.extend(said.map(|span| (span, String::new())));
        self.report.part_is_unread();
        self.report.push(diagnostic);
    }

    fn unreadable(&mut self, path: &Path, said: Option<Span>, error: &io::Error) {
        let mut diagnostic = Diagnostic::error(format!("cannot read `{}`: {}", path.display(), reason(error)));
        diagnostic.places.extend(said.map(|span| (span, String::new())));
        let hint = match (error.kind(), said) {
            (io::ErrorKind::NotFound, None) => Some("name the configuration file with `--config FILE`"),
            (io::ErrorKind::NotFound, Some(_)) => Some("paths are relative to the file that says so"),
            (io::ErrorKind::PermissionDenied, _) => Some("let the user who runs Azimuth read it"),
            _ => None,
        };
        diagnostic.hints.extend(hint.map(str::to_owned));
        self.report.part_is_unread();
        self.report.push(diagnostic);
    }
}

/// Why a file could not be read, without the system's number for it.
pub fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        _ => error.to_string(),
    }
}

fn read_text(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    // Bounded by what is read, since the length of a pipe or a device is not known before.
    std::fs::File::open(path)?.take(FILE_LEN_MAX + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > FILE_LEN_MAX {
        return Err(io::Error::other(format!("it is larger than {} MiB", FILE_LEN_MAX >> 20)));
    }
    Ok(octets)
}
