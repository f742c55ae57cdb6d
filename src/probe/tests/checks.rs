//! `tcp` and `http` checks against servers of all kinds.

use super::servers::{Server, full, refusing, reset};
use super::{assert_failed, assert_local, assert_passed, http_check, monitor, probe, probe_briefly, probe_http};
use super::{probe_until_hung, text};
use crate::health::{Endpoint, Observation};
use crate::probe::spec::{ANSWER_LEN_MAX, GrpcCheck, HttpCheck, HttpVersion, MonitorKind, TcpCheck, TlsCheck};
use crate::probe::tcp::TcpProbe;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::mpsc;
use std::time::{Duration, Instant};

#[test]
fn tcp_passes_where_connections_are_accepted() {
    let server = Server::hanging();
    assert_passed(&probe(&monitor(MonitorKind::Tcp(TcpCheck::default())), server.address));
}

#[test]
fn tcp_fails_where_they_are_refused() {
    let (_socket, address) = refusing();
    assert_failed(&probe(&monitor(MonitorKind::Tcp(TcpCheck::default())), address), "connection refused");
}

#[test]
fn tcp_fails_after_the_timeout_where_nobody_answers() {
    let (_socket, _streams, address) = full();
    assert_failed(
        &probe_briefly(MonitorKind::Tcp(TcpCheck::default()), address),
        "timed out after 250ms while connecting",
    );
}

