//! The response that the engine writes for an explained query.

use super::Question;
use super::report::Response;
use crate::answer::{Outcome, Request, Responder, TransportProfile};
use crate::snapshot::Snapshot;
use crate::transport::clock;
use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
use hickory_proto::rr::{Name, Record};

/// A worker that no snapshot has counters for: explaining moves no counter and no turn.
const NO_WORKER: usize = usize::MAX;

/// Asks the engine as a resolver would that serves this client, over a transport without a size limit.
pub(super) fn respond(snapshot: &Snapshot, question: &Question) -> Response {
    let octets = query(question);
    // Where client subnets are not used, the sender decides: the client is its own resolver then.
    let source = question.from.address();
    let profile = &TransportProfile::STREAM;
    let request = Request { octets: &octets, source, profile, random: 0, now: clock::now() };
    let mut out = vec![0; usize::from(u16::MAX)];
    match Responder::new(NO_WORKER).respond(snapshot, request, &mut out) {
        Outcome::Reply { len } => Message::from_vec(&out[..len]).map_or_else(|error| broken(&error.to_string()), shown),
        Outcome::Drop | Outcome::Slow => broken("no response"),
    }
}

fn query(question: &Question) -> Vec<u8> {
    let mut message = Message::query();
    let name = Name::from_labels(question.name.labels()).unwrap_or_else(|_| Name::root());
    message.add_query(Query::query(name, question.rtype));
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    edns.options_mut().insert(EdnsOption::Subnet(ClientSubnet::new(
        question.from.address(),
        question.from.length(),
        0,
    )));
    message.set_edns(edns);
    // A message of one question and one option always fits.
    message.to_vec().unwrap_or_default()
}

fn shown(message: Message) -> Response {
    let records = |section: &[Record]| section.iter().map(ToString::to_string).collect();
    Response {
        rcode: format!("{:?}", message.metadata.response_code).to_uppercase(),
        authoritative: message.metadata.authoritative,
        answer: records(&message.answers),
        authority: records(&message.authorities),
        additional: records(&message.additionals),
    }
}

fn broken(why: &str) -> Response {
    Response {
        rcode: why.to_owned(),
        authoritative: false,
        answer: Vec::new(),
        authority: Vec::new(),
        additional: Vec::new(),
    }
}
