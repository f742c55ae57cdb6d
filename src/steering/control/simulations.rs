//! The loop closed, in virtual time: resolvers with caches ask, the regions they are led to report their load every few
//! seconds, and the control moves shares. What is shown here is what the manual promises.
#![expect(clippy::unwrap_used, reason = "test code")]

mod recovering;
mod results;
mod shares;
mod shedding;

use super::{Control, Facts, MemberFacts, RegionFacts};
use crate::base::{RegionId, UnixTime};
use crate::health::{Load, Report, Status};
use crate::steering::spec::{Member, MemberTarget, Policy, Pool, Region};
use crate::steering::{PoolCondition, RegionState};
use std::net::{IpAddr, Ipv4Addr};

/// A number by chance that is the same in every run (SplitMix64).
pub(super) fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Between 0 and 1.
fn unit(word: u64) -> f64 {
    (mix(word) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A resolver with the clients behind it.
#[derive(Clone, Debug)]
struct Resolver {
    /// The regions in its order, the nearest first.
    order: Vec<usize>,
    /// What its clients bring, in the unit of capacities.
    size: f64,
    /// When its answer expires.
    expires: u64,
    /// The member it was answered.
    member: Option<usize>,
}

/// Regions, members and resolvers; a step is a second.
pub(super) struct World {
    pub(super) pool: Pool,
    pub(super) policy: Policy,
    pub(super) regions: Vec<Region>,
    pub(super) members: Vec<MemberFacts>,
    pub(super) region_facts: Vec<RegionFacts>,
    pub(super) control: Control,
    pub(super) condition: PoolCondition,
    resolvers: Vec<Resolver>,
    /// By native region: what its resolvers' sizes are multiplied with.
    pub(super) demand: Vec<f64>,
    /// By native region: how many units of capacity its clients' 1 is; 1 unless regions differ in size.
    pub(super) scale: Vec<f64>,
    /// By member: what one unit of clients costs there.
    pub(super) cost: Vec<f64>,
    /// By member: load as it is, sessions included.
    pub(super) loads: Vec<f64>,
    /// Sessions last this long on average after a client has got another answer, in seconds.
    pub(super) session: f64,
    pub(super) ttl: u32,
    /// Reports come this often, in seconds; 0: never.
    pub(super) every: u64,
    pub(super) now: u64,
    due: Option<UnixTime>,
    random: u64,
    /// How many answers were made anew.
    pub(super) changes: usize,
}

/// An hour that is no special one.
pub(super) const START: u64 = 1_800_000_000;

impl World {
    /// `members`: by region, how many, all of weight 1.
    pub(super) fn new(members: &[usize], policy: Policy) -> Self {
        let regions: Vec<Region> = (0..members.len())
            .map(|number| Region { name: format!("r{number}").into(), ..Region::default() })
            .collect();
        let mut pool = Pool { name: "web".into(), ..Pool::default() };
        for (region, &count) in members.iter().enumerate() {
            for number in 0..count {
                let address = IpAddr::V4(Ipv4Addr::new(192, 0, region as u8, number as u8 + 1));
                pool.members.push(Member::new(RegionId(region as u16), MemberTarget::Address(address)));
            }
        }
        let count = pool.members.len();
        Self {
            members: vec![MemberFacts { status: Status::Up, ..MemberFacts::default() }; count],
            region_facts: vec![RegionFacts::default(); regions.len()],
            control: Control::default(),
            condition: PoolCondition::default(),
            resolvers: Vec::new(),
            demand: vec![1.0; regions.len()],
            scale: vec![1.0; regions.len()],
            cost: vec![1.0; count],
            loads: vec![0.0; count],
            session: 0.0,
            ttl: 30,
            every: 5,
            now: 0,
            due: None,
            random: 1,
            changes: 0,
            pool,
            policy,
            regions,
        }
    }

    /// Resolvers whose nearest region is the first of `order`; together they bring 1.
    pub(super) fn resolvers(mut self, order: &[usize], sizes: &[f64]) -> Self {
        let sum: f64 = sizes.iter().sum();
        for &size in sizes {
            let expires = mix(self.resolvers.len() as u64) % u64::from(self.ttl);
            self.resolvers.push(Resolver { order: order.to_vec(), size: size / sum, expires, member: None });
        }
        self
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        Facts {
            pool: &self.pool,
            policy: &self.policy,
            regions: &self.regions,
            members: &self.members,
            region_facts: &self.region_facts,
            ttl_max: self.ttl,
            now: UnixTime::from_secs(START + self.now),
        }
    }

    /// One step of the control alone.
    pub(super) fn control(&mut self) {
        let mut control = std::mem::take(&mut self.control);
        let (condition, due) = control.step(&self.facts());
        self.changes += usize::from(condition != self.condition);
        (self.control, self.condition, self.due) = (control, condition, due);
    }

    fn is_available(&self, region: usize) -> bool {
        self.up(region).next().is_some()
    }

    fn up(&self, region: usize) -> impl Iterator<Item = usize> {
        let members = self.pool.members.iter().zip(&self.condition.members).enumerate();
        members
            .filter(move |(_, (member, state))| {
                member.region.index() == region && state.enabled && state.status == Status::Up
            })
            .map(|(index, _)| index)
    }

    /// How far a region takes clients.
    fn state(&self, region: usize) -> RegionState {
        self.condition.regions.of(RegionId(region as u16))
    }

    /// The region that a client is led to, as decisions are made.
    fn region(&self, client: usize, order: &[usize]) -> Option<usize> {
        let coordinate = |region: usize, salt: u64| mix(mix(client as u64 ^ salt) ^ region as u64) as u32;
        let open: Vec<usize> = order.iter().copied().filter(|&region| self.is_available(region)).collect();
        let back = |&&region: &&usize| !self.state(region).held_back;
        let open: Vec<usize> =
            if open.iter().any(|region| back(&region)) { open.iter().filter(back).copied().collect() } else { open };
        if self.policy.region_spread.is_some() {
            return self.equal(&open);
        }
        let (&home, others) = open.split_first()?;
        if !self.state(home).shed.holds(coordinate(home, 1 << 40)) {
            return Some(home);
        }
        let taker = others.iter().find(|&&other| !self.state(other).refuses.holds(coordinate(other, 2 << 40)));
        Some(taker.copied().unwrap_or(home))
    }

    /// One of several equal regions, by weight.
    fn equal(&self, open: &[usize]) -> Option<usize> {
        let weight = |region: &usize| f64::from(self.state(*region).weight);
        let mut left = unit(self.random ^ 7) * open.iter().map(weight).sum::<f64>();
        open.iter().copied().find(|region| {
            left -= weight(region);
            left < 0.0
        })
    }

    fn ask(&mut self, number: usize) {
        let order = self.resolvers[number].order.clone();
        let region = self.region(number, &order);
        self.random = mix(self.random);
        let draw = unit(self.random);
        let member = region.and_then(|region| {
            let sum: f64 = self.up(region).map(|index| f64::from(self.condition.members[index].weight)).sum();
            let mut left = draw * sum;
            self.up(region).find(|&index| {
                left -= f64::from(self.condition.members[index].weight);
                left < 0.0
            })
        });
        let resolver = &mut self.resolvers[number];
        resolver.member = member;
        resolver.expires = self.now + u64::from(self.ttl);
    }

    /// A second goes by.
    pub(super) fn second(&mut self) {
        if self.condition.members.is_empty() {
            self.control();
        }
        self.now += 1;
        for number in 0..self.resolvers.len() {
            if self.resolvers[number].expires <= self.now {
                self.ask(number);
            }
        }
        let mut loads = vec![0.0; self.loads.len()];
        for resolver in &self.resolvers {
            if let Some(member) = resolver.member {
                let (home, here) = (resolver.order[0], self.pool.members[member].region.index());
                let size = resolver.size * self.demand[home] * self.scale[home] / self.scale[here];
                loads[member] += size * self.cost[member];
            }
        }
        let kept = if self.session > 0.0 { (-1.0 / self.session).exp() } else { 0.0 };
        for (load, now) in self.loads.iter_mut().zip(loads) {
            *load = *load * kept + now * (1.0 - kept);
        }
        let reports = self.every > 0 && self.now.is_multiple_of(self.every);
        if reports {
            self.report();
        }
        if reports || self.due.is_some_and(|due| due <= UnixTime::from_secs(START + self.now)) {
            self.control();
        }
    }

    fn report(&mut self) {
        for (facts, &load) in self.members.iter_mut().zip(&self.loads) {
            let load = Load {
                utilisation: Some(load),
                connections: Some(load * 1000.0),
                bandwidth: Some(load * 1e6),
                packets: Some(load * 1e4),
                ..Load::default()
            };
            facts.report = Report { load, is_fresh: true, ..facts.report };
        }
    }

    /// No reports any more: what there is is stale.
    pub(super) fn fall_silent(&mut self) {
        self.every = 0;
        for facts in &mut self.members {
            facts.report = Report { load: Load::default(), is_fresh: false, ..facts.report };
        }
        self.control();
    }

    pub(super) fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.second();
        }
    }

    /// The mean loads of members over the next `seconds`.
    pub(super) fn mean_loads(&mut self, seconds: u64) -> Vec<f64> {
        let mut sums = vec![0.0; self.loads.len()];
        for _ in 0..seconds {
            self.second();
            for (sum, load) in sums.iter_mut().zip(&self.loads) {
                *sum += load / seconds as f64;
            }
        }
        sums
    }

    pub(super) fn shed(&self) -> Vec<f64> {
        (0..self.regions.len()).map(|region| self.state(region).shed.as_f64()).collect()
    }
}

/// The sizes of `count` resolvers by Zipf's law.
pub(super) fn zipf(count: usize) -> Vec<f64> {
    (1..=count).map(|rank| 1.0 / rank as f64).collect()
}

/// The least and the greatest of what comes.
pub(super) fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)))
}

/// The policy of a spread.
pub(super) fn policy() -> Policy {
    Policy { name: "p".into(), ..Policy::default() }
}

#[test]
fn chance_is_even() {
    let mean = (0..10_000).map(unit).sum::<f64>() / 10_000.0;
    assert!((mean - 0.5).abs() < 0.01, "{mean}");
    assert!(mix(1) != mix(2) && u32::try_from(mix(3) >> 32).unwrap() != 0);
}
