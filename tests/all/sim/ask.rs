//! Questions to the engine, octet by octet, and what of its responses the rules are about.

use super::ground;
use super::plan::Who;
use crate::message::{ECS, Edns, Query, ecs};
use azimuth::answer::{Moment, Outcome, Request, Responder, TransportProfile};
use azimuth::base::{Prefix, UnixTime};
use azimuth::snapshot::Snapshot;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub const A: u16 = 1;
pub const AAAA: u16 = 28;
pub const HTTPS: u16 = 65;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const OPT: u16 = 41;

/// Who asks for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// Of [`ground::name`].
    pub name: usize,
    pub rtype: u16,
    /// The client, known to SOURCE bits; `None`: the resolver sends no client subnet.
    pub client: Option<(IpAddr, u8)>,
    pub resolver: IpAddr,
}

impl Question {
    /// The block of clients that an answer with this scope speaks for.
    pub fn block(&self, scope: u8) -> Option<Prefix> {
        Prefix::cut(self.client?.0, scope)
    }

    /// The address that decides.
    pub fn decides(&self) -> IpAddr {
        match self.client {
            Some((address, source)) if source > 0 => address,
            _ => self.resolver,
        }
    }
}

/// What was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub rcode: u8,
    /// The members, in the order of the records; hints of HTTPS too. Fallback addresses are left out.
    pub members: Vec<Who>,
    pub fallbacks: usize,
    /// Of the steered records.
    pub ttls: Vec<u32>,
    /// The zone's serial, in negative answers.
    pub serial: Option<u32>,
    /// `None`: no client subnet in the response.
    pub scope: Option<u8>,
    pub records: u16,
}

impl Answer {
    /// The regions that answer, each once.
    pub fn regions(&self) -> Vec<u8> {
        let mut regions: Vec<u8> = self.members.iter().map(|who| who.region).collect();
        regions.sort_unstable();
        regions.dedup();
        regions
    }
}

/// Asks; an engine that drops such a query is wrong.
pub fn ask(responder: &mut Responder, snapshot: &Snapshot, question: &Question, random: u64, now: UnixTime) -> Answer {
    let mut query = Query::new(&ground::name(question.name), question.rtype);
    let options = question.client.map(|(address, source)| (ECS, ecs(address, source)));
    query.edns = Some(Edns { options: options.into_iter().collect(), ..Edns::default() });
    let octets = query.octets();
    let now = Moment { unix_seconds: now.as_secs() as u32, milliseconds: now.0 / 1000 };
    let profile = &TransportProfile::STREAM;
    let request = Request { octets: &octets, source: question.resolver, profile, random, now };
    let mut out = [0; 4096];
    match responder.respond(snapshot, request, &mut out) {
        Outcome::Reply { len } => read(&out[..len]).unwrap_or_else(|| panic!("no message: {:02x?}", &out[..len])),
        Outcome::Drop | Outcome::Slow => panic!("no response to {question:?}"),
    }
}

struct Reader<'m> {
    message: &'m [u8],
    at: usize,
}

impl Reader<'_> {
    fn octets(&mut self, len: usize) -> Option<&[u8]> {
        let found = self.message.get(self.at..self.at + len)?;
        self.at += len;
        Some(found)
    }

    fn number(&mut self, len: usize) -> Option<u32> {
        Some(self.octets(len)?.iter().fold(0, |number, octet| number << 8 | u32::from(*octet)))
    }

    fn skip_name(&mut self) -> Option<()> {
        loop {
            match self.number(1)? {
                0 => return Some(()),
                length if length >= 0xc0 => return self.number(1).map(|_| ()),
                length => _ = self.octets(length as usize)?,
            }
        }
    }

    /// The labels of a name, which nothing of ours compresses beyond one pointer.
    fn name(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            let length = self.number(1)? as usize;
            match length {
                0 => return Some(text),
                0xc0.. => {
                    let low = self.number(1)? as usize;
                    let mut rest = Reader { message: self.message, at: (length & 0x3f) << 8 | low };
                    return Some(text + &rest.name()?);
                }
                _ => {
                    text += &String::from_utf8_lossy(self.octets(length)?);
                    text.push('.');
                }
            }
        }
    }
}

fn read(message: &[u8]) -> Option<Answer> {
    let mut reader = Reader { message, at: 2 };
    let flags = reader.number(2)?;
    let counts = [reader.number(2)?, reader.number(2)?, reader.number(2)?, reader.number(2)?];
    let mut answer = Answer { rcode: (flags & 15) as u8, records: counts[1] as u16, ..Answer::default() };
    for _ in 0..counts[0] {
        reader.skip_name()?;
        reader.octets(4)?;
    }
    for number in 0..counts[1] + counts[2] + counts[3] {
        record(&mut reader, number < counts[1], &mut answer)?;
    }
    (reader.at == message.len()).then_some(answer)
}

fn record(reader: &mut Reader<'_>, is_answer: bool, answer: &mut Answer) -> Option<()> {
    reader.skip_name()?;
    let rtype = reader.number(2)? as u16;
    reader.octets(2)?;
    let ttl = reader.number(4)?;
    let len = reader.number(2)? as usize;
    let end = reader.at + len;
    match rtype {
        A | AAAA if is_answer => {
            answer.ttls.push(ttl);
            note(address(reader.octets(len)?)?, answer);
        }
        CNAME if is_answer => {
            answer.ttls.push(ttl);
            answer.members.push(Who::of_name(&reader.name()?)?);
        }
        HTTPS if is_answer => {
            answer.ttls.push(ttl);
            reader.octets(3)?;
            while reader.at < end {
                let (key, len) = (reader.number(2)?, reader.number(2)? as usize);
                let value = reader.octets(len)?;
                let hints = match key {
                    4 => value.chunks(4),
                    6 => value.chunks(16),
                    _ => continue,
                };
                for hint in hints {
                    note(address(hint)?, answer);
                }
            }
        }
        SOA => {
            reader.skip_name()?;
            reader.skip_name()?;
            answer.serial = Some(reader.number(4)?);
        }
        OPT => {
            while reader.at < end {
                let (code, len) = (reader.number(2)?, reader.number(2)? as usize);
                let data = reader.octets(len)?;
                if code == u32::from(ECS) {
                    answer.scope = data.get(3).copied();
                }
            }
        }
        _ => {}
    }
    reader.at = end;
    Some(())
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?).into()),
        _ => None,
    }
}

fn note(address: IpAddr, answer: &mut Answer) {
    match Who::of(address) {
        Some(who) => answer.members.push(who),
        None => answer.fallbacks += 1,
    }
}
