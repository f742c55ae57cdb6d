//! Every client asked for, in both scenes, and what they got counted.

use super::chance::Chance;
use super::population::{Population, Spot};
use super::scene::{Luck, Scene};
use crate::base::Country;
use std::collections::BTreeMap;

/// Distances are counted by whole kilometres; half the circumference of the Earth is the farthest there is.
const KILOMETRES: usize = 20_038;
/// Progress is told after so many clients, at the end of a spot.
const TELL_EVERY: u64 = 10_000;

/// What the clients of one scene got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// By region on the roll.
    pub by_region: Vec<u64>,
    /// Answered with the policy's fallback addresses.
    pub fallback: u64,
    /// Not answered with any member.
    pub unanswered: u64,
    /// By whole kilometres between client and region, where both are located.
    distances: Vec<u64>,
}

/// What all clients got, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// In the first scene.
    pub before: Side,
    /// In the second.
    pub after: Side,
    /// Who got something else: country, outcome before, outcome after. Outcomes are the regions on the roll, then fallback
    /// addresses, then no answer.
    pub moves: Moves,
}

impl Side {
    fn new(regions: usize) -> Self {
        Self { by_region: vec![0; regions], fallback: 0, unanswered: 0, distances: vec![0; KILOMETRES + 1] }
    }

    fn count(&mut self, scene: &Scene, spot: &Spot, outcome: usize, clients: u64) {
        let regions = self.by_region.len();
        match self.by_region.get_mut(outcome) {
            Some(region) => *region += clients,
            None if outcome == regions => self.fallback += clients,
            None => self.unanswered += clients,
        }
        if let (Some(from), Some(to)) = (spot.point, scene.point(outcome)) {
            let km = from.distance_km(to).round() as usize;
            self.distances[km.min(KILOMETRES)] += clients;
        }
    }

    /// All clients.
    #[must_use]
    pub fn clients(&self) -> u64 {
        self.by_region.iter().sum::<u64>() + self.fallback + self.unanswered
    }

    /// The distance in kilometres that this share of located clients is not farther from their region than; `None` where nobody
    /// is located.
    #[must_use]
    pub fn distance_km(&self, share: f64) -> Option<u32> {
        let located: u64 = self.distances.iter().sum();
        let wanted = (located as f64 * share).ceil().max(1.0) as u64;
        let mut sum = 0;
        self.distances
            .iter()
            .position(|&clients| {
                sum += clients;
                sum >= wanted
            })
            .map(|km| km as u32)
    }

    fn add(&mut self, other: &Self) {
        let all =
            self.by_region.iter_mut().zip(&other.by_region).chain(self.distances.iter_mut().zip(&other.distances));
        for (own, other) in all {
            *own += other;
        }
        self.fallback += other.fallback;
        self.unanswered += other.unanswered;
    }
}

impl Counts {
    /// Of nobody.
    #[must_use]
    pub fn new(regions: usize) -> Self {
        Self { before: Side::new(regions), after: Side::new(regions), moves: BTreeMap::new() }
    }

    /// Adds what the clients of another name got.
    pub fn add(&mut self, other: &Self) {
        self.before.add(&other.before);
        self.after.add(&other.after);
        for (key, clients) in &other.moves {
            *self.moves.entry(*key).or_default() += clients;
        }
    }

    /// How many clients got something else.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.moves.values().sum()
    }
}

/// Asks one scene for every client of `population`; gives how many each region on the roll answers.
pub(super) fn count(population: &Population, scene: &Scene, seed: u64) -> Vec<u64> {
    let mut regions = vec![0; scene.region_count()];
    let mut turn = 0_u32;
    for (number, spot) in (0..).zip(population.spots()) {
        let mut chance = Chance::new(seed, number);
        for _ in 0..spot.clients {
            let Some(client) = population.draw(spot, &mut chance) else { continue };
            let luck = Luck { random: chance.next(), turn };
            turn = turn.wrapping_add(1);
            if let Some(region) = regions.get_mut(scene.ask(&client, scene.leaf(&client), luck)) {
                *region += 1;
            }
        }
    }
    regions
}

