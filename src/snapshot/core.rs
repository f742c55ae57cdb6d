//! The publisher without its thread and its clock: takes what is known, in whatever order it comes, and keeps the snapshot that
//! follows from it. Time is an argument, so that simulations can drive it.

use super::built::Built;
use super::generation::{Before, Generation};
use super::known::{Known, StateOf};
use super::past::{self, CourseChange, Memories, Past};
use super::probed::stand_of;
use super::queue::Queue;
use super::said::{self, Said};
use super::{AliasAnswers, Inputs, Snapshot};
use crate::base::UnixTime;
use crate::health::{Change, Report, Subject};
use crate::steering::control::operator::{OperatorTable, Order};
use crate::steering::control::{Control, Facts, MemberFacts};
use crate::steering::pool_answers::Builder;
use crate::steering::{PoolAnswers, PoolCondition};
use crate::zone::{AliasTarget, Zone};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the publisher's thread owns.
pub struct Core {
    pub(super) known: Arc<Mutex<Known>>,
    pub(super) generation: Generation,
    built: Built,
    /// By number of pool answers; of those that others lead, unused.
    pub(super) controls: Vec<Control>,
    /// When a control wants its next step, by number.
    wanted: Vec<Option<UnixTime>>,
    /// The same in order of time.
    agenda: BTreeSet<(UnixTime, u32)>,
    /// Leading pool answers that may have changed since they were last looked at.
    dirty: Queue,
    /// What operators say and regions report.
    pub(super) said: Said,
    /// When a word of an operator ends.
    expiry: Option<UnixTime>,
    /// What a restart must not forget.
    pub(super) memories: Memories,
    /// Of the last snapshot.
    number: u64,
    pub(super) course_changes: Vec<CourseChange>,
    work: Work,
    /// What is built in.
    builder: Builder,
    /// What was last known of the members of some pool.
    members: Vec<MemberFacts>,
}

/// What was done since the start, in steps; configurations that went live are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Steps of controls: a pool under a policy that was looked at.
    pub controls_stepped: u64,
    /// Pool answers that were built anew.
    pub answers_built: u64,
}

/// Most leads that the publisher takes up at once because their time has come: thousands that follow load are due at the same moment, and a
/// change of health must not wait for all of them.
const DUE_AT_ONCE_MAX: usize = 256;

/// About as many members of pools are looked at before what they answer is published: an address that thousands of pools share
/// makes thousands of answers, the first of which need not wait for the last, nor any other change for all of them.
const PORTION_MEMBERS: usize = 4_096;

