//! Golden scenarios: configuration, zone, clients and health in, full answers out, all as data in `tests/golden`.
//!
//! What a scenario expects was worked out from the rules that its comments quote. `UPDATE_GOLDEN=1` writes what the code
//! answers in its place: read the difference as a claim that somebody has to justify.

mod command;
pub mod database;
mod scenario;

pub use database::last_address;

use crate::message;
use crate::world::World;
use azimuth::health::Status;
use command::{Ask, Command};
use scenario::{Scenario, Step};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Points of percentage by which a share may differ from the expected one.
const SHARE_TOLERANCE: f64 = 3.0;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
fn golden_scenarios_hold() {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "scenario"));
    paths.sort();
    assert!(paths.len() >= 20, "the scenarios were found");
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let only = std::env::var("GOLDEN").unwrap_or_default();
    let mut failures = Vec::new();
    let mut steps = 0;
    for path in paths.iter().filter(|path| path.to_string_lossy().contains(&only)) {
        match check(path, update) {
            Ok(count) => steps += count,
            Err(failure) => failures.push(failure),
        }
    }
    println!("{} scenarios, {steps} steps", paths.len());
    assert!(failures.is_empty(), "{} scenarios fail:\n\n{}", failures.len(), failures.join("\n"));
}

/// Runs one file; returns how many steps it has, or all that is wrong.
fn check(path: &Path, update: bool) -> Result<usize, String> {
    let text = std::fs::read_to_string(path).unwrap();
    let scenario = Scenario::read(path, &text)?;
    let place = |step: &Step| format!("tests/golden/{}:{}", path.file_name().unwrap().to_string_lossy(), step.line);
    let temp = tempfile::tempdir().unwrap();
    lay_out(&scenario, temp.path())?;
    let mut world = World::load(temp.path()).map_err(|error| format!("{}:\n{error}", path.display()))?;
    world.set_health("*", None, Status::Up, false);
    let (mut wrong, mut updated, mut copied) = (String::new(), String::new(), 0);
    for step in &scenario.steps {
        let command = Command::parse(&step.command).map_err(|error| format!("{}: {error}", place(step)))?;
        let found = run(&mut world, &command);
        let same = same_but_for_chance(&step.expected, &found);
        if !same {
            write!(wrong, "{}: ? {}\n{}", place(step), step.command, difference(&step.expected, &found)).unwrap();
        }
        if update {
            updated.push_str(&text[copied..step.span.start]);
            updated.push_str(if same { &step.expected } else { &found });
            copied = step.span.end;
        }
    }
    if update {
        std::fs::write(path, updated + &text[copied..]).unwrap();
        return Ok(scenario.steps.len());
    }
    if wrong.is_empty() { Ok(scenario.steps.len()) } else { Err(wrong) }
}

/// The world of a scenario with every member up, for other tests.
pub fn world(name: &str) -> World {
    let path = folder().join(format!("{name}.scenario"));
    let scenario = Scenario::read(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
    let temp = tempfile::tempdir().unwrap();
    lay_out(&scenario, temp.path()).unwrap();
    let mut world = World::load(temp.path()).unwrap_or_else(|error| panic!("{name}:\n{error}"));
    world.set_health("*", None, Status::Up, false);
    world
}

/// Writes the files of a scenario; `*.mmdb` is written as the database that its lines describe.
fn lay_out(scenario: &Scenario, folder: &Path) -> Result<(), String> {
    for (name, text) in &scenario.files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if name.ends_with(".mmdb") {
            std::fs::write(path, database::build(text)?).unwrap();
        } else {
            std::fs::write(path, text).unwrap();
        }
    }
    Ok(())
}

