//! Queries from a file, as fast as they are answered or at a given rate, and what came of them: a thread that never sleeps, so
//! that it wants a core of its own. Also a server that sends everything back, which shows what the system takes for itself.

use crate::datagrams::{BATCH_LEN, Batch};
use crate::latencies::Latencies;
use crate::works::read_queries;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Query ids of one socket, which are used in turn.
const IDS: usize = 1 << 16;
const HEADER_LEN: usize = 12;
/// The octet with the QR bit, and the bit.
const FLAGS_AT: usize = 2;
const QR: u8 = 0x80;

/// What is to be measured.
#[derive(clap::Args)]
pub struct Measure {
    /// The server.
    server: SocketAddr,
    /// Messages, each behind its length in two octets.
    queries: PathBuf,
    /// How long answers are counted.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// How long they are not counted yet.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Sockets, each with a port of its own.
    #[arg(long, default_value_t = 8)]
    sockets: usize,
    /// Queries that are on their way at any time, over all sockets.
    #[arg(long, default_value_t = 128)]
    window: usize,
    /// Queries a second, however many are on their way.
    #[arg(long)]
    rate: Option<f64>,
    /// Ends when so many were sent, and all of them answered or lost.
    #[arg(long)]
    count: Option<u64>,
    /// Leaves out so many queries of the file.
    #[arg(long, default_value_t = 0)]
    skip: usize,
    /// When a query counts as lost.
    #[arg(long, default_value_t = 500)]
    timeout_ms: u64,
    /// Processes whose time on a processor is measured meanwhile.
    #[arg(long)]
    process: Vec<u32>,
}

/// One socket, and when the queries left that it waits for.
struct Client {
    socket: UdpSocket,
    /// By id, in nanoseconds since the start; 0: not waited for.
    left: Vec<u64>,
    /// The next id.
    next: u16,
    /// No id before this one is waited for.
    oldest: u16,
    /// Ids that are waited for.
    waiting: usize,
}

#[derive(Default)]
struct Tally {
    sent: u64,
    answered: u64,
    lost: u64,
    octets: u64,
    with_records: u64,
    rcodes: [u64; 16],
}

/// Queries going out in turn, and answers coming in.
struct Run {
    start: Instant,
    queries: Vec<Vec<u8>>,
    at: usize,
    timeout: u64,
    tally: Tally,
    latencies: Latencies,
}

impl Run {
    fn now(&self) -> u64 {
        // Never 0, which stands for no query.
        self.start.elapsed().as_nanos() as u64 + 1
    }

    /// Sends `count` queries, the first of which was due at `due` and each further one `apart` later.
    fn send(&mut self, client: &mut Client, batch: &mut Batch, count: usize, mut due: f64, apart: f64) {
        for left in (0..count).rev() {
            let query = &self.queries[self.at];
            self.at = (self.at + 1) % self.queries.len();
            let id = client.next;
            client.next = id.wrapping_add(1);
            let slot = &mut client.left[usize::from(id)];
            if *slot != 0 {
                // All ids have been used since.
                self.tally.lost += 1;
                client.waiting -= 1;
            }
            *slot = due as u64;
            client.waiting += 1;
            due += apart;
            batch.push(|buffer| {
                buffer[..query.len()].copy_from_slice(query);
                buffer[..2].copy_from_slice(&id.to_be_bytes());
                query.len()
            });
            if batch.is_full() || left == 0 {
                // What the system did not take is found lost later.
                batch.send(&client.socket);
            }
        }
        self.tally.sent += count as u64;
    }

    /// Takes in what has come; returns how many answers.
    fn receive(&mut self, client: &mut Client, batch: &mut Batch) -> usize {
        let mut answered = 0;
        loop {
            let count = batch.receive(&client.socket, false).unwrap();
            let now = self.now();
            for response in batch.datagrams() {
                if response.len() < HEADER_LEN || response[FLAGS_AT] & QR == 0 {
                    continue;
                }
                let slot = &mut client.left[usize::from(u16::from_be_bytes([response[0], response[1]]))];
                if *slot == 0 {
                    continue;
                }
                self.latencies.add(now.saturating_sub(*slot));
                *slot = 0;
                client.waiting -= 1;
                answered += 1;
                self.tally.octets += response.len() as u64;
                self.tally.rcodes[usize::from(response[3] & 15)] += 1;
                self.tally.with_records += u64::from(response[6..8] != [0, 0]);
            }
            if count < BATCH_LEN {
                break;
            }
        }
        self.tally.answered += answered as u64;
        answered
    }

    /// Gives up what has been waited for too long.
    fn give_up(&mut self, client: &mut Client) {
        let now = self.now();
        while client.oldest != client.next {
            let slot = &mut client.left[usize::from(client.oldest)];
            if *slot != 0 {
                if now.saturating_sub(*slot) < self.timeout {
                    break;
                }
                *slot = 0;
                self.tally.lost += 1;
                client.waiting -= 1;
            }
            client.oldest = client.oldest.wrapping_add(1);
        }
    }
}

