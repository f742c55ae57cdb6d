//! What guards say of commands and of reloads. A reload is judged twice: when it is read, and under the lock of commands when it
//! goes live, since orders and states of members may have changed meanwhile.

use super::caches::longest_ttls_by_name;
use super::{OperatorHandle, Shared, State};
use crate::base::UnixTime;
use crate::snapshot::{Current, Inputs};
use crate::steering::control::guards::{self, PoolNow, Scene, Violation};
use crate::steering::control::operator::OperatorTable;
use crate::steering::spec::Guard;
use std::sync::{Arc, MutexGuard};

/// A configuration on its way; commands wait until it is dropped.
pub struct GoingLive<'a> {
    shared: &'a Shared,
    state: MutexGuard<'a, State>,
    before: Arc<Current>,
}

impl GoingLive<'_> {
    /// It is live, and commands are judged by its guards.
    pub fn is_live(mut self, guards: Vec<Guard>) {
        let longest = longest_ttls_by_name(&self.before);
        self.state.guards = guards;
        self.state.dry.replaced(longest, self.shared.clock.now());
    }
}

impl OperatorHandle {
    /// What guards of another configuration say against its going live, each in a sentence.
    #[must_use]
    pub fn judge_reload(&self, guards: &[Guard], next: &Inputs) -> Vec<String> {
        let table = self.table();
        judge_reload(guards, next, &table, &self.0.publisher.current(), self.now())
    }

    /// Judges once more, and keeps commands waiting until the configuration is live. The error is what guards say against it.
    pub fn going_live(&self, guards: &[Guard], next: &Inputs) -> Result<GoingLive<'_>, Vec<String>> {
        let state = self.0.state();
        let before = self.0.publisher.current();
        let said = judge_reload(guards, next, &state.table, &before, self.now());
        if said.is_empty() { Ok(GoingLive { shared: &self.0, state, before }) } else { Err(said) }
    }
}

fn judge_reload(
    guards: &[Guard],
    next: &Inputs,
    table: &OperatorTable,
    current: &Current,
    now: UnixTime,
) -> Vec<String> {
    if guards.is_empty() {
        return Vec::new();
    }
    let state = pools_now(current);
    let before = Scene { regions: &current.inputs.regions, pools: &current.inputs.pools, state: &state };
    let steered = guards::steered(next.pools.len(), &next.policies, next.balances.iter().flatten());
    let next = Scene { regions: &next.regions, pools: &next.pools, state: &steered };
    guards::judge_reload(before, guards, next, table, now).iter().map(Violation::words).collect()
}

/// What guards say against these orders.
pub fn judge(state: &State, proposed: &OperatorTable, current: &Current, now: UnixTime) -> Vec<Violation> {
    if state.guards.is_empty() {
        return Vec::new();
    }
    let (regions, pools) = (&current.inputs.regions, &current.inputs.pools);
    guards::judge(&state.guards, regions, pools, &pools_now(current), proposed, now)
}

/// How all pools stand, by id. Of several policies over one pool the strictest counts; a pool that is not steered has nothing
/// that could be lost.
fn pools_now(current: &Current) -> Vec<PoolNow> {
    let mut pools = vec![PoolNow::default(); current.inputs.pools.len()];
    for (number, (pool, policy)) in current.pairs.iter().enumerate() {
        let known = &mut pools[pool.index()];
        let members = current.snapshot.pool_answers.get(number).states();
        if known.members.is_empty() {
            known.members = members.to_vec();
        }
        for (known, member) in known.members.iter_mut().zip(members) {
            known.enabled &= member.enabled;
        }
        known.steer_by(&current.inputs.policies[policy.index()]);
    }
    pools
}
