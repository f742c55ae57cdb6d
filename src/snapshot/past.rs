//! What a restart must not forget of how pools are steered, and what is going on in them, both by names. Knows no files.

use super::core::Core;
use super::counters::{Counters, Total};
use super::generation::Generation;
use crate::base::{PolicyId, PoolId};
use crate::steering::control::operator::OperatorTable;
use crate::steering::control::{Control, Course, MemberCourse, RegionCourse, RegionMemory};
use crate::steering::spec::Recovery;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was in force before a restart.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// The words of operators.
    pub operator: Arc<OperatorTable>,
    /// What pools under policies remember.
    pub memories: Vec<PairMemory>,
}

/// What a pool under a policy remembers of its regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairMemory {
    /// The pool's name.
    pub pool: Arc<str>,
    /// The policy's name.
    pub policy: Arc<str>,
    /// Regions that have failed or wait for failback; never empty.
    pub regions: Vec<RegionMemory>,
}

/// What is going on in a pool under a policy.
#[derive(Clone, Debug)]
pub struct PairCourse {
    /// The pool.
    pub pool: PoolId,
    /// The policy.
    pub policy: PolicyId,
    /// Of the regions within the policy's reach, by id.
    pub regions: Vec<RegionCourse>,
    /// Of the members, in configured order.
    pub members: Vec<MemberCourse>,
}

/// A region of a pool that goes another course than before: what a log should tell.
#[derive(Clone, Debug)]
pub struct CourseChange {
    /// The pool's name.
    pub pool: Arc<str>,
    /// The policy's name.
    pub policy: Arc<str>,
    /// The region's name.
    pub region: Arc<str>,
    /// What was going on.
    pub from: Course,
    /// What is going on now.
    pub to: Course,
}

/// Says whether a region, in a pool, is released: by the names of pool and region.
pub type IsReleased = Box<dyn Fn(&str, &str) -> bool + Send>;

/// Is told of several things at once.
pub type ToldOf<T> = Box<dyn FnMut(&[T]) + Send>;

/// Who is told of what the publisher's steering comes to. All are called from its thread and must not block.
pub struct Hooks {
    /// With all that the next run must not forget, whenever that changes.
    pub on_memory: ToldOf<PairMemory>,
    /// With the regions that go another course.
    pub on_course: ToldOf<CourseChange>,
    /// With what nobody needs any more, to be dropped where it disturbs nobody: old snapshots and generations.
    pub on_left_over: Box<dyn FnMut(Box<dyn Send>) + Send>,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { on_memory: Box::new(|_| ()), on_course: Box::new(|_| ()), on_left_over: Box::new(drop) }
    }
}

impl Core {
    /// The regions that went another course since this was last asked.
    pub fn take_course_changes(&mut self) -> Vec<CourseChange> {
        std::mem::take(&mut self.course_changes)
    }

    /// Notes the regions of a lead that go another course than `before`; see [`Self::courses_of`].
    pub(super) fn note_courses(&mut self, lead: u32, before: &[Course]) {
        let now = self.controls[lead as usize].regions();
        for (region, &from) in now.zip(before) {
            if std::mem::discriminant(&region.course) != std::mem::discriminant(&from) {
                let (pool, policy) = self.generation.names_of_pair(lead as usize);
                let (region, to) = (Arc::clone(&region.name), region.course);
                self.course_changes.push(CourseChange { pool, policy, region, from, to });
            }
        }
    }

    /// The courses of a lead's regions, where more than health moves them.
    pub(super) fn courses_of(&self, lead: u32) -> Vec<Course> {
        let (pool, policy) = self.generation.pairs[lead as usize];
        let (pool, policy) =
            (&self.generation.inputs.pools[pool.index()], &self.generation.inputs.policies[policy.index()]);
        let moves = pool.recovery != Recovery::default() || policy.shed.is_some() || policy.percentage_drain;
        if !moves {
            return Vec::new();
        }
        self.controls[lead as usize].regions().map(|region| region.course).collect()
    }

