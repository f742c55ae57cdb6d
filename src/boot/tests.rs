//! A server in this process: what a reload sees, what it keeps, and which files it is made of.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod operating;

use super::watch::FileWatcher;
use super::{Overrides, Server, StartError, load_rest};
use crate::admin::latency::{Latencies, NotTaken};
use crate::base::Sources;
use crate::config;
use crate::geo::latency::file::Format;
use crate::health::Status;
use crate::transfer::Journals;
use crate::wire::Name;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Never to be reached unless something is broken.
const PATIENCE: Duration = Duration::from_secs(120);

const ZONE: &str = "@ 300 SOA ns1 host 1 7200 3600 1209600 300\n@ 300 NS ns1\nns1 300 A 192.0.2.53\n";

/// A folder with configurations.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn serve(&self) -> Server {
        // Of two sockets on a free port the second may find it taken meanwhile: then once more.
        for _ in 0..10 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let listen = Some(vec![SocketAddr::from(([127, 0, 0, 1], port))]);
            let overrides = Overrides { listen, admin: None, state_dir: Some(self.path("state")) };
            match Server::start(&self.path("azimuth.toml"), overrides) {
                Ok((server, _)) => return server,
                Err(StartError::System(_)) => {}
                Err(StartError::Configuration(report)) => panic!("{:?}", report.diagnostics),
            }
        }
        panic!("no port stays free");
    }
}

/// A web server that is well: each connection is answered once.
fn well() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    address
}

/// A configuration with one pool of one member on loopback, checked by monitor `name` at `port`.
fn checked(name: &str, port: u16, more: &str) -> String {
    format!(
        r#"
[server]
workers = 1
startup_grace = "2m"
[admin]
listen = ""
[region.near]
coordinates = [52.5, 13.4]
[monitor.{name}]
type = "http"
port = {port}
interval = "60s"
timeout = "50s"
{more}
[pool.web]
monitor = "{name}"
members = [{{ region = "near", address = "127.0.0.1" }}]
[zone."example.test"]
file = "zones/example.test.zone"
balance.www = {{ pool = "web" }}
"#
    )
}

fn statuses(server: &Server) -> Vec<Status> {
    let snapshot = server.publisher().current().snapshot.clone();
    snapshot.pool_answers.get(0).states().iter().map(|state| state.status).collect()
}

#[test]
fn the_first_answer_knows_the_results_of_the_first_round() {
    let folder =
        Folder::new(&[("azimuth.toml", &checked("web", well().port(), "")), ("zones/example.test.zone", ZONE)]);
    let server = folder.serve();
    assert_eq!(statuses(&server), [Status::Up]);
    server.stop();
}

#[test]
fn a_reload_never_drops_what_is_known_of_a_member_whose_monitor_changes() {
    // Accepts connections and never says anything: its first verdict is far away.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_port = silent.local_addr().unwrap().port();
    let folder =
        Folder::new(&[("azimuth.toml", &checked("web", well().port(), "")), ("zones/example.test.zone", ZONE)]);
    let mut server = folder.serve();
    for name in ["web", "renamed"] {
        let before = server.publisher().metrics().publications;
        folder.write("azimuth.toml", &checked(name, silent_port, ""));
        assert!(server.reload().unwrap().0);
        assert_eq!(statuses(&server), [Status::Up], "monitor `{name}` has no verdict yet");
        server.publisher().flush();
        assert_eq!(server.publisher().metrics().publications, before + 1, "at no time it was anything else");
    }
    server.stop();
}

#[test]
fn a_reload_sees_a_renewed_ca_file() {
    let certificate = |name: &str| rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap().cert.pem();
    let toml = checked("web", well().port(), "tls_ca_file = \"ca/roots.pem\"");
    let folder = Folder::new(&[
        ("azimuth.toml", &toml.replace("\"http\"", "\"https\"")),
        ("zones/example.test.zone", ZONE),
        ("ca/roots.pem", &certificate("a.example.test")),
    ]);
    let mut server = folder.serve();
    assert!(!server.reload().unwrap().0, "nothing changed");
    folder.write("ca/roots.pem", &certificate("a-longer-name.example.test"));
    assert!(server.reload().unwrap().0, "the renewed file is taken");
    assert!(!server.reload().unwrap().0, "once");
    assert!(server.files().contains(&folder.path("ca/roots.pem")));
    server.stop();
}

