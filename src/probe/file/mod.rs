//! The `file` check: what another system has written about a target. Knows no schedule and no counters.
//!
//! A file is read once for all targets that it speaks of, on a thread beside the scheduler's, because a file of a dead
//! network file system blocks who reads it.

mod states;
mod store;

use crate::base::Trouble;
use crate::health::{Endpoint, Observation};
use crate::probe::deadline;
use crate::probe::spec::FileCheck;
use states::{Said, States};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use store::StateFile;

/// A `file` check of one address.
#[derive(Debug)]
pub struct FileProbe {
    file: Arc<StateFile>,
    endpoint: Endpoint,
    address: SocketAddr,
    default_up: bool,
    stale_after: Option<Duration>,
    timeout: Duration,
}

impl FileProbe {
    /// Prepares looks at what the file says of `address`, which is `endpoint` or one of its addresses.
    #[must_use]
    pub fn new(check: &FileCheck, endpoint: &Endpoint, address: SocketAddr, timeout: Duration) -> Self {
        Self {
            file: StateFile::of(&check.path),
            endpoint: endpoint.clone(),
            address,
            default_up: check.default_up,
            stale_after: check.stale_after,
            timeout,
        }
    }

    /// Looks once.
    pub async fn probe(&self) -> Observation {
        let started = Instant::now();
        let Ok(read) = deadline::timeout(self.timeout, self.file.read()).await else {
            let reason = format!("reading `{}` takes longer than {:?}", self.file.path().display(), self.timeout);
            return Trouble::Local(reason).into();
        };
        let age = SystemTime::now().duration_since(read.written).unwrap_or_default();
        if let Some(limit) = self.stale_after
            && age > limit
        {
            let why =
                read.trouble.map_or_else(|| "it was not written".to_owned(), |trouble| format!("no states: {trouble}"));
            return self.by_default(started, &format!("{why} for longer than {limit:?}"));
        }
        match (read.states, read.trouble) {
            (Some(states), None) => self.judge(&states, started),
            // What was read before may be wrong by now: the target keeps its status.
            (_, Some(trouble)) => Trouble::Local(trouble.to_string()).into(),
            (None, None) => self.by_default(started, "it says nothing"),
        }
    }

    fn judge(&self, states: &States, started: Instant) -> Observation {
        match states.find(&self.endpoint, self.address) {
            Some(Said::Up) => Observation::passed(started.elapsed()),
            Some(Said::Down { reason }) => Trouble::Failed(reason.clone()).into(),
            None => self.by_default(started, "it does not name the target"),
        }
    }

    fn by_default(&self, started: Instant, why: &str) -> Observation {
        if self.default_up {
            return Observation::passed(started.elapsed());
        }
        Trouble::Failed(format!("down by default: {why}, says `{}`", self.file.path().display())).into()
    }
}
