//! A transfer from a primary: over TCP, all of the zone or what changed of it, streamed into a new version of the zone.
//! Blocks: runs on a thread of its own. Changes nothing that is served.

use super::failure::Failure;
use super::incoming::{ContentError, Form, Incoming};
use super::overlay;
use super::question::Asked;
use super::{framed, random, unix_secs};
use crate::transfer::Delta;
use crate::transfer::spec::SecondarySpec;
use crate::transfer::tsig::Key;
use crate::wire::{NameKey, Section, rtype};
use crate::zone::{Record, Zone};
use std::collections::VecDeque;
use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a connection may take to be made, and a primary to take the question.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Records of changes that are taken however small the zone is.
const CHANGED_RECORDS_MIN: usize = 100_000;
/// How many times more records of changes are taken than the zone has.
const CHANGED_RECORDS_FACTOR: usize = 2;

/// What a primary has sent.
pub enum Fetched {
    /// Nothing, as there is nothing newer.
    UpToDate,
    /// A zone.
    Zone {
        /// The new version.
        zone: Zone,
        /// What led to it from ours; empty when the whole zone came.
        deltas: Vec<Delta>,
        /// Octets that came.
        len: u64,
        /// Records that were passed over because they lie outside of the zone.
        ignored: u64,
    },
}

/// How long a primary may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// To send nothing in the middle of a transfer.
    pub silence_max: Duration,
    /// For a whole transfer, however steadily it sends.
    pub transfer_max: Duration,
}

/// A transfer to be made.
pub struct Fetch<'f> {
    /// The primary.
    pub address: SocketAddr,
    /// The key for it.
    pub key: Option<&'f Arc<Key>>,
    /// The zone.
    pub spec: &'f SecondarySpec,
    /// How long it may take.
    pub patience: Patience,
}

impl Fetch<'_> {
    /// Brings the zone `ours` up to date by what changed since, or else by the whole zone (RFC 1995, section 4).
    pub fn run(&self, ours: Option<&Zone>) -> Result<Fetched, Failure> {
        if let Some(ours) = ours {
            match self.once(Some(ours)) {
                Err(failure) if failure.calls_for_whole_zone() => {
                    let (zone, primary) = (&self.spec.zone.apex, self.address);
                    tracing::debug!(%zone, %primary, %failure, "no incremental transfer; asking for the whole zone");
                }
                ended => return ended,
            }
        }
        self.once(None)
    }

    fn once(&self, ours: Option<&Zone>) -> Result<Fetched, Failure> {
        let mut stream = self.open(ours)?;
        while stream.incoming.form() == Form::Unknown {
            stream.read_message()?;
        }
        match stream.incoming.form() {
            Form::Changes => {}
            Form::Whole => return self.whole(stream),
            Form::Unknown | Form::UpToDate => return Ok(Fetched::UpToDate),
        }
        while !stream.incoming.is_done() {
            stream.read_message()?;
        }
        let (len, ignored) = (stream.len, stream.incoming.ignored());
        let deltas = stream.incoming.into_deltas();
        let Some(ours) = ours else { return Err(ContentError::NoSoa.into()) };
        let zone = overlay::changed(&self.spec.zone, ours, &deltas)?;
        Ok(Fetched::Zone { zone, deltas, len, ignored })
    }

    fn whole(&self, mut stream: Stream) -> Result<Fetched, Failure> {
        let soa = stream.incoming.soa().cloned();
        let mut failed = None;
        let rest = std::iter::from_fn(|| match stream.next_record() {
            Ok(record) => record,
            Err(failure) => {
                failed = Some(failure);
                None
            }
        });
        let built = overlay::build(&self.spec.zone, soa.into_iter().chain(rest));
        if let Some(failure) = failed {
            return Err(failure);
        }
        let zone = built?;
        if !stream.incoming.is_done() {
            return Err(ContentError::Short.into());
        }
        Ok(Fetched::Zone { zone, deltas: Vec::new(), len: stream.len, ignored: stream.incoming.ignored() })
    }

    fn open(&self, ours: Option<&Zone>) -> Result<Stream, Failure> {
        let apex = &self.spec.zone.apex;
        let soa = ours.and_then(soa_of);
        let qtype = if soa.is_some() { rtype::IXFR } else { rtype::AXFR };
        let (asked, message) = Asked::new((apex, qtype), soa.as_ref(), self.key, (random()? as u16, unix_secs()));
        let mut socket = TcpStream::connect_timeout(&self.address, CONNECT_TIMEOUT)?;
        socket.set_write_timeout(Some(CONNECT_TIMEOUT))?;
        socket.write_all(&framed(&message))?;
        Ok(Stream {
            socket: BufReader::with_capacity(1 << 16, socket),
            asked,
            incoming: Incoming::new(apex.clone(), soa.as_ref().and_then(Record::soa_serial)),
            records: VecDeque::new(),
            len: 0,
            len_max: self.spec.len_max,
            changed: (0, 0),
            changed_max: changed_max(ours.map_or(0, Zone::record_count)),
            silence_max: self.patience.silence_max,
            until: Instant::now() + self.patience.transfer_max,
        })
    }
}

