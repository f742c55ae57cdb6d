//! Whether a command of an operator would leave a pool with too few regions. Pure and without memory: it is told what is
//! configured, how members stand now, and the orders as they would be.
//!
//! A region counts for a pool while, in each family that the pool has in it, its members that may answer and are up weigh
//! enough to be answered in the first pass, and a policy that steers the pool reaches it. Regions are counted for each family that
//! the pool has.

use super::operator::{OperatorTable, target_text};
use crate::base::{Family, RegionId, UnixTime, glob};
use crate::health::Status;
use crate::steering::condition::MemberState;
use crate::steering::spec::{AllDown, BalanceSpec, Guard, Member, MemberTarget, Policy, Pool, Region};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How a pool stands now.
#[derive(Clone, Debug, Default)]
pub struct PoolNow {
    /// By member, in configured order, with all that operators have said so far.
    pub members: Vec<MemberState>,
    /// The share of a region's enabled weight that must be up, by the strictest policy that steers the pool.
    pub min_healthy: f64,
    /// Where clients may be led at all.
    pub reached: Reached,
}

impl PoolNow {
    /// A policy steers the pool too.
    pub fn steer_by(&mut self, policy: &Policy) {
        self.min_healthy = self.min_healthy.max(policy.min_healthy);
        self.reached.extend(policy);
    }
}

/// The regions that at least one of the policies that steer a pool leads clients to: whoever asks for a name under one of them
/// still gets an answer there. What no policy reaches is no reserve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reached {
    /// No policy steers the pool.
    #[default]
    Nowhere,
    /// These.
    Only(BTreeSet<RegionId>),
    /// All that the pool has members in.
    Everywhere,
}

impl Reached {
    fn extend(&mut self, policy: &Policy) {
        *self = match (std::mem::take(self), &policy.regions) {
            (Self::Everywhere, _) | (_, None) => Self::Everywhere,
            (Self::Nowhere, Some(regions)) => Self::Only(regions.iter().copied().collect()),
            (Self::Only(mut known), Some(regions)) => {
                known.extend(regions);
                Self::Only(known)
            }
        };
    }

    fn has(&self, region: RegionId) -> bool {
        match self {
            Self::Nowhere => false,
            Self::Only(regions) => regions.contains(&region),
            Self::Everywhere => true,
        }
    }
}

/// What steers each pool of a configuration, by id, of members that are not known: the policies that names are balanced under,
/// and those that these fall back to.
pub fn steered<'a>(
    pools: usize,
    policies: &[Policy],
    balances: impl IntoIterator<Item = &'a BalanceSpec>,
) -> Vec<PoolNow> {
    let mut steered = vec![PoolNow::default(); pools];
    let mut pairs: Vec<_> = balances.into_iter().map(|balance| (balance.pool, balance.policy)).collect();
    let mut known = BTreeSet::new();
    while let Some(pair) = pairs.pop() {
        let (Some(pool), Some(policy)) = (steered.get_mut(pair.0.index()), policies.get(pair.1.index())) else {
            continue;
        };
        if known.insert(pair) {
            pool.steer_by(policy);
            if let AllDown::Policy(next) = policy.all_down {
                pairs.push((pair.0, next));
            }
        }
    }
    steered
}

/// A guard that a command would break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The pool.
    pub pool: Arc<str>,
    /// The family in which too few regions would be left; `None` for a pool of names.
    pub family: Option<Family>,
    /// How many the guard asks for.
    pub min_regions: u16,
    /// How many there are now.
    pub before: usize,
    /// Those that would be left, in configured order.
    pub left: Vec<Arc<str>>,
}

impl Violation {
    /// In a sentence without a final period.
    #[must_use]
    pub fn words(&self) -> String {
        let Self { pool, min_regions, before, .. } = self;
        let family = match self.family {
            Some(Family::V4) => " for IPv4",
            Some(Family::V6) => " for IPv6",
            None => "",
        };
        let left = match self.left.as_slice() {
            [] => "none".to_owned(),
            left => format!("{} ({})", left.len(), left.iter().map(|name| &**name).collect::<Vec<_>>().join(", ")),
        };
        format!(
            "pool `{pool}` must keep {min_regions} regions that are enabled and available{family}: now there are {before}, \
             and {left} would be left"
        )
    }
}

