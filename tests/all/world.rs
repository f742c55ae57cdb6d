//! A configuration made live without sockets: loaded, built and published, with a responder to ask.

use crate::message::rcode_word;
use crate::reports::{Feeds, Probes, Reports};
use azimuth::answer::{Moment, Outcome, Request, Responder, TransportProfile};
use azimuth::base::{Diagnostic, Family, Sources, UnixTime};
use azimuth::boot::geo_spec;
use azimuth::config::{self, Config};
use azimuth::geo::Locator;
use azimuth::health::{Change, Endpoint, Observation, Report, Status, Subject, TargetKey, TargetState};
use azimuth::probe::spec::Monitor;
use azimuth::snapshot::{AliasAnswers, AliasFamily, Core, Inputs, Past, Snapshot};
use azimuth::steering::control::operator::{Action, OperatorTable, Order, Pattern};
use azimuth::steering::spec::{Member, MemberTarget, ProbeAddress};
use azimuth::wire::Name;
use azimuth::zone::{AliasTarget, Zone, ZoneSet};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A running engine.
pub struct World {
    pub config: Config,
    inputs: Inputs,
    core: Core,
    snapshot: Arc<Snapshot>,
    /// What operators say.
    orders: OperatorTable,
    feeds: Feeds,
    probes: Probes,
    /// In virtual time.
    now: UnixTime,
    responder: Responder,
}

/// A transport that a test asks over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Udp,
    Tcp,
}

impl World {
    /// Loads `azimuth.toml` of `folder`; every monitored target is unknown. The error is what `check` would print.
    pub fn load(folder: &Path) -> Result<Self, String> {
        let mut sources = Sources::default();
        let (config, mut diagnostics) = config::load(&folder.join("azimuth.toml"), &mut sources);
        let mut zones = Vec::new();
        if let Some(config) = &config {
            for zone in &config.zones {
                let (loaded, found) = Zone::load(&zone.spec, None, &mut sources);
                diagnostics.extend(found);
                zones.extend(loaded);
            }
        }
        let locator =
            match config.as_ref().map(|config| Locator::build(&geo_spec(config, &mut sources, &mut diagnostics))) {
                Some(Ok(locator)) => Some(locator),
                Some(Err(found)) => {
                    diagnostics.extend(found);
                    None
                }
                None => None,
            };
        let (Some(config), Some(locator)) = (config, locator) else { return Err(shown(&diagnostics, &sources)) };
        if zones.len() != config.zones.len() {
            return Err(shown(&diagnostics, &sources));
        }
        let member_targets = config.pools.iter().map(|pool| {
            let monitors: Vec<&Monitor> = pool.monitors.iter().map(|id| &config.monitors[id.monitor.index()]).collect();
            pool.members.iter().map(|member| monitors.iter().map(|monitor| target(monitor, member)).collect()).collect()
        });
        let inputs = Inputs {
            settings: config.settings.clone(),
            zones: Arc::new(ZoneSet::new(zones)),
            locator: Arc::new(locator),
            regions: config.regions.clone(),
            pools: config.pools.clone(),
            policies: config.policies.clone(),
            owners: config.zones.iter().map(|zone| zone.spec.balanced.as_slice().into()).collect(),
            balances: config.zones.iter().map(|zone| zone.balances.clone()).collect(),
            aliases: config.zones.iter().map(|zone| zone.aliases.clone()).collect(),
            member_targets: member_targets.collect(),
            workers: 1,
        };
        let now = UnixTime::from_secs(1);
        let mut core = Core::new(inputs.clone(), &Past::default(), now);
        let snapshot = core.snapshot();
        let (orders, feeds) = (OperatorTable::default(), Feeds::new(&config, now));
        let probes = Probes::new(config.server.hold);
        let mut world =
            Self { config, inputs, core, snapshot, orders, feeds, probes, now, responder: Responder::new(0) };
        world.begin_probes();
        Ok(world)
    }

