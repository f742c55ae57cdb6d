//! Balanced names: from the client to a variant of the pool's answers.

use super::alias;
use super::plan::{Question, Step};
use crate::base::Family;
use crate::geo::{Client, Disguise};
use crate::snapshot::{Balance, Snapshot, service_of};
use crate::steering::decide::{Asked, Decision, Verdict, decide, decide_steady, scope};
use crate::steering::ranking::Spot;
use crate::steering::spec::TtlRange;
use crate::steering::{PoolAnswers, Ranking, StoredAnswer};
use crate::wire::{ClientSubnet, Records, rtype};
use crate::zone::RrsetRef;
use std::net::{IpAddr, Ipv4Addr};

/// A variant of a pool's answers, ready to be written.
#[derive(Clone, Copy)]
pub struct Steered<'s> {
    /// The records.
    pub answer: StoredAnswer<'s>,
    /// Seconds.
    pub ttl: u32,
    /// What SCOPE the response must have at least.
    pub scope: u8,
}

impl<'s> Steered<'s> {
    /// The records, as the writer takes them.
    #[inline(always)]
    pub const fn records(&self) -> Records<'s> {
        Records { octets: self.answer.octets, fixups: &[], count: self.answer.records }
    }
}

/// Where a decision counts: a pool by index of [`crate::snapshot::Snapshot::pool_answers`], and the place of its region there.
#[derive(Clone, Copy)]
pub struct Tallied {
    pool_index: usize,
    counter: u16,
}

impl Tallied {
    /// Counts it.
    #[inline(always)]
    pub fn count(self, snapshot: &Snapshot, worker: usize) {
        if let Some(shard) = snapshot.shards.get(worker) {
            shard.count_at(self.pool_index, self.counter);
        }
    }
}

/// Who asks, as far as it decides where the client is, and what chance says.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// The client subnet of the query, where it is used.
    pub client_subnet: Option<&'a ClientSubnet>,
    /// Who sent the query.
    pub source: IpAddr,
    /// Uniformly random.
    pub random: u64,
}

/// As [`step`], for a client whose first region is well, as it is for most. `None` where more is to be looked at. Counts
/// nothing: who writes the answer does.
#[inline(always)]
pub fn steady<'s>(
    snapshot: &'s Snapshot,
    (zone, slot): (usize, u32),
    qtype: u16,
    asker: Asker<'_>,
) -> Option<(Steered<'s>, Tallied)> {
    let balance = snapshot.balances[zone].get(slot as usize)?;
    let family = match qtype {
        rtype::A => Family::V4,
        rtype::AAAA => Family::V6,
        _ => return None,
    };
    if balance.fallback.is_some() {
        return None;
    }
    let pool_index = balance.pool_answers as usize;
    let answers = &**snapshot.pool_answers.get(pool_index);
    let ranking = &*snapshot.rankings[balance.ranking as usize];
    let (spot, found_in, disguise) = match asker.ipv4() {
        Some(address) => (ranking.spot_v4(&snapshot.locator, address), Family::V4, Disguise::None),
        None => asker.spot(snapshot, ranking),
    };
    let decided = decide_steady(answers, spot, found_in, family, asker.random)?;
    let scope = disguise.scope_as_sent(decided.scope);
    let steered = Steered { answer: decided.answer, ttl: balance.ttl.max, scope };
    debug_assert!(is_decided_alike(&steered, snapshot, balance, family, asker), "both roads lead to one answer");
    Some((steered, Tallied { pool_index, counter: decided.counter }))
}

impl Asker<'_> {
    /// The IPv4 address of a client that needs no undressing. A client subnet has no bits but those that are known.
    #[inline(always)]
    fn ipv4(&self) -> Option<Ipv4Addr> {
        let subnet = self.client_subnet.and_then(ClientSubnet::client);
        if let IpAddr::V4(v4) = subnet.map_or(self.source, |(address, _)| address) { Some(v4) } else { None }
    }

    /// What `ranking` says of any client, in which family it was found, and as what it came.
    #[inline(never)]
    fn spot(self, snapshot: &Snapshot, ranking: &Ranking) -> (Spot, Family, Disguise) {
        let client = self.client();
        let spot = ranking.spot(&snapshot.locator, client.address);
        (spot, Family::of(client.address), client.disguise)
    }

    /// The client as it is looked up: from its subnet where the query gives one, else the sender.
    #[inline(always)]
    fn client(&self) -> Client {
        match self.client_subnet.and_then(ClientSubnet::client) {
            Some((address, bits)) => Client::new(address, bits),
            None => Client::new(self.source, Family::of(self.source).bits()),
        }
    }
}

