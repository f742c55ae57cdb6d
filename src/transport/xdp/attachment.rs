//! An interface with the program on it and a queue for each of the driver's: all of it, or a reason why not.

use super::addresses::Addresses;
use super::bpf::{Link, Map, Mode, Program};
use super::interface::{Interface, Trouble};
use super::program::program;
use super::queue::Queue;
use crate::transport::bind::UdpListener;
use std::io;
use std::net::SocketAddr;

/// An interface whose queries come by XDP.
pub struct Attachment {
    /// Dropped first: from then on all frames go to the system's own stack.
    _link: Link,
    /// The interface.
    pub interface: Interface,
    /// Its queues, until workers take them.
    pub queues: Vec<Queue>,
    /// Which destinations are taken.
    addresses: Addresses,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment").field("interface", &self.interface).finish_non_exhaustive()
    }
}

impl Attachment {
    /// Attaches to the interface `name` for what the sockets listen to.
    pub fn new(name: &str, listeners: &[UdpListener]) -> Result<Self, Trouble> {
        let interface = Interface::find(name)?;
        let listen: Vec<SocketAddr> = listeners.iter().map(|listener| listener.address).collect();
        let addresses = Addresses::new(listen, interface.vlans.clone()).map_err(|error| refused("a map", &error))?;
        let sockets = Map::of_sockets(interface.queues).map_err(|error| refused("a map of sockets", &error))?;
        let code = program(interface.hardware_address, addresses.descriptor(), sockets.descriptor());
        let loaded = Program::load(&code).map_err(|error| refused("the program", &error))?;
        let (link, mode) = attach_program(&loaded, interface.index)?;
        let mut queues = Vec::new();
        for number in 0..interface.queues {
            let what = format!("a socket at queue {number}");
            let queue = Queue::open(interface.index, number, mode == Mode::Generic);
            let queue = queue.map_err(|error| refused(&what, &error))?;
            // From here on frames come to this queue.
            let descriptor = queue.descriptor() as u32;
            sockets.insert(number.to_ne_bytes(), descriptor).map_err(|error| refused(&what, &error))?;
            queues.push(queue);
        }
        tracing::info!(
            interface = name,
            queues = interface.queues,
            program = if mode == Mode::Native { "in the driver" } else { "in the system's stack" },
            frames = if queues.iter().all(Queue::is_zero_copy) { "shared with the driver" } else { "copied" },
            "queries are taken by XDP"
        );
        Ok(Self { _link: link, interface, queues, addresses })
    }

    /// Takes queries for the addresses that this machine has now.
    pub fn refresh(&mut self) {
        if let Err(error) = self.addresses.refresh() {
            let interface = &self.interface.name;
            tracing::debug!(interface, %error, "cannot follow the addresses of this machine; sockets answer at new ones");
        }
    }
}

/// In the driver where it can, else in the system's stack.
fn attach_program(program: &Program, interface: u32) -> Result<(Link, Mode), Trouble> {
    let native = match Link::attach(program, interface, Mode::Native) {
        Ok(link) => return Ok((link, Mode::Native)),
        Err(error) => error,
    };
    tracing::debug!(error = %native, "the driver takes no program");
    match Link::attach(program, interface, Mode::Generic) {
        Ok(link) => Ok((link, Mode::Generic)),
        Err(error) => Err(match error.raw_os_error() {
            Some(libc::EBUSY | libc::EEXIST) => Trouble::new(
                "another XDP program is on it",
                "end the program that has put it there; `ip link set dev INTERFACE xdp off` takes it off",
            ),
            Some(libc::EINVAL) => {
                Trouble::new(format!("the kernel cannot link a program to it: {error}"), "Linux 5.9 or newer is needed")
            }
            _ => refused("the program's place on the interface", &error),
        }),
    }
}

/// Why the kernel did not give `what`.
fn refused(what: &str, error: &io::Error) -> Trouble {
    let help = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "start as root (`[server] user` drops it afterwards), or with the capabilities CAP_NET_ADMIN, CAP_NET_RAW and \
             CAP_BPF"
        }
        Some(libc::ENOBUFS | libc::ENOMEM) => {
            "allow more locked memory (`LimitMEMLOCK=infinity` in the service's unit): 6 MiB for each queue"
        }
        Some(libc::EBUSY) => "another program has that queue: end it, or give it another interface",
        Some(libc::EAFNOSUPPORT | libc::ENOSYS | libc::ENOPROTOOPT) => {
            "the kernel is built without XDP_SOCKETS or BPF_SYSCALL"
        }
        _ => "see docs/manual/xdp.md for what drivers and kernels must offer",
    };
    Trouble::new(format!("the kernel refuses {what}: {error}"), help)
}
