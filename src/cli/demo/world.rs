//! The demo's world: the sample configuration in a temporary folder, a backend for everything it probes, the server.

use super::backends::Backends;
use crate::boot::{Overrides, Server, StartError};
use crate::health::{Endpoint, Status, TargetKey};
use crate::steering::spec::MemberTarget;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The sample configuration, as it stands at the top of the repository.
const SAMPLE: &[(&str, &str)] = &[
    ("azimuth.toml", include_str!("../../../azimuth.toml")),
    ("regions.toml", include_str!("../../../regions.toml")),
    ("pools.toml", include_str!("../../../pools.toml")),
    ("zones/gslb.example.com.toml", include_str!("../../../zones/gslb.example.com.toml")),
    ("zones/gslb.example.com.zone", include_str!("../../../zones/gslb.example.com.zone")),
];

/// Why the demo did not start.
pub enum WorldError {
    /// The server did not.
    Start(StartError),
    /// Something around it did not; a sentence with its remedy.
    System(String),
}

/// The running world.
pub struct World {
    server: Server,
    backends: Backends,
    folder: Folder,
    regions: Vec<DemoRegion>,
}

/// A region with the backends that stand for it.
pub struct DemoRegion {
    /// Its name.
    pub name: String,
    /// What is probed there, and the member it is probed for.
    pub members: Vec<(String, TargetKey)>,
    /// Whether its backends run.
    pub alive: bool,
}

/// A folder that is removed when dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays in the temporary folder; there is nobody to tell.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl World {
    /// Writes the configuration, starts every backend, then the server.
    pub fn start(listen: SocketAddr, admin: SocketAddr) -> Result<Self, WorldError> {
        let folder = write_sample().map_err(|error| WorldError::System(format!("cannot write the sample: {error}")))?;
        let overrides =
            Overrides { listen: Some(vec![listen]), admin: Some(admin), state_dir: Some(folder.0.join("state")) };
        let config = folder.0.join("azimuth.toml");
        let (loaded, report) = crate::boot::load(&config, &overrides, None);
        let Some(loaded) = loaded else { return Err(WorldError::Start(StartError::Configuration(report))) };
        let mut world_regions = regions_of(&loaded);
        let mut backends =
            Backends::new().map_err(|error| WorldError::System(format!("cannot start the backends: {error}")))?;
        for region in &mut world_regions {
            start_backends(&mut backends, region).map_err(WorldError::System)?;
        }
        let (server, _) = Server::start(&config, overrides).map_err(WorldError::Start)?;
        Ok(Self { server, backends, folder, regions: world_regions })
    }

    /// The running server.
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// The regions, in configured order.
    pub fn regions(&self) -> &[DemoRegion] {
        &self.regions
    }

    /// The folder with the sample configuration.
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// What the health checker thinks of a target.
    pub fn status(&self, target: &TargetKey) -> Status {
        self.server.prober().states().get(target).map_or(Status::Unknown, |state| state.status)
    }

    /// Kills a region that runs, revives one that does not; nothing happens when there is no such region.
    pub fn toggle(&mut self, index: usize) -> Result<(), String> {
        let Some(region) = self.regions.get_mut(index) else { return Ok(()) };
        if region.alive {
            for address in region.addresses() {
                self.backends.kill(address);
            }
            region.alive = false;
            return Ok(());
        }
        start_backends(&mut self.backends, region)
    }

    /// Stops the server and the backends and removes the files.
    pub fn stop(self) {
        self.server.stop();
    }
}

impl DemoRegion {
    /// The sockets of its backends.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let mut addresses: Vec<_> = self
            .members
            .iter()
            .filter_map(|(_, target)| match target.endpoint {
                Endpoint::Socket(address) => Some(address),
                Endpoint::Host(..) => None,
            })
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }
}

fn write_sample() -> io::Result<Folder> {
    let folder = Folder(std::env::temp_dir().join(format!("azimuth-demo-{}", std::process::id())));
    for (name, text) in SAMPLE {
        let path = folder.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&folder.0))?;
        std::fs::write(path, text)?;
    }
    Ok(folder)
}

/// Every region with what is probed in it.
fn regions_of(loaded: &crate::boot::Loaded) -> Vec<DemoRegion> {
    let config = &loaded.config;
    let mut members: BTreeMap<usize, Vec<(String, TargetKey)>> = BTreeMap::new();
    for (pool, targets) in config.pools.iter().zip(&loaded.inputs.member_targets) {
        for (member, targets) in pool.members.iter().zip(targets) {
            let shown = match &member.target {
                MemberTarget::Address(address) => address.to_string(),
                MemberTarget::Name { text, .. } => text.to_string(),
            };
            let of_region = members.entry(member.region.index()).or_default();
            for target in targets {
                if !of_region.iter().any(|(_, known)| known == target) {
                    of_region.push((shown.clone(), target.clone()));
                }
            }
        }
    }
    let names = config.regions.iter().enumerate();
    names
        .map(|(index, region)| DemoRegion {
            name: region.name.to_string(),
            members: members.remove(&index).unwrap_or_default(),
            alive: false,
        })
        .collect()
}

fn start_backends(backends: &mut Backends, region: &mut DemoRegion) -> Result<(), String> {
    for address in region.addresses() {
        backends.start(address, format!("hello from {}\n", region.name)).map_err(|error| {
            format!(
                "cannot start the backend of region `{}` on {address}: {error}\n  help: the demo needs that loopback \
                 address and port for itself; stop what uses it (`ss -ltnp 'sport = :{}'` shows which)",
                region.name,
                address.port()
            )
        })?;
    }
    region.alive = true;
    Ok(())
}
