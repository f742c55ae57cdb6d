//! One query, one decision: the first eligible region in the client's order, then a variant of its answers.

use super::{PoolAnswers, Ranking};
use crate::base::{Family, RegionId};
use std::net::IpAddr;

/// What a decision may use of one query besides the state.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The client's leaf in the prefix table.
    pub leaf: crate::geo::LeafId,
    /// The client's address, cut to the octets it gave, for spreads that hash; as IPv4 when the table found it so.
    pub address: IpAddr,
    /// How many bits of `address` are known.
    pub known_bits: u8,
    /// A, AAAA; anything for pools of names.
    pub family: Family,
    /// Uniformly random.
    pub random: u64,
    /// The next position of round-robin for this pool on this worker.
    pub turn: u32,
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This variant of the pool's answers.
    Variant(u32),
    /// NODATA: the pool has no members of this family. Whether a type exists never depends on client or health.
    NoType,
    /// NODATA because nothing is up; its TTL is the name's `ttl.min`.
    NothingUp,
    /// SERVFAIL with an Extended DNS Error.
    ServFail,
}

/// The outcome of [`decide`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What is answered.
    pub verdict: Verdict,
    /// Whether the TTL is the name's `min` rather than its `max`.
    pub ttl_min: bool,
    /// ECS scope within the family that the client was found in, in bits.
    pub scope: u8,
    /// The region that answers, where one does.
    pub region: Option<RegionId>,
}

/// Decides. Costs the same however many regions, pools and places there are, but for each region passed over.
#[must_use]
pub fn decide(answers: &PoolAnswers, ranking: &Ranking, asked: &Asked) -> Decision {
    let _ = (answers, ranking, asked);
    unimplemented!()
}
