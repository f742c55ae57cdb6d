//! The client subnet option (RFC 7871). Knows nothing of where clients are.

use super::OPTION_HEADER_LEN;
use crate::wire::Malformed;
use crate::wire::numbers::option;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// FAMILY of IPv4 in a client subnet option (address family numbers of IANA).
const FAMILY_IPV4: u16 = 1;
/// FAMILY of IPv6.
const FAMILY_IPV6: u16 = 2;
/// Octets of an option's data in front of the address: FAMILY, SOURCE, SCOPE.
const FIXED_LEN: usize = 4;
/// Octets of an option in front of the address.
const HEAD_LEN: usize = OPTION_HEADER_LEN + FIXED_LEN;
/// Octets of the longest address.
const ADDRESS_LEN_MAX: usize = 16;
/// Octets of the longest option.
pub(super) const OPTION_LEN_MAX: usize = HEAD_LEN + ADDRESS_LEN_MAX;
/// Where in an option the second octet of its length stands; the first is 0.
const LEN_LOW_AT: usize = 3;
/// Where in an option SOURCE stands.
const SOURCE_AT: usize = HEAD_LEN - 2;
/// The second octet of the option's code; the first is 0.
const CODE_LOW: u8 = option::CLIENT_SUBNET as u8;

/// An option's head as one word: code, length, FAMILY, SOURCE, SCOPE. What is always the same in one with a short address (the
/// code, the first octets of length and FAMILY, SCOPE), which octets that are, the length's among them, and where that stands.
const SHORT: u64 = (option::CLIENT_SUBNET as u64) << 48;
const SHORT_MASK: u64 = 0xffff_ffff_ff00_00ff;
const SHORT_LEN_SHIFT: u32 = 32;

/// A client subnet option as it came in a query: every rule of RFC 7871 section 7.1.2 holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSubnet {
    /// The option up to the address, with SCOPE 0.
    head: [u8; HEAD_LEN],
    /// What the option's length does not count is zero.
    address: [u8; ADDRESS_LEN_MAX],
}

impl ClientSubnet {
    /// Reads the option's data. FAMILY 0 is taken with SOURCE 0 only; it gives no address and is sent back.
    pub fn parse(data: &[u8]) -> Result<Self, Malformed> {
        let (&fixed, address) = data.split_first_chunk::<FIXED_LEN>().ok_or(Malformed::ClientSubnet)?;
        let mut octets = [0; ADDRESS_LEN_MAX];
        octets.get_mut(..address.len()).ok_or(Malformed::ClientSubnet)?.copy_from_slice(address);
        let mut head = [0, CODE_LOW, 0, data.len() as u8, 0, 0, 0, 0];
        head[OPTION_HEADER_LEN..].copy_from_slice(&fixed);
        Self::new(head, address, octets).ok_or(Malformed::ClientSubnet)
    }

    /// Reads the whole option, which ends where `option` does, when its address has 1 to 8 octets, as nearly all have.
    /// `None`: another address, another option, or a mistake.
    #[inline(always)]
    pub(super) fn parse_short(option: &[u8]) -> Option<Self> {
        let (head, address) = option.split_first_chunk::<HEAD_LEN>()?;
        let word = u64::from_be_bytes(*head);
        let [.., family, source, _] = *head;
        // FAMILY 1 or 2, whose addresses have 32 and 128 bits.
        let is_address = matches!(address.len(), 1..=8) && matches!(family, 1..=2) && source <= 8 << (2 * family);
        let len = (FIXED_LEN + address.len()) as u64;
        let expected = SHORT | len << SHORT_LEN_SHIFT;
        // Fewer bits than an octet has are beyond SOURCE, where there are just as many octets as it needs.
        let bits_beyond = (8 * address.len()).wrapping_sub(source.into());
        if !is_address || word & SHORT_MASK != expected || bits_beyond >= 8 {
            return None;
        }
        // The last 8 octets are read at once, and those that are no part of the address shifted out.
        let last = u64::from_be_bytes(*option.last_chunk()?);
        if last & !(u64::MAX << bits_beyond) != 0 {
            return None;
        }
        let octets = last << (8 * (8 - address.len()));
        Some(Self { head: *head, address: u128::from(octets.swap_bytes()).to_le_bytes() })
    }

