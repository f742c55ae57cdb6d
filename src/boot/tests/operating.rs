//! What operators are answered while the disk is full, while regions wait, and while the configuration changes.

use super::Folder;
use crate::admin::operate::file;
use crate::admin::operate::request::{Done, Kind, Refused, Request, Verb};
use crate::boot::Server;
use crate::health::{Change, Status, TargetState};
use crate::steering::control::{Course, Remembered};
use std::net::TcpListener;
use std::time::{Duration, Instant};

const FAR: &str = "{ region = \"far\", address = \"127.0.0.2\" },";

/// Two regions of pool `web`, one of which pool `api` leads to too.
fn toml(port: u16) -> String {
    format!(
        r#"
[server]
workers = 1
startup_grace = "2m"
[admin]
listen = ""
[region.near]
coordinates = [52.5, 13.4]
[region.far]
coordinates = [-33.9, 151.2]
[monitor.port]
type = "tcp"
port = {port}
interval = "60s"
timeout = "50s"
[pool.web]
monitor = "port"
failback = "manual"
members = [
  {{ region = "near", address = "127.0.0.1" }},
  {FAR}
]
[pool.api]
members = [{{ region = "near", address = "127.0.0.1" }}]
[[guard]]
pool = "web"
min_regions = 1
[zone."example.test"]
file = "zones/example.test.zone"
balance.www = {{ pool = "web", ttl = 300 }}
balance.api = {{ pool = "api", ttl = 60 }}
"#
    )
}

/// A server, its configuration, and what its members listen with.
fn start() -> (Folder, Server, String, TcpListener) {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let toml = toml(listener.local_addr().unwrap().port());
    let folder = Folder::new(&[("azimuth.toml", &toml), ("zones/example.test.zone", super::ZONE)]);
    let server = folder.serve();
    (folder, server, toml, listener)
}

fn ask(server: &Server, action: Verb, pattern: &str) -> Result<Done, Refused> {
    let request = Request {
        action,
        pattern: pattern.to_owned(),
        percent: None,
        for_time: None,
        reason: String::new(),
        by: "test".to_owned(),
        overrides: false,
    };
    server.operator().handle().change(&request)
}

