//! Regions that are equals: their weights by id, and keys that have no effect without equals.

use super::names::Names;
use super::region_id;
use crate::base::{Diagnostic, RegionId, Span};
use crate::config::keys::policy as keys;
use crate::config::report::Report;
use crate::config::spec::PolicyTable;
use crate::steering::spec::{Order, Spread};

/// The weights of regions, in the order written.
pub fn weights(
    table: &PolicyTable,
    fence: Option<&[RegionId]>,
    regions: &Names,
    report: &mut Report,
) -> Vec<(RegionId, u32)> {
    let mut weights = Vec::with_capacity(table.region_weights.len());
    for (name, weight) in &table.region_weights {
        let Some(region) = regions.find(name, report).map(region_id) else { continue };
        if fence.is_some_and(|fence| !fence.is_empty() && !fence.contains(&region)) {
            let message = format!(
                "region `{}` is not among the `{}` of the policy, so that it never answers",
                name.value,
                keys::REGIONS.name
            );
            let hint = format!("add it to `{}`, or remove it here", keys::REGIONS.name);
            report.push(Diagnostic::error(message).at(name.span, "").hint(hint));
        }
        weights.push((region, *weight));
    }
    weights
}

/// Warns of keys that have no effect in this policy.
pub fn check(policy: &str, table: &PolicyTable, report: &mut Report) {
    // Where something could not be read, what follows from its absence is not worth a warning.
    if report.has_errors() {
        return;
    }
    let mut warn = |key: &str, span: Span, why: &str, hint: &str| {
        let message = format!("`{key}` of policy `{policy}` has no effect: {why}");
        report.push(Diagnostic::warning(message).at(span, "").hint(hint));
    };
    let by_nearness = matches!(table.order, Order::Closest | Order::Latency);
    if let Some(band) = table.tie_band.as_ref().filter(|_| !by_nearness) {
        let why = "the order is neither `closest` nor `latency`";
        warn(keys::TIE_BAND.name, band.span, why, "remove it");
    }
    let has_equals = table.order == Order::Any || (by_nearness && table.tie_band.is_some());
    let first_weight = table.region_weights.first().map(|(name, _)| name.span);
    if !has_equals {
        let hint = match by_nearness {
            true => "add `tie_band`, for example `tie_band = 1.05`, or write `order = \"any\"`",
            false => "write `order = \"any\"`",
        };
        let why = "no region is equal to another";
        let spread = table.region_spread.as_ref().map(|spread| (keys::REGION_SPREAD.name, spread.span));
        for (key, span) in spread.into_iter().chain(first_weight.map(|span| (keys::REGION_WEIGHTS.name, span))) {
            warn(key, span, why, hint);
        }
        return;
    }
    let unweighted = |spread: &Spread| matches!(spread, Spread::RoundRobin | Spread::Random);
    if let Some(spread) = table.region_spread.as_ref().filter(|spread| unweighted(&spread.value))
        && let Some(span) = first_weight
    {
        let why = format!("`{} = \"{}\"` takes no weights", keys::REGION_SPREAD.name, spread.value.word());
        let hint = "write `region_spread = \"weighted\"` or `\"weighted-round-robin\"`";
        warn(keys::REGION_WEIGHTS.name, span, &why, hint);
    }
}
