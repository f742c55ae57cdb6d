//! `udp` checks against servers of all kinds.

use super::servers::deaf;
use super::{BRIEF, PATIENCE, assert_failed, assert_passed, monitor, probe, probe_briefly, text};
use crate::probe::spec::{Expectation, MonitorKind, UdpCheck};
use std::net::{SocketAddr, UdpSocket};

/// A server that answers the first datagram with these.
pub(super) fn answering(answer: impl FnOnce(&UdpSocket, &[u8], SocketAddr) + Send + 'static) -> SocketAddr {
    answering_at(UdpSocket::bind("127.0.0.1:0").unwrap(), answer)
}

/// The same with a socket that is bound already.
pub(super) fn answering_at(
    socket: UdpSocket,
    answer: impl FnOnce(&UdpSocket, &[u8], SocketAddr) + Send + 'static,
) -> SocketAddr {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 2000];
        if let Ok((len, from)) = socket.recv_from(&mut question) {
            answer(&socket, &question[..len], from);
            // The port stays taken for a while: what comes late is no ICMP error.
            std::thread::sleep(2 * BRIEF);
        }
    });
    address
}

fn saying(answer: &'static [u8]) -> SocketAddr {
    answering(move |socket, question, from| {
        assert_eq!(question, b"ping\x00\xff");
        socket.send_to(answer, from).unwrap();
    })
}

fn check(expect: Expectation) -> MonitorKind {
    MonitorKind::Udp(UdpCheck { send: b"ping\x00\xff".to_vec(), expect })
}

#[test]
fn an_answer_passes_that_contains_what_is_expected() {
    assert_passed(&probe(&monitor(check(text("pong"))), saying(b"\x00 pong!")));
    assert_passed(&probe(&monitor(check(Expectation::default())), saying(b"anything")));
    assert_passed(&probe(&monitor(check(Expectation::default())), saying(b"")));
}

#[test]
fn any_other_answer_fails() {
    let seen = probe(&monitor(check(text("pong"))), saying(b"go away"));
    assert_failed(&seen, "the answer, \"go away\", does not contain \"pong\"");
    let seen = probe(&monitor(check(text("pong"))), saying(b""));
    assert_failed(&seen, "the answer, which is empty, does not contain \"pong\"");
}

#[test]
fn silence_fails_after_the_timeout() {
    let address = answering(|_, _, _| ());
    assert_failed(&probe_briefly(check(text("pong")), address), "timed out after 250ms while waiting for an answer");
}

#[test]
fn a_port_where_nobody_listens_fails_at_once() {
    let (_deaf, address) = deaf();
    let seen = probe(&monitor(check(Expectation::default())), address);
    assert_failed(&seen, "nobody listens at the port: ICMP port unreachable came back");
}

#[test]
fn datagrams_of_others_are_not_listened_to() {
    let address = answering(|socket, _, from| {
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"pong", from).unwrap();
        socket.send_to(b"go away", from).unwrap();
    });
    let seen = probe(&monitor(check(text("pong"))), address);
    assert_failed(&seen, "the answer, \"go away\", does not contain \"pong\"");
}

#[test]
fn the_largest_datagram_is_taken() {
    let address = answering(|socket, _, from| {
        let mut answer = vec![b'.'; 60_000];
        answer.extend(b"pong");
        socket.send_to(&answer, from).unwrap();
    });
    assert_passed(&probe(&monitor(check(text("pong"))), address));
}
