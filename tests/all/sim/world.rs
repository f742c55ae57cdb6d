//! A world in virtual time: members that fail and flap, probes that see it, regions that report and fall silent, operators,
//! reloads, clients. It drives the publisher's own core and the engine; nothing waits.

use super::ask::{A, AAAA, HTTPS, Question};
use super::causes::Causes;
use super::ground::{self, Geography, REGIONS};
use super::model::{Model, Place, Said};
use super::plan::Plan;
use super::random::{Random, follows_from};
use super::resolvers::Resolvers;
use azimuth::answer::Responder;
use azimuth::base::UnixTime;
use azimuth::base::prefix::cut_address;
use azimuth::health::{
    AddressId, Change, Endpoint, Event as Told, Fleet, Load, Observation, Report, Subject, TargetKey, Timing, Word,
};
use azimuth::snapshot::{Core, Past, Snapshot, target_name};
use azimuth::steering::control::operator::Action;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// How long a world lasts.
const LASTS: Duration = Duration::from_secs(60);

/// How long states are held while the checker seems blind.
const HOLD: Duration = Duration::from_secs(20);

/// What happens by itself.
#[derive(Clone, Debug)]
enum Event {
    ProbeEnds(AddressId, UnixTime),
    /// What is at this address fails, or works again.
    Turns(SocketAddr),
    /// All that is in a region fails at once.
    RegionFails(u8),
    CheckerIsCutOff,
    Reload,
    Restart,
    OperatorSpeaks,
    FeedSpeaks,
    ClientsAsk,
}

