//! Mistakes planted in a configuration that is otherwise good: all of them are told in one run, and nothing else is.

use super::{load_files, load_text};
use crate::base::Severity;

const REGIONS: &str = r#"
[region.us-east]
coordinates = [39.04, -77.49]
[region.eu-west]
coordinates = [53.35, -6.26]
"#;

const POOLS: &str = r#"
[monitor.web]
type = "http"
interval = "1s"
timeout = "500ms"
[pool.web]
monitor = "web"
members = [
  { region = "us-east", address = "192.0.2.10" },
  { region = "eu-west", address = "198.51.100.10", weight = 2 },
]
"#;

const ZONE: &str = r#"
[zone."gslb.example.com"]
file = "gslb.example.com.zone"
balance.www = { pool = "web", policy = "closest", ttl = 30 }
"#;

/// What to put instead of what, and part of what must be told.
const PLANTED: &[(&str, &str, &str)] = &[
    ("coordinates = [39.04, -77.49]", "coordinates = [139.04, -77.49]", "`coordinates` must be a latitude"),
    ("coordinates = [53.35, -6.26]", "coordinate = [53.35, -6.26]", "`coordinate` is not a key of a region"),
    ("type = \"http\"", "type = \"htpp\"", "`type` must be one of"),
    ("interval = \"1s\"", "interval = 1", "`interval` must be a duration"),
    ("timeout = \"500ms\"", "timeout = \"500\"", "`timeout`: `500` has no unit"),
    ("monitor = \"web\"", "monitor = \"wbe\"", "monitor `wbe` is not defined"),
    ("region = \"us-east\"", "region = \"us-esat\"", "region `us-esat` is not defined"),
    ("address = \"198.51.100.10\"", "address = \"198.51.100.300\"", "`198.51.100.300` is no IPv4 or IPv6 address"),
    ("weight = 2", "weight = 0", "`weight` must be at least 1"),
    ("file = \"gslb.example.com.zone\"", "file = 1", "`file` must be a path"),
    ("policy = \"closest\"", "policy = \"nearest\"", "policy `nearest` is not defined"),
    ("ttl = 30", "ttl = -30", "`ttl` must be a whole number of seconds"),
];

/// Slips of the pen, which must not be taken for anything else.
const SLIPS: &[(&str, &str, &str)] = &[
    ("weight = 2", "weight 2", "expected `=`"),
    ("weight = 2", "weight =", "invalid TOML"),
    ("weight = 2", "weight = two", "`two` is no value"),
    ("weight = 2", "weight = 99999999999999999999", "does not fit into 64 bits"),
    ("type = \"http\"", "type \"http\"", "expected `=`"),
    ("type = \"http\"", "type =", "a value is missing"),
    ("type = \"http\"", "type = http", "`http` is no value"),
    ("type = \"http\"", "type = \"http", "invalid TOML"),
    ("type = \"http\"", "\"type = \"http\"", "invalid TOML"),
    ("type = \"http\"", "type = \"http\" \"https\"", "invalid TOML"),
    ("interval = \"1s\"", "interval = 1s", "`1s` is no value"),
    ("[monitor.web]", "[monitor.web", "expected `]`"),
    ("[region.eu-west]", "[region.eu west]", "invalid TOML"),
    ("[region.eu-west]", "region.eu-west]", "invalid TOML"),
    ("coordinates = [39.04, -77.49]", "coordinates = [39.04 -77.49]", "is no value"),
    ("coordinates = [39.04, -77.49]", "coordinates = [39.04, -77.49", "`[` is never closed"),
    ("coordinates = [39.04, -77.49]", "coordinates = 39.04, -77.49]", "invalid TOML"),
    ("\"us-east\", address", "\"us-east\" address", "expected `,`"),
    ("address = \"192.0.2.10\" },", "address = \"192.0.2.10\" }", "expected `,`"),
    ("address = \"192.0.2.10\" },", "address = \"192.0.2.10\",", "`{` is never closed"),
    ("members = [", "members = ", "invalid TOML"),
    ("\n]", "\n", "`[` is never closed"),
    ("file = \"gslb.example.com.zone\"", "file = \"gslb\\.example.com.zone\"", "invalid TOML"),
    ("ttl = 30 }", "ttl = 30", "`{` is never closed"),
    ("balance.www", "balance..www", "invalid TOML"),
];

fn whole() -> String {
    format!("{REGIONS}{POOLS}{ZONE}")
}

fn plant(text: &str, what: &str, instead: &str) -> String {
    assert!(text.contains(what), "{what}");
    text.replacen(what, instead, 1)
}

