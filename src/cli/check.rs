//! `azimuth check`: every mistake of a configuration at once, or its JSON Schema. Starts nothing.

use crate::base::{Diagnostic, Severity, Sources};
use crate::config::{self, Config};
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// What the process exits with when something is wrong with the configuration.
const EXIT_MISTAKES: u8 = 2;

/// Check a configuration with its zone files and databases, and print every mistake
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "azimuth.toml")]
    pub config: PathBuf,
    /// Print a JSON Schema of the configuration files instead, for editors
    #[arg(long)]
    pub schema: bool,
    /// Print the mistakes as JSON
    #[arg(long)]
    pub json: bool,
}

/// Checks, prints, and says how it went: 0 when there are no errors, else 2. `load_rest` reads what [`config::load`] does
/// not, zone files and databases, and returns their mistakes; files that they show are added to the sources.
pub fn run(args: &Args, load_rest: impl FnOnce(&Config, &mut Sources) -> Vec<Diagnostic>) -> ExitCode {
    let mut out = io::stdout().lock();
    match write(args, load_rest, &mut out, io::stdout().is_terminal()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_MISTAKES),
        // Whoever reads has gone; there is nobody to tell.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Does the work of [`run`]; whether there are no errors.
fn write(
    args: &Args,
    load_rest: impl FnOnce(&Config, &mut Sources) -> Vec<Diagnostic>,
    out: &mut impl Write,
    terminal: bool,
) -> io::Result<bool> {
    if args.schema {
        writeln!(out, "{:#}", config::schema())?;
        return Ok(true);
    }
    let mut sources = Sources::default();
    let (config, mut diagnostics) = config::load_partly(&args.config, &mut sources);
    diagnostics.extend(load_rest(&config, &mut sources));
    let errors = count(&diagnostics, Severity::Error);
    if args.json {
        let all: Vec<Value> = diagnostics.iter().map(|diagnostic| as_json(diagnostic, &sources)).collect();
        writeln!(out, "{:#}", json!({ "ok": errors == 0, "diagnostics": all }))?;
        return Ok(errors == 0);
    }
    let coloured = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
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
fn counted(number: usize, singular: &str) -> String {
    format!("{number} {singular}{}", if number == 1 { "" } else { "s" })
}

fn summary(args: &Args, config: &Config, diagnostics: &[Diagnostic]) -> String {
    let name = args.config.display();
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
    let balanced = config.zones.iter().map(|zone| zone.balances.len()).sum();
    let parts = [
        counted(config.files.len(), "file"),
        counted(config.regions.len(), "region"),
        counted(config.pools.len(), "pool"),
        counted(config.zones.len(), "zone"),
        counted(balanced, "balanced name"),
    ];
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
