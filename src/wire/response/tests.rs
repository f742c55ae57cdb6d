//! Responses as others read them.
#![expect(clippy::unwrap_used, reason = "test code")]
use super::{Full, QNAME_OFFSET, Records, Response, Section};
use crate::wire::numbers::flag;
use crate::wire::{NameKey, OptAnswer, Query, Rcode, Understood};
use hickory_proto::op::Message;

/// Asks for `wWw.example.com. IN A` with RD.
const QUERY: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03wWw\x07example\x03com\x00\x00\x01\x00\x01";
/// The apex `example.com.` of the zone, behind `wWw`.
const APEX: usize = QNAME_OFFSET + 4;
const OPT: OptAnswer<'_> = OptAnswer { udp_len: 1232, dnssec_ok: false, client_subnet: None, others: None };

fn query() -> Query {
    let mut query = Query::default();
    query.parse(QUERY, || Understood::ALL).unwrap();
    query
}

/// A ready record with TTL 3600.
fn record(rtype: u8, rdata: &[u8]) -> Vec<u8> {
    let len = (rdata.len() as u16).to_be_bytes();
    [&[0xc0, 12, 0, rtype, 0, 1, 0, 0, 0x0e, 0x10], &len[..], rdata].concat()
}

fn records<'a>(octets: &'a [u8], fixups: &'a [u16], count: u16) -> Records<'a> {
    Records { octets, fixups, count }
}

fn shown(out: &[u8]) -> Vec<String> {
    Message::from_vec(out).unwrap().all_sections().map(ToString::to_string).collect()
}

#[test]
fn owners_pointers_and_ttls_are_set_right() {
    let query = query();
    let mut out = [0xee; 512];
    let mut response = Response::begin(&mut out, 512, OPT.record_len(), &query, QUERY);
    response.set_flag(flag::AA);
    // www CNAME host.sub.example.com; its target stands behind the record's fixed part.
    let cname = record(5, b"\x04host\x03sub\xc0\x00");
    let start = response.rrset(Section::Answer, records(&cname, &[21], 1), QNAME_OFFSET, APEX, None).unwrap();
    let host = start + 12;
    let addresses = [record(1, &[192, 0, 2, 1]), record(1, &[192, 0, 2, 2])].concat();
    response.rrset(Section::Answer, records(&addresses, &[], 2), host, APEX, Some(60)).unwrap();
    // An NS RRset at sub.example.com, as a zone with the apex com. would store it.
    let com = response.suffix(QNAME_OFFSET, 2);
    assert_eq!(com, QNAME_OFFSET + 12);
    let ns = record(2, b"\x02ns\x07example\xc0\x00");
    let sub = response.suffix(host, 1);
    response.rrset(Section::Authority, records(&ns, &[23], 1), sub, com, None).unwrap();
    let apex = response.suffix(host, 2);
    assert_eq!(apex, APEX, "the suffix is found behind the pointer");
    response.rrset(Section::Additional, records(&addresses, &[], 2), apex, APEX, Some(7)).unwrap();
    let len = response.finish(Rcode::NXDOMAIN, Some(&OPT));
    assert_eq!(out[12..33], QUERY[12..], "the question keeps its letter case");
    assert_eq!(out[..12], *b"\x12\x34\x85\x03\x00\x01\x00\x03\x00\x01\x00\x03");
    let expected = [
        "wWw.example.com. 3600 IN CNAME host.sub.example.com.",
        "host.sub.example.com. 60 IN A 192.0.2.1",
        "host.sub.example.com. 60 IN A 192.0.2.2",
        "sub.example.com. 3600 IN NS ns.example.com.",
        "example.com. 7 IN A 192.0.2.1",
        "example.com. 7 IN A 192.0.2.2",
    ];
    assert_eq!(shown(&out[..len]), expected);
}

