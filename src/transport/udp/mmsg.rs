//! Batches of datagrams by `recvmmsg` and `sendmmsg`, and the socket options that no safe wrapper has. Linux only. Knows
//! nothing of what is in a datagram.
#![expect(unsafe_code, reason = "system calls on buffers that this file alone owns")]

use crate::transport::bind::RECEIVE_BUFFER_LEN;
use crate::transport::{QUERY_LEN_MAX, UDP_RESPONSE_LEN_MAX};
use libc::{c_int, c_uint};
use socket2::Socket;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};

/// Datagrams that one system call takes at most.
const BATCH_LEN: usize = 64;
/// Buffers lie a cache line further apart than their length, or all of them would fall into the same few cache sets.
const STAGGER: usize = 64;

/// A socket address of either family as the kernel writes it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct RawAddress([u8; size_of::<libc::sockaddr_in6>()]);

/// Room for one control message with a local address, aligned as its header must be.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct RawControl([u8; 64]);

/// Everything a batch points into, in one allocation that never moves.
struct Slots {
    received: [libc::mmsghdr; BATCH_LEN],
    received_vectors: [libc::iovec; BATCH_LEN],
    replies: [libc::mmsghdr; BATCH_LEN],
    reply_vectors: [libc::iovec; BATCH_LEN],
    addresses: [RawAddress; BATCH_LEN],
    controls: [RawControl; BATCH_LEN],
    queries: [[u8; QUERY_LEN_MAX + STAGGER]; BATCH_LEN],
    responses: [[u8; UDP_RESPONSE_LEN_MAX + STAGGER]; BATCH_LEN],
}

/// The datagrams of one worker, received and to be sent.
///
/// *Invariant:* every pointer in `slots` is null or leads into the same allocation, with a length that stays inside the
/// array it leads to.
pub struct Batch {
    slots: NonNull<Slots>,
    /// Octets for a control message: 0 unless replies must leave from the address that the query was sent to.
    control_len: usize,
    /// Entries of `received` that the kernel wrote last.
    received: usize,
    /// Entries of `replies` that wait to be sent, each behind the datagram of the same number. An empty one is not sent.
    answered: usize,
}

// SAFETY: the allocation belongs to this value alone, as in a `Box`, and no pointer in it leads elsewhere.
unsafe impl Send for Batch {}

