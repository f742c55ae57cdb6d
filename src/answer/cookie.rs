//! Server cookies (RFC 7873) in the form that servers of all kinds can share (RFC 9018): a proof that the client has
//! received an earlier response at the address that it sends from. Knows no files of secrets and no policy.

use crate::snapshot::settings::CookieSecret;
use crate::wire::edns::cookie::{CLIENT_LEN, COOKIE_LEN, SERVER_LEN};
use crate::wire::{Cookie, ServerCookie};
use siphasher::{sip, sip128};
use std::net::IpAddr;

/// The version of server cookies that RFC 9018 defines.
const VERSION: u8 = 1;
/// Octets of a server cookie in front of its hash: version, three reserved ones, time.
const HEADER_LEN: usize = 8;
/// Oldest cookie that is taken, in seconds (RFC 9018, section 4.3).
const AGE_MAX: i32 = 3_600;
/// How far in the future a cookie may have been made, in seconds: by a server whose clock is ahead.
const AHEAD_MAX: i32 = 300;
/// Age from which a cookie is renewed, in seconds (RFC 9018, section 4.3).
const RENEWAL_AGE: i32 = 1_800;
/// How long one secret of our own makes cookies, in seconds. Cookies of the one before are taken as long as their age
/// allows.
const ROTATION_PERIOD: u32 = 86_400;

/// What server cookies are made and checked with.
#[derive(Clone, Copy)]
pub enum Secrets<'a> {
    /// Secrets that an operator gave: the first makes cookies, all are accepted.
    Shared(&'a [CookieSecret]),
    /// What secrets are drawn from, a new one each day. Which one made a cookie its time tells.
    Rotating(&'a CookieSecret),
}

/// What a cookie option proves, and what it is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Whether the server cookie is one of ours, for this client, and not too old.
    pub proof: Proof,
    /// The data of the option in the response.
    pub answer: [u8; COOKIE_LEN],
}

/// What a cookie option proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The client is at the address that it sends from.
    Valid,
    /// Nothing: the client had no server cookie yet.
    Missing,
    /// Nothing: the server cookie is old, or was made by somebody else or for somebody else.
    Invalid,
}

/// Judges the cookie of a query from `source` that came at `now` (Unix time in seconds). A valid server cookie that the
/// secret in use has made is sent back until it is half an hour old; all others are replaced by a new one.
#[inline(never)]
pub fn judge(cookie: &Cookie, source: IpAddr, now: u32, secrets: Secrets<'_>) -> Judged {
    let client = &cookie.client;
    let (proof, kept) = match &cookie.server {
        ServerCookie::Absent => (Proof::Missing, None),
        ServerCookie::Foreign => (Proof::Invalid, None),
        ServerCookie::Interoperable(server) => match maker(client, server, source, now, secrets) {
            None => (Proof::Invalid, None),
            Some(Maker::InUse) if age(server, now) < RENEWAL_AGE => (Proof::Valid, Some(*server)),
            Some(_) => (Proof::Valid, None),
        },
    };
    let server = kept.unwrap_or_else(|| fresh(client, source, now, secrets));
    let mut answer = [0; COOKIE_LEN];
    answer[..CLIENT_LEN].copy_from_slice(&cookie.client);
    answer[CLIENT_LEN..].copy_from_slice(&server);
    Judged { proof, answer }
}

/// The secret that has made a server cookie.
#[derive(Clone, Copy)]
enum Maker {
    /// The one that new cookies are made with.
    InUse,
    /// One that is still accepted.
    Other,
}

/// What has made a server cookie; `None` when it is not one of ours, or of another time.
fn maker(
    client: &[u8; CLIENT_LEN],
    server: &[u8; SERVER_LEN],
    source: IpAddr,
    now: u32,
    secrets: Secrets<'_>,
) -> Option<Maker> {
    if server[0] != VERSION || !(-AHEAD_MAX..=AGE_MAX).contains(&age(server, now)) {
        return None;
    }
    let has_made = |secret: &CookieSecret| with_hash(client, server, source, secret) == *server;
    let is_in_use = match secrets {
        Secrets::Shared(secrets) => secrets.iter().position(has_made)? == 0,
        Secrets::Rotating(root) if has_made(&secret_of(root, made_at(server))) => day(made_at(server)) == day(now),
        Secrets::Rotating(_) => return None,
    };
    Some(if is_in_use { Maker::InUse } else { Maker::Other })
}

