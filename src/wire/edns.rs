//! EDNS: what an OPT record of a query says, and the OPT record of a response (RFC 6891), with the options that this
//! server understands: EDNS Client Subnet (RFC 7871) and Extended DNS Errors (RFC 8914). Others are skipped.

use super::Malformed;
use super::numbers::{Rcode, option, rtype};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the OPT record of a query says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// Largest UDP response that the client takes, in octets, as it said.
    pub udp_len: u16,
    /// The version of EDNS.
    pub version: u8,
    /// The DO flag: DNSSEC records are welcome.
    pub dnssec_ok: bool,
    /// The client subnet option.
    pub client_subnet: Option<ClientSubnet>,
}

/// The DO flag among the flags of an OPT record.
const DNSSEC_OK: u16 = 0x8000;
/// Octets in front of an option's data: code and length.
const OPTION_HEADER_LEN: usize = 4;
/// FAMILY of IPv4 in a client subnet option (address family numbers of IANA).
const FAMILY_IPV4: u16 = 1;
/// FAMILY of IPv6.
const FAMILY_IPV6: u16 = 2;

impl Edns {
    /// What the OPT record says in its CLASS and TTL.
    #[must_use]
    pub const fn new(class: u16, ttl: u32) -> Self {
        let dnssec_ok = ttl as u16 & DNSSEC_OK != 0;
        Self { udp_len: class, version: (ttl >> 16) as u8, dnssec_ok, client_subnet: None }
    }

    /// Adds what the options in the RDATA say. Those of a version other than 0 are not looked at, nor is the client subnet
    /// unless `with_client_subnet`.
    pub fn read_options(&mut self, rdata: &[u8], with_client_subnet: bool) -> Result<(), Malformed> {
        if self.version == 0 && !rdata.is_empty() {
            self.client_subnet = client_subnet_among(rdata, with_client_subnet)?;
        }
        Ok(())
    }
}

fn client_subnet_among(mut options: &[u8], wanted: bool) -> Result<Option<ClientSubnet>, Malformed> {
    let mut found = None;
    while let Some((header, rest)) = options.split_first_chunk::<OPTION_HEADER_LEN>() {
        let [code_high, code_low, len_high, len_low] = *header;
        let len = usize::from(u16::from_be_bytes([len_high, len_low]));
        let (data, rest) = rest.split_at_checked(len).ok_or(Malformed::Opt)?;
        if u16::from_be_bytes([code_high, code_low]) == option::CLIENT_SUBNET && wanted {
            // RFC 7871 speaks of one option; which of two were meant nobody can know.
            if found.replace(ClientSubnet::parse(data)?).is_some() {
                return Err(Malformed::ClientSubnet);
            }
        }
        options = rest;
    }
    if options.is_empty() { Ok(found) } else { Err(Malformed::Opt) }
}

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
    fn write<'o>(&self, scope: u8, out: &'o mut [u8]) -> &'o mut [u8] {
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

/// An Extended DNS Error (RFC 8914): why there is no better answer, for people who look into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    /// INFO-CODE.
    pub code: u16,
    /// EXTRA-TEXT, at most [`EXTRA_TEXT_LEN_MAX`] octets of UTF-8; may be empty.
    pub text: &'static str,
}

/// Most octets of an error's text: with it, a question and a client subnet of any length a response stays below 512
/// octets.
pub const EXTRA_TEXT_LEN_MAX: usize = 100;

impl ExtendedError {
    /// Octets of the whole option in a message.
    #[must_use]
    pub const fn option_len(&self) -> usize {
        OPTION_HEADER_LEN + 2 + self.text.len()
    }

    fn write<'o>(&self, out: &'o mut [u8]) -> &'o mut [u8] {
        let (option, rest) = out.split_at_mut(self.option_len());
        option[..2].copy_from_slice(&option::EXTENDED_ERROR.to_be_bytes());
        option[2..4].copy_from_slice(&(2 + self.text.len() as u16).to_be_bytes());
        option[4..6].copy_from_slice(&self.code.to_be_bytes());
        option[6..].copy_from_slice(self.text.as_bytes());
        rest
    }
}

/// Octets of an OPT record without options.
pub const OPT_LEN_MIN: usize = 11;

