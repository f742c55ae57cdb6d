//! One configuration generation as the publisher keeps it: what was configured, which pool answers and rankings that
//! makes, and which member each target of health belongs to.

use super::aliases::Targets;
use super::facts::target_name;
use super::probed::{Probed, Stand};
use super::said::Said;
use super::services::Services;
use super::shard::ShardLayout;
use super::twins::Twins;
use super::{Balance, Pages, ServiceAnswers, Settings, WorkerShard};
use crate::base::{PolicyId, PoolId, RegionId};
use crate::geo::Locator;
use crate::health::{Status, Subject, TargetKey};
use crate::steering::control::operator::Pattern;
use crate::steering::pool_answers::Builder;
use crate::steering::reach::regions_of_pool;
use crate::steering::spec::{AllDown, BalanceSpec, Policy, Pool, Region};
use crate::steering::{PoolAnswers, PoolCondition, Ranking, RankingKey};
use crate::zone::{AliasTarget, BalancedOwner, Zone, ZoneSet};
use std::collections::HashMap;
use std::sync::Arc;

/// One configuration generation, loaded and checked: what snapshots are built from.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// Limits and switches of the engine.
    pub settings: Settings,
    /// Authoritative data.
    pub zones: Arc<ZoneSet>,
    /// Where addresses are.
    pub locator: Arc<Locator>,
    /// By id.
    pub regions: Vec<Region>,
    /// By id.
    pub pools: Vec<Pool>,
    /// By id.
    pub policies: Vec<Policy>,
    /// For each zone by number, for each slot: whose it is.
    pub owners: Vec<Arc<[BalancedOwner]>>,
    /// For each zone by number, for each slot.
    pub balances: Vec<Vec<BalanceSpec>>,
    /// For each zone by number, for each slot behind those of `balances`: what it is an alias of.
    pub aliases: Vec<Vec<Arc<AliasTarget>>>,
    /// For each pool, for each member: the targets that must all be up; none: always up.
    pub member_targets: Vec<Vec<Vec<TargetKey>>>,
    /// How many UDP workers count answers; one shard more is allocated, for the thread that serves streams.
    pub workers: usize,
}

/// What of a generation does not depend on health: may be built beside the publisher's thread.
pub(super) struct Generation {
    pub(super) inputs: Arc<Inputs>,
    /// The pool and policy of each pool answers.
    pub(super) pairs: Arc<[(PoolId, PolicyId)]>,
    pub(super) balances: Arc<[Box<[Balance]>]>,
    pub(super) fallbacks: Arc<[Balance]>,
    pub(super) rankings: Arc<[Arc<Ranking>]>,
    pub(super) shards: Arc<[WorkerShard]>,
    pub(super) services: Services,
    pub(super) targets: Targets,
    /// What the engine is to keep to, for all snapshots of this generation.
    pub(super) settings: Arc<Settings>,
    twins: Twins,
    pool_of_name: HashMap<Arc<str>, PoolId>,
    region_of_name: HashMap<Arc<str>, RegionId>,
    /// By region: the leads of pools that have members there.
    leads_of_region: Vec<Vec<u32>>,
    /// By pair, in seconds.
    ttls_max: Box<[u32]>,
    /// The targets of health.
    pub(super) probed: Probed,
    /// What was known of members, by pool and place in it, before they got targets without a first result; of a twin under
    /// the pool that it is a twin of. Found by name when the generation goes live.
    remembered: HashMap<(PoolId, usize), Status>,
}

/// What answers cost beside their members, in members.
const LEAD_SIZE: usize = 4;

/// What rankings are shared with: those of the generation before.
pub(super) struct Before<'b> {
    pub(super) locator: &'b Arc<Locator>,
    pub(super) rankings: &'b [Arc<Ranking>],
}

