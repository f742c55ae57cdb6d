//! What operators say and regions report, in the numbers of a generation. Worked out when it is said, so that a change of health
//! does not compare orders with all there is. Knows no controls.

use super::generation::Generation;
use super::known::Known;
use super::probed::Stand;
use crate::base::{PoolId, RegionId, UnixTime};
use crate::health::{Report, Subject};
use crate::steering::control::operator::{Level, OperatorTable, Order, Pattern, target_text};
use crate::steering::control::{Admin, RegionFacts};
use crate::steering::spec::MemberTarget;
use std::collections::HashMap;
use std::sync::Arc;

/// What is said of targets, regions and pools.
#[derive(Default)]
pub(super) struct Said {
    /// How targets of health stand, by number.
    pub(super) stands: Vec<Stand>,
    /// Of the regions, by id; the same for all pools.
    pub(super) regions: Vec<RegionFacts>,
    /// By region id: what orders about regions ask of each member there.
    of_members: Vec<Admin>,
    /// By pool: the orders that name it, or a part of it, by their places in the table.
    by_pool: HashMap<PoolId, Vec<usize>>,
    /// The pools that each pattern names, of the table that was last seen.
    named: HashMap<Pattern, Arc<[PoolId]>>,
}

impl Said {
    /// What is known now; `stands`: of the targets, by number.
    pub(super) fn new(generation: &Generation, known: &Known, stands: Vec<Stand>, now: UnixTime) -> Self {
        let mut said = Self { stands, ..Self::default() };
        said.look_again(generation, known, now);
        said
    }

    /// Takes in the orders as they are now.
    pub(super) fn look_again(&mut self, generation: &Generation, known: &Known, now: UnixTime) {
        let orders = known.operator.orders();
        let mut named: HashMap<Pattern, Arc<[PoolId]>> = HashMap::new();
        self.by_pool.clear();
        for (at, order) in orders.iter().enumerate().filter(|(_, order)| order.pattern.level() != Level::Region) {
            let pools = self.named.remove(&order.pattern).unwrap_or_else(|| generation.pools_named(&order.pattern));
            for pool in &*pools {
                self.by_pool.entry(*pool).or_default().push(at);
            }
            named.insert(order.pattern.clone(), pools);
        }
        self.named = named;
        let facts = |name: &Arc<str>| RegionFacts {
            admin: known.operator.admin_of_region(name, now),
            report: match known.reports.is_empty() {
                true => Report::default(),
                false => known.report(&Subject::Region(Arc::clone(name))),
            },
        };
        let regions = &generation.inputs.regions;
        self.regions = regions.iter().map(|region| facts(&region.name)).collect();
        let of_members = |name: &str| {
            let orders = known.operator.active(now);
            let of_region = orders.filter(|order| order.concerns_members() && order.pattern.names_region(name));
            of_region.map(|order| order.action.admin()).max().unwrap_or_default()
        };
        self.of_members = regions.iter().map(|region| of_members(&region.name)).collect();
    }

    /// Takes in what a region reports.
    pub(super) fn report(&mut self, region: RegionId, report: Report) {
        if let Some(facts) = self.regions.get_mut(region.index()) {
            facts.report = report;
        }
    }

    /// Whether an order is about this pool, or about a part of it: then it may fare otherwise than its twins.
    pub(super) fn names(&self, pool: PoolId) -> bool {
        self.by_pool.contains_key(&pool)
    }

    /// What orders ask of a member.
    pub(super) fn of_member(
        &self,
        generation: &Generation,
        orders: &OperatorTable,
        pool: PoolId,
        (region, target): (RegionId, &MemberTarget),
        now: UnixTime,
    ) -> Admin {
        let of_region = self.of_members.get(region.index()).copied().unwrap_or_default();
        let Some(places) = self.by_pool.get(&pool) else { return of_region };
        let name = &generation.inputs.pools[pool.index()].name;
        let region = generation.inputs.regions.get(region.index()).map_or("", |region| &*region.name);
        let target = target_text(target);
        let own = at_places(orders, places, now)
            .filter(|order| order.concerns_members() && order.pattern.covers_member(name, region, &target))
            .map(|order| order.action.admin());
        own.max().unwrap_or_default().max(of_region)
    }

    /// What is known of the regions of one pool, where orders are about it; else nothing beyond `regions`.
    pub(super) fn of_regions_in_pool(
        &self,
        generation: &Generation,
        orders: &OperatorTable,
        pool: PoolId,
        now: UnixTime,
    ) -> Option<Vec<RegionFacts>> {
        let places = self.by_pool.get(&pool)?;
        let name = &generation.inputs.pools[pool.index()].name;
        let mut facts = self.regions.clone();
        for order in at_places(orders, places, now) {
            for id in generation.regions_of_pool(pool) {
                let Some(region) = generation.inputs.regions.get(id.index()) else { continue };
                if order.pattern.covers_pool_region(name, &region.name) {
                    let admin = &mut facts[id.index()].admin;
                    *admin = order.action.admin().max(*admin);
                }
            }
        }
        Some(facts)
    }

    /// The leads whose answers may follow from this order.
    pub(super) fn leads_of(&self, generation: &Generation, order: &Order) -> Vec<u32> {
        if order.pattern.level() == Level::Region {
            let regions = generation.inputs.regions.iter().enumerate();
            let named = regions.filter(|(_, region)| order.pattern.names_region(&region.name));
            return named.flat_map(|(id, _)| generation.leads_of_region(RegionId(id as u16))).copied().collect();
        }
        let pools = self.named.get(&order.pattern).into_iter().flat_map(|pools| &**pools);
        pools.flat_map(|&pool| generation.leads_of_twins(pool)).copied().collect()
    }
}

fn at_places<'o>(orders: &'o OperatorTable, places: &[usize], now: UnixTime) -> impl Iterator<Item = &'o Order> {
    places.iter().filter_map(|&at| orders.orders().get(at)).filter(move |order| order.is_active(now))
}

/// The orders that stand in one of two tables and not, or otherwise, in the other.
pub(super) fn differences<'o>(one: &'o OperatorTable, other: &'o OperatorTable) -> Vec<&'o Order> {
    let by_pattern = |table: &'o OperatorTable| -> HashMap<&'o Pattern, &'o Order> {
        table.orders().iter().map(|order| (&order.pattern, order)).collect()
    };
    let (in_one, in_other) = (by_pattern(one), by_pattern(other));
    let gone = one.orders().iter().filter(|order| in_other.get(&order.pattern) != Some(order));
    let new = other.orders().iter().filter(|order| in_one.get(&order.pattern) != Some(order));
    gone.chain(new).collect()
}
