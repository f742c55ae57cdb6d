//! Measured latencies: the files that the configuration names, and the table that the admin API gives, which is kept in
//! `state_dir` and laid over them. Another table goes live in the background: the prefix table and all rankings are built anew
//! beside the running ones.

use super::load::{FileStamp, Loaded};
use super::run::stand_back;
use crate::admin::latency::{Latencies, NotTaken};
use crate::base::{Diagnostic, RegionId, Severity, Sources, Span};
use crate::config::Config;
use crate::geo::Locator;
use crate::geo::latency::Latency;
use crate::geo::latency::file::{Format, LatencyFile, Unknown, read, write_csv};
use crate::geo::spec::GeoSpec;
use crate::snapshot::{Inputs, PublisherHandle};
use crate::transfer::LiveZones;
use crate::transfer::state_name::{FILE_MODE, create_folder};
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the API's table is called in `state_dir`.
const TABLE_NAME: &str = "latency.csv";
/// Largest file with latencies that is read, in octets.
const FILE_LEN_MAX: u64 = 256 << 20;

/// All latencies of a configuration.
#[derive(Debug, Default)]
pub(super) struct AllLatencies {
    /// Those of files, then those of the API's table, which count where both speak of the same.
    pub(super) latencies: Vec<Latency>,
    /// How many are from files.
    pub(super) of_files: usize,
    /// The API's table as it was read.
    pub(super) table: Option<FileStamp>,
}

/// What the prefix table of a configuration is built from, with the latencies that files and the API's table have.
pub fn geo_spec(config: &Config, sources: &mut Sources, diagnostics: &mut Vec<Diagnostic>) -> GeoSpec {
    GeoSpec { latencies: read_all(config, sources, diagnostics).latencies, ..config.geo.clone() }
}

/// Reads all files with latencies; mistakes go to the diagnostics.
pub(super) fn read_all(config: &Config, sources: &mut Sources, diagnostics: &mut Vec<Diagnostic>) -> AllLatencies {
    let names: Vec<&str> = config.regions.iter().map(|region| &*region.name).collect();
    let mut all = AllLatencies::default();
    for file in &config.geo.latency_files {
        match read_file(&file.path) {
            Ok(octets) => {
                let source = sources.add(&file.path, octets);
                let octets = sources.octets(source);
                let read = read(source, octets, format_of(&file.path), &by_name(&names), Unknown::Refused);
                diagnostics.extend(read.diagnostics);
                all.latencies.extend(read.latencies);
            }
            Err(error) => diagnostics.push(unreadable(&file.path, file.span, &error)),
        }
    }
    all.of_files = all.latencies.len();
    let path = table_path(&config.server.state_dir);
    all.table = FileStamp::of(&path);
    all.latencies.extend(read_table(&path, &names, sources, diagnostics));
    all
}

/// Reads the API's table, which nobody needs to have given. What is wrong with it keeps no configuration from being used.
fn read_table(path: &Path, names: &[&str], sources: &mut Sources, diagnostics: &mut Vec<Diagnostic>) -> Vec<Latency> {
    let octets = match read_file(path) {
        Ok(octets) => octets,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            diagnostics.push(Diagnostic { severity: Severity::Warning, ..unreadable(path, None, &error) });
            return Vec::new();
        }
    };
    let source = sources.add(path, octets);
    let file = read(source, sources.octets(source), Format::Csv, &by_name(names), Unknown::LeftOut);
    let warning = |diagnostic| Diagnostic { severity: Severity::Warning, ..diagnostic };
    diagnostics.extend(file.diagnostics.into_iter().map(warning));
    file.latencies
}

fn unreadable(path: &Path, span: Option<Span>, error: &io::Error) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!("latencies `{}` cannot be read: {error}", path.display()));
    let diagnostic =
        diagnostic.hint("check the path in `geoip.latency`, and that the user azimuth runs as may read it");
    match span {
        Some(span) => diagnostic.at(span, ""),
        None => diagnostic,
    }
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    std::fs::File::open(path)?.take(FILE_LEN_MAX + 1).read_to_end(&mut octets)?;
    if octets.len() as u64 > FILE_LEN_MAX {
        return Err(io::Error::other(format!("it is larger than {} MiB", FILE_LEN_MAX >> 20)));
    }
    Ok(octets)
}

fn format_of(path: &Path) -> Format {
    match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("json") => Format::Json,
        _ => Format::Csv,
    }
}

fn by_name<'n>(names: &[&'n str]) -> HashMap<&'n str, RegionId> {
    names.iter().copied().zip((0..=u16::MAX).map(RegionId)).collect()
}

fn table_path(state_dir: &Path) -> PathBuf {
    state_dir.join(TABLE_NAME)
}

/// Takes tables of latencies while the server runs.
#[derive(Clone)]
pub struct LatencyDesk {
    shared: Arc<Shared>,
}

struct Shared {
    table: PathBuf,
    publisher: PublisherHandle,
    live: LiveZones,
    base: Mutex<Base>,
    /// Held by who builds, so that tables go live one after the other.
    building: Mutex<()>,
    /// Held by who writes the table: there is one name for what is not complete.
    writing: Mutex<()>,
}

