//! Autonomous systems, cities and subdivisions: kept as far as somebody names them, from every schema.

use super::fixtures::{at, database, flat, locator, map};
use crate::base::{Country, NamedFact, PlaceName, RegionId};
use crate::geo::Locator;
use crate::geo::latency::{Latency, LatencyKey};
use crate::geo::spec::{GeoSpec, Named, Network, NetworkFact};
use mmdb_writer::{IpVersion, Value};

fn asn(number: u32) -> NamedFact {
    NamedFact::Asn(number)
}

fn city(name: &str) -> NamedFact {
    NamedFact::City(PlaceName::new(name))
}

fn subdivision(name: &str) -> NamedFact {
    NamedFact::Subdivision(PlaceName::new(name))
}

fn naming(facts: &[NamedFact]) -> GeoSpec {
    let named = facts.iter().map(|fact| Named { fact: fact.clone(), span: None }).collect();
    GeoSpec { named, ..GeoSpec::default() }
}

/// The facts that hold at an address, as keys of rules.
fn holding(locator: &Locator, address: &str) -> String {
    let facts = at(locator, address).named.iter().map(|&fact| locator.named()[usize::from(fact)].to_string());
    facts.collect::<Vec<_>>().join(", ")
}

/// A record of a City database as MaxMind writes it.
fn in_city(country: &str, name: &str, subdivisions: &[(&str, &str)]) -> Value {
    let named = |name: &str| map([("de", Value::from("Anderswo")), ("en", Value::from(name))]);
    let of = |(code, name): &(&str, &str)| map([("iso_code", Value::from(*code)), ("names", named(name))]);
    map([
        ("city", map([("geoname_id", Value::from(7_u32)), ("names", named(name))])),
        ("country", map([("iso_code", Value::from(country)), ("names", named("Somewhere"))])),
        ("subdivisions", Value::array(subdivisions.iter().map(of))),
    ])
}

fn of_system(number: u32) -> Value {
    map([("autonomous_system_number", Value::from(number)), ("autonomous_system_organization", Value::from("Example"))])
}

fn cities() -> Vec<u8> {
    database(
        IpVersion::V6,
        &[
            ("10.0.0.0/16", in_city("DE", "Berlin", &[("BE", "Land Berlin")])),
            ("10.1.0.0/16", in_city("GB", "London", &[("ENG", "England"), ("LND", "City of London")])),
            ("10.2.0.0/16", in_city("US", "Berlin", &[("NH", "New Hampshire")])),
            ("2001:db8::/32", in_city("DE", "Hamburg", &[("HH", "Hamburg")])),
        ],
    )
}

#[test]
fn nested_records_are_read_by_code_and_by_name() {
    let facts = [city("berlin"), subdivision("DE-BE"), subdivision("GB-LND"), subdivision("england"), city("Hamburg")];
    let locator = locator(naming(&facts), &[cities()]);
    assert_eq!(holding(&locator, "10.0.0.1"), "city = berlin, subdivision = DE-BE");
    assert_eq!(holding(&locator, "10.1.0.1"), "subdivision = GB-LND, subdivision = england");
    assert_eq!(holding(&locator, "10.2.0.1"), "city = berlin");
    assert_eq!(holding(&locator, "2001:db8::1"), "city = Hamburg");
    assert_eq!(holding(&locator, "10.9.0.1"), "");
}

#[test]
fn flat_records_are_read_by_name() {
    let record = |city: &str, state: &str| {
        map([("country_code", Value::from("DE")), ("city", Value::from(city)), ("state1", Value::from(state))])
    };
    let octets = database(
        IpVersion::V4,
        &[
            ("10.0.0.0/16", record("Potsdam", "Brandenburg")),
            ("10.1.0.0/16", record("", "")),
            ("10.2.0.0/16", flat("DE", (1.0, 2.0))),
        ],
    );
    let locator = locator(naming(&[subdivision("Brandenburg"), city("Potsdam"), city("Somewhere")]), &[octets]);
    assert_eq!(holding(&locator, "10.0.0.1"), "subdivision = Brandenburg, city = Potsdam");
    assert_eq!(holding(&locator, "10.1.0.1"), "");
    assert_eq!(holding(&locator, "10.2.0.1"), "city = Somewhere");
}

