//! Frames for tests, put together field by field, and the checksum by its definition. Shares nothing with the code under test.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::net::{IpAddr, SocketAddr};

/// The checksum of RFC 1071 over all parts in a row; each but the last has an even number of octets.
pub fn plain_checksum(parts: &[&[u8]]) -> u16 {
    let octets = parts.concat();
    let mut sum = 0_u32;
    for pair in octets.chunks(2) {
        sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u32::from(low));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// A query in a frame.
#[derive(Clone, Debug)]
pub struct Query {
    /// Receiver and sender in the Ethernet header.
    pub hardware: ([u8; 6], [u8; 6]),
    /// A VLAN tag.
    pub tag: Option<u16>,
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub message: Vec<u8>,
    pub checksum: bool,
    pub ttl: u8,
    pub identification: u16,
    pub padding: usize,
}

impl Query {
    pub fn new(source: SocketAddr, destination: SocketAddr, message: &[u8]) -> Self {
        let hardware = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let message = message.to_vec();
        Self {
            hardware,
            tag: None,
            source,
            destination,
            message,
            checksum: true,
            ttl: 64,
            identification: 0,
            padding: 0,
        }
    }

    pub fn between(source: &str, destination: &str, message: &[u8]) -> Self {
        Self::new(source.parse().unwrap(), destination.parse().unwrap(), message)
    }

    pub fn tagged(mut self, tag: u16) -> Self {
        self.tag = Some(tag);
        self
    }

    pub fn without_checksum(mut self) -> Self {
        self.checksum = false;
        self
    }

    pub fn with_ttl(mut self, ttl: u8) -> Self {
        self.ttl = ttl;
        self
    }

    pub fn with_identification(mut self, identification: u16) -> Self {
        self.identification = identification;
        self
    }

    /// With octets behind the packet, as short frames have on a wire.
    pub fn padded(&self, padding: usize) -> Self {
        Self { padding, ..self.clone() }
    }

    /// The whole frame.
    pub fn frame(&self) -> Vec<u8> {
        let mut frame = [self.hardware.0, self.hardware.1].concat();
        if let Some(tag) = self.tag {
            frame.extend([0x81, 0x00]);
            frame.extend(tag.to_be_bytes());
        }
        let octets = |address: IpAddr| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        let (from, to) = (octets(self.source.ip()), octets(self.destination.ip()));
        let datagram = self.datagram(&[&from[..], &to[..]].concat());
        if self.source.is_ipv4() {
            frame.extend([0x08, 0x00]);
            let mut header = vec![0x45, 0];
            header.extend((20 + datagram.len() as u16).to_be_bytes());
            header.extend(self.identification.to_be_bytes());
            header.extend([0x40, 0, self.ttl, 17, 0, 0]);
            header.extend(from.iter().chain(&to));
            let checksum = plain_checksum(&[&header]).to_be_bytes();
            header[10..12].copy_from_slice(&checksum);
            frame.extend(header);
        } else {
            frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
            frame.extend((datagram.len() as u16).to_be_bytes());
            frame.extend([17, self.ttl]);
            frame.extend(from.iter().chain(&to));
        }
        frame.extend(datagram);
        frame.extend(vec![0; self.padding]);
        frame
    }

    fn datagram(&self, addresses: &[u8]) -> Vec<u8> {
        let len = (8 + self.message.len() as u16).to_be_bytes();
        let mut datagram = self.source.port().to_be_bytes().to_vec();
        datagram.extend(self.destination.port().to_be_bytes());
        datagram.extend(len);
        datagram.extend([0, 0]);
        datagram.extend(&self.message);
        if self.checksum {
            let checksum = plain_checksum(&[addresses, &[0, 17], &len, &datagram]);
            let checksum = if checksum == 0 { 0xffff } else { checksum };
            datagram[6..8].copy_from_slice(&checksum.to_be_bytes());
        }
        datagram
    }
}
