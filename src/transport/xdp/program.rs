//! The program that the kernel runs for each frame of an interface: it takes the queries that are for us and passes everything
//! else on. Written as instructions, so that building needs no other compiler. Knows no system calls.
//!
//! A frame is taken when it is for the interface's own hardware address; has at most one VLAN tag; holds a whole IPv4 datagram
//! without options that is no fragment, or a whole IPv6 datagram without extension headers; in it UDP whose length is that of the
//! datagram, with a whole DNS header of opcode QUERY; and when the address map knows its VLAN, destination address and port.
//! What is checked here is checked again in `frame`, which adds checksums, and whether the frame holds as much as the headers say: the
//! kernel lets programs add a number to an address only for those with the capability CAP_PERFMON.

use super::frame::{
    DNS_HEADER_LEN, ETHER_LEN, ETHER_TYPE_AT, FRAME_LEN_MAX, IPV4_LEN, IPV6_LEN, TAG_LEN, UDP_LEN, VLAN_ID_MASK,
};
use std::net::{IpAddr, SocketAddr};

/// One instruction as the kernel reads it: operation, registers, offset, constant.
pub type Instruction = [u8; 8];

/// A key of the address map: the address (IPv4 as `::ffff:a.b.c.d`), the port as in the frame, and the VLAN, 0 for none.
pub type AddressKey = [u8; ADDRESS_KEY_LEN];

/// Octets of a key of the address map.
pub const ADDRESS_KEY_LEN: usize = 20;

/// Says that a frame goes on into the system's own stack (`XDP_PASS`).
pub const PASS: i32 = 2;

/// The key of a destination in the VLAN `vlan`, 0 for frames without a tag.
#[must_use]
pub fn address_key(destination: SocketAddr, vlan: u16) -> AddressKey {
    let address = match destination.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    let mut key = [0; ADDRESS_KEY_LEN];
    key[..16].copy_from_slice(&address.octets());
    key[16..18].copy_from_slice(&destination.port().to_be_bytes());
    key[18..].copy_from_slice(&vlan.to_ne_bytes());
    key
}

// Registers. r1 to r5 do not survive a call; r10 is the end of the stack.
const R0: u8 = 0;
const R1: u8 = 1;
const R2: u8 = 2;
const R3: u8 = 3;
/// Scratch.
const R4: u8 = 4;
/// What was read last.
const R5: u8 = 5;
/// The queue that the frame arrived at.
const QUEUE: u8 = 6;
/// The VLAN.
const VLAN: u8 = 7;
/// The length in the UDP header.
const UDP_LENGTH: u8 = 8;
const STACK: u8 = 10;
/// The frame's first octet, less what a VLAN tag shifts everything by; and its end.
const FRAME: u8 = R2;
const END: u8 = R3;

/// Offsets in the context (`struct xdp_md`).
const CONTEXT_DATA: i16 = 0;
const CONTEXT_DATA_END: i16 = 4;
const CONTEXT_QUEUE: i16 = 16;

/// Where the key lies on the stack, and its parts.
const KEY: i16 = -24;
const KEY_PORT: i16 = KEY + 16;
const KEY_VLAN: i16 = KEY + 18;

/// Helpers of the kernel by their numbers.
const MAP_LOOKUP: i32 = 1;
const REDIRECT_MAP: i32 = 51;

// Operations: class, size or kind, and source.
const LOAD_64_IMMEDIATE: u8 = 0x18;
const LOAD_8: u8 = 0x71;
const LOAD_16: u8 = 0x69;
const LOAD_32: u8 = 0x61;
const STORE_16: u8 = 0x6b;
const STORE_32: u8 = 0x63;
const STORE_32_CONSTANT: u8 = 0x62;
const MOVE: u8 = 0xbf;
const MOVE_CONSTANT: u8 = 0xb7;
const ADD_CONSTANT: u8 = 0x07;
const AND_CONSTANT: u8 = 0x57;
/// From the order of the network; the constant says how many bits.
const FROM_NETWORK: u8 = 0xdc;
const JUMP: u8 = 0x05;
const JUMP_GREATER: u8 = 0x2d;
const JUMP_LESS: u8 = 0xad;
const JUMP_LESS_CONSTANT: u8 = 0xa5;
const JUMP_EQUAL_CONSTANT: u8 = 0x15;
const JUMP_DIFFERENT: u8 = 0x5d;
const JUMP_DIFFERENT_CONSTANT: u8 = 0x55;
/// Compares 32 bits, so that the constant is not taken for a negative number.
const JUMP_DIFFERENT_CONSTANT_32: u8 = 0x56;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// In the place of a source register: the constant is the descriptor of a map.
const IS_MAP: u8 = 1;

/// Where jumps lead.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    /// The frame is not ours.
    Pass,
    /// No VLAN tag, or behind it.
    Untagged,
    /// Not IPv4.
    NotIpv4,
    /// The address is in the key; port and flags have been read.
    Found,
}

#[derive(Default)]
struct Assembler {
    code: Vec<Instruction>,
    jumps: Vec<(usize, Label)>,
    labels: Vec<(Label, usize)>,
}

