//! What the publisher has built of a generation and goes on changing: what depends on health, the zones in the versions that
//! came since, and what is known of the targets of aliases.

use super::generation::{Generation, TargetStates};
use super::{AliasAnswers, Pages, ServiceAnswers, Snapshot};
use crate::base::PoolId;
use crate::steering::{MemberState, PoolAnswers};
use crate::zone::{AliasTarget, ZoneSet};
use std::sync::Arc;

/// What of a generation depends on health.
pub(super) struct Built {
    /// By pool; empty for pools that no name is balanced over, and for twins.
    pub(super) states: Vec<Vec<MemberState>>,
    pub(super) answers: Pages<PoolAnswers>,
    pub(super) services: Pages<ServiceAnswers>,
    pub(super) aliases: Pages<AliasAnswers>,
    /// The zones of the configuration, in the versions that came since.
    pub(super) zones: Arc<ZoneSet>,
}

impl Built {
    /// Builds all answers, but for those that `before` has and nothing changes.
    pub(super) fn new(generation: &Generation, targets: &TargetStates, before: Option<(&Generation, &Self)>) -> Self {
        let pools = (0..).take(generation.inputs.pools.len()).map(PoolId);
        let states: Vec<Vec<MemberState>> = pools
            .map(|pool| match generation.leads_of_pool(pool) {
                [] => Vec::new(),
                _ => generation.member_states(pool, targets),
            })
            .collect();
        let shared = before.map(|(before, built)| (generation.shared_answers(before), built));
        let mut answers: Vec<Arc<PoolAnswers>> = Vec::with_capacity(generation.pairs.len());
        for number in 0..generation.pairs.len() {
            let lead = generation.lead_of(number);
            let known = shared.as_ref().and_then(|(shared, built)| Some(built.answers.get(shared[number]?)));
            let states = &states[generation.pool_of(lead).index()];
            let next = match known.filter(|known| known.states() == states) {
                _ if lead < number => Arc::clone(&answers[lead]),
                Some(known) => Arc::clone(known),
                None => generation.build_answers(number, states),
            };
            answers.push(next);
        }
        let answers = Pages::new(&answers);
        let services = generation.services.build(&answers);
        let known = |target: &AliasTarget| {
            let (before, built) = before?;
            Some(Arc::clone(built.aliases.get(before.targets.number(target)?)))
        };
        let aliases = Pages::new(&generation.targets.first_answers(known));
        Self { states, answers, services, aliases, zones: Arc::clone(&generation.inputs.zones) }
    }

    pub(super) fn snapshot(&self, generation: &Generation, number: u64) -> Snapshot {
        Snapshot {
            generation: number,
            settings: Arc::new(generation.inputs.settings.clone()),
            zones: Arc::clone(&self.zones),
            locator: Arc::clone(&generation.inputs.locator),
            balances: Arc::clone(&generation.balances),
            rankings: Arc::clone(&generation.rankings),
            pool_answers: self.answers.clone(),
            services: generation.services.by_zone(),
            service_answers: self.services.clone(),
            aliases: generation.targets.by_zone(),
            alias_answers: self.aliases.clone(),
            shards: Arc::clone(&generation.shards),
        }
    }
}
