//! `azimuth drain`.

use super::operate::{ChangeArgs, OrderArgs};
use crate::admin::operate::request::Verb;
use std::process::ExitCode;

/// Options of `drain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    change: ChangeArgs,
    /// Lead only this part of the clients elsewhere, 1 to 100: of a member by its weight, of a region by client subnets
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    percent: Option<u8>,
    #[command(flatten)]
    order: OrderArgs,
}

/// Leads new clients elsewhere.
pub fn run(args: &Args) -> ExitCode {
    args.change.send(Verb::Drain, args.percent, Some(&args.order))
}
