//! What is rebuilt, what is shared, what survives, and who frees.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

use super::{Inputs, Publisher};
use crate::base::{PolicyId, PoolId, RegionId, UnixTime};
use crate::geo::Locator;
use crate::geo::spec::GeoSpec;
use crate::health::{Change, Endpoint, Status, TargetKey, TargetState};
use crate::snapshot::{Settings, Snapshot};
use crate::steering::spec::*;
use crate::zone::ZoneSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

static LOCATOR: LazyLock<Arc<Locator>> = LazyLock::new(|| Arc::new(Locator::build(&GeoSpec::default()).unwrap()));

fn address(pool: usize, member: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0xc000_0200 + (pool * 16 + member) as u32))
}

fn key(monitor: &str, pool: usize, member: usize) -> TargetKey {
    TargetKey { monitor: monitor.into(), endpoint: Endpoint::Socket(SocketAddr::new(address(pool, member), 80)) }
}

fn region(name: &str) -> Region {
    Region { name: name.into(), ..Region::default() }
}

fn policy(name: &str, order: Order) -> Policy {
    Policy { name: name.into(), order, ..Policy::default() }
}

/// Pools `web`, `api` and `mail` with a member in each of two regions, each monitored by `http`; all under `closest`, and
/// the first under `listed` as well.
fn inputs() -> Inputs {
    let member = |pool, member| Member::new(RegionId(member as u16), MemberTarget::Address(address(pool, member)));
    let pool = |(number, name): (usize, &str)| Pool {
        name: name.into(),
        members: vec![member(number, 0), member(number, 1)],
        ..Pool::default()
    };
    let balance = |pool, policy| BalanceSpec { pool: PoolId(pool), policy: PolicyId(policy), ttl: TtlRange::default() };
    Inputs {
        settings: Settings::default(),
        zones: Arc::new(ZoneSet::default()),
        locator: Arc::clone(&LOCATOR),
        regions: vec![region("eu"), region("us")],
        pools: ["web", "api", "mail"].into_iter().enumerate().map(pool).collect(),
        policies: vec![policy("closest", Order::Closest), policy("listed", Order::Listed)],
        owners: Vec::new(),
        balances: vec![vec![balance(0, 0), balance(1, 0)], vec![balance(0, 1), balance(2, 0), balance(0, 0)]],
        aliases: Vec::new(),
        member_targets: (0..3).map(|pool| vec![vec![key("http", pool, 0)], vec![key("http", pool, 1)]]).collect(),
        workers: 2,
    }
}

fn change(key: TargetKey, status: Status, wavering: bool) -> Change {
    let since = UnixTime::default();
    Change { key, state: TargetState { status, wavering, since, ..TargetState::default() } }
}

/// Waits, within reason, until `holds`.
#[track_caller]
fn wait_until(mut holds: impl FnMut() -> bool) {
    for _ in 0..120_000 {
        if holds() {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(1));
    }
    panic!("it never came to be");
}

/// Publishes changes, and waits for them to be live.
fn publish(publisher: &Publisher, changes: Vec<Change>) {
    let before = publisher.metrics().publications;
    publisher.changed(changes);
    wait_until(|| publisher.metrics().publications > before);
}

fn snapshot(publisher: &Publisher) -> Arc<Snapshot> {
    Arc::clone(&publisher.store().load())
}

fn statuses(snapshot: &Snapshot, answers: usize) -> Vec<Status> {
    snapshot.pool_answers.get(answers).states().iter().map(|state| state.status).collect()
}

#[test]
fn monitored_members_begin_unknown_and_others_up() {
    let mut inputs = inputs();
    inputs.member_targets[0][1].clear();
    let publisher = Publisher::start(inputs);
    let snapshot = snapshot(&publisher);
    assert_eq!(statuses(&snapshot, 0), [Status::Unknown, Status::Up]);
    assert_eq!(statuses(&snapshot, 1), [Status::Unknown, Status::Unknown]);
    assert_eq!(snapshot.generation, 1);
    publisher.stop();
}

