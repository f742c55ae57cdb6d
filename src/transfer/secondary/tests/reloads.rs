//! Balanced names over a transferred zone, and reloads of the configuration.

use super::primary::{Piece, Primary, Script, a, having, name, record, soa};
use super::*;
use crate::wire::{NameKey, rtype};
use crate::zone::{BalancedOwner, Lookup, Record};

/// TYPE of keys of signed zones.
const DNSKEY: u16 = 48;

fn balanced(owners: &[&str]) -> Vec<BalancedOwner> {
    let owner = |text: &&str| BalancedOwner {
        owner: name(text),
        role: crate::zone::Role::Balanced,
        answers_cname: false,
        span: None,
    };
    owners.iter().map(owner).collect()
}

fn with_overlay(primary: SocketAddr, owners: &[&str]) -> SecondarySpec {
    let mut spec = spec(&[primary]);
    spec.zone.balanced = balanced(owners);
    spec
}

fn look<'z>(zone: &'z Zone, owner: &str, rtype: u16) -> Lookup<'z> {
    let key = NameKey::of(&name(owner));
    zone.lookup(&key, zone.strip(&key).unwrap(), rtype)
}

fn is_hidden(zone: &Zone, owner: &str, rtype: u16) -> bool {
    matches!(look(zone, owner, rtype), Lookup::Balanced { fixed: None, .. })
}

fn mx(owner: &str, target: &str) -> Record {
    record(owner, rtype::MX, &[&[0, 10], name(target).as_wire()].concat())
}

#[test]
fn balanced_names_hide_what_they_answer_and_transfers_still_show_it() {
    let https = record("www.example.", rtype::HTTPS, &[0, 1, 0]);
    let data = [
        a("www.example.", 1),
        https,
        record("www.example.", rtype::AAAA, &[0; 16]),
        mx("www.example.", "www.example."),
        record("alias.example.", rtype::CNAME, name("www.example.").as_wire()),
    ];
    let primary = Primary::start(having(&soa(1), &data));
    let world = World::following(&with_overlay(primary.address, &["www.example.", "alias.example.", "new.example."]));
    world.wait_for_serial(1);
    let zone = world.zone();
    for rtype in [rtype::A, rtype::AAAA, rtype::HTTPS, rtype::CNAME] {
        for owner in ["www.example.", "alias.example.", "new.example."] {
            assert!(is_hidden(&zone, owner, rtype), "{owner} {rtype}");
        }
    }
    assert!(matches!(look(&zone, "www.example.", rtype::MX), Lookup::Balanced { fixed: Some(_), .. }));
    // Nor do they come along with an MX record.
    assert!(zone.addresses(&NameKey::of(&name("www.example.")), 1).iter().all(Option::is_none));
    let mut expected: Vec<_> = data.iter().chain([&soa(1)]).map(|record| format!("{record:?}")).collect();
    expected.sort();
    assert_eq!(world.records(), expected);
    // An increment keeps them in their places.
    primary.script(|script| {
        script.soa = Some(soa(2));
        script.changes =
            vec![Piece::Records(vec![soa(2), soa(1), a("www.example.", 1), soa(2), a("www.example.", 2), soa(2)])];
    });
    world.notify(None);
    world.wait_for_serial(2);
    assert!(is_hidden(&world.zone(), "www.example.", rtype::A));
    assert_eq!(world.status().incremental, 1);
    assert_eq!(world.status().inactive_names, 0);
}

#[test]
fn names_below_a_cut_of_the_primary_are_inactive_until_the_cut_goes() {
    let ns = record("sub.example.", rtype::NS, name("ns.example.").as_wire());
    let primary = Primary::start(having(&soa(1), std::slice::from_ref(&ns)));
    let world = World::following(&with_overlay(primary.address, &["www.sub.example.", "sub.example.", "www.example."]));
    world.wait_for_serial(1);
    wait_until("it is noticed", || world.status().inactive_names == 2);
    assert!(matches!(look(&world.zone(), "www.sub.example.", rtype::A), Lookup::Referral { .. }));
    primary.script(|script| {
        script.soa = Some(soa(2));
        script.changes = vec![Piece::Records(vec![soa(2), soa(1), ns, soa(2), soa(2)])];
    });
    world.notify(None);
    world.wait_for_serial(2);
    wait_until("it is noticed", || world.status().inactive_names == 0);
    assert!(is_hidden(&world.zone(), "www.sub.example.", rtype::A));
}

