//! Fallback addresses of policies against the pools that they are used with: which of the two families have any.
//! Knows no rules of policies.

use super::balances::Context;
use crate::base::{Diagnostic, Family, PolicyId, PoolId, Span};
use crate::config::report::Report;
use crate::steering::spec::{AllDown, MemberTarget, Policy, Pool};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A family, what its members are called, and the type of its records.
const FAMILIES: [(Family, &str, &str); 2] = [(Family::V4, "IPv4", "A"), (Family::V6, "IPv6", "AAAA")];

/// Warns of fallback addresses that lack a family of the pool. Those of a family that the pool lacks never answer; beside
/// others that do they are no mistake, because pools may share a policy. `used` has each pair that a balanced name brings
/// together, and where the first one does.
pub fn check(used: &BTreeMap<(PoolId, PolicyId), Span>, context: &Context<'_>, report: &mut Report) {
    for (&(pool, policy), &balance) in used {
        let (pool, policy) = (&context.pools[pool.index()], &context.policies[policy.index()]);
        let AllDown::Fallback(addresses) = &policy.all_down else { continue };
        let definition = context.policy_tables.iter().find(|table| table.defined.name.value == policy.name);
        let Some(place) = definition.and_then(|definition| definition.table.fallback) else { continue };
        let members = families_of(in_service(pool, policy, context));
        // A pool of names was refused, and one without members in service was told of.
        if members == [false; 2] {
            continue;
        }
        let fallback = families_of(addresses.iter().copied());
        let lacking = FAMILIES.iter().filter(|(family, ..)| members[family.index()] && !fallback[family.index()]);
        for (_, family, record) in lacking {
            let message = format!(
                "policy `{}` falls back to no {family} address, and pool `{}` has {family} members: {record} queries are \
                 answered without data while all of these are down",
                policy.name, pool.name
            );
            let shared = members.iter().zip(fallback).any(|(member, fallback)| *member && fallback);
            let label = if shared { "" } else { ", and what is here never answers" };
            let diagnostic = Diagnostic::warning(message)
                .at(place, format!("no {family} address here{label}"))
                .at(balance, "the pool is used with the policy here");
            report.push(diagnostic.hint(format!("add an {family} address to `fallback`")));
        }
    }
}

/// The addresses that the policy may take from the pool.
fn in_service<'a>(pool: &'a Pool, policy: &'a Policy, context: &'a Context<'_>) -> impl Iterator<Item = IpAddr> + 'a {
    pool.members.iter().filter_map(|member| {
        let region = context.regions.get(member.region.index());
        let enabled = member.enabled && region.is_some_and(|region| region.table.enabled);
        let answers = policy.regions.as_ref().is_none_or(|regions| regions.contains(&member.region));
        match member.target {
            MemberTarget::Address(address) if enabled && answers => Some(address),
            _ => None,
        }
    })
}

/// Which families there are among `addresses`, by [`Family::index`].
fn families_of(addresses: impl Iterator<Item = IpAddr>) -> [bool; 2] {
    let mut families = [false; 2];
    for address in addresses {
        families[Family::of(address).index()] = true;
    }
    families
}
