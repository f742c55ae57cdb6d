//! Why a client got its answer: the decision made once more by the code that answers, with all that it saw on the way.

use super::condition::MemberState;
use super::decide::{Asked, Considered, Decision, Step, Trace, decide_with};
use super::pool_answers::Group;
use super::ranking::{CohortId, RankedLatency, Table};
use super::spec::Pool;
use super::spread::By;
use super::{PoolAnswers, Ranking, Verdict};
use crate::base::prefix::cut_address;
use crate::base::{Family, Prefix, RegionId};
use crate::geo::Place;

/// A decision with its reasons.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What [`super::decide()`] says.
    pub decision: Decision,
    /// The client's cohort.
    pub cohort: CohortId,
    /// The rule of the policy that decides for the client's place, as an index.
    pub rule: Option<usize>,
    /// The client's order of regions, best first.
    pub regions: Vec<RankedRegion>,
    /// What was considered, in order; the last one chosen for the asked family is the answer.
    pub steps: Vec<ExplainedStep>,
    /// Every member of the pool, in configured order.
    pub members: Vec<ExplainedMember>,
    /// What decides among the members that may answer.
    pub pick: Pick,
    /// How many bits of the client's address the policy splits clients by, beside their cohorts.
    pub scope_floor: u8,
}

/// A region in a client's order.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedRegion {
    /// The region.
    pub region: RegionId,
    /// Great-circle distance from the client, where distance or latency orders and both are located.
    pub distance_km: Option<f64>,
    /// The distance with the region's bias, which is what it is ranked by.
    pub ranked_km: Option<f64>,
    /// The latency that it is ranked by, with order [`super::spec::Order::Latency`].
    pub latency: Option<RankedLatency>,
    /// Why it stands where it stands.
    pub reason: RankReason,
}

/// Why a region stands where it stands in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RankReason {
    /// The deciding rule prefers it.
    Rule,
    /// The client's network is located at it.
    Network,
    /// Within `tie_band` of the nearest, or in a policy of equals that picks regions: equal to the others of this reason.
    Tied,
    /// By distance.
    Distance,
    /// By measured latency.
    Measured,
    /// By the latency that its distance suggests.
    Estimated,
    /// About by distance: beyond the regions that are in exact order for every client.
    Approximate,
    /// As listed by the policy, or in configured order, which is that of regions and clients without coordinates too.
    Listed,
    /// Equal to the others of this reason.
    Equal,
}

/// A step of the decision, with its group resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedStep {
    /// Family, pass and outcome.
    pub step: Step,
    /// The regions of the group; one, unless regions are equals.
    pub regions: Vec<RegionId>,
    /// For one region that was passed over: where it falls short.
    pub shortfall: Option<Shortfall>,
}

/// Why a region did not pass, as weights of its members in one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// The family that falls short: with families together it may be the other one.
    pub family: Family,
    /// Of members that are up.
    pub up: u64,
    /// Of enabled members; of those with a first result, where any has one.
    pub enabled: u64,
}

/// A member as the decision saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedMember {
    /// Its region.
    pub region: RegionId,
    /// Its state in these answers.
    pub state: MemberState,
    /// Its record is in the answer that `decision` names.
    pub answered: bool,
    /// The share of answers to such clients that hold its record; `None` where it is out of the question.
    pub share: Option<f64>,
}

/// What decides among the members that may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Nothing is picked.
    None,
    /// There is one answer only.
    Only,
    /// A hash of these bits of the client's address.
    Hash(Prefix),
    /// Chance, by the shares of members.
    Chance,
    /// Each worker's turn.
    Turn,
}

/// Explains the decision that [`super::decide()`] makes for the same arguments. `table` is what `ranking` was built from, and
/// `place` the client's place in it.
#[must_use]
pub fn explain(
    pool: &Pool,
    answers: &PoolAnswers,
    ranking: &Ranking,
    table: &Table<'_>,
    place: &Place,
    asked: &Asked,
) -> Explanation {
    let mut steps = Steps::default();
    let decision = decide_with(answers, ranking, asked, &mut steps);
    let (cohort, _) = ranking.at(asked.leaf);
    let family = if answers.answers_cname() { Family::V4 } else { asked.family };
    let chosen = steps.0.iter().rev().find(|step| step.outcome == Considered::Chosen && step.family == family);
    let group = chosen.map(|step| answers.slot(family).group(step.group)).unwrap_or_default();
    Explanation {
        decision,
        cohort,
        rule: ranking.rule_for(place, table),
        regions: ranked_regions(ranking, cohort, place, table),
        members: members(pool, answers, group, decision),
        pick: pick(answers, group, decision, asked),
        scope_floor: answers.scope_floor(Family::of(asked.address)),
        steps: steps.0.into_iter().map(|step| explained_step(answers, step)).collect(),
    }
}

