//! Zone transfers and signatures as `dig` sees them.

use super::server::{Server, wait_until};
use std::fmt::Write;

const SECRET: &str = "Zm9yIGV4YW1wbGUsIG5vdCBmb3IgdXNlLCBwbGVhc2U=";
const NAMES: usize = 3_000;

const TOML: &str = r#"
[key."transfer.example."]
secret_file = "transfer.key"
[key."long.example."]
algorithm = "hmac-sha512"
secret = "Zm9yIGV4YW1wbGUsIG5vdCBmb3IgdXNlLCBwbGVhc2U="

[zone."example.test"]
file = "example.test.zone"
transfer = [{ prefix = "127.0.0.0/8", key = "transfer.example." }, { key = "long.example." }]
"#;

/// What `tsig-keygen` writes.
fn key_file() -> String {
    format!("key \"transfer.example\" {{\n\talgorithm hmac-sha256;\n\tsecret \"{SECRET}\";\n}};\n")
}

fn zone(serial: u32, last: &str) -> String {
    let mut text = format!("$TTL 3600\n@ SOA ns1 host {serial} 7200 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.53\n");
    for number in 0..NAMES {
        let _ = writeln!(text, "host-{number} TXT \"some text that takes its room in every message {number}\"");
    }
    text + last
}

fn start() -> Server {
    let zone = zone(1, "last A 192.0.2.1\n");
    Server::start(&[("azimuth.toml", TOML), ("transfer.key", &key_file()), ("example.test.zone", &zone)])
}

/// The records that a transfer shows, as `dig` prints them.
fn records(printed: &str) -> Vec<&str> {
    printed.lines().filter(|line| line.contains("\tIN\t")).collect()
}

#[test]
fn a_zone_is_transferred_to_who_has_the_key_and_what_changed_afterwards() {
    let server = start();
    let sha256 = format!("hmac-sha256:transfer.example:{SECRET}");
    let sha512 = format!("hmac-sha512:long.example:{SECRET}");
    for key in [&sha256, &sha512] {
        let printed = server.dig_all(&["example.test", "AXFR", "-y", key]);
        let records = records(&printed);
        assert_eq!(records.len(), NAMES + 5, "{key}");
        assert!(records[0].contains("SOA") && records[NAMES + 4] == records[0]);
        // It checks every signature and says when one is wrong.
        assert!(!printed.contains("WARNING") && !printed.contains("verify"), "{key}");
    }
    for refused in [
        vec!["example.test", "AXFR"],
        vec!["example.test", "AXFR", "-y", "hmac-sha256:transfer.example:d3JvbmcgZXhhbXBsZSwgd3Jvbmcgc2VjcmV0"],
        vec!["example.test", "AXFR", "-y", "hmac-sha256:nobody.example:d3JvbmcgZXhhbXBsZSwgd3Jvbmcgc2VjcmV0"],
    ] {
        let printed = server.dig_all(&refused);
        assert!(printed.contains("Transfer failed") && records(&printed).is_empty(), "{printed}");
    }
    server.write("example.test.zone", &zone(2, "last A 192.0.2.2\n"));
    assert!(server.reload().contains("configuration reloaded"));
    let printed = server.dig_all(&["example.test", "IXFR=1", "-y", &sha256]);
    let changed = records(&printed);
    assert_eq!(changed.len(), 6, "{printed}");
    assert!(changed[2].ends_with("192.0.2.1") && changed[4].ends_with("192.0.2.2"), "{printed}");
    let printed = server.dig_all(&["example.test", "IXFR=2", "+notcp", "-y", &sha256]);
    assert_eq!(records(&printed).len(), 1, "up to date: {printed}");
    let log = server.log();
    assert!(log.contains("zone transferred") && log.contains("kind=\"ixfr\""), "{log}");
    assert!(!log.contains(SECRET) && !log.contains("Zm9y"));
    let metrics = server.page("/metrics");
    assert!(metrics.contains("azimuth_slow_requests_total{kind=\"axfr\",result=\"done\"} 2"), "{metrics}");
    assert!(metrics.contains("azimuth_tsig_refused_total 2") || metrics.contains("azimuth_tsig_refused_total{} 2"));
}

#[test]
fn a_signed_query_has_a_signed_answer() {
    let server = start();
    let key = format!("hmac-sha256:transfer.example:{SECRET}");
    for protocol in ["+notcp", "+tcp"] {
        let printed = server.dig_all(&["last.example.test", "A", protocol, "-y", &key]);
        assert!(printed.contains("192.0.2.1") && printed.contains("TSIG PSEUDOSECTION"), "{printed}");
        assert!(!printed.contains("could not be validated") && !printed.contains("verify"), "{printed}");
    }
    // A wrong secret: the error tells which, and nothing of the zone is told.
    let wrong = "hmac-sha256:transfer.example:d3JvbmcgZXhhbXBsZSwgd3Jvbmcgc2VjcmV0";
    let printed = server.dig_all(&["last.example.test", "A", "-y", wrong]);
    assert!(printed.contains("BADSIG") && printed.contains("NOTAUTH") && !printed.contains("192.0.2.1"), "{printed}");
}

#[test]
fn transfers_go_on_while_the_configuration_is_reloaded() {
    let server = start();
    let key = format!("hmac-sha256:transfer.example:{SECRET}");
    for serial in 2..5 {
        server.write("example.test.zone", &zone(serial, &format!("last A 192.0.2.{serial}\n")));
        server.signal(rustix::process::Signal::HUP);
        let printed = server.dig_all(&["example.test", "AXFR", "-y", &key]);
        let records = records(&printed);
        // One version or the other, never a mixture.
        assert_eq!((records.len(), records[0]), (NAMES + 5, records[NAMES + 4]));
        wait_until("the new version is live", || {
            server.dig(&["last.example.test", "A"]) == [format!("192.0.2.{serial}")]
        });
    }
}
