//! Zones and their balanced names: pools and policies by id, and whether the two go together.

use super::names::Names;
use super::region_names::{RegionNames, RegionPolicies, check_wildcards};
use super::transfers::{self, KeyNames};
use super::{aliases, fallback, fences, figures, region_id, static_view};
use crate::base::{Diagnostic, PolicyId, PoolId, RegionId, Span};
use crate::config::ZoneConfig;
use crate::config::report::Report;
use crate::config::spec::{BalanceTable, Definition, PolicyTable, PoolTable, SourceTable, ZoneTable};
use crate::steering::spec::{AllDown, BalanceSpec, MemberTarget, Order, Policy, Pool, Region, Spread};
use crate::wire::Name;
use crate::zone::{BalancedOwner, Role, ZoneSpec};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

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
    /// Some region has a feed.
    pub region_feeds: bool,
    /// By id.
    pub policies: &'a [Policy],
    /// The policies that are defined, as they were typed.
    pub policy_tables: &'a [Definition<PolicyTable>],
    /// Names of policies.
    pub policy_names: &'a Names,
}

/// Builds all zones, and the policies of names of regions, which come behind those of `context`. A zone whose name or file is
/// missing is left out; that is reported.
pub fn build(
    tables: &[Definition<ZoneTable>],
    context: &Context<'_>,
    report: &mut Report,
) -> (Vec<ZoneConfig>, Vec<Policy>) {
    check_distinct(tables, report);
    let apexes: HashSet<&Name> = tables.iter().filter_map(|zone| zone.table.apex.as_ref()).collect();
    let mut used = BTreeMap::new();
    let mut region_policies = RegionPolicies::new(context.policies.len());
    let mut zones = Vec::with_capacity(tables.len());
    for definition in tables {
        let shared = Shared { apexes: &apexes, used: &mut used, region_policies: &mut region_policies };
        zones.extend(build_zone(&definition.table, context, shared, report));
    }
    aliases::check_targets(tables, report);
    fences::check(&used, context, report);
    // Where something could not be read, what follows from its absence is not worth a warning.
    if !report.has_errors() {
        check_coordinates(&used, context, report);
        fallback::check(&used, context, report);
        figures::check(&used, context, report);
    }
    (zones, region_policies.into_policies())
}

/// What zones are built with beside the context.
struct Shared<'s> {
    apexes: &'s HashSet<&'s Name>,
    used: &'s mut BTreeMap<(PoolId, PolicyId), Span>,
    region_policies: &'s mut RegionPolicies,
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
    context: &Context<'_>,
    Shared { apexes, used, region_policies }: Shared<'_>,
    report: &mut Report,
) -> Option<ZoneConfig> {
    let mut owners = Owners::default();
    let (mut balanced, mut balances) = (Vec::new(), Vec::new());
    let mut regions: Vec<(&BalanceTable, BalanceSpec)> = Vec::new();
    for balance in &table.balances {
        let pool = balance.pool.as_ref().and_then(|name| context.pool_names.find(name, report));
        let policy = match &balance.policy {
            Some(name) => context.policy_names.find(name, report),
            // `closest` is the first of the policies that need no definition.
            None => Some(0),
        };
        let Some(owner) = &balance.owner else { continue };
        if !owners.take(owner, Role::Balanced, balance.span, report) {
            continue;
        }
        if let Some(apex) = &table.apex {
            check_below_zone(balance.span, owner, apex, apexes, report);
        }
        let (Some(pool), Some(policy)) = (pool, policy) else { continue };
        check_together(balance, owner, table.apex.as_ref(), &context.pools[pool], &context.policies[policy], report);
        let id = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        let spec = BalanceSpec { pool: PoolId(id(pool)), policy: PolicyId(id(policy)), ttl: balance.ttl };
        used.entry((spec.pool, spec.policy)).or_insert(balance.span);
        // What a policy falls back to must fit the pool as well. Chains that lead back are refused, and end here.
        let mut last = &context.policies[policy];
        for _ in 0..context.policies.len() {
            let AllDown::Policy(next) = last.all_down else { break };
            last = &context.policies[next.index()];
            check_together(balance, owner, table.apex.as_ref(), &context.pools[pool], last, report);
            used.entry((spec.pool, next)).or_insert(balance.span);
        }
        // At the apex that is refused already: the zone need not tell it again.
        let answers_cname = is_names(&context.pools[pool]) && table.apex.as_ref() != Some(owner);
        balanced.push(BalancedOwner {
            owner: owner.clone(),
            role: Role::Balanced,
            answers_cname,
            span: Some(balance.span),
        });
        balances.push(spec);
        if balance.region_names {
            regions.push((balance, spec));
        }
    }
    for (balance, spec) in regions {
        let names = RegionNames { balance, spec, apex: table.apex.as_ref(), apexes, context };
        names.build(region_policies, &mut owners, (&mut balanced, &mut balances), report);
    }
    let aliases = aliases::build(table, apexes, &mut owners, &mut balanced, report);
    if let Some(apex) = &table.apex {
        check_wildcards(apex, &balanced, report);
    }
    let file = match &table.source {
        SourceTable::File(file) => Some(file.as_ref()?),
        SourceTable::Servers(_) => None,
    };
    let path = file.map_or_else(PathBuf::new, |file| file.value.clone());
    let spec = ZoneSpec { apex: table.apex.clone()?, file: path, span: file.map(|file| file.span), balanced };
    let mut transfers = transfers::build(table, &spec, context.keys, report);
    let view_of = (&*region_policies, !transfers.update.is_empty());
    transfers.static_view = static_view::build(table, (&spec.balanced, &balances), context, view_of, report);
    Some(ZoneConfig { spec, balances, aliases, transfers })
}

/// The owners of one zone whose addresses come from elsewhere, each once.
#[derive(Default)]
pub(super) struct Owners(HashMap<Name, (Role, Span)>);

impl Owners {
    /// Whether nobody had `owner` yet; else that is reported with both places.
    pub(super) fn take(&mut self, owner: &Name, role: Role, span: Span, report: &mut Report) -> bool {
        let Some(&(first_role, first)) = self.0.get(owner) else {
            self.0.insert(owner.clone(), (role, span));
            return true;
        };
        let message = match (first_role, role) {
            (Role::Balanced, Role::Balanced) => format!("`{owner}` is balanced twice"),
            (Role::Alias, Role::Alias) => format!("`{owner}` is an alias twice"),
            (first, again) => format!("`{owner}` {} and {}", first.predicate(), again.predicate()),
        };
        let diagnostic = Diagnostic::error(message).at(span, "").at(first, "first here");
        report.push(match role {
            Role::OfRegion => diagnostic.hint("rename one of them, or switch `region_names` off"),
            Role::Balanced | Role::Alias => diagnostic,
        });
        false
    }
}

/// A name below the apex of another zone of ours is answered from that one.
pub(super) fn check_below_zone(span: Span, owner: &Name, apex: &Name, apexes: &HashSet<&Name>, report: &mut Report) {
    let mut ancestor = owner.clone();
    while ancestor != *apex {
        if apexes.contains(&ancestor) {
            let message = format!("`{owner}` belongs to the zone `{ancestor}`, which is configured too");
            report.push(Diagnostic::error(message).at(span, "").hint("move it to that zone"));
            return;
        }
        let Some(parent) = ancestor.parent() else { return };
        ancestor = parent;
    }
}

pub(super) fn is_names(pool: &Pool) -> bool {
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
        if !matches!(policy.order, Order::Closest | Order::Latency) {
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
