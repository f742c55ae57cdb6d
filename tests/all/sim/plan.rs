//! The configurations of one simulated world: what is chosen by its seed, and what changes from one reload to the next.

use super::ground::{self, Geography, REGIONS};
use super::random::follows_from;
use azimuth::base::{Continent, Country, MonitorId, Point, PolicyId, PoolId, RegionId};
use azimuth::health::{Endpoint, TargetKey};
use azimuth::snapshot::{Inputs, Settings};
use azimuth::steering::spec::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Pools of addresses; one of names stands behind them.
const ADDRESS_POOLS: usize = 3;
const POLICIES: usize = 4;
/// Members that a pool may have in a region: so many of each family.
const PLACES: usize = 3;

/// One configuration of a world.
pub struct Plan {
    pub inputs: Inputs,
    /// Members' addresses tell which configuration they are of.
    pub is_renumbered: bool,
    pub generation: usize,
}

/// Which member an answered address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Who {
    pub generation: u8,
    pub pool: u8,
    pub region: u8,
    pub place: u8,
}

impl Who {
    fn v4(self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::new(10, self.generation, self.pool * 16 + self.region, self.place))
    }

    fn v6(self) -> IpAddr {
        let [generation, pool, region, place] = [self.generation, self.pool, self.region, self.place].map(u16::from);
        IpAddr::V6(Ipv6Addr::new(0xfd00, generation, pool, region, 0, 0, 0, place))
    }

    fn name(self) -> String {
        format!("m{}.r{}.g{}.sim.test.", self.place, self.region, self.generation)
    }

    /// `None` for fallback addresses.
    pub fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(v4) => {
                let [net, generation, at, place] = v4.octets();
                (net == 10).then_some(Self { generation, pool: at / 16, region: at % 16, place })
            }
            IpAddr::V6(v6) => {
                let [net, generation, pool, region, .., place] = v6.segments().map(|segment| segment as u8);
                (v6.segments()[0] == 0xfd00 && net == 0).then_some(Self { generation, pool, region, place })
            }
        }
    }

    /// Of a CNAME's target.
    pub fn of_name(name: &str) -> Option<Self> {
        let mut numbers = name.split('.').take(3).map(|label| label.get(1..)?.parse().ok());
        let (place, region, generation) = (numbers.next()??, numbers.next()??, numbers.next()??);
        Some(Self { generation, pool: ADDRESS_POOLS as u8, region, place })
    }
}

/// Fallback addresses of policies.
const FALLBACK: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x99))];

/// What a world's seed says of a thing in one of its configurations: one reload in five changes it.
struct Choice {
    seed: u64,
    generation: u64,
}

impl Choice {
    fn of(&self, what: &[u64]) -> u64 {
        let thing = follows_from(what);
        let changed = (1..=self.generation).rev().find(|at| follows_from(&[self.seed, thing, *at]).is_multiple_of(5));
        follows_from(&[self.seed, thing, changed.unwrap_or(0), 1])
    }

    fn one_in(&self, count: u64, what: &[u64]) -> bool {
        self.of(what).is_multiple_of(count)
    }

    fn below(&self, bound: u64, what: &[u64]) -> u64 {
        self.of(what) % bound
    }

    /// The same in all configurations.
    fn fixed(&self, what: &[u64]) -> u64 {
        follows_from(&[self.seed, follows_from(what), 2])
    }
}

impl Plan {
    /// The configuration with number `generation` of the world with this seed.
    pub fn new(seed: u64, generation: usize, geography: &Geography) -> Self {
        let choice = Choice { seed, generation: generation as u64 };
        let is_renumbered = choice.fixed(&[1]).is_multiple_of(2);
        let number = if is_renumbered { generation as u8 } else { 0 };
        let regions = regions(&choice);
        let pools: Vec<Pool> = (0..=ADDRESS_POOLS).map(|pool| pool_of(&choice, pool, number)).collect();
        let policies: Vec<Policy> =
            (0..=POLICIES).map(|policy| policy_of(&choice, policy, &pools, geography)).collect();
        let balances = (0..ground::NAMES).map(|name| balance(&choice, name)).collect();
        let targets = (0..).zip(&pools).map(|(pool, spec)| {
            let targets = spec.members.iter().map(|member| targets_of(&choice, pool, spec, member));
            targets.collect()
        });
        let inputs = Inputs {
            settings: Settings::default(),
            zones: ground::zones(generation),
            locator: Arc::clone(&geography.locator),
            regions,
            member_targets: targets.collect(),
            pools,
            policies,
            owners: vec![ground::owners().into()],
            balances: vec![balances],
            aliases: vec![Vec::new()],
            workers: 0,
        };
        Self { inputs, is_renumbered, generation }
    }

