//! `azimuth geoip fetch`: download, check, swap in. The old database stays where it is until the new one has passed.

mod download;
mod source;
#[cfg(test)]
mod tests;
mod unpack;

use crate::base::{Sources, UnixTime};
use crate::cli::{EXIT_MISTAKE, failed};
use crate::geo::spec::{DatabaseFile, GeoSpec};
use crate::geo::{Locator, Place};
use download::Trouble;
use source::{Archive, Candidate};
use std::fmt::Write;
use std::fs::File;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Options of `geoip fetch`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose database
    #[arg(value_enum, default_value_t = Vendor::Dbip)]
    vendor: Vendor,
    /// Which database; dbip: dbip-city-lite (default), dbip-country-lite or dbip-asn-lite; maxmind: GeoLite2-City
    /// (default), GeoLite2-Country, GeoLite2-ASN, or what your account pays for
    #[arg(long, value_name = "NAME")]
    edition: Option<String>,
    /// Where to put it; without this, the edition's name and `.mmdb` in the working directory
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// dbip: the database of this month, written YYYY-MM; without this, this month's or else last month's
    #[arg(long, value_name = "MONTH")]
    month: Option<String>,
    /// maxmind: a file with lines `AccountID ...` and `LicenseKey ...`, such as the GeoIP.conf that MaxMind offers for
    /// download; without this, the environment variables MAXMIND_ACCOUNT_ID and MAXMIND_LICENSE_KEY
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
    /// Another server with the same paths
    #[arg(long, value_name = "URL", hide = true)]
    base_url: Option<String>,
}

/// Who publishes databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Vendor {
    /// DB-IP Lite: monthly, no account needed, CC BY 4.0
    Dbip,
    /// MaxMind: with an account (GeoLite2 is free of charge)
    Maxmind,
}

/// What went wrong, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
struct Failure {
    /// The operator's mistake, not the network's.
    is_mistake: bool,
    what: String,
    remedy: String,
}

impl Failure {
    fn mistake(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { is_mistake: true, what: what.into(), remedy: remedy.into() }
    }

    fn failed(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { is_mistake: false, what: what.into(), remedy: remedy.into() }
    }

    fn file(path: &Path, verb: &str, error: &std::io::Error) -> Self {
        Self::failed(format!("`{}` cannot be {verb}: {error}", path.display()), "check the folder and its free space")
    }
}

/// Fetches a database and prints what it is.
pub fn run(args: &Args) -> ExitCode {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match fetch(args, UnixTime::from_secs(now.as_secs())) {
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let code = failed(format!("{}\nhelp: {}", failure.what, failure.remedy));
            if failure.is_mistake { ExitCode::from(EXIT_MISTAKE) } else { code }
        }
    }
}

/// Does it all; the report says what was fetched.
fn fetch(args: &Args, now: UnixTime) -> Result<String, Failure> {
    let candidates = source::candidates(args, now)?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.mmdb", source::edition(args))));
    let (packed, candidate) = download_first(args, &candidates, &out)?;
    let unpacked = TempFile::beside(&out, "new")?;
    match candidate.archive {
        Archive::Gzip => unpack::gunzip(&packed.path, &unpacked.path),
        Archive::TarGzip => unpack::mmdb_in_tar(&packed.path, &unpacked.path),
    }
    .map_err(|reason| {
        Failure::failed(
            format!("what {} sent cannot be unpacked: {reason}", candidate.url),
            "check the free space of the folder and try again; the old database is untouched",
        )
    })?;
    drop(packed);
    let mut report = check(&unpacked.path)?;
    unpacked.move_to(&out)?;
    let _ = writeln!(report, "in place: {}", out.display());
    let _ = writeln!(report, "a server that names it in `geoip.databases` takes it up at its next reload (SIGHUP)");
    if args.vendor == Vendor::Dbip {
        let _ = writeln!(
            report,
            "DB-IP Lite is licensed CC BY 4.0: a page that shows its data must link to https://db-ip.com"
        );
    }
    Ok(report)
}

