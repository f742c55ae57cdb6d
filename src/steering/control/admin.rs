//! Who is believed when probes, feeds and operators disagree. Pure and without memory.

use super::MemberFacts;
use crate::health::{Status, Word};
use crate::steering::condition::{MemberState, WEIGHT_UNIT};

/// What an operator says of something. The order is that of precedence, the weakest first: of several words for one thing
/// the greatest counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Admin {
    /// Nothing.
    #[default]
    None,
    /// It answers as if it were up.
    ForcedUp,
    /// So many percent of its clients are led elsewhere; at 100 it takes no new client at all.
    Draining {
        /// 1 to 100.
        percent: u8,
    },
    /// It answers nobody.
    ForcedDown,
}

impl Admin {
    /// Whether nothing of it may be answered.
    #[must_use]
    pub const fn forbids(self) -> bool {
        matches!(self, Self::ForcedDown | Self::Draining { percent: 100.. })
    }
}

/// The state of a member of configured weight `weight`: forced down, then draining, then forced up, then its feed, then its
/// monitors. What forbids it at its region counts as if said of itself. `enabled`: by configuration.
#[must_use]
pub fn judge(known: &MemberFacts, of_region: Admin, enabled: bool, weight: u32) -> MemberState {
    let forced_up = known.admin == Admin::ForcedUp || (known.admin == Admin::None && of_region == Admin::ForcedUp);
    let by_operator = !known.admin.forbids() && !of_region.forbids();
    let word = known.report.word.filter(|word| word.forbids()).filter(|_| !forced_up);
    // What is stopped or drained takes no new client; what says of itself that it is down is down.
    let by_feed =
        !matches!(word, Some(Word::Drain | Word::Maint | Word::Stopped)) && known.report.weight_percent != Some(0);
    let (status, wavering) = match word {
        _ if forced_up => (Status::Up, false),
        Some(Word::Down) => (Status::Down, false),
        _ => (known.status, known.wavering),
    };
    let percent = known.report.weight_percent.map_or(100, u32::from);
    let kept = if let Admin::Draining { percent } = known.admin { 100 - u32::from(percent.min(100)) } else { 100 };
    let weight = u64::from(weight.max(1)) * u64::from(WEIGHT_UNIT) * u64::from(percent) * u64::from(kept) / 10_000;
    MemberState {
        status,
        wavering,
        enabled: enabled && by_operator && (by_feed || forced_up),
        weight: u32::try_from(weight).unwrap_or(u32::MAX).max(1),
        passed_over: false,
    }
}