#[test]
fn tcp_closes_in_order_even_when_the_server_greets() {
    let (ended, end) = mpsc::channel();
    let server = Server::start(move |mut stream, _| {
        stream.write_all(&[b'x'; 2000]).unwrap();
        ended.send(stream.read(&mut [0; 16]).map_err(|error| error.kind())).unwrap();
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let end = runtime.block_on(async {
        assert_passed(&TcpProbe::new(&TcpCheck::default(), server.address, super::PATIENCE).probe().await);
        tokio::task::spawn_blocking(move || end.recv_timeout(super::PATIENCE).unwrap()).await.unwrap()
    });
    assert_eq!(end, Ok(0), "the server sees the end of the stream, not a reset");
}

#[test]
fn http_passes_with_an_expected_status() {
    let server = Server::http(204, "");
    assert_passed(&probe_http(http_check(), server.address));
}

#[test]
fn http_asks_for_the_path_with_the_address_as_host() {
    let server = Server::http(200, "");
    assert_passed(&probe_http(http_check(), server.address));
    let request = server.request();
    assert!(request.starts_with("GET /healthz?deep=1 HTTP/1.1\r\n"), "{request}");
    for header in [
        format!("host: {}", server.address),
        format!("user-agent: azimuth-probe/{}", env!("CARGO_PKG_VERSION")),
        "connection: close".to_owned(),
    ] {
        assert!(request.to_ascii_lowercase().contains(&format!("\r\n{header}\r\n")), "{header}: {request}");
    }
}

#[test]
fn http_sends_the_configured_host_to_the_probed_address() {
    let server = Server::http(200, "");
    let check = HttpCheck { host: Some("www.example.com".to_owned()), ..http_check() };
    assert_passed(&probe_http(check, server.address));
    assert!(server.request().contains("\r\nhost: www.example.com\r\n"), "{}", server.request());
}

#[test]
fn http_of_a_host_name_asks_for_that_name() {
    let server = Server::http(200, "");
    let endpoint = Endpoint::Host("LB.example.net.".into(), server.address.port());
    let monitor = monitor(MonitorKind::Http(http_check()));
    assert_passed(&super::probe_endpoint(&monitor, &endpoint, server.address));
    let host = format!("\r\nhost: LB.example.net:{}\r\n", server.address.port());
    assert!(server.request().contains(&host), "{}", server.request());
}

#[test]
fn each_probe_takes_a_fresh_connection() {
    let server = Server::start(|mut stream, shared| {
        for _ in 0..2 {
            super::servers::answer(&mut stream, shared, 200, "");
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let check = crate::probe::check::Check::new(
        &monitor(MonitorKind::Http(http_check())),
        &Endpoint::Socket(server.address),
        server.address,
        &mut crate::probe::tls::TlsStore::default(),
    );
    for connections in 1..=3 {
        assert_passed(&runtime.block_on(check.run()));
        assert_eq!(server.connections(), connections);
    }
}

#[test]
fn http_fails_with_another_status() {
    let server = Server::http(503, "down for maintenance");
    assert_failed(&probe_http(http_check(), server.address), "status 503, expected 200-299");
    let check = HttpCheck { expect_status: vec![(200, 204), (301, 301)], ..http_check() };
    assert_failed(&probe_http(check, server.address), "status 503, expected 200-204, 301");
}

#[test]
fn http_does_not_follow_redirects() {
    let server = Server::http(302, "");
    assert_failed(&probe_http(http_check(), server.address), "status 302, expected 200-299");
    assert_eq!(server.connections(), 1);
    let check = HttpCheck { expect_status: vec![(302, 302)], ..http_check() };
    assert_passed(&probe_http(check, server.address));
}

#[test]
fn http_finds_the_expected_text_in_the_body() {
    let server = Server::http(200, "all systems nominal");
    let expecting = |body: &str| HttpCheck { expect_body: text(body), ..http_check() };
    assert_passed(&probe_http(expecting("systems nom"), server.address));
    assert_passed(&probe_http(expecting(""), server.address));
    assert_failed(
        &probe_http(expecting("a \"degraded\" text that is longer than what is quoted"), server.address),
        "body does not contain \"a \\\"degraded\\\" text that is longer than wh...\"",
    );
}

#[test]
fn http_finds_a_text_that_comes_in_pieces() {
    let server = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        for piece in ["HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n", "he", "alt", "hy!"] {
            stream.write_all(piece.as_bytes()).unwrap();
            stream.flush().unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let check = HttpCheck { expect_body: text("healthy"), ..http_check() };
    assert_passed(&probe_http(check, server.address));
}

#[test]
fn http_hands_on_the_value_of_a_header_of_an_answer_that_passes() {
    let server = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX-Load:  0.75 \r\nX-Long: ");
        let _ = stream.write_all(&[b'9'; 2000]);
        let _ = stream.write_all(b"\r\n\r\n");
    });
    for (name, expected) in [("x-load", Some("0.75")), ("X-LOAD", Some("0.75")), ("x-other", None), ("x-long", None)] {
        let check = HttpCheck { capture_header: Some(name.to_owned()), ..http_check() };
        let Observation::Passed { captured, .. } = probe_http(check, server.address) else { panic!("{name}") };
        assert_eq!(captured.as_deref(), expected, "{name}");
    }
}

#[test]
fn http_fails_where_connections_are_refused() {
    let (_socket, address) = refusing();
    assert_failed(&probe_http(http_check(), address), "connection refused");
}

#[test]
fn http_says_what_took_too_long() {
    let kind = || MonitorKind::Http(HttpCheck { expect_body: text("never"), ..http_check() });
    let (_socket, _streams, address) = full();
    assert_failed(&probe_briefly(kind(), address), "timed out after 250ms while connecting");
    let hanging = Server::hanging();
    assert_failed(&probe_briefly(kind(), hanging.address), "timed out after 250ms while waiting for the response");
    let dripping = || {
        Server::start(|mut stream, shared| {
            shared.read_request(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            while !shared.is_ending() && stream.write_all(b".").is_ok() {
                shared.reach();
                std::thread::sleep(Duration::from_millis(5));
            }
        })
    };
    assert_eq!(probe_until_hung(kind, dripping), "timed out after TIMEOUT while reading the body");
}

#[test]
fn http_a_head_that_drips_is_bounded_by_the_timeout() {
    let server = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while !shared.is_ending() && stream.write_all(b"x-slow: yes\r\n").is_ok() {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let seen = probe_briefly(MonitorKind::Http(http_check()), server.address);
    assert_failed(&seen, "timed out after 250ms while waiting for the response");
}

#[test]
fn http_an_endless_body_is_not_read_unless_a_text_is_expected_and_then_to_the_limit() {
    let server = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while !shared.is_ending() && stream.write_all(&[b'.'; 4096]).is_ok() {}
    });
    assert_passed(&probe_http(http_check(), server.address));
    let check = HttpCheck { expect_body: text("never"), ..http_check() };
    let expected = "body does not contain \"never\" in its first 65536 octets";
    assert_failed(&probe_http(check, server.address), expected);
}

#[test]
fn http_the_limit_of_the_body_is_exact() {
    for (before, passes) in [(ANSWER_LEN_MAX - 2, true), (ANSWER_LEN_MAX - 1, false)] {
        let server = Server::start(move |mut stream, shared| {
            shared.read_request(&mut stream);
            let _ = write!(stream, "HTTP/1.1 200 OK\r\n\r\n{}ok{}", ".".repeat(before), ".".repeat(9999));
        });
        let check = HttpCheck { expect_body: text("ok"), ..http_check() };
        let seen = probe_http(check, server.address);
        assert_eq!(matches!(seen, Observation::Passed { .. }), passes, "{seen:?}");
    }
}

#[test]
fn http_fails_when_the_server_breaks_off() {
    let resetting = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        reset(stream);
    });
    assert_failed(&probe_http(http_check(), resetting.address), "connection reset by the server");

    let within_body = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
    });
    let check = HttpCheck { expect_body: text("long"), ..http_check() };
    let expected = "connection closed by the server before its answer was complete";
    assert_failed(&probe_http(check, within_body.address), expected);

    let before_head = Server::start(|mut stream, shared| shared.read_request(&mut stream));
    let expected = "no valid HTTP answer: connection closed before message completed";
    assert_failed(&probe_http(http_check(), before_head.address), expected);
}