impl Batch {
    /// An empty batch for a socket that is bound to `address`. Where that is no single address, replies are told which to
    /// leave from.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        // SAFETY: zero is a valid value for every field: integers, and pointers that may be null.
        let slots: Box<Slots> = unsafe { Box::new_zeroed().assume_init() };
        let slots = NonNull::from(Box::leak(slots));
        let control_len = if address.ip().is_unspecified() { size_of::<RawControl>() } else { 0 };
        let to = slots.as_ptr();
        for at in 0..BATCH_LEN {
            // SAFETY: `to` is valid for reads and writes of `Slots`, `at` is inside every array, and no reference to any
            // of it exists.
            unsafe {
                let vector = &raw mut (*to).received_vectors[at];
                (*vector).iov_base = (&raw mut (*to).queries[at]).cast();
                (*vector).iov_len = QUERY_LEN_MAX;
                let reply_vector = &raw mut (*to).reply_vectors[at];
                (*reply_vector).iov_base = (&raw mut (*to).responses[at]).cast();
                // A reply goes where its query came from; all that differs from one to the next is its length.
                for (header, vector) in
                    [(&raw mut (*to).received[at].msg_hdr, vector), (&raw mut (*to).replies[at].msg_hdr, reply_vector)]
                {
                    (*header).msg_name = (&raw mut (*to).addresses[at]).cast();
                    // What the kernel writes here is always the same, since all senders are of the socket's family.
                    (*header).msg_namelen = name_len(address);
                    (*header).msg_iov = vector;
                    (*header).msg_iovlen = 1;
                    if control_len > 0 {
                        (*header).msg_control = (&raw mut (*to).controls[at]).cast();
                        // Its type differs between C libraries.
                        (*header).msg_controllen = control_len as _;
                    }
                }
            }
        }
        Self { slots, control_len, received: 0, answered: 0 }
    }

    /// Receives up to a batch of datagrams; with `wait` it waits for the first as long as the socket's read timeout says.
    /// Returns how many came, 0 after the timeout.
    pub fn receive(&mut self, socket: &UdpSocket, wait: bool) -> io::Result<usize> {
        // SAFETY: the allocation is ours, and no other reference into it exists while this one is used.
        let received = unsafe { &mut (*self.slots.as_ptr()).received };
        if self.control_len > 0 {
            for message in &mut received[..self.received] {
                // Its type differs between C libraries.
                message.msg_hdr.msg_controllen = self.control_len as _;
            }
        }
        (self.received, self.answered) = (0, 0);
        let flags = if wait { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
        // SAFETY: `received` has BATCH_LEN headers, each with buffers inside our allocation (see the invariant) whose
        // lengths were set above or when the batch was made; the file descriptor is open as long as `socket` lives.
        let count = unsafe {
            libc::recvmmsg(socket.as_raw_fd(), received.as_mut_ptr(), BATCH_LEN as c_uint, flags as _, ptr::null_mut())
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::TimedOut => Ok(0),
                _ => Err(error),
            };
        };
        self.received = count;
        Ok(count)
    }

    /// Calls `answer` with each datagram that is not answered yet, its sender, and the buffer for the response, whose length
    /// it returns: 0 for no response. When it panics, another call goes on behind the datagram that it was called with.
    pub fn answer(&mut self, mut answer: impl FnMut(&[u8], Sender<'_>, &mut [u8]) -> usize) {
        // SAFETY: the allocation is ours, and no other reference into it exists while this one is used.
        let slots = unsafe { &mut *self.slots.as_ptr() };
        for at in self.answered..self.received.min(BATCH_LEN) {
            slots.reply_vectors[at].iov_len = 0;
            self.answered = at + 1;
            let message = &slots.received[at];
            let query = &slots.queries[at][..QUERY_LEN_MAX.min(message.msg_len as usize)];
            let response = &mut slots.responses[at][..UDP_RESPONSE_LEN_MAX];
            let (address, control) = (&slots.addresses[at], &slots.controls[at]);
            let sender = Sender { header: &message.msg_hdr, address, control };
            slots.reply_vectors[at].iov_len = answer(query, sender, response).min(UDP_RESPONSE_LEN_MAX);
            if self.control_len > 0 {
                // What came with the query says where it was sent to, in the form in which it says where a reply leaves.
                slots.replies[at].msg_hdr.msg_controllen = message.msg_hdr.msg_controllen;
                forget_interface(&mut slots.controls[at], sender_ip(address));
            }
        }
    }

    /// Sends all replies; returns how many the system did not take.
    pub fn send(&mut self, socket: &UdpSocket) -> usize {
        // SAFETY: the allocation is ours, and no other reference into it exists while this one is used.
        let slots = unsafe { &mut *self.slots.as_ptr() };
        let answered = std::mem::take(&mut self.answered);
        let (mut left, mut vectors) = (&mut slots.replies[..answered], &slots.reply_vectors[..answered]);
        let mut unsent = 0;
        while !left.is_empty() {
            let run = vectors.iter().take_while(|vector| vector.iov_len > 0).count();
            let done = if run == 0 { 1 } else { send_some(socket, &mut left[..run], &mut unsent) };
            (left, vectors) = (&mut left[done..], &vectors[done..]);
        }
        unsent
    }
}

