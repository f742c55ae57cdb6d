//! How near regions are to one client: by distance, or by measured and estimated latency. Knows no rules and no cohorts.

use super::EXACT_NEAREST;
use super::key::{RankingKey, Site, bias_factor};
use crate::base::Point;
use crate::geo::latency::Profile;
use crate::steering::reach::GroupId;
use crate::steering::spec::Order;

/// Round trip over no distance at all, in milliseconds: what the last miles of both sides take.
pub const ESTIMATE_BASE_MS: f64 = 10.0;
/// What each 100 km add to a round trip, in milliseconds. Light in fibre takes 1 ms for there and back; the rest is that cables
/// follow no great circles.
pub const ESTIMATE_MS_PER_100_KM: f64 = 1.5;

/// The latency that stands in for one that was not measured, in milliseconds.
#[must_use]
pub fn estimated_ms(distance_km: f64) -> f64 {
    ESTIMATE_BASE_MS + ESTIMATE_MS_PER_100_KM * distance_km / 100.0
}

/// How near a region without coordinates and measured latency is: behind all others, in configured order.
const NOWHERE: u64 = 1 << 47;
/// Mean radius of the Earth (IUGG R1), as [`Point::distance_km`] takes it.
const EARTH_RADIUS_KM: f64 = 6_371.008_8;
const MM_PER_KM: f64 = 1e6;
const NS_PER_MS: f64 = 1e6;

/// A region on the unit sphere. How near it is to a client is a number of millimetres or nanoseconds, with its bias.
struct GlobeSite {
    vector: Option<[f64; 3]>,
    /// What it is away over no distance at all.
    base: f64,
    /// What each radian adds.
    per_radian: f64,
    /// What each measured millisecond counts.
    per_ms: f64,
}

impl GlobeSite {
    fn new(site: &Site, order: Order) -> Self {
        let bias = bias_factor(site.bias);
        let (base, per_km) = match order {
            Order::Latency => (ESTIMATE_BASE_MS * NS_PER_MS, ESTIMATE_MS_PER_100_KM / 100.0 * NS_PER_MS),
            Order::Closest | Order::Listed | Order::Any => (0.0, MM_PER_KM),
        };
        Self {
            vector: site.coordinates.map(unit_vector),
            base: base * bias,
            per_radian: EARTH_RADIUS_KM * per_km * bias,
            per_ms: NS_PER_MS * bias,
        }
    }
}

/// All regions of a ranking, by number.
pub(super) struct Globe {
    sites: Vec<GlobeSite>,
    /// Milliseconds from the client at hand, 0 where not measured; empty where nothing is.
    measured: Vec<u16>,
}

impl Globe {
    pub(super) fn new(key: &RankingKey) -> Self {
        let sites = key.sites().iter().map(|site| GlobeSite::new(site, key.order())).collect();
        Self { sites, measured: Vec::new() }
    }

    /// From now on it is about a client with these measured latencies.
    pub(super) fn measured(&mut self, key: &RankingKey, profile: Option<&Profile>) {
        self.forget_measured();
        if let Some(profile) = profile {
            self.measured.resize(self.sites.len(), 0);
            for &(region, milliseconds) in profile {
                if let Some(number) = key.reach().number(region) {
                    self.measured[usize::from(number)] = milliseconds;
                }
            }
        }
    }

    /// From now on it is about a client without measured latencies.
    pub(super) fn forget_measured(&mut self) {
        self.measured.clear();
    }

    /// Where a region is.
    pub(super) fn vector(&self, region: GroupId) -> Option<[f64; 3]> {
        self.sites[usize::from(region)].vector
    }

    /// How near a region is, in whole millimetres or nanoseconds, above the region's number: sorts by nearness, then in
    /// configured order. Regions are equally near when they are so to the whole number, which hides how floating-point numbers
    /// round.
    pub(super) fn rank(&self, from: Option<[f64; 3]>, region: GroupId) -> u64 {
        let number = usize::from(region);
        let site = &self.sites[number];
        let near = match (self.measured.get(number), site.vector, from) {
            (Some(&milliseconds), ..) if milliseconds != 0 => f64::from(milliseconds) * site.per_ms,
            (_, Some(vector), Some(from)) => site.base + arc(chord_squared(vector, from)) * site.per_radian,
            (_, None, _) | (_, _, None) => return NOWHERE << GroupId::BITS | u64::from(region),
        };
        (near.round() as u64) << GroupId::BITS | u64::from(region)
    }

    /// Puts the [`EXACT_NEAREST`] of `regions` in order into `nearest`. A chord is no longer than its arc, which spares most
    /// arcs.
    pub(super) fn nearest_of(&self, regions: &[GroupId], from: Option<[f64; 3]>, nearest: &mut Vec<u64>) {
        nearest.clear();
        for &region in regions {
            if nearest.len() == EXACT_NEAREST {
                let farthest = (nearest[EXACT_NEAREST - 1] >> GroupId::BITS) as f64 + 1.0;
                if self.is_beyond(farthest, region, from) {
                    continue;
                }
            }
            let rank = self.rank(from, region);
            let at = nearest.partition_point(|&nearer| nearer < rank);
            if at < EXACT_NEAREST {
                nearest.truncate(EXACT_NEAREST - 1);
                nearest.insert(at, rank);
            }
        }
    }

    /// Whether a region is surely farther than that.
    fn is_beyond(&self, farthest: f64, region: GroupId, from: Option<[f64; 3]>) -> bool {
        let number = usize::from(region);
        let site = &self.sites[number];
        let (Some(vector), Some(from)) = (site.vector, from) else { return false };
        if self.measured.get(number).is_some_and(|&milliseconds| milliseconds != 0) {
            return false;
        }
        let left = farthest - site.base;
        left < 0.0 || chord_squared(vector, from) * site.per_radian * site.per_radian > left * left
    }
}

/// The region of a rank.
pub(super) const fn region_of(rank: u64) -> GroupId {
    rank as GroupId
}

/// How many of `nearest`, which are in order, are within the factor `band` of the first. Regions that nothing is known of are
/// equal to none.
pub(super) fn tied_len(nearest: &[u64], band: f64) -> usize {
    let near = |rank: u64| rank >> GroupId::BITS;
    let Some(first) = nearest.first().map(|&rank| near(rank)).filter(|&first| first < NOWHERE) else { return 0 };
    nearest.partition_point(|&rank| near(rank) < NOWHERE && near(rank) as f64 <= first as f64 * band)
}

/// A point on the unit sphere around the Earth's centre.
pub(super) fn unit_vector(point: Point) -> [f64; 3] {
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