#[test]
fn http_fails_with_what_is_not_http() {
    let server = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n");
    });
    let Observation::Failed { reason } = probe_http(http_check(), server.address) else { panic!("it passed") };
    assert!(reason.starts_with("no valid HTTP answer: "), "{reason}");
}

#[test]
fn an_endless_head_is_bounded() {
    let server = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ");
        while !shared.is_ending() && stream.write_all(&[b'.'; 4096]).is_ok() {}
    });
    let started = Instant::now();
    let Observation::Failed { reason } = probe_http(http_check(), server.address) else { panic!("it passed") };
    assert!(reason.starts_with("no valid HTTP answer: "), "{reason}");
    assert!(started.elapsed() < super::PATIENCE);
}

#[test]
fn without_a_route_there_is_no_result() {
    // Link-local without an interface: no machine has a route there.
    let nowhere = SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)), 80);
    for kind in [MonitorKind::Tcp(TcpCheck::default()), MonitorKind::Http(http_check())] {
        match probe_briefly(kind, nowhere) {
            Observation::LocalError { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_check_that_cannot_be_made_has_no_result() {
    let server = Server::http(200, "");
    let check = HttpCheck { host: Some("line\nbreak".to_owned()), ..http_check() };
    assert_local(&probe_http(check, server.address), "cannot be a Host header");
    let tls = TlsCheck { server_name: Some("not a name".to_owned()), verify: false, ..TlsCheck::default() };
    let check = HttpCheck { tls: Some(tls), ..http_check() };
    assert_local(&probe_http(check, server.address), "`not a name` cannot be the server name of a certificate");
    assert_eq!(server.connections(), 0);
}

#[test]
fn nothing_is_left_of_a_probe_that_was_given_up() {
    let tls = || TlsCheck { verify: false, ..TlsCheck::default() };
    for kind in [
        MonitorKind::Tcp(TcpCheck { send: Vec::new(), expect: text("never") }),
        MonitorKind::Http(http_check()),
        MonitorKind::Http(HttpCheck { version: HttpVersion::Http2, ..http_check() }),
        MonitorKind::Http(HttpCheck { tls: Some(tls()), ..http_check() }),
        MonitorKind::Tls(tls()),
        MonitorKind::Grpc(GrpcCheck::default()),
    ] {
        let (ended, end) = mpsc::channel();
        let server = Server::start(move |mut stream, _| {
            // It reads all that comes, and says nothing.
            while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
            ended.send(()).unwrap();
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let word = kind.kind().word();
        let monitor = crate::probe::spec::Monitor { timing: super::timing(super::BRIEF), ..monitor(kind) };
        let endpoint = Endpoint::Socket(server.address);
        let check = crate::probe::check::Check::new(
            &monitor,
            &endpoint,
            server.address,
            &mut crate::probe::tls::TlsStore::default(),
        );
        // The runtime goes on: what a probe had started would go on with it.
        runtime.block_on(async {
            let Observation::Failed { reason } = check.run().await else { panic!("{word} passed") };
            assert!(reason.starts_with("timed out after 250ms"), "{word}: {reason}");
            let end = tokio::task::spawn_blocking(move || end.recv_timeout(super::PATIENCE)).await.unwrap();
            assert_eq!(end, Ok(()), "{word}: the connection is closed");
            // The last of them may have closed the connection, and have yet to end.
            let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
            let closed = Instant::now();
            while alive() > 1 {
                assert!(closed.elapsed() < super::PATIENCE, "{word}: {} tasks are left", alive());
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
    }
}
