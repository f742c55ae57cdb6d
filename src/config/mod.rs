//! What an operator edits: TOML files to a validated [`Config`], or every mistake with its place.
//!
//! `files` reads a file and those it includes, `syntax` makes a `tree` of each, `spec` reads what was typed with the
//! `reader` and the definitions in `keys`, and `validate` looks names up and builds the [`Config`].
//! Knows no answers and no transports, and opens neither zone files nor databases.

mod files;
mod glob;
mod keys;
mod reader;
mod report;
mod scalars;
mod schema;
mod spec;
mod syntax;
mod tree;
mod validate;
mod values;

#[cfg(test)]
mod tests;

use crate::base::{Diagnostic, PoolId, RegionId, Severity, Sources, Span};
use crate::feed::spec::Feed;
use crate::geo::spec::GeoSpec;
use crate::probe::spec::Monitor;
use crate::snapshot::Settings;
use crate::steering::spec::{BalanceSpec, Guard, Policy, Pool, ProbeAddress, Region};
use crate::transfer::spec::{TransferSpec, ZoneTransfers};
use crate::zone::{AliasTarget, ZoneSpec};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A whole configuration, checked: every id is valid, every name unique.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[server]`.
    pub server: Server,
    /// `[admin]`.
    pub admin: Admin,
    /// What the engine needs of `[server]` and `[geoip]`.
    pub settings: Settings,
    /// `[geoip]` and `[[network]]`, with the coordinates of regions and the prefixes that rules name.
    pub geo: GeoSpec,
    /// In configured order.
    pub regions: Vec<Region>,
    /// `probe_concurrency` of the regions that have one, by their names.
    pub probe_limits: BTreeMap<Arc<str>, usize>,
    /// In configured order.
    pub monitors: Vec<Monitor>,
    /// In configured order.
    pub feeds: Vec<Feed>,
    /// Who uses them: regions, then members of pools, in configured order.
    pub feed_uses: Vec<FeedUse>,
    /// In configured order.
    pub pools: Vec<Pool>,
    /// `closest`, `listed` and `any`, then those configured (which may redefine the three), then one for each region that has
    /// names of its own.
    pub policies: Vec<Policy>,
    /// What pools must keep.
    pub guards: Vec<Guard>,
    /// In configured order.
    pub zones: Vec<ZoneConfig>,
    /// Keys and limits of transfers, NOTIFY and updates.
    pub transfer: TransferSpec,
    /// Every configuration file that was read, the first one first, then the files with secrets.
    pub files: Vec<PathBuf>,
    /// Places of values that only the running system can judge.
    pub places: Places,
}

/// Places in the text, for messages about values that only the running system can judge. All are equal: where something is
/// written makes no difference between configurations.
#[derive(Clone, Copy, Debug, Default)]
pub struct Places {
    /// `user` of `[server]`.
    pub user: Option<Span>,
}

impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// A region or member that uses feeds.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedUse {
    /// Which.
    pub user: FeedUser,
    /// By their index; the first that tells something is believed.
    pub feeds: Vec<usize>,
    /// Where it is asked, unless that is its own address.
    pub address: Option<ProbeAddress>,
    /// What it is called there.
    pub name: Option<Arc<str>>,
}

/// Who uses a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedUser {
    /// A region as a whole.
    Region(RegionId),
    /// A member, by its place in the pool.
    Member(PoolId, usize),
}

/// `[server]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Addresses to answer on, UDP and TCP each.
    pub listen: Vec<SocketAddr>,
    /// UDP workers; 0 means one a core.
    pub workers: usize,
    /// Interfaces whose queries are taken past the sockets.
    pub xdp: Vec<String>,
    /// What must survive a restart.
    pub state_dir: PathBuf,
    /// The user to become after binding, when started as root.
    pub user: Option<String>,
    /// The server answers after the first round of probes, or after this long.
    pub startup_grace: Duration,
    /// How long states are held while the checker seems blind.
    pub hold: Duration,
    /// Who is asked for the targets of aliases; none: those of the system.
    pub resolvers: Vec<SocketAddr>,
    /// Reload by itself when a file has changed and then been quiet for five seconds.
    pub watch: bool,
    /// Limits of TCP.
    pub tcp: TcpLimits,
    /// The file that the secrets of cookies came from.
    pub cookie_secret_file: Option<PathBuf>,
}

