//! The `grpc` check: one call of `grpc.health.v1.Health/Check` over a fresh connection. Knows no schedule and no counters.

use crate::base::Trouble;
use crate::health::{Endpoint, Observation};
use crate::probe::http::authority;
use crate::probe::http::connection::{Tasks, alongside, http2_builder};
use crate::probe::progress::{Progress, Stage, within};
use crate::probe::route::peer;
use crate::probe::search::quoted;
use crate::probe::spec::GrpcCheck;
use crate::probe::tls::{Protocol, TlsDialer, TlsStore};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use std::error::Error as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// Longest answer, in octets; a good one has two.
const ANSWER_LEN_MAX: usize = 1024;

/// A `grpc` check of one address.
#[derive(Debug)]
pub struct GrpcProbe {
    dialer: TlsDialer,
    service: String,
    origin: Uri,
    timeout: Duration,
}

/// Why a call has failed.
enum Error {
    Status(Box<Status>),
    Http(hyper::Error),
}

impl From<hyper::Error> for Error {
    fn from(error: hyper::Error) -> Self {
        Self::Http(error)
    }
}

impl GrpcProbe {
    /// Prepares probes of `address`, which is `endpoint` or one of its addresses.
    ///
    /// # Errors
    ///
    /// Why there can be none, for operators.
    pub fn new(
        check: &GrpcCheck,
        endpoint: &Endpoint,
        address: SocketAddr,
        timeout: Duration,
        store: &mut TlsStore,
    ) -> Result<Self, String> {
        let host = check.host.as_deref();
        let dialer = TlsDialer::new(check.tls.as_ref(), host, endpoint, address, Protocol::Http2, store)?;
        let (scheme, own_port) = if dialer.has_tls() { ("https", 443) } else { ("http", 80) };
        let origin = format!("{scheme}://{}", authority(host, endpoint, address, own_port));
        let origin = origin.parse().map_err(|error| format!("`{origin}` cannot be asked: {error}"))?;
        Ok(Self { dialer, service: check.service.clone(), origin, timeout })
    }

    /// Asks once.
    pub async fn probe(&self) -> Observation {
        let started = Instant::now();
        let progress = Progress::default();
        match within(self.timeout, &progress, self.ask(&progress)).await {
            Ok(warning) => Observation::Passed { latency: started.elapsed(), warning, captured: None },
            Err(trouble) => trouble.into(),
        }
    }

    /// Returns a warning, if there is one.
    async fn ask(&self, progress: &Progress) -> Result<Option<Arc<str>>, Trouble> {
        let (stream, warning) = self.dialer.dial(progress).await?;
        if self.dialer.has_tls() && stream.protocol() != Some(b"h2") {
            return Err(Trouble::Failed("TLS: the server does not offer HTTP/2 (ALPN), which gRPC needs".to_owned()));
        }
        progress.reach(Stage::Waiting);
        let tasks = Tasks::default();
        let handshake = http2_builder(&tasks).handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|error| self.trouble(&error))?;
        let mut client =
            HealthClient::with_origin(Call(sender), self.origin.clone()).max_decoding_message_size(ANSWER_LEN_MAX);
        let request = HealthCheckRequest { service: self.service.clone() };
        let calling = async { client.check(request).await.map_err(|status| Error::Status(Box::new(status))) };
        let answer = alongside(connection, calling).await.map_err(|error| match error {
            Error::Http(error) => self.trouble(&error),
            Error::Status(status) => self.of_status(&status),
        })?;
        let status = answer.into_inner().status;
        match ServingStatus::try_from(status) {
            Ok(ServingStatus::Serving) => Ok(warning),
            Ok(other) => Err(Trouble::Failed(format!("the service is {}", other.as_str_name()))),
            Err(_) => Err(Trouble::Failed(format!("the service has status {status}, which nobody knows"))),
        }
    }

    fn trouble(&self, error: &(dyn std::error::Error + 'static)) -> Trouble {
        Trouble::of_error(error, peer(self.dialer.address()), "no valid gRPC answer")
    }

    /// What a call that failed means: an error of the connection underneath, or what the server has said.
    fn of_status(&self, status: &Status) -> Trouble {
        if let Some(source) = status.source() {
            return self.trouble(source);
        }
        Trouble::Failed(match status.code() {
            Code::NotFound => format!("the server does not know the service {}", quoted(&self.service)),
            Code::Unimplemented => "the server has no health service (grpc.health.v1.Health)".to_owned(),
            code => {
                let said =
                    if status.message().is_empty() { String::new() } else { format!(": {}", quoted(status.message())) };
                format!("gRPC error {code:?}{said}")
            }
        })
    }
}

/// The connection as the library calls it.
struct Call(SendRequest<Body>);

impl Service<Request<Body>> for Call {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}
