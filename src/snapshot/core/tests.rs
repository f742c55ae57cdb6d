//! What one change costs: how many pools are looked at, how many are built anew, and what is shared. Counts, never times.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::{Core, DUE_AT_ONCE_MAX, Work};
use crate::base::{PolicyId, PoolId, RegionId, UnixTime};
use crate::geo::Locator;
use crate::geo::spec::GeoSpec;
use crate::health::{Change, Endpoint, Load, Report, Status, Subject, TargetKey, TargetState, Word};
use crate::snapshot::{Inputs, Past, Settings, Snapshot};
use crate::steering::control::operator::{Action, OperatorTable, Order as Said};
use crate::steering::spec::{BalanceSpec, Member, MemberTarget, Policy, Pool, Recovery, Region, Spread, TtlRange};
use crate::zone::ZoneSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

static LOCATOR: LazyLock<Arc<Locator>> = LazyLock::new(|| Arc::new(Locator::build(&GeoSpec::default()).unwrap()));

/// Pools that are in this many regions each: pool `n` in regions `n`, `n + 1`, `n + 2` of [`REGIONS`].
const WIDTH: usize = 3;
const REGIONS: usize = 30;
const POOLS: usize = 300;

fn address(pool: usize, member: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + (pool * WIDTH + member) as u32))
}

fn target(address: IpAddr) -> TargetKey {
    TargetKey { monitor: "web".into(), endpoint: Endpoint::Socket(SocketAddr::new(address, 80)) }
}

/// [`POOLS`] pools, all under one policy.
fn inputs(spread: Spread) -> Inputs {
    let member = |pool: usize, member: usize| {
        let region = RegionId(((pool + member) % REGIONS) as u16);
        Member::new(region, MemberTarget::Address(address(pool, member)))
    };
    let pool = |number: usize| Pool {
        name: format!("p{number}").into(),
        members: (0..WIDTH).map(|at| member(number, at)).collect(),
        ..Pool::default()
    };
    let pools: Vec<Pool> = (0..POOLS).map(pool).collect();
    let balance = |pool| BalanceSpec { pool: PoolId(pool), policy: PolicyId(0), ttl: TtlRange::default() };
    let targets = |pool: usize| (0..WIDTH).map(|member| vec![target(address(pool, member))]).collect();
    Inputs {
        settings: Settings::default(),
        zones: Arc::new(ZoneSet::default()),
        locator: Arc::clone(&LOCATOR),
        regions: (0..REGIONS).map(|at| Region { name: format!("r{at}").into(), ..Region::default() }).collect(),
        policies: vec![Policy { name: "only".into(), spread, ..Policy::default() }],
        owners: Vec::new(),
        balances: vec![(0..POOLS as u32).map(balance).collect()],
        aliases: Vec::new(),
        member_targets: (0..POOLS).map(targets).collect(),
        pools,
        workers: 1,
    }
}

const START: UnixTime = UnixTime::from_secs(1_000);

/// A core in which every target is up and nothing is left to do.
fn core(inputs: Inputs) -> Core {
    let all: Vec<Change> =
        inputs.member_targets.iter().flatten().flatten().map(|key| change(key.clone(), Status::Up)).collect();
    let mut core = Core::new(inputs, &Past::default(), START);
    core.changed(all);
    while core.step(START) {}
    core
}

fn change(key: TargetKey, status: Status) -> Change {
    Change { key, state: TargetState { status, ..TargetState::default() } }
}

/// What was done from now on until `happens` is live.
fn work(core: &mut Core, now: UnixTime, happens: impl FnOnce(&mut Core)) -> (u64, u64) {
    let before = core.work();
    happens(core);
    core.step(now);
    let Work { controls_stepped, answers_built } = core.work();
    (controls_stepped - before.controls_stepped, answers_built - before.answers_built)
}

fn report(subject: &str, report: Report) -> Vec<(Subject, Report)> {
    vec![(Subject::Region(subject.into()), report)]
}

