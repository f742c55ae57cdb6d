//! Services of balanced names as the publisher makes them of zones that change; here, because only this room may name all of it.
#![expect(clippy::unwrap_used, reason = "test code")]
use crate::base::{PolicyId, PoolId, RegionId, Sources};
use crate::geo::{Locator, spec::GeoSpec};
use crate::snapshot::{Inputs, Publisher, Settings, Snapshot, service_of};
use crate::steering::spec::*;
use crate::wire::{Name, NameKey};
use crate::zone::{BalancedOwner, Change, Role, Zone, ZoneSet, ZoneSpec};
use std::path::Path;
use std::sync::Arc;

const HTTPS: u16 = 65;

fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes(), None).unwrap()
}

fn zone(folder: &Path) -> (Arc<Zone>, Vec<BalancedOwner>) {
    let file = folder.join("zone");
    std::fs::write(&file, "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns.test.\na HTTPS 1 .\nb HTTPS 1 .\n").unwrap();
    let owner = |text| BalancedOwner { owner: name(text), role: Role::Balanced, answers_cname: false, span: None };
    let balanced = vec![owner("a.example."), owner("b.example."), owner("c.example.")];
    let spec = ZoneSpec { apex: name("example."), file, span: None, balanced: balanced.clone() };
    (Zone::load(&spec, None, &mut Sources::default()).0.unwrap(), balanced)
}

/// Three names over one pool of one member.
fn inputs(zone: Arc<Zone>, owners: Vec<BalancedOwner>) -> Inputs {
    let member = Member::new(RegionId(0), MemberTarget::Address([192, 0, 2, 1].into()));
    let policy = Policy { name: "p".into(), order: Order::Listed, ..Policy::default() };
    let balance = BalanceSpec { pool: PoolId(0), policy: PolicyId(0), ttl: TtlRange::default() };
    Inputs {
        settings: Settings::default(),
        zones: Arc::new(ZoneSet::new(vec![zone])),
        locator: Arc::new(Locator::build(&GeoSpec::default()).unwrap()),
        regions: vec![Region { name: "eu".into(), ..Region::default() }],
        pools: vec![Pool { name: "web".into(), members: vec![member], ..Pool::default() }],
        policies: vec![policy],
        owners: vec![owners.into()],
        balances: vec![vec![balance; 3]],
        aliases: vec![Vec::new()],
        member_targets: vec![vec![Vec::new()]],
        workers: 1,
    }
}

/// The number of the service of each name, and how many there are.
fn services(snapshot: &Snapshot) -> ([Option<usize>; 3], usize) {
    let of = |slot| service_of(&snapshot.services, 0, slot, HTTPS);
    ([of(0), of(1), of(2)], snapshot.service_answers.iter().count())
}

#[test]
fn services_are_there_once_and_follow_changes_of_the_zone() {
    let folder = tempfile::tempdir().unwrap();
    let (zone, owners) = zone(folder.path());
    let publisher = Publisher::start(inputs(Arc::clone(&zone), owners));
    let snapshot = || Arc::clone(&publisher.store().load());
    assert_eq!(services(&snapshot()), ([Some(0), Some(0), None], 1));
    let first = snapshot();
    let (answer, changes) = first.service_answers.get(0).variant(Some(0));
    assert!(answer.octets.ends_with(b"\0\x01\0\0\x04\0\x04\xc0\0\x02\x01") && !changes);

    // `b` goes, and `c` comes with something of its own.
    let gone = zone.records_at(&NameKey::of(&name("b.example."))).remove(0);
    let mut new = gone.clone();
    (new.owner, new.data) = (name("c.example."), Box::from(&b"\0\x02\0\0\x03\0\x02\x01\xbb"[..]));
    let zone = Arc::new(zone.edited(&[Change::Remove(gone), Change::Add(new)]).unwrap());
    publisher.set_zone(zone);
    assert_eq!(services(&snapshot()), ([Some(0), None, Some(1)], 2));
    publisher.stop();
}

#[test]
fn large_groups_that_are_answered_whole_have_their_hints_once() {
    let folder = tempfile::tempdir().unwrap();
    let (zone, owners) = zone(folder.path());
    for (members, is_shared) in [(16, false), (17, true)] {
        let mut inputs = inputs(Arc::clone(&zone), owners.clone());
        inputs.policies[0].spread = Spread::All;
        let first = inputs.pools[0].members.remove(0);
        let member = |host| Member { target: MemberTarget::Address([192, 0, 2, host].into()), ..first.clone() };
        inputs.pools[0].members = (0..members).map(member).collect();
        inputs.member_targets = vec![vec![Vec::new(); members.into()]];
        let publisher = Publisher::start(inputs);
        let snapshot = Arc::clone(&publisher.store().load());
        let service = snapshot.service_answers.get(0);
        let octets = |number| service.variant(Some(number)).0.octets;
        assert_eq!(octets(0).as_ptr() == octets(u32::from(members) - 1).as_ptr(), is_shared, "{members} members");
        assert_eq!(octets(0).len(), octets(u32::from(members) - 1).len());
        publisher.stop();
    }
}
