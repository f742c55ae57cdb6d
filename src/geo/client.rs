//! Clients as they are looked up: an IPv4 client in IPv6 clothes is found as IPv4. Knows no places.

use crate::base::prefix::cut_address;
use crate::base::{Family, Prefix};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address as it is looked up, and what it came as.
///
/// *Invariant:* a prefix is looked up as its first address would be, so whatever the answer's scope, all clients that the
/// scope covers are looked up alike. A prefix too short to reach into the IPv4 address of its form is therefore the IPv4
/// prefix of length 0 that begins at the form's first address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// What is looked up; host bits beyond `known_bits` are zero.
    pub address: IpAddr,
    /// How many bits of `address` were given. Teredo stores the address inverted, so the zeros of bits that were not given
    /// are ones in `address`: they count as given, and a key cut from the address is then the same for all clients that the
    /// scope covers.
    pub known_bits: u8,
    /// How the address was dressed.
    pub disguise: Disguise,
}

/// An IPv6 form that carries an IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disguise {
    /// None: looked up as it came.
    None,
    /// `::ffff:0:0/96` (RFC 4291), `64:ff9b::/96` (RFC 6052) or Teredo (RFC 4380): IPv4 in the last 32 bits.
    Last32,
    /// `2002::/16` (RFC 3056): IPv4 behind the first 16 bits.
    SixToFour,
}

/// IPv4-mapped addresses (RFC 4291, section 2.5.5.2): first address and length.
const MAPPED: (u128, u8) = (0xffff_0000_0000, 96);
/// The well-known prefix of NAT64 (RFC 6052, section 2.1).
const NAT64: (u128, u8) = (0x0064_ff9b << 96, 96);
/// 6to4 (RFC 3056, section 2).
const SIX_TO_FOUR: (u128, u8) = (0x2002 << 112, 16);
/// Teredo (RFC 4380, section 4); the address stands last, every bit inverted.
const TEREDO: (u128, u8) = (0x2001_0000 << 96, 32);

/// The IPv6 addresses that are never looked up as such.
pub(super) const DISGUISES: [(u128, u8); 4] = [MAPPED, NAT64, SIX_TO_FOUR, TEREDO];

impl Client {
    /// Undresses the first `bits` bits of `address`; more bits than the family has are all of them.
    #[must_use]
    #[inline]
    pub fn new(address: IpAddr, bits: u8) -> Self {
        let address = cut_address(address, bits);
        match address {
            IpAddr::V4(_) => Self { address, known_bits: bits.min(32), disguise: Disguise::None },
            IpAddr::V6(v6) => Self::undressed(v6, bits),
        }
    }

    fn undressed(address: Ipv6Addr, bits: u8) -> Self {
        let number = address.to_bits();
        let address = IpAddr::V6(address);
        let (v4, known_bits, disguise) = if is(address, MAPPED) || is(address, NAT64) {
            (number as u32, bits.saturating_sub(96), Disguise::Last32)
        } else if is(address, TEREDO) {
            (!(number as u32), 32, Disguise::Last32)
        } else if is(address, SIX_TO_FOUR) {
            ((number >> 80) as u32, bits.saturating_sub(16), Disguise::SixToFour)
        } else {
            return Self { address, known_bits: bits.min(128), disguise: Disguise::None };
        };
        Self { address: IpAddr::V4(Ipv4Addr::from_bits(v4)), known_bits: known_bits.min(32), disguise }
    }

    /// The ECS scope to send for a scope found in the looked-up family: plus what stands before the IPv4 address.
    #[must_use]
    #[inline]
    pub fn scope_as_sent(&self, scope: u8) -> u8 {
        self.disguise.scope_as_sent(scope)
    }
}

impl Disguise {
    /// See [`Client::scope_as_sent`].
    #[must_use]
    #[inline]
    pub fn scope_as_sent(self, scope: u8) -> u8 {
        match self {
            Self::None => scope,
            Self::Last32 => scope.saturating_add(96).min(128),
            Self::SixToFour => scope.saturating_add(16),
        }
    }
}

/// The prefix under which the clients of a configured `prefix` are looked up: the IPv4 prefix inside, where it is part of a
/// form that stores the address as it is and reaches into the address. Of other parts of the forms nobody is found inside.
#[must_use]
pub fn looked_up_as(prefix: Prefix) -> Prefix {
    let client = Client::new(prefix.address(), prefix.length());
    let stored_as_is = prefix.family() == Family::V6 && client.address.is_ipv4() && !is(prefix.address(), TEREDO);
    let inside = Prefix::cut(client.address, client.known_bits);
    inside.filter(|inside| stored_as_is && inside.length() > 0).unwrap_or(prefix)
}

