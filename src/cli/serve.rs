//! `azimuth serve`.

use super::check::counted;
use super::{ConfigArg, EXIT_FAILED, EXIT_MISTAKE, failed, print_report};
use crate::boot::{Overrides, Report, Server, Signals, StartError};
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
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
    /// Keep what must survive a restart in this folder instead of where the configuration says
    #[arg(long, value_name = "DIRECTORY")]
    state_dir: Option<PathBuf>,
    /// Write log lines as JSON
    #[arg(long)]
    log_json: bool,
}

/// Serves until a signal says otherwise.
pub fn run(args: Args) -> ExitCode {
    super::logging::start(args.log_json, "info");
    let listen = (!args.listen.is_empty()).then_some(args.listen);
    let overrides = Overrides { listen, admin: args.admin, state_dir: args.state_dir };
    let signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return failed(format_args!("cannot wait for signals: {error}")),
    };
    match Server::start(&args.config.config, overrides) {
        Ok((server, report)) => {
            tell(&report, args.log_json);
            match signals.run_until_stopped(server) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failed(format_args!("cannot wait for signals: {error}")),
            }
        }
        Err(StartError::Configuration(report)) => {
            tell(&report, args.log_json);
            let (errors, warnings) = report.counts();
            let summary =
                format!("{}, {}; nothing was started", counted(errors, "error"), counted(warnings, "warning"));
            if is_for_eyes(args.log_json) {
                eprintln!("{summary}");
            } else {
                tracing::error!("{summary}");
            }
            ExitCode::from(EXIT_MISTAKE)
        }
        Err(StartError::System(message)) if args.log_json => {
            tracing::error!("{}", message.replace("\n  help: ", "; "));
            ExitCode::from(EXIT_FAILED)
        }
        Err(StartError::System(message)) => failed(message),
    }
}

/// Whether somebody looks at standard error, rather than a program that collects lines.
fn is_for_eyes(log_json: bool) -> bool {
    !log_json && std::io::stderr().is_terminal()
}

/// Shows a report with the places in the files, or logs it as a reload does.
fn tell(report: &Report, log_json: bool) {
    if is_for_eyes(log_json) {
        print_report(report);
    } else {
        report.log();
    }
}