#[test]
fn pools_and_rankings_that_are_the_same_are_there_once() {
    let publisher = Publisher::start(inputs());
    let snapshot = snapshot(&publisher);
    let numbers: Vec<Vec<(u32, u32)>> =
        snapshot.balances.iter().map(|zone| zone.iter().map(|b| (b.pool_answers, b.ranking)).collect()).collect();
    assert_eq!(numbers, [vec![(0, 0), (1, 0)], vec![(2, 1), (3, 0), (0, 0)]]);
    assert_eq!((snapshot.pool_answers.iter().count(), snapshot.rankings.len()), (4, 2));
    assert_eq!(snapshot.shards.len(), 3, "two workers and the stream thread");
}

#[test]
fn a_change_of_health_rebuilds_the_pools_it_concerns_alone() {
    let publisher = Publisher::start(inputs());
    let before = snapshot(&publisher);
    publish(&publisher, vec![change(key("http", 0, 1), Status::Up, false)]);
    let after = snapshot(&publisher);
    assert_eq!(after.generation, 2);
    for number in [0, 2] {
        assert_eq!(statuses(&after, number), [Status::Unknown, Status::Up], "under both policies");
    }
    for number in [1, 3] {
        assert!(Arc::ptr_eq(before.pool_answers.get(number), after.pool_answers.get(number)));
    }
    assert!(Arc::ptr_eq(&before.rankings, &after.rankings) && Arc::ptr_eq(&before.shards, &after.shards));
    assert_eq!(statuses(&before, 0), [Status::Unknown; 2], "a snapshot never changes");
    assert_eq!(publisher.target_state(&key("http", 0, 1)).unwrap().status, Status::Up);
}

#[test]
fn what_changes_no_answer_publishes_nothing() {
    let publisher = Publisher::start(inputs());
    publish(&publisher, vec![change(key("http", 0, 1), Status::Up, false)]);
    let mut again = change(key("http", 0, 1), Status::Up, false);
    again.state.latency = Some(Duration::from_millis(7));
    publisher.changed(vec![again, change(key("http", 9, 9), Status::Down, false)]);
    publish(&publisher, vec![change(key("http", 0, 0), Status::Up, false)]);
    assert_eq!(publisher.metrics().publications, 3);
    assert_eq!(publisher.target_state(&key("http", 0, 1)).unwrap().latency, Some(Duration::from_millis(7)));
}

#[test]
fn further_changes_are_collected() {
    let publisher = Publisher::start(inputs());
    let flips = 200;
    for flip in 0..flips {
        let status = if flip % 2 == 0 { Status::Up } else { Status::Down };
        publisher.changed(vec![change(key("http", 1, 0), status, false)]);
    }
    publisher.changed(vec![change(key("http", 1, 1), Status::Up, true)]);
    wait_until(|| snapshot(&publisher).pool_answers.get(1).states()[1].wavering);
    assert_eq!(statuses(&snapshot(&publisher), 1), [Status::Down, Status::Up]);
    assert!(publisher.metrics().publications < flips, "not one for each");
}

#[test]
fn a_member_is_up_when_all_its_targets_are() {
    let mut inputs = inputs();
    inputs.member_targets[0][0] = vec![key("http", 0, 0), key("tcp", 0, 0)];
    let publisher = Publisher::start(inputs);
    let state = |publisher: &Publisher| snapshot(publisher).pool_answers.get(0).states()[0];
    let publish = |monitor, status, wavering| {
        publisher.changed(vec![change(key(monitor, 0, 0), status, wavering)]);
        // Replacing the configuration with itself comes after what was sent before it.
        publisher.replace((*publisher.current().inputs).clone());
        let state = state(&publisher);
        (state.status, state.wavering)
    };
    assert_eq!(publish("http", Status::Up, false), (Status::Unknown, false));
    assert_eq!(publish("tcp", Status::Up, false), (Status::Up, false));
    assert_eq!(publish("tcp", Status::Up, true), (Status::Up, true), "either may take it down");
    assert_eq!(publish("tcp", Status::Down, false), (Status::Down, false));
    assert_eq!(publish("http", Status::Up, true), (Status::Down, false), "it is down anyway");
    assert_eq!(publish("tcp", Status::Down, true), (Status::Down, true), "it may come up");
    assert_eq!(publish("http", Status::Unknown, false), (Status::Down, false), "not without the other");
}

