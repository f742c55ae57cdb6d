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
    /// Writes the configuration, starts every backend, then the server. Where they listen is tried first: what the operator
    /// chose is what a message should be about.
    pub fn start(listen: SocketAddr, admin: SocketAddr, backend_port: Option<u16>) -> Result<Self, WorldError> {
        let folder = write_sample(backend_port)
            .map_err(|error| WorldError::System(format!("cannot write the sample: {error}")))?;
        let overrides =
            Overrides { listen: Some(vec![listen]), admin: Some(admin), state_dir: Some(folder.0.join("state")) };
        let config = folder.0.join("azimuth.toml");
        let (loaded, report) = crate::boot::load(&config, &overrides, None);
        let Some(loaded) = loaded else { return Err(WorldError::Start(StartError::Configuration(report))) };
        crate::boot::try_to_bind(&loaded).map_err(WorldError::Start)?;
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

/// The port of the backends as the sample writes it: of the monitor, and of the addresses where members are checked.
const BACKEND_PORT_WRITTEN: [(&str, &str); 2] = [("port = ", "8080\n"), (":", "8080\"")];

/// A text of the sample with another port for the backends.
fn with_backend_port(text: &str, port: u16) -> String {
    BACKEND_PORT_WRITTEN.iter().fold(text.to_owned(), |text, (before, written)| {
        let instead = written.replace("8080", &port.to_string());
        text.replace(&format!("{before}{written}"), &format!("{before}{instead}"))
    })
}

fn write_sample(backend_port: Option<u16>) -> io::Result<Folder> {
    let folder = Folder(std::env::temp_dir().join(format!("azimuth-demo-{}", std::process::id())));
    for (name, text) in SAMPLE {
        let path = folder.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(&folder.0))?;
        match backend_port {
            Some(port) => std::fs::write(path, with_backend_port(text, port))?,
            None => std::fs::write(path, text)?,
        }
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
        let started = backends.start(address, format!("hello from {}\n", region.name));
        started.map_err(|error| explain_refusal(&region.name, address, &error))?;
    }
    region.alive = true;
    Ok(())
}

/// What to do about a backend that cannot have its address.
fn explain_refusal(region: &str, address: SocketAddr, error: &io::Error) -> String {
    let (ip, port) = (address.ip(), address.port());
    let help = match error.kind() {
        io::ErrorKind::AddrNotAvailable => {
            format!("this system does not have all of 127.0.0.0/8 on loopback; add {ip} to the loopback interface")
        }
        io::ErrorKind::PermissionDenied => "choose a port from 1024 on with `--backend-port PORT`".to_owned(),
        _ => format!(
            "choose another port for the backends with `--backend-port PORT`, or stop what uses this one \
             (`ss -ltnp 'sport = :{port}'` shows it)"
        ),
    };
    format!("cannot start the backend of region `{region}` on {address}: {error}\n  help: {help}")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{regions_of, write_sample};
    use crate::boot::Overrides;
    use std::collections::BTreeSet;
    use std::net::SocketAddr;

    fn backends(port: Option<u16>) -> BTreeSet<SocketAddr> {
        let folder = write_sample(port).unwrap();
        let (loaded, report) = crate::boot::load(&folder.0.join("azimuth.toml"), &Overrides::default(), None);
        assert!(report.diagnostics.is_empty(), "{:?}", report.diagnostics);
        regions_of(&loaded.unwrap()).iter().flat_map(|region| region.addresses()).collect()
    }

    #[test]
    fn the_backends_need_no_ipv6_and_all_take_the_port_that_is_chosen() {
        let sample = backends(None);
        assert!(sample.len() > 10 && sample.iter().all(|backend| backend.is_ipv4() && backend.ip().is_loopback()));
        assert!(sample.iter().all(|backend| backend.port() == 8080), "{sample:?}");
        let elsewhere: BTreeSet<_> = sample.iter().map(|backend| SocketAddr::new(backend.ip(), 18_123)).collect();
        assert_eq!(backends(Some(18_123)), elsewhere);
    }
}
