//! A configuration with everything it names (zone files, databases), loaded and checked as a whole.

use super::aliases;
use super::feeds::feed_plan;
use super::latency::{self, AllLatencies};
use super::plan::probe_plan;
use super::privileges::check_user;
use crate::base::{Diagnostic, Severity, Sources, UnixTime};
use crate::config::{self, Config, ZoneConfig};
use crate::feed::FeedPlan;
use crate::geo::Locator;
use crate::geo::spec::GeoSpec;
use crate::probe::spec::ProbePlan;
use crate::snapshot::Inputs;
use crate::transfer::reload::{Candidate, check_journal, left_over, resolve};
use crate::transfer::{Journals, LiveZones, Pause};
use crate::zone::{Zone, ZoneSet};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What the command line says instead of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Instead of `[server] listen`.
    pub listen: Option<Vec<SocketAddr>>,
    /// Instead of `[admin] listen`.
    pub admin: Option<SocketAddr>,
    /// Instead of `[server] state_dir`.
    pub state_dir: Option<PathBuf>,
}

/// One configuration generation before it is published.
#[derive(Debug)]
pub struct Loaded {
    /// What was configured.
    pub config: Config,
    /// What snapshots are built from.
    pub inputs: Inputs,
    /// What is to be probed.
    pub plan: ProbePlan,
    /// Who is to be asked for what.
    pub feeds: FeedPlan,
    /// The zones as their files say; what is live may have changed since.
    file_zones: Vec<Arc<Zone>>,
    databases: Vec<FileStamp>,
    authorities: Vec<Option<FileStamp>>,
    /// How many of the latencies are from files of the configuration.
    pub(super) latencies_of_files: usize,
    /// The table of latencies that the admin API gave.
    pub(super) latency_table: Option<FileStamp>,
}

impl Loaded {
    /// Whether publishing this instead of `previous` would change nothing.
    #[must_use]
    pub fn is_same_as(&self, previous: &Self) -> bool {
        let (new, old) = (&self.inputs, &previous.inputs);
        let mut zones = self.file_zones.iter().zip(&previous.file_zones);
        self.config == previous.config
            && self.authorities == previous.authorities
            && Arc::ptr_eq(&new.locator, &old.locator)
            && self.file_zones.len() == previous.file_zones.len()
            && zones.all(|(new, old)| Arc::ptr_eq(new, old))
    }
}

impl Loaded {
    /// The files of all zones, whatever is live of them.
    pub fn zone_files(&self) -> impl Iterator<Item = &Path> {
        self.file_zones.iter().flat_map(|zone| zone.files())
    }
}

/// What was found wrong, and the files to show it in.
#[derive(Debug, Default)]
pub struct Report {
    /// The files.
    pub sources: Sources,
    /// Errors and warnings, in the order found.
    pub diagnostics: Vec<Diagnostic>,
    /// Of zones that are not what their files say, each by itself: all others load.
    pub refused_zones: Vec<Diagnostic>,
}

impl Report {
    /// Whether any of them is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }

    /// How many errors and how many warnings.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        (errors, self.diagnostics.len() - errors)
    }
}

/// Loads the configuration at `path` with everything it names. Parts that did not change since `previous` are shared with
/// it. The report holds every mistake; without an error in it there is a [`Loaded`].
pub fn load(path: &Path, overrides: &Overrides, previous: Option<&Loaded>) -> (Option<Loaded>, Report) {
    let mut report = Report::default();
    // In spite of errors the files that it names are read too: all mistakes in one run.
    let (mut config, diagnostics) = config::load_partly(path, &mut report.sources);
    report.diagnostics = diagnostics;
    if let Some(listen) = &overrides.listen {
        config.server.listen.clone_from(listen);
    }
    if let Some(admin) = overrides.admin {
        config.admin.listen = Some(admin);
    }
    if let Some(state_dir) = &overrides.state_dir {
        config.server.state_dir.clone_from(state_dir);
    }
    let zones = load_zones(&config.zones, previous, &mut report);
    // Only a start changes the user.
    if previous.is_none() {
        report.diagnostics.extend(check_user(&config, &zones));
    }
    let databases = FileStamp::of_databases(&config.geo);
    let AllLatencies { latencies, of_files, table } =
        latency::read_all(&config, &mut report.sources, &mut report.diagnostics);
    config.geo.latencies = latencies;
    let locator = load_locator(&config.geo, &databases, previous, &mut report);
    report.diagnostics.extend(aliases::check(&config, &zones));
    // Before the prober reads them: what is written meanwhile is seen by the next reload.
    let authorities = authority_files(&config).map(FileStamp::of).collect();
    let (Some(locator), false) = (locator, report.has_errors()) else { return (None, report) };
    let (plan, member_targets) = probe_plan(&config);
    let inputs = Inputs {
        settings: config.settings.clone(),
        zones: Arc::new(ZoneSet::new(zones.clone())),
        locator,
        regions: config.regions.clone(),
        pools: config.pools.clone(),
        policies: config.policies.clone(),
        owners: config.zones.iter().map(|zone| zone.spec.balanced.as_slice().into()).collect(),
        balances: config.zones.iter().map(|zone| zone.balances.clone()).collect(),
        aliases: config.zones.iter().map(|zone| zone.aliases.clone()).collect(),
        member_targets,
        workers: worker_count(config.server.workers),
    };
    let feeds = feed_plan(&config);
    let loaded = Loaded {
        config,
        inputs,
        plan,
        feeds,
        file_zones: zones,
        databases,
        authorities,
        latencies_of_files: of_files,
        latency_table: table,
    };
    (Some(loaded), report)
}

