//! A steering decision in an operator's words.

use super::report::{Equal, Member, Monitor, Region, Steering};
use super::state::{Known, percent};
use crate::base::{Family, RegionId};
use crate::geo::{Client, Place};
use crate::health::{Status, TargetKey};
use crate::snapshot::{Balance, Current, PairCourse, Snapshot};
use crate::steering::condition::WEIGHT_UNIT;
use crate::steering::decide::{Asked, Considered, Decision, scope};
use crate::steering::explain::{self as steering, ExplainedStep, Explanation, Pick, RankReason, RankedRegion};
use crate::steering::pool_answers::Pass;
use crate::steering::ranking::Table;
use crate::steering::spec::{AllDown, MemberTarget, Order, Policy, Pool, RequiredMonitor, Rule, Spread, TtlRange};
use crate::steering::{PoolAnswers, Share, Verdict};
use std::sync::Arc;

/// Decides once more for this client and says why; where the policy falls back to another one, what that decides.
pub(super) fn explain(
    current: &Current,
    known: &Known<'_>,
    balance: Balance,
    client: &Client,
    family: Family,
) -> Option<Steering> {
    let snapshot = &*current.snapshot;
    let (pool_id, policy_id) = *current.pairs.get(balance.pool_answers as usize)?;
    let (pool, policy) = (&current.inputs.pools[pool_id.index()], &current.inputs.policies[policy_id.index()]);
    let leaf = snapshot.locator.leaf(client.address);
    let place = &snapshot.locator.places()[snapshot.locator.place_of(leaf).0 as usize];
    let asked = Asked { leaf, address: client.address, known_bits: client.known_bits, family, random: 0, turn: 0 };
    let answers = snapshot.pool_answers.get(balance.pool_answers as usize);
    let ranking = &snapshot.rankings[balance.ranking as usize];
    let table = Table::of(&snapshot.locator);
    let explained = steering::explain(pool, answers, ranking, &table, place, &asked);
    // Pools of names have one family.
    let asked_family = if answers.answers_cname() { Family::V4 } else { family };
    let teller = Teller {
        current,
        pool,
        policy,
        family: asked_family,
        explained: &explained,
        answers,
        known,
        course: known.course(pool_id, policy_id),
        pool_id: pool_id.index(),
    };
    let decision = explained.decision;
    let falls_back = snapshot.fallback_of(&balance);
    let fallback = falls_back.filter(|_| decision.verdict == Verdict::Elsewhere);
    let fallback = fallback.and_then(|balance| explain(current, known, balance, client, family));
    let has_equals = matches!(policy.order, Order::Any) || policy.tie_band.is_some();
    Some(Steering {
        pool: pool.name.to_string(),
        policy: policy.name.to_string(),
        order: order_name(policy, place),
        at_least: pool.at_least,
        spread: policy.spread.word().to_owned(),
        rule: explained.rule.map(|index| rule_text(index, &policy.rules[index])),
        region_spread: policy.region_spread.filter(|_| has_equals).map(|spread| spread.word().to_owned()),
        regions: explained.regions.iter().map(|ranked| teller.region(ranked)).collect(),
        left_out: teller.left_out(),
        approximate_from: explained.regions.iter().position(|r| r.reason == RankReason::Approximate).map(|at| at + 1),
        verdict: teller.verdict(),
        ttl: if decision.ttl_min { balance.ttl.min } else { balance.ttl.max },
        ttl_reason: ttl_reason(decision, balance.ttl).to_owned(),
        scope: match decision.verdict {
            Verdict::Variant(_) => client.scope_as_sent(chain_scope(snapshot, balance, &asked)),
            // What decides has the scope of the policies before it too: it never depends on health.
            Verdict::Elsewhere => match fallback.as_ref().map(|fallback| fallback.scope) {
                Some(scope) if scope > 0 => scope.max(client.scope_as_sent(chain_scope(snapshot, balance, &asked))),
                _ => 0,
            },
            // Without a steered RRset a response has scope 0.
            Verdict::NoType | Verdict::NothingUp | Verdict::ServFail => 0,
        },
        fallback: fallback.map(Box::new),
    })
}

/// The largest scope of a policy and those that it falls back to.
fn chain_scope(snapshot: &Snapshot, balance: Balance, asked: &Asked) -> u8 {
    let mut next = Some(balance);
    let mut largest = 0;
    while let Some(balance) = next {
        let answers = snapshot.pool_answers.get(balance.pool_answers as usize);
        largest = largest.max(scope(answers, &snapshot.rankings[balance.ranking as usize], asked));
        next = snapshot.fallback_of(&balance);
    }
    largest
}

