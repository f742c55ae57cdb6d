//! The order of regions for one place: the deciding rule's preferences, the region its network names, then by distance or
//! latency, or as listed.

use super::globe::{Globe, region_of, tied_len, unit_vector};
use super::intern::{Interner, Orders, Tail};
use super::key::RankingKey;
use super::rules::RuleIndex;
use super::{CohortId, EXACT_REGIONS_MAX, Table};
use crate::base::Point;
use crate::geo::Place;
use crate::geo::latency::Profile;
use crate::steering::reach::{GroupId, TIED};
use crate::steering::spec::Order;
use std::collections::HashMap;

/// The cohort of every place, and what the cohorts' orders are.
pub(super) fn rank_places(key: &RankingKey, table: &Table<'_>) -> (Vec<CohortId>, Orders) {
    let mut ranker = Ranker::new(key, table.latencies);
    let rules = RuleIndex::new(key.rules(), table);
    let cohorts = table.places.iter().map(|place| ranker.rank(place, rules.decide(place))).collect();
    (cohorts, ranker.interner.finish())
}

/// The regions that one rule, or none, leaves to be ordered.
struct Fenced {
    /// The rule's preferences inside the fence.
    prefer: Vec<GroupId>,
    /// Ascending.
    regions: Vec<GroupId>,
    /// With [`Order::Any`]: all of `regions` as one group.
    equals: Option<GroupId>,
    /// All of `regions` as listed, to be put into heads.
    listed: Vec<GroupId>,
    /// The same as a tail, when it is longer than exact orders get.
    listed_tail: Tail,
    /// The rest behind the exact head, by nearest region.
    rests: HashMap<GroupId, Tail>,
    /// The orders where nothing depends on where the client is, by the region that its network is located at.
    fixed: HashMap<Option<GroupId>, CohortId>,
}

struct Ranker<'k> {
    key: &'k RankingKey,
    globe: Globe,
    latencies: &'k [Profile],
    interner: Interner,
    /// Without a rule at 0, then by rule.
    fenced: Vec<Fenced>,
    head: Vec<GroupId>,
    nearest: Vec<u64>,
}

impl<'k> Ranker<'k> {
    fn new(key: &'k RankingKey, latencies: &'k [Profile]) -> Self {
        let mut interner = Interner::default();
        let all: Vec<GroupId> = key.reach().numbers().collect();
        let mut fenced = vec![Fenced::new(key, &mut interner, &[], &all)];
        for rule in key.rules() {
            let regions = rule.fence.as_deref().unwrap_or(&all);
            fenced.push(Fenced::new(key, &mut interner, &rule.prefer, regions));
        }
        Self { key, globe: Globe::new(key), latencies, interner, fenced, head: Vec::new(), nearest: Vec::new() }
    }

    fn rank(&mut self, place: &Place, rule: Option<usize>) -> CohortId {
        let number = rule.map_or(0, |rule| rule + 1);
        let located_at = place.prefers.and_then(|region| self.key.reach().number(region));
        let located_at = located_at.filter(|region| self.fenced[number].regions.contains(region));
        let profile = place.latency.and_then(|latency| self.latencies.get(latency.0 as usize));
        match (self.key.order(), place.point, profile) {
            (Order::Closest, Some(point), _) => self.by_nearness(number, located_at, Some(point), None),
            (Order::Latency, Some(point), _) => self.by_nearness(number, located_at, Some(point), profile),
            (Order::Latency, None, Some(_)) => self.by_nearness(number, located_at, None, profile),
            (Order::Closest | Order::Latency, None, _) | (Order::Listed | Order::Any, ..) => {
                match self.fenced[number].fixed.get(&located_at) {
                    Some(&cohort) => cohort,
                    None => self.fixed(number, located_at),
                }
            }
        }
    }

    /// Begins the head with what comes before any order.
    fn begin(&mut self, number: usize, located_at: Option<GroupId>) {
        self.head.clear();
        self.head.extend_from_slice(&self.fenced[number].prefer);
        push_new(&mut self.head, located_at);
    }

