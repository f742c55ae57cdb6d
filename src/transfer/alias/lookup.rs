//! One question to a resolver: over UDP, over TCP where the answer does not fit, and what the answer says. Knows no schedule.

use crate::transfer::message::{MessageRecord, MessageWriter, Question, Reader, read_name};
use crate::wire::numbers::flag;
use crate::wire::{Name, Rcode, Section, class, rtype};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long a resolver may take. It may have to ask several servers itself.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The UDP message size that is announced, in octets.
const UDP_LEN: u16 = 1232;
/// Longest chain of CNAMEs that is followed within a response.
const CNAME_CHAIN_LEN_MAX: usize = 16;
/// How long it is remembered that there are no addresses, where the response does not say, in seconds.
const NEGATIVE_TTL: u32 = 60;

/// What a resolver says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its addresses of the asked family; none where it does not exist, or has none.
    pub addresses: Vec<IpAddr>,
    /// How long that may be kept, in seconds.
    pub ttl: u32,
}

/// Why a resolver says nothing of a name.
#[derive(Debug)]
pub enum LookupError {
    /// The network.
    Io(io::Error),
    /// No answer in time.
    TimedOut,
    /// The answer is none to the question.
    Malformed,
    /// The resolver refuses or fails.
    Rcode(Rcode),
    /// Nobody to ask.
    NoResolvers,
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::TimedOut => write!(f, "no answer within {} s", TIMEOUT.as_secs()),
            Self::Malformed => f.write_str("the response is malformed"),
            Self::Rcode(rcode) => match rcode.mnemonic() {
                Some(mnemonic) => write!(f, "the response is {mnemonic}"),
                None => write!(f, "the response code is {}", rcode.0),
            },
            Self::NoResolvers => f.write_str("no resolver is configured"),
        }
    }
}

impl std::error::Error for LookupError {}

impl From<io::Error> for LookupError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Asks `resolver` for the addresses of `name`; `qtype` is A or AAAA.
pub async fn look_up(resolver: SocketAddr, name: &Name, qtype: u16) -> Result<Found, LookupError> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|error| io::Error::other(error.to_string()))?;
    let question = Question { name: name.clone(), qtype, qclass: class::IN };
    let mut writer = MessageWriter::request(u16::from_be_bytes(id), flag::RD, &question, 512);
    writer.push_opt(UDP_LEN, false, None);
    let query = writer.finish();
    let asked = async {
        let response = over_udp(resolver, &query, &question).await?;
        let is_cut = response.get(2).is_some_and(|octet| octet & 0x02 != 0);
        let response = if is_cut { over_tcp(resolver, &query).await? } else { response };
        if !is_response_to(&response, &query, &question) {
            return Err(LookupError::Malformed);
        }
        read(&response, name, qtype)
    };
    timeout(TIMEOUT, asked).await.unwrap_or(Err(LookupError::TimedOut))
}

/// Responses that are none to this query are passed over: anybody may send them.
async fn over_udp(resolver: SocketAddr, query: &[u8], question: &Question) -> Result<Vec<u8>, LookupError> {
    let local: SocketAddr = if resolver.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(resolver).await?;
    socket.send(query).await?;
    let mut buffer = vec![0; usize::from(UDP_LEN) * 4];
    loop {
        let len = socket.recv(&mut buffer).await?;
        if is_response_to(&buffer[..len], query, question) {
            buffer.truncate(len);
            return Ok(buffer);
        }
    }
}

async fn over_tcp(resolver: SocketAddr, query: &[u8]) -> Result<Vec<u8>, LookupError> {
    let mut stream = TcpStream::connect(resolver).await?;
    // A query has a few hundred octets at most.
    let framed = [&(query.len() as u16).to_be_bytes(), query].concat();
    stream.write_all(&framed).await?;
    let len = stream.read_u16().await?;
    let mut response = vec![0; usize::from(len)];
    stream.read_exact(&mut response).await?;
    Ok(response)
}

fn is_response_to(response: &[u8], query: &[u8], question: &Question) -> bool {
    let Ok(reader) = Reader::new(response) else { return false };
    let same_question = reader.question().is_some_and(|asked| {
        (&asked.name, asked.qtype, asked.qclass) == (&question.name, question.qtype, question.qclass)
    });
    response.get(..2) == query.get(..2) && reader.header().is_response() && same_question
}

/// What a response says of `name`.
fn read(response: &[u8], name: &Name, qtype: u16) -> Result<Found, LookupError> {
    let reader = Reader::new(response).map_err(|_| LookupError::Malformed)?;
    let rcode = reader.header().rcode();
    if !matches!(rcode, Rcode::NOERROR | Rcode::NXDOMAIN) {
        return Err(LookupError::Rcode(rcode));
    }
    let records = reader.rest().map_err(|_| LookupError::Malformed)?;
    let in_section =
        |section: Section| records.iter().filter(move |record| record.section == section && record.class == class::IN);
    let (mut name, mut ttl) = (name.clone(), u32::MAX);
    for _ in 0..=CNAME_CHAIN_LEN_MAX {
        let own = in_section(Section::Answer).filter(|record| record.owner == name && record.rtype == qtype);
        let addresses: Vec<(IpAddr, u32)> = own.filter_map(|record| Some((address(record)?, record.ttl))).collect();
        if !addresses.is_empty() {
            let ttl = addresses.iter().map(|(_, ttl)| *ttl).fold(ttl, u32::min);
            return Ok(Found { addresses: addresses.into_iter().map(|(address, _)| address).collect(), ttl });
        }
        let cname = in_section(Section::Answer).find(|record| record.owner == name && record.rtype == rtype::CNAME);
        let Some(cname) = cname else {
            // The SOA record says how long that holds (RFC 2308, section 5).
            let soa = in_section(Section::Authority).find(|record| record.rtype == rtype::SOA);
            let minimum = soa.and_then(|soa| Some(soa.ttl.min(u32::from_be_bytes(*soa.data.last_chunk::<4>()?))));
            return Ok(Found { addresses: Vec::new(), ttl: ttl.min(minimum.unwrap_or(NEGATIVE_TTL)) });
        };
        ttl = ttl.min(cname.ttl);
        name = read_name(&cname.data, 0).map_err(|_| LookupError::Malformed)?.0;
    }
    Err(LookupError::Malformed)
}

fn address(record: &MessageRecord) -> Option<IpAddr> {
    match record.rtype {
        rtype::A => <[u8; 4]>::try_from(&*record.data).ok().map(IpAddr::from),
        rtype::AAAA => <[u8; 16]>::try_from(&*record.data).ok().map(IpAddr::from),
        _ => None,
    }
}
