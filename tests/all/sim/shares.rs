//! Shares stay within bounds of weights: what conditions say of members, and what is drawn.

use super::ask::{A, AAAA, Question, ask};
use super::ground;
use super::model::is_v6;
use super::plan::{Who, who_is};
use super::rules::is_one_region;
use super::world::World;
use azimuth::health::Status;
use azimuth::steering::condition::WEIGHT_UNIT;
use azimuth::steering::spec::Spread;
use std::collections::HashMap;

/// A share that follows reports is at most so many times that of the weight.
const DYNAMIC_MAX: f64 = 16.0;
/// The greatest weight that a feed may report, over that which is configured.
const REPORTED_MAX: f64 = 2.56;
/// Questions of one sample.
const DRAWS: u32 = 600;

/// The weights of one name's pool as they are published.
pub fn check_weights(world: &World, name: usize) {
    let (pool, policy, _) = world.plan.balance(name);
    let spec = &world.plan.inputs.pools[pool];
    let answers = world.snapshot.pool_answers.get(world.snapshot.balances[0][name].pool_answers as usize);
    let recovers = spec.recovery.warm_up.is_some() || spec.recovery.probation.is_some();
    for (at, (member, state)) in
        spec.members.iter().zip(answers.states()).enumerate().filter(|(_, (_, state))| state.enabled)
    {
        let configured = f64::from(member.weight) * f64::from(WEIGHT_UNIT);
        let factor = f64::from(state.weight) / configured;
        let most = REPORTED_MAX * if policy.spread.is_dynamic() { DYNAMIC_MAX } else { 1.0 };
        let shown = || format!("member {at} of {} under {}: {factor} of its weight", spec.name, policy.name);
        assert!(state.weight >= 1 && factor <= most * 1.01, "{}", shown());
        let is_plain = !policy.spread.is_dynamic() && !spec.has_feed && !recovers && world.model.said.is_empty();
        assert!(!is_plain || (factor - 1.0).abs() < 1e-9, "nothing speaks against its weight: {}", shown());
    }
}

/// Draws of one region's members by weight come out by weight.
pub fn check_draws(world: &mut World, question: Question) {
    let (pool, policy, _) = world.plan.balance(question.name);
    let is_drawn =
        policy.spread == Spread::Weighted && policy.answers.unwrap_or(1) == 1 && is_one_region(world, question.name);
    if !is_drawn || !matches!(question.rtype, A | AAAA) || question.name >= ground::ADDRESS_NAMES {
        return;
    }
    let mut seen: HashMap<Who, u32> = HashMap::new();
    for _ in 0..DRAWS {
        let random = world.random.next();
        let answer = ask(&mut world.responder, &world.snapshot, &question, random, world.now);
        let [who] = answer.members[..] else { return };
        *seen.entry(who).or_default() += 1;
    }
    let number = world.snapshot.balances[0][question.name].pool_answers as usize;
    let answers = world.snapshot.pool_answers.get(number);
    let members = world.plan.inputs.pools[pool].members.iter().zip(answers.states());
    let of_family = members.filter(|(member, state)| state.enabled && is_v6(member) == (question.rtype == AAAA));
    let weights: HashMap<Who, (f64, Status)> =
        of_family.map(|(member, state)| (who_is(pool, member), (f64::from(state.weight), state.status))).collect();
    let drawn: Vec<(Who, f64)> = seen.keys().filter_map(|who| Some((*who, weights.get(who)?.0))).collect();
    let total: f64 = drawn.iter().map(|(_, weight)| weight).sum();
    for (who, weight) in drawn {
        let share = weight / total;
        let observed = f64::from(seen[&who]) / f64::from(DRAWS);
        let spread = (share * (1.0 - share) / f64::from(DRAWS)).sqrt();
        assert!(
            (observed - share).abs() < 6.0 * spread + 0.02,
            "{who:?} is drawn {observed} of the time, and weighs {share}: {question:?}, {weights:?}"
        );
    }
}