fn fresh(client: &[u8; CLIENT_LEN], source: IpAddr, now: u32, secrets: Secrets<'_>) -> [u8; SERVER_LEN] {
    let mut server = [0; SERVER_LEN];
    server[0] = VERSION;
    server[4..HEADER_LEN].copy_from_slice(&now.to_be_bytes());
    match secrets {
        Secrets::Shared([first, ..]) => with_hash(client, &server, source, first),
        // Without any secret there is nothing to prove: zeros are never accepted either.
        Secrets::Shared([]) => server,
        Secrets::Rotating(root) => with_hash(client, &server, source, &secret_of(root, now)),
    }
}

/// When a server cookie says it was made, in Unix time.
fn made_at(server: &[u8; SERVER_LEN]) -> u32 {
    u32::from_be_bytes([server[4], server[5], server[6], server[7]])
}

/// Seconds since a server cookie was made, by serial number arithmetic; negative: it is of the future.
fn age(server: &[u8; SERVER_LEN], now: u32) -> i32 {
    now.wrapping_sub(made_at(server)) as i32
}

/// The day to which the time `at` belongs.
const fn day(at: u32) -> u32 {
    at / ROTATION_PERIOD
}

/// The secret of the day to which the time `at` belongs.
fn secret_of(root: &CookieSecret, at: u32) -> CookieSecret {
    CookieSecret(sip128::SipHasher24::new_with_key(&root.0).hash(&day(at).to_le_bytes()).as_bytes())
}