#[test]
fn the_files_of_a_server_are_all_that_it_was_read_from() {
    let folder = Folder::new(&[
        ("azimuth.toml", &checked("web", well().port(), "")),
        ("zones/example.test.zone", &format!("{ZONE}$INCLUDE ../shared/hosts\n")),
        ("shared/hosts", "www2 300 A 192.0.2.7\n$INCLUDE deeper/more\n"),
        ("shared/deeper/more", "www3 300 A 192.0.2.8\n"),
    ]);
    let server = folder.serve();
    let files: Vec<PathBuf> = server.files().iter().map(|file| file.canonicalize().unwrap()).collect();
    for name in ["azimuth.toml", "zones/example.test.zone", "shared/hosts", "shared/deeper/more"] {
        assert!(files.contains(&folder.path(name).canonicalize().unwrap()), "{name} is not among {files:?}");
    }
    server.stop();
}

/// Puts something in the place of the journal of `example.test` that is none.
fn break_journal(folder: &Folder) {
    let apex = Name::from_text(b"example.test.", None).unwrap();
    let path = Journals::new(&folder.path("state")).path(&apex);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, "no journal").unwrap();
}

#[test]
fn the_file_of_a_zone_that_does_not_fit_its_journal_is_among_them() {
    let update = "update = [{ prefix = \"127.0.0.0/8\" }]\n";
    let folder = Folder::new(&[
        ("azimuth.toml", &(checked("web", well().port(), "") + update)),
        ("zones/example.test.zone", ZONE),
    ]);
    break_journal(&folder);
    let server = folder.serve();
    assert!(!server.loaded().inputs.zones.zones()[0].is_available());
    assert!(server.files().iter().any(|file| file.ends_with("example.test.zone")), "{:?}", server.files());
    server.stop();
}

#[test]
fn a_journal_is_checked_as_the_server_would_use_it() {
    let folder = Folder::new(&[("zones/example.test.zone", ZONE)]);
    break_journal(&folder);
    let errors = |zone: &str| -> Vec<String> {
        let common = r#"
[region.near]
[pool.web]
members = [{ region = "near", address = "192.0.2.1" }]
[zone."example.test"]
"#;
        folder.write("azimuth.toml", &format!("{common}{zone}"));
        let mut sources = Sources::default();
        let (config, found) = config::load(&folder.path("azimuth.toml"), &mut sources);
        let mut config = config.unwrap_or_else(|| panic!("{found:?}"));
        config.server.state_dir = folder.path("state");
        load_rest(&config, &mut sources).into_iter().map(|found| found.message).collect()
    };
    assert_eq!(errors("type = \"secondary\"\nprimaries = [\"192.0.2.1\"]\n"), [""; 0]);
    let file = "file = \"zones/example.test.zone\"\nbalance.www = { pool = \"web\" }\n";
    let of_primary = errors(file);
    assert!(of_primary.len() == 1 && of_primary[0].contains("is no journal of zone"), "{of_primary:?}");
    let of_view = errors(&format!("{file}transfer_balanced = \"static\"\n"));
    assert!(of_view.len() == 1 && of_view[0].contains("`transfer_balanced` cannot have"), "{of_view:?}");
}

const QUIET: Duration = Duration::from_millis(50);

fn watch(files: &[PathBuf]) -> (FileWatcher, Receiver<()>) {
    let (sender, called) = channel();
    let watcher = FileWatcher::start(files, QUIET, move || _ = sender.send(())).unwrap();
    (watcher, called)
}

/// Waits until the watcher has called and all its calls so far are taken.
#[track_caller]
fn expect_call(called: &Receiver<()>) {
    called.recv_timeout(PATIENCE).unwrap();
    while called.recv_timeout(QUIET * 4).is_ok() {}
}

