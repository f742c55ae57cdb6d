//! `azimuth simulate`: what a population of clients is answered if something changes. Asks no server and starts nothing.

mod hints;
mod input;
mod names;
mod text;

use super::{EXIT_MISTAKE, failed, print_report};
use crate::base::Family;
use crate::boot::Overrides;
use crate::simulate::load_loop::Feedback;
use crate::simulate::population::{Basis, Plan};
use crate::simulate::report::{Known, Outcome};
use crate::simulate::scene::Roll;
use crate::simulate::{Change, Counts, Population, Scene, World, replay};
use crate::snapshot::{Inputs, Snapshot};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use names::Asked;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `simulate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Suppose that this is down: a region, or a pattern such as region/eu-* or pool/web/eu-west
    #[arg(long, value_name = "PATTERN")]
    down: Vec<String>,
    /// Suppose that this is drained, wholly or by a percentage: eu-west, pool/web/eu-west=30%
    #[arg(long, value_name = "PATTERN[=PERCENT]")]
    drain: Vec<String>,
    /// Compare the present configuration with this one: a file, or a folder that holds azimuth.toml
    #[arg(long, value_name = "CANDIDATE")]
    config: Option<PathBuf>,
    /// The present configuration
    #[arg(short = 'c', long, value_name = "FILE", default_value = super::CONFIG_DEFAULT)]
    present: PathBuf,
    /// A balanced name to simulate; without any, all of them
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// The addresses to ask for [default: A where the pool has any, else AAAA]
    #[arg(long = "type", value_name = "TYPE", ignore_case = true)]
    family: Option<AddressType>,
    /// How busy regions are now: CSV (region,load,capacity) or JSON
    #[arg(long, value_name = "FILE")]
    load: Option<PathBuf>,
    /// Clients instead of the world's cities: a query log or a list of prefixes, one a line, with a weight if need be
    #[arg(long, value_name = "FILE")]
    population: Option<PathBuf>,
    /// How many clients
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    clients: u64,
    /// The share of clients behind public resolvers that send no client subnet [default: 0.5; with --population 0]
    #[arg(long, value_name = "SHARE", value_parser = input::share)]
    no_ecs_share: Option<f64>,
    /// Where chance begins: the same seed gives the same result
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How many kinds of moves to show [default: 15 for one service, else 5 for each]
    #[arg(long, value_name = "N")]
    moves: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The types of addresses.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum AddressType {
    /// IPv4
    #[value(name = "A")]
    A,
    /// IPv6
    #[value(name = "AAAA")]
    Aaaa,
}

impl From<AddressType> for Family {
    fn from(asked: AddressType) -> Self {
        match asked {
            AddressType::A => Self::V4,
            AddressType::Aaaa => Self::V6,
        }
    }
}

impl Args {
    fn moves_max(&self, services: usize) -> usize {
        self.moves.unwrap_or(if services > 1 { 5 } else { 15 })
    }
}

/// The share of clients behind public resolvers unless told: about half of the world's users.
const BEHIND_RESOLVERS: f64 = 0.5;

/// How many clients are asked for when regions shall report what follows from their share.
const SAMPLE: u64 = 20_000;

/// What `--json` prints. Fields are only ever added.
#[derive(Debug, Serialize)]
struct Report {
    /// Version of these fields.
    format: u32,
    seed: u64,
    /// The present configuration.
    present: String,
    /// The configuration that it is compared with.
    candidate: Option<String>,
    /// What is supposed, in words.
    supposed: Vec<String>,
    /// What of it has no effect, and what to do about it.
    hints: Vec<String>,
    population: PopulationReport,
    /// Why these names.
    names_reason: String,
    services: Vec<ServiceReport>,
    /// All services together, each asked for alike; loads are told here.
    total: Outcome,
}

/// Who was asked for.
#[derive(Debug, Serialize)]
struct PopulationReport {
    /// `cities` or the file's name.
    source: String,
    clients: u64,
    /// Cities, or lines of the file.
    spots: usize,
    behind_resolvers: f64,
    /// How clients of cities are located; absent for a file.
    located: Option<String>,
    by_city: u64,
    by_country: u64,
}

/// Names that are answered alike.
#[derive(Debug, Serialize)]
struct ServiceReport {
    names: Vec<String>,
    pool: String,
    policy: String,
    #[serde(rename = "type")]
    rtype: &'static str,
    #[serde(flatten)]
    outcome: Outcome,
}

/// Simulates and prints.
pub fn run(args: &Args) -> ExitCode {
    let report = match simulate(args) {
        Ok(report) => report,
        Err(code) => return code,
    };
    if args.json {
        match serde_json::to_string_pretty(&report) {
            Ok(text) => println!("{text}"),
            Err(error) => return failed(error),
        }
    } else {
        print!("{}", text::write(&report));
    }
    ExitCode::SUCCESS
}

fn mistake(message: impl std::fmt::Display) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(EXIT_MISTAKE)
}

fn simulate(args: &Args) -> Result<Report, ExitCode> {
    let bar = progress_bar(&args.present);
    let candidate = args.config.as_deref().map(input::configuration_in);
    let mut present = world(&args.present, candidate.is_some())?;
    let mut other = candidate.as_deref().map(|path| world(path, false)).transpose()?;
    let roll = Roll::new(present.inputs(), other.as_ref().map(World::inputs));
    let decides_after = other.as_ref().unwrap_or(&present).inputs();
    let changes = input::changes(&args.down, &args.drain, decides_after).map_err(mistake)?;
    let capacities = input::capacities(&roll, decides_after);
    let loads = args.load.as_deref().map(|path| input::loads(path, &roll)).transpose().map_err(mistake)?;
    let chosen = names::choose(present.inputs(), &args.name, args.family.map(Family::from)).map_err(mistake)?;
    let behind_resolvers = args.no_ecs_share.unwrap_or(if args.population.is_some() { 0.0 } else { BEHIND_RESOLVERS });
    let plan = Plan { clients: args.clients, behind_resolvers, seed: args.seed };
    let population =
        input::population(args.population.as_deref(), &present.inputs().locator, &plan).map_err(mistake)?;
    bar.set_length(population.clients() * chosen.asked.len() as u64);

    let hints = hints::of(&changes, &chosen.asked, other.as_ref().unwrap_or(&present).inputs());
    let sample = Plan { clients: SAMPLE.min(args.clients), ..plan };
    let feedback = match &loads {
        None => None,
        Some(loads) => {
            let sample = input::population(args.population.as_deref(), &present.inputs().locator, &sample);
            Some(Feedback::new(sample.map_err(mistake)?, &roll, loads, &capacities, args.seed))
        }
    };
    let scenes = scenes(&mut present, other.as_mut(), &chosen.asked, &roll, &changes, feedback)?;
    let known = Known { roll: &roll, loads: None, capacities: &capacities, moves_max: args.moves_max(scenes.len()) };
    let mut total = Counts::new(roll.len());
    let mut services = Vec::new();
    for (asked, (before, after)) in chosen.asked.into_iter().zip(&scenes) {
        let counts = replay(&population, before, after, args.seed, &mut |clients| bar.inc(clients));
        total.add(&counts);
        services.push(service(present.inputs(), asked, before.family(), Outcome::new(&counts, &known)));
    }
    bar.finish_and_clear();
    Ok(Report {
        format: 1,
        seed: args.seed,
        present: args.present.display().to_string(),
        candidate: candidate.map(|path| path.display().to_string()),
        supposed: changes.iter().map(Change::words).collect(),
        hints,
        population: population_report(args, &population, behind_resolvers),
        names_reason: chosen.reason,
        services,
        total: Outcome::new(&total, &Known { loads: loads.as_ref(), ..known }),
    })
}

/// Loads a configuration without starting anything.
fn world(path: &Path, is_compared: bool) -> Result<World, ExitCode> {
    let (loaded, report) = crate::boot::load(path, &Overrides::default(), None);
    if let Some(loaded) = loaded {
        return Ok(World::new(loaded.inputs));
    }
    print_report(&report);
    if is_compared {
        eprintln!("note: `--config` names the candidate, `--present` the configuration it is compared with");
    }
    Err(ExitCode::from(EXIT_MISTAKE))
}

/// Every service before and after.
fn scenes(
    present: &mut World,
    other: Option<&mut World>,
    asked: &[Asked],
    roll: &Roll,
    changes: &[Change],
    mut feedback: Option<Feedback>,
) -> Result<Vec<(Scene, Scene)>, ExitCode> {
    if let Some(feedback) = &feedback {
        feedback.begin(present);
    }
    let snapshot = present.snapshot();
    let scene = |world: &World, snapshot: &Snapshot, service| {
        Scene::new(world, snapshot, service, roll).ok_or_else(|| failed("a balanced name went missing"))
    };
    let before = asked.iter().map(|asked| scene(present, &snapshot, asked.service));
    let before: Vec<Scene> = before.collect::<Result<_, _>>()?;
    let is_other = other.is_some();
    let world = other.unwrap_or(present);
    if let (Some(feedback), true) = (&feedback, is_other) {
        feedback.begin(world);
    }
    let mut services = Vec::new();
    for (asked, before) in asked.iter().zip(&before) {
        services.push(match is_other {
            false => asked.service,
            true => names::same_name(world.inputs(), asked, before.family()).ok_or_else(|| {
                let name = &asked.names[0];
                mistake(format!(
                    "the candidate configuration has no balanced name `{name}`\n  help: `--name` picks names that both have"
                ))
            })?,
        });
    }
    world.suppose(changes).map_err(mistake)?;
    match &mut feedback {
        Some(feedback) => feedback.run(&before, world, &services, roll),
        None => world.settle(),
    }
    let snapshot = world.snapshot();
    let after = services.into_iter().map(|service| scene(world, &snapshot, service));
    Ok(before.into_iter().zip(after.collect::<Result<Vec<_>, _>>()?).collect())
}

fn service(inputs: &Inputs, asked: Asked, family: Family, outcome: Outcome) -> ServiceReport {
    let balance = inputs.balances[asked.service.zone][asked.service.slot];
    ServiceReport {
        names: asked.names,
        pool: inputs.pools[balance.pool.index()].name.to_string(),
        policy: inputs.policies[balance.policy.index()].name.to_string(),
        rtype: match family {
            Family::V4 => "A",
            Family::V6 => "AAAA",
        },
        outcome,
    }
}

fn population_report(args: &Args, population: &Population, behind_resolvers: f64) -> PopulationReport {
    let basis: &Basis = population.basis();
    let source = args.population.as_ref().map_or_else(|| "cities".to_owned(), |path| path.display().to_string());
    let located = args.population.is_none().then(|| text::located(basis));
    PopulationReport {
        source,
        clients: population.clients(),
        spots: basis.spots,
        behind_resolvers,
        located,
        by_city: basis.by_city,
        by_country: basis.by_country,
    }
}

/// Shows how far the replay is, on a terminal only.
fn progress_bar(present: &Path) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} clients");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(present.display().to_string());
    bar
}
