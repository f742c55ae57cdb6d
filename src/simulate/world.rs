//! A configuration driven through virtual time by the publisher's own core: what probes, operators and feeds would say is said,
//! and the snapshot that follows is taken.

use super::what_if::{Change, Wish};
use crate::base::UnixTime;
use crate::health::{Change as TargetChange, Endpoint, Load, Report, Status, Subject, TargetKey, TargetState};
use crate::snapshot::{Core, Inputs, Past, Snapshot};
use crate::steering::control::operator::{OperatorTable, Order};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The world begins at some time that is not the beginning of time.
const START: UnixTime = UnixTime::from_secs(1_000_000_000);

/// How long things are given to come to rest: delays of failover, shares that move.
const SETTLES_WITHIN: Duration = Duration::from_secs(900);
/// Most steps on the way there.
const STEPS_MAX: usize = 2_000;

/// A configuration in a state.
pub struct World {
    inputs: Inputs,
    core: Core,
    now: UnixTime,
}

impl World {
    /// Every member passes: each one is watched by a monitor of its own, in the place of those configured.
    #[must_use]
    pub fn new(mut inputs: Inputs) -> Self {
        let mut changes = Vec::new();
        for (pool, targets) in inputs.pools.iter_mut().zip(&mut inputs.member_targets) {
            pool.monitors.clear();
            pool.at_least = None;
            for (member, targets) in targets.iter_mut().enumerate() {
                let key = target(&pool.name, member);
                *targets = vec![key.clone()];
                changes.push(TargetChange { key, state: state(Status::Up, START) });
            }
        }
        let mut core = Core::new(inputs.clone(), &Past::default(), START);
        core.changed(changes);
        core.step(START);
        let mut world = Self { inputs, core, now: START };
        world.settle();
        world
    }

    /// The configuration, with the monitors of the simulation.
    #[must_use]
    pub const fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Lets `changes` happen now; time does not go by. The error is an operator's: what cannot be asked for.
    pub fn suppose(&mut self, changes: &[Change]) -> Result<(), String> {
        let mut fallen = Vec::new();
        for pool in &self.inputs.pools {
            for (at, member) in pool.members.iter().enumerate() {
                let Some(region) = self.inputs.regions.get(member.region.index()) else { continue };
                if changes.iter().any(|change| change.fells(pool, region, &member.target)) {
                    fallen.push(TargetChange { key: target(&pool.name, at), state: state(Status::Down, self.now) });
                }
            }
        }
        let mut table = OperatorTable::default();
        for change in changes {
            let Wish::Operator(action) = change.wish else { continue };
            let (reason, by) = ("simulated".into(), "simulate".into());
            table.say(Order { pattern: change.pattern.clone(), action, since: self.now, until: None, reason, by })?;
        }
        self.core.changed(fallen);
        self.core.operate(Arc::new(table), self.now);
        self.core.step(self.now);
        Ok(())
    }

    /// Lets regions report how much of their capacity is in use, by name, and `after` that time go by.
    pub fn report<'n>(&mut self, utilisations: impl Iterator<Item = (&'n str, f64)>, after: Duration) {
        let reports = utilisations.map(|(region, used)| {
            let load = Load { utilisation: Some(used), ..Load::default() };
            (Subject::Region(region.into()), Report { load, is_fresh: true, ..Report::default() })
        });
        self.core.reported(reports.collect());
        self.core.step(self.now);
        self.run_until(self.now + after);
    }

    /// Lets time go by until everything has come to rest.
    pub fn settle(&mut self) {
        let end = self.now + SETTLES_WITHIN;
        self.run_until(end);
    }

    fn run_until(&mut self, end: UnixTime) {
        for _ in 0..STEPS_MAX {
            let Some(due) = self.core.due().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.core.step(self.now);
        }
        self.now = end;
    }

    /// What queries would be answered from now.
    pub fn snapshot(&mut self) -> Arc<Snapshot> {
        self.core.snapshot()
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("inputs", &self.inputs).field("now", &self.now).finish_non_exhaustive()
    }
}

/// What the monitor of a member watches.
fn target(pool: &str, member: usize) -> TargetKey {
    TargetKey { monitor: "simulated".into(), endpoint: Endpoint::Host(format!("{pool}#{member}").into(), 0) }
}

fn state(status: Status, since: UnixTime) -> TargetState {
    TargetState { status, since, ..TargetState::default() }
}