/// The guards that the orders of `proposed` would break and that hold now, or would be broken further: what is broken already
/// and gets no worse is nobody's fault who asks. `now` is by pool id, as are `pools`.
#[must_use]
pub fn judge(
    guards: &[Guard],
    regions: &[Region],
    pools: &[Pool],
    state: &[PoolNow],
    proposed: &OperatorTable,
    now: UnixTime,
) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (pool, state) in pools.iter().zip(state) {
        let Some(min_regions) = min_regions_of(guards, &pool.name) else { continue };
        let before = available(pool, regions, state, |_| true);
        let after = available(pool, regions, state, |member| {
            let region = regions.get(member.region.index()).map_or("", |region| &*region.name);
            !proposed.admin_of_member(&pool.name, region, &target_text(&member.target), now).forbids()
        });
        for (family, before) in before {
            let left = after.get(&family).cloned().unwrap_or_default();
            if left.len() < usize::from(min_regions) && left.len() < before.len() {
                let left = left.iter().filter_map(|id| regions.get(id.index())).map(|region| Arc::clone(&region.name));
                let (pool, before) = (Arc::clone(&pool.name), before.len());
                violations.push(Violation { pool, family, min_regions, before, left: left.collect() });
            }
        }
    }
    violations
}

/// One configuration with how its pools stand.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// By id.
    pub regions: &'a [Region],
    /// By id.
    pub pools: &'a [Pool],
    /// By pool id.
    pub state: &'a [PoolNow],
}

/// The guards of another configuration that it would break itself, going live with these orders: it removes, disables or no
/// longer reaches what is available. Members that are new are taken to be up: nobody knows better. The states of members of
/// `next` are not looked at. A pool that is no longer there, or no longer steered, was taken out on purpose.
#[must_use]
pub fn judge_reload(
    before: Scene<'_>,
    guards: &[Guard],
    next: Scene<'_>,
    orders: &OperatorTable,
    now: UnixTime,
) -> Vec<Violation> {
    let known = |pool: &Pool| before.pools.iter().zip(before.state).find(|(known, _)| known.name == pool.name);
    let mut violations = Vec::new();
    for (pool, steered) in next.pools.iter().zip(next.state) {
        let (Some(min_regions), Some((old, state))) = (min_regions_of(guards, &pool.name), known(pool)) else {
            continue;
        };
        if state.members.is_empty() || steered.reached == Reached::Nowhere {
            // It is not steered, so that there is nothing to lose.
            continue;
        }
        let will = PoolNow { members: members_after(pool, old, state), ..steered.clone() };
        let was = available(old, before.regions, state, |_| true);
        let will_be = available(pool, next.regions, &will, |member| {
            let region = next.regions.get(member.region.index()).map_or("", |region| &*region.name);
            !orders.admin_of_member(&pool.name, region, &target_text(&member.target), now).forbids()
        });
        // Of a family that is gone nothing is left.
        for (family, before) in was {
            let (left, before) = (left_of(family, &will_be), before.len());
            if left.len() < usize::from(min_regions) && left.len() < before {
                let left = left.iter().filter_map(|id| next.regions.get(id.index()));
                let left = left.map(|region| Arc::clone(&region.name)).collect();
                violations.push(Violation { pool: Arc::clone(&pool.name), family, min_regions, before, left });
            }
        }
    }
    violations
}

/// How the members of a pool will be, by how they are now.
fn members_after(pool: &Pool, old: &Pool, state: &PoolNow) -> Vec<MemberState> {
    let after = |member: &Member| {
        let at = old.members.iter().position(|known| known.target == member.target);
        // What was left out by the configuration before says nothing of this one.
        let at = at.filter(|at| old.members[*at].enabled);
        let now_is = at.and_then(|at| state.members.get(at)).copied();
        now_is.unwrap_or(MemberState::configured(Status::Up, false, true, member.weight))
    };
    pool.members.iter().map(after).collect()
}

/// What is left of a family. Names stand for both: whoever follows one finds the addresses of either.
fn left_of(family: Option<Family>, will_be: &BTreeMap<Option<Family>, Vec<RegionId>>) -> &[RegionId] {
    let fewest = || will_be.values().min_by_key(|left| left.len()).filter(|_| family.is_none());
    will_be.get(&family).or_else(|| will_be.get(&None)).or_else(fewest).map_or(&[], Vec::as_slice)
}

