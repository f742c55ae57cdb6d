//! Updates as the desk serves them. Those that wait for the same zone are made one after the other, written to its journal
//! together with one sync, published once, and then answered.

use super::rules;
use super::semantics::{Applied, Refusal, apply, check_prerequisites, check_zone, prescan};
use crate::transfer::counters::End;
use crate::transfer::desk::{Answer, Shared};
use crate::transfer::journal::{Journals, Step};
use crate::transfer::message::MessageRecord;
use crate::transfer::spec::Role;
use crate::transfer::{Asked, LiveZone, LiveZones, Writer, ZoneTransfers};
use crate::wire::numbers::info_code;
use crate::wire::{Name, Rcode, Section};
use crate::zone::Zone;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// Updates are served here. Cheap to copy.
#[derive(Clone)]
pub struct Updates {
    journals: Journals,
    queues: Arc<Mutex<HashMap<Name, Arc<Queue>>>>,
}

/// The updates of one zone that wait.
#[derive(Default)]
struct Queue {
    state: Mutex<Waiting>,
}

impl Queue {
    /// Takes out what waits; where nothing does, nobody serves any more.
    fn take(&self) -> Vec<Request> {
        let mut waiting = lock(&self.state);
        waiting.is_served = !waiting.requests.is_empty();
        std::mem::take(&mut waiting.requests)
    }
}

#[derive(Default)]
struct Waiting {
    requests: Vec<Request>,
    /// Somebody takes them out, and will look again.
    is_served: bool,
    totals: Totals,
}

/// How updates of a zone ended since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Something changed.
    pub changed: u64,
    /// Nothing was to change.
    pub unchanged: u64,
    /// A prerequisite did not hold.
    pub unmet: u64,
    /// The client may not, or the message is wrong.
    pub refused: u64,
    /// The server could not.
    pub failed: u64,
}

