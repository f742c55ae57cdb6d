//! One change: understood, judged, kept, put in force, logged and answered.

use super::file::{self, OrderForm};
use super::request::{Done, Kind, MemberName, REASON_LEN_MAX, Refused, Request, Verb};
use super::{OperatorHandle, State, log};
use crate::base::{PoolId, UnixTime, suggest};
use crate::snapshot::Current;
use crate::steering::control::guards::{self, PoolNow, Violation};
use crate::steering::control::operator::matching::{Matched, matched, why_nothing};
use crate::steering::control::operator::{Action, Level, OperatorTable, Order, PERCENT_ALL, Pattern, target_text};
use crate::steering::spec::{Guard, Pool, Region};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Longest time that an order may be given: longer ones are given none.
const FOR_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);
/// Shortest one.
const FOR_MIN: Duration = Duration::from_secs(1);
/// Most standing orders that a message lists.
const LISTED_MAX: usize = 12;

impl OperatorHandle {
    /// Does what is asked for; returns when it is kept and in force. Blocks: it writes to the disk.
    pub fn change(&self, request: &Request) -> Result<Done, Refused> {
        let result = match request.action {
            Verb::Drain | Verb::ForceUp | Verb::ForceDown => self.say(request),
            Verb::Undrain | Verb::Clear => self.take_back(request),
            Verb::Failback => self.fail_back(request),
        };
        if let Err(refused) = &result {
            tracing::warn!(
                action = request.action.word(),
                pattern = request.pattern,
                by = by(request),
                error = refused.error,
                guards = ?refused.guards,
                "command of an operator was refused"
            );
        }
        result
    }

    /// What guards of another configuration say against its going live, each in a sentence.
    #[must_use]
    pub fn judge_reload(&self, guards: &[Guard], regions: &[Region], pools: &[Pool]) -> Vec<String> {
        if guards.is_empty() {
            return Vec::new();
        }
        let (table, now, current) = (self.table(), self.now(), self.0.publisher.current());
        let state = pools_now(&current);
        let before = guards::Scene { regions: &current.inputs.regions, pools: &current.inputs.pools, state: &state };
        let violations = guards::judge_reload(before, (guards, regions, pools), &table, now);
        violations.iter().map(Violation::words).collect()
    }

    fn say(&self, request: &Request) -> Result<Done, Refused> {
        let mut state = self.0.state();
        let current = self.0.publisher.current();
        let now = self.0.clock.now();
        let order = order_of(request, now)?;
        let found = meant(&order.pattern, &current)?;
        if order.action.is_partial() {
            check_part(&order, &found, &current)?;
        }
        let mut table = state.table.clone();
        table.expire(now);
        let replaced = table.say(order.clone()).map_err(Refused::mistake)?;
        let violations = match order.action.forbids() {
            true => judge(&state, &table, &current, now),
            false => Vec::new(),
        };
        let said: Vec<String> = violations.iter().map(Violation::words).collect();
        if !said.is_empty() && !request.overrides {
            let refused = Refused::mistake(format!("a guard is against it: {}", said.join("; "))).kind(Kind::Guarded);
            let help =
                "bring another region back first, or drain a part (`--percent 90`); `--override` does it all the same";
            return Err(Refused { guards: said, ..refused }.help(help));
        }
        let mut done = Done { overridden: said, ..self.done(request, &order.pattern, &found, &current) };
        done.notes.extend(notes(&order, &found, &current, &table, now));
        done.removed = replaced.iter().map(OrderForm::from).collect();
        done.remaining = speaking_of(&found, &current, &table, now, Some(&order.pattern));
        done.order = Some(OrderForm::from(&order));
        self.put_in_force(&mut state, table)?;
        log(&order, "command of an operator", "order of an operator is in force");
        for guard in &done.overridden {
            tracing::warn!(pattern = %order.pattern, by = &*order.by, guard, "a guard was overridden");
        }
        self.finish(&mut done, order.action.forbids());
        Ok(done)
    }