impl Generation {
    /// Numbers and ranks; rankings that would come out equal are taken from `before`.
    pub(super) fn prepare(inputs: Inputs, before: Option<Before<'_>>) -> Self {
        let mut numbering = Numbering::new(&inputs);
        let balances = inputs.balances.iter().map(|zone| zone.iter().map(|spec| numbering.balance(spec)).collect());
        let balances: Arc<[Box<[Balance]>]> = balances.collect();
        let Numbering { pairs, keys, fallbacks, .. } = numbering;
        let before = before.filter(|before| Arc::ptr_eq(before.locator, &inputs.locator));
        let rankings = keys.iter().map(|key| {
            let known = before.as_ref().and_then(|before| before.rankings.iter().find(|known| known.key() == key));
            known.map_or_else(|| Arc::new(Ranking::build(key, &inputs.locator)), Arc::clone)
        });
        let rankings = rankings.collect();
        let twins = Twins::new(&inputs, &pairs);
        let of_names = balances.iter().flatten().chain(&fallbacks);
        let ttls_max = ttls_max(of_names, pairs.len(), &twins);
        let zones = inputs.zones.zones().iter().zip(&inputs.owners).zip(&*balances);
        let services = Services::new(zones.map(|((zone, owners), balances)| (&**zone, &**owners, &**balances)));
        Self {
            balances,
            fallbacks: fallbacks.into(),
            services,
            targets: Targets::new(&inputs.aliases),
            settings: Arc::new(inputs.settings.clone()),
            rankings,
            shards: shards(&inputs, &pairs),
            probed: Probed::new(&inputs, &twins),
            leads_of_region: leads_of_region(&inputs, &pairs, &twins),
            region_of_name: (0..)
                .map(RegionId)
                .zip(&inputs.regions)
                .map(|(id, region)| (Arc::clone(&region.name), id))
                .collect(),
            twins,
            pairs: pairs.into(),
            pool_of_name: (0..).map(PoolId).zip(&inputs.pools).map(|(id, pool)| (Arc::clone(&pool.name), id)).collect(),
            ttls_max,
            remembered: HashMap::new(),
            inputs: Arc::new(inputs),
        }
    }

    /// Takes in the services of another version of zone `number`; gives the answers of all.
    pub(super) fn take_services_of(
        &mut self,
        number: usize,
        zones: &ZoneSet,
        built: &Pages<ServiceAnswers>,
        answers: &Pages<PoolAnswers>,
    ) -> Pages<ServiceAnswers> {
        let of_zone = |number: usize| -> Option<(&Zone, &[BalancedOwner], &[Balance])> {
            let zone = zones.zones().get(number)?;
            Some((&**zone, self.inputs.owners.get(number)?, self.balances.get(number)?))
        };
        let Some((zone, owners, balances)) = of_zone(number) else { return built.clone() };
        self.services.replace_zone(number, zone, owners, balances);
        if self.services.is_overgrown() {
            self.services = Services::new((0..zones.zones().len()).filter_map(of_zone));
            return self.services.build(answers);
        }
        self.services.extend(built, answers)
    }

    /// Remembers what was known under the generation before of members that now have other targets (a monitor was renamed,
    /// or came to the pool), as long as one of these has no first result. `stands`: of the targets of this generation, and of those of the other.
    pub(super) fn remember(&mut self, before: &Self, stands: [&[Stand]; 2]) {
        let mut remembered: HashMap<(PoolId, usize), Status> = HashMap::new();
        let old_pools: HashMap<&str, usize> =
            before.inputs.pools.iter().enumerate().map(|(old, pool)| (&*pool.name, old)).collect();
        for (at, pool) in self.inputs.pools.iter().enumerate() {
            let Some(&old_pool) = old_pools.get(&*pool.name) else { continue };
            for member in 0..pool.members.len() {
                let is_known =
                    |target: &u32| stands[0].get(*target as usize).is_some_and(|stand| stand.0 != Status::Unknown);
                if self.probed.of_member(PoolId(at as u32), member).iter().all(is_known) {
                    continue;
                }
                let Some(status) = self.status_before((at, member), before, old_pool, stands[1]) else { continue };
                let known = remembered.entry((self.twins.of_pool[at], member)).or_insert(status);
                // Twins may have been told apart before: whoever knows it to be up is believed.
                if status == Status::Up {
                    *known = status;
                }
            }
        }
        self.remembered = remembered;
    }

