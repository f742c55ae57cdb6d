//! From what is known by name to the facts of one pool under a policy, in the numbers of a generation.

use super::generation::Generation;
use super::known::Known;
use super::probed::Stand;
use super::said::Said;
use crate::base::{PoolId, UnixTime};
use crate::health::{Report, Status, Subject, Word};
use crate::steering::control::MemberFacts;
use crate::steering::spec::{MemberTarget, RequiredMonitor, Spread};
use std::sync::Arc;

/// A member's target as reports and operators name it: its address, or its name in lower case with a final dot.
#[must_use]
pub fn target_name(target: &MemberTarget) -> Arc<str> {
    match target {
        MemberTarget::Address(address) => address.to_string().into(),
        MemberTarget::Name { text, .. } => text.to_ascii_lowercase().into(),
    }
}

impl Generation {
    /// What is known of the members of a pool, in place of what is in `into`. `spread`: some shares follow latencies, which are
    /// looked up then.
    pub(super) fn member_facts(
        &self,
        pool: PoolId,
        spread: Spread,
        (known, said): (&Known, &Said),
        now: UnixTime,
        into: &mut Vec<MemberFacts>,
    ) {
        let spec = &self.inputs.pools[pool.index()];
        let members = spec.members.iter().enumerate();
        let facts = members.map(|(at, member)| {
            let (status, wavering) = self.member_status(pool, at, &said.stands);
            let admin = said.of_member(self, &known.operator, pool, (member.region, &member.target), now);
            let mut report = match spec.has_feed {
                true => {
                    known.report(&Subject::Member { pool: Arc::clone(&spec.name), target: target_name(&member.target) })
                }
                false => Report::default(),
            };
            if let Some(of_region) = said.regions.get(member.region.index()).map(|region| region.report) {
                report.word = worse(report.word, of_region.word);
                report.weight_percent = both(report.weight_percent, of_region.weight_percent);
            }
            let latency = match spread {
                Spread::LeastResponseTime => {
                    self.targets_of(pool.index(), at).iter().filter_map(|target| known.latency(target)).max()
                }
                _ => None,
            };
            MemberFacts { status, wavering, admin, report, latency }
        });
        into.clear();
        into.extend(facts);
    }

    /// A member's status by its monitors alone, and whether that is about to change: up when enough of its targets pass, down
    /// when enough can not pass any more, else unknown. For targets without a first result what is remembered of the member
    /// counts. It wavers when those of its targets that waver can change the verdict.
    pub(super) fn member_status(&self, pool: PoolId, member: usize, stands: &[Stand]) -> Stand {
        let targets = self.probed.of_member(pool, member);
        let spec = &self.inputs.pools[pool.index()];
        // A first result decides alone, so it may change what is remembered.
        let unknown = || self.remembered_of(pool, member).map_or((Status::Unknown, false), |status| (status, true));
        let judged = |at: usize, target: u32| {
            let required = spec.monitors.get(at);
            if required.is_some_and(|required| required.watch_only) {
                return None;
            }
            let known = stands.get(target as usize).copied().filter(|(status, _)| *status != Status::Unknown);
            Some(known.map_or_else(unknown, |known| as_required(required, known)))
        };
        let (mut total, mut up, mut down, mut falling, mut rising) = (0_usize, 0, 0, 0, 0);
        for (status, wavering) in targets.iter().enumerate().filter_map(|(at, &target)| judged(at, target)) {
            total += 1;
            up += usize::from(status == Status::Up);
            down += usize::from(status == Status::Down);
            falling += usize::from(status == Status::Up && wavering);
            rising += usize::from(status != Status::Up && wavering);
        }
        let needed = spec.at_least.map_or(total, |least| usize::from(least).min(total));
        if up >= needed {
            (Status::Up, up - falling < needed)
        } else {
            let status = if total - down < needed { Status::Down } else { Status::Unknown };
            (status, up + rising >= needed)
        }
    }
}

fn as_required(required: Option<&RequiredMonitor>, (status, wavering): Stand) -> Stand {
    (required.map_or(status, |required| required.taken(status)), wavering)
}

/// The word that counts where a member's region says something of all: whoever takes it out is believed, then whoever says that
/// it is down.
fn worse(own: Option<Word>, of_region: Option<Word>) -> Option<Word> {
    let rank = |word: &Word| match word {
        Word::Up | Word::Ready => 0,
        Word::Down => 1,
        Word::Drain | Word::Maint | Word::Stopped => 2,
    };
    own.into_iter().chain(of_region.filter(|word| word.forbids())).max_by_key(rank)
}

/// A member's percentage of its weight, and its region's, as one.
fn both(own: Option<u16>, of_region: Option<u16>) -> Option<u16> {
    match (own, of_region) {
        (Some(own), Some(of_region)) => {
            Some((u32::from(own) * u32::from(of_region)).div_ceil(100).min(u32::from(u16::MAX)) as u16)
        }
        (one, other) => one.or(other),
    }
}
