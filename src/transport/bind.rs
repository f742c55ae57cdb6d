//! Binding: sockets that are bound and not yet served, so that privileges can be dropped in between.

use super::udp;
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Connections that the kernel completes before they are accepted.
const BACKLOG: i32 = 1024;
/// How often another port is tried when the system chose one for TCP that UDP cannot have.
const PORT_TRIES: usize = 16;
/// The receive buffer that is asked for, in octets: a burst of some 30,000 queries.
pub const RECEIVE_BUFFER_LEN: usize = 8 * 1024 * 1024;

/// Sockets that are bound and not yet served, so that privileges can be dropped in between.
#[derive(Debug)]
pub struct Listeners {
    addresses: Vec<SocketAddr>,
    pub(super) udp: Vec<UdpListener>,
    pub(super) tcp: Vec<std::net::TcpListener>,
}

/// The UDP socket of one worker at one address.
#[derive(Debug)]
pub struct UdpListener {
    /// The socket.
    pub socket: Socket,
    /// Where it is bound.
    pub address: SocketAddr,
}

/// An address that could not be bound.
#[derive(Debug)]
pub struct BindError {
    /// Where.
    pub address: SocketAddr,
    /// `udp` or `tcp`.
    pub protocol: &'static str,
    /// What the system said.
    pub error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on {} ({}): {}", self.address, self.protocol, self.error)
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl Listeners {
    /// Binds UDP (one socket a worker) and TCP at every address; all of them or none. Port 0 lets the system choose one
    /// that is free for both. IPv6 sockets take no IPv4 clients.
    pub fn bind(listen: &[SocketAddr], workers: usize) -> Result<Self, BindError> {
        let mut listeners = Self { addresses: Vec::new(), udp: Vec::new(), tcp: Vec::new() };
        for &address in listen {
            listeners.add(address, workers)?;
        }
        listeners.warn_of_small_buffers();
        Ok(listeners)
    }

    fn add(&mut self, address: SocketAddr, workers: usize) -> Result<(), BindError> {
        let mut tries = if address.port() == 0 { PORT_TRIES } else { 1 };
        loop {
            tries -= 1;
            let tcp_error = |error| BindError { address, protocol: "tcp", error };
            let tcp = bind_tcp(address).map_err(tcp_error)?;
            let bound = tcp.local_addr().map_err(tcp_error)?;
            match bind_udp(bound, workers) {
                Ok(sockets) => {
                    self.addresses.push(bound);
                    self.udp.extend(sockets.into_iter().map(|socket| UdpListener { socket, address: bound }));
                    self.tcp.push(tcp);
                    return Ok(());
                }
                Err(error) if tries > 0 && error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(BindError { address, protocol: "udp", error }),
            }
        }
    }

    /// The addresses that were bound, with the ports that the system chose for port 0.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// How many shards the workers of [`super::Service::start`] count in: one for each UDP socket, one for all streams.
    #[must_use]
    pub const fn shard_count(&self) -> usize {
        self.udp.len() + 1
    }

    fn warn_of_small_buffers(&self) {
        let Some(first) = self.udp.first() else { return };
        // Linux counts its own overhead by giving twice what was asked for.
        let doubled = if cfg!(target_os = "linux") { 2 } else { 1 };
        let granted = first.socket.recv_buffer_size().unwrap_or(0) / doubled;
        if granted < RECEIVE_BUFFER_LEN {
            tracing::warn!(
                asked = RECEIVE_BUFFER_LEN,
                granted,
                "the system grants UDP sockets a small receive buffer, so that bursts may be lost; \
                 raise net.core.rmem_max to {RECEIVE_BUFFER_LEN} or start as root"
            );
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = new_socket(address, Type::STREAM, Protocol::TCP)?;
    // A port whose last connections linger (TIME_WAIT) may be bound again; one that is listened on may not.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// One socket a worker. The first is bound alone, so that a port that another program has is an error even if that
/// program shares it (`SO_REUSEPORT`); only then is the port shared among our own.
fn bind_udp(address: SocketAddr, workers: usize) -> io::Result<Vec<Socket>> {
    let mut sockets = Vec::with_capacity(workers);
    for worker in 0..workers {
        let socket = new_socket(address, Type::DGRAM, Protocol::UDP)?;
        udp::prepare(&socket, address)?;
        if worker > 0 {
            set_reuse_port(&socket)?;
        }
        socket.bind(&address.into())?;
        if worker == 0 && workers > 1 {
            set_reuse_port(&socket)?;
        }
        sockets.push(socket);
    }
    Ok(sockets)
}

fn new_socket(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

#[cfg(unix)]
fn set_reuse_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(unix))]
fn set_reuse_port(_: &Socket) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only one UDP worker is possible on this system (`workers = 1`)"))
}