#[test]
fn pools_that_differ_in_their_name_alone_share_their_answers() {
    let mut inputs = inputs();
    inputs.policies[1].spread = Spread::Hash { ipv4_prefix: 24, ipv6_prefix: 48 };
    for pool in [1, 2] {
        inputs.pools[pool].members = inputs.pools[0].members.clone();
        inputs.member_targets[pool] = inputs.member_targets[0].clone();
    }
    inputs.member_targets[2][1].clear();
    inputs.balances[1].push(BalanceSpec { pool: PoolId(1), policy: PolicyId(1), ttl: TtlRange::default() });
    let publisher = Publisher::start(inputs);
    for (target, status) in [(0, Status::Up), (1, Status::Down)] {
        publish(&publisher, vec![change(key("http", 0, target), status, false)]);
        let snapshot = snapshot(&publisher);
        let same = |a: usize, b: usize| Arc::ptr_eq(snapshot.pool_answers.get(a), snapshot.pool_answers.get(b));
        // 0 to 4: `web`, `api`, `web` hashed, `mail`, `api` hashed.
        assert!(same(0, 1), "`web` and `api`");
        assert!(!same(2, 4), "a name is part of what is hashed");
        assert!(!same(0, 3), "`mail` is monitored otherwise");
        let web = statuses(&snapshot, 0);
        assert_eq!(web[target], status);
        assert!([1, 2, 4].into_iter().all(|answers| statuses(&snapshot, answers) == web));
        assert_eq!(statuses(&snapshot, 3), [web[0], Status::Up]);
    }
    let before = snapshot(&publisher);
    publisher.replace((*publisher.current().inputs).clone());
    let after = snapshot(&publisher);
    assert!((0..5).all(|at| Arc::ptr_eq(before.pool_answers.get(at), after.pool_answers.get(at))));
}

#[test]
fn a_replacement_shares_what_did_not_change() {
    let publisher = Publisher::start(inputs());
    publish(&publisher, vec![change(key("http", 0, 1), Status::Up, false)]);
    let before = snapshot(&publisher);
    let mut next = inputs();
    next.pools[1].members[0].weight = 7;
    next.balances[0].remove(0);
    publisher.replace(next);
    let after = snapshot(&publisher);
    let shared = |new: usize, old: usize| Arc::ptr_eq(after.pool_answers.get(new), before.pool_answers.get(old));
    // Now `api` comes first, then `web` under `listed`, `mail`, and `web` under `closest`.
    assert!(!shared(0, 1), "its weight changed");
    assert!(shared(1, 2) && shared(2, 3) && shared(3, 0));
    assert!(after.rankings.iter().all(|new| before.rankings.iter().any(|old| Arc::ptr_eq(new, old))));
    assert!(!Arc::ptr_eq(&after.shards, &before.shards));
    assert_eq!(publisher.metrics().configurations, 2);
    assert_eq!(publisher.current().snapshot.generation, after.generation);
}

#[test]
fn rankings_are_not_shared_over_different_tables_nor_answers_over_different_regions() {
    let publisher = Publisher::start(inputs());
    let before = snapshot(&publisher);
    let mut next = inputs();
    next.regions[0].enabled = false;
    publisher.replace(next);
    let after = snapshot(&publisher);
    assert!(!Arc::ptr_eq(after.pool_answers.get(0), before.pool_answers.get(0)));
    assert!(Arc::ptr_eq(&after.rankings[0], &before.rankings[0]), "orders do not depend on it");
    let mut next = inputs();
    next.locator = Arc::new(Locator::build(&GeoSpec::default()).unwrap());
    publisher.replace(next);
    let last = snapshot(&publisher);
    assert!(!Arc::ptr_eq(&last.rankings[0], &after.rankings[0]));
}

