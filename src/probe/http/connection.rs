//! HTTP connections of one probe: HTTP/1.1 and HTTP/2 by one interface, within limits, and gone with the probe. Knows no
//! checks.

use crate::probe::connect::Stream;
use crate::probe::spec::HttpVersion;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::rt::Executor;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::AbortHandle;

/// Longest head of a response, in octets.
const HEAD_LEN_MAX: usize = 64 * 1024;

/// Most header lines of a response.
const HEADERS_MAX: usize = 100;

/// How much an HTTP/2 server may send ahead, in octets: what a check looks at.
const WINDOW_LEN: u32 = crate::probe::spec::ANSWER_LEN_MAX as u32;

/// A request of a check.
pub type CheckRequest = Request<Full<Bytes>>;

/// Sends a request over a fresh connection, and lets `read` do what it has to with the response while the connection
/// lives.
///
/// # Errors
///
/// What the connection has failed with, or `read`.
pub async fn exchange<T, E, R, F>(stream: Stream, version: HttpVersion, request: CheckRequest, read: R) -> Result<T, E>
where
    E: From<hyper::Error>,
    R: FnOnce(Response<Incoming>) -> F,
    F: Future<Output = Result<T, E>>,
{
    match version {
        HttpVersion::Http1 => {
            let (mut sender, connection) = http1::Builder::new()
                .max_headers(HEADERS_MAX)
                .max_buf_size(HEAD_LEN_MAX)
                .max_header_size(HEAD_LEN_MAX)
                .handshake(TokioIo::new(stream))
                .await?;
            let asking = async move { read(sender.send_request(request).await?).await };
            alongside(connection, asking).await
        }
        HttpVersion::Http2 => {
            let tasks = Tasks::default();
            let (mut sender, connection) = http2_builder(&tasks).handshake(TokioIo::new(stream)).await?;
            let asking = async move { read(sender.send_request(request).await?).await };
            alongside(connection, asking).await
        }
    }
}

/// How HTTP/2 connections of probes begin.
pub fn http2_builder(tasks: &Tasks) -> http2::Builder<Tasks> {
    let mut builder = http2::Builder::new(tasks.clone());
    builder
        .initial_stream_window_size(WINDOW_LEN)
        .initial_connection_window_size(WINDOW_LEN)
        .max_header_list_size(HEAD_LEN_MAX as u32);
    builder
}

/// Does `work` while `connection` is driven. Where the work fails because the connection is gone, the connection's own
/// error says more.
///
/// # Errors
///
/// Those of `work`.
pub async fn alongside<T, E: From<hyper::Error>>(
    connection: impl Future<Output = Result<(), hyper::Error>>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let (mut connection, mut work) = (pin!(connection), pin!(work));
    tokio::select! {
        biased;
        done = &mut work => done,
        ended = &mut connection => match ended {
            Ok(()) => work.await,
            Err(error) => match work.await {
                Ok(done) => Ok(done),
                // What the work knows of the end is less than this.
                Err(_) => Err(error.into()),
            },
        },
    }
}

/// Tasks that a library starts for one connection; they end when the last of these is dropped.
#[derive(Clone, Debug, Default)]
pub struct Tasks(Arc<Started>);

#[derive(Debug, Default)]
struct Started(Mutex<Vec<AbortHandle>>);

impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn execute(&self, future: F) {
        let task = tokio::spawn(future).abort_handle();
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        for task in self.0.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}
