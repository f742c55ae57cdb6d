//! The plain loop for systems without `recvmmsg`: one datagram at a time. On a wildcard bind the system chooses the
//! address that a reply leaves from. Knows nothing of what is in a datagram.

use crate::transport::{QUERY_LEN_MAX, UDP_RESPONSE_LEN_MAX};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// One datagram, received and to be sent.
pub struct Batch {
    query: Box<[u8]>,
    query_len: usize,
    is_answered: bool,
    sender: Option<SocketAddr>,
    response: Box<[u8]>,
    response_len: usize,
}

/// Who sent a datagram.
#[derive(Clone, Copy)]
pub struct Sender(SocketAddr);

impl Sender {
    /// The address.
    pub fn ip(&self) -> IpAddr {
        self.0.ip()
    }

    /// Address and port.
    #[cfg_attr(target_os = "linux", expect(dead_code, reason = "the tests alone use this loop on Linux"))]
    pub fn address(&self) -> SocketAddr {
        self.0
    }

    /// The way back, for a reply that is sent later.
    #[cfg_attr(target_os = "linux", expect(dead_code, reason = "the tests alone use this loop on Linux"))]
    pub fn return_path(&self) -> ReturnPath {
        ReturnPath(self.0)
    }
}

/// The way back to a sender.
#[derive(Clone, Copy)]
pub struct ReturnPath(SocketAddr);

impl ReturnPath {
    /// Sends one datagram through the socket that the query came in by.
    #[cfg_attr(target_os = "linux", expect(dead_code, reason = "the tests alone use this loop on Linux"))]
    pub fn send(&self, socket: &UdpSocket, message: &[u8]) -> io::Result<()> {
        socket.send_to(message, self.0).map(drop)
    }
}

impl Batch {
    /// An empty batch. It makes no difference here where the socket is bound.
    #[must_use]
    pub fn new(_address: SocketAddr) -> Self {
        let query = vec![0; QUERY_LEN_MAX].into_boxed_slice();
        let response = vec![0; UDP_RESPONSE_LEN_MAX].into_boxed_slice();
        Self { query, query_len: 0, is_answered: false, sender: None, response, response_len: 0 }
    }

    /// Receives a datagram; with `wait` it waits for it as long as the socket's read timeout says. Returns how many came.
    pub fn receive(&mut self, socket: &UdpSocket, wait: bool) -> io::Result<usize> {
        socket.set_nonblocking(!wait)?;
        match socket.recv_from(&mut self.query) {
            Ok((len, sender)) => {
                (self.query_len, self.is_answered, self.sender) = (len, false, Some(sender));
                Ok(1)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::TimedOut => Ok(0),
                _ => Err(error),
            },
        }
    }

    /// Calls `answer` with the datagram that was received, unless that was done before, its sender, and the buffer for the
    /// response, whose length it returns: 0 for no response.
    pub fn answer(&mut self, mut answer: impl FnMut(&[u8], Sender, &mut [u8]) -> usize) {
        if let Some(sender) = self.sender.filter(|_| !std::mem::replace(&mut self.is_answered, true)) {
            self.response_len = answer(&self.query[..self.query_len], Sender(sender), &mut self.response);
        }
    }

    /// Sends the reply; returns how many the system did not take.
    pub fn send(&mut self, socket: &UdpSocket) -> usize {
        let len = std::mem::take(&mut self.response_len);
        match self.sender.take() {
            Some(sender) if len > 0 => usize::from(socket.send_to(&self.response[..len], sender).is_err()),
            _ => 0,
        }
    }
}
