//! The desk where slow requests are served, on threads of its own: takes them in up to a limit, checks their signatures,
//! and hands each to whoever answers its kind. What nobody here answers goes to the engine, so that a server without any
//! of this configured answers as if there were no desk.

use super::counters::{End, Kind};
use super::log_gate::LogGate;
use super::message::{Header, MessageWriter, Reader};
use super::notify::{Notifier, notify};
use super::request::{Asked, Outbox, Submission, unix_secs};
use super::secondary::SecondariesHandle;
use super::spec::{Settings, TransferSpec};
use super::tsig::Opened;
use super::update::Updates;
use super::{Counters, Journals, LiveZones, outbound};
use crate::wire::Rcode;
use crate::wire::numbers::{OPCODE_NOTIFY, OPCODE_UPDATE, flag};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Requests that are taken in and not yet answered, transfers included.
const REQUESTS_MAX: usize = 1024;
/// Threads of the desk.
const THREADS: usize = 2;
/// How far the threads stand back behind the workers.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;
/// Most octets of an answer without records.
const ERROR_LEN_MAX: usize = 512;
/// How long a stopping desk waits for what is being served.
const STOP_TIME_MAX: Duration = Duration::from_millis(500);

/// Answers a message as the engine would that knows nothing slow: its octets, who sent it, whether over a stream. Empty
/// for no answer.
pub type Engine = dyn Fn(&[u8], IpAddr, bool) -> Vec<u8> + Send + Sync;

/// What the desk works with.
pub struct Parts {
    /// See [`Engine`].
    pub engine: Box<Engine>,
    /// The zones.
    pub zones: LiveZones,
    /// The journals of zones that take updates.
    pub journals: Journals,
    /// What is configured.
    pub spec: TransferSpec,
}

/// What everybody in this room shares.
pub struct Shared {
    engine: Box<Engine>,
    /// The zones.
    pub zones: LiveZones,
    updates: Updates,
    settings: RwLock<Arc<Settings>>,
    /// What is counted.
    pub counters: Arc<Counters>,
    places: Arc<Semaphore>,
    /// Transfers under way.
    pub transfers_running: AtomicUsize,
    /// Who is being told of new serials.
    pub notifier: Notifier,
    refusals_told: LogGate,
    /// The zones whose primaries may send NOTIFY.
    secondaries: OnceLock<SecondariesHandle>,
}

impl Shared {
    /// Lets `say` tell of a refused request, unless there are too many of them for a log; it is told how many were held
    /// back before.
    pub fn say_refused(&self, say: impl FnOnce(u64)) {
        if let Some(held_back) = self.refusals_told.pass(Instant::now()) {
            say(held_back);
        }
    }

    /// Whoever follows primaries, if there is any secondary zone.
    fn followed(&self) -> Option<&SecondariesHandle> {
        self.secondaries.get().filter(|secondaries| secondaries.has_any())
    }

    /// What is configured now.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The running desk. It stops when dropped.
pub struct Desk {
    runtime: Option<Runtime>,
    handle: DeskHandle,
}

/// The way to the desk, from anywhere.
#[derive(Clone)]
pub struct DeskHandle {
    runtime: Handle,
    shared: Arc<Shared>,
}

impl Desk {
    /// Starts the threads.
    pub fn start(parts: Parts) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("transfer")
            .on_thread_start(stand_back)
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared {
            engine: parts.engine,
            zones: parts.zones,
            updates: Updates::new(parts.journals),
            settings: RwLock::new(Arc::new(Settings::new(&parts.spec))),
            counters: Arc::default(),
            places: Arc::new(Semaphore::new(REQUESTS_MAX)),
            transfers_running: AtomicUsize::new(0),
            notifier: Notifier::default(),
            refusals_told: LogGate::default(),
            secondaries: OnceLock::new(),
        });
        let handle = DeskHandle { runtime: runtime.handle().clone(), shared };
        Ok(Self { runtime: Some(runtime), handle })
    }

    /// The way to the desk.
    #[must_use]
    pub const fn handle(&self) -> &DeskHandle {
        &self.handle
    }

    /// Ends, with whatever is being served.
    pub fn stop(self) {
        drop(self);
    }
}

/// Lets the workers go first: a transfer has time, a query has none.
fn stand_back() {
    // On Linux this concerns the thread alone.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "cannot lower the priority of transfers");
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(STOP_TIME_MAX);
        }
    }
}

impl DeskHandle {
    /// Takes a request in. `false` when there are too many: then nothing happens to it.
    #[must_use]
    pub fn submit(&self, submission: Submission) -> bool {
        let Ok(place) = Arc::clone(&self.shared.places).try_acquire_owned() else { return false };
        self.runtime.spawn(serve(Arc::clone(&self.shared), submission, place));
        true
    }

    /// Tells the servers that zones name of each new serial from now on, and of those that are live.
    pub fn start_notifying(&self) {
        // The zones must not keep the desk: it keeps them.
        let (shared, runtime) = (Arc::downgrade(&self.shared), self.runtime.clone());
        self.shared.zones.tell(move |live| {
            if let Some(shared) = shared.upgrade() {
                notify(&shared, &runtime, live);
            }
        });
        for live in self.shared.zones.all() {
            notify(&self.shared, &self.runtime, &live);
        }
    }

    /// Says who is told of NOTIFY messages from now on.
    pub fn tell_of_notifies(&self, secondaries: SecondariesHandle) {
        // Whoever comes second is not heard: there is one part that follows primaries.
        let _ = self.shared.secondaries.set(secondaries);
    }