#[test]
fn changes_of_watched_files_are_called_out_however_they_are_written() {
    let folder = Folder::new(&[("a/file", "1"), ("b/file", "1")]);
    let (mut watcher, called) = watch(&[folder.path("a/file")]);
    folder.write("a/file", "2");
    expect_call(&called);
    // As editors do it.
    folder.write("a/.file.new", "3");
    std::fs::rename(folder.path("a/.file.new"), folder.path("a/file")).unwrap();
    expect_call(&called);
    // Other files instead.
    watcher.watch(&[folder.path("b/file")]).unwrap();
    folder.write("b/file", "2");
    expect_call(&called);
    drop(watcher);
    // A busy machine may have told of one change twice.
    let end = std::iter::repeat_with(|| called.recv_timeout(PATIENCE)).find_map(Result::err);
    assert_eq!(end, Some(RecvTimeoutError::Disconnected), "its thread has ended");
}

#[test]
fn an_included_file_in_a_folder_of_its_own_is_watched() {
    let folder = Folder::new(&[
        ("azimuth.toml", &checked("web", well().port(), "")),
        ("zones/example.test.zone", &format!("{ZONE}$INCLUDE ../shared/hosts\n")),
        ("shared/hosts", "www2 300 A 192.0.2.7\n"),
    ]);
    let mut server = folder.serve();
    let (watcher, called) = watch(&server.files());
    folder.write("shared/hosts", "www2 300 A 192.0.2.9\n");
    expect_call(&called);
    assert!(server.reload().unwrap().0);
    drop(watcher);
    server.stop();
}

#[test]
fn a_user_that_does_not_exist_is_told_with_its_place() {
    let folder = Folder::new(&[("azimuth.toml", "[server]\nuser = \"no-such-user-anywhere\"\n")]);
    let (_, report) = super::load(&folder.path("azimuth.toml"), &Overrides::default(), None);
    let mut about_user = report.diagnostics.iter().filter(|diagnostic| diagnostic.message.contains("does not exist"));
    let told = about_user.next().unwrap();
    assert!(about_user.next().is_none());
    assert_eq!(told.places.len(), 1);
    // For anybody but root the key has no effect.
    let root = nix::unistd::Uid::effective().is_root();
    assert_eq!(told.severity == crate::base::Severity::Error, root);
}

#[test]
fn a_database_that_locates_one_family_is_told_with_its_place() {
    let config = "[server]\nlisten = [\"127.0.0.1:5353\"]\n[geoip]\ndatabases = [\"v4.mmdb\"]\n";
    let folder = Folder::new(&[("azimuth.toml", config)]);
    let mut writer = mmdb_writer::Writer::builder("Test-Country").ip_version(mmdb_writer::IpVersion::V4).build();
    let country = mmdb_writer::Value::map([("iso_code", mmdb_writer::Value::from("NL"))]);
    let record = mmdb_writer::Value::map([("country", country)]);
    writer.insert_value("192.0.2.0/24".parse::<mmdb_writer::ipnet::IpNet>().unwrap(), record).unwrap();
    std::fs::write(folder.path("v4.mmdb"), writer.to_bytes().unwrap()).unwrap();
    let (loaded, report) = super::load(&folder.path("azimuth.toml"), &Overrides::default(), None);
    assert!(loaded.is_some());
    let told = |diagnostic: &&crate::base::Diagnostic| diagnostic.message.contains("no database locates IPv6 clients");
    let places: Vec<usize> = report.diagnostics.iter().filter(told).map(|diagnostic| diagnostic.places.len()).collect();
    assert_eq!(places, [1]);
}

/// Two regions for a client in 192.0.2.0/24, whom only `latency.csv` knows; the first of its order.
fn first_region(server: &Server) -> String {
    let current = server.publisher().current();
    let (snapshot, client) = (&current.snapshot, "192.0.2.1".parse().unwrap());
    let ranking = &snapshot.rankings[0];
    let (cohort, _) = ranking.at(snapshot.locator.leaf(client));
    current.inputs.regions[ranking.regions(cohort)[0].index()].name.to_string()
}

/// Waits until the client's first region is `name`: tables go live in the background.
#[track_caller]
fn wait_for_region(server: &Server, name: &str) {
    let begun = Instant::now();
    while first_region(server) != name {
        assert!(begun.elapsed() < PATIENCE, "{name} does not come first");
        std::thread::sleep(Duration::from_millis(5));
    }
}

