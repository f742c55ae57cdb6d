//! Small worlds for the tests of this room, written as text: regions, members with their states, a policy with rules, and
//! a prefix table of a few places.
//!
//! ```text
//! region eu 50,10 bias=10 off            # coordinates or `-`; `off`: not enabled
//! region us 40,-80 shed=0.3 refuses=0.5 weight=2000 held-back settling
//! member eu 192.0.2.1 w=2 up~ off        # address or name; `up`, `down`, `unknown`, `~` wavering; `off`: not enabled
//! policy closest tie_band=1.05 region_spread=weighted region_weights=eu:70,us:30 spread=hash/24/48 answers=2 min_healthy=0.5 families=apart all_down=nodata regions=eu,us
//! rule network=10.0.0.0/8 asn=64500 city=Berlin subdivision=DE-BE country=DE continent=EU prefer=eu regions=eu,us
//! place 10.0.0.0/8 DE EU 52,13 at=eu asn=64500 city=Berlin subdivision=DE-BE eu:20 us:90      # what is known of a prefix; the longest prefix speaks
//! ```
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

use super::decide::{Asked, Decision, Verdict, decide};
use super::explain::{Explanation, explain};
use super::ranking::{Ranking, RankingKey, Table};
use super::reach::regions_of_pool;
use super::spec::*;
use super::{MemberState, PoolAnswers, PoolCondition, RegionState, Share};
use crate::base::{Continent, Country, Family, NamedFact, PlaceName, Point, Prefix, RegionId};
use crate::geo::latency::{LatencyId, Profile};
use crate::geo::{LeafId, Place, PlaceId};
use crate::health::Status;
use std::net::IpAddr;
use std::sync::Arc;

/// A prefix table made by hand.
#[derive(Clone, Debug, Default)]
pub(super) struct HandTable {
    pub(super) places: Vec<Place>,
    pub(super) leaf_places: Arc<[PlaceId]>,
    pub(super) depths: [Vec<u8>; 2],
    pub(super) leaves: Vec<Prefix>,
    pub(super) marks: Vec<Prefix>,
    pub(super) named: Vec<NamedFact>,
    pub(super) latencies: Vec<Profile>,
}

impl HandTable {
    /// The table of `known`, where the longest prefix speaks and prefixes of equal length do not repeat. Marks get leaves
    /// of their own, as the locator makes them.
    pub(super) fn new(known: &[(Prefix, Place)], marks: &[Prefix]) -> Self {
        let mut table = Self { marks: marks.to_vec(), ..Self::default() };
        for root in ["0.0.0.0/0", "::/0"] {
            table.split(root.parse().unwrap(), known);
        }
        table
    }

    fn split(&mut self, prefix: Prefix, known: &[(Prefix, Place)]) {
        let mut edges = known.iter().map(|(edge, _)| edge).chain(&self.marks);
        if edges.any(|edge| *edge != prefix && prefix.covers(*edge)) {
            for half in halves(prefix) {
                self.split(half, known);
            }
            return;
        }
        let best = known.iter().filter(|(edge, _)| edge.covers(prefix)).max_by_key(|(edge, _)| edge.length());
        let mut place = best.map(|(_, place)| place.clone()).unwrap_or_default();
        let inside = (0..).zip(&self.marks).filter(|(_, mark)| mark.covers(prefix));
        place.marks = inside.map(|(index, _)| index).collect();
        let number = self.places.iter().position(|known| *known == place).unwrap_or(self.places.len());
        if number == self.places.len() {
            self.places.push(place);
        }
        self.push_leaf_place(PlaceId(number as u32));
        self.depths[prefix.family().index()].push(prefix.length());
        self.leaves.push(prefix);
    }

    /// The place of the leaf behind those that have one.
    pub(super) fn push_leaf_place(&mut self, place: PlaceId) {
        self.leaf_places = self.leaf_places.iter().copied().chain([place]).collect();
    }

    pub(super) fn table(&self) -> Table<'_> {
        Table {
            places: &self.places,
            leaf_places: &self.leaf_places,
            leaf_depths: [&self.depths[0], &self.depths[1]],
            marks: &self.marks,
            named: &self.named,
            latencies: &self.latencies,
        }
    }

    pub(super) fn leaf(&self, address: IpAddr) -> LeafId {
        LeafId(self.leaves.iter().position(|leaf| leaf.contains(address)).unwrap() as u32)
    }

    pub(super) fn place(&self, leaf: LeafId) -> &Place {
        &self.places[self.leaf_places[leaf.0 as usize].0 as usize]
    }
}

