//! The queries of each work, as they stand on the wire, with id 0.

use super::chance::Chance;
use super::database::Networks;
use super::zones::{ORIGIN, host};
use std::net::Ipv4Addr;

/// Other than that of anything else that is made by chance.
const SEED: u64 = 42;
/// Networks that clients are in.
const SUBNETS: usize = 50_000;
const RTYPE_A: u16 = 1;
const DNSSEC_OK: u16 = 0x8000;

/// What goes with a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opt {
    /// No OPT record.
    None,
    /// One without options, with the DO bit.
    DnssecOk,
    /// One with a client subnet of 24 bits.
    ClientSubnet(Ipv4Addr),
}

/// A query for the address of `label`.example.com.
pub fn query(label: &str, opt: Opt) -> Vec<u8> {
    let has_opt = u8::from(opt != Opt::None);
    let mut octets = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, has_opt];
    for label in label.split('.').chain(ORIGIN.split('.')) {
        octets.push(u8::try_from(label.len()).unwrap());
        octets.extend(label.as_bytes());
    }
    octets.push(0);
    octets.extend(RTYPE_A.to_be_bytes());
    octets.extend([0, 1]);
    let mut push_opt = |flags: u16, options: &[u8]| {
        octets.extend([0, 0, 41]);
        octets.extend(1232_u16.to_be_bytes());
        octets.extend([0, 0]);
        octets.extend(flags.to_be_bytes());
        octets.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
        octets.extend(options);
    };
    match opt {
        Opt::None => {}
        Opt::DnssecOk => push_opt(DNSSEC_OK, &[]),
        Opt::ClientSubnet(subnet) => {
            let [a, b, c, _] = subnet.octets();
            push_opt(0, &[0, 8, 0, 7, 0, 1, 24, 0, a, b, c]);
        }
    }
    octets
}

/// `count` queries for some of so many hosts.
pub fn hosts(hosts: u64, count: usize, opt: Opt) -> Vec<Vec<u8>> {
    let mut chance = Chance(SEED);
    (0..count).map(|_| query(&host(chance.below(hosts)), opt)).collect()
}

/// `count` queries for names that are not there.
pub fn absent(count: usize, opt: Opt) -> Vec<Vec<u8>> {
    let mut chance = Chance(SEED);
    (0..count).map(|_| query(&format!("nx{:09}", chance.below(1_000_000_000)), opt)).collect()
}

/// `count` queries for www, each from some of the networks that clients are in.
pub fn subnets(networks: &Networks, count: usize) -> Vec<Vec<u8>> {
    let mut chance = Chance(SEED);
    let subnets: Vec<Ipv4Addr> = (0..SUBNETS).map(|_| networks.subnet(&mut chance)).collect();
    (0..count).map(|_| query("www", Opt::ClientSubnet(*chance.one_of(&subnets)))).collect()
}

/// `count` queries for names that each have a pool of their own.
pub fn pools(pools: u32, count: usize) -> Vec<Vec<u8>> {
    let mut chance = Chance(SEED);
    (0..count).map(|_| query(&format!("pool{:05}", chance.below(pools.into())), Opt::None)).collect()
}