/// Puts the zones that shall be live in the place of those that were read from files. No zone changes until the pause is
/// dropped; what was loaded is to be published, and then adopted. `None` after an error, which is in the report.
pub fn settle(loaded: &mut Loaded, live: &LiveZones, journals: &Journals, report: &mut Report) -> Option<Pause> {
    let mut pause = live.pause();
    let mut zones = Vec::new();
    // That of the running server: another one takes effect at the next start.
    let state_dir = journals.state_dir();
    for (config, file) in loaded.config.zones.iter().zip(&loaded.file_zones) {
        let candidate = Candidate { spec: &config.spec, transfers: &config.transfers, file, state_dir };
        match resolve(&mut pause, &candidate, journals) {
            Ok(resolved) => {
                zones.push(resolved.zone);
                report.refused_zones.extend(resolved.complaint);
            }
            Err(diagnostics) => report.diagnostics.extend(diagnostics),
        }
    }
    loaded.inputs.zones = Arc::new(ZoneSet::new(zones));
    (!report.has_errors()).then_some(pause)
}

/// Loads what `config` names only to find mistakes in it.
#[must_use]
pub fn load_rest(config: &Config, sources: &mut Sources) -> Vec<Diagnostic> {
    let mut report = Report { sources: std::mem::take(sources), ..Report::default() };
    let zones = load_zones(&config.zones, None, &mut report);
    report.diagnostics.extend(check_user(config, &zones));
    // A start would stop at it.
    if let Err(why) = crate::admin::operate::file::load(&config.server.state_dir) {
        let (why, help) = why.split_once("\n  help: ").unwrap_or((&why, ""));
        report.diagnostics.push(Diagnostic::error(why).hint(help));
    }
    let journals = Journals::new(&config.server.state_dir);
    for ZoneConfig { spec, transfers, .. } in &config.zones {
        let zone = zones.iter().find(|zone| zone.is_available() && *zone.apex() == spec.apex);
        let found = zone.and_then(|zone| check_journal(zone, spec, transfers, &journals));
        report.diagnostics.extend(found.or_else(|| left_over(&spec.apex, transfers, &journals)));
    }
    let geo = latency::geo_spec(config, &mut report.sources, &mut report.diagnostics);
    load_locator(&geo, &FileStamp::of_databases(&geo), None, &mut report);
    report.diagnostics.extend(aliases::check(config, &zones));
    *sources = report.sources;
    report.diagnostics
}

/// The files with certificates and keys that monitors and feeds name.
pub(super) fn authority_files(config: &Config) -> impl Iterator<Item = &Path> {
    let of_feeds = config.feeds.iter().filter_map(|feed| feed.kind.page()?.ca_file.as_deref());
    config.monitors.iter().flat_map(|monitor| monitor.kind.files().map(PathBuf::as_path)).chain(of_feeds)
}

/// `configured` workers, or one a core.
fn worker_count(configured: usize) -> usize {
    match configured {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        count => count,
    }
}

/// What files say of all zones; of those that come from other servers nothing.
fn load_zones(configs: &[ZoneConfig], previous: Option<&Loaded>, report: &mut Report) -> Vec<Arc<Zone>> {
    let old: HashMap<_, _> =
        previous.iter().flat_map(|loaded| &loaded.file_zones).map(|zone| (zone.apex().to_lower(), zone)).collect();
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = UnixTime::from_secs(since_epoch.as_secs());
    let mut zones = Vec::new();
    for ZoneConfig { spec, transfers, .. } in configs {
        let previous = old.get(&spec.apex).copied();
        if transfers.role.secondary().is_some() {
            let same = previous.filter(|previous| !previous.is_available()).map(Arc::clone);
            zones.push(same.unwrap_or_else(|| Arc::new(Zone::unavailable(spec.apex.clone()))));
            continue;
        }
        let (zone, diagnostics) = Zone::load(spec, previous, &mut report.sources);
        report.diagnostics.extend(diagnostics);
        report.diagnostics.extend(zone.as_ref().and_then(|zone| zone.expiry_warning(spec.span, now)));
        zones.extend(zone);
    }
    zones
}

fn load_locator(
    spec: &GeoSpec,
    databases: &[FileStamp],
    previous: Option<&Loaded>,
    report: &mut Report,
) -> Option<Arc<Locator>> {
    let unchanged =
        previous.filter(|previous| previous.databases == databases && same_facts(&previous.config.geo, spec));
    let locator = match unchanged {
        Some(previous) => Ok(Arc::clone(&previous.inputs.locator)),
        None => Locator::build(spec).map(Arc::new),
    };
    match locator {
        Ok(locator) => {
            report.diagnostics.extend(locator.warnings(spec));
            Some(locator)
        }
        Err(diagnostics) => {
            report.diagnostics.extend(diagnostics);
            None
        }
    }
}

/// Equal but for the places in files that messages would show.
fn same_facts(a: &GeoSpec, b: &GeoSpec) -> bool {
    a.databases.iter().map(|d| &d.path).eq(b.databases.iter().map(|d| &d.path))
        && a.named.iter().map(|named| &named.fact).eq(b.named.iter().map(|named| &named.fact))
        && (&a.networks, &a.regions, &a.marks, &a.latencies) == (&b.networks, &b.regions, &b.marks, &b.latencies)
}

/// What tells a file from the one that was loaded before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileStamp {
    len: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: u64,
}

impl FileStamp {
    fn of_databases(spec: &GeoSpec) -> Vec<Self> {
        spec.databases.iter().filter_map(|database| Self::of(&database.path)).collect()
    }

    /// Of the file as it is now, if there is one.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            len: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(&metadata),
        })
    }
}