fn table(pattern: &str, until: Option<UnixTime>) -> Arc<OperatorTable> {
    let mut table = OperatorTable::default();
    let (action, reason, by) = (Action::Drain { percent: 100 }, "".into(), "".into());
    table.say(Said { pattern: pattern.parse().unwrap(), action, since: START, until, reason, by }).unwrap();
    Arc::new(table)
}

#[test]
fn a_change_of_health_costs_what_it_concerns_and_shares_all_other_pages() {
    let mut core = core(inputs(Spread::Weighted));
    let before = core.snapshot();
    let down = change(target(address(130, 1)), Status::Down);
    assert_eq!(work(&mut core, START, |core| core.changed(vec![down.clone()])), (1, 1));
    assert_eq!(work(&mut core, START, |core| core.changed(vec![down])), (0, 0), "told again");
    let after = core.snapshot();
    let shared = |a: &Snapshot, b: &Snapshot| -> Vec<bool> {
        let pages = a.pool_answers.0.iter().zip(&*b.pool_answers.0);
        pages.map(|(a, b)| Arc::ptr_eq(a, b)).collect()
    };
    assert_eq!(shared(&before, &after), [true, true, false, true, true]);
    assert!(Arc::ptr_eq(&before.settings, &after.settings) && Arc::ptr_eq(&before.shards, &after.shards));
}

#[test]
fn when_nothing_moves_nobody_wants_to_be_asked() {
    let mut core = core(inputs(Spread::Weighted));
    assert_eq!(core.due(), None);
    for second in 1..100 {
        assert_eq!(work(&mut core, START + Duration::from_secs(second), |_| ()), (0, 0));
    }
}

#[test]
fn a_word_of_a_region_concerns_the_pools_that_are_there_and_load_those_that_follow_it() {
    let load = |connections| Load { connections: Some(connections), ..Load::default() };
    let fresh = |load| Report { load, is_fresh: true, ..Report::default() };
    let in_a_region = (POOLS * WIDTH / REGIONS) as u64;
    for (spread, by_load) in [(Spread::Weighted, 0), (Spread::LeastConnections, in_a_region)] {
        let mut core = core(inputs(spread));
        let (stepped, _) = work(&mut core, START, |core| core.reported(report("r7", fresh(load(1.0)))));
        assert_eq!(stepped, in_a_region, "the first report");
        let (stepped, built) = work(&mut core, START, |core| core.reported(report("r7", fresh(load(2.0)))));
        assert_eq!((stepped, built), (by_load, 0), "load alone");
        let stopped = Report { word: Some(Word::Stopped), ..fresh(load(2.0)) };
        let done = work(&mut core, START, |core| core.reported(report("r7", stopped)));
        assert_eq!(done, (in_a_region, in_a_region), "a word");
        let (stepped, _) = work(&mut core, START, |core| core.reported(report("r999", fresh(load(3.0)))));
        assert_eq!(stepped, 0, "nobody's region");
    }
}

#[test]
fn pools_follow_the_weight_that_a_region_reports() {
    let mut inputs = inputs(Spread::Weighted);
    inputs.policies[0].order = crate::steering::spec::Order::Any;
    let mut core = core(inputs);
    let weight = |percent| Report { weight_percent: Some(percent), is_fresh: true, ..Report::default() };
    let weights = |core: &mut Core| {
        let snapshot = core.snapshot();
        snapshot.pool_answers.get(7).states().iter().map(|state| state.weight).collect::<Vec<_>>()
    };
    work(&mut core, START, |core| core.reported(report("r7", weight(100))));
    assert_eq!(weights(&mut core), [1000; 3]);
    work(&mut core, START, |core| core.reported(report("r7", weight(50))));
    assert_eq!(weights(&mut core), [500, 1000, 1000]);
}

