//! `azimuth undrain`.

use super::operate::ChangeArgs;
use crate::admin::operate::request::Verb;
use std::process::ExitCode;

/// Options of `undrain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    change: ChangeArgs,
}

/// Takes drains back.
pub fn run(args: &Args) -> ExitCode {
    args.change.send(Verb::Undrain, None, None)
}