    /// What the generation `before` knew of a member that it had in the pool with the same name.
    fn status_before(
        &self,
        (pool, member): (usize, usize),
        before: &Self,
        old_pool: usize,
        stands: &[Stand],
    ) -> Option<Status> {
        let target = &self.inputs.pools[pool].members[member].target;
        let old_members = &before.inputs.pools[old_pool].members;
        let old_member = old_members.iter().position(|old| old.target == *target)?;
        let lead = before.twins.of_pool[old_pool];
        if before.targets_of(old_pool, old_member) == self.targets_of(pool, member) {
            return before.remembered.get(&(lead, old_member)).copied();
        }
        let old = &old_members[old_member];
        // One that was not enabled was not probed.
        let enabled = old.enabled && before.inputs.regions.get(old.region.index()).is_some_and(|region| region.enabled);
        let (status, _) = before.member_status(lead, old_member, stands);
        (enabled && status != Status::Unknown).then_some(status)
    }

    /// What a member of a pool is judged by, in the order of its pool's monitors.
    pub(super) fn targets_of(&self, pool: usize, member: usize) -> &[TargetKey] {
        self.inputs.member_targets.get(pool).and_then(|members| members.get(member)).map_or(&[], Vec::as_slice)
    }

    /// What is remembered of a member whose targets have no first result.
    pub(super) fn remembered_of(&self, pool: PoolId, member: usize) -> Option<Status> {
        self.remembered.get(&(self.twins.of_pool[pool.index()], member)).copied()
    }

    /// The indexes of the answers to be built of a pool, one for each policy it is balanced under; none of a twin.
    pub(super) fn leads_of_pool(&self, pool: PoolId) -> &[u32] {
        &self.twins.leads_of_pool[pool.index()]
    }

    /// The index of the answers that stand for those with index `number`: it is at most as great.
    pub(super) fn lead_of(&self, number: usize) -> usize {
        self.twins.lead_of_pair[number] as usize
    }

    /// The indexes that the answers with index `lead` stand for, itself included.
    pub(super) fn sharers_of(&self, lead: usize) -> &[u32] {
        &self.twins.sharers_of_lead[lead]
    }

    /// Whether answers are looked at for themselves although others lead them: an order is about one of the two pools.
    pub(super) fn is_apart(&self, number: u32, said: &Said) -> bool {
        let lead = self.twins.lead_of_pair[number as usize];
        let pool_of = |number: u32| self.pairs[number as usize].0;
        lead != number && (said.names(pool_of(number)) || said.names(pool_of(lead)))
    }

    /// The names of the pool and the policy behind the answers with index `number`.
    pub(super) fn names_of_pair(&self, number: usize) -> (Arc<str>, Arc<str>) {
        let (pool, policy) = self.pairs[number];
        let (pool, policy) = (&self.inputs.pools[pool.index()], &self.inputs.policies[policy.index()]);
        (Arc::clone(&pool.name), Arc::clone(&policy.name))
    }