impl Totals {
    /// Each with its word in metrics.
    #[must_use]
    pub const fn by_word(&self) -> [(&'static str, u64); 5] {
        [
            ("changed", self.changed),
            ("unchanged", self.unchanged),
            ("unmet", self.unmet),
            ("refused", self.refused),
            ("failed", self.failed),
        ]
    }

    const fn count(&mut self, outcome: &Outcome) {
        let counter = match outcome {
            Ok(true) => &mut self.changed,
            Ok(false) => &mut self.unchanged,
            Err(Refusal { rcode: Rcode::SERVFAIL, .. }) => &mut self.failed,
            Err(Refusal { rcode: Rcode::NXDOMAIN | Rcode::YXDOMAIN | Rcode::NXRRSET | Rcode::YXRRSET, .. }) => {
                &mut self.unmet
            }
            Err(_) => &mut self.refused,
        };
        *counter += 1;
    }
}

/// Whether anything changed, or why not.
type Outcome = Result<bool, Refusal>;

/// One update that waits.
struct Request {
    prerequisites: Vec<MessageRecord>,
    changes: Vec<MessageRecord>,
    source: SocketAddr,
    key: Option<Name>,
    answer: oneshot::Sender<Outcome>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Updates {
    /// With these journals.
    #[must_use]
    pub fn new(journals: Journals) -> Self {
        Self { journals, queues: Arc::default() }
    }

    /// The journals.
    #[must_use]
    pub const fn journals(&self) -> &Journals {
        &self.journals
    }

    /// How updates of each zone ended; zones that were never asked are left out.
    #[must_use]
    pub fn totals(&self) -> Vec<(Name, Totals)> {
        lock(&self.queues).iter().map(|(apex, queue)| (apex.clone(), lock(&queue.state).totals)).collect()
    }

    /// Whether any zone takes updates.
    #[must_use]
    pub fn has_any(&self, shared: &Shared) -> bool {
        shared.zones.all().iter().any(takes_updates)
    }

    /// Serves an update. The signature of the answer takes `signature_len` octets.
    pub async fn serve(&self, shared: &Shared, asked: &mut Asked, signature_len: usize) -> Answer {
        let zones = &shared.zones;
        let live = zones.get(&asked.question.name);
        // A server that takes no updates of any zone answers as one that knows nothing of them.
        if !live.as_ref().is_some_and(takes_updates) && !self.has_any(shared) {
            return Answer::Engine;
        }
        let outcome = match (check_zone(&asked.question), live) {
            (Err(rcode), _) => Err(rcode.into()),
            (Ok(()), None) => Err(Rcode::NOTAUTH.into()),
            (Ok(()), Some(live)) => self.queue(shared, &live, asked).await,
        };
        let (rcode, error, end) = match outcome {
            Ok(_) => (Rcode::NOERROR, None, End::Done),
            Err(Refusal { rcode, error }) => (rcode, error, End::Refused),
        };
        if rcode == Rcode::REFUSED {
            let why = error.as_ref().map_or("", |(_, text)| text);
            shared.say_refused(|held_back| {
                let (zone, key) =
                    (&asked.question.name, asked.key.as_ref().map_or_else(String::new, |key| key.name().to_string()));
                tracing::info!(%zone, client = %asked.source, key, why, held_back, "update refused");
            });
        }
        let mut writer = asked.answer(signature_len);
        writer.set_rcode(rcode);
        Answer::Message(asked.finish_with(writer, error.as_ref().map(|(code, text)| (*code, &**text))), end)
    }

    /// Lets an update of a zone wait for its turn.
    async fn queue(&self, shared: &Shared, live: &LiveZone, asked: &mut Asked) -> Outcome {
        let key = asked.key.as_ref().map(|key| key.name().clone());
        may_ask(&live.transfers(), asked.source, key.as_ref())?;
        let (mut prerequisites, mut changes) = (Vec::new(), Vec::new());
        for record in std::mem::take(&mut asked.records) {
            match record.section {
                Section::Answer => prerequisites.push(record),
                Section::Authority => changes.push(record),
                Section::Additional => {}
            }
        }
        let (answer, answered) = oneshot::channel();
        let request = Request { prerequisites, changes, source: asked.source, key, answer };
        let apex = live.zone().apex().clone();
        let queue = Arc::clone(lock(&self.queues).entry(apex.clone()).or_default());
        let is_served = {
            let mut waiting = lock(&queue.state);
            waiting.requests.push(request);
            std::mem::replace(&mut waiting.is_served, true)
        };
        if !is_served {
            let (zones, journals) = (shared.zones.clone(), self.journals.clone());
            tokio::task::spawn_blocking(move || serve_queue(&queue, &apex, &zones, &journals));
        }
        // Without an answer whoever served has panicked.
        answered.await.unwrap_or_else(|_| Err(Rcode::SERVFAIL.into()))
    }
}

fn takes_updates(live: &Arc<LiveZone>) -> bool {
    !live.transfers().update.is_empty()
}

/// Whether a client may ask for anything at all.
fn may_ask(transfers: &ZoneTransfers, source: SocketAddr, key: Option<&Name>) -> Result<(), Refusal> {
    if transfers.role != Role::Primary {
        return Err(Refusal::refused(
            info_code::NOT_AUTHORITATIVE,
            "the zone is had from its primary: send updates there",
        ));
    }
    if rules::entries_for(&transfers.update, source.ip(), key).is_empty() {
        return Err(Refusal::refused(info_code::PROHIBITED, "no rule of the zone lets this client in"));
    }
    Ok(())
}

/// Takes out what waits until nothing does.
fn serve_queue(queue: &Queue, apex: &Name, zones: &LiveZones, journals: &Journals) {
    // Whatever happens to this thread: the next request finds somebody to serve it.
    let _leaving = Leaving(queue);
    let is_live = |live: &Arc<LiveZone>| zones.get(apex).is_some_and(|now| Arc::ptr_eq(&now, live));
    loop {
        let Some(live) = zones.get(apex) else {
            // A reload removed it while they waited.
            let batch = queue.take();
            if batch.is_empty() {
                break;
            }
            for request in batch {
                let _ = request.answer.send(Err(Rcode::NOTAUTH.into()));
            }
            continue;
        };
        let is_done = live.change(|writer| {
            // No reload falls between this look and the end of the change.
            if !is_live(&live) {
                return false;
            }
            let batch = queue.take();
            let is_empty = batch.is_empty();
            serve_batch(batch, writer, journals, queue);
            is_empty
        });
        if is_done {
            break;
        }
        if let Some(job) = journals.condensing(apex) {
            let apex = apex.clone();
            // Updates of the zone do not wait for it.
            tokio::task::spawn_blocking(move || {
                if let Err(error) = job.run() {
                    tracing::warn!(zone = %apex, %error, "cannot condense the journal; it grows on");
                }
            });
        }
    }
}

struct Leaving<'q>(&'q Queue);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut waiting = lock(&self.0.state);
            waiting.is_served = false;
            // Their answers fail.
            waiting.requests.clear();
        }
    }
}