#[derive(Default)]
struct Steps(Vec<Step>);

impl Trace for Steps {
    fn step(&mut self, step: Step) {
        self.0.push(step);
    }
}

/// A cohort's regions for one of its places, with distances.
#[must_use]
pub fn ranked_regions(ranking: &Ranking, cohort: CohortId, place: &Place, table: &Table<'_>) -> Vec<RankedRegion> {
    let rule = ranking.rule_for(place, table);
    let exact = ranking.approximate_from(cohort).unwrap_or(usize::MAX);
    let regions = ranking.regions_and_ties(cohort).into_iter().enumerate();
    let ranked = regions.map(|(at, (region, tied))| {
        let distance = ranking.distance_km(region, place);
        let latency = ranking.latency(region, place, table);
        let reason = if ranking.is_preferred(rule, region) {
            RankReason::Rule
        } else if place.prefers == Some(region) {
            RankReason::Network
        } else if tied {
            RankReason::Tied
        } else if ranking.orders_equals() {
            RankReason::Equal
        } else if at >= exact {
            RankReason::Approximate
        } else {
            match latency {
                Some(RankedLatency { measured: true, .. }) => RankReason::Measured,
                Some(RankedLatency { measured: false, .. }) => RankReason::Estimated,
                None if distance.is_some() => RankReason::Distance,
                None => RankReason::Listed,
            }
        };
        let (distance_km, ranked_km) = distance.unzip();
        RankedRegion { region, distance_km, ranked_km, latency, reason }
    });
    ranked.collect()
}

fn explained_step(answers: &PoolAnswers, step: Step) -> ExplainedStep {
    let regions: Vec<RegionId> = answers.reach().regions_of(step.group).collect();
    let shortfall = match (&regions[..], step.outcome) {
        ([region], Considered::PassedOver) => answers.shortfall(*region, step.family, step.pass),
        _ => None,
    };
    ExplainedStep { step, regions, shortfall }
}

fn members(pool: &Pool, answers: &PoolAnswers, group: Group, decision: Decision) -> Vec<ExplainedMember> {
    let answered = match decision.verdict {
        Verdict::Variant(number) => answers.variant_members(number),
        Verdict::NoType | Verdict::NothingUp | Verdict::ServFail | Verdict::Elsewhere => Vec::new(),
    };
    let mut shares: Vec<Option<f64>> = vec![None; pool.members.len()];
    let mut add = |number: u32, share: f64| {
        for member in answers.variant_members(number) {
            *shares[member].get_or_insert(0.0) += share;
        }
    };
    match (answers.shares(group), decision.verdict) {
        (Some(group_shares), _) => group.variants().zip(group_shares).for_each(|(number, share)| add(number, share)),
        (None, Verdict::Variant(number)) => add(number, 1.0),
        (None, Verdict::NoType | Verdict::NothingUp | Verdict::ServFail | Verdict::Elsewhere) => {}
    }
    let members = pool.members.iter().zip(answers.states()).zip(shares).enumerate();
    members
        .map(|(index, ((member, &state), share))| ExplainedMember {
            region: member.region,
            state,
            answered: answered.contains(&index),
            share: share.map(|share| share.min(1.0)),
        })
        .collect()
}

fn pick(answers: &PoolAnswers, group: Group, decision: Decision, asked: &Asked) -> Pick {
    let Verdict::Variant(_) = decision.verdict else { return Pick::None };
    if group.variants().len() < 2 {
        return Pick::Only;
    }
    match answers.spread().picks_by() {
        By::Hash => {
            let bits = asked.known_bits.min(answers.hashed_bits(Family::of(asked.address)));
            Prefix::cut(cut_address(asked.address, bits), bits).map_or(Pick::Only, Pick::Hash)
        }
        By::Turn | By::WeightedTurn => Pick::Turn,
        By::Weight | By::Chance => Pick::Chance,
    }
}

#[cfg(test)]
mod tests;