/// Most records of changes that are taken for a zone with so many.
fn changed_max(records: usize) -> usize {
    records.saturating_mul(CHANGED_RECORDS_FACTOR).max(CHANGED_RECORDS_MIN)
}

/// The SOA record of a zone.
#[must_use]
pub fn soa_of(zone: &Zone) -> Option<Record> {
    let records = zone.records_at(&NameKey::of(zone.apex()));
    records.into_iter().find(|record| record.rtype == rtype::SOA)
}

/// The answer of a primary.
struct Stream {
    socket: BufReader<TcpStream>,
    asked: Asked,
    incoming: Incoming,
    /// Records of the whole zone that have come and were not taken yet.
    records: VecDeque<Record>,
    len: u64,
    len_max: u64,
    /// Records of changes that are held, and their octets here: a few octets of a message may stand for a long name.
    changed: (usize, u64),
    changed_max: usize,
    silence_max: Duration,
    until: Instant,
}

impl Stream {
    /// The next record of the whole zone; `None` behind the last.
    fn next_record(&mut self) -> Result<Option<Record>, Failure> {
        while self.records.is_empty() && !self.incoming.is_done() {
            self.read_message()?;
        }
        Ok(self.records.pop_front())
    }

    fn read_message(&mut self) -> Result<(), Failure> {
        let mut len = [0; 2];
        self.read(&mut len)?;
        let mut message = vec![0; u16::from_be_bytes(len).into()];
        self.len += 2 + message.len() as u64;
        if self.len > self.len_max {
            return Err(Failure::TooLong(self.len_max));
        }
        self.read(&mut message)?;
        let reader = self.asked.open(&mut message, unix_secs())?;
        for record in reader {
            let record = record?;
            if record.section == Section::Answer {
                let len = size_of::<Record>() + record.owner.as_wire().len() + record.data.len();
                self.changed = (self.changed.0 + 1, self.changed.1 + len as u64);
                self.records.extend(self.incoming.take(record)?);
            }
        }
        if self.incoming.form() == Form::Changes {
            self.check_changed()?;
        }
        self.incoming.end_message();
        if self.incoming.is_done() { self.asked.finish() } else { Ok(()) }
    }

    /// Whether what changed may still be held: unlike a whole zone it cannot be packed while it comes.
    fn check_changed(&self) -> Result<(), Failure> {
        let (records, len) = self.changed;
        if records > self.changed_max {
            return Err(ContentError::ManyChanges.into());
        }
        if len > self.len_max { Err(Failure::TooLong(self.len_max)) } else { Ok(()) }
    }

    /// Fills `into`. Not by `read_exact`, with which a primary that sends an octet now and then would never be late.
    fn read(&mut self, mut into: &mut [u8]) -> Result<(), Failure> {
        while !into.is_empty() {
            let left = self.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Failure::Timeout);
            }
            if self.socket.buffer().is_empty() {
                self.socket.get_ref().set_read_timeout(Some(left.min(self.silence_max)))?;
            }
            match self.socket.read(into) {
                Ok(0) => return Err(ContentError::Short.into()),
                Ok(count) => into = &mut into[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
