//! One connection: frames of two octets of length and a message (RFC 1035, section 4.2.2), any number of them one behind
//! the other (RFC 7766, section 6.2.1.1), answered in their order.

use super::Shared;
use super::table::Place;
use crate::transport::QUERY_LEN_MAX;
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// Octets of the length in front of a message.
const FRAME_HEADER_LEN: usize = 2;
/// Octets of a header (RFC 1035, section 4.1.1): what is shorter is no message.
const QUERY_LEN_MIN: usize = 12;
/// Octets that one read asks for.
const READ_LEN: usize = 1024;
/// Octets of responses that are gathered before they are written, so that a client which only asks costs no memory.
const PENDING_LEN_MAX: usize = 16 * 1024;
/// How long a client may take to receive what was written at once.
const WRITE_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a connection waits for queries that are already on their way when the service stops.
const LAST_READ_TIME: Duration = Duration::from_millis(50);

/// Serves one connection until the client ends it, is idle for too long or reads too slowly, or has to make room; that
/// ends it at once, whatever it is about to do.
pub async fn serve(stream: TcpStream, client: IpAddr, place: Place, shared: Shared) {
    tokio::select! {
        biased;
        () = place.told_to_leave() => {}
        () = converse(stream, client, &place, shared) => {}
    }
}

async fn converse(mut stream: TcpStream, client: IpAddr, place: &Place, mut shared: Shared) {
    // Small responses shall not wait for acknowledgements of others.
    let _ = stream.set_nodelay(true);
    let mut buffers = Buffers { input: Vec::with_capacity(READ_LEN), pending: Vec::new() };
    let idle_timeout = place.limits().idle_timeout;
    let mut idle_end = Instant::now() + idle_timeout;
    loop {
        let read = tokio::select! {
            read = timeout_at(idle_end, buffers.read(&mut stream)) => read,
            _ = shared.stop.wait_for(|stop| *stop) => break,
        };
        if !matches!(read, Ok(Ok(1..))) {
            return;
        }
        match buffers.answer(&mut stream, client, place, &shared).await {
            // A timeout lets what is there be read even when it is over.
            Ok(0) if Instant::now() >= idle_end => return,
            Ok(0) => place.stalled(),
            Ok(_) => {
                place.active();
                idle_end = Instant::now() + idle_timeout;
            }
            Err(_) => return,
        }
    }
    while matches!(timeout(LAST_READ_TIME, buffers.read(&mut stream)).await, Ok(Ok(1..))) {
        if buffers.answer(&mut stream, client, place, &shared).await.is_err() {
            return;
        }
    }
}

/// What of a connection is on its way in and out.
struct Buffers {
    /// Never more than one incomplete frame and one read.
    input: Vec<u8>,
    pending: Vec<u8>,
}

impl Buffers {
    /// Reads what is there; 0 at the end of the stream.
    async fn read(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        self.input.reserve(READ_LEN);
        stream.read_buf(&mut self.input).await
    }

    /// Answers all complete frames; returns how many responses there were.
    async fn answer(
        &mut self,
        stream: &mut TcpStream,
        client: IpAddr,
        place: &Place,
        shared: &Shared,
    ) -> io::Result<usize> {
        let (mut at, mut responses) = (0, 0);
        while let Some(query) = first_frame(&self.input[at..])? {
            responses += usize::from(shared.answering.borrow_mut().answer(query, client, &mut self.pending));
            at += FRAME_HEADER_LEN + query.len();
            if self.pending.len() >= PENDING_LEN_MAX {
                write(stream, &mut self.pending, place).await?;
            }
        }
        self.input.drain(..at);
        write(stream, &mut self.pending, place).await?;
        Ok(responses)
    }
}

/// The message in the frame at the start of `input`; `None` when it is not complete. An error when it cannot be a query.
fn first_frame(input: &[u8]) -> io::Result<Option<&[u8]>> {
    let Some((&header, rest)) = input.split_first_chunk::<FRAME_HEADER_LEN>() else { return Ok(None) };
    match usize::from(u16::from_be_bytes(header)) {
        len if !(QUERY_LEN_MIN..=QUERY_LEN_MAX).contains(&len) => Err(io::ErrorKind::InvalidData.into()),
        len => Ok(rest.get(..len)),
    }
}

/// Writes and empties `pending`; an error when the client does not take it in time.
async fn write(stream: &mut TcpStream, pending: &mut Vec<u8>, place: &Place) -> io::Result<()> {
    if pending.is_empty() {
        return Ok(());
    }
    place.writing();
    timeout(WRITE_TIME_MAX, stream.write_all(pending)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    pending.clear();
    // One large response shall not be remembered for the rest of a long connection.
    pending.shrink_to(PENDING_LEN_MAX);
    Ok(())
}
