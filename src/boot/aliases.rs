//! Aliases: between the configuration, the resolver of targets and the publisher; and what can be wrong with targets that are
//! in our own zones.

use crate::answer::{self, CNAME_CHAIN_LEN_MAX};
use crate::base::Diagnostic;
use crate::config::Config;
use crate::snapshot::PublisherHandle;
use crate::transfer::alias::{AliasResolver, AliasSpec, IsOurs, Tell, system_resolvers};
use crate::wire::{Name, NameKey, rtype};
use crate::zone::{AliasTarget, BalancedOwner, Lookup, Role, Zone, ZoneSet};
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

/// What is wrong with the aliases of a configuration whose zones are `zones`; nothing unless all of them were loaded.
pub fn check(config: &Config, zones: &[Arc<Zone>]) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    if zones.len() != config.zones.len() || config.zones.iter().all(|zone| zone.aliases.is_empty()) {
        return diagnostics;
    }
    let zones = &ZoneSet::new(zones.to_vec());
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

/// Whether a target is in our own zones, and can have addresses there; follows CNAMEs as answers do.
fn check_ours(config: &Config, zones: &ZoneSet, target: &AliasTarget) -> Option<Result<(), Diagnostic>> {
    let mut key = target.key.clone();
    for _ in 0..CNAME_CHAIN_LEN_MAX {
        let (number, apex_stripped) = zones.find(&key, 0)?;
        let zone = &zones.zones()[number];
        if !zone.is_available() {
            return Some(Ok(()));
        }
        match zone.lookup(&key, apex_stripped, rtype::A) {
            Lookup::Balanced { slot, .. } => {
                // Zones and their configurations are numbered alike.
                let owner = config.zones.get(number)?.spec.balanced.get(slot as usize)?;
                return Some(check_balanced(target, &key, owner));
            }
            Lookup::Cname { rrset, .. } => {
                let mut next = NameKey::default();
                zone.target(rrset, rrset.targets()[0], &mut next);
                key = next;
            }
            Lookup::NoData | Lookup::NxDomain => {
                let has_ipv6 = matches!(zone.lookup(&key, apex_stripped, rtype::AAAA), Lookup::Answer { .. });
                let message =
                    format!("the target {} no addresses in the zone `{}`", led(target, &key, "has"), zone.apex());
                let warning = Diagnostic::warning(message).hint("the alias is answered with no data; check the name");
                return Some(if has_ipv6 { Ok(()) } else { Err(warning) });
            }
            Lookup::Answer { .. } | Lookup::Unavailable => return Some(Ok(())),
            Lookup::Referral { .. } | Lookup::Dname { .. } => return None,
        }
    }
    let message = format!("the target `{}` leads round in circles, or through too many CNAMEs", target.name);
    Some(Err(Diagnostic::error(message).hint("name a target that has addresses, or change the CNAMEs")))
}

/// Whether the balanced name at `key`, to which a target leads, can have addresses.
fn check_balanced(target: &AliasTarget, key: &NameKey, owner: &BalancedOwner) -> Result<(), Diagnostic> {
    if owner.answers_cname {
        let message = format!("the target {} balanced over a pool of names", led(target, key, "is"));
        let hint = "an alias has addresses: balance its owner over the pool itself, or name a target that has some";
        return Err(Diagnostic::error(message).hint(hint));
    }
    let is_same = |other: &NameKey| other.octets() == target.key.octets();
    let is_itself = is_same(key) && is_same(&NameKey::of(&owner.owner));
    // Targets that are the owners of aliases are reported with the configuration.
    if owner.role != Role::Alias || is_itself {
        return Ok(());
    }
    let what =
        if owner.owner.is_wildcard() { format!("covered by the alias `{}`", owner.owner) } else { "an alias".into() };
    let message = format!("the target {} {what}", led(target, key, "is"));
    Err(Diagnostic::error(message).hint("an alias of an alias has no answer; name a target that has addresses"))
}

/// The name of a target and `verb`; where CNAMEs lead on to another name, that name too.
fn led(target: &AliasTarget, key: &NameKey, verb: &str) -> String {
    match Name::from_wire(key.octets()) {
        Ok((end, _)) if key.octets() != target.key.octets() => {
            format!("`{}` leads to `{end}`, which {verb}", target.name)
        }
        _ => format!("`{}` {verb}", target.name),
    }
}

#[cfg(test)]
mod tests {
    //! A server in this process with a resolver on loopback.
    #![expect(clippy::unwrap_used, reason = "test code")]

    use crate::base::Sources;
    use crate::boot::{Overrides, Server};
    use crate::snapshot::AliasFamily;
    use std::net::{SocketAddr, UdpSocket};
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    const ZONE: &str = "@ 300 SOA ns1 host 1 7200 3600 1209600 300\n@ 300 NS ns1\nns1 300 A 192.0.2.53\n\
                        names 300 CNAME ns1\ntext 300 TXT none\n";

