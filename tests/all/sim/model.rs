//! What the outside has told the server, kept apart from it, and what must follow for a member: written down once more, from the
//! rules and not from the code.

use super::plan::{Plan, Who, who_is};
use azimuth::base::UnixTime;
use azimuth::health::{Report, Status, Subject, TargetKey, Word};
use azimuth::snapshot::target_name;
use azimuth::steering::control::operator::{Action, OperatorTable, Order};
use azimuth::steering::spec::{Pool, RequiredMonitor};
use std::collections::HashMap;
use std::sync::Arc;

/// What an operator has said something of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Region(Arc<str>),
    Pool(Arc<str>),
    PoolRegion(Arc<str>, Arc<str>),
    Member(Arc<str>, Arc<str>, Arc<str>),
}

impl Place {
    fn pattern(&self) -> String {
        match self {
            Self::Region(region) => format!("region/{region}"),
            Self::Pool(pool) => format!("pool/{pool}"),
            Self::PoolRegion(pool, region) => format!("pool/{pool}/{region}"),
            Self::Member(pool, region, target) => format!("pool/{pool}/{region}/{target}"),
        }
    }

    fn covers(&self, pool: &str, region: &str, target: &str) -> bool {
        match self {
            Self::Region(of) => &**of == region,
            Self::Pool(of) => &**of == pool,
            Self::PoolRegion(of, at) => &**of == pool && &**at == region,
            Self::Member(of, at, named) => &**of == pool && &**at == region && &**named == target,
        }
    }
}

/// One word of an operator.
#[derive(Clone, Debug)]
pub struct Said {
    pub place: Place,
    pub action: Action,
    pub until: Option<UnixTime>,
}

/// What follows for one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// It may not answer, in whatever pass.
    pub is_forbidden: bool,
    /// `None` where the rules leave it open.
    pub is_up: Option<bool>,
}

#[derive(Default)]
pub struct Model {
    pub statuses: HashMap<TargetKey, Status>,
    pub reports: HashMap<Subject, Report>,
    pub said: Vec<Said>,
    /// Since when a member may not answer, by pool and member's place in its region.
    pub forbidden_since: HashMap<(Who, bool), UnixTime>,
    /// When a pool had a member up in a region at last.
    pub last_up: HashMap<(usize, u8), UnixTime>,
}

impl Model {
    /// The table that says the same.
    pub fn table(&self, now: UnixTime) -> OperatorTable {
        let mut table = OperatorTable::default();
        for said in &self.said {
            let order = Order {
                pattern: said.place.pattern().parse().unwrap(),
                action: said.action,
                since: now,
                until: said.until,
                reason: "".into(),
                by: "sim".into(),
            };
            table.say(order).unwrap();
        }
        table
    }

    /// By the monitors alone.
    fn status(&self, plan: &Plan, pool: usize, member: usize) -> Status {
        let targets = &plan.inputs.member_targets[pool][member];
        let spec = &plan.inputs.pools[pool];
        let said = |(required, key): (&RequiredMonitor, &TargetKey)| {
            let status = self.statuses.get(key).copied().unwrap_or_default();
            let turned = match status {
                Status::Up => Status::Down,
                Status::Down => Status::Up,
                Status::Unknown => Status::Unknown,
            };
            (!required.watch_only).then_some(if required.inverted { turned } else { status })
        };
        let counts: Vec<Status> = spec.monitors.iter().zip(targets).filter_map(said).collect();
        let count = |status: Status| counts.iter().filter(|&&of| of == status).count();
        let needed = spec.at_least.map_or(counts.len(), |least| counts.len().min(least.into()));
        match () {
            () if count(Status::Up) >= needed => Status::Up,
            () if counts.len() - count(Status::Down) < needed => Status::Down,
            () => Status::Unknown,
        }
    }

    pub fn judge(&self, plan: &Plan, pool: usize, member: usize, now: UnixTime) -> Judged {
        let spec: &Pool = &plan.inputs.pools[pool];
        let of = &spec.members[member];
        let region = &plan.inputs.regions[of.region.index()];
        let target = target_name(&of.target);
        let said = || {
            let active = self.said.iter().filter(|said| said.until.is_none_or(|until| now < until));
            active.filter(|said| said.place.covers(&spec.name, &region.name, &target))
        };
        let is_said = |test: fn(&Action) -> bool| said().any(|said| test(&said.action));
        let is_forced_down = is_said(|action| action.forbids());
        let is_partly_drained = is_said(|action| matches!(action, Action::Drain { percent: ..100 }));
        let is_forced_up = is_said(|action| *action == Action::ForceUp);
        let own = match spec.has_feed {
            true => self.reports.get(&Subject::Member { pool: Arc::clone(&spec.name), target }).copied(),
            false => None,
        };
        let own = own.unwrap_or_default();
        let of_region = self.reports.get(&Subject::Region(Arc::clone(&region.name))).and_then(|report| report.word);
        let words: Vec<Word> = own.word.into_iter().chain(of_region).collect();
        let by_feed = words.iter().any(|word| matches!(word, Word::Drain | Word::Maint | Word::Stopped));
        let by_feed = by_feed || own.weight_percent == Some(0);
        // Where a part is drained and the whole forced up, either may count.
        let is_open = is_forced_up && is_partly_drained;
        let is_forbidden = !of.enabled || !region.enabled || is_forced_down || (by_feed && !is_forced_up);
        let is_up = match () {
            () if is_open => None,
            () if is_forced_up => Some(true),
            () if words.contains(&Word::Down) => Some(false),
            () => match self.status(plan, pool, member) {
                Status::Up => Some(true),
                Status::Down => Some(false),
                Status::Unknown => None,
            },
        };
        Judged { is_forbidden, is_up }
    }

    /// All that was told of a member, for messages.
    pub fn told(&self, plan: &Plan, who: Who) -> String {
        let Some((pool, at)) = plan.member(who) else { return String::new() };
        let spec = &plan.inputs.pools[pool];
        let region = &plan.inputs.regions[spec.members[at].region.index()].name;
        let target = target_name(&spec.members[at].target);
        let said: Vec<_> = self.said.iter().filter(|said| said.place.covers(&spec.name, region, &target)).collect();
        let member = Subject::Member { pool: Arc::clone(&spec.name), target };
        let reports = [member, Subject::Region(Arc::clone(region))].map(|subject| self.reports.get(&subject).copied());
        let targets = plan.inputs.member_targets[pool][at].iter().map(|key| (key.to_string(), self.statuses.get(key)));
        let targets: Vec<_> = targets.collect();
        format!("operators: {said:?}\nreports: {reports:?}\ntargets: {targets:?}\n{:?}", spec.members[at])
    }

    /// Notes since when what is so.
    pub fn keep_times(&mut self, plan: &Plan, now: UnixTime) {
        let before = std::mem::take(&mut self.forbidden_since);
        for (pool, spec) in plan.inputs.pools.iter().enumerate() {
            for (at, member) in spec.members.iter().enumerate() {
                let judged = self.judge(plan, pool, at, now);
                let who = who_is(pool, member);
                if judged.is_forbidden {
                    let key = (who, is_v6(member));
                    self.forbidden_since.insert(key, before.get(&key).copied().unwrap_or(now));
                } else if judged.is_up != Some(false) {
                    self.last_up.insert((pool, who.region), now);
                }
            }
        }
    }
}

/// Whether a member is of the second family.
pub fn is_v6(member: &azimuth::steering::spec::Member) -> bool {
    matches!(member.target, azimuth::steering::spec::MemberTarget::Address(std::net::IpAddr::V6(_)))
}