pub struct World {
    pub random: Random,
    pub now: UnixTime,
    pub geography: &'static Geography,
    pub plan: Plan,
    pub core: Core,
    pub snapshot: Arc<Snapshot>,
    pub responder: Responder,
    pub model: Model,
    pub causes: Causes,
    pub resolvers: Resolvers,
    /// The scope that a question was answered with under the configuration that is live.
    pub scopes: HashMap<Question, u8>,
    /// Rules that were checked, for the score.
    pub answers: u64,
    seed: u64,
    fleet: Fleet,
    probed: HashMap<AddressId, (TargetKey, SocketAddr)>,
    failing: BTreeSet<SocketAddr>,
    failed_regions: BTreeMap<u8, UnixTime>,
    cut_off_until: UnixTime,
    agenda: BTreeMap<(UnixTime, u64), Event>,
    event_number: u64,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let geography = ground::geography(seed);
        let plan = Plan::new(seed, 0, geography);
        let now = UnixTime::from_secs(1_000_000);
        let mut core = Core::new(plan.inputs.clone(), &Past::default(), now);
        let snapshot = core.snapshot();
        let mut world = Self {
            random: Random::new(follows_from(&[seed, 9])),
            now,
            geography,
            plan,
            core,
            snapshot,
            responder: Responder::new(0),
            model: Model::default(),
            causes: Causes::default(),
            resolvers: Resolvers::default(),
            scopes: HashMap::new(),
            answers: 0,
            seed,
            fleet: Fleet::new(HOLD),
            probed: HashMap::new(),
            failing: BTreeSet::new(),
            failed_regions: BTreeMap::new(),
            cut_off_until: UnixTime::default(),
            agenda: BTreeMap::new(),
            event_number: 0,
        };
        world.probe_what_is_planned();
        world.model.keep_times(&world.plan, now);
        for (event, within) in [
            (Event::Reload, 30_000),
            (Event::Restart, 60_000),
            (Event::OperatorSpeaks, 10_000),
            (Event::FeedSpeaks, 3_000),
            (Event::RegionFails(0), 20_000),
            (Event::CheckerIsCutOff, 100_000),
            (Event::ClientsAsk, 10),
        ] {
            world.later(1, within, event);
        }
        world
    }

    /// Lives it to its end.
    pub fn run(mut self) -> u64 {
        let end = self.now + LASTS;
        loop {
            let next = self.agenda.first_key_value().map(|(&(time, _), _)| time);
            let next = next.into_iter().chain(self.core.due()).min().unwrap_or(end).max(self.now);
            if next >= end {
                return self.answers;
            }
            self.now = next;
            while let Some(entry) = self.agenda.first_entry()
                && entry.key().0 <= next
            {
                let event = entry.remove();
                self.happens(event);
            }
            self.settle();
        }
    }

    fn later(&mut self, low: u64, high: u64, event: Event) {
        let after = self.random.millis(low, high);
        self.at(self.now + after, event);
    }

    fn at(&mut self, time: UnixTime, event: Event) {
        self.event_number += 1;
        self.agenda.insert((time, self.event_number), event);
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::ProbeEnds(id, started) => self.probe_ends(id, started),
            Event::Turns(socket) => {
                let flaps = follows_from(&[self.seed, 5, hash_of(socket)]).is_multiple_of(6);
                let was_failing = self.failing.remove(&socket);
                let fails = if flaps { self.random.one_in(2) } else { !was_failing };
                if fails {
                    self.failing.insert(socket);
                }
                let (low, high) = match (flaps, fails) {
                    (true, _) => (200, 4_000),
                    (false, true) => (2_000, 30_000),
                    (false, false) => (5_000, 90_000),
                };
                self.later(low, high, Event::Turns(socket));
            }
            Event::RegionFails(region) => {
                let until = self.now + self.random.millis(1_000, 25_000);
                self.failed_regions.insert(region, until);
                let next = self.random.index(REGIONS.len()) as u8;
                self.later(5_000, 40_000, Event::RegionFails(next));
            }
            Event::CheckerIsCutOff => {
                self.cut_off_until = self.now + self.random.millis(500, 30_000);
                self.later(30_000, 100_000, Event::CheckerIsCutOff);
            }
            Event::Reload => self.reload(),
            Event::Restart => {
                self.restart();
                self.later(5_000, 60_000, Event::Restart);
            }
            Event::OperatorSpeaks => self.operator_speaks(),
            Event::FeedSpeaks => self.feed_speaks(),
            Event::ClientsAsk => {
                self.settle();
                for _ in 0..4 {
                    let question = self.question();
                    super::rules::check_answer(self, question);
                }
                Resolvers::clients_ask(self, 4);
                let question = self.question();
                super::shares::check_weights(self, question.name);
                if self.random.one_in(25) {
                    super::shares::check_draws(self, question);
                }
                self.later(100, 1_500, Event::ClientsAsk);
            }
        }
    }

    /// Has everything that was told take effect; every change must have a cause.
    pub(super) fn settle(&mut self) {
        let is_due = self.core.due().is_some_and(|due| due <= self.now);
        let is_told = self.core.is_dirty();
        self.causes.is_time |= is_due;
        let has_changed = self.core.step(self.now);
        assert!(!has_changed || is_due || is_told, "answers change without being told and without being due");
        assert!(
            !self.core.is_dirty() && self.core.due().is_none_or(|due| due > self.now),
            "a step leaves nothing to do"
        );
        self.model.keep_times(&self.plan, self.now);
        if has_changed {
            let before = std::mem::replace(&mut self.snapshot, self.core.snapshot());
            self.causes.check(&self.plan, &before, &self.snapshot);
        }
        self.causes = Causes::default();
    }

    // Probes.

    /// All probes are new, and nothing is known of their targets.
    pub(super) fn probe_anew(&mut self) {
        self.fleet = Fleet::new(HOLD);
        self.probed.clear();
        self.model.statuses.clear();
        self.agenda.retain(|_, event| !matches!(event, Event::ProbeEnds(..) | Event::Turns(_)));
        self.probe_what_is_planned();
    }

    /// Probes of what is planned are begun, of what is not any more ended.
    fn probe_what_is_planned(&mut self) {
        let inputs = &self.plan.inputs;
        let mut wanted: BTreeMap<TargetKey, Vec<Arc<str>>> = BTreeMap::new();
        for (pool, targets) in inputs.pools.iter().zip(&inputs.member_targets) {
            for (member, keys) in pool.members.iter().zip(targets) {
                let region = &inputs.regions[member.region.index()];
                for key in keys.iter().filter(|_| member.enabled && region.enabled) {
                    let regions = wanted.entry(key.clone()).or_default();
                    if !regions.contains(&region.name) {
                        regions.push(Arc::clone(&region.name));
                    }
                }
            }
        }
        let mut gone: Vec<TargetKey> = self.probed.values().map(|(key, _)| key.clone()).collect();
        gone.retain(|key| !wanted.contains_key(key));
        let mut told = Vec::new();
        for key in gone {
            self.fleet.remove(&key, &mut told);
            self.probed.retain(|_, (of, _)| *of != key);
            self.model.statuses.remove(&key);
        }
        self.tell(told, None);
        let known: BTreeSet<TargetKey> = self.probed.values().map(|(key, _)| key.clone()).collect();
        for (key, regions) in wanted {
            let timing = timing(self.seed, &key);
            self.fleet.insert(key.clone(), regions, timing);
            if !known.contains(&key) {
                self.begin(key);
            }
        }
    }

    fn begin(&mut self, key: TargetKey) {
        let Endpoint::Socket(socket) = key.endpoint else { return };
        let Some(id) = self.fleet.add_address(&key, socket) else { return };
        if !self.probed.values().any(|(_, of)| *of == socket) {
            self.later(1_000, 90_000, Event::Turns(socket));
        }
        self.probed.insert(id, (key, socket));
        let offset = self.fleet.first_offset(id, Duration::from_secs(1));
        self.probe_begins(id, self.now + offset);
    }

    fn probe_begins(&mut self, id: AddressId, start: UnixTime) {
        let takes = self.random.millis(1, 50);
        self.at(start + takes, Event::ProbeEnds(id, start));
    }

    fn probe_ends(&mut self, id: AddressId, started: UnixTime) {
        let Some((key, socket)) = self.probed.get(&id).cloned() else { return };
        let region = region_of(socket);
        let has_failed = self.failing.contains(&socket)
            || self.failed_regions.get(&region).is_some_and(|until| *until > started)
            || self.cut_off_until > started;
        let seen = match has_failed {
            true => Observation::Failed { reason: "refused".into() },
            false if self.random.one_in(200) => Observation::LocalError { reason: "no descriptors".into() },
            false => Observation::passed(self.now.since(started)),
        };
        let mut told = Vec::new();
        self.fleet.tick(self.now, &mut told);
        self.tell(told, None);
        let mut told = Vec::new();
        self.fleet.observe(id, seen.clone(), started, self.now, &mut told);
        self.tell(told, Some((&key, &seen)));
        if let Some(next) = self.fleet.next_start(id, started, self.now) {
            self.probe_begins(id, next);
        }
    }

    /// Hands changes of health on; `seen` is what has just been observed.
    fn tell(&mut self, told: Vec<Told>, seen: Option<(&TargetKey, &Observation)>) {
        let is_hold = told.iter().any(|event| !matches!(event, Told::Changed { .. }));
        let mut changes: Vec<Change> = Vec::new();
        for event in told {
            let Told::Changed { change, from } = event else { continue };
            super::causes::check_health(&change, from, seen, is_hold);
            self.model.statuses.insert(change.key.clone(), change.state.status);
            self.causes.targets.insert(change.key.clone());
            changes.push(change);
        }
        if !changes.is_empty() {
            self.core.changed(changes);
        }
    }

    // Reloads, operators, feeds.

    fn reload(&mut self) {
        self.settle();
        let generation = self.plan.generation + 1;
        if generation < ground::GENERATIONS {
            self.plan = Plan::new(self.seed, generation, self.geography);
            self.core.replace(self.plan.inputs.clone(), self.now);
            self.snapshot = self.core.snapshot();
            self.scopes.clear();
            let inputs = &self.plan.inputs;
            // What reports and operators say of members that are not there any more is said of nobody.
            self.model.reports.retain(|subject, _| match subject {
                Subject::Region(_) => true,
                Subject::Member { pool, target } => inputs.pools.iter().any(|known| {
                    known.name == *pool && known.members.iter().any(|member| target_name(&member.target) == *target)
                }),
            });
            self.probe_what_is_planned();
            self.causes.is_reload = true;
            self.model.keep_times(&self.plan, self.now);
        }
        self.later(2_000, 30_000, Event::Reload);
    }

    fn operator_speaks(&mut self) {
        let place = self.some_place();
        self.model.said.retain(|said| said.place != place && said.until.is_none_or(|until| until > self.now));
        let is_pool = matches!(place, Place::Pool(_));
        let action = match self.random.below(6) {
            0 | 1 => Some(Action::Drain { percent: 100 }),
            2 if !is_pool => Some(Action::Drain { percent: 1 + self.random.below(99) as u8 }),
            3 => Some(Action::ForceUp),
            4 => Some(Action::ForceDown),
            _ => None,
        };
        if let Some(action) = action {
            let until = self.random.one_in(2).then(|| self.now + self.random.millis(500, 20_000));
            self.model.said.push(Said { place, action, until });
        }
        if self.random.one_in(5) {
            self.model.said.clear();
        }
        self.core.operate(Arc::new(self.model.table(self.now)), self.now);
        self.causes.is_operator = true;
        if self.random.one_in(4) {
            self.core.release(&|_, _| true);
        }
        self.later(500, 12_000, Event::OperatorSpeaks);
    }

    fn some_place(&mut self) -> Place {
        let inputs = &self.plan.inputs;
        let pool = self.random.pick(&inputs.pools);
        let member = self.random.pick(&pool.members);
        let region = &inputs.regions[member.region.index()].name;
        match self.random.below(6) {
            0 | 1 => Place::Region(Arc::clone(region)),
            2 => Place::Pool(Arc::clone(&pool.name)),
            3 => Place::PoolRegion(Arc::clone(&pool.name), Arc::clone(region)),
            _ => Place::Member(Arc::clone(&pool.name), Arc::clone(region), target_name(&member.target)),
        }
    }

    fn feed_speaks(&mut self) {
        let mut reports = Vec::new();
        for _ in 0..1 + self.random.below(4) {
            let (subject, is_region) = self.some_subject();
            let before = self.model.reports.get(&subject).copied().unwrap_or_default();
            let report = match self.random.below(8) {
                // It falls silent: load and weight are forgotten, a word that forbids holds.
                0 => Report { word: before.word.filter(|word| word.forbids()), ..Report::default() },
                _ => self.some_report(is_region),
            };
            self.model.reports.insert(subject.clone(), report);
            self.causes.subjects.insert(subject.clone());
            reports.push((subject, report));
        }
        self.core.reported(reports);
        self.later(200, 3_000, Event::FeedSpeaks);
    }

    fn some_subject(&mut self) -> (Subject, bool) {
        let inputs = &self.plan.inputs;
        let pool = self.random.pick(&inputs.pools);
        let member = self.random.pick(&pool.members);
        match pool.has_feed && self.random.one_in(2) {
            true => (Subject::Member { pool: Arc::clone(&pool.name), target: target_name(&member.target) }, false),
            false => (Subject::Region(Arc::clone(&inputs.regions[member.region.index()].name)), true),
        }
    }

    fn some_report(&mut self, is_region: bool) -> Report {
        let word = match self.random.below(12) {
            0 => Some(Word::Down),
            1 => Some(Word::Drain),
            2 => Some(Word::Maint),
            3 => Some(Word::Stopped),
            4..8 => Some(Word::Up),
            8 => Some(Word::Ready),
            _ => None,
        };
        let weights = [0, 10, 50, 100, 200, 256];
        let weight = (!is_region && self.random.one_in(3)).then(|| *self.random.pick(&weights));
        let mut some = |most: f64| (!self.random.one_in(3)).then(|| self.random.share() * most);
        let load = Load {
            utilisation: some(1.2),
            connections: some(120.0),
            bandwidth: some(1e6),
            packets: some(1e4),
            requests: some(150.0),
            response_time: some(0.5),
        };
        Report { word, weight_percent: weight, load, is_fresh: true }
    }

    /// What somebody asks.
    pub fn question(&mut self) -> Question {
        let random = &mut self.random;
        let name = random.index(ground::NAMES);
        let rtype = match name {
            0 => *random.pick(&[A, AAAA, HTTPS]),
            _ => *random.pick(&[A, AAAA]),
        };
        let address = some_client(random, self.geography);
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let client = match random.below(8) {
            0 => None,
            1 => Some((address, 0)),
            2 => Some(1 + random.below(longest) as u8).map(|source| (cut_address(address, source), source)),
            _ => Some((address, longest as u8)),
        };
        Question { name, rtype, client, resolver: some_client(random, self.geography) }
    }
}

