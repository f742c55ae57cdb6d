//! Zones and their balanced names: pools and policies by id, and whether the two go together.

use super::names::Names;
use super::transfers::{self, KeyNames};
use super::{fallback, fences, region_id};
use crate::base::{Diagnostic, PolicyId, PoolId, RegionId, Span};
use crate::config::ZoneConfig;
use crate::config::report::Report;
use crate::config::spec::{BalanceTable, Definition, PolicyTable, PoolTable, ZoneTable};
use crate::steering::spec::{AllDown, BalanceSpec, MemberTarget, Order, Policy, Pool, Region, Spread};
use crate::wire::Name;
use crate::zone::{BalancedOwner, ZoneSpec};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What balanced names are checked against.
pub struct Context<'a> {
    /// The keys that zones may name.
    pub keys: &'a KeyNames<'a>,
    /// By id.
    pub regions: &'a [Definition<Region>],
    /// By id.
    pub pools: &'a [Pool],
    /// The same pools as they were typed.
    pub pool_tables: &'a [Definition<PoolTable>],
    /// Names of pools.
    pub pool_names: &'a Names,
    /// By id.
    pub policies: &'a [Policy],
    /// The policies that are defined, as they were typed.
    pub policy_tables: &'a [Definition<PolicyTable>],
    /// Names of policies.
    pub policy_names: &'a Names,
}

/// Builds all zones. One whose name or file is missing is left out; that is reported.
pub fn build(tables: &[Definition<ZoneTable>], context: &Context<'_>, report: &mut Report) -> Vec<ZoneConfig> {
    check_distinct(tables, report);
    let apexes: HashSet<&Name> = tables.iter().filter_map(|zone| zone.table.apex.as_ref()).collect();
    let mut used = BTreeMap::new();
    let mut zones = Vec::with_capacity(tables.len());
    for definition in tables {
        zones.extend(build_zone(&definition.table, &apexes, context, &mut used, report));
    }
    fences::check(&used, context, report);
    // Where something could not be read, what follows from its absence is not worth a warning.
    if !report.has_errors() {
        check_coordinates(&used, context, report);
        fallback::check(&used, context, report);
    }
    zones
}

fn check_distinct(tables: &[Definition<ZoneTable>], report: &mut Report) {
    let mut first: HashMap<&Name, &Definition<ZoneTable>> = HashMap::with_capacity(tables.len());
    for definition in tables {
        let Some(apex) = &definition.table.apex else { continue };
        match first.get(apex) {
            Some(earlier) if !definition.defined.repeated => {
                let message = format!("zone `{apex}` is defined twice");
                let diagnostic = Diagnostic::error(message)
                    .at(definition.defined.name.span, "defined again here")
                    .at(earlier.defined.name.span, "first defined here");
                report.push(diagnostic.hint("letter case and a final dot make no difference"));
            }
            Some(_) => {}
            None => {
                first.insert(apex, definition);
            }
        }
    }
}

fn build_zone(
    table: &ZoneTable,
    apexes: &HashSet<&Name>,
    context: &Context<'_>,
    used: &mut BTreeMap<(PoolId, PolicyId), Span>,
    report: &mut Report,
) -> Option<ZoneConfig> {
    let mut owners: HashMap<&Name, &BalanceTable> = HashMap::new();
    let (mut balanced, mut balances) = (Vec::new(), Vec::new());
    for balance in &table.balances {
        let pool = balance.pool.as_ref().and_then(|name| context.pool_names.find(name, report));
        let policy = match &balance.policy {
            Some(name) => context.policy_names.find(name, report),
            // `closest` is the first of the policies that need no definition.
            None => Some(0),
        };
        let Some(owner) = &balance.owner else { continue };
        if let Some(first) = owners.get(owner) {
            let message = format!("`{owner}` is balanced twice");
            report.push(Diagnostic::error(message).at(balance.span, "").at(first.span, "first here"));
            continue;
        }
        owners.insert(owner, balance);
        if let Some(apex) = &table.apex {
            check_below_zone(balance, owner, apex, apexes, report);
        }
        let (Some(pool), Some(policy)) = (pool, policy) else { continue };
        check_together(balance, owner, table.apex.as_ref(), &context.pools[pool], &context.policies[policy], report);
        let id = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        let spec = BalanceSpec { pool: PoolId(id(pool)), policy: PolicyId(id(policy)), ttl: balance.ttl };
        used.entry((spec.pool, spec.policy)).or_insert(balance.span);
        // At the apex that is refused already: the zone need not tell it again.
        let answers_cname = is_names(&context.pools[pool]) && table.apex.as_ref() != Some(owner);
        balanced.push(BalancedOwner { owner: owner.clone(), answers_cname, span: Some(balance.span) });
        balances.push(spec);
    }
    let file = table.file.as_ref()?;
    let spec = ZoneSpec { apex: table.apex.clone()?, file: file.value.clone(), span: Some(file.span), balanced };
    let transfers = transfers::build(table, !spec.balanced.is_empty(), context.keys, report);
    Some(ZoneConfig { spec, balances, transfers })
}

