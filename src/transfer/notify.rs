//! NOTIFY out (RFC 1996): tells the servers that a zone names of each new serial, until they answer or a minute is over.
//! What changes while a server is being told goes out with the next try, so that there is one message on its way to it at a
//! time, however fast a zone changes.

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
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

/// How long each try waits for its answer, in seconds: a minute in all, which is how long a restart may take.
const TRIES_SECS: [u64; 6] = [1, 2, 4, 8, 16, 32];
/// Servers that are being told at a time, over all zones: each takes a socket.
const TOLD_MAX: usize = 256;
/// Shortest time from a message that a server has answered with an error to the next one to it.
const ODD_PAUSE: Duration = Duration::from_secs(1);
/// Longest answer that is read, in octets.
const ANSWER_LEN_MAX: usize = 1232;

/// A zone, and a server that is told of it.
type Whom = (Name, NotifyTarget);

/// Who is being told of what.
pub struct Notifier {
    /// For each zone and server that is being told: whether the zone has changed since that began.
    under_way: Mutex<HashMap<Whom, bool>>,
    /// Those whose last message did not end well, and how, so that the log says it once.
    troubled: Mutex<HashMap<Whom, Told>>,
    places: Semaphore,
}

impl Default for Notifier {
    fn default() -> Self {
        Self { under_way: Mutex::default(), troubled: Mutex::default(), places: Semaphore::new(TOLD_MAX) }
    }
}

impl Notifier {
    /// Notes what became of a message; returns whether that is another thing than last time.
    fn is_news(&self, shared: &Shared, whom: &Whom, told: Told) -> bool {
        let mut troubled = self.troubled.lock().unwrap_or_else(PoisonError::into_inner);
        if told == Told::Acknowledged {
            return troubled.remove(whom).is_some();
        }
        let before = troubled.insert(whom.clone(), told);
        if before.is_none() {
            // What is configured no more does not come to its end otherwise.
            troubled.retain(|(apex, target), _| {
                shared.zones.get(apex).is_some_and(|live| live.transfers().notify.contains(target))
            });
        }
        before != Some(told)
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
        if let Some(changed) = under_way.get_mut(&whom) {
            *changed = true;
            continue;
        }
        under_way.insert(whom.clone(), false);
        runtime.spawn(tell(Arc::clone(shared), whom));
    }
}

/// Tells one server until it knows the serial that is live.
async fn tell(shared: Arc<Shared>, whom: Whom) {
    let apex = &whom.0;
    loop {
        let (told, serial) = {
            // Closed never: the notifier lives as long as this.
            let _place = shared.notifier.places.acquire().await;
            tell_once(&shared, &whom).await
        };
        shared.counters.told(told);
        if told == Told::Odd {
            // It answers at once, and a zone may change as fast.
            tokio::time::sleep(ODD_PAUSE).await;
        }
        let live = shared.zones.get(apex).map(|live| live.zone().serial());
        let mut under_way = shared.notifier.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        match under_way.get_mut(&whom) {
            // A try in between may have told what changed already; a server that is silent waits for the next change.
            Some(changed) if *changed && live != Some(serial) && told != Told::Silent => *changed = false,
            _ => {
                under_way.remove(&whom);
                return;
            }
        }
    }
}

/// Tries until there is an answer; returns what became of it, and the serial that was told last.
async fn tell_once(shared: &Shared, whom: &Whom) -> (Told, u32) {
    let (apex, target) = whom;
    let address = target.address;
    let mut serial = 0;
    let mut trouble = "no answer".to_owned();
    for seconds in TRIES_SECS {
        let Some(live) = shared.zones.get(apex) else { break };
        let until = Instant::now() + Duration::from_secs(seconds);
        let Some(request) = Request::new(shared, &live, target) else { break };
        serial = request.serial;
        match timeout_at(until, request.exchange(address)).await {
            Ok(Ok(Rcode::NOERROR)) => {
                if shared.notifier.is_news(shared, whom, Told::Acknowledged) {
                    tracing::info!(zone = %apex, server = %address, serial, "NOTIFY is acknowledged again");
                } else {
                    tracing::debug!(zone = %apex, server = %address, serial, "NOTIFY acknowledged");
                }
                return (Told::Acknowledged, serial);
            }
            Ok(Ok(rcode)) => {
                let rcode = rcode.mnemonic().map_or_else(|| rcode.0.to_string(), str::to_owned);
                if shared.notifier.is_news(shared, whom, Told::Odd) {
                    tracing::warn!(zone = %apex, server = %address, serial, rcode, "the answer to NOTIFY is an error: does \
                        that server have the zone, and this one as its primary?");
                } else {
                    tracing::debug!(zone = %apex, server = %address, serial, rcode, "the answer to NOTIFY is an error still");
                }
                return (Told::Odd, serial);
            }
            Ok(Err(error)) => {
                trouble = error.to_string();
                // Nobody there may mean that somebody is about to be.
                tokio::time::sleep_until(until).await;
            }
            Err(_) => {}
        }
    }
    if shared.notifier.is_news(shared, whom, Told::Silent) {
        tracing::warn!(zone = %apex, server = %address, serial, trouble, "NOTIFY was not answered; that server finds the \
            new serial at its next refresh");
    } else {
        tracing::debug!(zone = %apex, server = %address, serial, trouble, "NOTIFY was not answered again");
    }
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
