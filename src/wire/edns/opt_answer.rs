//! The OPT record of a response.

use super::client_subnet::OPTION_LEN_MAX;
use super::cookie::COOKIE_LEN;
use super::{ClientSubnet, DNSSEC_OK, OPTION_HEADER_LEN};
use crate::wire::numbers::{Rcode, option, rtype};

/// An Extended DNS Error (RFC 8914): why there is no better answer, for people who look into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    /// INFO-CODE.
    pub code: u16,
    /// EXTRA-TEXT, at most [`EXTRA_TEXT_LEN_MAX`] octets of UTF-8; may be empty.
    pub text: &'static str,
}

/// Most octets of an error's text: with it, a question of any length and all other options a response stays below 512
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptAnswer<'a> {
    /// Largest UDP message that this server takes, in octets.
    pub udp_len: u16,
    /// Copied from the query (RFC 3225, section 3).
    pub dnssec_ok: bool,
    /// The client subnet option of the query and the SCOPE of this response.
    pub client_subnet: Option<(&'a ClientSubnet, u8)>,
    /// The options that few responses have.
    pub others: Option<&'a OtherOptions<'a>>,
}

/// The options of a response but that of the client subnet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtherOptions<'a> {
    /// The client's cookie and the server's (RFC 7873).
    pub cookie: Option<[u8; COOKIE_LEN]>,
    /// Which server this is (RFC 5001).
    pub nsid: Option<&'a [u8]>,
    /// How long a connection may be idle before it is closed, in units of 100 ms (RFC 7828).
    pub keepalive: Option<u16>,
    /// Why there is no better answer.
    pub error: Option<ExtendedError>,
}

impl OptAnswer<'_> {
    /// Octets of the whole record.
    #[inline(always)]
    #[must_use]
    pub fn record_len(&self) -> usize {
        let client_subnet = self.client_subnet.map_or(0, |(subnet, _)| subnet.option_len());
        OPT_LEN_MIN + client_subnet + self.others.map_or(0, OtherOptions::len)
    }

    /// Writes the record at the start of `out`, which has room for [`OptAnswer::record_len`] octets, and returns how many
    /// these are. What is in `out` behind the record does not stay as it was.
    #[inline(always)]
    pub(in crate::wire) fn write(&self, rcode: Rcode, out: &mut [u8]) -> usize {
        let len = match out.first_chunk_mut() {
            Some(start) => self.write_start(rcode, start),
            None => self.write_start_exactly(rcode, out),
        };
        self.others.map_or(len, |others| others.write(len, out))
    }

    /// Writes the record with no option but that of the client subnet; returns its length.
    #[inline(always)]
    fn write_start(self, rcode: Rcode, out: &mut [u8; OPT_LEN_MIN + OPTION_LEN_MAX]) -> usize {
        // Owner, TYPE, CLASS, TTL (extended RCODE, version, flags), RDLENGTH.
        let [type_high, type_low] = rtype::OPT.to_be_bytes();
        let [udp_high, udp_low] = self.udp_len.to_be_bytes();
        let [flags_high, flags_low] = if self.dnssec_ok { DNSSEC_OK.to_be_bytes() } else { [0, 0] };
        let extended_rcode = (rcode.0 >> 4) as u8;
        let mut len = 0;
        if let (Some((subnet, scope)), Some(room)) = (self.client_subnet, out.last_chunk_mut()) {
            subnet.write(scope, room);
            len = subnet.option_len();
        }
        let fixed = [0, type_high, type_low, udp_high, udp_low, extended_rcode, 0, flags_high, flags_low, 0, len as u8];
        out[..OPT_LEN_MIN].copy_from_slice(&fixed);
        OPT_LEN_MIN + len
    }

    /// As [`Self::write_start`], where there may be no more room than the record takes.
    #[cold]
    fn write_start_exactly(self, rcode: Rcode, out: &mut [u8]) -> usize {
        let mut start = [0; OPT_LEN_MIN + OPTION_LEN_MAX];
        let len = self.write_start(rcode, &mut start);
        out[..len].copy_from_slice(&start[..len]);
        len
    }
}