#[test]
fn owners_out_of_reach_are_spelled_out() {
    let query = query();
    let mut out = vec![0xee; 65_535];
    let mut response = Response::begin(&mut out, 65_535, 0, &query, QUERY);
    let filler = record(16, &[&[255][..], &[b'x'; 255]].concat()).repeat(62);
    response.rrset(Section::Answer, records(&filler, &[], 62), QNAME_OFFSET, APEX, None).unwrap();
    let ns = record(2, b"\x02ns\xc0\x00");
    let start = response.rrset(Section::Authority, records(&ns, &[15], 1), APEX, APEX, None).unwrap();
    assert!(start + 12 > super::POINTER_OFFSET_MAX);
    let addresses = [record(1, &[192, 0, 2, 1]), record(1, &[192, 0, 2, 2])].concat();
    response.rrset(Section::Additional, records(&addresses, &[], 2), start + 12, APEX, Some(9)).unwrap();
    response.rrset(Section::Additional, records(&addresses, &[], 2), start + 12, APEX, None).unwrap();
    let out_of_reach = response.rrset(Section::Additional, records(&ns, &[15], 1), start + 12, APEX, None);
    assert_eq!(out_of_reach, Err(Full));
    // The root is shorter than a pointer.
    let srv = record(33, &[0; 7]);
    let start = response.rrset(Section::Additional, records(&srv, &[], 1), QNAME_OFFSET, APEX, None).unwrap();
    response.rrset(Section::Additional, records(&addresses, &[], 2), start + 12 + 6, APEX, None).unwrap();
    let len = response.finish(Rcode::NOERROR, None);
    let shown = shown(&out[..len]);
    assert_eq!(shown[69], ". 3600 IN A 192.0.2.2");
    assert_eq!(shown[62], "example.com. 3600 IN NS ns.example.com.");
    assert_eq!(shown[63], "ns.example.com. 9 IN A 192.0.2.1");
    assert_eq!(shown[66], "ns.example.com. 3600 IN A 192.0.2.2");
}

#[test]
fn a_cname_is_made_of_the_labels_in_front_of_an_owner() {
    let query = query();
    let mut out = [0xee; 512];
    let mut response = Response::begin(&mut out, 512, 0, &query, QUERY);
    let at = response.cname_under(QNAME_OFFSET, 2, b"\x03net\x00", 60).unwrap();
    let at = response.cname_under(at, 1, b"\x00", 61).unwrap();
    let mut name = NameKey::default();
    response.read_name(at, &mut name).unwrap();
    assert_eq!(name.octets(), b"\x03www\x00");
    assert_eq!(response.cname_under(at, 1, &[0; 512], 61), Err(Full));
    let len = response.finish(Rcode::NOERROR, None);
    let expected = ["wWw.example.com. 60 IN CNAME wWw.example.net.", "wWw.example.net. 61 IN CNAME wWw."];
    assert_eq!(shown(&out[..len]), expected);
}

#[test]
fn what_does_not_fit_leaves_no_trace() {
    let query = query();
    let address = record(1, &[192, 0, 2, 1]);
    let room = QUERY.len() + OPT.record_len() + address.len();
    for (len_max, fits) in [(room, true), (room - 1, false)] {
        let mut out = [0xee; 512];
        let mut response = Response::begin(&mut out, len_max, OPT.record_len(), &query, QUERY);
        let result = response.rrset(Section::Answer, records(&address, &[], 1), QNAME_OFFSET, APEX, Some(1));
        assert_eq!(result.is_ok(), fits);
        let len = response.finish(Rcode::NOERROR, Some(&OPT));
        assert!(len <= len_max);
        assert_eq!(shown(&out[..len]).len(), usize::from(fits));
    }
}

#[test]
fn a_truncated_response_keeps_question_and_opt() {
    let query = query();
    let mut out = [0xee; 512];
    let mut response = Response::begin(&mut out, 512, OPT.record_len(), &query, QUERY);
    let address = record(1, &[192, 0, 2, 1]);
    response.rrset(Section::Answer, records(&address, &[], 1), QNAME_OFFSET, APEX, None).unwrap();
    response.set_flag(flag::TC);
    response.clear_records();
    let len = response.finish(Rcode::NOERROR, Some(&OPT));
    let message = Message::from_vec(&out[..len]).unwrap();
    assert!(message.metadata.truncation && message.edns.is_some());
    assert_eq!((message.queries.len(), message.all_sections().count()), (1, 0));
}
