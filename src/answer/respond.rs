//! One message in, one response out: the stages put together.

use super::compose::{Composer, Next, Stop};
use super::cookie::Proof;
use super::dnssec::Expansions;
use super::guard::Guard;
use super::plan::{Question, find};
use super::rate_limit::{Charge, Verdict};
use super::visitor::Visitor;
use super::{Counters, Outcome, Request, TransportProfile, chain, chaos, edns};
use crate::snapshot::Snapshot;
use crate::wire::numbers::{HEADER_LEN, flag};
use crate::wire::response::QNAME_OFFSET;
use crate::wire::{Malformed, NameKey, OptAnswer, Query, Rcode, Response, class, rtype};
use std::sync::Arc;

/// Answers the queries of one worker; holds its scratch space and its counters.
pub struct Responder {
    pub(super) worker: usize,
    /// Whether there is somebody to hand slow messages to.
    has_slow_door: bool,
    pub(super) counters: Arc<Counters>,
    pub(super) guard: Option<Arc<Guard>>,
    pub(super) query: Query,
    /// The current name of a CNAME chain.
    chained: NameKey,
    /// Names whose addresses are added.
    scratch: NameKey,
}

impl Responder {
    /// The responder of worker `worker`, which is its index into the snapshot's shards. Without a guard it limits nobody
    /// and has no cookies.
    #[must_use]
    pub fn new(worker: usize) -> Self {
        Self {
            worker,
            has_slow_door: false,
            counters: Arc::default(),
            guard: None,
            query: Query::default(),
            chained: NameKey::default(),
            scratch: NameKey::default(),
        }
    }

    /// The same responder, which leaves to others what asks for more than one answer from what is at hand: transfers,
    /// signed messages, NOTIFY and UPDATE. Without this it refuses them.
    #[must_use]
    pub fn with_slow_door(self, has_slow_door: bool) -> Self {
        Self { has_slow_door, ..self }
    }

    /// The same with the guard that all responders of a server share.
    #[must_use]
    pub fn guarded(self, guard: Arc<Guard>) -> Self {
        Self { guard: Some(guard), ..self }
    }

    /// What this responder counts, to be read from any thread.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Counts a panic that the transport caught. The next message finds everything in order: parsing sets the scratch
    /// space anew.
    pub fn count_panic(&self) {
        self.counters.panicked();
    }

    /// Answers one message into `out`, which has room for the transport's largest response and at least for 512 octets.
    /// Neither allocates nor frees nor locks.
    pub fn respond(&mut self, snapshot: &Snapshot, request: Request<'_>, out: &mut [u8]) -> Outcome {
        self.respond_here(snapshot, request, out)
    }

    /// As [`Self::respond`], as a part of its caller: for the transport of most queries.
    #[inline(always)]
    pub fn respond_here(&mut self, snapshot: &Snapshot, request: Request<'_>, out: &mut [u8]) -> Outcome {
        match self.query.parse(request.octets, || edns::understood(&snapshot.settings, request.profile)) {
            Ok(()) if self.has_slow_door && self.query.is_slow() => self.leave(snapshot, &request),
            Ok(()) => self.answer(snapshot, &request, out),
            // What follows the header of another OPCODE is for others to read.
            Err(Malformed::Opcode) if self.has_slow_door && self.query.is_slow() => self.leave(snapshot, &request),
            // Whatever is wrong with it, the answer to a signed query is signed.
            Err(Malformed::EdnsVersion) if self.has_slow_door && self.query.is_slow() => self.leave(snapshot, &request),
            Err(cause) => self.reject(snapshot, cause, &request, out),
        }
    }

    /// A message for the slow door, unless the client sends too many.
    #[cold]
    fn leave(&self, snapshot: &Snapshot, request: &Request<'_>) -> Outcome {
        let settings = &*snapshot.settings;
        let visitor = Visitor::new(self.query.edns(), settings, self.guard.as_deref(), request, &self.counters);
        if visitor.judge(settings, request, Charge::SLOW, &self.counters) == Verdict::Drop {
            return Outcome::Drop;
        }
        self.counters.left_to_others();
        Outcome::Slow
    }

    /// A query that was understood: by what stands ready, else by what is composed.
    #[inline(always)]
    fn answer(&mut self, snapshot: &Snapshot, request: &Request<'_>, out: &mut [u8]) -> Outcome {
        if let Some(outcome) = self.answer_ready(snapshot, request, out) {
            return outcome;
        }
        self.answer_composed(snapshot, request, out)
    }