#[test]
fn states_survive_a_replacement_by_name_and_are_forgotten_with_their_targets() {
    let publisher = Publisher::start(inputs());
    publish(
        &publisher,
        vec![change(key("http", 0, 0), Status::Up, false), change(key("http", 2, 0), Status::Down, false)],
    );
    // `web` goes; `mail` becomes the first pool.
    let mut next = inputs();
    next.pools.rotate_right(1);
    next.member_targets.rotate_right(1);
    next.pools[1].members.clear();
    next.member_targets[1].clear();
    publisher.replace(next);
    assert_eq!(statuses(&snapshot(&publisher), 0), [Status::Down, Status::Unknown]);
    assert_eq!(publisher.target_state(&key("http", 0, 0)), None);
    publisher.replace(inputs());
    assert_eq!(statuses(&snapshot(&publisher), 0), [Status::Unknown, Status::Unknown]);
    assert_eq!(statuses(&snapshot(&publisher), 3), [Status::Down, Status::Unknown]);
}

#[test]
fn states_that_come_before_their_configuration_are_kept_for_it() {
    let publisher = Publisher::start(inputs());
    publisher.changed(vec![change(key("tcp", 0, 0), Status::Up, false)]);
    let mut next = inputs();
    next.member_targets[0][0] = vec![key("tcp", 0, 0)];
    publisher.replace(next);
    assert_eq!(statuses(&snapshot(&publisher), 0), [Status::Up, Status::Unknown]);
}

fn answers_of(publisher: &Publisher) -> Vec<(String, Option<String>, u64)> {
    let totals = publisher.totals().into_iter();
    totals.map(|t| (t.pool.to_string(), t.region.map(|region| region.to_string()), t.answers)).collect()
}

#[test]
fn counters_are_summed_by_name_and_outlive_their_configuration() {
    let publisher = Publisher::start(inputs());
    let count = |snapshot: &Snapshot, shard: usize, answers: usize, region: u16, by: u64| {
        // The region behind the last: none.
        let region = (region < 2).then_some(RegionId(region));
        (0..by).for_each(|_| snapshot.shards[shard].count(answers, region));
    };
    let first = snapshot(&publisher);
    count(&first, 0, 0, 1, 3);
    count(&first, 2, 0, 1, 4);
    count(&first, 1, 2, 1, 5);
    count(&first, 1, 3, 2, 1);
    let web_us = |answers| ("web".to_owned(), Some("us".to_owned()), answers);
    let mail = ("mail".to_owned(), None, 1);
    assert_eq!(answers_of(&publisher), [mail.clone(), web_us(12)], "`web` under both policies");
    let mut next = inputs();
    next.regions.push(region("ap"));
    next.pools.truncate(1);
    next.member_targets.truncate(1);
    next.balances = vec![vec![next.balances[1][0]]];
    publisher.replace(next);
    // A worker that still answers from the old snapshot is still counted.
    count(&first, 0, 0, 1, 10);
    assert_eq!(answers_of(&publisher), [mail.clone(), web_us(22)]);
    drop(first);
    count(&snapshot(&publisher), 0, 0, 1, 100);
    for _ in 0..3 {
        publisher.replace((*publisher.current().inputs).clone());
        assert_eq!(answers_of(&publisher), [mail.clone(), web_us(122)]);
    }
}

