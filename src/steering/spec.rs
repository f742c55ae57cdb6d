//! Regions, pools and policies as validated configuration: plain data, the input of the builders in this room.

use crate::base::{Continent, Country, MonitorId, NamedFact, PlaceName, Point, PoolId, Prefix, RegionId};
use crate::health::Status;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

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
    /// What its reported connections, requests or octets are measured against, in their unit.
    pub capacity: Option<f64>,
}

impl Default for Region {
    fn default() -> Self {
        Self { name: "".into(), coordinates: None, bias: 0, enabled: true, capacity: None }
    }
}

/// The members that serve one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Its name, unique among pools.
    pub name: Arc<str>,
    /// What a member is judged by; none: members are always up.
    pub monitors: Vec<RequiredMonitor>,
    /// So many of the monitors that count must pass for a member to be up; `None`: all.
    pub at_least: Option<u16>,
    /// In configured order; all addresses or all names.
    pub members: Vec<Member>,
    /// How its regions are left and come back.
    pub recovery: Recovery,
    /// Members that report more than this are passed over while others of their region are not.
    pub limits: Limits,
    /// Its members report by a feed.
    pub has_feed: bool,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            name: "".into(),
            monitors: Vec::new(),
            at_least: None,
            members: Vec::new(),
            recovery: Recovery::default(),
            limits: Limits::default(),
            has_feed: false,
        }
    }
}

/// A monitor of a pool, and how its verdict is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequiredMonitor {
    /// Which.
    pub monitor: MonitorId,
    /// The member is fit while the monitor fails.
    pub inverted: bool,
    /// Its verdict is shown and counts for nothing.
    pub watch_only: bool,
}

impl RequiredMonitor {
    /// A monitor that must pass.
    #[must_use]
    pub const fn new(monitor: MonitorId) -> Self {
        Self { monitor, inverted: false, watch_only: false }
    }

    /// What a status of its target says of a member.
    #[must_use]
    pub const fn taken(&self, status: Status) -> Status {
        match status {
            Status::Up if self.inverted => Status::Down,
            Status::Down if self.inverted => Status::Up,
            other => other,
        }
    }
}

/// How the regions of a pool are left when they fail, and come back when they have recovered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recovery {
    /// A recovered region's share of its clients grows over this time; `None`: it has all at once.
    pub warm_up: Option<Duration>,
    /// Only after it was unavailable this long.
    pub warm_up_after: Duration,
    /// The share that warming up begins with; above 0, at most 1.
    pub warm_up_from: f64,
    /// The share of its clients that a recovered region of a pool with a feed gets until its first good report.
    pub probation: Option<f64>,
    /// A region that fails goes on answering this long.
    pub failover_delay: Duration,
    /// A region that has recovered is passed over this long, while another is available.
    pub failback_delay: Duration,
    /// Whether a region that has recovered waits for the operator.
    pub failback: Failback,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            warm_up: None,
            warm_up_after: Duration::from_secs(60),
            warm_up_from: 0.1,
            probation: None,
            failover_delay: Duration::ZERO,
            failback_delay: Duration::ZERO,
            failback: Failback::Auto,
        }
    }
}

/// How a region that has recovered comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Failback {
    /// By itself. The default.
    #[default]
    Auto,
    /// When the operator says so; until then it is passed over while another region is available.
    Manual,
}

/// The most that members may report; `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Of their capacity; 1 is all of it.
    pub utilisation: Option<f64>,
    /// At a time.
    pub connections: Option<f64>,
    /// Octets a second.
    pub bandwidth: Option<f64>,
    /// A second.
    pub packets: Option<f64>,
    /// A second.
    pub requests: Option<f64>,
    /// Seconds.
    pub response_time: Option<f64>,
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
    /// What its reported connections, requests or octets are measured against, in their unit.
    pub capacity: Option<f64>,
}

