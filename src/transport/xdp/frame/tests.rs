//! Frames of queries and replies, built and read another way than the code does.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::{Checksums, Datagram, FRAME_LEN_MAX, Refused};
use crate::transport::xdp::samples::{Query, plain_checksum};
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};

const OURS: [u8; 6] = [0x02, 0, 0, 0, 0, 1];
const THEIRS: [u8; 6] = [0x02, 0, 0, 0, 0, 2];

fn parsed(frame: &[u8]) -> Result<Datagram, Refused> {
    Datagram::parse(frame, Checksums::Whole)
}

/// What is in a frame: hardware addresses, tag, source, destination, TTL and message; checksums and lengths must fit.
#[derive(Debug, PartialEq)]
struct Read<'f> {
    to: &'f [u8],
    from: &'f [u8],
    tag: Option<u16>,
    source: SocketAddr,
    destination: SocketAddr,
    hops: u8,
    message: &'f [u8],
}

/// Reads a whole frame from its start to its end.
fn read(frame: &[u8]) -> Read<'_> {
    let number = |octets: &[u8]| u16::from_be_bytes([octets[0], octets[1]]);
    let (to, rest) = frame.split_at(6);
    let (from, mut rest) = rest.split_at(6);
    let mut tag = None;
    if number(rest) == 0x8100 {
        tag = Some(number(&rest[2..]));
        rest = &rest[4..];
    }
    let (kind, packet) = (number(rest), &rest[2..]);
    let address = |octets: &[u8]| match octets.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(octets).unwrap()),
        _ => IpAddr::from(<[u8; 16]>::try_from(octets).unwrap()),
    };
    let (source, destination, hops, datagram) = if kind == 0x0800 {
        assert_eq!((packet[0], usize::from(number(&packet[2..])), packet[9]), (0x45, packet.len(), 17));
        assert_eq!(number(&packet[6..]), 0, "neither DF nor a fragment");
        assert_eq!(plain_checksum(&[&packet[..20]]), 0);
        (address(&packet[12..16]), address(&packet[16..20]), packet[8], &packet[20..])
    } else {
        assert_eq!(kind, 0x86dd);
        assert_eq!((packet[0], usize::from(number(&packet[4..])), packet[6]), (0x60, packet.len() - 40, 17));
        (address(&packet[8..24]), address(&packet[24..40]), packet[7], &packet[40..])
    };
    assert_eq!(usize::from(number(&datagram[4..])), datagram.len());
    assert_ne!(number(&datagram[6..]), 0, "there is a checksum");
    let addresses = [source, destination].map(|address| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    });
    let len = (datagram.len() as u16).to_be_bytes();
    assert_eq!(plain_checksum(&[&addresses[0], &addresses[1], &[0, 17], &len, datagram]), 0);
    let (source, destination) =
        (SocketAddr::new(source, number(datagram)), SocketAddr::new(destination, number(&datagram[2..])));
    Read { to, from, tag, source, destination, hops, message: &datagram[8..] }
}

fn reply_to(query: &Query, message: &[u8], identification: u16) -> Vec<u8> {
    let mut frame = query.frame();
    let datagram = parsed(&frame).unwrap();
    frame.resize(datagram.reply_len(message.len()), 0xee);
    datagram.write_reply(&mut frame, message, identification);
    frame
}

#[test]
fn a_frame_written_by_hand_is_read_as_it_is() {
    // `www.example. A` from 192.0.2.9, port 4660, to 192.0.2.53: checksums taken from the definition by hand.
    let message = [
        0xab, 0xcd, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, b'w', b'w', b'w', 7, b'e', b'x', b'a', b'm', b'p', b'l', b'e',
        0, 0, 1, 0, 1,
    ];
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00];
    frame.extend([0x45, 0, 0, 57, 0, 0, 0x40, 0, 63, 17, 0xb7, 0x75, 192, 0, 2, 9, 192, 0, 2, 53]);
    frame.extend([0x12, 0x34, 0, 53, 0, 37, 0, 0]);
    frame.extend(message);
    let datagram = parsed(&frame).unwrap();
    assert_eq!(datagram.source, "192.0.2.9:4660".parse().unwrap());
    assert_eq!(datagram.destination, "192.0.2.53:53".parse().unwrap());
    assert_eq!(frame[datagram.message.clone()], message);
    assert_eq!(
        Query::between("192.0.2.9:4660", "192.0.2.53:53", &message).without_checksum().with_ttl(63).frame(),
        frame
    );
}

