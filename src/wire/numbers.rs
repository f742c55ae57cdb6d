//! Numbers that IANA assigned and that this server treats apart from the rest: types, classes, RCODEs, option codes,
//! header flags. Every other type and class is just a number.

/// Octets in a message header (RFC 1035, section 4.1.1).
pub const HEADER_LEN: usize = 12;

/// RR types.
pub mod rtype {
    /// An IPv4 address.
    pub const A: u16 = 1;
    /// A name server.
    pub const NS: u16 = 2;
    /// Another name for the owner.
    pub const CNAME: u16 = 5;
    /// Start of authority.
    pub const SOA: u16 = 6;
    /// A mail exchange.
    pub const MX: u16 = 15;
    /// Text.
    pub const TXT: u16 = 16;
    /// An IPv6 address (RFC 3596).
    pub const AAAA: u16 = 28;
    /// The location of a service (RFC 2782).
    pub const SRV: u16 = 33;
    /// Another name for everything below the owner (RFC 6672).
    pub const DNAME: u16 = 39;
    /// EDNS (RFC 6891).
    pub const OPT: u16 = 41;
    /// Delegation signer (RFC 4034), which lives on the parent's side of a zone cut.
    pub const DS: u16 = 43;
    /// The signature of an RRset (RFC 4034).
    pub const RRSIG: u16 = 46;
    /// Which name comes next, and which types a name has (RFC 4034).
    pub const NSEC: u16 = 47;
    /// A key of the zone (RFC 4034).
    pub const DNSKEY: u16 = 48;
    /// The same as NSEC for hashes of names (RFC 5155).
    pub const NSEC3: u16 = 50;
    /// How names are hashed for NSEC3 (RFC 5155).
    pub const NSEC3PARAM: u16 = 51;
    /// How to reach a service (RFC 9460).
    pub const SVCB: u16 = 64;
    /// How to reach a web server (RFC 9460).
    pub const HTTPS: u16 = 65;
    /// The signature of a message (RFC 8945).
    pub const TSIG: u16 = 250;
    /// QTYPE only: an incremental zone transfer (RFC 1995).
    pub const IXFR: u16 = 251;
    /// QTYPE only: a zone transfer (RFC 5936).
    pub const AXFR: u16 = 252;
    /// QTYPE only: whatever the server likes to give (RFC 8482).
    pub const ANY: u16 = 255;
}

/// Classes.
pub mod class {
    /// The Internet.
    pub const IN: u16 = 1;
    /// Once of a network of that name; today, what a server says of itself.
    pub const CH: u16 = 3;
    /// In updates: as it is deleted or must not exist (RFC 2136).
    pub const NONE: u16 = 254;
    /// QCLASS only: any class.
    pub const ANY: u16 = 255;
}

/// The OPCODE of a standard query, as it stands among the flags.
pub const OPCODE_QUERY: u16 = 0;

/// The OPCODE of NOTIFY (RFC 1996), as it stands among the flags.
pub const OPCODE_NOTIFY: u16 = 4 << 11;
/// The OPCODE of UPDATE (RFC 2136), as it stands among the flags.
pub const OPCODE_UPDATE: u16 = 5 << 11;

/// Flags in the second 16 bits of a header.
pub mod flag {
    /// Query or response.
    pub const QR: u16 = 0x8000;
    /// Authoritative answer.
    pub const AA: u16 = 0x0400;
    /// Truncated.
    pub const TC: u16 = 0x0200;
    /// Recursion desired.
    pub const RD: u16 = 0x0100;
    /// The four bits of the OPCODE.
    pub const OPCODE: u16 = 0x7800;
}

/// EDNS option codes.
pub mod option {
    /// Which of several servers this is (RFC 5001).
    pub const NSID: u16 = 3;
    /// EDNS Client Subnet (RFC 7871).
    pub const CLIENT_SUBNET: u16 = 8;
    /// Cookies (RFC 7873).
    pub const COOKIE: u16 = 10;
    /// How long a connection may be idle (RFC 7828).
    pub const TCP_KEEPALIVE: u16 = 11;
    /// Extended DNS Error (RFC 8914).
    pub const EXTENDED_ERROR: u16 = 15;
}

/// INFO-CODEs of Extended DNS Errors (RFC 8914, section 4).
pub mod info_code {
    /// None of the others; the text says more.
    pub const OTHER: u16 = 0;
    /// The server does not have its data yet.
    pub const NOT_READY: u16 = 14;
    /// The client may not ask this.
    pub const PROHIBITED: u16 = 18;
    /// The server has no authority for the name.
    pub const NOT_AUTHORITATIVE: u16 = 20;
    /// The server does not do what is asked for.
    pub const NOT_SUPPORTED: u16 = 21;
    /// The server's data cannot be used: broken, or expired.
    pub const INVALID_DATA: u16 = 24;
}

/// A response code with its EDNS extension, 12 bits in all (RFC 6891, section 6.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rcode(pub u16);

impl Rcode {
    /// No error.
    pub const NOERROR: Self = Self(0);
    /// The query could not be understood.
    pub const FORMERR: Self = Self(1);
    /// The server has a problem of its own.
    pub const SERVFAIL: Self = Self(2);
    /// The name does not exist.
    pub const NXDOMAIN: Self = Self(3);
    /// The server does not know this kind of query.
    pub const NOTIMP: Self = Self(4);
    /// The server does not want to answer.
    pub const REFUSED: Self = Self(5);
    /// A name that ought not to exist: here, what a DNAME makes is too long (RFC 6672, section 2.2).
    pub const YXDOMAIN: Self = Self(6);
    /// An RRset exists that should not (RFC 2136).
    pub const YXRRSET: Self = Self(7);
    /// An RRset does not exist that should (RFC 2136).
    pub const NXRRSET: Self = Self(8);
    /// The server is not authoritative for the zone (RFC 2136), or the client is not who it says (RFC 8945).
    pub const NOTAUTH: Self = Self(9);
    /// A name is not within the zone (RFC 2136).
    pub const NOTZONE: Self = Self(10);
    /// The EDNS version is not known (RFC 6891, section 9).
    pub const BADVERS: Self = Self(16);
    /// The query must come again with the server cookie of this response (RFC 7873, section 5.2).
    pub const BADCOOKIE: Self = Self(23);

    /// The mnemonic, where this server ever sends the code.
    #[must_use]
    pub const fn mnemonic(self) -> Option<&'static str> {
        match self {
            Self::NOERROR => Some("NOERROR"),
            Self::FORMERR => Some("FORMERR"),
            Self::SERVFAIL => Some("SERVFAIL"),
            Self::NXDOMAIN => Some("NXDOMAIN"),
            Self::NOTIMP => Some("NOTIMP"),
            Self::REFUSED => Some("REFUSED"),
            Self::YXDOMAIN => Some("YXDOMAIN"),
            Self::YXRRSET => Some("YXRRSET"),
            Self::NXRRSET => Some("NXRRSET"),
            Self::NOTAUTH => Some("NOTAUTH"),
            Self::NOTZONE => Some("NOTZONE"),
            Self::BADVERS => Some("BADVERS"),
            Self::BADCOOKIE => Some("BADCOOKIE"),
            _ => None,
        }
    }
}
