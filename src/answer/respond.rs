//! One message in, one response out: the stages put together.

use super::compose::{Composer, Next, Stop};
use super::edns::{self, opt_for};
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
        let query = &self.query;
        let opt = query.edns().map(opt_for);
        let client_subnet = query.edns().and_then(|edns| edns.client_subnet);
        if client_subnet.is_some() {
            self.counters.client_subnet();
        }
        let len_max = request.profile.response_len_max(&snapshot.settings, query.edns());
        let reserved = opt.as_ref().map_or(0, OptAnswer::record_len);
        let response = Response::begin(out, len_max, reserved, query, request.octets);
        let (source, random) = (request.source, request.random);
        let question = Question { snapshot, worker: self.worker, qtype: query.qtype(), client_subnet, source, random };
        let mut composer = Composer { question, response, scope: 0, referred: false };
        let (rcode, error) = match self.compose(&mut composer) {
            Ok(rcode) => (rcode, None),
            Err(refusal) => refuse(&mut composer, refusal, request.profile),
        };
        if !request.profile.truncates {
            // Nobody can ask again over something that carries more.
            composer.response.clear_flag(flag::TC);
        }
        self.finish(composer, rcode, error, opt)
    }

    fn compose<'s>(&mut self, composer: &mut Composer<'_, 's>) -> Result<Rcode, Refusal> {
        let query = &self.query;
        match query.qclass() {
            class::IN => composer.set_authoritative(),
            // Of all classes there can be no authoritative answer (RFC 1035, section 6.2).
            class::ANY => {}
            _ => return Err(Refusal::Class),
        }
        if matches!(query.qtype(), rtype::AXFR | rtype::IXFR) {
            return Err(Refusal::Transfer);
        }
        let plan = find(&composer.question, query.name()).ok_or(Refusal::NotOurs)?;
        let next = composer.write(&plan, query.name(), QNAME_OFFSET, &mut self.scratch)?;
        match next {
            Next::Ended(rcode) => {
                if composer.referred {
                    // Only the servers of the zone below can speak of the name.
                    composer.response.clear_flag(flag::AA);
                }
                Ok(rcode)
            }
            Next::Alias { at, target } => {
                let first = query.name();
                Ok(chain::follow(composer, first, &plan, at, target, &mut self.chained, &mut self.scratch)?)
            }
        }
    }

    fn finish(
        &self,
        composer: Composer<'_, '_>,
        rcode: Rcode,
        error: Option<ExtendedError>,
        mut opt: Option<OptAnswer>,
    ) -> Outcome {
        if let Some(opt) = &mut opt {
            opt.error = error;
            if let Some((subnet, scope)) = &mut opt.client_subnet {
                // A subnet that says nothing of the client decided nothing (RFC 7871, section 7.2.1).
                *scope = if subnet.client().is_some() { composer.scope } else { 0 };
            }
        }
        self.counters.responded(rcode);
        if composer.referred {
            self.counters.referred();
        }
        if composer.response.has_flag(flag::TC) {
            self.counters.truncated();
        }
        Outcome::Reply { len: composer.response.finish(rcode, opt.as_ref()) }
    }

    /// A message that is no query that can be answered.
    #[cold]
    fn reject(&self, cause: Malformed, request: &Request<'_>, out: &mut [u8]) -> Outcome {
        self.counters.malformed(cause);
        let Some(rcode) = cause.rcode() else { return Outcome::Drop };
        // Options that were perhaps not understood are not repeated.
        let opt = self.query.edns().map(|edns| OptAnswer { client_subnet: None, ..opt_for(edns) });
        let reserved = opt.as_ref().map_or(0, OptAnswer::record_len);
        let len_max = out.len();
        let response = Response::begin(out, len_max, reserved, &self.query, request.octets);
        self.counters.responded(rcode);
        Outcome::Reply { len: response.finish(rcode, opt.as_ref()) }
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
