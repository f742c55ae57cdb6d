//! Checking the answer to a request that we signed: one message, or a stream of them of which not each need be signed (RFC
//! 8945, sections 5.3.1 and 5.4).

use super::key::Key;
use super::record::{TsigRecord, cover_prior, take};
use super::{TsigError, UNSIGNED_MAX};
use aws_lc_rs::hmac;
use std::sync::Arc;

/// Checks the messages that answer one request, in their order.
pub struct Verifier {
    key: Arc<Key>,
    prior: Vec<u8>,
    is_first: bool,
    /// The MAC of messages since the last signature, while there are any.
    pending: Option<hmac::Context>,
    unsigned: u32,
}

impl Verifier {
    pub(super) const fn new(key: Arc<Key>, request_mac: Vec<u8>) -> Self {
        Self { key, prior: request_mac, is_first: true, pending: None, unsigned: 0 }
    }

    /// Takes the signature off the next message and checks it. The first message must have one, and so must at least
    /// every hundredth: one without is believed only when a later one confirms it (see [`Verifier::finish`]).
    pub fn verify(&mut self, message: &mut Vec<u8>, now: u64) -> Result<(), TsigError> {
        let record = take(message)?;
        let mut context = self.pending.take().unwrap_or_else(|| {
            let mut context = self.key.begin();
            cover_prior(&mut context, &self.prior);
            context
        });
        context.update(message);
        let Some(record) = record else {
            self.unsigned += 1;
            if self.is_first || self.unsigned > UNSIGNED_MAX {
                return Err(TsigError::Missing);
            }
            self.pending = Some(context);
            return Ok(());
        };
        self.check(&record, context, now)
    }

    fn check(&mut self, record: &TsigRecord, mut context: hmac::Context, now: u64) -> Result<(), TsigError> {
        if !record.is_of(&self.key) {
            return Err(TsigError::Key);
        }
        // Errors about key and signature come unsigned: they may be forged, yet nothing good follows from them either way.
        if record.error != 0 && record.mac.is_empty() {
            return Err(TsigError::Told(record.error));
        }
        record.cover(&mut context, !self.is_first);
        let whole = context.sign();
        record.fits(whole.as_ref())?;
        if record.error != 0 {
            return Err(TsigError::Told(record.error));
        }
        if !record.is_timely(now) {
            return Err(TsigError::Time);
        }
        if record.mac.len() < whole.as_ref().len() {
            return Err(TsigError::Truncated);
        }
        (self.prior, self.is_first, self.unsigned) = (record.mac.to_vec(), false, 0);
        Ok(())
    }

    /// Whether everything so far is confirmed by a signature: asked when the last message has come.
    pub const fn finish(&self) -> Result<(), TsigError> {
        if self.is_first || self.pending.is_some() { Err(TsigError::Missing) } else { Ok(()) }
    }
}
