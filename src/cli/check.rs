//! `azimuth check`: every mistake of a configuration at once, or its JSON Schema. Starts nothing.

use super::{ConfigArg, EXIT_MISTAKE, is_coloured};
use crate::base::{Diagnostic, Severity, Sources};
use crate::config::{self, Config};
use crate::zone::Role;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::process::ExitCode;

/// Check a configuration with its zone files and databases, and print every mistake
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Print a JSON Schema of the configuration files instead, for editors
    #[arg(long)]
    schema: bool,
    /// Print the mistakes as JSON
    #[arg(long)]
    json: bool,
}

/// Checks, prints, and says how it went: 0 when there are no errors, else 2. `load_rest` reads what [`config::load`] does
/// not, zone files and databases, and returns their mistakes; files that they show are added to the sources.
pub fn run(args: &Args, load_rest: impl FnOnce(&Config, &mut Sources) -> Vec<Diagnostic>) -> ExitCode {
    let mut out = io::stdout().lock();
    match write(args, load_rest, &mut out, is_coloured(&io::stdout())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_MISTAKE),
        // Whoever reads has gone; there is nobody to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Does the work of [`run`]; whether there are no errors.
fn write(
    args: &Args,
    load_rest: impl FnOnce(&Config, &mut Sources) -> Vec<Diagnostic>,
    out: &mut impl Write,
    coloured: bool,
) -> io::Result<bool> {
    if args.schema {
        writeln!(out, "{:#}", config::schema())?;
        return Ok(true);
    }
    let mut sources = Sources::default();
    let (config, mut diagnostics) = config::load_partly(&args.config.config, &mut sources);
    diagnostics.extend(load_rest(&config, &mut sources));
    let errors = count(&diagnostics, Severity::Error);
    if args.json {
        let all: Vec<Value> = diagnostics.iter().map(|diagnostic| as_json(diagnostic, &sources)).collect();
        writeln!(out, "{:#}", json!({ "ok": errors == 0, "diagnostics": all }))?;
        return Ok(errors == 0);
    }
    for diagnostic in &diagnostics {
        writeln!(out, "{}\n", diagnostic.render(&sources, coloured))?;
    }
    writeln!(out, "{}", summary(args, &config, &diagnostics))?;
    Ok(errors == 0)
}

fn count(diagnostics: &[Diagnostic], severity: Severity) -> usize {
    diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
}

/// `1 zone`, `2 zones`.
pub(super) fn counted(number: usize, singular: &str) -> String {
    format!("{number} {singular}{}", if number == 1 { "" } else { "s" })
}

fn summary(args: &Args, config: &Config, diagnostics: &[Diagnostic]) -> String {
    let name = args.config.config.display();
    let (errors, warnings) = (count(diagnostics, Severity::Error), count(diagnostics, Severity::Warning));
    let mut found: Vec<String> = Vec::new();
    for (number, singular) in [(errors, "error"), (warnings, "warning")] {
        if number > 0 {
            found.push(counted(number, singular));
        }
    }
    let found = found.join(", ");
    if errors > 0 {
        return format!("{name}: {found}; a running server keeps its last good configuration");
    }
    let of_role = |role: Role| {
        let owners = config.zones.iter().flat_map(|zone| &zone.spec.balanced);
        owners.filter(|owner| owner.role == role).count()
    };
    let mut parts = vec![
        counted(config.files.len(), "file"),
        counted(config.regions.len(), "region"),
        counted(config.pools.len(), "pool"),
        counted(config.zones.len(), "zone"),
        counted(of_role(Role::Balanced), "balanced name"),
    ];
    match of_role(Role::Alias) {
        0 => {}
        1 => parts.push("1 alias".to_owned()),
        aliases => parts.push(format!("{aliases} aliases")),
    }
    let and = if found.is_empty() { String::new() } else { format!("; {found}") };
    format!("{name}: ok: {}{and}", parts.join(", "))
}

/// A mistake as JSON: the same words, places by path, line and column.
fn as_json(diagnostic: &Diagnostic, sources: &Sources) -> Value {
    let places: Vec<Value> = diagnostic
        .places
        .iter()
        .map(|(span, label)| {
            let (line, column) = sources.line_column(*span);
            let path = sources.path(span.source).display().to_string();
            json!({ "path": path, "line": line, "column": column, "start": span.start, "end": span.end, "label": label })
        })
        .collect();
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    json!({ "severity": severity, "message": diagnostic.message, "places": places, "hints": diagnostic.hints })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Args, write};
    use crate::base::Diagnostic;
    use crate::cli::ConfigArg;
    use std::path::Path;

    fn printed(config: &Path, json: bool, schema: bool, rest: Vec<Diagnostic>) -> (bool, String) {
        let args = Args { config: ConfigArg { config: config.to_path_buf() }, schema, json };
        let mut out = Vec::new();
        let fine = write(&args, |_, _| rest, &mut out, false).unwrap();
        (fine, String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_sample_is_fine_and_counted() {
        let (fine, text) = printed(Path::new("azimuth.toml"), false, false, Vec::new());
        assert!(fine && text.starts_with("azimuth.toml: ok: 4 files, 6 regions, 3 pools, 1 zone, "), "{text}");
    }

    #[test]
    fn mistakes_of_zones_and_databases_count_too() {
        let sample = Path::new("azimuth.toml");
        let (fine, text) = printed(sample, false, false, vec![Diagnostic::error("a zone is broken")]);
        assert!(!fine && text.contains("error: a zone is broken") && text.contains("azimuth.toml: 1 error;"), "{text}");
        let (fine, text) = printed(sample, false, false, vec![Diagnostic::warning("a database is old")]);
        assert!(
            fine && text.contains("warning: a database is old") && text.trim_end().ends_with("; 1 warning"),
            "{text}"
        );
    }

    #[test]
    fn json_has_the_same_mistakes_with_their_places() {
        let broken = Path::new("tests/bad/config/zone_twice/azimuth.toml");
        let (fine, text) = printed(broken, true, false, Vec::new());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(!fine && value["ok"] == false);
        let first = &value["diagnostics"][0];
        assert_eq!((&first["severity"], &first["places"][0]["line"]), (&"error".into(), &14.into()));
        assert_eq!(first["places"][0]["path"], broken.display().to_string());
        assert!(first["message"].as_str().unwrap().contains("is defined twice"));
    }

    #[test]
    fn the_schema_needs_no_configuration() {
        let (fine, text) = printed(Path::new("nowhere.toml"), false, true, Vec::new());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(fine && value["properties"]["zone"].is_object());
    }

    #[test]
    fn a_missing_file_is_named_with_what_to_do() {
        let (fine, text) = printed(Path::new("nowhere.toml"), false, false, Vec::new());
        assert!(!fine && text.contains("cannot read `nowhere.toml`: there is no such file"), "{text}");
        assert!(text.contains("--config FILE"), "{text}");
    }
}
