//! The `dns` check: one question, by a datagram, over a connection, or both. Knows no schedule and no counters.

use crate::base::Trouble;
use crate::health::Observation;
use crate::probe::deadline;
use crate::probe::progress::timed_out;
use crate::probe::route::peer;
use crate::probe::spec::{DnsCheck, DnsTransport, Rcode};
use crate::probe::udp::{connected, of_datagram};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::DNSClass;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The largest datagram that is asked for, in octets: what passes every network without fragments (RFC 9715).
const DATAGRAM_LEN: u16 = 1232;

/// Room for a datagram, with something to spare for servers that send more than they were asked for.
const DATAGRAM_ROOM: usize = 4096;

/// Datagrams of others that are passed over in one probe; more is an attack or a broken server, and costs too much.
const STRANGERS_MAX: u32 = 64;

/// Records of an answer that are shown when none of them is the expected one.
const SHOWN_MAX: usize = 4;

/// A `dns` check of one address.
#[derive(Debug)]
pub struct DnsProbe {
    check: DnsCheck,
    address: SocketAddr,
    timeout: Duration,
}

/// What a message from the server is.
enum Came {
    /// The answer to our question.
    Answer(Box<Message>),
    /// The answer to our question, which did not fit into a datagram.
    Truncated,
    /// Something else.
    Stranger,
}

impl DnsProbe {
    /// Prepares probes of `address`.
    #[must_use]
    pub fn new(check: &DnsCheck, address: SocketAddr, timeout: Duration) -> Self {
        Self { check: check.clone(), address, timeout }
    }

    /// Asks, and judges the answer. All of it takes at most the timeout.
    pub async fn probe(&self) -> Observation {
        let started = Instant::now();
        let strangers = AtomicU32::new(0);
        match deadline::timeout(self.timeout, self.ask(&strangers)).await {
            Ok(Ok(())) => Observation::passed(started.elapsed()),
            Ok(Err(trouble)) => trouble.into(),
            Err(_elapsed) => match strangers.load(Ordering::Relaxed) {
                0 => timed_out(self.timeout, "while waiting for an answer").into(),
                strangers => {
                    let what = format!("while waiting for an answer; {strangers} messages were none to this question");
                    timed_out(self.timeout, &what).into()
                }
            },
        }
    }

    async fn ask(&self, strangers: &AtomicU32) -> Result<(), Trouble> {
        match self.check.transport {
            DnsTransport::Udp => self.ask_by_datagram(strangers).await,
            DnsTransport::Tcp => self.ask_over_tcp("TCP").await,
            DnsTransport::Both => {
                self.ask_by_datagram(strangers).await?;
                self.ask_over_tcp("TCP").await
            }
        }
    }

    async fn ask_by_datagram(&self, strangers: &AtomicU32) -> Result<(), Trouble> {
        let trouble = |error: io::Error| of_datagram(&error, self.address);
        let (id, query) = self.query()?;
        let socket = connected(self.address).await?;
        socket.send(&query).await.map_err(trouble)?;
        let mut room = [0; DATAGRAM_ROOM];
        loop {
            let len = socket.recv(&mut room).await.map_err(trouble)?;
            match self.read(&room[..len], id)? {
                Came::Answer(answer) => return self.judge(&answer, "UDP"),
                Came::Truncated => return self.ask_over_tcp("TCP after a truncated answer").await,
                Came::Stranger if strangers.fetch_add(1, Ordering::Relaxed) < STRANGERS_MAX => {}
                Came::Stranger => {
                    let reason = format!("more than {STRANGERS_MAX} datagrams that are no answer to the question");
                    return Err(Trouble::Failed(reason));
                }
            }
        }
    }

    async fn ask_over_tcp(&self, way: &str) -> Result<(), Trouble> {
        let trouble = |error: io::Error| match Trouble::of_io(&error, Some(peer(self.address))) {
            Trouble::Failed(reason) => Trouble::Failed(format!("{way}: {reason}")),
            local @ Trouble::Local(_) => local,
        };
        let (id, query) = self.query()?;
        let mut stream = TcpStream::connect(self.address).await.map_err(trouble)?;
        let len = u16::try_from(query.len()).map_err(|_| Trouble::Local("the question is too long".to_owned()))?;
        // Length and message in one segment (RFC 7766, section 8).
        stream.write_all(&[&len.to_be_bytes()[..], &query].concat()).await.map_err(trouble)?;
        let len = stream.read_u16().await.map_err(trouble)?;
        let mut answer = vec![0; usize::from(len)];
        stream.read_exact(&mut answer).await.map_err(trouble)?;
        match self.read(&answer, id)? {
            Came::Answer(answer) => self.judge(&answer, way),
            Came::Truncated => Err(Trouble::Failed(format!("{way}: the answer is truncated"))),
            Came::Stranger => Err(Trouble::Failed(format!("{way}: the answer is none to this question"))),
        }
    }

