//! Resolvers that keep answers for the clients that the scopes speak for, as long as their TTLs last (RFC 7871, section 7.3.1).

use super::ask::{Answer, Question, ask};
use super::rules;
use super::world::World;
use azimuth::base::{Prefix, UnixTime};
use std::collections::HashMap;
use std::time::Duration;

/// How many there are; they share their clients among them.
const RESOLVERS: usize = 3;

#[derive(Default)]
pub struct Resolvers {
    caches: [HashMap<(usize, u16), Vec<Kept>>; RESOLVERS],
    /// How often the server was started again.
    pub(super) restarts: u64,
}

/// An answer in a cache.
#[derive(Debug)]
struct Kept {
    block: Prefix,
    expires: UnixTime,
    answer: Answer,
    /// Of which snapshot and configuration it is.
    snapshot: u64,
    restarts: u64,
    generation: usize,
}

impl Resolvers {
    /// Some clients ask through their resolvers.
    pub fn clients_ask(world: &mut World, count: usize) {
        for _ in 0..count {
            let mut question = world.question();
            let Some((address, _)) = question.client else { continue };
            question.client = Some((address, if address.is_ipv4() { 32 } else { 128 }));
            let resolver = world.random.index(RESOLVERS);
            let now = world.now;
            let kept = world.resolvers.caches[resolver].entry((question.name, question.rtype)).or_default();
            kept.retain(|kept| kept.expires > now);
            match kept.iter().position(|kept| kept.block.contains(address)) {
                Some(at) => {
                    let kept = world.resolvers.caches[resolver]
                        .get_mut(&(question.name, question.rtype))
                        .map(|all| all.swap_remove(at));
                    let kept = kept.unwrap();
                    check_kept(world, &question, &kept);
                    world.resolvers.caches[resolver].entry((question.name, question.rtype)).or_default().push(kept);
                }
                None => learn(world, resolver, question),
            }
        }
    }
}

fn learn(world: &mut World, resolver: usize, question: Question) {
    let random = world.random.next();
    let answer = ask(&mut world.responder, &world.snapshot, &question, random, world.now);
    let Some(ttl) = answer.ttls.iter().min() else { return };
    let block = question.block(answer.scope.unwrap_or(0)).unwrap();
    let kept = Kept {
        block,
        expires: world.now + Duration::from_secs(u64::from(*ttl)),
        answer,
        snapshot: world.snapshot.generation,
        restarts: world.resolvers.restarts,
        generation: world.plan.generation,
    };
    world.resolvers.caches[resolver].entry((question.name, question.rtype)).or_default().push(kept);
}

/// What another client was told must do for this one too, and nobody is led for longer than a TTL to what may not answer.
fn check_kept(world: &mut World, question: &Question, kept: &Kept) {
    let is_same = (world.snapshot.generation, world.resolvers.restarts) == (kept.snapshot, kept.restarts);
    if is_same && world.plan.generation == kept.generation {
        let random = world.random.next();
        let fresh = ask(&mut world.responder, &world.snapshot, question, random, world.now);
        assert_eq!(
            fresh.scope, kept.answer.scope,
            "one scope for all that it covers: {question:?}, kept for {}",
            kept.block
        );
        if rules::is_one_region(world, question.name) {
            assert_eq!(fresh.regions(), kept.answer.regions(), "one region for all that a scope covers: {question:?}");
        }
    }
    if world.plan.generation != kept.generation {
        return;
    }
    let (_, _, ttl) = world.plan.balance(question.name);
    let longest = Duration::from_secs(u64::from(ttl.max));
    for who in &kept.answer.members {
        let since = rules::forbidden_since(world, *who, question.rtype);
        let is_in_time = since.is_none_or(|since| world.now <= since + longest);
        assert!(is_in_time, "{who:?} still has clients, and was taken out at {since:?}: {kept:?}");
    }
}
