//! Turns what the system and the HTTP client say when a reading goes wrong into a few words for an operator, and tells
//! troubles on this side from those of who is asked. Knows no kinds.

use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Why there is no reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The feed's: its answer is missing, or is no answer.
    Failed(String),
    /// Ours: no result.
    Local(String),
}

impl Trouble {
    /// What an input or output error with `address`, where that is known, means.
    #[must_use]
    pub fn of_io(error: &io::Error, address: Option<SocketAddr>) -> Self {
        if let Some(trouble) = error.raw_os_error().and_then(|code| of_os_error(code, address)) {
            return trouble;
        }
        Self::Failed(of_kind(error.kind()).map_or_else(|| error.to_string(), str::to_owned))
    }

    /// What an error of the HTTP client means: the deepest cause that is understood. The URL is in none of them: it may hold a
    /// password.
    #[must_use]
    pub fn of_http(error: &reqwest::Error) -> Self {
        let mut deepest: &(dyn Error + 'static) = error;
        let mut by_kind = None;
        loop {
            if let Some(tls) = deepest.downcast_ref::<rustls::Error>() {
                return Self::Failed(of_tls(tls));
            }
            let io = deepest.downcast_ref::<io::Error>();
            if let Some(io) = io {
                if io.raw_os_error().is_some() {
                    return Self::of_io(io, None);
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
        if let Some(text) = by_kind {
            return Self::Failed(text.to_owned());
        }
        // The outermost error would tell the URL.
        let deepest = if deepest.is::<reqwest::Error>() { "it is none".to_owned() } else { deepest.to_string() };
        Self::Failed(if error.is_connect() {
            format!("cannot connect: {deepest}")
        } else {
            format!("no valid HTTP answer: {deepest}")
        })
    }
}

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
fn of_os_error(code: i32, address: Option<SocketAddr>) -> Option<Trouble> {
    let local = |text: &str| Some(Trouble::Local(text.to_owned()));
    match code {
        libc::EMFILE => local("this process has no file descriptors left; raise its limit (LimitNOFILE, ulimit -n)"),
        libc::ENFILE => local("this machine has no file descriptors left; raise fs.file-max"),
        libc::ENOBUFS | libc::ENOMEM => local("this machine has no memory left for sockets"),
        libc::EADDRNOTAVAIL => local("this machine has no address or port left to connect from"),
        libc::EAFNOSUPPORT => local("this machine does not speak the address family"),
        libc::ENETDOWN => local("the network interface of this machine is down"),
        libc::EPERM => local("connecting is forbidden on this machine; look at its firewall"),
        // From here when there is no route, from a router on the way (by ICMP) when there is.
        libc::ENETUNREACH | libc::EHOSTUNREACH if address.is_some_and(|address| !has_route(address)) => {
            local("this machine has no route there")
        }
        libc::ENETUNREACH => Some(Trouble::Failed("network unreachable".to_owned())),
        libc::EHOSTUNREACH => Some(Trouble::Failed("host unreachable".to_owned())),
        _ => None,
    }
}

/// Whether this machine knows a way to the address. Connecting a UDP socket looks the route up and sends nothing.
fn has_route(address: SocketAddr) -> bool {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    UdpSocket::bind(any).and_then(|socket| socket.connect(address)).is_ok()
}

fn of_tls(error: &rustls::Error) -> String {
    use rustls::CertificateError as Certificate;
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Certificate::Expired | Certificate::ExpiredContext { .. } => "certificate: expired".to_owned(),
            Certificate::UnknownIssuer => {
                "certificate: not issued by a known authority; name its root with `tls_ca_file`".to_owned()
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "certificate: not valid for the host in `url`".to_owned()
            }
            other => format!("certificate: {other}"),
        },
        rustls::Error::AlertReceived(alert) => format!("TLS: the server refused with alert {alert:?}"),
        rustls::Error::InvalidMessage(_) => "TLS: the server does not speak TLS at this port".to_owned(),
        other => format!("TLS: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::Trouble;
    use std::io::Error;

    #[test]
    fn troubles_of_this_machine_are_local_and_others_are_failures() {
        let of = |code| Trouble::of_io(&Error::from_raw_os_error(code), Some(([127, 0, 0, 1], 80).into()));
        for code in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::EADDRNOTAVAIL, libc::ENETDOWN, libc::EPERM] {
            assert!(matches!(of(code), Trouble::Local(_)), "{code}");
        }
        for code in [libc::ECONNREFUSED, libc::ECONNRESET, libc::EHOSTUNREACH, libc::ENETUNREACH, libc::EPIPE] {
            assert!(matches!(of(code), Trouble::Failed(_)), "{code}");
        }
    }
}
