//! Broken zone files and the exact text that an operator sees: `tests/bad/zones/NAME.zone` and `NAME.expected` beside it.
//! Comments on the first lines may say `; apex: NAME` and `; balanced: NAME =NAME` (`=` for a pool of names, `>` for an alias,
//! `+` for the name of a region). With
//! `AZIMUTH_BLESS=1` in the environment the expected texts are written instead of compared.

use super::{SIGNS, Zone, spec};
use crate::base::{Severity, Sources, Span};
use std::path::{Path, PathBuf};

const FOLDER: &str = "tests/bad/zones";

fn zone_files() -> Vec<PathBuf> {
    let files = std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "zone")).collect();
    files.sort();
    files
}

/// What follows `; KEY: ` on one of the first lines.
fn comment<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().take(2).find_map(|line| line.strip_prefix("; ")?.strip_prefix(key)?.strip_prefix(": "))
}

fn messages(file: &Path) -> String {
    let octets = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&octets);
    let balanced: Vec<&str> = comment(&text, "balanced").unwrap_or_default().split_whitespace().collect();
    let mut sources = Sources::default();
    let mut spec = spec(comment(&text, "apex").unwrap_or("example.com."), file, &balanced);
    let mut configuration = "[zone.\"example.com\"]\nfile = \"broken.zone\"\n".to_owned();
    let mut places: Vec<_> = std::iter::once(28..41).collect();
    for text in &balanced {
        let start = configuration.len();
        configuration += &format!("balance.\"{}\" = {{ pool = \"web\" }}\n", text.trim_start_matches(SIGNS));
        places.push(start..start + text.trim_start_matches(SIGNS).len() + 10);
    }
    let source = sources.add("zones.toml", configuration);
    let mut spans = places.into_iter().map(|range| Some(Span::new(source, range)));
    spec.span = spans.next().unwrap();
    for (balanced, span) in spec.balanced.iter_mut().zip(spans) {
        balanced.span = span;
    }
    let (zone, diagnostics) = Zone::load(&spec, None, &mut sources);
    let is_refused = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    assert_eq!(zone.is_none(), is_refused, "{}", file.display());
    let rendered: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.render(&sources, false) + "\n").collect();
    rendered.join("\n")
}

#[test]
fn each_broken_zone_file_has_its_exact_messages() {
    let bless = std::env::var_os("AZIMUTH_BLESS").is_some();
    let files = zone_files();
    assert!(files.len() > 20, "the broken zone files are not where they should be");
    for file in files {
        let (expected_file, found) = (file.with_extension("expected"), messages(&file));
        if bless {
            std::fs::write(&expected_file, &found).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_file).unwrap_or_default();
        assert_eq!(found, expected, "{} (set AZIMUTH_BLESS=1 to accept)", file.display());
        assert!(!found.is_empty(), "{} has no mistake", file.display());
    }
}

#[test]
fn a_missing_file_is_shown_where_it_is_named() {
    let text = messages(Path::new("tests/bad/zones/no-such-file"));
    assert!(text.starts_with("error: cannot read `tests/bad/zones/no-such-file`"), "{text}");
    assert!(text.contains("zones.toml:2:8") && text.contains("help: check the path"), "{text}");
}

#[test]
fn at_most_fifty_errors_are_shown() {
    let text: String = "$TTL 1\n@ SOA a b 1 2 3 4 5\n@ NS ns.example.net.\n".to_owned()
        + &(0..120).map(|n| format!("h{n} A broken\n")).collect::<String>();
    let (zone, diagnostics, sources) = super::try_load("example.com.", text, &[]);
    assert!(zone.is_none());
    assert_eq!(diagnostics.len(), 51);
    assert_eq!(
        diagnostics[50].one_line(&sources),
        "70 more errors in zone `example.com.`; mend the first ones and check again"
    );
    assert!(diagnostics[0].one_line(&sources).contains("zone:4:6: `broken` is no IPv4 address"));
}
