//! The order of regions for one place: the deciding rule's preferences, the region its network names, then by distance or
//! as listed.

use super::intern::{Interner, Orders, Tail};
use super::key::{RankingKey, Site, bias_factor};
use super::rules::RuleIndex;
use super::{CohortId, EXACT_NEAREST, EXACT_REGIONS_MAX, Table};
use crate::base::Point;
use crate::geo::Place;
use crate::steering::reach::GroupId;
use crate::steering::spec::Order;
use std::collections::HashMap;

/// The cohort of every place, and what the cohorts' orders are.
pub(super) fn rank_places(key: &RankingKey, table: &Table<'_>) -> (Vec<CohortId>, Orders) {
    let mut ranker = Ranker::new(key);
    let rules = RuleIndex::new(key.rules(), table.marks);
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
}

struct Ranker<'k> {
    key: &'k RankingKey,
    globe: Vec<GlobeSite>,
    interner: Interner,
    /// Without a rule at 0, then by rule.
    fenced: Vec<Fenced>,
    head: Vec<GroupId>,
    nearest: Vec<u64>,
}

impl<'k> Ranker<'k> {
    fn new(key: &'k RankingKey) -> Self {
        let mut interner = Interner::default();
        let all: Vec<GroupId> = key.reach().numbers().collect();
        let mut fenced = vec![Fenced::new(key, &mut interner, &[], &all)];
        for rule in key.rules() {
            let regions = rule.fence.as_deref().unwrap_or(&all);
            fenced.push(Fenced::new(key, &mut interner, &rule.prefer, regions));
        }
        let globe = key.sites().iter().map(GlobeSite::new).collect();
        Self { key, globe, interner, fenced, head: Vec::new(), nearest: Vec::new() }
    }

    fn rank(&mut self, place: &Place, rule: Option<usize>) -> CohortId {
        let number = rule.map_or(0, |rule| rule + 1);
        let fenced = &self.fenced[number];
        self.head.clear();
        self.head.extend_from_slice(&fenced.prefer);
        if let Some(preferred) = place.prefers.and_then(|region| self.key.reach().number(region))
            && fenced.regions.contains(&preferred)
        {
            push_new(&mut self.head, [preferred]);
        }
        let tail = match (self.key.order(), place.point) {
            (Order::Closest | Order::Latency, Some(point)) => self.by_distance(number, point),
            (Order::Closest | Order::Latency, None) | (Order::Listed, _) => {
                push_new(&mut self.head, fenced.listed.iter().copied());
                fenced.listed_tail
            }
            (Order::Any, _) => {
                push_new(&mut self.head, fenced.equals);
                Tail::default()
            }
        };
        self.interner.intern(&self.head, tail)
    }

    /// Completes the head by distance from `point`; gives what follows it.
    fn by_distance(&mut self, number: usize, point: Point) -> Tail {
        let fenced = &self.fenced[number];
        let from = unit_vector(point);
        let exact = fenced.regions.len() <= EXACT_REGIONS_MAX;
        if exact {
            self.nearest.clear();
            self.nearest
                .extend(fenced.regions.iter().map(|&region| self.globe[usize::from(region)].rank(from, region)));
            self.nearest.sort_unstable();
        } else {
            nearest_of(&self.globe, &fenced.regions, from, &mut self.nearest);
        }
        push_new(&mut self.head, self.nearest.iter().copied().map(region_of));
        match self.nearest.first() {
            Some(&nearest) if !exact => self.rest(number, region_of(nearest)),
            _ => Tail::default(),
        }
    }

    /// What follows an exact head: all regions by distance from the client's nearest one. It depends on nothing else of
    /// the client, so that far regions split no cohort.
    fn rest(&mut self, number: usize, nearest: GroupId) -> Tail {
        let fenced = &mut self.fenced[number];
        let (globe, interner) = (&self.globe, &mut self.interner);
        *fenced.rests.entry(nearest).or_insert_with(|| {
            let mut ranks: Vec<u64> = match globe[usize::from(nearest)].vector {
                Some(from) => {
                    fenced.regions.iter().map(|&region| globe[usize::from(region)].rank(from, region)).collect()
                }
                None => fenced.regions.iter().map(|&region| u64::from(region)).collect(),
            };
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

/// A region on the unit sphere.
struct GlobeSite {
    vector: Option<[f64; 3]>,
    /// Millimetres that its distance counts for each radian.
    mm_per_radian: f64,
}

/// The rank of a region without coordinates: behind all others, in configured order.
const NOWHERE_MM: u64 = 1 << 47;
/// Mean radius of the Earth (IUGG R1), as [`Point::distance_km`] takes it.
const EARTH_RADIUS_MM: f64 = 6_371_008_800.0;

impl GlobeSite {
    fn new(site: &Site) -> Self {
        Self { vector: site.coordinates.map(unit_vector), mm_per_radian: EARTH_RADIUS_MM * bias_factor(site.bias) }
    }

    /// The biased distance in whole millimetres above the region's number: sorts by distance, then in configured order.
    /// Regions are equally far when they are so to the millimetre, which hides how floating-point numbers round.
    fn rank(&self, from: [f64; 3], region: GroupId) -> u64 {
        let mm = match self.vector {
            Some(vector) => (arc(chord_squared(vector, from)) * self.mm_per_radian).round() as u64,
            None => NOWHERE_MM,
        };
        mm << GroupId::BITS | u64::from(region)
    }
}

fn region_of(rank: u64) -> GroupId {
    rank as GroupId
}

/// The [`EXACT_NEAREST`] of `regions` in order. A chord is no longer than its arc, which spares most arcs.
fn nearest_of(globe: &[GlobeSite], regions: &[GroupId], from: [f64; 3], nearest: &mut Vec<u64>) {
    nearest.clear();
    for &region in regions {
        let site = &globe[usize::from(region)];
        if nearest.len() == EXACT_NEAREST {
            let farthest_mm = (nearest[EXACT_NEAREST - 1] >> GroupId::BITS) as f64 + 1.0;
            let chord = site.vector.map_or(4.0, |vector| chord_squared(vector, from));
            if chord * site.mm_per_radian * site.mm_per_radian > farthest_mm * farthest_mm {
                continue;
            }
        }
        let rank = site.rank(from, region);
        let at = nearest.partition_point(|&nearer| nearer < rank);
        if at < EXACT_NEAREST {
            nearest.truncate(EXACT_NEAREST - 1);
            nearest.insert(at, rank);
        }
    }
}

/// A point on the unit sphere around the Earth's centre.
fn unit_vector(point: Point) -> [f64; 3] {
    let (lat, lon) = (point.latitude().to_radians(), point.longitude().to_radians());
    [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]
}

/// The squared straight distance of two points on the unit sphere: 0 to 4, four times the haversine of the angle.
fn chord_squared(a: [f64; 3], b: [f64; 3]) -> f64 {
    let [x, y, z] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    x * x + y * y + z * z
}

/// The angle between two points on the unit sphere, in radians.
fn arc(chord_squared: f64) -> f64 {
    2.0 * (chord_squared.sqrt() / 2.0).min(1.0).asin()
}