#[test]
fn the_publisher_frees_old_snapshots_once_nobody_holds_them() {
    let publisher = Publisher::start(inputs());
    let held = snapshot(&publisher);
    let gone = Arc::downgrade(&held);
    publish(&publisher, vec![change(key("http", 0, 0), Status::Up, false)]);
    publish(&publisher, vec![change(key("http", 0, 0), Status::Down, false)]);
    wait_until(|| publisher.metrics().retired == 1);
    assert_eq!(held.generation, 1, "it is still whole");
    drop(held);
    wait_until(|| publisher.metrics().retired == 0);
    assert!(gone.upgrade().is_none());
}

#[test]
fn readers_always_see_one_whole_generation() {
    let publisher = Publisher::start(inputs());
    let store = publisher.store();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                while !stop.load(Ordering::Relaxed) {
                    let snapshot = store.load();
                    assert!(snapshot.generation >= last, "never back");
                    last = snapshot.generation;
                    for balance in snapshot.balances.iter().flatten() {
                        let answers = snapshot.pool_answers.get(balance.pool_answers as usize);
                        assert_eq!(answers.reach(), snapshot.rankings[balance.ranking as usize].reach());
                    }
                }
            });
        }
        for round in 0..40 {
            publisher.changed(vec![change(key("http", round % 3, 0), Status::Up, round % 2 == 0)]);
            let mut next = inputs();
            next.pools.truncate(3 - round % 2);
            next.balances[1].retain(|balance| balance.pool.index() < 3 - round % 2);
            publisher.replace(next);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(publisher.metrics().configurations, 41);
}

#[test]
fn a_handle_outlives_the_publisher_harmlessly() {
    let publisher = Publisher::start(inputs());
    let handle = publisher.handle();
    publisher.stop();
    handle.changed(vec![change(key("http", 0, 0), Status::Up, false)]);
    handle.replace(inputs());
    assert_eq!(handle.store().load().generation, 1);
}

#[test]
fn flush_returns_when_what_is_being_collected_is_live() {
    let publisher = Publisher::start(inputs());
    for round in 0..20 {
        let [first, second] = if round % 2 == 0 { [Status::Up, Status::Down] } else { [Status::Down, Status::Up] };
        publisher.changed(vec![change(key("http", 0, 0), first, false)]);
        publisher.changed(vec![change(key("http", 0, 1), second, false)]);
        publisher.flush();
        assert_eq!(statuses(&snapshot(&publisher), 0), [first, second]);
    }
    let before = publisher.metrics().publications;
    publisher.flush();
    assert_eq!(publisher.metrics().publications, before, "nothing was being collected");
}

#[test]
fn states_told_just_before_a_replacement_are_in_it_and_those_of_targets_that_go_stay_until_then() {
    let publisher = Publisher::start(inputs());
    publish(&publisher, vec![change(key("http", 0, 0), Status::Up, false)]);
    let mut next = inputs();
    next.pools[0].name = "other".into();
    next.member_targets[0][0] = vec![key("tcp", 0, 0)];
    publisher.replace_after(next, || {
        publisher.changed(vec![change(key("tcp", 0, 0), Status::Up, false)]);
        publisher.flush();
        assert_eq!(statuses(&snapshot(&publisher), 0), [Status::Up, Status::Unknown], "of the old generation");
        assert_eq!(publisher.metrics().configurations, 1);
    });
    assert_eq!(publisher.metrics().configurations, 2);
    assert_eq!(statuses(&snapshot(&publisher), 0), [Status::Up, Status::Unknown]);
}

/// As [`inputs`], with monitors `names` on the members of `web`.
fn with_monitors(names: &[&str]) -> Inputs {
    let mut inputs = inputs();
    for member in 0..2 {
        inputs.member_targets[0][member] = names.iter().map(|name| key(name, 0, member)).collect();
    }
    inputs
}

fn web(publisher: &Publisher) -> Vec<(Status, bool)> {
    let snapshot = snapshot(publisher);
    let number = snapshot.balances[0][0].pool_answers as usize;
    snapshot.pool_answers.get(number).states().iter().map(|state| (state.status, state.wavering)).collect()
}

