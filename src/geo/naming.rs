//! Autonomous system, city and subdivisions of one data record, as far as anybody names them. Knows no files and no networks.
//!
//! * nested, as MaxMind and DB-IP write it: `autonomous_system_number`, `city.names.en`, `subdivisions[].iso_code` and
//!   `.names.en`, with `country.iso_code` before the codes;
//! * flat, as ip-location-db writes it: `autonomous_system_number`, `city`, `state1` and `state2`, which are names.

use super::latency::{Latency, LatencyKey};
use super::spec::Named;
use crate::base::named::as_number;
use crate::base::{NamedFact, PlaceName};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// What somebody says of one kind of fact: `None` nothing, else the numbers of the named ones that hold, ascending; none of
/// them for a fact that nobody names.
pub(super) type Said = Option<Arc<[u32]>>;

/// What is said of the facts of all kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct SaidAll {
    pub(super) asn: Said,
    pub(super) city: Said,
    pub(super) subdivision: Said,
}

impl SaidAll {
    /// Adds what is not known yet.
    pub(super) fn learn(&mut self, other: &Self) {
        for (known, new) in
            [(&mut self.asn, &other.asn), (&mut self.city, &other.city), (&mut self.subdivision, &other.subdivision)]
        {
            if known.is_none() {
                known.clone_from(new);
            }
        }
    }
}

/// Which facts have names, and their numbers: first those of rules, in their order, then those of latencies alone.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    numbers: HashMap<NamedFact, u32>,
    of_rules: usize,
    asns: bool,
    cities: bool,
    subdivisions: bool,
}

impl Numbers {
    pub(super) fn new(named: &[Named], latencies: &[Latency]) -> Self {
        let mut numbers = Self::default();
        for named in named {
            numbers.add(&named.fact);
        }
        numbers.of_rules = numbers.numbers.len();
        for latency in latencies {
            match &latency.key {
                LatencyKey::Asn(number) => numbers.add(&NamedFact::Asn(*number)),
                LatencyKey::Subdivision(name) => numbers.add(&NamedFact::Subdivision(name.clone())),
                LatencyKey::Network(_) | LatencyKey::Country(_) => {}
            }
        }
        numbers
    }

    fn add(&mut self, fact: &NamedFact) {
        match fact {
            NamedFact::Asn(_) => self.asns = true,
            NamedFact::City(_) => self.cities = true,
            NamedFact::Subdivision(_) => self.subdivisions = true,
        }
        let next = self.numbers.len() as u32;
        self.numbers.entry(fact.clone()).or_insert(next);
    }

    /// Whether nobody names anything: records need not be looked at.
    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Whether a rule, and not a latency alone, names the fact with this number.
    pub(super) const fn is_of_rule(&self, number: u32) -> bool {
        (number as usize) < self.of_rules
    }

    /// The number of a fact, if somebody names it.
    pub(super) fn number(&self, fact: &NamedFact) -> Option<u32> {
        self.numbers.get(fact).copied()
    }

    /// What is said where an autonomous system is known.
    pub(super) fn said_of_asn(&self, asn: Option<u32>) -> Said {
        let asn = asn.filter(|_| self.asns)?;
        Some(self.number(&NamedFact::Asn(asn)).into_iter().collect())
    }

    /// What is said where a city is known.
    pub(super) fn said_of_city(&self, city: Option<&str>) -> Said {
        let city = city.filter(|_| self.cities)?;
        Some(self.number(&NamedFact::City(PlaceName::new(city))).into_iter().collect())
    }

    /// What is said where subdivisions are known, by codes or names.
    pub(super) fn said_of_subdivisions(&self, names: &[String]) -> Said {
        if !self.subdivisions || names.is_empty() {
            return None;
        }
        let mut numbers: Vec<u32> =
            names.iter().filter_map(|name| self.number(&NamedFact::Subdivision(PlaceName::new(name)))).collect();
        numbers.sort_unstable();
        numbers.dedup();
        Some(numbers.into())
    }

