//! The world simulation: whole worlds in virtual time, each following from its seed, and rules that no answer may break.
//!
//! A few hundred worlds run with every `cargo test`; `AZIMUTH_SIM_SEEDS=10000` runs as many, `AZIMUTH_SIM_SEED=17` one. What breaks
//! a rule names its seed. See docs/testing.md.

mod ask;
mod causes;
mod ground;
mod model;
mod plan;
mod random;
mod resolvers;
mod restart;
mod rules;
mod shares;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

/// Worlds of an ordinary run.
const SEEDS: u64 = 200;

/// Tells the seed of a world that broke a rule.
struct Teller(u64);

impl Drop for Teller {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "the world with seed {0} broke a rule; AZIMUTH_SIM_SEED={0} cargo test --test all sim:: repeats it",
                self.0
            );
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

fn run(seed: u64) -> u64 {
    let _teller = Teller(seed);
    world::World::new(seed).run()
}

#[test]
fn no_world_breaks_a_rule() {
    if let Some(seed) = number("AZIMUTH_SIM_SEED") {
        run(seed);
        return;
    }
    let count = number("AZIMUTH_SIM_SEEDS").unwrap_or(SEEDS);
    let (next, answers) = (AtomicU64::new(0), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= count {
                        return;
                    }
                    answers.fetch_add(run(seed), Ordering::Relaxed);
                }
            });
        }
    });
    let answers = answers.into_inner();
    println!("{count} worlds, {answers} answers");
    assert!(answers > count * 50, "the worlds ask: {answers} answers");
}
