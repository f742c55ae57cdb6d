//! One query, one decision: the first eligible region in the client's order, then a variant of its answers.

use super::pool_answers::{Group, Pass, WhenAllDown, split_key};
use super::ranking::{CohortId, Spot};
use super::reach::GroupId;
use super::{PoolAnswers, Ranking, StoredAnswer};
use crate::base::{Family, RegionId};
use search::{Answer, Search};
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
    /// Nothing is up, or has the family: what the policy says that this one falls back to.
    Elsewhere,
}

impl Verdict {
    /// The number of the variant that is answered.
    #[must_use]
    pub const fn variant(self) -> Option<u32> {
        if let Self::Variant(number) = self { Some(number) } else { None }
    }
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

/// Watches a decision being made: for explanations.
pub trait Trace {
    /// A group of regions was considered, in the order that considered it.
    fn step(&mut self, step: Step);
}

/// One group of regions considered in one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whose members were asked for: with families together, AAAA may follow the order of A.
    pub family: Family,
    /// In which pass.
    pub pass: Pass,
    /// The group; see [`super::reach::Reach::regions_of`].
    pub group: GroupId,
    /// What came of it.
    pub outcome: Considered,
}

/// What came of considering a group of regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Considered {
    /// It has no enabled members of the family.
    NoMembers,
    /// It does not meet what the pass asks for.
    PassedOver,
    /// It does, and hands this client on: it has too much to do, or comes back little by little, or is drained by a share.
    HandedOn,
    /// It does, and takes no such client from regions that hand it on.
    Refused,
    /// It does, and another one of its equals was picked.
    NotPicked,
    /// It is the first that does.
    Chosen,
}

/// Watches nothing, and costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTrace;

impl Trace for NoTrace {
    #[inline(always)]
    fn step(&mut self, _: Step) {}
}

/// Decides. Costs the same however many regions, pools and places there are, but for each region passed over.
#[must_use]
#[inline(always)]
pub fn decide(answers: &PoolAnswers, ranking: &Ranking, asked: &Asked) -> Decision {
    decide_with(answers, ranking, asked, &mut NoTrace)
}

/// The scope of every decision for this client, whatever it comes to.
#[must_use]
pub fn scope(answers: &PoolAnswers, ranking: &Ranking, asked: &Asked) -> u8 {
    ranking.at(asked.leaf).1.max(answers.scope_floor(Family::of(asked.address)))
}

/// A decision for the client's first region: what is answered, and what goes with it.
#[derive(Clone, Copy, Debug)]
pub struct Steady<'a> {
    /// The records; their TTL is the name's `max`.
    pub answer: StoredAnswer<'a>,
    /// As [`Decision::scope`].
    pub scope: u8,
    /// By which word the answer is counted: the place of its region among those of the pool, from 1; 0 without a region.
    pub counter: u16,
}

/// What [`decide`] comes to as a rule: the client's first region is well and stays so, and chance picks of it. `None` where
/// there is more to decide. `client` is the family that the client was found in.
#[must_use]
#[inline(always)]
pub fn decide_steady(
    answers: &PoolAnswers,
    spot: Spot,
    client: Family,
    family: Family,
    random: u64,
) -> Option<Steady<'_>> {
    let (answer, counter) = answers.pick_quick(family, spot.first, random)?;
    Some(Steady { answer, scope: spot.scope.max(answers.scope_floor(client)), counter })
}

/// Decides as [`decide`] does, and shows what it considers. `answers` and `ranking` must be of one pool and policy.
#[inline(always)]
pub fn decide_with<T: Trace>(answers: &PoolAnswers, ranking: &Ranking, asked: &Asked, trace: &mut T) -> Decision {
    let (cohort, depth) = ranking.at(asked.leaf);
    let scope = depth.max(answers.scope_floor(Family::of(asked.address)));
    let family = if answers.answers_cname() { Family::V4 } else { asked.family };
    let client = Client { cohort, scope, family };
    // As a rule the client's first region is well, and that is all there is to decide.
    let first = ranking.first(cohort);
    let Some(group) = answers.slot(family).steady(first) else {
        return search(answers, ranking, asked, client, trace);
    };
    let decision = decision_of(answers, group, asked, scope, false);
    debug_assert_eq!(
        decision,
        search(answers, ranking, asked, client, &mut NoTrace),
        "it is what the search begins with"
    );
    if family == Family::V6 && answers.together() {
        trace.step(Step { family: Family::V4, pass: Pass::Healthy, group: first, outcome: Considered::Chosen });
    }
    trace.step(Step { family, pass: Pass::Healthy, group: first, outcome: Considered::Chosen });
    decision
}

/// What a decision is made for.
#[derive(Clone, Copy)]
struct Client {
    cohort: CohortId,
    scope: u8,
    family: Family,
}

/// Decides by walking the client's order.
#[inline(never)]
fn search<T: Trace>(
    answers: &PoolAnswers,
    ranking: &Ranking,
    asked: &Asked,
    Client { cohort, scope, family }: Client,
    trace: &mut T,
) -> Decision {
    let none = |verdict, ttl_min| Decision { verdict, ttl_min, scope, region: None };
    if !answers.slot(family).exists {
        let elsewhere = answers.all_down() == WhenAllDown::Policy;
        return none(if elsewhere { Verdict::Elsewhere } else { Verdict::NoType }, false);
    }
    let client = if answers.selects() { split_key(asked.address, asked.known_bits) } else { 0 };
    let found = Search { answers, ranking, cohort, asked, client, trace }.find(family);
    match found.answer {
        Answer::Of(group) => decision_of(answers, &group, asked, scope, found.ttl_min),
        Answer::Fallback => decision(answers, answers.slot(family).fallback, scope, found.ttl_min),
        Answer::Nothing => decision(answers, None, scope, found.ttl_min),
        Answer::ServFail => none(Verdict::ServFail, found.ttl_min),
        Answer::Elsewhere => none(Verdict::Elsewhere, found.ttl_min),
    }
}

/// The decision for one of a group's variants.
#[inline(always)]
fn decision_of(answers: &PoolAnswers, group: &Group, asked: &Asked, scope: u8, ttl_min: bool) -> Decision {
    let variant = answers.pick(group, asked);
    decision(answers, variant, scope, ttl_min)
}

/// The decision for a variant, where there is one.
#[inline(always)]
fn decision(answers: &PoolAnswers, variant: Option<u32>, scope: u8, ttl_min: bool) -> Decision {
    match variant {
        Some(number) => {
            let region = answers.variant_region(number);
            Decision { verdict: Verdict::Variant(number), ttl_min, scope, region }
        }
        None => Decision { verdict: Verdict::NothingUp, ttl_min: true, scope, region: None },
    }
}

mod search;

#[cfg(test)]
mod intake_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
