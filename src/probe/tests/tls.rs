//! `tls` checks, and what they share with `https`: expiry of certificates, certificates of clients, versions, garbage.

use super::servers::{Certificates, Server, reset};
use super::{assert_failed, assert_local, assert_passed, http_check, monitor, probe, probe_briefly, probe_http, text};
use crate::base::Trouble;
use crate::health::Observation;
use crate::probe::spec::{ClientIdentity, HttpCheck, MonitorKind, TlsCheck};
use crate::probe::tls::judge;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn good() -> Certificates {
    Certificates::new(&["www.example.com"], 2020, 2100)
}

/// Does not verify.
fn credulous() -> TlsCheck {
    TlsCheck { server_name: Some("www.example.com".to_owned()), verify: false, ..TlsCheck::default() }
}

/// Trusts the authority in a file.
fn trusting(file: &Path) -> TlsCheck {
    TlsCheck { verify: true, ca_file: Some(file.to_owned()), ..credulous() }
}

fn probe_tls(check: TlsCheck, address: SocketAddr) -> Observation {
    probe(&monitor(MonitorKind::Tls(check)), address)
}

#[test]
fn passes_with_a_certificate_of_a_trusted_authority_for_the_name() {
    let certificates = good();
    let (server, authority) = (Server::https(&certificates), certificates.authority_file());
    assert_passed(&probe_tls(trusting(authority.path()), server.address));
}

#[test]
fn fails_with_certificates_that_are_not_to_be_trusted() {
    let trusted = good();
    let authority = trusted.authority_file();
    let expired = Certificates::new(&["www.example.com"], 2020, 2021);
    let other_name = Certificates::new(&["other.example"], 2020, 2100);
    for (certificates, ca_file, expected) in [
        (&expired, &expired.authority_file(), "certificate: expired"),
        (
            &other_name,
            &other_name.authority_file(),
            "certificate: not valid for name www.example.com, but for other.example",
        ),
    ] {
        let server = Server::https(certificates);
        assert_failed(&probe_tls(trusting(ca_file.path()), server.address), expected);
    }
    let stranger = Server::https(&good());
    let Observation::Failed { reason } = probe_tls(trusting(authority.path()), stranger.address) else { panic!() };
    assert!(reason.starts_with("certificate: "), "{reason}");
    let self_signed = Server::https_with(Certificates::self_signed_config());
    let Observation::Failed { reason } = probe_tls(trusting(authority.path()), self_signed.address) else { panic!() };
    assert!(reason.starts_with("certificate: "), "{reason}");
}

#[test]
fn the_handshake_alone_is_enough_and_ends_in_order() {
    let (told, hear) = std::sync::mpsc::channel();
    let config = std::sync::Arc::new(good().config());
    let server = Server::start(move |mut stream, _| {
        let mut connection = rustls::ServerConnection::new(std::sync::Arc::clone(&config)).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).unwrap();
        }
        let mut stream = rustls::StreamOwned::new(connection, stream);
        told.send(stream.read(&mut [0; 16]).map_err(|error| error.kind())).unwrap();
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let end = runtime.block_on(async {
        let check = crate::probe::check::Check::new(
            &monitor(MonitorKind::Tls(credulous())),
            &crate::health::Endpoint::Socket(server.address),
            server.address,
            &mut crate::probe::tls::TlsStore::default(),
        );
        assert_passed(&check.run().await);
        tokio::task::spawn_blocking(move || hear.recv_timeout(super::PATIENCE).unwrap()).await.unwrap()
    });
    assert_eq!(end, Ok(0), "a close_notify, then the end");
}

#[test]
fn a_certificate_warns_fails_and_expires_as_its_time_runs_out() {
    // Until 2030-01-01 00:00 UTC.
    let leaf = Certificates::new(&["www.example.com"], 2020, 2030).leaf();
    let end = UNIX_EPOCH + Duration::from_secs(1_893_456_000);
    let check = TlsCheck { expiry_warning: Some(14 * DAY), expiry_failure: Some(2 * DAY), ..TlsCheck::default() };
    let after = |left: Duration| judge(&check, Some(&leaf), end - left);
    assert_eq!(after(14 * DAY + Duration::from_secs(1)), Ok(None));
    let warning = "certificate: expires in 14 days, on 2030-01-01 00:00 UTC";
    assert_eq!(after(14 * DAY), Ok(Some(warning.into())));
    let warning = "certificate: expires in 2 days, on 2030-01-01 00:00 UTC";
    assert_eq!(after(2 * DAY + Duration::from_secs(1)), Ok(Some(warning.into())));
    for (left, words) in [
        (2 * DAY, "expires in 2 days, on 2030-01-01 00:00 UTC"),
        (DAY, "expires in 24 hours, on 2030-01-01 00:00 UTC"),
        (Duration::from_secs(3599), "expires within the hour, on 2030-01-01 00:00 UTC"),
        (Duration::ZERO, "expired on 2030-01-01 00:00 UTC"),
    ] {
        let reason = format!("certificate: {words}; `tls_expiry_failure` wants more time");
        assert_eq!(after(left), Err(Trouble::Failed(reason)));
    }
    let garbage = rustls::pki_types::CertificateDer::from(b"garbage".to_vec());
    let Err(Trouble::Failed(reason)) = judge(&check, Some(&garbage), end) else { panic!("it was read") };
    assert!(reason.starts_with("certificate: cannot be read"), "{reason}");
    assert_eq!(judge(&TlsCheck::default(), Some(&garbage), end), Ok(None), "nobody asked");
}

