//! The running server: every part started in order, reloaded, and stopped in the opposite order.

use super::aliases;
use super::courses;
use super::door::{Door, engine};
use super::feeds;
use super::latency::{Base, LatencyDesk};
use super::load::{Loaded, Overrides, Report, authority_files, load, settle};
use super::memory::Reaper;
use super::privileges::{become_user, warn_of_staying_root};
use super::state_lock::{StateLock, recall};
use crate::admin::operate::Operator;
use crate::admin::{Admin, AdminState, Reloads};
use crate::base::Diagnostic;
use crate::config::Config;
use crate::feed::Feeder;
use crate::probe::Prober;
use crate::snapshot::Publisher;
use crate::transfer::alias::AliasResolver;
use crate::transfer::secondary::Secondaries;
use crate::transfer::{Desk, Journals, LiveZones, Parts, Pause};
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

/// What a reload came to.
pub enum Reloaded {
    /// What is live already.
    Same,
    /// Something else; no zone changes until it is published.
    Changed(Box<Loaded>, Pause),
}

/// What is live, or what guards have said against it.
pub type Published = Result<Arc<Loaded>, Vec<Diagnostic>>;

/// The running server.
pub struct Server {
    path: PathBuf,
    overrides: Overrides,
    /// Shared with the reload that compares with it.
    loaded: Arc<Loaded>,
    live: LiveZones,
    journals: Journals,
    desk: Desk,
    secondaries: Secondaries,
    publisher: Publisher,
    reaper: Reaper,
    operator: Operator,
    prober: Prober,
    feeder: Feeder,
    aliases: AliasResolver,
    latencies: LatencyDesk,
    service: Service,
    admin: Option<Admin>,
    reloads: Arc<Reloads>,
    listening: Vec<SocketAddr>,
    /// The last to be dropped: nobody else may have the folder before.
    _state_lock: StateLock,
}

impl Server {
    /// Loads, binds, drops privileges, probes, then answers. Returns when the first query can be answered. Warnings of the
    /// configuration are in the report.
    pub fn start(path: &Path, overrides: Overrides) -> Result<(Self, Report), StartError> {
        raise_descriptor_limit();
        let (loaded, mut report) = load(path, &overrides, None);
        let Some(mut loaded) = loaded else { return Err(StartError::Configuration(report)) };
        let live = LiveZones::default();
        let config = &loaded.config;
        let (mut listeners, admin_socket) = bind(config, loaded.inputs.workers)?;
        attach_and_drop_privileges(config, &mut listeners)?;
        let listening = listeners.addresses().to_vec();
        // One for each UDP socket, as many as listen addresses times workers, and one for each queue of XDP.
        loaded.inputs.workers = listeners.shard_count() - 1;
        // As the user who will write the state.
        let (state_lock, prepared) = recall(&loaded.config)?;
        let journals = Journals::new(&loaded.config.server.state_dir);
        let Some(mut pause) = settle(&mut loaded, &live, &journals, &mut report) else {
            return Err(StartError::Configuration(report));
        };
        pause.prepare();
        let (publisher, reaper) = courses::start(&loaded, &prepared).map_err(cannot_start("what frees memory"))?;
        let zones = publisher.handle();
        live.publish_with(move |zone| zones.set_zone(zone));
        pause.adopt();
        let config = &loaded.config;
        let operator = Operator::start(prepared, publisher.handle(), config.guards.clone())
            .map_err(cannot_start("the thread of operators"))?;
        let changes = publisher.handle();
        let prober = Prober::start(loaded.plan.clone(), Box::new(move |seen| changes.changed(seen)))
            .map_err(cannot_start("the health checker"))?;
        let feeder = feeds::start(config, loaded.feeds.clone(), &prober, publisher.handle())
            .map_err(cannot_start("the reader of feeds"))?;
        publisher.look_up_targets(courses::last_seen(&prober));
        let aliases = aliases::start(config, publisher.handle()).map_err(cannot_start("the resolver of aliases"))?;
        let latencies = LatencyDesk::new(publisher.handle(), live.clone(), &loaded);
        let reloads = Arc::<Reloads>::default();
        let state = AdminState::new(publisher.handle(), &prober, &feeder, &reloads, aliases.counters());
        operator.handle().fed_by(feeder.handle().clone());
        state.operated_by(operator.handle().clone());
        state.measured_by(Arc::new(latencies.clone()));
        let admin = admin_socket
            .map(|socket| Admin::start(socket, config.token_file(), state.clone()))
            .transpose()
            .map_err(cannot_start("the admin server"))?;
        wait_for_first_results(&prober, &publisher);
        let (desk, secondaries, service) = start_answering(config, listeners, &publisher, &live, &journals, &state)?;
        tracing::info!(addresses = ?listening, zones = config.zones.len(), pools = config.pools.len(), "answering");
        Ok((
            Self {
                path: path.to_path_buf(),
                overrides,
                loaded: Arc::new(loaded),
                live,
                journals,
                desk,
                secondaries,
                publisher,
                reaper,
                operator,
                prober,
                feeder,
                aliases,
                latencies,
                service,
                admin,
                reloads,
                listening,
                _state_lock: state_lock,
            },
            report,
        ))
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
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// The publisher, for whoever shows the state.
    #[must_use]
    pub const fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// Who takes tables of latencies.
    #[must_use]
    pub const fn latencies(&self) -> &LatencyDesk {
        &self.latencies
    }

    /// What is known of the probed targets.
    #[must_use]
    pub const fn prober(&self) -> &Prober {
        &self.prober
    }

    /// Who takes commands.
    #[must_use]
    pub const fn operator(&self) -> &Operator {
        &self.operator
    }

    /// What regions and members report.
    #[must_use]
    pub const fn feeder(&self) -> &Feeder {
        &self.feeder
    }

    /// Every file that the live configuration was read from.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let (config, zones) = (&self.loaded.config, self.loaded.zone_files());
        let databases = config.geo.databases.iter().map(|database| &*database.path);
        let latencies = config.geo.latency_files.iter().map(|file| &*file.path);
        let secrets = config.server.cookie_secret_file.as_deref();
        let files = config.files.iter().map(PathBuf::as_path).chain(zones).chain(databases).chain(latencies);
        files.chain(authority_files(config)).chain(secrets).map(Path::to_path_buf).collect()
    }

