//! The cookie option of a query (RFC 7873) as octets. Knows no secrets.

use crate::wire::Malformed;

/// Octets of a client cookie.
pub const CLIENT_LEN: usize = 8;
/// Octets of a server cookie that all kinds of servers can share (RFC 9018).
pub const SERVER_LEN: usize = 16;
/// Octets of the whole option's data in a response.
pub const COOKIE_LEN: usize = CLIENT_LEN + SERVER_LEN;
/// Octets of the option's data when it has a server cookie of any make.
const WITH_SERVER_LEN: std::ops::RangeInclusive<usize> = 16..=40;

/// The cookie option of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// What the client made, to know a response by.
    pub client: [u8; CLIENT_LEN],
    /// What a server gave it earlier.
    pub server: ServerCookie,
}

/// The second part of a cookie option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerCookie {
    /// None yet.
    Absent,
    /// One of the length that RFC 9018 asks for.
    Interoperable([u8; SERVER_LEN]),
    /// One of another length, which no server of our kind has made.
    Foreign,
}

impl Cookie {
    /// Reads the option's data.
    pub fn parse(data: &[u8]) -> Result<Self, Malformed> {
        let (&client, rest) = data.split_first_chunk::<CLIENT_LEN>().ok_or(Malformed::Cookie)?;
        let server = match rest.try_into() {
            Ok(server) => ServerCookie::Interoperable(server),
            Err(_) if rest.is_empty() => ServerCookie::Absent,
            Err(_) if WITH_SERVER_LEN.contains(&data.len()) => ServerCookie::Foreign,
            Err(_) => return Err(Malformed::Cookie),
        };
        Ok(Self { client, server })
    }
}

#[cfg(test)]
mod tests {
    use super::{Cookie, ServerCookie};
    use crate::wire::Malformed;

    #[test]
    fn rfc7873_a_cookie_has_8_octets_or_16_to_40() {
        for len in 0..=64 {
            let data: Vec<u8> = (0..len).collect();
            let expected = match len {
                8 => Ok(ServerCookie::Absent),
                24 => Ok(ServerCookie::Interoperable(std::array::from_fn(|at| at as u8 + 8))),
                16..=40 => Ok(ServerCookie::Foreign),
                _ => Err(Malformed::Cookie),
            };
            let client = [0, 1, 2, 3, 4, 5, 6, 7];
            assert_eq!(Cookie::parse(&data), expected.map(|server| Cookie { client, server }), "{len}");
        }
    }
}