    /// The pool, by number, and the member in it.
    pub fn member(&self, who: Who) -> Option<(usize, usize)> {
        let pool = usize::from(who.pool);
        let is_it = |member: &Member| who_is(pool, member) == who;
        Some((pool, self.inputs.pools.get(pool)?.members.iter().position(is_it)?))
    }

    /// The pool and the policy of a balanced name, and its TTLs.
    pub fn balance(&self, name: usize) -> (usize, &Policy, TtlRange) {
        let spec = self.inputs.balances[0][name];
        (spec.pool.index(), &self.inputs.policies[spec.policy.index()], spec.ttl)
    }
}

/// A member's own description of itself.
pub fn who_is(pool: usize, member: &Member) -> Who {
    match &member.target {
        MemberTarget::Address(address) => Who::of(*address).unwrap(),
        MemberTarget::Name { text, .. } => Who { pool: pool as u8, ..Who::of_name(text).unwrap() },
    }
}

fn regions(choice: &Choice) -> Vec<Region> {
    let regions = (0..).zip(REGIONS).map(|(number, (name, latitude, longitude))| Region {
        name: name.into(),
        coordinates: Point::new(latitude, longitude).filter(|_| !choice.fixed(&[10, number]).is_multiple_of(8)),
        bias: [0, 0, 0, 20, -30][choice.below(5, &[11, number]) as usize],
        enabled: !choice.one_in(16, &[12, number]),
        capacity: (!choice.one_in(3, &[13, number])).then_some(100.0),
    });
    regions.collect()
}

/// Whether a pool has something in a region at all.
fn is_in(choice: &Choice, pool: usize, region: u64) -> bool {
    // Every pool is in the first two, so that each policy finds some.
    region < 2 || choice.one_in(2, &[20, pool as u64, region])
}

fn pool_of(choice: &Choice, number: usize, generation: u8) -> Pool {
    let pool = number as u64;
    let mut members = Vec::new();
    for region in (0..REGIONS.len() as u64).filter(|region| is_in(choice, number, *region)) {
        for place in 0..PLACES as u64 {
            let at = [pool, region, place];
            let who = Who { generation, pool: number as u8, region: region as u8, place: place as u8 };
            let id = RegionId(region as u16);
            let mut add = |family: u64, target: MemberTarget| {
                // The first one is always there, so that no region is without.
                if place == 0 || choice.one_in(2, &[21, at[0], at[1], at[2], family]) {
                    let mut member = Member::new(id, target);
                    member.weight = 1 + choice.below(4, &[22, at[0], at[1], at[2], family]) as u32;
                    member.enabled = !choice.one_in(10, &[23, at[0], at[1], at[2], family]);
                    member.capacity = choice.one_in(2, &[24, at[0], at[1], at[2]]).then_some(50.0);
                    members.push(member);
                }
            };
            if number == ADDRESS_POOLS {
                let text = who.name();
                let wire = azimuth::wire::Name::from_text(text.as_bytes(), None).unwrap().as_wire().into();
                add(0, MemberTarget::Name { wire, text: text.into() });
            } else {
                add(4, MemberTarget::Address(who.v4()));
                if choice.fixed(&[25, pool]).is_multiple_of(2) {
                    add(6, MemberTarget::Address(who.v6()));
                }
            }
        }
    }
    Pool {
        name: format!("pool{number}").into(),
        monitors: (0..choice.fixed(&[26, pool]) % 3)
            .map(|number| RequiredMonitor {
                inverted: choice.one_in(8, &[90, pool, number]),
                watch_only: choice.one_in(8, &[91, pool, number]),
                ..RequiredMonitor::new(MonitorId(number as u32))
            })
            .collect(),
        at_least: choice.one_in(2, &[27, pool]).then_some(1),
        members,
        recovery: recovery(choice, pool),
        limits: Limits { connections: choice.one_in(4, &[28, pool]).then_some(80.0), ..Limits::default() },
        has_feed: choice.fixed(&[29, pool]).is_multiple_of(2),
    }
}

