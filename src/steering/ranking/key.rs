//! What a ranking depends on besides the prefix table, and nothing else: equal keys share one ranking.

use crate::base::{Point, RegionId};
use crate::steering::reach::{GroupId, Reach};
use crate::steering::spec::{Condition, Order, Policy, Region, Rule};

/// What a ranking depends on besides the prefix table: names whose key is equal share the ranking.
#[derive(Clone, Debug, PartialEq)]
pub struct RankingKey {
    order: Order,
    reach: Reach,
    /// By region number, for [`Order::Closest`] and [`Order::Latency`]; empty otherwise.
    sites: Box<[Site]>,
    /// The order where distance does not decide: the policy's for [`Order::Listed`], else configured order.
    listed: Box<[GroupId]>,
    rules: Box<[RankingRule]>,
    /// For the orders that `sites` are for: regions within this factor of the nearest are equals.
    tie_band: Option<f64>,
    /// With [`Order::Any`]: all regions are entries of their own, equal to each other, rather than one set.
    runs_of_equals: bool,
}

/// Where a region is and how far it reaches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Site {
    pub(super) coordinates: Option<Point>,
    pub(super) bias: i8,
}

/// A rule of the policy as far as it concerns the order, in region numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RankingRule {
    pub(super) condition: Condition,
    /// In the rule's order, without repeats.
    pub(super) prefer: Box<[GroupId]>,
    /// Ascending.
    pub(super) fence: Option<Box<[GroupId]>>,
}

impl RankingKey {
    /// The key of `policy` over the regions a pool has members in.
    #[must_use]
    pub fn new(policy: &Policy, pool_regions: &[RegionId], regions: &[Region]) -> Self {
        let reach = Reach::new(policy, pool_regions);
        let listed = match (policy.order, &policy.regions) {
            (Order::Listed, Some(list)) => numbers_once(&reach, list),
            _ => reach.numbers().collect(),
        };
        let site = |id: &RegionId| {
            let region = regions.get(id.index());
            Site {
                coordinates: region.and_then(|region| region.coordinates),
                bias: region.map_or(0, |region| region.bias),
            }
        };
        let sites = match policy.order {
            Order::Closest | Order::Latency => reach.regions().iter().map(site).collect(),
            Order::Listed | Order::Any => Box::default(),
        };
        let rule = |rule: &Rule| RankingRule {
            condition: rule.condition.clone(),
            prefer: numbers_once(&reach, &rule.prefer),
            fence: rule.regions.as_ref().map(|fence| reach.fence(fence)),
        };
        let rules = policy.rules.iter().map(rule).collect();
        let by_nearness = matches!(policy.order, Order::Closest | Order::Latency);
        Self {
            order: policy.order,
            sites,
            listed,
            rules,
            tie_band: policy.tie_band.filter(|_| by_nearness),
            runs_of_equals: policy.order == Order::Any && policy.picks_regions(),
            reach,
        }
    }

    /// The regions and groups that orders speak of.
    #[must_use]
    pub const fn reach(&self) -> &Reach {
        &self.reach
    }

    /// How regions are ordered.
    #[must_use]
    pub const fn order(&self) -> Order {
        self.order
    }

    /// See [`Policy::tie_band`].
    pub(super) const fn tie_band(&self) -> Option<f64> {
        self.tie_band
    }

    /// Whether equal regions are entries of their own.
    pub(super) const fn runs_of_equals(&self) -> bool {
        self.runs_of_equals
    }

    pub(super) fn sites(&self) -> &[Site] {
        &self.sites
    }

    pub(super) fn listed(&self) -> &[GroupId] {
        &self.listed
    }

    pub(super) fn rules(&self) -> &[RankingRule] {
        &self.rules
    }
}

/// The numbers of those regions that are within the reach, in the given order, each once.
fn numbers_once(reach: &Reach, regions: &[RegionId]) -> Box<[GroupId]> {
    let mut numbers: Vec<GroupId> = Vec::new();
    for number in regions.iter().filter_map(|&region| reach.number(region)) {
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers.into()
}

/// How `bias` changes a distance: factor of the distance in kilometres, at most 100.
#[must_use]
pub fn bias_factor(bias: i8) -> f64 {
    let share = f64::from(bias) / 100.0;
    if bias >= 0 { 1.0 - share } else { 1.0 / (1.0 + share) }
}
