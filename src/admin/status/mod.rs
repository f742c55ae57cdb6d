//! How everything stands: configured, by monitors, by operators and feeds, and in effect. Reads only.

pub mod rates;
pub mod report;
mod words;

use super::AdminState;
use super::feeds::Feeds;
use super::operate::file::OrderForm;
use crate::base::{RegionId, UnixTime};
use crate::health::{Report, Status, Subject, TargetKey, TargetState};
use crate::snapshot::{Current, PairCourse};
use crate::steering::condition::{MemberState, PoolCondition};
use crate::steering::control::operator::matching::{Matched, matched, why_nothing};
use crate::steering::control::operator::{OperatorTable, Order, Pattern, target_text};
use crate::steering::control::{Course, RegionCourse};
use crate::steering::spec::{self, MemberTarget, RequiredMonitor};
use rates::Counted;
use report::{Load, Member, Monitor, Pool, PoolRegion, Region};
use std::sync::Arc;
use std::time::Instant;

/// Everything that is looked at, at one moment.
struct View<'a> {
    state: &'a AdminState,
    current: Arc<Current>,
    table: Arc<OperatorTable>,
    /// What is going on, by number of pool and policy.
    courses: Vec<PairCourse>,
    now: UnixTime,
    counted: Counted,
    feeds: Feeds,
    /// What is asked about; everything where nothing is said.
    asked: Option<Matched>,
}

