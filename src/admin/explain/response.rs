//! The response that the engine writes for an explained query.

use super::Question;
use super::report::Response;
use crate::answer::{Outcome, Request, Responder, TransportProfile};
use crate::snapshot::Snapshot;
use crate::transfer::message::{MessageError, Reader};
use crate::transport::clock;
use crate::wire::numbers::flag;
use crate::wire::{Section, rtype};
use crate::zone::text_out::record_text;
use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::Name;
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsOption};

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
        Outcome::Reply { len } => shown(&out[..len]).unwrap_or_else(|error| broken(&error.to_string())),
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

fn shown(octets: &[u8]) -> Result<Response, MessageError> {
    let reader = Reader::new(octets)?;
    let (flags, rcode) = (reader.header().flags, reader.header().rcode());
    let records = reader.rest()?;
    let in_section = |section: Section| {
        let records = records.iter().filter(|record| record.section == section && record.rtype != rtype::OPT);
        // Tabs stand between fields only.
        records.map(|record| record_text(&record.clone().into_record()).replace('\t', " ")).collect()
    };
    Ok(Response {
        rcode: rcode.mnemonic().map_or_else(|| rcode.0.to_string(), str::to_owned),
        authoritative: flags & flag::AA != 0,
        answer: in_section(Section::Answer),
        authority: in_section(Section::Authority),
        additional: in_section(Section::Additional),
    })
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::shown;

    #[test]
    fn records_are_shown_as_a_zone_file_has_them() {
        let mut message = b"\0\0\x84\0\0\x01\0\x02\0\0\0\x01\x03www\0\0\x41\0\x01".to_vec();
        message.extend(b"\xc0\x0c\0\x41\0\x01\0\0\0\x3c\0\x15\0\x01\0");
        message.extend(b"\0\x01\0\x06\x02h2\x02h3\0\x04\0\x04\x7f\0\x14\x01");
        message.extend(b"\xc0\x0c\0\x10\0\x01\0\0\0\x3c\0\x05\x04a\"\tb\0\0\x29\x04\xd0\0\0\0\0\0\0");
        let response = shown(&message).unwrap();
        assert_eq!((&*response.rcode, response.authoritative), ("NOERROR", true));
        let expected = ["www. 60 IN HTTPS 1 . alpn=h2,h3 ipv4hint=127.0.20.1", "www. 60 IN TXT \"a\\\"\\009b\""];
        assert_eq!(response.answer, expected);
        assert!(response.authority.is_empty() && response.additional.is_empty());
    }
}
