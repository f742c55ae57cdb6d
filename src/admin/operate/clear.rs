//! What is taken back: orders, and with `clear` also words of feeds that hold, and waiting for failback. What ends is looked for
//! first and kept as ended, and only then ended: after an error nothing has changed.

use super::change::{by, meant, nothing_stands, pattern_of, refuse_details, speaking_of};
use super::file::OrderForm;
use super::request::{Done, Kind, Refused, Request, Verb};
use super::{OperatorHandle, State};
use crate::health::Subject;
use crate::snapshot::{Current, PairMemory, target_name};
use crate::steering::control::operator::matching::{Matched, matched};
use crate::steering::control::operator::{Level, Order, Pattern};
use crate::steering::control::{Course, Remembered};
use std::sync::Arc;

impl OperatorHandle {
    pub(super) fn take_back(&self, request: &Request) -> Result<Done, Refused> {
        let drains_only = request.action == Verb::Undrain;
        refuse_details(request)?;
        let mut state = self.0.state();
        let current = self.0.publisher.current();
        let now = self.0.clock.now();
        let pattern = pattern_of(request)?;
        let mut table = state.table.clone();
        table.expire(now);
        let removed = table.remove(&pattern, drains_only);
        // What is no longer configured may be cleared too.
        let found = matched(&pattern, &current.inputs.regions, &current.inputs.pools);
        let (words, waiting) = match drains_only {
            true => (Vec::new(), Vec::new()),
            false => (self.words_that_hold(&pattern, &found, &current), self.waiting(&pattern, &current)),
        };
        if removed.is_empty() && words.is_empty() && waiting.is_empty() {
            return Err(nothing_stands(&pattern, drains_only, &table, &current, now));
        }
        let mut done = self.done(request, &pattern, &found, &current);
        done.removed = removed.iter().map(OrderForm::from).collect();
        done.remaining = speaking_of(&found, &current, &table, now, None);
        let memories = memories_after(&state, &pattern, &waiting);
        self.put_in_force_with(&mut state, table, memories)?;
        let forgotten: Vec<String> = words.into_iter().filter_map(|subject| self.forget(subject)).collect();
        self.release(&pattern, &waiting);
        let forgotten_note = "the word of its feed was forgotten, until the feed says it again";
        done.notes.extend(forgotten.iter().map(|subject| format!("{subject}: {forgotten_note}")));
        done.notes.extend(waiting.iter().map(released_note));
        for what in forgotten.iter().chain(&waiting) {
            tracing::info!(cause = "command of an operator", what, by = by(request), "cleared");
        }
        removed.iter().for_each(|order| log_taken_back(order, request));
        done.now = self.0.clock.now().as_secs();
        Ok(done)
    }

    pub(super) fn fail_back(&self, request: &Request) -> Result<Done, Refused> {
        refuse_details(request)?;
        let mut state = self.0.state();
        let current = self.0.publisher.current();
        let pattern = pattern_of(request)?;
        if pattern.level() == Level::Member {
            let refused = Refused::mistake("regions wait for failback, not members");
            return Err(refused.help("write `region/NAME` or `pool/NAME/REGION`"));
        }
        let found = meant(&pattern, &current)?;
        let waiting = self.waiting(&pattern, &current);
        if waiting.is_empty() {
            let refused = Refused::mistake(format!("no region that `{pattern}` means waits for failback"));
            return Err(refused.kind(Kind::NothingMatches).help("`azimuth status` shows those that do"));
        }
        let mut done = self.done(request, &pattern, &found, &current);
        done.notes.extend(waiting.iter().map(released_note));
        let (table, memories) = (state.table.clone(), memories_after(&state, &pattern, &waiting));
        self.put_in_force_with(&mut state, table, memories)?;
        self.release(&pattern, &waiting);
        self.0.publisher.flush();
        tracing::info!(
            cause = "command of an operator",
            pattern = %pattern,
            regions = waiting.join(", "),
            by = by(request),
            reason = request.reason,
            "regions that wait for failback may come back"
        );
        done.now = self.0.clock.now().as_secs();
        Ok(done)
    }

    /// What the pattern means and feeds keep out of answers.
    fn words_that_hold(&self, pattern: &Pattern, found: &Matched, current: &Current) -> Vec<Subject> {
        let inputs = &current.inputs;
        let regions = found.regions.iter().filter(|_| pattern.level() == Level::Region);
        let regions = regions.filter_map(|id| inputs.regions.get(id.index()));
        let regions = regions.map(|region| Subject::Region(Arc::clone(&region.name)));
        let members = found.members.iter().filter_map(|&(pool, at)| {
            let pool = inputs.pools.get(pool.index()).filter(|pool| pool.has_feed)?;
            let target = target_name(&pool.members.get(at)?.target);
            Some(Subject::Member { pool: Arc::clone(&pool.name), target })
        });
        let forbids = |subject: &Subject| {
            self.0.publisher.report(subject).is_some_and(|report| report.word.is_some_and(|word| word.forbids()))
        };
        regions.chain(members).filter(forbids).collect()
    }

    /// Forgets the words of the feeds of a subject, until they say them again. Whose they were, where there were any still.
    fn forget(&self, subject: Subject) -> Option<String> {
        let text = subject.to_string();
        self.0.feeds.get()?.forget(subject).then_some(text)
    }

    /// The regions that the pattern means, and that wait for failback: `pool/NAME/REGION`.
    fn waiting(&self, pattern: &Pattern, current: &Current) -> Vec<String> {
        let mut waiting = Vec::new();
        for course in self.0.publisher.courses() {
            let Some(pool) = current.inputs.pools.get(course.pool.index()) else { continue };
            for region in &course.regions {
                let waits = matches!(region.course, Course::HeldBack { .. });
                let name = format!("pool/{}/{}", pool.name, region.name);
                // Several policies may steer one pool.
                if waits && pattern.covers_pool_region(&pool.name, &region.name) && !waiting.contains(&name) {
                    waiting.push(name);
                }
            }
        }
        waiting
    }

    /// Lets the regions come back that the pattern means.
    fn release(&self, pattern: &Pattern, waiting: &[String]) {
        if !waiting.is_empty() {
            let released = pattern.clone();
            self.0.publisher.release(Box::new(move |pool, region| released.covers_pool_region(pool, region)));
        }
    }
}

/// What is to be remembered when the pattern has released regions: not that these wait.
fn memories_after(state: &State, pattern: &Pattern, waiting: &[String]) -> Vec<PairMemory> {
    let mut memories = state.memories.clone();
    if !waiting.is_empty() {
        for PairMemory { pool, regions, .. } in &mut memories {
            regions.retain(|region| {
                region.state != Remembered::HeldBack || !pattern.covers_pool_region(pool, &region.region)
            });
        }
        memories.retain(|memory| !memory.regions.is_empty());
    }
    memories
}

fn released_note(place: &String) -> String {
    format!("{place} no longer waits for failback")
}

fn log_taken_back(order: &Order, request: &Request) {
    tracing::info!(
        cause = "command of an operator",
        action = order.action.words(),
        pattern = %order.pattern,
        by = by(request),
        reason = request.reason,
        "order of an operator was taken back"
    );
}
