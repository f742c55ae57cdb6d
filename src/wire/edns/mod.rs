//! EDNS: what an OPT record of a query says, and the OPT record of a response (RFC 6891), with the options that this
//! server understands: NSID (RFC 5001), EDNS Client Subnet (RFC 7871), cookies (RFC 7873), TCP keepalive (RFC 7828) and
//! Extended DNS Errors (RFC 8914). Others are skipped.

pub mod client_subnet;
pub mod cookie;
pub mod opt_answer;

pub use client_subnet::ClientSubnet;
pub use cookie::{Cookie, ServerCookie};
pub use opt_answer::{ExtendedError, OptAnswer, OtherOptions};

use super::Malformed;
use super::numbers::{option, rtype};
use opt_answer::OPT_LEN_MIN;

/// The DO flag among the flags of an OPT record.
const DNSSEC_OK: u16 = 0x8000;
/// The second octet of the type OPT; the first is 0.
const OPT_LOW: u8 = rtype::OPT as u8;
/// Octets in front of an option's data: code and length.
const OPTION_HEADER_LEN: usize = 4;

/// Which options are looked at. Those that are not are unknown ones, which are skipped whatever is in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Understood {
    /// EDNS Client Subnet.
    pub client_subnet: bool,
    /// Cookies.
    pub cookie: bool,
    /// TCP keepalive, which means nothing over a transport without connections (RFC 7828, section 3.2.1).
    pub keepalive: bool,
}

impl Understood {
    /// All of them.
    pub const ALL: Self = Self { client_subnet: true, cookie: true, keepalive: true };
}

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
    /// The cookie option.
    pub cookie: Option<Cookie>,
    /// Whether the client asks which server this is.
    pub wants_nsid: bool,
    /// Whether the client asks how long a connection may be idle.
    pub wants_keepalive: bool,
}

impl Edns {
    /// What the OPT record says in its CLASS and TTL.
    #[must_use]
    pub const fn new(class: u16, ttl: u32) -> Self {
        let dnssec_ok = ttl as u16 & DNSSEC_OK != 0;
        Self {
            udp_len: class,
            version: (ttl >> 16) as u8,
            dnssec_ok,
            client_subnet: None,
            cookie: None,
            wants_nsid: false,
            wants_keepalive: false,
        }
    }

    /// Whether it has any option that is answered, but the client subnet.
    #[inline(always)]
    #[must_use]
    pub const fn has_others(&self) -> bool {
        self.cookie.is_some() || self.wants_nsid || self.wants_keepalive
    }

    /// Sets `edns` to what an OPT record says that fills `record`, and whose one option is the client subnet: the commonest
    /// of those with options. Leaves it as it was for another one, or one with a mistake.
    #[inline(never)]
    pub fn read_with_client_subnet(edns: &mut Option<Self>, record: &[u8]) {
        let Some((fixed, rdata)) = record.split_first_chunk::<OPT_LEN_MIN>() else { return };
        let [start @ .., len_high, len_low] = *fixed;
        let [0, 0, OPT_LOW, class_high, class_low, _, version, t2, t3] = start else { return };
        if version != 0 || usize::from(u16::from_be_bytes([len_high, len_low])) != rdata.len() {
            return;
        }
        let Some(client_subnet) = ClientSubnet::parse_short(rdata) else { return };
        let class = u16::from_be_bytes([class_high, class_low]);
        let ttl = u32::from_be_bytes([0, 0, t2, t3]);
        *edns = Some(Self { client_subnet: Some(client_subnet), ..Self::new(class, ttl) });
    }

    /// Adds what the options in the RDATA say, as far as they are `understood`. Those of a version other than 0 are not
    /// looked at.
    pub fn read_options(&mut self, rdata: &[u8], understood: Understood) -> Result<(), Malformed> {
        if self.version == 0 && !rdata.is_empty() { self.read_each_option(rdata, understood) } else { Ok(()) }
    }

