//! What a person sees.
#![expect(clippy::unwrap_used, reason = "test code")]

use super::{Tone, WIDTH_MAX, load_cell, shortened, text, wrapped};
use crate::admin::status::report::{Load, Status};

/// A status with everything in it that is long.
fn status() -> Status {
    let order = serde_json::json!({ "pattern": "region/eu-*", "action": "drain", "percent": 100, "since": 1_000,
        "until": 8_200, "reason": "a reason that is so long that it must be broken into several lines of the table", "by": "ops" });
    let member = |target: &str, state: &str, available: bool| {
        serde_json::json!({ "target": target, "enabled": true, "weight": 1, "monitored": "down", "wavering": false,
            "state": state, "available": available, "since": 900, "latency_ms": 12.34,
            "last_error": "connection refused", "warning": "the certificate ends in 3 days",
            "load": { "utilisation": 0.62, "connections": null, "requests": null }, "share_by_weight": 0.5, "orders": [order],
            "feeds": [{ "name": "agents", "age": 3, "stale": false, "failing": false, "last_error": null }],
            "monitors": [
                { "name": "web", "target": "192.0.2.1:80", "status": "down", "since": 900, "against": true,
                  "last_error": "connection refused" },
                { "name": "tls", "target": "192.0.2.1:443", "status": "up", "since": 900, "against": false,
                  "last_error": null, "warning": "the certificate ends in 3 days" },
                { "name": "maintenance", "target": "192.0.2.1:81", "status": "up", "since": 900, "against": true,
                  "last_error": null, "inverted": true },
                { "name": "spare", "target": "192.0.2.1:82", "status": "down", "since": 900, "against": false,
                  "last_error": "no spare answers", "inverted": true },
                { "name": "disk", "target": "192.0.2.1:83", "status": "down", "since": 900, "against": true,
                  "last_error": "full", "watch_only": true }] })
    };
    let value = serde_json::json!({
        "node": "node-1", "version": "1.0.0", "now": 1_000, "generation": 7, "counted_seconds": 10.0,
        "regions": [
            { "name": "eu-west", "enabled": true, "state": "drained", "orders": [order], "load": null,
              "feeds": [{ "name": "prometheus", "age": 95, "stale": true, "failing": true, "last_error": "timed out" }],
              "members_available": 0, "members": 2 },
            { "name": "us-east", "enabled": true, "state": "enabled", "orders": [], "load": null,
              "members_available": 1, "members": 1 },
        ],
        "pools": [{ "name": "web", "policies": ["closest"], "at_least": 2, "answers": 100, "answers_per_second": 10.0, "regions": [
            { "name": "eu-west", "state": "unavailable, drained", "available": false, "orders": [], "shed": 0.0, "answers": 0,
              "share": 0.0, "members": [
                member("2001:db8:1111:2222:3333:4444:5555:6666", "drained", false),
                member("a-very-long-name.of-a-load-balancer.in-some-region.of-a-large-provider.example.net.", "down", false)] },
            { "name": "us-east", "state": "available", "available": true, "orders": [], "shed": 0.0, "answers": 100,
              "share": 1.0, "members": [member("198.51.100.10", "up", true)] } ] }],
        "orders": [order],
    });
    serde_json::from_value(value).unwrap()
}

#[test]
fn every_line_fits_a_hundred_columns_and_says_what_it_shall() {
    let shown = text(&status(), false);
    for line in shown.lines() {
        assert!(line.chars().count() <= WIDTH_MAX, "{} columns: {line}", line.chars().count());
        assert!(!line.contains('\u{1b}') && line.trim_end() == line, "{line:?}");
    }
    for part in [
        "node-1  1970-01-01 00:16:40 UTC  snapshot 7",
        "POOL web: policy closest, 10.0 answers a second, at least 2 monitors",
        "198.51.100.10: tls warning: the certificate ends in 3 days",
        "198.51.100.10: maintenance up (inverted: counts as down)",
        "198.51.100.10: disk down (watched only: counts for nothing): full",
        "62 % (3s)",
        "eu-west: feed prometheus stale, last report 1m35s ago: timed out",
        "2001:db8:1111:2222:3333:4444:5555:6666",
        "web down: connection refused",
        "warning: the certificate ends in 3 days",
        "until 1970-01-01 02:16:40 UTC (in 2h), by ops: a reason",
        "counted by this node over the last 10 s",
    ] {
        assert!(shown.contains(part), "{part:?} is missing in\n{shown}");
    }
    assert!(!shown.contains("no spare answers"), "an inverted monitor that fails is as it shall be:\n{shown}");
    let regions: Vec<_> =
        shown.lines().filter(|line| line.starts_with("eu-west") || line.starts_with("us-east")).collect();
    assert_eq!(regions.len(), 4, "both regions, of all and of the pool: {regions:?}");
    assert!(regions[0].contains("drained") && regions[3].ends_with("100 %"), "{regions:?}");
}

#[test]
fn colors_mark_what_is_out_and_what_is_bad() {
    let shown = text(&status(), true);
    let line = |start: &str| shown.lines().find(|line| line.contains(start)).unwrap();
    assert!(line("2001:db8:1111").starts_with("\x1b[33m"), "drained");
    assert!(line("a-very-long-nam\u{2026}").starts_with("\x1b[31m"), "down");
    assert!(line("198.51.100.10 ").starts_with(' '), "up");
    assert!(shown.lines().all(|line| !line.starts_with('\x1b') || line.ends_with("\x1b[0m")));
}

#[test]
fn every_kind_of_load_is_shown() {
    let shown = |load: Load| load_cell(Some(&load), &[]);
    let none = Load::default();
    assert_eq!(shown(none), "-");
    assert_eq!(shown(Load { utilisation: Some(0.5), requests: Some(7.0), ..none }), "50 %");
    assert_eq!(shown(Load { requests: Some(7.0), ..none }), "7 req/s");
    assert_eq!(shown(Load { bandwidth: Some(1_250_000.0), ..none }), "1.2 MB/s");
    assert_eq!(shown(Load { packets: Some(900.0), ..none }), "900 pkt/s");
    assert_eq!(shown(Load { response_time: Some(0.012), ..none }), "12.0 ms");
}

#[test]
fn long_names_lose_their_middle_and_long_texts_break_at_blanks() {
    assert_eq!(shortened("abcdefghij", 10), "abcdefghij");
    assert_eq!(shortened("abcdefghijk", 10), "abcde\u{2026}hijk");
    let lines = wrapped(&format!("  {}", "word ".repeat(40)), Tone::Plain);
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(
        |(_, line)| line.chars().count() <= WIDTH_MAX && line.starts_with("  word") || line.starts_with("    word")
    ));
}