    /// What a record says.
    pub(super) fn said(&self, record: &NamesRecord<'_>) -> SaidAll {
        SaidAll {
            asn: self.said_of_asn(record.asn()),
            city: self.said_of_city(record.city()),
            subdivision: if self.subdivisions { self.said_of_subdivisions(&record.subdivisions()) } else { None },
        }
    }
}

/// Which kinds of facts a database has at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds {
    pub(super) asns: bool,
    pub(super) cities: bool,
    /// By ISO 3166-2.
    pub(super) subdivision_codes: bool,
    pub(super) subdivision_names: bool,
}

impl Kinds {
    /// Adds those that a record has.
    pub(super) fn learn(&mut self, record: &NamesRecord<'_>) {
        self.asns |= record.asn().is_some();
        self.cities |= record.city().is_some();
        self.subdivision_codes |= record.codes().next().is_some();
        self.subdivision_names |= record.names().next().is_some();
    }

    /// Those of two databases together.
    pub(super) const fn with(self, other: Self) -> Self {
        Self {
            asns: self.asns || other.asns,
            cities: self.cities || other.cities,
            subdivision_codes: self.subdivision_codes || other.subdivision_codes,
            subdivision_names: self.subdivision_names || other.subdivision_names,
        }
    }

    /// Whether such a fact can be known.
    pub(super) fn can_know(self, fact: &NamedFact) -> bool {
        match fact {
            NamedFact::Asn(_) => self.asns,
            NamedFact::City(_) => self.cities,
            NamedFact::Subdivision(name) if name.country_of_code().is_some() => self.subdivision_codes,
            NamedFact::Subdivision(_) => self.subdivision_names,
        }
    }
}

/// The keys of a record that name. Absent keys and values of another type than expected hold nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NamesRecord<'a> {
    #[serde(borrow)]
    country: Item<'a>,
    #[serde(borrow)]
    country_code: Leaf<'a>,
    #[serde(borrow)]
    autonomous_system_number: Leaf<'a>,
    #[serde(borrow)]
    autonomous_system_organization: Leaf<'a>,
    #[serde(borrow)]
    asn: Leaf<'a>,
    #[serde(borrow)]
    city: Item<'a>,
    #[serde(borrow)]
    subdivisions: Items<'a>,
    #[serde(borrow)]
    state1: Leaf<'a>,
    #[serde(borrow)]
    state2: Leaf<'a>,
}

impl NamesRecord<'_> {
    /// The autonomous system.
    pub(super) fn asn(&self) -> Option<u32> {
        let written = |item: &Leaf<'_>| item.number.or_else(|| as_number(item.text?));
        written(&self.autonomous_system_number).or_else(|| written(&self.asn)).filter(|number| *number != 0)
    }

    /// Who runs the autonomous system.
    pub(super) fn organization(&self) -> Option<&str> {
        self.autonomous_system_organization.text.filter(|text| !text.is_empty())
    }

    /// The English name of the city.
    pub(super) fn city(&self) -> Option<&str> {
        self.city.name.or(self.city.text).filter(|name| !name.is_empty())
    }

    /// The subdivisions by code, the largest first.
    fn codes(&self) -> impl Iterator<Item = String> + '_ {
        let country = self.country.code.or(self.country.text).or(self.country_code.text);
        let codes = self.subdivisions.0.iter().filter_map(|item| item.code);
        codes.filter_map(move |code| Some(format!("{}-{code}", country?)))
    }

    /// The subdivisions by English name, the largest first.
    fn names(&self) -> impl Iterator<Item = &str> {
        let flat = [&self.state1, &self.state2].into_iter().filter_map(|item| item.text);
        self.subdivisions.0.iter().filter_map(|item| item.name).chain(flat).filter(|name| !name.is_empty())
    }

    /// The subdivisions by all that they are called, codes first.
    pub(super) fn subdivisions(&self) -> Vec<String> {
        self.codes().chain(self.names().map(str::to_owned)).collect()
    }
}

/// Longest list of subdivisions that is read; they nest two or three deep.
const LIST_LEN_MAX: usize = 8;