    fn read_each_option(&mut self, mut options: &[u8], understood: Understood) -> Result<(), Malformed> {
        while let Some((header, rest)) = options.split_first_chunk::<OPTION_HEADER_LEN>() {
            let [code_high, code_low, len_high, len_low] = *header;
            let len = usize::from(u16::from_be_bytes([len_high, len_low]));
            let (data, rest) = rest.split_at_checked(len).ok_or(Malformed::Opt)?;
            match u16::from_be_bytes([code_high, code_low]) {
                option::CLIENT_SUBNET if understood.client_subnet => {
                    // RFC 7871 speaks of one option; which of two were meant nobody can know.
                    let earlier = self.client_subnet.replace(ClientSubnet::parse(data)?);
                    if earlier.is_some() {
                        return Err(Malformed::ClientSubnet);
                    }
                }
                // Of several the first one counts (RFC 7873, section 5.2).
                option::COOKIE if understood.cookie && self.cookie.is_none() => {
                    self.cookie = Some(Cookie::parse(data)?);
                }
                option::NSID => self.wants_nsid = true,
                option::TCP_KEEPALIVE if understood.keepalive => {
                    // Only servers say how long (RFC 7828, section 3.2.1).
                    if !data.is_empty() {
                        return Err(Malformed::Keepalive);
                    }
                    self.wants_keepalive = true;
                }
                _ => {}
            }
            options = rest;
        }
        if options.is_empty() { Ok(()) } else { Err(Malformed::Opt) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Cookie, Edns, ServerCookie, Understood};
    use crate::wire::Malformed;

    const NOTHING: Understood = Understood { client_subnet: false, cookie: false, keepalive: false };
    const SUBNET: &[u8] = b"\x00\x08\x00\x07\x00\x01\x18\x00\xc0\x00\x02";
    const COOKIE: &[u8] = b"\x00\x0a\x00\x08\x01\x02\x03\x04\x05\x06\x07\x08";
    const NSID: &[u8] = b"\x00\x03\x00\x00";
    const KEEPALIVE: &[u8] = b"\x00\x0b\x00\x00";
    const UNKNOWN: &[u8] = b"\xfd\xe9\x00\x02ab";

    fn read(options: &[&[u8]], understood: Understood) -> Result<Edns, Malformed> {
        let mut edns = Edns::new(1232, 0);
        edns.read_options(&options.concat(), understood).map(|()| edns)
    }

    #[test]
    fn options_are_read_in_any_order_and_unknown_ones_are_skipped() {
        for options in [
            [SUBNET, COOKIE, NSID, KEEPALIVE, UNKNOWN],
            [UNKNOWN, KEEPALIVE, NSID, COOKIE, SUBNET],
            [COOKIE, UNKNOWN, SUBNET, KEEPALIVE, NSID],
        ] {
            let edns = read(&options, Understood::ALL).unwrap();
            let cookie = Cookie { client: [1, 2, 3, 4, 5, 6, 7, 8], server: ServerCookie::Absent };
            assert_eq!((edns.cookie, edns.wants_nsid, edns.wants_keepalive), (Some(cookie), true, true));
            assert!(edns.client_subnet.is_some());
        }
        assert_eq!(read(&[UNKNOWN, UNKNOWN], Understood::ALL), Ok(Edns::new(1232, 0)));
    }

    #[test]
    fn options_must_fill_the_record() {
        for option in [SUBNET, COOKIE, NSID, KEEPALIVE, UNKNOWN] {
            for len in 1..option.len() {
                assert_eq!(read(&[COOKIE, &option[..len]], NOTHING), Err(Malformed::Opt), "{len}");
            }
        }
    }

    #[test]
    fn rfc7873_of_several_cookies_the_first_counts() {
        let other = b"\x00\x0a\x00\x08\x08\x07\x06\x05\x04\x03\x02\x01";
        let malformed = b"\x00\x0a\x00\x01\x08";
        for second in [&other[..], malformed] {
            let edns = read(&[COOKIE, second], Understood::ALL).unwrap();
            assert_eq!(edns.cookie.unwrap().client, [1, 2, 3, 4, 5, 6, 7, 8]);
        }
        assert_eq!(read(&[malformed, COOKIE], Understood::ALL), Err(Malformed::Cookie));
    }

    #[test]
    fn malformed_options_are_errors_only_to_those_who_understand_them() {
        let mistakes: [(&[u8], Malformed); 4] = [
            (b"\x00\x08\x00\x01\x01", Malformed::ClientSubnet),
            (&[SUBNET, SUBNET].concat(), Malformed::ClientSubnet),
            (b"\x00\x0a\x00\x07\x01\x02\x03\x04\x05\x06\x07", Malformed::Cookie),
            (b"\x00\x0b\x00\x02\x00\x64", Malformed::Keepalive),
        ];
        for (options, mistake) in mistakes {
            assert_eq!(read(&[options], Understood::ALL), Err(mistake));
            assert_eq!(read(&[options], NOTHING), Ok(Edns::new(1232, 0)), "an unused option may hold anything");
        }
        assert!(read(&[b"\x00\x03\x00\x02xy"], NOTHING).unwrap().wants_nsid, "what is in the question is ignored");
    }

    #[test]
    fn what_comes_behind_another_version_is_not_looked_at() {
        let mut edns = Edns::new(4096, 0x0001_8000);
        assert_eq!((edns.version, edns.dnssec_ok, edns.udp_len), (1, true, 4096));
        assert_eq!(edns.read_options(b"\xff", Understood::ALL), Ok(()));
    }
}
