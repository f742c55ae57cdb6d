//! One message in, one response out: the stages put together.

use super::compose::{Composer, Next, Stop};
use super::edns;
use super::plan::{Question, find};
use super::{Counters, Outcome, Request, TransportProfile, chain};
use crate::snapshot::Snapshot;
use crate::wire::numbers::flag;
use crate::wire::response::QNAME_OFFSET;
use crate::wire::{ExtendedError, Malformed, NameKey, OptAnswer, Query, Rcode, Response, class, rtype};
use std::sync::Arc;

/// Answers the queries of one worker; holds its scratch space and its counters.
pub struct Responder {
    worker: usize,
    counters: Arc<Counters>,
    query: Query,
    /// The current name of a CNAME chain.
    chained: NameKey,
    /// Names whose addresses are added.
    scratch: NameKey,
}

impl Responder {
    /// The responder of worker `worker`, which is its index into the snapshot's shards.
    #[must_use]
    pub fn new(worker: usize) -> Self {
        Self {
            worker,
            counters: Arc::default(),
            query: Query::default(),
            chained: NameKey::default(),
            scratch: NameKey::default(),
        }
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
        match self.query.parse(request.octets, snapshot.settings.client_subnet) {
            Ok(()) => self.answer(snapshot, &request, out),
            Err(cause) => self.reject(cause, &request, out),
        }
    }

    /// A query that was understood.
    fn answer(&mut self, snapshot: &Snapshot, request: &Request<'_>, out: &mut [u8]) -> Outcome {
        let Self { worker, counters, query, chained, scratch } = self;
        let edns = query.edns();
        let client_subnet = edns.and_then(|edns| edns.client_subnet.as_ref());
        let len_max = request.profile.response_len_max(&snapshot.settings, edns);
        let (worker, qtype, source, random) = (*worker, query.qtype(), request.source, request.random);
        let mut composer = Composer {
            question: Question { snapshot, worker, qtype, client_subnet, source, random },
            response: Response::begin(out, len_max, edns::opt_len(edns), query, request.octets),
            scope: 0,
            referred: false,
        };
        let (rcode, error) = match compose(&mut composer, query, chained, scratch) {
            Ok(rcode) => (rcode, None),
            Err(refusal) => refuse(&mut composer, refusal, request.profile),
        };
        if !request.profile.truncates {
            // Nobody can ask again over something that carries more.
            composer.response.clear_flag(flag::TC);
        }
        count(counters, &composer, rcode);
        let opt = edns.map(|edns| edns::opt_for(edns, composer.scope, error));
        Outcome::Reply { len: composer.response.finish(rcode, opt.as_ref()) }
    }

    /// A message that is no query that can be answered.
    #[cold]
    fn reject(&self, cause: Malformed, request: &Request<'_>, out: &mut [u8]) -> Outcome {
        self.counters.malformed(cause);
        let Some(rcode) = cause.rcode() else { return Outcome::Drop };
        // Options that were perhaps not understood are not repeated.
        let opt = self.query.edns().map(|edns| OptAnswer { client_subnet: None, ..edns::opt_for(edns, 0, None) });
        let reserved = opt.as_ref().map_or(0, OptAnswer::record_len);
        let len_max = out.len();
        let mut response = Response::begin(out, len_max, reserved, &self.query, request.octets);
        self.counters.responded(rcode);
        Outcome::Reply { len: response.finish(rcode, opt.as_ref()) }
    }
}

/// Writes the records of the response.
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
        _ => return Err(Refusal::Class),
    }
    if matches!(query.qtype(), rtype::AXFR | rtype::IXFR) {
        return Err(Refusal::Transfer);
    }
    let plan = find(&composer.question, query.name());
    // By reference: a plan is large enough for a copy to be felt.
    let Some(plan) = &plan else { return Err(Refusal::NotOurs) };
    match composer.write(plan, query.name(), QNAME_OFFSET, scratch)? {
        Next::Ended(rcode) => {
            if composer.referred {
                // Only the servers of the zone below can speak of the name. Behind a CNAME AA stays, because it speaks of
                // the first owner (RFC 1034, section 4.3.1; RFC 6604).
                composer.response.clear_flag(flag::AA);
            }
            Ok(rcode)
        }
        Next::Alias { target } => Ok(chain::follow(composer, query.name(), *plan, target, chained, scratch)?),
    }
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
fn refuse(
    composer: &mut Composer<'_, '_>,
    refusal: Refusal,
    profile: &TransportProfile,
) -> (Rcode, Option<ExtendedError>) {
    composer.response.clear_records();
    (composer.scope, composer.referred) = (0, false);
    let (rcode, error) = match refusal {
        Refusal::Class => (Rcode::REFUSED, edns::NOT_SUPPORTED),
        Refusal::Transfer => (Rcode::REFUSED, edns::PROHIBITED),
        Refusal::NotOurs => (Rcode::REFUSED, edns::NOT_AUTHORITATIVE),
        Refusal::Stop(Stop::AllDown) => (Rcode::SERVFAIL, edns::ALL_DOWN),
        Refusal::Stop(Stop::Unavailable) => (Rcode::SERVFAIL, edns::NO_DATA),
        Refusal::Stop(Stop::Full) if profile.truncates => {
            // TC and no records: clients ignore what a truncated response holds (RFC 2181, section 9).
            composer.response.set_flag(flag::TC);
            return (Rcode::NOERROR, None);
        }
        Refusal::Stop(Stop::Full) => (Rcode::SERVFAIL, edns::TOO_LONG),
    };
    composer.response.clear_flag(flag::AA);
    (rcode, Some(error))
}
