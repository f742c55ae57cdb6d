//! The stages that concern regions: how they come and go, what they use of their capacity, what they hand on and refuse.

use super::members::{scaled, shown};
use super::{Sight, Step};
use crate::health::{Load, Report, Status};
use crate::steering::condition::{RegionState, Share};
use crate::steering::control::admin::Admin;
use crate::steering::control::course::Course;
use crate::steering::control::recovery::Seen;
use crate::steering::control::shares;
use crate::steering::control::shedding::{self, Haste, Lines, Reading};
use crate::steering::control::tracks::RegionTrack;
use crate::steering::spec::{Order, ShedMarks, Spread};

/// Without marks, a region above this utilisation has no room for clients of regions that warm up; it has room again below
/// this times [`BACK_AT`].
const FULL_WITHOUT_MARKS: f64 = 1.0;
const BACK_AT: f64 = 0.9;

/// A region that refuses all clients handed on is full; it has room again when it refuses less than this.
const ROOM_AGAIN: f64 = 0.95;

/// What others hand on counts as at most so many times a region's high mark: most of it goes elsewhere, and who expects too much
/// is slow to find how much it can take.
const INFLOW_MAX: f64 = 10.0;

/// And at least as this part of it, so that a first client handed on meets a valve that is where it belongs.
const INFLOW_MIN: f64 = 0.1;

/// Of what a region hands on, at least this share counts as gone when it is foreseen what more of it will do.
const LEAVING_MIN: f64 = 0.25;

/// What the members of one region report together.
#[derive(Clone, Copy, Debug, Default)]
struct Used {
    /// Utilisation times capacity, and capacity.
    by_capacity: [f64; 2],
    /// Utilisation times weight, and weight.
    by_weight: [f64; 2],
    /// A member that reports utilisation has no capacity.
    lacks_capacity: bool,
    sum: Option<f64>,
}

impl Used {
    /// Of the region's capacity, where that is known or not needed.
    fn utilisation(&self, capacity: Option<f64>) -> Option<f64> {
        let has_capacities = !self.lacks_capacity && self.by_capacity[1] > 0.0;
        let [used, weight] = if has_capacities { self.by_capacity } else { self.by_weight };
        if weight > 0.0 {
            return Some(used / weight);
        }
        Some(self.sum? / capacity.filter(|&capacity| capacity > 0.0)?)
    }
}

impl Step<'_, '_> {
    /// How each region comes and goes.
    pub(super) fn recover_regions(&mut self) {
        let (recovery, now) = (self.facts.pool.recovery, self.facts.now);
        for place in 0..self.sights.len() {
            let (sight, track) = (&self.sights[place], &mut self.tracks.regions[place]);
            let seen = Seen {
                has_enabled: sight.families.iter().any(|tally| tally.enabled > 0),
                is_known: sight.is_known,
                has_down: sight.families.iter().any(|tally| tally.down > 0),
                is_healthy: sight.is_healthy,
                is_forced: sight.is_forced && sight.is_healthy,
                has_report: sight.has_report,
                has_feed: self.facts.pool.has_feed || track.has_reported,
            };
            if std::mem::take(&mut track.is_released) {
                track.recovery.release(&recovery, seen.has_feed, now);
            }
            track.recovery.step(&seen, &recovery, now);
            let waits_until = track.recovery.waits_until();
            match track.recovery.course(&recovery, now) {
                // One that is over and without effect waits for results.
                Course::HeldBack { until: Some(until) } if now < until => {
                    self.wake(until);
                    // Its clients shall hear of it soon: TTLs go down one lifetime before.
                    let lifetime = u64::from(self.facts.ttl_max) * 1_000_000;
                    let before = crate::base::UnixTime(until.0.saturating_sub(lifetime));
                    if now < before {
                        self.wake(before);
                    }
                }
                Course::FailoverDelayed { until } => self.wake(until),
                Course::WarmingUp { .. } | Course::Probation { .. } => self.tick(),
                _ => {}
            }
            if let Some(until) = waits_until.filter(|&until| now < until) {
                self.wake(until);
            }
        }
    }

    /// What each region uses of its capacity: by its own report, else by its members'.
    pub(super) fn measure(&mut self) {
        let has_loads = self.facts.members.iter().any(|known| known.report.load != Load::default());
        let by_members = if has_loads { self.used_by_members() } else { Vec::new() };
        for (place, sight) in self.sights.iter_mut().enumerate() {
            let id = self.tracks.regions[place].id.index();
            let load = self.facts.region_facts.get(id).map(|facts| facts.report.load).unwrap_or_default();
            let capacity = self.facts.regions[id].capacity;
            let own = load.utilisation_of(capacity);
            sight.utilisation = own.or_else(|| by_members.get(place)?.utilisation(capacity));
        }
    }