/// The status of what a pattern means, or of everything. The error says why a pattern means nothing.
pub fn status(state: &AdminState, pattern: Option<&Pattern>) -> Result<report::Status, String> {
    let current = state.publisher.current();
    let inputs = &current.inputs;
    let asked = pattern.map(|pattern| matched(pattern, &inputs.regions, &inputs.pools));
    if let (Some(pattern), Some(found)) = (pattern, &asked)
        && found.is_empty()
    {
        return Err(why_nothing(pattern, &inputs.regions, &inputs.pools));
    }
    let operator = state.operator.get();
    let now = operator.map_or_else(|| crate::probe::Clock::anchored().now(), |operator| operator.now());
    let view = View {
        state,
        table: state.publisher.operator(),
        courses: state.publisher.courses(),
        feeds: Feeds::known(&state.feeds),
        counted: state.rates.counted(&state.publisher.totals(), Instant::now()),
        now,
        asked,
        current: Arc::clone(&current),
    };
    Ok(report::Status {
        node: operator.map_or_else(String::new, |operator| operator.node().to_owned()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now: now.as_secs(),
        generation: current.snapshot.generation,
        counted_seconds: view.counted.over.as_secs_f64(),
        regions: view.regions(),
        pools: (0..inputs.pools.len()).filter_map(|pool| view.pool(pool)).collect(),
        orders: view.table.active(now).map(OrderForm::from).collect(),
    })
}

impl View<'_> {
    fn region_name(&self, region: RegionId) -> &Arc<str> {
        &self.current.inputs.regions[region.index()].name
    }

    fn report(&self, subject: &Subject) -> Report {
        self.state.publisher.report(subject).unwrap_or_default()
    }

    fn regions(&self) -> Vec<Region> {
        let inputs = &self.current.inputs;
        let mut counts = vec![(0, 0); inputs.regions.len()];
        for (pool, spec) in inputs.pools.iter().enumerate() {
            let Some((_, condition)) = self.condition_of(pool) else { continue };
            for (member, state) in spec.members.iter().zip(&condition.members) {
                let (available, all) = &mut counts[member.region.index()];
                *available += usize::from(is_available(state));
                *all += 1;
            }
        }
        let regions = (0_u16..).map(RegionId).zip(&inputs.regions).zip(counts);
        let asked = regions.filter(|((id, _), _)| self.asked.as_ref().is_none_or(|asked| asked.regions.contains(id)));
        asked
            .map(|((_, region), (members_available, members))| {
                let report = self.report(&Subject::Region(Arc::clone(&region.name)));
                let admin = self.table.admin_of_region(&region.name, self.now);
                let orders = self.table.active(self.now).filter(|order| order.pattern.names_region(&region.name));
                Region {
                    name: region.name.to_string(),
                    enabled: region.enabled,
                    state: words::of_region(region.enabled, admin, &report),
                    orders: shown(orders),
                    load: load_of(&report),
                    feeds: self.feeds.of(&Subject::Region(Arc::clone(&region.name))),
                    members_available,
                    members,
                }
            })
            .collect()
    }

    /// The first policy that steers a pool, and the pool's condition under it.
    fn condition_of(&self, pool: usize) -> Option<(usize, &PoolCondition)> {
        let number = self.current.pairs.iter().position(|(id, _)| id.index() == pool)?;
        Some((number, self.current.snapshot.pool_answers.get(number).condition()))
    }

    fn pool(&self, number: usize) -> Option<Pool> {
        let inputs = &self.current.inputs;
        let spec = &inputs.pools[number];
        let is_asked = |at: usize| {
            self.asked
                .as_ref()
                .is_none_or(|asked| asked.members.iter().any(|(pool, member)| (pool.index(), *member) == (number, at)))
        };
        let members: Vec<usize> = (0..spec.members.len()).filter(|at| is_asked(*at)).collect();
        if members.is_empty() {
            return None;
        }
        let mut regions: Vec<RegionId> = members.iter().map(|at| spec.members[*at].region).collect();
        regions.sort_unstable();
        regions.dedup();
        let policies = self.current.pairs.iter().filter(|(pool, _)| pool.index() == number);
        let policies = policies.map(|(_, policy)| inputs.policies[policy.index()].name.to_string()).collect();
        let lately = self.sum(&self.counted.answers, &spec.name);
        let seconds = self.counted.over.as_secs_f64();
        let in_region = |region: RegionId| {
            let members: Vec<usize> = members.iter().copied().filter(|at| spec.members[*at].region == region).collect();
            self.pool_region(number, region, &members, lately)
        };
        Some(Pool {
            name: spec.name.to_string(),
            policies,
            answers: self.sum(&self.counted.totals, &spec.name),
            at_least: spec.at_least,
            answers_per_second: (seconds >= 1.0).then(|| lately as f64 / seconds),
            regions: regions.into_iter().map(in_region).collect(),
        })
    }

    /// The answers of a pool from all regions, and from none.
    fn sum(&self, answers: &std::collections::HashMap<(Arc<str>, Option<Arc<str>>), u64>, pool: &Arc<str>) -> u64 {
        answers.iter().filter(|((name, _), _)| name == pool).map(|(_, count)| count).sum()
    }

    fn pool_region(&self, pool: usize, region: RegionId, members: &[usize], of_pool: u64) -> PoolRegion {
        let spec = &self.current.inputs.pools[pool];
        let name = self.region_name(region);
        let names = (Arc::clone(&spec.name), Some(Arc::clone(name)));
        let condition = self.condition_of(pool);
        let state = condition.map(|(_, condition)| condition.regions.of(region)).unwrap_or_default();
        let available = condition.is_some_and(|(number, _)| {
            let policy = &self.current.inputs.policies[self.current.pairs[number].1.index()];
            words::is_healthy(spec, region, self.current.snapshot.pool_answers.get(number).states(), policy.min_healthy)
        });
        let course = condition.and_then(|(number, _)| self.courses.get(number));
        let course = course.and_then(|course| course.regions.iter().find(|known| known.region == region));
        let course = course.map_or(Course::Steady, RegionCourse::in_effect);
        let lately = self.counted.answers.get(&names).copied().unwrap_or(0);
        let admin = self.table.admin_of_pool_region(&spec.name, name, self.now);
        let orders = self.table.active(self.now).filter(|order| order.pattern.covers_pool_region(&spec.name, name));
        PoolRegion {
            name: name.to_string(),
            state: words::of_pool_region(condition.is_some(), available, admin, course),
            course: words::of_course(course, self.now),
            available,
            orders: shown(orders),
            shed: state.shed.as_f64(),
            answers: self.counted.totals.get(&names).copied().unwrap_or(0),
            share: (of_pool > 0).then(|| lately as f64 / of_pool as f64),
            members: members.iter().map(|at| self.member(pool, *at)).collect(),
        }
    }

    fn member(&self, pool: usize, at: usize) -> Member {
        let inputs = &self.current.inputs;
        let (spec, member) = (&inputs.pools[pool], &inputs.pools[pool].members[at]);
        let target = target_text(&member.target);
        let region = self.region_name(member.region);
        let keys = inputs.member_targets.get(pool).and_then(|members| members.get(at)).map_or(&[][..], Vec::as_slice);
        let known: Vec<(&TargetKey, TargetState)> =
            keys.iter().map(|key| (key, self.state.publisher.target_state(key).unwrap_or_default())).collect();
        let (monitored, wavering) = words::verdict(spec, &known);
        let monitors: Vec<Monitor> = (known.iter().enumerate())
            .map(|(number, (key, state))| monitor(spec.monitors.get(number), key, state))
            .collect();
        let since = monitors.iter().filter(|monitor| !monitor.watch_only && monitor.since > 0);
        let since = since.map(|monitor| monitor.since).max();
        // An inverted one fails when all is well.
        let last_error = monitors.iter().filter(|monitor| !monitor.watch_only && !monitor.inverted);
        let last_error = last_error.filter_map(|monitor| monitor.last_error.clone()).next();
        let subject = Subject::Member { pool: Arc::clone(&spec.name), target: Arc::from(&*target) };
        let report = self.report(&subject);
        let of_region = self.report(&Subject::Region(Arc::clone(region)));
        let admin = self.table.admin_of_member(&spec.name, region, &target, self.now);
        let enabled = member.enabled && inputs.regions[member.region.index()].enabled;
        let condition = self.condition_of(pool).map(|(_, condition)| condition);
        let state = condition.and_then(|condition| condition.members.get(at)).copied();
        Member {
            enabled,
            weight: member.weight,
            monitored: if keys.is_empty() { "unmonitored".to_owned() } else { monitored.to_string() },
            wavering,
            state: words::of_member(enabled, admin, &report, &of_region, state),
            available: state.is_some_and(|state| is_available(&state)),
            since,
            latency_ms: known.iter().filter_map(|(_, state)| state.latency).max().map(|time| time.as_secs_f64() * 1e3),
            last_error,
            warning: monitors.iter().find_map(|monitor| monitor.warning.clone()),
            load: load_of(&report),
            feeds: self.feeds.of(&subject),
            share_by_weight: condition.and_then(|condition| share(spec, condition, at)),
            orders: shown(self.table.of_member(&spec.name, region, &target, self.now)),
            monitors,
            target: target.into_owned(),
        }
    }
}

