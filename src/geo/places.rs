//! What the sources say of an address, put together into one place: overrides first, then the first database that knows,
//! fact by fact. Knows no addresses.

use super::facts::Facts;
use super::hash::FastHash;
use super::latency::{LatencyId, LatencyRows, Profile};
use super::naming::{Numbers, SaidAll};
use super::spec::NetworkFact;
use super::{Place, PlaceId, continents};
use crate::base::{Continent, Country, Point, RegionId};
use std::collections::HashMap;

/// Everything that places are made of, and the numbers by which intervals of addresses speak of it. An interval has one
/// number for each database, where there are latencies of prefixes one for these, one for `[[network]]`, one for the marks, and
/// one for disguises, in this order.
#[derive(Debug)]
pub(super) struct Sources {
    /// Facts by database, most trusted first, and number.
    pub(super) databases: Vec<Vec<Facts>>,
    /// `[[network]]` tables, by number less one.
    pub(super) networks: Vec<NetworkFacts>,
    /// Which facts somebody names.
    pub(super) numbers: Numbers,
    /// Sets of marks by number less one.
    pub(super) mark_sets: Vec<Box<[u16]>>,
    /// The coordinates of regions.
    pub(super) regions: Vec<Option<Point>>,
    /// Where the people of a country live.
    pub(super) country_points: HashMap<Country, Point>,
    /// The source that `country_points` come from.
    pub(super) country_points_source: u16,
    /// The source of the first `[[network]]`; the others follow, as far as there are numbers.
    pub(super) first_network_source: u16,
}

/// What a `[[network]]` table says.
#[derive(Debug)]
pub(super) struct NetworkFacts {
    pub(super) location: Option<NetworkFact>,
    pub(super) named: SaidAll,
}

/// Distinct places, numbered in order of appearance.
#[derive(Debug)]
pub(super) struct PlaceList {
    sources: Sources,
    latencies: LatencyRows,
    places: Vec<Place>,
    numbers: HashMap<PlaceKey, PlaceId, FastHash>,
    /// What was asked before, because millions of intervals share thousands of combinations.
    known: HashMap<Box<[u32]>, PlaceId, FastHash>,
}

/// A place with a point that can be hashed.
type PlaceKey = (
    Option<Country>,
    Option<Continent>,
    Option<[u64; 2]>,
    Option<RegionId>,
    (Box<[u16]>, Box<[u16]>),
    Option<LatencyId>,
    (Option<u16>, Option<u16>, bool),
);

impl PlaceList {
    pub(super) fn new(sources: Sources, latencies: LatencyRows) -> Self {
        Self { sources, latencies, places: Vec::new(), numbers: HashMap::default(), known: HashMap::default() }
    }

    /// The place of the intervals with these numbers.
    pub(super) fn place(&mut self, interval: &[u32]) -> PlaceId {
        if let Some(&place) = self.known.get(interval) {
            return place;
        }
        let place = self.sources.place(interval, &mut self.latencies);
        let id = *self.numbers.entry(key(&place)).or_insert_with(|| {
            self.places.push(place);
            PlaceId((self.places.len() - 1) as u32)
        });
        self.known.insert(interval.into(), id);
        id
    }

    /// All places, and the latencies that they speak of.
    pub(super) fn finish(self) -> (Vec<Place>, Vec<Profile>) {
        (self.places, self.latencies.into_profiles())
    }
}

fn key(place: &Place) -> PlaceKey {
    let point = place.point.map(|point| [point.latitude().to_bits(), point.longitude().to_bits()]);
    let sources = (place.country_source, place.point_source, place.disguised);
    let lists = (place.marks.clone(), place.named.clone());
    (place.country, place.continent, point, place.prefers, lists, place.latency, sources)
}

/// The last three numbers of an interval: network, marks, disguise.
const OTHER_NUMBERS: usize = 3;

impl Sources {
    fn place(&self, interval: &[u32], latencies: &mut LatencyRows) -> Place {
        let (before, others) = interval.split_at(interval.len() - OTHER_NUMBERS);
        let (databases, latency) = before.split_at(self.databases.len());
        let mut place = Place::default();
        let mut named = SaidAll::default();
        if others[2] != 0 {
            place.disguised = true;
            return place;
        }
        if let Some(set) = others[1].checked_sub(1) {
            place.marks = self.mark_sets[set as usize].clone();
        }
        for (source, (facts, &number)) in self.databases.iter().zip(databases).enumerate() {
            let facts = &facts[number as usize];
            place.learn(facts, source as u16);
            named.learn(&facts.named);
        }
        if let Some(network) = others[0].checked_sub(1) {
            self.overrule(&mut place, &mut named, network as usize);
        }
        if let (None, Some(country)) = (place.point, place.country) {
            place.point = self.country_points.get(&country).copied();
            place.point_source = place.point.map(|_| self.country_points_source);
        }
        // Latencies of autonomous systems go before those of subdivisions.
        let numbers = || named.subdivision.iter().chain(&named.asn).flat_map(|numbers| numbers.iter());
        place.latency = latencies.at(place.country, numbers(), latency.first().copied().unwrap_or(0));
        let mut of_rules: Vec<u16> = (numbers().chain(named.city.iter().flat_map(|numbers| numbers.iter())))
            .filter(|number| self.numbers.is_of_rule(**number))
            .filter_map(|number| u16::try_from(*number).ok())
            .collect();
        of_rules.sort_unstable();
        place.named = of_rules.into();
        place
    }

    /// What a `[[network]]` says wins over what databases said.
    fn overrule(&self, place: &mut Place, named: &mut SaidAll, network: usize) {
        let source = Some(self.first_network_source.saturating_add(u16::try_from(network).unwrap_or(u16::MAX)));
        let facts = &self.networks[network];
        match facts.location {
            None => {}
            Some(NetworkFact::Coordinates(point)) => {
                place.point = Some(point);
                place.point_source = source;
            }
            Some(NetworkFact::Region(region)) => {
                place.prefers = Some(region);
                if let Some(point) = self.regions.get(region.index()).copied().flatten() {
                    place.point = Some(point);
                    place.point_source = source;
                }
            }
            Some(NetworkFact::Country(country)) => {
                place.country = Some(country);
                place.continent = continents::of(country);
                place.country_source = source;
                // Coordinates, city and subdivisions that a database gave belong to the country that it gave.
                place.point = None;
                place.point_source = None;
                named.city = None;
                named.subdivision = None;
            }
        }
        let of_databases = std::mem::replace(named, facts.named.clone());
        named.learn(&of_databases);
    }
}

impl Place {
    /// Adds what is not known yet.
    fn learn(&mut self, facts: &Facts, source: u16) {
        if self.country.is_none() && facts.country.is_some() {
            self.country = facts.country;
            self.country_source = Some(source);
        }
        if self.continent.is_none() {
            self.continent = facts.continent;
        }
        if self.point.is_none() && facts.point.is_some() {
            self.point = facts.point;
            self.point_source = Some(source);
        }
    }
}
