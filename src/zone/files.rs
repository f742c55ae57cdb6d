//! The files of one load: read once each, given to [`Sources`] only when a message shows them.

use crate::base::{Diagnostic, Severity, SourceId, Sources, Span, checksum};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Numbers of files that are not in [`Sources`] (yet) begin here.
const FIRST_OWN_ID: u32 = 1 << 31;
/// Most errors of one zone that are shown, and most warnings.
const SHOWN_MAX: usize = 50;
/// Most mistakes of one zone that are kept for choosing the first of them.
const KEPT_MAX: usize = 10_000;
/// Longest zone file, in octets: places are stored in 32 bits.
const FILE_LEN_MAX: usize = u32::MAX as usize;

/// Where a record stands: all that is kept of it while a zone is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the file.
    pub file: u16,
    /// Offset of the record's type.
    pub start: u32,
}

#[derive(Debug)]
struct ReadFile {
    path: PathBuf,
    octets: Arc<Vec<u8>>,
    digest: u64,
}

/// The files of one load, by number.
#[derive(Debug, Default)]
pub struct Files(Vec<ReadFile>);

impl Files {
    /// One empty file with this name, for records that come from nowhere else.
    #[must_use]
    pub fn made_up(name: &str) -> Self {
        Self(vec![ReadFile { path: name.into(), octets: Arc::default(), digest: 0 }])
    }

    /// Reads a file, unless it was read before, and returns its number.
    pub fn read(&mut self, path: &Path) -> io::Result<u16> {
        if let Some(known) = self.0.iter().position(|file| file.path == path) {
            return Ok(known as u16);
        }
        let number =
            u16::try_from(self.0.len()).map_err(|_| io::Error::other("the zone includes more than 65,536 files"))?;
        let octets = std::fs::read(path)?;
        if octets.len() > FILE_LEN_MAX {
            return Err(io::Error::other("the file is longer than 4 GiB"));
        }
        let digest = checksum(&octets);
        self.0.push(ReadFile { path: path.to_owned(), octets: Arc::new(octets), digest });
        Ok(number)
    }

    /// The octets of a file.
    #[must_use]
    pub fn octets(&self, file: u16) -> Arc<Vec<u8>> {
        Arc::clone(&self.0[usize::from(file)].octets)
    }

    /// The path of a file.
    #[must_use]
    pub fn path(&self, file: u16) -> &Path {
        &self.0[usize::from(file)].path
    }

    /// A hash of a file's octets, the same in every process.
    #[must_use]
    pub fn digest(&self, file: u16) -> u64 {
        self.0[usize::from(file)].digest
    }

    /// Path and hash of every file that was read.
    #[must_use]
    pub fn digests(&self) -> Box<[(PathBuf, u64)]> {
        self.0.iter().map(|file| (file.path.clone(), file.digest)).collect()
    }

    /// The span of a record: from its type to the end of its line or a comment there.
    #[must_use]
    pub fn span(&self, place: Place) -> Span {
        let start = place.start as usize;
        let rest = &self.0[usize::from(place.file)].octets[start..];
        let mut quoted = false;
        let ends = |&octet: &u8| {
            quoted ^= octet == b'"';
            octet == b'\n' || (octet == b';' && !quoted)
        };
        let line = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
        own_span(place.file, start..start + line.trim_ascii_end().len())
    }
}

/// The span of a part of a file of this load.
#[must_use]
pub fn own_span(file: u16, range: std::ops::Range<usize>) -> Span {
    Span::new(SourceId(FIRST_OWN_ID + u32::from(file)), range)
}

/// The mistakes found in one zone.
#[derive(Debug, Default)]
pub struct Findings {
    kept: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Findings {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        match diagnostic.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        if self.kept.len() < KEPT_MAX {
            self.kept.push(diagnostic);
        }
    }

    /// Whether there is an error among them.
    #[must_use]
    pub const fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// How many errors there are.
    #[must_use]
    pub const fn error_count(&self) -> usize {
        self.errors
    }

    /// The first errors and warnings in the order of the files, with a word on the rest; the files they show are added
    /// to `sources`.
    #[must_use]
    pub fn finish(mut self, zone: &str, mut files: Files, sources: &mut Sources) -> Vec<Diagnostic> {
        self.kept.sort_by_key(|diagnostic| diagnostic.places.first().map(|(span, _)| (span.source, span.start)));
        let (mut errors, mut warnings) = (0, 0);
        self.kept.retain(|diagnostic| {
            let shown = match diagnostic.severity {
                Severity::Error => &mut errors,
                Severity::Warning => &mut warnings,
            };
            *shown += 1;
            *shown <= SHOWN_MAX
        });
        let (errors, warnings) = (self.errors - errors.min(SHOWN_MAX), self.warnings - warnings.min(SHOWN_MAX));
        if warnings > 0 {
            self.kept
                .push(Diagnostic::warning(format!("{warnings} more {} in zone `{zone}`", plural("warning", warnings))));
        }
        if errors > 0 {
            let diagnostic = Diagnostic::error(format!("{errors} more {} in zone `{zone}`", plural("error", errors)));
            self.kept.push(diagnostic.hint("mend the first ones and check again"));
        }
        let mut given = vec![None; files.0.len()];
        for (span, _) in self.kept.iter_mut().flat_map(|diagnostic| &mut diagnostic.places) {
            if let Some(own) = span.source.0.checked_sub(FIRST_OWN_ID) {
                let file = &mut files.0[own as usize];
                span.source = *given[own as usize].get_or_insert_with(|| {
                    let octets = Arc::unwrap_or_clone(std::mem::take(&mut file.octets));
                    sources.add(file.path.clone(), octets)
                });
            }
        }
        self.kept
    }
}

fn plural(word: &str, count: usize) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}
