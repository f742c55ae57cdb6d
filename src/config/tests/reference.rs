//! The definitions of keys against all that is made of them: what is read, the JSON Schema, `docs/configuration.md`.

use super::{Loaded, load_files};
use crate::config::keys::{
    Key, Kind, Presence, TABLES, TableDef, balance, duration_text, keys_of_some_kinds, member, rule, top,
};
use crate::config::schema;
use crate::probe::spec::Kind as MonitorKind;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

/// What every document below stands on.
const GROUND: &str = r#"
[region.us-east]
coordinates = [39.04, -77.49]
[region.eu-west]
coordinates = [53.35, -6.26]
[region.eu-north]
coordinates = [59.33, 18.07]
[monitor.web]
type = "http"
[monitor.port]
type = "tcp"
port = 22
[feed.agent]
type = "agent-check"
port = 9999
[feed.haproxy]
type = "haproxy-stats"
url = "http://192.0.2.1:8404/stats;csv"
backend = "web"
[pool.web]
members = [{ region = "us-east", address = "192.0.2.1" }, { region = "eu-west", address = "192.0.2.2" }]
[key."transfer.example."]
secret = "Zm9yIGV4YW1wbGUsIG5vdCBmb3IgdXNlLCBwbGVhc2U="
[key."ddns.example."]
secret = "Zm9yIGV4YW1wbGUsIG5vdCBmb3IgdXNlLCBwbGVhc2U="
"#;

/// A file of cookie secrets.
const SECRETS: &str = "000102030405060708090a0b0c0d0e0f\n";

/// Keys that another key must stand beside, with that one.
const COMPANIONS: &[(&str, &str)] = &[
    ("hash_ipv4_prefix", "spread = \"hash\""),
    ("hash_ipv6_prefix", "spread = \"hash\""),
    ("body", "method = \"POST\""),
    ("tls_client_certificate", "tls_client_key = \"probe.key\""),
    ("tls_client_key", "tls_client_certificate = \"probe.pem\""),
    ("fallback", "all_down = \"fallback\""),
    ("at_least", "monitor = [\"web\", \"port\"]"),
    ("inverted", "monitor = [\"web\", \"port\"]"),
    ("watch_only", "monitor = [\"web\", \"port\"]"),
    ("rate", "metric = \"a\""),
    ("scale", "metric = \"a\""),
    ("warm_up_after", "warm_up = true"),
    ("warm_up_from", "warm_up = true"),
    ("query_type", "query_name = \"www.example.com\""),
    ("expect_answer", "query_name = \"www.example.com\""),
    ("expect_rcode", "query_name = \"www.example.com\""),
    ("transport", "query_name = \"www.example.com\""),
    ("recursion_desired", "query_name = \"www.example.com\""),
    ("default", "file = \"/run/monitoring/states\""),
    ("stale_after", "file = \"/run/monitoring/states\""),
    ("primaries", "type = \"secondary\""),
    ("refresh_min", "primaries = [\"192.0.2.1\"]\ntype = \"secondary\""),
    ("refresh_max", "primaries = [\"192.0.2.1\"]\ntype = \"secondary\""),
    ("transfer_max", "primaries = [\"192.0.2.1\"]\ntype = \"secondary\""),
];

/// Keys of which one is needed, and one only.
const CHOICES: &[(&str, &[&str], &str)] = &[
    ("member", &["address", "cname"], "address = \"192.0.2.9\""),
    ("network", &["region", "coordinates", "country"], "region = \"us-east\""),
    ("rule", &["prefer", "regions"], "prefer = [\"us-east\"]"),
    ("condition", &["network", "country", "continent"], "country = \"DE\""),
    ("key", &["secret", "secret_file"], "secret = \"Zm9yIGV4YW1wbGUsIG5vdCBmb3IgdXNlLCBwbGVhc2U=\""),
    ("transfer_entry", &["prefix", "key"], "prefix = \"192.0.2.0/24\""),
    ("update_entry", &["prefix", "key"], "key = \"ddns.example.\""),
    ("zone", &["file", "primaries", "refresh_min", "refresh_max", "transfer_max"], "file = \"a.zone\""),
];

/// A type of monitor, or of what else has one, that uses the given keys.
fn type_for(def: &TableDef, given: &[(&str, &str)]) -> &'static str {
    let kinds =
        keys_of_some_kinds().find(|(key, _)| def.id == "monitor" && given.iter().any(|(name, _)| *name == key.name));
    match kinds {
        Some((_, kinds)) if !kinds.contains(&MonitorKind::Https) => kinds[0].word(),
        _ => "https",
    }
}

