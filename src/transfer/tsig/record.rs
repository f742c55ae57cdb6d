//! The TSIG record: where it stands in a message, its fields, and what a MAC covers of them (RFC 8945, sections 4.2 and
//! 4.3).

use super::TsigError;
use super::key::Key;
use crate::transfer::message::{Header, Reader, read_name};
use crate::wire::numbers::HEADER_LEN;
use crate::wire::{Name, Section, class, rtype};
use aws_lc_rs::{constant_time, hmac};

/// Octets of the other data when it is a time.
const TIME_LEN: usize = 6;

/// The fields of a TSIG record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TsigRecord {
    /// The key's name.
    pub key: Name,
    /// The algorithm's name.
    pub algorithm: Name,
    /// When it was signed, in seconds since 1970.
    pub time: u64,
    /// By how many seconds that may differ.
    pub fudge: u16,
    /// The MAC, perhaps truncated.
    pub mac: Box<[u8]>,
    /// The ID before anybody on the way changed it.
    pub original_id: u16,
    /// What is wrong with the signature of the request.
    pub error: u16,
    /// With BADTIME, the time of the server.
    pub other: Box<[u8]>,
}

/// Takes the TSIG record off the end of `message` and puts the original ID into its header, so that the octets are those
/// that were signed. `None` when there is none; an error when it is not the only one at the very end, or the message ends
/// before one was found.
pub fn take(message: &mut Vec<u8>) -> Result<Option<TsigRecord>, TsigError> {
    let Some((start, record)) = find(message)? else { return Ok(None) };
    let Ok(header) = Header::parse(message) else { return Err(TsigError::Malformed) };
    message.truncate(start);
    message[..2].copy_from_slice(&record.original_id.to_be_bytes());
    message[HEADER_LEN - 2..HEADER_LEN].copy_from_slice(&(header.counts[3] - 1).to_be_bytes());
    Ok(Some(record))
}

fn find(message: &[u8]) -> Result<Option<(usize, TsigRecord)>, TsigError> {
    let mut reader = Reader::new(message).map_err(|_| TsigError::Unreadable)?;
    let mut found = None;
    loop {
        let start = reader.position();
        let Some(record) = reader.next() else { break };
        // Nothing may follow it, not even another one.
        if found.is_some() {
            return Err(TsigError::Malformed);
        }
        let record = record.map_err(|_| TsigError::Unreadable)?;
        if record.rtype != rtype::TSIG {
            continue;
        }
        if record.section != Section::Additional || record.class != class::ANY || record.ttl != 0 {
            return Err(TsigError::Malformed);
        }
        let fields = TsigRecord::parse(record.owner, &record.data).ok_or(TsigError::Malformed)?;
        found = Some((start, fields));
    }
    reader.finish().map_err(|_| if found.is_some() { TsigError::Malformed } else { TsigError::Unreadable })?;
    Ok(found)
}

impl TsigRecord {
    /// Reads RDATA that stands alone.
    fn parse(key: Name, data: &[u8]) -> Option<Self> {
        let (algorithm, at) = read_name(data, 0).ok()?;
        let (&[t0, t1, t2, t3, t4, t5, f0, f1, m0, m1], rest) = data.get(at..)?.split_first_chunk::<10>()?;
        let (mac, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([m0, m1])))?;
        let (&[i0, i1, e0, e1, o0, o1], other) = rest.split_first_chunk::<6>()?;
        if other.len() != usize::from(u16::from_be_bytes([o0, o1])) {
            return None;
        }
        Some(Self {
            key: key.to_lower(),
            algorithm: algorithm.to_lower(),
            time: u64::from_be_bytes([0, 0, t0, t1, t2, t3, t4, t5]),
            fudge: u16::from_be_bytes([f0, f1]),
            mac: mac.into(),
            original_id: u16::from_be_bytes([i0, i1]),
            error: u16::from_be_bytes([e0, e1]),
            other: other.into(),
        })
    }

    /// Adds the record to the end of `message`, and one to its count.
    pub fn append(&self, message: &mut Vec<u8>) {
        let time = self.time.to_be_bytes();
        let data_len = self.algorithm.as_wire().len() + 16 + self.mac.len() + self.other.len();
        let parts: [&[u8]; 13] = [
            self.key.as_wire(),
            &rtype::TSIG.to_be_bytes(),
            &class::ANY.to_be_bytes(),
            &[0; 4],
            &(data_len as u16).to_be_bytes(),
            self.algorithm.as_wire(),
            &time[2..],
            &self.fudge.to_be_bytes(),
            &(self.mac.len() as u16).to_be_bytes(),
            &self.mac,
            &self.original_id.to_be_bytes(),
            &self.error.to_be_bytes(),
            &(self.other.len() as u16).to_be_bytes(),
        ];
        for part in parts {
            message.extend_from_slice(part);
        }
        message.extend_from_slice(&self.other);
        let count = u16::from_be_bytes([message[HEADER_LEN - 2], message[HEADER_LEN - 1]]) + 1;
        message[HEADER_LEN - 2..HEADER_LEN].copy_from_slice(&count.to_be_bytes());
    }

    /// Octets that [`TsigRecord::append`] adds when signing with `key` a message whose signature has no error.
    pub fn len_with(key: &Key) -> usize {
        key.name().as_wire().len() + 10 + key.algorithm().wire().len() + 16 + key.algorithm().mac_len() + TIME_LEN
    }

    /// Adds what a MAC covers of the record: all that is not in the message otherwise, or in the later messages of a
    /// stream the time alone.
    pub fn cover(&self, context: &mut hmac::Context, time_alone: bool) {
        let time = self.time.to_be_bytes();
        if time_alone {
            context.update(&time[2..]);
            context.update(&self.fudge.to_be_bytes());
            return;
        }
        context.update(self.key.as_wire());
        context.update(&class::ANY.to_be_bytes());
        context.update(&[0; 4]);
        context.update(self.algorithm.as_wire());
        context.update(&time[2..]);
        context.update(&self.fudge.to_be_bytes());
        context.update(&self.error.to_be_bytes());
        context.update(&(self.other.len() as u16).to_be_bytes());
        context.update(&self.other);
    }

    /// Whether `key` has the names that the record says.
    pub fn is_of(&self, key: &Key) -> bool {
        self.key == *key.name() && self.algorithm.as_wire() == key.algorithm().wire()
    }

    /// Whether it was signed near `now`.
    pub fn is_timely(&self, now: u64) -> bool {
        self.time.abs_diff(now) <= u64::from(self.fudge)
    }

    /// Whether the MAC is `whole`, or as many of its first octets as may be sent: at least ten and at least half (RFC
    /// 8945, section 5.2.2.1).
    pub fn fits(&self, whole: &[u8]) -> Result<(), TsigError> {
        let len = self.mac.len();
        if len > whole.len() || len < 10.max(whole.len() / 2) {
            return Err(TsigError::Malformed);
        }
        constant_time::verify_slices_are_equal(&self.mac, &whole[..len]).map_err(|_| TsigError::Signature)
    }
}

/// Adds the MAC that came before, with its length.
pub fn cover_prior(context: &mut hmac::Context, mac: &[u8]) {
    if !mac.is_empty() {
        context.update(&(mac.len() as u16).to_be_bytes());
        context.update(mac);
    }
}
