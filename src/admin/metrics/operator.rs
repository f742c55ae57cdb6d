//! What operators have said, in numbers.

use super::{Families, Labels};
use crate::admin::AdminState;
use crate::steering::control::Admin;
use crate::steering::control::operator::{Action, target_text};
use std::collections::BTreeMap;
use std::fmt;

/// The state of a member by what operators say of it.
fn state_name(admin: Admin) -> Option<&'static str> {
    match admin {
        Admin::None => None,
        Admin::ForcedUp => Some("forced-up"),
        Admin::Draining { .. } => Some("draining"),
        Admin::ForcedDown => Some("forced-down"),
    }
}

/// Writes the orders in force, and how many members they concern.
pub(super) fn orders(state: &AdminState, out: &mut Families<'_>) -> fmt::Result {
    let Some(operator) = state.operator.get() else { return Ok(()) };
    let (table, now) = (operator.table(), operator.now());
    let labels = |pattern: &dyn fmt::Display, admin: Admin| -> Labels {
        vec![("pattern", pattern.to_string()), ("state", state_name(admin).unwrap_or_default().to_owned())]
    };
    let percent = |action: Action| match action {
        Action::Drain { percent } => f64::from(percent),
        Action::ForceUp | Action::ForceDown => 100.0,
    };
    out.gauge(
        "azimuth_admin_state",
        "Orders of operators in force, in percent of what their patterns name",
        table.active(now).map(|order| (labels(&order.pattern, order.action.admin()), percent(order.action))),
    )?;
    out.gauge(
        "azimuth_admin_state_since_seconds",
        "When orders of operators in force were given, in seconds since 1970-01-01 00:00:00 UTC",
        table.active(now).map(|order| (labels(&order.pattern, order.action.admin()), order.since.as_secs() as f64)),
    )?;
    let mut counts: BTreeMap<&str, f64> =
        [("forced-up", 0.0), ("draining", 0.0), ("forced-down", 0.0)].into_iter().collect();
    if !table.orders().is_empty() {
        let current = state.publisher.current();
        for pool in &current.inputs.pools {
            for member in &pool.members {
                let region = current.inputs.regions.get(member.region.index()).map_or("", |region| &*region.name);
                let target = target_text(&member.target);
                let admin = table.admin_of_member(&pool.name, region, &target, now);
                let admin = admin.max(table.admin_of_pool_region(&pool.name, region, now));
                if let Some(count) = state_name(admin).and_then(|name| counts.get_mut(name)) {
                    *count += 1.0;
                }
            }
        }
    }
    out.gauge(
        "azimuth_admin_state_members",
        "Members that operators have drained, wholly or by a part, or forced up or down",
        counts.into_iter().map(|(name, count)| -> (Labels, f64) { (vec![("state", name.to_owned())], count) }),
    )
}
