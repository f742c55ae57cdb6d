//! Guards: their pools exist, and what they ask for is there as long as nothing fails.

use crate::base::{Diagnostic, Family, glob};
use crate::config::keys;
use crate::config::report::{Report, hint_known};
use crate::config::spec::{Definition, GuardTable};
use crate::config::tree::Spanned;
use crate::steering::control::guards::{PoolNow, Reached, attainable};
use crate::steering::spec::{Guard, Pool, Region};
use std::collections::BTreeMap;

/// Builds all guards; `steered`: by what policies, by pool. One that something is missing of, which is reported, is left out.
pub fn build(
    tables: &[GuardTable],
    (pools, steered): (&[Pool], &[PoolNow]),
    regions: &[Definition<Region>],
    report: &mut Report,
) -> Vec<Guard> {
    let regions: Vec<Region> = regions.iter().map(|region| region.table.clone()).collect();
    let mut guards = Vec::with_capacity(tables.len());
    // What could not be read may hold what seems to be missing.
    let is_whole = !report.has_errors();
    for table in tables {
        let Some(pool) = &table.pool else { continue };
        let guarded = || {
            let pools = pools.iter().zip(steered);
            pools.filter(|(known, _)| glob::matches(pool.value.as_bytes(), known.name.as_bytes()))
        };
        if guarded().next().is_none() {
            let message = format!("`{}` of a guard matches no pool: `{}`", keys::guard::POOL.name, pool.value);
            let diagnostic = Diagnostic::error(message).at(pool.span, "");
            let known = pools.iter().map(|pool| &*pool.name);
            report.absent(hint_known(diagnostic, &pool.value, "defined pools", known));
        }
        let Some(min_regions) = &table.min_regions else { continue };
        for (pool, steered) in guarded().filter(|_| is_whole) {
            // What no name is balanced over may be so later.
            let reached = match &steered.reached {
                Reached::Nowhere => Reached::Everywhere,
                reached => reached.clone(),
            };
            check_attainable(pool, attainable(pool, &regions, reached), min_regions, report);
        }
        guards.push(Guard { pool: pool.value.as_str().into(), min_regions: min_regions.value });
    }
    guards
}

fn check_attainable(
    pool: &Pool,
    attainable: BTreeMap<Option<Family>, usize>,
    min_regions: &Spanned<u16>,
    report: &mut Report,
) {
    for (family, count) in attainable {
        if count >= usize::from(min_regions.value) {
            continue;
        }
        let kind = match family {
            Some(Family::V4) => " with IPv4 members",
            Some(Family::V6) => " with IPv6 members",
            None => "",
        };
        let there_are = match count {
            0 => "no enabled region".to_owned(),
            1 => "only one enabled region".to_owned(),
            count => format!("only {count} enabled regions"),
        };
        let message =
            format!("pool `{}` must keep {} regions, and has {there_are}{kind}", pool.name, min_regions.value);
        let hint = format!(
            "members in more regions that policies reach make `{}` possible; or lower it, which lets operators drain more",
            keys::guard::MIN_REGIONS.name
        );
        report.push(Diagnostic::error(message).at(min_regions.span, "").hint(hint));
    }
}
