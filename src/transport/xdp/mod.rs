//! UDP without the socket stack: AF_XDP. A small program in the kernel takes plain queries for our addresses from an interface
//! straight into memory of ours, and replies go back in the same frames. Everything else goes on into the system's own stack, where
//! the ordinary sockets are. Knows frames; what to answer is the engine's.

mod addresses;
mod attachment;
mod bpf;
mod checksum;
mod ethtool;
mod frame;
mod interface;
mod program;
mod queue;
#[cfg(test)]
mod samples;
mod worker;

pub use attachment::Attachment;
pub use worker::{Ways, Worker};

use super::bind::UdpListener;
use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// How often the addresses of this machine are read anew.
const ADDRESSES_INTERVAL: Duration = Duration::from_secs(5);

/// Attaches to each of the interfaces; one that refuses is told in the log, and its queries are answered over sockets. Needs
/// the rights of root, which may be dropped afterwards.
pub fn attach(interfaces: &[String], listeners: &[UdpListener]) -> Vec<Attachment> {
    let mut attached = Vec::new();
    for name in interfaces {
        match Attachment::new(name, listeners) {
            Ok(attachment) => attached.push(attachment),
            Err(trouble) => tracing::warn!(
                interface = name,
                why = trouble.why,
                help = trouble.help,
                "`[server] xdp`: no XDP on this interface, whose queries are answered over sockets"
            ),
        }
    }
    attached
}

/// Interfaces that are served. When it is dropped, all their frames go to the system's own stack.
pub struct Attached {
    /// Dropping it ends the thread.
    running: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Attached {
    /// Keeps the interfaces attached, and their destinations those of this machine as its addresses change.
    pub fn follow(mut attachments: Vec<Attachment>) -> io::Result<Self> {
        let (running, ended) = mpsc::channel();
        let follow = move || {
            while ended.recv_timeout(ADDRESSES_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                attachments.iter_mut().for_each(Attachment::refresh);
            }
        };
        let thread = thread::Builder::new().name("xdp-addresses".into()).spawn(follow)?;
        Ok(Self { running: Some(running), thread: Some(thread) })
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        drop(self.running.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that follows addresses for XDP had panicked");
        }
    }
}