impl OtherOptions<'_> {
    /// Octets of all of them in a message.
    #[inline(never)]
    fn len(&self) -> usize {
        let cookie = self.cookie.map_or(0, |cookie| OPTION_HEADER_LEN + cookie.len());
        let nsid = self.nsid.map_or(0, |nsid| OPTION_HEADER_LEN + nsid.len());
        let keepalive = self.keepalive.map_or(0, |_| OPTION_HEADER_LEN + 2);
        cookie + nsid + keepalive + self.error.map_or(0, |error| error.option_len())
    }

    /// Adds them to the OPT record at the start of `out`, which has `record_len` octets so far; returns its length.
    #[inline(never)]
    fn write(&self, record_len: usize, out: &mut [u8]) -> usize {
        let mut rest = &mut out[record_len..];
        let room = rest.len();
        if let Some(cookie) = &self.cookie {
            rest = write_option(option::COOKIE, cookie, rest);
        }
        if let Some(nsid) = self.nsid {
            rest = write_option(option::NSID, nsid, rest);
        }
        if let Some(timeout) = self.keepalive {
            rest = write_option(option::TCP_KEEPALIVE, &timeout.to_be_bytes(), rest);
        }
        if let Some(error) = self.error {
            rest = error.write(rest);
        }
        let len = record_len + (room - rest.len());
        out[OPT_LEN_MIN - 2..OPT_LEN_MIN].copy_from_slice(&((len - OPT_LEN_MIN) as u16).to_be_bytes());
        len
    }
}

/// Writes an option; returns what of `out` is left.
fn write_option<'o>(code: u16, data: &[u8], out: &'o mut [u8]) -> &'o mut [u8] {
    let (option, rest) = out.split_at_mut(OPTION_HEADER_LEN + data.len());
    option[..2].copy_from_slice(&code.to_be_bytes());
    option[2..4].copy_from_slice(&(data.len() as u16).to_be_bytes());
    option[4..].copy_from_slice(data);
    rest
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{ClientSubnet, ExtendedError, OptAnswer, OtherOptions};
    use crate::wire::Rcode;

    #[test]
    fn an_opt_record_is_written_as_long_as_it_says() {
        let subnet = ClientSubnet::parse(b"\x00\x01\x18\x00\xc0\x00\x02").unwrap();
        let others = OtherOptions {
            cookie: Some(*b"abcdefghijklmnopqrstuvwx"),
            nsid: Some(b"fra1"),
            keepalive: Some(100),
            error: Some(ExtendedError { code: 20, text: "no" }),
        };
        let opt =
            OptAnswer { udp_len: 1232, dnssec_ok: true, client_subnet: Some((&subnet, 16)), others: Some(&others) };
        let mut out = vec![0xee; opt.record_len()];
        opt.write(Rcode::BADVERS, &mut out);
        let expected = b"\x00\x00\x29\x04\xd0\x01\x00\x80\x00\x00\x3d\
            \x00\x08\x00\x07\x00\x01\x18\x10\xc0\x00\x02\
            \x00\x0a\x00\x18abcdefghijklmnopqrstuvwx\
            \x00\x03\x00\x04fra1\
            \x00\x0b\x00\x02\x00\x64\
            \x00\x0f\x00\x04\x00\x14no";
        assert_eq!(out, expected);
    }

    #[test]
    fn an_opt_record_without_options_has_11_octets() {
        let mut out = [0xee; 11];
        let opt = OptAnswer { udp_len: 512, ..OptAnswer::default() };
        assert_eq!(opt.record_len(), 11);
        opt.write(Rcode::NOERROR, &mut out);
        assert_eq!(out, *b"\x00\x00\x29\x02\x00\x00\x00\x00\x00\x00\x00");
    }
}