    /// What the members that answer report, by place.
    fn used_by_members(&self) -> Vec<Used> {
        let mut used = vec![Used::default(); self.tracks.regions.len()];
        for (index, track) in self.tracks.members.iter().enumerate() {
            let answers = self.members[index].enabled && self.members[index].status == Status::Up && !track.kept;
            let Some(place) = track.place.filter(|_| answers) else { continue };
            let (member, load) = (&self.facts.pool.members[index], &self.facts.members[index].report.load);
            let of_region = &mut used[usize::from(place)];
            if let Some(used) = load.utilisation_of(member.capacity) {
                let (capacity, weight) = (member.capacity.unwrap_or(0.0), f64::from(member.weight));
                of_region.by_capacity =
                    [of_region.by_capacity[0] + used * capacity, of_region.by_capacity[1] + capacity];
                of_region.by_weight = [of_region.by_weight[0] + used * weight, of_region.by_weight[1] + weight];
                of_region.lacks_capacity |= member.capacity.is_none();
            }
            if let Some(used) = load.requests.or(load.connections).or(load.bandwidth) {
                of_region.sum = Some(of_region.sum.unwrap_or(0.0) + used);
            }
        }
        used
    }

    /// The shares of clients that regions hand on and refuse because of their load.
    pub(super) fn work_valves(&mut self) {
        let Some(marks) = self.facts.policy.shed else {
            for (track, sight) in self.tracks.regions.iter_mut().zip(&self.sights) {
                (track.shed, track.refuse, track.pressure) = Default::default();
                let full = FULL_WITHOUT_MARKS * if track.is_full { BACK_AT } else { 1.0 };
                track.is_full = sight.utilisation.is_some_and(|used| used >= full);
            }
            return;
        };
        let (elapsed, ttl_max) = (self.elapsed, self.facts.ttl_max);
        for track in &mut self.tracks.regions {
            track.shed_in_caches.add(track.course.shed, elapsed, ttl_max);
            track.accepted.add(track.inflow * (1.0 - track.course.refuses), elapsed, ttl_max);
            track.pressure_in_caches.add(track.pressure.share(), elapsed, ttl_max);
        }
        let leaves = self.leaving();
        let own: Vec<f64> = self.own_loads(marks.high, &leaves);
        self.press(marks);
        self.shed(marks, &own, &leaves);
        self.refuse(marks, &own);
        let moves = |track: &RegionTrack| {
            let valves = [&track.shed, &track.refuse, &track.pressure];
            valves.iter().any(|valve| valve.moves())
                || track.shed_in_caches.differ_from(track.course.shed)
                || track.pressure_in_caches.differ_from(track.pressure.share())
                || track.accepted.differ_from(track.inflow * (1.0 - track.refuse.share()))
        };
        if self.tracks.regions.iter().any(moves) {
            self.tick();
        }
    }

    /// How much worse off than each region the worst of the others is.
    fn press(&mut self, marks: ShedMarks) {
        let line = shedding::pressure_line(marks);
        let used = |place: usize| self.sights[place].utilisation.filter(|_| self.sights[place].is_healthy);
        let all: Vec<Option<f64>> = (0..self.sights.len()).map(used).collect();
        // The greatest of the others is the greatest of all, or the second.
        let mut most = [0.0_f64; 2];
        for used in all.iter().flatten() {
            most = if *used > most[0] { [*used, most[0]] } else { [most[0], most[1].max(*used)] };
        }
        let count = all.iter().flatten().count() as f64;
        let behind = (count * (marks.high - marks.low)).min(3.0 * marks.high);
        for (track, used) in self.tracks.regions.iter_mut().zip(all) {
            let passed = behind * (1.0 - track.pressure_in_caches.mean(self.facts.ttl_max));
            let reading = used.map(|used| {
                let worst = if used >= most[0] { most[1] } else { most[0] };
                let utilisation = worst - (used - line.from).max(0.0);
                Reading { utilisation, behind, passed }
            });
            track.pressure.step(line, reading, Haste::Measured, self.elapsed, self.facts.ttl_max);
        }
    }

    fn shed(&mut self, marks: ShedMarks, own: &[f64], leaves: &[f64]) {
        let takers = self.takers();
        for (place, (own, leaves)) in own.iter().zip(leaves).enumerate() {
            let behind = own * leaves.max(LEAVING_MIN);
            let track = &mut self.tracks.regions[place];
            // What nobody takes comes home: nothing is gained by handing it on.
            let utilisation = self.sights[place].utilisation.filter(|_| takers.iter().any(|&taker| taker != place));
            let passed = behind * (1.0 - track.shed_in_caches.mean(self.facts.ttl_max));
            let reading = utilisation.map(|utilisation| Reading { utilisation, behind, passed });
            let line = Lines::new(marks, track.pressure.share()).shed;
            track.shed.step(line, reading, Haste::Measured, self.elapsed, self.facts.ttl_max);
        }
    }

