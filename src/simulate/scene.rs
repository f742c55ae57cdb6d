//! One balanced name in one snapshot: whom it answers with which region.

use super::world::World;
use crate::base::{Family, Point};
use crate::geo::{Client, LeafId, Locator};
use crate::snapshot::{Balance, Inputs, Snapshot};
use crate::steering::decide::Asked;
use crate::steering::spec::{MemberTarget, Order, Spread};
use crate::steering::{PoolAnswers, Ranking, Verdict, decide};
use std::sync::Arc;

/// A balanced name that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its zone, by number.
    pub zone: usize,
    /// Its slot there.
    pub slot: usize,
    /// Which addresses are asked for; `None`: IPv4 where the pool has any, else IPv6.
    pub family: Option<Family>,
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
    /// Its own answers, then those of the policies that it falls back to, one after the other.
    chain: Vec<(Arc<PoolAnswers>, Arc<Ranking>)>,
    locator: Arc<Locator>,
    family: Family,
    draws_regions: bool,
    /// By region id: the number on the roll.
    numbers: Vec<usize>,
    /// By number on the roll.
    points: Vec<Option<Point>>,
}

/// Chance and turn of one query; the same for both scenes that are compared, so that only what differs makes a difference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Luck {
    pub(super) random: u64,
    pub(super) turn: u32,
}

impl Scene {
    /// A service of `world` as `snapshot`, which is one of its, answers it; `None` for one that it does not have.
    #[must_use]
    pub fn new(world: &World, snapshot: &Snapshot, service: Service, roll: &Roll) -> Option<Self> {
        let inputs = world.inputs();
        let spec = inputs.balances.get(service.zone)?.get(service.slot)?;
        let balance = snapshot.balances.get(service.zone)?.get(service.slot)?;
        let (pool, policy) = (inputs.pools.get(spec.pool.index())?, inputs.policies.get(spec.policy.index())?);
        let has_ipv4 = pool.members.iter().any(|member| match member.target {
            MemberTarget::Address(address) => address.is_ipv4(),
            MemberTarget::Name { .. } => true,
        });
        let equals = policy.order == Order::Any || policy.tie_band.is_some();
        let by_hash = matches!(policy.region_spread.unwrap_or(policy.spread), Spread::Hash { .. });
        Some(Self {
            chain: chain(snapshot, *balance)?,
            locator: Arc::clone(&snapshot.locator),
            family: service.family.unwrap_or(if has_ipv4 { Family::V4 } else { Family::V6 }),
            draws_regions: equals && !by_hash,
            numbers: inputs.regions.iter().map(|region| roll.number(&region.name)).collect(),
            points: roll.points(inputs),
        })
    }

    /// Which addresses are asked for.
    #[must_use]
    pub const fn family(&self) -> Family {
        self.family
    }

    /// How many regions are on the roll. Outcomes are numbered: the regions, then fallback addresses, then no answer.
    pub(super) const fn region_count(&self) -> usize {
        self.points.len()
    }

    /// Whether chance or turns take one client to different regions from query to query.
    pub(super) const fn draws_regions(&self) -> bool {
        self.draws_regions
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

    /// The number of what a client gets, see [`Self::region_count`].
    pub(super) fn ask(&self, client: &Client, leaf: LeafId, luck: Luck) -> usize {
        let asked = Asked {
            leaf,
            address: client.address,
            known_bits: client.known_bits,
            family: self.family,
            random: luck.random,
            turn: luck.turn,
        };
        let nothing = self.region_count() + 1;
        for (answers, ranking) in &self.chain {
            let decision = decide(answers, ranking, &asked);
            return match (decision.verdict, decision.region) {
                (Verdict::Variant(_), Some(region)) => self.numbers[region.index()],
                (Verdict::Variant(_), None) => self.region_count(),
                (Verdict::NoType | Verdict::NothingUp | Verdict::ServFail, _) => nothing,
                (Verdict::Elsewhere, _) => continue,
            };
        }
        nothing
    }
}

/// What a name is answered with, and what it falls back to; ends, as policies fall back in no circle.
fn chain(snapshot: &Snapshot, balance: Balance) -> Option<Vec<(Arc<PoolAnswers>, Arc<Ranking>)>> {
    let mut chain = Vec::new();
    let mut next = Some(balance);
    while let Some(balance) = next {
        let answers = snapshot.pool_answers.get(balance.pool_answers as usize);
        let ranking = snapshot.rankings.get(balance.ranking as usize)?;
        chain.push((Arc::clone(answers), Arc::clone(ranking)));
        next = snapshot.fallback_of(&balance);
    }
    Some(chain)
}
