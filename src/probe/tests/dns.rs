//! `dns` checks against servers of all kinds.

use super::servers::{Server, deaf, refusing_at};
use super::udp::{answering, answering_at};
use super::{BRIEF, PATIENCE, assert_failed, assert_passed, monitor, probe, timing};
use crate::base::testing::with_time_enough;
use crate::health::Observation;
use crate::probe::spec::{DnsCheck, DnsQuestion, DnsTransport, ExpectedRecord, Monitor, MonitorKind, Rcode};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// Asks for addresses of `www.example.com` and expects these.
fn check(transport: DnsTransport, expected: &[&str]) -> DnsCheck {
    let question = DnsQuestion::new("www.example.com", "A").unwrap();
    let expect_answer = expected.iter().map(|text| ExpectedRecord::new(&question, text).unwrap()).collect();
    DnsCheck { question, expect_answer, expect_rcode: Rcode::NOERROR, transport, recursion_desired: false }
}

fn ask(check: DnsCheck, address: SocketAddr) -> Observation {
    probe(&monitor(MonitorKind::Dns(check)), address)
}

fn ask_briefly(check: DnsCheck, address: SocketAddr) -> Observation {
    probe(&Monitor { timing: timing(BRIEF), ..monitor(MonitorKind::Dns(check)) }, address)
}

/// The answer to a question with these addresses.
fn response(question: &[u8], addresses: &[&str]) -> Message {
    let question = Message::from_vec(question).unwrap();
    let mut response = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
    response.add_queries(question.queries.clone());
    for address in addresses {
        let data = RData::try_from_str(RecordType::A, address).unwrap();
        response.add_answer(Record::from_rdata(question.queries[0].name().clone(), 60, data));
    }
    response
}

fn octets(response: &Message) -> Vec<u8> {
    response.to_vec().unwrap()
}

/// A server that answers the first datagram with what this makes of the question.
fn server(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
    answering(move |socket, question, from| {
        socket.send_to(&answer(question), from).unwrap();
    })
}

/// Reads one question from a connection.
fn framed_question(stream: &mut TcpStream) -> Vec<u8> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).unwrap();
    let mut question = vec![0; u16::from_be_bytes(len).into()];
    stream.read_exact(&mut question).unwrap();
    question
}

fn framed(octets: &[u8]) -> Vec<u8> {
    [&u16::try_from(octets.len()).unwrap().to_be_bytes()[..], octets].concat()
}

fn tcp_server(answer: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Server {
    Server::start(move |mut stream, _| {
        let question = framed_question(&mut stream);
        let _ = stream.write_all(&answer(&question));
    })
}

#[test]
fn an_answer_passes_that_has_all_expected_records() {
    let both = |question: &[u8]| octets(&response(question, &["192.0.2.1", "192.0.2.2"]));
    for expected in [&[][..], &["192.0.2.2"], &["192.0.2.2", "192.0.2.1"]] {
        assert_passed(&ask(check(DnsTransport::Udp, expected), server(both)));
    }
    let seen = ask(check(DnsTransport::Udp, &["192.0.2.1", "192.0.2.9"]), server(both));
    assert_failed(&seen, "UDP: the answer lacks `192.0.2.9`; it has 192.0.2.1, 192.0.2.2");
    let none = |question: &[u8]| octets(&response(question, &[]));
    let seen = ask(check(DnsTransport::Udp, &["192.0.2.9"]), server(none));
    assert_failed(&seen, "UDP: the answer lacks `192.0.2.9`; it has no A record");
}

#[test]
fn the_response_code_must_be_the_expected_one() {
    let refused = |question: &[u8]| {
        let mut response = response(question, &[]);
        response.metadata.response_code = ResponseCode::Refused;
        octets(&response)
    };
    let seen = ask(check(DnsTransport::Udp, &[]), server(refused));
    assert_failed(&seen, "UDP: RCODE REFUSED, expected NOERROR");
    let expecting = DnsCheck { expect_rcode: Rcode::of_word("REFUSED").unwrap(), ..check(DnsTransport::Udp, &[]) };
    assert_passed(&ask(expecting, server(refused)));
}

#[test]
fn recursion_is_desired_only_where_the_check_says_so() {
    for recursion_desired in [false, true] {
        let server = server(move |question| {
            let asked = Message::from_vec(question).unwrap();
            assert_eq!(asked.edns.as_ref().map(|edns| edns.max_payload()), Some(1232));
            let mut response = response(question, &[]);
            if asked.metadata.recursion_desired != recursion_desired {
                response.metadata.response_code = ResponseCode::FormErr;
            }
            octets(&response)
        });
        assert_passed(&ask(DnsCheck { recursion_desired, ..check(DnsTransport::Udp, &[]) }, server));
    }
}

#[test]
fn messages_that_are_no_answer_to_the_question_are_passed_over() {
    let strangers = |sent: Arc<OnceLock<Instant>>| {
        answering(move |socket, question, from| {
            let answer = response(question, &["192.0.2.1"]);
            let mut other_number = octets(&answer);
            other_number[1] ^= 1;
            let mut other_question = answer.clone();
            other_question.queries = vec![Query::query(Name::from_ascii("www.example.net.").unwrap(), RecordType::A)];
            let spoofed = UdpSocket::bind("127.0.0.1:0").unwrap();
            spoofed.send_to(&octets(&answer), from).unwrap();
            for message in [other_number, octets(&other_question), question.to_vec(), vec![0; 3], Vec::new()] {
                socket.send_to(&message, from).unwrap();
            }
            sent.get_or_init(Instant::now);
        })
    };
    let (timeout, seen) = with_time_enough(BRIEF, |timeout| {
        let sent = Arc::<OnceLock<Instant>>::default();
        let (address, began) = (strangers(Arc::clone(&sent)), Instant::now());
        let monitor = Monitor { timing: timing(timeout), ..monitor(MonitorKind::Dns(check(DnsTransport::Udp, &[]))) };
        (probe(&monitor, address), sent.get().map(|at| at.duration_since(began)))
    });
    let what = "5 messages were none to this question";
    assert_failed(&seen, &format!("timed out after {timeout:?} while waiting for an answer; {what}"));
}

#[test]
fn the_right_answer_behind_wrong_ones_passes_and_a_flood_of_wrong_ones_fails() {
    let strangers = |count: usize| {
        answering(move |socket, question, from| {
            let answer = octets(&response(question, &["192.0.2.1"]));
            for _ in 0..count {
                socket.send_to(b"noise", from).unwrap();
            }
            socket.send_to(&answer, from).unwrap();
        })
    };
    assert_passed(&ask(check(DnsTransport::Udp, &["192.0.2.1"]), strangers(40)));
    let seen = ask(check(DnsTransport::Udp, &["192.0.2.1"]), strangers(70));
    assert_failed(&seen, "more than 64 datagrams that are no answer to the question");
}

#[test]
fn an_answer_that_cannot_be_read_fails() {
    let cut = |question: &[u8]| {
        let mut octets = octets(&response(question, &["192.0.2.1"]));
        octets.truncate(octets.len() - 3);
        octets
    };
    let Observation::Failed { reason } = ask(check(DnsTransport::Udp, &[]), server(cut)) else { panic!("it passed") };
    assert!(reason.starts_with("the answer cannot be read: "), "{reason}");
}

/// A socket for datagrams at a port that `bind`, which is for connections, can have too: the system chooses ports for one of
/// the two only.
fn at_one_port<T>(bind: impl Fn(SocketAddr) -> std::io::Result<T>) -> (UdpSocket, T) {
    loop {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        match bind(socket.local_addr().unwrap()) {
            Ok(other) => return (socket, other),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse),
        }
    }
}

