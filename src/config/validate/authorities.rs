//! The certificate files that monitors trust, read once each to find mistakes in them. Knows no monitors.

use crate::base::Diagnostic;
use crate::config::files::reason;
use crate::config::keys::monitor::TLS_CA_FILE;
use crate::config::report::Report;
use crate::config::tree::Spanned;
use crate::probe::tls::roots_of_file;
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Reports every file that cannot be used, at the first place that names it.
pub fn check(files: &[Spanned<PathBuf>], report: &mut Report) {
    let mut seen: HashSet<&Path> = HashSet::with_capacity(files.len());
    for file in files.iter().filter(|file| seen.insert(&file.value)) {
        if let Err(error) = File::open(&file.value) {
            report.error(file.span, format!("cannot read `{}`: {}", file.value.display(), reason(&error)));
        } else if let Err(error) = roots_of_file(&file.value) {
            let message = format!("`{}` cannot be used: {error}", TLS_CA_FILE.name);
            let hint =
                "give a PEM file with the certificates of the authorities that the members' certificates come from";
            report.push(Diagnostic::error(message).at(file.span, "").hint(hint));
        }
    }
}