/// Limits of TCP service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpLimits {
    /// Connections at a time, in all.
    pub connections: usize,
    /// Connections at a time from one client address (IPv6: one /64).
    pub connections_per_client: usize,
    /// A connection without a complete query for this long is closed.
    pub idle_timeout: Duration,
}

/// `[admin]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Where API, `/metrics` and `/healthz` listen; `None` when switched off (`listen = ""`).
    pub listen: Option<SocketAddr>,
    /// The file with the token of requests; `None`: [`TOKEN_FILE`] in the state folder.
    pub token_file: Option<PathBuf>,
}

/// The file with the token of the admin API unless configured, in the state folder.
pub const TOKEN_FILE: &str = "admin.token";

impl Config {
    /// The file with the token of the admin API.
    #[must_use]
    pub fn token_file(&self) -> PathBuf {
        self.admin.token_file.clone().unwrap_or_else(|| self.server.state_dir.join(TOKEN_FILE))
    }
}

/// A zone and what its balanced names are answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneConfig {
    /// The zone; its balanced owners number the slots.
    pub spec: ZoneSpec,
    /// By slot: of balanced names and of names of regions, which come first.
    pub balances: Vec<BalanceSpec>,
    /// By the slots behind those: what aliases stand for.
    pub aliases: Vec<Arc<AliasTarget>>,
    /// Where it comes from and who may have and change it.
    pub transfers: ZoneTransfers,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: [Ipv4Addr::UNSPECIFIED.into(), IpAddr::from(Ipv6Addr::UNSPECIFIED)]
                .map(|address| SocketAddr::new(address, 53))
                .to_vec(),
            workers: 0,
            xdp: Vec::new(),
            state_dir: PathBuf::from("/var/lib/azimuth"),
            user: None,
            startup_grace: Duration::from_secs(5),
            hold: Duration::from_secs(30),
            resolvers: Vec::new(),
            watch: false,
            tcp: TcpLimits::default(),
            cookie_secret_file: None,
        }
    }
}

impl Default for TcpLimits {
    fn default() -> Self {
        Self { connections: 1000, connections_per_client: 50, idle_timeout: Duration::from_secs(10) }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self { listen: Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 8053)), token_file: None }
    }
}

/// Reads a configuration with all it includes. Every mistake is reported, sorted by file and place; the configuration is
/// there unless one of them is an error. Zone files and databases are not opened. Files that were read are added to
/// `sources`.
pub fn load(path: &Path, sources: &mut Sources) -> (Option<Config>, Vec<Diagnostic>) {
    let (config, diagnostics) = load_partly(path, sources);
    let broken = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    ((!broken).then_some(config), diagnostics)
}

/// As [`load`], but what could be made out is there in spite of errors: good for finding more mistakes in the files that
/// it names, and for nothing else.
pub fn load_partly(path: &Path, sources: &mut Sources) -> (Config, Vec<Diagnostic>) {
    let mut report = report::Report::default();
    let documents = files::read_all(path, sources, &mut report);
    let mut spec = spec::Spec::default();
    for document in &documents {
        spec.read(document, &mut report);
    }
    spec.check_secrets(sources, &mut report);
    let documents = documents.iter().map(|document| sources.path(document.source).to_path_buf());
    let files = documents.chain(spec.secret_files()).collect();
    let config = validate::validate(spec, files, &mut report);
    (config, report.into_sorted())
}

/// Reads a duration as files have it: digits with units, `90s`, `2h30m`. The error says what is wrong and what to write.
pub fn duration(text: &str) -> Result<Duration, String> {
    values::duration(text).map_err(|wrong| match wrong.hint {
        Some(hint) => format!("{}; {hint}", wrong.why),
        None => wrong.why,
    })
}

/// A JSON Schema of the configuration files, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    schema::schema()
}