const MEASURED: &str = r#"
[server]
workers = 1
[admin]
listen = ""
[geoip]
latency = ["latency.csv"]
[region.one]
[region.two]
[region.three]
[policy.quick]
order = "latency"
[pool.web]
members = [
  { region = "one", address = "192.0.2.1" },
  { region = "two", address = "192.0.2.2" },
  { region = "three", address = "192.0.2.3" },
]
[zone."example.test"]
file = "zones/example.test.zone"
balance.www = { pool = "web", policy = "quick" }
"#;

#[test]
fn tables_of_latencies_go_live_and_outlive_reloads_and_restarts() {
    let folder = Folder::new(&[
        ("azimuth.toml", MEASURED),
        ("latency.csv", "192.0.2.0/24,two,20\n192.0.2.0/24,three,80\n"),
        ("zones/example.test.zone", ZONE),
    ]);
    let mut server = folder.serve();
    assert_eq!(first_region(&server), "two");
    let replace = |server: &Server, text: &str| server.latencies().replace(text.as_bytes(), Format::Csv);
    assert_eq!(replace(&server, "192.0.2.0/24,three,10\n"), Ok(1));
    wait_for_region(&server, "three");
    let mode = std::fs::metadata(folder.path("state/latency.csv")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & !0o640, 0, "{mode:o}: like other files of state");
    let mistake = "body:1:14: region `four` is not defined; regions are named as in `[region.NAME]`".to_owned();
    assert_eq!(replace(&server, "192.0.2.0/24,four,10\n"), Err(NotTaken::Mistakes(vec![mistake])));
    // What the new table would be written to cannot be opened.
    std::fs::create_dir(folder.path("state/latency.csv.new")).unwrap();
    let failed = replace(&server, "192.0.2.0/24,one,1\n").unwrap_err();
    assert!(matches!(&failed, NotTaken::Failed(why) if why.contains("cannot write")), "{failed:?}");
    std::fs::remove_dir(folder.path("state/latency.csv.new")).unwrap();
    // A reload with other files keeps the table over them.
    folder.write("latency.csv", "192.0.2.0/24,one,5\n192.0.2.0/24,three,80\n");
    assert!(server.reload().unwrap().0);
    assert_eq!(first_region(&server), "one");
    folder.write("latency.csv", "192.0.2.0/24,one,15\n");
    assert!(server.reload().unwrap().0);
    assert_eq!(first_region(&server), "three");
    assert!(!server.reload().unwrap().0, "nothing changed");
    server.stop();
    // So does another start, and where a region is gone the rest of the table counts.
    folder.write("azimuth.toml", &MEASURED.replace("three", "four"));
    let server = folder.serve();
    assert_eq!(first_region(&server), "one");
    assert_eq!(replace(&server, "192.0.2.0/24,four,10\n"), Ok(1));
    wait_for_region(&server, "four");
    assert_eq!(replace(&server, ""), Ok(0), "an empty table takes it back");
    wait_for_region(&server, "one");
    server.stop();
}

#[test]
fn mistakes_in_files_of_latencies_are_told_with_their_place() {
    let folder = Folder::new(&[
        ("azimuth.toml", MEASURED),
        ("latency.csv", "key,region,milliseconds\n192.0.2.0/24,tow,20\n"),
        ("zones/example.test.zone", ZONE),
    ]);
    let told = || -> Vec<String> {
        let mut sources = Sources::default();
        let (config, _) = config::load(&folder.path("azimuth.toml"), &mut sources);
        let found = load_rest(&config.unwrap(), &mut sources);
        found.iter().map(|diagnostic| diagnostic.one_line(&sources)).collect()
    };
    let [mistake] = &told()[..] else { panic!("{:?}", told()) };
    assert!(mistake.contains("latency.csv:2:14: region `tow` is not defined"), "{mistake}");
    std::fs::remove_file(folder.path("latency.csv")).unwrap();
    let [missing] = &told()[..] else { panic!("{:?}", told()) };
    assert!(missing.contains("azimuth.toml:7:12: latencies") && missing.contains("cannot be read"), "{missing}");
}
