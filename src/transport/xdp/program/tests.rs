//! The kernel's program, run by a machine of this file's: what it takes, what it passes on, and that it agrees with what reads
//! its frames afterwards.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::{ADDRESS_KEY_LEN, AddressKey, Instruction, PASS, address_key, program};
use crate::transport::xdp::frame::{Checksums, Datagram, FRAME_LEN_MAX, Refused};
use crate::transport::xdp::samples::Query;
use proptest::prelude::*;
use std::collections::BTreeSet;

const OURS: [u8; 6] = [0x02, 0, 0, 0xff, 0x80, 0x01];
const THEIRS: [u8; 6] = [0x02, 0, 0, 0, 0, 2];
const ADDRESSES: i32 = 70;
const QUEUES: i32 = 71;
/// What the machine says for a frame that goes to a socket (`XDP_REDIRECT`).
const REDIRECT: u64 = 4;
/// Where the machine has a frame, the stack and the context.
const FRAME_AT: u64 = 0x10_0000;
const STACK_END: u64 = 0x20_0000;
const CONTEXT_AT: u64 = 0x30_0000;
const QUEUE: u32 = 3;

/// A machine for the instructions that the program uses. It panics where the kernel's verifier would refuse: outside of frame
/// and stack, at an unknown instruction, and when there is no end.
struct Machine<'f> {
    frame: &'f [u8],
    stack: [u8; 512],
    registers: [u64; 11],
    known: &'f BTreeSet<AddressKey>,
}

impl Machine<'_> {
    fn load(&self, address: u64, len: usize) -> u64 {
        let mut octets = [0; 8];
        match address {
            CONTEXT_AT.. => {
                let end = FRAME_AT + self.frame.len() as u64;
                return [FRAME_AT, end, 0, 0, u64::from(QUEUE)][(address - CONTEXT_AT) as usize / 4];
            }
            FRAME_AT..0x18_0000 => {
                octets[..len].copy_from_slice(&self.frame[(address - FRAME_AT) as usize..][..len]);
            }
            _ => octets[..len].copy_from_slice(&self.stack[(address + 512 - STACK_END) as usize..][..len]),
        }
        u64::from_ne_bytes(octets)
    }

    fn store(&mut self, address: u64, octets: &[u8]) {
        self.stack[(address + 512 - STACK_END) as usize..][..octets.len()].copy_from_slice(octets);
    }

    fn call(&mut self, helper: i32) {
        let [_, r1, r2, r3, ..] = self.registers;
        self.registers[0] = match helper {
            1 => {
                assert_eq!(r1, ADDRESSES as u64);
                let key: Vec<u8> = (0..ADDRESS_KEY_LEN as u64).map(|at| self.load(r2 + at, 1) as u8).collect();
                u64::from(self.known.contains(&*key))
            }
            51 => {
                assert_eq!((r1, r2, r3), (QUEUES as u64, u64::from(QUEUE), PASS as u64));
                REDIRECT
            }
            other => panic!("helper {other}"),
        };
        // The kernel's verifier lets nobody read them after a call.
        self.registers[1..6].fill(u64::MAX);
    }

    fn run(&mut self, code: &[Instruction]) -> u64 {
        let mut at = 0;
        for _ in 0..1000 {
            let [operation, registers, o0, o1, constant @ ..] = code[at];
            let (to, from) = (usize::from(registers & 15), usize::from(registers >> 4));
            let (offset, constant) = (i16::from_ne_bytes([o0, o1]), i32::from_ne_bytes(constant));
            let (left, right, number) = (self.registers[to], self.registers[from], i64::from(constant) as u64);
            at += 1;
            let jumps = match operation {
                0x18 => {
                    assert_eq!(from, 1, "a map");
                    self.registers[to] = number;
                    at += 1;
                    false
                }
                0x61 | 0x69 | 0x71 => {
                    let len = match operation {
                        0x61 => 4,
                        0x69 => 2,
                        _ => 1,
                    };
                    self.registers[to] = self.load(right.wrapping_add_signed(offset.into()), len);
                    false
                }
                0x63 => {
                    self.store(left.wrapping_add_signed(offset.into()), &(right as u32).to_ne_bytes());
                    false
                }
                0x6b => {
                    self.store(left.wrapping_add_signed(offset.into()), &(right as u16).to_ne_bytes());
                    false
                }
                0x62 => {
                    self.store(left.wrapping_add_signed(offset.into()), &constant.to_ne_bytes());
                    false
                }
                0xbf | 0xb7 | 0x07 | 0x57 | 0xdc => {
                    self.registers[to] = match operation {
                        0xbf => right,
                        0xb7 => number,
                        0x07 => left.wrapping_add(number),
                        0x57 => left & number,
                        _ => u64::from(u16::from_be(left as u16)),
                    };
                    false
                }
                0x05 => true,
                0x2d => left > right,
                0xad => left < right,
                0xa5 => left < number,
                0x15 => left == number,
                0x5d => left != right,
                0x55 => left != number,
                0x56 => left as u32 != constant as u32,
                0x85 => {
                    self.call(constant);
                    false
                }
                0x95 => return self.registers[0],
                other => panic!("instruction {other:#x}"),
            };
            if jumps {
                assert!(offset >= 0, "no loops");
                at += offset as usize;
            }
        }
        panic!("no end");
    }
}

