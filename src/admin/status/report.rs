//! What the status of a server says: plain data that goes through JSON between server and command line. Times are in seconds
//! since 1970-01-01 00:00:00 UTC.

use crate::admin::operate::file::OrderForm;
use serde::{Deserialize, Serialize};

/// The status of a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The node that tells.
    pub node: String,
    /// Its version.
    pub version: String,
    /// Its time.
    pub now: u64,
    /// Number of the snapshot that answers.
    pub generation: u64,
    /// Answers are counted over so many seconds up to now; 0 while that is not long enough to say anything.
    pub counted_seconds: f64,
    /// In configured order.
    pub regions: Vec<Region>,
    /// In configured order.
    pub pools: Vec<Pool>,
    /// The orders of operators that are in force, the oldest first.
    pub orders: Vec<OrderForm>,
}

/// A region, for all pools.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// By configuration.
    pub enabled: bool,
    /// What it is in effect: `enabled`, `disabled`, `draining`, `draining 30 %`, `forced up`, `forced down`, or what its feed says.
    pub state: String,
    /// What operators say of it as a whole, the strongest first.
    pub orders: Vec<OrderForm>,
    /// What it reports of its load.
    pub load: Option<Load>,
    /// What is known of the feeds that report.
    #[serde(default)]
    pub feeds: Vec<Feed>,
    /// How many of its members may be answered and are up, in all pools that are steered.
    pub members_available: usize,
    /// How many it has there.
    pub members: usize,
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// The policies that steer it, by their names; the states below are those under the first.
    pub policies: Vec<String>,
    /// Answers counted, and those a second.
    pub answers: u64,
    /// Over the time that counting covers.
    pub answers_per_second: Option<f64>,
    /// How many of a member's monitors must say that it is up; absent: all.
    #[serde(default)]
    pub at_least: Option<u16>,
    /// Those that it has members in, in configured order.
    pub regions: Vec<PoolRegion>,
}

/// A pool in one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolRegion {
    /// The region's name.
    pub name: String,
    /// `available` or `unavailable`, with an operator's words and what is going on.
    pub state: String,
    /// What is going on, in a sentence: it warms up, hands clients on, waits for failback.
    pub course: Option<String>,
    /// Whether it is healthy enough for the first pass, in each family that it has.
    pub available: bool,
    /// What operators say of the pool, or of it in this region.
    pub orders: Vec<OrderForm>,
    /// Of its own clients, those that it hands on, from 0 to 1.
    pub shed: f64,
    /// Answers counted since the start.
    pub answers: u64,
    /// Its share of the pool's answers, as counted lately, from 0 to 1.
    pub share: Option<f64>,
    /// In configured order.
    pub members: Vec<Member>,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Its address or name.
    pub target: String,
    /// By configuration: the member's own word, and its region's.
    pub enabled: bool,
    /// By configuration.
    pub weight: u32,
    /// By its monitors: `up`, `down`, `unknown`; `unmonitored` where there are none.
    pub monitored: String,
    /// The counters of its monitors are on the way to a change of that.
    pub wavering: bool,
    /// What it is in effect: `up`, `down`, `unknown`, `disabled`, `drained`, `draining 30 %`, `forced up`, `forced down`, or out
    /// for what its feed says.
    pub state: String,
    /// Whether it may be answered and is up.
    pub available: bool,
    /// When the last of those monitors that count came to say what it says.
    pub since: Option<u64>,
    /// How long its last probe took, in milliseconds.
    pub latency_ms: Option<f64>,
    /// Why its last failed probe failed.
    pub last_error: Option<String>,
    /// What will need an operator although it passes.
    pub warning: Option<String>,
    /// What it reports of its load.
    pub load: Option<Load>,
    /// What is known of the feeds that report.
    #[serde(default)]
    pub feeds: Vec<Feed>,
    /// Its share of its region's answers in its family, by its weight now, from 0 to 1; where it has none, absent.
    pub share_by_weight: Option<f64>,
    /// What operators say of it, at whatever level.
    pub orders: Vec<OrderForm>,
    /// Each of its monitors.
    pub monitors: Vec<Monitor>,
}

/// A monitor's view of a member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// Its name.
    pub name: String,
    /// What is probed.
    pub target: String,
    /// `up`, `down` or `unknown`.
    pub status: String,
    /// Since then.
    pub since: u64,
    /// Why the last failed probe failed.
    pub last_error: Option<String>,
    /// What will need an operator although it passes.
    #[serde(default)]
    pub warning: Option<String>,
    /// The member is fit while it is down.
    #[serde(default)]
    pub inverted: bool,
    /// It is shown, and counts for nothing.
    #[serde(default)]
    pub watch_only: bool,
    /// It does not say that the member is up, inverted or not.
    #[serde(default)]
    pub against: bool,
}

/// What a feed has said of a region or a member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Feed {
    /// Its name.
    pub name: String,
    /// How old its last report is, in seconds; absent where there was none.
    pub age: Option<u64>,
    /// That is too old to count, but for words that hold.
    pub stale: bool,
    /// The last reading failed.
    pub failing: bool,
    /// Why, or what was odd in it.
    pub last_error: Option<String>,
}

/// What is reported of load; what is not reported is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Of the capacity; 1 is all of it.
    pub utilisation: Option<f64>,
    /// At a time.
    pub connections: Option<f64>,
    /// A second.
    pub requests: Option<f64>,
    /// Octets a second.
    #[serde(default)]
    pub bandwidth: Option<f64>,
    /// A second.
    #[serde(default)]
    pub packets: Option<f64>,
    /// Seconds.
    #[serde(default)]
    pub response_time: Option<f64>,
}
