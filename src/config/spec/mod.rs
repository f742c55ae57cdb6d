//! What was typed: the tables of all files with their types checked, their names not yet looked up.
//! Knows no other table than the one it reads.

mod feed;
mod monitor;
mod policy;
mod pool;
mod secondary;
mod server;
mod sites;
mod transfer;
mod update;
mod zone;

pub use feed::{AskedTable, FeedTable};
pub use monitor::CertificateFiles;
pub use policy::{PolicyTable, RuleTable, UNNAMED};
pub use pool::{MemberTable, PoolTable};
pub use secondary::{SecondaryTable, SourceTable};
pub use sites::{FactTable, GuardTable, NetworkTable, RegionFeeds};
pub use transfer::KeyTable;
pub use zone::{BalanceTable, ZoneTable};

use super::files::Document;
use super::keys::{self, Key, TableDef, top};
use super::reader::{Read, Reader, Slot};
use super::report::Report;
use super::scalars::{parsed, text};
use super::tree::{Entry, Node, Spanned, Table, Value};
use super::values::Wrong;
use super::{Admin, Places, Server};
use crate::base::{Diagnostic, Sources, Span};
use crate::geo::spec::{DatabaseFile, LatencyFile};
use crate::probe::spec::Monitor;
use crate::snapshot::Settings;
use crate::steering::spec::Region;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name of a region, monitor, pool, policy or zone where it is defined.
#[derive(Clone, Debug)]
pub struct Defined {
    /// The name.
    pub name: Spanned<Arc<str>>,
    /// It was defined in the same file before, and that was reported.
    pub repeated: bool,
}

/// Something with the name it is defined under.
#[derive(Clone, Debug)]
pub struct Definition<T> {
    /// The name.
    pub defined: Defined,
    /// What it names.
    pub table: T,
}

/// Everything that was typed, in the order of appearance.
#[derive(Debug, Default)]
pub struct Spec {
    /// `[server]`.
    pub server: Server,
    /// Where keys stand that are judged later.
    pub places: Places,
    /// `[admin]`.
    pub admin: Admin,
    /// Where `[admin]` says what to listen on.
    pub admin_listen: Option<Span>,
    /// What the engine needs of `[server]` and `[geoip]`.
    pub settings: Settings,
    /// The file with the secrets of cookies.
    pub cookie_secrets: Option<Spanned<PathBuf>>,
    /// `databases` of `[geoip]`.
    pub databases: Vec<DatabaseFile>,
    /// `latency` of `[geoip]`.
    pub latency_files: Vec<LatencyFile>,
    /// `[region.NAME]`.
    pub regions: Vec<Definition<Region>>,
    /// `probe_concurrency` of regions, by their names.
    pub probe_limits: BTreeMap<Arc<str>, usize>,
    /// Of each region the feeds that it uses.
    pub region_feeds: Vec<RegionFeeds>,
    /// `[[network]]`.
    pub networks: Vec<NetworkTable>,
    /// `[monitor.NAME]`; `None` where it has mistakes.
    pub monitors: Vec<Definition<Option<Monitor>>>,
    /// The files with certificates that monitors and feeds name.
    pub certificates: CertificateFiles,
    /// `[feed.NAME]`.
    pub feeds: Vec<Definition<FeedTable>>,
    /// `[pool.NAME]`.
    pub pools: Vec<Definition<PoolTable>>,
    /// `[policy.NAME]`.
    pub policies: Vec<Definition<PolicyTable>>,
    /// `[[guard]]`.
    pub guards: Vec<GuardTable>,
    /// `[key.NAME]`.
    pub keys: Vec<Definition<KeyTable>>,
    /// Transfers at a time; `None` where nothing says.
    pub transfers_max: Option<usize>,
    /// `[zone.NAME]`.
    pub zones: Vec<Definition<ZoneTable>>,
    once: Vec<(&'static str, Span)>,
}

impl Spec {
    /// Reads all tables of a document.
    pub fn read(&mut self, document: &Document, report: &mut Report) {
        let start = Span::new(document.source, 0..0);
        let mut reader = Reader::new(report, &document.root, start, &top::TABLE);
        // Files that it includes were read before.
        let _ = reader.node(&top::INCLUDE);
        let folder = document.folder.as_path();
        self.read_once(&mut reader, &document.root, &top::SERVER, &keys::server::TABLE, |spec, reader| {
            spec.read_server(reader, folder);
        });
        self.read_once(&mut reader, &document.root, &top::GEOIP, &keys::geoip::TABLE, |spec, reader| {
            spec.read_geoip(reader, folder);
        });
        self.read_once(&mut reader, &document.root, &top::ADMIN, &keys::admin::TABLE, |spec, reader| {
            spec.read_admin(reader, folder);
        });
        let (limits, region_feeds) = (&mut self.probe_limits, &mut self.region_feeds);
        self.regions.extend(definitions(&mut reader, &top::REGION, &keys::region::TABLE, |name, reader| {
            limits.extend(sites::probe_concurrency(reader).map(|limit| (Arc::clone(&name.value), limit)));
            sites::region(name, reader, region_feeds)
        }));
        let networks = reader.tables(&top::NETWORK, &keys::network::TABLE, sites::network);
        self.networks.extend(networks.into_iter().flat_map(|networks| networks.value));
        let certificates = &mut self.certificates;
        self.monitors.extend(definitions(&mut reader, &top::MONITOR, &keys::monitor::TABLE, |name, reader| {
            monitor::monitor(name, reader, folder, certificates)
        }));
        self.feeds.extend(definitions(&mut reader, &top::FEED, &keys::feed::TABLE, |name, reader| {
            feed::feed(name, reader, folder, &mut certificates.authorities)
        }));
        self.pools.extend(definitions(&mut reader, &top::POOL, &keys::pool::TABLE, |_, reader| pool::pool(reader)));
        self.policies.extend(definitions(&mut reader, &top::POLICY, &keys::policy::TABLE, policy::policy));
        let guards = reader.tables(&top::GUARD, &keys::guard::TABLE, sites::guard);
        self.guards.extend(guards.into_iter().flat_map(|guards| guards.value));
        self.keys.extend(definitions(&mut reader, &top::KEY, &keys::key::TABLE, |name, reader| {
            transfer::key(name, reader, folder)
        }));
        self.zones.extend(definitions(&mut reader, &top::ZONE, &keys::zone::TABLE, |name, reader| {
            zone::zone(name, reader, folder)
        }));
    }

