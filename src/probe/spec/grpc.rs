//! What a `grpc` check asks for, as plain data. Knows no sockets.

use crate::probe::spec::TlsCheck;

/// A `grpc` check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrpcCheck {
    /// `None` for a connection in clear.
    pub tls: Option<TlsCheck>,
    /// The service that is asked for; empty for the server as a whole.
    pub service: String,
    /// The authority of the request, and the TLS server name unless that is set apart; the probed address when `None`.
    pub host: Option<String>,
}