#[test]
fn https_and_tls_pass_with_a_warning_or_fail_when_a_certificate_is_near_its_end() {
    let server = Server::https(&good());
    let century = 36_500 * DAY;
    let warned = TlsCheck { expiry_warning: Some(century), ..credulous() };
    let https = HttpCheck { tls: Some(warned.clone()), expect_body: text("fine"), ..http_check() };
    for seen in [probe_tls(warned, server.address), probe_http(https, server.address)] {
        let Observation::Passed { warning: Some(warning), .. } = &seen else { panic!("{seen:?}") };
        assert!(warning.starts_with("certificate: expires in ") && warning.contains("2100-01-01"), "{warning}");
    }
    let failed = TlsCheck { expiry_failure: Some(century), ..credulous() };
    let https = HttpCheck { tls: Some(failed.clone()), ..http_check() };
    for seen in [probe_tls(failed, server.address), probe_http(https, server.address)] {
        let Observation::Failed { reason } = &seen else { panic!("{seen:?}") };
        assert!(reason.starts_with("certificate: expires in "), "{reason}");
    }
}

#[test]
fn a_server_that_asks_gets_to_see_the_certificate_of_the_client() {
    let (server_side, client_side, stranger) = (good(), good(), good());
    let demanding = || server_side.config_with(rustls::ALL_VERSIONS, Some(&client_side));
    let server = Server::https_with(demanding());
    let check = |certificates: Option<&Certificates>| {
        let files = certificates.map(Certificates::client_files);
        let client = files.as_ref().map(|(certificate, key)| ClientIdentity {
            certificate: certificate.path().to_owned(),
            key: key.path().to_owned(),
        });
        let tls = TlsCheck { client, ..credulous() };
        probe_http(HttpCheck { tls: Some(tls), expect_body: text("fine"), ..http_check() }, server.address)
    };
    assert_passed(&check(Some(&client_side)));
    assert_failed(&check(None), "TLS: the server refused with alert CertificateRequired");
    let Observation::Failed { reason } = check(Some(&stranger)) else { panic!("it passed") };
    assert!(reason.starts_with("TLS: the server refused with alert "), "{reason}");
}

#[test]
fn a_key_that_is_not_that_of_the_certificate_is_a_local_error() {
    let server = Server::hanging();
    let ((certificate, _), (_, key)) = (good().client_files(), good().client_files());
    let client = ClientIdentity { certificate: certificate.path().to_owned(), key: key.path().to_owned() };
    let seen = probe_tls(TlsCheck { client: Some(client), ..credulous() }, server.address);
    assert_local(&seen, "is not that of the certificate in");
    assert_eq!(server.connections(), 0);
}

#[test]
fn fails_with_what_is_not_tls() {
    for garbage in [&b"220 mail.example.com ESMTP\r\n"[..], &[0x16, 3, 3, 0xff, 0xff, 1, 2, 3], &[0; 600], &[0xff; 600]]
    {
        let server = Server::start(move |mut stream, shared| {
            let _ = stream.write_all(garbage);
            shared.wait_for_end();
        });
        let Observation::Failed { reason } = probe_briefly(MonitorKind::Tls(credulous()), server.address) else {
            panic!("it passed")
        };
        assert!(reason.starts_with("TLS: ") || reason.starts_with("timed out after "), "{reason}");
    }
}

#[test]
fn fails_with_an_endless_handshake() {
    let server = Server::start(|mut stream, shared| {
        // A handshake record of the greatest length, again and again, that announces the longest message.
        let mut record = vec![0x16, 3, 3, 0x40, 0];
        record.extend_from_slice(&[2, 0xff, 0xff, 0xff]);
        record.resize(5 + 0x4000, 0);
        while !shared.is_ending() && stream.write_all(&record).is_ok() {}
    });
    let Observation::Failed { reason } = probe_tls(credulous(), server.address) else { panic!("it passed") };
    assert!(reason.starts_with("TLS: "), "{reason}");
}

#[test]
fn fails_where_the_server_speaks_old_versions_only() {
    let server = Server::start(|mut stream, shared| {
        let _ = stream.read(&mut [0; 4096]);
        // A fatal alert: protocol_version.
        let _ = stream.write_all(&[0x15, 3, 1, 0, 2, 2, 70]);
        shared.wait_for_end();
    });
    assert_failed(&probe_tls(credulous(), server.address), "TLS: the server refused with alert ProtocolVersion");
    let server = Server::https_with(good().config_with(&[&rustls::version::TLS12], None));
    assert_passed(&probe_tls(credulous(), server.address));
}

#[test]
fn says_that_the_server_breaks_off_or_hangs_in_the_handshake() {
    let closing = Server::start(|mut stream, _| {
        let _ = stream.read(&mut [0; 4096]);
    });
    let expected = "TLS: the server closed the connection during the handshake";
    assert_failed(&probe_tls(credulous(), closing.address), expected);
    let resetting = Server::start(|mut stream, _| {
        let _ = stream.read(&mut [0; 16]);
        reset(stream);
    });
    assert_failed(&probe_tls(credulous(), resetting.address), "connection reset by the server");
    let hanging = Server::hanging();
    let seen = probe_briefly(MonitorKind::Tls(credulous()), hanging.address);
    assert_failed(&seen, "timed out after 250ms during the TLS handshake");
}
