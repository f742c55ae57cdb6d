//! All zones, found by the longest suffix of a name in a hash table: any number of zones costs the same.

use super::Zone;
use crate::wire::{Name, NameKey};
use std::sync::Arc;

/// All zones, found by the longest suffix of a name.
#[derive(Clone, Debug)]
pub struct ZoneSet {
    zones: Vec<Arc<Zone>>,
    /// Open addressing on the hash of the apex; at least half of the slots are vacant, and one of one. A power of
    /// two.
    slots: Arc<[Slot]>,
    /// Fewest and most labels of an apex.
    labels_min: usize,
    labels_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u64,
    /// The zone's number, or [`VACANT`].
    zone: u32,
}

const VACANT: u32 = u32::MAX;

impl Default for ZoneSet {
    /// No zones.
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl ZoneSet {
    /// A set of zones with distinct apexes; a zone's number is its place in `zones`.
    #[must_use]
    pub fn new(zones: Vec<Arc<Zone>>) -> Self {
        let slot_count = (2 * zones.len()).next_power_of_two();
        let mut slots = vec![Slot { hash: 0, zone: VACANT }; slot_count];
        let labels = || zones.iter().map(|zone| zone.apex().label_count());
        let (labels_min, labels_max) = (labels().min().unwrap_or(0), labels().max().unwrap_or(0));
        for (number, zone) in zones.iter().enumerate() {
            let hash = NameKey::of(zone.apex()).hash(0);
            let mut at = hash as usize & (slot_count - 1);
            while slots[at].zone != VACANT {
                at = (at + 1) & (slot_count - 1);
            }
            slots[at] = Slot { hash, zone: number as u32 };
        }
        Self { zones, slots: slots.into(), labels_min, labels_max }
    }

    /// The set with another version of one of its zones, found by its apex; `None` when it has none with that apex.
    #[must_use]
    pub fn with(&self, zone: Arc<Zone>) -> Option<Self> {
        let (number, _) = self.find_apex(&NameKey::of(zone.apex()), 0)?;
        let mut zones = self.zones.clone();
        zones[number] = zone;
        Some(Self { zones, slots: Arc::clone(&self.slots), ..*self })
    }

    /// The number of the zone with this apex.
    #[must_use]
    pub fn number_of(&self, apex: &Name) -> Option<usize> {
        self.find_apex(&NameKey::of(apex), 0).map(|(number, _)| number)
    }

    /// All zones by number.
    #[must_use]
    pub fn zones(&self) -> &[Arc<Zone>] {
        &self.zones
    }

    /// A zone by its number.
    #[inline(always)]
    #[must_use]
    pub fn zone(&self, number: usize) -> &Zone {
        &self.zones[number]
    }

    /// The deepest zone at or above suffix `from` of `name`: its number and the labels to strip from the whole name to
    /// reach its apex. Ask with `from` 1 for the parent side of a name that is itself an apex (DS).
    #[inline(always)]
    #[must_use]
    pub fn find(&self, name: &NameKey, from: usize) -> Option<(usize, usize)> {
        self.find_zone(name, from).map(|(number, _, stripped)| (number, stripped))
    }

    /// As [`Self::find`], with the zone itself in the middle.
    #[inline(always)]
    #[must_use]
    pub fn find_zone(&self, name: &NameKey, from: usize) -> Option<(usize, &Zone, usize)> {
        let last = name.label_count().checked_sub(self.labels_min)?;
        let mut stripped = from.max(name.label_count().saturating_sub(self.labels_max));
        while stripped <= last {
            if let Some((number, zone)) = self.find_apex(name, stripped) {
                return Some((number, zone, stripped));
            }
            stripped += 1;
        }
        None
    }

    #[inline(always)]
    fn find_apex(&self, name: &NameKey, stripped: usize) -> Option<(usize, &Zone)> {
        let hash = name.hash(stripped);
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = &self.slots[at];
            if slot.zone == VACANT {
                return None;
            }
            if slot.hash == hash
                && let Some(zone) = self.zones.get(slot.zone as usize)
                && zone.tree.has_apex(name.suffix(stripped))
            {
                return Some((slot.zone as usize, zone));
            }
            at = (at + 1) & mask;
        }
    }
}