    /// A resolver that has one A record for every name, and says nothing any more when `silent`.
    fn resolver(silent: &Arc<AtomicBool>) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, silent) = (socket.local_addr().unwrap(), Arc::clone(silent));
        std::thread::spawn(move || {
            let mut message = [0; 512];
            while let Ok((len, from)) = socket.recv_from(&mut message) {
                let question_end = 12 + message[12..len].iter().position(|&octet| octet == 0).unwrap() + 5;
                let is_a = message[question_end - 3] == 1;
                let mut response = message[..question_end].to_vec();
                response[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
                if is_a {
                    response.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x07");
                }
                if !silent.load(Ordering::Relaxed) {
                    socket.send_to(&response, from).unwrap();
                }
            }
        });
        address
    }

    fn write(folder: &Path, resolver: SocketAddr, more: &str) {
        let toml = format!(
            "[server]\nworkers = 1\nresolvers = [\"{resolver}\"]\n[admin]\nlisten = \"\"\n[region.a]\n[pool.names]\n\
             members = [{{ region = \"a\", cname = \"x.example.net.\" }}]\n[zone.\"example.test\"]\nfile = \"zone\"\n\
             alias.\"@\" = \"lb.example.net.\"\n{more}"
        );
        std::fs::write(folder.join("azimuth.toml"), toml).unwrap();
        std::fs::write(folder.join("zone"), ZONE).unwrap();
    }

    fn known(server: &Server, number: usize) -> AliasFamily {
        server.publisher().flush();
        let snapshot = Arc::clone(&server.publisher().store().load());
        let alias = &snapshot.aliases[0][number];
        snapshot.alias_answers.get(alias.answers as usize).0[0].clone()
    }

    #[test]
    fn what_is_known_of_a_target_outlives_reloads_and_silent_resolvers() {
        let silent = Arc::new(AtomicBool::new(false));
        let (folder, resolver) = (tempfile::tempdir().unwrap(), resolver(&silent));
        write(folder.path(), resolver, "");
        let listen = Some(vec!["127.0.0.1:0".parse().unwrap()]);
        let overrides = Overrides { listen, admin: None, state_dir: Some(folder.path().join("state")) };
        let (mut server, report) = Server::start(&folder.path().join("azimuth.toml"), overrides).ok().unwrap();
        assert!(report.diagnostics.is_empty(), "{:?}", report.diagnostics);
        for _ in 0..12_000 {
            if known(&server, 0) != AliasFamily::Unknown {
                break;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        let first = known(&server, 0);
        assert!(matches!(first, AliasFamily::Known { records: 1, .. }), "{first:?}");
        silent.store(true, Ordering::Relaxed);
        // Another alias before it: numbers change, names do not.
        let more = "alias.another = \"other.example.net.\"\nbalance.pool = { pool = \"names\" }\n";
        write(folder.path(), resolver, more);
        assert!(server.reload().ok().unwrap().0);
        assert_eq!((known(&server, 0), known(&server, 1)), (first, AliasFamily::Unknown));
        server.stop();
    }

    #[test]
    fn targets_of_our_own_that_can_have_no_addresses_are_told() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            ([192, 0, 2, 1], 53).into(),
            "alias.a = \"pool.example.test.\"\nalias.b = \"text.example.test.\"\nalias.c = \"gone.example.test.\"\n\
             alias.d = \"names.example.test.\"\nalias.e = \"to-pool.example.test.\"\n\
             alias.f = \"to-f.example.test.\"\nalias.\"*.w\" = \"ns1.example.test.\"\n\
             alias.g = \"x.w.example.test.\"\nalias.h = \"circle.example.test.\"\n\
             balance.pool = { pool = \"names\" }\n",
        );
        let more = "to-pool 300 CNAME pool\nto-f 300 CNAME f\ncircle 300 CNAME circle\n";
        std::fs::write(folder.path().join("zone"), ZONE.to_owned() + more).unwrap();
        let (loaded, report) = crate::boot::load(&folder.path().join("azimuth.toml"), &Overrides::default(), None);
        assert!(loaded.is_none());
        let told: Vec<String> = report.diagnostics.iter().map(|d| d.one_line(&report.sources)).collect();
        let has = |text: &str| told.iter().any(|line| line.contains(text));
        assert!(has("the target `pool.example.test.` is balanced over a pool of names"), "{told:?}");
        assert!(has("the target `text.example.test.` has no addresses in the zone `example.test.`"), "{told:?}");
        assert!(has("the target `gone.example.test.` has no addresses"), "{told:?}");
        assert!(has("`to-pool.example.test.` leads to `pool.example.test.`, which is balanced"), "{told:?}");
        assert!(has("the target `to-f.example.test.` leads to `f.example.test.`, which is an alias"), "{told:?}");
        assert!(has("the target `x.w.example.test.` is covered by the alias `*.w.example.test.`"), "{told:?}");
        assert!(has("the target `circle.example.test.` leads round in circles"), "{told:?}");
        assert_eq!(told.len(), 7, "{told:?}");
        // `azimuth check` says the same.
        let mut sources = Sources::default();
        let (config, _) = crate::config::load_partly(&folder.path().join("azimuth.toml"), &mut sources);
        let rest = crate::boot::load_rest(&config, &mut sources);
        assert_eq!(rest.iter().map(|d| d.one_line(&sources)).collect::<Vec<_>>(), told);
    }
}
