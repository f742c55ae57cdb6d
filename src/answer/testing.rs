//! Small worlds for tests of this room and of those that may name it.
#![expect(clippy::unwrap_used, reason = "test code")]

use crate::base::Sources;
use crate::geo::{Locator, spec::GeoSpec};
use crate::snapshot::{Inputs, Pages, Settings, Snapshot};
use crate::wire::Name;
use crate::zone::{BalancedOwner, Role, Zone, ZoneSet, ZoneSpec};
use std::sync::{Arc, LazyLock};

/// Where clients are plays no part.
static LOCATOR: LazyLock<Arc<Locator>> = LazyLock::new(|| Arc::new(Locator::build(&GeoSpec::default()).unwrap()));

fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes(), None).unwrap()
}

/// A zone of these records and a SOA and NS RRset; nothing is known of its balanced names.
fn zone(apex: &str, records: &str, balanced: &[&str]) -> Arc<Zone> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zone");
    let text = format!("$ORIGIN {apex}\n$TTL 60\n@ SOA ns host 1 2 3 4 30\n@ NS ns.test.invalid.\n{records}\n");
    std::fs::write(&file, text).unwrap();
    let owner =
        |text: &&str| BalancedOwner { owner: name(text), role: Role::Balanced, answers_cname: false, span: None };
    let spec = ZoneSpec { apex: name(apex), file, span: None, balanced: balanced.iter().map(owner).collect() };
    let mut sources = Sources::default();
    let (zone, mistakes) = Zone::load(&spec, None, &mut sources);
    zone.unwrap_or_else(|| panic!("{:?}", mistakes.iter().map(|m| m.one_line(&sources)).collect::<Vec<_>>()))
}

fn snapshot_of(zones: Vec<Arc<Zone>>) -> Snapshot {
    Snapshot {
        generation: 1,
        settings: Arc::new(Settings::default()),
        balances: zones.iter().map(|_| Box::default()).collect(),
        zones: Arc::new(ZoneSet::new(zones)),
        locator: Arc::clone(&LOCATOR),
        fallbacks: Arc::default(),
        rankings: Arc::new([]),
        pool_answers: Pages::new(&[]),
        services: Arc::new([]),
        service_answers: Pages::new(&[]),
        aliases: Arc::new([]),
        alias_answers: Pages::new(&[]),
        shards: Arc::new([]),
    }
}

/// A snapshot of zones, each with its apex and the text of its records.
pub fn snapshot(zones: &[(&str, &str)]) -> Snapshot {
    snapshot_of(zones.iter().map(|(apex, records)| zone(apex, records, &[])).collect())
}

/// A snapshot that no publisher makes: with the zone `example.`, where `www` is an address and the balanced name `bad` makes
/// the engine panic.
pub fn flawed_snapshot() -> Snapshot {
    snapshot_of(vec![zone("example.", "www A 192.0.2.1", &["bad.example."])])
}

/// What a publisher starts with to serve zones for `workers` UDP workers.
pub fn inputs(zones: &[(&str, &str)], workers: usize) -> Inputs {
    Inputs {
        settings: Settings::default(),
        zones: Arc::new(ZoneSet::new(zones.iter().map(|(apex, records)| zone(apex, records, &[])).collect())),
        locator: Arc::clone(&LOCATOR),
        regions: Vec::new(),
        pools: Vec::new(),
        policies: Vec::new(),
        owners: zones.iter().map(|_| Arc::default()).collect(),
        balances: zones.iter().map(|_| Vec::new()).collect(),
        aliases: Vec::new(),
        member_targets: Vec::new(),
        workers,
    }
}

/// The same snapshot with other settings.
pub fn with_settings(snapshot: Snapshot, settings: Settings) -> Snapshot {
    Snapshot { settings: Arc::new(settings), ..snapshot }
}

/// A query with this ID, in class IN, without EDNS.
pub fn query(id: u16, qname: &str, qtype: u16) -> Vec<u8> {
    let header = [&id.to_be_bytes()[..], b"\0\0\0\x01\0\0\0\0\0\0"].concat();
    [&header, name(qname).as_wire(), &qtype.to_be_bytes(), b"\0\x01"].concat()
}
