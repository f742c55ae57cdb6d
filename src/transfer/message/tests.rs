//! Reading back what was written, and what others write.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::{Header, MESSAGE_LEN_MAX, MessageError, MessageWriter, Question, Reader, read_name};
use crate::wire::{Full, Name, Section, class, rtype};
use crate::zone::Record;
use hickory_proto::op::Message;
use proptest::prelude::*;

fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes(), None).unwrap()
}

fn record(owner: &str, rtype: u16, data: &[u8]) -> Record {
    Record { owner: name(owner), rtype, ttl: 300, data: data.into() }
}

fn question() -> Question {
    Question { name: name("Example.com."), qtype: rtype::AXFR, qclass: class::IN }
}

const HEADER: Header = Header { id: 0x1234, flags: 0x0100, counts: [1, 0, 0, 0] };

#[test]
fn records_come_back_as_they_were_written() {
    let mut writer = MessageWriter::response(&HEADER, Some(&question()), MESSAGE_LEN_MAX);
    let mx = [&[0, 10][..], name("mail.example.com.").as_wire()].concat();
    let records = [
        record("Example.com.", 1, &[192, 0, 2, 1]),
        record("www.Example.com.", 15, &mx),
        record("WWW.example.com.", 16, b"\x03abc"),
        record("a.www.Example.com.", 65_280, b"anything"),
        record(".", 2, name("a.root-servers.net.").as_wire()),
    ];
    for record in &records {
        writer.push(Section::Answer, record).unwrap();
    }
    writer.push_opt(1232, true, Some((18, "no")));
    let message = writer.finish();
    let read: Vec<_> = Reader::new(&message).unwrap().rest().unwrap();
    assert_eq!(read.iter().filter(|r| r.rtype == rtype::OPT).count(), 1);
    let back: Vec<_> = read.into_iter().filter(|r| r.section == Section::Answer).map(|r| r.into_record()).collect();
    assert_eq!(back, records);
    // Names are equal whatever their letter case; that it is kept shows in their octets.
    assert!(back.iter().zip(&records).all(|(a, b)| a.owner.as_wire() == b.owner.as_wire()));
    let theirs = Message::from_vec(&message).unwrap();
    assert_eq!((theirs.answers.len(), theirs.edns.is_some()), (5, true));
    // The apex is one pointer, `www` under it one label and a pointer.
    assert!(message.len() < 12 + 17 + (2 + 14) + (6 + 10 + 20) + (1 + 16 + 14 + 4) + (4 + 10 + 8) + (11 + 20) + 32);
}

#[test]
fn a_name_goes_through_so_many_pointers_and_no_more() {
    // The root, and pointers each of which leads to the one before.
    let mut message = vec![0];
    for number in 0..128_u16 {
        let target = 0xc000 | (2 * number).saturating_sub(1);
        message.extend_from_slice(&target.to_be_bytes());
    }
    assert_eq!(read_name(&message, 1 + 2 * 126), Ok((name("."), 1 + 2 * 127)));
    assert_eq!(read_name(&message, 1 + 2 * 127), Err(MessageError::Name));
}

#[test]
fn names_in_data_are_compressed_in_the_types_of_rfc1035_alone() {
    let target = name("mail.example.com.");
    let len_of = |rtype: u16, data: &[u8]| {
        let mut writer = MessageWriter::response(&HEADER, None, MESSAGE_LEN_MAX);
        let before = writer.octet_count();
        writer.push(Section::Answer, &record("mail.example.com.", rtype, data)).unwrap();
        let message = writer.finish();
        let back = Reader::new(&message).unwrap().rest().unwrap().remove(0);
        assert_eq!(&*back.data, data);
        assert!(Message::from_vec(&message).is_ok());
        message.len() - before
    };
    let spelled = target.as_wire().len() + 10 + target.as_wire().len();
    let mx = [&[0, 10][..], target.as_wire()].concat();
    let soa = [target.as_wire(), target.as_wire(), &[0; 20]].concat();
    let srv = [&[0; 6][..], target.as_wire()].concat();
    assert_eq!(len_of(2, target.as_wire()), spelled - target.as_wire().len() + 2);
    assert_eq!(len_of(15, &mx), spelled + 2 - target.as_wire().len() + 2);
    assert_eq!(len_of(6, &soa), target.as_wire().len() + 10 + 2 + 2 + 20);
    assert_eq!(len_of(33, &srv), spelled + 6);
    assert_eq!(len_of(39, target.as_wire()), spelled, "DNAME");
}

#[test]
fn what_does_not_fit_leaves_no_trace() {
    let big = record("b.example.com.", 16, &[&[255][..], &[b'x'; 255]].concat());
    let mut writer = MessageWriter::response(&HEADER, Some(&question()), 300);
    writer.push(Section::Answer, &record("a.example.com.", 1, &[192, 0, 2, 1])).unwrap();
    let before = writer.octet_count();
    assert_eq!(writer.push(Section::Answer, &big), Err(Full));
    assert_eq!((writer.octet_count(), writer.record_count()), (before, 1));
    // A name that would have stood there is not pointed to.
    writer.push(Section::Answer, &record("c.b.example.com.", 1, &[192, 0, 2, 2])).unwrap();
    let message = writer.finish();
    let owners: Vec<_> = Reader::new(&message).unwrap().map(|r| r.unwrap().owner.to_string()).collect();
    assert_eq!(owners, ["a.example.com.", "c.b.example.com."]);
}