    /// The files that hold secrets.
    pub fn secret_files(&self) -> impl Iterator<Item = PathBuf> {
        self.keys.iter().filter_map(|definition| definition.table.file.as_ref().map(|file| file.value.clone()))
    }

    /// Warns of secrets that every user of this machine can read.
    pub fn check_secrets(&self, sources: &Sources, report: &mut Report) {
        let mut seen = HashSet::new();
        for definition in &self.keys {
            let name = definition.defined.name.span;
            let (path, place) = match &definition.table.file {
                Some(file) => (file.value.as_path(), file.span),
                None => (sources.path(name.source), name),
            };
            if seen.insert(path) {
                transfer::check_permissions(path, place, report);
            }
        }
        for (_, key) in &self.certificates.identities {
            if seen.insert(&key.value) {
                transfer::check_permissions(&key.value, key.span, report);
            }
        }
        if let Some(file) = self.cookie_secrets.as_ref().filter(|file| seen.insert(&file.value)) {
            transfer::check_permissions(&file.value, file.span, report);
        }
    }

    /// Reads a table that may appear once in all files.
    fn read_once(
        &mut self,
        reader: &mut Reader<'_, '_>,
        root: &Table,
        key: &'static Key,
        def: &'static TableDef,
        read: impl FnOnce(&mut Self, &mut Reader<'_, '_>),
    ) {
        let Some(place) = reader.place(key) else { return };
        let first = self.once.iter().find(|(name, _)| *name == key.name).map(|&(_, first)| first);
        let Some(mut table) = reader.table(key, def) else { return };
        match first {
            None => {
                self.once.push((key.name, place));
                read(self, &mut table);
            }
            Some(first) => {
                let message = format!("`[{}]` appears twice", key.name);
                let diagnostic = Diagnostic::error(message).at(place, "again here").at(first, "first here");
                table.report.push(diagnostic.hint("write all of its keys in one place"));
                // Read for its mistakes alone.
                read(&mut Self::default(), &mut table);
            }
        }
        drop(table);
        // A second header in the same file was reported with the syntax; its keys are checked too.
        for entry in root.entries().iter().filter(|entry| entry.repeated && entry.key.value == key.name) {
            if let Value::Table(again) = &entry.node.value {
                let mut scratch = Self::default();
                let mut again = Reader::new(reader.report, again, entry.key.span, def);
                match key.name {
                    name if name == top::SERVER.name => scratch.read_server(&mut again, Path::new("")),
                    name if name == top::GEOIP.name => scratch.read_geoip(&mut again, Path::new("")),
                    _ => scratch.read_admin(&mut again, Path::new("")),
                }
            }
        }
    }
}

/// Reads all tables under `[key.NAME]`.
fn definitions<'t, T>(
    reader: &mut Reader<'_, 't>,
    key: &'static Key,
    def: &'static TableDef,
    mut read: impl FnMut(&Spanned<Arc<str>>, &mut Reader<'_, 't>) -> T,
) -> Vec<Definition<T>> {
    reader.named(key, def, |entry, reader| {
        let defined = name_of(entry, def, reader.report);
        let table = read(&defined.name, reader);
        Definition { defined, table }
    })
}

