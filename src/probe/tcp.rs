//! The `tcp` check: connects, says something and waits for an answer where that is asked for, and closes. Knows no
//! schedule and no counters.

use crate::base::Trouble;
use crate::health::Observation;
use crate::probe::connect::{Dialer, Stream};
use crate::probe::deadline;
use crate::probe::progress::{Progress, timed_out};
use crate::probe::route::peer;
use crate::probe::search::Search;
use crate::probe::spec::TcpCheck;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How much is read at a time, in octets.
const READ_LEN: usize = 4096;

/// A `tcp` check of one address.
#[derive(Debug)]
pub struct TcpProbe {
    dialer: Dialer,
    check: Arc<TcpCheck>,
    timeout: Duration,
}

impl TcpProbe {
    /// Prepares probes of `address`.
    #[must_use]
    pub fn new(check: &TcpCheck, address: SocketAddr, timeout: Duration) -> Self {
        Self { dialer: Dialer::plain(address), check: Arc::new(check.clone()), timeout }
    }

    /// Connects, and talks if it has something to say or to hear. All of it takes at most the timeout.
    pub async fn probe(&self) -> Observation {
        let started = Instant::now();
        let progress = Progress::default();
        let mut search = Search::new(&self.check.expect);
        let mut connection = None;
        // One timeout around it all: what was given back of time that this process lost counts for the whole probe.
        let talking = async {
            let stream = connection.insert(self.dialer.dial(&progress).await?);
            self.talk(stream, &mut search).await
        };
        let talked = match deadline::timeout(self.timeout, talking).await {
            Ok(talked) => talked,
            Err(_elapsed) if connection.is_none() => Err(timed_out(self.timeout, "while connecting")),
            Err(_elapsed) => Err(self.silence(&mut search)),
        };
        let latency = started.elapsed();
        if let Some(stream) = connection {
            stream.close();
        }
        talked.map_or_else(Into::into, |()| Observation::passed(latency))
    }

    async fn talk(&self, stream: &mut Stream, search: &mut Search<'_>) -> Result<(), Trouble> {
        let trouble = |error: std::io::Error| Trouble::of_io(&error, Some(peer(self.dialer.address())));
        if !self.check.send.is_empty() {
            stream.write_all(&self.check.send).await.map_err(trouble)?;
            stream.flush().await.map_err(trouble)?;
        }
        if self.check.expect.is_empty() {
            return Ok(());
        }
        let mut piece = [0; READ_LEN];
        loop {
            let len = stream.read(&mut piece).await.map_err(trouble)?;
            if search.is_found_with(&piece[..len]) {
                return Ok(());
            }
            if search.is_at_limit() {
                return Err(Trouble::Failed(format!("the answer {}", search.complaint())));
            }
            if len == 0 {
                return if search.is_found() { Ok(()) } else { Err(end(search)) };
            }
        }
    }

    /// The time is over.
    fn silence(&self, search: &mut Search<'_>) -> Trouble {
        match search.seen() {
            None => timed_out(self.timeout, "while waiting for an answer"),
            Some(seen) => {
                let complaint = search.complaint();
                timed_out(self.timeout, &format!("while reading: the answer so far, {seen}, {complaint}"))
            }
        }
    }
}

/// The server has closed the connection.
fn end(search: &Search<'_>) -> Trouble {
    Trouble::Failed(match search.seen() {
        None => "connection closed by the server without an answer".to_owned(),
        Some(seen) => format!("the answer, {seen}, {}", search.complaint()),
    })
}
