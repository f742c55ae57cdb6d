//! The country table inside the binary: country by network, and a point for each country. Also how its file is written.
//! Knows no databases of others.
//!
//! The file is gzip around: the magic octets, a text that names the sources, the countries (code, point), then for each
//! family the runs in three columns, because like things next to each other compress well: how many zero bits the run's
//! length ends in, the length without them, the country's index plus one (0: unknown). The last run reaches to the end and
//! has length 0. Numbers are LEB128.

use super::bits::Bits;
use super::continents;
use super::database::Database;
use super::facts::Facts;
use super::naming::Kinds;
use super::runs::Runs;
use crate::base::{Country, Point};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::io::{Read, Write};

/// The table that is compiled in.
static EMBEDDED: &[u8] = include_bytes!("../../geoip/countries.azgeo.gz");

/// First octets of the unpacked file: name and version of the format.
const MAGIC: &[u8] = b"azimuth countries 1\n";

/// Largest unpacked table that is read, in octets.
const UNPACKED_LEN_MAX: u64 = 64 << 20;

/// Points are stored in units of a ten-thousandth of a degree, which is 11 m.
const UNITS_PER_DEGREE: f64 = 10_000.0;

/// Countries by network and points by country.
#[derive(Clone, Debug, PartialEq)]
pub struct CountryTable {
    about: String,
    countries: Vec<(Country, Option<Point>)>,
    v4: Runs<u32>,
    v6: Runs<u128>,
}

impl CountryTable {
    /// The table that is compiled in.
    pub fn embedded() -> Result<Self, String> {
        Self::decode(EMBEDDED)
    }

    /// A table of these runs, whose values are indexes into `countries` plus one. `about` names sources and dates.
    /// Points are rounded to what the file can hold.
    pub(super) fn new(
        about: String,
        mut countries: Vec<(Country, Option<Point>)>,
        v4: Runs<u32>,
        v6: Runs<u128>,
    ) -> Self {
        for point in countries.iter_mut().filter_map(|(_, point)| point.as_mut()) {
            let degrees = |degrees: f64| f64::from(units(degrees)) / UNITS_PER_DEGREE;
            *point = Point::new(degrees(point.latitude()), degrees(point.longitude())).unwrap_or(*point);
        }
        Self { about, countries, v4, v6 }
    }

    /// Sources and dates.
    #[must_use]
    pub fn about(&self) -> &str {
        &self.about
    }

    /// How many countries and runs of IPv4 and IPv6 addresses the table has.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.countries.len(), self.v4.len(), self.v6.len())
    }

    /// Where the people of each country live, as far as known.
    pub(super) fn points(&self) -> impl Iterator<Item = (Country, Point)> {
        self.countries.iter().filter_map(|(country, point)| point.map(|point| (*country, point)))
    }

    /// Whether runs and countries are in ascending order.
    #[cfg(test)]
    pub(super) fn is_ordered(&self) -> bool {
        let v4 = self.v4.iter().map(|(start, _)| start).is_sorted_by(|a, b| a < b);
        let v6 = self.v6.iter().map(|(start, _)| start).is_sorted_by(|a, b| a < b);
        v4 && v6 && self.countries.is_sorted_by(|a, b| a.0 < b.0)
    }

    /// The networks as a database; the table keeps none.
    pub(super) fn take_database(&mut self) -> Database {
        let known = self.countries.iter().map(|(country, _)| Facts {
            country: Some(*country).filter(|country| continents::is_country(*country)),
            continent: continents::of_code(*country),
            ..Facts::default()
        });
        let facts = std::iter::once(Facts::default()).chain(known).collect();
        let v4 = std::mem::replace(&mut self.v4, Runs::new());
        let v6 = std::mem::replace(&mut self.v6, Runs::new());
        Database { facts, v4, v6, about: self.about.clone(), kinds: Kinds::default() }
    }

    /// The octets of the table's file.
    pub fn encode(&self) -> std::io::Result<Vec<u8>> {
        let mut out = MAGIC.to_vec();
        put(&mut out, self.about.len() as u128);
        out.extend_from_slice(self.about.as_bytes());
        put(&mut out, self.countries.len() as u128);
        for (country, point) in &self.countries {
            out.extend_from_slice(country.as_str().as_bytes());
            out.push(u8::from(point.is_some()));
            for degrees in point.iter().flat_map(|point| [point.latitude(), point.longitude()]) {
                out.extend_from_slice(&units(degrees).to_le_bytes());
            }
        }
        encode_runs(&mut out, &self.v4);
        encode_runs(&mut out, &self.v6);
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&out)?;
        packed.finish()
    }

    /// Reads the octets of a table's file.
    pub fn decode(octets: &[u8]) -> Result<Self, String> {
        let mut unpacked = Vec::new();
        let mut decoder = GzDecoder::new(octets).take(UNPACKED_LEN_MAX);
        decoder.read_to_end(&mut unpacked).map_err(|error| error.to_string())?;
        Self::decode_unpacked(&unpacked)
    }

    /// Reads a table's file without gzip around it.
    pub(super) fn decode_unpacked(octets: &[u8]) -> Result<Self, String> {
        let mut input = Input(octets.strip_prefix(MAGIC).ok_or("it does not begin as a country table does")?);
        input.table().ok_or_else(|| "it ends early or its numbers make no sense".to_owned())
    }
}

