//! A primary on loopback that does as it is told: answers well, badly, or not at all.

use crate::transfer::message::{Header, MESSAGE_LEN_MAX, MessageWriter, Question, Reader};
use crate::transfer::secondary::unix_secs;
use crate::transfer::tsig::{Keys, Opened, Signer};
use crate::wire::numbers::flag;
use crate::wire::{Name, Rcode, Section, rtype};
use crate::zone::Record;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A piece of an answer to a question for a transfer.
#[derive(Clone)]
pub enum Piece {
    /// A message with these records.
    Records(Vec<Record>),
    /// A message with this RCODE.
    Rcode(Rcode),
    /// Octets as they are, with their length in front.
    Octets(Vec<u8>),
    /// Octets of a long message, one now and then, until nobody takes them.
    Trickle,
    /// Nothing more, while the connection stays.
    Silence,
    /// Nothing until [`Script::is_open`] is set.
    Gate,
}

/// What the primary does.
#[derive(Clone, Default)]
pub struct Script {
    /// The SOA record that it tells; without one it refuses.
    pub soa: Option<Record>,
    /// Its answer over UDP is truncated.
    pub truncates: bool,
    /// The answer to AXFR.
    pub whole: Vec<Piece>,
    /// The answer to IXFR.
    pub changes: Vec<Piece>,
    /// Every question must be signed with one of these.
    pub keys: Option<Keys>,
    /// Messages behind the first of a stream are not signed.
    pub signs_first_only: bool,
    /// Whether gates are open.
    pub is_open: bool,
    /// Types that were asked for over TCP.
    pub asked: Vec<u16>,
}

/// The running primary.
pub struct Primary {
    pub address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl Primary {
    pub fn start(script: Script) -> Self {
        let (udp, tcp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let address = tcp.local_addr().unwrap();
        let script = Arc::new(Mutex::new(script));
        let (of_udp, of_tcp) = (Arc::clone(&script), Arc::clone(&script));
        // They end with the tests.
        thread::spawn(move || serve_udp(&udp, &of_udp));
        thread::spawn(move || {
            for stream in tcp.incoming() {
                let script = Arc::clone(&of_tcp);
                // A client that goes away early is what some tests are about.
                thread::spawn(move || serve_tcp(stream.unwrap(), &script).unwrap_or(()));
            }
        });
        Self { address, script }
    }

    pub fn script<R>(&self, change: impl FnOnce(&mut Script) -> R) -> R {
        change(&mut self.script.lock().unwrap())
    }
}

/// A question as it came, and what signs the answers.
struct Asked {
    header: Header,
    question: Question,
    signer: Option<Signer>,
}

impl Asked {
    fn read(mut message: Vec<u8>, keys: Option<&Keys>) -> Option<Self> {
        let signer = match keys {
            None => None,
            Some(keys) => match keys.open(&mut message, unix_secs()) {
                Opened::Signed(signer) => Some(signer),
                _ => return None,
            },
        };
        let reader = Reader::new(&message).unwrap();
        Some(Self { header: *reader.header(), question: reader.question().unwrap().clone(), signer })
    }

    fn message(&mut self, records: &[Record], rcode: Rcode, signs: bool) -> Vec<u8> {
        let mut writer = MessageWriter::response(&self.header, Some(&self.question), MESSAGE_LEN_MAX);
        writer.set_flag(flag::AA);
        writer.set_rcode(rcode);
        for record in records {
            writer.push(Section::Answer, record).unwrap();
        }
        let mut message = writer.finish();
        if let Some(signer) = self.signer.as_mut().filter(|_| signs) {
            signer.sign(&mut message, unix_secs());
        }
        message
    }

    fn soa(&mut self, script: &Script) -> Vec<u8> {
        let rcode = if script.soa.is_some() { Rcode::NOERROR } else { Rcode::REFUSED };
        self.message(script.soa.as_slice(), rcode, true)
    }
}

fn serve_udp(socket: &UdpSocket, script: &Mutex<Script>) {
    let mut buffer = [0; 4096];
    loop {
        let (len, client) = socket.recv_from(&mut buffer).unwrap();
        let script = script.lock().unwrap().clone();
        let Some(mut asked) = Asked::read(buffer[..len].to_vec(), script.keys.as_ref()) else { continue };
        let mut message = asked.soa(&script);
        if script.truncates {
            message = asked.message(&[], Rcode::NOERROR, true);
            message[2] |= 2;
        }
        socket.send_to(&message, client).unwrap();
    }
}

fn serve_tcp(mut stream: TcpStream, script: &Mutex<Script>) -> std::io::Result<()> {
    let mut len = [0; 2];
    stream.read_exact(&mut len)?;
    let mut message = vec![0; u16::from_be_bytes(len).into()];
    stream.read_exact(&mut message)?;
    let now = script.lock().unwrap().clone();
    let Some(mut asked) = Asked::read(message, now.keys.as_ref()) else { return Ok(()) };
    script.lock().unwrap().asked.push(asked.question.qtype);
    let pieces = match asked.question.qtype {
        rtype::SOA => vec![Piece::Octets(asked.soa(&now))],
        rtype::AXFR => now.whole.clone(),
        _ => now.changes.clone(),
    };
    for (number, piece) in pieces.iter().enumerate() {
        let signs = number == 0 || !now.signs_first_only;
        let message = match piece {
            Piece::Records(records) => asked.message(records, Rcode::NOERROR, signs),
            Piece::Rcode(rcode) => asked.message(&[], *rcode, signs),
            Piece::Octets(octets) => octets.clone(),
            Piece::Gate => {
                while !script.lock().unwrap().is_open {
                    thread::sleep(Duration::from_millis(5));
                }
                continue;
            }
            Piece::Trickle => {
                stream.write_all(&[0xff, 0xff])?;
                loop {
                    stream.write_all(&[0])?;
                    thread::sleep(Duration::from_millis(10));
                }
            }
            Piece::Silence => {
                thread::sleep(Duration::from_secs(600));
                return Ok(());
            }
        };
        stream.write_all(&[&(message.len() as u16).to_be_bytes(), &message[..]].concat())?;
    }
    Ok(())
}

/// An address where nobody takes datagrams, for as long as the socket lives: it takes those of one stranger alone.
pub fn deaf() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect("127.0.0.1:9").unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

pub fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes(), None).unwrap()
}

/// A SOA record of `example.` with these timers in seconds: REFRESH, RETRY, EXPIRE.
pub fn soa_with(serial: u32, [refresh, retry, expire]: [u32; 3]) -> Record {
    let numbers = [serial, refresh, retry, expire, 60].map(u32::to_be_bytes).concat();
    Record { owner: name("example."), rtype: rtype::SOA, ttl: 60, data: [&[0, 0], &numbers[..]].concat().into() }
}

/// A SOA record that asks for rare comparisons.
pub fn soa(serial: u32) -> Record {
    soa_with(serial, [3600, 3600, 86_400])
}

pub fn record(owner: &str, rtype: u16, data: &[u8]) -> Record {
    Record { owner: name(owner), rtype, ttl: 300, data: data.into() }
}

pub fn a(owner: &str, last: u8) -> Record {
    record(owner, rtype::A, &[192, 0, 2, last])
}

/// A primary that has a zone with this SOA record and these records, and gives all of it.
pub fn having(soa: &Record, records: &[Record]) -> Script {
    let first = [std::slice::from_ref(soa), records].concat();
    Script {
        soa: Some(soa.clone()),
        whole: vec![Piece::Records(first), Piece::Records(vec![soa.clone()])],
        changes: vec![Piece::Rcode(Rcode::NOTIMP)],
        ..Script::default()
    }
}
