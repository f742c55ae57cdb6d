//! The targets of health of one generation, by number: which members each belongs to, and how each stands. Names are compared
//! when a change is told, not for each pool that it concerns.

use super::Inputs;
use super::known::TargetStates;
use super::twins::Twins;
use crate::base::PoolId;
use crate::health::{Status, TargetKey, TargetState};
use std::collections::HashMap;

/// How a target stands, and whether that is about to change.
pub(super) type Stand = (Status, bool);

/// The targets of a generation.
pub(super) struct Probed {
    numbers: HashMap<TargetKey, u32>,
    /// By number: the pools that it belongs to, without those that are twins of others.
    pools: Vec<Vec<PoolId>>,
    /// By pool: the place of its first member among all, in `starts`.
    members: Box<[u32]>,
    /// By member: where its targets begin in `of_members`; and one more.
    starts: Box<[u32]>,
    /// Numbers of targets, member by member.
    of_members: Box<[u32]>,
}

impl Probed {
    /// Numbers all targets.
    pub(super) fn new(inputs: &Inputs, twins: &Twins) -> Self {
        let mut numbers: HashMap<TargetKey, u32> = HashMap::new();
        let mut pools: Vec<Vec<PoolId>> = Vec::new();
        let (mut members, mut starts, mut of_members) = (Vec::new(), Vec::new(), Vec::new());
        let none = Vec::new();
        for pool in (0..).map(PoolId).take(inputs.pools.len()) {
            members.push(starts.len() as u32);
            for targets in inputs.member_targets.get(pool.index()).unwrap_or(&none) {
                starts.push(of_members.len() as u32);
                for target in targets {
                    let number = match numbers.get(target) {
                        Some(&number) => number,
                        None => {
                            let number = pools.len() as u32;
                            numbers.insert(target.clone(), number);
                            pools.push(Vec::with_capacity(1));
                            number
                        }
                    };
                    let of_target = &mut pools[number as usize];
                    if twins.of_pool.get(pool.index()) == Some(&pool) && of_target.last() != Some(&pool) {
                        of_target.push(pool);
                    }
                    of_members.push(number);
                }
            }
        }
        members.push(starts.len() as u32);
        starts.push(of_members.len() as u32);
        Self { numbers, pools, members: members.into(), starts: starts.into(), of_members: of_members.into() }
    }

    /// The number of a target, if any member has it.
    pub(super) fn number(&self, target: &TargetKey) -> Option<u32> {
        self.numbers.get(target).copied()
    }

    /// The pools that have members with this target, without those that are twins of others.
    pub(super) fn pools_of(&self, target: u32) -> &[PoolId] {
        self.pools.get(target as usize).map_or(&[], Vec::as_slice)
    }

    /// The numbers of what a member of a pool is judged by, in the order of its pool's monitors.
    pub(super) fn of_member(&self, pool: PoolId, member: usize) -> &[u32] {
        let place = |pool: usize| self.members.get(pool).map(|place| *place as usize);
        let (Some(first), Some(end)) = (place(pool.index()), place(pool.index() + 1)) else { return &[] };
        match first + member {
            place if place < end => &self.of_members[self.starts[place] as usize..self.starts[place + 1] as usize],
            _ => &[],
        }
    }

    /// How all targets stand by what is known of them, by number; what is known of others is forgotten.
    pub(super) fn stands(&self, known: &mut TargetStates) -> Vec<Stand> {
        let mut stands = vec![Stand::default(); self.pools.len()];
        known.retain(|target, state| {
            let number = self.number(target);
            if let Some(number) = number {
                stands[number as usize] = stand_of(state);
            }
            number.is_some()
        });
        stands
    }
}

/// A target's status, and whether it is about to change.
pub(super) const fn stand_of(state: &TargetState) -> Stand {
    (state.status, state.wavering)
}
