//! Pools that differ in nothing but their name. Thousands of names on the same few addresses make thousands of pools alike;
//! when one of these addresses goes down, their answers are built once and stand for all.

use super::Inputs;
use crate::base::{PolicyId, PoolId};
use crate::steering::spec::{Policy, Pool, Recovery, Spread};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Which pools, and which pool answers, are the same.
pub(super) struct Twins {
    /// For each pool the first one with the same members and targets: itself, unless it is a twin.
    pub(super) of_pool: Vec<PoolId>,
    /// For each pair of pool and policy the first one whose answers are the same.
    pub(super) lead_of_pair: Vec<u32>,
    /// By pair: those that it leads, itself included; none for a pair that another one leads.
    pub(super) sharers_of_lead: Vec<Vec<u32>>,
    /// By pool: the leading pairs; none for a twin.
    pub(super) leads_of_pool: Vec<Vec<u32>>,
}

impl Twins {
    /// Compares the pools of `inputs`, and the `pairs` made of them and policies.
    pub(super) fn new(inputs: &Inputs, pairs: &[(PoolId, PolicyId)]) -> Self {
        let of_pool = of_pool(inputs);
        let mut twins = Self {
            lead_of_pair: Vec::with_capacity(pairs.len()),
            sharers_of_lead: vec![Vec::new(); pairs.len()],
            leads_of_pool: vec![Vec::new(); of_pool.len()],
            of_pool,
        };
        let mut leads: HashMap<(PoolId, PolicyId, Option<PoolId>), u32> = HashMap::new();
        for (number, &(pool, policy)) in (0..).zip(pairs) {
            let twin = twins.of_pool[pool.index()];
            let apart = stands_alone(&inputs.pools[pool.index()], &inputs.policies[policy.index()]);
            let lead = *leads.entry((twin, policy, apart.then_some(pool))).or_insert_with(|| {
                twins.leads_of_pool[twin.index()].push(number);
                number
            });
            twins.lead_of_pair.push(lead);
            twins.sharers_of_lead[lead as usize].push(number);
        }
        twins
    }
}

/// Whether answers depend on a pool's name, which is part of what clients are hashed with, or on what it remembers.
fn stands_alone(pool: &Pool, policy: &Policy) -> bool {
    let hashes = |spread| matches!(spread, Spread::Hash { .. });
    hashes(policy.spread)
        || policy.region_spread.is_some_and(hashes)
        || policy.follows_load()
        || policy.percentage_drain
        || pool.has_feed
        || pool.recovery != Recovery::default()
}

fn of_pool(inputs: &Inputs) -> Vec<PoolId> {
    let mut by_hash: HashMap<u64, Vec<PoolId>> = HashMap::new();
    let pools = (0..).map(PoolId).take(inputs.pools.len());
    let twin = |pool: PoolId| {
        let alike = by_hash.entry(hash(inputs, pool)).or_default();
        let known = alike.iter().copied().find(|&known| same(inputs, known, pool));
        if known.is_none() {
            alike.push(pool);
        }
        known.unwrap_or(pool)
    };
    pools.map(twin).collect()
}

/// What is likely to tell pools apart.
fn hash(inputs: &Inputs, pool: PoolId) -> u64 {
    let mut hasher = DefaultHasher::new();
    for member in &inputs.pools[pool.index()].members {
        (member.region, member.weight, &member.target).hash(&mut hasher);
    }
    inputs.member_targets.get(pool.index()).hash(&mut hasher);
    hasher.finish()
}

fn same(inputs: &Inputs, a: PoolId, b: PoolId) -> bool {
    let (ours, theirs) = (&inputs.pools[a.index()], &inputs.pools[b.index()]);
    let alike = !ours.has_feed
        && !theirs.has_feed
        && (&ours.monitors, ours.at_least, &ours.members) == (&theirs.monitors, theirs.at_least, &theirs.members)
        && (&ours.recovery, &ours.limits) == (&theirs.recovery, &theirs.limits);
    alike && inputs.member_targets.get(a.index()) == inputs.member_targets.get(b.index())
}
