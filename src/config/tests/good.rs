//! What good configurations mean: the values that come out, and their order.

use super::{load_files, load_text};
use crate::base::{Country, MonitorId, Point, PolicyId, PoolId, RegionId, Severity};
use crate::config::{Admin, Server};
use crate::geo::spec::NetworkFact;
use crate::probe::spec::{MonitorKind, TcpCheck};
use crate::snapshot::Settings;
use crate::steering::spec::{
    AllDown, Families, MemberTarget, Order, ProbeAddress, Region, RequiredMonitor, Spread, TtlRange,
};
use std::path::Path;
use std::time::Duration;

const SITES: &str = r#"
[region.us-east]
coordinates = [39.04, -77.49]
[region.eu-west]
coordinates = [53.35, -6.26]
[pool.web]
members = [
  { region = "us-east", address = "192.0.2.10" },
  { region = "eu-west", address = "198.51.100.10" },
]
"#;

fn with_sites(text: &str) -> String {
    format!("{SITES}\n{text}")
}

#[test]
fn an_empty_configuration_is_all_defaults_and_a_warning() {
    let loaded = load_text("");
    let config = loaded.config();
    assert_eq!(config.server, Server::default());
    assert_eq!(config.admin, Admin::default());
    assert_eq!(config.settings, Settings::default());
    let names: Vec<&str> = config.policies.iter().map(|policy| &*policy.name).collect();
    assert_eq!(names, ["closest", "listed", "any"]);
    let orders: Vec<Order> = config.policies.iter().map(|policy| policy.order).collect();
    assert_eq!(orders, [Order::Closest, Order::Listed, Order::Any]);
    assert!(config.zones.is_empty() && config.regions.is_empty() && config.geo.marks.is_empty());
    assert_eq!(loaded.messages(Severity::Warning), ["no zone is configured: every query will be refused"]);
}

#[test]
fn sizes_may_have_units() {
    for (written, octets) in
        [("512", 512), ("\"1232 B\"", 1232), ("\"1232B\"", 1232), ("\"2KiB\"", 2048), ("\"4 KiB\"", 4096)]
    {
        let loaded = load_text(&format!("[server]\nudp_response_max = {written}\n"));
        assert_eq!(loaded.config().settings.udp_response_len_max, octets, "{written}");
    }
    for written in ["511", "-1", "4097", "\"511 B\"", "\"5 KiB\"", "\"1232\"", "\"4 KB\"", "1232.0", "\"\""] {
        let loaded = load_text(&format!("[server]\nudp_response_max = {written}\n"));
        assert!(loaded.config.is_none() && loaded.diagnostics.len() == 1, "{written}: {}", loaded.rendered());
    }
}

#[test]
fn server_geoip_and_admin_take_what_is_written() {
    let loaded = load_text(
        r#"
        [server]
        listen = ["192.0.2.53:53", "[2001:db8::53]:5353"]
        workers = 3
        state_dir = "state"
        user = "azimuth"
        startup_grace = "1m30s"
        hold = "0s"
        watch = true
        udp_response_max = 512
        tcp = { connections = 7, connections_per_client = 2, idle_timeout = "200ms" }
        [geoip]
        databases = ["a.mmdb", "/data/b.mmdb"]
        client_subnet = false
        [admin]
        listen = ""
        "#,
    );
    let config = loaded.config();
    let folder = config.files[0].parent().unwrap();
    let server = &config.server;
    assert_eq!(server.listen, ["192.0.2.53:53".parse().unwrap(), "[2001:db8::53]:5353".parse().unwrap()]);
    assert_eq!((server.workers, server.user.as_deref(), server.watch), (3, Some("azimuth"), true));
    assert_eq!(server.state_dir, folder.join("state"));
    assert_eq!((server.startup_grace, server.hold), (Duration::from_secs(90), Duration::ZERO));
    assert_eq!((server.tcp.connections, server.tcp.connections_per_client), (7, 2));
    assert_eq!(server.tcp.idle_timeout, Duration::from_millis(200));
    assert_eq!(config.settings, Settings { client_subnet: false, udp_response_len_max: 512, ..Settings::default() });
    let databases: Vec<&Path> = config.geo.databases.iter().map(|database| database.path.as_path()).collect();
    assert_eq!(databases, [folder.join("a.mmdb").as_path(), Path::new("/data/b.mmdb")]);
    assert_eq!(config.admin.listen, None);
}

