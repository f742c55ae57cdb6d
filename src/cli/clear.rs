//! `azimuth clear`.

use super::operate::ChangeArgs;
use crate::admin::operate::request::Verb;
use std::process::ExitCode;

/// Options of `clear`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    change: ChangeArgs,
}

/// Takes orders back, drains and forced states alike.
pub fn run(args: &Args) -> ExitCode {
    args.change.send(Verb::Clear, None, None)
}
