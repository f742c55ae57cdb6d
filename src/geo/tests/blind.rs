//! Databases that locate nobody, or one family only, are told of.

use super::fixtures::{database, locator, map, nested};
use crate::base::{Point, Severity};
use crate::geo::Locator;
use crate::geo::spec::{DatabaseFile, GeoSpec, Network, NetworkFact};
use mmdb_writer::{IpVersion, Value};

/// Whom a table over these databases does not locate, as the warning says it; empty without a warning.
fn unlocated(spec: GeoSpec, databases: &[Vec<u8>]) -> String {
    let databases_named = databases.iter().map(|_| DatabaseFile { path: "db".into(), span: None }).collect();
    let warnings = locator(spec.clone(), databases).warnings(&GeoSpec { databases: databases_named, ..spec });
    assert!(warnings.len() <= 1 && warnings.iter().all(|warning| warning.severity == Severity::Warning));
    warnings.first().map_or_else(String::new, |warning| {
        let whom = warning.message.strip_prefix("no database locates ").unwrap();
        whom.strip_suffix(": they get regions in configured order").unwrap().to_owned()
    })
}

fn city(version: IpVersion, network: &str) -> Vec<u8> {
    database(version, &[(network, nested("NL", "EU", Some((52.5, 4.75))))])
}

fn asn() -> Vec<u8> {
    database(IpVersion::V4, &[("192.0.2.0/24", map([("autonomous_system_number", Value::from(64_512_u32))]))])
}

#[test]
fn clients_whom_no_database_locates_are_told_by_family() {
    let v4 = city(IpVersion::V4, "192.0.2.0/24");
    // The same in a file that could hold IPv6 networks too, where IPv4 addresses lie inside ::/96.
    let v4_wide = city(IpVersion::V6, "192.0.2.0/24");
    let v6 = city(IpVersion::V6, "2001:db8::/32");
    let country_only = database(
        IpVersion::V6,
        &[("192.0.2.0/24", nested("NL", "EU", None)), ("2001:db8::/32", nested("NL", "EU", None))],
    );
    for (databases, whom) in [
        (vec![asn()], "any clients"),
        (vec![v4.clone()], "IPv6 clients"),
        (vec![v4_wide], "IPv6 clients"),
        (vec![v6.clone()], "IPv4 clients"),
        (vec![asn(), v4.clone(), v6], ""),
        (vec![country_only], ""),
    ] {
        assert_eq!(unlocated(GeoSpec::default(), &databases), whom);
    }
    assert!(Locator::build(&GeoSpec::default()).unwrap().warnings(&GeoSpec::default()).is_empty());
}

#[test]
fn networks_of_the_configuration_do_not_stand_in_for_a_database() {
    let fact = NetworkFact::Coordinates(Point::new(52.5, 13.4).unwrap());
    let networks = vec![Network::located("2001:db8::/32".parse().unwrap(), fact)];
    let spec = GeoSpec { networks, ..GeoSpec::default() };
    assert_eq!(unlocated(spec, &[city(IpVersion::V4, "192.0.2.0/24")]), "IPv6 clients");
}
