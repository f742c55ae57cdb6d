//! The connections of the admin server: how many there are, and how long each may say nothing or stay. Knows no routes.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Open at a time; further ones wait in the system's queue.
const CONNECTIONS_MAX: usize = 64;
/// How long the head of a request may take to arrive, counted from when the connection is free for it.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is used; then the request that is under way is the last.
const AGE_MAX: Duration = Duration::from_secs(600);
/// How long that last one may take.
const LAST_TIMEOUT: Duration = Duration::from_secs(60);
/// Waited for after a failure to accept: descriptors may have run out.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Answers until the process or the thread ends.
pub(super) async fn serve(listener: TcpListener, routes: Router) -> std::io::Result<()> {
    serve_within(listener, routes, CONNECTIONS_MAX, HEAD_TIMEOUT).await
}

async fn serve_within(
    listener: TcpListener,
    routes: Router,
    connections_max: usize,
    head_timeout: Duration,
) -> std::io::Result<()> {
    let free = Arc::new(Semaphore::new(connections_max));
    loop {
        let place = Arc::clone(&free).acquire_owned().await.map_err(std::io::Error::other)?;
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "the admin server could not take a connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let routes = routes.clone();
        tokio::spawn(async move {
            converse(stream, routes, head_timeout).await;
            drop(place);
        });
    }
}

/// Answers on one connection. How it ends is the client's affair.
async fn converse(stream: TcpStream, routes: Router, head_timeout: Duration) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(head_timeout);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let mut connection = pin!(connection);
    if timeout(AGE_MAX, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(LAST_TIMEOUT, connection).await;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{TcpListener, TcpStream, serve_within};
    use axum::Router;
    use axum::routing::get;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn who_says_nothing_is_hung_up_on_and_makes_room_for_others() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/", get(|| async { "here" }));
        let serving = tokio::spawn(serve_within(listener, routes, 1, Duration::from_millis(50)));
        let mut silent = TcpStream::connect(address).await.unwrap();
        let mut asking = TcpStream::connect(address).await.unwrap();
        asking.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        // It ends by itself: the connection says nothing any more after its one request.
        asking.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"here"));
        let mut rest = Vec::new();
        assert_eq!(silent.read_to_end(&mut rest).await.unwrap(), 0, "{rest:?}");
        serving.abort();
    }
}
