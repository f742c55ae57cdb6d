//! The stages that concern single members: those kept by a delay, ramps, shares, limits.

use super::Step;
use crate::health::Status;
use crate::steering::condition::MemberState;
use crate::steering::control::admin::Admin;
use crate::steering::control::recovery::members::Seen;
use crate::steering::control::shares::Entry;
use crate::steering::control::tracks::Moved;
use crate::steering::control::{limits, shares};
use crate::steering::spec::{Order, Spread};
use std::time::Duration;

/// Probe latencies are smoothed over this time.
const RESPONSE_SMOOTHING: Duration = Duration::from_secs(10);

/// A member whose probes begin to fail counts as busier by this, when two are compared.
const WAVERING_COUNTS: f64 = 0.1;

/// Answers are made anew when a share has moved by this part of itself.
const SHOWN_STEP: f64 = 0.01;

/// A difference of factors that is none.
const SAME: f64 = 1e-9;

impl Step<'_, '_> {
    /// Members that come back into a region that stayed get their weight by and by; members that went with a region whose
    /// failover is delayed are kept.
    pub(super) fn recover_members(&mut self) {
        let (recovery, now) = (self.facts.pool.recovery, self.facts.now);
        let mut is_moving = false;
        for (index, state) in self.members.iter_mut().enumerate() {
            let (known, track) = (&self.facts.members[index], &mut self.tracks.members[index]);
            let Some(place) = track.place.map(usize::from) else { continue };
            let region = &self.tracks.regions[place];
            let answers = state.enabled && state.status == Status::Up;
            let seen = Seen {
                answers,
                is_forced: known.admin == Admin::ForcedUp,
                is_unknown: state.enabled && state.status == Status::Unknown,
                region_stayed: region.recovery.is_steady(),
                has_report: known.report.is_fresh,
                has_feed: self.facts.pool.has_feed,
            };
            if track.recovery.is_unseen() && region.recovery.has_failed_before_restart() {
                // Whether it was up is forgotten. It may well have been, and clients have it.
                track.recovery.was_up = true;
            }
            track.recovery.step(&seen, &recovery, now);
            // A member that its monitors alone have taken away is kept while its region fails.
            let by_monitor = known.status == Status::Down && known.report.word.is_none_or(|word| !word.forbids());
            track.kept = region.recovery.delayed_until(&recovery, now).is_some()
                && state.enabled
                && state.status == Status::Down
                && by_monitor
                && track.recovery.was_up;
            if track.kept {
                *state = keep(*state);
            } else if !region.recovery.is_failing() {
                track.recovery.was_up = answers;
            }
            if let Some(ramp) = track.recovery.ramp(&recovery, now) {
                is_moving = true;
                state.weight = scaled(state.weight, ramp.share);
            }
        }
        if is_moving {
            self.tick();
        }
    }

    /// Dynamic spreads: weights follow reports.
    pub(super) fn share_members(&mut self) {
        let Some(aim) = shares::Aim::of(self.facts.policy.spread) else { return };
        // With all regions equal and no order among them, members of all are spread over as if they were in one.
        let is_one = self.facts.policy.order == Order::Any
            && self.facts.policy.region_spread.is_none()
            && aim != shares::Aim::Inverse;
        let group_of = |place: u16, slot: usize| if is_one { slot } else { 2 * usize::from(place) + slot };
        let count = if is_one { 2 } else { 2 * self.tracks.regions.len() };
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (index, track) in self.tracks.members.iter().enumerate() {
            if let Some(place) = track.place.filter(|_| self.members[index].enabled) {
                groups[group_of(place, track.slot)].push(index);
            }
        }
        self.smooth_responses();
        let mut is_moving = false;
        for group in groups.iter().filter(|group| !group.is_empty()) {
            let mut entries: Vec<Entry> = group.iter().map(|&index| self.entry(index)).collect();
            is_moving |= shares::step(aim, &mut entries, None, self.elapsed, self.facts.ttl_max);
            let shares = shown(group.iter().map(|&index| self.tracks.members[index].share), &entries);
            for (&index, share) in group.iter().zip(shares) {
                self.tracks.members[index].share = share;
            }
            self.weigh(group);
            // Latencies are looked up: nobody calls when they change.
            is_moving |= aim == shares::Aim::Inverse && group.len() > 1;
        }
        if is_moving {
            self.tick();
        }
    }

