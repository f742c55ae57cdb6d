//! An HTTP client for asking a server of ours, without TLS.

use std::sync::Arc;
use std::time::Duration;

/// A client for plain HTTP. The library wants a TLS configuration all the same: this one trusts nobody.
pub fn client(timeout: Duration) -> Result<reqwest::Client, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let builder = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().timeout(timeout);
    builder.build().map_err(|error| error.to_string())
}
