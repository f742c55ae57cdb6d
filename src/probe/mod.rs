//! Monitors that touch the network, one kind a file, and the scheduler that starts them. Observations go to
//! [`crate::health`] to be judged; what changes is sent on. Knows no answers and no snapshot.

pub mod spec;

use crate::health::{Change, TargetKey, TargetState};
use spec::ProbePlan;
use std::sync::Arc;

/// Called with changes of status or of wavering, in the order they happened, from the probe thread; must not block.
pub type OnChange = Box<dyn Fn(Vec<Change>) + Send>;

/// The running scheduler: one thread with a current-thread runtime.
pub struct Prober {}

impl Prober {
    /// Starts probing.
    pub fn start(plan: ProbePlan, on_change: OnChange) -> std::io::Result<Self> {
        let _ = (plan, on_change);
        unimplemented!()
    }

    /// Goes on with another plan: targets that stay keep their state and their phase, others start or stop.
    pub fn replace(&self, plan: ProbePlan) {
        let _ = plan;
        unimplemented!()
    }

    /// Blocks until every target of the first plan has a result, at most the plan's `startup_grace`. False: the grace
    /// ended first.
    pub fn wait_for_first_round(&self) -> bool {
        unimplemented!()
    }

    /// What is known of every target now, to read at any time.
    #[must_use]
    pub fn states(&self) -> Arc<dashmap::DashMap<TargetKey, TargetState>> {
        unimplemented!()
    }

    /// Stops all probes and joins the thread.
    pub fn stop(self) {
        unimplemented!()
    }
}