/// Whether the program takes a frame, when these destinations are ours.
fn takes_for(frame: &[u8], known: &BTreeSet<AddressKey>) -> bool {
    let mut registers = [0; 11];
    (registers[1], registers[10]) = (CONTEXT_AT, STACK_END);
    let mut machine = Machine { frame, stack: [0xee; 512], registers, known };
    match machine.run(&program(OURS, ADDRESSES, QUEUES)) {
        REDIRECT => true,
        verdict => {
            assert_eq!(verdict, PASS as u64);
            false
        }
    }
}

fn known() -> BTreeSet<AddressKey> {
    let mut known = BTreeSet::new();
    for (destination, vlan) in
        [("192.0.2.53:53", 0), ("[2001:db8::53]:53", 0), ("192.0.2.53:53", 7), ("[2001:db8::53]:53", 4094)]
    {
        known.insert(address_key(destination.parse().unwrap(), vlan));
    }
    known
}

fn takes(frame: &[u8]) -> bool {
    takes_for(frame, &known())
}

fn v4(message: &[u8]) -> Query {
    Query { hardware: (OURS, THEIRS), ..Query::between("192.0.2.9:4660", "192.0.2.53:53", message) }
}

fn v6(message: &[u8]) -> Query {
    Query { hardware: (OURS, THEIRS), ..Query::between("[2001:db8::9]:4660", "[2001:db8::53]:53", message) }
}

#[test]
fn plain_queries_for_our_addresses_are_taken() {
    for message in [&[0; 12][..], &[0; 500]] {
        assert!(takes(&v4(message).frame()));
        assert!(takes(&v4(message).without_checksum().frame()), "IPv4 may go without");
        assert!(takes(&v4(message).padded(18).frame()));
        assert!(takes(&v6(message).frame()));
        // The priority beside the VLAN does not matter.
        assert!(takes(&v4(message).tagged(0xe007).frame()));
        assert!(takes(&v6(message).tagged(4094).frame()));
        assert!(takes(&v6(message).tagged(0x2000).frame()), "a priority alone is no VLAN");
    }
}