    fn take_back(&self, request: &Request) -> Result<Done, Refused> {
        let drains_only = request.action == Verb::Undrain;
        refuse_details(request)?;
        let mut state = self.0.state();
        let current = self.0.publisher.current();
        let now = self.0.clock.now();
        let pattern = pattern_of(request)?;
        let mut table = state.table.clone();
        table.expire(now);
        let removed = table.remove(&pattern, drains_only);
        if removed.is_empty() {
            return Err(nothing_stands(&pattern, drains_only, &table, &current, now));
        }
        // What is no longer configured may be cleared too.
        let found = matched(&pattern, &current.inputs.regions, &current.inputs.pools);
        let mut done = self.done(request, &pattern, &found, &current);
        done.removed = removed.iter().map(OrderForm::from).collect();
        done.remaining = speaking_of(&found, &current, &table, now, None);
        self.put_in_force(&mut state, table)?;
        for order in &removed {
            tracing::info!(
                cause = "command of an operator",
                action = order.action.words(),
                pattern = %order.pattern,
                by = by(request),
                reason = request.reason,
                "order of an operator was taken back"
            );
        }
        self.finish(&mut done, false);
        Ok(done)
    }

    fn fail_back(&self, request: &Request) -> Result<Done, Refused> {
        refuse_details(request)?;
        let current = self.0.publisher.current();
        let pattern = pattern_of(request)?;
        if pattern.level() == Level::Member {
            let refused = Refused::mistake("regions wait for failback, not members");
            return Err(refused.help("write `region/NAME` or `pool/NAME/REGION`"));
        }
        let found = meant(&pattern, &current)?;
        let mut done = self.done(request, &pattern, &found, &current);
        let released = pattern.clone();
        self.0.publisher.release(Box::new(move |pool, region| released.covers_pool_region(pool, region)));
        self.0.publisher.flush();
        tracing::info!(
            cause = "command of an operator",
            pattern = %pattern,
            by = by(request),
            reason = request.reason,
            "regions that wait for failback may come back"
        );
        self.finish(&mut done, false);
        Ok(done)
    }

    /// Keeps a table and puts it in force; nothing has changed after an error.
    fn put_in_force(&self, state: &mut State, table: OperatorTable) -> Result<(), Refused> {
        file::save(&self.0.state_dir, &table, &state.memories).map_err(|error| {
            let path = file::path_of(&self.0.state_dir);
            Refused::mistake(format!("nothing was changed: `{}` cannot be written: {error}", path.display()))
                .kind(Kind::Failed)
                .help("an order that would not survive a restart is not taken; make room on that disk, or see to its rights")
        })?;
        self.0.publisher.operate(Arc::new(table.clone()));
        state.table = table;
        self.0.tell(super::Message::Changed);
        Ok(())
    }

    fn done(&self, request: &Request, pattern: &Pattern, found: &Matched, current: &Current) -> Done {
        let (regions, pools) = (&current.inputs.regions, &current.inputs.pools);
        let members = found.members.iter().map(|(pool, at)| {
            let (pool, member) = (&pools[pool.index()], &pools[pool.index()].members[*at]);
            MemberName {
                pool: pool.name.to_string(),
                region: regions[member.region.index()].name.to_string(),
                target: target_text(&member.target).into_owned(),
            }
        });
        Done {
            node: self.0.node.clone(),
            action: request.action,
            pattern: pattern.to_string(),
            regions: found.regions.iter().map(|region| regions[region.index()].name.to_string()).collect(),
            members: members.collect(),
            order: None,
            removed: Vec::new(),
            remaining: Vec::new(),
            overridden: Vec::new(),
            notes: Vec::new(),
            now: 0,
            longest_ttl: longest_ttl(&found.pools(), current),
            safe_to_stop_at: None,
        }
    }

    /// Once it is live: from now on caches run dry.
    fn finish(&self, done: &mut Done, nothing_is_answered: bool) {
        let now = self.0.clock.now();
        done.now = now.as_secs();
        let dry = now + Duration::from_secs(done.longest_ttl.into());
        done.safe_to_stop_at = nothing_is_answered.then(|| dry.0.div_ceil(1_000_000));
    }
}

fn by(request: &Request) -> &str {
    if request.by.is_empty() { "api" } else { &request.by }
}

fn pattern_of(request: &Request) -> Result<Pattern, Refused> {
    request.pattern.parse().map_err(|error: crate::steering::control::operator::pattern::PatternError| {
        Refused::mistake(error.why).help(error.hint)
    })
}

/// What a pattern means here, which must be something.
fn meant(pattern: &Pattern, current: &Current) -> Result<Matched, Refused> {
    let (regions, pools) = (&current.inputs.regions, &current.inputs.pools);
    let found = matched(pattern, regions, pools);
    if found.is_empty() {
        return Err(Refused::mistake(why_nothing(pattern, regions, pools)).kind(Kind::NothingMatches));
    }
    Ok(found)
}

