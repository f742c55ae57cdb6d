//! The client subnet option (RFC 7871). Knows nothing of where clients are.

use super::OPTION_HEADER_LEN;
use crate::wire::Malformed;
use crate::wire::numbers::option;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// FAMILY of IPv4 in a client subnet option (address family numbers of IANA).
const FAMILY_IPV4: u16 = 1;
/// FAMILY of IPv6.
const FAMILY_IPV6: u16 = 2;

/// A client subnet option as it came in a query: every rule of RFC 7871 section 7.1.2 holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSubnet {
    family: u16,
    source: u8,
    /// As many octets as `source` needs; the rest is zero.
    octets: [u8; 16],
}

impl ClientSubnet {
    /// Reads the option's data. FAMILY 0 is taken with SOURCE 0 only; it gives no address and is sent back.
    pub fn parse(data: &[u8]) -> Result<Self, Malformed> {
        let Some((&[family_high, family_low, source, scope], address)) = data.split_first_chunk::<4>() else {
            return Err(Malformed::ClientSubnet);
        };
        let family = u16::from_be_bytes([family_high, family_low]);
        let bits = match family {
            0 => 0,
            FAMILY_IPV4 => 32,
            FAMILY_IPV6 => 128,
            _ => return Err(Malformed::ClientSubnet),
        };
        let surplus_bits = (8 - source % 8) % 8;
        let surplus = address.last().is_some_and(|last| last.trailing_zeros() < u32::from(surplus_bits));
        if source > bits || scope != 0 || address.len() != octets_for(source) || surplus {
            return Err(Malformed::ClientSubnet);
        }
        let mut octets = [0; 16];
        octets[..address.len()].copy_from_slice(address);
        Ok(Self { family, source, octets })
    }

    /// The client's address and how many of its bits are known; `None` when the option says nothing of the client
    /// (SOURCE 0).
    #[must_use]
    pub fn client(&self) -> Option<(IpAddr, u8)> {
        let address = match self.family {
            _ if self.source == 0 => return None,
            FAMILY_IPV4 => {
                let [a, b, c, d, ..] = self.octets;
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            _ => IpAddr::V6(Ipv6Addr::from(self.octets)),
        };
        Some((address, self.source))
    }

    /// Octets of the whole option in a message.
    #[must_use]
    pub fn option_len(&self) -> usize {
        OPTION_HEADER_LEN + 4 + octets_for(self.source)
    }

    /// Writes the option with `scope`, else as it came; returns what of `out` is left.
    pub(super) fn write<'o>(&self, scope: u8, out: &'o mut [u8]) -> &'o mut [u8] {
        let address = octets_for(self.source);
        let [code_high, code_low] = option::CLIENT_SUBNET.to_be_bytes();
        let [family_high, family_low] = self.family.to_be_bytes();
        let (option, rest) = out.split_at_mut(OPTION_HEADER_LEN + 4 + address);
        let fixed = [code_high, code_low, 0, 4 + address as u8, family_high, family_low, self.source, scope];
        option[..8].copy_from_slice(&fixed);
        option[8..].copy_from_slice(&self.octets[..address]);
        rest
    }
}

/// Octets that hold `bits` bits.
fn octets_for(bits: u8) -> usize {
    usize::from(bits).div_ceil(8)
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
            let mut out = [0xee; 32];
            assert_eq!(subnet.write(7, &mut out).len(), 32 - subnet.option_len());
            let expected = [&[0, 8, 0, data.len() as u8], &data[..3], &[7], &data[4..]].concat();
            assert_eq!(out[..subnet.option_len()], expected, "{data:x?}");
        }
    }
}