    /// A query whose answer is put together from several parts, or takes proofs, or is an error.
    #[inline(never)]
    pub(super) fn answer_composed(&mut self, snapshot: &Snapshot, request: &Request<'_>, out: &mut [u8]) -> Outcome {
        let Self { worker, counters, guard, query, chained, scratch, .. } = self;
        let (settings, profile, edns) = (&*snapshot.settings, request.profile, query.edns());
        let visitor = Visitor::new(edns, settings, guard.as_deref(), request, counters);
        let mut others = edns.and_then(|edns| edns::others_for(edns, settings, profile, visitor.cookie));
        let reserved = edns.map_or(0, |edns| edns::opt_for(edns, 0, others.as_ref()).record_len());
        let mut len_max = profile.response_len_max(settings, edns);
        let unproven_max = visitor.response_len_max(settings);
        if let Some(most) = unproven_max {
            // Question and OPT record have room in any case.
            len_max = len_max.min(most.max(HEADER_LEN + query.question_len() + reserved));
        }
        let client_subnet = edns.and_then(|edns| edns.client_subnet.as_ref());
        let mut composer = Composer {
            question: Question::of(snapshot, *worker, query.qtype(), client_subnet, request),
            response: Response::begin(out, len_max, reserved, query, request.octets),
            scope: 0,
            referred: false,
            dnssec_ok: edns.is_some_and(|edns| edns.dnssec_ok),
            expansions: Expansions::default(),
            charge: Charge::ERROR,
            error: None,
        };
        let mut rcode = match compose(&mut composer, query, chained, scratch) {
            Ok(rcode) => rcode,
            Err(refusal) => refuse(&mut composer, refusal, profile),
        };
        if !profile.truncates {
            // Nobody can ask again over something that carries more.
            composer.response.clear_flag(flag::TC);
        }
        if composer.response.has_flag(flag::TC) {
            if unproven_max.is_some() {
                rcode = ask_again(&mut composer, &visitor);
            } else {
                // Clients ignore what a truncated response holds (RFC 2181, section 9), so that it would only help to flood
                // somebody.
                composer.response.clear_records();
            }
        }
        match visitor.judge(settings, request, composer.charge, counters) {
            Verdict::Send => {}
            // Errors are sent as they are: there is nothing to leave out.
            Verdict::Slip if !matches!(rcode, Rcode::NOERROR | Rcode::NXDOMAIN | Rcode::YXDOMAIN) => {}
            Verdict::Slip => rcode = ask_again(&mut composer, &visitor),
            Verdict::Drop => return Outcome::Drop,
        }
        count(counters, &composer, rcode);
        if composer.error.is_some() {
            others.get_or_insert_default().error = composer.error;
        }
        let opt = edns.map(|edns| edns::opt_for(edns, composer.scope, others.as_ref()));
        Outcome::Reply { len: composer.response.finish(rcode, opt.as_ref()) }
    }

    /// A message that is no query that can be answered.
    #[cold]
    fn reject(&self, snapshot: &Snapshot, cause: Malformed, request: &Request<'_>, out: &mut [u8]) -> Outcome {
        let settings = &*snapshot.settings;
        let edns = self.query.edns().filter(|_| cause == Malformed::QuestionCount);
        let visitor = Visitor::new(edns, settings, self.guard.as_deref(), request, &self.counters);
        let others = edns.and_then(|edns| edns::others_for(edns, settings, request.profile, visitor.cookie));
        let (rcode, opt) = match (edns, visitor.cookie) {
            (Some(edns), Some(_)) => {
                // Without a question it asks for a cookie, or whether the one that it has is good (RFC 7873, section 5.4).
                let rcode = if visitor.proof == Proof::Invalid { Rcode::BADCOOKIE } else { Rcode::NOERROR };
                (rcode, Some(edns::opt_for(edns, 0, others.as_ref())))
            }
            _ => {
                self.counters.malformed(cause);
                let Some(rcode) = cause.rcode() else { return Outcome::Drop };
                (rcode, self.query.edns().map(edns::bare_opt_for))
            }
        };
        if visitor.judge(settings, request, Charge::ERROR, &self.counters) == Verdict::Drop {
            return Outcome::Drop;
        }
        let reserved = opt.as_ref().map_or(0, OptAnswer::record_len);
        let len_max = out.len();
        let mut response = Response::begin(out, len_max, reserved, &self.query, request.octets);
        self.counters.responded(rcode);
        Outcome::Reply { len: response.finish(rcode, opt.as_ref()) }
    }
}

