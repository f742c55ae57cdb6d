//! Regions, pools and policies as validated configuration: plain data, the input of the builders in this room.

use crate::base::{Continent, Country, MonitorId, Point, PoolId, Prefix, RegionId};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A datacenter or site.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Its name, unique among regions.
    pub name: Arc<str>,
    /// Where it is.
    pub coordinates: Option<Point>,
    /// Widens (1 to 99) or narrows (-1 to -99) its reach; 0 leaves the distance as it is.
    pub bias: i8,
    /// A region that is not enabled never answers.
    pub enabled: bool,
}

/// The members that serve one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Its name, unique among pools.
    pub name: Arc<str>,
    /// All of them must pass for a member to be up; none: members are always up.
    pub monitors: Vec<MonitorId>,
    /// In configured order; all addresses or all names.
    pub members: Vec<Member>,
}

/// One VIP of a region.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The region it is in.
    pub region: RegionId,
    /// What clients are answered.
    pub target: MemberTarget,
    /// Its share among the members of its region; at least 1.
    pub weight: u32,
    /// Where to probe, when that is not the target itself; a port here wins over the monitor's.
    pub probe_address: Option<ProbeAddress>,
    /// A member that is not enabled never answers and is not probed.
    pub enabled: bool,
}

/// What a member puts into an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MemberTarget {
    /// An A or AAAA record.
    Address(IpAddr),
    /// A CNAME record: the absolute name in wire form, letter case as typed, and its text with a final dot.
    Name {
        /// Uncompressed wire form, root octet included.
        wire: Arc<[u8]>,
        /// Presentation form for messages.
        text: Arc<str>,
    },
}

/// Where a member is probed instead of at its own address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProbeAddress {
    /// This address, at the monitor's port.
    Address(IpAddr),
    /// This address and port.
    Socket(SocketAddr),
}

/// How regions are ranked for a client and how members are picked.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its name, unique among policies.
    pub name: Arc<str>,
    /// How the regions are ordered.
    pub order: Order,
    /// Only these regions, for [`Order::Listed`] in this order; `None`: all regions that the pool has members in.
    pub regions: Option<Vec<RegionId>>,
    /// How members of the chosen region are picked.
    pub spread: Spread,
    /// How many members one answer holds; `None`: one, or with [`Spread::All`] every member of the region.
    pub answers: Option<u16>,
    /// The share of its enabled members' weight that must be up for a region to be eligible in the first pass; 0 to 1.
    pub min_healthy: f64,
    /// Whether A and AAAA go to one region.
    pub families: Families,
    /// What is answered when no region has a member up.
    pub all_down: AllDown,
    /// For each client the rule with the most specific key decides, then file order.
    pub rules: Vec<Rule>,
}

/// How a policy orders regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// By great-circle distance from the client; configured order where the location is unknown.
    Closest,
    /// As the policy lists them, or in configured order.
    Listed,
    /// All regions are equals: members of all eligible regions are spread over as if they were in one.
    Any,
}

/// How members of the chosen region are picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spread {
    /// At random, by weight. The default.
    Weighted,
    /// By rendezvous hash of the client subnet, by weight; the lengths cut the client's address.
    Hash {
        /// Prefix length for IPv4 clients; 24 unless configured.
        ipv4_prefix: u8,
        /// Prefix length for IPv6 clients; 48 unless configured.
        ipv6_prefix: u8,
    },
    /// In turn, per worker.
    RoundRobin,
    /// At random, whatever the weight.
    Random,
    /// Every member.
    All,
}

/// Whether the families of a name are steered as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Families {
    /// One region for A and AAAA. The default.
    Together,
    /// Each family alone.
    Apart,
}

/// What is answered when no region has a member up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AllDown {
    /// The first region's enabled members, as if up. The default.
    All,
    /// NODATA.
    NoData,
    /// SERVFAIL with an Extended DNS Error.
    ServFail,
    /// These addresses.
    Fallback(Vec<IpAddr>),
}

/// A rule of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// All keys that are present must hold.
    pub condition: Condition,
    /// These regions come first, in this order; the rest follow.
    pub prefer: Vec<RegionId>,
    /// Only these regions.
    pub regions: Option<Vec<RegionId>>,
}

/// For which clients a rule holds. At least one key is present.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Condition {
    /// The client's address is inside.
    pub network: Option<Prefix>,
    /// The client is located in this country.
    pub country: Option<Country>,
    /// The client is located on this continent.
    pub continent: Option<Continent>,
}

/// What a balanced name is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BalanceSpec {
    /// The members.
    pub pool: PoolId,
    /// The policy, as an index into the configured policies.
    pub policy: crate::base::PolicyId,
    /// Seconds.
    pub ttl: TtlRange,
}

/// The TTLs of a steered answer, in seconds; equal when pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TtlRange {
    /// While nothing is about to change.
    pub max: u32,
    /// While a member is on the way to a change that would change the answer.
    pub min: u32,
}

impl Default for TtlRange {
    fn default() -> Self {
        Self { max: 60, min: 5 }
    }
}
