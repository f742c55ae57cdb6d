//! The TLS side of checks, and the `tls` check: a handshake, and a look at the certificate. Knows no protocol above TLS.

mod certificate;
mod store;

pub use certificate::judge;
pub use store::{Protocol, TlsStore, check_identity, roots_of_file};

use crate::base::Trouble;
use crate::health::{Endpoint, Observation};
use crate::probe::connect::{Dialer, Stream};
use crate::probe::progress::{Progress, within};
use crate::probe::spec::TlsCheck;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Connections with TLS to one address, and what is expected of the certificate.
#[derive(Clone, Debug)]
pub struct TlsDialer {
    dialer: Dialer,
    check: Option<Arc<TlsCheck>>,
}

impl TlsDialer {
    /// Connections to `address`, which is `endpoint` or one of its addresses; in clear without a check. `host` is the host
    /// that is asked for, where the protocol above has one.
    ///
    /// # Errors
    ///
    /// Why there can be none, for operators.
    pub fn new(
        check: Option<&TlsCheck>,
        host: Option<&str>,
        endpoint: &Endpoint,
        address: SocketAddr,
        protocol: Protocol,
        store: &mut TlsStore,
    ) -> Result<Self, String> {
        let dialer = match check {
            None => Dialer::plain(address),
            Some(check) => {
                let name = server_name(check.server_name.as_deref(), host, endpoint)?;
                Dialer::tls(address, store.connector(check, protocol)?, name)
            }
        };
        Ok(Self { dialer, check: check.map(|check| Arc::new(check.clone())) })
    }

    /// Where connections lead.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.dialer.address()
    }

    /// Whether connections have TLS.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.dialer.has_tls()
    }

    /// Makes a connection and looks at the certificate, of which it may warn.
    ///
    /// # Errors
    ///
    /// Why there is none, for operators.
    pub async fn dial(&self, progress: &Progress) -> Result<(Stream, Option<Arc<str>>), Trouble> {
        let stream = self.dialer.dial(progress).await?;
        let Some(check) = &self.check else { return Ok((stream, None)) };
        let judged = judge(check, stream.certificate(), SystemTime::now());
        match judged {
            Ok(warning) => Ok((stream, warning)),
            Err(trouble) => {
                stream.close();
                Err(trouble)
            }
        }
    }
}

/// A `tls` check of one address.
#[derive(Debug)]
pub struct TlsProbe {
    dialer: TlsDialer,
    timeout: Duration,
}

impl TlsProbe {
    /// Prepares probes of `address`, which is `endpoint` or one of its addresses.
    ///
    /// # Errors
    ///
    /// Why there can be none, for operators.
    pub fn new(
        check: &TlsCheck,
        endpoint: &Endpoint,
        address: SocketAddr,
        timeout: Duration,
        store: &mut TlsStore,
    ) -> Result<Self, String> {
        Ok(Self { dialer: TlsDialer::new(Some(check), None, endpoint, address, Protocol::Any, store)?, timeout })
    }

    /// Shakes hands once, and closes.
    pub async fn probe(&self) -> Observation {
        let started = Instant::now();
        let progress = Progress::default();
        match within(self.timeout, &progress, self.dialer.dial(&progress)).await {
            Ok((stream, warning)) => {
                let latency = started.elapsed();
                stream.close();
                Observation::Passed { latency, warning, captured: None }
            }
            Err(trouble) => trouble.into(),
        }
    }
}

/// Who the certificate must be for: as configured, else the host that is asked for, else what is probed.
fn server_name(
    configured: Option<&str>,
    host: Option<&str>,
    endpoint: &Endpoint,
) -> Result<ServerName<'static>, String> {
    let name = match (configured, host, endpoint) {
        (Some(name), _, _) => name,
        (None, Some(host), _) => without_port(host),
        (None, None, Endpoint::Host(name, _)) => name,
        (None, None, Endpoint::Socket(socket)) => return Ok(ServerName::IpAddress(socket.ip().into())),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let name = name.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(name.to_owned()).map_err(|_| format!("`{name}` cannot be the server name of a certificate"))
}

/// A host without its port. Colons inside an IPv6 address are not the port's.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => {
            let is_bare_ipv6 = name.contains(':') && !name.ends_with(']');
            if is_bare_ipv6 { host } else { name }
        }
        _ => host,
    }
}
