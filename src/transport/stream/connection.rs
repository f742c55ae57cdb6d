//! One connection: frames of two octets of length and a message (RFC 1035, section 4.2.2), any number of them one behind
//! the other (RFC 7766, section 6.2.1.1), answered in their order.

use super::table::Place;
use super::{Answered, Shared};
use crate::transport::QUERY_LEN_MAX;
use crate::transport::slow::{STREAM_REPLIES_MAX, SlowReply, SlowRequest};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

/// Octets of the length in front of a message.
const FRAME_HEADER_LEN: usize = 2;
/// Octets of a header (RFC 1035, section 4.1.1): what is shorter is no message.
const QUERY_LEN_MIN: usize = 12;
/// Of the flags in a header: QR and OPCODE, and what they are in an update (RFC 2136, section 2.2).
const KIND_MASK: u16 = 0xf800;
const UPDATE: u16 = 5 << 11;
/// Octets that one read asks for.
const READ_LEN: usize = 1024;
/// Octets of responses that are gathered before they are written, so that a client which only asks costs no memory.
const PENDING_LEN_MAX: usize = 16 * 1024;
/// How long a client may take to receive what was written at once.
const WRITE_TIME_MAX: Duration = Duration::from_secs(5);
/// How long the slow door may take for each of its answers.
const SLOW_TIME_MAX: Duration = Duration::from_secs(60);
/// How long a connection waits for queries that are already on their way when the service stops.
const LAST_READ_TIME: Duration = Duration::from_millis(50);

/// Serves one connection until the client ends it, is idle for too long or reads too slowly, or has to make room; that
/// ends it at once, whatever it is about to do.
pub async fn serve(stream: TcpStream, client: SocketAddr, place: Place, shared: Shared) {
    tokio::select! {
        biased;
        () = place.told_to_leave() => {}
        () = converse(stream, client, &place, shared) => {}
    }
}

async fn converse(mut stream: TcpStream, client: SocketAddr, place: &Place, mut shared: Shared) {
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
        client: SocketAddr,
        place: &Place,
        shared: &Shared,
    ) -> io::Result<usize> {
        let (mut at, mut responses) = (0, 0);
        while let Some(query) = first_frame(&self.input[at..], shared.slow.is_some())? {
            let answered = shared.answering.borrow_mut().answer(query, client.ip(), &mut self.pending);
            at += FRAME_HEADER_LEN + query.len();
            match answered {
                Answered::Nothing => {}
                Answered::Pending => responses += 1,
                Answered::Slow => {
                    // Earlier answers go first.
                    write(stream, &mut self.pending, place).await?;
                    responses += relay(stream, &mut self.pending, query.into(), client, place, shared).await?;
                }
            }
            if self.pending.len() >= PENDING_LEN_MAX {
                write(stream, &mut self.pending, place).await?;
            }
        }
        self.input.drain(..at);
        // One long update shall not be remembered either.
        self.input.shrink_to(READ_LEN + QUERY_LEN_MAX);
        write(stream, &mut self.pending, place).await?;
        Ok(responses)
    }
}

/// The message in the frame at the start of `input`; `None` when it is not complete. An error when it cannot be a query,
/// nor an update, which may have any length where there is somebody to take it (`has_slow_door`).
fn first_frame(input: &[u8], has_slow_door: bool) -> io::Result<Option<&[u8]>> {
    let Some((&header, rest)) = input.split_first_chunk::<FRAME_HEADER_LEN>() else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes(header));
    if (QUERY_LEN_MIN..=QUERY_LEN_MAX).contains(&len) {
        return Ok(rest.get(..len));
    }
    if len < QUERY_LEN_MIN || !has_slow_door {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // The flags stand behind the ID.
    let Some(&[_, _, flags_high, flags_low]) = rest.first_chunk() else { return Ok(None) };
    match u16::from_be_bytes([flags_high, flags_low]) & KIND_MASK {
        UPDATE => Ok(rest.get(..len)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Hands a message to the slow door and writes what comes back, until all of it has come; returns how many messages that
/// were. What finds the door crowded is dropped.
async fn relay(
    stream: &mut TcpStream,
    pending: &mut Vec<u8>,
    octets: Box<[u8]>,
    client: SocketAddr,
    place: &Place,
    shared: &Shared,
) -> io::Result<usize> {
    let Some((door, io)) = &shared.slow else { return Ok(0) };
    let (sender, mut replies) = mpsc::channel(STREAM_REPLIES_MAX);
    let request = SlowRequest { octets, source: client, is_stream: true, reply: SlowReply::Stream(sender) };
    if !door.submit(request) {
        io.slow_dropped();
        return Ok(0);
    }
    // It has asked, and it is not its fault that it waits.
    place.active();
    let mut count = 0;
    while let Some(message) = timeout(SLOW_TIME_MAX, replies.recv()).await.map_err(|_| io::ErrorKind::TimedOut)? {
        let Ok(len) = u16::try_from(message.len()) else { return Err(io::ErrorKind::InvalidData.into()) };
        pending.extend_from_slice(&len.to_be_bytes());
        pending.extend_from_slice(&message);
        write(stream, pending, place).await?;
        // A long transfer is no idle connection that had better make room.
        place.active();
        count += 1;
    }
    Ok(count)
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