fn ttl_reason(decision: Decision, ttl: TtlRange) -> &'static str {
    match decision.verdict {
        Verdict::NoType => "nothing is steered: the zone's SOA says how long the answer is kept",
        Verdict::ServFail => "SERVFAIL has no records that a TTL could be in",
        Verdict::NothingUp => "`ttl.min`: NODATA because of health",
        Verdict::Elsewhere => "the policy that this one falls back to decides",
        Verdict::Variant(_) if ttl.min == ttl.max => "pinned by the configuration",
        Verdict::Variant(_) if decision.ttl_min => {
            "`ttl.min`: a member is about to change what this client is answered"
        }
        Verdict::Variant(_) => "`ttl.max`: no member is about to change what this client is answered",
    }
}

fn order_name(policy: &Policy, place: &Place) -> String {
    let located = place.point.is_some();
    let order = match policy.order {
        Order::Closest if !located => "closest (the client's location is unknown: configured order)",
        Order::Closest => "closest",
        Order::Listed => "listed",
        Order::Any => "any",
        Order::Latency if !located && place.latency.is_none() => {
            "latency (the client's location and latencies are unknown: configured order)"
        }
        Order::Latency => "latency",
    };
    match policy.tie_band.filter(|_| matches!(policy.order, Order::Closest | Order::Latency)) {
        Some(band) => format!("{order}, equals within a factor of {band}"),
        None => order.to_owned(),
    }
}

fn rule_text(index: usize, rule: &Rule) -> String {
    let mut keys = Vec::new();
    keys.extend(rule.condition.network.map(|network| format!("network = {network}")));
    keys.extend(rule.condition.named().map(|fact| fact.to_string()));
    keys.extend(rule.condition.country.map(|country| format!("country = {}", country.as_str())));
    keys.extend(rule.condition.continent.map(|continent| format!("continent = {}", continent.as_str())));
    format!("number {} of the policy: {}", index + 1, keys.join(", "))
}

/// Puts one explained decision into words.
struct Teller<'a> {
    current: &'a Current,
    pool: &'a Pool,
    policy: &'a Policy,
    family: Family,
    pool_id: usize,
    explained: &'a Explanation,
    answers: &'a PoolAnswers,
    known: &'a Known<'a>,
    course: Option<&'a PairCourse>,
}

