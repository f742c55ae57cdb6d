//! The rules that every answer keeps, whatever has happened before.

use super::ask::{A, AAAA, Answer, Question, ask};
use super::ground;
use super::model::{Judged, is_v6};
use super::plan::{Who, who_is};
use super::random::Random;
use super::world::World;
use azimuth::base::{Family, UnixTime};
use azimuth::geo::Client;
use azimuth::snapshot::Balance;
use azimuth::steering::Ranking;
use azimuth::steering::spec::{AllDown, Member, Order, Policy, Spread};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// The first addresses of IPv4-mapped addresses, NAT64, 6to4 and Teredo.
const DISGUISES: [&str; 4] = ["::ffff:0:0", "64:ff9b::", "2002::", "2001::"];

const NO_ERROR: u8 = 0;
const SERVFAIL: u8 = 2;

/// Asks, and holds the answer against the rules.
pub fn check_answer(world: &mut World, question: Question) {
    let random = world.random.next();
    let answer = ask(&mut world.responder, &world.snapshot, &question, random, world.now);
    world.answers += 1;
    let context = format!("{question:?} is answered with {answer:?}");
    check_generation(world, &answer, &context);
    check_members(world, &question, &answer, &context);
    check_times(world, &question, &answer, &context);
    check_scope(world, &question, &answer, &context);
}

/// No answer mixes two generations.
fn check_generation(world: &World, answer: &Answer, context: &str) {
    let plan = &world.plan;
    if plan.is_renumbered {
        let of_others = answer.members.iter().find(|who| usize::from(who.generation) != plan.generation);
        assert_eq!(of_others, None, "members of another configuration than {}: {context}", plan.generation);
    }
    if let Some(serial) = answer.serial {
        assert_eq!(serial as usize, plan.generation + 1, "the zone of another configuration: {context}");
    }
}

/// Who may answer, and who before whom.
fn check_members(world: &World, question: &Question, answer: &Answer, context: &str) {
    let (pool, policy, _) = world.plan.balance(question.name);
    assert!(matches!(answer.rcode, NO_ERROR | SERVFAIL), "{context}");
    if answer.rcode == SERVFAIL {
        assert!(answer.members.is_empty(), "{context}");
    }
    let mut names_down = false;
    for who in &answer.members {
        let Some((of_pool, _)) = world.plan.member(*who) else { panic!("{who:?} is no member: {context}") };
        assert_eq!(of_pool, pool, "another pool answers: {context}");
        let judged = all_of(world, *who, question.rtype);
        assert!(!judged.is_empty(), "{context}");
        let is_allowed = judged.iter().any(|judged| !judged.is_forbidden);
        assert!(is_allowed, "{who:?} may not answer: {context}\n{}", world.model.told(&world.plan, *who));
        let is_down = judged.iter().all(|judged| judged.is_up == Some(false));
        names_down |= is_down && !is_holding_out(world, pool, *who, question.rtype);
    }
    let nothing_up = names_down || answer.fallbacks > 0 || answer.members.is_empty();
    if nothing_up && matches!(question.rtype, A | AAAA) {
        let eligible = eligible(world, question);
        let has_up = eligible.iter().find(|(_, is_up)| *is_up);
        assert_eq!(has_up, None, "a member is up, and yet: {context}");
        if answer.members.is_empty() && answer.rcode == NO_ERROR && answer.fallbacks == 0 && !eligible.is_empty() {
            assert!(policy.all_down != AllDown::All, "members could answer as if they were up: {context}");
        }
    }
}

/// The members that an answered address may be, with their places in the pool: hints of both families stand in one answer.
fn members_of(world: &World, who: Who, rtype: u16) -> impl Iterator<Item = (usize, &Member)> {
    let pools = &world.plan.inputs.pools;
    let pool = usize::from(who.pool);
    let holds_names = pool == pools.len() - 1;
    pools[pool].members.iter().enumerate().filter(move |(_, member)| {
        let is_family = holds_names || (rtype != AAAA && !is_v6(member)) || (rtype != A && is_v6(member));
        who_is(pool, member) == who && is_family
    })
}

/// What follows for the members that an answered address may be.
fn all_of(world: &World, who: Who, rtype: u16) -> Vec<Judged> {
    let members = members_of(world, who, rtype);
    members.map(|(at, _)| world.model.judge(&world.plan, usize::from(who.pool), at, world.now)).collect()
}

/// Since when none of the members that an answered address may be may answer.
pub fn forbidden_since(world: &World, who: Who, rtype: u16) -> Option<UnixTime> {
    let since = members_of(world, who, rtype).map(|(_, member)| world.model.forbidden_since.get(&(who, is_v6(member))));
    since.collect::<Option<Vec<_>>>()?.into_iter().max().copied()
}