/// Degrees in the unit of the file, rounded.
fn units(degrees: f64) -> i32 {
    (degrees * UNITS_PER_DEGREE).round() as i32
}

/// Writes a number.
fn put(out: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn encode_runs<A: Bits>(out: &mut Vec<u8>, runs: &Runs<A>) {
    let starts: Vec<u128> = runs.iter().map(|(start, _)| start.to_u128()).collect();
    let ends = starts.iter().skip(1).copied().map(Some).chain([None]);
    let lengths: Vec<u128> = starts.iter().zip(ends).map(|(start, end)| end.map_or(0, |end| end - start)).collect();
    put(out, lengths.len() as u128);
    out.extend(lengths.iter().map(|length| zeros(*length)));
    for length in &lengths {
        put(out, length >> zeros(*length));
    }
    for (_, value) in runs.iter() {
        put(out, value.into());
    }
}

/// Zero bits that a number ends in; none of the number 0.
fn zeros(number: u128) -> u8 {
    if number == 0 { 0 } else { number.trailing_zeros() as u8 }
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u128> {
        let mut number = 0;
        for shift in (0..128).step_by(7) {
            let octet = self.take(1)?[0];
            number |= u128::from(octet & 0x7f) << shift;
            if octet < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A number of things that take at least one octet each.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok().filter(|count| *count <= self.0.len())
    }

    fn degrees(&mut self) -> Option<f64> {
        let octets: [u8; 4] = self.take(4)?.try_into().ok()?;
        Some(f64::from(i32::from_le_bytes(octets)) / UNITS_PER_DEGREE)
    }

    fn table(&mut self) -> Option<CountryTable> {
        let about_len = self.count()?;
        let about = String::from_utf8(self.take(about_len)?.to_vec()).ok()?;
        let mut countries = Vec::new();
        for _ in 0..self.count()? {
            let country = Country::new(std::str::from_utf8(self.take(2)?).ok()?)?;
            let point = match self.take(1)? {
                [0] => None,
                _ => Some(Point::new(self.degrees()?, self.degrees()?)?),
            };
            countries.push((country, point));
        }
        let v4 = self.runs::<u32>(countries.len())?;
        let v6 = self.runs::<u128>(countries.len())?;
        self.0.is_empty().then_some(CountryTable { about, countries, v4, v6 })
    }

    fn runs<A: Bits>(&mut self, countries: usize) -> Option<Runs<A>> {
        let count = self.count()?;
        let zeros = self.take(count)?;
        let mut starts = Vec::new();
        let mut start: u128 = 0;
        for zeros in zeros {
            starts.push(A::from_u128(start)?);
            let length = self.number()?;
            let shifted = length.checked_shl(u32::from(*zeros)).filter(|shifted| shifted >> zeros == length)?;
            start = start.checked_add(shifted)?;
        }
        let mut runs = Runs::new();
        let mut last = None;
        for start in starts {
            let value = u32::try_from(self.number()?).ok().filter(|value| *value as usize <= countries)?;
            if last.is_some_and(|last| last >= start) {
                return None;
            }
            runs.push(start, value);
            last = Some(start);
        }
        Some(runs)
    }
}