    /// The order for clients whose place changes nothing else about it.
    fn fixed(&mut self, number: usize, located_at: Option<GroupId>) -> CohortId {
        self.begin(number, located_at);
        let fenced = &self.fenced[number];
        let tail = match self.key.order() {
            Order::Any if self.key.runs_of_equals() => {
                push_tied(&mut self.head, fenced.regions.iter().copied());
                Tail::default()
            }
            Order::Any => {
                push_new(&mut self.head, fenced.equals);
                Tail::default()
            }
            Order::Closest | Order::Latency | Order::Listed => {
                push_new(&mut self.head, fenced.listed.iter().copied());
                fenced.listed_tail
            }
        };
        let cohort = self.interner.intern(&self.head, tail);
        self.fenced[number].fixed.insert(located_at, cohort);
        cohort
    }

    /// The order by distance or latency, of which at least one is known.
    fn by_nearness(
        &mut self,
        number: usize,
        located_at: Option<GroupId>,
        point: Option<Point>,
        profile: Option<&Profile>,
    ) -> CohortId {
        self.begin(number, located_at);
        self.globe.measured(self.key, profile);
        let fenced = &self.fenced[number];
        let from = point.map(unit_vector);
        let exact = fenced.regions.len() <= EXACT_REGIONS_MAX;
        if exact {
            self.nearest.clear();
            self.nearest.extend(fenced.regions.iter().map(|&region| self.globe.rank(from, region)));
            self.nearest.sort_unstable();
        } else {
            self.globe.nearest_of(&fenced.regions, from, &mut self.nearest);
        }
        let nearest = self.nearest.first().copied().map(region_of);
        let tied = self.key.tie_band().map_or(0, |band| tied_len(&self.nearest, band));
        let (equals, rest) = self.nearest.split_at_mut(tied);
        // In configured order, so that who is a little nearer splits no cohort.
        equals.sort_unstable_by_key(|&rank| region_of(rank));
        push_tied(&mut self.head, equals.iter().copied().map(region_of));
        push_new(&mut self.head, rest.iter().copied().map(region_of));
        let tail = match nearest {
            Some(nearest) if !exact => self.rest(number, nearest),
            _ => Tail::default(),
        };
        self.interner.intern(&self.head, tail)
    }

    /// What follows an exact head: all regions by distance from the client's nearest one. It depends on nothing else of
    /// the client, so that far regions split no cohort.
    fn rest(&mut self, number: usize, nearest: GroupId) -> Tail {
        let fenced = &mut self.fenced[number];
        let (globe, interner) = (&mut self.globe, &mut self.interner);
        *fenced.rests.entry(nearest).or_insert_with(|| {
            globe.forget_measured();
            let from = globe.vector(nearest);
            let mut ranks: Vec<u64> = fenced.regions.iter().map(|&region| globe.rank(from, region)).collect();
            ranks.sort_unstable();
            let groups: Vec<GroupId> = ranks.into_iter().map(region_of).collect();
            interner.tail(&groups, true)
        })
    }
}

impl Fenced {
    fn new(key: &RankingKey, interner: &mut Interner, prefer: &[GroupId], regions: &[GroupId]) -> Self {
        let inside = |group: &GroupId| regions.contains(group);
        let mut listed: Vec<GroupId> = key.listed().iter().copied().filter(inside).collect();
        let mut listed_tail = Tail::default();
        if listed.len() > EXACT_REGIONS_MAX {
            listed_tail = interner.tail(&listed, false);
            listed.clear();
        }
        let equals = match regions {
            [] => None,
            [region] => Some(*region),
            _ => key.reach().group_of_set(regions),
        };
        Self {
            prefer: prefer.iter().copied().filter(inside).collect(),
            regions: regions.to_vec(),
            equals,
            listed,
            listed_tail,
            rests: HashMap::new(),
            fixed: HashMap::new(),
        }
    }
}

fn push_new(head: &mut Vec<GroupId>, groups: impl IntoIterator<Item = GroupId>) {
    for group in groups {
        if !head.contains(&group) {
            head.push(group);
        }
    }
}

/// Adds groups that are equal to each other, but for those that stand there already.
fn push_tied(head: &mut Vec<GroupId>, groups: impl IntoIterator<Item = GroupId>) {
    let before = head.len();
    for group in groups {
        if !head[..before].contains(&group) {
            head.push(if head.len() == before { group } else { group | TIED });
        }
    }
}