#[test]
fn configured_order_is_order_of_appearance_across_files() {
    let loaded = load_files(&[
        ("azimuth.toml", "include = [\"z.toml\", \"conf.d/*.toml\", \"a.toml\"]\n[region.main]\n[region.alpha]\n"),
        ("a.toml", "[region.a]\n"),
        ("z.toml", "include = \"deeper/x.toml\"\n[region.z-2]\n[region.z-1]\n"),
        ("deeper/x.toml", "[region.x]\n"),
        ("conf.d/10.toml", "[region.c10]\n"),
        ("conf.d/9.toml", "[region.c9]\n"),
        ("conf.d/B.toml", "[region.cB]\n"),
        ("conf.d/a.toml", "[region.ca]\n"),
        ("conf.d/.hidden.toml", "[region.hidden]\n"),
    ]);
    let config = loaded.config();
    let names: Vec<&str> = config.regions.iter().map(|region| &*region.name).collect();
    assert_eq!(names, ["main", "alpha", "z-2", "z-1", "x", "c10", "c9", "cB", "ca", "a"]);
    assert_eq!(config.files.len(), 8);
}

#[test]
fn paths_are_relative_to_the_file_that_says_so() {
    let loaded = load_files(&[
        ("azimuth.toml", "include = [\"zones/*.toml\"]\n"),
        ("zones/a.toml", "[zone.\"a.example\"]\nfile = \"a.zone\"\n[zone.\"b.example.\"]\nfile = \"/srv/b.zone\"\n"),
    ]);
    let config = loaded.config();
    let folder = config.files[0].parent().unwrap();
    assert_eq!(config.zones[0].spec.file, folder.join("zones/a.zone"));
    assert_eq!(config.zones[1].spec.file, Path::new("/srv/b.zone"));
    let apexes: Vec<String> = config.zones.iter().map(|zone| zone.spec.apex.to_string()).collect();
    assert_eq!(apexes, ["a.example.", "b.example."]);
}

#[test]
fn regions_and_networks() {
    let text = with_sites(
        r#"
        [region.off]
        bias = -10
        enabled = false
        [[network]]
        prefix = "203.0.113.0/24"
        region = "eu-west"
        [[network]]
        prefix = "2001:db8::/32"
        coordinates = [-33, 151.2]
        [[network]]
        prefix = "192.0.2.1"
        country = "de"
        "#,
    );
    let loaded = load_text(&text);
    let config = loaded.config();
    let off = Region { name: "off".into(), coordinates: None, bias: -10, enabled: false, capacity: None };
    assert_eq!(config.regions[2], off);
    assert_eq!(config.geo.regions, [Point::new(39.04, -77.49), Point::new(53.35, -6.26), None]);
    let facts: Vec<(String, NetworkFact)> =
        config.geo.networks.iter().map(|network| (network.prefix.to_string(), network.fact.unwrap())).collect();
    let expected = [
        ("203.0.113.0/24", NetworkFact::Region(RegionId(1))),
        ("2001:db8::/32", NetworkFact::Coordinates(Point::new(-33.0, 151.2).unwrap())),
        ("192.0.2.1/32", NetworkFact::Country(Country::new("DE").unwrap())),
    ]
    .map(|(prefix, fact)| (prefix.to_owned(), fact));
    assert_eq!(facts, expected);
}