#[test]
fn members_whose_monitors_change_keep_their_status_until_the_first_results() {
    let publisher = Publisher::start(with_monitors(&["http"]));
    let tell = |monitor, member, status| {
        publisher.changed(vec![change(key(monitor, 0, member), status, false)]);
        publisher.flush();
    };
    tell("http", 0, Status::Up);
    tell("http", 1, Status::Down);
    // Renamed, with other pools in front; then once more, before any result.
    for name in ["web", "tcp"] {
        let mut next = with_monitors(&[name]);
        next.pools.rotate_left(1);
        next.member_targets.rotate_left(1);
        next.balances[0][0].pool = PoolId(2);
        publisher.replace(next);
        assert_eq!(web(&publisher), [(Status::Up, true), (Status::Down, true)]);
    }
    // A reload that changes nothing of it forgets nothing.
    publisher.replace((*publisher.current().inputs).clone());
    assert_eq!(web(&publisher), [(Status::Up, true), (Status::Down, true)]);
    tell("tcp", 0, Status::Down);
    tell("tcp", 1, Status::Up);
    assert_eq!(web(&publisher), [(Status::Down, false), (Status::Up, false)]);
    // One more monitor.
    publisher.replace(with_monitors(&["tcp", "http"]));
    assert_eq!(web(&publisher), [(Status::Down, false), (Status::Up, true)]);
    tell("http", 1, Status::Down);
    assert_eq!(web(&publisher)[1], (Status::Down, false));
}

#[test]
fn members_that_were_not_monitored_stay_up_until_the_first_results_and_new_or_disabled_ones_are_unknown() {
    let mut first = with_monitors(&[]);
    first.pools[0].members[1].enabled = false;
    let publisher = Publisher::start(first);
    let mut next = with_monitors(&["http"]);
    let (new, target) =
        (Member { target: MemberTarget::Address(address(9, 9)), ..next.pools[0].members[0].clone() }, 9);
    next.pools[0].members.insert(0, new);
    next.member_targets[0].insert(0, vec![key("http", 9, target)]);
    publisher.replace(next);
    assert_eq!(web(&publisher), [(Status::Unknown, false), (Status::Up, true), (Status::Unknown, false)]);
}

#[test]
fn a_twin_hands_on_what_was_known_of_it() {
    let publisher = Publisher::start(inputs());
    publisher.changed(vec![change(key("http", 1, 0), Status::Up, false)]);
    publisher.flush();
    // `web` becomes the same as `api`, whose monitor is renamed: they share their answers.
    let mut next = inputs();
    next.pools[0].members = next.pools[1].members.clone();
    next.member_targets[1] = vec![vec![key("tcp", 1, 0)], vec![key("tcp", 1, 1)]];
    next.member_targets[0] = next.member_targets[1].clone();
    publisher.replace(next);
    assert_eq!(web(&publisher), [(Status::Up, true), (Status::Unknown, false)]);
}

#[test]
fn whoever_waits_gets_all_portions() {
    let mut inputs = inputs();
    let (pool, targets, balance) = (inputs.pools[1].clone(), inputs.member_targets[1].clone(), inputs.balances[0][0]);
    for number in 3..2_000 {
        let mut pool = pool.clone();
        (pool.name, pool.members[0].weight) = (format!("p{number}").into(), number);
        inputs.pools.push(pool);
        inputs.member_targets.push(targets.clone());
        inputs.balances[0].push(BalanceSpec { pool: PoolId(number), ..balance });
    }
    let publisher = Publisher::start(inputs);
    publisher
        .changed(vec![change(key("http", 1, 0), Status::Up, false), change(key("http", 1, 1), Status::Down, false)]);
    publisher.flush();
    let (snapshot, metrics) = (snapshot(&publisher), publisher.metrics());
    assert!((1..1_999).all(|number| statuses(&snapshot, number) == [Status::Up, Status::Down]));
    assert_eq!(metrics.publications, 4, "the first of all, and three portions");
}
