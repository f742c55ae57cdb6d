//! One change: understood, judged, kept, put in force, logged and answered.

use super::caches::longest_ttl;
use super::file::{self, OrderForm};
use super::judge::judge;
use super::request::{Done, Kind, MemberName, REASON_LEN_MAX, Refused, Request, Verb};
use super::{OperatorHandle, State, log};
use crate::base::{PoolId, UnixTime, suggest};
use crate::snapshot::{Current, PairMemory};
use crate::steering::control::guards::Violation;
use crate::steering::control::operator::matching::{Matched, matched, why_nothing};
use crate::steering::control::operator::{Action, Level, OperatorTable, Order, PERCENT_ALL, Pattern, target_text};
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
            return Err(Refused { guards: said, ..refused }.help(guard_help(&order)));
        }
        let mut done = Done { overridden: said, ..self.done(request, &order.pattern, &found, &current) };
        done.notes.extend(notes(&order, &found, &current, &table, now));
        done.removed = replaced.iter().map(OrderForm::from).collect();
        done.remaining = speaking_of(&found, &current, &table, now, Some(&order.pattern));
        done.order = Some(OrderForm::from(&order));
        self.put_in_force(&mut state, table)?;
        if let Some(replaced) = &replaced {
            log(replaced, "a later command on the same pattern", "order of an operator has ended");
        }
        log(&order, "command of an operator", "order of an operator is in force");
        for guard in &done.overridden {
            tracing::warn!(pattern = %order.pattern, by = &*order.by, guard, "a guard was overridden");
        }
        match order.action.forbids() {
            true => self.finish(&mut done, &state, &found.pools(), &current),
            false => done.now = self.0.clock.now().as_secs(),
        }
        Ok(done)
    }

    /// Keeps a table and puts it in force; nothing has changed after an error.
    fn put_in_force(&self, state: &mut State, table: OperatorTable) -> Result<(), Refused> {
        let memories = state.memories.clone();
        self.put_in_force_with(state, table, memories)
    }

    /// As [`Self::put_in_force`], and keeps other memories.
    pub(super) fn put_in_force_with(
        &self,
        state: &mut State,
        table: OperatorTable,
        memories: Vec<PairMemory>,
    ) -> Result<(), Refused> {
        file::save(&self.0.state_dir, &table, &memories).map_err(|error| {
            let path = file::path_of(&self.0.state_dir);
            Refused::mistake(format!("nothing was changed: `{}` cannot be written: {error}", path.display()))
                .kind(Kind::Failed)
                .help("an order that would not survive a restart is not taken; make room on that disk, or see to its rights")
        })?;
        self.0.publisher.operate(Arc::new(table.clone()));
        (state.table, state.memories) = (table, memories);
        self.0.tell(super::Message::Changed);
        Ok(())
    }

    pub(super) fn done(&self, request: &Request, pattern: &Pattern, found: &Matched, current: &Current) -> Done {
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
            longest_ttl: longest_ttl(current, &found.pools()),
            safe_to_stop_at: None,
        }
    }

    /// Once it is live: from now on caches run dry of what was answered of these pools.
    fn finish(&self, done: &mut Done, state: &State, pools: &BTreeSet<PoolId>, current: &Current) {
        let now = self.0.clock.now();
        done.now = now.as_secs();
        let names = pools.iter().map(|pool| &*current.inputs.pools[pool.index()].name);
        let dry = state.dry.at(names, done.longest_ttl, now);
        let ends = done.order.as_ref().and_then(|order| order.until);
        done.safe_to_stop_at = Some(dry.0.div_ceil(1_000_000)).filter(|dry| ends.is_none_or(|ends| *dry < ends));
        if done.safe_to_stop_at.is_none() {
            done.notes.push(
                "it ends before the last answer has left all caches: it is never safe to stop the servers".into(),
            );
        }
        // An earlier configuration may have given longer ones.
        done.longest_ttl = u32::try_from(dry.since(now).as_micros().div_ceil(1_000_000)).unwrap_or(u32::MAX);
    }
}

/// What an operator may do whom a guard stops. A whole pool has no parts that could be drained.
const fn guard_help(order: &Order) -> &'static str {
    match order.pattern.level() {
        Level::Pool => {
            "take out some of its regions instead (`pool/NAME/REGION`), or bring others back first; `--override` does it all \
             the same"
        }
        Level::Region | Level::PoolRegion | Level::Member => {
            "bring another region back first, or drain a part (`drain --percent 90`); `--override` does it all the same"
        }
    }
}

pub(super) fn by(request: &Request) -> &str {
    if request.by.is_empty() { "api" } else { &request.by }
}

pub(super) fn pattern_of(request: &Request) -> Result<Pattern, Refused> {
    request.pattern.parse().map_err(|error: crate::steering::control::operator::pattern::PatternError| {
        Refused::mistake(error.why).help(error.hint)
    })
}

/// What a pattern means here, which must be something.
pub(super) fn meant(pattern: &Pattern, current: &Current) -> Result<Matched, Refused> {
    let (regions, pools) = (&current.inputs.regions, &current.inputs.pools);
    let found = matched(pattern, regions, pools);
    if found.is_empty() {
        return Err(Refused::mistake(why_nothing(pattern, regions, pools)).kind(Kind::NothingMatches));
    }
    Ok(found)
}

/// Percentage and time are said of drains and forced states alone.
pub(super) fn refuse_details(request: &Request) -> Result<(), Refused> {
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
    notes.extend(answered_elsewhere(found, current, &steered, table, now));
    notes
}

/// Of what is no longer answered here: which other pools answer it still, so that it must not be stopped yet.
fn answered_elsewhere(
    found: &Matched,
    current: &Current,
    steered: &BTreeSet<PoolId>,
    table: &OperatorTable,
    now: UnixTime,
) -> Vec<String> {
    let (regions, pools) = (&current.inputs.regions, &current.inputs.pools);
    let targets: BTreeSet<_> =
        found.members.iter().map(|(pool, at)| target_text(&pools[pool.index()].members[*at].target)).collect();
    let ours: BTreeSet<&(PoolId, usize)> = found.members.iter().collect();
    let mut notes = Vec::new();
    for id in steered {
        let pool = &pools[id.index()];
        let answered = pool.members.iter().enumerate().filter_map(|(at, member)| {
            let (region, target) = (&regions[member.region.index()], target_text(&member.target));
            let is_other = targets.contains(&target) && !ours.contains(&(*id, at));
            let is_answered = is_other
                && member.enabled
                && region.enabled
                && !table.admin_of_member(&pool.name, &region.name, &target, now).forbids();
            is_answered.then(|| format!("`{target}`"))
        });
        let listed: Vec<String> = answered.take(LISTED_MAX).collect();
        if !listed.is_empty() {
            notes.push(format!(
                "pool `{}` answers {} still, which this does not speak of",
                pool.name,
                listed.join(", ")
            ));
        }
    }
    notes.truncate(LISTED_MAX);
    notes
}

/// The orders, but for one, that speak of any of these members or regions.
pub(super) fn speaking_of(
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

/// Why there is nothing to take back.
pub(super) fn nothing_stands(
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
