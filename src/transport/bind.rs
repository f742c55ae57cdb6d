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
#[derive(Debug, Default)]
pub struct Listeners {
    addresses: Vec<SocketAddr>,
    pub(super) udp: Vec<UdpListener>,
    pub(super) tcp: Vec<std::net::TcpListener>,
    #[cfg(all(feature = "xdp", target_os = "linux"))]
    pub(super) xdp: Vec<super::xdp::Attachment>,
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
        let mut listeners = Self::default();
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

    /// Takes queries that come by these interfaces past the sockets, by XDP; the sockets stay for everything else. An interface
    /// that refuses is told in the log. Needs the rights of root, which may be dropped afterwards.
    pub fn attach(&mut self, interfaces: &[String]) {
        #[cfg(all(feature = "xdp", target_os = "linux"))]
        {
            self.xdp = super::xdp::attach(interfaces, &self.udp);
        }
        #[cfg(not(all(feature = "xdp", target_os = "linux")))]
        if !interfaces.is_empty() {
            tracing::warn!(
                ?interfaces,
                help = "build on Linux with the Cargo feature `xdp`",
                "`[server] xdp`: this program was built without XDP; all queries are answered over sockets"
            );
        }
    }

    /// How many shards the workers of [`super::Service::start`] count in: one for each UDP socket, one for each queue of XDP,
    /// one for all streams.
    #[must_use]
    pub fn shard_count(&self) -> usize {
        #[cfg(all(feature = "xdp", target_os = "linux"))]
        let queues = self.xdp.iter().map(|attachment| attachment.queues.len()).sum::<usize>();
        #[cfg(not(all(feature = "xdp", target_os = "linux")))]
        let queues = 0;
        self.udp.len() + queues + 1
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::Listeners;
    use socket2::{Domain, Socket, Type};
    use std::io::ErrorKind;
    use std::net::SocketAddr;

    fn any(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 0)
    }

    #[test]
    fn port_0_is_one_port_for_udp_and_tcp() {
        let listeners = Listeners::bind(&[any("127.0.0.1"), any("127.0.0.1")], 3).unwrap();
        assert_eq!((listeners.udp.len(), listeners.tcp.len(), listeners.shard_count()), (6, 2, 7));
        for (index, &address) in listeners.addresses().iter().enumerate() {
            assert_ne!(address.port(), 0);
            assert_eq!(listeners.tcp[index].local_addr().unwrap(), address);
            for worker in &listeners.udp[3 * index..3 * index + 3] {
                assert_eq!(worker.socket.local_addr().unwrap().as_socket(), Some(address));
            }
        }
    }

    #[test]
    fn a_taken_port_is_an_error_that_names_the_address() {
        let first = Listeners::bind(&[any("127.0.0.1")], 2).unwrap();
        let taken = first.addresses()[0];
        let error = Listeners::bind(&[any("127.0.0.1"), taken], 2).unwrap_err();
        assert_eq!((error.address, error.protocol, error.error.kind()), (taken, "tcp", ErrorKind::AddrInUse));
        assert!(error.to_string().starts_with(&format!("cannot listen on {taken} (tcp): ")), "{error}");
    }

    #[test]
    fn a_port_that_another_program_would_share_is_taken_all_the_same() {
        let other = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        other.set_reuse_port(true).unwrap();
        other.bind(&any("127.0.0.1").into()).unwrap();
        let taken = other.local_addr().unwrap().as_socket().unwrap();
        let error = Listeners::bind(&[taken], 2).unwrap_err();
        assert_eq!((error.address, error.protocol, error.error.kind()), (taken, "udp", ErrorKind::AddrInUse));
        let in_the_midst = || {
            let sharing = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
            sharing.set_reuse_port(true).unwrap();
            let listeners = Listeners::bind(&[any("127.0.0.1")], 1).unwrap();
            sharing.bind(&listeners.addresses()[0].into()).map_err(|error| error.kind())
        };
        assert_eq!(in_the_midst(), Err(ErrorKind::AddrInUse), "a single worker shares its port with nobody");
    }

    #[test]
    fn both_families_can_have_the_same_port() {
        let v4 = Listeners::bind(&[any("0.0.0.0")], 1).unwrap();
        let port = v4.addresses()[0].port();
        let v6 = SocketAddr::new("::".parse().unwrap(), port);
        match Listeners::bind(&[v6], 1) {
            Ok(listeners) => assert_eq!(listeners.addresses(), [v6]),
            // A machine without IPv6 cannot tell.
            Err(error) => assert_ne!(error.error.kind(), ErrorKind::AddrInUse, "{error}"),
        }
    }
}
