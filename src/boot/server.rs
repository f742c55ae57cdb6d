//! The running server: every part started in order, reloaded, and stopped in the opposite order.

use super::load::{Loaded, Overrides, Report, authority_files, load};
use super::privileges::become_user;
use crate::admin::{Admin, AdminState, Reloads};
use crate::probe::Prober;
use crate::snapshot::Publisher;
use crate::transport::{BindError, Listeners, Service, StreamLimits};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the server did not start.
#[derive(Debug)]
pub enum StartError {
    /// The configuration has mistakes.
    Configuration(Report),
    /// The system refused something; a sentence with its remedy.
    System(String),
}

/// The running server.
pub struct Server {
    path: PathBuf,
    overrides: Overrides,
    loaded: Loaded,
    publisher: Publisher,
    prober: Prober,
    service: Service,
    admin: Option<Admin>,
    reloads: Arc<Reloads>,
    listening: Vec<SocketAddr>,
}

impl Server {
    /// Loads, binds, drops privileges, probes, then answers. Returns when the first query can be answered. Warnings of the
    /// configuration are in the report.
    pub fn start(path: &Path, overrides: Overrides) -> Result<(Self, Report), StartError> {
        raise_descriptor_limit();
        let (loaded, report) = load(path, &overrides, None);
        let Some(mut loaded) = loaded else { return Err(StartError::Configuration(report)) };
        let config = &loaded.config;
        let listeners = Listeners::bind(&config.server.listen, loaded.inputs.workers)
            .map_err(|error| StartError::System(explain_bind_error(&error, "--listen", "[server] listen")))?;
        let listening = listeners.addresses().to_vec();
        let admin_socket = config.admin.listen.map(bind_admin).transpose().map_err(StartError::System)?;
        if let Some(user) = &config.server.user {
            become_user(user).map_err(StartError::System)?;
        }
        // One for each UDP socket: as many as listen addresses times workers.
        loaded.inputs.workers = listeners.shard_count() - 1;
        let publisher = Publisher::start(loaded.inputs.clone());
        let changes = publisher.handle();
        let prober = Prober::start(loaded.plan.clone(), Box::new(move |seen| changes.changed(seen)))
            .map_err(|error| StartError::System(format!("cannot start the health checker: {error}")))?;
        let reloads = Arc::<Reloads>::default();
        let state = AdminState::new(publisher.handle(), &prober, &reloads);
        let admin = admin_socket
            .map(|socket| Admin::start(socket, state.clone()))
            .transpose()
            .map_err(|error| StartError::System(format!("cannot start the admin server: {error}")))?;
        if !prober.wait_for_first_round() {
            tracing::warn!(
                "not every target has a first result yet; answering with those known as `startup_grace` is over"
            );
        }
        // The last results may still be being collected.
        publisher.flush();
        let tcp = config.server.tcp;
        let limits = StreamLimits {
            connections: tcp.connections,
            connections_per_client: tcp.connections_per_client,
            idle_timeout: tcp.idle_timeout,
        };
        let service = Service::start(listeners, publisher.store(), limits)
            .map_err(|error| StartError::System(format!("cannot start the workers: {error}")))?;
        state.serving(&service);
        tracing::info!(addresses = ?listening, zones = config.zones.len(), pools = config.pools.len(), "answering");
        let path = path.to_path_buf();
        Ok((Self { path, overrides, loaded, publisher, prober, service, admin, reloads, listening }, report))
    }

    /// The addresses that are answered on.
    #[must_use]
    pub fn listening(&self) -> &[SocketAddr] {
        &self.listening
    }

