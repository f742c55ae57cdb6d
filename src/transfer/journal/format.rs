//! The octets of a journal: a header that says what it builds on, then one frame for each write. Knows no files.
//!
//! All numbers are big-endian. Header: magic, hash of the master files, serial of the zone in them, origin, checksum.
//! Frame: mark, length of the body, checksum of the body, body. Body: steps one behind the other; step: two serials, three
//! counts, then the records that are kept, removed and added. Record: labels below the apex (or a sign that the owner is that
//! of the record before), TYPE, TTL, data in stored form.

use super::Step;
use crate::base::checksum;
use crate::transfer::Delta;
use crate::wire::Name;
use crate::zone::Record;
use crate::zone::record::{from_stored, to_stored};

/// The start of every journal; the last digit is the version of the format.
const MAGIC: [u8; 8] = *b"AZJRNL\n1";
/// The start of every frame.
const MARK: [u8; 4] = *b"\xf5Stp";
/// Octets of a frame in front of its body.
const FRAME_HEAD_LEN: usize = 16;
/// Stands for the owner of the record before it.
const SAME_OWNER: u8 = 255;

/// What a journal builds on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The apex of the zone.
    pub apex: Name,
    /// The hash of what stands in the master files ([`crate::zone::Zone::content_hash`]).
    pub base_hash: u64,
    /// The serial of the zone in them.
    pub base_serial: u32,
}

impl Header {
    /// Its octets.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.base_hash.to_be_bytes());
        out.extend_from_slice(&self.base_serial.to_be_bytes());
        out.push(self.apex.as_wire().len() as u8);
        out.extend_from_slice(self.apex.as_wire());
        let sum = checksum(&out);
        out.extend_from_slice(&sum.to_be_bytes());
        out
    }

    /// Reads it from the start of a journal; returns it with its length. `None` when it is damaged or of another version.
    #[must_use]
    pub fn decode(octets: &[u8]) -> Option<(Self, usize)> {
        let mut input = Input(octets);
        if input.array()? != MAGIC {
            return None;
        }
        let (base_hash, base_serial) = (u64::from_be_bytes(input.array()?), u32::from_be_bytes(input.array()?));
        let [name_len] = input.array()?;
        let name = input.take(name_len.into())?;
        let len = octets.len() - input.0.len();
        if u64::from_be_bytes(input.array()?) != checksum(&octets[..len]) {
            return None;
        }
        let (apex, _) = Name::from_wire(name).ok()?;
        Some((Self { apex, base_hash, base_serial }, len + 8))
    }
}

/// The octets of one frame.
#[must_use]
pub fn encode_frame(steps: &[Step], apex: &Name) -> Vec<u8> {
    let mut out = vec![0; FRAME_HEAD_LEN];
    let mut last_owner = None;
    for Step { delta, kept } in steps {
        out.extend_from_slice(&delta.from.to_be_bytes());
        out.extend_from_slice(&delta.to.to_be_bytes());
        for records in [kept, &delta.removed, &delta.added] {
            out.extend_from_slice(&(records.len() as u32).to_be_bytes());
        }
        for record in kept.iter().chain(&delta.removed).chain(&delta.added) {
            push_record(record, apex, &mut last_owner, &mut out);
        }
    }
    let (head, body) = out.split_at_mut(FRAME_HEAD_LEN);
    head[..4].copy_from_slice(&MARK);
    head[4..8].copy_from_slice(&(body.len() as u32).to_be_bytes());
    head[8..].copy_from_slice(&checksum(body).to_be_bytes());
    out
}

