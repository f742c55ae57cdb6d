//! What the publisher has built of a generation and goes on changing: what depends on health, the zones in the versions that
//! came since, and what is known of the targets of aliases.

use super::generation::Generation;
use super::{AliasAnswers, Pages, ServiceAnswers, Snapshot};
use crate::steering::pool_answers::Builder;
use crate::steering::{PoolAnswers, PoolCondition};
use crate::zone::{AliasTarget, ZoneSet};
use std::sync::Arc;

/// What of a generation depends on health.
pub(super) struct Built {
    pub(super) answers: Pages<PoolAnswers>,
    pub(super) services: Pages<ServiceAnswers>,
    pub(super) aliases: Pages<AliasAnswers>,
    /// The zones of the configuration, in the versions that came since.
    pub(super) zones: Arc<ZoneSet>,
}

impl Built {
    /// Builds all answers in these conditions, by number, but for those that `before` has and nothing changes.
    pub(super) fn new(
        generation: &Generation,
        conditions: Vec<PoolCondition>,
        before: Option<(&Generation, &Self)>,
    ) -> Self {
        let shared = before.map(|(before, built)| (generation.shared_answers(before), built));
        let mut builder = Builder::default();
        let mut answers: Vec<Arc<PoolAnswers>> = Vec::with_capacity(generation.pairs.len());
        for (number, condition) in conditions.into_iter().enumerate() {
            let lead = generation.lead_of(number);
            let known = shared.as_ref().and_then(|(shared, built)| Some(built.answers.get(shared[number]?)));
            let next = match known.filter(|known| *known.condition() == condition) {
                _ if lead < number && *answers[lead].condition() == condition => Arc::clone(&answers[lead]),
                Some(known) => Arc::clone(known),
                None => generation.build_answers(number, condition, &mut builder, None),
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
        Self { answers, services, aliases, zones: Arc::clone(&generation.inputs.zones) }
    }

    pub(super) fn snapshot(&self, generation: &Generation, number: u64) -> Snapshot {
        Snapshot {
            generation: number,
            settings: Arc::clone(&generation.settings),
            zones: Arc::clone(&self.zones),
            locator: Arc::clone(&generation.inputs.locator),
            balances: Arc::clone(&generation.balances),
            fallbacks: Arc::clone(&generation.fallbacks),
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