/// By how much a region may have had members up for longer than was last looked at.
const MOMENT: Duration = Duration::from_secs(1);

/// A region of the pool that has failed goes on answering for a while: as long as none of its members of the asked type is up.
fn is_holding_out(world: &World, pool: usize, who: Who, rtype: u16) -> bool {
    let spec = &world.plan.inputs.pools[pool];
    let delay = spec.recovery.failover_delay;
    let was_up = world.model.last_up.get(&(pool, who.region)).is_some_and(|&at| world.now <= at + delay + MOMENT);
    let is_neighbor = |member: &azimuth::steering::spec::Member| {
        who_is(pool, member).region == who.region && is_v6(member) == (rtype == AAAA)
    };
    let neighbors = spec.members.iter().enumerate().filter(|(_, member)| is_neighbor(member));
    let mut judged = neighbors.map(|(at, _)| world.model.judge(&world.plan, pool, at, world.now));
    !delay.is_zero() && was_up && judged.all(|judged| judged.is_forbidden || judged.is_up != Some(true))
}

/// The members of the asked type that may answer this client, and whether they are up for sure.
fn eligible(world: &World, question: &Question) -> Vec<(usize, bool)> {
    let (pool, ..) = world.plan.balance(question.name);
    let ranking = ranking(world, question.name);
    let regions = ranking.regions(cohort(world, &ranking, question.decides()).0);
    let spec = &world.plan.inputs.pools[pool];
    let is_asked = |member| question.name >= ground::ADDRESS_NAMES || is_v6(member) == (question.rtype == AAAA);
    let members =
        spec.members.iter().enumerate().filter(|(_, member)| is_asked(member) && regions.contains(&member.region));
    let judged = members.map(|(at, _)| (at, world.model.judge(&world.plan, pool, at, world.now)));
    judged.filter(|(_, judged)| !judged.is_forbidden).map(|(at, judged)| (at, judged.is_up == Some(true))).collect()
}

/// TTLs are those of the name.
fn check_times(world: &World, question: &Question, answer: &Answer, context: &str) {
    let (_, _, ttl) = world.plan.balance(question.name);
    if !answer.members.is_empty() {
        assert!(
            answer.ttls.iter().all(|seen| [ttl.min, ttl.max].contains(seen)),
            "a TTL that the name has not: {context}"
        );
    }
}

/// Scopes partition the address space, are no longer than what was used, and do not depend on health.
fn check_scope(world: &mut World, question: &Question, answer: &Answer, context: &str) {
    let Some((address, source)) = question.client else {
        assert_eq!(answer.scope, None, "{context}");
        return;
    };
    let Some(scope) = answer.scope else { panic!("no client subnet: {context}") };
    if source == 0 || answer.serial.is_some() {
        assert_eq!(scope, 0, "{context}");
        return;
    }
    if answer.members.is_empty() {
        return;
    }
    let before = *world.scopes.entry(*question).or_insert(scope);
    assert_eq!(before, scope, "the scope has changed with health: {context}");
    check_alike(world, question, address, scope, context);
    if world.random.one_in(4) {
        check_bound(world, question, address, scope, context);
    }
}

/// Whoever is in the block of a scope gets this scope, and the same region where chance has no part in it.
fn check_alike(world: &mut World, question: &Question, address: IpAddr, scope: u8, context: &str) {
    let other = neighbour(&mut world.random, address, scope);
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let asked = [question.client.map(|(_, source)| (address, source.max(scope))), Some((other, longest))];
    let answers = asked.map(|client| {
        let question = Question { client, ..*question };
        ask(&mut world.responder, &world.snapshot, &question, 7, world.now)
    });
    let [one, two] = &answers;
    assert_eq!(one.scope, two.scope, "{address} and {other} share a block: {context}");
    if is_one_region(world, question.name) {
        assert_eq!(one.regions(), two.regions(), "{address} and {other} share a block: {context}");
    }
}

