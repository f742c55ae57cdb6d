//! Who asks: whether the client is surely where it says, by its transport or by a cookie, and what follows from that for how
//! much and how often it is answered. Knows no zones.

use super::cookie::{Proof, judge};
use super::guard::Guard;
use super::rate_limit::{Charge, Verdict};
use super::{Counters, Request};
use crate::snapshot::Settings;
use crate::wire::Edns;
use crate::wire::edns::cookie::COOKIE_LEN;

/// What is known of who asks.
#[derive(Clone, Copy)]
pub struct Visitor<'g> {
    /// What the cookie option of the response says; `None` when the query has none that is understood.
    pub cookie: Option<[u8; COOKIE_LEN]>,
    /// What the cookie proves.
    pub proof: Proof,
    /// Whether the client is surely at the address that it sends from.
    is_validated: bool,
    guard: Option<&'g Guard>,
}

impl<'g> Visitor<'g> {
    /// Looks at the transport, and at the cookie where there is one.
    pub fn new(
        edns: Option<&Edns>,
        settings: &Settings,
        guard: Option<&'g Guard>,
        request: &Request<'_>,
        counters: &Counters,
    ) -> Self {
        let mut visitor = Self::without_cookie(guard, request);
        if let (Some(cookie), Some(guard)) = (edns.and_then(|edns| edns.cookie.as_ref()), guard) {
            let judged = judge(cookie, request.source, request.now.unix_seconds, guard.secrets(&settings.cookies));
            counters.cookie(judged.proof);
            visitor.cookie = Some(judged.answer);
            visitor.proof = judged.proof;
            visitor.is_validated |= judged.proof == Proof::Valid;
        }
        visitor
    }

    /// A visitor of whom nothing but the transport is known.
    #[inline(always)]
    pub const fn without_cookie(guard: Option<&'g Guard>, request: &Request<'_>) -> Self {
        Self { cookie: None, proof: Proof::Missing, is_validated: request.profile.source_validated, guard }
    }

    /// The longest response that this client gets without having proved where it is, in octets; `None`: any.
    pub fn response_len_max(&self, settings: &Settings) -> Option<usize> {
        let limit = settings.cookies.require_above.filter(|_| settings.cookies.enabled && !self.is_validated);
        limit.map(usize::from)
    }

    /// Counts a response of the kind `charge` where its client may be lying about where it is, and says what to do with it.
    #[inline(always)]
    pub fn judge(&self, settings: &Settings, request: &Request<'_>, charge: Charge, counters: &Counters) -> Verdict {
        let Some(guard) = self.guard.filter(|_| !self.is_validated) else { return Verdict::Send };
        let (limit, milliseconds) = (&settings.rate_limit, request.now.milliseconds);
        let verdict = guard.limiter().judge(limit, request.source, charge, milliseconds, request.random);
        match verdict {
            Verdict::Send => {}
            Verdict::Slip => counters.slipped(),
            Verdict::Drop => counters.limited(),
        }
        verdict
    }
}
