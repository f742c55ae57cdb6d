//! Pools: members and monitors by id, and what their members must have in common.

use super::figures;
use super::names::Names;
use super::region_id;
use crate::base::{Diagnostic, Family, MonitorId, RegionId, Span};
use crate::config::keys;
use crate::config::report::{Report, list_of};
use crate::config::spec::{Definition, MemberTable, PoolTable};
use crate::config::tree::Spanned;
use crate::steering::spec::{Member, MemberTarget, Pool, RequiredMonitor};
use std::collections::HashMap;
use std::sync::Arc;

/// Builds all pools. A member whose region or target is missing is left out; that is reported.
pub fn build(tables: &[Definition<PoolTable>], regions: &Names, monitors: &Names, report: &mut Report) -> Vec<Pool> {
    tables.iter().map(|definition| build_pool(definition, regions, monitors, report)).collect()
}

fn build_pool(definition: &Definition<PoolTable>, regions: &Names, monitors: &Names, report: &mut Report) -> Pool {
    let table = &definition.table;
    let monitors = required_monitors(table, monitors, report);
    let mut region_names: HashMap<RegionId, &str> = HashMap::new();
    let mut members = Vec::with_capacity(table.members.len());
    for member in &table.members {
        let region = member.region.as_ref().and_then(|name| {
            let id = region_id(regions.find(name, report)?);
            region_names.insert(id, name.value.as_str());
            Some(id)
        });
        members.extend(region.and_then(|region| build_member(member, region)));
    }
    check_one_kind(&table.members, report);
    check_distinct(&table.members, report);
    // Where something could not be read, what follows from its absence is not worth a warning.
    if !report.has_errors() {
        check_probed(table, report);
        check_enabled(definition, &members, report);
        check_families(definition, &members, &region_names, report);
    }
    let pool = Pool {
        name: Arc::clone(&definition.defined.name.value),
        monitors,
        at_least: table.at_least.as_ref().map(|least| least.value),
        members,
        recovery: table.recovery,
        limits: table.limits,
        has_feed: !table.feeds.is_empty(),
    };
    if !report.has_errors() {
        figures::check_pool(&pool, definition.defined.name.span, report);
    }
    pool
}

/// The monitors with how each counts.
fn required_monitors(table: &PoolTable, monitors: &Names, report: &mut Report) -> Vec<RequiredMonitor> {
    let listed = |list: &[Spanned<String>], name: &Spanned<String>| list.iter().any(|other| other.value == name.value);
    for (key, list) in [(keys::pool::INVERTED, &table.inverted), (keys::pool::WATCH_ONLY, &table.watch_only)] {
        for name in list.iter().filter(|name| !listed(&table.monitors, name)) {
            let message =
                format!("`{}` is under `{}` and not under `{}`", name.value, key.name, keys::pool::MONITOR.name);
            let hint = format!("name it under `{}` too", keys::pool::MONITOR.name);
            report.push(Diagnostic::error(message).at(name.span, "").hint(hint));
        }
    }
    let counting = table.monitors.iter().filter(|name| !listed(&table.watch_only, name)).count();
    if let Some(least) = table.at_least.as_ref().filter(|least| usize::from(least.value) > counting) {
        let message = format!("`{}` is {}, and {counting} monitors count", keys::pool::AT_LEAST.name, least.value);
        report.push(Diagnostic::error(message).at(least.span, "").hint("no member would ever be up"));
    }
    if let (0, None, Some(first)) = (counting, &table.at_least, table.watch_only.first()) {
        let message =
            format!("all monitors are under `{}`, so that members are always up", keys::pool::WATCH_ONLY.name);
        report.push(Diagnostic::warning(message).at(first.span, "").hint("leave one out whose verdict counts"));
    }
    let required = |name: &Spanned<String>| {
        let monitor = MonitorId(u32::try_from(monitors.find(name, report)?).unwrap_or(u32::MAX));
        let (inverted, watch_only) = (listed(&table.inverted, name), listed(&table.watch_only, name));
        Some(RequiredMonitor { monitor, inverted, watch_only })
    };
    table.monitors.iter().filter_map(required).collect()
}

