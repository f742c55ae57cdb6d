//! The system call `bpf`: maps, a program, and its link to an interface. Knows not what a program does.
#![expect(unsafe_code, reason = "no kept crate loads a program that is no ELF file, and bpf(2) takes pointers")]

use super::program::Instruction;
use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Commands.
const MAP_CREATE: libc::c_int = 0;
const MAP_UPDATE: libc::c_int = 2;
const MAP_DELETE: libc::c_int = 3;
const PROGRAM_LOAD: libc::c_int = 5;
const LINK_CREATE: libc::c_int = 28;

/// Kinds of maps and programs, and what a program is attached to.
const HASH_MAP: u32 = 1;
const SOCKET_MAP: u32 = 17;
const XDP_PROGRAM: u32 = 6;
const XDP_ATTACHMENT: u32 = 37;

/// What the verifier may say of a program, in octets.
const LOG_LEN: usize = 65_536;

/// What tools show as the name of maps and program.
const NAME: [u8; 16] = *b"azimuth\0\0\0\0\0\0\0\0\0";

/// Where an interface runs its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In the driver, before the system makes a packet of the frame (`XDP_FLAGS_DRV_MODE`).
    Native,
    /// In the system's stack, for drivers that cannot (`XDP_FLAGS_SKB_MODE`).
    Generic,
}

#[repr(C)]
struct MapCreate {
    kind: u32,
    key_len: u32,
    value_len: u32,
    entries_max: u32,
    flags: u32,
    inner_map: u32,
    numa_node: u32,
    name: [u8; 16],
}

#[repr(C)]
struct MapElement {
    map: u32,
    _padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
struct ProgramLoad {
    kind: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_len: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attachment: u32,
}

#[repr(C)]
struct LinkCreate {
    program: u32,
    interface: u32,
    attachment: u32,
    flags: u32,
}

/// Calls `bpf` with the attributes that `command` takes.
///
/// # Safety
///
/// `T` must be what `command` reads, and every address in it must lead to as many octets as the kernel takes from there.
unsafe fn call<T>(command: libc::c_int, attributes: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: the length is that of `attributes`, which the kernel may write to; its addresses are the caller's promise.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attributes), size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// The same for commands that give a descriptor.
///
/// # Safety
///
/// As for [`call`], and `command` must be one of those.
unsafe fn open<T>(command: libc::c_int, attributes: &mut T) -> io::Result<OwnedFd> {
    // SAFETY: the caller's promise.
    let descriptor = unsafe { call(command, attributes)? };
    // SAFETY: the kernel has just made it, and nobody else knows of it. Descriptors are `int`.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor as libc::c_int) })
}

/// A map of the kernel from keys of `K` octets to a number.
#[derive(Debug)]
pub struct Map<const K: usize>(OwnedFd);

impl<const K: usize> Map<K> {
    /// A map of anything.
    pub fn of_numbers(entries_max: u32) -> io::Result<Self> {
        Self::create(HASH_MAP, entries_max)
    }

    fn create(kind: u32, entries_max: u32) -> io::Result<Self> {
        let value_len = size_of::<u32>() as u32;
        let mut attributes = MapCreate {
            kind,
            key_len: K as u32,
            value_len,
            entries_max,
            flags: 0,
            inner_map: 0,
            numa_node: 0,
            name: NAME,
        };
        // SAFETY: these are the attributes of that command, and hold no addresses.
        unsafe { open(MAP_CREATE, &mut attributes) }.map(Self)
    }

    /// Sets what is at a key.
    pub fn insert(&self, key: [u8; K], value: u32) -> io::Result<()> {
        let mut attributes = self.element(&key);
        attributes.value = std::ptr::from_ref(&value) as u64;
        // SAFETY: these are the attributes of that command; keys have `K` octets and values four, as the map was made.
        unsafe { call(MAP_UPDATE, &mut attributes) }.map(drop)
    }

    /// Takes a key out.
    pub fn remove(&self, key: [u8; K]) -> io::Result<()> {
        // SAFETY: these are the attributes of that command; keys have `K` octets, as the map was made.
        unsafe { call(MAP_DELETE, &mut self.element(&key)) }.map(drop)
    }

    fn element(&self, key: &[u8; K]) -> MapElement {
        let map = self.descriptor() as u32;
        MapElement { map, _padding: 0, key: std::ptr::from_ref(key) as u64, value: 0, flags: 0 }
    }

    /// What programs know it by while they are loaded.
    pub fn descriptor(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

impl Map<4> {
    /// A map from queues to the descriptors of their sockets.
    pub fn of_sockets(queues: u32) -> io::Result<Self> {
        Self::create(SOCKET_MAP, queues)
    }
}

/// A program that the kernel has found to be harmless.
#[derive(Debug)]
pub struct Program(OwnedFd);

impl Program {
    /// Gives a program to the kernel.
    pub fn load(instructions: &[Instruction]) -> io::Result<Self> {
        Self::load_with_log(instructions, &mut []).or_else(|error| {
            if error.raw_os_error() == Some(libc::EPERM) {
                return Err(error);
            }
            let mut log = vec![0; LOG_LEN];
            let loaded = Self::load_with_log(instructions, &mut log);
            let text = String::from_utf8_lossy(&log);
            tracing::debug!(verifier = text.trim_end_matches('\0'), "the kernel refuses the program");
            loaded
        })
    }

    fn load_with_log(instructions: &[Instruction], log: &mut [u8]) -> io::Result<Self> {
        let mut attributes = ProgramLoad {
            kind: XDP_PROGRAM,
            instruction_count: instructions.len() as u32,
            instructions: instructions.as_ptr() as u64,
            license: c"Dual MIT/GPL".as_ptr() as u64,
            log_level: u32::from(!log.is_empty()),
            log_len: log.len() as u32,
            log: if log.is_empty() { 0 } else { log.as_mut_ptr() as u64 },
            name: NAME,
            attachment: XDP_ATTACHMENT,
            // SAFETY: zero is a valid value for what is left, which is integers.
            ..unsafe { zeroed() }
        };
        // SAFETY: these are the attributes of that command; instructions and log have the lengths that are said, and the
        // licence ends in a NUL.
        unsafe { open(PROGRAM_LOAD, &mut attributes) }.map(Self)
    }
}

/// The link of a program to an interface. When it is dropped, or this process ends, the kernel takes the program off.
#[derive(Debug)]
pub struct Link {
    _descriptor: OwnedFd,
}

impl Link {
    /// Has the interface run the program for each frame from now on.
    pub fn attach(program: &Program, interface: u32, mode: Mode) -> io::Result<Self> {
        let flags = match mode {
            Mode::Generic => 1 << 1,
            Mode::Native => 1 << 2,
        };
        let program = program.0.as_raw_fd() as u32;
        let mut attributes = LinkCreate { program, interface, attachment: XDP_ATTACHMENT, flags };
        // SAFETY: these are the attributes of that command, and hold no addresses.
        unsafe { open(LINK_CREATE, &mut attributes) }.map(|descriptor| Self { _descriptor: descriptor })
    }
}
