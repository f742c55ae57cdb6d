//! Reading a message record by record.

use super::{MessageError, data, read_name};
use crate::wire::numbers::{HEADER_LEN, flag};
use crate::wire::{Name, Rcode, Section, class};
use crate::zone::Record;

/// The header of a message (RFC 1035, section 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// ID.
    pub id: u16,
    /// The second 16 bits: see [`flag`].
    pub flags: u16,
    /// How many questions, answers, authority records and additional records.
    pub counts: [u16; 4],
}

impl Header {
    /// Reads the header of a message.
    pub fn parse(message: &[u8]) -> Result<Self, MessageError> {
        let words = message.first_chunk::<HEADER_LEN>().ok_or(MessageError::ShortHeader)?;
        let word = |at: usize| u16::from_be_bytes([words[2 * at], words[2 * at + 1]]);
        Ok(Self { id: word(0), flags: word(1), counts: [word(2), word(3), word(4), word(5)] })
    }

    /// Whether it is a response.
    #[must_use]
    pub const fn is_response(&self) -> bool {
        self.flags & flag::QR != 0
    }

    /// The OPCODE as it stands among the flags.
    #[must_use]
    pub const fn opcode(&self) -> u16 {
        self.flags & flag::OPCODE
    }

    /// The response code, without the part that an OPT record may hold.
    #[must_use]
    pub const fn rcode(&self) -> Rcode {
        Rcode(self.flags & 0xf)
    }
}

/// A question; in updates the zone (RFC 2136, section 2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// QNAME, letter case kept.
    pub name: Name,
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
}

/// A record as it stands in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRecord {
    /// Where it stands; in updates answers are prerequisites, and authority records the changes.
    pub section: Section,
    /// Its owner, letter case kept.
    pub owner: Name,
    /// TYPE.
    pub rtype: u16,
    /// CLASS.
    pub class: u16,
    /// TTL.
    pub ttl: u32,
    /// RDATA with its names in full. Of class ANY and NONE it may be empty whatever the type says.
    pub data: Box<[u8]>,
}

impl MessageRecord {
    /// The record as zones know it, whatever its class.
    #[must_use]
    pub fn into_record(self) -> Record {
        Record { owner: self.owner, rtype: self.rtype, ttl: self.ttl, data: self.data }
    }
}

/// Reads a message from its start to its end. As an iterator it yields the records of all sections in order; after an
/// error it yields nothing more.
#[derive(Clone, Debug)]
pub struct Reader<'m> {
    message: &'m [u8],
    header: Header,
    questions: Vec<Question>,
    at: usize,
    /// Records left in each section.
    left: [u16; 3],
}

/// Octets of QTYPE and QCLASS.
const QUESTION_TAIL_LEN: usize = 4;
/// Octets of a record between owner and RDATA.
const RECORD_FIXED_LEN: usize = 10;

impl<'m> Reader<'m> {
    /// Reads header and questions.
    pub fn new(message: &'m [u8]) -> Result<Self, MessageError> {
        let header = Header::parse(message)?;
        let mut questions = Vec::with_capacity(usize::from(header.counts[0]).min(1));
        let mut at = HEADER_LEN;
        for _ in 0..header.counts[0] {
            let (name, end) = read_name(message, at)?;
            let tail = message.get(end..).and_then(|rest| rest.first_chunk::<QUESTION_TAIL_LEN>());
            let [t0, t1, c0, c1] = *tail.ok_or(MessageError::Cut)?;
            questions.push(Question {
                name,
                qtype: u16::from_be_bytes([t0, t1]),
                qclass: u16::from_be_bytes([c0, c1]),
            });
            at = end + QUESTION_TAIL_LEN;
        }
        let [_, answers, authorities, additionals] = header.counts;
        Ok(Self { message, header, questions, at, left: [answers, authorities, additionals] })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The only question; `None` when there is none or more than one.
    #[must_use]
    pub fn question(&self) -> Option<&Question> {
        match &self.questions[..] {
            [question] => Some(question),
            _ => None,
        }
    }

    /// Where the next record begins.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.at
    }

    /// The rest of the records, all in order; an error also when octets follow them.
    pub fn rest(mut self) -> Result<Vec<MessageRecord>, MessageError> {
        let records = self.by_ref().collect::<Result<Vec<_>, _>>()?;
        self.finish()?;
        Ok(records)
    }

    /// Whether the message ends behind its last record, which has been read.
    pub const fn finish(&self) -> Result<(), MessageError> {
        if self.at == self.message.len() { Ok(()) } else { Err(MessageError::TrailingOctets) }
    }

    fn record(&mut self, section: Section) -> Result<MessageRecord, MessageError> {
        let (owner, end) = read_name(self.message, self.at)?;
        let fixed = self.message.get(end..).and_then(|rest| rest.first_chunk::<RECORD_FIXED_LEN>());
        let [type_0, type_1, class_0, class_1, t0, t1, t2, t3, len_0, len_1] = *fixed.ok_or(MessageError::Cut)?;
        let (rtype, class) = (u16::from_be_bytes([type_0, type_1]), u16::from_be_bytes([class_0, class_1]));
        let data_at = end + RECORD_FIXED_LEN;
        let data_end = data_at + usize::from(u16::from_be_bytes([len_0, len_1]));
        if data_end > self.message.len() {
            return Err(MessageError::Cut);
        }
        // Updates name RRsets and records without saying their data (RFC 2136, sections 2.4 and 2.5).
        let data = if data_at == data_end && class != class::IN {
            Box::default()
        } else {
            data::in_full(rtype, self.message, data_at, data_end)?
        };
        self.at = data_end;
        Ok(MessageRecord { section, owner, rtype, class, ttl: u32::from_be_bytes([t0, t1, t2, t3]), data })
    }
}

impl Iterator for Reader<'_> {
    type Item = Result<MessageRecord, MessageError>;

    fn next(&mut self) -> Option<Self::Item> {
        let sections = [Section::Answer, Section::Authority, Section::Additional];
        let at = self.left.iter().position(|left| *left > 0)?;
        self.left[at] -= 1;
        let record = self.record(sections[at]);
        if record.is_err() {
            self.left = [0; 3];
        }
        Some(record)
    }
}