/// The OPT record of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptAnswer {
    /// Largest UDP message that this server takes, in octets.
    pub udp_len: u16,
    /// Copied from the query (RFC 3225, section 3).
    pub dnssec_ok: bool,
    /// The client subnet option of the query and the SCOPE of this response.
    pub client_subnet: Option<(ClientSubnet, u8)>,
    /// Why there is no better answer.
    pub error: Option<ExtendedError>,
}

impl OptAnswer {
    /// Octets of the whole record.
    #[must_use]
    pub fn record_len(&self) -> usize {
        OPT_LEN_MIN + self.options_len()
    }

    fn options_len(&self) -> usize {
        let client_subnet = self.client_subnet.map_or(0, |(subnet, _)| subnet.option_len());
        client_subnet + self.error.map_or(0, |error| error.option_len())
    }

    /// Writes the record at the start of `out`, which has room for [`OptAnswer::record_len`] octets.
    pub(super) fn write(&self, rcode: Rcode, out: &mut [u8]) {
        let [type_high, type_low] = rtype::OPT.to_be_bytes();
        let [udp_high, udp_low] = self.udp_len.to_be_bytes();
        let [flags_high, flags_low] = if self.dnssec_ok { DNSSEC_OK.to_be_bytes() } else { [0, 0] };
        let [len_high, len_low] = (self.options_len() as u16).to_be_bytes();
        let extended_rcode = (rcode.0 >> 4) as u8;
        let (fixed, mut rest) = out.split_at_mut(OPT_LEN_MIN);
        // Owner, TYPE, CLASS, TTL (extended RCODE, version, flags), RDLENGTH.
        fixed.copy_from_slice(&[
            0,
            type_high,
            type_low,
            udp_high,
            udp_low,
            extended_rcode,
            0,
            flags_high,
            flags_low,
            len_high,
            len_low,
        ]);
        if let Some((subnet, scope)) = self.client_subnet {
            rest = subnet.write(scope, rest);
        }
        if let Some(error) = self.error {
            error.write(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{ClientSubnet, Edns, ExtendedError, OptAnswer};
    use crate::wire::{Malformed, Rcode};

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

    #[test]
    fn options_must_fill_the_record_and_unknown_ones_are_skipped() {
        let read = |rdata: &[u8], wanted| {
            let mut edns = Edns::new(1232, 0);
            edns.read_options(rdata, wanted).map(|()| edns.client_subnet)
        };
        let subnet = b"\x00\x08\x00\x07\x00\x01\x18\x00\xc0\x00\x02";
        let cookie = b"\x00\x0a\x00\x08\x01\x02\x03\x04\x05\x06\x07\x08";
        assert!(read(&[&cookie[..], subnet, cookie].concat(), true).unwrap().is_some());
        assert_eq!(read(&[&subnet[..], subnet].concat(), true), Err(Malformed::ClientSubnet));
        assert_eq!(read(&[&subnet[..], subnet].concat(), false), Ok(None));
        assert_eq!(read(b"\x00\x08\x00\x01\x01", false), Ok(None), "an unused option may hold anything");
        for len in 1..cookie.len() {
            assert_eq!(read(&cookie[..len], true), Err(Malformed::Opt), "{len}");
        }
    }

    #[test]
    fn what_comes_behind_another_version_is_not_looked_at() {
        let mut edns = Edns::new(4096, 0x0001_8000);
        assert_eq!((edns.version, edns.dnssec_ok, edns.udp_len), (1, true, 4096));
        assert_eq!(edns.read_options(b"\xff", true), Ok(()));
    }

    #[test]
    fn an_opt_record_is_written_as_long_as_it_says() {
        let subnet = ClientSubnet::parse(b"\x00\x01\x18\x00\xc0\x00\x02").unwrap();
        let error = ExtendedError { code: 20, text: "no" };
        let opt = OptAnswer { udp_len: 1232, dnssec_ok: true, client_subnet: Some((subnet, 16)), error: Some(error) };
        let mut out = vec![0xee; opt.record_len()];
        opt.write(Rcode::BADVERS, &mut out);
        let expected = b"\x00\x00\x29\x04\xd0\x01\x00\x80\x00\x00\x13\
            \x00\x08\x00\x07\x00\x01\x18\x10\xc0\x00\x02\
            \x00\x0f\x00\x04\x00\x14no";
        assert_eq!(out, expected);
    }
}