#[test]
fn the_first_database_that_knows_a_fact_says_it() {
    let first = database(IpVersion::V4, &[("10.0.0.0/16", of_system(64_500)), ("10.1.0.0/16", of_system(64_999))]);
    let second = database(IpVersion::V4, &[("10.0.0.0/8", of_system(64_501))]);
    let locator = locator(naming(&[asn(64_500), asn(64_501)]), &[cities(), first, second]);
    assert_eq!(holding(&locator, "10.0.0.1"), "asn = 64500");
    assert_eq!(holding(&locator, "10.1.0.1"), "", "of another system, which nobody names");
    assert_eq!(holding(&locator, "10.2.0.1"), "asn = 64501");
    assert_eq!(
        at(&locator, "10.0.0.1").country,
        Country::new("DE"),
        "and the other facts are those of other databases"
    );
}

#[test]
fn facts_that_nobody_names_make_no_places() {
    let systems: Vec<(String, Value)> =
        (0..200).map(|number| (format!("10.{number}.0.0/16"), of_system(64_000 + number))).collect();
    let networks: Vec<(&str, Value)> = systems.iter().map(|(net, value)| (net.as_str(), value.clone())).collect();
    let octets = database(IpVersion::V4, &networks);
    let places = |facts: &[NamedFact]| locator(naming(facts), std::slice::from_ref(&octets)).places().len();
    let without = places(&[]);
    assert_eq!(places(&[asn(64_007)]), without + 1);
    assert_eq!(places(&[asn(1), city("Berlin")]), without);
}

#[test]
fn networks_of_the_configuration_say_it_before_databases() {
    let network = |prefix: &str, fact| Network::located(prefix.parse().unwrap(), fact);
    let country = NetworkFact::Country(Country::new("FR").unwrap());
    let networks = vec![
        network("10.0.1.0/24", country),
        Network { asn: Some(64_500), fact: None, ..network("10.0.2.0/24", country) },
        Network { city: Some(PlaceName::new("Bonn")), fact: None, ..network("10.0.3.0/24", country) },
        Network { subdivision: Some(PlaceName::new("FR-75")), ..network("10.0.4.0/24", country) },
    ];
    let facts = [asn(64_500), city("Berlin"), city("Bonn"), subdivision("DE-BE"), subdivision("FR-75")];
    let locator = locator(GeoSpec { networks, ..naming(&facts) }, &[cities()]);
    assert_eq!(holding(&locator, "10.0.0.1"), "city = Berlin, subdivision = DE-BE");
    assert_eq!(holding(&locator, "10.0.1.1"), "", "another country: the city was that of the database's");
    assert_eq!(holding(&locator, "10.0.2.1"), "asn = 64500, city = Berlin, subdivision = DE-BE");
    assert_eq!(holding(&locator, "10.0.3.1"), "city = Bonn, subdivision = DE-BE");
    assert_eq!(holding(&locator, "10.0.4.1"), "subdivision = FR-75");
    assert_eq!(at(&locator, "10.0.2.1").country, Country::new("DE"));
}

#[test]
fn facts_that_no_database_can_know_are_warned_of() {
    let warned = |spec: &GeoSpec, databases: &[Vec<u8>]| -> Vec<String> {
        let named = GeoSpec { databases: vec![], ..spec.clone() };
        let warnings = locator(spec.clone(), databases).warnings(&named);
        warnings.into_iter().map(|warning| warning.message).collect()
    };
    let spec = naming(&[asn(64_500), city("Berlin"), subdivision("DE-BE"), subdivision("Brandenburg")]);
    let never = |key: &str, what: &str| format!("`{key}` never holds: no configured database knows {what}");
    assert_eq!(warned(&spec, &[cities()]), [never("asn = 64500", "autonomous systems")]);
    let systems = database(IpVersion::V4, &[("10.0.0.0/16", of_system(1))]);
    let expected = [
        never("city = Berlin", "cities"),
        never("subdivision = DE-BE", "subdivisions by their codes"),
        never("subdivision = Brandenburg", "subdivisions by their names"),
    ];
    assert_eq!(warned(&spec, std::slice::from_ref(&systems)), expected);
    assert!(warned(&spec, &[cities(), systems]).is_empty());
    let own = Network {
        asn: Some(64_500),
        fact: None,
        ..Network::located("10.0.0.0/8".parse().unwrap(), NetworkFact::Region(RegionId(0)))
    };
    assert!(warned(&GeoSpec { networks: vec![own], ..spec }, &[cities()]).is_empty());
}