/// Empties the response and asks the client to come again in a way that proves where it is: with the cookie of this
/// response if it knows cookies (RFC 7873, section 5.2.3), else over a transport that cannot lie.
#[cold]
fn ask_again(composer: &mut Composer<'_, '_>, visitor: &Visitor<'_>) -> Rcode {
    composer.response.clear_records();
    (composer.scope, composer.referred) = (0, false);
    composer.response.clear_flag(flag::AA);
    if visitor.cookie.is_some() {
        composer.response.clear_flag(flag::TC);
        return Rcode::BADCOOKIE;
    }
    composer.response.set_flag(flag::TC);
    Rcode::NOERROR
}

/// Writes the records of the response.
#[inline(always)]
fn compose<'s>(
    composer: &mut Composer<'_, 's>,
    query: &Query,
    chained: &mut NameKey,
    scratch: &mut NameKey,
) -> Result<Rcode, Refusal> {
    match query.qclass() {
        class::IN => composer.response.set_flag(flag::AA),
        // Of all classes there can be no authoritative answer (RFC 1035, section 6.2).
        class::ANY => {}
        class::CH => return write_chaos(composer, query),
        _ => return Err(Refusal::Class),
    }
    if matches!(query.qtype(), rtype::AXFR | rtype::IXFR) {
        return Err(Refusal::Transfer);
    }
    let Some(plan) = find(&composer.question, query.name()) else { return Err(Refusal::NotOurs) };
    composer.charge = plan.charge(query.name());
    match composer.write(plan, query.name(), QNAME_OFFSET, scratch)? {
        Next::Ended(rcode) => {
            if composer.referred {
                // Only the servers of the zone below can speak of the name. Behind a CNAME AA stays, because it speaks of
                // the first owner (RFC 1034, section 4.3.1; RFC 6604).
                composer.response.clear_flag(flag::AA);
            }
            Ok(rcode)
        }
        Next::Alias { target } => Ok(chain::follow(composer, query.name(), plan, target, chained, scratch)?),
    }
}

/// What the server says of itself.
#[cold]
fn write_chaos(composer: &mut Composer<'_, '_>, query: &Query) -> Result<Rcode, Refusal> {
    let (name, settings) = (query.name(), &composer.question.snapshot.settings);
    let text = chaos::text(settings, name, query.qtype()).ok_or(Refusal::Class)?;
    composer.response.set_flag(flag::AA);
    composer.charge = Charge::records(name.hash(0));
    chaos::write(&mut composer.response, text).map_err(Stop::from)?;
    Ok(Rcode::NOERROR)
}

fn count(counters: &Counters, composer: &Composer<'_, '_>, rcode: Rcode) {
    counters.responded(rcode);
    if composer.question.client_subnet.is_some() {
        counters.client_subnet();
    }
    if composer.referred {
        counters.referred();
    }
    if composer.response.has_flag(flag::TC) {
        counters.truncated();
    }
}

/// Why a query that was understood gets no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// A class without data.
    Class,
    /// A zone transfer.
    Transfer,
    /// A name in no zone of ours.
    NotOurs,
    /// Something that came up while writing.
    Stop(Stop),
}

impl From<Stop> for Refusal {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// Empties the response and says why.
#[cold]
fn refuse(composer: &mut Composer<'_, '_>, refusal: Refusal, profile: &TransportProfile) -> Rcode {
    composer.response.clear_records();
    (composer.scope, composer.referred) = (0, false);
    let (rcode, error) = match refusal {
        Refusal::Class => (Rcode::REFUSED, edns::NOT_SUPPORTED),
        Refusal::Transfer => (Rcode::REFUSED, edns::PROHIBITED),
        Refusal::NotOurs => (Rcode::REFUSED, edns::NOT_AUTHORITATIVE),
        Refusal::Stop(Stop::AllDown) => (Rcode::SERVFAIL, edns::ALL_DOWN),
        Refusal::Stop(Stop::AliasUnknown) => (Rcode::SERVFAIL, edns::ALIAS_UNKNOWN),
        Refusal::Stop(Stop::AliasLoop) => (Rcode::SERVFAIL, edns::ALIAS_LOOP),
        Refusal::Stop(Stop::Unavailable) => (Rcode::SERVFAIL, edns::NO_DATA),
        Refusal::Stop(Stop::Full) if profile.truncates => {
            composer.response.set_flag(flag::TC);
            return Rcode::NOERROR;
        }
        Refusal::Stop(Stop::Full) => (Rcode::SERVFAIL, edns::TOO_LONG),
    };
    composer.response.clear_flag(flag::AA);
    composer.charge = Charge::ERROR;
    composer.error = Some(error);
    rcode
}
