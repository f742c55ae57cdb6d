//! Whatever the text, reading ends, without a panic, with every place inside the text; and what is TOML is read as such.

use super::Loaded;
use crate::base::SourceId;
use crate::config::report::Report;
use crate::config::tree::{Table, Value};
use crate::config::{syntax, values};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Pieces that configurations are made of, whole and broken.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "[server]\n",
        "[region.us-east]\n",
        "[region.\"a b\"]\n",
        "[pool.web]\n",
        "[[network]]\n",
        "[[policy.p.rule]]\n",
        "[zone.\"example.com\"]\n",
        "[zone.a.b]\n",
        "[monitor.m]\n",
        "[server.tcp]\n",
        "[pool.web.members]\n",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "\"",
        "'",
        "\"\"\"",
        "'''",
        "=",
        ",",
        ".",
        "#",
        "\n",
        "\r\n",
        " ",
        "\t",
        "\\",
        "\u{feff}",
        "workers = 1\n",
        "coordinates = [1.5, -2]\n",
        "members = [{ region = \"us-east\", address = \"192.0.2.1\" }]\n",
        "type = \"http\"\n",
        "interval = \"1s\"\n",
        "file = \"x\"\n",
        "balance.www = { pool = \"web\", ttl = 5 }\n",
        "balance.\"@\".pool = \"web\"\n",
        "a.b.c = 1\n",
        "a.b = 2\n",
        "a = { b = { c = 1 } }\n",
        "match = { country = \"DE\" }\n",
        "prefer = [\"us-east\"]\n",
        "include = \"nowhere/*.toml\"\n",
        "x = 0x1F\n",
        "x = 1e400\n",
        "x = nan\n",
        "x = 99999999999999999999\n",
        "x = 2024-01-01T00:00:00Z\n",
        "x = 1_000\n",
        "\"\\u00fc\" = \"\\q\"\n",
        "-",
        "\u{0}",
    ];
    prop_oneof![
        8 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
        1 => "[a-z0-9_.\\-]{1,8}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..40).prop_map(|pieces| pieces.concat())
}

/// Whole statements with few keys, so that most documents are TOML and many keys meet.
fn statements() -> impl Strategy<Value = String> {
    let key = || prop::collection::vec(proptest::sample::select(vec!["a", "b", "c", "\"d.e\"", "'f'"]), 1..4);
    let dotted = move || key().prop_map(|parts| parts.join("."));
    let scalar =
        proptest::sample::select(vec!["1", "-2.5", "true", "\"x\"", "'y'", "inf", "0b11", "1979-05-27", "[]", "{}"]);
    let value = scalar.prop_map(str::to_owned).prop_recursive(2, 6, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(|values| format!("[{}]", values.join(", "))),
            prop::collection::vec((dotted(), inner), 0..3).prop_map(|pairs| {
                let pairs: Vec<String> = pairs.into_iter().map(|(key, value)| format!("{key} = {value}")).collect();
                format!("{{ {} }}", pairs.join(", "))
            }),
        ]
    });
    let statement = prop_oneof![
        2 => dotted().prop_map(|key| format!("[{key}]\n")),
        1 => dotted().prop_map(|key| format!("[[{key}]]\n")),
        3 => (dotted(), value).prop_map(|(key, value)| format!("{key} = {value}\n")),
    ];
    prop::collection::vec(statement, 0..7).prop_map(|statements| statements.concat())
}

/// Our tree and that of the `toml` crate in one form.
#[derive(Debug, PartialEq)]
enum Plain {
    Text(String),
    Integer(i64),
    Float(u64),
    Boolean(bool),
    DateTime,
    List(Vec<Plain>),
    Table(BTreeMap<String, Plain>),
    Broken,
}

fn ours(table: &Table) -> Plain {
    fn plain(value: &Value) -> Plain {
        match value {
            Value::String(text) => Plain::Text(text.clone()),
            Value::Integer(number) => Plain::Integer(*number),
            Value::Float(number) => Plain::Float(canonical(*number)),
            Value::Boolean(value) => Plain::Boolean(*value),
            Value::DateTime => Plain::DateTime,
            Value::Array(array) => Plain::List(array.elements.iter().map(|node| plain(&node.value)).collect()),
            Value::Table(table) => ours(table),
            Value::Broken => Plain::Broken,
        }
    }
    Plain::Table(table.entries().iter().map(|entry| (entry.key.value.clone(), plain(&entry.node.value))).collect())
}

