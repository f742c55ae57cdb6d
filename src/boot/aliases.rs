//! Aliases: between the configuration, the resolver of targets and the publisher; and what can be wrong with targets that are
//! in our own zones.

use crate::answer;
use crate::base::Diagnostic;
use crate::config::Config;
use crate::snapshot::PublisherHandle;
use crate::transfer::alias::{AliasResolver, AliasSpec, IsOurs, Tell, system_resolvers};
use crate::wire::rtype;
use crate::zone::{AliasTarget, BalancedOwner, Lookup, ZoneSet};
use std::collections::HashSet;
use std::io;
use std::sync::Arc;

/// Where a system says which resolvers it asks.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// What is to be looked up, and whom to ask.
pub fn spec(config: &Config) -> AliasSpec {
    let mut seen = HashSet::new();
    let targets = config.zones.iter().flat_map(|zone| &zone.aliases);
    let targets: Vec<Arc<AliasTarget>> = targets.filter(|&target| seen.insert(target)).map(Arc::clone).collect();
    let resolvers = if targets.is_empty() || !config.server.resolvers.is_empty() {
        config.server.resolvers.clone()
    } else {
        // Without that file there are none, which a warning says.
        system_resolvers(&std::fs::read_to_string(RESOLV_CONF).unwrap_or_default())
    };
    AliasSpec { targets, resolvers }
}

/// Starts looking up; what is found goes to the publisher.
pub fn start(config: &Config, publisher: PublisherHandle) -> io::Result<AliasResolver> {
    let connect = move || -> (IsOurs, Tell) {
        let store = publisher.store();
        (
            Box::new(move |target| answer::is_ours(&store.load(), &target.key)),
            Box::new(move |known| publisher.set_aliases(known)),
        )
    };
    AliasResolver::start(spec(config), connect)
}

/// What is wrong with the aliases of a configuration whose zones are `zones`.
pub fn check(config: &Config, zones: &ZoneSet) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    let mut asks_resolvers = None;
    for zone in &config.zones {
        let owners = zone.spec.balanced.iter().skip(zone.balances.len());
        for (owner, target) in owners.zip(&zone.aliases) {
            match check_ours(config, zones, target) {
                Some(Ok(())) => {}
                Some(Err(diagnostic)) => diagnostics.push(at(diagnostic, owner)),
                None => asks_resolvers = asks_resolvers.or(Some(owner)),
            }
        }
    }
    if let Some(first) = asks_resolvers.filter(|_| spec(config).resolvers.is_empty()) {
        let message = "there is no resolver to ask for the target of this alias";
        let hint = "add `resolvers = [\"192.0.2.53\"]` to `[server]`";
        diagnostics.push(at(Diagnostic::warning(message), first).hint(hint));
    }
    diagnostics
}

fn at(diagnostic: Diagnostic, owner: &BalancedOwner) -> Diagnostic {
    match owner.span {
        Some(span) => diagnostic.at(span, ""),
        None => diagnostic,
    }
}

/// Whether a target is in our own zones, and can have addresses there.
fn check_ours(config: &Config, zones: &ZoneSet, target: &AliasTarget) -> Option<Result<(), Diagnostic>> {
    let (number, apex_stripped) = zones.find(&target.key, 0)?;
    let zone = &zones.zones()[number];
    if !zone.is_available() {
        return Some(Ok(()));
    }
    let find = |rtype: u16| zone.lookup(&target.key, apex_stripped, rtype);
    let name = &target.name;
    let none = || {
        let message = format!("the target `{name}` has no addresses in the zone `{}`", zone.apex());
        Diagnostic::warning(message).hint("the alias is answered with no data; check the name")
    };
    match find(rtype::A) {
        Lookup::Balanced { slot, .. } => {
            // Zones and their configurations are numbered alike.
            let owner = config.zones.get(number)?.spec.balanced.get(slot as usize)?;
            let message = format!("the target `{name}` is balanced over a pool of names");
            let hint = "an alias has addresses: balance its owner over the pool itself, or name a target that has some";
            Some(if owner.answers_cname { Err(Diagnostic::error(message).hint(hint)) } else { Ok(()) })
        }
        Lookup::NoData if matches!(find(rtype::AAAA), Lookup::Answer { .. }) => Some(Ok(())),
        Lookup::NoData | Lookup::NxDomain => Some(Err(none())),
        Lookup::Answer { .. } | Lookup::Cname { .. } | Lookup::Unavailable => Some(Ok(())),
        Lookup::Referral { .. } | Lookup::Dname { .. } => None,
    }
}