/// Asks both scenes, which are of one roll, for every client of `population`. `tell` hears from time to time how many clients
/// have been asked for since it was told last.
pub fn replay(population: &Population, before: &Scene, after: &Scene, seed: u64, tell: &mut dyn FnMut(u64)) -> Counts {
    let mut counts = Counts::new(before.region_count());
    let same_table = before.same_table(after);
    let draws = before.draws_regions() && after.draws_regions();
    let (mut turn, mut untold) = (0_u32, 0);
    // What the clients of one spot got: few pairs, whatever the number of regions.
    let mut pairs: Vec<(usize, usize, u64)> = Vec::new();
    for (number, spot) in (0..).zip(population.spots()) {
        let mut chance = Chance::new(seed, number);
        pairs.clear();
        for _ in 0..spot.clients {
            let Some(client) = population.draw(spot, &mut chance) else { continue };
            let luck = Luck { random: chance.next(), turn };
            turn = turn.wrapping_add(1);
            let leaf = before.leaf(&client);
            let was = before.ask(&client, leaf, luck);
            let is = after.ask(&client, if same_table { leaf } else { after.leaf(&client) }, luck);
            match pairs.iter_mut().find(|pair| (pair.0, pair.1) == (was, is)) {
                Some(pair) => pair.2 += 1,
                None => pairs.push((was, is, 1)),
            }
        }
        for &(was, is, clients) in &pairs {
            counts.before.count(before, spot, was, clients);
            counts.after.count(after, spot, is, clients);
            *counts.moves.entry((spot.country, was, is)).or_default() += clients;
        }
        untold += spot.clients;
        if untold >= TELL_EVERY {
            tell(std::mem::take(&mut untold));
        }
    }
    tell(untold);
    if draws {
        counts.moves = least_moves_by_country(&counts.moves);
    }
    counts.moves.retain(|(_, was, is), _| was != is);
    counts
}

/// How many clients of a country got which outcome before, and which after.
pub type Moves = BTreeMap<(Option<Country>, usize, usize), u64>;

fn least_moves_by_country(all: &Moves) -> Moves {
    let mut pairs: BTreeMap<Option<Country>, Vec<(usize, usize, u64)>> = BTreeMap::new();
    for (&(country, was, is), &clients) in all {
        pairs.entry(country).or_default().push((was, is, clients));
    }
    let mut least = Moves::new();
    for (country, pairs) in pairs {
        for (was, is, clients) in least_moves(&pairs) {
            *least.entry((country, was, is)).or_default() += clients;
        }
    }
    least
}

/// The fewest moves that make the same shares of the outcomes: where chance decides between regions, a client that it takes
/// elsewhere this time has not moved.
fn least_moves(pairs: &[(usize, usize, u64)]) -> Vec<(usize, usize, u64)> {
    let mut balance: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
    for &(was, is, clients) in pairs {
        balance.entry(was).or_default().0 += clients;
        balance.entry(is).or_default().1 += clients;
    }
    let mut moves = Vec::new();
    let mut leaving: Vec<(usize, u64)> = Vec::new();
    for (&outcome, &(was, is)) in &balance {
        moves.push((outcome, outcome, was.min(is)));
        leaving.push((outcome, was.saturating_sub(is)));
    }
    let gained: u64 = balance.values().map(|(was, is)| is.saturating_sub(*was)).sum();
    for (&to, &(was, is)) in balance.iter().filter(|(_, (was, is))| is > was) {
        // Each of those who leave goes to those who gain, by what these gain.
        let mut missing = is - was;
        let part = (is - was) as f64 / gained as f64;
        for (from, left) in leaving.iter_mut().filter(|(_, left)| *left > 0) {
            let all = balance[from].0 - balance[from].1;
            let clients = ((all as f64 * part).round() as u64).min(*left).min(missing);
            moves.push((*from, to, clients));
            *left -= clients;
            missing -= clients;
        }
        for (from, left) in leaving.iter_mut().filter(|(_, left)| *left > 0) {
            let clients = missing.min(*left);
            moves.push((*from, to, clients));
            *left -= clients;
            missing -= clients;
        }
    }
    moves.retain(|&(_, _, clients)| clients > 0);
    moves
}

#[cfg(test)]
mod tests {
    use super::least_moves;

    #[test]
    fn chance_alone_moves_nobody() {
        assert_eq!(least_moves(&[(0, 1, 50), (1, 0, 50), (0, 0, 25), (1, 1, 25)]), [(0, 0, 75), (1, 1, 75)]);
    }

    #[test]
    fn who_leaves_goes_where_more_come() {
        let pairs = [(0, 1, 30), (0, 2, 30), (1, 2, 10), (2, 1, 10)];
        assert_eq!(least_moves(&pairs), [(1, 1, 10), (2, 2, 10), (0, 1, 30), (0, 2, 30)]);
    }

    #[test]
    fn shares_stay_what_they_were() {
        let pairs = [(0, 1, 7), (1, 2, 5), (2, 0, 3), (3, 1, 11), (3, 3, 2), (1, 4, 1)];
        let sums = |pairs: &[(usize, usize, u64)]| {
            let mut sums = [[0; 5]; 2];
            for &(was, is, clients) in pairs {
                sums[0][was] += clients;
                sums[1][is] += clients;
            }
            sums
        };
        let least = least_moves(&pairs);
        assert_eq!(sums(&least), sums(&pairs));
        let moved: u64 = least.iter().filter(|(was, is, _)| was != is).map(|pair| pair.2).sum();
        assert_eq!(moved, 15);
    }
}
