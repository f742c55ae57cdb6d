//! A steady load from several sockets, each with few queries on their way, so that none is lost for want of room in a socket:
//! whatever is missing was lost by the server.

use crate::{Chance, query};
use std::collections::VecDeque;
use std::io::Read;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Sockets with a thread of their own.
const CLIENTS: u32 = 4;
/// Queries of one client that may be on their way: so few that they, or their responses, fit into any receive buffer (Linux
/// gives 208 KiB, and counts a small datagram as some 800 octets).
const OUTSTANDING_MAX: usize = 64;
/// After this long without a response a query counts as lost.
const LOST_AFTER: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Tally {
    sent: u64,
    lost: u64,
    wrong: u64,
    /// Longest wait for a response.
    longest: Duration,
}

/// Asks `rate` queries a second until standard input ends, and until as many were sent as are due in a second, then prints what
/// came of them.
pub fn run(server: SocketAddr, rate: u32, names: u64, origin: &str) {
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (stop, origin) = (Arc::clone(&stop), origin.to_owned());
            let chance = Chance(u64::from(client));
            std::thread::spawn(move || ask(server, f64::from(rate) / f64::from(CLIENTS), names, &origin, chance, &stop))
        })
        .collect();
    println!("started");
    let begun = Instant::now();
    std::io::stdin().read_exact(&mut [0]).ok();
    stop.store(true, Ordering::Relaxed);
    let mut all = Tally::default();
    for client in clients {
        let tally = client.join().unwrap();
        all.sent += tally.sent;
        all.lost += tally.lost;
        all.wrong += tally.wrong;
        all.longest = all.longest.max(tally.longest);
    }
    let rate = all.sent as f64 / begun.elapsed().as_secs_f64();
    println!(
        r#"{{"sent": {}, "lost": {}, "wrong": {}, "queries_per_second": {rate:.0}, "longest_wait_ms": {}}}"#,
        all.sent,
        all.lost,
        all.wrong,
        all.longest.as_millis()
    );
}

/// A query on its way: its id, the number of the name, and when it left.
struct Waiting {
    id: u16,
    name: u64,
    since: Instant,
    is_answered: bool,
}

fn ask(server: SocketAddr, rate: f64, names: u64, origin: &str, mut chance: Chance, stop: &AtomicBool) -> Tally {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let (mut tally, mut waiting) = (Tally::default(), VecDeque::<Waiting>::new());
    let begun = Instant::now();
    let mut response = [0; 1500];
    loop {
        let is_over = stop.load(Ordering::Relaxed) && tally.sent as f64 >= rate;
        // A slow machine must not make a burst of what it is behind: the rate is an upper bound.
        let due = (begun.elapsed().as_secs_f64() * rate) as u64;
        while !is_over && tally.sent < due && waiting.len() < OUTSTANDING_MAX {
            let (id, name) = (tally.sent as u16, chance.below(names));
            let mut octets = query(&format!("h{name:07}"), origin);
            octets[..2].copy_from_slice(&id.to_be_bytes());
            socket.send(&octets).unwrap();
            tally.sent += 1;
            waiting.push_back(Waiting { id, name, since: Instant::now(), is_answered: false });
        }
        if let Ok(len) = socket.recv(&mut response) {
            take(&mut tally, &mut waiting, &response[..len]);
        }
        while waiting.front().is_some_and(|query| query.is_answered || query.since.elapsed() > LOST_AFTER) {
            tally.lost += u64::from(!waiting.pop_front().unwrap().is_answered);
        }
        if is_over && waiting.is_empty() {
            return tally;
        }
    }
}

fn take(tally: &mut Tally, waiting: &mut VecDeque<Waiting>, response: &[u8]) {
    let id = u16::from_be_bytes([response[0], response[1]]);
    let Some(query) = waiting.iter_mut().find(|query| query.id == id && !query.is_answered) else { return };
    query.is_answered = true;
    tally.longest = tally.longest.max(query.since.elapsed());
    let [_, high, middle, low] = (query.name as u32).to_be_bytes();
    let is_right = response[3] & 15 == 0 && response[6..8] == [0, 1] && response.ends_with(&[10, high, middle, low]);
    tally.wrong += u64::from(!is_right);
}
