//! NOTIFY out (RFC 1996): tells the servers that a zone names of each new serial, until they answer or a minute is over.
//! What changes while a server is being told goes out with the next try, and begins the tries anew; there is one message on
//! its way to a server at a time, however fast a zone changes.

use super::counters::Told;
use super::desk::Shared;
use super::live::LiveZone;
use super::message::{Header, MESSAGE_LEN_MAX, MessageWriter, Question};
use super::request::unix_secs;
use super::spec::NotifyTarget;
use super::tsig::{Signer, Verifier};
use crate::wire::numbers::{OPCODE_NOTIFY, flag};
use crate::wire::{Name, Rcode, Section, class, rtype};
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// How long each try waits for its answer, in seconds: a minute in all, which is how long a restart may take.
const TRIES_SECS: [u64; 7] = [1, 2, 4, 8, 16, 32, 5];
/// How long a server that has answered is left alone, however fast a zone changes.
const PAUSE: Duration = Duration::from_millis(50);
/// The same for one whose answer is an error.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(1);
/// Servers that are being told at a time, over all zones: each takes a socket.
const TOLD_MAX: usize = 256;
/// Longest answer that is read, in octets.
const ANSWER_LEN_MAX: usize = 1232;

/// A zone, and a server that is told of it.
type Whom = (Name, NotifyTarget);

/// Who is being told of what.
pub struct Notifier {
    /// For each zone and server that is being told: woken when the zone changes once more.
    under_way: Mutex<HashMap<Whom, Arc<Notify>>>,
    places: Semaphore,
}

impl Default for Notifier {
    fn default() -> Self {
        Self { under_way: Mutex::default(), places: Semaphore::new(TOLD_MAX) }
    }
}

/// Tells every server that a zone names. Returns at once.
pub fn notify(shared: &Arc<Shared>, runtime: &Handle, live: &LiveZone) {
    let zone = live.zone();
    if !zone.is_available() {
        return;
    }
    for target in &live.transfers().notify {
        let whom = (zone.apex().clone(), target.clone());
        let mut under_way = shared.notifier.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(changed) = under_way.get(&whom) {
            changed.notify_one();
            continue;
        }
        let changed = Arc::<Notify>::default();
        under_way.insert(whom.clone(), Arc::clone(&changed));
        runtime.spawn(tell(Arc::clone(shared), whom, changed));
    }
}

/// Tells one server until it knows the serial that is live, or is silent.
async fn tell(shared: Arc<Shared>, whom: Whom, changed: Arc<Notify>) {
    let mut complained_of = None;
    loop {
        let (told, serial) = tell_once(&shared, &whom, &changed, &mut complained_of).await;
        shared.counters.told(told);
        match told {
            Told::Acknowledged => sleep(PAUSE).await,
            Told::Odd => sleep(PAUSE_AFTER_ERROR).await,
            Told::Silent => {}
        }
        let mut under_way = shared.notifier.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked up under the lock: whoever changes the zone after this finds nobody under way.
        let live = shared.zones.get(&whom.0).map(|live| live.zone().serial());
        if told == Told::Silent || live.is_none_or(|live| live == serial) {
            under_way.remove(&whom);
            return;
        }
    }
}

/// Tries until there is an answer; returns what became of it, and the serial that was told last. A change of the zone
/// meanwhile is a reason to begin anew: somebody who was silent for the last one may be there again.
async fn tell_once(
    shared: &Shared,
    (apex, target): &Whom,
    changed: &Notify,
    complained_of: &mut Option<Rcode>,
) -> (Told, u32) {
    let address = target.address;
    let (mut serial, mut trouble) = (0, None);
    let mut tries = TRIES_SECS.into_iter();
    while let Some(seconds) = tries.next() {
        let Some(live) = shared.zones.get(apex) else { break };
        let until = Instant::now() + Duration::from_secs(seconds);
        let Some(request) = Request::new(shared, &live, target) else { break };
        serial = request.serial;
        let answered = async {
            // Closed never: the notifier lives as long as this.
            let place = shared.notifier.places.acquire().await;
            let answered = timeout_at(until, request.exchange(address)).await;
            drop(place);
            if let Ok(Err(_)) = &answered {
                // Nobody there may mean that somebody is about to be.
                sleep_until(until).await;
            }
            answered
        };
        // The first try is waited for in any case, so that there is a second between two messages.
        let answered = tokio::select! {
            answered = answered => answered,
            () = changed.notified(), if seconds > TRIES_SECS[0] => {
                tries = TRIES_SECS.into_iter();
                continue;
            }
        };
        match answered {
            Ok(Ok(Rcode::NOERROR)) => {
                tracing::debug!(zone = %apex, server = %address, serial, "NOTIFY acknowledged");
                *complained_of = None;
                return (Told::Acknowledged, serial);
            }
            Ok(Ok(rcode)) => {
                if complained_of.replace(rcode) != Some(rcode) {
                    let rcode = rcode.mnemonic().map_or_else(|| rcode.0.to_string(), str::to_owned);
                    tracing::warn!(zone = %apex, server = %address, serial, rcode, "the answer to NOTIFY is an error: \
                        does that server have the zone, and this one as its primary?");
                }
                return (Told::Odd, serial);
            }
            Ok(Err(error)) => trouble = Some(error.to_string()),
            Err(_) => {}
        }
    }
    let trouble = trouble.unwrap_or_else(|| "no answer".to_owned());
    tracing::warn!(zone = %apex, server = %address, serial, trouble, "NOTIFY was not answered; that server finds the new \
        serial at its next refresh");
    (Told::Silent, serial)
}

/// One try.
struct Request {
    message: Vec<u8>,
    serial: u32,
    id: u16,
    verifier: Option<Verifier>,
}

impl Request {
    /// The message about the zone as it is now; `None` where it cannot be made.
    fn new(shared: &Shared, live: &LiveZone, target: &NotifyTarget) -> Option<Self> {
        let zone = live.zone();
        let mut id = [0; 2];
        getrandom::fill(&mut id).ok()?;
        let id = u16::from_ne_bytes(id);
        let question = Question { name: zone.apex().clone(), qtype: rtype::SOA, qclass: class::IN };
        let mut writer = MessageWriter::request(id, OPCODE_NOTIFY | flag::AA, &question, MESSAGE_LEN_MAX);
        writer.push(Section::Answer, &zone.records().next()?).ok()?;
        let mut message = writer.finish();
        let verifier = match &target.key {
            None => None,
            // A key that has gone with a reload leaves nothing to say.
            Some(name) => Some(Signer::request(shared.settings().keys.get(name)?, &mut message, unix_secs())),
        };
        Some(Self { message, serial: zone.serial(), id, verifier })
    }

    /// Sends the message and waits for its answer.
    async fn exchange(mut self, address: SocketAddr) -> io::Result<Rcode> {
        let local: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(local).await?;
        // From then on it takes datagrams of that server alone.
        socket.connect(address).await?;
        socket.send(&self.message).await?;
        let mut buffer = [0; ANSWER_LEN_MAX];
        loop {
            let len = socket.recv(&mut buffer).await?;
            let mut answer = buffer[..len].to_vec();
            let Ok(header) = Header::parse(&answer) else { continue };
            if header.id != self.id || !header.is_response() || header.opcode() != OPCODE_NOTIFY {
                continue;
            }
            if let Some(verifier) = &mut self.verifier {
                verifier.verify(&mut answer, unix_secs()).map_err(io::Error::other)?;
            }
            return Ok(header.rcode());
        }
    }
}
