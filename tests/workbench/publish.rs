//! What changes cost the publisher in a large world, without its thread and its clock: processor time from being told to a
//! snapshot, and how many pools were looked at and built anew.

use crate::world;
use azimuth::base::UnixTime;
use azimuth::boot::{Overrides, load};
use azimuth::health::{Change, Load, Report, Status, Subject, TargetKey, TargetState, Word};
use azimuth::snapshot::{Core, Inputs, Past, Snapshot};
use azimuth::steering::control::operator::{Action, OperatorTable, Order, Pattern};
use nix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::time::Duration;

/// How often each change is made.
const ROUNDS: u32 = 50;

/// The processor time that this thread has used: what else runs on the machine does not matter.
fn used() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

/// A world, and its virtual time.
struct Bench {
    core: Core,
    inputs: Inputs,
    now: UnixTime,
    /// What workers would read now.
    live: Arc<Snapshot>,
    /// Only what has this in its name is measured.
    only: String,
}

/// Builds the world and measures all that has `only` in its name.
pub fn run(pools: usize, regions: usize, only: &str) {
    let folder = std::env::temp_dir().join(format!("azimuth-world-{}", std::process::id()));
    world::write(&folder, pools, regions);
    let begun = used();
    let (loaded, report) = load(&folder.join("azimuth.toml"), &Overrides::default(), None);
    let Some(loaded) = loaded else { panic!("{:#?}", report.diagnostics) };
    println!("{:<44} {:>9.1} ms", "configuration read", (used() - begun).as_secs_f64() * 1e3);
    std::fs::remove_dir_all(&folder).unwrap();
    let inputs = loaded.inputs.clone();
    drop(loaded);
    let before = resident();
    let begun = used();
    let now = UnixTime::from_secs(1_000_000);
    let mut core = Core::new(inputs.clone(), &Past::default(), now);
    let live = core.snapshot();
    println!(
        "{:<44} {:>9.1} ms, {} MiB",
        "first snapshot built",
        (used() - begun).as_secs_f64() * 1e3,
        (resident() - before) / 1024
    );
    let mut bench = Bench { core, inputs, now, live, only: only.to_owned() };
    bench.all_up();
    bench.changes();
    bench.time();
    bench.reports();
    bench.orders();
    bench.reload();
    println!("{:<44} {} MiB now, {} MiB at most", "resident", resident() / 1024, status("VmHWM:") / 1024);
}

impl Bench {
    /// One thing that happens, and what it costs until it can be answered by. Where that is much it is published in portions, as
    /// the publisher does: then each counts for what another change would wait at most.
    fn measure(&mut self, what: &str, rounds: u32, mut happens: impl FnMut(&mut Self, u32)) {
        if !what.contains(&self.only) && !what.contains("first results") {
            return;
        }
        let before = self.core.work();
        let (mut total, mut most, mut portions) = (Duration::ZERO, Duration::ZERO, 0);
        for round in 0..rounds {
            self.now = self.now + Duration::from_millis(10);
            let mut begun = used();
            happens(self, round);
            loop {
                let old = self.publish();
                let took = used() - begun;
                drop(old);
                (total, most, portions) = (total + took, most.max(took), portions + 1);
                if !self.core.is_dirty() {
                    break;
                }
                begun = used();
            }
        }
        let (after, rounds) = (self.core.work(), u64::from(rounds));
        println!(
            "{what:<44} {:>9.1} us mean in {} portions of {:>9.1} us at most; {} controls stepped, {} answers built",
            total.as_secs_f64() * 1e6 / rounds as f64,
            portions as f64 / rounds as f64,
            most.as_secs_f64() * 1e6,
            (after.controls_stepped - before.controls_stepped) / rounds,
            (after.answers_built - before.answers_built) / rounds,
        );
    }

    /// One portion; gives what workers read before, which another thread frees.
    #[inline(never)]
    fn publish(&mut self) -> Option<Arc<Snapshot>> {
        self.core.step_briefly(self.now).then(|| std::mem::replace(&mut self.live, self.core.snapshot()))
    }

