//! `azimuth geoip`: what location databases say, and where to get one.

mod build;
mod fetch;
mod lookup;

use clap::Subcommand;
use std::process::ExitCode;

/// Options of `geoip`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Tell where addresses are, and which database said so
    Lookup(lookup::Args),
    /// Download a location database, check it, and put it in the place of the old one
    Fetch(fetch::Args),
    /// Make a country table like the one inside the binary
    Build(build::Args),
}

/// Runs one of the verbs.
pub fn run(args: Args) -> ExitCode {
    match args.verb {
        Verb::Lookup(args) => lookup::run(&args),
        Verb::Fetch(args) => fetch::run(&args),
        Verb::Build(args) => build::run(&args),
    }
}
