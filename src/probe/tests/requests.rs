//! What `http` checks send: methods, headers, bodies, versions; and where redirects lead.

use super::servers::{Certificates, Server};
use super::{assert_failed, assert_local, assert_passed, http_check, monitor, probe, probe_briefly, probe_http, text};
use crate::health::{Endpoint, Observation};
use crate::probe::spec::{Expectation, HttpCheck, HttpVersion, MonitorKind, Pattern, TlsCheck};
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use std::io::{Read, Write};

#[test]
fn the_method_the_headers_and_the_body_are_sent_as_configured() {
    let server = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        let mut body = [0; 5];
        stream.read_exact(&mut body).unwrap();
        shared.requests.lock().unwrap().push(String::from_utf8_lossy(&body).into_owned());
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    });
    let headers = [("Content-Type", "text/plain"), ("User-Agent", "probe"), ("X-Probe", "a  b")];
    let check = HttpCheck {
        method: "POST".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: b"hello".to_vec(),
        ..http_check()
    };
    assert_passed(&probe_http(check, server.address));
    let requests = server.shared.requests.lock().unwrap();
    let head = requests[0].to_ascii_lowercase();
    assert!(head.starts_with("post /healthz?deep=1 http/1.1\r\n"), "{head}");
    for line in ["content-type: text/plain", "user-agent: probe", "x-probe: a  b", "content-length: 5", "accept: */*"] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line}: {head}");
    }
    assert_eq!((head.matches("user-agent").count(), requests[1].as_str()), (1, "hello"));
}

#[test]
fn the_answer_to_head_has_no_body_to_wait_for() {
    let server = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        shared.wait_for_end();
    });
    let check = HttpCheck { method: "HEAD".to_owned(), ..http_check() };
    assert_passed(&probe_http(check, server.address));
    assert!(server.request().starts_with("HEAD /"), "{}", server.request());
}

