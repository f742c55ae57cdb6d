//! Networks of IPv4 clients in IPv6 form: what is said of them, and where their clients are in fact found.

use super::load_text;
use crate::base::Severity;
use crate::geo::{Client, Locator};

/// A prefix, the IPv4 network that it stands for if any, and a client inside as it arrives.
const NETWORKS: [(&str, Option<&str>, &str); 9] = [
    ("::ffff:192.0.2.0/120", Some("192.0.2.0/24"), "::ffff:192.0.2.77"),
    ("64:ff9b::192.0.2.0/120", Some("192.0.2.0/24"), "64:ff9b::192.0.2.77"),
    ("2002:c000:200::/40", Some("192.0.2.0/24"), "2002:c000:24d::1"),
    ("2002:c000:24d:1::/64", Some("192.0.2.77/32"), "2002:c000:24d:1::1"),
    ("::ffff:0:0/96", None, "::ffff:192.0.2.77"),
    ("64:ff9b::/96", None, "64:ff9b::192.0.2.77"),
    ("2002::/16", None, "2002:c000:24d::1"),
    ("2001::/32", None, "2001:0:4136:e378:8000:63bf:3fff:fdb2"),
    ("2001:0:4136:e378::/64", None, "2001:0:4136:e378:8000:63bf:3fff:fdb2"),
];

/// Whether the client is found inside the one `[[network]]` and the one network of a rule that a configuration has.
fn is_found(network: &str, client: &str) -> (bool, bool) {
    let loaded = load_text(&format!(
        "[region.sea]\ncoordinates = [-48.5, -123.5]\n[[network]]\nprefix = \"{network}\"\nregion = \"sea\"\n\
         [[policy.p.rule]]\nmatch = {{ network = \"{network}\" }}\nprefer = [\"sea\"]\n"
    ));
    let locator = Locator::build(&loaded.config().geo).unwrap();
    let client = Client::new(client.parse().unwrap(), 128);
    let place = &locator.places()[locator.place_of(locator.leaf(client.address)).0 as usize];
    (place.prefers.is_some(), !place.marks.is_empty())
}

#[test]
fn what_is_said_of_a_network_in_ipv6_form_is_what_the_locator_does() {
    for (network, inside, client) in NETWORKS {
        let loaded = load_text(&format!("[[network]]\nprefix = \"{network}\"\ncountry = \"DE\"\n"));
        let warnings = loaded.messages(Severity::Warning);
        let told = warnings.iter().find(|warning| warning.contains("are looked up by their IPv4 address"));
        let told = told.unwrap_or_else(|| panic!("{network}: {warnings:?}"));
        match inside {
            Some(inside) => {
                assert!(told.contains(&format!("is the network `{inside}`")), "{told}");
                assert_eq!(is_found(network, client), (true, true), "{network}");
                assert_eq!(is_found(network, "192.0.2.77"), (true, true), "{network} holds plain IPv4 clients too");
            }
            None => {
                assert!(told.contains("never matches"), "{told}");
                assert_eq!(is_found(network, client), (false, false), "{network}");
            }
        }
    }
}

#[test]
fn one_network_in_two_forms_is_one_network() {
    for (network, inside, _) in NETWORKS {
        let Some(inside) = inside else { continue };
        let twice = |first: &str, second: &str| {
            let networks =
                [first, second].map(|prefix| format!("[[network]]\nprefix = \"{prefix}\"\ncountry = \"DE\"\n"));
            let rules = [first, second]
                .map(|prefix| format!("[[policy.p.rule]]\nmatch = {{ network = \"{prefix}\" }}\nprefer = [\"r\"]\n"));
            let loaded = load_text(&format!("[region.r]\n{}{}", networks.concat(), rules.concat()));
            let told = loaded.messages(Severity::Error).join("\n");
            assert!(told.contains(&format!("network `{inside}` is defined twice")), "{first}, {second}: {told}");
            assert!(told.contains("this rule never decides"), "{first}, {second}: {told}");
        };
        twice(network, inside);
        twice(inside, network);
    }
}

#[test]
fn the_more_specific_of_two_networks_is_that_of_the_longer_ipv4_prefix() {
    let loaded = load_text(
        "[region.r]\n[[policy.p.rule]]\nmatch = { network = \"2002:c000:200::/40\" }\nprefer = [\"r\"]\n\
         [[policy.p.rule]]\nmatch = { network = \"192.0.2.128/25\" }\nprefer = [\"r\"]\n",
    );
    let policy = loaded.config().policies.iter().find(|policy| &*policy.name == "p").unwrap();
    let networks: Vec<String> = policy.rules.iter().map(|rule| rule.condition.network.unwrap().to_string()).collect();
    assert_eq!(networks, ["192.0.2.0/24", "192.0.2.128/25"]);
    let marks: Vec<String> = loaded.config().geo.marks.iter().map(ToString::to_string).collect();
    assert_eq!(marks, networks);
}
