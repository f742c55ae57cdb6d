//! What is known of a secondary zone, for metrics and for people.

use super::failure::KINDS;
use crate::base::UnixTime;
use crate::wire::Name;

/// How a secondary zone is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// There was never any data.
    #[default]
    Waiting,
    /// It is answered from.
    Serving,
    /// Its data was too old.
    Expired,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Serving, Self::Expired];

    /// Its word in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Serving => "serving",
            Self::Expired => "expired",
        }
    }
}

/// What is known of a secondary zone.
#[derive(Clone, Debug)]
pub struct ZoneStatus {
    /// Its name.
    pub apex: Name,
    /// How it is served.
    pub state: State,
    /// Its serial; 0 without data.
    pub serial: u32,
    /// When its data was last known to be the primary's.
    pub last_good: Option<UnixTime>,
    /// When its data expires.
    pub expires: Option<UnixTime>,
    /// Comparisons that found nothing newer.
    pub up_to_date: u64,
    /// Transfers of the whole zone.
    pub whole: u64,
    /// Transfers of what changed.
    pub incremental: u64,
    /// NOTIFY messages that were heeded.
    pub notified: u64,
    /// Failures by kind, in the order of [`Self::failure_kinds`].
    pub failures: [u64; KINDS.len()],
    /// Balanced names that are configured and not answered.
    pub inactive_names: usize,
}

impl ZoneStatus {
    /// Of a zone of which nothing is known yet.
    #[must_use]
    pub const fn new(apex: Name) -> Self {
        Self {
            apex,
            state: State::Waiting,
            serial: 0,
            last_good: None,
            expires: None,
            up_to_date: 0,
            whole: 0,
            incremental: 0,
            notified: 0,
            failures: [0; KINDS.len()],
            inactive_names: 0,
        }
    }

    /// The words for kinds of failures.
    #[must_use]
    pub const fn failure_kinds() -> [&'static str; KINDS.len()] {
        KINDS
    }
}