/// Sends some of `replies`; returns how many are done with, and counts those among them that the system did not take.
fn send_some(socket: &UdpSocket, replies: &mut [libc::mmsghdr], unsent: &mut usize) -> usize {
    // SAFETY: `replies` has as many headers as is said, and all that they lead to is in the allocation of the batch that they
    // are from (see its invariant); the file descriptor is open as long as `socket` lives.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), replies.as_mut_ptr(), replies.len() as c_uint, 0 as _) };
    match usize::try_from(sent) {
        Ok(sent) => sent,
        Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => 0,
        Err(_) => {
            // The first of them cannot be sent: a port 0, a firewall, no route. The others can perhaps.
            *unsent += 1;
            1
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: `slots` came from `Box::leak`, and nothing uses it after this.
        drop(unsafe { Box::from_raw(self.slots.as_ptr()) });
    }
}

/// Who sent a datagram, as the kernel said it.
#[derive(Clone, Copy)]
pub struct Sender<'b> {
    header: &'b libc::msghdr,
    address: &'b RawAddress,
    control: &'b RawControl,
}

impl Sender<'_> {
    /// The address.
    pub fn ip(&self) -> IpAddr {
        sender_ip(self.address)
    }

    /// Address and port.
    pub fn address(&self) -> SocketAddr {
        // The port stands behind the family, in the order of the network.
        SocketAddr::new(self.ip(), u16::from_be_bytes([self.address.0[2], self.address.0[3]]))
    }

    /// The way back, for a reply that is sent when this batch is gone.
    pub fn return_path(&self) -> ReturnPath {
        let mut control = *self.control;
        // Its type differs between C libraries.
        let control_len: usize = self.header.msg_controllen as _;
        let control_len = control_len.min(size_of::<RawControl>());
        if control_len > 0 {
            forget_interface(&mut control, self.ip());
        }
        let address_len = (self.header.msg_namelen as usize).min(size_of::<RawAddress>());
        ReturnPath { address: *self.address, address_len, control, control_len }
    }
}

/// The way back to a sender: its address, and the address of ours that the reply leaves from.
#[derive(Clone, Copy)]
pub struct ReturnPath {
    address: RawAddress,
    address_len: usize,
    control: RawControl,
    control_len: usize,
}

impl ReturnPath {
    /// The way to `client`, for a query that did not come in by a socket; `from`: the socket is bound to no single address, and
    /// the reply leaves from this one. `interface` is where addresses of one link are to be found.
    #[cfg_attr(not(feature = "xdp"), expect(dead_code, reason = "what comes in otherwise comes by XDP"))]
    pub fn new(client: SocketAddr, from: Option<IpAddr>, interface: u32) -> Self {
        let mut address = RawAddress([0; size_of::<libc::sockaddr_in6>()]);
        let (port, octets) = (client.port().to_be_bytes(), &mut address.0);
        octets[2..4].copy_from_slice(&port);
        let (family, address_len) = match client.ip() {
            IpAddr::V4(ip) => {
                octets[4..8].copy_from_slice(&ip.octets());
                (libc::AF_INET, size_of::<libc::sockaddr_in>())
            }
            IpAddr::V6(ip) => {
                octets[8..24].copy_from_slice(&ip.octets());
                if ip.is_unicast_link_local() {
                    octets[24..28].copy_from_slice(&interface.to_ne_bytes());
                }
                (libc::AF_INET6, size_of::<libc::sockaddr_in6>())
            }
        };
        octets[..2].copy_from_slice(&(family as libc::sa_family_t).to_ne_bytes());
        let (control, control_len) = from.map_or((RawControl([0; 64]), 0), leave_from);
        Self { address, address_len, control, control_len }
    }