#[test]
fn what_is_no_plain_datagram_of_a_query_is_refused() {
    let v4 = Query::between("192.0.2.9:4660", "192.0.2.53:53", &[0; 40]).frame();
    let v6 = Query::between("[2001:db8::9]:4660", "[2001:db8::53]:53", &[0; 40]).frame();
    let tagged = Query::between("192.0.2.9:4660", "192.0.2.53:53", &[0; 40]).tagged(7).frame();
    assert!([&v4, &v6, &tagged].iter().all(|frame| parsed(frame).is_ok()));
    // Where, what, and of which frame.
    let changes: [(&[u8], usize, u8, &str); 12] = [
        (&v4, 12, 0x86, "another protocol"),
        (&v4, 14, 0x46, "an IP option"),
        (&v4, 20, 0x20, "more fragments"),
        (&v4, 21, 0x01, "a later fragment"),
        (&v4, 23, 6, "TCP"),
        (&v4, 17, 200, "longer than the frame"),
        (&v4, 39, 47, "UDP longer than its packet"),
        (&v4, 44, 0x28, "opcode UPDATE"),
        (&v6, 14, 0x40, "another version"),
        (&v6, 20, 0, "an extension header"),
        (&v6, 60, 0, "half a checksum"),
        (&tagged, 16, 0x81, "a second tag"),
    ];
    for (frame, at, octet, what) in changes {
        let mut frame = frame.to_vec();
        frame[at] = octet;
        assert!(parsed(&frame).is_err(), "{what}");
    }
    let mut without = v6.clone();
    without[60..62].fill(0);
    assert_eq!(parsed(&without), Err(Refused::Form), "IPv6 without a checksum");
    let short = Query::between("192.0.2.9:4660", "192.0.2.53:53", &[0; 11]).frame();
    assert_eq!(parsed(&short), Err(Refused::Form), "half a header");
}

#[test]
fn nobody_is_answered_where_nobody_can_be() {
    let to = ["192.0.2.53:53", "[2001:db8::53]:53"];
    for (from, to) in [
        ("0.0.0.0:1", to[0]),
        ("127.0.0.1:1", to[0]),
        ("224.0.0.1:1", to[0]),
        ("255.255.255.255:1", to[0]),
        ("192.0.2.53:53", to[0]),
        ("192.0.2.9:0", to[0]),
        ("[::]:1", to[1]),
        ("[::1]:1", to[1]),
        ("[ff02::1]:1", to[1]),
        ("[2001:db8::53]:1", to[1]),
        ("[2001:db8::9]:0", to[1]),
    ] {
        assert_eq!(parsed(&Query::between(from, to, &[0; 12]).frame()), Err(Refused::Source), "{from}");
    }
}

