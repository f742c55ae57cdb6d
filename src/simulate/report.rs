//! What came of a replay, as plain data in the words of the configuration. It is also the JSON that programs read.

use super::load::Loads;
use super::replay::{Counts, Side};
use super::scene::Roll;
use crate::base::Country;
use serde::Serialize;

/// What stands for a region where a client was answered with the policy's fallback addresses.
pub const FALLBACK: &str = "(fallback addresses)";
/// What stands for a region where a client was answered with nothing.
pub const NO_ANSWER: &str = "(no answer)";

/// What came of asking for every client, before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// How many were asked for.
    pub clients: u64,
    /// How many of them get something else after than before.
    pub moved: u64,
    /// Before.
    pub before: Summary,
    /// After.
    pub after: Summary,
    /// Every region that answers anybody, or whose load is known, in configured order.
    pub regions: Vec<RegionRow>,
    /// Who moves where, most clients first.
    pub moves: Vec<Move>,
    /// How many kinds of moves `moves` leaves out.
    pub moves_left_out: usize,
}

/// One side in a few numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Half of the clients whose distance is known are no farther from their region than this, in kilometres.
    pub median_km: Option<u32>,
    /// The same for 95 of 100.
    pub p95_km: Option<u32>,
    /// Clients that get the policy's fallback addresses.
    pub fallback: u64,
    /// Clients that get no address.
    pub unanswered: u64,
    /// Regions with more load than capacity.
    pub over_capacity: Vec<String>,
}

/// A region on both sides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RegionRow {
    /// Its name.
    pub region: String,
    /// Clients that it answers before.
    pub clients_before: u64,
    /// Clients that it answers after.
    pub clients_after: u64,
    /// Of all clients, 0 to 1.
    pub share_before: f64,
    /// Of all clients, 0 to 1.
    pub share_after: f64,
    /// As given.
    pub load_before: Option<f64>,
    /// What the load becomes if it follows the share.
    pub load_after: Option<f64>,
    /// The most it can take, in the unit of the load.
    pub capacity: Option<f64>,
}

/// Clients of one country that get something else.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Move {
    /// Two-letter code; absent where it is not known.
    pub country: Option<String>,
    /// The region before, [`FALLBACK`] or [`NO_ANSWER`].
    pub from: String,
    /// The region after, [`FALLBACK`] or [`NO_ANSWER`].
    pub to: String,
    /// How many.
    pub clients: u64,
    /// Of all clients, 0 to 1.
    pub share: f64,
}

/// What is known of regions beside who they answer.
#[derive(Clone, Copy, Debug)]
pub struct Known<'k> {
    /// The regions.
    pub roll: &'k Roll,
    /// Their load before, where it is known.
    pub loads: Option<&'k Loads>,
    /// By number on the roll: what the configuration says they can take.
    pub capacities: &'k [Option<f64>],
    /// How many kinds of moves are told.
    pub moves_max: usize,
}

impl Outcome {
    /// The counts in words.
    #[must_use]
    pub fn new(counts: &Counts, known: &Known<'_>) -> Self {
        let rows: Vec<RegionRow> = rows(counts, known);
        let over = |load: fn(&RegionRow) -> Option<f64>| {
            let is_over = |row: &&RegionRow| load(row).zip(row.capacity).is_some_and(|(load, most)| load > most);
            rows.iter().filter(is_over).map(|row| row.region.clone()).collect()
        };
        let moves = moves(counts, known.roll);
        let (before, after) = (over(|row| row.load_before), over(|row| row.load_after));
        Self {
            clients: counts.before.clients(),
            moved: counts.moved(),
            before: summary(&counts.before, before),
            after: summary(&counts.after, after),
            regions: rows,
            moves_left_out: moves.len().saturating_sub(known.moves_max),
            moves: moves.into_iter().take(known.moves_max).collect(),
        }
    }
}

fn summary(side: &Side, over_capacity: Vec<String>) -> Summary {
    Summary {
        median_km: side.distance_km(0.5),
        p95_km: side.distance_km(0.95),
        fallback: side.fallback,
        unanswered: side.unanswered,
        over_capacity,
    }
}

fn rows(counts: &Counts, known: &Known<'_>) -> Vec<RegionRow> {
    let share = |clients: u64, side: &Side| clients as f64 / (side.clients().max(1)) as f64;
    let load = |name: &str| known.loads.and_then(|loads| loads.get(name));
    let mut rows = Vec::new();
    for (number, name) in known.roll.names().iter().enumerate() {
        let (was, is) = (counts.before.by_region[number], counts.after.by_region[number]);
        let given = load(name);
        if was == 0 && is == 0 && given.is_none() {
            continue;
        }
        rows.push(RegionRow {
            region: name.to_string(),
            clients_before: was,
            clients_after: is,
            share_before: share(was, &counts.before),
            share_after: share(is, &counts.after),
            load_before: given.map(|given| given.load),
            load_after: None,
            capacity: given.and_then(|given| given.capacity).or(known.capacities.get(number).copied().flatten()),
        });
    }
    // What a region takes that had no clients is measured by what clients cost elsewhere.
    let sum = |of: fn(&RegionRow) -> f64| -> f64 {
        rows.iter().filter(|row| row.load_before.is_some() && row.clients_before > 0).map(of).sum()
    };
    let (loads, shares) = (sum(|row| row.load_before.unwrap_or(0.0)), sum(|row| row.share_before));
    for row in &mut rows {
        row.load_after = match row.load_before {
            Some(load) if row.clients_before > 0 => Some(load * row.share_after / row.share_before),
            Some(load) if shares > 0.0 => Some(load + loads / shares * row.share_after),
            _ => None,
        };
    }
    rows
}

fn moves(counts: &Counts, roll: &Roll) -> Vec<Move> {
    let name = |outcome: usize| match roll.names().get(outcome) {
        Some(name) => name.to_string(),
        None if outcome == roll.len() => FALLBACK.to_owned(),
        None => NO_ANSWER.to_owned(),
    };
    let all = counts.before.clients().max(1) as f64;
    let country = |country: &Option<Country>| country.map(|country| country.as_str().to_owned());
    let mut moves: Vec<Move> = (counts.moves.iter())
        .map(|((from_country, was, is), &clients)| Move {
            country: country(from_country),
            from: name(*was),
            to: name(*is),
            clients,
            share: clients as f64 / all,
        })
        .collect();
    // Equal ones stay by country and region.
    moves.sort_by_key(|row| std::cmp::Reverse(row.clients));
    moves
}
