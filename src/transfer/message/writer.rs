//! Writing a message: question, records with compressed names, OPT. Of names in data only those of the types of RFC 1035
//! are compressed, because others are not expected to be (RFC 3597, section 4).

use super::{Header, Question};
use crate::wire::numbers::{HEADER_LEN, OPCODE_QUERY, flag, option};
use crate::wire::response::POINTER_OFFSET_MAX;
use crate::wire::{Full, Name, Rcode, Section, class, rtype};
use crate::zone::Record;
use crate::zone::record_type::{Field, by_code};
use crate::zone::wire_form::field_len;

/// Most octets of a message over TCP.
pub const MESSAGE_LEN_MAX: usize = u16::MAX as usize;

/// The two bits that make a label length a pointer.
const POINTER: u16 = 0xc000;
/// Places where suffixes of names stand in the message: as many as messages of usual size have names, a power of two.
const PLACES: usize = 2048;
/// How many places are looked at for one suffix.
const PROBES: usize = 4;

/// A message being written.
pub struct MessageWriter {
    octets: Vec<u8>,
    len_max: usize,
    flags: u16,
    counts: [u16; 4],
    /// Where suffixes of names stand, by their hash; 0 for none.
    places: Box<[u16; PLACES]>,
}

impl MessageWriter {
    /// An empty message of at most `len_max` octets.
    fn new(id: u16, flags: u16, question: Option<&Question>, len_max: usize) -> Self {
        let mut octets = Vec::with_capacity(512);
        octets.extend_from_slice(&id.to_be_bytes());
        octets.resize(HEADER_LEN, 0);
        let mut writer = Self { octets, len_max, flags, counts: [0; 4], places: Box::new([0; PLACES]) };
        if let Some(question) = question {
            writer.name(question.name.as_wire());
            writer.octets.extend_from_slice(&question.qtype.to_be_bytes());
            writer.octets.extend_from_slice(&question.qclass.to_be_bytes());
            writer.counts[0] = 1;
        }
        writer
    }

    /// The response to a message: ID, OPCODE and, of a query, RD are repeated, and the question where there is one.
    #[must_use]
    pub fn response(to: &Header, question: Option<&Question>, len_max: usize) -> Self {
        let copied = if to.opcode() == OPCODE_QUERY { flag::OPCODE | flag::RD } else { flag::OPCODE };
        Self::new(to.id, flag::QR | (to.flags & copied), question, len_max)
    }

    /// A request with these flags: OPCODE and whatever else it needs.
    #[must_use]
    pub fn request(id: u16, flags: u16, question: &Question, len_max: usize) -> Self {
        Self::new(id, flags, Some(question), len_max)
    }

    /// Sets one of the constants in [`flag`].
    pub const fn set_flag(&mut self, flag: u16) {
        self.flags |= flag;
    }

    /// Sets the response code, as far as the header holds it.
    pub const fn set_rcode(&mut self, rcode: Rcode) {
        self.flags = self.flags & !0xf | rcode.0 & 0xf;
    }

    /// Keeps so many octets of the limit free, for what is added when the message is finished.
    pub const fn keep_free(&mut self, octets: usize) {
        self.len_max = self.len_max.saturating_sub(octets);
    }

    /// Octets so far.
    #[must_use]
    pub const fn octet_count(&self) -> usize {
        self.octets.len()
    }

