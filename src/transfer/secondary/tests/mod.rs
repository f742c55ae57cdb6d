//! Secondary zones against primaries on loopback that do well, badly, or nothing.

#![expect(clippy::unwrap_used, reason = "test code")]

mod broken;
mod primary;
mod reloads;
mod zones;

use super::Secondaries;
use super::fetch::Patience;
use super::status::{State, ZoneStatus};
use crate::transfer::reload::{Candidate, resolve};
use crate::transfer::spec::{PrimarySpec, Role, SecondarySpec, TransferSpec, ZoneTransfers};
use crate::transfer::{Journals, LiveZone, LiveZones};
use crate::wire::{Name, Rcode};
use crate::zone::{Zone, ZoneSpec};
use primary::name;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest wait for anything that must come.
const PATIENCE: Duration = Duration::from_secs(120);
/// Longest silence of a primary where one is silent: far more than it takes to answer.
const SILENCE_MAX: Duration = Duration::from_secs(2);
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "gave up waiting until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The zone `example.` from these primaries.
fn spec(primaries: &[SocketAddr]) -> SecondarySpec {
    let zone = ZoneSpec { apex: name("example."), file: PathBuf::new(), span: None, balanced: Vec::new() };
    let primary = |address: &SocketAddr| PrimarySpec { address: *address, key: None };
    SecondarySpec {
        zone,
        primaries: primaries.iter().map(primary).collect(),
        refresh_min: Duration::from_millis(100),
        refresh_max: Duration::from_secs(1_000_000),
        len_max: 1 << 20,
    }
}

/// A server without sockets for queries.
struct World {
    zones: LiveZones,
    secondaries: Option<Secondaries>,
    state_dir: Arc<tempfile::TempDir>,
}

impl World {
    fn new() -> Self {
        Self::over(Arc::new(tempfile::tempdir().unwrap()))
    }

    /// With what an earlier one has kept.
    fn over(state_dir: Arc<tempfile::TempDir>) -> Self {
        Self::with_patience(PATIENCE, state_dir)
    }

    fn with_patience(silence_max: Duration, state_dir: Arc<tempfile::TempDir>) -> Self {
        let zones = LiveZones::default();
        let patience = Patience { silence_max, transfer_max: PATIENCE };
        let secondaries = Secondaries::start_with(zones.clone(), state_dir.path(), patience).unwrap();
        Self { zones, secondaries: Some(secondaries), state_dir }
    }

    fn following(spec: &SecondarySpec) -> Self {
        let world = Self::new();
        world.configure(Some(spec), &TransferSpec::default());
        world
    }

    /// The same where the primary will be silent.
    fn following_silence(spec: &SecondarySpec) -> Self {
        let world = Self::with_patience(SILENCE_MAX, Arc::new(tempfile::tempdir().unwrap()));
        world.configure(Some(spec), &TransferSpec::default());
        world
    }

    /// A configuration with this zone alone, or without any, goes live.
    fn configure(&self, spec: Option<&SecondarySpec>, transfer: &TransferSpec) {
        let mut pause = self.zones.pause();
        if let Some(spec) = spec {
            let transfers = ZoneTransfers { role: Role::Secondary(spec.clone()), ..ZoneTransfers::default() };
            let file = Arc::new(Zone::unavailable(spec.zone.apex.clone()));
            let state_dir = self.state_dir.path();
            let candidate = Candidate { spec: &spec.zone, transfers: &transfers, file: &file, state_dir };
            assert!(resolve(&mut pause, &candidate, &Journals::new(state_dir)).is_ok());
        }
        pause.adopt();
        self.secondaries().handle().follow(transfer);
    }

    fn secondaries(&self) -> &Secondaries {
        self.secondaries.as_ref().unwrap()
    }

    fn live(&self) -> Arc<LiveZone> {
        self.zones.get(&name("example.")).unwrap()
    }

    fn zone(&self) -> Arc<Zone> {
        self.live().zone()
    }

    fn status(&self) -> ZoneStatus {
        self.secondaries().handle().status().pop().unwrap()
    }

    fn failures(&self, kind: &str) -> u64 {
        let at = ZoneStatus::failure_kinds().iter().position(|known| *known == kind).unwrap();
        self.status().failures[at]
    }

    fn notify(&self, serial: Option<u32>) -> Rcode {
        self.secondaries().handle().notified(&name("example."), LOOPBACK, None, serial)
    }

    fn wait_for_serial(&self, serial: u32) {
        wait_until(&format!("serial {serial} is live"), || self.zone().serial() == serial);
    }

    /// The records in text form, sorted.
    fn records(&self) -> Vec<String> {
        texts(&self.zone())
    }

    /// Stops, and leaves what was kept.
    fn stop(mut self) -> Arc<tempfile::TempDir> {
        self.secondaries.take().unwrap().stop();
        Arc::clone(&self.state_dir)
    }
}

fn texts(zone: &Zone) -> Vec<String> {
    let mut records: Vec<_> = zone.records().map(|record| format!("{record:?}")).collect();
    records.sort();
    records
}

/// The file that the zone is kept in.
fn kept_file(state_dir: &Path) -> PathBuf {
    state_dir.join("zones").join("example.secondary")
}
