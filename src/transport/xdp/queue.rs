//! One queue of an interface: an AF_XDP socket with its rings and frames. Knows not what is in a frame.
#![expect(
    unsafe_code,
    reason = "rings and frames are shared with the kernel, and frames point into memory of this file's"
)]

use super::frame::FRAME_LEN_MAX;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::net::sockopt::{xdp_mmap_offsets, xdp_options};
use rustix::net::xdp::XdpOptionsFlags;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use std::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use xdp::nic::NicIndex;
use xdp::slab::{Slab, StackSlab};
use xdp::socket::{PollTimeout, SocketError, XdpSocket, XdpSocketBuilder};
use xdp::umem::{FrameSize, UmemCfgBuilder};
use xdp::{Packet, RingConfigBuilder, RxRing, Umem, WakableRings, WakableTxRing};

/// Frames that are taken and sent at a time.
const BATCH_LEN: usize = 64;
/// Frames of a queue, 2 KiB each. Every ring has room for all of them, so that none can be full.
const FRAMES: u32 = 2048;
/// How often the kernel is asked in a row to send what waits: it sends some 32 frames at each call.
const KICKS_MAX: usize = 4;
/// The bit in the flags of a ring by which the kernel asks to be called (`XDP_RING_NEED_WAKEUP`).
const NEEDS_WAKEUP: u32 = 1;
/// Where rings are mapped from (`XDP_PGOFF_TX_RING`, `XDP_UMEM_PGOFF_FILL_RING`).
const SEND_RING_AT: u64 = 0x8000_0000;
const FILL_RING_AT: u64 = 0x1_0000_0000;

/// One queue of an interface.
///
/// *Invariant:* every packet in `received` and `replies` is one of `frames`; none is handed out but by reference. Fields are
/// dropped in this order, so that the frames outlive the socket.
pub struct Queue {
    received: StackSlab<BATCH_LEN>,
    replies: StackSlab<BATCH_LEN>,
    send_flags: RingFlags,
    fill_flags: RingFlags,
    rings: WakableRings,
    receive_ring: RxRing,
    send_ring: WakableTxRing,
    socket: XdpSocket,
    frames: Umem,
}

// SAFETY: what the pointers in packets and flags lead to belongs to this value alone, and moves with it.
unsafe impl Send for Queue {}

/// A received frame, which may become a reply.
pub struct Frame<'q>(&'q mut Packet);

impl Frame<'_> {
    /// What was received.
    pub fn octets(&self) -> &[u8] {
        self.0
    }

    /// The frame with another length; what is new in it is undefined. `None` beyond the longest frame.
    pub fn resized(&mut self, len: usize) -> Option<&mut [u8]> {
        if len > FRAME_LEN_MAX {
            return None;
        }
        let difference = len as i32 - self.0.len() as i32;
        self.0.adjust_tail(difference).ok()?;
        Some(self.0)
    }
}

impl Queue {
    /// Opens a queue. With `copy` the kernel copies frames even if the driver could do without.
    pub fn open(interface: u32, queue: u32, copy: bool) -> io::Result<Self> {
        let frame_size = FrameSize::TwoK;
        let frames = UmemCfgBuilder { frame_size, frame_count: FRAMES, ..Default::default() };
        let mut frames = Umem::map(frames.build().map_err(io::Error::other)?)?;
        let [rx_count, tx_count, fill_count, completion_count] = [FRAMES; 4];
        let sizes = RingConfigBuilder { rx_count, tx_count, fill_count, completion_count };
        let mut builder = XdpSocketBuilder::new().map_err(system_error)?;
        let sizes = sizes.build().map_err(io::Error::other)?;
        let (mut rings, mut bind_flags) = builder.build_wakable_rings(&frames, sizes).map_err(system_error)?;
        if copy {
            bind_flags.force_copy();
        }
        let no_ring = || io::Error::other("a ring is missing");
        let receive_ring = rings.rx_ring.take().ok_or_else(no_ring)?;
        let send_ring = rings.tx_ring.take().ok_or_else(no_ring)?;
        // SAFETY: `frames` goes into the value below, where it outlives the socket.
        unsafe { rings.fill_ring.enqueue(&mut frames, FRAMES as usize, false)? };
        let socket = builder.bind(NicIndex::new(interface), queue, bind_flags).map_err(system_error)?;
        let offsets = xdp_mmap_offsets(descriptor(&socket))?;
        let send_flags = RingFlags::map(&socket, SEND_RING_AT, offsets.tx.flags)?;
        let fill_flags = RingFlags::map(&socket, FILL_RING_AT, offsets.fr.flags)?;
        let (received, replies) = (StackSlab::new(), StackSlab::new());
        Ok(Self { received, replies, send_flags, fill_flags, rings, receive_ring, send_ring, socket, frames })
    }

