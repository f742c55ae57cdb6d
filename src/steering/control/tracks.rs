//! What is remembered of each region and member of a pool, and how it is found again when the pool has changed. Knows no
//! rules.

use super::Facts;
use super::course::{Exceeded, RegionCourse};
use super::memory::RegionMemory;
use super::nearness::Nearness;
use super::recovery;
use super::shedding::{InCaches, Valve};
use crate::base::{Family, RegionId};
use crate::steering::spec::{Member, MemberTarget};
use std::sync::Arc;

/// A region of the pool within the policy's reach.
#[derive(Clone, Debug)]
pub(super) struct RegionTrack {
    pub(super) id: RegionId,
    pub(super) name: Arc<str>,
    pub(super) recovery: recovery::Region,
    /// The operator has released it, and no step was made since.
    pub(super) is_released: bool,
    /// It reported once: silence is worth waiting for.
    pub(super) has_reported: bool,
    pub(super) shed: Valve,
    /// The share that it hands on for whatever reason.
    pub(super) shed_in_caches: InCaches,
    pub(super) refuse: Valve,
    /// What others hand on to it at most, as a part of its capacity, at the last step.
    pub(super) inflow: f64,
    /// What of it was not refused.
    pub(super) accepted: InCaches,
    /// How much worse off another region is.
    pub(super) pressure: Valve,
    pub(super) pressure_in_caches: InCaches,
    /// It has no room for clients that others hand on.
    pub(super) is_full: bool,
    pub(super) share: Moved,
    /// As of the last step.
    pub(super) course: RegionCourse,
}

/// A member of the pool.
#[derive(Clone, Debug)]
pub(super) struct MemberTrack {
    target: MemberTarget,
    /// The number of its region among the tracks; none beyond the policy's reach.
    pub(super) place: Option<u16>,
    /// 0 for A and names, 1 for AAAA.
    pub(super) slot: usize,
    pub(super) recovery: recovery::members::Member,
    pub(super) exceeded: Option<Exceeded>,
    pub(super) share: Moved,
    /// Smoothed, in seconds.
    pub(super) response: Option<f64>,
    pub(super) kept: bool,
}

/// A share, over the share that weight alone would give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moved {
    /// Exactly.
    pub(super) exact: f64,
    /// As answers have it.
    pub(super) shown: f64,
}

impl Default for Moved {
    fn default() -> Self {
        Self { exact: 1.0, shown: 1.0 }
    }
}

impl RegionTrack {
    fn new(id: RegionId, name: Arc<str>) -> Self {
        let course = RegionCourse {
            region: id,
            name: Arc::clone(&name),
            course: super::course::Course::Steady,
            utilisation: None,
            shed: 0.0,
            refuses: 0.0,
        };
        Self {
            id,
            name,
            recovery: recovery::Region::default(),
            is_released: false,
            has_reported: false,
            shed: Valve::default(),
            shed_in_caches: InCaches::default(),
            refuse: Valve::default(),
            inflow: 0.0,
            accepted: InCaches::default(),
            pressure: Valve::default(),
            pressure_in_caches: InCaches::default(),
            is_full: false,
            share: Moved::default(),
            course,
        }
    }
}

/// Everything of one pool under one policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracks {
    pub(super) regions: Vec<RegionTrack>,
    pub(super) members: Vec<MemberTrack>,
    /// From before a restart, until the regions are there.
    pub(super) memories: Vec<RegionMemory>,
    /// Of the regions to each other, where shares among them go by that.
    pub(super) nearness: Nearness,
}

impl Tracks {
    /// Makes the tracks those of the pool as it is now: regions go by name, members by what they answer.
    pub(super) fn align(&mut self, facts: &Facts<'_>) {
        if self.fits(facts) {
            return;
        }
        let in_reach = |region: RegionId| facts.policy.regions.as_ref().is_none_or(|only| only.contains(&region));
        let mut ids: Vec<RegionId> = facts.pool.members.iter().map(|member| member.region).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|&id| in_reach(id) && id.index() < facts.regions.len());
        let mut before = std::mem::take(&mut self.regions);
        self.regions =
            ids.into_iter().map(|id| self.region(id, &facts.regions[id.index()].name, &mut before)).collect();
        let mut before: std::collections::HashMap<MemberTarget, MemberTrack> =
            self.members.drain(..).map(|track| (track.target.clone(), track)).collect();
        let members = facts.pool.members.iter().map(|member| {
            let place = self.regions.binary_search_by_key(&member.region, |track| track.id).ok();
            let track = before.remove(&member.target);
            let mut track = track.unwrap_or_else(|| MemberTrack {
                target: member.target.clone(),
                place: None,
                slot: slot_of(member),
                recovery: recovery::members::Member::default(),
                exceeded: None,
                share: Moved::default(),
                response: None,
                kept: false,
            });
            track.place = place.map(|place| place as u16);
            track
        });
        self.members = members.collect();
    }

    fn region(&mut self, id: RegionId, name: &Arc<str>, before: &mut Vec<RegionTrack>) -> RegionTrack {
        if let Some(index) = before.iter().position(|track| track.name == *name) {
            let mut track = before.swap_remove(index);
            track.id = id;
            track.course.region = id;
            return track;
        }
        let mut track = RegionTrack::new(id, Arc::clone(name));
        if let Some(index) = self.memories.iter().position(|memory| memory.region == *name) {
            track.recovery = recovery::Region::restored(&self.memories.swap_remove(index));
        }
        track
    }

    fn fits(&self, facts: &Facts<'_>) -> bool {
        let place_fits = |track: &MemberTrack, member: &Member| match track.place {
            Some(place) => self.regions.get(usize::from(place)).is_some_and(|region| region.id == member.region),
            None => facts.policy.regions.as_ref().is_some_and(|only| !only.contains(&member.region)),
        };
        let names_fit = |track: &RegionTrack| {
            facts.regions.get(track.id.index()).is_some_and(|region| {
                // The same text is nearly always the same piece of memory.
                Arc::ptr_eq(&region.name, &track.name) || region.name == track.name
            })
        };
        let in_reach = |region: &RegionId| facts.policy.regions.as_ref().is_none_or(|only| only.contains(region));
        self.members.len() == facts.pool.members.len()
            && self.regions.iter().all(|track| names_fit(track) && in_reach(&track.id))
            && (self.members.iter().zip(&facts.pool.members))
                .all(|(track, member)| track.target == member.target && place_fits(track, member))
    }
}

/// Where a member's records go: A and names, or AAAA.
fn slot_of(member: &Member) -> usize {
    match &member.target {
        MemberTarget::Address(address) => Family::of(*address).index(),
        MemberTarget::Name { .. } => 0,
    }
}
