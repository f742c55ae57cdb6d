//! TLS configurations of pages. Certificates are always verified: what a feed says decides where clients go. Knows no HTTP.

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// The configuration that trusts the roots in a PEM file, else those of the system; nobody at all where no TLS is spoken.
/// Errors are for operators.
pub fn config(has_tls: bool, ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    let roots = match ca_file {
        _ if !has_tls => RootCertStore::empty(),
        Some(path) => roots_of_file(path)?,
        None => roots_of_system()?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn roots_of_file(path: &Path) -> Result<RootCertStore, String> {
    let shown = path.display();
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(|error| format!("cannot read certificates from `{shown}`: {error}"))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| format!("`{shown}` is not a valid PEM file: {error}"))?;
        roots.add(certificate).map_err(|error| format!("`{shown}` holds an unusable certificate: {error}"))?;
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("this machine has no root certificates; install them (package `ca-certificates`) or name a \
                    `tls_ca_file`"
            .to_owned());
    }
    Ok(roots)
}