impl Teller<'_> {
    fn region_name(&self, region: RegionId) -> String {
        self.current.inputs.regions[region.index()].name.to_string()
    }

    fn region(&self, ranked: &RankedRegion) -> Region {
        // With latencies it is these that the bias changes.
        let biased = ranked.ranked_km.zip(ranked.distance_km).filter(|(counts, is)| counts != is);
        let biased = biased.filter(|_| ranked.latency.is_none());
        let (verdict, chosen) = self.region_verdict(ranked.region);
        let reason = match ranked.reason {
            RankReason::Rule => "; first by the rule",
            RankReason::Network => "; first by [[network]]",
            RankReason::Tied => "; equal to the others that say so",
            RankReason::Distance
            | RankReason::Measured
            | RankReason::Estimated
            | RankReason::Approximate
            | RankReason::Listed
            | RankReason::Equal => "",
        };
        Region {
            name: self.region_name(ranked.region),
            distance_km: ranked.distance_km,
            biased_km: biased.map(|(counts, _)| counts),
            latency_ms: ranked.latency.map(|latency| latency.milliseconds),
            biased_ms: ranked.latency.filter(|of| of.ranked_ms != of.milliseconds).map(|of| of.ranked_ms),
            measured: ranked.latency.is_some_and(|latency| latency.measured),
            verdict: verdict + reason,
            chosen,
            equal: self.equal(ranked.region),
            notes: self.region_notes(ranked.region),
            members: self.members(ranked.region),
        }
    }

    /// The regions that one was picked of, and their weights; nothing where there was no choice.
    fn equals(&self) -> Vec<(RegionId, f64)> {
        let asked = |step: &&ExplainedStep| step.step.family == self.family;
        let picked = self.explained.steps.iter().filter(asked).rfind(|step| step.step.outcome == Considered::Chosen);
        let Some(picked) = picked else { return Vec::new() };
        let of_choice = |step: &&ExplainedStep| {
            let outcome = step.step.outcome;
            step.step.pass == picked.step.pass && matches!(outcome, Considered::Chosen | Considered::NotPicked)
        };
        let steps: Vec<&ExplainedStep> = self.explained.steps.iter().filter(asked).filter(of_choice).collect();
        if steps.len() < 2 {
            return Vec::new();
        }
        let weight = |region: &RegionId| {
            let state = self.answers.condition().regions.of(*region);
            f64::from(state.weight) / f64::from(WEIGHT_UNIT)
        };
        steps.into_iter().flat_map(|step| &step.regions).map(|region| (*region, weight(region))).collect()
    }

    fn equal(&self, region: RegionId) -> Option<Equal> {
        let equals = self.equals();
        let (_, weight) = equals.iter().find(|(equal, _)| *equal == region)?;
        let share = match self.policy.region_spread.unwrap_or(Spread::Weighted) {
            Spread::Hash { .. } => None,
            Spread::Random | Spread::RoundRobin => Some(1.0 / equals.len() as f64),
            _ => Some(weight / equals.iter().map(|(_, weight)| weight).sum::<f64>()),
        };
        Some(Equal { weight: *weight, share })
    }

    fn region_notes(&self, region: RegionId) -> Vec<String> {
        let course = self.course.and_then(|pair| pair.regions.iter().find(|course| course.region == region));
        let of_region = self.explained.members.iter().filter(|member| member.region == region);
        let may_answer = of_region.into_iter().any(|member| member.state.enabled);
        self.known.of_region(self.pool, &self.current.inputs.regions[region.index()], course, may_answer)
    }

    /// Whether a region hands any client on by itself, and how many.
    fn hands_on(&self, region: RegionId) -> Option<f64> {
        let state = self.answers.condition().regions.of(region);
        (state.shed != Share::NONE).then(|| state.shed.as_f64())
    }

    /// What became of a region, and whether it was chosen.
    fn region_verdict(&self, region: RegionId) -> (String, bool) {
        let mut seen: Vec<String> = Vec::new();
        for step in self.explained.steps.iter().filter(|step| step.regions.contains(&region)) {
            let words = match step.step.outcome {
                // With families together, A's order is asked first.
                Considered::Chosen if step.step.family != self.family => "first available by A's order".to_owned(),
                Considered::Chosen => self.chosen(region, step.step.pass),
                Considered::NoMembers => format!("no enabled {} members", self.records(step.step.family)),
                Considered::HandedOn => match self.hands_on(region) {
                    Some(share) => format!("hands on {} of client subnets, and this one is among them", percent(share)),
                    None => "hands this client on".to_owned(),
                },
                Considered::Refused => {
                    "could take it, and does not take clients like it that others hand on".to_owned()
                }
                Considered::NotPicked => "equal to the one that was picked".to_owned(),
                Considered::PassedOver => format!("passed over: {}", self.shortfall(region, step)),
            };
            if !seen.contains(&words) {
                seen.push(words);
            }
        }
        let answers = self.explained.members.iter().any(|member| member.region == region && member.share.is_some());
        if seen.is_empty() {
            seen.push(if answers { "chosen as if up: nothing is up anywhere" } else { "not reached" }.to_owned());
        }
        (seen.join("; "), answers)
    }

    fn chosen(&self, region: RegionId, pass: Pass) -> String {
        let words = chosen_in(pass);
        match self.hands_on(region) {
            Some(share) if pass == Pass::Healthy => {
                format!("{words}: it hands on {} of client subnets, and this one is not among them", percent(share))
            }
            _ if self.equals().is_empty() => words.to_owned(),
            _ => match self.policy.region_spread.unwrap_or(Spread::Weighted) {
                Spread::Hash { .. } => format!("{words}: picked among equals by a hash of the client"),
                spread => format!("{words}: picked among equals (`{}`; the next query may get another)", spread.word()),
            },
        }
    }

    fn members(&self, region: RegionId) -> Vec<Member> {
        let targets = self.current.inputs.member_targets.get(self.pool_id);
        let mut members = Vec::new();
        for (index, (member, seen)) in self.pool.members.iter().zip(&self.explained.members).enumerate() {
            if member.region != region {
                continue;
            }
            let target = match &member.target {
                MemberTarget::Address(address) => address.to_string(),
                MemberTarget::Name { text, .. } => text.to_string(),
            };
            let of_region = &self.current.inputs.regions[region.index()];
            let status = self.known.status(self.pool, of_region, member, &seen.state);
            let course = self.course.and_then(|pair| pair.members.get(index));
            let notes = self.known.of_member(self.pool, of_region, member, &seen.state, course);
            let keys = targets.and_then(|pool| pool.get(index)).map(Vec::as_slice).unwrap_or_default();
            let required = |number| self.pool.monitors.get(number);
            let monitors = keys.iter().enumerate().map(|(number, key)| self.monitor(required(number), key)).collect();
            members.push(Member { target, weight: member.weight, status, notes, monitors, share: seen.share });
        }
        members
    }

    fn monitor(&self, required: Option<&RequiredMonitor>, key: &TargetKey) -> Monitor {
        let said = |text: &Arc<str>| (!text.is_empty()).then(|| text.to_string());
        let state = self.known.publisher().target_state(key).unwrap_or_default();
        Monitor {
            monitor: key.monitor.to_string(),
            target: key.endpoint.to_string(),
            status: state.status.to_string(),
            wavering: state.wavering,
            last_error: said(&state.last_error),
            warning: said(&state.warning),
            inverted: required.is_some_and(|required| required.inverted),
            watch_only: required.is_some_and(|required| required.watch_only),
            against: required.map_or(state.status, |required| required.taken(state.status)) != Status::Up,
        }
    }

    /// Regions of the pool that are not in this client's order.
    fn left_out(&self) -> Vec<String> {
        let mut left_out: Vec<RegionId> = Vec::new();
        for member in &self.pool.members {
            let ranked = self.explained.regions.iter().any(|ranked| ranked.region == member.region);
            if !ranked && !left_out.contains(&member.region) {
                left_out.push(member.region);
            }
        }
        left_out.into_iter().map(|region| self.region_name(region)).collect()
    }

    /// What a family's records are called.
    fn records(&self, family: Family) -> &'static str {
        let answers_cname = self.pool.members.iter().any(|member| matches!(member.target, MemberTarget::Name { .. }));
        match family {
            _ if answers_cname => "CNAME",
            Family::V4 => "A",
            Family::V6 => "AAAA",
        }
    }

    /// Why a region was passed over, with the equals that it stands among: where they fall short.
    fn shortfall(&self, region: RegionId, step: &ExplainedStep) -> String {
        let Some(short) = &step.shortfall else {
            let waits = self.answers.condition().regions.of(region).held_back;
            let words = match step.step.pass {
                Pass::Healthy if waits => "held back while another region is healthy",
                Pass::Healthy if step.regions.len() > 1 => "none of the equals is healthy enough",
                _ => "nothing up",
            };
            return words.to_owned();
        };
        let records = self.records(short.family);
        match step.step.pass {
            _ if short.up == 0 => format!("no {records} member is up"),
            Pass::Healthy => {
                format!("{records} members that are up weigh {} of {}, too little", short.up, short.enabled)
            }
            Pass::AnyUp | Pass::AnyUpOfFamily | Pass::AllDown => "not up in all its families".to_owned(),
        }
    }

    fn verdict(&self) -> String {
        let decision = self.explained.decision;
        match decision.verdict {
            Verdict::NoType => "NODATA: the pool has no members of this family".to_owned(),
            Verdict::NothingUp => match self.policy.all_down {
                AllDown::NoData => "NODATA: nothing is up, and the policy says `all_down = \"nodata\"`".to_owned(),
                AllDown::Fallback(_) => "NODATA: nothing is up, and no fallback address is of this family".to_owned(),
                AllDown::All | AllDown::ServFail | AllDown::Policy(_) => {
                    "NODATA: no member of this family may answer".to_owned()
                }
            },
            Verdict::Elsewhere => {
                let other = match self.policy.all_down {
                    AllDown::Policy(other) => self.current.inputs.policies.get(other.index()),
                    _ => None,
                };
                let name = other.map(|policy| format!(" `{}`", policy.name)).unwrap_or_default();
                format!("nothing is up, or of this family: the policy{name} that this one falls back to decides, below")
            }
            Verdict::ServFail => "SERVFAIL: nothing is up, and the policy says `all_down = \"servfail\"`".to_owned(),
            Verdict::Variant(_) => {
                let region =
                    decision.region.map_or_else(|| "the fallback addresses".to_owned(), |r| self.region_name(r));
                let pick = match self.explained.pick {
                    Pick::None | Pick::Only => "the only answer there is".to_owned(),
                    Pick::Hash(prefix) => format!("member by a hash of {prefix}"),
                    Pick::Chance => "members by chance, by the shares above".to_owned(),
                    Pick::Turn => "members in turn".to_owned(),
                };
                format!("{region}; {pick}")
            }
        }
    }
}

fn chosen_in(pass: Pass) -> &'static str {
    match pass {
        Pass::Healthy => "chosen",
        Pass::AnyUp => "chosen: no region is healthy enough, and this one has a member up",
        Pass::AnyUpOfFamily => {
            "chosen: no region is up in all its families, and this one has a member of the family up"
        }
        Pass::AllDown => "chosen as if up: nothing is up anywhere",
    }
}
