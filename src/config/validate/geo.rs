//! What the locator is built from: networks by prefix, and the prefixes that rules name.

use super::names::Names;
use super::region_id;
use crate::base::{Diagnostic, Prefix, Span};
use crate::config::report::Report;
use crate::config::spec::{FactTable, Spec};
use crate::geo::client::looked_up_as;
use crate::geo::spec::{GeoSpec, Named, Network, NetworkFact};
use crate::steering::spec::Policy;
use std::collections::{HashMap, HashSet};

/// Most distinct prefixes in rules: places list them by 16-bit numbers.
const MARKS_MAX: usize = u16::MAX as usize;

/// Builds the locator's input.
pub fn build(spec: &Spec, regions: &Names, policies: &[Policy], report: &mut Report) -> GeoSpec {
    GeoSpec {
        databases: spec.databases.clone(),
        networks: networks(spec, regions, report),
        regions: spec.regions.iter().map(|region| region.table.coordinates).collect(),
        marks: marks(spec, policies, report),
        named: named(spec, report),
        latency_files: spec.latency_files.clone(),
        latencies: Vec::new(),
    }
}

fn networks(spec: &Spec, regions: &Names, report: &mut Report) -> Vec<Network> {
    let mut first: HashMap<Prefix, Span> = HashMap::new();
    let mut networks = Vec::with_capacity(spec.networks.len());
    for table in &spec.networks {
        if let Some(prefix) = &table.prefix {
            check_form(prefix.value, prefix.span, report);
            let network = looked_up_as(prefix.value);
            if let Some(&first) = first.get(&network) {
                let message = format!("network `{network}` is defined twice");
                report.push(Diagnostic::error(message).at(prefix.span, "").at(first, "first here"));
            } else {
                first.insert(network, prefix.span);
            }
        }
        let fact = table.fact.as_ref().map(|fact| match fact {
            FactTable::Region(name) => regions.find(name, report).map(|index| NetworkFact::Region(region_id(index))),
            FactTable::Coordinates(point) => Some(NetworkFact::Coordinates(*point)),
            FactTable::Country(country) => Some(NetworkFact::Country(*country)),
        });
        // A region that is not defined was reported.
        let fact = fact.flatten();
        if let Some(prefix) = &table.prefix {
            let (asn, city, subdivision) = (table.asn, table.city.clone(), table.subdivision.clone());
            networks.push(Network { prefix: prefix.value, fact, asn, city, subdivision });
        }
    }
    networks
}

/// The prefixes that rules name, each once, in the order of the policies.
fn marks(spec: &Spec, policies: &[Policy], report: &mut Report) -> Vec<Prefix> {
    let rules = spec.policies.iter().flat_map(|policy| &policy.table.rules);
    for rule in rules {
        if let (Some(prefix), Some(span)) = (rule.condition.network, rule.network) {
            check_form(prefix, span, report);
        }
    }
    let mut seen = HashSet::new();
    let rules = policies.iter().flat_map(|policy| &policy.rules);
    let marks: Vec<Prefix> =
        rules.filter_map(|rule| rule.condition.network).filter(|prefix| seen.insert(*prefix)).collect();
    if marks.len() > MARKS_MAX {
        report.push(Diagnostic::error(format!("rules name more than {MARKS_MAX} different networks")));
    }
    marks
}

/// What rules name of autonomous systems, cities and subdivisions, each once, in the order of the policies.
fn named(spec: &Spec, report: &mut Report) -> Vec<Named> {
    let mut seen = HashSet::new();
    let rules = spec.policies.iter().flat_map(|policy| &policy.table.rules);
    let written = rules.flat_map(|rule| &rule.named).filter(|(fact, _)| seen.insert(fact));
    let named: Vec<Named> = written.map(|(fact, span)| Named { fact: fact.clone(), span: Some(*span) }).collect();
    if named.len() > MARKS_MAX {
        let message = format!("rules name more than {MARKS_MAX} different autonomous systems, cities and subdivisions");
        report.push(Diagnostic::error(message));
    }
    named
}

/// IPv4 clients that arrive as IPv6 addresses are looked up by their IPv4 address: a prefix of theirs is the IPv4 prefix
/// inside it, where it has one, and else holds nobody.
fn check_form(prefix: Prefix, span: Span, report: &mut Report) {
    let forms =
        [("::ffff:0:0/96", "IPv4-mapped"), ("64:ff9b::/96", "NAT64"), ("2001::/32", "Teredo"), ("2002::/16", "6to4")];
    let form = forms.iter().find(|(form, _)| form.parse::<Prefix>().is_ok_and(|form| form.covers(prefix)));
    let Some((_, form)) = form else { return };
    let network = looked_up_as(prefix);
    let (what, hint) = if network == prefix {
        ("never matches".to_owned(), "write the IPv4 prefix of these clients".to_owned())
    } else {
        (format!("is the network `{network}`"), format!("write \"{network}\""))
    };
    let message = format!("`{prefix}` {what}: {form} clients are looked up by their IPv4 address");
    report.push(Diagnostic::warning(message).at(span, "").hint(hint));
}
