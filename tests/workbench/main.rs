//! The workbench of `tests/interop/scale.py`: a steady load of queries, and answers whose instructions can be counted.
//!
//! ```text
//! workbench load ADDRESS RATE NAMES ORIGIN     until a line comes on standard input; then the tally, as JSON
//! workbench answers CONFIG NAMES ORIGIN COUNT  COUNT answers to names that are there, then COUNT to names that are not
//! workbench works FOLDER                       writes the worlds and queries that are measured (benches/README.md)
//! workbench probes TARGETS SECONDS             TARGETS on loopback probed once a second; start delays and cost, as JSON
//! workbench world POOLS REGIONS FOLDER         writes a configuration of that size
//! workbench publish POOLS REGIONS              what changes cost the publisher in that world: times, and counts of what was done
//! ```
//!
//! A zone of the suite holds `h0000000` to the number of its names, each with an address that is its number in network 10.

#![expect(clippy::unwrap_used, reason = "a test program: what goes wrong ends it")]

mod answers;
mod load;
mod probes;
mod publish;
#[path = "../../benches/works/mod.rs"]
mod works;
mod world;

use std::process::ExitCode;
use works::chance::Chance;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["load", address, rate, names, origin] => {
            load::run(address.parse().unwrap(), rate.parse().unwrap(), names.parse().unwrap(), origin);
        }
        ["answers", config, names, origin, count] => {
            answers::run(config.as_ref(), names.parse().unwrap(), origin, count.parse().unwrap());
        }
        ["works", folder] => works::write(folder.as_ref()),
        ["probes", targets, seconds] => probes::run(targets.parse().unwrap(), seconds.parse().unwrap()),
        ["world", pools, regions, folder] => {
            world::write(folder.as_ref(), pools.parse().unwrap(), regions.parse().unwrap());
        }
        ["publish", pools, regions] => publish::run(pools.parse().unwrap(), regions.parse().unwrap()),
        _ => {
            eprintln!(
                "usage: workbench load|answers|probes|world|works|publish ARGUMENTS; the head of the source says which"
            );
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
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