/// An address near the edge of something, or inside it.
pub fn some_client(random: &mut Random, geography: &Geography) -> IpAddr {
    let edge = random.pick(&geography.edges);
    let within = random.next();
    match edge.address() {
        IpAddr::V4(first) => {
            let hosts = u32::MAX.checked_shr(edge.length().into()).unwrap_or(0);
            let at = match within % 4 {
                0 => first.to_bits(),
                1 => first.to_bits().wrapping_sub(1),
                2 => (first.to_bits() | hosts).wrapping_add(1),
                _ => first.to_bits() | ((within >> 8) as u32 & hosts),
            };
            IpAddr::V4(Ipv4Addr::from_bits(at))
        }
        IpAddr::V6(first) => {
            let hosts = u128::MAX.checked_shr(edge.length().into()).unwrap_or(0);
            let at = first.to_bits() | (u128::from(within) << 16 & hosts);
            IpAddr::V6(Ipv6Addr::from_bits(at))
        }
    }
}

fn hash_of(socket: SocketAddr) -> u64 {
    match socket.ip() {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits() as u64,
    }
}

/// Where what is probed stands, as the plan numbers it.
fn region_of(socket: SocketAddr) -> u8 {
    match socket.ip() {
        IpAddr::V4(address) => address.octets()[2] / 2,
        IpAddr::V6(_) => u8::MAX,
    }
}

fn timing(seed: u64, key: &TargetKey) -> Timing {
    let choice = follows_from(&[seed, key.monitor.bytes().last().unwrap_or_default().into()]);
    let interval = [1, 2, 5][(choice % 3) as usize];
    Timing {
        interval: Duration::from_secs(interval),
        timeout: Duration::from_millis(500),
        fall: 1 + (choice >> 8) as u32 % 3,
        rise: 1 + (choice >> 16) as u32 % 3,
        retry_interval: Duration::from_millis(100),
    }
}