/// Where nothing is checked, it makes no difference where.
fn check_probed(table: &PoolTable, report: &mut Report) {
    let unused = table.members.iter().find_map(|member| member.probe_address.as_ref());
    if let Some(unused) = unused.filter(|_| table.monitors.is_empty()) {
        let message = format!("`{}` has no effect in a pool without a monitor", keys::member::PROBE_ADDRESS.name);
        let hint = format!("name a monitor under `{}`, or remove it", keys::pool::MONITOR.name);
        report.push(Diagnostic::warning(message).at(unused.span, "").hint(hint));
    }
}

fn check_enabled(definition: &Definition<PoolTable>, members: &[Member], report: &mut Report) {
    if !members.is_empty() && members.iter().all(|member| !member.enabled) {
        let name = &definition.defined.name;
        let message = format!("no member of pool `{}` is enabled, so that it answers nothing", name.value);
        report.push(Diagnostic::warning(message).at(name.span, ""));
    }
}

fn build_member(table: &MemberTable, region: RegionId) -> Option<Member> {
    Some(Member {
        capacity: table.asked.capacity,
        region,
        target: table.target.as_ref()?.value.clone(),
        weight: table.weight,
        probe_address: table.probe_address.as_ref().map(|address| address.value),
        enabled: table.enabled,
    })
}

/// All members are addresses, or all are names.
fn check_one_kind(members: &[MemberTable], report: &mut Report) {
    let place_of = |wanted: fn(&MemberTarget) -> bool| {
        let targets = members.iter().filter_map(|member| member.target.as_ref());
        targets.filter(|target| wanted(&target.value)).map(|target| target.span).next()
    };
    let address = place_of(|target| matches!(target, MemberTarget::Address(_)));
    let name = place_of(|target| matches!(target, MemberTarget::Name { .. }));
    if let (Some(address), Some(name)) = (address, name) {
        let (second, first) = if address > name { (address, name) } else { (name, address) };
        let diagnostic = Diagnostic::error("a pool holds addresses or names, never both").at(second, "").at(first, "");
        report.push(diagnostic.hint("make two pools of it"));
    }
}

fn check_distinct(members: &[MemberTable], report: &mut Report) {
    let mut seen: HashMap<String, Span> = HashMap::new();
    for target in members.iter().filter_map(|member| member.target.as_ref()) {
        let text = match &target.value {
            MemberTarget::Address(address) => address.to_string(),
            MemberTarget::Name { text, .. } => text.to_ascii_lowercase(),
        };
        if let Some(&first) = seen.get(&text) {
            let message = format!("`{text}` is in the pool twice");
            let diagnostic = Diagnostic::error(message).at(target.span, "").at(first, "first here");
            report.push(diagnostic.hint("a larger share is given with `weight`"));
        } else {
            seen.insert(text, target.span);
        }
    }
}

/// With a family in some regions only, clients that use it are led farther away than others.
fn check_families(
    definition: &Definition<PoolTable>,
    members: &[Member],
    region_names: &HashMap<RegionId, &str>,
    report: &mut Report,
) {
    let mut regions: Vec<RegionId> = Vec::new();
    let mut families: HashMap<RegionId, [bool; 2]> = HashMap::new();
    for member in members {
        let has = families.entry(member.region).or_insert_with(|| {
            regions.push(member.region);
            [false; 2]
        });
        if let MemberTarget::Address(address) = member.target {
            has[Family::of(address).index()] = true;
        }
    }
    for (family, record, answers) in [(Family::V4, "IPv4", "A"), (Family::V6, "IPv6", "AAAA")] {
        let lacks = |region: &&RegionId| families.get(region).is_some_and(|has| !has[family.index()]);
        let without: Vec<&str> =
            regions.iter().filter(lacks).filter_map(|region| region_names.get(region).copied()).collect();
        if without.is_empty() || without.len() == regions.len() {
            continue;
        }
        let name = &definition.defined.name;
        let message = format!("pool `{}` has {record} members in some of its regions only", name.value);
        let diagnostic = Diagnostic::warning(message).at(name.span, format!("none in {}", list_of(&without)));
        report.push(diagnostic.hint(format!(
            "{answers} answers come from the next region that has {record} members, among those that policy and rule allow"
        )));
    }
}
