//! TLS configurations of `https` checks, shared by all that ask for the same. Knows no HTTP.

use crate::probe::spec::TlsCheck;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// TLS configurations by what they are made of. Root certificates are read when first needed and never again: a reload
/// brings a new store.
#[derive(Debug)]
pub struct TlsStore {
    provider: Arc<CryptoProvider>,
    verifiers: HashMap<Option<PathBuf>, Result<Arc<WebPkiServerVerifier>, String>>,
    plain: Option<ClientConfig>,
}

impl Default for TlsStore {
    fn default() -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Self { provider, verifiers: HashMap::new(), plain: None }
    }
}

impl TlsStore {
    /// The configuration for a check. Where the server is known by an address only, `address` is that: the certificate
    /// must be for it, and no server name is sent (RFC 6066, section 3).
    ///
    /// Errors say, for operators, why there can be none.
    pub fn config(&mut self, check: &TlsCheck, address: Option<IpAddr>) -> Result<ClientConfig, String> {
        let verifier: Arc<dyn ServerCertVerifier> = if check.verify {
            let inner = self.verifier(check.ca_file.as_deref())?;
            match address {
                Some(address) => Arc::new(VerifyAddress { inner, name: ServerName::IpAddress(address.into()) }),
                None => inner,
            }
        } else {
            Arc::new(AcceptAny { provider: Arc::clone(&self.provider) })
        };
        let mut config = self.config_with(verifier)?;
        config.enable_sni = address.is_none();
        Ok(config)
    }

    /// A configuration for clients that never speak TLS and must be given one all the same. It trusts nobody.
    pub fn unused(&mut self) -> Result<ClientConfig, String> {
        if let Some(config) = &self.plain {
            return Ok(config.clone());
        }
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        self.plain = Some(config.clone());
        Ok(config)
    }

    fn config_with(&self, verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, String> {
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        // A resumed session shows no certificate: one that has expired since would pass.
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    fn verifier(&mut self, ca_file: Option<&Path>) -> Result<Arc<WebPkiServerVerifier>, String> {
        if let Some(verifier) = self.verifiers.get(&ca_file.map(Path::to_path_buf)) {
            return verifier.clone();
        }
        let roots = match ca_file {
            Some(path) => roots_of_file(path),
            None => roots_of_system(),
        };
        let verifier = roots.and_then(|roots| {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
                .build()
                .map_err(|error| error.to_string())
        });
        self.verifiers.insert(ca_file.map(Path::to_path_buf), verifier.clone());
        verifier
    }
}

/// The root certificates of a PEM file; an error names the file and what is wrong with it.
pub fn roots_of_file(path: &Path) -> Result<RootCertStore, String> {
    let shown = path.display();
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(|error| format!("cannot read certificates from `{shown}`: {error}"))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| format!("`{shown}` is not a valid PEM file: {error}"))?;
        roots.add(certificate).map_err(|error| format!("`{shown}` holds an unusable certificate: {error}"))?;
    }
    if roots.is_empty() {
        return Err(format!("`{shown}` holds no certificate"));
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(format!(
            "this machine has no root certificates{why}; install them (package `ca-certificates`) or name a `tls_ca_file`"
        ));
    }
    Ok(roots)
}

/// Verifies that the certificate is for an address, whatever name the connection goes by.
#[derive(Debug)]
struct VerifyAddress {
    inner: Arc<WebPkiServerVerifier>,
    name: ServerName<'static>,
}

impl ServerCertVerifier for VerifyAddress {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Accepts every certificate (`verify = false`). The handshake's signature must still be the certificate's.
#[derive(Debug)]
struct AcceptAny {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AcceptAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
