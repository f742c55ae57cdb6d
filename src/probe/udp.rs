//! The `udp` check: a datagram, and the one that comes back. Knows no schedule and no counters.

use crate::base::Trouble;
use crate::health::Observation;
use crate::probe::deadline;
use crate::probe::progress::timed_out;
use crate::probe::route::peer;
use crate::probe::search::Search;
use crate::probe::spec::UdpCheck;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// The largest datagram there can be, in octets.
const DATAGRAM_LEN_MAX: usize = 65_535;

/// A `udp` check of one address.
#[derive(Debug)]
pub struct UdpProbe {
    check: UdpCheck,
    address: SocketAddr,
    timeout: Duration,
}

impl UdpProbe {
    /// Prepares probes of `address`.
    #[must_use]
    pub fn new(check: &UdpCheck, address: SocketAddr, timeout: Duration) -> Self {
        Self { check: check.clone(), address, timeout }
    }

    /// Sends, and judges the first datagram that comes from that address and port.
    pub async fn probe(&self) -> Observation {
        let started = Instant::now();
        match deadline::timeout(self.timeout, self.exchange()).await {
            Ok(Ok(())) => Observation::passed(started.elapsed()),
            Ok(Err(trouble)) => trouble.into(),
            Err(_elapsed) => timed_out(self.timeout, "while waiting for an answer").into(),
        }
    }

    async fn exchange(&self) -> Result<(), Trouble> {
        let socket = connected(self.address).await?;
        socket.send(&self.check.send).await.map_err(|error| of_datagram(&error, self.address))?;
        let answer = answer(&socket).await.map_err(|error| of_datagram(&error, self.address))?;
        let mut search = Search::new(&self.check.expect);
        if search.is_found_with(&answer) || search.is_found() {
            return Ok(());
        }
        let seen = search.seen().unwrap_or_else(|| "which is empty".to_owned());
        Err(Trouble::Failed(format!("the answer, {seen}, {}", search.complaint())))
    }
}

/// The first datagram that comes. Room for it is taken when it is there: thousands of probes may wait.
async fn answer(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    // What ICMP brings is an error of the socket, and does not make it readable.
    let ready = socket.ready(Interest::READABLE | Interest::ERROR).await?;
    if ready.is_error()
        && let Some(error) = socket.take_error()?
    {
        return Err(error);
    }
    let mut answer = vec![0; DATAGRAM_LEN_MAX];
    let len = socket.recv(&mut answer).await?;
    answer.truncate(len);
    Ok(answer)
}

/// A socket that takes datagrams from `address` only, and hears when that says by ICMP that nobody is there.
pub async fn connected(address: SocketAddr) -> Result<UdpSocket, Trouble> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await.map_err(|error| Trouble::of_io(&error, Some(peer(address))))?;
    socket.connect(address).await.map_err(|error| Trouble::of_io(&error, Some(peer(address))))?;
    Ok(socket)
}

/// What an error with datagrams to and from `address` means.
pub fn of_datagram(error: &io::Error, address: SocketAddr) -> Trouble {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            Trouble::Failed("nobody listens at the port: ICMP port unreachable came back".to_owned())
        }
        _ => Trouble::of_io(error, Some(peer(address))),
    }
}