/// A port where datagrams get a truncated answer, and connections this one.
fn truncating(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> SocketAddr {
    let (socket, listener) = at_one_port(TcpListener::bind);
    let address = socket.local_addr().unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 2000];
        let (len, from) = socket.recv_from(&mut question).unwrap();
        let mut response = response(&question[..len], &[]);
        response.metadata.truncation = true;
        socket.send_to(&octets(&response), from).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let question = framed_question(&mut stream);
        stream.write_all(&framed(&answer(&question))).unwrap();
    });
    address
}

#[test]
fn a_truncated_answer_is_asked_for_again_over_tcp() {
    let address = truncating(|question| octets(&response(question, &["192.0.2.1"])));
    assert_passed(&ask(check(DnsTransport::Udp, &["192.0.2.1"]), address));
    let address = truncating(|question| octets(&response(question, &["192.0.2.2"])));
    let seen = ask(check(DnsTransport::Udp, &["192.0.2.1"]), address);
    assert_failed(&seen, "TCP after a truncated answer: the answer lacks `192.0.2.1`; it has 192.0.2.2");
}

#[test]
fn over_tcp_the_same_holds() {
    let good = tcp_server(|question| framed(&octets(&response(question, &["192.0.2.1"]))));
    assert_passed(&ask(check(DnsTransport::Tcp, &["192.0.2.1"]), good.address));
    let silent = Server::hanging();
    let seen = ask_briefly(check(DnsTransport::Tcp, &[]), silent.address);
    assert_failed(&seen, "timed out after 250ms while waiting for an answer");
    let closing = tcp_server(|question| framed(&octets(&response(question, &["192.0.2.1"])))[..9].to_vec());
    let seen = ask(check(DnsTransport::Tcp, &[]), closing.address);
    assert_failed(&seen, "TCP: connection closed by the server before its answer was complete");
    let other = tcp_server(|_| framed(b"\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00"));
    let Observation::Failed { reason } = ask(check(DnsTransport::Tcp, &[]), other.address) else { panic!("it passed") };
    assert_eq!(&*reason, "TCP: the answer is none to this question");
}

#[test]
fn both_ways_must_pass_where_both_are_asked() {
    let good = |question: &[u8]| octets(&response(question, &["192.0.2.1"]));
    let (socket, _refusing) = at_one_port(refusing_at);
    let address = answering_at(socket, move |socket, question, from| {
        socket.send_to(&good(question), from).unwrap();
    });
    let seen = ask(check(DnsTransport::Both, &["192.0.2.1"]), address);
    assert_failed(&seen, "TCP: connection refused");
    let (socket, listener) = at_one_port(TcpListener::bind);
    let address = answering_at(socket, move |socket, question, from| {
        socket.send_to(&good(question), from).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let question = framed_question(&mut stream);
        stream.write_all(&framed(&good(&question))).unwrap();
    });
    assert_passed(&ask(check(DnsTransport::Both, &["192.0.2.1"]), address));
}

#[test]
fn a_port_where_nobody_listens_fails_at_once() {
    let (_deaf, address) = deaf();
    let seen = ask(check(DnsTransport::Udp, &[]), address);
    assert_failed(&seen, "nobody listens at the port: ICMP port unreachable came back");
}