#[test]
fn values_of_other_types_say_nothing() {
    let odd = map([
        ("country", Value::from("DE")),
        ("autonomous_system_number", Value::from("AS64500")),
        ("city", Value::array([Value::from("Berlin")])),
        ("subdivisions", map([("iso_code", Value::from("BE"))])),
        ("state1", Value::from(7_u32)),
    ]);
    let locator = locator(
        naming(&[asn(64_500), city("Berlin"), subdivision("DE-BE")]),
        &[database(IpVersion::V4, &[("10.0.0.0/8", odd)])],
    );
    assert_eq!(holding(&locator, "10.0.0.1"), "asn = 64500");
}

fn latency(key: LatencyKey, region: u16, milliseconds: u16) -> Latency {
    Latency { key, region: RegionId(region), milliseconds }
}

/// The latencies from an address.
fn from(locator: &Locator, address: &str) -> Vec<(u16, u16)> {
    let profile = at(locator, address).latency.map(|id| &locator.latencies()[id.0 as usize]);
    profile.into_iter().flatten().map(|(region, milliseconds)| (region.0, *milliseconds)).collect()
}

#[test]
fn of_latencies_the_most_specific_key_counts_for_each_region() {
    let network = |prefix: &str| LatencyKey::Network(prefix.parse().unwrap());
    let germany = || LatencyKey::Country(Country::new("DE").unwrap());
    let berlin = || LatencyKey::Subdivision(PlaceName::new("de-be"));
    let latencies = vec![
        latency(network("10.0.1.0/24"), 3, 15),
        latency(network("10.0.0.0/16"), 3, 20),
        latency(network("10.0.0.0/16"), 2, 25),
        latency(LatencyKey::Asn(64_500), 2, 30),
        latency(LatencyKey::Asn(64_500), 1, 35),
        latency(berlin(), 1, 40),
        latency(berlin(), 0, 45),
        latency(germany(), 0, 99),
        latency(germany(), 0, 50),
        latency(germany(), 4, 55),
        latency(network("::ffff:10.2.0.0/112"), 0, 60),
    ];
    let systems = database(IpVersion::V4, &[("10.0.0.0/15", of_system(64_500))]);
    let locator = locator(GeoSpec { latencies, ..GeoSpec::default() }, &[cities(), systems]);
    assert_eq!(from(&locator, "10.0.1.1"), [(0, 45), (1, 35), (2, 25), (3, 15), (4, 55)]);
    assert_eq!(from(&locator, "10.0.2.1"), [(0, 45), (1, 35), (2, 25), (3, 20), (4, 55)]);
    assert_eq!(from(&locator, "10.1.0.1"), [(1, 35), (2, 30)]);
    assert_eq!(from(&locator, "10.2.0.1"), [(0, 60)], "an IPv4 prefix in IPv6 clothes");
    assert_eq!(from(&locator, "2001:db8::1"), [(0, 50), (4, 55)], "of two the later one");
    assert_eq!(from(&locator, "10.9.0.1"), []);
    assert_eq!(holding(&locator, "10.0.1.1"), "", "no rule names anything");
}

#[test]
fn equal_latencies_are_one_place() {
    let key = |number: u8| LatencyKey::Network(format!("10.{number}.0.0/16").parse().unwrap());
    let locators = [0, 100].map(|count| {
        let latencies = (0..count).map(|number| latency(key(number), 0, 20 + 5 * u16::from(number % 4))).collect();
        locator(GeoSpec { latencies, ..GeoSpec::default() }, &[cities()])
    });
    let [without, with] = locators;
    // Four profiles, at each of three cities and nowhere.
    assert!(with.places().len() <= without.places().len() + 16, "{} places", with.places().len());
    assert_eq!(with.latencies().len(), 4);
}

#[test]
fn latencies_from_clients_that_no_database_tells_apart_are_warned_of() {
    let latencies = vec![
        latency(LatencyKey::Asn(64_500), 0, 5),
        latency(LatencyKey::Subdivision(PlaceName::new("DE-BE")), 0, 5),
        latency(LatencyKey::Country(Country::new("DE").unwrap()), 0, 5),
    ];
    let spec = GeoSpec { latencies, ..GeoSpec::default() };
    let warned = |databases: &[Vec<u8>]| -> Vec<String> {
        let warnings = locator(spec.clone(), databases).warnings(&spec);
        warnings.iter().map(|warning| warning.message.split(':').next().unwrap().to_owned()).collect()
    };
    let systems = database(IpVersion::V4, &[("10.0.0.0/16", of_system(1))]);
    assert_eq!(warned(std::slice::from_ref(&systems)), ["1 of 3 latencies are not used"]);
    assert_eq!(warned(&[cities()]), ["1 of 3 latencies are not used"]);
    assert!(warned(&[cities(), systems]).is_empty());
}