/// The two halves of a prefix.
pub(super) fn halves(prefix: Prefix) -> [Prefix; 2] {
    let length = prefix.length() + 1;
    let upper = match prefix.address() {
        IpAddr::V4(first) => IpAddr::V4((first.to_bits() | 1 << (32 - length)).into()),
        IpAddr::V6(first) => IpAddr::V6((first.to_bits() | 1 << (128 - length)).into()),
    };
    [prefix.address(), upper].map(|address| Prefix::cut(address, length).unwrap())
}

/// A pool under a policy, with its members' states, and a table of clients.
#[derive(Clone)]
pub(super) struct World {
    text: String,
    pub(super) regions: Vec<Region>,
    pub(super) pool: Pool,
    pub(super) states: Vec<MemberState>,
    pub(super) region_states: Vec<RegionState>,
    pub(super) policy: Policy,
    pub(super) table: HandTable,
}

/// A policy that says nothing but its order.
pub(super) fn policy(order: Order) -> Policy {
    Policy { name: "p".into(), order, ..Policy::default() }
}

pub(super) fn point(text: &str) -> Option<Point> {
    let (latitude, longitude) = text.split_once(',')?;
    Some(Point::new(latitude.parse().unwrap(), longitude.parse().unwrap()).unwrap())
}

/// Reads a world; a mistake in its text panics.
pub(super) fn world(text: &str) -> World {
    let mut world = World {
        text: text.to_owned(),
        regions: Vec::new(),
        pool: Pool { name: "web".into(), ..Pool::default() },
        states: Vec::new(),
        region_states: Vec::new(),
        policy: policy(Order::Closest),
        table: HandTable::default(),
    };
    let mut places = Vec::new();
    for line in text.lines().map(|line| line.split('#').next().unwrap().trim()).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "region" => world.region(&words[1..]),
            "member" => world.member(&words[1..]),
            "policy" => world.policy(&words[1..]),
            "rule" => world.rule(&words[1..]),
            "place" => places.push(world.place(&words[1..])),
            other => panic!("{other:?} in {line:?}"),
        }
    }
    let marks: Vec<Prefix> = world.policy.rules.iter().filter_map(|rule| rule.condition.network).collect();
    let (named, latencies) = (std::mem::take(&mut world.table.named), std::mem::take(&mut world.table.latencies));
    world.table = HandTable { named, latencies, ..HandTable::new(&places, &marks) };
    world
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl World {
    fn region(&mut self, words: &[&str]) {
        let mut region = Region { name: words[0].into(), coordinates: point(words[1]), ..Region::default() };
        let mut state = RegionState::default();
        for word in &words[2..] {
            match word.split_once('=') {
                Some(("bias", bias)) => region.bias = bias.parse().unwrap(),
                Some(("shed", share)) => state.shed = Share::from_f64(share.parse().unwrap()),
                Some(("refuses", share)) => state.refuses = Share::from_f64(share.parse().unwrap()),
                Some(("weight", weight)) => state.weight = weight.parse().unwrap(),
                None if *word == "held-back" => state.held_back = true,
                None if *word == "settling" => state.settling = true,
                _ => region.enabled = *word != "off",
            }
        }
        self.regions.push(region);
        self.region_states.push(state);
    }

    /// The region of that name.
    pub(super) fn id(&self, name: &str) -> RegionId {
        let number = self.regions.iter().position(|region| &*region.name == name);
        RegionId(number.unwrap_or_else(|| panic!("no region {name}")) as u16)
    }

    fn ids(&self, names: &str) -> Vec<RegionId> {
        names.split(',').filter(|name| !name.is_empty()).map(|name| self.id(name)).collect()
    }

    fn member(&mut self, words: &[&str]) {
        let target = words[1].parse().map_or_else(
            |_| MemberTarget::Name { wire: wire_name(words[1]), text: words[1].into() },
            MemberTarget::Address,
        );
        let region = self.id(words[0]);
        let mut member = Member::new(region, target);
        let mut state = MemberState::configured(Status::Up, false, true, 1);
        for word in &words[2..] {
            match word.trim_end_matches('~') {
                "up" => state.status = Status::Up,
                "down" => state.status = Status::Down,
                "unknown" => state.status = Status::Unknown,
                "off" => member.enabled = false,
                "drained" => state.enabled = false,
                weight => member.weight = weight.strip_prefix("w=").unwrap().parse().unwrap(),
            }
            state.wavering |= word.ends_with('~');
        }
        state.weight = member.weight * 1000;
        self.pool.members.push(member);
        self.states.push(state);
    }

    fn policy(&mut self, words: &[&str]) {
        let mut policy = policy(match words[0] {
            "closest" => Order::Closest,
            "listed" => Order::Listed,
            "latency" => Order::Latency,
            "any" => Order::Any,
            other => panic!("order {other}"),
        });
        for word in &words[1..] {
            let (key, value) = word.split_once('=').unwrap();
            match key {
                "regions" => policy.regions = Some(self.ids(value)),
                "shed" => policy.shed = (value == "yes").then_some(ShedMarks { low: 0.7, high: 0.9 }),
                "tie_band" => policy.tie_band = Some(value.parse().unwrap()),
                "region_spread" => policy.region_spread = Some(spread(value)),
                "region_weights" => policy.region_weights = self.numbers(value),
                "spread" => policy.spread = spread(value),
                "answers" => policy.answers = Some(value.parse().unwrap()),
                "min_healthy" => policy.min_healthy = value.parse().unwrap(),
                "families" => policy.families = if value == "apart" { Families::Apart } else { Families::Together },
                "all_down" => policy.all_down = all_down(value),
                other => panic!("policy key {other}"),
            }
        }
        self.policy = policy;
    }

    fn rule(&mut self, words: &[&str]) {
        let mut rule = Rule { condition: Condition::default(), prefer: Vec::new(), regions: None };
        for word in words {
            let (key, value) = word.split_once('=').unwrap();
            match key {
                "network" => rule.condition.network = Some(value.parse().unwrap()),
                "asn" => rule.condition.asn = Some(value.parse().unwrap()),
                "city" => rule.condition.city = Some(PlaceName::new(value)),
                "subdivision" => rule.condition.subdivision = Some(PlaceName::new(value)),
                "country" => rule.condition.country = Some(Country::new(value).unwrap()),
                "continent" => rule.condition.continent = Some(Continent::new(value).unwrap()),
                "prefer" => rule.prefer = self.ids(value),
                "regions" => rule.regions = Some(self.ids(value)),
                other => panic!("rule key {other}"),
            }
        }
        self.policy.rules.push(rule);
    }

    /// `NAME:NUMBER,...`
    fn numbers<T: std::str::FromStr<Err: std::fmt::Debug>>(&self, text: &str) -> Vec<(RegionId, T)> {
        let of = |(name, number): (&str, &str)| (self.id(name), number.parse().unwrap());
        text.split(',').map(|each| of(each.split_once(':').unwrap())).collect()
    }

    /// The number of a fact in the table.
    fn named(&mut self, fact: NamedFact) -> u16 {
        let known = self.table.named.iter().position(|known| *known == fact);
        known.unwrap_or_else(|| {
            self.table.named.push(fact);
            self.table.named.len() - 1
        }) as u16
    }

    fn place(&mut self, words: &[&str]) -> (Prefix, Place) {
        let mut place = Place::default();
        let (mut named, mut profile) = (Vec::new(), Vec::new());
        for word in &words[1..] {
            match word.split_once('=') {
                Some(("at", region)) => place.prefers = Some(self.id(region)),
                Some((key, value)) => named.push(self.named(match key {
                    "asn" => NamedFact::Asn(value.parse().unwrap()),
                    "city" => NamedFact::City(PlaceName::new(value)),
                    "subdivision" => NamedFact::Subdivision(PlaceName::new(value)),
                    other => panic!("place key {other}"),
                })),
                None if word.contains(':') => profile.extend(self.numbers::<u16>(word)),
                None if word.contains(',') => place.point = point(word),
                None if *word == "disguised" => place.disguised = true,
                None if place.country.is_none() => place.country = Country::new(word),
                None => place.continent = Continent::new(word),
            }
        }
        named.sort_unstable();
        place.named = named.into();
        if !profile.is_empty() {
            place.latency = Some(LatencyId(self.table.latencies.len() as u32));
            self.table.latencies.push(profile.into());
        }
        (words[0].parse().unwrap(), place)
    }

    pub(super) fn key(&self) -> RankingKey {
        RankingKey::new(&self.policy, &regions_of_pool(&self.pool), &self.regions)
    }

    pub(super) fn ranking(&self) -> Ranking {
        Ranking::of_table(&self.key(), &self.table.table())
    }

    pub(super) fn answers(&self) -> PoolAnswers {
        let regions = (0..).map(RegionId).zip(self.region_states.iter().copied()).collect();
        let condition = PoolCondition { members: self.states.clone(), regions };
        PoolAnswers::build(&self.pool, &self.policy, &self.regions, condition)
    }

    /// A query of this client; `random` and `turn` are 0.
    pub(super) fn asked(&self, client: &str, family: Family) -> Asked {
        let address: IpAddr = client.parse().unwrap();
        let known_bits = Family::of(address).bits();
        Asked { leaf: self.table.leaf(address), address, known_bits, family, random: 0, turn: 0 }
    }

    pub(super) fn decide(&self, asked: &Asked) -> Decision {
        decide(&self.answers(), &self.ranking(), asked)
    }

    pub(super) fn explain(&self, asked: &Asked) -> Explanation {
        let (answers, ranking) = (self.answers(), self.ranking());
        explain(&self.pool, &answers, &ranking, &self.table.table(), self.table.place(asked.leaf), asked)
    }

    /// The names of a client's regions in order, `=` before those that are equal to the one before.
    pub(super) fn ranked(&self, client: &str) -> String {
        let ranking = self.ranking();
        let (cohort, _) = ranking.at(self.table.leaf(client.parse().unwrap()));
        let named = ranking.order(cohort).map(|entry| {
            let regions: Vec<RegionId> = ranking.reach().regions_of(entry.group()).collect();
            format!("{}{}", if entry.is_tied() { "=" } else { "" }, self.names(&regions))
        });
        named.collect::<Vec<_>>().join(" ")
    }

    /// The names of a client's regions in order.
    pub(super) fn order(&self, client: &str) -> String {
        let ranking = self.ranking();
        let (cohort, _) = ranking.at(self.table.leaf(client.parse().unwrap()));
        self.names(&ranking.regions(cohort))
    }

    pub(super) fn names(&self, regions: &[RegionId]) -> String {
        regions.iter().map(|region| &*self.regions[region.index()].name).collect::<Vec<_>>().join(" ")
    }

    /// The scope for a client.
    pub(super) fn scope(&self, client: &str) -> u8 {
        self.ranking().at(self.table.leaf(client.parse().unwrap())).1
    }

    /// Everything that a client may be answered, as text: the last octets of the members that may answer, or why there are
    /// none; then `min` or `max`.
    pub(super) fn answer(&self, client: &str, family: Family) -> String {
        let explanation = self.explain(&self.asked(client, family));
        let members: Vec<String> = (self.pool.members.iter().zip(&explanation.members))
            .filter(|(_, explained)| explained.share.is_some())
            .map(|(member, _)| last_label(&member.target))
            .collect();
        let what = match explanation.decision.verdict {
            Verdict::Variant(_) if members.is_empty() => "fallback".to_owned(),
            Verdict::Variant(_) => members.join(" "),
            Verdict::NoType => "no type".to_owned(),
            Verdict::NothingUp => "nothing up".to_owned(),
            Verdict::ServFail => "servfail".to_owned(),
            Verdict::Elsewhere => "elsewhere".to_owned(),
        };
        format!("{what}, {}", if explanation.decision.ttl_min { "min" } else { "max" })
    }
}

