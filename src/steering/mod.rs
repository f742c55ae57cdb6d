//! Which members should this client receive? Regions are ranked for each place at load (`ranking`), member states become
//! ready answers when they change (`control` judges them, `pool_answers` makes the answers), and `decide` puts the two together for one query.
//! Pure: knows no sockets, no clock, no configuration files, no transports and no DNS messages beyond ready RRsets.

pub mod condition;
pub mod control;
pub mod decide;
pub mod explain;
pub mod pool_answers;
pub mod ranking;
pub mod reach;
pub mod spec;
mod spread;
#[cfg(test)]
mod testing;

pub use condition::{MemberState, PoolCondition, RegionState, RegionStates, Share};
pub use decide::{Decision, Verdict, decide};
pub use pool_answers::{Partner, PoolAnswers, StoredAnswer};
pub use ranking::{Ranking, RankingKey};
