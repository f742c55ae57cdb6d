//! Sends a change to the running server and prints what it did: what the verbs of operators share.

use super::admin_client::{AdminArgs, AdminClient};
use super::{EXIT_MISTAKE, failed};
use crate::admin::operate::file::{ActionWord, OrderForm};
use crate::admin::operate::request::{Done, Request, Verb};
use crate::base::UnixTime;
use crate::steering::control::operator::Pattern;
use std::fmt::Write;
use std::process::ExitCode;

/// What every change takes.
#[derive(Debug, clap::Args)]
pub struct ChangeArgs {
    /// region/NAME, pool/NAME, pool/NAME/REGION or pool/NAME/REGION/TARGET, with wildcards in each part; in quotes for the shell
    #[arg(value_name = "PATTERN")]
    pattern: String,
    /// Why, for the log and for whoever looks at the status
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    admin: AdminArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What orders take besides.
#[derive(Debug, clap::Args)]
pub struct OrderArgs {
    /// How long it stands, as in 2h30m; without it until it is taken back
    #[arg(long = "for", value_name = "DURATION")]
    for_time: Option<String>,
    /// Do it even where a guard is against it
    #[arg(long = "override")]
    overrides: bool,
}

/// Most names that a line lists.
const LISTED_MAX: usize = 6;

impl ChangeArgs {
    /// Asks the running server to do something.
    pub fn send(&self, action: Verb, percent: Option<u8>, order: Option<&OrderArgs>) -> ExitCode {
        // A slip is told without a server too.
        if let Err(error) = self.pattern.parse::<Pattern>() {
            eprintln!("error: {}\n  help: {}", error.why, error.hint);
            return ExitCode::from(EXIT_MISTAKE);
        }
        let request = Request {
            action,
            pattern: self.pattern.clone(),
            percent,
            for_time: order.and_then(|order| order.for_time.clone()),
            reason: self.reason.clone(),
            by: who(),
            overrides: order.is_some_and(|order| order.overrides),
        };
        let client = match AdminClient::new(&self.admin) {
            Ok(client) => client,
            Err(code) => return code,
        };
        let answered = serde_json::to_vec(&request).map_err(failed).and_then(|body| {
            client.post("/api/v1/operate", body).map_err(|unanswered| match self.json {
                true => {
                    // A program reads what was refused where it reads what was done.
                    println!("{}", serde_json::to_string_pretty(&unanswered.refused).unwrap_or_default());
                    unanswered.print()
                }
                false => unanswered.print(),
            })
        });
        let body = match answered {
            Ok(body) => body,
            Err(code) => return code,
        };
        if self.json {
            println!("{}", String::from_utf8_lossy(&body));
            return ExitCode::SUCCESS;
        }
        match serde_json::from_slice::<Done>(&body) {
            Ok(done) => {
                print!("{}", text(&done));
                ExitCode::SUCCESS
            }
            Err(error) => failed(format_args!("it was done, but the answer is not understood: {error}")),
        }
    }
}

/// Who sits here.
fn who() -> String {
    let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    let user = variable("SUDO_USER").or_else(|| variable("USER")).or_else(|| variable("LOGNAME"));
    let by_id = || nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name);
    user.or_else(by_id).unwrap_or_else(|| "somebody".to_owned())
}

/// An order in an operator's words, without its pattern.
pub fn order_words(order: &OrderForm, now: u64) -> String {
    let mut text = match (order.action, order.percent) {
        (ActionWord::Drain, None | Some(100)) => "draining".to_owned(),
        (ActionWord::Drain, Some(percent)) => format!("draining {percent} %"),
        (ActionWord::ForceUp, _) => "forced up".to_owned(),
        (ActionWord::ForceDown, _) => "forced down".to_owned(),
    };
    if let Some(until) = order.until {
        // Writing into a text cannot fail.
        let _ = write!(text, " until {}", moment(until, now));
    }
    if !order.by.is_empty() {
        let _ = write!(text, ", by {}", order.by);
    }
    if !order.reason.is_empty() {
        let _ = write!(text, ": {}", order.reason);
    }
    text
}

/// A time with how far away it is.
pub fn moment(time: u64, now: u64) -> String {
    let text = UnixTime::from_secs(time).utc_text();
    match time.checked_sub(now) {
        Some(left) => format!("{text} (in {})", span(left)),
        None => format!("{text} ({} ago)", span(now - time)),
    }
}

/// Seconds in their two largest units.
pub fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let Some(first) = units.iter().position(|(length, _)| seconds >= *length) else { return "0s".to_owned() };
    let (length, unit) = units[first];
    let mut text = format!("{}{unit}", seconds / length);
    if let Some((next, unit)) = units.get(first + 1)
        && seconds % length >= *next
    {
        // Writing into a text cannot fail.
        let _ = write!(text, "{}{unit}", seconds % length / next);
    }
    text
}

/// What was done.
fn text(done: &Done) -> String {
    let mut out = String::new();
    // Writing into a text cannot fail.
    let _ = write_done(&mut out, done);
    out
}

fn write_done(out: &mut String, done: &Done) -> std::fmt::Result {
    match &done.order {
        Some(order) => writeln!(out, "{}: {}", done.pattern, order_words(order, done.now))?,
        None => writeln!(out, "{}: {} done", done.pattern, done.action.word())?,
    }
    writeln!(out, "  regions    {}", listed(&done.regions))?;
    let members: Vec<String> =
        done.members.iter().map(|member| format!("{} {} {}", member.pool, member.region, member.target)).collect();
    writeln!(out, "  members    {}", listed(&members))?;
    for order in &done.removed {
        let what = if done.order.is_some() { "replaced" } else { "removed" };
        writeln!(out, "  {what:<9}  {}: {}", order.pattern.0, order_words(order, done.now))?;
    }
    for order in &done.remaining {
        writeln!(out, "  also says  {}: {}", order.pattern.0, order_words(order, done.now))?;
    }
    for guard in &done.overridden {
        writeln!(out, "  overridden {guard}")?;
    }
    for note in &done.notes {
        writeln!(out, "  note       {note}")?;
    }
    writeln!(out, "  node       {} acted, and no other: each node is told by itself", done.node)?;
    if let Some(safe) = done.safe_to_stop_at {
        writeln!(
            out,
            "  caches     hold earlier answers up to {} s: safe to stop the servers at {}",
            done.longest_ttl,
            moment(safe, done.now)
        )?;
    }
    Ok(())
}

fn listed(names: &[String]) -> String {
    match names.len() {
        0 => "none".to_owned(),
        count if count <= LISTED_MAX => names.join(", "),
        count => format!("{} and {} more", names[..LISTED_MAX].join(", "), count - LISTED_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::{moment, span};

    #[test]
    fn times_are_told_in_two_units_with_their_distance() {
        for (seconds, text) in
            [(0, "0s"), (59, "59s"), (60, "1m"), (61, "1m1s"), (3_600, "1h"), (3_659, "1h"), (93_784, "1d2h")]
        {
            assert_eq!(span(seconds), text);
        }
        assert_eq!(moment(60, 0), "1970-01-01 00:01:00 UTC (in 1m)");
        assert_eq!(moment(0, 60), "1970-01-01 00:00:00 UTC (1m ago)");
    }
}
