//! What an explanation says: plain data that goes through JSON between server and command line.

use serde::{Deserialize, Serialize};

/// Why a client gets the answer it gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The owner name asked for, absolute.
    pub name: String,
    /// The type asked for.
    #[serde(rename = "type")]
    pub rtype: String,
    /// No server was asked: every member is assumed up.
    pub every_member_assumed_up: bool,
    /// Number of the snapshot that decided.
    pub generation: u64,
    /// Where the client is.
    pub client: Client,
    /// The zone that answers, if one does.
    pub zone: Option<String>,
    /// The names that CNAME records of our zones lead to from the name asked for.
    pub aliases: Vec<String>,
    /// Whether the name, or the last of `aliases`, is balanced.
    pub balanced: bool,
    /// How a balanced name was steered; absent for other names, and for types that are not steered.
    pub steering: Option<Steering>,
    /// The response, written by the engine.
    pub response: Response,
}

/// Where the client is, and who says so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Client {
    /// The address or prefix asked about.
    pub from: String,
    /// What is looked up, where that is another address: an IPv4 client in IPv6 form.
    pub looked_up_as: Option<String>,
    /// The block of the prefix table that holds it.
    pub network: String,
    /// Two-letter country code.
    pub country: Option<String>,
    /// What said so.
    pub country_source: Option<String>,
    /// Two-letter continent code.
    pub continent: Option<String>,
    /// Latitude and longitude in degrees.
    pub coordinates: Option<[f64; 2]>,
    /// What said so.
    pub coordinates_source: Option<String>,
    /// What holds of the autonomous systems, cities and subdivisions that rules name, as keys of a rule.
    #[serde(default)]
    pub named: Vec<String>,
    /// The region that a `[[network]]` table gives it.
    pub prefers: Option<String>,
}

/// How a balanced name was steered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steering {
    /// The pool.
    pub pool: String,
    /// The policy.
    pub policy: String,
    /// `closest`, `latency`, `listed` or `any`.
    pub order: String,
    /// How many of a member's monitors must say that it is up; absent: all.
    #[serde(default)]
    pub at_least: Option<u16>,
    /// How members are picked.
    pub spread: String,
    /// The rule that decided, by its place in the policy and its condition.
    pub rule: Option<String>,
    /// How one of several equal regions is picked, where the policy has equals and picks one.
    #[serde(default)]
    pub region_spread: Option<String>,
    /// Regions in this client's order.
    pub regions: Vec<Region>,
    /// Regions of the pool that a fence leaves out for this client.
    pub left_out: Vec<String>,
    /// From this rank on (counted from 1) the order is approximate.
    pub approximate_from: Option<usize>,
    /// What the decision came to, in words.
    pub verdict: String,
    /// Seconds.
    pub ttl: u32,
    /// Why it is that one.
    pub ttl_reason: String,
    /// Bits of the client's address that the answer holds for, as sent in a response with client subnet.
    pub scope: u8,
    /// What the policy decided that this one falls back to, where it was asked.
    #[serde(default)]
    pub fallback: Option<Box<Steering>>,
}

/// A region in the client's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// Kilometres from the client, where both are located.
    pub distance_km: Option<f64>,
    /// What the distance counts as with the region's bias, where it has one.
    pub biased_km: Option<f64>,
    /// Milliseconds of a round trip from the client, where latency orders.
    #[serde(default)]
    pub latency_ms: Option<f64>,
    /// What they count as with the region's bias, where it has one.
    #[serde(default)]
    pub biased_ms: Option<f64>,
    /// Whether they were measured; else they were estimated from the distance.
    #[serde(default)]
    pub measured: bool,
    /// Whether it was chosen, and if not, why it was passed over or not reached.
    pub verdict: String,
    /// Whether it was chosen.
    pub chosen: bool,
    /// Its weight among the equals that one was picked of, and the share of such clients that it therefore gets, 0 to 1.
    #[serde(default)]
    pub equal: Option<Equal>,
    /// What is going on there: words of operators and feeds, clients that it hands on, how it comes back.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The pool's members there.
    pub members: Vec<Member>,
}

/// A region among equals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Equal {
    /// In units of a configured weight.
    pub weight: f64,
    /// 0 to 1; absent where a hash of the client decides.
    pub share: Option<f64>,
}

/// A member of a region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Its address or name.
    pub target: String,
    /// Configured weight.
    pub weight: u32,
    /// `up`, `down`, `unknown`, `disabled`, `stopped` by its feed, or what an operator has made of it.
    pub status: String,
    /// What is going on with it: words of operators and feeds, limits, a weight that is not the configured one.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What its monitors found.
    pub monitors: Vec<Monitor>,
    /// Its share of the answers to this client, 0 to 1, where it can be answered.
    pub share: Option<f64>,
}

/// What one monitor found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// The monitor's name.
    pub monitor: String,
    /// What is probed.
    pub target: String,
    /// `up`, `down` or `unknown`.
    pub status: String,
    /// Its counters are on the way to another status.
    pub wavering: bool,
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

/// A response as the engine wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The RCODE's name.
    pub rcode: String,
    /// Whether the AA flag is set.
    pub authoritative: bool,
    /// Records in presentation form.
    pub answer: Vec<String>,
    /// Records in presentation form.
    pub authority: Vec<String>,
    /// Records in presentation form, without OPT.
    pub additional: Vec<String>,
}