    /// Where the admin server listens.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Admin::address)
    }

    /// What is live now.
    #[must_use]
    pub const fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// The publisher, for whoever shows the state.
    #[must_use]
    pub const fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// What is known of the probed targets.
    #[must_use]
    pub const fn prober(&self) -> &Prober {
        &self.prober
    }

    /// Every file that the live configuration was read from.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let Loaded { config, inputs, .. } = &self.loaded;
        let zones = inputs.zones.zones().iter().flat_map(|zone| zone.files());
        let databases = config.geo.databases.iter().map(|database| &*database.path);
        let files =
            config.files.iter().map(PathBuf::as_path).chain(zones).chain(databases).chain(authority_files(config));
        files.map(Path::to_path_buf).collect()
    }

    /// Loads the files again and publishes them, all or nothing: with any error in the report, what was live stays so.
    /// `Ok(false)` says that nothing had changed.
    pub fn reload(&mut self) -> Result<(bool, Report), Report> {
        let (loaded, report) = load(&self.path, &self.overrides, Some(&self.loaded));
        self.reloads.count(loaded.is_some());
        let Some(mut loaded) = loaded else { return Err(report) };
        if loaded.is_same_as(&self.loaded) {
            return Ok((false, report));
        }
        self.warn_of_what_needs_a_restart(&loaded);
        // Threads and their counters are made once.
        loaded.inputs.workers = self.loaded.inputs.workers;
        // The prober first: what new targets take over from those they replace is in the new generation from the start.
        self.publisher.replace_after(loaded.inputs.clone(), || self.prober.replace(loaded.plan.clone()));
        self.loaded = loaded;
        Ok((true, report))
    }

    fn warn_of_what_needs_a_restart(&self, new: &Loaded) {
        let (old, new) = (&self.loaded.config, &new.config);
        for (key, changed) in [
            ("[server] listen", old.server.listen != new.server.listen),
            ("[server] workers", old.server.workers != new.server.workers),
            ("[server] user", old.server.user != new.server.user),
            ("[server.tcp]", old.server.tcp != new.server.tcp),
            ("[admin] listen", old.admin.listen != new.admin.listen),
        ] {
            if changed {
                tracing::warn!(key, "this change takes effect at the next start");
            }
        }
    }

    /// Answers what is queued, and ends.
    pub fn stop(self) {
        self.service.stop();
        self.prober.stop();
        if let Some(admin) = self.admin {
            admin.stop();
        }
        self.publisher.stop();
    }
}

/// Probes and TCP clients each take a descriptor: the soft limit is often 1,024, the hard one far higher.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "cannot raise the limit of open files");
    }
}

fn bind_admin(address: SocketAddr) -> Result<TcpListener, String> {
    let refused =
        |error| explain_bind_error(&BindError { address, protocol: "tcp", error }, "--admin", "[admin] listen");
    TcpListener::bind(address).map_err(refused)
}

/// One sentence about a refused address, with its remedy: another one by `option` or `key`.
fn explain_bind_error(refused: &BindError, option: &str, key: &str) -> String {
    let BindError { address, protocol, error } = refused;
    let port = address.port();
    let another = format!("`{option} ADDRESS:PORT` or `{key}` in the configuration");
    let remedy = match error.kind() {
        std::io::ErrorKind::AddrInUse if port == 53 && resolved_has_port_53() => format!(
            "systemd-resolved holds port 53: set `DNSStubListener=no` in /etc/systemd/resolved.conf and run \
             `systemctl restart systemd-resolved`, or name this machine's outside addresses with {another}"
        ),
        std::io::ErrorKind::AddrInUse => format!(
            "another process has it (`ss -lnp 'sport = :{port}'` shows which): stop that one, or choose another with {another}"
        ),
        std::io::ErrorKind::PermissionDenied => format!(
            "ports below 1024 need root (set `[server] user` to drop it afterwards) or the right to bind them (`setcap \
             cap_net_bind_service=+ep FILE` on the program); or choose a higher port with {another}"
        ),
        std::io::ErrorKind::AddrNotAvailable => {
            format!("no interface of this machine has that address: add it, or choose another with {another}")
        }
        _ => format!("choose another with {another}"),
    };
    format!("cannot listen on {address} ({protocol}): {error}\n  help: {remedy}")
}

/// Whether systemd-resolved runs here: with its stub listener on, it is what sits on port 53.
fn resolved_has_port_53() -> bool {
    Path::new("/run/systemd/resolve/stub-resolv.conf").exists()
}
