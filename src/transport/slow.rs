//! The slow door: where messages go that ask for more than one answer from what is at hand. Whoever stands behind it is
//! plugged in from outside; what comes back goes out through the socket that the message came in by.

use super::service::IoCounters;
use super::udp::ReturnPath;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Takes slow messages in. It never waits: the caller has queries to answer.
pub trait SlowDoor: Send + Sync {
    /// Takes a message in; `false` when there are too many already, and then nothing happens to it.
    #[must_use]
    fn submit(&self, request: SlowRequest) -> bool;
}

/// A message for the slow door.
pub struct SlowRequest {
    /// The message.
    pub octets: Box<[u8]>,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whether it came over a stream, which takes any number of answers.
    pub is_stream: bool,
    /// Where answers go.
    pub reply: SlowReply,
}

/// Where the answers to a slow message go.
pub enum SlowReply {
    /// One datagram.
    Datagram(DatagramReply),
    /// Messages in order; sending waits while the client takes its time. The request is over when the sender is dropped.
    Stream(mpsc::Sender<Vec<u8>>),
}

/// The way back for one datagram: through the socket and from the address that the query came to.
pub struct DatagramReply {
    pub(super) socket: Arc<UdpSocket>,
    pub(super) path: ReturnPath,
    pub(super) io: Arc<IoCounters>,
}

impl DatagramReply {
    /// Sends the answer. What the system does not take is counted and lost, as any datagram may be.
    pub fn send(self, message: &[u8]) {
        if let Err(error) = self.path.send(&self.socket, message) {
            self.io.send_failed(1);
            tracing::debug!(%error, "a slow answer could not be sent");
        }
    }
}

/// Answers of one stream that wait to be written: enough that making the next and sending the last go side by side.
pub(super) const STREAM_REPLIES_MAX: usize = 2;
