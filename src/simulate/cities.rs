//! The cities of the world by population, inside the binary: `geoip/cities.csv`, made by `geoip/cities.py` from GeoNames.

use crate::base::{Country, Point};

static TABLE: &str = include_str!("../../geoip/cities.csv");

/// The columns of the table.
const COLUMNS: &str = "name,country,lat,lon,population";

/// A city.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct City {
    /// In its usual English form.
    pub name: &'static str,
    /// The country it is in.
    pub country: Country,
    /// Where it is, to a hundredth of a degree.
    pub point: Point,
    /// Inhabitants.
    pub population: u64,
}

/// The cities that are compiled in, the most populous first.
#[must_use]
pub fn embedded() -> Vec<City> {
    TABLE.lines().filter(|line| *line != COLUMNS).filter_map(city).collect()
}

fn city(line: &'static str) -> Option<City> {
    let mut fields = line.split(',');
    let (name, country) = (fields.next()?, Country::new(fields.next()?)?);
    let (latitude, longitude) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let population = fields.next()?.parse().ok()?;
    let point = Point::new(latitude, longitude)?;
    fields.next().is_none().then_some(City { name, country, point, population })
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, TABLE, embedded};
    use std::collections::HashSet;

    #[test]
    fn every_line_is_a_city_and_the_most_populous_come_first() {
        let cities = embedded();
        assert_eq!(TABLE.lines().next(), Some(COLUMNS));
        assert_eq!(cities.len() + 1, TABLE.lines().count());
        assert!(cities.is_sorted_by(|a, b| a.population >= b.population));
        assert!(cities.len() > 4_000 && cities.iter().all(|city| city.population > 0));
    }

    #[test]
    fn every_country_has_a_city() {
        let countries: HashSet<_> = embedded().into_iter().map(|city| city.country).collect();
        assert!(countries.len() > 240 && countries.iter().all(|country| country.is_assigned()), "{}", countries.len());
    }
}