#[test]
fn an_order_concerns_the_pools_that_it_means() {
    let in_a_region = (POOLS * WIDTH / REGIONS) as u64;
    let mut core = core(inputs(Spread::Weighted));
    for (pattern, concerned, changed) in [
        ("region/r7", in_a_region, in_a_region),
        ("region/none", 0, 0),
        ("pool/p7", 1, 1),
        ("pool/p7/r8", 1, 1),
        ("pool/*/r8", in_a_region, in_a_region),
        ("pool/p7/r20", 0, 0),
        ("pool/p7/r8/10.0.0.22", 1, 1),
    ] {
        for what in ["said", "taken back"] {
            let orders = if what == "said" { table(pattern, None) } else { Arc::default() };
            let done = work(&mut core, START, |core| core.operate(Arc::clone(&orders), START));
            assert_eq!(done, (concerned, changed), "{pattern} {what}");
            assert_eq!(work(&mut core, START, |core| core.operate(orders, START)), (0, 0), "{pattern} {what} again");
        }
    }
}

#[test]
fn an_order_ends_by_itself_also_when_another_is_said_at_that_moment() {
    let end = START + Duration::from_secs(60);
    for is_said in [false, true] {
        let mut core = core(inputs(Spread::Weighted));
        work(&mut core, START, |core| core.operate(table("pool/p7/r8", Some(end)), START));
        assert!(!core.snapshot().pool_answers.get(7).states()[1].enabled);
        assert_eq!(core.due(), Some(end));
        let both = || {
            let mut orders = (*table("pool/p7/r8", Some(end))).clone();
            orders.say(table("region/none", None).orders()[0].clone()).unwrap();
            Arc::new(orders)
        };
        let done = work(&mut core, end, |core| {
            if is_said {
                core.operate(both(), end)
            }
        });
        assert_eq!(done, (1, 1));
        assert!(core.snapshot().pool_answers.get(7).states()[1].enabled);
    }
}

#[test]
fn an_order_about_one_of_several_twins_sets_them_apart_and_its_end_brings_them_together() {
    let mut inputs = inputs(Spread::Weighted);
    let (members, targets) = (inputs.pools[0].members.clone(), inputs.member_targets[0].clone());
    inputs.pools.iter_mut().for_each(|pool| pool.members.clone_from(&members));
    inputs.member_targets.fill(targets);
    let mut core = core(inputs);
    assert_eq!(work(&mut core, START, |core| core.changed(vec![change(target(address(0, 1)), Status::Down)])), (1, 1));
    let (stepped, built) = work(&mut core, START, |core| core.operate(table("pool/p7", None), START));
    assert_eq!((stepped, built), (2, 1), "the leading one and the one that is meant");
    let snapshot = core.snapshot();
    let answers = |pool: usize| snapshot.pool_answers.get(pool);
    assert!(!Arc::ptr_eq(answers(0), answers(7)) && Arc::ptr_eq(answers(0), answers(8)));
    let (_, built) = work(&mut core, START, |core| core.operate(table("pool/p0", None), START));
    assert_eq!(built, 1, "all others share one");
    work(&mut core, START, |core| core.operate(Arc::default(), START));
    let snapshot = core.snapshot();
    assert!((1..POOLS).all(|pool| Arc::ptr_eq(snapshot.pool_answers.get(0), snapshot.pool_answers.get(pool))));
}

#[test]
fn those_whose_time_has_come_are_taken_up_in_portions() {
    // Latencies are looked up each second, because nobody tells of them.
    let mut inputs = inputs(Spread::LeastResponseTime);
    for (pool, targets) in inputs.pools.iter_mut().zip(&mut inputs.member_targets) {
        pool.members.iter_mut().for_each(|member| member.region = RegionId(0));
        targets.truncate(WIDTH);
    }
    let mut core = core(inputs);
    let due = core.due().unwrap();
    let stepped = |core: &Core| core.work().controls_stepped;
    let before = stepped(&core);
    core.step_briefly(due);
    assert_eq!(stepped(&core) - before, DUE_AT_ONCE_MAX as u64);
    assert_eq!(core.due(), Some(due), "the others are due still");
    core.step_briefly(due);
    assert_eq!(stepped(&core) - before, POOLS as u64);
    let next = core.due().unwrap();
    assert!(next > due);
    assert_eq!(work(&mut core, next, |_| ()).0, POOLS as u64, "all, where nobody waits");
}