/// A panic while the lock is held leaves nothing half-done that the next holder could stumble over.
pub(super) fn lock(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    /// Of the first configuration, with every monitored target unknown; `past` is what the run before has left.
    #[must_use]
    pub fn new(inputs: Inputs, past: &Past, now: UnixTime) -> Self {
        let generation = Generation::prepare(inputs, None);
        let count = generation.pairs.len();
        let mut known = Known { operator: Arc::clone(&past.operator), ..Known::default() };
        let expiry = known.next_expiry(now);
        let stands = generation.probed.stands(&mut known.targets);
        let said = Said::new(&generation, &known, stands, now);
        let mut controls = past::controls(count, |number| generation.names_of_pair(number), past);
        let mut wanted = vec![None; count];
        let conditions = conditions(&generation, &mut controls, &mut wanted, (&known, &said), now);
        let memories = Memories::new(&generation, &controls);
        let built = Built::new(&generation, conditions, None);
        let known = Arc::new(Mutex::new(known));
        let agenda = agenda_of(&wanted);
        Self {
            known,
            generation,
            built,
            controls,
            wanted,
            agenda,
            dirty: Queue::default(),
            said,
            expiry,
            memories,
            number: 1,
            course_changes: Vec::new(),
            work: Work::default(),
            builder: Builder::default(),
            members: Vec::new(),
        }
    }

    /// What steps have cost since the start: a change must not cost more because there are other pools.
    #[must_use]
    pub const fn work(&self) -> Work {
        self.work
    }

    /// Takes in changes of health. States of targets that this generation does not have are kept for the next one, whose
    /// probes may be quicker than its publication.
    pub fn changed(&mut self, changes: Vec<Change>) {
        let mut known = lock(&self.known);
        for Change { key, state } in changes {
            if let Some(number) = self.generation.probed.number(&key) {
                let before = std::mem::replace(&mut self.said.stands[number as usize], stand_of(&state));
                if before != stand_of(&state) {
                    for pool in self.generation.probed.pools_of(number) {
                        self.dirty.extend(self.generation.leads_of_pool(*pool).iter().copied());
                    }
                }
            }
            known.targets.insert(key, state);
        }
    }

    /// Takes in what regions and members report.
    pub fn reported(&mut self, reports: Vec<(Subject, Report)>) {
        let mut known = lock(&self.known);
        for (subject, report) in reports {
            let before = known.reports.insert(subject.clone(), report);
            if before == Some(report) {
                continue;
            }
            match &subject {
                Subject::Member { pool, .. } => {
                    self.dirty.extend(self.generation.leads_of_pool_named(pool).iter().copied());
                }
                Subject::Region(name) => {
                    let Some(region) = self.generation.region_named(name) else { continue };
                    self.said.report(region, report);
                    // Most reports tell of load alone, which most pools do not follow.
                    let is_load_alone = before.is_some_and(|before| Report { load: report.load, ..before } == report);
                    let leads = self.generation.leads_of_region(region).iter().copied();
                    self.dirty.extend(leads.filter(|&lead| !is_load_alone || self.generation.follows_load(lead)));
                }
            }
        }
    }

    /// Takes in all words of operators that are in force from now on.
    pub fn operate(&mut self, table: Arc<OperatorTable>, now: UnixTime) {
        let mut known = lock(&self.known);
        let before = std::mem::replace(&mut known.operator, table);
        let changed = said::differences(&before, &known.operator);
        // What an order that goes has meant is known before, what a new one means afterwards.
        self.dirty.extend(changed.iter().flat_map(|order| self.said.leads_of(&self.generation, order)));
        self.said.look_again(&self.generation, &known, now);
        // One whose time was over since the last step may stand in both.
        let ended = known.operator.orders().iter().filter(|order| !order.is_active(now));
        let changed: Vec<&Order> = changed.into_iter().chain(ended).collect();
        self.dirty.extend(changed.iter().flat_map(|order| self.said.leads_of(&self.generation, order)));
        self.expiry = known.next_expiry(now);
    }

    /// Where latencies and last errors of targets are looked up from now on.
    pub fn look_up_targets(&mut self, state_of: StateOf) {
        lock(&self.known).state_of = Some(state_of);
    }

    /// Releases regions that wait for failback, in pools by names of pool and region.
    pub fn release(&mut self, is_released: &dyn Fn(&str, &str) -> bool) {
        let generation = &self.generation;
        for lead in generation.leads() {
            let (pool, _) = generation.pairs[lead as usize];
            let pool = &generation.inputs.pools[pool.index()].name;
            if self.controls[lead as usize].release_where(|region| is_released(pool, region)) {
                self.dirty.extend([lead]);
            }
        }
    }

    /// When there is something to do without being told, if ever.
    #[must_use]
    pub fn due(&self) -> Option<UnixTime> {
        self.agenda.first().map(|&(time, _)| time).into_iter().chain(self.expiry).min()
    }

    /// Whether something was told that the last step did not see.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Rebuilds answers where what was told or the time changes them; whether any changed.
    pub fn step(&mut self, now: UnixTime) -> bool {
        self.step_with(now, usize::MAX, usize::MAX)
    }

    /// As [`Self::step`], but where there is very much to do, some is left to the next step: what was told, then the core
    /// [is dirty](Self::is_dirty) still, or those whose time has come, then the next one is [`Self::due`] at once. What is told
    /// meanwhile does not wait for all of it.
    pub fn step_briefly(&mut self, now: UnixTime) -> bool {
        self.step_with(now, DUE_AT_ONCE_MAX, PORTION_MEMBERS)
    }

    /// Takes up at most so many whose time has come, and of all so many as have `room` members.
    fn step_with(&mut self, now: UnixTime, due_max: usize, room: usize) -> bool {
        let known = Arc::clone(&self.known);
        let known = lock(&known);
        if self.expiry.is_some_and(|expiry| expiry <= now) {
            self.expiry = known.next_expiry(now);
            self.said.look_again(&self.generation, &known, now);
            let ended = known.operator.orders().iter().filter(|order| !order.is_active(now));
            self.dirty.extend(ended.flat_map(|order| self.said.leads_of(&self.generation, order)));
        }
        let due = self.agenda.iter().take_while(|(time, _)| *time <= now).take(due_max);
        self.dirty.extend(due.map(|&(_, lead)| lead));
        let mut dirty = self.dirty.take_portion(room, |lead| self.generation.size_of(lead));
        // By number: neighbours are near each other in memory too, and on one page of answers.
        dirty.sort_unstable();
        let mut replaced = Vec::new();
        for lead in dirty {
            self.rebuild(lead, &known, now, &mut replaced);
        }
        if replaced.is_empty() {
            return false;
        }
        self.built.services = self.generation.services.rebuild(&self.built.services, &replaced);
        self.built.answers = self.built.answers.with(replaced);
        true
    }

    /// Rebuilds the answers of a lead and of those that it stands for, where their condition is another one now.
    fn rebuild(&mut self, lead: u32, known: &Known, now: UnixTime, replaced: &mut Vec<(usize, Arc<PoolAnswers>)>) {
        let courses = self.courses_of(lead);
        let Self { generation, controls, built, said, work, builder, members, .. } = self;
        let mut next = |number: u32, alike: [Option<&Arc<PoolAnswers>>; 2]| {
            // A twin that is set apart has a course of its own.
            let control = &mut controls[number as usize];
            work.controls_stepped += 1;
            let (condition, next) = condition(generation, control, number, (known, said), now, members);
            let built = built.answers.get(number as usize);
            let mut candidates = alike.into_iter().flatten().chain([built]);
            let same = candidates.find(|known| *known.condition() == condition);
            let answers = same.cloned().unwrap_or_else(|| {
                work.answers_built += 1;
                generation.build_answers(number as usize, condition, builder, Some(built))
            });
            (answers, next)
        };
        let (of_lead, wanted) = next(lead, [None; 2]);
        let mut last = Arc::clone(&of_lead);
        for &number in generation.sharers_of(lead as usize) {
            let answers = if generation.is_apart(number, said) {
                next(number, [Some(&of_lead), Some(&last)]).0
            } else {
                Arc::clone(&of_lead)
            };
            last.clone_from(&answers);
            if !Arc::ptr_eq(&answers, built.answers.get(number as usize)) {
                replaced.push((number as usize, answers));
            }
        }
        self.schedule(lead, wanted);
        self.memories.follow(&self.generation, lead, &self.controls[lead as usize]);
        self.note_courses(lead, &courses);
    }

    fn schedule(&mut self, lead: u32, next: Option<UnixTime>) {
        let wanted = &mut self.wanted[lead as usize];
        if let Some(time) = wanted.take() {
            self.agenda.remove(&(time, lead));
        }
        *wanted = next;
        self.agenda.extend(next.map(|time| (time, lead)));
    }

    /// What another configuration makes of the same; rankings are shared. May run beside the thread that owns this.
    pub(super) fn prepare(inputs: Inputs, current: &Snapshot) -> Generation {
        let before = Before { locator: &current.locator, rankings: &current.rankings };
        Generation::prepare(inputs, Some(before))
    }

    /// Goes on with another configuration: all that it has by the same name keeps its state. For simulations; the publisher
    /// prepares beside its thread.
    pub fn replace(&mut self, inputs: Inputs, now: UnixTime) {
        let generation = Self::prepare(inputs, &self.built.snapshot(&self.generation, self.number));
        drop(self.go_on_with(generation, now));
    }

    /// Goes on with another generation; gives what is left of the one before, to be dropped where it disturbs nobody.
    pub(super) fn go_on_with(&mut self, mut generation: Generation, now: UnixTime) -> impl Send + use<> {
        let known = Arc::clone(&self.known);
        let mut known = lock(&known);
        let stands = generation.probed.stands(&mut known.targets);
        generation.remember(&self.generation, [&stands, &self.said.stands]);
        known.reports.retain(|subject, _| generation.has_subject(subject));
        let mut controls = self.carried_over(&generation);
        let mut wanted = vec![None; generation.pairs.len()];
        self.said = Said::new(&generation, &known, stands, now);
        let conditions = conditions(&generation, &mut controls, &mut wanted, (&known, &self.said), now);
        self.memories.follow_all(&generation, &controls);
        let built = Built::new(&generation, conditions, Some((&self.generation, &self.built)));
        self.expiry = known.next_expiry(now);
        self.controls = controls;
        self.agenda = agenda_of(&wanted);
        self.wanted = wanted;
        self.dirty.clear();
        (std::mem::replace(&mut self.generation, generation), std::mem::replace(&mut self.built, built))
    }

    /// The controls of this generation for the pools and policies that the next one has by the same names.
    fn carried_over(&self, next: &Generation) -> Vec<Control> {
        let known: HashMap<_, usize> =
            (0..self.generation.pairs.len()).map(|number| (self.generation.names_of_pair(number), number)).collect();
        let control = |number| {
            let before = known.get(&next.names_of_pair(number));
            before.map_or_else(Control::default, |&number| self.controls[self.generation.lead_of(number)].clone())
        };
        (0..next.pairs.len()).map(control).collect()
    }

    /// Takes in what is known of targets of aliases; whether that is something new.
    pub fn set_aliases(&mut self, known: Vec<(Arc<AliasTarget>, AliasAnswers)>) -> bool {
        let numbered = known.into_iter().filter_map(|(target, answers)| {
            let number = self.generation.targets.number(&target)?;
            (**self.built.aliases.get(number) != answers).then(|| (number, Arc::new(answers)))
        });
        let replaced: Vec<_> = numbered.collect();
        let is_new = !replaced.is_empty();
        if is_new {
            self.built.aliases = self.built.aliases.with(replaced);
        }
        is_new
    }

    /// Takes in another version of a zone; whether the generation has it.
    pub fn set_zone(&mut self, zone: Arc<Zone>) -> bool {
        let apex = zone.apex().clone();
        let Some(zones) = self.built.zones.with(zone) else { return false };
        self.built.zones = Arc::new(zones);
        if let Some(number) = self.built.zones.number_of(&apex) {
            let Built { zones, services, answers, .. } = &mut self.built;
            *services = self.generation.take_services_of(number, zones, services, answers);
        }
        true
    }

    /// A snapshot of what is built, with the next number; the first one has number 1.
    pub fn snapshot(&mut self) -> Arc<Snapshot> {
        let snapshot = Arc::new(self.built.snapshot(&self.generation, self.number));
        self.number += 1;
        snapshot
    }
}