/// How many regions a pool must keep: the most that any guard asks for.
#[must_use]
pub fn min_regions_of(guards: &[Guard], pool: &str) -> Option<u16> {
    let of_pool = guards.iter().filter(|guard| glob::matches(guard.pool.as_bytes(), pool.as_bytes()));
    of_pool.map(|guard| guard.min_regions).max()
}

/// How many regions of a pool a configuration leaves at best, by family: those that are reached, are enabled and have enabled
/// members. A pool without members has none, of no family.
#[must_use]
pub fn attainable(pool: &Pool, regions: &[Region], reached: Reached) -> BTreeMap<Option<Family>, usize> {
    let members = pool.members.iter().map(|member| MemberState::configured(Status::Up, false, member.enabled, 1));
    let state = PoolNow { members: members.collect(), min_healthy: 0.0, reached };
    let counts = available(pool, regions, &state, |_| true).into_iter().map(|(family, left)| (family, left.len()));
    let counts: BTreeMap<_, _> = counts.collect();
    if counts.is_empty() { BTreeMap::from([(None, 0)]) } else { counts }
}

/// Weights of a region's members in one family.
#[derive(Clone, Copy, Default)]
struct Weights {
    enabled: u64,
    up: u64,
}

/// The regions that count, for each family that the pool has, in configured order.
fn available(
    pool: &Pool,
    regions: &[Region],
    state: &PoolNow,
    stays: impl Fn(&Member) -> bool,
) -> BTreeMap<Option<Family>, Vec<RegionId>> {
    let mut by_region: BTreeMap<RegionId, BTreeMap<Option<Family>, Weights>> = BTreeMap::new();
    let mut counted: BTreeMap<Option<Family>, Vec<RegionId>> = BTreeMap::new();
    for (member, now) in pool.members.iter().zip(&state.members) {
        let family = family_of(member);
        counted.entry(family).or_default();
        let in_service = member.enabled
            && state.reached.has(member.region)
            && regions.get(member.region.index()).is_some_and(|region| region.enabled);
        if !in_service {
            continue;
        }
        // Of a family that is drained whole nothing is left, and with it its region.
        let weights = by_region.entry(member.region).or_default().entry(family).or_default();
        if now.enabled && stays(member) {
            weights.enabled += u64::from(member.weight);
            weights.up += if now.status == Status::Up { u64::from(member.weight) } else { 0 };
        }
    }
    for (region, families) in by_region {
        let is_available =
            |weights: &Weights| weights.up > 0 && weights.up as f64 >= state.min_healthy * weights.enabled as f64;
        if families.values().all(is_available) {
            for family in families.keys() {
                counted.entry(*family).or_default().push(region);
            }
        }
    }
    counted
}

