//! What a server does with a request that may be signed (RFC 8945, section 5.2): the key is checked first, then the MAC,
//! the time, and the length of the MAC.

use super::key::{Key, Keys};
use super::record::{TsigRecord, take};
use super::sign::Signer;
use super::{TsigError, code};
use crate::transfer::message::{Header, MessageWriter, Reader};
use crate::wire::Rcode;
use std::sync::Arc;

/// A request whose signature was looked at.
#[derive(Debug)]
pub enum Opened {
    /// It has none.
    Unsigned,
    /// It is no whole message.
    Unreadable,
    /// It is signed, and the signature holds. The TSIG record is gone from the message; the signer is for the answer.
    Signed(Signer),
    /// It is not to be believed.
    Refused(Refused),
}

/// A request that is not to be believed.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub error: TsigError,
    /// The key's name as the request says it, where there is one.
    pub key: Option<String>,
    /// The whole answer; `None` when there cannot be one.
    pub answer: Option<Vec<u8>>,
}

/// Most octets of an answer that tells of an error: header, question, TSIG.
const ERROR_LEN_MAX: usize = 1024;

impl Keys {
    /// Looks at the signature of `request` and takes it off. `now` is in seconds since 1970.
    pub fn open(&self, request: &mut Vec<u8>, now: u64) -> Opened {
        let received_id = request.first_chunk::<2>().copied();
        let record = match take(request) {
            Ok(None) => return Opened::Unsigned,
            Ok(Some(record)) => record,
            Err(TsigError::Unreadable) => return Opened::Unreadable,
            Err(error) => {
                let answer = error_answer(request, Rcode::FORMERR);
                return Opened::Refused(Refused { error, key: None, answer });
            }
        };
        let key = self.get(&record.key).filter(|key| record.is_of(key));
        let mac = key.map(|key| mac_of(key, request, &record));
        // The answer has the ID that the request came with, even where somebody on the way changed it.
        if let (Some(id), Some(first)) = (received_id, request.first_chunk_mut()) {
            *first = id;
        }
        let (Some(key), Some(mac)) = (key, mac) else {
            return refuse_unsigned(request, &record, TsigError::Key, code::BADKEY);
        };
        match record.fits(&mac) {
            Ok(()) => {}
            Err(TsigError::Malformed) => {
                let answer = error_answer(request, Rcode::FORMERR);
                let refused = Refused { error: TsigError::Malformed, key: Some(record.key.to_string()), answer };
                return Opened::Refused(refused);
            }
            Err(error) => return refuse_unsigned(request, &record, error, code::BADSIG),
        }
        if !record.is_timely(now) {
            // The client's time comes back, and ours beside it, so that it can see by how much they differ.
            let other = &now.to_be_bytes()[2..];
            return refuse_signed(request, key, &record, (TsigError::Time, code::BADTIME, other));
        }
        if record.mac.len() < mac.len() {
            return refuse_signed(request, key, &record, (TsigError::Truncated, code::BADTRUNC, &[]));
        }
        Opened::Signed(Signer::answering(Arc::clone(key), mac))
    }
}

/// The whole MAC that the request should have.
fn mac_of(key: &Key, request: &[u8], record: &TsigRecord) -> Vec<u8> {
    let mut context = key.begin();
    context.update(request);
    record.cover(&mut context, false);
    context.sign().as_ref().to_vec()
}

/// Key or MAC are wrong: the answer cannot be signed.
fn refuse_unsigned(request: &[u8], record: &TsigRecord, error: TsigError, code: u16) -> Opened {
    let answer = error_answer(request, Rcode::NOTAUTH).map(|mut answer| {
        TsigRecord { mac: Box::default(), other: Box::default(), error: code, ..record.clone() }.append(&mut answer);
        answer
    });
    Opened::Refused(Refused { error, key: Some(record.key.to_string()), answer })
}

/// The key is known and the MAC fits: the answer is signed.
fn refuse_signed(
    request: &[u8],
    key: &Arc<Key>,
    record: &TsigRecord,
    (error, code, other): (TsigError, u16, &[u8]),
) -> Opened {
    let answer = error_answer(request, Rcode::NOTAUTH).map(|mut answer| {
        let mut signer = Signer::answering(Arc::clone(key), record.mac.to_vec());
        signer.sign_as(&mut answer, record.time, code, other);
        answer
    });
    Opened::Refused(Refused { error, key: Some(record.key.to_string()), answer })
}

/// Header and question of an answer that tells of an error; `None` to what is no request.
fn error_answer(request: &[u8], rcode: Rcode) -> Option<Vec<u8>> {
    let header = Header::parse(request).ok().filter(|header| !header.is_response())?;
    let question = Reader::new(request).ok().and_then(|reader| reader.question().cloned());
    let mut writer = MessageWriter::response(&header, question.as_ref(), ERROR_LEN_MAX);
    writer.set_rcode(rcode);
    Some(writer.finish())
}