    /// The option with these octets in front of `address`, if no rule is broken; code and length are right. `octets` is
    /// the address, filled up with zeros.
    #[inline(always)]
    fn new(head: [u8; HEAD_LEN], address: &[u8], octets: [u8; ADDRESS_LEN_MAX]) -> Option<Self> {
        let [_, _, _, _, family_high, family_low, source, scope] = head;
        let bits = match u16::from_be_bytes([family_high, family_low]) {
            0 => 0,
            FAMILY_IPV4 => 32,
            FAMILY_IPV6 => 128,
            _ => return None,
        };
        // Fewer than an octet has, where there are just as many octets as SOURCE needs.
        let bits_beyond = (8 * address.len()).wrapping_sub(source.into());
        let surplus = address.last().is_some_and(|last| last & !(0xff << (bits_beyond % 8)) != 0);
        if source > bits || scope != 0 || bits_beyond >= 8 || surplus {
            return None;
        }
        Some(Self { head, address: octets })
    }

    /// The client's address and how many of its bits are known; `None` when the option says nothing of the client
    /// (SOURCE 0).
    #[inline(always)]
    #[must_use]
    pub fn client(&self) -> Option<(IpAddr, u8)> {
        let ([.., family, source, _], octets) = (self.head, self.address);
        let address = match u16::from(family) {
            _ if source == 0 => return None,
            FAMILY_IPV4 => {
                let [a, b, c, d, ..] = octets;
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            _ => IpAddr::V6(Ipv6Addr::from(octets)),
        };
        Some((address, source))
    }

    /// Whether the option says nothing of the client.
    #[inline(always)]
    #[must_use]
    pub const fn says_nothing(&self) -> bool {
        self.head[SOURCE_AT] == 0
    }

    /// Octets of the whole option in a message.
    #[inline(always)]
    #[must_use]
    pub fn option_len(&self) -> usize {
        OPTION_HEADER_LEN + usize::from(self.head[LEN_LOW_AT])
    }

    /// Writes the option with `scope`, else as it came, to the start of `room`, of which [`Self::option_len`] octets count.
    #[inline(always)]
    pub(super) fn write(&self, scope: u8, room: &mut [u8; OPTION_LEN_MAX]) {
        // SCOPE is the last octet of the head, and was 0.
        let head = u64::from_be_bytes(self.head) | u64::from(scope);
        room[..HEAD_LEN].copy_from_slice(&head.to_be_bytes());
        room[HEAD_LEN..].copy_from_slice(&self.address);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::ClientSubnet;
    use crate::wire::Malformed;

    #[test]
    fn rfc7871_client_subnets_that_break_a_rule_are_malformed() {
        let refused: [&[u8]; 16] = [
            b"",
            b"\x01",
            b"\x00\x01\x18",
            // SOURCE beyond the family's bits.
            b"\x00\x01\x21\x00\xc0\x00\x02\x00\x00",
            b"\x00\x02\x81\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05\x00",
            // Octets missing.
            b"\x00\x01\x20\x00\x00\x00\x00",
            b"\x00\x02\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
            // Families nobody knows.
            b"\x00\x03\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
            b"\x00\x2a\x00\x00",
            b"\x00\x00\x01\x00\x80",
            // Octets too many.
            b"\x00\x01\x18\x00\xc0\x00\x02\x01",
            b"\x00\x01\x00\x00\x00",
            b"\x00\x00\x00\x00\x00",
            // Bits too many.
            b"\x00\x01\x1f\x00\xc0\x00\x02\x01",
            // SCOPE in a query.
            b"\x00\x01\x18\x01\xc0\x00\x02\x00",
            b"\x00\x01\x00\x01",
        ];
        for data in refused {
            assert_eq!(ClientSubnet::parse(data), Err(Malformed::ClientSubnet), "{data:x?}");
        }
    }

    #[test]
    fn rfc7871_client_subnets_are_read_and_sent_back() {
        type Taken = (&'static [u8], Option<(&'static str, u8)>);
        let taken: [Taken; 7] = [
            (b"\x00\x01\x18\x00\xc0\x00\x02", Some(("192.0.2.0", 24))),
            (b"\x00\x01\x1b\x00\xc0\x00\x02\x20", Some(("192.0.2.32", 27))),
            (b"\x00\x01\x01\x00\x80", Some(("128.0.0.0", 1))),
            (b"\x00\x02\x38\x00\x20\x01\x0d\xb8\x00\x01\x02", Some(("2001:db8:1:200::", 56))),
            (b"\x00\x01\x00\x00", None),
            (b"\x00\x02\x00\x00", None),
            (b"\x00\x00\x00\x00", None),
        ];
        for (data, client) in taken {
            let subnet = ClientSubnet::parse(data).unwrap();
            assert_eq!(subnet.client(), client.map(|(address, bits)| (address.parse().unwrap(), bits)), "{data:x?}");
            let mut out = [0xee; 24];
            subnet.write(7, &mut out);
            let expected = [&[0, 8, 0, data.len() as u8], &data[..3], &[7], &data[4..]].concat();
            assert_eq!(out[..subnet.option_len()], expected, "{data:x?}");
        }
    }
}
