//! Which of many points is nearest to another one.

use crate::base::Point;

/// Points on the unit sphere, by their height above the equator's plane.
#[derive(Debug)]
pub(super) struct Nearest {
    /// Height first, so that they are sorted by it; the index into the points given.
    points: Vec<([f64; 3], usize)>,
}

impl Nearest {
    pub(super) fn new(points: impl IntoIterator<Item = Point>) -> Self {
        let mut points: Vec<_> =
            points.into_iter().enumerate().map(|(index, point)| (unit_vector(point), index)).collect();
        points.sort_by(|a, b| a.0[0].total_cmp(&b.0[0]).then(a.1.cmp(&b.1)));
        Self { points }
    }

    /// The index of the point nearest to `to`: of several the lowest. A chord is at least as long as the difference in
    /// height, which ends the search early.
    pub(super) fn of(&self, to: Point) -> Option<usize> {
        let to = unit_vector(to);
        let start = self.points.partition_point(|(point, _)| point[0] < to[0]);
        let mut best = (f64::INFINITY, usize::MAX);
        let mut look = |(point, index): &([f64; 3], usize)| {
            let height = point[0] - to[0];
            if height * height > best.0 {
                return false;
            }
            let [x, y, z] = [height, point[1] - to[1], point[2] - to[2]];
            let found = (x * x + y * y + z * z, *index);
            if found < best {
                best = found;
            }
            true
        };
        let _ = self.points[start..].iter().all(&mut look);
        let _ = self.points[..start].iter().rev().all(&mut look);
        (best.1 != usize::MAX).then_some(best.1)
    }
}

/// Height above the equator's plane, then the two others.
fn unit_vector(point: Point) -> [f64; 3] {
    let (lat, lon) = (point.latitude().to_radians(), point.longitude().to_radians());
    [lat.sin(), lat.cos() * lon.cos(), lat.cos() * lon.sin()]
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::Nearest;
    use crate::base::Point;
    use crate::simulate::chance::Chance;

    fn anywhere(chance: &mut Chance) -> Point {
        let mut degrees = |range: u64| chance.below(2 * range * 1000) as f64 / 1000.0 - range as f64;
        Point::new(degrees(90), degrees(180)).unwrap()
    }

    #[test]
    fn the_nearest_is_found_as_by_measuring_all() {
        let mut chance = Chance::new(1, 1);
        let points: Vec<Point> = (0..500).map(|_| anywhere(&mut chance)).collect();
        let nearest = Nearest::new(points.iter().copied());
        for _ in 0..2_000 {
            let to = anywhere(&mut chance);
            let found = points[nearest.of(to).unwrap()].distance_km(to);
            let least = points.iter().map(|point| point.distance_km(to)).fold(f64::INFINITY, f64::min);
            assert!(found <= least + 1e-6, "{found} {least}");
        }
        assert_eq!(Nearest::new([]).of(points[0]), None);
    }
}
