//! Asking a primary for its SOA record: over UDP, and over TCP where the answer is truncated or none comes.

use super::failure::Failure;
use super::question::Asked;
use crate::transfer::message::{Header, Reader};
use crate::transfer::tsig::Key;
use crate::wire::numbers::flag;
use crate::wire::{Name, Section, rtype};
use crate::zone::Record;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout, timeout_at};

/// How long each try over UDP waits.
const UDP_TIMEOUTS: [Duration; 3] = [Duration::from_millis(1000), Duration::from_secs(2), Duration::from_secs(3)];
/// How long the whole exchange over TCP may take.
const TCP_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest datagram that is taken.
const DATAGRAM_LEN_MAX: usize = 4096;

/// Whom to ask for what.
pub struct Poll<'p> {
    /// The primary.
    pub address: SocketAddr,
    /// The zone.
    pub apex: &'p Name,
    /// The key for this primary.
    pub key: Option<&'p Arc<Key>>,
}

impl Poll<'_> {
    /// The SOA record that the primary has.
    pub async fn soa(&self) -> Result<Record, Failure> {
        match self.over_udp().await {
            Ok(Some(soa)) => Ok(soa),
            // Truncated, lost, or kept away by something on the way.
            Ok(None) | Err(Failure::Timeout | Failure::Network(_)) => {
                timeout(TCP_TIMEOUT, self.over_tcp()).await.unwrap_or(Err(Failure::Timeout))
            }
            Err(failure) => Err(failure),
        }
    }

    fn ask(&self) -> Result<(Asked, Vec<u8>), Failure> {
        let id = super::random()? as u16;
        Ok(Asked::new((self.apex, rtype::SOA), None, self.key, (id, super::unix_secs())))
    }

    /// `None` when it does not fit into a datagram.
    async fn over_udp(&self) -> Result<Option<Record>, Failure> {
        let unspecified = match self.address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let mut seen = None;
        for wait in UDP_TIMEOUTS {
            // A socket for each try: a new port is one more thing to guess for whoever would forge an answer.
            let socket = UdpSocket::bind(unspecified).await?;
            socket.connect(self.address).await?;
            let (mut asked, message) = self.ask()?;
            socket.send(&message).await?;
            let until = Instant::now() + wait;
            let mut buffer = vec![0; DATAGRAM_LEN_MAX];
            while let Ok(received) = timeout_at(until, socket.recv(&mut buffer)).await {
                let len = received?;
                if !asked.may_be_answered_by(&buffer[..len]) {
                    continue;
                }
                let mut message = buffer[..len].to_vec();
                if Header::parse(&message)?.flags & flag::TC != 0 {
                    return Ok(None);
                }
                match asked.open(&mut message, super::unix_secs()).and_then(|reader| soa_of(reader, self.apex)) {
                    Ok(soa) => return Ok(Some(soa)),
                    // Anybody may send what is not signed as it must be: the true answer may still come.
                    Err(failure @ Failure::Tsig(_)) => seen = Some(failure),
                    Err(failure) => return Err(failure),
                }
            }
            if let Some(failure) = seen {
                return Err(failure);
            }
        }
        Err(Failure::Timeout)
    }

    async fn over_tcp(&self) -> Result<Record, Failure> {
        let mut stream = TcpStream::connect(self.address).await?;
        let (mut asked, message) = self.ask()?;
        stream.write_all(&super::framed(&message)).await?;
        let len = stream.read_u16().await?;
        let mut message = vec![0; len.into()];
        stream.read_exact(&mut message).await?;
        soa_of(asked.open(&mut message, super::unix_secs())?, self.apex)
    }
}

fn soa_of(reader: Reader<'_>, apex: &Name) -> Result<Record, Failure> {
    let records = reader.rest()?;
    let answers = records.into_iter().filter(|record| record.section == Section::Answer);
    let mut records = answers.map(crate::transfer::message::MessageRecord::into_record);
    let soa = records.find(|record| record.owner == *apex && record.soa_serial().is_some());
    soa.ok_or(Failure::Answer("the answer holds no SOA record of the zone"))
}
