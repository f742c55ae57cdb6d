//! One request at the desk: how it comes in, what is asked, and the way its answers go out.

use super::message::{Header, MESSAGE_LEN_MAX, MessageError, MessageRecord, MessageWriter, Question, Reader};
use super::tsig::{Key, Signer};
use crate::wire::numbers::{OPCODE_NOTIFY, OPCODE_QUERY, OPCODE_UPDATE};
use crate::wire::{Rcode, Section, rtype};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;

use super::counters::Kind;

/// A message as the transport hands it in.
pub struct Submission {
    /// The message.
    pub octets: Box<[u8]>,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whether any number of answers may go back, in order, with nobody else's address in front.
    pub is_stream: bool,
    /// Where answers go.
    pub reply: Reply,
}

/// Sends one datagram.
pub type SendOnce = Box<dyn FnOnce(&[u8]) + Send>;

/// Where answers go.
pub enum Reply {
    /// One answer at most, which may get lost.
    Datagram(SendOnce),
    /// Any number of them. The client takes its time: sending waits. The request is over when this is dropped.
    Stream(mpsc::Sender<Vec<u8>>),
}

/// The client has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

/// Octets of a response over UDP that every client takes.
const DATAGRAM_LEN_MIN: u16 = 512;
/// Longest response over UDP, in octets: no path fragments it.
const DATAGRAM_LEN_MAX: u16 = 1232;

/// The way out for the answers to one request, which signs them when the request was signed.
pub struct Outbox {
    reply: Option<Reply>,
    signer: Option<Signer>,
}

impl Outbox {
    /// The way out of a request that is not known to be signed.
    #[must_use]
    pub const fn new(reply: Reply) -> Self {
        Self { reply: Some(reply), signer: None }
    }

    /// Answers are signed from now on.
    pub fn sign_with(&mut self, signer: Signer) {
        self.signer = Some(signer);
    }

    /// Octets that a signature takes of each answer.
    #[must_use]
    pub fn signature_len(&self) -> usize {
        self.signer.as_ref().map_or(0, Signer::signature_len)
    }

    /// Sends the next answer, signed where the request was. Over a stream this waits until there is room; over UDP only
    /// the first answer goes out.
    pub async fn send(&mut self, mut message: Vec<u8>) -> Result<(), Gone> {
        if let Some(signer) = &mut self.signer {
            signer.sign(&mut message, unix_secs());
        }
        match self.reply.take() {
            Some(Reply::Stream(sender)) => {
                let sent = sender.send(message).await.map_err(|_| Gone);
                self.reply = Some(Reply::Stream(sender));
                sent
            }
            Some(Reply::Datagram(send)) => {
                send(&message);
                Ok(())
            }
            None => Err(Gone),
        }
    }
}

/// Seconds since 1970.
#[must_use]
pub fn unix_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// What is asked: a message that was understood and, where it was signed, is to be believed.
#[derive(Debug)]
pub struct Asked {
    /// The message without its TSIG record.
    pub octets: Vec<u8>,
    /// Its header.
    pub header: Header,
    /// Its only question; of an update the zone.
    pub question: Question,
    /// Its records in the order of their sections, OPT left out.
    pub records: Vec<MessageRecord>,
    /// What its OPT record says.
    pub edns: Option<EdnsFacts>,
    /// Who sent it.
    pub source: SocketAddr,
    /// Whether any number of answers may go back.
    pub is_stream: bool,
    /// The key it is signed with.
    pub key: Option<Arc<Key>>,
}

/// What the OPT record of a request says, as far as this room cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EdnsFacts {
    /// Largest UDP response that the client takes, in octets.
    pub udp_len: u16,
    /// DNSSEC records are welcome.
    pub dnssec_ok: bool,
}

impl Asked {
    /// Reads a message whose signature has been taken off.
    pub fn parse(octets: &[u8], source: SocketAddr, is_stream: bool) -> Result<Self, MessageError> {
        let reader = Reader::new(octets)?;
        let header = *reader.header();
        let question = reader.question().cloned().ok_or(MessageError::Cut)?;
        let mut records = reader.rest()?;
        let is_opt = |record: &MessageRecord| record.section == Section::Additional && record.rtype == rtype::OPT;
        let edns = records
            .iter()
            .find(|record| is_opt(record))
            .map(|opt| EdnsFacts { udp_len: opt.class, dnssec_ok: opt.ttl & 0x8000 != 0 });
        records.retain(|record| !is_opt(record));
        Ok(Self { octets: octets.to_vec(), header, question, records, edns, source, is_stream, key: None })
    }

    /// What kind of request it is; `None` for an OPCODE that nobody here knows.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        match (self.header.opcode(), self.question.qtype) {
            (OPCODE_NOTIFY, _) => Some(Kind::Notify),
            (OPCODE_UPDATE, _) => Some(Kind::Update),
            (OPCODE_QUERY, rtype::AXFR) => Some(Kind::Axfr),
            (OPCODE_QUERY, rtype::IXFR) => Some(Kind::Ixfr),
            (OPCODE_QUERY, _) => Some(Kind::Query),
            _ => None,
        }
    }

    /// The records of one section.
    pub fn section(&self, section: Section) -> impl Iterator<Item = &MessageRecord> {
        self.records.iter().filter(move |record| record.section == section)
    }

    /// Most octets of one answer, its signature included.
    #[must_use]
    pub fn answer_len_max(&self) -> usize {
        if self.is_stream {
            return MESSAGE_LEN_MAX;
        }
        self.edns.map_or(DATAGRAM_LEN_MIN, |edns| edns.udp_len.clamp(DATAGRAM_LEN_MIN, DATAGRAM_LEN_MAX)).into()
    }

    /// Begins an answer with the question in it, with room for the OPT record and `reserved` octets more.
    #[must_use]
    pub fn answer(&self, reserved: usize) -> MessageWriter {
        let opt_len = if self.edns.is_some() { OPT_LEN } else { 0 };
        let len_max = self.answer_len_max().saturating_sub(reserved + opt_len);
        MessageWriter::response(&self.header, Some(&self.question), len_max)
    }

    /// Ends an answer with the OPT record that a request with one asks for.
    #[must_use]
    pub fn finish(&self, writer: MessageWriter) -> Vec<u8> {
        self.finish_with(writer, None)
    }

    /// As [`Self::finish`], with an Extended DNS Error in it (RFC 8914), its text as far as there is room.
    #[must_use]
    pub fn finish_with(&self, mut writer: MessageWriter, error: Option<(u16, &str)>) -> Vec<u8> {
        if let Some(edns) = self.edns {
            let room = writer.room().checked_sub(EDE_HEAD_LEN);
            let error = error.zip(room).map(|((code, text), room)| (code, &text[..text.floor_char_boundary(room)]));
            writer.push_opt(DATAGRAM_LEN_MAX, edns.dnssec_ok, error);
        }
        writer.finish()
    }

    /// A whole answer without records.
    #[must_use]
    pub fn answer_with(&self, rcode: Rcode) -> Vec<u8> {
        let mut writer = self.answer(0);
        writer.set_rcode(rcode);
        self.finish(writer)
    }
}

/// Octets of an OPT record without options.
const OPT_LEN: usize = 11;
/// Octets of an Extended DNS Error in front of its text.
const EDE_HEAD_LEN: usize = 6;