#[test]
fn monitors_have_the_defaults_of_their_type() {
    let loaded = load_text(
        r#"
        [monitor.plain]
        type = "http"
        [monitor.tls]
        type = "https"
        interval = "1s"
        timeout = "900ms"
        [monitor.port]
        type = "tcp"
        port = 22
        interval = "1h"
        fall = 1
        rise = 5
        retry_interval = "7ms"
        [monitor.page]
        type = "https"
        port = 8443
        path = "/healthz?deep=1"
        host = "www.example.com:8443"
        expect_status = [204, "3xx", "400-404"]
        expect_body = "ready"
        tls_server_name = "www.example.com"
        tls_verify = false
        [monitor.one-status]
        type = "http"
        expect_status = 200
        "#,
    );
    let config = loaded.config();
    let [plain, tls, port, page, one_status] = &config.monitors[..] else { panic!("five monitors") };
    let MonitorKind::Http(check) = &plain.kind else { panic!("http") };
    assert_eq!((plain.port, check.path.as_str(), check.tls.is_none()), (80, "/", true));
    assert_eq!((check.host.as_deref(), &check.expect_status[..]), (None, &[(200, 299)][..]));
    let timing = plain.timing;
    assert_eq!((timing.interval, timing.timeout), (Duration::from_secs(5), Duration::from_secs(2)));
    assert_eq!((timing.fall, timing.rise, timing.retry_interval), (3, 2, Duration::from_millis(200)));
    let MonitorKind::Http(check) = &tls.kind else { panic!("https") };
    assert!(check.tls.as_ref().unwrap().verify && check.tls.as_ref().unwrap().ca_file.is_none());
    assert_eq!((tls.port, tls.timing.retry_interval), (443, Duration::from_millis(100)));
    assert_eq!((&port.kind, port.port), (&MonitorKind::Tcp(TcpCheck::default()), 22));
    assert_eq!((port.timing.fall, port.timing.rise), (1, 5));
    assert_eq!(port.timing.retry_interval, Duration::from_millis(7));
    let MonitorKind::Http(check) = &page.kind else { panic!("https") };
    assert_eq!((page.port, check.path.as_str()), (8443, "/healthz?deep=1"));
    assert_eq!(check.host.as_deref(), Some("www.example.com:8443"));
    assert_eq!(check.expect_status, [(204, 204), (300, 399), (400, 404)]);
    assert_eq!(check.expect_body.text.as_deref(), Some(&b"ready"[..]));
    let tls = check.tls.as_ref().unwrap();
    assert_eq!((tls.server_name.as_deref(), tls.verify), (Some("www.example.com"), false));
    let MonitorKind::Http(check) = &one_status.kind else { panic!("http") };
    assert_eq!(check.expect_status, [(200, 200)]);
}

#[test]
fn pools_take_addresses_or_names_and_one_monitor_or_several() {
    let loaded = load_text(
        r#"
        [region.a]
        coordinates = [0, 0]
        [monitor.m1]
        type = "http"
        [monitor.m2]
        type = "tcp"
        port = 80
        [pool.one]
        monitor = "m2"
        [[pool.one.members]]
        region = "a"
        address = "192.0.2.10"
        weight = 9
        probe_address = "10.1.0.11:8080"
        [[pool.one.members]]
        region = "a"
        address = "2001:db8::10"
        probe_address = "10.1.0.12"
        enabled = false
        [pool.two]
        monitor = ["m2", "m1"]
        members = [{ region = "a", cname = "LB.example.net" }]
        "#,
    );
    let config = loaded.config();
    let [one, two] = &config.pools[..] else { panic!("two pools") };
    let of = |number| RequiredMonitor::new(MonitorId(number));
    assert_eq!((&one.monitors[..], &two.monitors[..]), (&[of(1)][..], &[of(1), of(0)][..]));
    let [first, second] = &one.members[..] else { panic!("two members") };
    assert_eq!(first.target, MemberTarget::Address("192.0.2.10".parse().unwrap()));
    assert_eq!((first.weight, first.enabled, second.weight, second.enabled), (9, true, 1, false));
    assert_eq!(first.probe_address, Some(ProbeAddress::Socket("10.1.0.11:8080".parse().unwrap())));
    assert_eq!(second.probe_address, Some(ProbeAddress::Address("10.1.0.12".parse().unwrap())));
    let MemberTarget::Name { wire, text } = &two.members[0].target else { panic!("a name") };
    assert_eq!((&wire[..], &**text), (&b"\x02LB\x07example\x03net\x00"[..], "LB.example.net."));
}

