//! The files with certificates that monitors name, read once each to find mistakes in them. Knows no monitors.

use crate::base::Diagnostic;
use crate::config::files::reason;
use crate::config::keys::monitor::{TLS_CA_FILE, TLS_CLIENT_CERTIFICATE};
use crate::config::report::Report;
use crate::config::spec::CertificateFiles;
use crate::config::tree::Spanned;
use crate::probe::spec::ClientIdentity;
use crate::probe::tls::{check_identity, roots_of_file};
use std::collections::HashSet;
use std::fs::File;
use std::path::PathBuf;

/// Reports every file that cannot be used, at the first place that names it.
pub fn check(files: &CertificateFiles, report: &mut Report) {
    let mut seen = HashSet::with_capacity(files.authorities.len());
    for file in &files.authorities {
        if !seen.insert(file.value.as_path()) || !is_readable(file, true, report) {
            continue;
        }
        if let Err(error) = roots_of_file(&file.value) {
            let message = format!("`{}` cannot be used: {error}", TLS_CA_FILE.name);
            let hint =
                "give a PEM file with the certificates of the authorities that the members' certificates come from";
            report.push(Diagnostic::error(message).at(file.span, "").hint(hint));
        }
    }
    let mut pairs = HashSet::with_capacity(files.identities.len());
    for (certificate, key) in &files.identities {
        if !pairs.insert((&certificate.value, &key.value)) {
            continue;
        }
        let readable = [certificate, key].map(|file| is_readable(file, seen.insert(file.value.as_path()), report));
        let identity = ClientIdentity { certificate: certificate.value.clone(), key: key.value.clone() };
        if readable == [true, true]
            && let Err(error) = check_identity(&identity)
        {
            let message = format!("`{}` cannot be used: {error}", TLS_CLIENT_CERTIFICATE.name);
            let hint = "give PEM files: the certificate with those that it was issued by, and its key, not encrypted";
            report.push(Diagnostic::error(message).at(certificate.span, "").at(key.span, "").hint(hint));
        }
    }
}

/// Whether a file can be opened; if not, that is reported where `tells`.
fn is_readable(file: &Spanned<PathBuf>, tells: bool, report: &mut Report) -> bool {
    let opened = File::open(&file.value);
    if let (true, Err(error)) = (tells, &opened) {
        report.error(file.span, format!("cannot read `{}`: {}", file.value.display(), reason(error)));
    }
    opened.is_ok()
}