/// Percentage and time are said of drains and forced states alone.
fn refuse_details(request: &Request) -> Result<(), Refused> {
    let word = request.action.word();
    check_words(request)?;
    match (request.percent, &request.for_time) {
        (None, None) => Ok(()),
        (Some(_), _) => Err(Refused::mistake(format!("a percentage goes with `drain` only, not with `{word}`"))),
        (None, Some(_)) => Err(Refused::mistake(format!("`{word}` takes no time: it is done once"))),
    }
}

/// What goes into the log and the file is one line of sensible length.
fn check_words(request: &Request) -> Result<(), Refused> {
    for (what, text) in [("the reason", &request.reason), ("who asks", &request.by)] {
        if text.chars().count() > REASON_LEN_MAX {
            return Err(Refused::mistake(format!("{what} is longer than {REASON_LEN_MAX} characters")));
        }
        if let Some(odd) = text.chars().find(|c| c.is_control()) {
            return Err(Refused::mistake(format!("`{}` must not be in {what}: write one line", odd.escape_debug())));
        }
    }
    Ok(())
}

fn order_of(request: &Request, now: UnixTime) -> Result<Order, Refused> {
    check_words(request)?;
    let action = match (request.action, request.percent) {
        (Verb::Drain, percent) => Action::Drain { percent: percent.unwrap_or(PERCENT_ALL) },
        (Verb::ForceUp, None) => Action::ForceUp,
        (_, None) => Action::ForceDown,
        (_, Some(_)) => return Err(Refused::mistake("a percentage goes with `drain` only")),
    };
    let until = match request.for_time.as_deref().map(crate::config::duration) {
        None => None,
        Some(Err(why)) => return Err(Refused::mistake(format!("how long: {why}"))),
        Some(Ok(time)) if (FOR_MIN..=FOR_MAX).contains(&time) => Some(now + time),
        Some(Ok(_)) => {
            return Err(Refused::mistake("an order is given for a second at least, and for ten years at most")
                .help("without a time it stands until it is taken back"));
        }
    };
    let order = Order {
        pattern: pattern_of(request)?,
        action,
        since: now,
        until,
        reason: request.reason.as_str().into(),
        by: by(request).into(),
    };
    order.check().map_err(Refused::mistake)?;
    Ok(order)
}

/// A part of a region is drained where policies split clients, and where they can go somewhere else.
fn check_part(order: &Order, found: &Matched, current: &Current) -> Result<(), Refused> {
    if order.pattern.level() == Level::Member {
        return Ok(());
    }
    let (pools, mut unable) = (found.pools(), BTreeSet::new());
    for (pool, policy) in current.pairs.iter().filter(|(pool, _)| pools.contains(pool)) {
        let policy = &current.inputs.policies[policy.index()];
        if !policy.percentage_drain {
            unable.insert((&*policy.name, &*current.inputs.pools[pool.index()].name));
        }
    }
    if let Some((policy, _)) = unable.first() {
        let listed: Vec<String> =
            unable.iter().map(|(policy, pool)| format!("`{policy}` (pool `{pool}`)")).take(LISTED_MAX).collect();
        let error =
            format!("a part of a region is drained only under policies that allow it, unlike {}", listed.join(", "));
        return Err(Refused::mistake(error).help(format!(
            "set `percentage_drain = true` under `[policy.{policy}]` and reload (the ECS scope of its answers becomes /16 and \
             /32 at least); or drain members by a part, or the region whole"
        )));
    }
    if order.pattern.level() == Level::PoolRegion {
        for pool in &pools {
            let pool = &current.inputs.pools[pool.index()];
            if pool.members.iter().all(|member| found.regions.contains(&member.region)) {
                let error = format!("`{}` means every region of pool `{}`", order.pattern, pool.name);
                return Err(
                    Refused::mistake(error).help("a part of some regions is drained so that the others take it")
                );
            }
        }
    }
    Ok(())
}

/// How all pools stand, by id. Of several policies over one pool the strictest counts; a pool that is not steered has nothing
/// that could be lost.
fn pools_now(current: &Current) -> Vec<PoolNow> {
    let mut pools = vec![PoolNow::default(); current.inputs.pools.len()];
    for (number, (pool, policy)) in current.pairs.iter().enumerate() {
        let known = &mut pools[pool.index()];
        let members = current.snapshot.pool_answers.get(number).states();
        if known.members.is_empty() {
            known.members = members.to_vec();
        }
        for (known, member) in known.members.iter_mut().zip(members) {
            known.enabled &= member.enabled;
        }
        known.min_healthy = known.min_healthy.max(current.inputs.policies[policy.index()].min_healthy);
    }
    pools
}