#[test]
fn names_beyond_the_reach_of_pointers_are_spelled_out() {
    let mut writer = MessageWriter::response(&HEADER, Some(&question()), MESSAGE_LEN_MAX);
    let text = [&[255][..], &[b'x'; 255]].concat();
    let mut count = 0;
    while writer.push(Section::Answer, &record(&format!("n{count}.sub.example.com."), 16, &text)).is_ok() {
        count += 1;
    }
    let message = writer.finish();
    let read: Vec<_> = Reader::new(&message).unwrap().rest().unwrap();
    assert_eq!(read.len(), count);
    for (at, record) in read.iter().enumerate() {
        assert_eq!(record.owner, name(&format!("n{at}.sub.example.com.")));
    }
}

#[test]
fn rfc3597_names_are_decompressed_in_the_types_it_names() {
    // A message whose question is `example.com.`, with pointers to it in data.
    let data_of = |rtype: u16, data: &[u8]| {
        let fixed = [&[0xc0, 12][..], &rtype.to_be_bytes(), &[0, 1, 0, 0, 0, 9]].concat();
        let record = [&fixed[..], &(data.len() as u16).to_be_bytes(), data].concat();
        let header = [0, 0, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0];
        let message = [&header[..], name("example.com.").as_wire(), &[0, 6, 0, 1], &record].concat();
        Reader::new(&message).unwrap().rest().map(|records| records[0].data.to_vec())
    };
    let whole = name("a.example.com.").as_wire().to_vec();
    let pointed = b"\x01a\xc0\x0c";
    let soa = |a: &[u8], b: &[u8]| [a, b, &[7; 20]].concat();
    assert_eq!(data_of(6, &soa(pointed, pointed)).unwrap(), soa(&whole, &whole));
    assert_eq!(data_of(2, pointed).unwrap(), whole);
    assert_eq!(data_of(33, &[&[0; 6], &pointed[..]].concat()).unwrap(), [&[0; 6], &whole[..]].concat());
    let naptr = b"\0\x01\0\x02\x01S\x03E2U\x00";
    assert_eq!(data_of(35, &[&naptr[..], pointed].concat()).unwrap(), [&naptr[..], &whole].concat());
    assert_eq!(data_of(17, &[&pointed[..], pointed].concat()).unwrap(), [&whole[..], &whole].concat());
    assert_eq!(
        data_of(24, &[&[1; 18], &pointed[..], b"sig"].concat()).unwrap(),
        [&[1; 18], &whole[..], b"sig"].concat()
    );
    // Of types nobody knows no octet is a name.
    assert_eq!(data_of(65_281, pointed).unwrap(), pointed);
    for (rtype, data) in [(2, &b"\x01a"[..]), (2, b""), (15, b"\x00"), (6, b"\x00"), (2, b"\xc0\xff")] {
        assert!(data_of(rtype, data).is_err(), "{rtype} {data:x?}");
    }
}

#[test]
fn updates_name_rrsets_without_data() {
    let mut writer = MessageWriter::request(7, 5 << 11, &question(), 512);
    writer.push_parts(Section::Authority, &name("www.example.com."), rtype::A, class::ANY, 0, &[]).unwrap();
    let message = writer.finish();
    let read = Reader::new(&message).unwrap().rest().unwrap();
    assert_eq!((read[0].section, read[0].class, read[0].data.len()), (Section::Authority, class::ANY, 0));
}

#[test]
fn pointers_that_lead_nowhere_are_errors() {
    for octets in [&b"\xc0\x00"[..], b"\x01a\xc0\x02", b"\x01a\xc0\x09", b"\x01a", b"\x40", b"\xc0"] {
        assert_eq!(read_name(octets, 0), Err(MessageError::Name), "{octets:x?}");
    }
    // 128 labels by pointers: longer than a name may be.
    let mut octets = vec![0];
    for at in 0..130_u16 {
        let to = if at == 0 { 0 } else { 1 + 4 * (at - 1) };
        octets.extend_from_slice(&[1, b'a']);
        octets.extend_from_slice(&(0xc000 | to).to_be_bytes());
    }
    assert!(read_name(&octets, 1 + 4 * 126).is_ok());
    assert_eq!(read_name(&octets, 1 + 4 * 127), Err(MessageError::Name));
}

proptest! {
    #[test]
    fn no_octets_make_the_reader_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(reader) = Reader::new(&octets) {
            let _ = reader.rest();
        }
    }

    #[test]
    fn no_damage_makes_the_reader_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut writer = MessageWriter::response(&HEADER, Some(&question()), 512);
        writer.push(Section::Answer, &record("x.example.com.", 2, name("ns.example.com.").as_wire())).unwrap();
        let mut octets = writer.finish();
        for (at, octet) in damage {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        if let Ok(reader) = Reader::new(&octets) {
            let _ = reader.rest();
        }
    }
}
