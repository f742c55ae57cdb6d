//! Reload: all or nothing, without a lost query, and without forgetting who is down.

use super::backend::Backend;
use super::load::Load;
use super::server::{Server, wait_until};
use super::{ZONE, two_regions, two_regions_in_motion};
use rustix::process::Signal;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

const TOML: &str = "[zone.\"example.test\"]\nfile = \"example.test.zone\"\n";
/// Reloads under load, at least.
const ROUNDS: usize = 24;

#[test]
fn reload_under_load_loses_no_query_and_forgets_no_status() {
    let (mut near, far) = (Backend::start(), Backend::start());
    let toml = two_regions_in_motion(&near, &far);
    let server = Server::start(&[("azimuth.toml", &toml), ("example.test.zone", ZONE)]);
    near.kill();
    wait_until("the killed region is left", || server.dig(&["www.example.test"]) == ["192.0.2.2"]);

    let load = Load::start(server.dns, 4, &["www.example.test", "plain.example.test", "nowhere.example.test"]);
    // Until there was a load worth the name, which takes a busy machine longer.
    for round in (0..).take_while(|round| *round < ROUNDS || round % 4 != 0 || load.sent() <= 1_000) {
        match round % 4 {
            // Another zone file, another pool, a mistake, and everything back.
            0 => server.write("example.test.zone", &format!("{ZONE}more{round} A 192.0.2.99\n")),
            1 => server.write(
                "azimuth.toml",
                &format!("{toml}\n[pool.more]\nmembers = [{{ region = \"far\", address = \"192.0.2.3\" }}]\n"),
            ),
            2 => server.write("azimuth.toml", &toml.replace("region = \"near\"", "region = \"nera\"")),
            _ => server.write("azimuth.toml", &toml),
        }
        let said = server.reload();
        assert_eq!(said.contains("reload refused"), round % 4 == 2, "round {round}:\n{said}");
    }
    let tally = load.stop();
    assert_eq!(tally.lost, 0, "{tally:?}");
    let answers: Vec<&str> = tally.answers.keys().map(String::as_str).collect();
    let wanted = ["No Error A 192.0.2.2", "No Error A 192.0.2.80", "Non-Existent Domain "];
    assert_eq!(answers, wanted, "at no time was the dead region answered");
}

#[test]
fn a_change_of_files_is_live_after_sighup() {
    let (near, far) = (Backend::start(), Backend::start());
    let toml = two_regions(&near, &far);
    let server = Server::start(&[("azimuth.toml", &toml), ("example.test.zone", ZONE)]);
    assert!(server.dig(&["new.example.test"]).is_empty());
    server.write("example.test.zone", &format!("{ZONE}new A 192.0.2.90\n"));
    assert!(server.dig(&["new.example.test"]).is_empty(), "nobody said so yet");
    server.reload();
    assert_eq!(server.dig(&["new.example.test"]), ["192.0.2.90"]);

    let more = toml.clone() + "balance.other = { pool = \"web\", ttl = 17 }\n";
    server.write("azimuth.toml", &more);
    server.reload();
    let all = server.dig_all(&["other.example.test", "A"]);
    assert!(all.contains("\t17\tIN\tA\t192.0.2.1"), "{all}");
    assert!(server.reload().contains("nothing changed"));
}

#[test]
fn a_broken_edit_changes_nothing_and_says_why() {
    let (near, far) = (Backend::start(), Backend::start());
    let toml = two_regions(&near, &far);
    let server = Server::start(&[("azimuth.toml", &toml), ("example.test.zone", ZONE)]);
    server.write("azimuth.toml", &toml.replace("pool = \"web\"", "pool = \"wbe\""));
    server.write("example.test.zone", &format!("{ZONE}broken A 192.0.2.300\n"));
    let said = server.reload();
    for part in ["reload refused", "wbe", "did you mean `web`", "example.test.zone:7:10", "192.0.2.300"] {
        assert!(said.contains(part), "{part:?} is missing in\n{said}");
    }
    assert_eq!(server.dig(&["www.example.test"]), ["192.0.2.1"], "the old configuration answers");
    assert_eq!(server.dig(&["plain.example.test"]), ["192.0.2.80"]);
    let metrics = server.page("/metrics");
    let refused = metrics.lines().find(|line| line.starts_with("azimuth_reloads_total{result=\"refused\"}"));
    assert_eq!(refused, Some("azimuth_reloads_total{result=\"refused\"} 1"), "{metrics}");

    server.write("azimuth.toml", &toml);
    server.write("example.test.zone", &format!("{ZONE}mended A 192.0.2.30\n"));
    assert!(server.reload().contains("configuration reloaded"));
    assert_eq!(server.dig(&["mended.example.test"]), ["192.0.2.30"]);
}

/// Sends SIGHUP and holds up the load at a zone file that is a pipe: it goes on once what is returned is dropped.
fn begin_reload(server: &Server) -> File {
    let zone = server.folder().join("example.test.zone");
    std::fs::remove_file(&zone).unwrap();
    assert!(Command::new("mkfifo").arg(&zone).status().unwrap().success());
    server.signal(Signal::HUP);
    let mut pipe = None;
    // Without a reader such a pipe cannot be opened.
    wait_until("the zone file is being read", || {
        pipe = File::options().write(true).custom_flags(libc::O_NONBLOCK).open(&zone).ok();
        pipe.is_some()
    });
    pipe.unwrap()
}

#[test]
fn sigterm_does_not_wait_for_a_reload() {
    let server = Server::start(&[("azimuth.toml", TOML), ("example.test.zone", ZONE)]);
    let pipe = begin_reload(&server);
    assert_eq!(server.dig(&["plain.example.test"]), ["192.0.2.80"]);
    let (status, log) = server.terminate();
    assert!(status.success() && log.contains("stopping") && !log.contains("configuration reloaded"), "{log}");
    drop(pipe);
}

#[test]
fn sighup_during_a_reload_causes_another_one() {
    let server = Server::start(&[("azimuth.toml", TOML), ("example.test.zone", ZONE)]);
    let mut pipe = begin_reload(&server);
    std::fs::remove_file(server.folder().join("example.test.zone")).unwrap();
    server.write("example.test.zone", &format!("{ZONE}second A 192.0.2.12\n"));
    server.signal(Signal::HUP);
    pipe.write_all(format!("{ZONE}first A 192.0.2.11\n").as_bytes()).unwrap();
    drop(pipe);
    wait_until("both reloads have ended", || server.log().matches("configuration reloaded").count() == 2);
    assert_eq!(server.dig(&["second.example.test"]), ["192.0.2.12"]);
    assert!(server.dig(&["first.example.test"]).is_empty());
}
