//! A steady load of queries from several clients, each with one query on its way at a time, so that none is lost for want of
//! room in a socket: whatever is missing was lost by the server.

use crate::message::{self, Query};
use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a client waits for a response before it counts the query as lost.
const LOST_AFTER: Duration = Duration::from_secs(60);
/// Pause of a client between two queries: four clients ask some thousands a second.
const PAUSE: Duration = Duration::from_micros(700);

/// Clients that ask until they are told to stop.
pub struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Tally>>,
}

/// What clients saw.
#[derive(Default, Debug)]
pub struct Tally {
    pub sent: usize,
    pub lost: usize,
    /// Answers, by RCODE and records.
    pub answers: BTreeMap<String, usize>,
}

impl Load {
    pub fn start(server: SocketAddr, clients: usize, names: &[&str]) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let spawn = |client: usize| {
            let queries: Vec<Vec<u8>> = names.iter().map(|name| Query::new(name, 1).octets()).collect();
            let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
            std::thread::spawn(move || ask_on(server, client, &queries, &stop, &sent))
        };
        let clients = (0..clients).map(spawn).collect();
        Self { stop, sent, clients }
    }

    /// Queries that were sent so far.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    pub fn stop(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        for client in self.clients {
            let tally = client.join().unwrap();
            all.sent += tally.sent;
            all.lost += tally.lost;
            for (answer, count) in tally.answers {
                *all.answers.entry(answer).or_default() += count;
            }
        }
        all
    }
}

fn ask_on(server: SocketAddr, client: usize, queries: &[Vec<u8>], stop: &AtomicBool, sent: &AtomicUsize) -> Tally {
    let mut tally = Tally::default();
    let mut socket = connect(server);
    let mut response = [0; 1500];
    let mut id = u16::try_from(client * 10_000).unwrap();
    while !stop.load(Ordering::Relaxed) {
        // A port of its own now and then, so that every worker gets its share.
        if tally.sent % 100 == 99 {
            socket = connect(server);
        }
        let mut query = queries[tally.sent % queries.len()].clone();
        id = id.wrapping_add(1);
        query[..2].copy_from_slice(&id.to_be_bytes());
        socket.send(&query).unwrap();
        tally.sent += 1;
        sent.fetch_add(1, Ordering::Relaxed);
        let received = loop {
            match socket.recv(&mut response) {
                Ok(length) if response[..2] == id.to_be_bytes() => break Some(length),
                Ok(_) => {}
                Err(_) => break None,
            }
        };
        match received {
            None => tally.lost += 1,
            Some(length) => {
                let message = message::read(&response[..length]).unwrap();
                let words =
                    format!("{} {}", message.metadata.response_code, message::rdata(&message.answers).join(", "));
                *tally.answers.entry(words).or_default() += 1;
            }
        }
        std::thread::sleep(PAUSE);
    }
    tally
}

fn connect(server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(LOST_AFTER)).unwrap();
    socket
}
