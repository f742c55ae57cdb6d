//! Operators at work: drains, forced states, guards and the token, over the command line and the API, across restarts and
//! reloads.

use super::backend::Backend;
use super::server::{Server, get, request, text, wait_until};
use super::{ZONE, two_regions_in_motion};
use serde_json::Value;

/// Two regions that are up, and more lines of configuration.
fn start(more: &str) -> (Server, [Backend; 2]) {
    let backends = [Backend::start(), Backend::start()];
    let toml = two_regions_in_motion(&backends[0], &backends[1]) + more;
    let server = Server::start(&[("azimuth.toml", &toml), ("example.test.zone", ZONE)]);
    wait_until("both regions are up", || server.page("/api/v1/status").matches("\"available\":true").count() == 4);
    (server, backends)
}

fn www(server: &Server) -> Vec<String> {
    server.dig(&["www.example.test"])
}

/// Runs a verb; it must end with this code. What it says.
fn run(server: &Server, code: i32, arguments: &[&str]) -> String {
    let output = server.run(arguments);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

const NEAR: [&str; 1] = ["192.0.2.1"];
const FAR: [&str; 1] = ["192.0.2.2"];

#[test]
fn a_drained_region_gets_no_new_client_over_reload_and_crash_until_it_is_undrained() {
    let (mut server, _backends) = start("");
    assert_eq!(www(&server), NEAR);
    let said = run(&server, 0, &["drain", "region/near", "--reason", "new switches", "--for", "2h"]);
    for part in [
        "region/near: draining until ",
        "(in 2h)",
        "new switches",
        "web near 192.0.2.1",
        "acted, and no other",
        "up to 60 s: safe to stop",
    ] {
        assert!(said.contains(part), "{part:?} is missing in\n{said}");
    }
    assert_eq!(www(&server), FAR, "from the moment that the command returns");
    server.write("example.test.zone", &format!("{ZONE}more A 192.0.2.99\n"));
    server.reload();
    assert_eq!(
        (www(&server), server.dig(&["more.example.test"])),
        (FAR.map(String::from).to_vec(), vec!["192.0.2.99".to_owned()])
    );
    server.crash();
    assert_eq!(www(&server), FAR, "from its first answer on");
    let log = server.log();
    assert!(log.contains("order of an operator is still in force") && log.contains("the server has started"), "{log}");
    let said = run(&server, 0, &["undrain", "region/near"]);
    assert!(said.contains("removed    region/near: draining until"), "{said}");
    wait_until("the region is back", || www(&server) == NEAR);
    let log = server.log();
    assert!(log.contains("command of an operator") && log.contains("order of an operator was taken back"), "{log}");
}

#[test]
fn forced_down_beats_draining_beats_forced_up_beats_the_monitor() {
    let (server, mut backends) = start("");
    run(&server, 0, &["force", "down", "pool/web/near/192.0.2.1"]);
    assert_eq!(www(&server), FAR);
    run(&server, 0, &["force", "up", "region/near"]);
    assert_eq!(www(&server), FAR, "forced down at one level wins over forced up at another");
    run(&server, 0, &["clear", "pool/*/near/*"]);
    assert_eq!(www(&server), NEAR);
    backends[0].kill();
    wait_until("the monitor sees it", || {
        server.page("/api/v1/status?pattern=region/near").contains("\"monitored\":\"down\"")
    });
    assert_eq!(www(&server), NEAR, "forced up wins over the monitor");
    run(&server, 0, &["drain", "pool/web/near"]);
    assert_eq!(www(&server), FAR, "draining wins over forced up");
    let shown = run(&server, 0, &["status"]);
    for part in ["near", "forced up", "drained", "pool/web/near: draining", "POOL web"] {
        assert!(shown.contains(part), "{part:?} is missing in\n{shown}");
    }
    run(&server, 0, &["undrain", "pool/web/near"]);
    run(&server, 0, &["clear", "region/near"]);
    assert_eq!(www(&server), FAR, "the monitor's word again");
}

#[test]
fn an_order_ends_by_itself_and_the_log_says_so() {
    let (server, _backends) = start("");
    run(&server, 0, &["drain", "region/ne*", "--for", "1s"]);
    wait_until("its time is over", || www(&server) == NEAR);
    wait_until("the log says so", || server.log().contains("order of an operator has ended"));
    let standing: Value = serde_json::from_str(&server.page("/api/v1/operator")).unwrap();
    assert_eq!(standing["orders"].as_array().unwrap().len(), 0);
    let kept = std::fs::read_to_string(server.folder().join("state/operator.json")).unwrap();
    assert!(!kept.contains("region/ne"), "{kept}");
}

#[test]
fn an_order_that_a_later_one_replaces_has_ended_and_the_log_says_why() {
    let (server, _backends) = start("");
    run(&server, 0, &["drain", "region/near", "--reason", "new switches"]);
    let said = run(&server, 0, &["force", "down", "region/near"]);
    assert!(said.contains("draining"), "what it replaces: {said}");
    let log = server.log();
    let ended =
        log.lines().find(|line| line.contains("order of an operator has ended")).unwrap_or_else(|| panic!("{log}"));
    for part in ["a later command on the same pattern", "draining", "region/near", "new switches"] {
        assert!(ended.contains(part), "{part:?} is missing in {ended}");
    }
}

#[test]
fn a_guard_refuses_what_leaves_too_few_regions_unless_it_is_overridden() {
    let (server, mut backends) = start("[[guard]]\npool = \"w*\"\nmin_regions = 2\n");
    let said = run(&server, 3, &["drain", "region/near"]);
    assert!(said.contains("pool `web` must keep 2 regions") && said.contains("1 (far) would be left"), "{said}");
    assert!(said.contains("--override") && said.contains("--percent 90"), "{said}");
    let said = run(&server, 3, &["drain", "pool/web"]);
    assert!(said.contains("`pool/NAME/REGION`") && !said.contains("--percent"), "a whole pool has no parts: {said}");
    assert_eq!(www(&server), NEAR);
    run(&server, 3, &["force", "down", "pool/web/near/*"]);
    let said = run(&server, 0, &["drain", "region/near", "--override"]);
    assert!(said.contains("overridden pool `web`"), "{said}");
    assert_eq!(www(&server), FAR);
    assert!(server.log().contains("a guard was overridden"));
    run(&server, 0, &["undrain", "region/near"]);
    backends[1].kill();
    wait_until("the other is down", || server.page("/api/v1/status").contains("\"monitored\":\"down\""));
    run(&server, 0, &["drain", "region/far"]);
    let said = run(&server, 3, &["drain", "region/near"]);
    assert!(said.contains("none would be left"), "{said}");
    // A reload that leaves fewer than the guard asks for is a mistake like any other.
    let toml = std::fs::read_to_string(server.folder().join("azimuth.toml")).unwrap();
    let body = &toml[toml.find("[region.near]").unwrap()..];
    let without: String =
        body.lines().filter(|line| !line.contains("192.0.2.2")).map(|line| format!("{line}\n")).collect();
    server.write("azimuth.toml", &without);
    let said = server.reload();
    assert!(said.contains("must keep 2 regions") && said.contains("reload refused"), "{said}");
    let metrics = server.page("/metrics");
    for part in [
        "azimuth_admin_state{pattern=\"region/far\",state=\"draining\"} 100",
        "azimuth_admin_state_members{state=\"draining\"} 1",
        "azimuth_admin_state_members{state=\"forced-up\"} 0",
        "azimuth_region_course{pool=\"web\",policy=\"closest\",region=\"far\",course=\"down\"} 1",
    ] {
        assert!(metrics.contains(part), "{part:?} is missing in\n{metrics}");
    }
}

#[test]
fn changes_take_the_token_and_reading_does_not() {
    let (server, _backends) = start("");
    let body = r#"{ "action": "drain", "pattern": "region/near" }"#;
    let token = std::fs::read_to_string(server.folder().join("state/admin.token")).unwrap();
    let post = |token: Option<&str>, body: &str| {
        let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let head = format!("POST /api/v1/operate HTTP/1.1\r\nContent-Type: application/json\r\n{authorization}");
        request(server.admin, &head, body).unwrap()
    };
    for wrong in [None, Some("wrong"), Some(&token.trim()[1..])] {
        let (status, body) = post(wrong, body);
        assert!(status == 401 && body.contains("admin.token"), "{status} {body}");
    }
    let (status, said) = get(server.admin, "/api/v1/zone/export?zone=example.test").unwrap();
    assert!(status == 401 && said.contains("admin.token"), "whole zones are not for everybody: {status} {said}");
    assert_eq!(www(&server), NEAR);
    let (status, body) = post(Some(token.trim()), body);
    let done: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &done["longest_ttl"], &done["members"][0]["target"]),
        (200, &60.into(), &"192.0.2.1".into()),
        "{body}"
    );
    let safe_after = done["safe_to_stop_at"].as_u64().unwrap() - done["now"].as_u64().unwrap();
    assert!((59..70).contains(&safe_after), "{body}");
    assert_eq!(www(&server), FAR);
    for (body, part) in [
        ("{", "error"),
        (r#"{ "action": "stop", "pattern": "region/near" }"#, "unknown variant"),
        (r#"{ "action": "drain", "pattern": "near" }"#, "region/near"),
        (r#"{ "action": "drain", "pattern": "region/near", "percnt": 5 }"#, "percnt"),
        (r#"{ "action": "force-up", "pattern": "region/near", "percent": 5 }"#, "`drain` only"),
        (r#"{ "action": "drain", "pattern": "region/near", "for": "2 hours" }"#, "how long"),
        (r#"{ "action": "clear", "pattern": "region/near", "for": "2h" }"#, "takes no time"),
        (r#"{ "action": "drain", "pattern": "region/near", "reason": "two\nlines" }"#, "one line"),
    ] {
        let (status, said) = post(Some(token.trim()), body);
        let error: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{body}: {said}"));
        assert!(
            (400..500).contains(&status) && error["error"].is_string() && said.contains(part),
            "{body}: {status} {said}"
        );
    }
    let (status, said) = post(Some(token.trim()), &format!("{{ \"pattern\": \"{}\" }}", "x".repeat(20_000)));
    assert!(status == 413, "{status} {said}");
    assert_eq!(get(server.admin, "/api/v1/operate").unwrap().0, 405);
}

#[test]
fn what_is_misspelled_or_cannot_be_had_tells_what_to_do() {
    let (server, _backends) = start("");
    for (arguments, parts) in [
        (&["drain", "near"][..], &["region/near"][..]),
        (&["drain", "region/naer"], &["no region is called `naer`", "did you mean `near`"]),
        (&["drain", "pool/web/nowhere"], &["no region of pool `web`", "`far`, `near`"]),
        (&["undrain", "region/near"], &["no drain stands for `region/near`"]),
        (&["drain", "region/near", "--percent", "50"], &["percentage_drain = true", "[policy.closest]"]),
        (&["drain", "pool/web", "--percent", "50"], &["`pool/web/REGION`"]),
        (&["drain", "region/near", "--for", "tomorrow"], &["how long"]),
        (&["status", "region/x"], &["no region is called `x`"]),
        (&["failback", "pool/web/near/192.0.2.1"], &["not members"]),
    ] {
        let said = run(&server, 2, arguments);
        assert!(parts.iter().all(|part| said.contains(part)), "{arguments:?}: {said}");
    }
    run(&server, 0, &["drain", "pool/web/near/192.0.2.1", "--percent", "50"]);
    assert_eq!(www(&server), NEAR, "a part of the only member there is");
    let said = run(&server, 0, &["drain", "pool/web"]);
    assert!(said.contains("nothing of pool `web` may be answered now"), "{said}");
    let said = run(&server, 2, &["undrain", "pool/web/near"]);
    assert!(said.contains("`pool/web` speaks of the same"), "{said}");
    let nobody = super::server::free_port();
    let said = run(&server, 1, &["status", "--admin", &format!("127.0.0.1:{nobody}")]);
    assert!(said.contains("cannot ask the server") && said.contains("help:"), "{said}");
}

#[test]
fn a_broken_file_of_orders_keeps_the_server_from_starting_and_says_where_and_what_to_do() {
    let (server, _backends) = start("");
    run(&server, 0, &["drain", "region/near"]);
    let file = server.folder().join("state/operator.json");
    let text_of_file = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text_of_file.replace("\"drain\"", "\"drian\"")).unwrap();
    let port = super::server::free_port();
    let (dns, admin) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{}", super::server::free_port()));
    let serve = ["serve", "--config", "azimuth.toml", "--listen", &dns, "--admin", &admin];
    let said = run(&server, 1, &serve);
    for part in ["another server uses the state folder", "state/operator.json:", "drian", "help: ", "mv "] {
        assert!(said.contains(part), "{part:?} is missing in\n{said}");
    }
}

#[test]
fn the_status_speaks_json_and_counts_answers() {
    let (server, _backends) = start("");
    for _ in 0..20 {
        www(&server);
    }
    wait_until("answers are counted", || {
        let shown: Value = serde_json::from_str(&run(&server, 0, &["status", "pool/web", "--json"])).unwrap();
        let regions = shown["pools"][0]["regions"].as_array().unwrap().clone();
        assert_eq!((&regions[0]["name"], &regions[1]["name"]), (&"near".into(), &"far".into()), "configured order");
        assert_eq!(regions[0]["members"][0]["share_by_weight"], 1.0);
        regions[0]["share"] == 1.0 && regions[0]["answers"].as_u64() >= Some(20)
    });
}