fn push_record<'r>(record: &'r Record, apex: &Name, last_owner: &mut Option<&'r Name>, out: &mut Vec<u8>) {
    if *last_owner == Some(&record.owner) {
        out.push(SAME_OWNER);
    } else {
        let owner = record.owner.as_wire();
        let labels = &owner[..owner.len().saturating_sub(apex.as_wire().len())];
        // At most 254: shorter than a name.
        out.push(labels.len() as u8);
        out.extend_from_slice(labels);
        *last_owner = Some(&record.owner);
    }
    out.extend_from_slice(&record.rtype.to_be_bytes());
    out.extend_from_slice(&record.ttl.to_be_bytes());
    let data = to_stored(record.rtype, &record.data, apex);
    out.extend_from_slice(&(data.len() as u16).to_be_bytes());
    out.extend_from_slice(&data);
}

/// What stands at a place of a journal.
pub enum Frame<'o> {
    /// A frame: its body, and where the next one begins.
    Whole(&'o [u8], usize),
    /// The journal ends here.
    End,
    /// No frame, or a damaged one.
    Damaged,
}

/// Looks at the frame that begins at `at`.
#[must_use]
pub fn frame_at(octets: &[u8], at: usize) -> Frame<'_> {
    let rest = octets.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return Frame::End;
    }
    let whole = || {
        let (head, behind) = rest.split_first_chunk::<FRAME_HEAD_LEN>()?;
        let [m0, m1, m2, m3, l0, l1, l2, l3, sum @ ..] = *head;
        let len = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let body = behind.get(..len)?;
        ([m0, m1, m2, m3] == MARK && checksum(body) == u64::from_be_bytes(sum)).then_some(body)
    };
    whole().map_or(Frame::Damaged, |body| Frame::Whole(body, at + FRAME_HEAD_LEN + body.len()))
}

/// Whether any whole frame begins behind `at`: then what stands at `at` is no torn end, but damage.
#[must_use]
pub fn has_frame_behind(octets: &[u8], at: usize) -> bool {
    let places = octets.windows(MARK.len()).enumerate().skip(at + 1).filter(|(_, window)| *window == MARK);
    places.into_iter().any(|(place, _)| matches!(frame_at(octets, place), Frame::Whole(..)))
}

/// The steps of a frame; `None` when its body is not what it ought to be.
#[must_use]
pub fn decode_body(body: &[u8], apex: &Name) -> Option<Vec<Step>> {
    let mut input = Input(body);
    let (mut steps, mut last_owner) = (Vec::new(), None);
    while !input.0.is_empty() {
        let (from, to) = (u32::from_be_bytes(input.array()?), u32::from_be_bytes(input.array()?));
        let mut counts = [0; 3];
        for count in &mut counts {
            *count = u32::from_be_bytes(input.array()?);
        }
        let mut records = |count: u32| -> Option<Vec<Record>> {
            (0..count).map(|_| read_record(&mut input, apex, &mut last_owner)).collect()
        };
        let (kept, removed, added) = (records(counts[0])?, records(counts[1])?, records(counts[2])?);
        steps.push(Step { delta: Delta { from, to, removed, added }, kept });
    }
    Some(steps)
}

fn read_record(input: &mut Input<'_>, apex: &Name, last_owner: &mut Option<Name>) -> Option<Record> {
    let [labels_len] = input.array()?;
    if labels_len != SAME_OWNER {
        let wire = [input.take(labels_len.into())?, apex.as_wire()].concat();
        *last_owner = Some(Name::from_wire(&wire).ok().filter(|(_, len)| *len == wire.len())?.0);
    }
    let owner = last_owner.clone()?;
    let rtype = u16::from_be_bytes(input.array()?);
    let ttl = u32::from_be_bytes(input.array()?);
    let len = u16::from_be_bytes(input.array()?);
    let data = from_stored(rtype, input.take(len.into())?, apex);
    Some(Record { owner, rtype, ttl, data })
}

/// Octets that are read from the front.
struct Input<'o>(&'o [u8]);

impl<'o> Input<'o> {
    fn take(&mut self, len: usize) -> Option<&'o [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const LEN: usize>(&mut self) -> Option<[u8; LEN]> {
        self.take(LEN)?.try_into().ok()
    }
}