    /// What loads the files again, on whatever thread; its result is for [`Self::apply`].
    pub fn reload_job(&self) -> impl FnOnce() -> (Option<Reloaded>, Report) + Send + use<> {
        let (path, overrides, previous) = (self.path.clone(), self.overrides.clone(), Arc::clone(&self.loaded));
        let (live, journals) = (self.live.clone(), self.journals.clone());
        let operator = self.operator.handle().clone();
        move || {
            let (loaded, mut report) = load(&path, &overrides, Some(&previous));
            let Some(mut loaded) = loaded else { return (None, report) };
            let broken = operator.judge_reload(&loaded.config.guards, &loaded.inputs);
            report.diagnostics.extend(broken.iter().map(|broken| guarded(broken)));
            if report.has_errors() {
                return (None, report);
            }
            if loaded.is_same_as(&previous) && !journals.were_moved() {
                return (Some(Reloaded::Same), report);
            }
            let pause = settle(&mut loaded, &live, &journals, &mut report);
            (pause.map(|pause| Reloaded::Changed(Box::new(loaded), pause)), report)
        }
    }

    /// Takes what was loaded, all or nothing: with any error in the report, what was live stays so. What is returned
    /// publishes it, on whatever thread, before the next reload begins; [`Self::published`] takes what that gives. `None` says
    /// that nothing had changed.
    pub fn apply(
        &self,
        reloaded: Option<Reloaded>,
        report: Report,
    ) -> Result<(Option<impl FnOnce() -> Published + Send + use<>>, Report), Report> {
        let (mut loaded, mut pause) = match reloaded {
            Some(Reloaded::Changed(loaded, pause)) => (loaded, pause),
            same_or_none => {
                self.reloads.count(same_or_none.is_some());
                return if same_or_none.is_some() { Ok((None, report)) } else { Err(report) };
            }
        };
        self.warn_of_what_needs_a_restart(&loaded);
        // Threads and their counters are made once.
        loaded.inputs.workers = self.loaded.inputs.workers;
        let (publisher, inputs) = (self.publisher.handle(), loaded.inputs.clone());
        let (replace_plan, plan) = (self.prober.replacer(), loaded.plan.clone());
        let (replace_feeds, feeds) = (self.feeder.replacer(), loaded.feeds.clone());
        let (desk, secondaries) = (self.desk.handle().clone(), self.secondaries.handle().clone());
        let (operator, reloads) = (self.operator.handle().clone(), Arc::clone(&self.reloads));
        let (resolve, aliases) = (self.aliases.configurer(), aliases::spec(&loaded.config));
        let (latencies, base) = (self.latencies.clone(), Base::of(&loaded));
        // Prober and feeder first: what new targets take over from those they replace, and words that hold, are in the new
        // generation from the start.
        let publish = move || {
            let (config, mut judged) = (&loaded.config, Err(Vec::new()));
            publisher.replace_if(inputs, || {
                // Building took its time, and operators may have spoken meanwhile.
                judged = operator.going_live(&config.guards, &loaded.inputs);
                if judged.is_ok() {
                    pause.prepare();
                    replace_plan(plan);
                    replace_feeds(feeds);
                }
                judged.is_ok()
            });
            reloads.count(judged.is_ok());
            judged
                .map_err(|broken| broken.iter().map(|broken| guarded(broken)).collect::<Vec<_>>())?
                .is_live(config.guards.clone());
            latencies.follow(base);
            desk.configure(&config.transfer);
            resolve(aliases);
            pause.adopt();
            secondaries.follow(&config.transfer);
            Ok(Arc::new(*loaded))
        };
        Ok((Some(publish), report))
    }