/// Whether [`decide`] comes to the same.
fn is_decided_alike(
    steered: &Steered<'_>,
    snapshot: &Snapshot,
    balance: &Balance,
    family: Family,
    asker: Asker<'_>,
) -> bool {
    let Asker { client_subnet, source, random } = asker;
    let question = Question { snapshot, worker: 0, qtype: 0, client_subnet, source, random, now: 0 };
    let answers = &**snapshot.pool_answers.get(balance.pool_answers as usize);
    let Decided { client, decision, .. } = decide_for(&question, balance, answers, family).0;
    decision.verdict.variant().map(|number| answers.variant(number)) == Some(steered.answer)
        && !decision.ttl_min
        && client.scope_as_sent(decision.scope) == steered.scope
}

/// What the balanced name in `slot` of zone `zone` leads to. `fixed` is the RRset of the asked type in the zone file.
#[inline(never)]
pub fn step<'s>(question: &Question<'s>, zone: usize, slot: u32, fixed: Option<RrsetRef<'s>>) -> Step<'s> {
    let snapshot = question.snapshot;
    let Some(balance) = snapshot.balances[zone].get(slot as usize) else {
        let at = slot as usize - snapshot.balances[zone].len();
        return alias::step(question, &snapshot.aliases[zone][at], fixed);
    };
    let answers = &**snapshot.pool_answers.get(balance.pool_answers as usize);
    let family = match question.qtype {
        rtype::A => Family::V4,
        rtype::AAAA => Family::V6,
        // What a pool of names is asked for does not matter; it keeps no families apart.
        _ if answers.answers_cname() => Family::V4,
        _ => return other_type(question, (zone, slot), balance, answers, fixed),
    };
    one_family(question, balance, answers, family)
}

/// What a pool of addresses answers to types that are no addresses.
#[inline(never)]
fn other_type<'s>(
    question: &Question<'s>,
    at: (usize, u32),
    balance: &Balance,
    answers: &'s PoolAnswers,
    fixed: Option<RrsetRef<'s>>,
) -> Step<'s> {
    match question.qtype {
        rtype::HTTPS | rtype::SVCB => service(question, at, balance, answers, fixed),
        rtype::ANY => any(question, balance, answers, fixed),
        _ => fixed.map_or(Step::NoData { ttl_max: u32::MAX }, Step::Answer),
    }
}

/// Where the addresses come from that a balanced name has for an alias of it.
pub enum Addresses<'s> {
    /// From its pool.
    Own(Step<'s>),
    /// From the names that its pool answers with.
    OfNames,
    /// From elsewhere again: it is an alias itself.
    OfAlias,
}

/// The addresses that the balanced name in `slot` of zone `zone` has for an alias of it.
pub fn balanced_addresses<'s>(question: &Question<'s>, zone: usize, slot: u32) -> Addresses<'s> {
    let Some(balance) = question.snapshot.balances[zone].get(slot as usize) else { return Addresses::OfAlias };
    let answers = &**question.snapshot.pool_answers.get(balance.pool_answers as usize);
    if answers.answers_cname() {
        return Addresses::OfNames;
    }
    let family = if question.qtype == rtype::AAAA { Family::V6 } else { Family::V4 };
    Addresses::Own(one_family(question, balance, answers, family))
}

/// One RRset is answer enough (RFC 8482, section 4.1): of the zone file, else IPv4, else IPv6.
#[cold]
fn any<'s>(
    question: &Question<'s>,
    balance: &Balance,
    answers: &'s PoolAnswers,
    fixed: Option<RrsetRef<'s>>,
) -> Step<'s> {
    if let Some(rrset) = fixed {
        return Step::Answer(rrset);
    }
    match one_family(question, balance, answers, Family::V4) {
        Step::NoData { .. } => one_family(question, balance, answers, Family::V6),
        step => step,
    }
}

/// The zone's RRset, where it speaks of the owner itself with hints of the members that are answered for A, or for AAAA where
/// nothing is to be said of A: one region for all (RFC 9460, section 7.3).
fn service<'s>(
    question: &Question<'s>,
    (zone, slot): (usize, u32),
    balance: &Balance,
    answers: &'s PoolAnswers,
    fixed: Option<RrsetRef<'s>>,
) -> Step<'s> {
    let snapshot = question.snapshot;
    let Some(number) = service_of(&snapshot.services, zone, slot, question.qtype) else {
        return fixed.map_or(Step::NoData { ttl_max: u32::MAX }, Step::Answer);
    };
    let mut decided = decide_with_fallbacks(question, balance, answers, Family::V4);
    if !matches!(decided.decision.verdict, Verdict::Variant(_)) {
        let ipv6 = decide_with_fallbacks(question, balance, answers, Family::V6);
        if matches!(ipv6.decision.verdict, Verdict::Variant(_)) {
            decided = ipv6;
        }
    }
    let Decided { client, decision, pool_index, .. } = decided;
    count(question, pool_index, &decision);
    let service = &**snapshot.service_answers.get(number);
    let hints = match decision.verdict {
        // Hints are ready for the pool under its own policy alone; they may be left out.
        Verdict::Variant(hints) if pool_index == balance.pool_answers as usize => Some(hints),
        _ => None,
    };
    let (answer, changes) = service.variant(hints);
    let ttl = if hints.is_none() || decision.ttl_min || changes { balance.ttl.min } else { balance.ttl.max };
    Step::Steered(Steered { answer, ttl: ttl.min(service.ttl()), scope: client.scope_as_sent(decision.scope) })
}

