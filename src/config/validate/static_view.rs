//! What transfers show of balanced names: the members of the first region, whatever their health.

use super::balances::Context;
use super::region_names::RegionPolicies;
use crate::base::{Diagnostic, Family, RegionId};
use crate::config::keys;
use crate::config::report::Report;
use crate::config::spec::ZoneTable;
use crate::steering::spec::{BalanceSpec, Member, MemberTarget, Policy, Pool};
use crate::transfer::spec::{SerialRule, StaticView};
use crate::wire::rtype;
use crate::zone::{BalancedOwner, Record};

/// The view that a zone asks for, if it does.
pub fn build(
    table: &ZoneTable,
    (balanced, balances): (&[BalancedOwner], &[BalanceSpec]),
    context: &Context<'_>,
    (region_policies, takes_updates): (&RegionPolicies, bool),
    report: &mut Report,
) -> Option<StaticView> {
    let Some(asked) = &table.transfer_balanced else {
        if let Some(serial) = &table.serial {
            let message =
                format!("`{}` is used only with `{}`", keys::zone::SERIAL.name, keys::zone::TRANSFER_BALANCED.name);
            report.push(Diagnostic::warning(message).at(serial.span, "").hint("remove it"));
        }
        return None;
    };
    if let Some(alias) = table.aliases.first() {
        let message = "a zone with aliases cannot be transferred: their addresses are not the zone's to give";
        let diagnostic = Diagnostic::error(message).at(asked.span, "").at(alias.span, "an alias");
        report.push(diagnostic.hint("remove the aliases, or `transfer_balanced`"));
        return None;
    }
    if takes_updates {
        let message =
            format!("a zone with `{}` cannot take updates in this version", keys::zone::TRANSFER_BALANCED.name);
        let hint = "remove one of the two: what is shown of balanced names and what is updated share one serial";
        report.push(Diagnostic::error(message).at(asked.span, "").hint(hint));
        return None;
    }
    if balances.is_empty() {
        return None;
    }
    let records = balanced.iter().zip(balances).flat_map(|(owner, balance)| {
        let pool = &context.pools[balance.pool.index()];
        let policy = context.policies.get(balance.policy.index()).or_else(|| region_policies.get(balance.policy));
        let targets = policy.map(|policy| targets(pool, policy, context)).unwrap_or_default();
        targets.into_iter().map(|target| record(owner, balance, target)).collect::<Vec<_>>()
    });
    let serial = match table.serial.as_ref().map(|serial| serial.value) {
        Some("file") => SerialRule::File,
        _ => SerialRule::Auto,
    };
    Some(StaticView { serial, records: records.collect(), span: Some(asked.span) })
}

/// Of each family what the first region has that is enabled; one name only.
fn targets<'p>(pool: &'p Pool, policy: &Policy, context: &Context<'_>) -> Vec<&'p MemberTarget> {
    let order: Vec<RegionId> = match &policy.regions {
        Some(regions) => regions.clone(),
        None => (0..context.regions.len()).map(super::region_id).collect(),
    };
    let is_enabled = |region: RegionId| context.regions.get(region.index()).is_some_and(|found| found.table.enabled);
    let of_first = |has: &dyn Fn(&Member) -> bool| -> Vec<&'p MemberTarget> {
        let in_region = |region: RegionId| {
            let members = pool.members.iter().filter(move |member| member.region == region && member.enabled);
            members.filter(|member| has(member)).map(|member| &member.target).collect::<Vec<_>>()
        };
        let regions = order.iter().copied().filter(|&region| is_enabled(region));
        regions.map(in_region).find(|targets| !targets.is_empty()).unwrap_or_default()
    };
    let of_family = |family: Family| {
        of_first(&|member| matches!(&member.target, MemberTarget::Address(address) if Family::of(*address) == family))
    };
    let names = of_first(&|member| matches!(member.target, MemberTarget::Name { .. }));
    let addresses = Family::BOTH.into_iter().flat_map(of_family);
    addresses.chain(names.into_iter().take(1)).collect()
}

fn record(owner: &BalancedOwner, balance: &BalanceSpec, target: &MemberTarget) -> Record {
    let (rtype, data): (u16, Box<[u8]>) = match target {
        MemberTarget::Address(std::net::IpAddr::V4(address)) => (rtype::A, address.octets().into()),
        MemberTarget::Address(std::net::IpAddr::V6(address)) => (rtype::AAAA, address.octets().into()),
        MemberTarget::Name { wire, .. } => (rtype::CNAME, (&**wire).into()),
    };
    Record { owner: owner.owner.clone(), rtype, ttl: balance.ttl.max, data }
}