fn run(world: &mut World, command: &Command) -> String {
    match command {
        Command::Health { member, monitor, status, wavering } => {
            match world.set_health(member, monitor.as_deref(), *status, *wavering) {
                0 => format!("no member {member} with such a monitor\n"),
                _ => String::new(),
            }
        }
        Command::Probed { member, monitor, seen, times } => {
            match (0..*times).map(|_| world.probed(member, monitor.as_deref(), seen)).sum() {
                0 => format!("no member {member} with such a monitor\n"),
                _ => String::new(),
            }
        }
        Command::Answered { feed, subject, answer } => world.answered(feed, subject, answer),
        Command::Restart => {
            world.restart();
            String::new()
        }
        Command::Resolved { target, addresses, expires } => {
            world.set_alias(target, addresses, *expires);
            String::new()
        }
        Command::Counters => world.counters(),
        Command::Report { subject, report } => {
            world.report(subject.clone(), *report);
            String::new()
        }
        Command::Order { pattern, action, lasts } => {
            world.order(pattern, *action, *lasts);
            String::new()
        }
        Command::After(time) => {
            world.go_on(*time);
            String::new()
        }
        Command::Ask(ask) if ask.times > 1 => shares(world, ask),
        Command::Ask(ask) => match world.ask(&ask.octets, ask.source, ask.over, random(ask.seed)) {
            None => "no response\n".to_owned(),
            Some(response) if ask.brief => {
                let shown = message::show(&response, &ask.octets);
                let (first, rest) = shown.split_once('\n').unwrap();
                let records = |section: &str| rest.lines().filter(|line| line.starts_with(section)).count();
                let counts = ["answer", "authority", "additional"].map(records);
                let size = if response.len() <= 512 { "at most 512 octets" } else { "more than 512 octets" };
                format!(
                    "{first}\n{} answers, {} authorities, {} additionals, {size}\n",
                    counts[0], counts[1], counts[2]
                )
            }
            Some(response) if ask.sorted => {
                let shown = message::show(&response, &ask.octets);
                let mut lines: Vec<&str> = shown.lines().collect();
                lines[1..].sort_unstable();
                lines.join("\n") + "\n"
            }
            Some(response) => message::show(&response, &ask.octets),
        },
    }
}

/// SplitMix64: numbers that look random, the same in every run.
fn random(n: u64) -> u64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Asks many times and tells how often each set of records was answered.
fn shares(world: &mut World, ask: &Ask) -> String {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for n in 0..ask.times {
        let response = world.ask(&ask.octets, ask.source, ask.over, random(ask.seed + u64::from(n)));
        let words = match response.as_deref().map(message::read) {
            None => "no response".to_owned(),
            Some(Err(error)) => format!("unreadable: {error}"),
            Some(Ok(message)) if message.answers.is_empty() => format!("no answer, {}", message.metadata.response_code),
            Some(Ok(message)) => message::rdata(&message.answers).join(", "),
        };
        *counts.entry(words).or_default() += 1;
    }
    let percent = |count: u32| f64::from(count) * 100.0 / f64::from(ask.times);
    counts.into_iter().map(|(words, count)| format!("{:.1}% {words}\n", percent(count))).collect()
}

/// Equal but for shares that lie close together.
fn same_but_for_chance(expected: &str, found: &str) -> bool {
    let close = |(expected, found): (&str, &str)| {
        let share = |line: &str| line.split_once("% ").map(|(n, words)| (n.parse::<f64>(), words.to_owned()));
        match (share(expected), share(found)) {
            (Some((Ok(wanted), words)), Some((Ok(seen), seen_words))) => {
                words == seen_words && (wanted - seen).abs() <= SHARE_TOLERANCE
            }
            _ => expected == found,
        }
    };
    expected.lines().count() == found.lines().count() && expected.lines().zip(found.lines()).all(close)
}

/// Both texts, line by line, with marks.
fn difference(expected: &str, found: &str) -> String {
    let mut out = String::new();
    for line in expected.lines() {
        let mark = if found.lines().any(|other| other == line) { ' ' } else { '-' };
        writeln!(out, "  {mark} {line}").unwrap();
    }
    for line in found.lines().filter(|line| !expected.lines().any(|other| other == *line)) {
        writeln!(out, "  + {line}").unwrap();
    }
    if !out.contains(['-', '+']) {
        out.push_str("  the same lines in another order\n");
    }
    out
}
