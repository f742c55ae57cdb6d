//! `grpc` checks against the library's own health service, and against servers that are none.

use super::servers::{Certificates, Server};
use super::{assert_failed, assert_passed, monitor, probe, probe_briefly};
use crate::health::Observation;
use crate::probe::spec::{GrpcCheck, MonitorKind, TlsCheck};
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::{Body, Bytes};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tonic::codegen::Service;
use tonic_health::ServingStatus;

fn check(service: &str) -> GrpcCheck {
    GrpcCheck { service: service.to_owned(), host: Some("www.example.com".to_owned()), ..GrpcCheck::default() }
}

fn probe_grpc(check: GrpcCheck, address: SocketAddr) -> Observation {
    probe(&monitor(MonitorKind::Grpc(check)), address)
}

fn unverified() -> Option<TlsCheck> {
    Some(TlsCheck { verify: false, ..TlsCheck::default() })
}

fn with_alpn(protocols: &[&[u8]]) -> rustls::ServerConfig {
    let mut config = Certificates::new(&["www.example.com"], 2020, 2100).config();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

/// The library's health service: the server as a whole and `shop.Cart` serve, `shop.Search` does not.
fn health(tls: Option<rustls::ServerConfig>) -> Server {
    let (reporter, service) = tonic_health::server::health_reporter();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        reporter.set_service_status("shop.Cart", ServingStatus::Serving).await;
        reporter.set_service_status("shop.Search", ServingStatus::NotServing).await;
        reporter.set_service_status("shop.New", ServingStatus::Unknown).await;
    });
    Server::http2(tls, move |request| {
        let mut service = service.clone();
        Box::pin(async move { service.call(request).await.unwrap() })
    })
}

#[test]
fn passes_while_the_service_serves_and_fails_with_any_other_status() {
    let server = health(None);
    assert_passed(&probe_grpc(check(""), server.address));
    assert_passed(&probe_grpc(check("shop.Cart"), server.address));
    assert_failed(&probe_grpc(check("shop.Search"), server.address), "the service is NOT_SERVING");
    assert_failed(&probe_grpc(check("shop.New"), server.address), "the service is UNKNOWN");
    let expected = "the server does not know the service \"shop.Order\"";
    assert_failed(&probe_grpc(check("shop.Order"), server.address), expected);
    assert_eq!(server.connections(), 5, "a fresh connection for each");
    let request = server.request();
    assert!(request.starts_with("POST http://www.example.com/grpc.health.v1.Health/Check "), "{request}");
}

#[test]
fn passes_over_tls_where_http2_is_agreed_on() {
    let server = health(Some(with_alpn(&[b"h2"])));
    assert_passed(&probe_grpc(GrpcCheck { tls: unverified(), ..check("shop.Cart") }, server.address));
    let warned = TlsCheck { verify: false, expiry_warning: Some(Duration::from_hours(1 << 20)), ..TlsCheck::default() };
    let seen = probe_grpc(GrpcCheck { tls: Some(warned), ..check("") }, server.address);
    let Observation::Passed { warning: Some(warning), .. } = &seen else { panic!("{seen:?}") };
    assert!(warning.starts_with("certificate: expires in "), "{warning}");
    let without = health(Some(with_alpn(&[])));
    let expected = "TLS: the server does not offer HTTP/2 (ALPN), which gRPC needs";
    assert_failed(&probe_grpc(GrpcCheck { tls: unverified(), ..check("") }, without.address), expected);
}

/// A server that answers every call with these octets and trailers.
fn answering(octets: &'static [u8], trailers: &'static [(&'static str, &'static str)]) -> Server {
    Server::http2(None, move |_| {
        Box::pin(async move {
            let trailers: HeaderMap = trailers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            let body =
                Full::new(Bytes::from_static(octets)).with_trailers(async { Some(Ok::<_, Infallible>(trailers)) });
            Response::builder().header("content-type", "application/grpc").body(body).unwrap()
        })
    })
}

#[test]
fn a_status_that_nobody_knows_fails() {
    let server = answering(&[0, 0, 0, 0, 2, 8, 9], &[("grpc-status", "0")]);
    assert_failed(&probe_grpc(check(""), server.address), "the service has status 9, which nobody knows");
    // An empty message: the field's default.
    let server = answering(&[0, 0, 0, 0, 0], &[("grpc-status", "0")]);
    assert_failed(&probe_grpc(check(""), server.address), "the service is UNKNOWN");
}

#[test]
fn errors_of_the_server_are_told_in_its_words() {
    for (trailers, expected) in [
        (
            &[("grpc-status", "14"), ("grpc-message", "no%20backend%0a")][..],
            r#"gRPC error Unavailable: "no backend\n""#,
        ),
        (&[("grpc-status", "12")], "the server has no health service (grpc.health.v1.Health)"),
        (&[("grpc-status", "16")], "gRPC error Unauthenticated"),
    ] {
        let server = answering(&[], trailers);
        assert_failed(&probe_grpc(check(""), server.address), expected);
    }
}

#[test]
fn what_is_no_grpc_fails_with_a_reason() {
    fn plain(status: u16, body: Vec<u8>) -> Response<Full<Bytes>> {
        Response::builder().status(status).body(Full::new(Bytes::from(body))).unwrap()
    }
    let pages =
        [(200, b"<html>".to_vec()), (404, Vec::new()), (502, b"bad gateway".to_vec()), (200, vec![0xff; 100_000])];
    for (status, body) in pages {
        let server = Server::http2(None, move |_| {
            let answer = plain(status, body.clone());
            Box::pin(async move { answer })
        });
        let Observation::Failed { reason } = probe_grpc(check(""), server.address) else { panic!("{status}") };
        assert!(reason.starts_with("gRPC error ") || reason.contains("no health service"), "{status}: {reason}");
    }
    for huge in [&[0, 0xff, 0xff, 0xff, 0xff, 0][..], &[1, 0, 0, 0, 1, 0], &[0, 0, 0, 0, 2, 0xff, 0xff]] {
        let server = answering(huge, &[("grpc-status", "0")]);
        let Observation::Failed { reason } = probe_grpc(check(""), server.address) else { panic!("{huge:?}") };
        assert!(reason.starts_with("gRPC error ") || reason.starts_with("no valid gRPC answer"), "{huge:?}: {reason}");
    }
    let http1 = Server::http(200, "");
    let Observation::Failed { reason } = probe_grpc(check(""), http1.address) else { panic!("it passed") };
    assert!(reason.starts_with("no valid gRPC answer: ") || reason.starts_with("connection "), "{reason}");
}

#[test]
fn a_server_that_hangs_at_any_stage_is_bounded_by_the_timeout() {
    let silent = Server::hanging();
    let kind = || MonitorKind::Grpc(check(""));
    let expected = "timed out after 250ms while waiting for the response";
    assert_failed(&probe_briefly(kind(), silent.address), expected);
    let never: fn() -> Response<Full<Bytes>> = || Response::new(Full::default());
    let pondering = Server::http2(None, move |_| {
        Box::pin(async move {
            std::future::pending::<()>().await;
            never()
        })
    });
    assert_failed(&probe_briefly(kind(), pondering.address), expected);
    let endless = Server::http2(None, |_| {
        Box::pin(async { Response::builder().header("content-type", "application/grpc").body(Endless).unwrap() })
    });
    assert_failed(&probe_briefly(kind(), endless.address), expected);
}

/// A body that never begins and never ends.
struct Endless;

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Pending
    }
}