fn agenda_of(wanted: &[Option<UnixTime>]) -> BTreeSet<(UnixTime, u32)> {
    (0..).zip(wanted).filter_map(|(lead, wanted)| Some(((*wanted)?, lead))).collect()
}

/// The conditions of all pool answers of a new generation, by number.
fn conditions(
    generation: &Generation,
    controls: &mut [Control],
    wanted: &mut [Option<UnixTime>],
    (known, said): (&Known, &Said),
    now: UnixTime,
) -> Vec<PoolCondition> {
    let mut conditions: Vec<PoolCondition> = Vec::with_capacity(generation.pairs.len());
    let mut members = Vec::new();
    for number in 0..generation.pairs.len() {
        let lead = generation.lead_of(number);
        if lead < number && !generation.is_apart(number as u32, said) {
            conditions.push(conditions[lead].clone());
            continue;
        }
        let control = &mut controls[number];
        let (condition, next) = condition(generation, control, number as u32, (known, said), now, &mut members);
        conditions.push(condition);
        wanted[number] = next.filter(|_| lead == number);
    }
    conditions
}

fn condition(
    generation: &Generation,
    control: &mut Control,
    number: u32,
    (known, said): (&Known, &Said),
    now: UnixTime,
    members: &mut Vec<MemberFacts>,
) -> (PoolCondition, Option<UnixTime>) {
    let (pool, policy) = generation.pairs[number as usize];
    let of_pool = said.of_regions_in_pool(generation, &known.operator, pool, now);
    let policy = &generation.inputs.policies[policy.index()];
    generation.member_facts(pool, policy.spread, (known, said), now, members);
    control.step(&Facts {
        pool: &generation.inputs.pools[pool.index()],
        policy,
        regions: &generation.inputs.regions,
        members,
        region_facts: of_pool.as_deref().unwrap_or(&said.regions),
        ttl_max: generation.ttl_max(number as usize),
        now,
    })
}

#[cfg(test)]
mod tests;
