//! An HTTP client for asking a server of ours, without TLS.

use crate::admin::operate::token;
use crate::config::Config;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A client for plain HTTP.
pub fn client(timeout: Duration) -> Result<reqwest::Client, String> {
    builder(timeout)?.build().map_err(|error| error.to_string())
}

/// A client that sends the token of the admin API, where this user may read it: a server that does not listen on loopback wants
/// it for reading too.
pub fn client_with_token(timeout: Duration, token_file: Option<&Path>) -> Result<reqwest::Client, String> {
    let mut headers = HeaderMap::new();
    let token = token_file.and_then(|file| token::read(file).ok());
    if let Some(mut value) = token.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok()) {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    builder(timeout)?.default_headers(headers).build().map_err(|error| error.to_string())
}

/// The file with this node's token, for a server that is this node: the configured one, or one on loopback. Nobody else is told
/// the token, and the API is plain HTTP. `asked`: where somebody wants to ask instead of where the configuration says.
pub fn own_token_file(asked: Option<SocketAddr>, config: &Config) -> Option<PathBuf> {
    let is_own = asked.is_none_or(|asked| asked.ip().is_loopback() || config.admin.listen == Some(asked));
    is_own.then(|| config.token_file())
}

/// The library wants a TLS configuration all the same: this one trusts nobody.
fn builder(timeout: Duration) -> Result<reqwest::ClientBuilder, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Ok(reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().timeout(timeout))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::own_token_file;

    #[test]
    fn the_token_goes_to_this_node_only() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("azimuth.toml");
        std::fs::write(&file, "[admin]\nlisten = \"192.0.2.1:9153\"\n").unwrap();
        let (config, _) = crate::config::load_partly(&file, &mut crate::base::Sources::default());
        let goes_to =
            |asked: Option<&str>| own_token_file(asked.map(|asked| asked.parse().unwrap()), &config).is_some();
        assert!(
            goes_to(None)
                && goes_to(Some("127.0.0.1:1"))
                && goes_to(Some("[::1]:1"))
                && goes_to(Some("192.0.2.1:9153"))
        );
        assert!(!goes_to(Some("198.51.100.1:9153")) && !goes_to(Some("192.0.2.1:1")));
    }
}
