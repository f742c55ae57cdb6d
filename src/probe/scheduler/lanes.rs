//! Limits on how many probes may be under way at once: of one region, or of programs. Who finds a lane full waits in it
//! for its turn, and holds no place in any other meanwhile. Knows no schedule and no probes.

use crate::health::AddressId;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// What is limited.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Probes of targets in this region.
    Region(Arc<str>),
    /// Programs of `exec` monitors.
    Programs,
}

/// All lanes that have a limit, or still somebody in them.
#[derive(Debug, Default)]
pub struct Lanes {
    lanes: HashMap<Lane, Traffic>,
    /// Lanes that may have room for somebody who waits.
    stirred: Vec<Lane>,
}

#[derive(Debug, Default)]
struct Traffic {
    /// `None`: everybody may pass.
    limit: Option<usize>,
    under_way: usize,
    waiting: VecDeque<AddressId>,
}

impl Traffic {
    fn has_room(&self) -> bool {
        self.limit.is_none_or(|limit| self.under_way < limit)
    }
}

impl Lanes {
    /// Goes on with other limits. Who is under way stays so; lanes that are not named have no limit from now on.
    pub fn set_limits(&mut self, limits: impl IntoIterator<Item = (Lane, usize)>) {
        for traffic in self.lanes.values_mut() {
            traffic.limit = None;
        }
        for (lane, limit) in limits {
            self.lanes.entry(lane).or_default().limit = Some(limit);
        }
        self.lanes.retain(|_, traffic| traffic.limit.is_some() || traffic.under_way > 0 || !traffic.waiting.is_empty());
        self.stirred = self.lanes.keys().cloned().collect();
    }

    /// Whether a lane has a limit.
    pub fn is_limited(&self, lane: &Lane) -> bool {
        self.lanes.get(lane).is_some_and(|traffic| traffic.limit.is_some())
    }

    /// Enters all these lanes at once; or, where one is full, waits in that and enters none. Returns the full one.
    pub fn enter(&mut self, id: AddressId, lanes: &[Lane]) -> Result<(), Lane> {
        let full = lanes.iter().find(|lane| self.lanes.get(lane).is_some_and(|traffic| !traffic.has_room()));
        if let Some(full) = full {
            if let Some(traffic) = self.lanes.get_mut(full) {
                traffic.waiting.push_back(id);
            }
            return Err(full.clone());
        }
        for lane in lanes {
            self.lanes.entry(lane.clone()).or_default().under_way += 1;
        }
        Ok(())
    }

    /// Leaves lanes that were entered.
    pub fn leave(&mut self, lanes: &[Lane]) {
        for lane in lanes {
            let Some(traffic) = self.lanes.get_mut(lane) else { continue };
            traffic.under_way -= 1;
            if !traffic.waiting.is_empty() {
                self.stirred.push(lane.clone());
            } else if traffic.limit.is_none() && traffic.under_way == 0 {
                self.lanes.remove(lane);
            }
        }
    }

    /// Who waits longest in a lane that has room now; it waits no more. It must enter, or room may be left unused until
    /// somebody leaves.
    pub fn next(&mut self) -> Option<(Lane, AddressId)> {
        while let Some(lane) = self.stirred.last() {
            if let Some(traffic) = self.lanes.get_mut(lane)
                && traffic.has_room()
                && let Some(id) = traffic.waiting.pop_front()
            {
                return Some((lane.clone(), id));
            }
            self.stirred.pop();
        }
        None
    }

    /// How many wait in a lane.
    pub fn waiting(&self, lane: &Lane) -> usize {
        self.lanes.get(lane).map_or(0, |traffic| traffic.waiting.len())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]

    use super::*;
    use crate::health::{Endpoint, Fleet, TargetKey, Timing};
    use std::time::Duration;

    fn ids<const N: usize>() -> [AddressId; N] {
        let mut fleet = Fleet::default();
        let second = Duration::from_secs(1);
        let timing = Timing { interval: second, timeout: second, fall: 1, rise: 1, retry_interval: second };
        let socket = ([127, 0, 0, 1], 80).into();
        let key = TargetKey { monitor: "web".into(), endpoint: Endpoint::Socket(socket) };
        fleet.insert(key.clone(), Vec::new(), timing);
        std::array::from_fn(|_| fleet.add_address(&key, socket).unwrap())
    }

    fn region(name: &str) -> Lane {
        Lane::Region(name.into())
    }

    #[test]
    fn who_finds_a_lane_full_waits_for_its_turn() {
        let [first, second, third] = ids();
        let lanes_of = [region("eu")];
        let mut lanes = Lanes::default();
        lanes.set_limits([(region("eu"), 1)]);
        assert_eq!(lanes.enter(first, &lanes_of), Ok(()));
        assert_eq!(lanes.enter(second, &lanes_of), Err(region("eu")));
        assert_eq!(lanes.enter(third, &lanes_of), Err(region("eu")));
        assert_eq!((lanes.next(), lanes.waiting(&region("eu"))), (None, 2));
        lanes.leave(&lanes_of);
        assert_eq!(lanes.next(), Some((region("eu"), second)));
        assert_eq!(lanes.enter(second, &lanes_of), Ok(()));
        assert_eq!(lanes.next(), None);
        lanes.leave(&lanes_of);
        assert_eq!(lanes.next(), Some((region("eu"), third)));
    }

    #[test]
    fn a_full_lane_holds_up_no_other() {
        let [first, second, other] = ids();
        let mut lanes = Lanes::default();
        lanes.set_limits([(region("eu"), 1), (region("us"), 1)]);
        assert_eq!(lanes.enter(first, &[region("eu")]), Ok(()));
        assert_eq!(lanes.enter(second, &[region("us"), region("eu")]), Err(region("eu")));
        assert_eq!(lanes.enter(other, &[region("us")]), Ok(()), "who waits for one lane takes no place in another");
    }

    #[test]
    fn other_limits_hold_at_once_and_lifting_one_lets_everybody_pass() {
        let [first, second, third] = ids();
        let lanes_of = [region("eu")];
        let mut lanes = Lanes::default();
        lanes.set_limits([(region("eu"), 1)]);
        assert_eq!(lanes.enter(first, &lanes_of), Ok(()));
        assert!(lanes.enter(second, &lanes_of).is_err());
        assert!(lanes.enter(third, &lanes_of).is_err());
        lanes.set_limits([(region("eu"), 2)]);
        assert_eq!(lanes.next(), Some((region("eu"), second)));
        assert_eq!(lanes.enter(second, &lanes_of), Ok(()));
        assert_eq!(lanes.next(), None);
        lanes.set_limits([]);
        assert_eq!(lanes.next(), Some((region("eu"), third)));
        assert_eq!(lanes.enter(third, &lanes_of), Ok(()));
        for _ in 0..3 {
            lanes.leave(&lanes_of);
        }
        assert!(!lanes.is_limited(&region("eu")) && lanes.lanes.is_empty(), "{lanes:?}");
    }
}
