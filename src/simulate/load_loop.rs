//! Regions that report the load that follows from what is answered, so that what follows loads (shedding, shares that move) comes
//! to rest where it would.

use super::load::Loads;
use super::population::Population;
use super::replay::count;
use super::scene::{Roll, Scene, Service};
use super::world::World;
use crate::steering::spec::Policy;
use std::time::Duration;

/// How often regions report.
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// How long loads of now have been reported before anything changes.
const BEGINS_WITHIN: Duration = Duration::from_secs(600);
/// Reports until the end: a quarter of an hour.
const REPORTS: usize = 90;
/// How long answers are kept, on average: half of a TTL of a minute.
const KEPT: Duration = Duration::from_secs(30);

/// The way from shares to reports.
#[derive(Debug)]
pub struct Feedback {
    sample: Population,
    seed: u64,
    /// By number on the roll.
    regions: Vec<Measured>,
}

/// A region whose load is known.
#[derive(Clone, Debug)]
struct Measured {
    name: String,
    /// Now, of all of its capacity; nothing where one of the two is not known.
    utilisation: Option<f64>,
    load: Option<f64>,
    capacity: Option<f64>,
}

impl Feedback {
    /// `capacities` are those of the configuration, by number on the roll; `loads` may have others. `sample` has a few of the
    /// clients.
    #[must_use]
    pub fn new(sample: Population, roll: &Roll, loads: &Loads, capacities: &[Option<f64>], seed: u64) -> Self {
        let region = |(number, name): (usize, &std::sync::Arc<str>)| {
            let given = loads.get(&**name);
            let capacity = given.and_then(|given| given.capacity).or(capacities.get(number).copied().flatten());
            let load = given.map(|given| given.load);
            let utilisation = load.zip(capacity).map(|(load, most)| load / most);
            Measured { name: name.to_string(), utilisation, load, capacity }
        };
        Self { sample, seed, regions: roll.names().iter().enumerate().map(region).collect() }
    }

    /// Lets a world know the loads of now, long enough to come to rest.
    pub fn begin(&self, world: &mut World) {
        let known = self.regions.iter().filter_map(|region| Some((&*region.name, region.utilisation?)));
        world.report(known, BEGINS_WITHIN);
    }

    /// Lets regions report what follows from what `world` answers, until it has come to rest. `before` are the services before
    /// anything changed, and `services` the same ones in `world`.
    pub fn run(&mut self, before: &[Scene], world: &mut World, services: &[Service], roll: &Roll) {
        let follows = |policy: &Policy| policy.shed.is_some() || policy.spread.is_dynamic();
        if !world.inputs().policies.iter().any(follows) {
            return world.settle();
        }
        let was = self.shares(before.iter());
        let rates = self.rates(&was);
        // What clients have in their caches.
        let mut cached = was;
        let kept = (-REPORT_EVERY.as_secs_f64() / KEPT.as_secs_f64()).exp();
        for _ in 0..REPORTS {
            let snapshot = world.snapshot();
            let scenes: Vec<Scene> =
                services.iter().filter_map(|&service| Scene::new(world, &snapshot, service, roll)).collect();
            for (cached, is) in cached.iter_mut().zip(self.shares(scenes.iter())) {
                *cached = is + (*cached - is) * kept;
            }
            let known = self.regions.iter().zip(&cached).zip(&rates).filter_map(|((region, share), rate)| {
                let load = rate.base + rate.of_share * share;
                Some((&*region.name, load / region.capacity.filter(|_| region.load.is_some())?))
            });
            world.report(known, REPORT_EVERY);
        }
    }

    /// The share of each region, all services alike.
    fn shares<'s>(&self, scenes: impl Iterator<Item = &'s Scene>) -> Vec<f64> {
        let mut sums = vec![0.0; self.regions.len()];
        let mut clients = 0.0;
        for scene in scenes {
            for (sum, region) in sums.iter_mut().zip(count(&self.sample, scene, self.seed)) {
                *sum += region as f64;
            }
            clients += self.sample.clients() as f64;
        }
        sums.iter().map(|sum| sum / f64::max(clients, 1.0)).collect()
    }

    /// What a share costs each region: what it costs now, and where it has none, what it costs elsewhere.
    fn rates(&self, shares: &[f64]) -> Vec<Rate> {
        let known = || self.regions.iter().zip(shares).filter(|(region, share)| region.load.is_some() && **share > 0.0);
        let loads: f64 = known().filter_map(|(region, _)| region.load).sum();
        let elsewhere = loads / known().map(|(_, share)| share).sum::<f64>().max(f64::MIN_POSITIVE);
        let rate = |(region, &share): (&Measured, &f64)| match region.load {
            Some(load) if share > 0.0 => Rate { base: 0.0, of_share: load / share },
            Some(load) => Rate { base: load, of_share: elsewhere },
            None => Rate { base: 0.0, of_share: 0.0 },
        };
        self.regions.iter().zip(shares).map(rate).collect()
    }
}

/// How load follows from a share.
struct Rate {
    /// What is there without any client.
    base: f64,
    of_share: f64,
}
