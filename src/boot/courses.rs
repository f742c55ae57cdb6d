//! What the publisher is told and tells beside snapshots: how targets stand by their last probe, and, for the log, which regions go
//! another course: left late, passed over, coming back by and by, handing clients on. Decides nothing.

use super::load::Loaded;
use super::memory::Reaper;
use crate::admin::operate::Prepared;
use crate::probe::Prober;
use crate::snapshot::{CourseChange, Hooks, Publisher, StateOf};
use crate::steering::control::Course;
use std::sync::Arc;

/// Starts the publisher, and who frees what it leaves.
pub(super) fn start(loaded: &Loaded, prepared: &Prepared) -> std::io::Result<(Publisher, Reaper)> {
    let reaper = Reaper::start()?;
    let of_publisher = reaper.clone();
    let hooks = Hooks {
        on_memory: Box::new(prepared.on_memory()),
        on_course: Box::new(log),
        on_left_over: Box::new(move |left_over| of_publisher.take(left_over)),
    };
    Ok((Publisher::start_after(loaded.inputs.clone(), &prepared.past(), hooks), reaper))
}

/// How targets stand by their last probe.
pub(super) fn last_seen(prober: &Prober) -> StateOf {
    let states = prober.states();
    Arc::new(move |target| states.get(target).map(|state| state.clone()))
}

/// One line for each change, with its cause.
fn log(changes: &[CourseChange]) {
    for CourseChange { pool, policy, region, from, to } in changes {
        let (state, cause) = words(to, from);
        let before = words(from, from).0;
        let is_trouble = matches!(to, Course::Shedding { .. } | Course::FailoverDelayed { .. } | Course::Down { .. });
        if is_trouble {
            tracing::warn!(%pool, %policy, %region, from = before, to = state, cause, "region changed its course");
        } else {
            tracing::info!(%pool, %policy, %region, from = before, to = state, cause, "region changed its course");
        }
    }
}

/// A course in a word, and why a region comes to it from `from`.
fn words(course: &Course, from: &Course) -> (&'static str, &'static str) {
    match course {
        Course::Steady => (
            "takes its clients",
            match from {
                Course::Shedding { .. } => "its load has gone down, or is no longer known, or nobody has room",
                Course::Draining { .. } => "an operator's drain has ended",
                Course::WarmingUp { .. } => "it has warmed up",
                Course::Probation { .. } => "a good report came, or its time was over",
                Course::HeldBack { .. } => "the delay is over, or an operator has released it",
                Course::Down { .. } | Course::FailoverDelayed { .. } => "enough of its members are up",
                Course::Steady => "",
            },
        ),
        Course::Shedding { .. } => ("hands clients on", "its load is above the low mark"),
        Course::Draining { .. } => ("hands clients on", "an operator drains a part of it"),
        Course::WarmingUp { .. } => ("warms up", "it has come back"),
        Course::Probation { .. } => ("is on probation", "it has come back, and has not reported yet"),
        Course::HeldBack { until: Some(_) } => ("waits for failback", "it has come back, and `failback_delay` runs"),
        Course::HeldBack { until: None } => {
            ("waits for failback", "it has come back, and an operator shall release it")
        }
        Course::FailoverDelayed { .. } => ("goes on answering", "it has failed, and `failover_delay` runs"),
        Course::Down { .. } => ("is left", "not enough of its members may answer"),
    }
}
