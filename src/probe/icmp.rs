//! The `icmp` check: echo requests, each answered. Knows no schedule and no counters.

use crate::base::Trouble;
use crate::health::Observation;
use crate::probe::deadline;
use crate::probe::route::peer;
use crate::probe::spec::IcmpCheck;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use surge_ping::{Client, Config, ICMP, IcmpPacket, PingIdentifier, PingSequence, SurgeError};
use tokio::runtime::{Handle, Id};

/// What an echo request carries, in octets; as much as `ping` sends.
const PAYLOAD: [u8; 56] = *b"azimuth health check azimuth health check azimuth health";

/// So many echo requests are sent at most within [`BURST_TIME`].
const BURST_LEN_MAX: u32 = 32;

/// What one burst takes at least; between two of them answers are read.
const BURST_TIME: Duration = Duration::from_millis(2);

/// How often another number is tried when one is in use for the same address.
const NUMBER_TRIES_MAX: u32 = 16;

thread_local! {
    /// The sockets of the runtime on this thread, for IPv4 and IPv6: each is shared by all probes, because one that
    /// receives everything (a raw socket does) must not be there a thousand times.
    static SOCKETS: RefCell<[Option<(Id, Client)>; 2]> = const { RefCell::new([None, None]) };

    /// When the present burst began, and what was sent in it.
    static BURST: Cell<(Option<Instant>, u32)> = const { Cell::new((None, 0)) };
}

/// An `icmp` check of one address.
#[derive(Debug)]
pub struct IcmpProbe {
    address: SocketAddr,
    count: u16,
    timeout: Duration,
}

impl IcmpProbe {
    /// Prepares probes of `address`, whose port is of no interest.
    #[must_use]
    pub fn new(check: IcmpCheck, address: SocketAddr, timeout: Duration) -> Self {
        Self { address, count: check.count, timeout }
    }

    /// Sends all echo requests, each when the one before was answered.
    pub async fn probe(&self) -> Observation {
        take_turn().await;
        let started = Instant::now();
        let answered = AtomicU32::new(0);
        match deadline::timeout(self.timeout, self.echo(&answered)).await {
            Ok(Ok(())) => Observation::passed(started.elapsed()),
            Ok(Err(trouble)) => trouble.into(),
            Err(_elapsed) => {
                let answered = answered.load(Ordering::Relaxed);
                let requests = if self.count == 1 { "echo request" } else { "echo requests" };
                let reason =
                    format!("timed out after {:?}: {answered} of {} {requests} answered", self.timeout, self.count);
                Trouble::Failed(reason).into()
            }
        }
    }

    async fn echo(&self, answered: &AtomicU32) -> Result<(), Trouble> {
        let client = socket(self.address.ip()).map_err(|error| self.no_socket(&error))?;
        // Whoever answers for another must guess both numbers.
        let ident = PingIdentifier(chance()?);
        let mut pinger = client.pinger(self.address.ip(), ident).await;
        // The whole check has its own timeout.
        pinger.timeout(Duration::MAX);
        if let SocketAddr::V6(address) = self.address {
            pinger.scope_id(address.scope_id());
        }
        let mut tries = 0;
        while answered.load(Ordering::Relaxed) < u32::from(self.count) {
            let number = PingSequence(chance()?);
            match pinger.ping(number, &PAYLOAD).await {
                Ok((packet, _)) => judge(&packet)?,
                Err(SurgeError::IdenticalRequests { .. }) if tries < NUMBER_TRIES_MAX => {
                    tries += 1;
                    continue;
                }
                Err(SurgeError::IOError(error)) => return Err(Trouble::of_io(&error, Some(peer(self.address)))),
                Err(error) => return Err(Trouble::Local(format!("the echo request could not be sent: {error}"))),
            }
            if answered.fetch_add(1, Ordering::Relaxed) + 1 < u32::from(self.count) {
                take_turn().await;
            }
        }
        Ok(())
    }

    fn no_socket(&self, error: &io::Error) -> Trouble {
        if error.kind() == io::ErrorKind::PermissionDenied {
            return Trouble::Local(
                "this process may not send ICMP: give it the capability CAP_NET_RAW (`setcap cap_net_raw+ep` on its program, \
                 or AmbientCapabilities in its unit), or allow its group with `sysctl net.ipv4.ping_group_range=\"0 \
                 2147483647\"`"
                    .to_owned(),
            );
        }
        Trouble::of_io(error, Some(peer(self.address)))
    }
}

/// A number that nobody can know before.
fn chance() -> Result<u16, Trouble> {
    let mut octets = [0; 2];
    match getrandom::fill(&mut octets) {
        Ok(()) => Ok(u16::from_ne_bytes(octets)),
        Err(error) => Err(Trouble::Local(format!("the system has no random numbers: {error}"))),
    }
}

/// Waits until one more echo request may be sent. Answers to a burst would not find room in the buffer of the one socket.
async fn take_turn() {
    loop {
        let may_send = BURST.with(|burst| {
            let (began, sent) = burst.get();
            let now = Instant::now();
            let sent = if began.is_some_and(|began| now.duration_since(began) < BURST_TIME) { sent } else { 0 };
            if sent < BURST_LEN_MAX {
                burst.set((began.filter(|_| sent > 0).or(Some(now)), sent + 1));
            }
            sent < BURST_LEN_MAX
        });
        if may_send {
            return;
        }
        tokio::time::sleep(BURST_TIME).await;
    }
}

/// The socket of this thread's runtime for the family of `ip`.
fn socket(ip: IpAddr) -> io::Result<Client> {
    let runtime = Handle::current().id();
    let kind = if ip.is_ipv4() { ICMP::V4 } else { ICMP::V6 };
    SOCKETS.with_borrow_mut(|sockets| {
        let socket = &mut sockets[usize::from(ip.is_ipv6())];
        if let Some((_, client)) = socket.as_ref().filter(|(made_in, _)| *made_in == runtime) {
            return Ok(client.clone());
        }
        let client = Client::new(&Config::builder().kind(kind).build())?;
        *socket = Some((runtime, client.clone()));
        Ok(client)
    })
}

/// An answer that is no echo says why there was none.
fn judge(packet: &IcmpPacket) -> Result<(), Trouble> {
    let (source, kind) = match packet {
        IcmpPacket::V4(packet) => (IpAddr::V4(packet.get_source()), packet.get_icmp_type().0),
        IcmpPacket::V6(packet) => (IpAddr::V6(packet.get_source()), packet.get_icmpv6_type().0),
    };
    let what = match (packet, kind) {
        (IcmpPacket::V4(_), 0) | (IcmpPacket::V6(_), 129) => return Ok(()),
        (IcmpPacket::V4(_), 3) | (IcmpPacket::V6(_), 1) => "destination unreachable",
        (IcmpPacket::V4(_), 11) | (IcmpPacket::V6(_), 3) => "too many hops",
        _ => return Err(Trouble::Failed(format!("{source} answered with ICMP type {kind}"))),
    };
    Err(Trouble::Failed(format!("{what}, says {source}")))
}
