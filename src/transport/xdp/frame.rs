//! Frames of Ethernet: what a query is in, and how its reply goes back in the same frame. Octets only: knows no interface, no
//! ring and no DNS beyond the length of a header.

use super::checksum::Sum;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

/// Longest frame that is taken, in octets: an Ethernet frame with a VLAN tag, without its check sequence. Longer queries
/// take the sockets.
pub const FRAME_LEN_MAX: usize = ETHER_LEN + TAG_LEN + MTU;
/// The payload of an Ethernet frame, in octets.
pub const MTU: usize = 1500;

/// Octets of the headers.
pub const ETHER_LEN: usize = 14;
pub const TAG_LEN: usize = 4;
pub const IPV4_LEN: usize = 20;
pub const IPV6_LEN: usize = 40;
pub const UDP_LEN: usize = 8;
pub const DNS_HEADER_LEN: usize = 12;

/// Where the type of what is in a frame stands.
pub const ETHER_TYPE_AT: usize = 12;
/// Types of what is in a frame.
pub const IPV4: u16 = 0x0800;
pub const IPV6: u16 = 0x86dd;
pub const VLAN: u16 = 0x8100;
/// The VLAN in a tag; the other bits are its priority.
pub const VLAN_ID_MASK: u16 = 0x0fff;
/// The number of UDP in IP headers.
pub const UDP: u8 = 17;
/// First octet of an IPv4 header without options, and of an IPv6 header of traffic class 0.
pub const IPV4_START: u8 = 0x45;
const IPV6_START: u8 = 0x60;
/// More fragments, or not the first.
pub const FRAGMENT_MASK: u16 = 0x3fff;
/// The opcode in the third octet of a message; 0 is QUERY.
pub const OPCODE_MASK: u8 = 0x78;

/// TTL or hop limit of replies.
const HOPS: u8 = 64;

/// Who sent a datagram to whom, and where it lies in its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The client.
    pub source: SocketAddr,
    /// The address of ours that it asked.
    pub destination: SocketAddr,
    /// The message.
    pub message: Range<usize>,
    /// Where the IP header begins.
    ip_at: usize,
}

/// Why a frame is not answered. The sockets would not have had it either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is not what the kernel's program lets through, or ends before its headers say.
    Form,
    /// A checksum does not fit.
    Checksum,
    /// Nobody can be answered there: no port, or an address that is nobody's or our own.
    Source,
}

/// What is known of the checksums of received frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksums {
    /// They came over a wire.
    Whole,
    /// The sender may be on this machine and have left the sum of its pseudo-header alone, for hardware to complete.
    MayBePartial,
}

fn number(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..at + 2)?.first_chunk().map(|pair| u16::from_be_bytes(*pair))
}

impl Datagram {
    /// Reads a frame that the kernel's program has let through.
    pub fn parse(frame: &[u8], checksums: Checksums) -> Result<Self, Refused> {
        let form = Refused::Form;
        let mut ip_at = ETHER_LEN;
        let mut kind = number(frame, ETHER_TYPE_AT).ok_or(form)?;
        if kind == VLAN {
            ip_at += TAG_LEN;
            kind = number(frame, ETHER_TYPE_AT + TAG_LEN).ok_or(form)?;
        }
        match kind {
            IPV4 => Self::parse_ipv4(frame, ip_at, checksums),
            IPV6 => Self::parse_ipv6(frame, ip_at, checksums),
            _ => Err(form),
        }
    }

    fn parse_ipv4(frame: &[u8], ip_at: usize, checksums: Checksums) -> Result<Self, Refused> {
        let form = Refused::Form;
        let header: &[u8; IPV4_LEN] = frame.get(ip_at..).and_then(<[u8]>::first_chunk).ok_or(form)?;
        let [start, _, l0, l1, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] = *header;
        let is_fragment = u16::from_be_bytes([f0, f1]) & FRAGMENT_MASK != 0;
        if start != IPV4_START || is_fragment || protocol != UDP {
            return Err(form);
        }
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        let datagram = frame.get(ip_at + IPV4_LEN..ip_at + len).ok_or(form)?;
        if !Sum::default().add(header).is_whole() {
            return Err(Refused::Checksum);
        }
        let addresses = Sum::default().add(&header[12..]);
        let (source, destination) = (Ipv4Addr::new(s0, s1, s2, s3), Ipv4Addr::new(d0, d1, d2, d3));
        let parsed = Self::parse_udp(datagram, ip_at, IPV4_LEN, (source.into(), destination.into()))?;
        // 0 says that there is none.
        if number(datagram, 6) != Some(0) {
            check(datagram, addresses, checksums)?;
        }
        let nobody = source.octets()[0] == 0 || source.octets()[0] >= 0xe0 || source.is_loopback();
        if nobody { Err(Refused::Source) } else { Ok(parsed) }
    }