fn recovery(choice: &Choice, pool: u64) -> Recovery {
    let seconds = |low: u64, what: u64| Duration::from_secs(low + choice.below(20, &[what, pool]));
    let mut recovery = Recovery::default();
    if choice.one_in(3, &[30, pool]) {
        recovery.warm_up = Some(seconds(5, 31));
        recovery.warm_up_after = seconds(0, 32);
        recovery.probation = choice.one_in(2, &[33, pool]).then_some(0.02);
    }
    if choice.one_in(5, &[34, pool]) {
        recovery.failover_delay = seconds(1, 35);
    }
    if choice.one_in(5, &[36, pool]) {
        recovery.failback_delay = seconds(1, 37);
    }
    if choice.one_in(8, &[38, pool]) {
        recovery.failback = Failback::Manual;
    }
    recovery
}

fn spread(number: u64) -> Spread {
    match number {
        0 => Spread::Hash { ipv4_prefix: 24, ipv6_prefix: 48 },
        1 => Spread::RoundRobin,
        2 => Spread::Random,
        3 => Spread::All,
        4 => Spread::WeightedRoundRobin,
        5 => Spread::TwoChoices,
        6 => Spread::LeastConnections,
        7 => Spread::WeightedLeastConnections,
        8 => Spread::LeastBandwidth,
        9 => Spread::LeastResponseTime,
        _ => Spread::Weighted,
    }
}

/// The last policy is what others fall back to.
fn policy_of(choice: &Choice, number: usize, pools: &[Pool], geography: &Geography) -> Policy {
    let policy = number as u64;
    let is_last = number == POLICIES;
    let mut made = Policy {
        name: format!("policy{number}").into(),
        order: [Order::Closest, Order::Closest, Order::Listed, Order::Any, Order::Latency]
            [choice.below(5, &[40, policy]) as usize],
        spread: if is_last { Spread::Weighted } else { spread(choice.below(14, &[41, policy])) },
        answers: [None, None, Some(1), Some(2), Some(3)]
            .get(choice.below(9, &[42, policy]) as usize)
            .copied()
            .flatten(),
        min_healthy: [0.5, 0.5, 0.0, 0.25, 1.0][choice.below(5, &[43, policy]) as usize],
        families: if choice.one_in(3, &[44, policy]) { Families::Apart } else { Families::Together },
        shed: choice.one_in(3, &[45, policy]).then_some(ShedMarks { low: 0.7, high: 0.9 }),
        percentage_drain: choice.one_in(4, &[46, policy]),
        ..Policy::default()
    };
    if made.order != Order::Listed && choice.one_in(3, &[52, policy]) {
        made.tie_band = (made.order != Order::Any).then_some(1.8);
        made.region_spread = [Some(Spread::Weighted), Some(Spread::Hash { ipv4_prefix: 20, ipv6_prefix: 40 }), None]
            .get(choice.below(5, &[53, policy]) as usize)
            .copied()
            .unwrap_or(Some(Spread::RoundRobin));
        made.region_weights = vec![(RegionId(0), 3), (RegionId(1), 2)];
    }
    made.all_down = match choice.below(6, &[47, policy]) {
        0 => AllDown::NoData,
        1 => AllDown::ServFail,
        2 => AllDown::Fallback(FALLBACK.to_vec()),
        3 if !is_last => AllDown::Policy(PolicyId(POLICIES as u32)),
        _ => AllDown::All,
    };
    if choice.one_in(3, &[48, policy]) {
        let mut listed: Vec<u64> = (0..REGIONS.len() as u64)
            .filter(|region| *region < 2 || choice.one_in(2, &[49, policy, *region]))
            .collect();
        listed.sort_by_key(|region| choice.of(&[50, policy, *region]));
        made.regions = Some(listed.into_iter().map(|region| RegionId(region as u16)).collect());
    }
    let rules = (0..choice.below(3, &[51, policy])).map(|rule| rule_of(choice, policy, rule, &made, pools, geography));
    made.rules = rules.collect();
    if number == ADDRESS_NAMES_POLICY {
        // It answers with names: one at a time, and there are no addresses to fall back to.
        made.answers = None;
        made.spread = if made.spread == Spread::All { Spread::Weighted } else { made.spread };
        made.all_down = AllDown::All;
    }
    made
}

