//! Making the embedded country table from country databases and a list of cities. Knows no file formats of its own: the
//! table knows its own, databases theirs.

use super::bits::Bits;
use super::country_table::CountryTable;
use super::database::Database;
use super::naming::Numbers;
use super::runs::{Runs, overlay};
use crate::base::{Country, Diagnostic, Point};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where people live in countries that are too small for the list of cities. Uninhabited lands have no point.
const SMALL_COUNTRIES: [(&str, f64, f64); 3] = [("IO", -7.31, 72.41), ("PW", 7.34, 134.48), ("TK", -9.38, -171.22)];

/// The columns that a list of cities must have, in this order.
const CITY_COLUMNS: &str = "name,country,lat,lon,population";

/// Builds a table: country by network from `databases`, of which the first that knows counts; for each country the mean of
/// its cities, weighted by population, from the CSV file `cities`. `about` names the sources and their dates; without it
/// the databases speak for themselves.
pub fn build(databases: &[PathBuf], cities: &Path, about: Option<String>) -> Result<CountryTable, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let mut read = Vec::new();
    for path in databases {
        match Database::open(path, &Numbers::default()) {
            Ok(database) => read.push(database),
            Err(unusable) => diagnostics.push(unusable.diagnostic(path)),
        }
    }
    let text = std::fs::read_to_string(cities).map_err(|error| error.to_string());
    let points = text.and_then(|text| country_points(&text)).unwrap_or_else(|reason| {
        let message = format!("list of cities `{}`: {reason}", cities.display());
        diagnostics.push(Diagnostic::error(message).hint(format!("give a CSV file with the columns `{CITY_COLUMNS}`")));
        BTreeMap::new()
    });
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    let about = about.unwrap_or_else(|| {
        let parts: Vec<&str> = read.iter().map(|database| database.about.as_str()).collect();
        parts.join("; ")
    });
    Ok(table(&read, points, about))
}

fn table(databases: &[Database], points: BTreeMap<Country, Point>, about: String) -> CountryTable {
    let named = databases.iter().flat_map(|database| database.facts.iter().filter_map(|facts| facts.country));
    let mut countries: Vec<Country> = named.chain(points.keys().copied()).collect();
    countries.sort();
    countries.dedup();
    let number = |country: Country| countries.binary_search(&country).map_or(0, |index| index as u32 + 1);
    let numbers: Vec<Vec<u32>> = databases
        .iter()
        .map(|database| database.facts.iter().map(|facts| facts.country.map_or(0, number)).collect())
        .collect();
    let v4: Vec<&Runs<u32>> = databases.iter().map(|database| &database.v4).collect();
    let v6: Vec<&Runs<u128>> = databases.iter().map(|database| &database.v6).collect();
    let (v4, v6) = (countries_of(&v4, &numbers), countries_of(&v6, &numbers));
    let countries = countries.iter().map(|country| (*country, points.get(country).copied())).collect();
    CountryTable::new(about, countries, v4, v6)
}

/// The country that the first database knows for each interval.
fn countries_of<A: Bits>(lists: &[&Runs<A>], numbers: &[Vec<u32>]) -> Runs<A> {
    let mut runs = Runs::new();
    if lists.is_empty() {
        return runs;
    }
    overlay(lists, |start, facts| {
        let known = facts.iter().zip(numbers).map(|(&facts, numbers)| numbers[facts as usize]);
        runs.push(start, known.into_iter().find(|number| *number != 0).unwrap_or(0));
    });
    runs
}

/// The mean of each country's cities, weighted by population; or what is wrong with the list. The mean is taken of points
/// in space and brought back to the surface, so that the date line is no wall.
fn country_points(text: &str) -> Result<BTreeMap<Country, Point>, String> {
    let mut lines = text.lines().enumerate();
    if lines.next().is_none_or(|(_, line)| line.trim() != CITY_COLUMNS) {
        return Err("its first line does not name the columns we know".to_owned());
    }
    let mut sums: BTreeMap<Country, [f64; 3]> = BTreeMap::new();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let (country, point, population) =
            city(line).ok_or_else(|| format!("line {} is no city: `{}`", index + 1, line.escape_debug()))?;
        let (latitude, longitude) = (point.latitude().to_radians(), point.longitude().to_radians());
        let sum = sums.entry(country).or_default();
        sum[0] += population * latitude.cos() * longitude.cos();
        sum[1] += population * latitude.cos() * longitude.sin();
        sum[2] += population * latitude.sin();
    }
    let mean = |[x, y, z]: [f64; 3]| {
        let somewhere = x.hypot(y).hypot(z) > 0.0;
        Point::new(z.atan2(x.hypot(y)).to_degrees(), y.atan2(x).to_degrees()).filter(|_| somewhere)
    };
    let mut points: BTreeMap<Country, Point> =
        sums.into_iter().filter_map(|(country, sum)| mean(sum).map(|point| (country, point))).collect();
    for (code, latitude, longitude) in SMALL_COUNTRIES {
        if let (Some(country), Some(point)) = (Country::new(code), Point::new(latitude, longitude)) {
            points.entry(country).or_insert(point);
        }
    }
    Ok(points)
}

/// A line of the list; the name may hold commas.
fn city(line: &str) -> Option<(Country, Point, f64)> {
    let mut columns = line.rsplitn(5, ',').map(str::trim);
    let population: f64 = columns.next()?.parse().ok().filter(|count| (0.0..1e12).contains(count))?;
    let longitude = columns.next()?.parse().ok()?;
    let latitude = columns.next()?.parse().ok()?;
    let country = Country::new(columns.next()?)?;
    columns.next()?;
    Some((country, Point::new(latitude, longitude)?, population))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::country_points;
    use crate::base::{Country, Point};

    #[test]
    fn a_country_is_where_its_people_live() {
        let points = country_points(
            "name,country,lat,lon,population\n\
             West,FJ,-17.0,179.0,1000\nEast,FJ,-17.0,-179.0,1000\n\
             Big,AU,0,100,3000000\n\"Small, but there\",AU,0,140,1\n",
        )
        .unwrap();
        let near = |code: &str, latitude, longitude| {
            let found = points[&Country::new(code).unwrap()];
            assert!(found.distance_km(Point::new(latitude, longitude).unwrap()) < 5.0, "{code}: {found:?}");
        };
        near("FJ", -17.0, 180.0);
        near("AU", 0.0, 100.0);
        near("PW", 7.34, 134.48);
    }

    #[test]
    fn a_line_that_is_no_city_is_named() {
        let error = country_points("name,country,lat,lon,population\nNowhere,XX,91,0,5\n").unwrap_err();
        assert_eq!(error, "line 2 is no city: `Nowhere,XX,91,0,5`");
        assert!(country_points("a,b\n").unwrap_err().contains("first line"));
    }
}
