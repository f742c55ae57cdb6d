//! How long it takes, for people: answers to each work, and how they grow with worlds. `cargo bench --bench times`; the same works
//! as `instructions.rs`, which machines compare. See `benches/README.md`.

#![expect(clippy::unwrap_used, reason = "a bench: what goes wrong ends it")]

mod works;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;
use works::chance::Chance;
use works::{Live, read_queries};

/// Queries that are asked in turn: more than fit into the caches nearest to the processor.
const QUERIES: usize = 100_000;

fn answers(criterion: &mut Criterion) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("works");
    works::write(&folder);
    let mut group = criterion.benchmark_group("respond");
    group
        .throughput(Throughput::Elements(1))
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    for (name, configuration, of) in [
        ("w1", "geographic", "w1"),
        ("w2", "geographic", "w2"),
        ("w3", "geographic", "w3"),
        ("w4", "geographic", "w4"),
        ("w5", "signed", "w5"),
        ("w5nx", "signed", "w5nx"),
        ("hosts of 100", "hosts-100", "hosts-100"),
        ("hosts of 100,000", "hosts-100000", "hosts-100000"),
        ("regions of 3", "regions-3", "w3"),
        ("regions of 300", "regions-300", "w3"),
        ("pools of 10", "pools-10", "pools-10"),
        ("pools of 10,000", "pools-10000", "pools-10000"),
    ] {
        let mut live = Live::load(&folder.join(format!("{configuration}.toml")));
        let queries = read_queries(&folder.join(format!("{of}.queries")), QUERIES);
        let (mut turn, mut chance) = (0, Chance(1));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                turn = (turn + 1) % queries.len();
                black_box(live.answer(black_box(&queries[turn]), chance.number()).len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, answers);
criterion_main!(benches);