#[test]
fn a_signed_zone_is_served_without_balanced_names() {
    let key = record("example.", DNSKEY, &[1, 1, 3, 13, 0]);
    let primary = Primary::start(having(&soa(1), &[a("www.example.", 1), key.clone()]));
    let world = World::following(&with_overlay(primary.address, &["www.example."]));
    world.wait_for_serial(1);
    assert!(matches!(look(&world.zone(), "www.example.", rtype::A), Lookup::Answer { .. }));
    wait_until("it is noticed", || world.status().inactive_names == 1);
    for (serial, removed, added, is_hidden_then) in
        [(2, vec![key.clone()], vec![], true), (3, vec![], vec![key], false)]
    {
        let soas = [vec![soa(serial), soa(serial - 1)], removed, vec![soa(serial)], added, vec![soa(serial)]];
        primary.script(|script| {
            script.soa = Some(soa(serial));
            script.changes = vec![Piece::Records(soas.concat())];
        });
        world.notify(None);
        world.wait_for_serial(serial);
        assert_eq!(is_hidden(&world.zone(), "www.example.", rtype::A), is_hidden_then, "serial {serial}");
    }
}

#[test]
fn a_reload_keeps_the_data_and_lays_other_names_over_it() {
    let primary = Primary::start(having(&soa(1), &[a("www.example.", 1), a("api.example.", 2)]));
    let world = World::following(&with_overlay(primary.address, &["www.example."]));
    world.wait_for_serial(1);
    let before = world.zone();
    world.configure(Some(&with_overlay(primary.address, &["www.example."])), &TransferSpec::default());
    assert!(Arc::ptr_eq(&before, &world.zone()), "nothing has changed");
    world.configure(Some(&with_overlay(primary.address, &["api.example."])), &TransferSpec::default());
    assert!(matches!(look(&world.zone(), "www.example.", rtype::A), Lookup::Answer { .. }));
    assert!(is_hidden(&world.zone(), "api.example.", rtype::A));
    assert_eq!(world.records(), texts(&before));
    // Another primary is asked at once.
    let other = Primary::start(having(&soa(4), &[]));
    world.configure(Some(&with_overlay(other.address, &[])), &TransferSpec::default());
    world.wait_for_serial(4);
}

#[test]
fn what_arrives_after_a_zone_has_gone_is_dropped() {
    let pieces = vec![Piece::Records(vec![soa(1), a("www.example.", 1)]), Piece::Gate, Piece::Records(vec![soa(1)])];
    let primary = Primary::start(Script { whole: pieces, ..having(&soa(1), &[]) });
    let mut world = World::new();
    // As patient as it is with real primaries.
    world.secondaries = Some(Secondaries::start(world.zones.clone(), world.state_dir.path()).unwrap());
    world.configure(Some(&spec(&[primary.address])), &TransferSpec::default());
    wait_until("the transfer has begun", || !primary.script(|script| script.asked.is_empty()));
    let live = world.live();
    world.configure(None, &TransferSpec::default());
    assert!(world.zones.all().is_empty() && world.secondaries().handle().status().is_empty());
    assert_eq!(world.notify(None), Rcode::NOTAUTH);
    primary.script(|script| script.is_open = true);
    wait_until("the transfer has ended", || Arc::strong_count(&live) == 1);
    assert!(!live.zone().is_available() && !kept_file(world.state_dir.path()).exists());
}

#[test]
fn what_arrives_after_other_names_were_laid_over_the_zone_is_had_again_with_these() {
    let pieces = vec![Piece::Records(vec![soa(1), a("www.example.", 1)]), Piece::Gate, Piece::Records(vec![soa(1)])];
    let primary = Primary::start(Script { whole: pieces, ..having(&soa(1), &[]) });
    let mut world = World::new();
    world.secondaries = Some(Secondaries::start(world.zones.clone(), world.state_dir.path()).unwrap());
    world.configure(Some(&with_overlay(primary.address, &["a.example.", "b.example."])), &TransferSpec::default());
    wait_until("the transfer has begun", || !primary.script(|script| script.asked.is_empty()));
    world.configure(Some(&with_overlay(primary.address, &["www.example."])), &TransferSpec::default());
    primary.script(|script| script.is_open = true);
    world.wait_for_serial(1);
    assert_eq!(world.status().whole, 1);
    assert!(is_hidden(&world.zone(), "www.example.", rtype::A));
    assert!(matches!(look(&world.zone(), "b.example.", rtype::A), Lookup::NxDomain));
}
