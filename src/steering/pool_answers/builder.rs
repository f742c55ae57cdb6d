//! Builds the answers of a pool from its condition. Thousands are built when an address goes that many pools share, so that what
//! does not follow from the condition is taken from the answers before, and what is only needed meanwhile is kept for the next.

use super::availability::Judge;
use super::intake::{self, Intakes};
use super::roster::{Entry, Roster};
use super::variants::VariantsBuilder;
use super::{Group, PoolAnswers, Quick, Slot, WhenAllDown, scope_floors};
use crate::base::{Family, RegionId};
use crate::steering::condition::PoolCondition;
use crate::steering::reach::{GroupId, Reach, regions_of_pool};
use crate::steering::spec::{AllDown, Policy, Pool, Region, Spread};
use std::sync::Arc;

/// Builds the answers of any number of pools, one after the other.
#[derive(Debug, Default)]
pub struct Builder {
    entries: [Vec<Entry>; 2],
    regions: Vec<GroupId>,
    members: Vec<u32>,
    variants: VariantsBuilder,
}

impl Builder {
    /// The answers of a pool under a policy in this condition. `alike`: answers of the same pool under the same policy, in
    /// whatever condition; they save some work.
    #[must_use]
    pub fn build(
        &mut self,
        (pool, policy, regions): (&Pool, &Policy, &[Region]),
        condition: PoolCondition,
        alike: Option<&PoolAnswers>,
    ) -> PoolAnswers {
        let pool_regions =
            alike.map_or_else(|| regions_of_pool(pool).into(), |alike| Arc::<[RegionId]>::clone(&alike.regions));
        let reach = alike.map_or_else(|| Arc::new(Reach::new(policy, &pool_regions)), |alike| Arc::clone(&alike.reach));
        let seeds =
            alike.map_or_else(|| intake::seeds(pool, regions, &reach), |alike| Arc::clone(alike.intakes.seeds()));
        let scope_floors = alike.map_or_else(|| scope_floors(pool, policy, &reach), |alike| alike.scope_floors);
        let Self { entries, regions: numbers, members, variants } = self;
        let roster = Roster::new(pool, policy, regions, &condition, &reach, entries);
        let intakes = Intakes::new(seeds, pool, policy, &reach, &condition);
        variants.begin(policy, roster.names, &pool_regions);
        let mut slots = Family::BOTH.map(|family| {
            build_slot((&reach, &roster, &intakes), policy, family, variants, (&mut *numbers, &mut *members))
        });
        let Judge { together, .. } = roster.judge;
        if !intakes.selects {
            mark_steady(&mut slots, together);
        }
        let (picks_by, takes) = (policy.spread.picks_by(), [Some(policy.spread), policy.region_spread]);
        let takes_turns = takes.into_iter().flatten().any(Spread::picks_by_turn);
        PoolAnswers {
            answers_cname: roster.names,
            judge: roster.judge,
            intakes,
            region_spread: policy.region_spread.unwrap_or(Spread::Weighted),
            all_down: WhenAllDown::of(&policy.all_down),
            spread: policy.spread,
            picks_by,
            takes_turns,
            quick: Quick::of(picks_by, takes_turns, roster.names),
            scope_floors,
            slots,
            variants: variants.finish(),
            tallies: roster.into_tallies(),
            condition,
            reach,
            regions: pool_regions,
        }
    }
}

/// Marks the groups that need no search. AAAA follows the order of A where families go together.
fn mark_steady([ipv4, ipv6]: &mut [Slot; 2], together: bool) {
    for (number, group) in ipv6.groups.iter_mut().enumerate().filter(|(_, group)| group.count > 0) {
        let lead = ipv4.groups.get(number).map(|group| group.standing).filter(|_| together);
        group.standing = group.standing.steady_after(lead.unwrap_or(group.standing));
    }
    for group in ipv4.groups.iter_mut().filter(|group| group.count > 0) {
        group.standing = group.standing.steady_after(group.standing);
    }
}

fn build_slot(
    (reach, roster, intakes): (&Reach, &Roster<'_>, &Intakes),
    policy: &Policy,
    family: Family,
    variants: &mut VariantsBuilder,
    (regions, members): (&mut Vec<GroupId>, &mut Vec<u32>),
) -> Slot {
    variants.begin_family(family);
    if !roster.exists(family) {
        return Slot::default();
    }
    let groups = (0..reach.group_count()).map(|group| {
        regions.clear();
        regions.extend(reach.members_of(group as GroupId));
        let (standing, pass) = roster.standing(regions, family);
        let settles = regions.iter().any(|&region| intakes.state(region).settling);
        let standing = if settles { standing.settling() } else { standing };
        roster.answering(regions, family, pass, members);
        let turns_start = variants.turns_len();
        let first = variants.add_group(roster, members, &|member| {
            let weight = roster.weight(member);
            if regions.len() < 2 {
                return weight;
            }
            // Among equals that answer as one, a region that hands clients on has less weight.
            let kept = 1.0 - intakes.shed_of(reach.number(roster.member(member).region)).as_f64();
            ((f64::from(weight) * kept) as u32).max(1)
        });
        let turns_len = variants.turns_len() - turns_start;
        Group { standing, first, count: members.len() as u32, turns_start, turns_len }
    });
    let groups = groups.collect();
    let fallback = match &policy.all_down {
        AllDown::Fallback(addresses) if !roster.names => variants.add_fallback(family, addresses),
        AllDown::Fallback(_) | AllDown::All | AllDown::NoData | AllDown::ServFail | AllDown::Policy(_) => None,
    };
    Slot { exists: true, groups, fallback }
}
