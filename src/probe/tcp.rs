//! The `tcp` check: connects, and closes. Knows no schedule and no counters.

use crate::health::Observation;
use crate::probe::trouble::Trouble;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// How long a server may take to close its side after ours.
const CLOSE_TIME_MAX: Duration = Duration::from_millis(500);

/// Most octets of what a server says unasked that are read, so that the connection ends without a reset.
const GREETING_LEN_MAX: usize = 16 * 1024;

/// Connections at a time that are closed in order; any more are just closed, so that slow servers cost no descriptors.
static CLOSING_MAX: Semaphore = Semaphore::const_new(256);

/// Connects within `timeout`.
pub async fn probe(address: SocketAddr, timeout: Duration) -> Observation {
    let started = Instant::now();
    match tokio::time::timeout(timeout, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => {
            let latency = started.elapsed();
            tokio::spawn(close(stream));
            Observation::passed(latency)
        }
        Ok(Err(error)) => Trouble::of_io(&error, address).into(),
        Err(_elapsed) => Trouble::Failed(format!("timed out after {timeout:?} while connecting")).into(),
    }
}

/// Closes in order: our end first, then what the server had to say is read until it closes. Closing with unread data
/// would reset the connection, which servers log as an error.
async fn close(mut stream: TcpStream) {
    let closing = async {
        stream.shutdown().await?;
        let mut greeting = [0; 1024];
        let mut len = 0;
        while len < GREETING_LEN_MAX {
            match stream.read(&mut greeting).await? {
                0 => break,
                read => len += read,
            }
        }
        Ok::<_, std::io::Error>(())
    };
    let Ok(_permit) = CLOSING_MAX.try_acquire() else { return };
    // The verdict is out; however this ends, the socket is closed.
    let _ = tokio::time::timeout(CLOSE_TIME_MAX, closing).await;
}