#[test]
fn what_a_restart_must_not_forget_is_told_when_it_changes() {
    let mut inputs = inputs(Spread::Weighted);
    inputs.pools[3].recovery = Recovery { failback_delay: Duration::from_secs(60), ..Recovery::default() };
    let mut core = core(inputs);
    assert_eq!(core.take_memories().unwrap_or_default(), []);
    let mut tell = |pool, status| {
        work(&mut core, START, |core| core.changed(vec![change(target(address(pool, 0)), status)]));
        core.take_memories().map(|told| told.iter().map(|memory| memory.pool.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(tell(4, Status::Down), None, "it forgets nothing worth remembering");
    assert_eq!(tell(3, Status::Down), Some(vec!["p3".to_owned()]));
    assert_eq!(tell(5, Status::Down), None, "that is known");
    assert_eq!(core.memories().len(), 1);
}

/// A core whose first 200 pools have their second address in common; they are otherwise different.
fn core_with_shared_address() -> (Core, TargetKey) {
    let mut inputs = inputs(Spread::Weighted);
    let shared = target(address(0, 1));
    inputs.member_targets[..200].iter_mut().for_each(|targets| targets[1] = vec![shared.clone()]);
    (core(inputs), shared)
}

/// By pool: the states that its answers were built from.
fn states(snapshot: &Snapshot) -> Vec<Vec<Status>> {
    let statuses = snapshot.pool_answers.iter().map(|answers| answers.states());
    statuses.map(|states| states.iter().map(|state| state.status).collect()).collect()
}

#[test]
fn an_address_that_very_many_pools_share_is_published_in_portions() {
    let (mut core, shared) = core_with_shared_address();
    let room = 20 * core.generation.size_of(0);
    let before = states(&core.snapshot());
    core.changed(vec![change(shared.clone(), Status::Down)]);
    let mut changed = Vec::new();
    while core.is_dirty() {
        assert!(core.step_with(START, usize::MAX, room));
        let now = states(&core.snapshot());
        assert!(now.iter().zip(&before).all(|(now, before)| now == before || now[1] == Status::Down), "old or new");
        changed.push(now.iter().zip(&before).filter(|(now, before)| now != before).count());
    }
    assert_eq!(changed, (1..=10).map(|portion| 20 * portion).collect::<Vec<_>>());
    let (mut at_once, _) = core_with_shared_address();
    assert_eq!(work(&mut at_once, START, |core| core.changed(vec![change(shared, Status::Down)])), (200, 200));
    assert_eq!(states(&core.snapshot()), states(&at_once.snapshot()));
}

#[test]
fn what_is_told_between_two_portions_is_in_the_next() {
    let (mut core, shared) = core_with_shared_address();
    let room = 20 * core.generation.size_of(0);
    core.changed(vec![change(shared.clone(), Status::Down)]);
    core.step_with(START, usize::MAX, room);
    core.changed(vec![change(target(address(250, 0)), Status::Down), change(target(address(199, 0)), Status::Down)]);
    core.step_with(START, usize::MAX, room);
    assert_eq!(states(&core.snapshot())[250], [Status::Down, Status::Up, Status::Up]);
    assert_eq!(states(&core.snapshot())[199], [Status::Up; 3], "it waits already, and keeps its place");
    core.changed(vec![change(shared, Status::Up)]);
    while core.is_dirty() {
        core.step_with(START, usize::MAX, room);
    }
    let now = states(&core.snapshot());
    assert_eq!((&now[0][..], &now[199][..]), (&[Status::Up; 3][..], &[Status::Down, Status::Up, Status::Up][..]));
}

#[test]
fn another_configuration_leaves_nothing_to_do_of_the_one_before() {
    let (mut core, shared) = core_with_shared_address();
    core.changed(vec![change(shared, Status::Down)]);
    core.step_with(START, usize::MAX, 1);
    let inputs = (*core.generation.inputs).clone();
    core.replace(inputs, START);
    assert!(!core.is_dirty());
    assert!(states(&core.snapshot())[..200].iter().all(|states| states[1] == Status::Down));
}
