//! Updates by `nsupdate`, over crashes and edits of the zone file.

use super::server::{Server, text};
use std::io::Write;
use std::process::{Command, Stdio};

const SECRET: &str = "Zm9yIGV4YW1wbGUsIG5vdCBmb3IgdXNlLCBwbGVhc2U=";

const TOML: &str = r#"
[key."ddns.example."]
secret = "Zm9yIGV4YW1wbGUsIG5vdCBmb3IgdXNlLCBwbGVhc2U="
[key."acme.example."]
secret = "Zm9yIGV4YW1wbGUsIG5vdCBmb3IgdXNlLCBwbGVhc2U="

[zone."example.test"]
file = "example.test.zone"
transfer = [{ prefix = "127.0.0.0/8" }]
update = [
  { key = "ddns.example." },
  { key = "ddns.example.", types = ["SOA"] },
  { key = "acme.example.", names = ["_acme-challenge.www"], types = ["TXT"] },
]
[zone."fixed.test"]
file = "fixed.test.zone"
"#;

const ZONE: &str = "\
$TTL 300
@ SOA ns1 host 1 7200 3600 1209600 300
@ NS ns1
ns1 A 192.0.2.53
www A 192.0.2.1
www A 192.0.2.2
mail A 192.0.2.3
";

fn start() -> Server {
    Server::start(&[("azimuth.toml", TOML), ("example.test.zone", ZONE), ("fixed.test.zone", ZONE)])
}

/// How `nsupdate` signs.
fn key(name: &str, secret: &str) -> Vec<String> {
    vec!["-y".into(), format!("hmac-sha256:{name}:{secret}")]
}