    fn parse_ipv6(frame: &[u8], ip_at: usize, checksums: Checksums) -> Result<Self, Refused> {
        let form = Refused::Form;
        let header: &[u8; IPV6_LEN] = frame.get(ip_at..).and_then(<[u8]>::first_chunk).ok_or(form)?;
        let len = usize::from(u16::from_be_bytes([header[4], header[5]]));
        if header[0] >> 4 != 6 || header[6] != UDP {
            return Err(form);
        }
        let datagram = frame.get(ip_at + IPV6_LEN..ip_at + IPV6_LEN + len).ok_or(form)?;
        let (_, addresses) = header.split_at(8);
        let address = |at: usize| addresses[at..].first_chunk::<16>().map(|&octets| Ipv6Addr::from(octets));
        let (source, destination) = (address(0).ok_or(form)?, address(16).ok_or(form)?);
        let parsed = Self::parse_udp(datagram, ip_at, IPV6_LEN, (source.into(), destination.into()))?;
        if number(datagram, 6) == Some(0) {
            return Err(form);
        }
        check(datagram, Sum::default().add(addresses), checksums)?;
        let nobody = source.is_multicast() || source.is_unspecified() || source.is_loopback();
        if nobody { Err(Refused::Source) } else { Ok(parsed) }
    }

    fn parse_udp(
        datagram: &[u8],
        ip_at: usize,
        ip_len: usize,
        (source, destination): (IpAddr, IpAddr),
    ) -> Result<Self, Refused> {
        let form = Refused::Form;
        let ports = (number(datagram, 0).ok_or(form)?, number(datagram, 2).ok_or(form)?);
        let flags = datagram.get(UDP_LEN + 2).ok_or(form)?;
        let fits = number(datagram, 4).map(usize::from) == Some(datagram.len());
        if !fits || datagram.len() < UDP_LEN + DNS_HEADER_LEN || flags & OPCODE_MASK != 0 {
            return Err(form);
        }
        if ports.0 == 0 || source == destination {
            return Err(Refused::Source);
        }
        let start = ip_at + ip_len;
        Ok(Self {
            source: SocketAddr::new(source, ports.0),
            destination: SocketAddr::new(destination, ports.1),
            message: start + UDP_LEN..start + datagram.len(),
            ip_at,
        })
    }

    /// How long the frame is in which `message_len` octets go back.
    #[must_use]
    pub const fn reply_len(&self, message_len: usize) -> usize {
        self.message.start + message_len
    }

    /// How long the IP packet is in which `message_len` octets go back.
    #[must_use]
    pub const fn reply_packet_len(&self, message_len: usize) -> usize {
        self.reply_len(message_len) - self.ip_at
    }

    /// Makes the frame, which holds the query and is as long as [`Self::reply_len`] says, the one of its reply: addresses
    /// and ports change sides, a VLAN tag stays. `identification` is for IPv4, where paths may make fragments of it.
    pub fn write_reply(&self, frame: &mut [u8], message: &[u8], identification: u16) {
        let udp_len = (UDP_LEN + message.len()) as u16;
        let (ether, packet) = frame.split_at_mut(self.ip_at);
        let (to, from) = ether.split_at_mut(6);
        to.swap_with_slice(&mut from[..6]);
        let (ip, datagram) = packet.split_at_mut(self.message.start - UDP_LEN - self.ip_at);
        let addresses = match ip.first_chunk_mut::<IPV4_LEN>() {
            Some(header) if self.source.is_ipv4() => write_ipv4(header, udp_len, identification),
            _ => write_ipv6(ip, udp_len),
        };
        let [l0, l1] = udp_len.to_be_bytes();
        let ([c0, c1], [s0, s1]) = (self.source.port().to_be_bytes(), self.destination.port().to_be_bytes());
        let header = [s0, s1, c0, c1, l0, l1, 0, 0];
        let (place, payload) = datagram.split_at_mut(UDP_LEN);
        payload.copy_from_slice(message);
        let sum = addresses.number(u16::from(UDP)).number(udp_len).add(&header).add(message);
        place.copy_from_slice(&header);
        place[6..].copy_from_slice(&sum.checksum_or_all_ones());
    }
}

/// Turns the header of a query into that of its reply; returns the sum of the addresses.
fn write_ipv4(header: &mut [u8; IPV4_LEN], udp_len: u16, identification: u16) -> Sum {
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = *header;
    let [l0, l1] = (IPV4_LEN as u16 + udp_len).to_be_bytes();
    let [i0, i1] = identification.to_be_bytes();
    // No DF: fragments are better than nothing where a path is narrow, and no forged ICMP message can do anything.
    *header = [IPV4_START, 0, l0, l1, i0, i1, 0, 0, HOPS, UDP, 0, 0, d0, d1, d2, d3, s0, s1, s2, s3];
    let checksum = Sum::default().add(&header[..]).checksum();
    header[10..12].copy_from_slice(&checksum);
    Sum::default().add(&header[12..])
}

/// The same for IPv6.
fn write_ipv6(header: &mut [u8], udp_len: u16) -> Sum {
    let (fields, addresses) = header.split_at_mut(8);
    let [l0, l1] = udp_len.to_be_bytes();
    fields.copy_from_slice(&[IPV6_START, 0, 0, 0, l0, l1, UDP, HOPS]);
    let (source, destination) = addresses.split_at_mut(16);
    source.swap_with_slice(destination);
    Sum::default().add(addresses)
}

/// Whether the checksum of a UDP datagram fits it and the addresses that it came with.
fn check(datagram: &[u8], addresses: Sum, checksums: Checksums) -> Result<(), Refused> {
    let pseudo_header = addresses.number(u16::from(UDP)).number(datagram.len() as u16);
    if pseudo_header.add(datagram).is_whole() {
        return Ok(());
    }
    let partial = checksums == Checksums::MayBePartial && pseudo_header.equals(&datagram[6..8]);
    if partial { Ok(()) } else { Err(Refused::Checksum) }
}

#[cfg(test)]
#[path = "tests/frame.rs"]
mod tests;