fn judge(state: &State, proposed: &OperatorTable, current: &Current, now: UnixTime) -> Vec<Violation> {
    if state.guards.is_empty() {
        return Vec::new();
    }
    let (regions, pools) = (&current.inputs.regions, &current.inputs.pools);
    guards::judge(&state.guards, regions, pools, &pools_now(current), proposed, now)
}

/// What an operator should know who has asked for this.
fn notes(order: &Order, found: &Matched, current: &Current, table: &OperatorTable, now: UnixTime) -> Vec<String> {
    let mut notes = Vec::new();
    if found.members.is_empty() {
        notes.push("no pool has members there".to_owned());
    }
    if !order.action.forbids() {
        return notes;
    }
    let regions = &current.inputs.regions;
    let steered: BTreeSet<PoolId> = current.pairs.iter().map(|(pool, _)| *pool).collect();
    for pool in found.pools().intersection(&steered) {
        let pool = &current.inputs.pools[pool.index()];
        let answers = pool.members.iter().any(|member| {
            let region = &regions[member.region.index()];
            let admin = table.admin_of_member(&pool.name, &region.name, &target_text(&member.target), now);
            member.enabled && region.enabled && !admin.forbids()
        });
        if !answers {
            notes.push(format!("nothing of pool `{}` may be answered now: its names have no address", pool.name));
        }
    }
    notes
}

/// The orders, but for one, that speak of any of these members or regions.
fn speaking_of(
    found: &Matched,
    current: &Current,
    table: &OperatorTable,
    now: UnixTime,
    except: Option<&Pattern>,
) -> Vec<OrderForm> {
    let (regions, pools) = (&current.inputs.regions, &current.inputs.pools);
    let speaks = |order: &&Order| {
        let pattern = &order.pattern;
        let of_region = found.regions.iter().any(|region| pattern.names_region(&regions[region.index()].name));
        let of_member = |(pool, at): &(PoolId, usize)| {
            let (pool, member) = (&pools[pool.index()], &pools[pool.index()].members[*at]);
            pattern.covers_member(&pool.name, &regions[member.region.index()].name, &target_text(&member.target))
        };
        except != Some(pattern) && (of_region || found.members.iter().any(of_member))
    };
    table.active(now).filter(speaks).map(OrderForm::from).collect()
}

/// The longest TTL that names over these pools are answered with, in seconds.
fn longest_ttl(pools: &BTreeSet<PoolId>, current: &Current) -> u32 {
    let balances = current.snapshot.balances.iter().flatten();
    let concerned = balances.filter(|balance| {
        current.pairs.get(balance.pool_answers as usize).is_some_and(|(pool, _)| pools.contains(pool))
    });
    concerned.map(|balance| balance.ttl.max).max().unwrap_or(0)
}

/// Why there is nothing to take back.
fn nothing_stands(
    pattern: &Pattern,
    drains_only: bool,
    table: &OperatorTable,
    current: &Current,
    now: UnixTime,
) -> Refused {
    let what = if drains_only { "drain" } else { "order" };
    let refused = Refused::mistake(format!("no {what} stands for `{pattern}`")).kind(Kind::NothingMatches);
    let found = matched(pattern, &current.inputs.regions, &current.inputs.pools);
    let speaking = speaking_of(&found, current, table, now, None);
    let (regions, pools) = (&current.inputs.regions, &current.inputs.pools);
    let is_wider = |order: &&OrderForm| {
        let wider = matched(&order.pattern.0, regions, pools);
        order.pattern.0.level() <= pattern.level()
            && found.members.iter().all(|member| wider.members.contains(member))
            && wider.regions.is_superset(&found.regions)
    };
    if let Some(other) = speaking.iter().find(is_wider) {
        let (other, word) = (&other.pattern.0, if drains_only { "undrain" } else { "clear" });
        return refused.help(format!(
            "`{other}` speaks of the same: `azimuth {word} '{other}'` takes that back as a whole; say again then what shall \
             stand of it"
        ));
    }
    let standing: Vec<String> = table.active(now).map(|order| order.pattern.to_string()).collect();
    let text = pattern.to_string();
    if let Some(near) = suggest::nearest(&text, standing.iter().map(String::as_str)) {
        return refused.help(format!("did you mean `{near}`?"));
    }
    match standing.as_slice() {
        [] => refused.help("no order stands at all"),
        standing => {
            let listed: Vec<String> = standing.iter().take(LISTED_MAX).map(|text| format!("`{text}`")).collect();
            refused.help(format!("orders stand for {}", listed.join(", ")))
        }
    }
}
