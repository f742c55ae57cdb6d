//! `azimuth demo`: a whole world on loopback.

mod ask;
mod backends;
mod keyboard;
mod screen;
mod world;

use super::{EXIT_MISTAKE, failed, print_report};
use crate::boot::StartError;
use keyboard::{Event, Keyboard};
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;
use world::{World, WorldError};

/// Options of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Answer queries here
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5300")]
    listen: SocketAddr,
    /// Serve health, metrics and explanations here
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8053")]
    admin: SocketAddr,
}

/// How often the live table is brought up to date.
const REFRESH: Duration = Duration::from_millis(500);

/// Runs the demo until `q`, Ctrl-C or SIGTERM.
pub fn run(args: &Args) -> ExitCode {
    // Log lines would tear the live table; what they say of health is in it. `AZIMUTH_LOG` brings them back.
    crate::cli::logging::start(false, "off");
    let mut world = match World::start(args.listen, args.admin) {
        Ok(world) => world,
        Err(WorldError::Start(StartError::Configuration(report))) => {
            print_report(&report);
            return ExitCode::from(EXIT_MISTAKE);
        }
        Err(WorldError::Start(StartError::System(message)) | WorldError::System(message)) => return failed(message),
    };
    println!("{}", screen::introduction(&world));
    let keyboard = match Keyboard::start() {
        Ok(keyboard) => keyboard,
        Err(error) => return failed(format_args!("cannot read the keyboard: {error}")),
    };
    let live = std::io::stdout().is_terminal();
    let mut shown = screen::View::default();
    loop {
        let view = screen::View::of(&world);
        // In a pipe or a file only what matters is news: which member of a region is drawn is chance.
        if if live { view != shown } else { view.news() != shown.news() } {
            if view.show(&shown, live).is_err() {
                // Nobody looks any more.
                break;
            }
            shown = view;
        }
        match keyboard.wait(REFRESH) {
            Some(Event::Key(key)) => {
                if let Some(region) = key.to_digit(10).and_then(|digit| digit.checked_sub(1)) {
                    if let Err(error) = world.toggle(region as usize) {
                        eprintln!("cannot revive the region: {error}");
                    }
                } else if key == 'q' {
                    break;
                }
            }
            Some(Event::Stop) => break,
            None => {}
        }
    }
    drop(keyboard);
    world.stop();
    println!("\nThe demo has ended; its files are removed.");
    ExitCode::SUCCESS
}
