//! What the command line and files say, as the simulation takes it; and what is wrong with it, for operators.

use crate::base::suggest::nearest;
use crate::geo::Locator;
use crate::simulate::load::Loads;
use crate::simulate::population::{Plan, Population};
use crate::simulate::scene::Roll;
use crate::simulate::{Change, Wish, cities, list, load, what_if};
use crate::snapshot::Inputs;
use crate::steering::control::operator::matching::{matched, why_nothing};
use crate::steering::control::operator::{Action, PERCENT_ALL, Pattern};
use std::path::{Path, PathBuf};

/// The configuration file that `--config` means: of a folder its `azimuth.toml`.
pub(super) fn configuration_in(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(crate::cli::CONFIG_DEFAULT) } else { path.to_path_buf() }
}

/// A share from 0 to 1; `50%` is understood too.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let number = match text.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map(|percent| percent / 100.0),
        None => text.parse::<f64>(),
    };
    match number {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("give a share from 0 to 1, such as 0.5".to_owned()),
    }
}

/// What `--down` and `--drain` suppose; every pattern must name something of the configuration.
pub(super) fn changes(down: &[String], drain: &[String], inputs: &Inputs) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    for text in down {
        changes.push(Change { pattern: pattern("--down", text, inputs)?, wish: Wish::Down });
    }
    for text in drain {
        let (name, percent) = match text.rsplit_once('=') {
            Some((name, percent)) => (name, percent_of(percent)?),
            None => (text.as_str(), PERCENT_ALL),
        };
        let wish = Wish::Operator(Action::Drain { percent });
        changes.push(Change { pattern: pattern("--drain", name, inputs)?, wish });
    }
    Ok(changes)
}

fn percent_of(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<u8>();
    let percent = number.ok().filter(|percent| (1..=100).contains(percent));
    percent.ok_or_else(|| format!("--drain: `{text}` is no percentage; give 1 to 100, as in `eu-west=30%`"))
}

fn pattern(option: &str, text: &str, inputs: &Inputs) -> Result<Pattern, String> {
    let pattern = what_if::pattern(text).map_err(|error| format!("{option}: {}\n  help: {}", error.why, error.hint))?;
    if matched(&pattern, &inputs.regions, &inputs.pools).is_empty() {
        return Err(format!("{option}: {}", why_nothing(&pattern, &inputs.regions, &inputs.pools)));
    }
    Ok(pattern)
}

/// Words in quotes, with commas.
pub(super) fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}

/// What `--load` says.
pub(super) fn loads(path: &Path, roll: &Roll) -> Result<Loads, String> {
    let loads = load::parse(&read(path)?).map_err(|reason| {
        format!(
            "--load {}: {reason}\n  help: give lines `region,load,capacity` (the last may be left out), or JSON such as \
             {{\"eu-west\": {{\"load\": 700, \"capacity\": 1000}}}}",
            path.display()
        )
    })?;
    let names: Vec<&str> = roll.names().iter().map(|name| &**name).collect();
    match loads.keys().find(|name| !names.contains(&name.as_str())) {
        None => Ok(loads),
        Some(stranger) => {
            let help = match nearest(stranger, names.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("regions are {}", quoted(&names)),
            };
            Err(format!("--load {}: there is no region `{stranger}`\n  help: {help}", path.display()))
        }
    }
}

/// The clients of a file, or of the world's cities.
pub(super) fn population(file: Option<&Path>, locator: &Locator, plan: &Plan) -> Result<Population, String> {
    let cities = cities::embedded();
    let Some(path) = file else { return Ok(Population::of_cities(&cities, locator, plan)) };
    let listed = list::parse(&read(path)?).map_err(|mistakes| {
        let lines: Vec<String> = (mistakes.iter())
            .map(|mistake| format!("{}:{}: {}", path.display(), mistake.line, mistake.reason))
            .collect();
        let help = "each line holds an address or a prefix, and behind it a weight if need be";
        format!("--population: {}\n  help: {help}", lines.join("\n  "))
    })?;
    Ok(Population::of_list(&listed, &cities, locator, plan))
}

/// By number on the roll: what the configuration says of regions' capacities.
pub(super) fn capacities(roll: &Roll, inputs: &Inputs) -> Vec<Option<f64>> {
    let region = |name: &str| inputs.regions.iter().find(|region| &*region.name == name);
    roll.names().iter().map(|name| region(name).and_then(|region| region.capacity)).collect()
}
