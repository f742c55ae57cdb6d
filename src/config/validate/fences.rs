//! Fences of rules against the pools that they are used with: what a name has must not depend on who asks.

use super::balances::Context;
use crate::base::{Diagnostic, Family, PolicyId, PoolId, RegionId, Span};
use crate::config::report::{Report, list_of};
use crate::config::spec::{PolicyTable, PoolTable, RuleTable};
use crate::steering::spec::{Member, MemberTarget, Policy, Pool};
use std::collections::BTreeMap;

/// What members put into answers: what to call them, and the type of their records.
const KINDS: [(&str, &str); 3] = [("IPv4", "A"), ("IPv6", "AAAA"), ("named", "CNAME")];

fn kind(member: &Member) -> usize {
    match member.target {
        MemberTarget::Address(address) => Family::of(address).index(),
        MemberTarget::Name { .. } => 2,
    }
}

/// Refuses every fence that leaves its clients without a type of record that others are answered. Resolvers keep the answer
/// that a type does not exist for all of their clients (RFC 7871, section 7.4), so that the fenced would speak for all.
/// `used` has each pair that a balanced name brings together, and where the first one does.
pub fn check(used: &BTreeMap<(PoolId, PolicyId), Span>, context: &Context<'_>, report: &mut Report) {
    for (&(pool, policy), &balance) in used {
        let (pool_table, pool) = (&context.pool_tables[pool.index()].table, &context.pools[pool.index()]);
        let policy = &context.policies[policy.index()];
        // The policies that need no definition have no rules.
        let definition = context.policy_tables.iter().find(|table| table.defined.name.value == policy.name);
        let Some(policy_table) = definition.map(|definition| &definition.table) else { continue };
        if !is_whole(pool_table, pool, policy_table, policy) {
            continue;
        }
        for (rule_table, rule) in policy_table.rules.iter().zip(&policy.rules) {
            if let Some(fence) = &rule.regions {
                check_fence(rule_table, fence, (pool, policy), balance, context, report);
            }
        }
    }
}

/// Whether all that was written was understood; what was not is reported, and this after it is mended.
fn is_whole(pool_table: &PoolTable, pool: &Pool, policy_table: &PolicyTable, policy: &Policy) -> bool {
    let written = policy_table.regions.as_ref().map(|regions| regions.value.len());
    let found = policy.regions.as_ref().map(Vec::len);
    pool_table.members.len() == pool.members.len() && written == found && found != Some(0)
}

fn check_fence(
    table: &RuleTable,
    fence: &[RegionId],
    (pool, policy): (&Pool, &Policy),
    balance: Span,
    context: &Context<'_>,
    report: &mut Report,
) {
    let Some(written) = table.regions.as_ref().filter(|written| written.value.len() == fence.len()) else { return };
    if fence.is_empty() {
        return;
    }
    let (mut outside, mut inside) = ([false; KINDS.len()], [false; KINDS.len()]);
    for member in &pool.members {
        let region = context.regions.get(member.region.index());
        let in_service = member.enabled && region.is_some_and(|region| region.table.enabled);
        let answers = policy.regions.as_ref().is_none_or(|regions| regions.contains(&member.region));
        if in_service && answers {
            outside[kind(member)] = true;
            inside[kind(member)] |= fence.contains(&member.region);
        }
    }
    let missing = KINDS.iter().zip(outside.iter().zip(inside)).filter(|(_, (outside, inside))| **outside && !inside);
    let missing: Vec<(&str, &str)> = missing.map(|(kind, _)| *kind).collect();
    if missing.is_empty() {
        return;
    }
    let members = missing.iter().map(|(member, _)| *member).collect::<Vec<_>>().join(" and ");
    let records = missing.iter().map(|(_, record)| *record).collect::<Vec<_>>().join(" and ");
    let regions: Vec<&str> = written.value.iter().map(|name| name.value.as_str()).collect();
    let message = format!(
        "pool `{}` has no enabled {members} members in the regions of a rule of policy `{}`, and has some elsewhere: whether \
         {records} records exist would depend on the client",
        pool.name, policy.name
    );
    let diagnostic = Diagnostic::error(message)
        .at(written.span, format!("no {members} members here"))
        .at(balance, "the pool is used with the policy here");
    report.push(
        diagnostic
            .hint(format!("add {members} members in {}, or write `prefer` instead of `regions`", list_of(&regions)))
            .hint("resolvers tell all of their clients that a type does not exist once one of them was told so"),
    );
}
