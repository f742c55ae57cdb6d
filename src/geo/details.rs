//! What sources say of one address beyond what is compiled: autonomous system, city and subdivisions in full. For people who
//! look up an address; knows no prefix table.

use super::client::looked_up_as;
use super::database::octets_of;
use super::naming::NamesRecord;
use super::spec::GeoSpec;
use maxminddb::Reader;
use std::net::IpAddr;

/// A fact and who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail<T> {
    /// The fact.
    pub value: T,
    /// A database file or `[[network]] PREFIX`.
    pub source: String,
}

/// What is known of an address; for each fact the first source that knows it counts, `[[network]]` tables before databases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The number of its autonomous system, and who runs it.
    pub asn: Option<Detail<(u32, Option<String>)>>,
    /// The English name of its city.
    pub city: Option<Detail<String>>,
    /// Its subdivisions by ISO 3166-2 and by name, the largest first.
    pub subdivisions: Option<Detail<Vec<String>>>,
}

/// Reads them from the sources of `spec`. The files have been read before: what cannot be read any more says nothing.
#[must_use]
pub fn details(spec: &GeoSpec, address: IpAddr) -> Details {
    let mut details = Details::default();
    let inside = spec.networks.iter().filter(|network| looked_up_as(network.prefix).contains(address));
    if let Some(network) = inside.max_by_key(|network| looked_up_as(network.prefix).length()) {
        let source = || format!("[[network]] {}", network.prefix);
        details.asn = network.asn.map(|asn| Detail { value: (asn, None), source: source() });
        details.city = network.city.as_ref().map(|city| Detail { value: city.to_string(), source: source() });
        let subdivision = network.subdivision.as_ref();
        details.subdivisions = subdivision.map(|name| Detail { value: vec![name.to_string()], source: source() });
    }
    for file in &spec.databases {
        let Ok(octets) = octets_of(&file.path) else { continue };
        let Ok(reader) = Reader::from_source(&octets) else { continue };
        let Ok(found) = reader.lookup(address) else { continue };
        let Ok(Some(record)) = found.decode::<NamesRecord<'_>>() else { continue };
        details.learn(&record, &file.path.display().to_string());
    }
    details
}

impl Details {
    /// Adds what is not known yet.
    fn learn(&mut self, record: &NamesRecord<'_>, source: &str) {
        let source = || source.to_owned();
        if let (None, Some(number)) = (&self.asn, record.asn()) {
            let value = (number, record.organization().map(str::to_owned));
            self.asn = Some(Detail { value, source: source() });
        }
        if let (None, Some(city)) = (&self.city, record.city()) {
            self.city = Some(Detail { value: city.to_owned(), source: source() });
        }
        let subdivisions = record.subdivisions();
        if self.subdivisions.is_none() && !subdivisions.is_empty() {
            self.subdivisions = Some(Detail { value: subdivisions, source: source() });
        }
    }
}