/// A scope says no more than the order of regions and the split of clients need.
fn check_bound(world: &World, question: &Question, address: IpAddr, scope: u8, context: &str) {
    let family = Family::of(address);
    let chain = chain(world, question.name);
    let floor = chain.iter().map(|(_, policy)| split(world, question.name, policy, family)).max().unwrap_or(0);
    let depths = chain.iter().map(|(ranking, _)| cohort(world, ranking, address).1);
    let depth = depths.max().unwrap_or(0);
    assert_eq!(scope, depth.max(floor), "neither the order of regions nor a split asks for this: {context}");
    let [(ranking, _)] = &chain[..] else { return };
    let (cohort, _) = cohort(world, ranking, address);
    if scope <= floor.max(1) {
        return;
    }
    // Half as long a block must have somebody in it who is led otherwise.
    let wider = azimuth::base::Prefix::cut(address, scope - 1).unwrap();
    // IPv6 forms that hold IPv4 addresses are led as those are, wherever their block lies.
    if DISGUISES.iter().any(|form| wider.contains(form.parse().unwrap())) {
        return;
    }
    let order: Vec<_> = ranking.order(cohort).collect();
    let corners = world.geography.edges.iter().flat_map(|edge| {
        let last = crate::golden::database::last_address(*edge);
        [edge.address(), last, next(last)]
    });
    let mut corners = corners.chain([wider.address()]).filter(|corner| wider.contains(*corner));
    let differs = |corner: IpAddr| {
        let (other, _) = self::cohort(world, ranking, corner);
        other != cohort && ranking.order(other).ne(order.iter().copied())
    };
    assert!(corners.any(differs), "all of {wider} are led alike: {context}");
}

fn next(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::V4(v4.to_bits().wrapping_add(1).into()),
        IpAddr::V6(v6) => IpAddr::V6(v6.to_bits().wrapping_add(1).into()),
    }
}

/// Another address with the same first bits.
fn neighbour(random: &mut Random, address: IpAddr, bits: u8) -> IpAddr {
    let noise = u128::from(random.next()) << 64 | u128::from(random.next());
    match address {
        IpAddr::V4(v4) => {
            let hosts = u32::MAX.checked_shr(bits.into()).unwrap_or(0);
            IpAddr::V4(((v4.to_bits() & !hosts) | (noise as u32 & hosts)).into())
        }
        IpAddr::V6(v6) => {
            let hosts = u128::MAX.checked_shr(bits.into()).unwrap_or(0);
            IpAddr::V6(((v6.to_bits() & !hosts) | (noise & hosts)).into())
        }
    }
}

fn balance(world: &World, name: usize) -> Balance {
    world.snapshot.balances[0][name]
}

fn ranking(world: &World, name: usize) -> Arc<Ranking> {
    Arc::clone(&world.snapshot.rankings[balance(world, name).ranking as usize])
}

fn cohort(world: &World, ranking: &Ranking, address: IpAddr) -> (azimuth::steering::ranking::CohortId, u8) {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    ranking.at(world.geography.locator.leaf(Client::new(address, bits).address))
}

/// The rankings and policies that may answer a name: its own, and those that it falls back to.
fn chain(world: &World, name: usize) -> Vec<(Arc<Ranking>, &Policy)> {
    let mut found = Vec::new();
    let (_, mut policy, _) = world.plan.balance(name);
    let mut balance = balance(world, name);
    loop {
        found.push((Arc::clone(&world.snapshot.rankings[balance.ranking as usize]), policy));
        let (AllDown::Policy(id), Some(next)) = (&policy.all_down, world.snapshot.fallback_of(&balance)) else {
            return found;
        };
        (policy, balance) = (&world.plan.inputs.policies[id.index()], next);
    }
}

/// How many bits of a client's address may decide beside where it is.
fn split(world: &World, name: usize, policy: &Policy, family: Family) -> u8 {
    let (pool, ..) = world.plan.balance(name);
    let recovery = &world.plan.inputs.pools[pool].recovery;
    let hashed_by = |spread| match (spread, family) {
        (Some(Spread::Hash { ipv4_prefix, .. }), Family::V4) => ipv4_prefix,
        (Some(Spread::Hash { ipv6_prefix, .. }), Family::V6) => ipv6_prefix,
        _ => 0,
    };
    let hashed = hashed_by(Some(policy.spread)).max(hashed_by(policy.region_spread));
    let recovers = recovery.warm_up.is_some() || recovery.probation.is_some_and(|share| share < 1.0);
    let splits = policy.shed.is_some() || policy.percentage_drain || recovers;
    let split = match (splits, family) {
        (true, Family::V4) => 16,
        (true, Family::V6) => 32,
        (false, _) => 0,
    };
    hashed.max(split)
}

/// Whether the client alone says which region answers it.
pub fn is_one_region(world: &World, name: usize) -> bool {
    let (_, policy, _) = world.plan.balance(name);
    let has_equals = policy.order == Order::Any || policy.tie_band.is_some();
    !has_equals && !matches!(policy.all_down, AllDown::Policy(_))
}
