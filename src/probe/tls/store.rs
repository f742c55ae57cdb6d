//! TLS configurations of checks, shared by all that ask for the same. Knows no protocol above TLS.

use crate::probe::spec::{ClientIdentity, TlsCheck};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsConnector;

/// What is offered by ALPN (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Nothing: the server chooses what it speaks.
    Any,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only.
    Http2,
}

/// What distinguishes one TLS configuration from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Ingredients {
    /// `None`: nothing is verified.
    roots: Option<Roots>,
    client: Option<ClientIdentity>,
    protocol: Protocol,
}

/// Where root certificates come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Roots {
    System,
    File(PathBuf),
}

/// TLS configurations by what they are made of. Files are read when first needed and never again: a reload brings a new
/// store.
#[derive(Debug)]
pub struct TlsStore {
    provider: Arc<CryptoProvider>,
    verifiers: HashMap<Roots, Result<Arc<WebPkiServerVerifier>, String>>,
    configs: HashMap<Ingredients, Result<Arc<ClientConfig>, String>>,
}

impl Default for TlsStore {
    fn default() -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Self { provider, verifiers: HashMap::new(), configs: HashMap::new() }
    }
}

impl TlsStore {
    /// What makes the connections of a check.
    ///
    /// # Errors
    ///
    /// Why there can be none, for operators.
    pub fn connector(&mut self, check: &TlsCheck, protocol: Protocol) -> Result<TlsConnector, String> {
        let roots = || check.ca_file.as_ref().map_or(Roots::System, |path| Roots::File(path.clone()));
        let ingredients = Ingredients { roots: check.verify.then(roots), client: check.client.clone(), protocol };
        if let Some(config) = self.configs.get(&ingredients) {
            return config.clone().map(TlsConnector::from);
        }
        let config = self.config(&ingredients).map(Arc::new);
        self.configs.insert(ingredients, config.clone());
        config.map(TlsConnector::from)
    }

    fn config(&mut self, ingredients: &Ingredients) -> Result<ClientConfig, String> {
        let verifier: Arc<dyn ServerCertVerifier> = match &ingredients.roots {
            Some(roots) => self.verifier(roots)?,
            None => Arc::new(AcceptAny { provider: Arc::clone(&self.provider) }),
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match &ingredients.client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let (chain, key) = identity(client, &self.provider)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| unusable(client, &error))?
            }
        };
        // A resumed session shows no certificate: one that has expired since would pass.
        config.resumption = Resumption::disabled();
        config.alpn_protocols = match ingredients.protocol {
            Protocol::Any => Vec::new(),
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
            Protocol::Http2 => vec![b"h2".to_vec()],
        };
        Ok(config)
    }

    fn verifier(&mut self, roots: &Roots) -> Result<Arc<WebPkiServerVerifier>, String> {
        if let Some(verifier) = self.verifiers.get(roots) {
            return verifier.clone();
        }
        let found = match roots {
            Roots::File(path) => roots_of_file(path),
            Roots::System => roots_of_system(),
        };
        let verifier = found.and_then(|roots| {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
                .build()
                .map_err(|error| error.to_string())
        });
        self.verifiers.insert(roots.clone(), verifier.clone());
        verifier
    }
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The certificates and the key of a client; an error names the file and what is wrong with it.
fn identity(client: &ClientIdentity, provider: &CryptoProvider) -> Result<Identity, String> {
    let chain = client_certificates(&client.certificate)?;
    let key = client_key(&client.key)?;
    CertifiedKey::from_der(chain.clone(), key.clone_key(), provider).map_err(|error| unusable(client, &error))?;
    Ok((chain, key))
}

/// Why a certificate and a key do not go together.
fn unusable(client: &ClientIdentity, error: &rustls::Error) -> String {
    let (certificate, key) = (client.certificate.display(), client.key.display());
    match error {
        rustls::Error::InconsistentKeys(_) => {
            format!("the key in `{key}` is not that of the certificate in `{certificate}`")
        }
        other => format!("the key in `{key}` cannot be used with the certificate in `{certificate}`: {other}"),
    }
}

/// The certificates of a client in a PEM file, its own first; an error names the file and what is wrong with it.
pub fn client_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let shown = path.display();
    let chain = CertificateDer::pem_file_iter(path)
        .map_err(|error| format!("cannot read certificates from `{shown}`: {error}"))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("`{shown}` is not a valid PEM file: {error}"))?;
    if chain.is_empty() {
        return Err(format!("`{shown}` holds no certificate"));
    }
    Ok(chain)
}

/// The private key in a PEM file; an error names the file and what is wrong with it.
pub fn client_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let shown = path.display();
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        rustls::pki_types::pem::Error::NoItemsFound => {
            format!("`{shown}` holds no private key that is not encrypted")
        }
        other => format!("cannot read a private key from `{shown}`: {other}"),
    })
}

/// Whether a client's certificate and key can be used together; an error says what is wrong with which file.
pub fn check_identity(client: &ClientIdentity) -> Result<(), String> {
    identity(client, &rustls::crypto::aws_lc_rs::default_provider()).map(drop)
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