    /// What was published is live from now on; what guards have refused in the last moment is added to the report.
    pub fn published(&mut self, published: Published, mut report: Report) -> Result<Report, Report> {
        match published {
            Ok(loaded) => {
                let before = std::mem::replace(&mut self.loaded, loaded);
                self.reaper.take(Box::new(before));
                Ok(report)
            }
            Err(refused) => {
                report.diagnostics.extend(refused);
                Err(report)
            }
        }
    }

    /// Loads the files again and publishes them, on this thread. Whether anything had changed.
    #[cfg(test)]
    pub fn reload(&mut self) -> Result<(bool, Report), Report> {
        let (loaded, report) = self.reload_job()();
        let (publish, report) = self.apply(loaded, report)?;
        match publish {
            Some(publish) => self.published(publish(), report).map(|report| (true, report)),
            None => Ok((false, report)),
        }
    }

    fn warn_of_what_needs_a_restart(&self, new: &Loaded) {
        let (old, new) = (&self.loaded.config, &new.config);
        for (key, changed) in [
            ("[server] listen", old.server.listen != new.server.listen),
            ("[server] workers", old.server.workers != new.server.workers),
            ("[server] xdp", old.server.xdp != new.server.xdp),
            ("[server] user", old.server.user != new.server.user),
            ("[server] state_dir", old.server.state_dir != new.server.state_dir),
            ("[server.tcp]", old.server.tcp != new.server.tcp),
            (
                "[server.rate_limit] table_size",
                old.settings.rate_limit.table_size != new.settings.rate_limit.table_size,
            ),
            ("[admin] listen", old.admin.listen != new.admin.listen),
            ("[admin] token_file", old.token_file() != new.token_file()),
        ] {
            if changed {
                tracing::warn!(key, "this change takes effect at the next start");
            }
        }
    }

    /// Answers what is queued, and ends.
    pub fn stop(self) {
        self.service.stop();
        drop(self.aliases);
        self.desk.stop();
        self.secondaries.stop();
        self.feeder.stop();
        self.prober.stop();
        if let Some(admin) = self.admin {
            admin.stop();
        }
        drop(self.operator);
        self.publisher.stop();
    }
}

/// A guard's word against a reload.
fn guarded(broken: &str) -> Diagnostic {
    let hint = "take back an order of an operator (`azimuth status` shows them), or lower `min_regions` first";
    Diagnostic::error(format!("a guard is against this reload: {broken}")).hint(hint)
}

/// Binding and attaching may take root; nothing behind them does.
fn attach_and_drop_privileges(config: &Config, listeners: &mut Listeners) -> Result<(), StartError> {
    listeners.attach(&config.server.xdp);
    match &config.server.user {
        Some(user) => become_user(user, &config.server.state_dir).map_err(StartError::System)?,
        None => warn_of_staying_root(listeners.addresses()),
    }
    Ok(())
}

/// Returns when the results of the first round of probes are live, or when `startup_grace` is over.
fn wait_for_first_results(prober: &Prober, publisher: &Publisher) {
    if !prober.wait_for_first_round() {
        tracing::warn!(
            "not every target has a first result yet; answering with those known as `startup_grace` is over"
        );
    }
    // The last results may still be being collected.
    publisher.flush();
}

