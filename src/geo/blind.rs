//! Whether databases that can be read say where anybody is, and what rules ask of them. Knows no files and no policies.

use super::latency::LatencyKey;
use super::spec::{GeoSpec, Named, Network};
use super::{Locator, Place, PlaceId};
use crate::base::{Diagnostic, NamedFact};

impl Locator {
    /// Warnings about `spec`, which is what this was built from: clients that none of the databases locates, and facts that
    /// rules name and none of them knows.
    #[must_use]
    pub fn warnings(&self, spec: &GeoSpec) -> Vec<Diagnostic> {
        let mut warnings = self.nobody_located(spec);
        warnings.extend(spec.named.iter().filter(|named| !self.can_know(named, spec)).map(never_holds));
        warnings.extend(self.unused_latencies(spec));
        warnings
    }

    fn can_know(&self, named: &Named, spec: &GeoSpec) -> bool {
        self.kinds.can_know(&named.fact) || spec.networks.iter().any(|network| says(network, &named.fact))
    }

    /// Latencies from clients that no database tells from others.
    fn unused_latencies(&self, spec: &GeoSpec) -> Option<Diagnostic> {
        let unused = |key: &LatencyKey| match key {
            LatencyKey::Asn(_) => !self.kinds.asns && spec.networks.iter().all(|network| network.asn.is_none()),
            LatencyKey::Subdivision(_) => {
                !self.kinds.subdivision_codes && spec.networks.iter().all(|network| network.subdivision.is_none())
            }
            LatencyKey::Network(_) | LatencyKey::Country(_) => false,
        };
        let count = spec.latencies.iter().filter(|latency| unused(&latency.key)).count();
        let message = format!(
            "{count} of {} latencies are not used: no configured database knows the autonomous systems or subdivisions that they \
             are from",
            spec.latencies.len()
        );
        let mut warning = Diagnostic::warning(message);
        warning.places.extend(spec.latency_files.iter().filter_map(|file| Some((file.span?, String::new()))));
        (count > 0).then(|| warning.hint("add an ASN or City database to `databases` of `[geoip]`"))
    }

    /// Clients of a family, or all, that no database locates. The embedded country table locates both families.
    fn nobody_located(&self, spec: &GeoSpec) -> Vec<Diagnostic> {
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

fn says(network: &Network, fact: &NamedFact) -> bool {
    match fact {
        NamedFact::Asn(number) => network.asn == Some(*number),
        NamedFact::City(name) => network.city.as_ref() == Some(name),
        NamedFact::Subdivision(name) => network.subdivision.as_ref() == Some(name),
    }
}

fn never_holds(named: &Named) -> Diagnostic {
    let (what, remedy) = match &named.fact {
        NamedFact::Asn(_) => ("autonomous systems", "add an ASN database to `databases` of `[geoip]`"),
        NamedFact::City(_) => ("cities", "add a City database to `databases` of `[geoip]`"),
        NamedFact::Subdivision(name) if name.country_of_code().is_some() => (
            "subdivisions by their codes",
            "add a City database that has them, or name the subdivision as the database does (`azimuth geoip lookup` shows it)",
        ),
        NamedFact::Subdivision(_) => {
            ("subdivisions by their names", "add a City database that has them, or write the code as ISO 3166-2 has it")
        }
    };
    let message = format!("`{}` never holds: no configured database knows {what}", named.fact);
    let mut warning = Diagnostic::warning(message);
    warning.places.extend(named.span.map(|span| (span, String::new())));
    warning.hint(remedy)
}

/// Whether one of the first `databases` sources leads to a point, by itself or through its country.
fn is_located(place: &Place, databases: usize) -> bool {
    let from_database = |source: Option<u16>| source.is_some_and(|source| usize::from(source) < databases);
    !place.disguised
        && place.point.is_some()
        && (from_database(place.point_source) || from_database(place.country_source))
}
