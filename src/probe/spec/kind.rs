//! The kinds of monitors, and the words that configuration has for them.

/// A kind of monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An HTTP request in clear.
    Http,
    /// An HTTP request over TLS.
    Https,
    /// A TCP connection.
    Tcp,
    /// A TLS handshake.
    Tls,
    /// The standard health service of gRPC.
    Grpc,
    /// A DNS query.
    Dns,
    /// An ICMP echo.
    Icmp,
    /// A UDP datagram and its answer.
    Udp,
    /// A program of the operator.
    Exec,
    /// A file that another system writes.
    File,
}

impl Kind {
    /// All of them, in the order of the enumeration: `ALL[kind.index()]` is `kind`.
    pub const ALL: [Self; 10] = [
        Self::Http,
        Self::Https,
        Self::Tcp,
        Self::Tls,
        Self::Grpc,
        Self::Dns,
        Self::Icmp,
        Self::Udp,
        Self::Exec,
        Self::File,
    ];

    /// `type` in configuration and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Grpc => "grpc",
            Self::Dns => "dns",
            Self::Icmp => "icmp",
            Self::Udp => "udp",
            Self::Exec => "exec",
            Self::File => "file",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Its place among [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_found_at_its_index_and_by_its_word() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!((kind.index(), Kind::of_word(kind.word())), (index, Some(kind)));
        }
    }
}