    /// Sends one datagram through the socket that the query came in by. Never waits.
    pub fn send(&self, socket: &UdpSocket, message: &[u8]) -> io::Result<()> {
        let (mut address, mut control) = (self.address, self.control);
        let mut vector = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
        // SAFETY: zero is a valid value for every field: integers, and pointers that may be null.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_name = (&raw mut address).cast();
        header.msg_namelen = self.address_len as libc::socklen_t;
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        if self.control_len > 0 {
            header.msg_control = (&raw mut control).cast();
            // Its type differs between C libraries.
            header.msg_controllen = self.control_len as _;
        }
        // SAFETY: every pointer in `header` leads to a local or to `message`, with lengths that are not greater than
        // theirs; all outlive the call, which writes to none of them; the file descriptor is open as long as `socket` is.
        let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// A control message by which a datagram leaves from `address`, over whatever interface routing chooses; and its length.
fn leave_from(address: IpAddr) -> (RawControl, usize) {
    const DATA_AT: usize = size_of::<libc::cmsghdr>();
    let mut control = RawControl([0; 64]);
    let data = &mut control.0[DATA_AT..];
    let (data_len, level, kind) = match address {
        IpAddr::V4(address) => {
            // Behind the interface of `in_pktinfo`.
            data[4..8].copy_from_slice(&address.octets());
            (size_of::<libc::in_pktinfo>(), libc::IPPROTO_IP, libc::IP_PKTINFO)
        }
        IpAddr::V6(address) => {
            data[..16].copy_from_slice(&address.octets());
            (size_of::<libc::in6_pktinfo>(), libc::IPPROTO_IPV6, libc::IPV6_PKTINFO)
        }
    };
    let len = DATA_AT + data_len;
    // The header ends in level and kind; its length is a number of this machine's size, or four octets before them.
    control.0[..size_of::<usize>()].copy_from_slice(&len.to_ne_bytes());
    control.0[DATA_AT - 8..DATA_AT - 4].copy_from_slice(&level.to_ne_bytes());
    control.0[DATA_AT - 4..DATA_AT].copy_from_slice(&kind.to_ne_bytes());
    (control, len.next_multiple_of(size_of::<usize>()))
}

/// Octets of the socket addresses of `address`'s family.
const fn name_len(address: SocketAddr) -> libc::socklen_t {
    match address {
        SocketAddr::V4(_) => size_of::<libc::sockaddr_in>() as libc::socklen_t,
        SocketAddr::V6(_) => size_of::<libc::sockaddr_in6>() as libc::socklen_t,
    }
}

/// The address in a `sockaddr_in` (family, port, address) or a `sockaddr_in6` (family, port, flow, address).
fn sender_ip(raw: &RawAddress) -> IpAddr {
    let [family_0, family_1, _, _, a, b, c, d, v6 @ .., _, _, _, _] = &raw.0;
    match c_int::from(u16::from_ne_bytes([*family_0, *family_1])) {
        libc::AF_INET => IpAddr::V4(Ipv4Addr::from([*a, *b, *c, *d])),
        _ => IpAddr::V6(Ipv6Addr::from(*v6)),
    }
}

/// Makes the control message of a query, which says where it arrived, fit for its reply: the reply leaves from that
/// address, but over whatever interface routing chooses, unless the addresses mean something on one link only.
fn forget_interface(control: &mut RawControl, sender: IpAddr) {
    const DATA_AT: usize = size_of::<libc::cmsghdr>();
    let interface_at = match sender {
        // `in_pktinfo` begins with the interface, `in6_pktinfo` with the address.
        IpAddr::V4(_) => DATA_AT,
        IpAddr::V6(address) if address.is_unicast_link_local() => return,
        IpAddr::V6(_) => DATA_AT + size_of::<libc::in6_addr>(),
    };
    control.0[interface_at..interface_at + size_of::<c_uint>()].fill(0);
}

/// Sets the options of a UDP socket that is to be bound to `address`.
pub fn prepare(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    // More than the system's limit takes a privilege; without it what was granted before stays.
    let _ = set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, RECEIVE_BUFFER_LEN as c_int);
    let wildcard = address.ip().is_unspecified();
    // No DF, and no path MTU that a forged ICMP message could shrink: responses are short enough for every path.
    match address {
        SocketAddr::V4(_) => {
            set_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT)
                .or_else(|_| set_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT))?;
            if wildcard {
                set_option(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
            }
        }
        SocketAddr::V6(_) => {
            set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT).or_else(
                |_| set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT),
            )?;
            if wildcard {
                set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
            }
        }
    }
    Ok(())
}

fn set_option(socket: &Socket, level: c_int, name: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: the pointer and the length are those of `value`, which outlives the call.
    let result = unsafe {
        let len = size_of::<c_int>() as libc::socklen_t;
        libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const value).cast(), len)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