    /// What is going on in each pool under each policy it is balanced under.
    #[must_use]
    pub fn courses(&self) -> Vec<PairCourse> {
        let generation = &self.generation;
        let course = |(number, &(pool, policy)): (usize, &(PoolId, PolicyId))| {
            // Twins share a course as long as nothing is said of one of them.
            let is_apart = generation.is_apart(number as u32, &self.said);
            let control = &self.controls[if is_apart { number } else { generation.lead_of(number) }];
            let (spec, of_pool) = (&generation.inputs.policies[policy.index()], &generation.inputs.pools[pool.index()]);
            PairCourse {
                pool,
                policy,
                regions: control.regions().cloned().collect(),
                members: control.members(spec, &of_pool.recovery).collect(),
            }
        };
        generation.pairs.iter().enumerate().map(course).collect()
    }

    /// Answers counted by the workers of this generation, by names of pool and region; none that are 0.
    #[must_use]
    pub fn totals(&self) -> Vec<Total> {
        let mut counters = Counters::default();
        counters.begin(&self.generation);
        counters.totals()
    }

    /// What a restart must not forget.
    #[must_use]
    pub fn memories(&self) -> Vec<PairMemory> {
        self.memories.of_pairs.values().cloned().collect()
    }

    /// The same, where it is something new since this was last asked.
    pub fn take_memories(&mut self) -> Option<Vec<PairMemory>> {
        std::mem::take(&mut self.memories.are_new).then(|| self.memories())
    }
}

/// What a restart must not forget, kept up to date step by step.
pub(super) struct Memories {
    /// By lead; only of those that remember something.
    of_pairs: BTreeMap<u32, PairMemory>,
    are_new: bool,
}

impl Memories {
    /// What these controls remember, which nobody needs to be told.
    pub(super) fn new(generation: &Generation, controls: &[Control]) -> Self {
        let mut memories = Self { of_pairs: BTreeMap::new(), are_new: false };
        memories.follow_all(generation, controls);
        memories.are_new = false;
        memories
    }

    /// Takes in what the controls of another generation remember.
    pub(super) fn follow_all(&mut self, generation: &Generation, controls: &[Control]) {
        let (before, was_new) = (std::mem::take(&mut self.of_pairs), self.are_new);
        for lead in generation.leads() {
            self.follow(generation, lead, &controls[lead as usize]);
        }
        // Numbers may be others than before.
        self.are_new = was_new || !before.values().eq(self.of_pairs.values());
    }

    /// Takes in what one control remembers after a step.
    pub(super) fn follow(&mut self, generation: &Generation, lead: u32, control: &Control) {
        let (pool, _) = generation.pairs[lead as usize];
        if generation.inputs.pools[pool.index()].recovery == Recovery::default() {
            return;
        }
        let regions = control.memory();
        if regions.is_empty() {
            self.are_new |= self.of_pairs.remove(&lead).is_some();
            return;
        }
        let (pool, policy) = generation.names_of_pair(lead as usize);
        let memory = PairMemory { pool, policy, regions };
        if self.of_pairs.get(&lead) != Some(&memory) {
            self.of_pairs.insert(lead, memory);
            self.are_new = true;
        }
    }
}

/// The controls of all pool answers by what is remembered of them; `names` gives pool and policy by number.
pub(super) fn controls(count: usize, names: impl Fn(usize) -> (Arc<str>, Arc<str>), past: &Past) -> Vec<Control> {
    let mut controls = vec![Control::default(); count];
    if past.memories.is_empty() {
        return controls;
    }
    for (number, control) in controls.iter_mut().enumerate() {
        let (pool, policy) = names(number);
        let known = past.memories.iter().find(|memory| memory.pool == pool && memory.policy == policy);
        if let Some(memory) = known {
            control.restore(memory.regions.clone());
        }
    }
    controls
}
