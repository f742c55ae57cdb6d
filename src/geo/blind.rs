//! Whether databases that can be read say where anybody is. Knows no files and no policies.

use super::spec::GeoSpec;
use super::{Locator, Place, PlaceId};
use crate::base::Diagnostic;

impl Locator {
    /// Warnings about clients that none of the databases of `spec` locates, which is what this was built from: those of a
    /// family, or all. The embedded country table locates both families.
    #[must_use]
    pub fn warnings(&self, spec: &GeoSpec) -> Vec<Diagnostic> {
        if spec.databases.is_empty() {
            return Vec::new();
        }
        let (v4, v6) = self.leaf_places.split_at(self.v6_first);
        let located = |leaves: &[PlaceId]| {
            leaves.iter().any(|place| is_located(&self.places[place.0 as usize], spec.databases.len()))
        };
        let whom = match (located(v4), located(v6)) {
            (true, true) => return Vec::new(),
            (true, false) => "IPv6 clients",
            (false, true) => "IPv4 clients",
            (false, false) => "any clients",
        };
        let mut warning =
            Diagnostic::warning(format!("no database locates {whom}: they get regions in configured order"));
        warning.places.extend(spec.databases.iter().filter_map(|file| Some((file.span?, String::new()))));
        vec![warning.hint("add a City or Country database that has them, for example with `azimuth geoip fetch`")]
    }
}

/// Whether one of the first `databases` sources leads to a point, by itself or through its country.
fn is_located(place: &Place, databases: usize) -> bool {
    let from_database = |source: Option<u16>| source.is_some_and(|source| usize::from(source) < databases);
    !place.disguised
        && place.point.is_some()
        && (from_database(place.point_source) || from_database(place.country_source))
}