/// For keys of feeds the lines of a feed that has them.
fn feed_lines(written: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let any = |names: &[&str]| names.iter().any(|name| written(name));
    let given = if any(&["backend", "server", "full_weight"]) || (any(&["measures"]) && !any(&["scale"])) {
        vec!["type = \"haproxy-stats\"", "url = \"http://192.0.2.1/;csv\"", "backend = \"web\""]
    } else if any(&["pointer", "word_pointer", "weight_pointer", "url", "headers"]) {
        vec!["type = \"json\"", "url = \"http://192.0.2.1/\"", "pointer = \"/a\""]
    } else if any(&["metric", "labels", "rate", "scale"]) {
        vec!["type = \"prometheus\"", "url = \"http://192.0.2.1/\"", "metric = \"a\""]
    } else if any(&["tls_ca_file"]) {
        vec!["type = \"prometheus\"", "url = \"https://192.0.2.1/\"", "metric = \"a\""]
    } else if any(&["monitor"]) {
        vec!["type = \"header\""]
    } else {
        vec!["type = \"agent-check\""]
    };
    given.into_iter().filter(|line| line.split_once(" = ").is_some_and(|(name, _)| !written(name))).collect()
}

/// The lines of a table: its required keys, those given, and what these need beside them.
fn lines(def: &TableDef, given: &[(&str, &str)]) -> Vec<String> {
    let written = |name: &str| given.iter().any(|(key, _)| *key == name);
    let mut lines: Vec<String> = given.iter().map(|(key, value)| format!("{key} = {value}")).collect();
    if def.id == "feed" {
        lines.extend(feed_lines(written).into_iter().map(str::to_owned));
        return lines;
    }
    for key in def.keys.iter().filter(|key| key.presence == Presence::Required && !written(key.name)) {
        let value = if key.name == "type" { format!("\"{}\"", type_for(def, given)) } else { key.example.to_owned() };
        lines.push(format!("{} = {value}", key.name));
    }
    let has_port = type_for(def, given) != "icmp";
    if def.id == "monitor" && has_port && !written("port") && !written("type") {
        lines.push("port = 4433".to_owned());
    }
    for (_, choices, default) in CHOICES.iter().filter(|(id, ..)| *id == def.id) {
        if !choices.iter().any(|choice| written(choice)) {
            lines.push((*default).to_owned());
        }
    }
    for (_, companion) in COMPANIONS.iter().filter(|(key, _)| written(key)) {
        if !lines.iter().any(|line| line.contains(companion)) {
            lines.push((*companion).to_owned());
        }
    }
    lines
}

/// A configuration in which one table has these keys.
fn document(def: &TableDef, given: &[(&str, &str)]) -> String {
    let lines = lines(def, given);
    let (block, inline) = (lines.join("\n"), lines.join(", "));
    let zone =
        |balance: &str| format!("[zone.\"example.com\"]\nfile = \"example.com.zone\"\nbalance.www = {balance}\n");
    let table = match def.id {
        "file" => block,
        "region" | "monitor" | "feed" | "pool" | "policy" | "key" => format!("[{}.x]\n{block}\n", def.id),
        "zone" => format!("[zone.\"example.com\"]\n{block}\n"),
        "member" => format!("[pool.x]\nmembers = [{{ {inline} }}]\n"),
        "limits" => {
            format!(
                "[pool.x]\nmembers = [{{ region = \"us-east\", address = \"192.0.2.1\" }}]\nlimits = {{ {inline} }}\n"
            )
        }
        "shed" => format!("[policy.x]\nshed = {{ {inline} }}\n"),
        "rule" => format!("[[policy.x.rule]]\n{block}\n"),
        "condition" => format!("[[policy.x.rule]]\nprefer = [\"us-east\"]\nmatch = {{ {inline} }}\n"),
        "balance" => zone(&format!("{{ {inline} }}")),
        "update_entry" => format!("[zone.\"example.com\"]\nfile = \"a.zone\"\nupdate = [{{ {inline} }}]\n"),
        "transfer_entry" => format!("[zone.\"example.com\"]\nfile = \"a.zone\"\ntransfer = [{{ {inline} }}]\n"),
        "notify_target" => format!("[zone.\"example.com\"]\nfile = \"a.zone\"\nnotify = [{{ {inline} }}]\n"),
        "primary" => format!("[zone.\"example.com\"]\ntype = \"secondary\"\nprimaries = [{{ {inline} }}]\n"),
        "ttl" => zone(&format!("{{ pool = \"web\", ttl = {{ {inline} }} }}")),
        _ => format!("{}\n{block}\n", def.header),
    };
    format!("{table}{GROUND}")
}

