//! What a check asks of TLS, as plain data: shared by all kinds that speak it.

use std::path::PathBuf;

/// The TLS side of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsCheck {
    /// SNI and the name that the certificate must be for; `host`, else the probed address when `None`.
    pub server_name: Option<String>,
    /// Whether the certificate must chain to a known root and be for the server name.
    pub verify: bool,
    /// Roots in a PEM file, instead of the system's.
    pub ca_file: Option<PathBuf>,
}

impl Default for TlsCheck {
    fn default() -> Self {
        Self { server_name: None, verify: true, ca_file: None }
    }
}
