//! Aliases: what is known of the names whose addresses other names have, as ready RRsets. Knows no resolvers.

use crate::base::Family;
use crate::steering::StoredAnswer;
use crate::zone::AliasTarget;
use crate::zone::rrset::{OWNER_OF_QUESTION, RECORD_HEADER_LEN};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Least TTL of an answer: it is looked up again at that moment, and a resolver must not ask for each query.
pub const ALIAS_TTL_MIN: u32 = 5;
/// TTL of what could not be looked up again in time, in seconds (RFC 8767, section 5).
pub const ALIAS_TTL_STALE: u32 = 30;
/// Most addresses of one family that are answered; the rest is left out.
pub const ALIAS_ADDRESSES_MAX: usize = 32;

const CLASS_IN: u16 = 1;

/// An alias of a zone.
#[derive(Clone, Debug)]
pub struct Alias {
    /// The name whose addresses it has.
    pub target: Arc<AliasTarget>,
    /// Index into [`super::Snapshot::alias_answers`].
    pub answers: u32,
}

/// What is known of a target: A, AAAA.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AliasAnswers(pub [AliasFamily; 2]);

/// What is known of one family of a target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AliasFamily {
    /// Nothing yet.
    #[default]
    Unknown,
    /// Its addresses, none where it has none.
    Known {
        /// Ready records with TTL 0.
        octets: Box<[u8]>,
        /// How many.
        records: u16,
        /// A or AAAA.
        rtype: u16,
        /// Until when it may be kept: seconds since 1970, as they count round in 32 bits.
        expires: u32,
    },
}

impl AliasFamily {
    /// The addresses of `family` among `addresses`, which may be kept until `expires`.
    #[must_use]
    pub fn known(family: Family, addresses: &[IpAddr], expires: u32) -> Self {
        let rtype: u16 = match family {
            Family::V4 => 1,
            Family::V6 => 28,
        };
        let own = addresses.iter().filter(|address| Family::of(**address) == family).take(ALIAS_ADDRESSES_MAX);
        let (mut octets, mut records) = (Vec::new(), 0);
        for address in own {
            octets.extend(OWNER_OF_QUESTION);
            octets.extend(rtype.to_be_bytes());
            octets.extend(CLASS_IN.to_be_bytes());
            octets.extend([0; 4]);
            match address {
                IpAddr::V4(address) => octets.extend([&[0, 4], &address.octets()[..]].concat()),
                IpAddr::V6(address) => octets.extend([&[0, 16], &address.octets()[..]].concat()),
            }
            records += 1;
        }
        debug_assert!(octets.len() >= usize::from(records) * RECORD_HEADER_LEN, "each record has a header");
        Self::Known { octets: octets.into(), records, rtype, expires }
    }

    /// The RRset as of `now`, with its TTL in seconds; without records where the target has none. `None` when nothing is known.
    #[must_use]
    pub fn answer(&self, now: u32) -> Option<(StoredAnswer<'_>, u32)> {
        let Self::Known { octets, records, rtype, expires } = self else { return None };
        let left = expires.wrapping_sub(now).cast_signed();
        let ttl = if left <= 0 { ALIAS_TTL_STALE } else { left.cast_unsigned().max(ALIAS_TTL_MIN) };
        Some((StoredAnswer { rtype: *rtype, records: *records, octets }, ttl))
    }
}

/// The targets of one configuration, each once, and what is known of all that were ever looked up and still are.
#[derive(Debug, Default)]
pub(super) struct Targets {
    numbers: HashMap<Arc<AliasTarget>, u32>,
    /// By zone, by slot behind the balanced ones.
    by_zone: Arc<[Box<[Alias]>]>,
}

impl Targets {
    /// Numbers the targets of all zones.
    pub(super) fn new(zones: &[Vec<Arc<AliasTarget>>]) -> Self {
        let mut numbers: HashMap<Arc<AliasTarget>, u32> = HashMap::new();
        let mut number = |target: &Arc<AliasTarget>| {
            let next = numbers.len() as u32;
            Alias { target: Arc::clone(target), answers: *numbers.entry(Arc::clone(target)).or_insert(next) }
        };
        let by_zone = zones.iter().map(|targets| targets.iter().map(&mut number).collect()).collect();
        Self { numbers, by_zone }
    }

    pub(super) fn by_zone(&self) -> Arc<[Box<[Alias]>]> {
        Arc::clone(&self.by_zone)
    }

    /// The number of a target.
    pub(super) fn number(&self, target: &AliasTarget) -> Option<usize> {
        self.numbers.get(target).map(|number| *number as usize)
    }

    /// What is known at first: what `before` knew of the same targets.
    pub(super) fn first_answers(
        &self,
        before: impl Fn(&AliasTarget) -> Option<Arc<AliasAnswers>>,
    ) -> Vec<Arc<AliasAnswers>> {
        let mut answers = vec![Arc::default(); self.numbers.len()];
        for (target, number) in &self.numbers {
            if let Some(known) = before(target) {
                answers[*number as usize] = known;
            }
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{ALIAS_TTL_MIN, ALIAS_TTL_STALE, AliasFamily};
    use crate::base::Family;

    #[test]
    fn the_ttl_is_what_is_left_of_it_within_bounds() {
        let known = AliasFamily::known(Family::V4, &["192.0.2.1".parse().unwrap(), "::1".parse().unwrap()], 100);
        let ttl = |now: u32| known.answer(now).unwrap().1;
        assert_eq!([ttl(40), ttl(98), ttl(100), ttl(5_000)], [60, ALIAS_TTL_MIN, ALIAS_TTL_STALE, ALIAS_TTL_STALE]);
        let (answer, _) = known.answer(40).unwrap();
        assert_eq!(
            (answer.rtype, answer.records, answer.octets),
            (1, 1, &b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\xc0\0\x02\x01"[..])
        );
        assert_eq!(AliasFamily::Unknown.answer(0), None);
        // The seconds count round.
        let round = AliasFamily::known(Family::V6, &[], 10);
        assert_eq!(round.answer(u32::MAX - 9).map(|(answer, ttl)| (answer.records, ttl)), Some((0, 20)));
    }
}
