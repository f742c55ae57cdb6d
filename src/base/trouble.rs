//! Turns what the system and the libraries say when somebody is asked over the network into a few words for an operator, and
//! tells troubles on this side from those of who is asked. Knows neither probes nor feeds.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

/// Who was asked.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Where.
    pub address: SocketAddr,
    /// Whether this machine knows a way to an address: that takes a socket to find out.
    pub has_route: fn(SocketAddr) -> bool,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Of who is asked: the answer is missing, or is none.
    Failed(String),
    /// Ours: no result.
    Local(String),
}

impl Trouble {
    /// What an input or output error with `peer`, where that is known, means.
    #[must_use]
    pub fn of_io(error: &io::Error, peer: Option<Peer>) -> Self {
        if let Some(code) = error.raw_os_error()
            && let Some(trouble) = of_os_error(code, peer)
        {
            return trouble;
        }
        Self::Failed(of_kind(error.kind()).map_or_else(|| error.to_string(), str::to_owned))
    }

    /// What an error of a library means: the deepest cause that is understood, or else what the library says of it after
    /// `otherwise`.
    #[must_use]
    pub fn of_error(error: &(dyn Error + 'static), peer: Peer, otherwise: &str) -> Self {
        Self::understood(error, Some(peer)).unwrap_or_else(|deepest| Self::Failed(format!("{otherwise}: {deepest}")))
    }

    /// What the deepest cause of an error means that is understood; `Err` is the deepest one there is.
    pub fn understood<'e>(
        error: &'e (dyn Error + 'static),
        peer: Option<Peer>,
    ) -> Result<Self, &'e (dyn Error + 'static)> {
        let mut deepest = error;
        let mut by_kind = None;
        loop {
            if let Some(tls) = deepest.downcast_ref::<rustls::Error>() {
                return Ok(Self::Failed(of_tls(tls)));
            }
            let io = deepest.downcast_ref::<io::Error>();
            if let Some(io) = io {
                if io.raw_os_error().is_some() {
                    return Ok(Self::of_io(io, peer));
                }
                by_kind = of_kind(io.kind()).or(by_kind);
            }
            // `source` of a wrapped error skips the error itself.
            let wrapped = io.and_then(io::Error::get_ref).map(|inner| inner as &(dyn Error + 'static));
            match wrapped.or_else(|| deepest.source()) {
                Some(cause) => deepest = cause,
                None => break,
            }
        }
        by_kind.map(|text| Self::Failed(text.to_owned())).ok_or(deepest)
    }
}

/// What kinds of input and output errors mean that need no further words.
fn of_kind(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::ConnectionRefused => Some("connection refused"),
        io::ErrorKind::ConnectionReset => Some("connection reset by the server"),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted | io::ErrorKind::UnexpectedEof => {
            Some("connection closed by the server before its answer was complete")
        }
        io::ErrorKind::TimedOut => Some("timed out while connecting"),
        _ => None,
    }
}

/// What an error number of the system means, where it says more than its kind.
fn of_os_error(code: i32, peer: Option<Peer>) -> Option<Trouble> {
    let local = |text: &str| Some(Trouble::Local(text.to_owned()));
    match code {
        libc::EMFILE => local("this process has no file descriptors left; raise its limit (LimitNOFILE, ulimit -n)"),
        libc::ENFILE => local("this machine has no file descriptors left; raise fs.file-max"),
        libc::ENOBUFS | libc::ENOMEM => local("this machine has no memory left for sockets"),
        libc::EADDRNOTAVAIL => local("this machine has no address or port left to connect from"),
        libc::EAFNOSUPPORT => local("this machine does not speak the address family"),
        libc::ENETDOWN => local("the network interface of this machine is down"),
        libc::EINVAL => local("this machine cannot connect there; a link-local address needs an interface"),
        libc::EPERM => local("connecting is forbidden on this machine; look at its firewall"),
        // These come from here when there is no route, and from a router on the way (by ICMP) when there is: a host that
        // is down on a link further on is a failure of the target.
        libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EACCES
            if let Some(peer) = peer
                && !(peer.has_route)(peer.address) =>
        {
            Some(Trouble::Local(format!("this machine has no route to {}", peer.address.ip())))
        }
        libc::ENETUNREACH => Some(Trouble::Failed("network unreachable".to_owned())),
        libc::EHOSTUNREACH => Some(Trouble::Failed("host unreachable".to_owned())),
        libc::EACCES => Some(Trouble::Failed("rejected by a firewall on the way".to_owned())),
        _ => None,
    }
}

