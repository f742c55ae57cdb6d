//! Which rule of a policy decides for a place: the one with the most specific key, then the first in file order.

use super::Table;
use super::key::RankingRule;
use crate::base::{Continent, Country, NamedFact, Prefix};
use crate::geo::Place;
use std::collections::HashMap;

/// The kinds of named facts, from the most to the least specific.
const NAMED_KINDS: usize = 3;

fn kind_of(fact: &NamedFact) -> usize {
    match fact {
        NamedFact::Asn(_) => 0,
        NamedFact::City(_) => 1,
        NamedFact::Subdivision(_) => 2,
    }
}

/// The rules of a policy, found by their most specific key.
pub(super) struct RuleIndex<'k> {
    rules: &'k [RankingRule],
    /// For each rule with a network: its index among the marks of the table, and the prefix length.
    networks: Vec<Option<(u16, u8)>>,
    /// For each rule the indexes of its facts among those that the table names; `None` when one is missing there.
    named: Vec<Option<Vec<u16>>>,
    by_mark: HashMap<u16, Vec<usize>>,
    by_named: [HashMap<u16, Vec<usize>>; NAMED_KINDS],
    by_country: HashMap<Country, Vec<usize>>,
    by_continent: HashMap<Continent, Vec<usize>>,
    without_keys: Vec<usize>,
}

impl<'k> RuleIndex<'k> {
    /// Indexes `rules` for a table. A rule whose network is no mark of the table, or that names a fact which the table does not,
    /// never holds.
    pub(super) fn new(rules: &'k [RankingRule], table: &Table<'_>) -> Self {
        let mut index = Self {
            rules,
            networks: Vec::with_capacity(rules.len()),
            named: Vec::with_capacity(rules.len()),
            by_mark: HashMap::new(),
            by_named: Default::default(),
            by_country: HashMap::new(),
            by_continent: HashMap::new(),
            without_keys: Vec::new(),
        };
        if rules.is_empty() {
            return index;
        }
        let mark_of: HashMap<Prefix, u16> = table.marks.iter().copied().zip(0..=u16::MAX).collect();
        let named_of: HashMap<&NamedFact, u16> = table.named.iter().zip(0..=u16::MAX).collect();
        for (number, rule) in rules.iter().enumerate() {
            let condition = &rule.condition;
            let mark = condition.network.and_then(|prefix| Some((*mark_of.get(&prefix)?, prefix.length())));
            index.networks.push(mark);
            let facts: Vec<NamedFact> = condition.named().collect();
            let named: Option<Vec<u16>> = facts.iter().map(|fact| named_of.get(fact).copied()).collect();
            match (condition.network, facts.first(), condition.country, condition.continent) {
                (Some(_), ..) => {
                    if let Some((mark, _)) = mark {
                        index.by_mark.entry(mark).or_default().push(number);
                    }
                }
                (None, Some(fact), ..) => {
                    if let Some(&first) = named.as_ref().and_then(|named| named.first()) {
                        index.by_named[kind_of(fact)].entry(first).or_default().push(number);
                    }
                }
                (None, None, Some(country), _) => index.by_country.entry(country).or_default().push(number),
                (None, None, None, Some(continent)) => index.by_continent.entry(continent).or_default().push(number),
                (None, None, None, None) => index.without_keys.push(number),
            }
            index.named.push(named);
        }
        index
    }

    /// The number of the rule that decides for `place`.
    pub(super) fn decide(&self, place: &Place) -> Option<usize> {
        self.by_network(place)
            .or_else(|| self.by_named.iter().find_map(|rules| self.by_named(rules, place)))
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

    /// Of the rules of one kind the first; a place may be in several subdivisions, one inside the other.
    fn by_named(&self, rules: &HashMap<u16, Vec<usize>>, place: &Place) -> Option<usize> {
        place.named.iter().filter_map(|fact| self.first_that_holds(rules.get(fact)?, place)).min()
    }

    /// The first of `candidates`, all of which have their most specific key in common with the place, whose other keys
    /// hold too.
    fn first_that_holds(&self, candidates: &[usize], place: &Place) -> Option<usize> {
        candidates.iter().copied().find(|&rule| {
            let condition = &self.rules[rule].condition;
            let named = &self.named[rule];
            named.as_ref().is_some_and(|facts| facts.iter().all(|fact| place.named.contains(fact)))
                && condition.country.is_none_or(|country| place.country == Some(country))
                && condition.continent.is_none_or(|continent| place.continent == Some(continent))
        })
    }
}