fn canonical(number: f64) -> u64 {
    if number.is_nan() { f64::NAN.to_bits() } else { number.to_bits() }
}

fn theirs(value: &toml::Value) -> Plain {
    match value {
        toml::Value::String(text) => Plain::Text(text.clone()),
        toml::Value::Integer(number) => Plain::Integer(*number),
        toml::Value::Float(number) => Plain::Float(canonical(*number)),
        toml::Value::Boolean(value) => Plain::Boolean(*value),
        toml::Value::Datetime(_) => Plain::DateTime,
        toml::Value::Array(values) => Plain::List(values.iter().map(theirs).collect()),
        toml::Value::Table(table) => {
            Plain::Table(table.iter().map(|(key, value)| (key.clone(), theirs(value))).collect())
        }
    }
}

/// Our tree, or the mistakes.
fn read(text: &str) -> Result<Plain, Vec<String>> {
    let mut report = Report::default();
    let table = syntax::parse(text, SourceId(0), &mut report);
    if report.has_errors() {
        return Err(report.into_sorted().into_iter().map(|diagnostic| diagnostic.message).collect());
    }
    Ok(ours(&table))
}

proptest! {
    // Without a file of past failures: those become tests of their own.
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_to_its_end_with_places_inside_it(text in text()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("azimuth.toml");
        std::fs::write(&path, &text).unwrap();
        let loaded = Loaded::from(&path);
        for diagnostic in &loaded.diagnostics {
            for (span, _) in &diagnostic.places {
                prop_assert!(span.start <= span.end && span.end as usize <= text.len(), "{span:?} {diagnostic:?}");
                prop_assert!(text.is_char_boundary(span.start as usize) && text.is_char_boundary(span.end as usize));
            }
            prop_assert!(!diagnostic.render(&loaded.sources, false).is_empty());
        }
    }

    #[test]
    fn what_is_toml_is_read_like_another_parser_reads_it(text in prop_oneof![text(), statements(), statements()]) {
        let other: Option<toml::Table> = text.parse().ok();
        match (read(&text), other) {
            (Ok(ours), Some(other)) => prop_assert_eq!(ours, theirs(&toml::Value::Table(other))),
            (Err(_), None) => {}
            // Dotted keys cannot extend what `[[a]]` made; the other parser lets some of them.
            (Err(mistakes), Some(_)) if mistakes.iter().all(|mistake| mistake.contains("is a list already")) => {}
            (ours, other) => prop_assert!(false, "ours {ours:?}, theirs {other:?} for {text:?}"),
        }
    }

    #[test]
    fn any_octets_are_read_to_their_end(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("azimuth.toml");
        std::fs::write(&path, &octets).unwrap();
        let loaded = Loaded::from(&path);
        prop_assert!(loaded.diagnostics.iter().all(|diagnostic| !diagnostic.render(&loaded.sources, true).is_empty()));
    }

    #[test]
    fn values_of_any_text_are_read_or_refused(text in "\\PC{0,20}|[0-9a-z:./\\[\\]-]{0,24}") {
        let _ = values::duration(&text);
        let _ = values::address(&text);
        let _ = values::socket(&text);
        let _ = values::probe_address(&text);
        let _ = values::prefix(&text);
        let _ = values::http_status(&text);
        let _ = values::host(&text);
        let _ = values::domain_name(&text, &crate::wire::Name::root());
    }

    #[test]
    fn wildcards_match_what_a_plain_search_matches(pattern in "[ab*?]{0,8}", name in "[ab]{0,8}") {
        fn plain(pattern: &[u8], name: &[u8]) -> bool {
            match (pattern, name) {
                ([], []) => true,
                ([b'*', rest @ ..], _) => (0..=name.len()).any(|taken| plain(rest, &name[taken..])),
                ([b'?', rest @ ..], [_, name @ ..]) => plain(rest, name),
                ([literal, rest @ ..], [octet, name @ ..]) => literal == octet && plain(rest, name),
                _ => false,
            }
        }
        prop_assert_eq!(crate::base::glob::matches(pattern.as_bytes(), name.as_bytes()), plain(pattern.as_bytes(), name.as_bytes()));
    }
}
