//! Measured latencies from clients to regions, and what they come to at a place. Knows regions by id only.

pub mod file;

use super::naming::Numbers;
use crate::base::{Country, NamedFact, PlaceName, Prefix, RegionId};
use std::collections::{BTreeMap, HashMap};

/// The clients that a latency was measured from, from the most to the least specific; the longest prefix first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LatencyKey {
    /// Addresses inside.
    Network(Prefix),
    /// Addresses that this autonomous system announces.
    Asn(u32),
    /// Clients in this subdivision of a country, by its code.
    Subdivision(PlaceName),
    /// Clients in this country.
    Country(Country),
}

/// One measured latency.
#[derive(Clone, Debug, PartialEq)]
pub struct Latency {
    /// Of whom.
    pub key: LatencyKey,
    /// To where.
    pub region: RegionId,
    /// Round trip, in one of the steps that [`bucket`] makes.
    pub milliseconds: u16,
}

/// Longest latency that is read, in milliseconds.
pub const MILLISECONDS_MAX: f64 = 60_000.0;

/// Up to here steps are [`STEP`] wide, above they grow by [`STEP_GROWTH`].
const EVEN_STEPS_UP_TO: f64 = 100.0;
/// In milliseconds.
const STEP: f64 = 5.0;
/// Factor from one step to the next.
const STEP_GROWTH: f64 = 1.05;

/// The step that a latency in milliseconds is rounded up to: multiples of 5 ms up to 100 ms, 5 % apart above. Measurements are
/// hardly better than that, and every other number would be another order of regions for some client.
#[must_use]
pub fn bucket(milliseconds: f64) -> u16 {
    let milliseconds = milliseconds.clamp(0.0, MILLISECONDS_MAX);
    if milliseconds <= EVEN_STEPS_UP_TO {
        return ((milliseconds / STEP).ceil().max(1.0) * STEP) as u16;
    }
    // Steps are whole numbers, so that one is its own step.
    let step = |number: f64| (EVEN_STEPS_UP_TO * STEP_GROWTH.powf(number)).round().min(MILLISECONDS_MAX);
    let above = ((milliseconds / EVEN_STEPS_UP_TO).ln() / STEP_GROWTH.ln()).ceil();
    let near = [above - 1.0, above, above + 1.0].map(step);
    near.into_iter().find(|step| *step >= milliseconds).unwrap_or(MILLISECONDS_MAX) as u16
}

/// The latencies from one place, as an index into [`super::Locator::latencies`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LatencyId(pub u32);

/// Milliseconds by region, ascending by region; regions without one are missing.
pub type Profile = Box<[(RegionId, u16)]>;

type Row = BTreeMap<RegionId, u16>;

/// Latencies by key, while places are made.
#[derive(Debug, Default)]
pub(super) struct LatencyRows {
    /// The prefixes with latencies, as they are looked up.
    pub(super) networks: Vec<Prefix>,
    of_network: Vec<Row>,
    of_named: HashMap<u32, Row>,
    of_country: HashMap<Country, Row>,
    /// Rows of nested prefixes put together, by number less one.
    nested: Vec<Row>,
    profiles: Vec<Profile>,
    numbers: HashMap<Profile, LatencyId>,
}

impl LatencyRows {
    /// Of two latencies with the same key and region the later one counts.
    pub(super) fn new(latencies: &[Latency], numbers: &Numbers) -> Self {
        let mut rows = Self::default();
        let mut by_network: HashMap<Prefix, usize> = HashMap::new();
        for Latency { key, region, milliseconds } in latencies {
            let fact = match key {
                LatencyKey::Network(prefix) => {
                    let prefix = super::client::looked_up_as(*prefix);
                    let at = *by_network.entry(prefix).or_insert_with(|| {
                        rows.networks.push(prefix);
                        rows.of_network.push(Row::new());
                        rows.networks.len() - 1
                    });
                    rows.of_network[at].insert(*region, *milliseconds);
                    continue;
                }
                LatencyKey::Country(country) => {
                    rows.of_country.entry(*country).or_default().insert(*region, *milliseconds);
                    continue;
                }
                LatencyKey::Asn(number) => NamedFact::Asn(*number),
                LatencyKey::Subdivision(name) => NamedFact::Subdivision(name.clone()),
            };
            if let Some(number) = numbers.number(&fact) {
                rows.of_named.entry(number).or_default().insert(*region, *milliseconds);
            }
        }
        rows
    }

    /// The number, from 1, of what holds inside these prefixes, the outermost first.
    pub(super) fn nest(&mut self, inside: &[usize]) -> u32 {
        let mut row = Row::new();
        for &network in inside {
            row.extend(&self.of_network[network]);
        }
        self.nested.push(row);
        self.nested.len() as u32
    }

    /// What is known at a place in `country` where the facts `named` hold, the more specific ones behind, and inside the prefixes
    /// numbered `network`; 0: none.
    pub(super) fn at<'n>(
        &mut self,
        country: Option<Country>,
        named: impl Iterator<Item = &'n u32>,
        network: u32,
    ) -> Option<LatencyId> {
        let mut row = Row::new();
        row.extend(country.and_then(|country| self.of_country.get(&country)).into_iter().flatten());
        for number in named {
            row.extend(self.of_named.get(number).into_iter().flatten());
        }
        row.extend(network.checked_sub(1).map(|nested| &self.nested[nested as usize]).into_iter().flatten());
        if row.is_empty() {
            return None;
        }
        let profile: Profile = row.into_iter().collect();
        Some(*self.numbers.entry(profile).or_insert_with_key(|profile| {
            self.profiles.push(profile.clone());
            LatencyId((self.profiles.len() - 1) as u32)
        }))
    }

    /// What [`LatencyId`] numbers.
    pub(super) fn into_profiles(self) -> Vec<Profile> {
        self.profiles
    }
}

#[cfg(test)]
mod tests {
    use super::bucket;

    #[test]
    fn latencies_are_rounded_up_to_steps_of_5_ms_or_5_percent() {
        for (milliseconds, step) in [
            (0.0, 5),
            (0.3, 5),
            (5.0, 5),
            (5.1, 10),
            (42.0, 45),
            (100.0, 100),
            (100.1, 105),
            (105.0, 105),
            (106.0, 110),
            (110.0, 110),
            (110.3, 116),
            (180.0, 180),
            (250.0, 253),
            (60_000.0, 60_000),
            (1e9, 60_000),
        ] {
            assert_eq!(bucket(milliseconds), step, "{milliseconds}");
            assert_eq!(bucket(f64::from(step)), step, "a step stays on itself");
        }
        let mut before = 0;
        for tenths in 0..20_000 {
            let step = bucket(f64::from(tenths) / 10.0);
            assert!(step >= before && f64::from(step) >= f64::from(tenths) / 10.0);
            before = step;
        }
    }
}
