//! Zones out (RFC 5936 and RFC 1995): who may have one, how many transfers run at a time, and records put into as few
//! messages as they need. Which records these are is for `axfr` and `ixfr` to say.

use super::access::allows;
use super::counters::{End, Kind};
use super::desk::{Answer, Shared};
use super::history::History;
use super::live::LiveZone;
use super::message::MessageWriter;
use super::request::{Asked, Gone, Outbox};
use super::spec::Role;
use super::{axfr, ixfr};
use crate::wire::numbers::flag;
use crate::wire::{Rcode, Section, class};
use crate::zone::{Record, Zone};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Octets after which a message is sent: as far as compression pointers reach, so that longer ones would save nothing.
const MESSAGE_LEN_ENOUGH: usize = 16 * 1024;

/// Why a zone is not given to a client that may have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It has balanced names, and nothing says what of them is to be given.
    Balanced,
    /// It has no data (yet, or any more).
    Unavailable,
}

/// The zone that transfers show, with the changes that led there.
pub fn transferable(live: &LiveZone) -> Result<(Arc<Zone>, History), Refusal> {
    let transfers = live.transfers();
    let (zone, history) = live.with_history();
    if !zone.is_available() {
        return Err(Refusal::Unavailable);
    }
    // A secondary hands on the data of its primary, which knows nothing of the names laid over it.
    if transfers.has_balanced && transfers.role == Role::Primary {
        let view = transfers.static_view.as_ref().ok_or(Refusal::Balanced)?;
        // An update may have put something where the view has its own records.
        let shown = view.over(&zone).map_err(|_| Refusal::Unavailable)?;
        return Ok((Arc::new(shown), history));
    }
    Ok((zone, history))
}

/// Answers a request for a zone or for what changed of it.
pub async fn serve(shared: &Shared, kind: Kind, asked: &Asked, outbox: &mut Outbox) -> Answer {
    let Some(live) = shared.zones.get(&asked.question.name).filter(|_| asked.question.qclass == class::IN) else {
        return Answer::Engine;
    };
    let key = asked.key.as_ref().map(|key| key.name());
    let (zone, client, kind_word) = (&asked.question.name, asked.source, kind.word());
    if !allows(&live.transfers().transfer, client.ip(), key) {
        let key = key.map(ToString::to_string).unwrap_or_default();
        shared.say_refused(|held_back| {
            tracing::info!(%zone, %client, kind = kind_word, key, held_back, "transfer refused: no `transfer` entry of \
                the zone has this client");
        });
        return Answer::Engine;
    }
    let (data, history) = match transferable(&live) {
        Ok(found) => found,
        Err(Refusal::Unavailable) => return Answer::Message(asked.answer_with(Rcode::SERVFAIL), End::Refused),
        Err(Refusal::Balanced) => {
            shared.say_refused(|held_back| {
                tracing::warn!(%zone, %client, kind = kind_word, held_back, "transfer refused: the zone has balanced \
                    names or aliases; `transfer_balanced` can say what of balanced names is given");
            });
            return Answer::Engine;
        }
    };
    // One datagram is over before it counts.
    let turn = asked.is_stream.then(|| Turn::take(&shared.transfers_running, shared.settings().transfers_max));
    if let Some(None) = turn {
        shared.say_refused(|held_back| {
            tracing::warn!(%zone, %client, kind = kind_word, held_back, "transfer refused: as many are under way as \
                `[server] transfers` allows");
        });
        let refused = asked.answer_with(Rcode::REFUSED);
        return Answer::Message(refused, End::Busy);
    };
    let begun = Instant::now();
    let sent = match kind {
        Kind::Ixfr => ixfr::send(&data, &history, asked, outbox).await,
        _ => axfr::send(&data, asked, outbox).await,
    };
    let milliseconds = begun.elapsed().as_millis();
    let serial = data.serial();
    match sent {
        Ok(Sent { form, records, octets }) => {
            shared.counters.sent(records, octets);
            tracing::info!(%zone, %client, kind = form, serial, records, octets, milliseconds, "zone transferred");
            Answer::Sent(End::Done)
        }
        Err(Broken::Request) => Answer::Message(asked.answer_with(Rcode::FORMERR), End::Refused),
        Err(Broken::Gone) => {
            tracing::info!(%zone, %client, kind = kind_word, serial, milliseconds, "transfer broken off by the client");
            Answer::Sent(End::Broken)
        }
        Err(Broken::TooLong) => {
            tracing::error!(%zone, %client, kind = kind_word, "transfer failed: a record is too long for any message");
            Answer::Message(asked.answer_with(Rcode::SERVFAIL), End::Broken)
        }
    }
}

/// What a transfer has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What the answer was, in a word.
    pub form: &'static str,
    /// Records, both SOA of a transfer counted.
    pub records: u64,
    /// Octets of all messages, signatures not counted.
    pub octets: u64,
}

/// Why a transfer did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The client has gone, or takes too long.
    Gone,
    /// The request is not one for a transfer.
    Request,
    /// A record fits into no message.
    TooLong,
}

impl From<Gone> for Broken {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

/// Puts records into messages and sends each that is full.
pub struct Sending<'a> {
    asked: &'a Asked,
    outbox: &'a mut Outbox,
    writer: MessageWriter,
    is_first: bool,
    records: u64,
    octets: u64,
}

impl<'a> Sending<'a> {
    /// An empty first message.
    pub fn new(asked: &'a Asked, outbox: &'a mut Outbox) -> Self {
        let mut writer = asked.answer(outbox.signature_len());
        writer.set_flag(flag::AA);
        Self { asked, outbox, writer, is_first: true, records: 0, octets: 0 }
    }

    /// Adds a record; sends the message before it when that is full.
    pub async fn push(&mut self, record: &Record) -> Result<(), Broken> {
        let is_full = self.writer.octet_count() >= MESSAGE_LEN_ENOUGH;
        if is_full || self.writer.push(Section::Answer, record).is_err() {
            self.flush().await?;
            self.writer.push(Section::Answer, record).map_err(|_| Broken::TooLong)?;
        }
        self.records += 1;
        Ok(())
    }

    /// Sends the last message.
    pub async fn finish(mut self, form: &'static str) -> Result<Sent, Broken> {
        self.flush().await?;
        Ok(Sent { form, records: self.records, octets: self.octets })
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        // The question stands in the first message only (RFC 5936, section 2.2.1), and so does OPT.
        let mut next = MessageWriter::response(&self.asked.header, None, self.asked.answer_len_max());
        next.set_flag(flag::AA);
        next.keep_free(self.outbox.signature_len());
        let full = std::mem::replace(&mut self.writer, next);
        let message = if self.is_first { self.asked.finish(full) } else { full.finish() };
        self.is_first = false;
        self.octets += message.len() as u64;
        Ok(self.outbox.send(message).await?)
    }
}

/// One of the transfers that may run at a time.
struct Turn<'c>(&'c AtomicUsize);

impl<'c> Turn<'c> {
    fn take(running: &'c AtomicUsize, max: usize) -> Option<Self> {
        let add = |now: usize| (now < max).then_some(now + 1);
        running.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).ok().map(|_| Self(running))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