/// Asks, and prints what came of it as JSON.
pub fn run(measure: &Measure) {
    let mut queries = read_queries(&measure.queries, usize::MAX);
    let begin = measure.skip % queries.len();
    queries.rotate_left(begin);
    let mut clients: Vec<Client> = (0..measure.sockets).map(|_| Client::new(measure.server)).collect();
    let timeout = Duration::from_millis(measure.timeout_ms).as_nanos() as u64;
    let (tally, latencies) = (Tally::default(), Latencies::new());
    let mut run = Run { start: Instant::now(), queries, at: 0, timeout, tally, latencies };
    let batches = &mut (Batch::new(false), Batch::new(false));
    let seconds = Duration::from_secs_f64;
    pour(&mut run, &mut clients, batches, measure, seconds(measure.warm_up));
    (run.tally, run.latencies) = (Tally::default(), Latencies::new());
    let (begun, on_processor) = (Instant::now(), processor_time(&measure.process));
    pour(&mut run, &mut clients, batches, measure, seconds(measure.seconds));
    let (elapsed, on_processor) = (begun.elapsed().as_secs_f64(), processor_time(&measure.process) - on_processor);
    println!("{}", report(&run, elapsed, on_processor));
}

impl Client {
    fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect(server).unwrap();
        Self { socket, left: vec![0; IDS], next: 0, oldest: 0, waiting: 0 }
    }
}

/// Goes round the sockets until the time is over.
fn pour(run: &mut Run, clients: &mut [Client], batches: &mut (Batch, Batch), measure: &Measure, time: Duration) {
    let (sending, receiving) = batches;
    let window = (measure.window / measure.sockets).max(1);
    let apart = measure.rate.map(|rate| 1e9 / rate);
    let begun = run.now();
    let end = begun + time.as_nanos() as u64;
    let left = |run: &Run| measure.count.map_or(u64::MAX, |count| count.saturating_sub(run.tally.sent)) as usize;
    while run.now() < end && (left(run) > 0 || clients.iter().any(|client| client.waiting > 0)) {
        for client in &mut *clients {
            run.receive(client, receiving);
            run.give_up(client);
            let now = run.now();
            match apart {
                None => {
                    let count = window.saturating_sub(client.waiting).min(left(run));
                    run.send(client, sending, count, now as f64, 0.0);
                }
                Some(apart) => {
                    // Latency is measured from when a query was due: whatever held it up held up the client too.
                    let due = begun as f64 + run.tally.sent as f64 * apart;
                    let count = ((now as f64 - due) / apart).clamp(0.0, BATCH_LEN as f64) as usize;
                    run.send(client, sending, count.min(left(run)), due, apart);
                }
            }
        }
    }
}

/// Nanoseconds that all threads of the processes have run.
fn processor_time(processes: &[u32]) -> u64 {
    let threads =
        processes.iter().flat_map(|process| fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten());
    threads
        .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

fn report(run: &Run, seconds: f64, on_processor: u64) -> Value {
    let (tally, answered) = (&run.tally, run.tally.answered.max(1) as f64);
    let micros = |thousandths| run.latencies.quantile(thousandths).map(|latency| latency.as_nanos() as f64 / 1e3);
    let rcodes = tally.rcodes.iter().enumerate().filter(|(_, count)| **count > 0);
    json!({
        "seconds": seconds,
        "sent": tally.sent,
        "answered": tally.answered,
        "lost": tally.lost,
        "answers_per_second": tally.answered as f64 / seconds,
        "rcodes": rcodes.map(|(rcode, count)| (rcode.to_string(), json!(count))).collect::<serde_json::Map<_, _>>(),
        "with_records": tally.with_records,
        "octets_per_answer": tally.octets as f64 / answered,
        "processor_us_per_answer": on_processor as f64 / 1e3 / answered,
        "processor_share": on_processor as f64 / 1e9 / seconds,
        "p50_us": micros(500),
        "p99_us": micros(990),
        "p999_us": micros(999),
    })
}

/// Sends every datagram back, with the bit of a response, on so many threads, each with a socket of its own.
pub fn echo(address: SocketAddr, one_by_one: bool, workers: usize) {
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| echo_worker(address, one_by_one));
        }
    });
}

fn echo_worker(address: SocketAddr, one_by_one: bool) {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&address.into()).unwrap();
    let socket = UdpSocket::from(socket);
    if one_by_one {
        let mut buffer = [0; 1536];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).unwrap();
            buffer[FLAGS_AT] |= QR;
            socket.send_to(&buffer[..len], from).ok();
        }
    }
    let mut batch = Batch::new(true);
    loop {
        batch.receive(&socket, true).unwrap();
        for datagram in batch.datagrams().filter(|datagram| datagram.len() > FLAGS_AT) {
            datagram[FLAGS_AT] |= QR;
        }
        batch.send_back(&socket);
    }
}
