//! Limits and switches of the engine: plain data, filled in by whoever reads the configuration. Knows no keys.

use crate::base::{Prefix, PrefixSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Limits and switches of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether the EDNS Client Subnet of queries is used (RFC 7871).
    pub client_subnet: bool,
    /// Largest UDP response, in octets: 1232 unless configured.
    pub udp_response_len_max: u16,
    /// What clients are told who ask which server of several this is (NSID, RFC 5001): at most [`NSID_LEN_MAX`] octets.
    pub nsid: Option<Arc<[u8]>>,
    /// What `version.bind` and `version.server` say in class CHAOS: at most [`CHAOS_LEN_MAX`] octets.
    pub version: Option<Arc<[u8]>>,
    /// What `id.server` and `hostname.bind` say in class CHAOS (RFC 4892): at most [`CHAOS_LEN_MAX`] octets.
    pub identity: Option<Arc<[u8]>>,
    /// DNS cookies (RFC 7873).
    pub cookies: Cookies,
    /// How often a client may be answered over transports that let it lie about its address.
    pub rate_limit: RateLimit,
}

/// Most octets of an NSID: with it, a question of any length and all other options a response stays below 512 octets.
pub const NSID_LEN_MAX: usize = 64;
/// Most octets of a text in class CHAOS: one character-string.
pub const CHAOS_LEN_MAX: usize = 255;

impl Default for Settings {
    fn default() -> Self {
        Self {
            client_subnet: true,
            udp_response_len_max: 1232,
            nsid: None,
            version: None,
            identity: None,
            cookies: Cookies::default(),
            rate_limit: RateLimit::default(),
        }
    }
}

/// DNS cookies (RFC 7873).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookies {
    /// Whether they are answered; else they are an unknown option.
    pub enabled: bool,
    /// Secrets that several servers share: the first makes cookies, all are accepted. None: this server has secrets of its
    /// own, which it changes by itself.
    pub secrets: Arc<[CookieSecret]>,
    /// Octets of the longest response that is sent to an address that may be a lie; `None`: any.
    pub require_above: Option<u16>,
}

impl Default for Cookies {
    fn default() -> Self {
        Self { enabled: true, secrets: Arc::new([]), require_above: None }
    }
}

/// Most secrets that are tried for one cookie.
pub const COOKIE_SECRETS_MAX: usize = 4;

/// A secret that server cookies are made with. Never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CookieSecret(pub [u8; 16]);

impl fmt::Debug for CookieSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieSecret(...)")
    }
}

/// How often a client may be answered over transports that let it lie about its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Microseconds between two responses of one kind to one client, over a second; 0: no limit.
    pub interval_micros: u32,
    /// Of so many limited responses one is sent, truncated; 0: none.
    pub slip: u8,
    /// Which bits of an IPv4 address tell clients apart.
    pub ipv4_mask: u32,
    /// Which of the first 64 bits of an IPv6 address tell clients apart.
    pub ipv6_mask: u64,
    /// Who is never limited.
    pub exempt: PrefixSet,
    /// Entries of the table, which is made once.
    pub table_size: u32,
}

impl RateLimit {
    /// Bits of an IPv4 address that tell clients apart unless configured: networks of this size have one owner mostly.
    pub const IPV4_PREFIX: u8 = 24;
    /// The same for IPv6.
    pub const IPV6_PREFIX: u8 = 56;
    /// Responses of one kind to one client in a second unless configured. More than other servers have: TTLs of balanced
    /// names are short, and a large resolver asks for each client subnet anew.
    pub const RESPONSES_PER_SECOND: u32 = 1_000;
    /// Microseconds in a second, in which a client may get as many responses as are allowed a second, also at once.
    pub const WINDOW_MICROS: u32 = 1_000_000;

    /// Sets how many responses of one kind a client may get in a second; 0: any number.
    #[must_use]
    pub fn with_responses_per_second(self, responses: u32) -> Self {
        let interval_micros = Self::WINDOW_MICROS.checked_div(responses).unwrap_or(0);
        Self { interval_micros, ..self }
    }

    /// Sets how many bits of an address tell clients apart: of IPv4 at most 32, of IPv6 at most 64.
    #[must_use]
    pub fn with_prefixes(self, ipv4_bits: u8, ipv6_bits: u8) -> Self {
        let ipv4_mask = (u32::MAX as u64).unbounded_shl(32_u32.saturating_sub(ipv4_bits as u32)) as u32;
        let ipv6_mask = u64::MAX.unbounded_shl(64_u32.saturating_sub(ipv6_bits as u32));
        Self { ipv4_mask, ipv6_mask, ..self }
    }
}

impl Default for RateLimit {
    fn default() -> Self {
        let loopback = [(IpAddr::V4(Ipv4Addr::LOCALHOST), 8), (IpAddr::V6(Ipv6Addr::LOCALHOST), 128)];
        // Both lengths are within their families.
        let loopback = loopback.into_iter().filter_map(|(address, length)| Prefix::cut(address, length));
        Self {
            interval_micros: 0,
            slip: 2,
            ipv4_mask: 0,
            ipv6_mask: 0,
            exempt: loopback.collect(),
            table_size: 131_072,
        }
        .with_responses_per_second(Self::RESPONSES_PER_SECOND)
        .with_prefixes(Self::IPV4_PREFIX, Self::IPV6_PREFIX)
    }
}

#[cfg(test)]
mod tests {
    use super::{CookieSecret, RateLimit};

    #[test]
    fn masks_and_intervals_follow_from_what_is_configured() {
        let limit = RateLimit::default();
        assert_eq!((limit.ipv4_mask, limit.ipv6_mask), (0xffff_ff00, 0xffff_ffff_ffff_ff00));
        let limit = limit.with_prefixes(32, 64);
        assert_eq!((limit.ipv4_mask, limit.ipv6_mask), (u32::MAX, u64::MAX));
        let limit = limit.with_prefixes(1, 1);
        assert_eq!((limit.ipv4_mask, limit.ipv6_mask), (1 << 31, 1 << 63));
        for (responses, interval) in [(0, 0), (1, 1_000_000), (3, 333_333), (1_000_000, 1)] {
            assert_eq!(RateLimit::default().with_responses_per_second(responses).interval_micros, interval);
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        assert_eq!(format!("{:?}", [CookieSecret([7; 16])]), "[CookieSecret(...)]");
    }
}
