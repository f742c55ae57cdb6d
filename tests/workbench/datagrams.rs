//! Datagrams in batches, by `recvmmsg` and `sendmmsg`: as few instructions of our own as can be, since they are part of what is
//! measured. IPv4 over Linux only. Knows nothing of what is in a datagram.
#![expect(unsafe_code, reason = "system calls on buffers that this file alone owns")]

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};

/// Datagrams of one system call.
pub const BATCH_LEN: usize = 64;
/// Octets of a datagram; longer ones are cut.
pub const DATAGRAM_LEN: usize = 1536;

/// All that a batch points into, in one allocation that never moves.
struct Slots {
    headers: [libc::mmsghdr; BATCH_LEN],
    vectors: [libc::iovec; BATCH_LEN],
    addresses: [libc::sockaddr_in; BATCH_LEN],
    // A cache line further apart than their length, or all of them would fall into the same few cache sets.
    buffers: [[u8; DATAGRAM_LEN + 64]; BATCH_LEN],
}

/// Room for a batch of datagrams.
///
/// *Invariant:* every pointer in `slots` is null or leads into the same allocation, and no length is greater than what it
/// leads to.
pub struct Batch {
    slots: NonNull<Slots>,
    /// Datagrams that are in it.
    len: usize,
    /// Slots whose lengths are no longer those that a receive begins with.
    touched: usize,
}

impl Batch {
    /// An empty batch. `addressed`: it keeps where datagrams came from, to send them back over the same socket.
    pub fn new(addressed: bool) -> Self {
        // SAFETY: zero is a valid value for every field: integers, and pointers that may be null.
        let slots: Box<Slots> = unsafe { Box::new_zeroed().assume_init() };
        let slots = NonNull::from(Box::leak(slots));
        let to = slots.as_ptr();
        for at in 0..BATCH_LEN {
            // SAFETY: `to` is valid for reads and writes, `at` is inside every array, and no reference to any exists.
            unsafe {
                (*to).vectors[at].iov_base = (&raw mut (*to).buffers[at]).cast();
                let header = &raw mut (*to).headers[at].msg_hdr;
                (*header).msg_iov = &raw mut (*to).vectors[at];
                (*header).msg_iovlen = 1;
                if addressed {
                    (*header).msg_name = (&raw mut (*to).addresses[at]).cast();
                }
            }
        }
        Self { slots, len: 0, touched: BATCH_LEN }
    }

    /// Receives what is there, up to a batch; with `wait` it waits for the first. Returns how many came.
    pub fn receive(&mut self, socket: &UdpSocket, wait: bool) -> io::Result<usize> {
        // SAFETY: the allocation is ours, and no other reference into it exists while this one is used.
        let slots = unsafe { &mut *self.slots.as_ptr() };
        for (header, vector) in slots.headers[..self.touched].iter_mut().zip(&mut slots.vectors) {
            vector.iov_len = DATAGRAM_LEN;
            let is_addressed = !header.msg_hdr.msg_name.is_null();
            header.msg_hdr.msg_namelen = if is_addressed { size_of::<libc::sockaddr_in>() as u32 } else { 0 };
        }
        (self.len, self.touched) = (0, 0);
        let flags = if wait { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
        // SAFETY: there are BATCH_LEN headers, each with buffers inside our allocation (see the invariant) whose lengths were
        // set above, now or in an earlier call; the descriptor is open as long as `socket` lives.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                slots.headers.as_mut_ptr(),
                BATCH_LEN as u32,
                flags as _,
                ptr::null_mut(),
            )
        };
        match usize::try_from(count) {
            Ok(count) => (self.len, self.touched) = (count, count),
            Err(_) => match io::Error::last_os_error() {
                // The other side was not there yet, or no longer.
                error if error.kind() == io::ErrorKind::ConnectionRefused => {}
                error if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                error => return Err(error),
            },
        }
        Ok(self.len)
    }

    /// The datagrams that were received.
    pub fn datagrams(&mut self) -> impl Iterator<Item = &mut [u8]> {
        // SAFETY: the allocation is ours, and the reference lives as long as the exclusive one to `self`.
        let slots = unsafe { &mut *self.slots.as_ptr() };
        let lens = slots.headers[..self.len].iter().map(|header| header.msg_len as usize);
        slots.buffers.iter_mut().zip(lens).map(|(buffer, len)| &mut buffer[..len.min(DATAGRAM_LEN)])
    }

    /// Adds a datagram to those that are to be sent; the batch is not full.
    pub fn push(&mut self, write: impl FnOnce(&mut [u8]) -> usize) {
        // SAFETY: the allocation is ours, and no other reference into it exists while this one is used.
        let slots = unsafe { &mut *self.slots.as_ptr() };
        slots.vectors[self.len].iov_len = write(&mut slots.buffers[self.len][..DATAGRAM_LEN]).min(DATAGRAM_LEN);
        slots.headers[self.len].msg_hdr.msg_namelen = 0;
        self.len += 1;
        self.touched = self.touched.max(self.len);
    }

    /// Whether there is no room for another.
    pub const fn is_full(&self) -> bool {
        self.len == BATCH_LEN
    }

    /// Sends what was pushed; returns how many the system took. What it did not take is dropped.
    pub fn send(&mut self, socket: &UdpSocket) -> usize {
        let len = std::mem::take(&mut self.len);
        self.send_first(socket, len)
    }

    /// Sends everything that was received back to where it came from.
    pub fn send_back(&mut self, socket: &UdpSocket) -> usize {
        // SAFETY: the allocation is ours, and no other reference into it exists while this one is used.
        let slots = unsafe { &mut *self.slots.as_ptr() };
        for (header, vector) in slots.headers[..self.len].iter().zip(&mut slots.vectors) {
            vector.iov_len = (header.msg_len as usize).min(DATAGRAM_LEN);
        }
        self.send_first(socket, self.len)
    }

    fn send_first(&mut self, socket: &UdpSocket, len: usize) -> usize {
        // SAFETY: the allocation is ours, and no other reference into it exists while this one is used.
        let slots = unsafe { &mut *self.slots.as_ptr() };
        let (mut taken, mut at) = (0, 0);
        while at < len {
            let headers = &mut slots.headers[at..len];
            // SAFETY: the headers, as many as is said, lead into our allocation (see the invariant); the descriptor is open as
            // long as `socket` lives.
            let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), headers.len() as u32, 0) };
            let sent = usize::try_from(sent).unwrap_or(0);
            taken += sent;
            // The first of them was not taken: the others perhaps are.
            at += sent.max(1);
        }
        taken
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: `slots` came from `Box::leak`, and nothing uses it after this.
        drop(unsafe { Box::from_raw(self.slots.as_ptr()) });
    }
}
