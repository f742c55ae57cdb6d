//! `azimuth serve`.

use super::check::counted;
use super::{ConfigArg, EXIT_MISTAKE, failed, print_report};
use crate::boot::{Overrides, Server, Signals, StartError};
use std::net::SocketAddr;
use std::process::ExitCode;

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Listen here instead of where the configuration says; may be repeated
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<SocketAddr>,
    /// Serve health, metrics and explanations here instead of where the configuration says
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin: Option<SocketAddr>,
    /// Write log lines as JSON
    #[arg(long)]
    log_json: bool,
}

/// Serves until a signal says otherwise.
pub fn run(args: Args) -> ExitCode {
    super::logging::start(args.log_json, "info");
    let listen = (!args.listen.is_empty()).then_some(args.listen);
    let overrides = Overrides { listen, admin: args.admin, ..Overrides::default() };
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return failed(format_args!("cannot wait for signals: {error}")),
    };
    match Server::start(&args.config.config, overrides) {
        Ok((server, report)) => {
            print_report(&report);
            match signals.run_until_stopped(server) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failed(format_args!("cannot wait for signals: {error}")),
            }
        }
        Err(StartError::Configuration(report)) => {
            print_report(&report);
            let (errors, warnings) = report.counts();
            eprintln!("{}, {}; nothing was started", counted(errors, "error"), counted(warnings, "warning"));
            ExitCode::from(EXIT_MISTAKE)
        }
        Err(StartError::System(message)) => failed(message),
    }
}
