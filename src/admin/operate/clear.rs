//! What `clear` ends beside orders: words of feeds that hold, and waiting for failback.

use super::OperatorHandle;
use crate::health::Subject;
use crate::snapshot::{Current, target_name};
use crate::steering::control::Course;
use crate::steering::control::operator::matching::Matched;
use crate::steering::control::operator::{Level, Pattern};
use std::sync::Arc;

impl OperatorHandle {
    /// Forgets the words of feeds that keep what was found out of answers, until the feeds say them again. Whose they were.
    pub(super) fn forget_words(&self, pattern: &Pattern, found: &Matched, current: &Current) -> Vec<String> {
        let Some(feeds) = self.0.feeds.get() else { return Vec::new() };
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
        let held: Vec<Subject> = regions.chain(members).filter(forbids).collect();
        held.into_iter().filter(|subject| feeds.forget(subject.clone())).map(|subject| subject.to_string()).collect()
    }

    /// Lets the regions that the pattern means, and that wait for failback, come back. Which they are: `pool REGION`.
    pub(super) fn release_waiting(&self, pattern: &Pattern, current: &Current) -> Vec<String> {
        let mut waiting = Vec::new();
        for course in self.0.publisher.courses() {
            let Some(pool) = current.inputs.pools.get(course.pool.index()) else { continue };
            for region in &course.regions {
                let waits = matches!(region.course, Course::HeldBack { .. });
                if waits && pattern.covers_pool_region(&pool.name, &region.name) {
                    waiting.push(format!("pool/{}/{}", pool.name, region.name));
                }
            }
        }
        waiting.dedup();
        if !waiting.is_empty() {
            let released = pattern.clone();
            self.0.publisher.release(Box::new(move |pool, region| released.covers_pool_region(pool, region)));
        }
        waiting
    }
}