    /// The indexes of all answers to be built.
    pub(super) fn leads(&self) -> impl Iterator<Item = u32> + '_ {
        self.twins.leads_of_pool.iter().flatten().copied()
    }

    /// The indexes of the answers of the pool of that name.
    pub(super) fn leads_of_pool_named(&self, pool: &str) -> &[u32] {
        self.pool_of_name.get(pool).map_or(&[], |&pool| self.leads_of_twins(pool))
    }

    /// The indexes of the answers of a pool, which may be a twin, and of all that are its twins.
    pub(super) fn leads_of_twins(&self, pool: PoolId) -> &[u32] {
        self.leads_of_pool(self.twins.of_pool[pool.index()])
    }

    /// The indexes of the answers of all pools with members in a region.
    pub(super) fn leads_of_region(&self, region: RegionId) -> &[u32] {
        self.leads_of_region.get(region.index()).map_or(&[], Vec::as_slice)
    }

    /// The region of that name.
    pub(super) fn region_named(&self, name: &str) -> Option<RegionId> {
        self.region_of_name.get(name).copied()
    }

    /// The regions that a pool has members in, ascending.
    pub(super) fn regions_of_pool(&self, pool: PoolId) -> Vec<RegionId> {
        regions_of_pool(&self.inputs.pools[pool.index()])
    }

    /// The pools that a pattern names, or parts of which it names.
    pub(super) fn pools_named(&self, pattern: &Pattern) -> Arc<[PoolId]> {
        let Some(part) = pattern.pool() else { return Arc::new([]) };
        let has_region = |pool: &PoolId| {
            let name_of = |id: RegionId| self.inputs.regions.get(id.index()).map_or("", |region| &*region.name);
            pattern.region().is_none_or(|part| self.regions_of_pool(*pool).iter().any(|&id| part.matches(name_of(id))))
        };
        if let Some(name) = part.literal() {
            return self.pool_of_name.get(name).copied().filter(has_region).into_iter().collect();
        }
        let pools = (0..).map(PoolId).zip(&self.inputs.pools);
        pools.filter(|(_, pool)| part.matches(&pool.name)).map(|(id, _)| id).filter(has_region).collect()
    }

    /// Whether the answers with index `number` change with reported load.
    pub(super) fn follows_load(&self, number: u32) -> bool {
        let (pool, policy) = self.pairs[number as usize];
        self.inputs.policies[policy.index()].follows_load() || self.inputs.pools[pool.index()].has_feed
    }

    /// Whether anybody may report of this subject.
    pub(super) fn has_subject(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Region(name) => self.region_of_name.contains_key(name),
            Subject::Member { pool, target } => self.pool_of_name.get(pool).is_some_and(|&pool| {
                let pool = &self.inputs.pools[pool.index()];
                pool.has_feed && pool.members.iter().any(|member| target_name(&member.target) == *target)
            }),
        }
    }

    /// How much work answers are that wait to be looked at: their members, and what each takes beside.
    pub(super) fn size_of(&self, lead: u32) -> usize {
        let (pool, _) = self.pairs[lead as usize];
        LEAD_SIZE + self.inputs.pools[pool.index()].members.len()
    }

    /// The longest TTL of the names that are answered with index `number`, in seconds.
    pub(super) fn ttl_max(&self, number: usize) -> u32 {
        self.ttls_max.get(number).copied().unwrap_or_default()
    }

    /// Builds the answers with index `number` in this condition; `alike`: such answers in another condition.
    pub(super) fn build_answers(
        &self,
        number: usize,
        condition: PoolCondition,
        builder: &mut Builder,
        alike: Option<&PoolAnswers>,
    ) -> Arc<PoolAnswers> {
        let (pool, policy) = self.pairs[number];
        let (pool, policy) = (&self.inputs.pools[pool.index()], &self.inputs.policies[policy.index()]);
        Arc::new(builder.build((pool, policy, &self.inputs.regions), condition, alike))
    }

    /// The answers of the generation before that this one may go on with, by name of pool and policy: pool, policy and
    /// regions are the same, ids included. Their member states are still to be compared.
    pub(super) fn shared_answers(&self, before: &Self) -> Vec<Option<usize>> {
        let known: HashMap<_, usize> =
            (0..before.pairs.len()).map(|number| (before.names_of_pair(number), number)).collect();
        let share = |number: usize| {
            let old = *known.get(&self.names_of_pair(number))?;
            self.same_answers(self.pairs[number], before, before.pairs[old]).then_some(old)
        };
        (0..self.pairs.len()).map(share).collect()
    }

    fn same_answers(&self, (pool, policy): (PoolId, PolicyId), before: &Self, old: (PoolId, PolicyId)) -> bool {
        let (ours, theirs) = (&self.inputs, &before.inputs);
        let pool = &ours.pools[pool.index()];
        let same_region = |id: RegionId| ours.regions.get(id.index()) == theirs.regions.get(id.index());
        *pool == theirs.pools[old.0.index()]
            && ours.policies[policy.index()] == theirs.policies[old.1.index()]
            && pool.members.iter().all(|member| same_region(member.region))
    }
}