/// Whether a member may be answered and is up.
fn is_available(state: &MemberState) -> bool {
    state.enabled && state.status == Status::Up
}

/// The orders as they are shown, the strongest first.
fn shown<'a>(orders: impl Iterator<Item = &'a Order>) -> Vec<OrderForm> {
    let mut orders: Vec<&Order> = orders.collect();
    orders.sort_by_key(|order| std::cmp::Reverse(order.action.admin()));
    orders.into_iter().map(OrderForm::from).collect()
}

fn monitor(required: Option<&RequiredMonitor>, key: &TargetKey, state: &TargetState) -> Monitor {
    let said = |text: &Arc<str>| (!text.is_empty()).then(|| text.to_string());
    Monitor {
        inverted: required.is_some_and(|required| required.inverted),
        watch_only: required.is_some_and(|required| required.watch_only),
        against: required.map_or(state.status, |required| required.taken(state.status)) != Status::Up,
        warning: said(&state.warning),
        name: key.monitor.to_string(),
        target: key.endpoint.to_string(),
        status: state.status.to_string(),
        since: state.since.as_secs(),
        last_error: said(&state.last_error),
    }
}

fn load_of(report: &Report) -> Option<Load> {
    let load = &report.load;
    let load = Load {
        utilisation: load.utilisation,
        connections: load.connections,
        requests: load.requests,
        bandwidth: load.bandwidth,
        packets: load.packets,
        response_time: load.response_time,
    };
    (load != Load::default()).then_some(load)
}

/// A member's share of what its region answers in its family, by weights now.
fn share(spec: &spec::Pool, condition: &PoolCondition, at: usize) -> Option<f64> {
    let family = |target: &MemberTarget| match target {
        MemberTarget::Address(address) => Some(address.is_ipv4()),
        MemberTarget::Name { .. } => None,
    };
    let of = &spec.members[at];
    let own = condition.members.get(at).filter(|state| is_available(state))?;
    let members = spec.members.iter().zip(&condition.members);
    let alike = members.filter(|(member, state)| {
        member.region == of.region && family(&member.target) == family(&of.target) && is_available(state)
    });
    let sum: u64 = alike.map(|(_, state)| u64::from(state.weight.max(1))).sum();
    Some(f64::from(own.weight.max(1)) / sum.max(1) as f64)
}