/// What `nsupdate` says to these lines: nothing, or the RCODE.
fn nsupdate(server: &Server, options: &[String], lines: &str) -> String {
    let mut child = Command::new("nsupdate")
        .args(["-t", "120", "-r", "0"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nsupdate is installed");
    let script = format!("server 127.0.0.1 {}\n{lines}\nsend\n", server.dns.port());
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    text(&child.wait_with_output().unwrap()).trim().to_owned()
}

/// As [`nsupdate`], with the key that may do anything.
fn update(server: &Server, lines: &str) -> String {
    nsupdate(server, &key("ddns.example", SECRET), &format!("zone example.test\n{lines}"))
}

fn serial(server: &Server) -> u32 {
    let soa = server.dig(&["example.test", "SOA"]).concat();
    soa.split(' ').nth(2).unwrap_or_default().parse().unwrap()
}

#[test]
fn nsupdate_adds_deletes_and_asks_for_prerequisites_over_udp_and_tcp() {
    let server = start();
    let soa = |serial: u32| format!("add example.test 300 SOA ns1.example.test. host.example.test. {serial} 1 1 1 1");
    for transport in [None, Some("-v")] {
        let first = serial(&server);
        let options = [key("ddns.example", SECRET), transport.into_iter().map(str::to_owned).collect()].concat();
        let update = |lines: &str| nsupdate(&server, &options, &format!("zone example.test\n{lines}"));
        assert_eq!(update("add new.example.test 60 A 192.0.2.9\nadd new.example.test 60 TXT \"two words\""), "");
        assert_eq!(server.dig(&["new.example.test", "TXT"]), ["\"two words\""]);
        assert_eq!(serial(&server), first + 1);
        for (lines, said) in [
            ("prereq nxdomain new.example.test", "YXDOMAIN"),
            ("prereq yxdomain none.example.test", "NXDOMAIN"),
            ("prereq nxrrset new.example.test A", "YXRRSET"),
            ("prereq yxrrset new.example.test MX", "NXRRSET"),
            ("prereq yxrrset new.example.test A 192.0.2.10", "NXRRSET"),
        ] {
            assert_eq!(
                update(&format!("{lines}\nadd more.example.test 60 A 192.0.2.9")),
                format!("update failed: {said}")
            );
        }
        assert_eq!(update("add more.example.com. 60 A 192.0.2.9"), "update failed: NOTZONE");
        assert_eq!(serial(&server), first + 1, "nothing changed");
        assert_eq!(update("prereq yxrrset new.example.test A 192.0.2.9\ndelete new.example.test A"), "");
        assert_eq!(update("delete new.example.test"), "");
        assert_eq!(
            update("delete www.example.test A 192.0.2.1\nadd www.example.test 300 A 192.0.2.1"),
            "",
            "no change"
        );
        assert!(server.dig(&["new.example.test", "TXT"]).is_empty());
        assert_eq!(server.dig(&["www.example.test"]), ["192.0.2.1", "192.0.2.2"]);
        assert_eq!(serial(&server), first + 3);
        assert_eq!(update(&soa(first + 100)), "");
        assert_eq!(serial(&server), first + 100, "an update may set a newer serial");
        assert_eq!(update(&soa(first + 50)), "");
        assert_eq!(serial(&server), first + 100, "an older one is ignored");
    }
    let metrics = server.page("/metrics");
    assert!(metrics.contains("azimuth_updates_total{zone=\"example.test.\",result=\"unmet\"} 10"), "{metrics}");
    assert!(metrics.contains("azimuth_journal_octets{zone=\"example.test.\"}"));
}

#[test]
fn who_has_no_key_or_no_rule_changes_nothing() {
    let server = start();
    let add = "zone example.test\nadd a.example.test 60 A 192.0.2.9";
    let refused = "update failed: REFUSED";
    assert_eq!(nsupdate(&server, &[], add), refused);
    let wrong = nsupdate(&server, &key("ddns.example", "d3JvbmcgZXhhbXBsZSwgd3Jvbmcgc2VjcmV0"), add);
    assert!(wrong.contains("BADSIG") || wrong.contains("NOTAUTH"), "{wrong}");
    let wrong = nsupdate(&server, &key("nobody.example", SECRET), add);
    assert!(wrong.contains("BADKEY") || wrong.contains("NOTAUTH"), "{wrong}");
    let acme = key("acme.example", SECRET);
    assert_eq!(nsupdate(&server, &acme, add), refused);
    let challenge = "zone example.test\nadd _acme-challenge.www.example.test 60 TXT \"token\"";
    assert_eq!(nsupdate(&server, &acme, &format!("{challenge}\nadd www.example.test 60 TXT \"x\"")), refused);
    assert_eq!(nsupdate(&server, &acme, challenge), "");
    assert_eq!(server.dig(&["_acme-challenge.www.example.test", "TXT"]), ["\"token\""]);
    assert_eq!(nsupdate(&server, &acme, "zone example.test\ndelete _acme-challenge.www.example.test"), "");
    let ddns = key("ddns.example", SECRET);
    assert_eq!(nsupdate(&server, &ddns, "zone fixed.test\nadd a.fixed.test 60 A 192.0.2.9"), refused);
    assert_eq!(nsupdate(&server, &ddns, "zone other.test\nadd a.other.test 60 A 192.0.2.9"), "update failed: NOTAUTH");
    assert!(server.dig(&["a.example.test"]).is_empty());
}

#[test]
fn what_was_answered_is_there_after_a_crash_and_secondaries_get_the_changes() {
    let mut server = start();
    for number in 0..5 {
        for part in 0..4 {
            assert_eq!(update(&server, &format!("add n{number}-{part}.example.test 60 A 192.0.2.{number}")), "");
        }
        server.crash();
        assert_eq!(serial(&server), 1 + 4 * (number + 1));
        assert_eq!(server.dig(&[&format!("n{number}-3.example.test")]), [format!("192.0.2.{number}")]);
    }
    // A change of 20 steps in a zone of 26 records: the last one alone is shorter than the zone.
    let printed = server.dig_all(&["example.test", "IXFR=20"]);
    assert!(printed.contains("n4-3.example.test") && !printed.contains("n0-0.example.test"), "{printed}");
}

#[test]
fn a_file_edited_meanwhile_is_refused_until_it_is_merged_or_the_journal_is_put_aside() {
    let mut server = start();
    assert_eq!(update(&server, "add added.example.test 60 A 192.0.2.9\nadd mail.example.test 300 A 192.0.2.4"), "");
    server
        .write("example.test.zone", &(ZONE.replace("mail A 192.0.2.3", "mail A 192.0.2.33") + "edited A 192.0.2.7\n"));
    server.write("fixed.test.zone", &format!("{ZONE}edited A 192.0.2.7\n"));
    let said = server.reload();
    assert!(said.contains("azimuth zone merge example.test.") && said.contains("discard-journal"), "{said}");
    assert_eq!(server.dig(&["edited.fixed.test"]), ["192.0.2.7"], "other zones load");
    assert!(server.dig(&["edited.example.test"]).is_empty());
    assert_eq!(update(&server, "add late.example.test 60 A 192.0.2.9"), "", "updates go on");
    assert!(text(&server.run(&["check", "--config", "azimuth.toml"])).contains("azimuth zone merge example.test."));
    // With nothing to go on with it is the only zone without an answer.
    server.crash();
    assert!(server.dig_all(&["late.example.test"]).contains("SERVFAIL"));
    assert_eq!(server.dig(&["edited.fixed.test"]), ["192.0.2.7"]);

    let merge = server.run(&["zone", "merge", "example.test"]);
    assert_eq!(merge.status.code(), Some(1));
    assert!(text(&merge).contains("example.test.zone:7: mail.example.test. A was changed by both"), "{}", text(&merge));
    let before = server.log().matches("configuration reloaded").count();
    let merge = server.run(&["zone", "merge", "example.test", "--prefer", "file"]);
    assert!(merge.status.success(), "{}", text(&merge));
    assert!(text(&merge).contains("1 conflict settled") && text(&merge).contains("has reloaded"), "{}", text(&merge));
    super::server::wait_until("it is told to reload", || {
        server.log().matches("configuration reloaded").count() > before
    });
    for (name, address) in [("edited", "192.0.2.7"), ("late", "192.0.2.9"), ("mail", "192.0.2.33")] {
        assert_eq!(server.dig(&[&format!("{name}.example.test")]), [address]);
    }
    assert_eq!(serial(&server), 4);
    assert_eq!(update(&server, "add again.example.test 60 A 192.0.2.9"), "");
    assert_eq!(server.dig(&["again.example.test"]), ["192.0.2.9"]);

    let export = server.run(&["zone", "export", "example.test"]);
    assert!(text(&export).contains("again.example.test.\t60\tIN\tA\t192.0.2.9\n"), "{}", text(&export));
    let discard = server.run(&["zone", "discard-journal", "example.test"]);
    assert!(
        text(&discard).contains("1 change by updates") && text(&discard).contains("from 5 to 4"),
        "{}",
        text(&discard)
    );
    super::server::wait_until("what updates changed is gone", || server.dig(&["again.example.test"]).is_empty());
    let export = text(&server.run(&["zone", "export", "example.test", "--offline", "--json"]));
    assert!(export.contains("\"name\": \"late.example.test.\"") && !export.contains("again"), "{export}");
}

#[test]
fn the_outcome_of_the_reload_is_the_outcome_of_the_command() {
    let server = start();
    assert_eq!(update(&server, "add added.example.test 60 A 192.0.2.9"), "");
    server.write("fixed.test.zone", &format!("{ZONE}broken A nonsense\n"));
    let merge = server.run(&["zone", "merge", "example.test", "--flush"]);
    assert!(merge.status.code() == Some(2) && text(&merge).contains("nothing was changed"), "{}", text(&merge));
    assert_eq!(update(&server, "add more.example.test 60 A 192.0.2.9"), "", "updates go on");
    let discard = server.run(&["zone", "discard-journal", "example.test", "--json"]);
    assert_eq!(discard.status.code(), Some(1));
    assert!(
        text(&discard).contains("\"reload\": \"refused\"") && text(&discard).contains("SIGHUP"),
        "{}",
        text(&discard)
    );
    server.write("fixed.test.zone", ZONE);
    server.reload();
    assert_eq!(update(&server, "add again.example.test 60 A 192.0.2.9"), "");
    let nobody = super::server::free_port();
    let merge =
        server.run(&["zone", "merge", "example.test", "--flush", "--json", "--admin", &format!("127.0.0.1:{nobody}")]);
    assert_eq!(merge.status.code(), Some(1));
    assert!(text(&merge).contains("\"reload\": \"unknown\"") && text(&merge).contains("\"conflicts_settled\": 0"));
}

#[test]
fn reloads_under_updates_lose_none() {
    let server = start();
    std::thread::scope(|scope| {
        let updates = scope.spawn(|| {
            for number in 0..60 {
                assert_eq!(update(&server, &format!("add u{number}.example.test 60 A 192.0.2.9")), "");
            }
        });
        let mut round = 0;
        while !updates.is_finished() {
            round += 1;
            server.write("fixed.test.zone", &format!("{ZONE}round{round} A 192.0.2.7\n"));
            let said = server.reload();
            assert!(said.contains("configuration reloaded"), "{said}");
        }
    });
    assert_eq!(serial(&server), 61);
    let there = (0..60).filter(|number| server.dig(&[&format!("u{number}.example.test")]) == ["192.0.2.9"]).count();
    assert_eq!(there, 60);
}
