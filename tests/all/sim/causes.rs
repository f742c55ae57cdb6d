//! Every change of state has a cause: what was told since the last publication against what that publication changes.

use super::plan::Plan;
use azimuth::base::{PolicyId, PoolId, RegionId};
use azimuth::health::{Change, Observation, Status, Subject, TargetKey};
use azimuth::snapshot::{Snapshot, target_name};
use azimuth::steering::condition::MemberState;
use azimuth::steering::spec::AllDown;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What was told.
#[derive(Debug, Default)]
pub struct Causes {
    pub targets: BTreeSet<TargetKey>,
    pub subjects: BTreeSet<Subject>,
    pub is_operator: bool,
    pub is_reload: bool,
    /// The core wanted to be asked at this time.
    pub is_time: bool,
}

impl Causes {
    /// Compares two publications of one configuration.
    pub fn check(&self, plan: &Plan, before: &Snapshot, after: &Snapshot) {
        if self.is_reload {
            return;
        }
        let mut is_changed = false;
        let pairs = pairs(plan);
        assert_eq!(after.pool_answers.iter().count(), pairs.len());
        for (number, (pool, policy)) in pairs.into_iter().enumerate() {
            let (old, new) = (before.pool_answers.get(number), after.pool_answers.get(number));
            let (old, new) = (old.condition(), new.condition());
            let whose = || format!("pool {} under policy {}", pool.0, policy.0);
            for (at, (old, new)) in old.members.iter().zip(&new.members).enumerate() {
                if old != new {
                    is_changed = true;
                    let cause = self.of_member(plan, pool, policy, at, (old, new));
                    assert!(cause, "member {at} of {} changes without a cause: {old:?} to {new:?}, {self:?}", whose());
                }
            }
            let regions = (0..plan.inputs.regions.len() as u16).map(RegionId);
            for (region, old, new) in regions.map(|region| (region.0, old.regions.of(region), new.regions.of(region))) {
                if old != new {
                    is_changed = true;
                    let cause = self.of_pool(plan, pool);
                    assert!(cause, "region {region} of {} changes without a cause: {old:?} to {new:?}", whose());
                }
            }
        }
        assert!(is_changed, "a publication changes something");
        assert!(after.generation > before.generation, "generations grow");
    }

    fn of_member(
        &self,
        plan: &Plan,
        pool: PoolId,
        policy: PolicyId,
        at: usize,
        (old, new): (&MemberState, &MemberState),
    ) -> bool {
        let inputs = &plan.inputs;
        let spec = &inputs.pools[pool.index()];
        let member = &spec.members[at];
        let region = Subject::Region(Arc::clone(&inputs.regions[member.region.index()].name));
        let own = Subject::Member { pool: Arc::clone(&spec.name), target: target_name(&member.target) };
        let is_told = inputs.member_targets[pool.index()][at].iter().any(|key| self.targets.contains(key))
            || self.subjects.contains(&region)
            || self.subjects.contains(&own)
            || self.is_operator;
        // By themselves words of operators end, regions hold out, warm up and come back, and shares move.
        let is_alone = |state: &MemberState| MemberState { weight: 0, wavering: false, ..*state };
        let is_weight_alone = is_alone(old) == is_alone(new);
        let holds_out = !spec.recovery.failover_delay.is_zero();
        let moves = inputs.policies[policy.index()].spread.is_dynamic() || holds_out;
        is_told || self.is_time || ((moves || is_weight_alone) && self.of_pool(plan, pool))
    }

    /// Something was told that concerns a pool.
    fn of_pool(&self, plan: &Plan, pool: PoolId) -> bool {
        let targets = plan.inputs.member_targets[pool.index()].iter().flatten();
        self.is_operator
            || self.is_time
            || !self.subjects.is_empty()
            || targets.into_iter().any(|key| self.targets.contains(key))
    }
}

/// The pairs of pool and policy in the order of their answers: each once, in the order of the balanced names, and behind each
/// the one that it falls back to.
fn pairs(plan: &Plan) -> Vec<(PoolId, PolicyId)> {
    let mut pairs: Vec<(PoolId, PolicyId)> = Vec::new();
    for balance in &plan.inputs.balances[0] {
        let mut next = Some(balance.policy);
        while let Some(policy) = next {
            if !pairs.contains(&(balance.pool, policy)) {
                pairs.push((balance.pool, policy));
            }
            next = match plan.inputs.policies[policy.index()].all_down {
                AllDown::Policy(policy) => Some(policy),
                _ => None,
            };
        }
    }
    pairs
}

/// A target changes its status by what was just observed of it, or because states were held and are not any more.
pub fn check_health(change: &Change, from: Status, seen: Option<(&TargetKey, &Observation)>, is_hold: bool) {
    let state = &change.state;
    if state.status == from {
        return;
    }
    let what = format!("{}: {from} to {}", change.key, state.status);
    if state.status == Status::Down {
        assert!(!state.last_error.is_empty(), "{what} without an error to show");
    }
    let Some((key, observation)) = seen else {
        assert!(is_hold, "{what} without an observation");
        return;
    };
    if is_hold {
        return;
    }
    assert_eq!(*key, change.key, "{what} by an observation of another");
    match observation {
        Observation::Passed { .. } => assert_eq!(state.status, Status::Up, "{what} by a probe that passed"),
        Observation::Failed { .. } => assert_eq!(state.status, Status::Down, "{what} by a probe that failed"),
        Observation::LocalError { .. } => panic!("{what} by a probe without a result"),
    }
}
