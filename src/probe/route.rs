//! Who is probed, and whether this machine knows a way there. Knows no monitors.

use crate::base::trouble::Peer;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The address, for troubles with it.
#[must_use]
pub const fn peer(address: SocketAddr) -> Peer {
    Peer { address, has_route }
}

/// Whether this machine knows a way to the address. Connecting a UDP socket looks the route up and sends nothing.
fn has_route(address: SocketAddr) -> bool {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    UdpSocket::bind(any).and_then(|socket| socket.connect(address)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::has_route;

    #[test]
    fn there_is_always_a_route_to_oneself_and_none_to_a_link_local_address_without_an_interface() {
        assert!(has_route(([127, 0, 0, 1], 80).into()));
        assert!(!has_route((std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), 80).into()));
    }
}
