//! The workbench of `tests/interop/scale.py`: a steady load of queries, and answers whose instructions can be counted.
//!
//! ```text
//! workbench load ADDRESS RATE NAMES ORIGIN     until a line comes on standard input; then the tally, as JSON
//! workbench answers CONFIG NAMES ORIGIN COUNT  COUNT answers to names that are there, then COUNT to names that are not
//! workbench world FOLDER REGIONS POOLS         a configuration with balanced names for `answers`, whose names are the pools'
//! workbench probes TARGETS SECONDS             TARGETS on loopback probed once a second; start delays and cost, as JSON
//! ```
//!
//! A zone of the suite holds `h0000000` to the number of its names, each with an address that is its number in network 10.

#![expect(clippy::unwrap_used, reason = "a test program: what goes wrong ends it")]

mod answers;
mod load;
mod probes;
mod worlds;

use std::process::ExitCode;

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
        ["world", folder, regions, pools] => {
            worlds::write(folder.as_ref(), regions.parse().unwrap(), pools.parse().unwrap());
            println!("{folder}/azimuth.toml {pools} {}", worlds::ORIGIN);
        }
        ["probes", targets, seconds] => probes::run(targets.parse().unwrap(), seconds.parse().unwrap()),
        _ => {
            eprintln!(
                "usage: workbench probes TARGETS SECONDS | workbench world FOLDER REGIONS POOLS | workbench load ADDRESS RATE NAMES ORIGIN | workbench answers CONFIG NAMES ORIGIN COUNT"
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

/// Numbers that look like chance and are the same each time (Steele and Vigna's `SplitMix64`).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}