/// Downloads the first candidate that exists.
fn download_first<'a>(
    args: &Args,
    candidates: &'a [Candidate],
    out: &Path,
) -> Result<(TempFile, &'a Candidate), Failure> {
    let client = download::client(args.base_url.is_none())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("no runtime: {error}"), "check the limits of this process"))?;
    let mut missing = None;
    for candidate in candidates {
        let mut packed = TempFile::beside(out, "part")?;
        let done = runtime.block_on(async {
            tokio::select! {
                done = download::download(&client, candidate, &mut packed.file) => done,
                _ = tokio::signal::ctrl_c() => Err(Trouble::Interrupted),
            }
        });
        match done {
            Ok(()) => return Ok((packed, candidate)),
            Err(trouble @ Trouble::Status(404)) => missing = Some((candidate, trouble)),
            Err(trouble) => return Err(trouble.failure(candidate, args.vendor)),
        }
    }
    Err(match missing {
        Some((candidate, trouble)) => trouble.failure(candidate, args.vendor),
        None => Failure::mistake("there is nothing to download", "name an edition"),
    })
}

/// Addresses that the check looks up, because everybody knows where they are.
const SAMPLES: [&str; 4] = ["8.8.8.8", "81.2.69.160", "133.11.0.1", "2a00:1450:4001::1"];

/// Opens the database as a server would, and looks some addresses up. The text says what it is.
fn check(path: &Path) -> Result<String, Failure> {
    let unusable = |reason: String| {
        Failure::failed(
            format!("the database that was sent is not usable: {reason}"),
            "the old database is untouched; try again later",
        )
    };
    let reader = maxminddb::Reader::open_readfile(path).map_err(|error| unusable(error.to_string()))?;
    let kind = reader.metadata().database_type.clone();
    let (year, month, day) = UnixTime::from_secs(reader.metadata().build_epoch).utc_date();
    drop(reader);
    let databases = vec![DatabaseFile { path: path.to_owned(), span: None }];
    let locator = Locator::build(&GeoSpec { databases, ..GeoSpec::default() }).map_err(|diagnostics| {
        unusable(diagnostics.iter().map(|each| each.one_line(&Sources::default())).collect::<Vec<_>>().join("; "))
    })?;
    let is_located = |place: &Place| place.country.is_some() || place.point.is_some();
    let located = locator.leaf_places().iter().filter(|place| is_located(&locator.places()[place.0 as usize])).count();
    if located == 0 && !kind.contains("ASN") {
        return Err(unusable(format!("it is a `{kind}` and locates no address")));
    }
    let entries = locator.leaf_places().len();
    let mut text = format!("{kind} of {year}-{month:02}-{day:02}: {entries} entries, {located} of them located\n");
    for address in SAMPLES.iter().filter_map(|address| address.parse::<IpAddr>().ok()) {
        let place = &locator.places()[locator.place_of(locator.leaf(address)).0 as usize];
        let country = place.country.map_or("unknown".to_owned(), |country| country.as_str().to_owned());
        let _ = writeln!(text, "  {address} {country}");
    }
    Ok(text)
}

/// A file beside another one, gone when dropped unless it was moved.
#[derive(Debug)]
struct TempFile {
    path: PathBuf,
    file: File,
}

impl TempFile {
    /// A new file in the folder of `target`, so that it can take its place in one step.
    fn beside(target: &Path, kind: &str) -> Result<Self, Failure> {
        let Some(name) = target.file_name() else {
            return Err(Failure::mistake(
                format!("`{}` does not name a file", target.display()),
                "name the file itself with --out, for example --out city.mmdb",
            ));
        };
        let path = target.with_file_name(format!(".{}.{}.{kind}", name.to_string_lossy(), std::process::id()));
        let _ = std::fs::remove_file(&path);
        let file = File::create_new(&path).map_err(|error| Failure::file(&path, "written", &error))?;
        Ok(Self { path, file })
    }

    /// Takes the place of `target`; after a power cut there is either the old file or the whole new one.
    fn move_to(self, target: &Path) -> Result<(), Failure> {
        self.file.sync_all().map_err(|error| Failure::file(&self.path, "written to disk", &error))?;
        std::fs::rename(&self.path, target).map_err(|error| Failure::file(target, "replaced", &error))?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Not every file system lets a folder be opened; the file itself is safe by now.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