#[test]
fn without_mistakes_there_is_nothing_to_tell() {
    assert_eq!(load_text(&whole()).rendered(), "");
}

#[test]
fn each_mistake_is_told_once_and_alone() {
    for (what, instead, told) in PLANTED {
        let loaded = load_text(&plant(&whole(), what, instead));
        let messages = loaded.messages(Severity::Error);
        assert!(messages.len() == 1 && messages[0].contains(told), "{instead}: {messages:?}");
        assert!(loaded.config.is_none(), "{instead}");
    }
}

#[test]
fn a_slip_of_the_pen_is_told_as_such_and_alone() {
    for (what, instead, told) in SLIPS {
        let loaded = load_text(&plant(&whole(), what, instead));
        let messages = loaded.messages(Severity::Error);
        assert!(messages.iter().any(|message| message.contains(told)), "{instead}: {}", loaded.rendered());
        let other = messages.iter().find(|message| !message.contains("invalid TOML"));
        assert!(other.is_none(), "{instead}: {}", loaded.rendered());
        // Without its bracket each line of a list is a mistake of its own.
        assert!(loaded.diagnostics.len() == 1 || *instead == "members = ", "{instead}: {}", loaded.rendered());
    }
}

#[test]
fn every_pair_of_mistakes_is_told_in_one_run() {
    for (index, (what, instead, told)) in PLANTED.iter().enumerate() {
        for (other, other_instead, other_told) in &PLANTED[..index] {
            let text = plant(&plant(&whole(), what, instead), other, other_instead);
            let loaded = load_text(&text);
            for told in [told, other_told] {
                let messages = loaded.messages(Severity::Error);
                assert!(messages.iter().any(|message| message.contains(told)), "{told}: {messages:?}");
            }
        }
    }
}

#[test]
fn all_mistakes_are_told_in_one_run_in_the_order_of_the_text() {
    let text = PLANTED.iter().fold(whole(), |text, (what, instead, _)| plant(&text, what, instead));
    let loaded = load_text(&text);
    let messages = loaded.messages(Severity::Error);
    assert_eq!(messages.len(), PLANTED.len(), "{messages:#?}");
    for ((_, _, told), message) in PLANTED.iter().zip(&messages) {
        assert!(message.contains(told), "{told}: {message}");
    }
}

#[test]
fn mistakes_in_several_files_are_told_in_one_run() {
    let loaded = load_files(&[
        ("azimuth.toml", "include = [\"regions.toml\", \"pools.toml\", \"zones/*.toml\"]\n[server]\nworker = 1\n"),
        ("regions.toml", &plant(REGIONS, "[39.04", "[139.04")),
        ("pools.toml", &plant(POOLS, "eu-west", "eu-wst")),
        ("zones/a.toml", &plant(ZONE, "\"web\"", "\"wbe\"")),
        ("zones/b.toml", "[zone.\"b.example\"]\nfile = \n"),
    ]);
    let files: Vec<String> = loaded
        .diagnostics
        .iter()
        .map(|diagnostic| loaded.sources.path(diagnostic.places[0].0.source))
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let expected = ["azimuth.toml", "regions.toml", "pools.toml", "a.toml", "b.toml"];
    assert_eq!(files, expected, "{}", loaded.rendered());
}

#[test]
fn what_may_stand_in_an_unread_part_is_not_called_undefined() {
    for pools in ["[pool.web", "[pool..web]\nmembers = []\n", "x = [\n[pool.web]\nmembers = []\n"] {
        let loaded = load_files(&[
            (
                "azimuth.toml",
                "include = [\"pools.toml\"]\n[zone.\"b.example\"]\nfile = \"b\"\nbalance.www.pool = \"web\"\n",
            ),
            ("pools.toml", pools),
        ]);
        let undefined = loaded.messages(Severity::Error).into_iter().find(|message| message.contains("not defined"));
        assert_eq!(undefined, None, "{pools}");
    }
    let loaded =
        load_text("include = [\"missing.toml\"]\n[zone.\"b.example\"]\nfile = \"b\"\nbalance.www.pool = \"web\"\n");
    assert_eq!(loaded.messages(Severity::Error).len(), 1, "{}", loaded.rendered());
}

#[test]
fn every_key_of_a_planned_feature_is_refused_by_name() {
    let loaded = load_text(&format!("{}\n[policy.p]\nspread = \"ratio\"\n", whole()));
    assert_eq!(loaded.messages(Severity::Error), ["`spread` `ratio` is not supported by this version of Azimuth"]);
}