fn family_of(member: &Member) -> Option<Family> {
    match member.target {
        MemberTarget::Address(address) => Some(Family::of(address)),
        MemberTarget::Name { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{PoolNow, Reached, Scene, attainable, judge, judge_reload, min_regions_of};
    use crate::base::{Family, RegionId, UnixTime};
    use crate::health::Status;
    use crate::steering::condition::MemberState;
    use crate::steering::control::operator::{Action, OperatorTable, Order};
    use crate::steering::spec::{Guard, Member, MemberTarget, Policy, Pool, Region};
    use std::net::IpAddr;

    const NOW: UnixTime = UnixTime::from_secs(1);

    /// Three regions; each has a member of each family given, all up.
    struct World {
        regions: Vec<Region>,
        pool: Pool,
        state: PoolNow,
        guards: Vec<Guard>,
    }

    impl World {
        fn new(families: &[Family]) -> Self {
            let regions = ["a", "b", "c"].map(|name| Region { name: name.into(), ..Region::default() }).to_vec();
            let mut members = Vec::new();
            for region in 0..3_u8 {
                for family in families {
                    let address: IpAddr = match family {
                        Family::V4 => [192, 0, 2, region].into(),
                        Family::V6 => [0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(region)].into(),
                    };
                    members.push(Member::new(RegionId(u16::from(region)), MemberTarget::Address(address)));
                }
            }
            let state = vec![MemberState::configured(Status::Up, false, true, 1); members.len()];
            let state = PoolNow { members: state, min_healthy: 0.5, reached: Reached::Everywhere };
            let guards = vec![Guard { pool: "w*".into(), min_regions: 2 }];
            Self { regions, pool: Pool { name: "web".into(), members, ..Pool::default() }, state, guards }
        }

        fn said(&self, orders: &[(Action, &str)]) -> Vec<String> {
            let mut table = OperatorTable::default();
            for (action, pattern) in orders {
                let pattern = pattern.parse().unwrap();
                let (reason, by) = ("".into(), "".into());
                table.say(Order { pattern, action: *action, since: NOW, until: None, reason, by }).unwrap();
            }
            let (pools, state) = (std::slice::from_ref(&self.pool), std::slice::from_ref(&self.state));
            judge(&self.guards, &self.regions, pools, state, &table, NOW).iter().map(super::Violation::words).collect()
        }
    }

    const DRAIN: Action = Action::Drain { percent: 100 };

    #[test]
    fn a_drain_that_leaves_enough_passes_and_the_next_does_not() {
        let world = World::new(&[Family::V4]);
        assert!(world.said(&[(DRAIN, "region/a")]).is_empty());
        for second in [DRAIN, Action::ForceDown] {
            let said = world.said(&[(DRAIN, "region/a"), (second, "pool/web/b")]);
            assert_eq!(said.len(), 1);
            assert!(said[0].contains("pool `web`") && said[0].contains("1 (c) would be left"), "{said:?}");
        }
        assert!(world.said(&[(DRAIN, "region/a"), (Action::Drain { percent: 99 }, "region/b")]).is_empty(), "a part");
        assert_eq!(world.said(&[(DRAIN, "pool/web")])[0].matches("none would be left").count(), 1);
    }

    #[test]
    fn a_reload_that_removes_what_orders_and_failures_have_left_is_told() {
        let world = World::new(&[Family::V4]);
        let mut table = OperatorTable::default();
        let (pattern, reason) = ("region/a".parse().unwrap(), "".into());
        table.say(Order { pattern, action: DRAIN, since: NOW, until: None, reason, by: "".into() }).unwrap();
        let mut state = world.state.clone();
        state.members[0].enabled = false;
        let before = Scene {
            regions: &world.regions,
            pools: std::slice::from_ref(&world.pool),
            state: std::slice::from_ref(&state),
        };
        let said = |pool: &Pool| {
            let state = std::slice::from_ref(&world.state);
            let next = Scene { regions: &world.regions, pools: std::slice::from_ref(pool), state };
            judge_reload(before, &world.guards, next, &table, NOW)
        };
        assert!(said(&world.pool).is_empty(), "nothing is removed");
        let mut smaller = world.pool.clone();
        smaller.members.remove(1);
        let violations = said(&smaller);
        assert_eq!(violations.len(), 1);
        assert_eq!((violations[0].before, violations[0].left.len()), (2, 1));
        let mut moved = world.pool.clone();
        moved.members[1].target = MemberTarget::Address([192, 0, 2, 99].into());
        assert!(said(&moved).is_empty(), "a new member may well be up");
        let mut drained_one_goes = world.pool.clone();
        drained_one_goes.members.remove(0);
        assert!(said(&drained_one_goes).is_empty(), "it was drained for that");
    }

    #[test]
    fn a_reload_that_takes_a_family_or_the_way_to_a_region_is_told() {
        let world = World::new(&[Family::V4, Family::V6]);
        let said = |pool: &Pool, state: &PoolNow| {
            let (pools, now) = (std::slice::from_ref(&world.pool), std::slice::from_ref(&world.state));
            let before = Scene { regions: &world.regions, pools, state: now };
            let (pools, state) = (std::slice::from_ref(pool), std::slice::from_ref(state));
            let next = Scene { regions: &world.regions, pools, state };
            judge_reload(before, &world.guards, next, &OperatorTable::default(), NOW)
        };
        let mut only_v4 = world.pool.clone();
        only_v4.members.retain(|member| matches!(member.target, MemberTarget::Address(IpAddr::V4(_))));
        let violations = said(&only_v4, &world.state);
        assert_eq!(violations.len(), 1);
        assert_eq!((violations[0].family, violations[0].before, violations[0].left.len()), (Some(Family::V6), 3, 0));
        let mut named = only_v4.clone();
        for (number, member) in named.members.iter_mut().enumerate() {
            let text = format!("{number}.example.");
            // Nobody reads it here.
            let wire = [0].into();
            member.target = MemberTarget::Name { wire, text: text.into() };
        }
        assert!(said(&named, &world.state).is_empty(), "names stand for both families");
        let steered_by = |regions: &[&[u16]]| {
            let mut state = PoolNow::default();
            for regions in regions {
                let regions = Some(regions.iter().copied().map(RegionId).collect());
                state.steer_by(&Policy { regions, ..Policy::default() });
            }
            state
        };
        assert_eq!(
            said(&world.pool, &steered_by(&[&[1]])).len(),
            2,
            "the policy reaches one region only, in each family"
        );
        assert!(said(&world.pool, &steered_by(&[&[1], &[0]])).is_empty(), "another policy reaches another region");
        assert!(said(&world.pool, &steered_by(&[])).is_empty(), "no name is over it any more");
    }

    #[test]
    fn what_no_policy_reaches_is_no_reserve() {
        let mut world = World::new(&[Family::V4]);
        assert!(world.said(&[(DRAIN, "region/a")]).is_empty());
        world.state.reached = Reached::Only([RegionId(0), RegionId(1)].into());
        assert_eq!(world.said(&[(DRAIN, "region/a")]).len(), 1, "of `a`, `b` and `c` two are reached");
        assert!(world.said(&[(DRAIN, "region/c")]).is_empty(), "it has no clients");
        let best = |pool: &Pool, reached| attainable(pool, &world.regions, reached).into_values().collect::<Vec<_>>();
        assert_eq!(best(&world.pool, world.state.reached.clone()), [2]);
        assert_eq!(best(&Pool::default(), Reached::Everywhere), [0], "a pool without members");
    }

    #[test]
    fn regions_that_are_down_do_not_count_and_may_be_drained() {
        let mut world = World::new(&[Family::V4]);
        world.state.members[0].status = Status::Down;
        assert_eq!(world.said(&[(DRAIN, "region/b")]).len(), 1);
        assert!(world.said(&[(DRAIN, "region/a")]).is_empty());
        world.state.members[1].status = Status::Down;
        assert!(world.said(&[(DRAIN, "region/a")]).is_empty(), "too few already, and it gets no worse");
        world.state.members[2].status = Status::Unknown;
        assert!(world.said(&[(DRAIN, "region/c")]).is_empty(), "nothing is known to be up");
    }

    #[test]
    fn families_are_counted_each_and_a_region_needs_all_of_its_own() {
        let world = World::new(&[Family::V4, Family::V6]);
        assert!(world.said(&[(DRAIN, "pool/web/a/192.0.2.0")]).is_empty());
        let said = world.said(&[(DRAIN, "pool/web/a/192.0.2.0"), (DRAIN, "pool/web/b/2001:db8::1")]);
        assert_eq!(said.len(), 2, "{said:?}");
        let mut world = World::new(&[Family::V4]);
        world.pool.members[0].target = MemberTarget::Address("2001:db8::1".parse().unwrap());
        assert!(world.said(&[(DRAIN, "region/a")])[0].contains("IPv6"), "the only region of its family");
    }

    #[test]
    fn too_few_members_of_a_region_that_are_up_are_no_region() {
        let mut world = World::new(&[Family::V4, Family::V4, Family::V4]);
        world.state.members[1].status = Status::Down;
        world.state.members[2].status = Status::Down;
        // One of three is up: below half.
        assert_eq!(world.said(&[(DRAIN, "region/b")]).len(), 1);
        world.state.min_healthy = 0.2;
        assert!(world.said(&[(DRAIN, "region/b")]).is_empty());
    }

    #[test]
    fn the_strictest_guard_counts_and_what_is_not_enabled_is_no_region() {
        let mut world = World::new(&[Family::V4]);
        world.guards.push(Guard { pool: "web".into(), min_regions: 3 });
        assert_eq!(min_regions_of(&world.guards, "web"), Some(3));
        assert_eq!(min_regions_of(&world.guards, "api"), None);
        assert_eq!(world.said(&[(DRAIN, "region/a")]).len(), 1);
        world.regions[0].enabled = false;
        world.pool.members[1].enabled = false;
        assert_eq!(attainable(&world.pool, &world.regions, Reached::Everywhere).into_values().collect::<Vec<_>>(), [1]);
    }
}
