//! The questions that a secondary asks, and whether a message answers one of them. Knows no sockets.

use super::failure::Failure;
use crate::transfer::message::{Header, MESSAGE_LEN_MAX, MessageWriter, Question, Reader};
use crate::transfer::tsig::{Key, Signer, TsigError, Verifier};
use crate::wire::numbers::{OPCODE_QUERY, flag};
use crate::wire::{Name, Rcode, Section, class, rtype};
use crate::zone::Record;
use std::sync::Arc;

/// A question that was asked.
pub struct Asked {
    id: u16,
    question: Question,
    verifier: Option<Verifier>,
}

impl Asked {
    /// Asks a primary for a type of the apex; with `soa`, for what changed since. Returns the message with what checks the
    /// answers. `now` is in seconds since 1970.
    #[must_use]
    pub fn new(
        (apex, qtype): (&Name, u16),
        soa: Option<&Record>,
        key: Option<&Arc<Key>>,
        (id, now): (u16, u64),
    ) -> (Self, Vec<u8>) {
        let question = Question { name: apex.clone(), qtype, qclass: class::IN };
        let mut writer = MessageWriter::request(id, OPCODE_QUERY, &question, MESSAGE_LEN_MAX);
        if let Some(soa) = soa {
            // A name and a SOA record fit into every message.
            let _ = writer.push(Section::Authority, soa);
        }
        let mut message = writer.finish();
        let verifier = key.map(|key| Signer::request(key, &mut message, now));
        (Self { id, question, verifier }, message)
    }

    /// Whether a datagram may be an answer at all: others are waited past, since anybody may send them.
    #[must_use]
    pub fn may_be_answered_by(&self, message: &[u8]) -> bool {
        let Ok(reader) = Reader::new(message) else { return false };
        let header = reader.header();
        let same = |question: &Question| *question == self.question;
        header.is_response() && header.id == self.id && reader.question().is_none_or(same)
    }

    /// Takes off the signature of the next message and checks what the header says; yields its records.
    pub fn open<'m>(&mut self, message: &'m mut Vec<u8>, now: u64) -> Result<Reader<'m>, Failure> {
        if let Some(verifier) = &mut self.verifier {
            let verified = verifier.verify(message, now);
            // A refusal may come without a signature. It may be forged, but then so may silence.
            if verified == Err(TsigError::Missing)
                && let Ok(header) = Header::parse(message)
                && header.rcode() != Rcode::NOERROR
            {
                return Err(Failure::Rcode(header.rcode()));
            }
            verified?;
        }
        let reader = Reader::new(message)?;
        let header = *reader.header();
        if !header.is_response() || header.id != self.id || header.opcode() != OPCODE_QUERY {
            return Err(Failure::Answer("the message is no answer to the question"));
        }
        if header.rcode() != Rcode::NOERROR {
            return Err(Failure::Rcode(header.rcode()));
        }
        // Later messages of a stream need not repeat it (RFC 5936, section 2.2.1).
        if reader.question().is_some_and(|question| *question != self.question) {
            return Err(Failure::Answer("the message answers another question"));
        }
        if self.question.qtype == rtype::SOA && header.flags & flag::AA == 0 {
            return Err(Failure::Answer("the answer is not authoritative: that server does not serve the zone"));
        }
        Ok(reader)
    }

    /// Whether every message is confirmed by a signature, where there must be one.
    pub fn finish(&self) -> Result<(), Failure> {
        match &self.verifier {
            Some(verifier) => Ok(verifier.finish()?),
            None => Ok(()),
        }
    }
}
