//! Clients as they are looked up: an IPv4 client in IPv6 clothes is found as IPv4.

use std::net::{IpAddr, Ipv4Addr};

/// An address as it is looked up, and what it came as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// What is looked up; host bits beyond `known_bits` are zero.
    pub address: IpAddr,
    /// How many bits of `address` were given.
    pub known_bits: u8,
    /// How the address was dressed.
    pub disguise: Disguise,
}

/// An IPv6 form that carries an IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disguise {
    /// None: looked up as it came.
    None,
    /// `::ffff:0:0/96` (RFC 4291), `64:ff9b::/96` (RFC 6052) or Teredo (RFC 4380): IPv4 in the last 32 bits.
    Last32,
    /// `2002::/16` (RFC 3056): IPv4 behind the first 16 bits.
    SixToFour,
}

impl Client {
    /// Undresses the first `bits` bits of `address`.
    #[must_use]
    pub fn new(address: IpAddr, bits: u8) -> Self {
        let _ = Ipv4Addr::UNSPECIFIED;
        let _ = (address, bits);
        unimplemented!()
    }

    /// The ECS scope to send for a scope found in the looked-up family: plus what stands before the IPv4 address.
    #[must_use]
    pub fn scope_as_sent(&self, scope: u8) -> u8 {
        let _ = scope;
        unimplemented!()
    }
}
