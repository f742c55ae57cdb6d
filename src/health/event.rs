//! What happens to targets and is worth telling. Knows no fleet and no listeners.

use crate::base::UnixTime;
use crate::health::{Change, Status, TargetKey};

/// What the outside should hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A target changed its status, or its counters began or ceased to be on the way to a change.
    Changed {
        /// The target and its state now.
        change: Change,
        /// Its status before, which may be the same.
        from: Status,
    },
    /// The checker is probably blind: states are held.
    Blind {
        /// How many addresses started failing together.
        addresses: usize,
        /// When states follow what is observed again, at the latest.
        until: UnixTime,
    },
    /// A probe passed: the checker sees, and held states are judged one by one.
    SeesAgain {
        /// The target that passed.
        key: TargetKey,
    },
    /// No state is held any more.
    HoldEnded {
        /// The hold was over before every address was judged.
        expired: bool,
    },
}
