//! What protects a server from abuse and is shared by all its responders: made once, at start. Knows no settings, which may
//! change at each reload.

use super::cookie::Secrets;
use super::rate_limit::RateLimiter;
use crate::snapshot::settings::{CookieSecret, Cookies};

/// Octets of chance that a guard is made from.
pub const SEED_LEN: usize = 32;

/// What protects a server from abuse and is shared by all its responders.
#[derive(Debug)]
pub struct Guard {
    limiter: RateLimiter,
    secret: CookieSecret,
}

impl Guard {
    /// A guard with a table of `table_size` entries for rate limiting; `seed` is drawn at random and told to nobody.
    #[must_use]
    pub fn new(table_size: u32, seed: [u8; SEED_LEN]) -> Self {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|octet| seed[at + octet]));
        let secret = CookieSecret(std::array::from_fn(|octet| seed[octet]));
        Self { limiter: RateLimiter::new(table_size, [word(16), word(24)]), secret }
    }

    /// The table of what was answered lately.
    pub(super) const fn limiter(&self) -> &RateLimiter {
        &self.limiter
    }

    /// What cookies are made with: what was configured, else secrets of this guard.
    pub(super) fn secrets<'s>(&'s self, cookies: &'s Cookies) -> Secrets<'s> {
        if cookies.secrets.is_empty() { Secrets::Rotating(&self.secret) } else { Secrets::Shared(&cookies.secrets) }
    }
}