/// Starts whoever takes messages, and whoever follows the primaries of secondary zones.
fn start_answering(
    config: &Config,
    listeners: Listeners,
    publisher: &Publisher,
    live: &LiveZones,
    journals: &Journals,
    state: &AdminState,
) -> Result<(Desk, Secondaries, Service), StartError> {
    let tcp = config.server.tcp;
    let limits = StreamLimits {
        connections: tcp.connections,
        connections_per_client: tcp.connections_per_client,
        idle_timeout: tcp.idle_timeout,
    };
    let parts = Parts {
        engine: engine(publisher.store(), listeners.shard_count()),
        zones: live.clone(),
        journals: journals.clone(),
        spec: config.transfer.clone(),
    };
    let desk = Desk::start(parts).map_err(cannot_start("the threads of transfers"))?;
    let door = Arc::new(Door(desk.handle().clone()));
    let service =
        Service::start(listeners, publisher.store(), limits, Some(door)).map_err(cannot_start("the workers"))?;
    state.serving(&service, Arc::clone(desk.handle().counters()), desk.handle().updates().clone());
    desk.handle().start_notifying();
    let secondaries = Secondaries::start(live.clone(), &config.server.state_dir)
        .map_err(cannot_start("the thread of secondary zones"))?;
    desk.handle().tell_of_notifies(secondaries.handle().clone());
    state.following(secondaries.handle().clone());
    secondaries.handle().follow(&config.transfer);
    Ok((desk, secondaries, service))
}

/// The words for something that the system does not let start.
fn cannot_start(what: &str) -> impl FnOnce(std::io::Error) -> StartError {
    move |error| StartError::System(format!("cannot start {what}: {error}"))
}

/// Probes and TCP clients each take a descriptor: the soft limit is often 1,024, the hard one far higher.
fn raise_descriptor_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "cannot raise the limit of open files");
    }
}

/// Binds every address that a server would have and lets go of it, for those who must start something else first.
pub fn try_to_bind(loaded: &Loaded) -> Result<(), StartError> {
    bind(&loaded.config, 1).map(drop)
}

fn bind(config: &Config, workers: usize) -> Result<(Listeners, Option<TcpListener>), StartError> {
    let listeners = Listeners::bind(&config.server.listen, workers)
        .map_err(|error| StartError::System(explain_bind_error(&error, "--listen", "[server] listen")))?;
    let admin = config.admin.listen.map(bind_admin).transpose().map_err(StartError::System)?;
    Ok((listeners, admin))
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

/// Whether the stub listener of systemd-resolved is what sits on port 53.
fn resolved_has_port_53() -> bool {
    std::fs::read_to_string("/proc/net/udp").is_ok_and(|sockets| names_stub_listener(&sockets))
}

/// Whether `sockets`, the text of `/proc/net/udp`, has one of the addresses that only systemd-resolved listens on.
fn names_stub_listener(sockets: &str) -> bool {
    // The kernel prints the octets of an address as one number of this machine.
    let stubs = [53, 54].map(|last| format!("{:08X}:0035", u32::from_ne_bytes([127, 0, 0, last])));
    let mut local = sockets.lines().filter_map(|line| line.split_whitespace().nth(1));
    local.any(|address| stubs.iter().any(|stub| stub == address))
}

#[cfg(test)]
mod tests {
    use super::names_stub_listener;

    #[test]
    #[cfg(target_endian = "little")]
    fn systemd_resolved_is_known_by_the_addresses_of_its_stub_listener() {
        let sockets = |local: &str, remote: &str| {
            format!(
                "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
                 \x20 311: 00000000:14E9 00000000:0000 07 00000000:00000000 00:00000000 00000000   107        0 2101\n\
                 \x20 422: {local} {remote} 07 00000000:00000000 00:00000000 00000000   991        0 2188\n"
            )
        };
        for stub in ["3500007F:0035", "3600007F:0035"] {
            assert!(names_stub_listener(&sockets(stub, "00000000:0000")), "{stub}");
        }
        // Another port, another address, everywhere, and a client of it.
        for other in ["3500007F:0036", "0100007F:0035", "00000000:0035"] {
            assert!(!names_stub_listener(&sockets(other, "3500007F:0035")), "{other}");
        }
        assert!(!names_stub_listener(""));
    }
}