impl Member {
    /// A member of weight 1 about which nothing else is said.
    #[must_use]
    pub const fn new(region: RegionId, target: MemberTarget) -> Self {
        Self { region, target, weight: 1, probe_address: None, enabled: true, capacity: None }
    }
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
    /// Regions within this factor of the nearest one (or the quickest, with [`Order::Latency`]) are equals; at least 1.
    pub tie_band: Option<f64>,
    /// How one of several equal regions is picked; `None`: with [`Order::Any`] their members are spread over as if they were in
    /// one region, else by weight.
    pub region_spread: Option<Spread>,
    /// Weights of regions among equals; 1 where none is given.
    pub region_weights: Vec<(RegionId, u32)>,
    /// When a region hands clients on because of its load.
    pub shed: Option<ShedMarks>,
    /// Regions may be drained by a percentage.
    pub percentage_drain: bool,
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

impl Default for Policy {
    fn default() -> Self {
        Self {
            name: "".into(),
            order: Order::Closest,
            regions: None,
            tie_band: None,
            region_spread: None,
            region_weights: Vec::new(),
            shed: None,
            percentage_drain: false,
            spread: Spread::Weighted,
            answers: None,
            min_healthy: 0.5,
            families: Families::Together,
            all_down: AllDown::All,
            rules: Vec::new(),
        }
    }
}

impl Policy {
    /// Whether answers change with reported load.
    #[must_use]
    pub fn follows_load(&self) -> bool {
        self.shed.is_some() || self.spread.is_dynamic() || self.region_spread.is_some_and(Spread::is_dynamic)
    }

    /// Whether one of several equal regions is picked before its members are, although the order is [`Order::Any`].
    #[must_use]
    pub fn picks_regions(&self) -> bool {
        self.region_spread.is_some() || !self.region_weights.is_empty()
    }
}

/// When a region hands clients on, as utilisation of its capacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShedMarks {
    /// Below, none are handed on.
    pub low: f64,
    /// Above, all new ones are; greater than `low`.
    pub high: f64,
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
    /// By measured latency; by distance where it is unknown.
    Latency,
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
    /// In turn by weight, evenly mixed, per worker.
    WeightedRoundRobin,
    /// Of two members at random the better one, by health and reported utilisation.
    TwoChoices,
    /// So that reported connections become equal.
    LeastConnections,
    /// So that reported connections become proportional to weights.
    WeightedLeastConnections,
    /// So that reported octets a second become equal.
    LeastBandwidth,
    /// So that reported packets a second become equal.
    LeastPackets,
    /// So that the quicker members of a region, by their probes, get more.
    LeastResponseTime,
}

impl Spread {
    /// As configuration writes it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Weighted => "weighted",
            Self::Hash { .. } => "hash",
            Self::RoundRobin => "round-robin",
            Self::Random => "random",
            Self::All => "all",
            Self::WeightedRoundRobin => "weighted-round-robin",
            Self::TwoChoices => "two-choices",
            Self::LeastConnections => "least-connections",
            Self::WeightedLeastConnections => "weighted-least-connections",
            Self::LeastBandwidth => "least-bandwidth",
            Self::LeastPackets => "least-packets",
            Self::LeastResponseTime => "least-response-time",
        }
    }

    /// Whether shares move with what members report.
    #[must_use]
    pub const fn is_dynamic(self) -> bool {
        match self {
            Self::Weighted
            | Self::Hash { .. }
            | Self::RoundRobin
            | Self::WeightedRoundRobin
            | Self::Random
            | Self::All => false,
            Self::TwoChoices
            | Self::LeastConnections
            | Self::WeightedLeastConnections
            | Self::LeastBandwidth
            | Self::LeastPackets
            | Self::LeastResponseTime => true,
        }
    }
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
    /// What another policy gives for the same pool.
    Policy(crate::base::PolicyId),
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Condition {
    /// The client's address is inside.
    pub network: Option<Prefix>,
    /// The client's address is announced by this autonomous system.
    pub asn: Option<u32>,
    /// The client is located in a city of this name.
    pub city: Option<PlaceName>,
    /// The client is located in this subdivision of a country.
    pub subdivision: Option<PlaceName>,
    /// The client is located in this country.
    pub country: Option<Country>,
    /// The client is located on this continent.
    pub continent: Option<Continent>,
}

impl Condition {
    /// The facts of which places keep only those that are named, the most specific one first.
    pub fn named(&self) -> impl Iterator<Item = NamedFact> + use<> {
        let facts = [
            self.asn.map(NamedFact::Asn),
            self.city.clone().map(NamedFact::City),
            self.subdivision.clone().map(NamedFact::Subdivision),
        ];
        facts.into_iter().flatten()
    }
}

/// What a pool must keep, whatever an operator asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The pool's name, or a pattern of names.
    pub pool: Arc<str>,
    /// So many regions of it must stay enabled and available, in each family that they have.
    pub min_regions: u16,
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
