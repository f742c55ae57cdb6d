//! `tcp` checks that say and expect something.

use super::servers::{Server, reset};
use super::{BRIEF, assert_failed, assert_passed, monitor, probe, probe_briefly, probe_until_hung, text};
use crate::base::testing::with_time_enough;
use crate::health::Observation;
use crate::probe::spec::{ANSWER_LEN_MAX, Expectation, MonitorKind, Pattern, TcpCheck};
use crate::probe::tcp::TcpProbe;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

fn check(send: &[u8], expect: Expectation) -> MonitorKind {
    MonitorKind::Tcp(TcpCheck { send: send.to_vec(), expect })
}

fn probe_tcp(send: &[u8], expect: Expectation, address: SocketAddr) -> Observation {
    probe(&monitor(check(send, expect)), address)
}

fn matching(pattern: &str) -> Expectation {
    Expectation { text: None, pattern: Some(Pattern::new(pattern).unwrap()) }
}

/// Answers `PING` with `+PONG`, all else with an error.
fn cache() -> Server {
    Server::start(|mut stream, _| {
        let mut said = [0; 6];
        let answer: &[u8] = match stream.read_exact(&mut said) {
            Ok(()) if said == *b"PING\r\n" => b"+PONG\r\n",
            _ => b"-ERR unknown command\r\n",
        };
        let _ = stream.write_all(answer);
        // Like one that keeps its connections.
        let _ = stream.read(&mut [0; 16]);
    })
}

#[test]
fn passes_when_the_answer_is_the_expected_one() {
    let server = cache();
    assert_passed(&probe_tcp(b"PING\r\n", text("+PONG"), server.address));
    assert_passed(&probe_tcp(b"PING\r\n", matching(r"^\+PO.G\r\n$"), server.address));
}

#[test]
fn passes_with_what_a_server_says_unasked() {
    let server = Server::start(|mut stream, _| {
        for piece in ["22", "0 mail.exam", "ple.com ESMTP\r\n"] {
            let _ = stream.write_all(piece.as_bytes());
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = stream.read(&mut [0; 16]);
    });
    assert_passed(&probe_tcp(b"", text("220 mail"), server.address));
    let both = Expectation { text: Some(b"ESMTP".to_vec()), ..matching("^220 ") };
    assert_passed(&probe_tcp(b"", both, server.address));
}

#[test]
fn what_is_sent_alone_makes_no_answer_necessary() {
    let server = Server::start(|mut stream, shared| {
        let mut said = [0; 3];
        let _ = stream.read_exact(&mut said);
        shared.requests.lock().unwrap().push(format!("{said:?}"));
    });
    assert_passed(&probe_tcp(&[0, 255, 7], Expectation::default(), server.address));
}

#[test]
fn says_what_came_instead() {
    let server = Server::start(|mut stream, _| {
        let _ = stream.read(&mut [0; 16]);
        let _ = stream.write_all(b"-ERR \x1b unknown\r\n");
    });
    let expected = r#"the answer, "-ERR \u{1b} unknown\r\n", does not contain "+PONG""#;
    assert_failed(&probe_tcp(b"PING\r\n", text("+PONG"), server.address), expected);
    let expected = r#"the answer, "-ERR \u{1b} unknown\r\n", does not match "^[+]""#;
    assert_failed(&probe_tcp(b"PING\r\n", matching("^[+]"), server.address), expected);
}

#[test]
fn says_how_the_server_falls_silent() {
    let closing = Server::start(|mut stream, _| {
        let _ = stream.read(&mut [0; 16]);
    });
    let expected = "connection closed by the server without an answer";
    assert_failed(&probe_tcp(b"PING\r\n", text("+PONG"), closing.address), expected);
    let resetting = Server::start(|mut stream, _| {
        let _ = stream.read(&mut [0; 16]);
        reset(stream);
    });
    assert_failed(&probe_tcp(b"PING\r\n", text("+PONG"), resetting.address), "connection reset by the server");
    let hanging = Server::hanging();
    let expected = "timed out after 250ms while waiting for an answer";
    assert_failed(&probe_briefly(check(b"PING\r\n", text("+PONG")), hanging.address), expected);
    let stuck = || {
        Server::start(|mut stream, shared| {
            let _ = stream.write_all(b"220-");
            shared.reach();
            shared.wait_for_end();
        })
    };
    let expected = r#"timed out after TIMEOUT while reading: the answer so far, "220-", does not contain "220 ""#;
    assert_eq!(probe_until_hung(|| check(b"", text("220 ")), stuck), expected);
}

#[test]
fn an_endless_answer_is_read_to_the_limit() {
    let server =
        Server::start(|mut stream, shared| while !shared.is_ending() && stream.write_all(&[b'.'; 4096]).is_ok() {});
    let expected = format!("the answer does not contain \"+PONG\" in its first {ANSWER_LEN_MAX} octets");
    assert_failed(&probe_tcp(b"", text("+PONG"), server.address), &expected);
    let expected = format!("the answer does not match \"x$\" in its first {ANSWER_LEN_MAX} octets");
    assert_failed(&probe_tcp(b"", matching("x$"), server.address), &expected);
}

#[test]
fn an_answer_that_drips_and_a_server_that_does_not_read_are_bounded_by_the_timeout() {
    let dripping = || {
        Server::start(|mut stream, shared| {
            while !shared.is_ending() && stream.write_all(b".").is_ok() {
                shared.reach();
                std::thread::sleep(Duration::from_millis(5));
            }
        })
    };
    let reason = probe_until_hung(|| check(b"", matching("x$")), dripping);
    assert!(reason.starts_with("timed out after TIMEOUT while reading: "), "{reason}");
    let deaf = Server::hanging();
    let seen = probe_briefly(check(&vec![b'x'; 64 << 20], text("ok")), deaf.address);
    assert_failed(&seen, "timed out after 250ms while waiting for an answer");
}

#[test]
fn time_that_this_process_lost_while_it_connected_is_not_taken_from_the_talk() {
    let check = TcpCheck { send: b"PING\r\n".to_vec(), expect: text("+PONG") };
    let (_, seen) = with_time_enough(BRIEF, |timeout| {
        let server = Server::start(move |mut stream, shared| {
            let _ = stream.read(&mut [0; 16]);
            // Long enough to be no part of the time that is left by chance, and far less than is given back.
            std::thread::sleep(timeout / 5);
            let _ = stream.write_all(b"+PONG\r\n");
            shared.reach();
            let _ = stream.read(&mut [0; 16]);
        });
        let probe = TcpProbe::new(&check, server.address, timeout);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // The connection is under way when the only thread stands still for longer than the timeout.
        let stall = async {
            std::thread::sleep(2 * timeout);
            Instant::now()
        };
        let (seen, stalled_until) = runtime.block_on(async { tokio::join!(biased; probe.probe(), stall) });
        // As much time as was lost, but no more than the timeout, is given back from then on.
        (seen, server.shared.reached().map(|at| at.saturating_duration_since(stalled_until)))
    });
    assert_passed(&seen);
}