/// Numbers pool answers and rankings while balanced names are gone through: each once.
struct Numbering<'i> {
    inputs: &'i Inputs,
    pairs: Vec<(PoolId, PolicyId)>,
    pair_numbers: HashMap<(PoolId, PolicyId), u32>,
    fallbacks: Vec<Balance>,
    fallback_numbers: HashMap<BalanceSpec, u32>,
    keys: Vec<RankingKey>,
    key_numbers: HashMap<(PolicyId, Vec<RegionId>), u32>,
}

impl<'i> Numbering<'i> {
    fn new(inputs: &'i Inputs) -> Self {
        Self {
            inputs,
            pairs: Vec::new(),
            pair_numbers: HashMap::new(),
            fallbacks: Vec::new(),
            fallback_numbers: HashMap::new(),
            keys: Vec::new(),
            key_numbers: HashMap::new(),
        }
    }

    fn balance(&mut self, spec: &BalanceSpec) -> Balance {
        let pair = (spec.pool, spec.policy);
        let pool_answers = *self.pair_numbers.entry(pair).or_insert_with(|| {
            self.pairs.push(pair);
            (self.pairs.len() - 1) as u32
        });
        Balance { pool_answers, ranking: self.ranking(spec), ttl: spec.ttl, fallback: self.fallback(spec) }
    }

    /// The number of what a policy falls back to. Configuration keeps policies from leading back to themselves.
    fn fallback(&mut self, spec: &BalanceSpec) -> Option<u32> {
        let AllDown::Policy(policy) = self.inputs.policies[spec.policy.index()].all_down else { return None };
        let spec = BalanceSpec { policy, ..*spec };
        if let Some(&number) = self.fallback_numbers.get(&spec) {
            return Some(number);
        }
        let balance = self.balance(&spec);
        let number = self.fallbacks.len() as u32;
        self.fallbacks.push(balance);
        self.fallback_numbers.insert(spec, number);
        Some(number)
    }

    fn ranking(&mut self, spec: &BalanceSpec) -> u32 {
        let (inputs, keys) = (self.inputs, &mut self.keys);
        let regions = regions_of_pool(&inputs.pools[spec.pool.index()]);
        *self.key_numbers.entry((spec.policy, regions)).or_insert_with_key(|(policy, regions)| {
            let key = RankingKey::new(&inputs.policies[policy.index()], regions, &inputs.regions);
            let number = keys.iter().position(|known| *known == key).unwrap_or(keys.len());
            if number == keys.len() {
                keys.push(key);
            }
            number as u32
        })
    }
}

/// For each pair the longest TTL of the names over it, and over those that it leads.
fn ttls_max<'b>(balances: impl Iterator<Item = &'b Balance>, pairs: usize, twins: &Twins) -> Box<[u32]> {
    let mut ttls_max = vec![0; pairs];
    for balance in balances {
        for number in [balance.pool_answers, twins.lead_of_pair[balance.pool_answers as usize]] {
            let known = &mut ttls_max[number as usize];
            *known = balance.ttl.max.max(*known);
        }
    }
    ttls_max.into()
}

fn leads_of_region(inputs: &Inputs, pairs: &[(PoolId, PolicyId)], twins: &Twins) -> Vec<Vec<u32>> {
    let mut leads = vec![Vec::new(); inputs.regions.len()];
    for (number, (pool, _)) in (0..).zip(pairs).filter(|(number, _)| twins.lead_of_pair[*number as usize] == *number) {
        for region in regions_of_pool(&inputs.pools[pool.index()]) {
            if let Some(leads) = leads.get_mut(region.index()) {
                leads.push(number);
            }
        }
    }
    leads
}

/// One shard a worker.
fn shards(inputs: &Inputs, pairs: &[(PoolId, PolicyId)]) -> Arc<[WorkerShard]> {
    let regions = pairs.iter().map(|(pool, _)| regions_of_pool(&inputs.pools[pool.index()]));
    let layout = Arc::new(ShardLayout::new(regions));
    // One more than there are workers, for the thread that serves streams.
    (0..=inputs.workers).map(|_| WorkerShard::new(&layout)).collect()
}
