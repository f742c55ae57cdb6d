//! The workbench of the suites in `tests/interop` and of the measurements in `benches`: loads of queries, the worlds that are
//! measured, and answers whose instructions can be counted. `workbench help` lists what it does.
//!
//! A zone of `scale.py` holds `h0000000` to the number of its names, each with an address that is its number in network 10.

#![expect(clippy::unwrap_used, reason = "a test program: what goes wrong ends it")]

mod answers;
mod datagrams;
mod latencies;
mod load;
mod measure;
mod probes;
mod publish;
#[path = "../../benches/works/mod.rs"]
mod works;
mod world;

use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;
use works::chance::Chance;

#[derive(Parser)]
enum Command {
    /// Writes the worlds and queries that are measured (benches/README.md).
    Works { folder: PathBuf },
    /// Asks queries of a file and prints, as JSON, what came of them.
    Measure(measure::Measure),
    /// Sends every datagram back: what a server without any work takes.
    Echo {
        address: SocketAddr,
        /// With a system call each, rather than batch by batch.
        #[arg(long)]
        one_by_one: bool,
        /// Threads, each with a socket of its own.
        #[arg(long, default_value_t = 1)]
        workers: usize,
    },
    /// A steady load of which nothing may be lost, until a line comes on standard input; then the tally, as JSON.
    Load { server: SocketAddr, rate: u32, names: u64, origin: String },
    /// COUNT answers to names that are there, then COUNT to names that are not.
    Answers { configuration: PathBuf, names: u64, origin: String, count: u64 },
    /// TARGETS on loopback probed once a second; start delays and cost, as JSON.
    Probes { targets: u32, seconds: u32 },
    /// Writes a configuration of that size.
    World { pools: usize, regions: usize, folder: PathBuf },
    /// What changes cost the publisher in that world: times, and counts of what was done.
    Publish {
        pools: usize,
        regions: usize,
        /// Only changes with this in their name.
        #[arg(default_value = "")]
        only: String,
    },
}

fn main() {
    match Command::parse() {
        Command::Works { folder } => works::write(&folder),
        Command::Measure(measure) => measure::run(&measure),
        Command::Echo { address, one_by_one, workers } => measure::echo(address, one_by_one, workers),
        Command::Load { server, rate, names, origin } => load::run(server, rate, names, &origin),
        Command::Answers { configuration, names, origin, count } => answers::run(&configuration, names, &origin, count),
        Command::Probes { targets, seconds } => probes::run(targets, seconds),
        Command::World { pools, regions, folder } => world::write(&folder, pools, regions),
        Command::Publish { pools, regions, only } => publish::run(pools, regions, &only),
    }
}

/// A query for the address of `LABEL.ORIGIN`, with id 0 and no OPT record.
fn query(label: &str, origin: &str) -> Vec<u8> {
    let mut octets = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in label.split('.').chain(origin.split('.')) {
        octets.push(u8::try_from(label.len()).unwrap());
        octets.extend(label.as_bytes());
    }
    octets.extend([0, 0, 1, 0, 1]);
    octets
}