    /// The descriptor of the socket.
    pub fn descriptor(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Whether the driver puts frames where this program reads them, without a copy.
    pub fn is_zero_copy(&self) -> bool {
        xdp_options(descriptor(&self.socket))
            .is_ok_and(|options| options.contains(XdpOptionsFlags::XDP_OPTIONS_ZEROCOPY))
    }

    /// Waits for frames. The kernel uses the time to send what it has not sent yet.
    pub fn wait(&self, at_most: Duration) -> io::Result<bool> {
        self.socket.poll_read(PollTimeout::new(Some(at_most)))
    }

    /// Takes what is there, up to a batch; returns how many frames.
    pub fn receive(&mut self) -> usize {
        // SAFETY: the packets stay in `received`, whose frames outlive it (see the invariant).
        unsafe { self.receive_ring.recv(&self.frames, &mut self.received) }
    }

    /// Calls `answer` with each frame that was received; it says whether the frame is now a reply.
    pub fn answer(&mut self, mut answer: impl FnMut(&mut Frame<'_>) -> bool) {
        while let Some(mut packet) = self.received.pop_back() {
            if answer(&mut Frame(&mut packet)) {
                // A reply for each frame received: there is room.
                self.replies.push_front(packet);
            } else {
                self.frames.free_packet(packet);
            }
        }
    }

    /// Sends all replies, and gives the kernel back what it may fill. An error says why the kernel did not send; it tries
    /// again later.
    pub fn send(&mut self) -> io::Result<()> {
        // SAFETY: the frames outlive the socket (see the invariant).
        let queued = unsafe { self.send_ring.send(&mut self.replies, false)? };
        let sent = if queued > 0 && self.send_flags.need_wakeup() { self.kick() } else { Ok(()) };
        self.rings.completion_ring.dequeue(&mut self.frames, FRAMES as usize);
        let free = self.frames.allocatable();
        // SAFETY: as above.
        unsafe { self.rings.fill_ring.enqueue(&mut self.frames, free, false)? };
        if self.fill_flags.need_wakeup() {
            // What it returns says nothing about a frame.
            let _ = recv(descriptor(&self.socket), &mut [0_u8; 0][..], RecvFlags::DONTWAIT);
        }
        sent
    }

    fn kick(&self) -> io::Result<()> {
        for _ in 0..KICKS_MAX {
            match send(descriptor(&self.socket), &[], SendFlags::DONTWAIT) {
                Ok(_) => return Ok(()),
                // It has sent as much as it does at a time, or its buffers are full just now.
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR | rustix::io::Errno::BUSY) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The descriptor of a socket for as long as it is borrowed.
fn descriptor(socket: &XdpSocket) -> BorrowedFd<'_> {
    // SAFETY: it is open as long as `socket` lives.
    unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) }
}

fn system_error(error: SocketError) -> io::Error {
    match error {
        SocketError::SocketCreation(error) | SocketError::Bind(error) => error,
        SocketError::SetSockOpt { inner, .. }
        | SocketError::GetSockOpt { inner, .. }
        | SocketError::RingMap { inner, .. } => inner,
    }
}

/// The flags of a ring, which `xdp` does not read: a second view of its first page.
struct RingFlags {
    page: NonNull<c_void>,
    len: usize,
}

impl RingFlags {
    fn map(socket: &XdpSocket, ring_at: u64, flags_at: Option<u64>) -> io::Result<Self> {
        let flags_at = flags_at.ok_or(io::ErrorKind::Unsupported)? as usize;
        let len = flags_at + size_of::<u32>();
        // SAFETY: a new view wherever the kernel puts it, of a ring that is longer than its own flags.
        let start = unsafe { mmap(null_mut(), len, ProtFlags::READ, MapFlags::SHARED, descriptor(socket), ring_at)? };
        let page = NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { page, len })
    }

    fn need_wakeup(&self) -> bool {
        // SAFETY: the flags are the last number in the view, aligned as the kernel lays them out, and only ever read here.
        let flags = unsafe { AtomicU32::from_ptr(self.page.as_ptr().byte_add(self.len - size_of::<u32>()).cast()) };
        flags.load(Ordering::Relaxed) & NEEDS_WAKEUP != 0
    }
}

impl Drop for RingFlags {
    fn drop(&mut self) {
        // SAFETY: this is the view that `map` has made, and nobody uses it after this.
        if let Err(error) = unsafe { munmap(self.page.as_ptr(), self.len) } {
            tracing::debug!(%error, "the flags of a ring stay mapped");
        }
    }
}
