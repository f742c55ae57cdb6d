//! Tests of the configuration as a whole.
#![expect(clippy::unwrap_used, reason = "test code")]

mod abuse;
mod bad;
mod clothes;
mod fences;
mod good;
mod planted;
mod properties;
mod reference;
mod sample;

use super::{Config, load};
use crate::base::{Diagnostic, Severity, Sources};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What came of a configuration.
struct Loaded {
    config: Option<Config>,
    diagnostics: Vec<Diagnostic>,
    sources: Sources,
}

impl Loaded {
    /// Reads the configuration at `path`.
    fn from(path: &Path) -> Self {
        let mut sources = Sources::default();
        let (config, diagnostics) = load(path, &mut sources);
        Self { config, diagnostics, sources }
    }

    /// Every mistake as it is printed.
    fn rendered(&self) -> String {
        self.diagnostics.iter().map(|diagnostic| diagnostic.render(&self.sources, false) + "\n\n").collect()
    }

    /// The messages of one severity.
    fn messages(&self, severity: Severity) -> Vec<&str> {
        let of_severity = self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity);
        of_severity.map(|diagnostic| diagnostic.message.as_str()).collect()
    }

    /// The configuration, which must be there.
    #[track_caller]
    fn config(&self) -> &Config {
        match &self.config {
            Some(config) => config,
            None => panic!("{}", self.rendered()),
        }
    }
}

/// Reads files written into a folder of their own, the first one as the configuration.
fn load_files(files: &[(&str, &str)]) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        // So that nothing is said of secrets in them.
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    Loaded::from(&folder.path().join(files[0].0))
}

/// Reads one file.
fn load_text(text: &str) -> Loaded {
    load_files(&[("azimuth.toml", text)])
}