/// What is wrong with a TLS handshake.
fn of_tls(error: &rustls::Error) -> String {
    use rustls::CertificateError as Certificate;
    use rustls::Error as Tls;
    use rustls::PeerIncompatible;
    match error {
        Tls::InvalidCertificate(certificate) => match certificate {
            Certificate::Expired | Certificate::ExpiredContext { .. } => "certificate: expired".to_owned(),
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "certificate: not valid yet; is a clock wrong?".to_owned()
            }
            Certificate::UnknownIssuer => {
                "certificate: not issued by a known authority; name its root with `tls_ca_file`".to_owned()
            }
            Certificate::NotValidForName => "certificate: not valid for the server name".to_owned(),
            Certificate::NotValidForNameContext { expected, presented } => {
                let names: Vec<&str> = presented.iter().map(|name| bare_name(name)).collect();
                let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
                format!("certificate: not valid for name {}, but for {names}", expected.to_str())
            }
            // The library's own error in there has no type that could be named here.
            Certificate::Other(inner) if format!("{inner:?}").contains("CaUsedAsEndEntity") => {
                "certificate: an authority's own, not a server's; issue the server one below that authority".to_owned()
            }
            other => format!("certificate: {other}"),
        },
        Tls::AlertReceived(rustls::AlertDescription::NoApplicationProtocol) => {
            "TLS: the server does not speak the protocol that is asked for (ALPN)".to_owned()
        }
        Tls::AlertReceived(alert) => format!("TLS: the server refused with alert {alert:?}"),
        Tls::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            "TLS: the server speaks no version from 1.2 on".to_owned()
        }
        Tls::InvalidMessage(_) => "TLS: the server does not speak TLS at this port".to_owned(),
        other => format!("TLS: {other}"),
    }
}

/// A name in a certificate as the library presents it (`DnsName("www.example.com")`), without its wrapping.
fn bare_name(presented: &str) -> &str {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(presented);
    inner.trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_code(code: i32, address: &str) -> Trouble {
        let address = address.parse().unwrap_or_else(|_| panic!("{address}"));
        // As if there were a route to oneself alone.
        let has_route = |address: SocketAddr| address.ip().is_loopback();
        Trouble::of_io(&io::Error::from_raw_os_error(code), Some(Peer { address, has_route }))
    }

    #[test]
    fn troubles_of_this_machine_are_local() {
        for code in [
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOBUFS,
            libc::ENOMEM,
            libc::EADDRNOTAVAIL,
            libc::EAFNOSUPPORT,
            libc::ENETDOWN,
            libc::EPERM,
        ] {
            let trouble = of_code(code, "127.0.0.1:80");
            assert!(matches!(trouble, Trouble::Local(_)), "{trouble:?}");
        }
    }

    #[test]
    fn troubles_of_the_target_are_failures() {
        for code in [libc::ECONNREFUSED, libc::ECONNRESET, libc::ETIMEDOUT, libc::EPIPE, libc::EIO] {
            let trouble = of_code(code, "127.0.0.1:80");
            assert!(matches!(trouble, Trouble::Failed(_)), "{trouble:?}");
        }
    }

    #[test]
    fn unreachable_is_local_only_where_this_machine_has_no_route() {
        for code in [libc::ENETUNREACH, libc::EHOSTUNREACH, libc::EACCES] {
            let reported_by_a_router = of_code(code, "127.0.0.1:80");
            assert!(matches!(reported_by_a_router, Trouble::Failed(_)), "{reported_by_a_router:?}");
            let here = of_code(code, "[fe80::1]:80");
            assert_eq!(here, Trouble::Local("this machine has no route to fe80::1".to_owned()));
        }
    }
}
