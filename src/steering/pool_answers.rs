//! A pool under one policy, ready to answer: for each group of regions the availability in each pass, and the variants.

use super::spec::{Policy, Pool, Region};
use crate::health::Status;

/// What is known of one member when answers are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberState {
    /// Up when all of its monitors pass, or it has none.
    pub status: Status,
    /// A monitor's counters are on the way to a change of `status`.
    pub wavering: bool,
    /// May answer at all: enabled, and no operator says otherwise.
    pub enabled: bool,
}

/// A ready RRset: records as [`crate::zone`] stores them (owner a pointer to offset 12), without pointers to fix up. The
/// TTL in the octets is 0 and is written when the answer is.
#[derive(Clone, Copy, Debug)]
pub struct StoredAnswer<'a> {
    /// 1 (A), 28 (AAAA) or 5 (CNAME).
    pub rtype: u16,
    /// How many records.
    pub records: u16,
    /// The records.
    pub octets: &'a [u8],
}

/// A pool under one policy, in one state of its members. Immutable; the publisher builds the next one.
#[derive(Debug)]
pub struct PoolAnswers {}

impl PoolAnswers {
    /// `states` by member, in configured order.
    #[must_use]
    pub fn build(pool: &Pool, policy: &Policy, regions: &[Region], states: &[MemberState]) -> Self {
        let _ = (pool, policy, regions, states);
        unimplemented!()
    }

    /// Whether members are names: every type is answered with a CNAME.
    #[must_use]
    pub fn answers_cname(&self) -> bool {
        unimplemented!()
    }

    /// The records of a variant that [`super::decide`] chose.
    #[must_use]
    pub fn variant(&self, number: u32) -> StoredAnswer<'_> {
        let _ = number;
        unimplemented!()
    }
}
