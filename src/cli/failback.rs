//! `azimuth failback`.

use super::operate::ChangeArgs;
use crate::admin::operate::request::Verb;
use std::process::ExitCode;

/// Options of `failback`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    change: ChangeArgs,
}

/// Lets regions come back that wait for it (`failback = "manual"`).
pub fn run(args: &Args) -> ExitCode {
    args.change.send(Verb::Failback, None, None)
}