impl Assembler {
    fn emit(&mut self, operation: u8, to: u8, from: u8, offset: i16, constant: i32) {
        // The two halves of an octet, in the order of this machine.
        let registers = if cfg!(target_endian = "little") { to | from << 4 } else { to << 4 | from };
        let ([o0, o1], [c0, c1, c2, c3]) = (offset.to_ne_bytes(), constant.to_ne_bytes());
        self.code.push([operation, registers, o0, o1, c0, c1, c2, c3]);
    }

    fn load(&mut self, operation: u8, to: u8, from: u8, offset: usize) {
        self.emit(operation, to, from, offset as i16, 0);
    }

    /// Loads two octets of the frame as a number.
    fn load_number(&mut self, to: u8, offset: usize) {
        self.load(LOAD_16, to, FRAME, offset);
        self.emit(FROM_NETWORK, to, 0, 0, 16);
    }

    fn jump(&mut self, operation: u8, left: u8, right: u8, constant: i32, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.emit(operation, left, right, 0, constant);
    }

    /// Passes the frame on unless what was read last is `wanted`.
    fn require(&mut self, wanted: u16) {
        self.jump(JUMP_DIFFERENT_CONSTANT, R5, 0, i32::from(wanted), Label::Pass);
    }

    /// Passes the frame on unless it has `len` octets behind the place that `FRAME` is at.
    fn require_len(&mut self, len: usize) {
        self.emit(MOVE, R4, FRAME, 0, 0);
        self.emit(ADD_CONSTANT, R4, 0, 0, len as i32);
        self.jump(JUMP_GREATER, R4, END, 0, Label::Pass);
    }

    fn load_map(&mut self, to: u8, descriptor: i32) {
        self.emit(LOAD_64_IMMEDIATE, to, IS_MAP, 0, descriptor);
        self.emit(0, 0, 0, 0, 0);
    }

    fn label(&mut self, label: Label) {
        self.labels.push((label, self.code.len()));
    }

    fn finish(mut self) -> Vec<Instruction> {
        for (at, label) in self.jumps {
            let target = self.labels.iter().find(|(name, _)| *name == label).map_or(at, |&(_, target)| target);
            // From the instruction behind the jump.
            let [o0, o1] = ((target - at - 1) as i16).to_ne_bytes();
            self.code[at][2..4].copy_from_slice(&[o0, o1]);
        }
        self.code
    }
}

/// Two octets as a 16-bit load of this machine sees them.
const fn seen(number: u16) -> u16 {
    number.to_be()
}

/// The program for an interface with this hardware address. `addresses` and `queues` are the descriptors of the map of
/// [`AddressKey`]s and of the map of sockets by queue.
#[must_use]
pub fn program(hardware_address: [u8; 6], addresses: i32, queues: i32) -> Vec<Instruction> {
    let mut asm = Assembler::default();
    ethernet(&mut asm, hardware_address);
    ipv4(&mut asm);
    asm.label(Label::NotIpv4);
    ipv6(&mut asm);

    asm.label(Label::Found);
    asm.jump(JUMP_LESS_CONSTANT, UDP_LENGTH, 0, (UDP_LEN + DNS_HEADER_LEN) as i32, Label::Pass);
    asm.emit(AND_CONSTANT, R4, 0, 0, super::frame::OPCODE_MASK.into());
    asm.jump(JUMP_DIFFERENT_CONSTANT, R4, 0, 0, Label::Pass);
    asm.emit(STORE_16, STACK, R5, KEY_PORT, 0);
    asm.emit(STORE_16, STACK, VLAN, KEY_VLAN, 0);
    asm.load_map(R1, addresses);
    asm.emit(MOVE, R2, STACK, 0, 0);
    asm.emit(ADD_CONSTANT, R2, 0, 0, KEY.into());
    asm.emit(CALL, 0, 0, 0, MAP_LOOKUP);
    asm.jump(JUMP_EQUAL_CONSTANT, R0, 0, 0, Label::Pass);
    asm.load_map(R1, queues);
    asm.emit(MOVE, R2, QUEUE, 0, 0);
    // What it says when there is no socket at that queue.
    asm.emit(MOVE_CONSTANT, R3, 0, 0, PASS);
    asm.emit(CALL, 0, 0, 0, REDIRECT_MAP);
    asm.emit(EXIT, 0, 0, 0, 0);

    asm.label(Label::Pass);
    asm.emit(MOVE_CONSTANT, R0, 0, 0, PASS);
    asm.emit(EXIT, 0, 0, 0, 0);
    asm.finish()
}