/// The server cookie with the hash that belongs behind its first 8 octets (RFC 9018, section 4.4).
fn with_hash(
    client: &[u8; CLIENT_LEN],
    server: &[u8; SERVER_LEN],
    source: IpAddr,
    secret: &CookieSecret,
) -> [u8; SERVER_LEN] {
    let mut input = [0; CLIENT_LEN + HEADER_LEN + 16];
    input[..CLIENT_LEN].copy_from_slice(client);
    input[CLIENT_LEN..CLIENT_LEN + HEADER_LEN].copy_from_slice(&server[..HEADER_LEN]);
    let address = &mut input[CLIENT_LEN + HEADER_LEN..];
    let address_len = match source {
        IpAddr::V4(v4) => {
            address[..4].copy_from_slice(&v4.octets());
            4
        }
        IpAddr::V6(v6) => {
            address.copy_from_slice(&v6.octets());
            16
        }
    };
    let hash = sip::SipHasher24::new_with_key(&secret.0).hash(&input[..CLIENT_LEN + HEADER_LEN + address_len]);
    let mut made = *server;
    made[HEADER_LEN..].copy_from_slice(&hash.to_le_bytes());
    made
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Proof, ROTATION_PERIOD, Secrets, judge};
    use crate::snapshot::settings::CookieSecret;
    use crate::wire::Cookie;
    use std::net::IpAddr;

    fn octets(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn secret(hex: &str) -> CookieSecret {
        CookieSecret(octets(hex).try_into().unwrap())
    }

    fn asked(hex: &str) -> Cookie {
        Cookie::parse(&octets(hex)).unwrap()
    }

    /// The examples of RFC 9018, appendix A, and what follows from them: secrets, client, time, option of the query, proof,
    /// option of the response.
    type Example = (&'static [&'static str], &'static str, u32, &'static str, Proof, &'static str);

    #[test]
    fn rfc9018_the_examples_come_out_to_the_octet() {
        const FIRST: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
        const OLD: &str = "dd3bdf9344b678b185a6f5cb60fca715";
        const NEW: &str = "445536bcd2513298075a5d379663c962";
        let learned = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
        let renewed = "2464c4abcf10c957010000005cf7a871d4a564a1442aca77";
        // Its reserved octets are not zero, and part of what is hashed.
        let reserved = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
        let (old, new) =
            ("22681ab97d52c298010000005cf7c57926556bd0934c72f8", "22681ab97d52c298010000005cf7c609a6bb79d16625507a");
        let (v4, other_v4, v6) = ("198.51.100.100", "203.0.113.203", "2001:db8:220:1:59de:d0f4:8769:82b8");
        let examples: [Example; 7] = [
            (&[FIRST], v4, 1_559_731_985, "2464c4abcf10c957", Proof::Missing, learned),
            (&[FIRST], v4, 1_559_734_385, learned, Proof::Valid, renewed),
            (&[FIRST], other_v4, 1_559_728_000, reserved, Proof::Valid, reserved),
            // The RFC takes it after nearly two hours, which is longer than it recommends and this server does.
            (
                &[FIRST],
                other_v4,
                1_559_734_700,
                reserved,
                Proof::Invalid,
                "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e",
            ),
            (&[NEW, OLD], v6, 1_559_741_961, old, Proof::Valid, new),
            (&[NEW], v6, 1_559_741_961, old, Proof::Invalid, new),
            (&[OLD, NEW], v6, 1_559_741_961, old, Proof::Valid, old),
        ];
        for (secrets, client, now, query, proof, response) in examples {
            let secrets: Vec<CookieSecret> = secrets.iter().map(|hex| secret(hex)).collect();
            let judged = judge(&asked(query), client.parse().unwrap(), now, Secrets::Shared(&secrets));
            assert_eq!((judged.proof, judged.answer.to_vec()), (proof, octets(response)), "{query} at {now}");
        }
    }

    const ROOT: CookieSecret = CookieSecret(*b"sixteen octets !");

    fn given(client: IpAddr, now: u32) -> Cookie {
        let judged = judge(&asked("0102030405060708"), client, now, Secrets::Rotating(&ROOT));
        assert_eq!(judged.proof, Proof::Missing);
        Cookie::parse(&judged.answer).unwrap()
    }

    #[test]
    fn a_cookie_proves_who_has_it_and_for_an_hour() {
        let client: IpAddr = "192.0.2.1".parse().unwrap();
        // Within a day; over a change of the secret, which renews; over the end of the count of seconds.
        for start in [1_700_000_000, ROTATION_PERIOD * 20_000 - 1_000, u32::MAX - 1_000] {
            let cookie = given(client, start);
            let judged =
                |later: i32| judge(&cookie, client, start.wrapping_add_signed(later), Secrets::Rotating(&ROOT));
            for (later, proof, is_kept) in [
                (-301, Proof::Invalid, false),
                (-300, Proof::Valid, true),
                (0, Proof::Valid, true),
                (1_799, Proof::Valid, true),
                (1_800, Proof::Valid, false),
                (3_600, Proof::Valid, false),
                (3_601, Proof::Invalid, false),
            ] {
                let judged = judged(later);
                assert_eq!(judged.proof, proof, "{later}");
                let same_secret = start / ROTATION_PERIOD == start.wrapping_add_signed(later) / ROTATION_PERIOD;
                let again = Cookie::parse(&judged.answer).unwrap();
                assert_eq!(again == cookie, is_kept && same_secret, "{start} {later}");
            }
        }
    }

    #[test]
    fn a_cookie_is_worth_nothing_to_others_or_changed() {
        let now = 1_700_000_000;
        let client: IpAddr = "2001:db8::1".parse().unwrap();
        let whole = judge(&asked("0102030405060708"), client, now, Secrets::Rotating(&ROOT)).answer;
        let proof = |octets: &[u8], client: IpAddr, root: &CookieSecret| {
            judge(&Cookie::parse(octets).unwrap(), client, now, Secrets::Rotating(root)).proof
        };
        assert_eq!(proof(&whole, client, &ROOT), Proof::Valid);
        assert_eq!(proof(&whole, "2001:db8::2".parse().unwrap(), &ROOT), Proof::Invalid);
        assert_eq!(proof(&whole, client, &CookieSecret([0; 16])), Proof::Invalid);
        for at in 0..whole.len() {
            let mut changed = whole;
            changed[at] ^= 1;
            assert_eq!(proof(&changed, client, &ROOT), Proof::Invalid, "octet {at}");
        }
        assert_eq!(proof(&[&whole[..], b"x"].concat(), client, &ROOT), Proof::Invalid, "of another length");
    }
}