/// The configuration that tables are laid over.
pub(super) struct Base {
    /// Without the API's table.
    geo: GeoSpec,
    regions: Vec<Arc<str>>,
    /// The API's table that is live.
    table: Option<FileStamp>,
    /// Counts configurations.
    number: u64,
}

impl Base {
    pub(super) fn of(loaded: &Loaded) -> Self {
        let mut geo = loaded.config.geo.clone();
        geo.latencies.truncate(loaded.latencies_of_files);
        let regions = loaded.config.regions.iter().map(|region| Arc::clone(&region.name)).collect();
        Self { geo, regions, table: loaded.latency_table, number: 0 }
    }

    fn names(&self) -> Vec<&str> {
        self.regions.iter().map(|name| &**name).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LatencyDesk {
    pub(super) fn new(publisher: PublisherHandle, live: LiveZones, loaded: &Loaded) -> Self {
        let table = table_path(&loaded.config.server.state_dir);
        let (base, building, writing) = (Mutex::new(Base::of(loaded)), Mutex::default(), Mutex::default());
        let shared = Shared { table, publisher, live, base, building, writing };
        Self { shared: Arc::new(shared) }
    }

    /// Another configuration is live; to be called while zones are paused. A table that came after it was loaded is laid over it.
    pub(super) fn follow(&self, base: Base) {
        let mut known = lock(&self.shared.base);
        let number = known.number + 1;
        *known = Base { number, ..base };
        let is_live = known.table == FileStamp::of(&self.shared.table);
        drop(known);
        if !is_live {
            self.apply_latency();
        }
    }

    /// Makes the table that is on disk live, on a thread of its own. What cannot be used is logged, and what was live stays so.
    fn apply_latency(&self) {
        let desk = self.clone();
        let started = std::thread::Builder::new().name("latency".into()).spawn(move || {
            stand_back();
            desk.build();
        });
        if let Err(error) = started {
            tracing::error!(%error, "cannot start the thread that takes in latencies; reload by SIGHUP");
        }
    }

    fn build(&self) {
        let shared = &*self.shared;
        let _one_at_a_time = lock(&shared.building);
        loop {
            let table = FileStamp::of(&shared.table);
            let (number, locator) = {
                let base = lock(&shared.base);
                if base.table == table {
                    return;
                }
                let (mut sources, mut diagnostics) = (Sources::default(), Vec::new());
                let mut geo = base.geo.clone();
                geo.latencies.extend(read_table(&shared.table, &base.names(), &mut sources, &mut diagnostics));
                let number = base.number;
                drop(base);
                diagnostics.iter().for_each(|diagnostic| tracing::warn!("{}", diagnostic.one_line(&sources)));
                match Locator::build(&geo) {
                    Ok(locator) => (number, Arc::new(locator)),
                    Err(diagnostics) => {
                        for diagnostic in diagnostics {
                            // Its places are in the configuration, which is not at hand.
                            let diagnostic = Diagnostic { places: Vec::new(), ..diagnostic };
                            tracing::error!("{}; the latencies stay as they were", diagnostic.one_line(&sources));
                        }
                        return;
                    }
                }
            };
            // No other configuration goes live while zones are paused, and no zone changes that would be lost.
            let pause = shared.live.pause();
            let mut base = lock(&shared.base);
            if base.number == number {
                publish(&shared.publisher, locator);
                base.table = table;
                drop(pause);
                tracing::info!(generation = shared.publisher.metrics().generation, "latencies taken in");
                return;
            }
        }
    }
}

/// Publishes what is live with another prefix table.
fn publish(publisher: &PublisherHandle, locator: Arc<Locator>) {
    let current = publisher.current();
    let zones = Arc::clone(&current.snapshot.zones);
    publisher.replace(Inputs { locator, zones, ..(*current.inputs).clone() });
}

impl Latencies for LatencyDesk {
    fn replace(&self, octets: &[u8], format: Format) -> Result<usize, NotTaken> {
        let base = lock(&self.shared.base);
        let mut sources = Sources::default();
        let source = sources.add("body", octets);
        let LatencyFile { latencies, diagnostics } =
            read(source, octets, format, &by_name(&base.names()), Unknown::Refused);
        if diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            let mistakes = diagnostics.iter().map(|diagnostic| diagnostic.one_line(&sources));
            return Err(NotTaken::Mistakes(mistakes.collect()));
        }
        let text = write_csv(&latencies, &base.names());
        drop(base);
        {
            let _one_at_a_time = lock(&self.shared.writing);
            write_whole(&self.shared.table, text.as_bytes()).map_err(|error| {
                NotTaken::Failed(format!("cannot write `{}`: {error}", self.shared.table.display()))
            })?;
        }
        self.apply_latency();
        Ok(latencies.len())
    }
}

/// Puts a file into the place of another one, whole or not at all.
fn write_whole(path: &Path, octets: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_folder(folder)?;
    let beside = path.with_extension("csv.new");
    let written = write_new(&beside, octets).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        // It holds half a table at best; the error that matters is the first one.
        let _ = std::fs::remove_file(&beside);
    }
    written?;
    std::fs::File::open(folder)?.sync_all()
}

fn write_new(path: &Path, octets: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
    file.write_all(octets)?;
    file.sync_all()
}