/// The region `near` of pool `web` has failed, has recovered, and waits; returns when that is kept.
fn make_near_wait(folder: &Folder, server: &Server) {
    let key = server.publisher().current().inputs.member_targets[0][0][0].clone();
    for status in [Status::Down, Status::Up] {
        let state = TargetState { status, ..TargetState::default() };
        server.publisher().changed(vec![Change { key: key.clone(), state }]);
        server.publisher().flush();
    }
    assert!(near_waits(server));
    let begun = Instant::now();
    while !waiting_is_kept(folder) {
        assert!(begun.elapsed() < super::PATIENCE, "it is not kept that a region waits");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn near_waits(server: &Server) -> bool {
    let courses = server.publisher().courses();
    courses.iter().flat_map(|pair| &pair.regions).any(|region| matches!(region.course, Course::HeldBack { .. }))
}

fn waiting_is_kept(folder: &Folder) -> bool {
    let kept = file::load(&folder.path("state")).unwrap();
    kept.memories.iter().flat_map(|memory| &memory.regions).any(|region| region.state == Remembered::HeldBack)
}

#[test]
fn failback_without_anybody_waiting_is_refused_and_what_it_does_is_kept_when_it_is_answered() {
    let (folder, server, ..) = start();
    let refused = ask(&server, Verb::Failback, "pool/web").unwrap_err();
    assert_eq!(refused.kind, Kind::NothingMatches);
    assert!(refused.error.contains("waits for failback"), "{}", refused.error);
    make_near_wait(&folder, &server);
    assert_eq!(ask(&server, Verb::Failback, "pool/web/far").unwrap_err().kind, Kind::NothingMatches);
    let done = ask(&server, Verb::Failback, "region/near").unwrap();
    assert!(!waiting_is_kept(&folder));
    assert!(!near_waits(&server));
    assert_eq!(done.notes, ["pool/web/near no longer waits for failback"]);
    server.stop();
}

#[test]
fn a_command_that_cannot_be_kept_changes_nothing() {
    let (folder, server, ..) = start();
    make_near_wait(&folder, &server);
    ask(&server, Verb::Drain, "pool/api").unwrap();
    // What the new file would be written to cannot be opened.
    std::fs::create_dir(folder.path("state/operator.json.new")).unwrap();
    for (verb, pattern) in [
        (Verb::Clear, "pool/*"),
        (Verb::Clear, "pool/web"),
        (Verb::Failback, "pool/web"),
        (Verb::ForceDown, "pool/web/far"),
    ] {
        let refused = ask(&server, verb, pattern).unwrap_err();
        assert_eq!(refused.kind, Kind::Failed, "{verb:?} {pattern}: {}", refused.error);
        server.publisher().flush();
        assert!(near_waits(&server), "{verb:?} {pattern}");
        assert_eq!(server.operator().handle().table().orders().len(), 1, "{verb:?} {pattern}");
        assert_eq!(server.publisher().operator().orders().len(), 1, "{verb:?} {pattern}");
    }
    std::fs::remove_dir(folder.path("state/operator.json.new")).unwrap();
    let done = ask(&server, Verb::Clear, "pool/*").unwrap();
    assert_eq!((done.removed.len(), done.notes.len()), (1, 1), "{:?}", done.notes);
    server.publisher().flush();
    assert!(!near_waits(&server) && !waiting_is_kept(&folder));
    assert!(server.publisher().operator().orders().is_empty());
    server.stop();
}

#[test]
fn a_reload_is_judged_again_when_it_goes_live() {
    let (folder, mut server, toml, _listener) = start();
    folder.write("azimuth.toml", &toml.replace(FAR, ""));
    let (loaded, report) = server.reload_job()();
    let (publish, report) = server.apply(loaded, report).unwrap();
    // Between the two it takes away what the reload would leave.
    ask(&server, Verb::Drain, "region/near").unwrap();
    let published = publish.unwrap()();
    let report = server.published(published, report).unwrap_err();
    let said = &report.diagnostics.last().unwrap().message;
    assert!(said.contains("a guard is against this reload: pool `web`"), "{said}");
    assert_eq!(server.loaded().config.pools[0].members.len(), 2);
    assert_eq!(server.publisher().current().inputs.pools[0].members.len(), 2);
    assert_eq!(server.publisher().metrics().configurations, 1);
    assert!(server.reload().is_err(), "so it is when it is read");
    ask(&server, Verb::Undrain, "region/near").unwrap();
    assert!(server.reload().unwrap().0, "nothing of the first attempt is in its way");
    assert_eq!(server.publisher().current().inputs.pools[0].members.len(), 1);
    let refused = ask(&server, Verb::ForceDown, "pool/web").unwrap_err();
    assert_eq!(refused.kind, Kind::Guarded);
    server.stop();
}

#[test]
fn servers_are_not_said_to_be_idle_while_caches_or_other_pools_lead_to_them() {
    let (folder, mut server, toml, _listener) = start();
    folder.write("azimuth.toml", &toml.replace("ttl = 300", "ttl = 30"));
    assert!(server.reload().unwrap().0);
    let done = ask(&server, Verb::Drain, "pool/web/near").unwrap();
    let left = done.safe_to_stop_at.unwrap() - done.now;
    assert!((200..=301).contains(&left) && done.longest_ttl > 200, "{left} s, {} s", done.longest_ttl);
    assert_eq!(done.notes, ["pool `api` answers `127.0.0.1` still, which this does not speak of"]);
    // Where all of it is drained, nobody else leads there.
    let done = ask(&server, Verb::Drain, "region/near").unwrap();
    assert!(!done.notes.iter().any(|note| note.contains("still")), "{:?}", done.notes);
    let partial = ask(&server, Verb::ForceUp, "pool/web/far").unwrap();
    assert_eq!((partial.safe_to_stop_at, partial.longest_ttl), (None, 30));
    server.stop();
}
