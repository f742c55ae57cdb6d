//! What a restart must not forget: regions that wait for failback, and the delays that run. Times are absolute, regions go by
//! name. Knows no files.

use crate::base::UnixTime;
use std::sync::Arc;

/// What is remembered of one region of a pool under a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionMemory {
    /// Its name.
    pub region: Arc<str>,
    /// What it was at.
    pub state: Remembered,
    /// Since when.
    pub since: UnixTime,
    /// When it failed.
    pub failed: UnixTime,
}

/// What a region was at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remembered {
    /// It had failed, and went on answering.
    Failing,
    /// It had failed, and was left.
    Down,
    /// It had recovered, and waited for failback.
    HeldBack,
}

impl Remembered {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Failing, Self::Down, Self::HeldBack];

    /// As files write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Down => "down",
            Self::HeldBack => "held-back",
        }
    }

    /// What `word` means.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}
