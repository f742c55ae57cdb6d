//! Reads the TLS side of a monitor. Knows no protocol above.

use super::CertificateFiles;
use crate::base::Diagnostic;
use crate::config::keys::monitor as keys;
use crate::config::reader::Reader;
use crate::config::scalars::{boolean, duration};
use crate::config::spec::{host, path};
use crate::probe::spec::{ClientIdentity, TlsCheck};
use std::path::Path;

/// Reads the TLS side; the files that are to be read are added to `files`.
pub(super) fn tls_check(reader: &mut Reader<'_, '_>, folder: &Path, files: &mut CertificateFiles) -> TlsCheck {
    let server_name = reader.one(&keys::TLS_SERVER_NAME, host);
    let verify = reader.one(&keys::TLS_VERIFY, boolean);
    let ca_file = path(reader, &keys::TLS_CA_FILE, folder);
    if let Some(file) = &ca_file {
        match verify.as_ref().filter(|verify| !verify.value) {
            None => files.authorities.push(file.clone()),
            Some(verify) => {
                let message = format!("`{}` has no effect while certificates are not verified", keys::TLS_CA_FILE.name);
                reader.report.push(Diagnostic::warning(message).at(file.span, "").at(verify.span, "not verified"));
            }
        }
    }
    let client = client(reader, folder, files);
    let warning = reader.one(&keys::TLS_EXPIRY_WARNING, duration);
    let failure = reader.one(&keys::TLS_EXPIRY_FAILURE, duration);
    if let (Some(warning), Some(failure)) = (&warning, &failure)
        && warning.value <= failure.value
    {
        let (warns, fails) = (keys::TLS_EXPIRY_WARNING.name, keys::TLS_EXPIRY_FAILURE.name);
        let message = format!("`{warns}` has no effect: it is not longer than `{fails}`");
        reader.report.push(Diagnostic::warning(message).at(warning.span, "").at(failure.span, "fails before it warns"));
    }
    TlsCheck {
        server_name: server_name.map(|name| name.value),
        verify: verify.is_none_or(|verify| verify.value),
        ca_file: ca_file.map(|file| file.value),
        client,
        expiry_warning: warning.map(|warning| warning.value),
        expiry_failure: failure.map(|failure| failure.value),
    }
}

/// Reads what a server gets to see that asks for a certificate.
fn client(reader: &mut Reader<'_, '_>, folder: &Path, files: &mut CertificateFiles) -> Option<ClientIdentity> {
    let certificate = path(reader, &keys::TLS_CLIENT_CERTIFICATE, folder);
    let key = path(reader, &keys::TLS_CLIENT_KEY, folder);
    let (certificate, key) = match (certificate, key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => return None,
        (certificate, key) => {
            let lacking = if key.is_none() { &keys::TLS_CLIENT_KEY } else { &keys::TLS_CLIENT_CERTIFICATE };
            let given = if key.is_none() { &keys::TLS_CLIENT_CERTIFICATE } else { &keys::TLS_CLIENT_KEY };
            if reader.lacks(&[lacking])
                && let Some(place) = certificate.or(key)
            {
                let message = format!("`{}` needs `{}`", given.name, lacking.name);
                let hint = format!("for example `{} = {}`", lacking.name, lacking.example);
                reader.report.absent(Diagnostic::error(message).at(place.span, "").hint(hint));
            }
            return None;
        }
    };
    files.identities.push((certificate.clone(), key.clone()));
    Some(ClientIdentity { certificate: certificate.value, key: key.value })
}
