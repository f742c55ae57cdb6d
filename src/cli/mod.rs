//! The command line, one file a verb.

mod admin_client;
mod check;
mod clear;
mod demo;
mod drain;
mod explain;
mod failback;
mod force;
mod geoip;
mod http;
mod logging;
mod monitor_words;
mod operate;
mod serve;
mod simulate;
mod status;
mod undrain;
mod zone;

use crate::base::{Diagnostic, Sources};
use clap::{Parser, Subcommand};
use std::ffi::OsStr;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit code when the system refused something or a server could not be asked.
const EXIT_FAILED: u8 = 1;
/// Exit code when what the operator wrote has mistakes; clap uses it for the command line too.
const EXIT_MISTAKE: u8 = 2;

/// Exit code when a guard is against what the operator asks for.
const EXIT_GUARDED: u8 = 3;

/// Where the configuration is unless `--config` says otherwise.
const CONFIG_DEFAULT: &str = "azimuth.toml";

/// What `--version` prints: with the licences of the data inside the binary, which must go with it.
const VERSION_LONG: &str = concat!(env!("CARGO_PKG_VERSION"), "\n\n", include_str!("../../geoip/NOTICE"));

/// An authoritative DNS server that answers with the closest healthy region.
#[derive(Debug, Parser)]
#[command(name = "azimuth", version, long_version = VERSION_LONG, max_term_width = 100)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Answer queries
    Serve(serve::Args),
    /// Print every mistake of a configuration, or its JSON Schema; start nothing
    Check(check::Args),
    /// Tell why a client gets the answer it gets, without sending a query
    Explain(explain::Args),
    /// How regions, pools and members stand, on the running server
    Status(status::Args),
    /// Tell what the world's clients would be answered if a region failed or the configuration changed
    Simulate(simulate::Args),
    /// Lead new clients elsewhere: a region, a pool in a region or members, whole or by a part
    Drain(drain::Args),
    /// Take drains back
    Undrain(undrain::Args),
    /// Hold something up or down whatever health checks say
    Force(force::Args),
    /// Take orders back, drains and forced states alike
    Clear(clear::Args),
    /// Let regions come back that wait for it
    Failback(failback::Args),
    /// What location databases say, and where to get one
    Geoip(geoip::Args),
    /// What a zone is now; its file and the journal of updates
    Zone(zone::Args),
    /// Run a whole world on loopback: backends, health checks, the server and the sample zone
    Demo(demo::Args),
}

/// The configuration that a verb works on.
#[derive(Debug, clap::Args)]
struct ConfigArg {
    /// The configuration file
    #[arg(long, short, value_name = "FILE", default_value = CONFIG_DEFAULT)]
    config: PathBuf,
}

/// Runs the command line; returns the exit code.
#[must_use]
pub fn run() -> ExitCode {
    match CommandLine::parse().verb {
        Verb::Serve(args) => serve::run(args),
        Verb::Check(args) => check::run(&args, crate::boot::load_rest),
        Verb::Explain(args) => explain::run(&args),
        Verb::Status(args) => status::run(&args),
        Verb::Simulate(args) => simulate::run(&args),
        Verb::Drain(args) => drain::run(&args),
        Verb::Undrain(args) => undrain::run(&args),
        Verb::Force(args) => force::run(&args),
        Verb::Clear(args) => clear::run(&args),
        Verb::Failback(args) => failback::run(&args),
        Verb::Geoip(args) => geoip::run(args),
        Verb::Zone(args) => zone::run(&args),
        Verb::Demo(args) => demo::run(&args),
    }
}

/// Prints what went wrong, with its remedy, and gives the exit code for it.
fn failed(message: impl std::fmt::Display) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(EXIT_FAILED)
}

/// Prints every diagnostic of a report on standard error.
fn print_report(report: &crate::boot::Report) {
    print_diagnostics(&report.diagnostics, &report.sources);
    print_diagnostics(&report.refused_zones, &report.sources);
}

/// Prints diagnostics on standard error.
fn print_diagnostics(diagnostics: &[Diagnostic], sources: &Sources) {
    let coloured = is_coloured(&std::io::stderr());
    for diagnostic in diagnostics {
        eprintln!("{}\n", diagnostic.render(sources, coloured));
    }
}

/// Whether what is written to `stream` is coloured: where somebody looks at it who did not ask for no color.
fn is_coloured(stream: &impl IsTerminal) -> bool {
    wants_color(stream.is_terminal(), std::env::var_os("NO_COLOR").as_deref())
}

/// `no_color` is the environment's `NO_COLOR`, which asks for no color by any value but an empty one.
fn wants_color(is_terminal: bool, no_color: Option<&OsStr>) -> bool {
    is_terminal && no_color.is_none_or(OsStr::is_empty)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{CommandLine, wants_color};
    use clap::Parser;
    use std::ffi::OsStr;

    #[test]
    fn every_verb_that_reads_the_configuration_takes_c_for_config() {
        let verbs: [&[&str]; 4] =
            [&["serve"], &["check"], &["explain", "a.example", "--from", "::"], &["geoip", "lookup", "192.0.2.1"]];
        for verb in verbs {
            for option in ["-c", "--config"] {
                let words = [&["azimuth"], verb, &[option, "other.toml"]].concat();
                let parsed = CommandLine::try_parse_from(words).unwrap();
                assert!(format!("{parsed:?}").contains("\"other.toml\""), "{parsed:?}");
            }
        }
    }

    #[test]
    fn color_needs_a_terminal_and_nobody_who_asked_for_none() {
        assert!(wants_color(true, None) && wants_color(true, Some(OsStr::new(""))));
        assert!(!wants_color(true, Some(OsStr::new("1"))) && !wants_color(false, None));
    }
}