/// Makes the updates of a batch, one after the other; all that change something are on disk and live when the first is
/// answered.
fn serve_batch(batch: Vec<Request>, writer: &mut Writer<'_>, journals: &Journals, queue: &Queue) {
    let (before, transfers) = (Arc::clone(writer.zone()), writer.transfers());
    let mut zone = Arc::clone(&before);
    let (mut steps, mut outcomes) = (Vec::new(), Vec::new());
    for request in &batch {
        let outcome = match serve_one(&zone, &transfers, request) {
            Ok(Applied::Changed(edited, step)) => {
                zone = Arc::new(*edited);
                steps.push(step);
                Ok(true)
            }
            Ok(Applied::Unchanged) => Ok(false),
            Err(refusal) => Err(refusal),
        };
        outcomes.push(outcome);
    }
    if !steps.is_empty() {
        match journals.append(&before, &steps) {
            Ok(()) => {
                log_all(&zone, &batch, &outcomes, &steps);
                writer.commit_all(zone, steps.into_iter().map(|step| step.delta).collect());
            }
            Err(error) => {
                tracing::error!(zone = %before.apex(), %error, "updates fail; {}", error.remedy());
                // What came behind a change that is not made was judged by it.
                let first = outcomes.iter().position(|outcome| *outcome == Ok(true)).unwrap_or(0);
                let why = (info_code::OTHER, "the journal cannot be written".to_owned());
                outcomes[first..].fill(Err(Refusal { rcode: Rcode::SERVFAIL, error: Some(why) }));
            }
        }
    }
    let mut waiting = lock(&queue.state);
    for (request, outcome) in batch.into_iter().zip(outcomes) {
        waiting.totals.count(&outcome);
        // Whoever asked may have gone.
        let _ = request.answer.send(outcome);
    }
}

/// One update in the order of RFC 2136, section 3: prerequisites, permission, form, changes. The form comes before
/// permission: what is no update is none for anybody.
fn serve_one(zone: &Zone, transfers: &ZoneTransfers, request: &Request) -> Result<Applied, Refusal> {
    if !zone.is_available() {
        return Err(Refusal {
            rcode: Rcode::SERVFAIL,
            error: Some((info_code::NOT_READY, "the zone has no data".into())),
        });
    }
    let changes: Vec<&MessageRecord> = request.changes.iter().collect();
    let prerequisites: Vec<&MessageRecord> = request.prerequisites.iter().collect();
    let entries = rules::entries_for(&transfers.update, request.source.ip(), request.key.as_ref());
    if entries.is_empty() {
        return Err(Refusal::refused(info_code::PROHIBITED, "no rule of the zone lets this client in"));
    }
    check_prerequisites(zone, &prerequisites)?;
    prescan(zone.apex(), &changes)?;
    rules::check(&entries, zone, &changes)?;
    if zone.is_signed() {
        return Err(Refusal::refused(info_code::NOT_SUPPORTED, "the zone is signed elsewhere: update it there"));
    }
    apply(zone, &transfers.balanced, &changes)
}

fn shown(request: &Request) -> String {
    request.key.as_ref().map_or_else(String::new, ToString::to_string)
}

/// One line for each update that changed something.
fn log_all(zone: &Arc<Zone>, batch: &[Request], outcomes: &[Outcome], steps: &[Step]) {
    let changed = batch.iter().zip(outcomes).filter(|(_, outcome)| **outcome == Ok(true));
    for ((request, _), Step { delta, .. }) in changed.zip(steps) {
        // The SOA records stand on both sides.
        let (removed, added) = (delta.removed.len().saturating_sub(1), delta.added.len().saturating_sub(1));
        tracing::info!(
            zone = %zone.apex(), client = %request.source, key = %shown(request), removed, added, serial = delta.to,
            "zone updated"
        );
    }
}
