//! Which rule of a policy decides for a place: the one with the most specific key, then the first in file order.

use super::key::RankingRule;
use crate::base::{Continent, Country, Prefix};
use crate::geo::Place;
use std::collections::HashMap;

/// The rules of a policy, found by their most specific key.
pub(super) struct RuleIndex<'k> {
    rules: &'k [RankingRule],
    /// For each rule with a network: its index among the marks of the table, and the prefix length.
    networks: Vec<Option<(u16, u8)>>,
    by_mark: HashMap<u16, Vec<usize>>,
    by_country: HashMap<Country, Vec<usize>>,
    by_continent: HashMap<Continent, Vec<usize>>,
    without_keys: Vec<usize>,
}

impl<'k> RuleIndex<'k> {
    /// Indexes `rules` for a table with these marks. A rule whose network is no mark of the table never holds.
    pub(super) fn new(rules: &'k [RankingRule], marks: &[Prefix]) -> Self {
        let mut index = Self {
            rules,
            networks: Vec::with_capacity(rules.len()),
            by_mark: HashMap::new(),
            by_country: HashMap::new(),
            by_continent: HashMap::new(),
            without_keys: Vec::new(),
        };
        let mark_of: HashMap<Prefix, u16> = marks.iter().copied().zip(0..=u16::MAX).collect();
        for (number, rule) in rules.iter().enumerate() {
            let condition = &rule.condition;
            let mark = condition.network.and_then(|prefix| Some((*mark_of.get(&prefix)?, prefix.length())));
            index.networks.push(mark);
            match (condition.network, condition.country, condition.continent) {
                (Some(_), ..) => {
                    if let Some((mark, _)) = mark {
                        index.by_mark.entry(mark).or_default().push(number);
                    }
                }
                (None, Some(country), _) => index.by_country.entry(country).or_default().push(number),
                (None, None, Some(continent)) => index.by_continent.entry(continent).or_default().push(number),
                (None, None, None) => index.without_keys.push(number),
            }
        }
        index
    }

    /// The number of the rule that decides for `place`.
    pub(super) fn decide(&self, place: &Place) -> Option<usize> {
        self.by_network(place)
            .or_else(|| self.first_that_holds(self.by_country.get(&place.country?)?, place))
            .or_else(|| self.first_that_holds(self.by_continent.get(&place.continent?)?, place))
            .or_else(|| self.without_keys.first().copied())
    }

    fn by_network(&self, place: &Place) -> Option<usize> {
        let holding = place
            .marks
            .iter()
            .filter_map(|mark| self.first_that_holds(self.by_mark.get(mark)?, place))
            .filter_map(|rule| Some((rule, self.networks[rule]?.1)));
        holding.min_by_key(|&(rule, length)| (std::cmp::Reverse(length), rule)).map(|(rule, _)| rule)
    }

    /// The first of `candidates`, all of which have their most specific key in common with the place, whose other keys
    /// hold too.
    fn first_that_holds(&self, candidates: &[usize], place: &Place) -> Option<usize> {
        candidates.iter().copied().find(|&rule| {
            let condition = &self.rules[rule].condition;
            condition.country.is_none_or(|country| place.country == Some(country))
                && condition.continent.is_none_or(|continent| place.continent == Some(continent))
        })
    }
}
