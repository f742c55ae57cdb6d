//! Signing what is sent: a request, its answer, or an answer of many messages (RFC 8945, sections 5.1, 5.3 and 5.3.1).

use super::key::Key;
use super::record::{TsigRecord, cover_prior};
use super::{FUDGE_SECS, verify::Verifier};
use crate::wire::{Name, NameError};
use std::sync::Arc;

/// Signs messages one behind the other, each over the MAC of the one before.
#[derive(Debug)]
pub struct Signer {
    key: Arc<Key>,
    /// The MAC that the next signature covers too: the request's, then that of the message before.
    prior: Vec<u8>,
    /// Whether the next message is the first of its stream, whose signature covers names and errors as well.
    is_first: bool,
}

impl Signer {
    /// Signs the answer to a request with that MAC.
    pub(super) const fn answering(key: Arc<Key>, request_mac: Vec<u8>) -> Self {
        Self { key, prior: request_mac, is_first: true }
    }

    /// Signs `request` and returns what checks the answer.
    #[must_use]
    pub fn request(key: &Arc<Key>, request: &mut Vec<u8>, now: u64) -> Verifier {
        let mut signer = Self { key: Arc::clone(key), prior: Vec::new(), is_first: true };
        signer.sign(request, now);
        Verifier::new(Arc::clone(key), signer.prior)
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &Arc<Key> {
        &self.key
    }

    /// Octets that a signature adds to a message.
    #[must_use]
    pub fn signature_len(&self) -> usize {
        TsigRecord::len_with(&self.key)
    }

    /// Signs a message: adds the TSIG record to its end. `now` is in seconds since 1970.
    pub fn sign(&mut self, message: &mut Vec<u8>, now: u64) {
        self.sign_as(message, now, 0, &[]);
    }

    /// Signs a message whose TSIG record tells of an error.
    pub(super) fn sign_as(&mut self, message: &mut Vec<u8>, time: u64, error: u16, other: &[u8]) {
        let mut record = unsigned_record(&self.key, message, time, error, other);
        let mut context = self.key.begin();
        cover_prior(&mut context, &self.prior);
        context.update(message);
        record.cover(&mut context, !self.is_first);
        record.mac = context.sign().as_ref().into();
        record.append(message);
        self.prior = record.mac.into_vec();
        self.is_first = false;
    }
}

/// The record for `message` without its MAC.
fn unsigned_record(key: &Key, message: &[u8], time: u64, error: u16, other: &[u8]) -> TsigRecord {
    TsigRecord {
        key: key.name().clone(),
        algorithm: algorithm_name(key.algorithm().wire()).unwrap_or_else(|_| Name::root()),
        time,
        fudge: FUDGE_SECS,
        mac: Box::default(),
        original_id: message.first_chunk().map_or(0, |id| u16::from_be_bytes(*id)),
        error,
        other: other.into(),
    }
}

fn algorithm_name(wire: &[u8]) -> Result<Name, NameError> {
    Name::from_wire(wire).map(|(name, _)| name)
}