/// A key as `tsig-keygen` writes it.
const KEY_FILE: &str =
    "key \"x\" {\n\talgorithm hmac-sha256;\n\tsecret \"Zm9yIGV4YW1wbGUsIG5vdCBmb3IgdXNlLCBwbGVhc2U=\";\n};\n";

fn load_document(text: &str) -> Loaded {
    static AUTHORITY: LazyLock<String> = LazyLock::new(|| {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().pem()
    });
    static CLIENT: LazyLock<(String, String)> = LazyLock::new(|| {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    });
    load_files(&[
        ("azimuth.toml", text),
        ("internal-ca.pem", &AUTHORITY),
        ("keys/transfer.key", KEY_FILE),
        ("probe.pem", &CLIENT.0),
        ("probe.key", &CLIENT.1),
        ("cookie-secrets", SECRETS),
    ])
}

/// All of a configuration but places.
fn essence(loaded: &Loaded) -> String {
    let config = loaded.config();
    let balances: Vec<_> = config.zones.iter().map(|zone| &zone.balances).collect();
    let networks = &config.geo.networks;
    let parts = (&config.server, &config.admin, &config.settings, &config.regions, &config.monitors, &config.pools);
    let parts = (parts, &config.feeds, &config.feed_uses);
    format!("{:?}", (parts, &config.policies, &config.transfer, balances, networks, config.geo.databases.len()))
}

/// Every key that may stand in a document of its own.
fn all_keys() -> impl Iterator<Item = (&'static TableDef, &'static Key)> {
    TABLES.iter().flat_map(|def| def.keys.iter().map(move |key| (*def, *key)))
}

#[test]
fn the_example_of_every_key_is_accepted() {
    for (def, key) in all_keys().filter(|(_, key)| !key.example.is_empty() && key.name != top::INCLUDE.name) {
        let loaded = load_document(&document(def, &[(key.name, key.example)]));
        assert!(loaded.config.is_some(), "{} of {}: {}", key.name, def.header, loaded.rendered());
    }
}

#[test]
fn the_default_of_every_key_is_what_holds_without_it() {
    for (def, key) in all_keys() {
        let Presence::Default(default) = key.presence else { continue };
        let mut with = essence(&load_document(&document(def, &[(key.name, default)])));
        let kind = format!("\"{}\"", type_for(def, &[(key.name, default)]));
        let mut beside: Vec<(&str, &str)> = COMPANIONS
            .iter()
            .filter(|(name, _)| *name == key.name)
            .filter_map(|(_, line)| line.split_once(" = "))
            .collect();
        if def.id == "monitor" {
            beside.push(("type", kind.as_str()));
            beside.extend((kind != "\"icmp\"").then_some(("port", "4433")));
        }
        let without = essence(&load_document(&document(def, &beside)));
        if key.name == "state_dir" {
            // An absolute path: the folder of the file makes no difference.
            with = with.replace("\"//", "\"/");
        }
        assert_eq!(with, without, "{} of {}", key.name, def.header);
    }
}

#[test]
fn a_key_unknown_to_a_table_is_refused() {
    for def in TABLES {
        let loaded = load_document(&document(def, &[("nonsense", "1")]));
        assert!(loaded.config.is_none(), "{}", def.header);
        assert_eq!(loaded.diagnostics.len(), 1, "{}: {}", def.header, loaded.rendered());
        for later in def.later {
            let loaded = load_document(&document(def, &[(later, "1")]));
            let told = &loaded.diagnostics[0].message;
            assert!(told.contains(later) && told.contains("not supported by this version"), "{later}: {told}");
        }
    }
}

#[test]
fn names_of_keys_are_unique_and_tables_have_room_for_their_bits() {
    for def in TABLES {
        let names: BTreeSet<&str> = def.keys.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), def.keys.len(), "{}", def.header);
        assert!(def.keys.len() <= 64 && !def.later.iter().any(|later| names.contains(later)), "{}", def.header);
    }
    let ids: BTreeSet<&str> = TABLES.iter().map(|def| def.id).collect();
    assert_eq!(ids.len(), TABLES.len());
}

