//! How one member of a region is picked: one spread a file. Each picks a position among the members that may answer;
//! an answer of several members takes those that follow it, around.

pub(super) mod hash;
pub(super) mod log;
pub(super) mod turns;
pub(super) mod weighted;

use super::spec::Spread;

/// By what a position is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// Chance, by weight.
    Weight,
    /// A hash of the client, by weight.
    Hash,
    /// Turns, all alike.
    Turn,
    /// Turns, by weight.
    WeightedTurn,
    /// Chance, all alike.
    Chance,
}

impl Spread {
    /// Whether this spread picks by turns.
    pub(super) const fn picks_by_turn(self) -> bool {
        matches!(self.picks_by(), By::Turn | By::WeightedTurn)
    }

    /// By what this spread picks. Those that follow reports move weights, and chance follows these.
    pub(super) const fn picks_by(self) -> By {
        match self {
            Self::Hash { .. } => By::Hash,
            Self::RoundRobin => By::Turn,
            Self::WeightedRoundRobin => By::WeightedTurn,
            Self::Random | Self::All => By::Chance,
            Self::Weighted
            | Self::TwoChoices
            | Self::LeastConnections
            | Self::WeightedLeastConnections
            | Self::LeastBandwidth
            | Self::LeastPackets
            | Self::LeastResponseTime => By::Weight,
        }
    }
}

/// A position below `count` for a uniformly random number.
pub(super) const fn uniform(random: u64, count: u32) -> u32 {
    ((random as u128 * count as u128) >> 64) as u32
}
