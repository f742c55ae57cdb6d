//! `https` checks: names, roots, dates, and what is accepted when nothing is verified.

use super::servers::{Certificates, Server};
use super::{assert_failed, assert_local, assert_passed, http_check, monitor, probe_briefly, probe_http, text};
use crate::health::{Endpoint, Observation};
use crate::probe::check::Check;
use crate::probe::spec::{HttpCheck, MonitorKind, TlsCheck};
use crate::probe::tls::TlsStore;
use std::io::Write;
use std::path::PathBuf;

/// A PEM file that lives as long as the value.
fn authority(certificates: &Certificates) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(certificates.authority_pem.as_bytes()).unwrap();
    file
}

fn check(server_name: Option<&str>, ca_file: Option<PathBuf>) -> HttpCheck {
    let tls = TlsCheck { server_name: server_name.map(str::to_owned), ca_file, ..TlsCheck::default() };
    HttpCheck { tls: Some(tls), ..http_check() }
}

fn probe_with(certificates: &Certificates, server_name: Option<&str>) -> Observation {
    let server = Server::https(certificates);
    let ca_file = authority(certificates);
    probe_http(check(server_name, Some(ca_file.path().to_owned())), server.address)
}

#[test]
fn passes_with_a_certificate_for_the_name_from_a_named_authority() {
    let certificates = Certificates::new(&["www.example.com"], 2020, 2100);
    assert_passed(&probe_with(&certificates, Some("www.example.com")));
    assert_passed(&probe_with(&certificates, Some("WWW.Example.com.")));
}

#[test]
fn the_server_name_is_sent_apart_from_the_host() {
    let certificates = Certificates::new(&["www.example.com"], 2020, 2100);
    let server = Server::https(&certificates);
    let ca_file = authority(&certificates);
    let tls = check(Some("www.example.com"), Some(ca_file.path().to_owned()));
    assert_passed(&probe_http(HttpCheck { host: Some("other.example".to_owned()), ..tls }, server.address));
    let requests = server.shared.requests.lock().unwrap().join("\n");
    assert!(requests.contains("SNI www.example.com"), "{requests}");
    assert!(requests.contains("\r\nhost: other.example\r\n"), "{requests}");
}

#[test]
fn without_a_server_name_the_host_is_it() {
    let certificates = Certificates::new(&["www.example.com"], 2020, 2100);
    let server = Server::https(&certificates);
    let ca_file = authority(&certificates);
    for host in ["www.example.com", "www.example.com:8443"] {
        let check = HttpCheck { host: Some(host.to_owned()), ..check(None, Some(ca_file.path().to_owned())) };
        assert_passed(&probe_http(check, server.address));
    }
}

#[test]
fn without_any_name_the_certificate_must_be_for_the_address() {
    let certificates = Certificates::new(&["127.0.0.1"], 2020, 2100);
    assert_passed(&probe_with(&certificates, None));
    let certificates = Certificates::new(&["www.example.com"], 2020, 2100);
    assert_failed(
        &probe_with(&certificates, None),
        "certificate: not valid for name 127.0.0.1, but for www.example.com",
    );
}

#[test]
fn an_address_as_server_name_is_verified_and_not_connected_to() {
    let certificates = Certificates::new(&["192.0.2.7"], 2020, 2100);
    assert_passed(&probe_with(&certificates, Some("192.0.2.7")));
}

#[test]
fn fails_with_a_certificate_for_another_name() {
    let certificates = Certificates::new(&["www.example.com"], 2020, 2100);
    assert_failed(
        &probe_with(&certificates, Some("mail.example.com")),
        "certificate: not valid for name mail.example.com, but for www.example.com",
    );
}

#[test]
fn fails_with_an_expired_certificate() {
    let certificates = Certificates::new(&["www.example.com"], 2020, 2021);
    assert_failed(&probe_with(&certificates, Some("www.example.com")), "certificate: expired");
}

#[test]
fn fails_with_a_certificate_of_the_future() {
    let certificates = Certificates::new(&["www.example.com"], 2090, 2100);
    let expected = "certificate: not valid yet; is a clock wrong?";
    assert_failed(&probe_with(&certificates, Some("www.example.com")), expected);
}

#[test]
fn fails_with_an_authority_that_is_not_the_named_one() {
    let certificates = Certificates::new(&["www.example.com"], 2020, 2100);
    let server = Server::https(&certificates);
    let ca_file = authority(&Certificates::new(&[], 2020, 2100));
    let seen = probe_http(check(Some("www.example.com"), Some(ca_file.path().to_owned())), server.address);
    let Observation::Failed { reason } = &seen else { panic!("{seen:?}") };
    assert!(reason.starts_with("certificate: "), "{reason}");
}

#[test]
fn without_verification_every_certificate_passes() {
    for certificates in
        [Certificates::new(&["www.example.com"], 2020, 2021), Certificates::new(&["other.example"], 2020, 2100)]
    {
        let server = Server::https(&certificates);
        let tls = TlsCheck { server_name: Some("www.example.com".to_owned()), verify: false, ..TlsCheck::default() };
        let check = HttpCheck { tls: Some(tls), expect_body: text("fine"), ..http_check() };
        assert_passed(&probe_http(check, server.address));
    }
}

#[test]
fn each_probe_sees_the_certificate_anew() {
    let certificates = Certificates::new(&["www.example.com"], 2020, 2100);
    let (server, ca_file) = (Server::https(&certificates), authority(&certificates));
    let monitor = monitor(MonitorKind::Http(check(Some("www.example.com"), Some(ca_file.path().to_owned()))));
    let endpoint = Endpoint::Socket(server.address);
    let check = Check::new(&monitor, &endpoint, server.address, &mut TlsStore::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..3 {
        assert_passed(&runtime.block_on(check.run()));
    }
    let requests = server.shared.requests.lock().unwrap().join("\n");
    assert!(!requests.contains("Resumed"), "{requests}");
    assert!(requests.contains("Full"), "{requests}");
}

#[test]
fn fails_where_tls_is_not_spoken() {
    let server = Server::start(|mut stream, _| {
        let _ = stream.write_all(b"220 mail.example.com ESMTP\r\n");
        let _ = std::io::Read::read(&mut stream, &mut [0; 1024]);
    });
    let tls = TlsCheck { server_name: None, verify: false, ..TlsCheck::default() };
    let seen = probe_http(HttpCheck { tls: Some(tls), ..http_check() }, server.address);
    assert_failed(&seen, "TLS: the server does not speak TLS at this port");
}

#[test]
fn a_handshake_that_hangs_is_bounded_by_the_timeout() {
    let server = Server::hanging();
    let tls = TlsCheck { server_name: None, verify: false, ..TlsCheck::default() };
    let kind = MonitorKind::Http(HttpCheck { tls: Some(tls), ..http_check() });
    let expected = "timed out after 250ms during the TLS handshake";
    assert_failed(&probe_briefly(kind, server.address), expected);
}

#[test]
fn an_authority_file_that_cannot_be_used_is_a_local_error() {
    let server = Server::hanging();
    let missing = check(None, Some("/nonexistent/ca.pem".into()));
    assert_local(&probe_http(missing, server.address), "cannot read certificates from `/nonexistent/ca.pem`");
    let empty = tempfile::NamedTempFile::new().unwrap();
    let seen = probe_http(check(None, Some(empty.path().to_owned())), server.address);
    assert_local(&seen, "holds no certificate");
    assert_eq!(server.connections(), 0);
}