#[test]
fn a_partial_checksum_is_taken_where_senders_leave_one() {
    for (from, to) in [("192.0.2.9:4660", "192.0.2.53:53"), ("[2001:db8::9]:4660", "[2001:db8::53]:53")] {
        let mut frame = Query::between(from, to, &[0x81; 24]).frame();
        let at = parsed(&frame).unwrap().message.start - 2;
        // The complement of the sum of addresses, protocol and length: what a sender leaves for hardware to complete.
        let addresses = if from.starts_with('[') { frame[22..54].to_vec() } else { frame[26..34].to_vec() };
        let sum = !plain_checksum(&[&addresses, &[0, 17, 0, 32]]);
        frame[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(parsed(&frame), Err(Refused::Checksum));
        assert!(Datagram::parse(&frame, Checksums::MayBePartial).is_ok());
        frame[at] ^= 1;
        assert_eq!(Datagram::parse(&frame, Checksums::MayBePartial), Err(Refused::Checksum));
    }
}

#[test]
fn a_checksum_that_comes_to_zero_is_sent_as_all_ones() {
    let query = Query::between("192.0.2.9:4660", "192.0.2.53:53", &[0; 12]);
    let mut zeros = 0;
    for number in 0..=u16::MAX {
        let frame = reply_to(&query, &number.to_be_bytes(), 0);
        assert_ne!(frame[40..42], [0, 0]);
        zeros += u32::from(frame[40..42] == [0xff, 0xff]);
    }
    assert_eq!(zeros, 1);
}

fn address() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let v4 = (1_u8..=223, any::<[u8; 3]>(), any::<[u8; 4]>())
        .prop_filter("nobody's", |(first, ..)| *first != 127)
        .prop_map(|(a, [b, c, d], to)| (IpAddr::from([a, b, c, d]), IpAddr::from(to)));
    let v6 = (0x20_u8..=0xfd, any::<[u8; 15]>(), any::<[u8; 16]>()).prop_map(|(first, rest, to)| {
        let mut from = [first; 16];
        from[1..].copy_from_slice(&rest);
        (IpAddr::from(from), IpAddr::from(to))
    });
    let distinct = prop_oneof![v4, v6].prop_filter("our own", |(from, to)| from != to);
    (distinct, 1..=u16::MAX, any::<u16>())
        .prop_map(|((from, to), source, port)| (SocketAddr::new(from, source), SocketAddr::new(to, port)))
}

prop_compose! {
    fn query()(
        (source, destination) in address(),
        mut message in prop::collection::vec(any::<u8>(), 12..400),
        tag in prop::option::of(any::<u16>()),
        identification: u16,
        padding in 0_usize..20,
    ) -> Query {
        message[2] &= 0x87;
        let mut query = Query::new(source, destination, &message).with_identification(identification).padded(padding);
        query.tag = tag;
        query.hardware = (OURS, THEIRS);
        query
    }
}

proptest! {
    #[test]
    fn every_query_is_read_as_it_was_sent(query in query()) {
        let frame = query.frame();
        let datagram = parsed(&frame).unwrap();
        prop_assert_eq!((datagram.source, datagram.destination), (query.source, query.destination));
        prop_assert_eq!(&frame[datagram.message], &query.message[..]);
    }

    #[test]
    fn every_reply_goes_back_the_way_that_its_query_came(
        query in query(),
        message in prop::collection::vec(any::<u8>(), 0..1400),
        identification: u16,
    ) {
        let frame = reply_to(&query, &message, identification);
        prop_assert!(frame.len() <= FRAME_LEN_MAX);
        let read = read(&frame);
        let wanted = Read {
            to: &THEIRS,
            from: &OURS,
            tag: query.tag,
            source: query.destination,
            destination: query.source,
            hops: 64,
            message: &message,
        };
        prop_assert_eq!(read, wanted);
        let header_len = if query.source.is_ipv4() { 28 } else { 48 };
        let packet_len = parsed(&query.frame()).unwrap().reply_packet_len(message.len());
        prop_assert_eq!(packet_len, header_len + message.len());
    }

    #[test]
    fn no_single_flipped_bit_passes(query in query(), at: prop::sample::Index, bit in 0_u8..8) {
        let mut frame = query.padded(0).frame();
        let start = if query.tag.is_some() { 18 } else { 14 };
        // Of the addresses, the datagram and, in IPv4, the header; what stands before changes where the frame goes.
        let from = start + if query.source.is_ipv4() { 0 } else { 8 };
        let at = from + at.index(frame.len() - from);
        frame[at] ^= 1 << bit;
        // One bit may make of a checksum the 0 that says there is none.
        let checksum_at = parsed(&query.frame()).unwrap().message.start - 2;
        prop_assume!(frame[checksum_at..checksum_at + 2] != [0, 0]);
        prop_assert!(parsed(&frame).is_err(), "octet {at}");
    }

    #[test]
    fn no_frame_makes_it_panic(mut frame in prop::collection::vec(any::<u8>(), 0..200), kind in 0..3) {
        if let (Some(place), kind) = (frame.get_mut(12..15), kind) {
            place.copy_from_slice(&[[0x08, 0, 0x45], [0x86, 0xdd, 0x60], [0x81, 0, 0]][kind as usize]);
        }
        let _ = Datagram::parse(&frame, Checksums::MayBePartial);
    }
}
