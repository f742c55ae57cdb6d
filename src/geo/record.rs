//! One data record of a location database, whichever of the known schemas it has. Knows no files and no networks.
//!
//! * nested, as MaxMind and DB-IP write it: `country.iso_code`, `continent.code`, `location.latitude` and `.longitude`;
//! * flat, as ip-location-db writes it: `country_code`, `latitude`, `longitude`.
//!
//! `registered_country` and `represented_country` are not read: they say who a network belongs to, not where its clients
//! are, and a network that only has these (anycast, satellites) is better called unknown.

use super::continents;
use super::facts::Facts;
use crate::base::{Continent, Country, Point};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The keys that the known schemas have at the top of a record, for messages.
pub(super) const KNOWN_KEYS: &str = "`country`, `continent` or `location` (as MaxMind and DB-IP write), or \
     `country_code`, `latitude` and `longitude` (as ip-location-db writes)";

/// The keys of a record that we read, or whose presence tells the schema. Absent keys are `None`; present ones whose value
/// is of another type than expected hold nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    country: Option<Coded<'a>>,
    #[serde(borrow)]
    continent: Option<Coded<'a>>,
    location: Option<Location>,
    registered_country: Option<IgnoredAny>,
    represented_country: Option<IgnoredAny>,
    #[serde(borrow)]
    country_code: Option<Text<'a>>,
    #[serde(borrow)]
    continent_code: Option<Text<'a>>,
    latitude: Option<Number>,
    longitude: Option<Number>,
    autonomous_system_number: Option<IgnoredAny>,
    asn: Option<IgnoredAny>,
}

impl Record<'_> {
    /// Whether the record has a key of a known schema.
    pub(super) fn is_known(&self) -> bool {
        let nested = self.country.is_some() || self.continent.is_some() || self.location.is_some();
        let owners = self.registered_country.is_some() || self.represented_country.is_some();
        let flat = self.country_code.is_some() || self.latitude.is_some() || self.longitude.is_some();
        let networks = self.autonomous_system_number.is_some() || self.asn.is_some();
        nested || owners || flat || networks || self.continent_code.is_some()
    }

    /// What the record says about location.
    pub(super) fn facts(&self) -> Facts {
        let text = |nested: &Option<Coded<'_>>, flat: &Option<Text<'_>>| -> Option<String> {
            let nested = nested.as_ref().and_then(|coded| coded.0);
            nested.or(flat.as_ref().and_then(|text| text.0)).map(str::to_owned)
        };
        let country_code = text(&self.country, &self.country_code);
        let country = country_code.as_deref().and_then(Country::new);
        let continent = text(&self.continent, &self.continent_code).as_deref().and_then(Continent::new);
        let coordinates = match &self.location {
            Some(location) => (location.latitude.as_ref(), location.longitude.as_ref()),
            None => (self.latitude.as_ref(), self.longitude.as_ref()),
        };
        let point = match coordinates {
            (Some(Number(Some(latitude))), Some(Number(Some(longitude)))) => known_point(*latitude, *longitude),
            _ => None,
        };
        let continent = continent.or(country.and_then(continents::of_code));
        let country = country.filter(|country| continents::is_country(*country));
        Facts { country, continent, point, ..Facts::default() }
    }
}

/// The point, unless it is off the globe or exactly where both coordinates are zero, which is how flat databases write that
/// they do not know.
fn known_point(latitude: f64, longitude: f64) -> Option<Point> {
    Point::new(latitude, longitude).filter(|_| latitude != 0.0 || longitude != 0.0)
}

/// A text; any other value holds nothing.
#[derive(Debug, Default)]
struct Text<'a>(Option<&'a str>);

/// A map with `iso_code` or `code`, or that code itself; any other value holds nothing.
#[derive(Debug, Default)]
struct Coded<'a>(Option<&'a str>);

/// A number of any width, or the text of one; any other value holds nothing.
#[derive(Debug, Default)]
struct Number(Option<f64>);

/// `location`: a map; any other value holds nothing.
#[derive(Debug, Default)]
struct Location {
    latitude: Option<Number>,
    longitude: Option<Number>,
}

/// Any value at all, with what may interest us of it. Databases are not always written with the types that their
/// documentation has, and a value that we cannot use must not hide the rest of the record.
#[derive(Debug, Default)]
struct Value<'a> {
    text: Option<&'a str>,
    number: Option<f64>,
    code: Option<&'a str>,
    latitude: Option<Number>,
    longitude: Option<Number>,
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value { text: Some(text), number: text.trim().parse().ok(), ..Value::default() })
    }

    fn visit_borrowed_bytes<E>(self, _: &'de [u8]) -> Result<Value<'de>, E> {
        Ok(Value::default())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value { number: Some(number), ..Value::default() })
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value<'de>, E> {
        self.visit_f64(number as f64)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value<'de>, E> {
        self.visit_f64(number as f64)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Value<'de>, E> {
        Ok(Value::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value<'de>, E> {
        Ok(Value::default())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Value<'de>, S::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::default())
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value<'de>, M::Error> {
        let mut value = Value::default();
        while let Some(key) = map.next_key::<&str>()? {
            match key {
                "iso_code" | "code" => value.code = map.next_value::<Text<'_>>()?.0,
                "latitude" => value.latitude = Some(map.next_value()?),
                "longitude" => value.longitude = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(value)
    }
}

macro_rules! from_value {
    ($name:ty, $value:ident => $made:expr) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let $value = deserializer.deserialize_any(ValueVisitor)?;
                Ok($made)
            }
        }
    };
}

from_value!(Number, value => Number(value.number));
from_value!(Location, value => Location { latitude: value.latitude, longitude: value.longitude });

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(deserializer.deserialize_any(ValueVisitor)?.text))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Coded<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(ValueVisitor)?;
        Ok(Self(value.code.or(value.text)))
    }
}