    /// Lets time go by until nobody wants to be asked within the next minute.
    fn settle(&mut self) {
        let end = self.now + Duration::from_secs(60);
        while let Some(due) = self.core.due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.core.step(self.now);
            self.live = self.core.snapshot();
        }
        self.now = end;
    }

    fn target(&self, pool: &str, member: usize) -> TargetKey {
        let at = self.inputs.pools.iter().position(|known| &*known.name == pool).unwrap();
        self.inputs.member_targets[at][member][0].clone()
    }

    fn all_up(&mut self) {
        let targets: Vec<TargetKey> = self.inputs.member_targets.iter().flatten().flatten().cloned().collect();
        self.measure("first results of all targets", 1, |bench, _| {
            bench.core.changed(targets.iter().map(|key| change(key, Status::Up)).collect());
        });
    }

    fn changes(&mut self) {
        let one = self.target("p00000", 0);
        self.measure("one target goes or comes", ROUNDS, |bench, round| bench.core.changed(vec![flip(&one, round)]));
        let many: Vec<TargetKey> = (0..100).map(|pool| self.target(&format!("p{pool:05}"), 1)).collect();
        self.measure("100 targets at once", ROUNDS, |bench, round| {
            bench.core.changed(many.iter().map(|key| flip(key, round)).collect());
        });
        let wide = self.target("wide", 0);
        self.measure("one of a pool in every region", ROUNDS, |bench, round| {
            bench.core.changed(vec![flip(&wide, round)]);
        });
        let shared = self.target("s00000", 0);
        self.measure("one that half of all pools share", ROUNDS, |bench, round| {
            bench.core.changed(vec![flip(&shared, round)]);
        });
    }

    fn time(&mut self) {
        self.measure("a step when nothing is due", ROUNDS, |_, _| ());
        self.measure("a second goes by", 10, |bench, _| bench.now = bench.now + Duration::from_secs(1));
    }

    fn reports(&mut self) {
        let report = |round: u32, word| {
            let load = Load { connections: Some(f64::from(100 + round)), utilisation: Some(0.5), ..Load::default() };
            Report { word, load, is_fresh: true, ..Report::default() }
        };
        let region = || Subject::Region("r007".into());
        self.measure("a region reports its load", ROUNDS, |bench, round| {
            bench.core.reported(vec![(region(), report(round, None))]);
        });
        self.measure("a region is stopped, and goes on", ROUNDS, |bench, round| {
            let word = (round % 2 == 0).then_some(Word::Stopped);
            bench.core.reported(vec![(region(), report(round, word))]);
        });
        let regions: Vec<_> = self.inputs.regions.iter().map(|region| Arc::clone(&region.name)).collect();
        self.measure("all regions report their load", 10, |bench, round| {
            let reports = regions
                .iter()
                .zip(round..)
                .map(|(region, round)| (Subject::Region(Arc::clone(region)), report(round, None)));
            bench.core.reported(reports.collect());
        });
        self.measure("a second goes by after that", 10, |bench, _| bench.now = bench.now + Duration::from_secs(1));
        self.settle();
    }

    fn orders(&mut self) {
        for (what, pattern) in
            [("a region is drained, and not", "region/r007"), ("a pool is drained, and not", "pool/p00000/*")]
        {
            self.measure(what, ROUNDS, |bench, round| {
                let mut table = OperatorTable::default();
                if round % 2 == 0 {
                    let order = Order {
                        pattern: pattern.parse::<Pattern>().unwrap(),
                        action: Action::Drain { percent: 100 },
                        since: bench.now,
                        until: None,
                        reason: "".into(),
                        by: "".into(),
                    };
                    table.say(order).unwrap();
                }
                bench.core.operate(Arc::new(table), bench.now);
            });
        }
        self.measure("a release that concerns nobody", ROUNDS, |bench, _| bench.core.release(&|_, _| false));
        self.measure("what a restart must not forget", ROUNDS, |bench, _| drop(bench.core.memories()));
    }

    fn reload(&mut self) {
        let mut inputs = self.inputs.clone();
        inputs.pools[0].members.truncate(1);
        inputs.member_targets[0].truncate(1);
        self.measure("another configuration, one pool changed", 4, |bench, round| {
            let inputs = if round % 2 == 0 { &inputs } else { &bench.inputs };
            bench.core.replace(inputs.clone(), bench.now);
            bench.live = bench.core.snapshot();
        });
    }
}

fn change(key: &TargetKey, status: Status) -> Change {
    Change { key: key.clone(), state: TargetState { status, ..TargetState::default() } }
}

fn flip(key: &TargetKey, round: u32) -> Change {
    change(key, if round.is_multiple_of(2) { Status::Down } else { Status::Up })
}

/// KiB of this process in memory.
fn resident() -> u64 {
    status("VmRSS:")
}

fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default()
}
