//! What an `http` or `https` check asks for, as plain data. Knows no sockets.

use crate::probe::spec::TlsCheck;

/// Most octets of a response body that a check reads.
pub const BODY_LEN_MAX: usize = 64 * 1024;

/// An `http` or `https` check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// `Some` for `https`.
    pub tls: Option<TlsCheck>,
    /// Path and query, beginning with a slash.
    pub path: String,
    /// The `Host` header, and the TLS server name unless that is set apart; the probed address when `None`.
    pub host: Option<String>,
    /// Status codes that pass, as inclusive ranges; never empty. 200 to 299 unless configured.
    pub expect_status: Vec<(u16, u16)>,
    /// Text that must occur in the first [`BODY_LEN_MAX`] octets of the body.
    pub expect_body: Option<String>,
    /// A response header in lower case whose value is handed on with each result that passes.
    pub capture_header: Option<String>,
}

impl Default for HttpCheck {
    fn default() -> Self {
        Self {
            tls: None,
            path: "/".to_owned(),
            host: None,
            expect_status: vec![(200, 299)],
            expect_body: None,
            capture_header: None,
        }
    }
}