/// A name below the apex of another zone of ours is answered from that one.
fn check_below_zone(balance: &BalanceTable, owner: &Name, apex: &Name, apexes: &HashSet<&Name>, report: &mut Report) {
    let mut ancestor = owner.clone();
    while ancestor != *apex {
        if apexes.contains(&ancestor) {
            let message = format!("`{owner}` belongs to the zone `{ancestor}`, which is configured too");
            report.push(Diagnostic::error(message).at(balance.span, "").hint("move it to that zone"));
            return;
        }
        let Some(parent) = ancestor.parent() else { return };
        ancestor = parent;
    }
}

fn is_names(pool: &Pool) -> bool {
    pool.members.iter().any(|member| matches!(member.target, MemberTarget::Name { .. }))
}

/// Checks a balanced name's pool and policy against each other and against the name.
fn check_together(
    balance: &BalanceTable,
    owner: &Name,
    apex: Option<&Name>,
    pool: &Pool,
    policy: &Policy,
    report: &mut Report,
) {
    let span = balance.span;
    let refuse = |report: &mut Report, message: String, hint: &str| {
        report.push(Diagnostic::error(message).at(span, "").hint(hint));
    };
    if is_names(pool) {
        if apex == Some(owner) {
            let message = format!("pool `{}` holds names, and a CNAME cannot stand at the origin of a zone", pool.name);
            refuse(report, message, "balance the origin with a pool of addresses");
        }
        if policy.spread == Spread::All || policy.answers.is_some_and(|answers| answers > 1) {
            let message = format!(
                "policy `{}` answers several members at once, and a name has one CNAME only (pool `{}` holds names)",
                policy.name, pool.name
            );
            refuse(report, message, "use a policy with `answers = 1` and another `spread` than \"all\"");
        }
        if matches!(policy.all_down, AllDown::Fallback(_)) {
            let message = format!(
                "policy `{}` falls back to addresses, which cannot stand in for the names of pool `{}`",
                policy.name, pool.name
            );
            refuse(report, message, "use a policy with another `all_down`");
        }
        let to_itself = pool.members.iter().any(|member| {
            let MemberTarget::Name { wire, .. } = &member.target else { return false };
            wire.eq_ignore_ascii_case(owner.as_wire())
        });
        if to_itself {
            let message = format!("pool `{}` leads `{owner}` to itself", pool.name);
            refuse(report, message, "a CNAME must lead to another name");
        }
    }
    // Whatever is missing in a pool was reported there.
    if let Some(fence) = &policy.regions
        && !fence.is_empty()
        && !pool.members.is_empty()
        && !pool.members.iter().any(|member| fence.contains(&member.region))
    {
        let message = format!(
            "pool `{}` has no members in the regions of policy `{}`: nothing would ever be answered",
            pool.name, policy.name
        );
        refuse(report, message, "use another policy, or add members in its regions");
    }
}

/// Regions without coordinates that a policy shall rank by distance.
fn check_coordinates(used: &BTreeMap<(PoolId, PolicyId), Span>, context: &Context<'_>, report: &mut Report) {
    let mut told: HashSet<RegionId> = HashSet::new();
    for &(pool, policy) in used.keys() {
        let (pool, policy) = (&context.pools[pool.index()], &context.policies[policy.index()]);
        if policy.order != Order::Closest {
            continue;
        }
        let answering = |region: &RegionId| policy.regions.as_ref().is_none_or(|fence| fence.contains(region));
        let regions: HashSet<RegionId> = pool.members.iter().map(|member| member.region).filter(answering).collect();
        // A single region is the closest wherever it is.
        if regions.len() < 2 {
            continue;
        }
        for (index, region) in context.regions.iter().enumerate() {
            let id = region_id(index);
            if !regions.contains(&id) || region.table.coordinates.is_some() || !told.insert(id) {
                continue;
            }
            let name = &region.defined.name;
            let message = format!(
                "region `{}` has no coordinates: policy `{}` ranks it behind all others",
                name.value, policy.name
            );
            let diagnostic = Diagnostic::warning(message).at(name.span, "");
            report.push(diagnostic.hint("add `coordinates = [latitude, longitude]`"));
        }
    }
}