    /// The question with a number of its own, as a message.
    fn query(&self) -> Result<(u16, Vec<u8>), Trouble> {
        let local = |error: &dyn std::fmt::Display| Trouble::Local(format!("the question cannot be put: {error}"));
        let mut number = [0; 2];
        getrandom::fill(&mut number).map_err(|error| local(&error))?;
        let id = u16::from_be_bytes(number);
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = self.check.recursion_desired;
        message.add_query(Query::query(self.check.question.name().clone(), self.check.question.record_type()));
        let mut edns = Edns::new();
        edns.set_max_payload(DATAGRAM_LEN);
        message.set_edns(edns);
        Ok((id, message.to_vec().map_err(|error| local(&error))?))
    }

    /// What a message is. One that claims to be our answer and cannot be read is a failure.
    fn read(&self, octets: &[u8], id: u16) -> Result<Came, Trouble> {
        let is_ours =
            octets.get(..2) == Some(&id.to_be_bytes()[..]) && octets.get(2).is_some_and(|flags| flags & 0x80 != 0);
        if !is_ours {
            return Ok(Came::Stranger);
        }
        // A truncated answer may be cut anywhere (RFC 2181, section 9): its records are of no interest.
        let is_truncated = octets.get(2).is_some_and(|flags| flags & 0x02 != 0);
        let message = match Message::from_vec(octets) {
            Ok(message) => message,
            Err(_) if is_truncated => return Ok(Came::Truncated),
            Err(error) => return Err(Trouble::Failed(format!("the answer cannot be read: {error}"))),
        };
        let question = &self.check.question;
        let is_same = match &message.queries[..] {
            [asked] => {
                asked.name() == question.name()
                    && asked.query_type() == question.record_type()
                    && asked.query_class() == DNSClass::IN
            }
            // Servers that cannot read the question may leave it out of their complaint.
            [] => message.answers.is_empty() && u16::from(message.metadata.response_code) != Rcode::NOERROR.0,
            [_, ..] => false,
        };
        Ok(match (is_same, is_truncated) {
            (false, _) => Came::Stranger,
            (true, true) => Came::Truncated,
            (true, false) => Came::Answer(Box::new(message)),
        })
    }

    fn judge(&self, answer: &Message, way: &str) -> Result<(), Trouble> {
        let rcode = Rcode(answer.metadata.response_code.into());
        if rcode != self.check.expect_rcode {
            return Err(Trouble::Failed(format!("{way}: RCODE {rcode}, expected {}", self.check.expect_rcode)));
        }
        let record_type = self.check.question.record_type();
        let mut records = answer.answers.iter().filter(|record| record.record_type() == record_type).peekable();
        let has = |expected: &crate::probe::spec::ExpectedRecord| {
            answer.answers.iter().any(|record| record.record_type() == record_type && expected.is(&record.data))
        };
        let Some(missing) = self.check.expect_answer.iter().find(|expected| !has(expected)) else { return Ok(()) };
        let missing = missing.text();
        if records.peek().is_none() {
            return Err(Trouble::Failed(format!(
                "{way}: the answer lacks `{missing}`; it has no {record_type} record"
            )));
        }
        let mut shown: Vec<String> = records.by_ref().take(SHOWN_MAX).map(|record| shortened(&record.data)).collect();
        if records.next().is_some() {
            shown.push("...".to_owned());
        }
        Err(Trouble::Failed(format!("{way}: the answer lacks `{missing}`; it has {}", shown.join(", "))))
    }
}

/// Record data as text, of bounded length and without control characters.
fn shortened(data: &hickory_proto::rr::RData) -> String {
    const SHOWN_LEN_MAX: usize = 60;
    let text = data.to_string();
    let mut shown: String = text.chars().take(SHOWN_LEN_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_LEN_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}