/// The policy of the pool of names.
const ADDRESS_NAMES_POLICY: usize = 3;

fn rule_of(choice: &Choice, policy: u64, rule: u64, made: &Policy, pools: &[Pool], geography: &Geography) -> Rule {
    let at = |what: u64| [what, policy, rule];
    let condition = match choice.below(4, &at(60)) {
        0 => Condition { continent: Continent::new("EU"), ..Condition::default() },
        1 => Condition { country: Country::new("US"), ..Condition::default() },
        2 => Condition { country: Country::new("FR"), ..Condition::default() },
        _ => Condition { network: Some(geography.marks[choice.below(3, &at(61)) as usize]), ..Condition::default() },
    };
    let reach: Vec<RegionId> =
        made.regions.clone().unwrap_or_else(|| (0..REGIONS.len() as u16).map(RegionId).collect());
    let some = |what: u64| {
        let list = reach.iter().filter(move |id| choice.one_in(3, &[what, policy, rule, u64::from(id.0)]));
        list.copied().collect::<Vec<RegionId>>()
    };
    let fence = Some(some(62)).filter(|fence| {
        // As `check` wants it: no type may be there for some clients only.
        let families = |pool: &Pool, ids: &[RegionId]| {
            let of = |v4: bool| {
                pool.members.iter().any(|member| {
                    let is_v4 = !matches!(member.target, MemberTarget::Address(IpAddr::V6(_)));
                    ids.contains(&member.region) && is_v4 == v4 && member.enabled
                })
            };
            (of(true), of(false))
        };
        pools.iter().all(|pool| families(pool, fence) == families(pool, &reach))
    });
    Rule { condition, prefer: some(63), regions: fence }
}

fn balance(choice: &Choice, name: usize) -> BalanceSpec {
    let number = name as u64;
    let ttls = [TtlRange::default(), TtlRange { max: 10, min: 2 }, TtlRange { max: 30, min: 30 }];
    let (pool, policy) = match name < ground::ADDRESS_NAMES {
        true => (choice.below(ADDRESS_POOLS as u64, &[70, number]) as u32, choice.below(3, &[71, number]) as u32),
        false => (ADDRESS_POOLS as u32, ADDRESS_NAMES_POLICY as u32),
    };
    BalanceSpec { pool: PoolId(pool), policy: PolicyId(policy), ttl: ttls[choice.below(3, &[72, number]) as usize] }
}

/// What is probed of a member: the same whatever its address is. Some pools share what is probed.
fn targets_of(choice: &Choice, pool: usize, spec: &Pool, member: &Member) -> Vec<TargetKey> {
    let who = who_is(pool, member);
    let shared = choice.fixed(&[80, pool as u64]).is_multiple_of(3);
    let is_v6 = matches!(member.target, MemberTarget::Address(IpAddr::V6(_)));
    let probed = [127, if shared { 0 } else { who.pool + 1 }, who.region * 2 + u8::from(is_v6), who.place];
    let target = |required: &RequiredMonitor| TargetKey {
        monitor: format!("monitor{}", required.monitor.0).into(),
        endpoint: Endpoint::Socket(SocketAddr::new(IpAddr::from(probed), 80)),
    };
    spec.monitors.iter().map(target).collect()
}