    fn begin_probes(&mut self) {
        self.probes = Probes::new(self.config.server.hold);
        for (pool, members) in self.config.pools.iter().zip(&self.inputs.member_targets) {
            for (member, targets) in pool.members.iter().zip(members) {
                let region = &self.config.regions[member.region.index()].name;
                for (required, key) in pool.monitors.iter().zip(targets) {
                    self.probes.insert(key, &self.config.monitors[required.monitor.index()], region);
                }
            }
        }
        let states = self.probes.states();
        self.core.look_up_targets(Arc::new(move |key| states.lock().unwrap().get(key).cloned()));
    }

    /// Makes live what was told.
    fn publish(&mut self) {
        self.core.step(self.now);
        self.snapshot = self.core.snapshot();
    }

    /// Lets time go by; what wants to happen meanwhile happens when it is due.
    pub fn go_on(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let changes = self.probes.hold_ends(self.now);
            self.core.changed(changes);
            let stale = self.feeds.grown_stale(self.now);
            self.core.reported(stale);
            self.core.step(self.now);
        }
        self.now = end;
        self.publish();
    }

    fn due(&self) -> Option<UnixTime> {
        [self.core.due(), self.feeds.due(), self.probes.due()].into_iter().flatten().min()
    }

    /// The server stops and starts again: what it keeps on the disk is all that it knows, and nothing is probed yet.
    pub fn restart(&mut self) {
        let past = Past { operator: Arc::new(self.orders.clone()), memories: self.core.memories() };
        self.core = Core::new(self.inputs.clone(), &past, self.now);
        self.begin_probes();
        let held = self.feeds.restart(&self.config, self.now);
        self.told(held);
    }

    fn told(&mut self, reports: Reports) {
        self.core.reported(reports);
        self.publish();
    }

    /// What is asked by a feed about `subject` answers so, a moment later; the text says what could not be read.
    pub fn answered(&mut self, feed: &str, subject: &Subject, answer: &str) -> String {
        // What was read before at the same time is taken for the same answer.
        self.now = self.now + Duration::from_millis(1);
        match self.feeds.answered(feed, subject, answer, self.now) {
            Ok((reports, troubles)) => {
                self.told(reports);
                troubles
            }
            Err(why) => why + "\n",
        }
    }

    /// Probes of a member (`*`: of all), by one monitor or by all, have all seen this; returns how many there were.
    pub fn probed(&mut self, member: &str, monitor: Option<&str>, seen: &Observation) -> usize {
        let keys = self.keys(member, monitor);
        for key in &keys {
            let changes = self.probes.ended(key, seen.clone(), self.now);
            self.core.changed(changes);
        }
        self.publish();
        keys.len()
    }

    /// What a region or a member reports from now on.
    pub fn report(&mut self, subject: Subject, report: Report) {
        self.told(vec![(subject, report)]);
    }

    /// What an operator says from now on.
    pub fn order(&mut self, pattern: &str, action: Option<Action>, lasts: Option<Duration>) {
        let pattern: Pattern = pattern.parse().unwrap_or_else(|error| panic!("{pattern}: {error}"));
        match action {
            Some(action) => {
                let until = lasts.map(|time| self.now + time);
                let order = Order { pattern, action, since: self.now, until, reason: "".into(), by: "".into() };
                self.orders.say(order).unwrap_or_else(|error| panic!("{error}"));
            }
            None => {
                self.orders.remove(&pattern, false);
                let cleared = pattern.clone();
                self.core.release(&move |pool, region| {
                    cleared.names_region(region) || cleared.covers_pool_region(pool, region)
                });
            }
        }
        self.core.operate(Arc::new(self.orders.clone()), self.now);
        self.publish();
    }

    /// Every target of the configuration with the member's address or name that it stands for.
    fn targets(&self) -> impl Iterator<Item = (String, &TargetKey)> {
        self.config.pools.iter().zip(&self.inputs.member_targets).flat_map(|(pool, members)| {
            pool.members.iter().zip(members).flat_map(|(member, targets)| {
                let name = match &member.target {
                    MemberTarget::Address(address) => address.to_string(),
                    MemberTarget::Name { text, .. } => text.to_string(),
                };
                targets.iter().map(move |target| (name.clone(), target))
            })
        })
    }

    /// The targets of a member (`*`: of all), for one monitor or for all.
    fn keys(&self, member: &str, monitor: Option<&str>) -> Vec<TargetKey> {
        let is_it = |name: &str, key: &TargetKey| {
            (member == "*" || name == member) && monitor.is_none_or(|wanted| *key.monitor == *wanted)
        };
        self.targets().filter(|(name, key)| is_it(name, key)).map(|(_, key)| key.clone()).collect()
    }

    /// Sets what is known of the targets of a member (`*`: of all), for one monitor or for all; returns how many changed.
    pub fn set_health(&mut self, member: &str, monitor: Option<&str>, status: Status, wavering: bool) -> usize {
        let state = TargetState { status, wavering, since: UnixTime::from_secs(1), ..TargetState::default() };
        let keys = self.keys(member, monitor).into_iter();
        let changes: Vec<Change> = keys.map(|key| Change { key, state: state.clone() }).collect();
        let count = changes.len();
        self.core.changed(changes);
        self.publish();
        count
    }

    /// Sets what the resolvers said of the target of aliases, to be kept until `expires`.
    pub fn set_alias(&mut self, target: &str, addresses: &[IpAddr], expires: u32) {
        let target = Arc::new(AliasTarget::new(Name::from_text(target.as_bytes(), None).unwrap()));
        let known = Family::BOTH.map(|family| AliasFamily::known(family, addresses, expires));
        self.core.set_aliases(vec![(target, AliasAnswers(known))]);
        self.publish();
    }

    /// What was counted since the start, one counter a line; those that are 0 are left out.
    pub fn counters(&self) -> String {
        let answers = self.core.totals().into_iter().map(|total| {
            let region = total.region.map_or("no region".to_owned(), |region| format!("region {region}"));
            (format!("answers of pool {} {region}", total.pool), total.answers)
        });
        let tally = self.responder.counters().tally();
        let responses = tally.responses().map(|(rcode, count)| (format!("responses {}", rcode_word(rcode.0)), count));
        let malformed = tally.malformed().map(|(cause, count)| (format!("malformed {cause:?}"), count));
        let others = [
            ("truncated", tally.truncated),
            ("referrals", tally.referrals),
            ("client subnet", tally.client_subnet),
            ("panics", tally.panics),
            ("dropped", tally.dropped()),
            ("received", tally.received()),
        ];
        let others = others.map(|(word, count)| (word.to_owned(), count));
        let all = answers.chain(responses).chain(malformed).chain(others);
        all.filter(|(_, count)| *count > 0).map(|(words, count)| format!("{words}: {count}\n")).collect()
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// One message in, at most one out.
    pub fn ask(&mut self, octets: &[u8], source: IpAddr, over: Over, random: u64) -> Option<Vec<u8>> {
        let profile = match over {
            Over::Udp => &TransportProfile::DATAGRAM,
            Over::Tcp => &TransportProfile::STREAM,
        };
        let mut out = vec![0xaa; 65_535];
        let snapshot = self.snapshot();
        let request = Request { octets, source, profile, random, now: Moment::default() };
        match self.responder.respond(&snapshot, request, &mut out) {
            Outcome::Drop | Outcome::Slow => None,
            Outcome::Reply { len } => {
                out.truncate(len);
                Some(out)
            }
        }
    }
}

fn shown(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    diagnostics.iter().map(|diagnostic| diagnostic.render(sources, false)).collect::<Vec<_>>().join("\n")
}

/// What `monitor` probes for `member`.
fn target(monitor: &Monitor, member: &Member) -> TargetKey {
    let endpoint = match (member.probe_address, &member.target) {
        (Some(ProbeAddress::Socket(socket)), _) => Endpoint::Socket(socket),
        (Some(ProbeAddress::Address(address)), _) => Endpoint::Socket(SocketAddr::new(address, monitor.port)),
        (None, MemberTarget::Address(address)) => Endpoint::Socket(SocketAddr::new(*address, monitor.port)),
        (None, MemberTarget::Name { text, .. }) => Endpoint::Host(text.clone(), monitor.port),
    };
    TargetKey { monitor: Arc::clone(&monitor.name), endpoint }
}
