//! How near the regions of a pool are to each other: worked out once, because there are as many pairs as the square of the
//! regions, and shares that follow load ask for each in every step.

use crate::base::Point;

/// At this distance a region counts for another one a factor e less.
const NEAR_KM: f64 = 1000.0;

/// How much each region counts for each other one.
#[derive(Clone, Debug, Default)]
pub(super) struct Nearness {
    /// By place: what it was worked out from.
    points: Vec<Option<Point>>,
    /// Row by row.
    by_pair: Vec<f64>,
}

impl Nearness {
    /// Follows the coordinates of the regions, by place. Those without are near nobody.
    pub(super) fn follow(&mut self, points: Vec<Option<Point>>) {
        if points == self.points {
            return;
        }
        let near = |one: &Option<Point>, other: &Option<Point>| match (one, other) {
            (Some(one), Some(other)) => (-one.distance_km(*other) / NEAR_KM).exp(),
            _ => f64::EPSILON,
        };
        self.by_pair = points.iter().flat_map(|one| points.iter().map(move |other| near(one, other))).collect();
        self.points = points;
    }

    /// From next to nothing to 1.
    pub(super) fn of(&self, one: usize, other: usize) -> f64 {
        self.by_pair[one * self.points.len() + other]
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::Nearness;
    use crate::base::Point;

    #[test]
    fn regions_that_move_are_near_others_at_once() {
        let at = |longitude: f64| Some(Point::new(0.0, longitude).unwrap());
        let mut nearness = Nearness::default();
        nearness.follow(vec![at(0.0), at(1.0), None]);
        assert!(nearness.of(0, 1) > 0.8 && nearness.of(0, 2) < 1e-9 && nearness.of(1, 1) == 1.0);
        nearness.follow(vec![at(0.0), at(90.0), at(0.0)]);
        assert!(nearness.of(0, 1) < 1e-3 && nearness.of(2, 0) == 1.0);
    }
}