#[test]
fn a_body_must_match_the_expression() {
    let server = Server::http(200, r#"{"status": "degraded", "load": 71}"#);
    let expecting = |pattern: &str| {
        let expect_body = Expectation { text: None, pattern: Some(Pattern::new(pattern).unwrap()) };
        HttpCheck { expect_body, ..http_check() }
    };
    assert_passed(&probe_http(expecting(r#""status":\s*"(ok|degraded)""#), server.address));
    let expected = r#"body does not match "\"load\": [0-6]\\d?\\b""#;
    assert_failed(&probe_http(expecting(r#""load": [0-6]\d?\b"#), server.address), expected);
}

/// A server that leads from page to page: `/1` to `/2` and so on, and from `/elsewhere` to wherever the body says.
fn maze(elsewhere: &'static str) -> Server {
    Server::start(move |mut stream, shared| {
        shared.read_request(&mut stream);
        let request = shared.requests.lock().unwrap().last().cloned().unwrap_or_default();
        let page = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
        let location = match page.parse::<u32>() {
            Ok(page) => format!("/{}", page + 1),
            Err(_) => elsewhere.to_owned(),
        };
        let status = if page == "3" { "200 OK".to_owned() } else { format!("302 Found\r\nLocation: {location}") };
        let _ = write!(stream, "HTTP/1.1 {status}\r\nX-Page: {page}\r\nContent-Length: 0\r\n\r\n");
    })
}

fn following(path: &str, redirects_max: u32) -> HttpCheck {
    let capture_header = Some("x-page".to_owned());
    HttpCheck { path: path.to_owned(), redirects_max, capture_header, ..http_check() }
}

#[test]
fn redirects_are_followed_as_far_as_is_asked_for_each_over_a_fresh_connection() {
    let server = maze("");
    let Observation::Passed { captured, .. } = probe_http(following("/1", 2), server.address) else { panic!() };
    assert_eq!((captured.as_deref(), server.connections()), (Some("3"), 3));
    assert_failed(&probe_http(following("/1", 1), server.address), "status 302 behind a redirect, expected 200-299");
    assert_failed(
        &probe_http(following("/10", 10), server.address),
        "status 302 behind 10 redirects, expected 200-299",
    );
}

#[test]
fn a_redirect_never_leads_away_from_the_host_that_is_asked() {
    let other = Server::http(200, "");
    let elsewhere: &'static str = format!("http://{}/", other.address).leak();
    let server = maze(elsewhere);
    let Observation::Failed { reason } = probe_http(following("/elsewhere", 5), server.address) else { panic!() };
    let expected =
        format!("status 302, a redirect to \"{elsewhere}\": only those to http://{} are followed", server.address);
    assert_eq!((&*reason, other.connections()), (expected.as_str(), 0));
    // The same name is the same server, whoever else has it: the next request goes to the probed address too.
    let server = maze("http://www.example.com/3");
    let check = HttpCheck { host: Some("www.example.com".to_owned()), ..following("/elsewhere", 5) };
    assert_passed(&probe_http(check, server.address));
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_form_is_not_sent_again_behind_a_redirect() {
    let server = maze("");
    let check = HttpCheck { method: "POST".to_owned(), body: b"once".to_vec(), ..following("/2", 1) };
    assert_passed(&probe_http(check, server.address));
    let requests = server.shared.requests.lock().unwrap();
    assert!(requests[1].starts_with("GET /3 ") && !requests[1].contains("content-length"), "{}", requests[1]);
}

fn h2(tls: bool) -> HttpCheck {
    let unverified = TlsCheck { server_name: Some("sni.example".to_owned()), verify: false, ..TlsCheck::default() };
    HttpCheck {
        version: HttpVersion::Http2,
        tls: tls.then_some(unverified),
        host: Some("www.example.com:8443".to_owned()),
        ..http_check()
    }
}

fn fine(body: &'static str) -> Response<Full<Bytes>> {
    Response::builder().header("x-load", "0.5").body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}

#[test]
fn http2_is_spoken_in_clear_and_over_tls_with_the_host_as_authority() {
    let certificates = Certificates::new(&["www.example.com"], 2020, 2100);
    for tls in [false, true] {
        let config = tls.then(|| {
            let mut config = certificates.config();
            config.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
            config
        });
        let server = Server::http2(config, |_| Box::pin(async { fine("all is fine") }));
        let check = HttpCheck { expect_body: text("is fine"), capture_header: Some("x-load".to_owned()), ..h2(tls) };
        let seen = probe_http(check, server.address);
        let Observation::Passed { captured, .. } = &seen else { panic!("{seen:?}") };
        assert_eq!(captured.as_deref(), Some("0.5"));
        let scheme = if tls { "https" } else { "http" };
        let request = server.request();
        assert!(request.starts_with(&format!("GET {scheme}://www.example.com:8443/healthz?deep=1 ")), "{request}");
        assert!(!request.contains("\"host\"") && !request.contains("\"connection\""), "{request}");
    }
}

#[test]
fn http2_of_an_address_asks_for_that_address() {
    let server = Server::http2(None, |_| Box::pin(async { fine("") }));
    let check = HttpCheck { host: None, ..h2(false) };
    assert_passed(&probe_http(check, server.address));
    assert!(server.request().contains(&format!("http://{}/", server.address)), "{}", server.request());
}

#[test]
fn http2_fails_where_it_is_not_spoken() {
    let certificates = Certificates::new(&["www.example.com"], 2020, 2100);
    let without_alpn = Server::https(&certificates);
    assert_failed(&probe_http(h2(true), without_alpn.address), "TLS: the server does not offer HTTP/2 (ALPN)");
    let mut config = certificates.config();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let older = Server::https_with(config);
    let expected = "TLS: the server does not speak the protocol that is asked for (ALPN)";
    assert_failed(&probe_http(h2(true), older.address), expected);
    let in_clear = Server::http(200, "");
    let Observation::Failed { reason } = probe_http(h2(false), in_clear.address) else { panic!("it passed") };
    assert!(reason.starts_with("no valid HTTP answer: ") || reason.starts_with("connection "), "{reason}");
}

#[test]
fn http2_survives_servers_that_hang_break_off_and_talk_nonsense() {
    let kind = || MonitorKind::Http(h2(false));
    let hanging = Server::hanging();
    let expected = "timed out after 250ms while waiting for the response";
    assert_failed(&probe_briefly(kind(), hanging.address), expected);
    let closing = Server::start(|mut stream, _| {
        let _ = stream.read(&mut [0; 16]);
    });
    let Observation::Failed { reason } = probe(&monitor(kind()), closing.address) else { panic!("it passed") };
    assert!(reason.starts_with("no valid HTTP answer: ") || reason.starts_with("connection "), "{reason}");
    let pinging = Server::start(|mut stream, shared| {
        // Empty SETTINGS, then PING frames for ever.
        let _ = stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
        let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        let pings = ping.repeat(500);
        let mut reader = stream.try_clone().unwrap();
        std::thread::spawn(move || while matches!(reader.read(&mut [0; 65536]), Ok(1..)) {});
        while !shared.is_ending() && stream.write_all(&pings).is_ok() {}
    });
    let Observation::Failed { reason } = probe(&monitor(kind()), pinging.address) else { panic!("it passed") };
    assert!(reason.contains("more than 512 KiB"), "{reason}");
}

#[test]
fn http2_an_endless_body_is_read_to_the_limit() {
    let server =
        Server::http2(None, |_| Box::pin(async { Response::new(Full::new(Bytes::from(vec![b'.'; 1 << 20]))) }));
    let check = HttpCheck { expect_body: text("never"), ..h2(false) };
    let expected = "body does not contain \"never\" in its first 65536 octets";
    assert_failed(&probe_http(check, server.address), expected);
}

#[test]
fn a_flood_of_headers_is_bounded() {
    for flood in ["X-Flood: yes\r\n".repeat(101), format!("X-Flood: {}\r\n", "y".repeat(100_000))] {
        let server = Server::start(move |mut stream, shared| {
            shared.read_request(&mut stream);
            let _ = write!(stream, "HTTP/1.1 200 OK\r\n{flood}\r\n");
        });
        let Observation::Failed { reason } = probe_http(http_check(), server.address) else { panic!("it passed") };
        assert!(reason.starts_with("no valid HTTP answer: "), "{reason}");
    }
    let fits = "X-Flood: yes\r\n".repeat(90);
    let server = Server::start(move |mut stream, shared| {
        shared.read_request(&mut stream);
        let _ = write!(stream, "HTTP/1.1 200 OK\r\n{fits}\r\n");
    });
    assert_passed(&probe_http(http_check(), server.address));
}

#[test]
fn a_flood_of_interim_answers_is_bounded() {
    let server = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        let many = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100);
        while !shared.is_ending() && stream.write_all(&many).is_ok() {}
    });
    let Observation::Failed { reason } = probe_http(http_check(), server.address) else { panic!("it passed") };
    assert!(reason.contains("more than 512 KiB"), "{reason}");
}

#[test]
fn broken_answers_fail_with_a_reason() {
    for garbage in [
        &b"\r\n\r\n\r\n"[..],
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        b"\x00\x01\x02\x03\xff\xfe\r\n\r\n",
    ] {
        let server = Server::start(move |mut stream, shared| {
            shared.read_request(&mut stream);
            let _ = stream.write_all(garbage);
        });
        let Observation::Failed { reason } = probe_http(http_check(), server.address) else { panic!("{garbage:?}") };
        assert!(reason.starts_with("no valid HTTP answer: "), "{garbage:?}: {reason}");
    }
}

#[test]
fn a_chunked_body_of_bad_or_tiny_chunks_is_bounded() {
    let bad = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
    });
    let check = || HttpCheck { expect_body: text("never"), ..http_check() };
    let Observation::Failed { reason } = probe_http(check(), bad.address) else { panic!("it passed") };
    assert!(reason.starts_with("no valid HTTP answer: "), "{reason}");
    let tiny = Server::start(|mut stream, shared| {
        shared.read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let many = format!("1;{}\r\n.\r\n", "x".repeat(50)).repeat(100);
        while !shared.is_ending() && stream.write_all(many.as_bytes()).is_ok() {}
    });
    let Observation::Failed { reason } = probe_http(check(), tiny.address) else { panic!("it passed") };
    assert!(reason.contains("more than 512 KiB") || reason.starts_with("no valid HTTP answer: "), "{reason}");
}

#[test]
fn what_cannot_be_asked_for_is_a_local_error() {
    let server = Server::http(200, "");
    let check = HttpCheck { headers: vec![("two words".to_owned(), "x".to_owned())], ..http_check() };
    assert_local(&probe_http(check, server.address), "cannot be the name of a header");
    let endpoint = Endpoint::Socket(server.address);
    let check = HttpCheck { host: Some("two words".to_owned()), ..h2(false) };
    let seen = super::probe_endpoint(&monitor(MonitorKind::Http(check)), &endpoint, server.address);
    assert_local(&seen, "cannot be asked for");
    assert_eq!(server.connections(), 0);
}