fn last_label(target: &MemberTarget) -> String {
    match target {
        MemberTarget::Address(IpAddr::V4(address)) => address.octets()[3].to_string(),
        MemberTarget::Address(IpAddr::V6(address)) => format!(":{:x}", address.segments()[7]),
        MemberTarget::Name { text, .. } => text.to_string(),
    }
}

fn spread(text: &str) -> Spread {
    let parts: Vec<&str> = text.split('/').collect();
    match parts[..] {
        ["weighted"] => Spread::Weighted,
        ["hash", v4, v6] => Spread::Hash { ipv4_prefix: v4.parse().unwrap(), ipv6_prefix: v6.parse().unwrap() },
        ["round-robin"] => Spread::RoundRobin,
        ["random"] => Spread::Random,
        ["weighted-round-robin"] => Spread::WeightedRoundRobin,
        ["all"] => Spread::All,
        _ => panic!("spread {text}"),
    }
}

fn all_down(text: &str) -> AllDown {
    match text {
        "all" => AllDown::All,
        "nodata" => AllDown::NoData,
        "servfail" => AllDown::ServFail,
        addresses => AllDown::Fallback(addresses.split(',').map(|address| address.parse().unwrap()).collect()),
    }
}

fn wire_name(text: &str) -> std::sync::Arc<[u8]> {
    let labels = text.trim_end_matches('.').split('.');
    let octets = labels.flat_map(|label| std::iter::once(label.len() as u8).chain(label.bytes()));
    octets.chain([0]).collect()
}