    /// Octets that may still be added.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.len_max.saturating_sub(self.octets.len())
    }

    /// Records so far.
    #[must_use]
    pub fn record_count(&self) -> usize {
        self.counts[1..].iter().map(|count| usize::from(*count)).sum()
    }

    /// Adds a record of class IN. Sections must be written in order. What does not fit leaves no trace.
    pub fn push(&mut self, section: Section, record: &Record) -> Result<(), Full> {
        self.push_parts(section, &record.owner, record.rtype, class::IN, record.ttl, &record.data)
    }

    /// Adds a record of any class.
    pub fn push_parts(
        &mut self,
        section: Section,
        owner: &Name,
        rtype: u16,
        class: u16,
        ttl: u32,
        data: &[u8],
    ) -> Result<(), Full> {
        let start = self.octets.len();
        self.name(owner.as_wire());
        self.octets.extend_from_slice(&rtype.to_be_bytes());
        self.octets.extend_from_slice(&class.to_be_bytes());
        self.octets.extend_from_slice(&ttl.to_be_bytes());
        let len_at = self.octets.len();
        self.octets.extend_from_slice(&[0; 2]);
        self.data(rtype, data);
        match u16::try_from(self.octets.len() - len_at - 2) {
            Ok(len) => self.octets[len_at..len_at + 2].copy_from_slice(&len.to_be_bytes()),
            Err(_) => {
                self.forget_behind(start);
                return Err(Full);
            }
        }
        let count = &mut self.counts[1 + section as usize];
        if self.octets.len() > self.len_max || *count == u16::MAX {
            self.forget_behind(start);
            return Err(Full);
        }
        *count += 1;
        Ok(())
    }

    /// Cuts the message, and forgets the names that stood behind the cut.
    fn forget_behind(&mut self, end: usize) {
        self.octets.truncate(end);
        for place in self.places.iter_mut().filter(|place| usize::from(**place) >= end) {
            *place = 0;
        }
    }

    /// Adds an OPT record with an Extended DNS Error where there is one, whatever the limit says: room for it is the
    /// caller's to keep.
    pub fn push_opt(&mut self, udp_len: u16, dnssec_ok: bool, error: Option<(u16, &str)>) {
        self.octets.push(0);
        self.octets.extend_from_slice(&rtype::OPT.to_be_bytes());
        self.octets.extend_from_slice(&udp_len.to_be_bytes());
        self.octets.extend_from_slice(&[0, 0, if dnssec_ok { 0x80 } else { 0 }, 0]);
        let error_len = error.map_or(0, |(_, text)| 6 + text.len());
        self.octets.extend_from_slice(&(error_len as u16).to_be_bytes());
        if let Some((code, text)) = error {
            self.octets.extend_from_slice(&option::EXTENDED_ERROR.to_be_bytes());
            self.octets.extend_from_slice(&(2 + text.len() as u16).to_be_bytes());
            self.octets.extend_from_slice(&code.to_be_bytes());
            self.octets.extend_from_slice(text.as_bytes());
        }
        self.counts[3] += 1;
    }

    /// Ends the message.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.octets[2..4].copy_from_slice(&self.flags.to_be_bytes());
        for (at, count) in self.counts.iter().enumerate() {
            self.octets[4 + 2 * at..6 + 2 * at].copy_from_slice(&count.to_be_bytes());
        }
        self.octets
    }

    /// Writes the data of a record, with its names compressed where they may be.
    fn data(&mut self, rtype: u16, data: &[u8]) {
        let fields = by_code(rtype).map_or(&[][..], |known| known.fields);
        let last_name = fields.iter().rposition(|field| *field == Field::CompressibleName);
        let mut rest = data;
        for field in &fields[..last_name.map_or(0, |last| last + 1)] {
            // Broken data goes out as it came in.
            let Some(len) = field_len(*field, rest) else { break };
            match field {
                Field::CompressibleName => self.name(&rest[..len]),
                _ => self.octets.extend_from_slice(&rest[..len]),
            }
            rest = &rest[len..];
        }
        self.octets.extend_from_slice(rest);
    }

    /// Writes a name: its longest suffix that stands in the message already as a pointer. Letter case counts, so that
    /// none is lost (RFC 5936, section 3.4).
    fn name(&mut self, wire: &[u8]) {
        let (offsets, hashes, labels) = suffixes(wire);
        for at in 0..labels {
            let (offset, hash) = (usize::from(offsets[at]), hashes[at]);
            let (found, free) = self.find(&wire[offset..], hash);
            if let Some(found) = found {
                self.octets.extend_from_slice(&(POINTER | found).to_be_bytes());
                return;
            }
            if self.octets.len() <= POINTER_OFFSET_MAX {
                self.places[free] = self.octets.len() as u16;
            }
            let len = 1 + usize::from(wire[offset]);
            self.octets.extend_from_slice(&wire[offset..offset + len]);
        }
        self.octets.push(0);
    }

    /// Where this suffix stands in the message, and the place to note another one at.
    fn find(&self, suffix: &[u8], hash: u32) -> (Option<u16>, usize) {
        let first = hash as usize % PLACES;
        let mut free = first;
        for probe in 0..PROBES {
            let at = (first + probe) % PLACES;
            match self.places[at] {
                0 => return (None, at),
                place if self.stands_at(suffix, place.into()) => return (Some(place), at),
                _ => {}
            }
            free = at;
        }
        (None, free)
    }

    /// Whether the name at `at` of the message is `name`, letter case included.
    fn stands_at(&self, mut name: &[u8], mut at: usize) -> bool {
        loop {
            let Some(&len) = self.octets.get(at) else { return false };
            if len >= 0xc0 {
                let Some(&low) = self.octets.get(at + 1) else { return false };
                at = usize::from(u16::from_be_bytes([len & 0x3f, low]));
                continue;
            }
            let label = 1 + usize::from(len);
            if self.octets.get(at..at + label) != name.get(..label) {
                return false;
            }
            if len == 0 {
                return true;
            }
            (name, at) = (&name[label..], at + label);
        }
    }
}

/// Where the suffixes of a name begin, their hashes, and how many there are but for the root.
fn suffixes(wire: &[u8]) -> ([u8; 128], [u32; 128], usize) {
    let (mut offsets, mut hashes, mut labels) = ([0; 128], [0; 128], 0);
    let mut at = 0;
    while wire[at] != 0 {
        offsets[labels] = at as u8;
        labels += 1;
        at += 1 + usize::from(wire[at]);
    }
    // FNV-1a from the right, so that each suffix takes its own label only.
    let mut hash = 0x811c_9dc5_u32;
    let mut end = at;
    for label in (0..labels).rev() {
        let begin = usize::from(offsets[label]);
        for octet in &wire[begin..end] {
            hash = (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193);
        }
        hashes[label] = hash ^ (hash >> 15);
        end = begin;
    }
    (offsets, hashes, labels)
}
