//! Answers of the engine alone, without sockets, for a tool that counts instructions: everything before is done outside the two
//! functions that are counted.

use crate::works::Live;
use crate::{Chance, query};
use std::path::Path;

/// Queries are made before they are counted, and used again and again.
const DISTINCT: u64 = 4096;

/// Loads the configuration and answers `count` queries for names that are there and `count` for others.
pub fn run(config: &Path, names: u64, origin: &str, count: u64) {
    let mut live = Live::load(config);
    let mut chance = Chance(1);
    let mut queries = |prefix: &str| -> Vec<Vec<u8>> {
        (0..DISTINCT).map(|_| query(&format!("{prefix}{:07}", chance.below(names)), origin)).collect()
    };
    let (there, absent) = (queries("h"), queries("h5x"));
    // Once without being counted: what happens at the first answer only is no cost of an answer.
    let warm = (answer_positive(&mut live, &there, 64), answer_absent(&mut live, &absent, 64));
    let octets = answer_positive(&mut live, &there, count);
    let octets_absent = answer_absent(&mut live, &absent, count);
    println!("{} and {} octets", octets + warm.0, octets_absent + warm.1);
}

/// Counted by its name.
#[inline(never)]
pub fn answer_positive(live: &mut Live, queries: &[Vec<u8>], count: u64) -> u64 {
    ask(live, queries, count, 0)
}

/// Counted by its name.
#[inline(never)]
pub fn answer_absent(live: &mut Live, queries: &[Vec<u8>], count: u64) -> u64 {
    ask(live, queries, count, 3)
}

fn ask(live: &mut Live, queries: &[Vec<u8>], count: u64, rcode: u8) -> u64 {
    let mut sum = 0;
    for octets in queries.iter().cycle().take(count as usize) {
        let response = live.answer(octets, sum);
        assert_eq!(response[3] & 15, rcode);
        sum += response.len() as u64;
    }
    sum
}