    fn refuse(&mut self, marks: ShedMarks, own: &[f64]) {
        // What each hands on, in the unit of capacities.
        let of = |place: usize| {
            let share = self.tracks.regions[place].shed.share().max(self.given(place));
            own[place] * self.capacity(place) * share
        };
        let handed_on: Vec<f64> = (0..own.len()).map(of).collect();
        let all: f64 = handed_on.iter().sum();
        for (place, own) in handed_on.into_iter().enumerate() {
            let from_others = (all - own) / self.capacity(place);
            let utilisation = self.sights[place].utilisation;
            let track = &mut self.tracks.regions[place];
            track.inflow = from_others.clamp(0.0, INFLOW_MAX * marks.high);
            let accepted = track.accepted.mean(self.facts.ttl_max);
            let reading = utilisation.map(|utilisation| {
                // More cannot have come than is there: then what others hand on is less than it seems, or goes elsewhere.
                let real = if accepted > utilisation { utilisation / accepted } else { 1.0 };
                let behind = (track.inflow * real).max(INFLOW_MIN * marks.high);
                Reading { utilisation, behind, passed: accepted * real }
            });
            let line = Lines::new(marks, track.pressure.share()).refuse;
            track.refuse.step(line, reading, Haste::Prompt, self.elapsed, self.facts.ttl_max);
            track.is_full = track.refuse.share() >= if track.is_full { ROOM_AGAIN } else { 1.0 };
        }
    }

    /// The share of its clients that a region hands on for other reasons than its load.
    fn given(&self, place: usize) -> f64 {
        let admitted = self.tracks.regions[place].recovery.admitted(&self.facts.pool.recovery, self.facts.now);
        self.drained(place).max(1.0 - admitted)
    }

    /// Of the clients that each region hands on, the share that some other region takes.
    fn leaving(&self) -> Vec<f64> {
        let refused = |place: usize| {
            let takes = self.sights[place].is_healthy && self.tracks.regions[place].recovery.is_steady();
            if takes { self.tracks.regions[place].refuse.share() } else { 1.0 }
        };
        // One that takes all is enough; a second one matters to it alone.
        let all: Vec<f64> = (0..self.sights.len()).map(refused).collect();
        let open = all.iter().filter(|&&share| share <= 0.0).count();
        let product: f64 = all.iter().filter(|&&share| share > 0.0).product();
        let of = |&own: &f64| match open {
            0 => 1.0 - product / own,
            1 if own <= 0.0 => 1.0 - product,
            _ => 1.0,
        };
        all.iter().map(of).collect()
    }

    /// The load that each region's own clients would be.
    fn own_loads(&self, high: f64, leaves: &[f64]) -> Vec<f64> {
        let of = |((sight, track), leaves): ((&Sight, &RegionTrack), &f64)| {
            let gone = track.shed_in_caches.mean(self.facts.ttl_max) * leaves;
            sight.utilisation.map_or(0.0, |used| shedding::own_load(used, gone, high))
        };
        self.sights.iter().zip(&self.tracks.regions).zip(leaves).map(of).collect()
    }

    /// A region's capacity among the others; 1 where nothing is said.
    fn capacity(&self, place: usize) -> f64 {
        let id = self.tracks.regions[place].id.index();
        self.facts.regions[id].capacity.filter(|&capacity| capacity > 0.0).unwrap_or(1.0)
    }

    /// The places of the regions that take clients of others.
    fn takers(&self) -> Vec<usize> {
        let takes = |&place: &usize| {
            let (sight, track) = (&self.sights[place], &self.tracks.regions[place]);
            sight.is_healthy && track.recovery.is_steady() && !track.is_full && self.drained(place) < 1.0
        };
        (0..self.sights.len()).filter(takes).collect()
    }

    /// The share that an operator has a region hand on.
    fn drained(&self, place: usize) -> f64 {
        let id = self.tracks.regions[place].id.index();
        match self.facts.region_facts.get(id).map(|facts| facts.admin) {
            Some(Admin::Draining { percent }) if self.facts.policy.percentage_drain => {
                f64::from(percent.min(100)) / 100.0
            }
            _ => 0.0,
        }
    }