/// What may be read out of any value. Databases are not always written with the types that their documentation has: what is
/// not overridden holds nothing. Values go only as deep as the schemas do, because a damaged file may hold itself.
trait OfAny<'de>: Default {
    fn of_text(_: &'de str) -> Self {
        Self::default()
    }

    fn of_number(_: u64) -> Self {
        Self::default()
    }

    fn of_list<S: SeqAccess<'de>>(list: S) -> Result<Self, S::Error> {
        skip_list(list).map(|()| Self::default())
    }

    /// Takes one entry of a map.
    fn entry<M: MapAccess<'de>>(&mut self, _key: &str, map: &mut M) -> Result<(), M::Error> {
        map.next_value::<IgnoredAny>().map(drop)
    }
}

fn skip_list<'de, S: SeqAccess<'de>>(mut list: S) -> Result<(), S::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// A text or a number.
#[derive(Debug, Default)]
struct Leaf<'a> {
    text: Option<&'a str>,
    number: Option<u32>,
}

impl<'de> OfAny<'de> for Leaf<'de> {
    fn of_text(text: &'de str) -> Self {
        Self { text: Some(text), number: None }
    }

    fn of_number(number: u64) -> Self {
        Self { text: None, number: number.try_into().ok() }
    }
}

/// The English one of several names.
#[derive(Debug, Default)]
struct English<'a>(Option<&'a str>);

impl<'de> OfAny<'de> for English<'de> {
    fn entry<M: MapAccess<'de>>(&mut self, key: &str, map: &mut M) -> Result<(), M::Error> {
        match key {
            "en" => self.0 = map.next_value::<Leaf<'_>>()?.text,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

/// A text, or a map with a code and names.
#[derive(Debug, Default)]
struct Item<'a> {
    text: Option<&'a str>,
    code: Option<&'a str>,
    name: Option<&'a str>,
}

impl<'de> OfAny<'de> for Item<'de> {
    fn of_text(text: &'de str) -> Self {
        Self { text: Some(text), ..Self::default() }
    }

    fn entry<M: MapAccess<'de>>(&mut self, key: &str, map: &mut M) -> Result<(), M::Error> {
        match key {
            "iso_code" => self.code = map.next_value::<Leaf<'_>>()?.text,
            "names" => self.name = map.next_value::<English<'_>>()?.0,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

/// A list of such maps.
#[derive(Debug, Default)]
struct Items<'a>(Vec<Item<'a>>);

impl<'de> OfAny<'de> for Items<'de> {
    fn of_list<S: SeqAccess<'de>>(mut list: S) -> Result<Self, S::Error> {
        let mut items = Vec::new();
        while items.len() < LIST_LEN_MAX {
            match list.next_element()? {
                Some(item) => items.push(item),
                None => return Ok(Self(items)),
            }
        }
        skip_list(list).map(|()| Self(items))
    }
}

struct AnyVisitor<T>(PhantomData<T>);

impl<'de, T: OfAny<'de>> Visitor<'de> for AnyVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<T, E> {
        Ok(T::of_text(text))
    }

    fn visit_borrowed_bytes<E>(self, _: &'de [u8]) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_i64<E>(self, number: i64) -> Result<T, E> {
        Ok(number.try_into().map_or_else(|_| T::default(), T::of_number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<T, E> {
        Ok(T::of_number(number))
    }

    fn visit_u128<E>(self, _: u128) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, list: S) -> Result<T, S::Error> {
        T::of_list(list)
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<T, M::Error> {
        let mut value = T::default();
        while let Some(key) = map.next_key::<&str>()? {
            value.entry(key, &mut map)?;
        }
        Ok(value)
    }
}

macro_rules! deserialize_any {
    ($($name:ident),*) => {$(
        impl<'de: 'a, 'a> Deserialize<'de> for $name<'a> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(AnyVisitor::<$name<'de>>(PhantomData))
            }
        }
    )*};
}

deserialize_any!(Leaf, English, Item, Items);
