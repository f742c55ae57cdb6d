//! What operators say, by patterns of names.

use super::Admin;
use crate::base::UnixTime;

/// All words of operators that are in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OperatorTable {}

impl OperatorTable {
    /// Whether any pattern names pools.
    #[must_use]
    pub fn names_pools(&self) -> bool {
        false
    }

    /// What is said of a region as a whole.
    #[must_use]
    pub fn admin_of_region(&self, _region: &str, _now: UnixTime) -> Admin {
        Admin::None
    }

    /// What is said of a pool, or of it in one region.
    #[must_use]
    pub fn admin_of_pool_region(&self, _pool: &str, _region: &str, _now: UnixTime) -> Admin {
        Admin::None
    }

    /// What is said of a member alone.
    #[must_use]
    pub fn admin_of_member(&self, _pool: &str, _region: &str, _target: &str, _now: UnixTime) -> Admin {
        Admin::None
    }

    /// When the next word ends.
    #[must_use]
    pub fn next_expiry(&self, _now: UnixTime) -> Option<UnixTime> {
        None
    }
}
