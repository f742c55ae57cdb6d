//! One question to a driver that no file answers: does it take VLAN tags off the frames? Knows nothing else of interfaces.
#![expect(unsafe_code, reason = "the ioctl of ethtool takes a pointer in a structure")]

use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// Asks for flags (`ETHTOOL_GFLAGS`), and the one of VLAN tags (`ETH_FLAG_RXVLAN`).
const GET_FLAGS: u32 = 0x25;
const TAKES_TAGS_OFF: u32 = 1 << 8;

#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

/// Whether the interface `name` hides the tags of received frames. One that cannot say does not.
pub fn takes_tags_off(name: &str) -> bool {
    let Ok(socket) = UdpSocket::bind("127.0.0.1:0") else { return false };
    let mut value = Value { command: GET_FLAGS, data: 0 };
    // SAFETY: zero is a valid value for every field of that union and structure.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last octet stays the NUL that ends the name.
    let room = request.ifr_name.len() - 1;
    for (place, octet) in request.ifr_name[..room].iter_mut().zip(name.bytes()) {
        *place = octet as libc::c_char;
    }
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: `request` names an interface and leads to `value`, which has the form of that command; both outlive the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    result == 0 && value.data & TAKES_TAGS_OFF != 0
}

#[cfg(test)]
mod tests {
    use super::takes_tags_off;

    #[test]
    fn what_is_no_hardware_hides_nothing() {
        assert!(!takes_tags_off("lo"));
        assert!(!takes_tags_off("no-such-thing-0"));
        assert!(!takes_tags_off("a-name-that-is-too-long-for-one"));
    }
}