    /// A dynamic spread among regions: their weights follow reports.
    pub(super) fn share_regions(&mut self, regions: &mut [RegionState]) {
        let spread = self.facts.policy.region_spread;
        let Some(aim) = spread.and_then(shares::Aim::of).filter(|&aim| aim != shares::Aim::Inverse) else { return };
        let figures: Vec<Option<f64>> = match spread {
            Some(Spread::TwoChoices) => self.sights.iter().map(|sight| sight.utilisation).collect(),
            Some(Spread::LeastBandwidth) => self.sums(|report| report.load.bandwidth),
            Some(Spread::LeastPackets) => self.sums(|report| report.load.packets),
            _ => self.sums(|report| report.load.connections),
        };
        let entry = |place: usize| {
            let (sight, track) = (&self.sights[place], &self.tracks.regions[place]);
            shares::Entry {
                weight: f64::from(regions[place].weight.max(1)),
                factor: track.share.exact,
                figure: figures[place],
                is_away: !sight.is_healthy || !track.recovery.is_steady(),
            }
        };
        let mut entries: Vec<shares::Entry> = (0..self.sights.len()).map(entry).collect();
        let by_distance = matches!(self.facts.policy.order, Order::Closest | Order::Latency);
        if by_distance {
            let points = self.tracks.regions.iter().map(|track| self.facts.regions[track.id.index()].coordinates);
            self.tracks.nearness.follow(points.collect());
        }
        let nearness = &self.tracks.nearness;
        let near = |one: usize, other: usize| nearness.of(one, other);
        let near: shares::Nearness<'_> = if by_distance { Some(&near) } else { None };
        let is_moving = shares::step(aim, &mut entries, near, self.elapsed, self.facts.ttl_max);
        let tracks = &mut self.tracks.regions;
        let shares = shown(tracks.iter().map(|track| track.share), &entries);
        for (track, share) in tracks.iter_mut().zip(shares) {
            track.share = share;
        }
        let sum: f64 = entries.iter().map(|entry| entry.weight).sum();
        let moved: f64 = entries.iter().zip(&*tracks).map(|(entry, track)| entry.weight * track.share.shown).sum();
        for (track, state) in tracks.iter().zip(regions) {
            state.weight = scaled(state.weight.max(1), track.share.shown * sum / moved);
        }
        if is_moving {
            self.tick();
        }
    }

    /// A figure of each region, by place: its own report's, else the sum of its members'.
    fn sums(&self, of: impl Fn(&Report) -> Option<f64>) -> Vec<Option<f64>> {
        let mut sums = vec![None; self.tracks.regions.len()];
        for (track, known) in self.tracks.members.iter().zip(self.facts.members) {
            if let (Some(place), Some(figure)) = (track.place, of(&known.report)) {
                let sum = &mut sums[usize::from(place)];
                *sum = Some(sum.unwrap_or(0.0) + figure);
            }
        }
        for (track, sum) in self.tracks.regions.iter().zip(&mut sums) {
            let own = self.facts.region_facts.get(track.id.index()).and_then(|facts| of(&facts.report));
            *sum = own.or(*sum);
        }
        sums
    }

    /// The states of regions by all that was found.
    pub(super) fn show_regions(&mut self, regions: &mut [RegionState]) {
        let (recovery, now) = (self.facts.pool.recovery, self.facts.now);
        // Only where a region comes back it matters who takes its clients meanwhile.
        let is_any_cold = self.tracks.regions.iter().any(|track| track.recovery.is_cold());
        let takers = if is_any_cold { self.takers() } else { Vec::new() };
        let close = u64::from(self.facts.ttl_max) * 1_000_000;
        for (place, state) in regions.iter_mut().enumerate() {
            let (utilisation, drained) = (self.sights[place].utilisation, self.drained(place));
            let track = &mut self.tracks.regions[place];
            let is_cold = track.recovery.is_cold();
            let has_taker = is_cold && takers.iter().any(|&taker| taker != place);
            let admitted = if has_taker { track.recovery.admitted(&recovery, now) } else { 1.0 };
            let by_load = track.shed.share();
            let shed = by_load.max(1.0 - admitted).max(drained);
            let refuses = if is_cold { 1.0 } else { track.refuse.share().max(drained) };
            let by_recovery = track.recovery.course(&recovery, now);
            let course = match by_recovery {
                Course::Steady if drained > 0.0 && drained >= by_load => Course::Draining { share: drained },
                Course::Steady if by_load > 0.0 => Course::Shedding { share: by_load, utilisation },
                other => other,
            };
            let is_close = matches!(by_recovery, Course::HeldBack { until: Some(until) } if until.0 <= now.0 + close);
            let shown = &mut track.course;
            (shown.course, shown.utilisation, shown.shed, shown.refuses) = (course, utilisation, shed, refuses);
            state.shed = share_of(shed);
            state.refuses = share_of(refuses);
            state.held_back = track.recovery.is_held_back();
            state.settling = is_cold || is_close;
        }
    }
}

fn share_of(share: f64) -> Share {
    if share >= 1.0 { Share::ALL } else { Share::from_f64(share) }
}
