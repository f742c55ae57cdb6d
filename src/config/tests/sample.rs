//! The sample configuration at the top of the repository: what `demo` shows and tests load.

use super::Loaded;
use crate::base::{Continent, Family};
use crate::steering::spec::MemberTarget;
use std::collections::HashSet;
use std::path::Path;

fn sample() -> Loaded {
    Loaded::from(Path::new("azimuth.toml"))
}

#[test]
fn it_loads_without_a_word() {
    let loaded = sample();
    assert_eq!(loaded.rendered(), "");
    assert!(loaded.config.is_some());
}

#[test]
fn it_shows_what_there_is() {
    let loaded = sample();
    let config = loaded.config();
    assert!(config.regions.len() >= 4 && config.regions.iter().all(|region| region.coordinates.is_some()));
    let zone = &config.zones[0];
    let owners: HashSet<String> = zone.spec.balanced.iter().map(|balanced| balanced.owner.to_string()).collect();
    for owner in ["www.gslb.example.com.", "api.gslb.example.com.", "gslb.example.com.", "*.apps.gslb.example.com."] {
        assert!(owners.contains(owner), "{owner}");
    }
    assert!(zone.spec.balanced.iter().any(|balanced| balanced.answers_cname));
    assert!(zone.spec.file.is_file());
    assert!(config.policies.iter().any(|policy| !policy.rules.is_empty()));
    assert!(!config.geo.networks.is_empty() && !config.geo.marks.is_empty());
    let families: HashSet<Family> = config
        .pools
        .iter()
        .flat_map(|pool| &pool.members)
        .filter_map(|member| match member.target {
            MemberTarget::Address(address) => Some(Family::of(address)),
            MemberTarget::Name { .. } => None,
        })
        .collect();
    assert_eq!(families.len(), 2);
    let rules = config.policies.iter().flat_map(|policy| &policy.rules);
    assert!(rules.clone().any(|rule| rule.condition.continent == Some(Continent::Europe)));
}

#[test]
fn everything_that_is_checked_listens_on_loopback() {
    let loaded = sample();
    let config = loaded.config();
    assert!(config.server.listen.iter().all(|socket| socket.ip().is_loopback() && socket.port() != 53));
    assert!(config.admin.listen.is_some_and(|socket| socket.ip().is_loopback()));
    for member in config.pools.iter().filter(|pool| !pool.monitors.is_empty()).flat_map(|pool| &pool.members) {
        use crate::steering::spec::ProbeAddress::{Address, Socket};
        let probed = match (&member.probe_address, &member.target) {
            (Some(Socket(socket)), _) => socket.ip(),
            (Some(Address(address)), _) | (None, MemberTarget::Address(address)) => *address,
            (None, MemberTarget::Name { text, .. }) => panic!("{text} is checked"),
        };
        assert!(probed.is_loopback(), "{probed}");
    }
}