/// The name that an entry defines; an unusable one is reported.
fn name_of(entry: &Entry, def: &TableDef, report: &mut Report) -> Defined {
    let name = entry.key.value.as_str();
    // The origin of a zone may hold a slash: RFC 2317 delegates `0/25.2.0.192.in-addr.arpa`.
    let is_origin = std::ptr::eq(def, &keys::zone::TABLE);
    let odd = name.chars().find(|c| c.is_control() || (*c == '/' && !is_origin));
    if name.is_empty() || odd.is_some() {
        let why = match odd {
            Some(odd) => format!("`{}` must not be in the name of {}", odd.escape_debug(), def.article_noun),
            None => format!("the name of {} is empty", def.article_noun),
        };
        report.push(Diagnostic::error(why).at(entry.key.span, "").hint("use letters, digits and `-`, as in `us-east`"));
    }
    Defined { name: Spanned::new(Arc::from(name), entry.key.span), repeated: entry.repeated }
}

/// Reads a path and puts it behind the folder of the file that says so, unless it is absolute.
fn path(reader: &mut Reader<'_, '_>, key: &'static Key, folder: &Path) -> Option<Spanned<PathBuf>> {
    reader.one(key, text).map(|path| path.map(|path| folder.join(path)))
}

macro_rules! read_with {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $parse:expr;)*) => {$(
        $(#[$doc])*
        fn $name(report: &mut Report, slot: Slot, node: &Node) -> Option<$type> {
            parsed(report, slot, node, $parse)
        }
    )*};
}

read_with! {
    /// Reads an address of a single machine.
    address: std::net::IpAddr = super::values::address;
    /// Reads an address prefix.
    prefix: crate::base::Prefix = super::values::prefix;
    /// Reads an address and port.
    socket: std::net::SocketAddr = super::values::socket;
    /// Reads an address with or without a port.
    probe_address: crate::steering::spec::ProbeAddress = super::values::probe_address;
    /// Reads a host name or an address.
    host: String = super::values::host;
    /// Reads a domain name, absolute with or without a final dot.
    absolute_name: crate::wire::Name = |text| super::values::domain_name(text, &crate::wire::Name::root());
}

/// A list of names that are looked up later, each named once.
fn distinct_names(reader: &mut Reader<'_, '_>, key: &'static Key) -> Option<Spanned<Vec<Spanned<String>>>> {
    let mut names = reader.list(key, text as Read<String>)?;
    let mut seen: HashMap<String, Span> = HashMap::with_capacity(names.value.len());
    names.value.retain(|name| match seen.get(&name.value) {
        Some(&earlier) => {
            let message = format!("`{}` is in `{}` twice", name.value, key.name);
            reader.report.push(Diagnostic::error(message).at(name.span, "").at(earlier, "first here"));
            false
        }
        None => seen.insert(name.value.clone(), name.span).is_none(),
    });
    Some(names)
}

/// A key that goes with a certain value of another key only.
fn refuse(reader: &mut Reader<'_, '_>, key: &'static Key, only_with: &str) {
    if let Some(place) = reader.place(key) {
        let message = format!("`{}` is used only with {only_with}", key.name);
        reader.report.push(Diagnostic::error(message).at(place, "").hint("remove it"));
    }
}

/// A reason without a guess at what was meant.
fn wrong(why: impl Into<String>) -> Wrong {
    Wrong { why: why.into(), hint: None }
}