    /// A group's weights by its shares; their sum stays what it is.
    fn weigh(&mut self, group: &[usize]) {
        let weight = |step: &Self, index: usize| f64::from(step.members[index].weight);
        let sum: f64 = group.iter().map(|&index| weight(self, index)).sum();
        let moved: f64 = group.iter().map(|&index| weight(self, index) * self.tracks.members[index].share.shown).sum();
        if (sum - moved).abs() < SAME && group.iter().all(|&index| self.tracks.members[index].share.shown == 1.0) {
            return;
        }
        for &index in group {
            let share = self.tracks.members[index].share.shown * sum / moved;
            self.members[index].weight = scaled(self.members[index].weight, share);
        }
    }

    fn entry(&self, index: usize) -> Entry {
        let (known, state, track) = (&self.facts.members[index], &self.members[index], &self.tracks.members[index]);
        let load = &known.report.load;
        let figure = match self.facts.policy.spread {
            Spread::LeastConnections | Spread::WeightedLeastConnections => load.connections,
            Spread::LeastBandwidth => load.bandwidth,
            Spread::LeastPackets => load.packets,
            Spread::LeastResponseTime => track.response,
            Spread::TwoChoices => load
                .utilisation_of(self.facts.pool.members[index].capacity)
                .map(|utilisation| utilisation + if state.wavering { WAVERING_COUNTS } else { 0.0 }),
            _ => None,
        };
        Entry {
            weight: f64::from(state.weight),
            factor: track.share.exact,
            figure,
            is_away: state.status != Status::Up || track.kept,
        }
    }

    fn smooth_responses(&mut self) {
        if self.facts.policy.spread != Spread::LeastResponseTime {
            return;
        }
        let part = (self.elapsed.as_secs_f64() / RESPONSE_SMOOTHING.as_secs_f64()).min(1.0);
        for (track, known) in self.tracks.members.iter_mut().zip(self.facts.members) {
            if let Some(latency) = known.latency.map(|latency| latency.as_secs_f64()) {
                track.response = Some(track.response.map_or(latency, |before| before + part * (latency - before)));
            }
        }
    }

    /// Members beyond a limit are passed over; where all are, answers hold all.
    pub(super) fn limit_members(&mut self) {
        if !limits::any(&self.facts.pool.limits) {
            return;
        }
        for (index, track) in self.tracks.members.iter_mut().enumerate() {
            let capacity = self.facts.pool.members[index].capacity;
            let load = &self.facts.members[index].report.load;
            track.exceeded = limits::exceeded(&self.facts.pool.limits, load, capacity, track.exceeded.as_ref());
        }
        // Members that are kept only until a delay is over give way to any that is up, whatever it reports.
        let mut kept: Vec<(u16, usize)> = Vec::new();
        let mut free: Vec<(u16, usize)> = Vec::new();
        for (state, track) in self.members.iter().zip(&self.tracks.members) {
            let Some(group) = track.place.map(|place| (place, track.slot)) else { continue };
            if track.kept {
                kept.push(group);
            } else if state.enabled && state.status == Status::Up && track.exceeded.is_none() {
                free.push(group);
            }
        }
        for (state, track) in self.members.iter_mut().zip(&self.tracks.members) {
            let Some(group) = track.place.map(|place| (place, track.slot)) else { continue };
            // Few members are beyond their limits: only these are looked for in the lists.
            state.passed_over |= track.exceeded.is_some() && (!kept.contains(&group) || free.contains(&group));
        }
    }
}

/// A member that is down and answers all the same, where no other of its family is up.
const fn keep(state: MemberState) -> MemberState {
    MemberState { status: Status::Up, wavering: true, passed_over: true, ..state }
}

/// A weight times a share; at least 1.
pub(super) fn scaled(weight: u32, share: f64) -> u32 {
    (f64::from(weight) * share).round().clamp(1.0, f64::from(u32::MAX)) as u32
}

/// Shares as they are after a step: shown anew when one of them has moved far enough, or is the share by weight again.
pub(super) fn shown(before: impl Iterator<Item = Moved>, entries: &[Entry]) -> Vec<Moved> {
    let mut shares: Vec<Moved> =
        before.zip(entries).map(|(before, entry)| Moved { exact: entry.factor, shown: before.shown }).collect();
    let is_due = |share: &Moved| {
        let by = (share.exact - share.shown).abs();
        by >= SHOWN_STEP * share.shown || (share.exact == 1.0 && by > 0.0)
    };
    if shares.iter().any(is_due) {
        for share in &mut shares {
            share.shown = share.exact;
        }
    }
    shares
}
