//! One balanced name in one configuration and one state: whom it answers with which region.

use super::what_if::{Change, facts};
use crate::base::{Family, Point, PolicyId, PoolId, UnixTime};
use crate::geo::{Client, LeafId, Locator};
use crate::snapshot::Inputs;
use crate::steering::control::{Control, Facts};
use crate::steering::decide::Asked;
use crate::steering::reach::regions_of_pool;
use crate::steering::spec::MemberTarget;
use crate::steering::{PoolAnswers, Ranking, RankingKey, Verdict, decide};
use std::sync::Arc;

/// A configuration, and the rankings that were made for it so far: names that rank alike share one.
#[derive(Debug)]
pub struct World {
    inputs: Inputs,
    rankings: Vec<Arc<Ranking>>,
}

impl World {
    /// Nothing is ranked yet.
    #[must_use]
    pub const fn new(inputs: Inputs) -> Self {
        Self { inputs, rankings: Vec::new() }
    }

    /// The configuration.
    #[must_use]
    pub const fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// A pool under a policy when everything is up but for what `changes` suppose. `ttl_max` is the longest TTL it is
    /// answered with, in seconds.
    pub fn scene(&mut self, asked: &Service, roll: &Roll, changes: &[Change]) -> Scene {
        let inputs = &self.inputs;
        let (pool, policy) = (&inputs.pools[asked.pool.index()], &inputs.policies[asked.policy.index()]);
        let key = RankingKey::new(policy, &regions_of_pool(pool), &inputs.regions);
        let known = self.rankings.iter().find(|ranking| *ranking.key() == key).map(Arc::clone);
        let ranking = known.unwrap_or_else(|| {
            let ranking = Arc::new(Ranking::build(&key, &inputs.locator));
            self.rankings.push(Arc::clone(&ranking));
            ranking
        });
        let (members, region_facts) = facts(inputs, asked.pool, changes);
        let facts = Facts {
            pool,
            policy,
            regions: &inputs.regions,
            members: &members,
            region_facts: &region_facts,
            ttl_max: asked.ttl_max,
            now: UnixTime::default(),
        };
        let (condition, _) = Control::default().step(&facts);
        let has_ipv4 = pool.members.iter().any(|member| match member.target {
            MemberTarget::Address(address) => address.is_ipv4(),
            MemberTarget::Name { .. } => true,
        });
        Scene {
            answers: PoolAnswers::build(pool, policy, &inputs.regions, condition),
            ranking,
            locator: Arc::clone(&inputs.locator),
            family: asked.family.unwrap_or(if has_ipv4 { Family::V4 } else { Family::V6 }),
            numbers: inputs.regions.iter().map(|region| roll.number(&region.name)).collect(),
            points: roll.points(inputs),
            region_count: roll.len(),
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The pool.
    pub pool: PoolId,
    /// The policy.
    pub policy: PolicyId,
    /// Which addresses are asked for; `None`: IPv4 where the pool has any, else IPv6.
    pub family: Option<Family>,
    /// Seconds.
    pub ttl_max: u32,
}

/// The regions of the configurations that are compared, by name, each once.
#[derive(Clone, Debug, PartialEq)]
pub struct Roll(Vec<Arc<str>>);

impl Roll {
    /// In the order of `before`, then those that only `after` has.
    #[must_use]
    pub fn new(before: &Inputs, after: Option<&Inputs>) -> Self {
        let mut names: Vec<Arc<str>> = Vec::new();
        for region in before.regions.iter().chain(after.iter().flat_map(|after| &after.regions)) {
            if !names.contains(&region.name) {
                names.push(Arc::clone(&region.name));
            }
        }
        Self(names)
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> &[Arc<str>] {
        &self.0
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn number(&self, name: &str) -> usize {
        self.0.iter().position(|known| **known == *name).unwrap_or(self.0.len())
    }

    fn points(&self, inputs: &Inputs) -> Vec<Option<Point>> {
        let region = |name: &Arc<str>| inputs.regions.iter().find(|region| region.name == *name);
        self.0.iter().map(|name| region(name).and_then(|region| region.coordinates)).collect()
    }
}

/// A name in one state.
#[derive(Debug)]
pub struct Scene {
    answers: PoolAnswers,
    ranking: Arc<Ranking>,
    locator: Arc<Locator>,
    family: Family,
    /// By region id: the number on the roll.
    numbers: Vec<usize>,
    /// By number on the roll.
    points: Vec<Option<Point>>,
    region_count: usize,
}

/// Chance and turn of one query; the same for both scenes that are compared, so that only what differs makes a difference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Luck {
    pub(super) random: u64,
    pub(super) turn: u32,
}

impl Scene {
    /// Which addresses are asked for.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// How many outcomes there are: the regions on the roll, then fallback addresses, then no answer.
    pub(super) const fn outcomes(&self) -> usize {
        self.region_count + 2
    }

    /// Where a region is, by its number on the roll.
    pub(super) fn point(&self, region: usize) -> Option<Point> {
        self.points.get(region).copied().flatten()
    }

    pub(super) fn leaf(&self, client: &Client) -> LeafId {
        self.locator.leaf(client.address)
    }

    pub(super) fn same_table(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.locator, &other.locator)
    }

    /// The number of what a client gets, see [`Self::outcomes`].
    pub(super) fn ask(&self, client: &Client, leaf: LeafId, luck: Luck) -> usize {
        let asked = Asked {
            leaf,
            address: client.address,
            known_bits: client.known_bits,
            family: self.family,
            random: luck.random,
            turn: luck.turn,
        };
        let decision = decide(&self.answers, &self.ranking, &asked);
        match (decision.verdict, decision.region) {
            (Verdict::Variant(_), Some(region)) => self.numbers[region.index()],
            (Verdict::Variant(_), None) => self.region_count,
            (Verdict::NoType | Verdict::NothingUp | Verdict::ServFail, _) => self.region_count + 1,
        }
    }
}