/// Whether an address is of the form whose first address and length are given.
fn is(address: IpAddr, (first, length): (u128, u8)) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => (v6.to_bits() ^ first) >> (128 - length) == 0,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Client, Disguise, looked_up_as};
    use crate::base::Prefix;

    fn check(prefix: &str, address: &str, known_bits: u8, disguise: Disguise) {
        let (dressed, bits) = prefix.split_once('/').unwrap();
        let client = Client::new(dressed.parse().unwrap(), bits.parse().unwrap());
        assert_eq!(client, Client { address: address.parse().unwrap(), known_bits, disguise }, "{prefix}");
    }

    #[test]
    fn undisguised_addresses_are_looked_up_as_they_came() {
        check("192.0.2.77/24", "192.0.2.0", 24, Disguise::None);
        check("192.0.2.77/32", "192.0.2.77", 32, Disguise::None);
        check("192.0.2.77/200", "192.0.2.77", 32, Disguise::None);
        check("2001:db8::1/48", "2001:db8::", 48, Disguise::None);
        check("::1/128", "::1", 128, Disguise::None);
        check("2001:1::1/128", "2001:1::1", 128, Disguise::None);
        check("64:ff9b:1::1/128", "64:ff9b:1::1", 128, Disguise::None);
    }

    #[test]
    fn ipv4_in_ipv6_clothes_is_found_as_ipv4() {
        check("::ffff:192.0.2.77/128", "192.0.2.77", 32, Disguise::Last32);
        check("::ffff:192.0.2.77/120", "192.0.2.0", 24, Disguise::Last32);
        check("64:ff9b::192.0.2.77/128", "192.0.2.77", 32, Disguise::Last32);
        check("2002:c000:024d::1/128", "192.0.2.77", 32, Disguise::SixToFour);
        check("2002:c000:024d::/40", "192.0.2.0", 24, Disguise::SixToFour);
        // RFC 4380, section 4: 192.0.2.45 behind a NAT is stored as 3fff:fdd2.
        check("2001:0:4136:e378:8000:63bf:3fff:fdd2/128", "192.0.2.45", 32, Disguise::Last32);
    }

    #[test]
    fn a_prefix_is_looked_up_as_its_first_address() {
        check("::ffff:192.0.2.77/96", "0.0.0.0", 0, Disguise::Last32);
        check("64:ff9b::192.0.2.77/64", "0.0.0.0", 0, Disguise::Last32);
        check("2002:c000:024d::/16", "0.0.0.0", 0, Disguise::SixToFour);
        check("2002:c000:024d::/15", "0.0.0.0", 0, Disguise::SixToFour);
        check("2001:0:4136:e378::/64", "255.255.255.255", 32, Disguise::Last32);
        check("::ffff:192.0.2.77/80", "::", 80, Disguise::None);
        check("2001:db8::/0", "::", 0, Disguise::None);
    }

    #[test]
    fn the_scope_sent_counts_what_stands_before_the_ipv4_address() {
        let sent = |address: &str, scope| Client::new(address.parse().unwrap(), 128).scope_as_sent(scope);
        assert_eq!(sent("192.0.2.77", 24), 24);
        assert_eq!(sent("2001:db8::1", 48), 48);
        assert_eq!(sent("::ffff:192.0.2.77", 24), 120);
        assert_eq!(sent("2001:0:4136:e378:8000:63bf:3fff:fdd2", 32), 128);
        assert_eq!(sent("2002:c000:024d::1", 24), 40);
    }

    #[test]
    fn configured_prefixes_of_a_form_speak_of_ipv4() {
        for (configured, looked_up) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
            ("2002:c000:200::/40", "192.0.2.0/24"),
            ("2001:0:4136:e378:8000:63bf:3fff:fd00/120", "2001:0:4136:e378:8000:63bf:3fff:fd00/120"),
            ("2002::/16", "2002::/16"),
            ("::ffff:0:0/96", "::ffff:0:0/96"),
        ] {
            let prefix: Prefix = configured.parse().unwrap();
            assert_eq!(looked_up_as(prefix), looked_up.parse().unwrap(), "{configured}");
        }
    }
}
