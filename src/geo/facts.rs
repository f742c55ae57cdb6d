//! What one database says of some networks, and short numbers for it. Knows no files.

use super::hash::FastHash;
use super::naming::SaidAll;
use crate::base::{Continent, Country, Point};
use std::collections::HashMap;

/// What a database says; what it does not say is unknown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    /// The country.
    pub(super) country: Option<Country>,
    /// The continent.
    pub(super) continent: Option<Continent>,
    /// The coordinates.
    pub(super) point: Option<Point>,
    /// Autonomous system, city and subdivisions, as far as somebody names them.
    pub(super) named: SaidAll,
}

/// Facts as a key: coordinates by their bits, which hash.
type Known = (Option<Country>, Option<Continent>, Option<[u64; 2]>, SaidAll);

/// Distinct facts, numbered in order of appearance; number 0 says nothing.
#[derive(Debug)]
pub(super) struct FactList {
    facts: Vec<Facts>,
    numbers: HashMap<Known, u32, FastHash>,
}

impl FactList {
    pub(super) fn new() -> Self {
        let mut list = Self { facts: Vec::new(), numbers: HashMap::default() };
        list.number(Facts::default());
        list
    }

    /// The number of these facts.
    pub(super) fn number(&mut self, facts: Facts) -> u32 {
        let point = facts.point.map(|point| [point.latitude().to_bits(), point.longitude().to_bits()]);
        let known = (facts.country, facts.continent, point, facts.named.clone());
        *self.numbers.entry(known).or_insert_with(|| {
            self.facts.push(facts);
            (self.facts.len() - 1) as u32
        })
    }

    /// The facts by number.
    pub(super) fn into_facts(self) -> Vec<Facts> {
        self.facts
    }
}
