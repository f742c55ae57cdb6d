//! What an `http` or `https` check asks for, as plain data. Knows no sockets.

use crate::probe::spec::{Expectation, TlsCheck};

/// An `http` or `https` check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// `Some` for `https`.
    pub tls: Option<TlsCheck>,
    /// The version that is spoken.
    pub version: HttpVersion,
    /// The method, in capitals.
    pub method: String,
    /// Path and query, beginning with a slash.
    pub path: String,
    /// The `Host` header, and the TLS server name unless that is set apart; the probed address when `None`.
    pub host: Option<String>,
    /// Further headers: name and value.
    pub headers: Vec<(String, String)>,
    /// What is sent with the request; nothing when empty.
    pub body: Vec<u8>,
    /// How many redirects are followed, on the same host and address only.
    pub redirects_max: u32,
    /// Status codes that pass, as inclusive ranges; never empty. 200 to 299 unless configured.
    pub expect_status: Vec<(u16, u16)>,
    /// What the first [`ANSWER_LEN_MAX`](crate::probe::spec::ANSWER_LEN_MAX) octets of the body must contain.
    pub expect_body: Expectation,
    /// A response header whose value is handed on with each result that passes.
    pub capture_header: Option<String>,
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    /// HTTP/1.1 (RFC 9112).
    #[default]
    Http1,
    /// HTTP/2 (RFC 9113): by ALPN over TLS, by prior knowledge in clear.
    Http2,
}

impl Default for HttpCheck {
    fn default() -> Self {
        Self {
            tls: None,
            version: HttpVersion::Http1,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            host: None,
            headers: Vec::new(),
            body: Vec::new(),
            redirects_max: 0,
            expect_status: vec![(200, 299)],
            expect_body: Expectation::default(),
            capture_header: None,
        }
    }
}