#[test]
fn pools_that_warm_up_have_a_probation_unless_they_say_otherwise() {
    let sites =
        SITES.replace("[pool.web]", "[feed.x]\ntype = \"agent-check\"\nport = 1\n[pool.web]\nfeed = \"x\"\nKEYS");
    for (keys, probation) in [
        ("", None),
        ("warm_up = true", Some(0.02)),
        ("warm_up = false", None),
        ("warm_up = \"5m\"\nprobation = 1", Some(1.0)),
        ("probation = 0.5", Some(0.5)),
    ] {
        let loaded = load_text(&sites.replace("KEYS", keys));
        assert_eq!(loaded.config().pools[0].recovery.probation, probation, "{keys}");
    }
}

#[test]
fn policies_may_redefine_the_unnamed_and_keep_their_order() {
    let text = with_sites(
        r#"
        [policy.mine]
        order = "listed"
        regions = ["eu-west", "us-east"]
        spread = "hash"
        hash_ipv4_prefix = 20
        answers = 2
        min_healthy = 0
        families = "apart"
        all_down = "fallback"
        fallback = ["192.0.2.99", "2001:db8::99"]
        [policy.any]
        spread = "round-robin"
        all_down = "nodata"
        [policy.plain]
        [zone."example.com"]
        file = "example.com.zone"
        balance.a = { pool = "web", policy = "any" }
        balance.b = { pool = "web", policy = "mine" }
        balance.c = { pool = "web" }
        "#,
    );
    let loaded = load_text(&text);
    let config = loaded.config();
    let names: Vec<&str> = config.policies.iter().map(|policy| &*policy.name).collect();
    assert_eq!(names, ["closest", "listed", "any", "mine", "plain"]);
    let any = &config.policies[2];
    assert_eq!((any.order, any.spread, &any.all_down), (Order::Any, Spread::RoundRobin, &AllDown::NoData));
    let mine = &config.policies[3];
    assert_eq!(mine.regions, Some(vec![RegionId(1), RegionId(0)]));
    assert_eq!(mine.spread, Spread::Hash { ipv4_prefix: 20, ipv6_prefix: 48 });
    assert_eq!((mine.answers, mine.min_healthy, mine.families), (Some(2), 0.0, Families::Apart));
    let fallback = ["192.0.2.99", "2001:db8::99"].map(|address| address.parse().unwrap());
    assert_eq!(mine.all_down, AllDown::Fallback(fallback.to_vec()));
    let plain = &config.policies[4];
    assert_eq!((plain.order, plain.spread, plain.answers), (Order::Closest, Spread::Weighted, None));
    assert_eq!((plain.min_healthy, plain.families), (0.5, Families::Together));
    let used: Vec<PolicyId> = config.zones[0].balances.iter().map(|balance| balance.policy).collect();
    assert_eq!(used, [PolicyId(2), PolicyId(3), PolicyId(0)]);
    assert_eq!(config.zones[0].balances[0].pool, PoolId(0));
}

#[test]
fn rules_keep_their_order_and_their_networks_are_marked_once() {
    let text = with_sites(
        r#"
        [[policy.p.rule]]
        match = { network = "198.51.100.0/24" }
        prefer = ["eu-west", "us-east"]
        [[policy.p.rule]]
        match = { network = "2001:db8::/32", country = "BR", continent = "sa" }
        regions = ["us-east"]
        [[policy.q.rule]]
        match.network = "198.51.100.0/24"
        prefer = ["us-east"]
        "#,
    );
    let loaded = load_text(&text);
    let config = loaded.config();
    let marks: Vec<String> = config.geo.marks.iter().map(ToString::to_string).collect();
    assert_eq!(marks, ["198.51.100.0/24", "2001:db8::/32"]);
    let [first, second] = &config.policies[3].rules[..] else { panic!("two rules") };
    assert_eq!((&first.prefer[..], &first.regions), (&[RegionId(1), RegionId(0)][..], &None));
    assert_eq!((&second.prefer[..], &second.regions), (&[][..], &Some(vec![RegionId(0)])));
    assert_eq!(second.condition.country, Country::new("BR"));
    assert_eq!(second.condition.continent.map(|continent| continent.as_str()), Some("SA"));
}