#[test]
fn everything_else_is_passed_on() {
    let (plain, plain_v6) = (v4(&[0; 30]).frame(), v6(&[0; 30]).frame());
    // Where, what, and of which frame.
    let changes: [(&[u8], usize, u8, &str); 20] = [
        (&plain, 0, 0x03, "another hardware address"),
        (&plain, 3, 0x7f, "another hardware address"),
        (&plain, 5, 0x02, "another hardware address"),
        (&plain, 12, 0x86, "another protocol"),
        (&plain, 14, 0x46, "an IP option"),
        (&plain, 20, 0x20, "more fragments"),
        (&plain, 21, 0x01, "a later fragment"),
        (&plain, 23, 6, "TCP"),
        (&plain, 17, 200, "longer than the frame"),
        (&plain, 17, 57, "another length than that of UDP"),
        (&plain, 33, 54, "another address"),
        (&plain, 37, 54, "another port"),
        (&plain, 44, 0x28, "opcode UPDATE"),
        (&plain_v6, 14, 0x40, "another version"),
        (&plain_v6, 20, 0, "an extension header"),
        (&plain_v6, 20, 44, "a fragment header"),
        (&plain_v6, 19, 37, "another length than that of UDP"),
        (&plain_v6, 53, 0x54, "another address"),
        (&plain_v6, 57, 54, "another port"),
        (&plain_v6, 64, 0x20, "opcode NOTIFY"),
    ];
    for (frame, at, octet, what) in changes {
        let mut frame = frame.to_vec();
        frame[at] = octet;
        assert!(!takes(&frame), "{what}");
    }
    assert!(!takes(&v6(&[0; 30]).without_checksum().frame()), "IPv6 without a checksum");
    assert!(!takes(&v4(&[0; 30]).tagged(8).frame()), "a VLAN that we have no part in");
    assert!(!takes(&v4(&[0; 30]).tagged(4094).frame()), "of another VLAN");
    let mut twice = v4(&[0; 30]).tagged(7).frame();
    twice.splice(12..12, [0x81, 0, 0, 7]);
    assert!(!takes(&twice), "two tags");
    assert!(!takes(&v4(&[0; 11]).padded(30).frame()), "half a DNS header");
    assert!(!takes(&v6(&[0; 11]).padded(30).frame()), "half a DNS header");
}

#[test]
fn frames_that_would_not_fit_are_passed_on() {
    let longest = FRAME_LEN_MAX - v4(&[]).frame().len();
    assert!(takes(&v4(&vec![0; longest]).frame()));
    assert!(!takes(&v4(&vec![0; longest + 1]).frame()));
}

#[test]
fn every_frame_may_end_everywhere() {
    for whole in [v4(&[0; 12]).frame(), v6(&[0; 12]).frame(), v6(&[0; 12]).tagged(4094).frame()] {
        assert!(takes(&whole));
        for len in 0..whole.len() {
            assert!(!takes(&whole[..len]), "{len}");
        }
    }
}

proptest! {
    #[test]
    fn what_is_taken_has_the_form_that_is_read(
        is_v6: bool,
        tag in prop::option::of(prop_oneof![Just(7_u16), Just(4094), Just(0), any::<u16>()]),
        message in prop::collection::vec(any::<u8>(), 0..60),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        end in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut query = if is_v6 { v6(&message) } else { v4(&message) };
        query.tag = tag;
        let mut frame = query.frame();
        for (at, octet) in changes {
            let at = at.index(frame.len());
            frame[at] = octet;
        }
        if let Some(end) = end {
            frame.truncate(end.index(frame.len()));
        }
        let parsed = Datagram::parse(&frame, Checksums::Whole);
        if takes(&frame) {
            // The program does not see whether the datagram ends before the frame does.
            frame.resize(FRAME_LEN_MAX + 0xffff, 0);
            prop_assert_ne!(Datagram::parse(&frame, Checksums::Whole), Err(Refused::Form));
        } else if let Ok(datagram) = parsed {
            // Read, but not ours.
            let tagged = frame[12..14] == [0x81, 0];
            let vlan = if tagged { u16::from_be_bytes([frame[14], frame[15]]) & 0xfff } else { 0 };
            let is_ours = frame[..6] == OURS && known().contains(&address_key(datagram.destination, vlan));
            prop_assert!(!is_ours || frame.len() > FRAME_LEN_MAX);
        }
    }
}
