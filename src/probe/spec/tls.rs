//! What a check asks of TLS, as plain data: shared by all kinds that speak it.

use std::path::PathBuf;
use std::time::Duration;

/// The TLS side of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsCheck {
    /// SNI and the name that the certificate must be for; `host`, else the probed address when `None`.
    pub server_name: Option<String>,
    /// Whether the certificate must chain to a known root and be for the server name.
    pub verify: bool,
    /// Roots in a PEM file, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// What the server is shown when it asks for a certificate.
    pub client: Option<ClientIdentity>,
    /// A certificate that expires within this time passes with a warning.
    pub expiry_warning: Option<Duration>,
    /// A certificate that expires within this time fails.
    pub expiry_failure: Option<Duration>,
}

/// A client certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientIdentity {
    /// The certificate, and those between it and a root, in a PEM file.
    pub certificate: PathBuf,
    /// Its private key in a PEM file.
    pub key: PathBuf,
}

impl Default for TlsCheck {
    fn default() -> Self {
        Self {
            server_name: None,
            verify: true,
            ca_file: None,
            client: None,
            expiry_warning: None,
            expiry_failure: None,
        }
    }
}

impl TlsCheck {
    /// The files that it names.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let client = self.client.iter().flat_map(|client| [&client.certificate, &client.key]);
        self.ca_file.iter().chain(client)
    }
}