#[test]
fn owners_are_relative_absolute_wildcards_or_the_apex() {
    let text = with_sites(
        r#"
        [zone."Example.com."]
        file = "example.com.zone"
        balance."@" = { pool = "web" }
        balance."*" = { pool = "web" }
        balance."api.v2" = { pool = "web" }
        balance."www.EXAMPLE.com." = { pool = "web" }
        balance."*.apps" = { pool = "web" }
        [zone."Example.com.".balance.table]
        pool = "web"
        "#,
    );
    let loaded = load_text(&text);
    let zone = &loaded.config().zones[0];
    let owners: Vec<String> = zone.spec.balanced.iter().map(|balanced| balanced.owner.to_string()).collect();
    let expected = [
        "Example.com.",
        "*.Example.com.",
        "api.v2.Example.com.",
        "www.EXAMPLE.com.",
        "*.apps.Example.com.",
        "table.Example.com.",
    ];
    assert_eq!(owners, expected);
    assert_eq!(zone.balances.len(), expected.len());
}

#[test]
fn a_ttl_is_pinned_or_a_range_whose_defaults_give_way() {
    for (written, max, min) in [
        ("", 60, 5),
        ("ttl = 30", 30, 30),
        ("ttl = 0", 0, 0),
        ("ttl = \"5m\"", 300, 300),
        ("ttl = { max = 120, min = 10 }", 120, 10),
        ("ttl = { max = 3 }", 3, 3),
        ("ttl = { max = 300 }", 300, 5),
        ("ttl = { min = 90 }", 90, 90),
        ("ttl = { min = \"10s\" }", 60, 10),
        ("ttl = {}", 60, 5),
        ("ttl = 2147483647", 2_147_483_647, 2_147_483_647),
    ] {
        let comma = if written.is_empty() { "" } else { ", " };
        let zone = format!("[zone.e]\nfile = \"e\"\nbalance.a = {{ pool = \"web\"{comma}{written} }}");
        let loaded = load_text(&with_sites(&zone));
        assert_eq!(loaded.config().zones[0].balances[0].ttl, TtlRange { max, min }, "{written}");
    }
}

#[test]
fn pools_of_names_answer_cnames() {
    let loaded = load_text(
        r#"
        [region.a]
        [pool.cdn]
        members = [{ region = "a", cname = "lb.example.net." }]
        [pool.web]
        members = [{ region = "a", address = "192.0.2.1" }]
        [zone."example.com"]
        file = "example.com.zone"
        balance.cdn = { pool = "cdn" }
        balance.web = { pool = "web" }
        "#,
    );
    let balanced = &loaded.config().zones[0].spec.balanced;
    assert_eq!(balanced.iter().map(|owner| owner.answers_cname).collect::<Vec<_>>(), [true, false]);
    assert_eq!(loaded.messages(Severity::Warning), Vec::<&str>::new(), "one region is always the closest");
}

#[test]
fn a_wildcard_in_the_name_of_the_folder_is_none() {
    let loaded = load_files(&[("x/azimuth.toml", "")]);
    let folder = loaded.config().files[0].parent().unwrap().parent().unwrap().to_path_buf();
    // The temporary folder is gone; make one whose own name looks like a pattern.
    let odd = folder.join("[a]*");
    std::fs::create_dir_all(odd.join("d")).unwrap();
    std::fs::write(odd.join("azimuth.toml"), "include = \"d/*.toml\"").unwrap();
    std::fs::write(odd.join("d/a.toml"), "[region.a]").unwrap();
    let loaded = super::Loaded::from(&odd.join("azimuth.toml"));
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(loaded.config().regions.len(), 1);
}

#[test]
fn six_thousand_zones_are_read_in_order() {
    let zones: String = (0..6_363).map(|n| format!("[zone.\"z{n}.test.\"]\nfile = \"/zones/{n}\"\n")).collect();
    let loaded = load_text(&zones);
    let config = loaded.config();
    assert_eq!(config.zones.len(), 6_363);
    assert!(config.zones.iter().enumerate().all(|(n, zone)| zone.spec.file == Path::new(&format!("/zones/{n}"))));
}