#[inline(always)]
fn one_family<'s>(question: &Question<'s>, balance: &Balance, answers: &'s PoolAnswers, family: Family) -> Step<'s> {
    if balance.fallback.is_some() {
        return written(question, &decide_with_fallbacks(question, balance, answers, family));
    }
    written(question, &decide_for(question, balance, answers, family).0)
}

/// Counts what was decided, and says what is written.
#[inline(always)]
fn written<'s>(question: &Question<'s>, decided: &Decided<'s>) -> Step<'s> {
    let Decided { client, decision, ttl, pool_index, answers } = decided;
    if decision.verdict != Verdict::NoType {
        // What nobody was up for counts too, without a region.
        count(question, *pool_index, decision);
    }
    match decision.verdict {
        Verdict::Variant(number) => {
            let ttl = if decision.ttl_min { ttl.min } else { ttl.max };
            let scope = client.scope_as_sent(decision.scope);
            Step::Steered(Steered { answer: answers.variant(number), ttl, scope })
        }
        Verdict::NoType => Step::NoData { ttl_max: u32::MAX },
        Verdict::NothingUp | Verdict::Elsewhere => Step::NoData { ttl_max: ttl.min },
        Verdict::ServFail => Step::AllDown,
    }
}

/// What is decided, for whom, and by what: the balanced name's own policy, or one that it falls back to.
struct Decided<'s> {
    client: Client,
    decision: Decision,
    ttl: TtlRange,
    pool_index: usize,
    answers: &'s PoolAnswers,
}

/// By the balanced name's own policy; and what was asked.
#[inline(always)]
fn decide_for<'s>(
    question: &Question<'s>,
    balance: &Balance,
    answers: &'s PoolAnswers,
    family: Family,
) -> (Decided<'s>, Asked) {
    let snapshot = question.snapshot;
    let client = question.asker().client();
    let asked = Asked {
        leaf: snapshot.locator.leaf(client.address),
        address: client.address,
        known_bits: client.known_bits,
        family,
        random: question.random,
        turn: turn(question, balance, answers),
    };
    let decision = decide(answers, &snapshot.rankings[balance.ranking as usize], &asked);
    let decided = Decided { client, decision, ttl: balance.ttl, pool_index: balance.pool_answers as usize, answers };
    (decided, asked)
}

/// Follows the policies that a name falls back to, as far as each leads elsewhere. The scope is the largest of all of them,
/// whichever answers: it never depends on health.
#[inline(never)]
fn decide_with_fallbacks<'s>(
    question: &Question<'s>,
    balance: &Balance,
    answers: &'s PoolAnswers,
    family: Family,
) -> Decided<'s> {
    let snapshot = question.snapshot;
    let (mut decided, mut asked) = decide_for(question, balance, answers, family);
    let (mut last, mut open) = (*balance, true);
    let mut has_family = answers.has_family(family);
    while let Some(balance) = snapshot.fallback_of(&last) {
        last = balance;
        let answers = &**snapshot.pool_answers.get(balance.pool_answers as usize);
        let ranking = &snapshot.rankings[balance.ranking as usize];
        let before = decided.decision;
        open = open && before.verdict == Verdict::Elsewhere;
        if open {
            asked.turn = turn(question, &balance, answers);
            let (mut decision, pool_index) = (decide(answers, ranking, &asked), balance.pool_answers as usize);
            decision.ttl_min |= before.ttl_min;
            decided = Decided { decision, ttl: balance.ttl, pool_index, answers, ..decided };
        }
        has_family |= answers.has_family(family);
        decided.decision.scope = before.scope.max(scope(answers, ranking, &asked));
    }
    if has_family && decided.decision.verdict == Verdict::NoType {
        // The type exists, and nothing of it is up: an absence that may end at any time.
        (decided.decision.verdict, decided.decision.ttl_min) = (Verdict::NothingUp, true);
    }
    decided
}

/// The position of round-robin, which moves on with every decision; 0 where nothing is picked by turns. Only this worker
/// writes it.
#[inline(always)]
fn turn(question: &Question<'_>, balance: &Balance, answers: &PoolAnswers) -> u32 {
    if answers.takes_turns() { next_turn(question, balance.pool_answers as usize) } else { 0 }
}

fn next_turn(question: &Question<'_>, pool_index: usize) -> u32 {
    question.snapshot.shards.get(question.worker).map_or(0, |shard| shard.next_turn(pool_index))
}

/// Counts an answer for its region, or without one.
fn count(question: &Question<'_>, pool_index: usize, decision: &Decision) {
    if let Some(shard) = question.snapshot.shards.get(question.worker) {
        shard.count(pool_index, decision.region);
    }
}
