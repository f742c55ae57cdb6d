//! What an operator types: check, explain, serve, geoip, and what each says when it cannot.

use super::backend::Backend;
use super::server::{Server, azimuth, free_port, get, read_log, spawn, text, wait_until};
use super::{ZONE, two_regions, two_regions_in_motion};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn check_finds_nothing_wrong_with_the_sample_configuration() {
    let output = azimuth(repository(), &["check", "--config", "azimuth.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}

#[test]
fn check_prints_every_mistake_with_its_place_and_exits_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let toml = "[server]\nlistne = [\"127.0.0.1:5300\"]\n\n[region.us-east]\ncoordinates = [39.0, -77.5]\n\n[pool.web]\n\
                members = [{ region = \"us-esat\", address = \"192.0.2.1\" }]\n\n[zone.\"example.test\"]\n\
                file = \"example.test.zone\"\nbalance.www = { pool = \"web\" }\n";
    std::fs::write(folder.path().join("azimuth.toml"), toml).unwrap();
    std::fs::write(folder.path().join("example.test.zone"), format!("{ZONE}x A 1.2.3\n")).unwrap();
    for (verb, option) in [("check", "-c"), ("serve", "--config")] {
        let output = azimuth(folder.path(), &[verb, option, "azimuth.toml"]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(2), "{verb}: {said}");
        let places = ["azimuth.toml:2:1", "azimuth.toml:8:23", "example.test.zone:7:5"];
        let words = ["did you mean `listen`", "did you mean `us-east`", "us-esat", "1.2.3"];
        for part in places.into_iter().chain(words) {
            assert!(said.contains(part), "{verb}: {part:?} is missing in\n{said}");
        }
    }
}

#[test]
fn check_speaks_json_and_emits_a_schema() {
    let output = azimuth(repository(), &["check", "--config", "azimuth.toml", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ok"], true);
    let output = azimuth(repository(), &["check", "--schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(schema["properties"]["zone"].is_object(), "{schema:#}");
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let output = azimuth(folder.path(), &["serve", "--config", "nowhere.toml"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("nowhere.toml"), "{}", text(&output));
}

#[test]
fn explain_tells_what_the_running_server_would_answer() {
    let (mut near, far) = (Backend::start(), Backend::start());
    let server = Server::start(&[("azimuth.toml", &two_regions_in_motion(&near, &far)), ("example.test.zone", ZONE)]);
    let explain = ["explain", "www.example.test", "A", "--from", "203.0.113.7", "--config", "azimuth.toml"];
    let said = text(&server.run(&explain));
    for part in ["203.0.113.7", "near", "far", "192.0.2.1", "unknown"] {
        assert!(said.contains(part), "{part:?} is missing in\n{said}");
    }
    near.kill();
    wait_until("the server has noticed", || server.dig(&["www.example.test"]) == ["192.0.2.2"]);
    let output = server.run(&[&explain[..], &["--json"]].concat());
    let explained: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let shown = format!("{explained:#}");
    assert!(output.status.success() && shown.contains("down") && shown.contains("192.0.2.2"), "{shown}");

    let (status, body) = get(server.admin, "/api/v1/explain?name=www.example.test").unwrap();
    let refusal: serde_json::Value = serde_json::from_str(&body).expect("a refusal is JSON too");
    assert!(status == 400 && refusal["error"].as_str().unwrap().contains("from=ADDRESS"), "{body}");

    let output = server.run(&[&explain[..], &["--offline"]].concat());
    let said = text(&output);
    let first = said.lines().next().unwrap();
    assert!(first.contains("offline") && first.contains("up"), "the first line says what is assumed: {first}");
    assert!(said.contains("192.0.2.1"), "{said}");
}

#[test]
fn explain_without_a_server_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let toml = format!("[admin]\nlisten = \"127.0.0.1:{}\"\n", free_port());
    std::fs::write(folder.path().join("azimuth.toml"), toml).unwrap();
    let output = azimuth(folder.path(), &["explain", "www.example.test", "--from", "192.0.2.1"]);
    assert!(!output.status.success());
    assert!(text(&output).contains("--offline"), "{}", text(&output));
}

#[test]
fn a_taken_port_is_named_with_its_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    std::fs::write(folder.path().join("azimuth.toml"), format!("[server]\nlisten = [\"{address}\"]\n")).unwrap();
    let output = azimuth(folder.path(), &["serve", "--config", "azimuth.toml"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in [address.to_string().as_str(), "udp", "--listen"] {
        assert!(said.contains(part), "{part:?} is missing in\n{said}");
    }
}

/// Demos share the loopback addresses of the sample's backends: one at a time.
static DEMO: Mutex<()> = Mutex::new(());

/// Runs a demo that cannot start.
fn refused_demo(listen: &str, backend_port: u16) -> String {
    let (admin, port) = (format!("127.0.0.1:{}", free_port()), backend_port.to_string());
    let output =
        azimuth(repository(), &["demo", "--listen", listen, "--admin", &admin, "--backend-port", port.as_str()]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    text(&output)
}

#[test]
fn a_demo_that_cannot_have_an_address_names_it_and_the_option_to_choose_another() {
    let _alone = DEMO.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let backend = TcpListener::bind("127.0.10.1:0").unwrap();
    let backend_port = backend.local_addr().unwrap().port();
    // With both taken it is what the operator chose that is told.
    let said = refused_demo(&listen, backend_port);
    assert!(said.contains(&listen) && said.contains("--listen") && !said.contains("127.0.10.1"), "{said}");
    let said = refused_demo(&format!("127.0.0.1:{}", free_port()), backend_port);
    assert!(said.contains(&format!("127.0.10.1:{backend_port}")) && said.contains("--backend-port"), "{said}");
}

#[test]
fn unknown_words_on_the_command_line_are_refused_with_2() {
    for arguments in [&["serve", "--confg", "x"][..], &["srve"], &["explain"], &[]] {
        let output = azimuth(repository(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output));
        assert!(text(&output).contains("Usage"), "{}", text(&output));
    }
    let output = azimuth(repository(), &["--version"]);
    assert!(text(&output).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn sigterm_ends_the_server_in_good_order() {
    let (near, far) = (Backend::start(), Backend::start());
    let server = Server::start(&[("azimuth.toml", &two_regions(&near, &far)), ("example.test.zone", ZONE)]);
    let (dns, admin) = (server.dns, server.admin);
    assert_eq!(server.dig(&["www.example.test"]), ["192.0.2.1"]);
    let (status, log) = server.terminate();
    assert!(status.success(), "{status}:\n{log}");
    assert!(log.contains("stopping"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    UdpSocket::bind(dns).expect("the port is free again");
    assert_eq!(get(admin, "/healthz"), None);
}

#[test]
fn metrics_are_clean_and_healthz_answers() {
    let (near, far) = (Backend::start(), Backend::start());
    let server = Server::start(&[("azimuth.toml", &two_regions(&near, &far)), ("example.test.zone", ZONE)]);
    server.dig(&["www.example.test"]);
    server.dig(&["nowhere.example.test"]);
    server.dig(&["www.example.test", "+tcp"]);
    let metrics = server.page("/metrics");
    assert!(metrics.lines().any(|line| line.starts_with("azimuth_") && !line.ends_with(" 0")), "{metrics}");
    let found = promtool(&metrics);
    assert_eq!(found, "", "promtool has something to say about\n{metrics}");
    assert_eq!(server.page("/healthz").trim(), "ok");
    assert_eq!(get(server.admin, "/nowhere").map(|(status, _)| status), Some(404));
}

/// What `promtool check metrics` says; empty when it is content.
fn promtool(metrics: &str) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    let tools = repository().join("target/test-tools/bin");
    let child = Command::new("promtool")
        .args(["check", "metrics"])
        .env("PATH", format!("{path}:{}", tools.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("there is no `promtool`: run `make setup`");
    child.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = text(&output);
    if output.status.success() { said } else { format!("{}: {said}", output.status) }
}

#[test]
fn geoip_lookup_says_where_an_address_is() {
    let output = azimuth(repository(), &["geoip", "lookup", "8.8.8.8"]);
    let said = text(&output);
    assert!(output.status.success(), "{said}");
    for part in ["8.8.8.8", "US", "embedded"] {
        assert!(said.contains(part), "{part:?} is missing in\n{said}");
    }
    let output = azimuth(repository(), &["geoip", "lookup", "not-an-address"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
}

#[test]
fn the_demo_serves_the_sample_zone_and_says_what_to_try() {
    let _alone = DEMO.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let (port, backend_port) = (free_port(), free_port().to_string());
    let (listen, admin) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", free_port()));
    let options = ["demo", "--listen", &listen, "--admin", &admin, "--backend-port", &backend_port];
    let mut child = spawn(folder.path(), &options);
    wait_until("the demo has printed what to try", || read_log(folder.path()).contains("+subnet="));
    let log = read_log(folder.path());
    // The first line to try, as it was printed.
    let line = log.lines().find(|line| line.contains("dig ") && line.contains("+subnet=")).unwrap();
    let words: Vec<&str> = line[line.find("dig ").unwrap()..].split_whitespace().skip(1).collect();
    assert!(words.contains(&"@127.0.0.1") && words.contains(&port.to_string().as_str()), "{line}");
    let mut said = String::new();
    wait_until("the demo answers", || {
        let output = Command::new("dig").args(&words).args(["+tries=1", "+time=2"]).output();
        said = text(&output.expect("there is no `dig`: run `make setup`"));
        said.contains("127.")
    });
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    wait_until("the demo has ended", || child.try_wait().unwrap().is_some());
}
