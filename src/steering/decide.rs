//! One query, one decision: the first eligible region in the client's order, then a variant of its answers.

use super::pool_answers::{Group, Pass, Standing, WhenAllDown};
use super::ranking::CohortId;
use super::reach::{GroupId, Ranked};
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
pub fn decide(answers: &PoolAnswers, ranking: &Ranking, asked: &Asked) -> Decision {
    decide_with(answers, ranking, asked, &mut NoTrace)
}

/// Decides as [`decide`] does, and shows what it considers. `answers` and `ranking` must be of one pool and policy.
pub fn decide_with<T: Trace>(answers: &PoolAnswers, ranking: &Ranking, asked: &Asked, trace: &mut T) -> Decision {
    let (cohort, depth) = ranking.at(asked.leaf);
    let scope = depth.max(answers.scope_floor(Family::of(asked.address)));
    let family = if answers.answers_cname() { Family::V4 } else { asked.family };
    let none = |verdict| Decision { verdict, ttl_min: false, scope, region: None };
    if !answers.slot(family).exists {
        return none(Verdict::NoType);
    }
    let found = Search { answers, ranking, cohort, trace }.find(family);
    let picked = |group| answers.pick(group, asked.random, asked.turn, asked.address, asked.known_bits);
    let variant = match found.answer {
        Answer::Of(group) => picked(group),
        Answer::Fallback => answers.slot(family).fallback,
        Answer::Nothing => None,
        Answer::ServFail => return Decision { ttl_min: found.ttl_min, ..none(Verdict::ServFail) },
    };
    match variant {
        Some(number) => Decision {
            verdict: Verdict::Variant(number),
            ttl_min: found.ttl_min,
            region: answers.variant_region(number),
            scope,
        },
        None => Decision { ttl_min: true, ..none(Verdict::NothingUp) },
    }
}

/// The groups of a cohort's order in one family: what the search of one query reads.
struct Search<'s, T> {
    answers: &'s PoolAnswers,
    ranking: &'s Ranking,
    cohort: CohortId,
    trace: &'s mut T,
}

/// Where the search ends.
enum Answer {
    Of(Group),
    Fallback,
    Nothing,
    ServFail,
}

struct Found {
    answer: Answer,
    ttl_min: bool,
}

/// The outcome of walking the order in the searching passes.
struct Walk {
    /// The group and the pass that found it.
    found: Option<(GroupId, Pass)>,
    /// How often a group was passed over which a member is about to make available.
    soon: u32,
}

impl<T: Trace> Search<'_, T> {
    fn find(&mut self, family: Family) -> Found {
        let mut ttl_min = false;
        if family == Family::V6 && self.answers.together() {
            // One region by A's order answers both; where that one has no AAAA, AAAA goes its own way.
            let lead = self.walk(Family::V4);
            ttl_min = lead.soon > 0;
            if let Some((group, pass)) = lead.found {
                let own = self.answers.slot(family).group(group);
                if pass < Pass::AnyUpOfFamily && own.standing.available(pass) {
                    self.trace.step(Step { family, pass, group, outcome: Considered::Chosen });
                    return Found { ttl_min: ttl_min || own.standing.changes(), answer: Answer::Of(own) };
                }
                // A's region may become another one, or one that is up in both families: AAAA would follow it.
                let lead = self.standing(Family::V4, group);
                ttl_min |= lead.fragile() || (pass == Pass::AnyUpOfFamily && lead.soon_count() > 0);
            }
        }
        let walk = self.walk(family);
        let found = match walk.found {
            Some((group, _)) => {
                let group = self.answers.slot(family).group(group);
                Found { ttl_min: walk.soon > 0 || group.standing.changes(), answer: Answer::Of(group) }
            }
            None => self.all_down(family, walk.soon),
        };
        Found { ttl_min: found.ttl_min || ttl_min, ..found }
    }

    fn standing(&self, family: Family, group: GroupId) -> Standing {
        self.answers.slot(family).group(group).standing
    }

    /// Walks the order, once for each searching pass, to the first group that is available.
    fn walk(&mut self, family: Family) -> Walk {
        let mut soon = 0;
        let slot = self.answers.slot(family);
        for &pass in Pass::searching(self.answers.together()) {
            for group in self.ranking.order(self.cohort).map(Ranked::group) {
                let standing = slot.group(group).standing;
                if standing.available(pass) {
                    self.trace.step(Step { family, pass, group, outcome: Considered::Chosen });
                    // That the chosen group itself nearly made it earlier changes nothing.
                    return Walk { found: Some((group, pass)), soon: soon - standing.soon_count() };
                }
                soon += u32::from(standing.soon(pass));
                let has = standing.has_members();
                let outcome = if has { Considered::PassedOver } else { Considered::NoMembers };
                self.trace.step(Step { family, pass, group, outcome });
            }
        }
        Walk { found: None, soon }
    }

    /// Nothing is up: what the policy wants then.
    fn all_down(&mut self, family: Family, soon: u32) -> Found {
        let answer = match self.answers.all_down() {
            WhenAllDown::All => return self.first_as_if_up(family, soon),
            WhenAllDown::NoData => Answer::Nothing,
            WhenAllDown::ServFail => Answer::ServFail,
            WhenAllDown::Fallback => Answer::Fallback,
        };
        Found { answer, ttl_min: soon > 0 }
    }

    /// The first group's enabled members; with families together, of the group that A's order puts first.
    fn first_as_if_up(&mut self, family: Family, soon: u32) -> Found {
        let first = |family| {
            self.ranking.order(self.cohort).map(Ranked::group).find(|&group| self.standing(family, group).has_members())
        };
        let of_lead = match family {
            Family::V6 if self.answers.together() => first(Family::V4),
            Family::V4 | Family::V6 => None,
        };
        let Some(group) = of_lead.filter(|&group| self.standing(family, group).has_members()).or_else(|| first(family))
        else {
            return Found { answer: Answer::Nothing, ttl_min: true };
        };
        self.trace.step(Step { family, pass: Pass::AllDown, group, outcome: Considered::Chosen });
        let group = self.answers.slot(family).group(group);
        let others_soon = soon - group.standing.soon_count();
        Found { ttl_min: others_soon > 0 || group.standing.changes_when_down(), answer: Answer::Of(group) }
    }
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