/// Whether a value fits a schema: the keywords that ours uses.
fn fits(schema: &Value, root: &Value, value: &Value) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        return fits(root.pointer(reference.trim_start_matches('#')).unwrap(), root, value);
    }
    let of_type = schema["type"].as_str().is_none_or(|wanted| match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        other => panic!("{other}"),
    });
    let all = |key: &str| schema[key].as_array().is_none_or(|parts| parts.iter().all(|part| fits(part, root, value)));
    let any = schema["anyOf"].as_array().is_none_or(|parts| parts.iter().any(|part| fits(part, root, value)));
    let listed = schema["enum"].as_array().is_none_or(|words| words.contains(value));
    let number = value.as_f64();
    let above = schema["minimum"].as_f64().is_none_or(|least| number.is_none_or(|number| number >= least));
    let below = schema["maximum"].as_f64().is_none_or(|most| number.is_none_or(|number| number <= most));
    let long =
        schema["minLength"].as_u64().is_none_or(|least| value.as_str().is_none_or(|text| text.len() as u64 >= least));
    let elements = value.as_array().is_none_or(|elements| {
        let fitting = |(index, element)| match &schema["items"] {
            Value::Array(each) => each.get(index).is_none_or(|each| fits(each, root, element)),
            Value::Object(_) => fits(&schema["items"], root, element),
            _ => true,
        };
        elements.iter().enumerate().all(fitting)
    });
    let members = value.as_object().is_none_or(|members| {
        let required = schema["required"]
            .as_array()
            .is_none_or(|keys| keys.iter().all(|key| members.contains_key(key.as_str().unwrap())));
        let known =
            members.iter().all(|(key, value)| match (&schema["properties"][key], &schema["additionalProperties"]) {
                (Value::Null, Value::Bool(allowed)) => *allowed,
                (Value::Null, Value::Null) => true,
                (Value::Null, other) => fits(other, root, value),
                (property, _) => fits(property, root, value),
            });
        required && known
    });
    of_type && all("allOf") && any && listed && above && below && long && elements && members
}

fn as_json(text: &str) -> Value {
    serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap()
}

#[test]
fn the_schema_has_the_keys_that_are_read_and_no_others() {
    let schema = schema();
    let properties =
        |table: &Value| -> BTreeSet<String> { table["properties"].as_object().unwrap().keys().cloned().collect() };
    let keys = |def: &TableDef| -> BTreeSet<String> { def.keys.iter().map(|key| key.name.to_owned()).collect() };
    assert_eq!(properties(&schema), keys(&top::TABLE));
    assert_eq!(schema["definitions"].as_object().unwrap().len(), TABLES.len() - 1);
    for def in TABLES.iter().filter(|def| def.id != top::TABLE.id) {
        let table = &schema["definitions"][def.id];
        assert_eq!(properties(table), keys(def), "{}", def.header);
        assert_eq!(table["additionalProperties"], Value::Bool(false));
    }
}

#[test]
fn the_schema_accepts_the_sample_and_every_example() {
    let schema = schema();
    let files = ["azimuth.toml", "regions.toml", "pools.toml", "zones/gslb.example.com.toml"];
    for file in files {
        let text = std::fs::read_to_string(Path::new(file)).unwrap();
        assert!(fits(&schema, &schema, &as_json(&text)), "{file}");
    }
    for (def, key) in all_keys().filter(|(_, key)| !key.example.is_empty()) {
        let text = document(def, &[(key.name, key.example)]);
        assert!(fits(&schema, &schema, &as_json(&text)), "{} of {}", key.name, def.header);
    }
}

#[test]
fn the_schema_refuses_unknown_keys_and_wrong_types() {
    let schema = schema();
    for def in TABLES {
        let text = document(def, &[("nonsense", "1")]);
        assert!(!fits(&schema, &schema, &as_json(&text)), "{}", def.header);
    }
    // At the top level the ground would stand beside them.
    for (def, key) in all_keys().filter(|(def, _)| def.id != top::TABLE.id) {
        // No key takes a list of lists of lists.
        let text = document(def, &[(key.name, "[[[]]]")]);
        assert!(!fits(&schema, &schema, &as_json(&text)), "{} of {}", key.name, def.header);
        assert!(load_document(&text).config.is_none(), "{} of {}", key.name, def.header);
    }
}

