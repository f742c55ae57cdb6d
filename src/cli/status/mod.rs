//! `azimuth status`.

mod screen;
mod table;

use super::admin_client::{AdminArgs, AdminClient, Unanswered};
use super::{EXIT_MISTAKE, failed};
use crate::admin::status::report::Status;
use crate::steering::control::operator::Pattern;
use screen::{Interrupt, Screen};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// Options of `status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show only this: region/NAME, pool/NAME, pool/NAME/REGION or pool/NAME/REGION/TARGET, with wildcards in each part
    #[arg(value_name = "PATTERN")]
    pattern: Option<String>,
    #[command(flatten)]
    admin: AdminArgs,
    /// Show it again and again, every 2 seconds unless given (`--watch=5`), until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2",
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    watch: Option<u64>,
    /// Print JSON; with --watch one line each time
    #[arg(long)]
    json: bool,
}

/// Prints how everything stands.
pub fn run(args: &Args) -> ExitCode {
    if let Some(Err(error)) = args.pattern.as_deref().map(str::parse::<Pattern>) {
        eprintln!("error: {}\n  help: {}", error.why, error.hint);
        return ExitCode::from(EXIT_MISTAKE);
    }
    let client = match AdminClient::new(&args.admin) {
        Ok(client) => client,
        Err(code) => return code,
    };
    match args.watch {
        None => match ask(&client, args) {
            Ok(Shown::Json(text)) => print_or_fail(&text),
            Ok(Shown::Status(status)) => print_or_fail(&table::text(&status, super::is_coloured(&std::io::stdout()))),
            Err(unanswered) => unanswered.print(),
        },
        Some(seconds) => watch(&client, args, Duration::from_secs(seconds)),
    }
}

/// What is to be printed.
enum Shown {
    Json(String),
    Status(Box<Status>),
}

fn ask(client: &AdminClient, args: &Args) -> Result<Shown, Unanswered> {
    let query: Vec<(&str, &str)> = args.pattern.iter().map(|pattern| ("pattern", pattern.as_str())).collect();
    let body = client.get("/api/v1/status", &query)?;
    let not_understood = |error: serde_json::Error| Unanswered {
        status: None,
        refused: crate::admin::operate::request::Refused::mistake(format!("the answer is not understood: {error}"))
            .help("is the server of another version than this program?"),
    };
    if args.json {
        let value: serde_json::Value = serde_json::from_slice(&body).map_err(not_understood)?;
        let text = if args.watch.is_some() { value.to_string() } else { format!("{value:#}") };
        return Ok(Shown::Json(text + "\n"));
    }
    serde_json::from_slice(&body).map(|status| Shown::Status(Box::new(status))).map_err(not_understood)
}

/// Who reads may go away at any time, as `head` does.
fn print_or_fail(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => failed(error),
    }
}

fn watch(client: &AdminClient, args: &Args, interval: Duration) -> ExitCode {
    let interrupt = match Interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(error) => return failed(format_args!("cannot wait for signals: {error}")),
    };
    let is_terminal = std::io::stdout().is_terminal() && !args.json;
    let screen = is_terminal.then(Screen::open);
    loop {
        let text = match ask(client, args) {
            Ok(Shown::Json(text)) => text,
            Ok(Shown::Status(status)) => table::text(&status, super::is_coloured(&std::io::stdout())),
            // What is asked for does not exist, or may not be asked.
            Err(unanswered) if unanswered.status.is_some() => {
                drop(screen);
                return unanswered.print();
            }
            // It may be starting again.
            Err(unanswered) => format!("{}\n", unanswered.refused.error),
        };
        let shown = match &screen {
            Some(screen) => screen.show(&text),
            None => std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush()),
        };
        if shown.is_err() || interrupt.comes_within(interval) {
            return ExitCode::SUCCESS;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::Args;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_pattern_may_follow_watch_and_seconds_stand_behind_an_equals_sign() {
        let args = |words: &[&str]| Line::try_parse_from(std::iter::once(&"status").chain(words)).unwrap().args;
        let read = |words| (args(words).watch, args(words).pattern);
        assert_eq!(read(&["--watch", "pool/web"]), (Some(2), Some("pool/web".to_owned())));
        assert_eq!(read(&["--watch=5"]), (Some(5), None));
        assert_eq!(read(&["pool/web"]), (None, Some("pool/web".to_owned())));
    }
}
