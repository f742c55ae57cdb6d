//! What one worker counts. One writer, any number of readers, relaxed: a reader may see one counter a moment before
//! another, which is all the same to a graph.

use super::cookie::Proof;
use crate::wire::{Malformed, Rcode};
use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};

/// RCODEs that are counted apart; what is none of them is counted with the last.
const RCODES: usize = Rcode::BADCOOKIE.0 as usize + 1;

/// A counter with one writer.
#[derive(Debug, Default)]
struct Count(AtomicU64);

impl Count {
    /// Adds one. Not a locked instruction: only the owner of the counters writes.
    fn add_one(&self) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one worker counts. Aligned so that no two workers write to one cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    responses: [Count; RCODES],
    malformed: [Count; Malformed::ALL.len()],
    truncated: Count,
    referrals: Count,
    client_subnet: Count,
    slow: Count,
    panics: Count,
    cookies: [Count; 3],
    limited: Count,
    slipped: Count,
}

impl Counters {
    /// A response with this code was written.
    pub(super) fn responded(&self, rcode: Rcode) {
        self.responses[usize::from(rcode.0).min(RCODES - 1)].add_one();
    }

    /// A message was no query that can be answered.
    pub(super) fn malformed(&self, cause: Malformed) {
        self.malformed[cause as usize].add_one();
    }

    /// A response has TC set.
    pub(super) fn truncated(&self) {
        self.truncated.add_one();
    }

    /// A response refers to the servers of another zone.
    pub(super) fn referred(&self) {
        self.referrals.add_one();
    }

    /// A query had a client subnet.
    pub(super) fn client_subnet(&self) {
        self.client_subnet.add_one();
    }

    /// A message was left to the slow door.
    pub(super) fn left_to_others(&self) {
        self.slow.add_one();
    }

    /// A query had a cookie option that proves this.
    pub(super) fn cookie(&self, proof: Proof) {
        self.cookies[proof as usize].add_one();
    }

    /// A response was not sent, because the client gets too many.
    pub(super) fn limited(&self) {
        self.limited.add_one();
    }

    /// A response was sent although the client gets too many, so that it can ask again in another way.
    pub(super) fn slipped(&self) {
        self.slipped.add_one();
    }

    /// Answering a query panicked, and the transport caught it.
    pub(super) fn panicked(&self) {
        self.panics.add_one();
    }

    /// The counts now.
    #[must_use]
    pub fn tally(&self) -> Tally {
        Tally {
            responses: std::array::from_fn(|rcode| self.responses[rcode].get()),
            malformed: std::array::from_fn(|cause| self.malformed[cause].get()),
            truncated: self.truncated.get(),
            referrals: self.referrals.get(),
            client_subnet: self.client_subnet.get(),
            slow: self.slow.get(),
            panics: self.panics.get(),
            cookies_valid: self.cookies[Proof::Valid as usize].get(),
            cookies_missing: self.cookies[Proof::Missing as usize].get(),
            cookies_invalid: self.cookies[Proof::Invalid as usize].get(),
            limited: self.limited.get(),
            slipped: self.slipped.get(),
        }
    }
}

/// Counts of one moment, of one worker or of several added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    responses: [u64; RCODES],
    malformed: [u64; Malformed::ALL.len()],
    /// Responses with TC set.
    pub truncated: u64,
    /// Responses that refer to the servers of another zone.
    pub referrals: u64,
    /// Queries with a client subnet that is used.
    pub client_subnet: u64,
    /// Messages that were handed to the slow door, which answers them itself.
    pub slow: u64,
    /// Queries that cost a panic; they got no response.
    pub panics: u64,
    /// Queries with a valid server cookie.
    pub cookies_valid: u64,
    /// Queries with a client cookie alone.
    pub cookies_missing: u64,
    /// Queries with a server cookie that is old, or not ours.
    pub cookies_invalid: u64,
    /// Responses that were not sent, because the client gets too many.
    pub limited: u64,
    /// Responses of that kind that were sent all the same, as a rule truncated.
    pub slipped: u64,
}

impl Tally {
    /// Responses by code, codes never sent left out.
    pub fn responses(&self) -> impl Iterator<Item = (Rcode, u64)> {
        self.responses.iter().enumerate().filter(|(_, count)| **count > 0).map(|(code, &n)| (Rcode(code as u16), n))
    }

    /// Messages that were no query that can be answered, by cause.
    pub fn malformed(&self) -> impl Iterator<Item = (Malformed, u64)> {
        Malformed::ALL.iter().zip(&self.malformed).map(|(&(cause, _), &count)| (cause, count))
    }

    /// Messages that got no response, because they must not have one, or because the client gets too many, or because of a
    /// panic.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        let silent = self.malformed().filter(|(cause, _)| cause.rcode().is_none());
        silent.map(|(_, count)| count).sum::<u64>() + self.limited + self.panics
    }

    /// Messages received.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.responses.iter().sum::<u64>() + self.dropped() + self.slow
    }
}

impl AddAssign<&Self> for Tally {
    fn add_assign(&mut self, other: &Self) {
        let pairs = self.responses.iter_mut().zip(&other.responses);
        for (sum, count) in pairs.chain(self.malformed.iter_mut().zip(&other.malformed)) {
            *sum += count;
        }
        self.truncated += other.truncated;
        self.referrals += other.referrals;
        self.client_subnet += other.client_subnet;
        self.slow += other.slow;
        self.panics += other.panics;
        self.cookies_valid += other.cookies_valid;
        self.cookies_missing += other.cookies_missing;
        self.cookies_invalid += other.cookies_invalid;
        self.limited += other.limited;
        self.slipped += other.slipped;
    }
}

#[cfg(test)]
mod tests {
    use super::{Counters, Tally};
    use crate::wire::{Malformed, Rcode};

    #[test]
    fn every_message_is_counted_once_among_the_received() {
        let counters = Counters::default();
        counters.responded(Rcode::NXDOMAIN);
        counters.responded(Rcode(4095));
        counters.malformed(Malformed::Response);
        counters.malformed(Malformed::Opt);
        counters.responded(Rcode::FORMERR);
        counters.panicked();
        counters.limited();
        counters.slipped();
        let mut sum = Tally::default();
        sum += &counters.tally();
        sum += &counters.tally();
        assert_eq!((sum.received(), sum.dropped(), sum.limited, sum.slipped), (12, 6, 2, 2));
        let responses: Vec<_> = sum.responses().collect();
        assert_eq!(responses, [(Rcode::FORMERR, 2), (Rcode::NXDOMAIN, 2), (Rcode::BADCOOKIE, 2)]);
    }
}