/// Leaves the type of the packet in R5, and shifts `FRAME` by the length of a VLAN tag.
fn ethernet(asm: &mut Assembler, hardware_address: [u8; 6]) {
    let [h0, h1, h2, h3, h4, h5] = hardware_address;
    asm.load(LOAD_32, QUEUE, R1, CONTEXT_QUEUE as usize);
    asm.load(LOAD_32, FRAME, R1, CONTEXT_DATA as usize);
    asm.load(LOAD_32, END, R1, CONTEXT_DATA_END as usize);
    asm.emit(MOVE, R4, FRAME, 0, 0);
    asm.emit(ADD_CONSTANT, R4, 0, 0, FRAME_LEN_MAX as i32);
    asm.jump(JUMP_LESS, R4, END, 0, Label::Pass);
    asm.require_len(ETHER_LEN + IPV4_LEN + UDP_LEN + DNS_HEADER_LEN);
    asm.load(LOAD_32, R5, FRAME, 0);
    asm.jump(JUMP_DIFFERENT_CONSTANT_32, R5, 0, i32::from_ne_bytes([h0, h1, h2, h3]), Label::Pass);
    asm.load(LOAD_16, R5, FRAME, 4);
    asm.require(u16::from_ne_bytes([h4, h5]));
    asm.emit(MOVE_CONSTANT, VLAN, 0, 0, 0);
    asm.load(LOAD_16, R5, FRAME, ETHER_TYPE_AT);
    asm.jump(JUMP_DIFFERENT_CONSTANT, R5, 0, seen(super::frame::VLAN).into(), Label::Untagged);
    asm.load_number(VLAN, ETHER_TYPE_AT + 2);
    asm.emit(AND_CONSTANT, VLAN, 0, 0, VLAN_ID_MASK.into());
    asm.emit(ADD_CONSTANT, FRAME, 0, 0, TAG_LEN as i32);
    asm.require_len(ETHER_LEN + IPV4_LEN + UDP_LEN + DNS_HEADER_LEN);
    asm.load(LOAD_16, R5, FRAME, ETHER_TYPE_AT);
    asm.label(Label::Untagged);
}

fn ipv4(asm: &mut Assembler) {
    const IP: usize = ETHER_LEN;
    const UDP: usize = IP + IPV4_LEN;
    asm.jump(JUMP_DIFFERENT_CONSTANT, R5, 0, seen(super::frame::IPV4).into(), Label::NotIpv4);
    asm.load(LOAD_8, R5, FRAME, IP);
    asm.require(super::frame::IPV4_START.into());
    asm.load(LOAD_16, R5, FRAME, IP + 6);
    asm.emit(AND_CONSTANT, R5, 0, 0, seen(super::frame::FRAGMENT_MASK).into());
    asm.require(0);
    asm.load(LOAD_8, R5, FRAME, IP + 9);
    asm.require(super::frame::UDP.into());
    asm.load_number(R5, IP + 2);
    asm.load_number(UDP_LENGTH, UDP + 4);
    asm.emit(MOVE, R4, UDP_LENGTH, 0, 0);
    asm.emit(ADD_CONSTANT, R4, 0, 0, IPV4_LEN as i32);
    asm.jump(JUMP_DIFFERENT, R4, R5, 0, Label::Pass);
    for word in [0, 4] {
        asm.emit(STORE_32_CONSTANT, STACK, 0, KEY + word, 0);
    }
    asm.emit(STORE_32_CONSTANT, STACK, 0, KEY + 8, i32::from_ne_bytes([0, 0, 0xff, 0xff]));
    asm.load(LOAD_32, R5, FRAME, IP + 16);
    asm.emit(STORE_32, STACK, R5, KEY + 12, 0);
    asm.load(LOAD_16, R5, FRAME, UDP + 2);
    asm.load(LOAD_8, R4, FRAME, UDP + UDP_LEN + 2);
    asm.jump(JUMP, 0, 0, 0, Label::Found);
}

fn ipv6(asm: &mut Assembler) {
    const IP: usize = ETHER_LEN;
    const UDP: usize = IP + IPV6_LEN;
    asm.require(seen(super::frame::IPV6));
    asm.require_len(ETHER_LEN + IPV6_LEN + UDP_LEN + DNS_HEADER_LEN);
    asm.load(LOAD_8, R5, FRAME, IP);
    asm.emit(AND_CONSTANT, R5, 0, 0, 0xf0);
    asm.require(0x60);
    asm.load(LOAD_8, R5, FRAME, IP + 6);
    asm.require(super::frame::UDP.into());
    asm.load_number(R5, IP + 4);
    asm.load_number(UDP_LENGTH, UDP + 4);
    asm.jump(JUMP_DIFFERENT, UDP_LENGTH, R5, 0, Label::Pass);
    // A checksum is obligatory in IPv6.
    asm.load(LOAD_16, R5, FRAME, UDP + 6);
    asm.jump(JUMP_EQUAL_CONSTANT, R5, 0, 0, Label::Pass);
    for word in [0_i16, 4, 8, 12] {
        asm.load(LOAD_32, R5, FRAME, IP + 24 + word as usize);
        asm.emit(STORE_32, STACK, R5, KEY + word, 0);
    }
    asm.load(LOAD_16, R5, FRAME, UDP + 2);
    asm.load(LOAD_8, R4, FRAME, UDP + UDP_LEN + 2);
}

#[cfg(test)]
#[path = "tests/program.rs"]
mod tests;
