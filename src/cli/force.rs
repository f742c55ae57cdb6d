//! `azimuth force up` and `azimuth force down`.

use super::operate::{ChangeArgs, OrderArgs};
use crate::admin::operate::request::Verb;
use std::process::ExitCode;

/// States that hold whatever health checks say
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    state: State,
}

#[derive(Debug, clap::Subcommand)]
enum State {
    /// Answer it as if it were up
    Up(Forced),
    /// Answer nothing of it, in any pass
    Down(Forced),
}

#[derive(Debug, clap::Args)]
struct Forced {
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    order: OrderArgs,
}

/// Forces a state.
pub fn run(args: &Args) -> ExitCode {
    let (verb, forced) = match &args.state {
        State::Up(forced) => (Verb::ForceUp, forced),
        State::Down(forced) => (Verb::ForceDown, forced),
    };
    forced.change.send(verb, None, Some(&forced.order))
}