    /// What is configured from now on.
    pub fn configure(&self, spec: &TransferSpec) {
        let settings = Arc::new(Settings::new(spec));
        *self.shared.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// Updates: how they ended, and their journals.
    #[must_use]
    pub fn updates(&self) -> &Updates {
        &self.shared.updates
    }

    /// What is counted.
    #[must_use]
    pub fn counters(&self) -> &Arc<Counters> {
        &self.shared.counters
    }
}

/// What somebody who answers a kind of request has done with one.
pub enum Answer {
    /// This is the answer.
    Message(Vec<u8>, End),
    /// The engine shall answer, because nothing of the kind is configured.
    Engine,
    /// Every answer is on its way already.
    Sent(End),
}

async fn serve(shared: Arc<Shared>, submission: Submission, _place: OwnedSemaphorePermit) {
    let Submission { octets, source, is_stream, reply } = submission;
    let (mut octets, mut outbox) = (octets.into_vec(), Outbox::new(reply));
    let key = match shared.settings().keys.open(&mut octets, unix_secs()) {
        Opened::Unsigned => None,
        Opened::Unreadable => return send_malformed(&shared, &octets, (source.ip(), is_stream), outbox).await,
        Opened::Signed(signer) => {
            let key = Arc::clone(signer.key());
            outbox.sign_with(signer);
            Some(key)
        }
        Opened::Refused(refused) => {
            shared.counters.signature_refused();
            let key = refused.key.unwrap_or_default();
            shared.say_refused(|held_back| {
                tracing::info!(client = %source, key, error = %refused.error, held_back, "signed request refused");
            });
            if let Some(answer) = refused.answer {
                // A client that has gone needs no answer; so below.
                let _ = outbox.send(answer).await;
            }
            return;
        }
    };
    let mut asked = match Asked::parse(&octets, source, is_stream) {
        Ok(asked) => Asked { key, ..asked },
        Err(_) => return send_malformed(&shared, &octets, (source.ip(), is_stream), outbox).await,
    };
    let Some(kind) = asked.kind() else { return };
    let end = match dispatch(&shared, kind, &mut asked, &mut outbox).await {
        Answer::Message(message, end) => {
            let _ = outbox.send(message).await;
            end
        }
        Answer::Engine => {
            let message = (shared.engine)(&asked.octets, source.ip(), is_stream);
            if !message.is_empty() {
                let message = fitted(message, asked.answer_len_max().saturating_sub(outbox.signature_len()));
                let _ = outbox.send(message).await;
            }
            if kind == Kind::Query { End::Done } else { End::Refused }
        }
        Answer::Sent(end) => end,
    };
    shared.counters.ended(kind, end);
}

/// Answers a message that cannot be read: FORMERR where it is an UPDATE or NOTIFY and has the zone that it is about, or
/// such messages are answered here; else as the engine does.
async fn send_malformed(shared: &Shared, octets: &[u8], (source, is_stream): (IpAddr, bool), mut outbox: Outbox) {
    let header = Header::parse(octets).ok().filter(|header| !header.is_response());
    let is_ours = |header: &Header| match header.opcode() {
        OPCODE_UPDATE => header.counts[0] == 1 || shared.updates.has_any(shared),
        OPCODE_NOTIFY => header.counts[0] == 1 || shared.followed().is_some(),
        _ => false,
    };
    let answer = match header.filter(is_ours) {
        Some(header) => {
            let mut writer = MessageWriter::response(&header, None, ERROR_LEN_MAX);
            writer.set_rcode(Rcode::FORMERR);
            writer.finish()
        }
        None => (shared.engine)(octets, source, is_stream),
    };
    if !answer.is_empty() {
        // A client that has gone needs no answer.
        let _ = outbox.send(answer).await;
    }
}

/// Hands a request to whoever answers its kind.
async fn dispatch(shared: &Arc<Shared>, kind: Kind, asked: &mut Asked, outbox: &mut Outbox) -> Answer {
    match kind {
        Kind::Axfr | Kind::Ixfr => outbound::serve(shared, kind, asked, outbox).await,
        Kind::Update => shared.updates.serve(shared, asked, outbox.signature_len()).await,
        Kind::Notify => notified(shared, asked),
        Kind::Query => Answer::Engine,
    }
}

/// A NOTIFY; without any secondary zone there is nothing to be told of.
fn notified(shared: &Shared, asked: &Asked) -> Answer {
    let Some(secondaries) = shared.followed() else { return Answer::Engine };
    let (message, rcode) = secondaries.answer_notify(asked);
    if rcode == Rcode::NOERROR {
        return Answer::Message(message, End::Done);
    }
    let (zone, source) = (&asked.question.name, asked.source);
    let key = asked.key.as_ref().map(|key| key.name().to_string()).unwrap_or_default();
    let rcode = rcode.mnemonic().unwrap_or_default();
    shared.say_refused(|held_back| {
        tracing::info!(%zone, %source, key, rcode, held_back, "NOTIFY refused: it takes the address of a \
            primary of a secondary zone, and the key that is configured for it");
    });
    Answer::Message(message, End::Refused)
}

/// `message`, or where it is longer than `len_max` its header and question with TC set.
fn fitted(message: Vec<u8>, len_max: usize) -> Vec<u8> {
    if message.len() <= len_max {
        return message;
    }
    let (Ok(header), Ok(reader)) = (Header::parse(&message), Reader::new(&message)) else { return message };
    let mut writer = MessageWriter::response(&header, reader.question(), len_max);
    writer.set_flag(header.flags & (flag::AA | flag::RD) | flag::TC);
    writer.set_rcode(Rcode(header.flags & 0xf));
    writer.finish()
}
