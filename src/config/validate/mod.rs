//! What was typed to a [`Config`]: names are looked up, and what no table can know alone is checked.
//! Knows no files and no text.

mod aliases;
mod balances;
mod certificates;
mod cookies;
mod equals;
mod fallback;
mod feeds;
mod fences;
mod figures;
mod geo;
mod guards;
mod names;
mod policies;
mod pools;
mod region_names;
mod static_view;
mod transfers;

use super::report::Report;
use super::spec::Spec;
use super::{Config, keys};
use crate::base::{Diagnostic, RegionId};
use crate::steering::control;
use crate::transfer::spec::{TRANSFERS_MAX, TransferSpec};
use names::Names;
use std::path::PathBuf;

/// Most regions: rankings number them with 15 bits, and sets of them behind.
const REGIONS_MAX: usize = 1 << 14;

/// Builds the configuration. It is complete only when `report` has no errors.
pub fn validate(spec: Spec, files: Vec<PathBuf>, report: &mut Report) -> Config {
    let regions = Names::collect("region", &spec.regions, report);
    let monitors = Names::collect("monitor", &spec.monitors, report);
    let pools = Names::collect("pool", &spec.pools, report);
    check_region_count(&spec, report);
    check_admin(&spec, report);
    certificates::check(&spec.certificates, report);
    let built_pools = pools::build(&spec.pools, &regions, &monitors, report);
    let feed_names = Names::collect("feed", &spec.feeds, report);
    let feed_uses = feeds::uses(&spec, &built_pools, &feed_names, &monitors, report);
    let (mut built_policies, policies) = policies::build(&spec.policies, &regions, report);
    let geo = geo::build(&spec, &regions, &built_policies, report);
    let keys = transfers::KeyNames::collect(&spec.keys, report);
    let context = balances::Context {
        keys: &keys,
        regions: &spec.regions,
        pools: &built_pools,
        pool_tables: &spec.pools,
        pool_names: &pools,
        region_feeds: spec.region_feeds.iter().any(|region| !region.feeds.is_empty()),
        policies: &built_policies,
        policy_tables: &spec.policies,
        policy_names: &policies,
    };
    let (zones, region_policies) = balances::build(&spec.zones, &context, report);
    built_policies.extend(region_policies);
    let balances = zones.iter().flat_map(|zone| &zone.balances);
    let steered = control::guards::steered(built_pools.len(), &built_policies, balances);
    let guards = guards::build(&spec.guards, (&built_pools, &steered), &spec.regions, report);
    if spec.zones.is_empty() && !report.has_errors() {
        let message = "no zone is configured: every query will be refused";
        report.absent(Diagnostic::warning(message).hint("add a table `[zone.\"gslb.example.com\"]` with its `file`"));
    }
    let (mut server, mut settings) = (spec.server, spec.settings);
    if let Some(file) = spec.cookie_secrets {
        settings.cookies.secrets = cookies::secrets(&file, report).into();
        server.cookie_secret_file = Some(file.value);
    }
    Config {
        server,
        admin: spec.admin,
        settings,
        geo,
        probe_limits: spec.probe_limits,
        regions: spec.regions.into_iter().map(|region| region.table).collect(),
        monitors: spec.monitors.into_iter().filter_map(|monitor| monitor.table).collect(),
        feeds: spec.feeds.into_iter().filter_map(|feed| feed.table.feed).collect(),
        feed_uses,
        pools: built_pools,
        policies: built_policies,
        guards,
        zones,
        transfer: TransferSpec { keys: keys.specs(), transfers_max: spec.transfers_max.unwrap_or(TRANSFERS_MAX) },
        files,
        places: spec.places,
    }
}

fn check_region_count(spec: &Spec, report: &mut Report) {
    if let Some(first_beyond) = spec.regions.get(REGIONS_MAX) {
        let message = format!("there are more than {REGIONS_MAX} regions");
        report.error(first_beyond.defined.name.span, message);
    }
}

/// The admin address must not be one that queries come to over TCP.
fn check_admin(spec: &Spec, report: &mut Report) {
    let Some(admin) = spec.admin.listen else { return };
    let taken = admin.port() != 0 && spec.server.listen.contains(&admin);
    if taken {
        let message = format!("the admin address `{admin}` is in `{}` of `[server]` too", keys::server::LISTEN.name);
        let mut diagnostic = Diagnostic::error(message).hint("give it another port");
        diagnostic.places.extend(spec.admin_listen.map(|span| (span, String::new())));
        report.push(diagnostic);
    }
}

/// The id of the region at `index`; one beyond the limit, which is reported, shares the last id.
fn region_id(index: usize) -> RegionId {
    RegionId(u16::try_from(index).unwrap_or(u16::MAX))
}