/// A kind in a few words.
fn short(kind: Kind) -> String {
    match kind {
        Kind::Boolean => "boolean".into(),
        Kind::Integer { min, max } => format!("integer, {min} to {max}"),
        Kind::Number { min, max } => format!("number, {min} to {max}"),
        Kind::Text => "text".into(),
        Kind::TextOrNone { max } => format!("text of at most {max} octets, or `\"\"`"),
        Kind::Path => "path".into(),
        Kind::PathPattern => "path or pattern".into(),
        Kind::Duration { min, max } => format!("duration, {} to {}", duration_text(min), duration_text(max)),
        Kind::SwitchOrDuration { min, max, .. } => {
            format!("`true`, `false`, or duration, {} to {}", duration_text(min), duration_text(max))
        }
        Kind::AddressesOrPolicy => "list of addresses, or name of a policy".into(),
        Kind::Size { min, max } => format!("size, {min} to {max} octets"),
        Kind::Seconds => "seconds".into(),
        Kind::Ttl(_) => "seconds, or a table".into(),
        Kind::Words { known, .. } => known.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", "),
        Kind::Address => "address".into(),
        Kind::Prefix => "prefix".into(),
        Kind::Socket => "address with port".into(),
        Kind::SocketOrNone => "address with port, or `\"\"`".into(),
        Kind::ProbeAddress => "address, with or without port".into(),
        Kind::DomainName => "domain name".into(),
        Kind::Host => "host name or address".into(),
        Kind::Coordinates => "`[latitude, longitude]`".into(),
        Kind::Country => "country code".into(),
        Kind::Continent => "continent code".into(),
        Kind::Asn => "AS number".into(),
        Kind::City => "city".into(),
        Kind::Subdivision => "subdivision code or name".into(),
        Kind::HttpStatus => "status, class or range".into(),
        Kind::Name(what) => format!("name of a {what}"),
        Kind::List(element) => format!("list of: {}", short(*element)),
        Kind::OneOrList(element) => format!("{}, or a list", short(*element)),
        Kind::Table(_) => "table".into(),
        Kind::Tables(_) => "list of tables".into(),
        Kind::TablesOr(_, single) => format!("list of: {}, or table", short(*single)),
        Kind::Named(_) => "tables by name".into(),
        Kind::ByName(kind) => format!("{} by name", short(*kind)),
    }
}

/// A table of the reference.
fn markdown(def: &TableDef) -> String {
    let mut text = format!("{}\n\n| key | takes | default | meaning |\n| --- | --- | --- | --- |\n", def.doc);
    for key in def.keys {
        let default = match key.presence {
            Presence::Required => "required".to_owned(),
            Presence::Default(value) => format!("`{value}`"),
            Presence::Optional(words) => words.to_owned(),
        };
        let example = if key.example.is_empty() { String::new() } else { format!(" Example: `{}`", key.example) };
        text += &format!("| `{}` | {} | {default} | {}{example} |\n", key.name, short(key.kind), key.doc);
    }
    text
}

/// `docs/configuration.md` has the tables of keys between marks; with `UPDATE_EXPECTED=1` they are written there.
#[test]
fn the_reference_is_true_of_the_keys() {
    let path = Path::new("docs/configuration.md");
    let written = std::fs::read_to_string(path).unwrap();
    let mut expected = written.clone();
    for def in TABLES {
        let (begin, end) = (format!("<!-- keys of {} -->\n", def.id), "<!-- end of keys -->");
        let Some(start) = expected.find(&begin).map(|at| at + begin.len()) else {
            panic!("docs/configuration.md has no mark {begin}");
        };
        let length = expected[start..].find(end).unwrap();
        expected.replace_range(start..start + length, &format!("\n{}\n", markdown(def)));
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(path, &expected).unwrap();
    } else {
        assert!(
            written == expected,
            "docs/configuration.md differs from the keys: run the test with UPDATE_EXPECTED=1"
        );
    }
}

/// Each example of a whole file in the reference is one.
#[test]
fn the_examples_of_the_reference_are_accepted() {
    let text = std::fs::read_to_string("docs/configuration.md").unwrap();
    let mut examples = 0;
    for block in text.split("```toml\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let needs_ground = !block.contains("[region.");
        let whole = if needs_ground { format!("{block}{GROUND}") } else { block.to_owned() };
        let loaded =
            load_files(&[("azimuth.toml", &whole), ("regions.toml", ""), ("pools.toml", ""), ("zones/a.toml", "")]);
        assert!(loaded.config.is_some(), "{whole}\n{}", loaded.rendered());
        examples += 1;
    }
    assert!(examples >= 3, "{examples} examples");
}

#[test]
fn tables_inside_tables_are_listed() {
    for inner in [&member::TABLE, &rule::TABLE, &balance::TABLE] {
        assert!(TABLES.iter().any(|def| def.id == inner.id));
    }
}
