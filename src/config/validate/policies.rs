//! Policies: the three that need no definition, those defined, and their regions by id.

use super::names::Names;
use super::{equals, region_id};
use crate::base::{Diagnostic, PolicyId, RegionId};
use crate::config::report::Report;
use crate::config::spec::{Definition, PolicyTable, RuleTable, UNNAMED};
use crate::config::tree::Spanned;
use crate::geo::client::looked_up_as;
use crate::steering::spec::{AllDown, Condition, Policy, Rule};
use std::collections::HashMap;
use std::sync::Arc;

/// Builds all policies, and their names.
pub fn build(tables: &[Definition<PolicyTable>], regions: &Names, report: &mut Report) -> (Vec<Policy>, Names) {
    // For the message about a name that is defined twice alone.
    Names::collect("policy", tables, report);
    let mut names = Names::new("policy");
    let mut policies = Vec::with_capacity(UNNAMED.len() + tables.len());
    for (name, order) in UNNAMED {
        let name = Arc::from(name);
        names.add(&name, policies.len());
        policies.push(build_policy(name, &PolicyTable::new(order), regions, report));
    }
    for definition in tables {
        let name = &definition.defined.name.value;
        let policy = build_policy(Arc::clone(name), &definition.table, regions, report);
        match names.add(name, policies.len()) {
            Some(unnamed) => policies[unnamed] = policy,
            None => policies.push(policy),
        }
    }
    find_fallbacks(tables, &mut policies, &names, report);
    (policies, names)
}

/// Looks up the policies that others fall back to; none may lead back to itself.
fn find_fallbacks(tables: &[Definition<PolicyTable>], policies: &mut [Policy], names: &Names, report: &mut Report) {
    let named = |table: &Definition<PolicyTable>, report: &mut Report| {
        let fallback = table.table.fallback_policy.as_ref()?;
        let own = names.index_of(&table.defined.name.value)?;
        Some((own, names.find(fallback, report)?, fallback.span))
    };
    let found: Vec<_> = tables.iter().filter_map(|table| named(table, report)).collect();
    for &(own, fallback, span) in &found {
        let next = |policy: usize| found.iter().find(|(from, ..)| *from == policy).map(|&(_, to, _)| to);
        // A chain longer than there are policies goes round.
        let goes_round =
            std::iter::successors(Some(fallback), |&policy| next(policy)).take(found.len() + 1).count() > found.len();
        if goes_round {
            let message = "the policies that this one falls back to lead back to where they began";
            report.push(
                Diagnostic::error(message)
                    .at(span, "")
                    .hint("let the last one of them fall back to addresses, or to nothing"),
            );
            continue;
        }
        policies[own].all_down = AllDown::Policy(PolicyId(u32::try_from(fallback).unwrap_or(u32::MAX)));
    }
}

fn build_policy(name: Arc<str>, table: &PolicyTable, regions: &Names, report: &mut Report) -> Policy {
    let fence = table.regions.as_ref().map(|fence| find_all(&fence.value, regions, report));
    check_repeated(&table.rules, report);
    let rules = table.rules.iter().map(|rule| build_rule(rule, fence.as_deref(), regions, report)).collect();
    let region_weights = equals::weights(table, fence.as_deref(), regions, report);
    equals::check(&name, table, report);
    Policy {
        name,
        order: table.order,
        regions: fence,
        tie_band: table.tie_band.as_ref().map(|band| band.value),
        region_spread: table.region_spread.as_ref().map(|spread| spread.value),
        region_weights,
        spread: table.spread,
        answers: table.answers,
        min_healthy: table.min_healthy,
        families: table.families,
        all_down: table.all_down.clone(),
        rules,
        shed: table.shed,
        percentage_drain: table.percentage_drain,
    }
}

fn find_all(named: &[Spanned<String>], regions: &Names, report: &mut Report) -> Vec<RegionId> {
    named.iter().filter_map(|name| regions.find(name, report)).map(region_id).collect()
}

fn build_rule(table: &RuleTable, fence: Option<&[RegionId]>, regions: &Names, report: &mut Report) -> Rule {
    let named = |list: &Option<Spanned<Vec<Spanned<String>>>>, report: &mut Report| {
        let list = list.as_ref()?;
        Some(find_all(&list.value, regions, report))
    };
    let inner = named(&table.regions, report);
    let prefer = named(&table.prefer, report);
    check_inside(table.regions.as_ref(), inner.as_deref(), fence, "`regions` of the policy", report);
    match &inner {
        Some(inner) => {
            check_inside(table.prefer.as_ref(), prefer.as_deref(), Some(inner), "`regions` of the rule", report)
        }
        None => check_inside(table.prefer.as_ref(), prefer.as_deref(), fence, "`regions` of the policy", report),
    }
    Rule { condition: as_looked_up(&table.condition), prefer: prefer.unwrap_or_default(), regions: inner }
}

/// The condition with its network as clients are looked up, so that IPv4 networks in IPv6 form compare with the others.
fn as_looked_up(condition: &Condition) -> Condition {
    Condition { network: condition.network.map(looked_up_as), ..condition.clone() }
}

/// A region that a fence keeps out can be neither preferred nor let in by a smaller one.
fn check_inside(
    written: Option<&Spanned<Vec<Spanned<String>>>>,
    found: Option<&[RegionId]>,
    fence: Option<&[RegionId]>,
    whose: &str,
    report: &mut Report,
) {
    let (Some(written), Some(found), Some(fence)) = (written, found, fence) else { return };
    // With a name undefined the two lists do not run side by side; that is reported, and this after it is mended.
    if written.value.len() != found.len() || fence.is_empty() {
        return;
    }
    for (name, region) in written.value.iter().zip(found) {
        if !fence.contains(region) {
            let message = format!("region `{}` is not among the {whose}, so that it never answers", name.value);
            report.push(
                Diagnostic::error(message).at(name.span, "").hint(format!("add it to the {whose}, or remove it here")),
            );
        }
    }
}

/// Of two rules for the same clients only the first decides.
fn check_repeated(rules: &[RuleTable], report: &mut Report) {
    let mut first = HashMap::new();
    for rule in rules {
        if rule.condition == Condition::default() {
            continue;
        }
        let earlier = *first.entry(as_looked_up(&rule.condition)).or_insert(rule.span);
        if earlier != rule.span {
            let message = "this rule never decides: an earlier one is for the same clients";
            report.push(Diagnostic::error(message).at(rule.span, "").at(earlier, "the earlier one"));
        }
    }
}
