//! What of the supposed has no effect, and what to do about it: a result that shows no change does not say why.

use super::input::quoted;
use super::names::{Asked, balance};
use crate::simulate::{Change, Wish};
use crate::snapshot::Inputs;
use crate::steering::control::operator::Level;
use crate::steering::control::operator::matching::matched;

/// Parts of regions that are drained under policies which do not split clients for it.
pub(super) fn of(changes: &[Change], asked: &[Asked], inputs: &Inputs) -> Vec<String> {
    changes.iter().filter_map(|change| of_part(change, asked, inputs)).collect()
}

fn of_part(change: &Change, asked: &[Asked], inputs: &Inputs) -> Option<String> {
    let Wish::Operator(action) = change.wish else { return None };
    if !action.is_partial() || change.pattern.level() == Level::Member {
        return None;
    }
    let pools = matched(&change.pattern, &inputs.regions, &inputs.pools).pools();
    let balances = asked.iter().filter_map(|asked| balance(inputs, asked));
    let concerned = balances.filter(|balance| pools.contains(&balance.pool));
    let policies = concerned.map(|balance| &inputs.policies[balance.policy.index()]);
    let mut unable: Vec<&str> =
        policies.filter(|policy| !policy.percentage_drain).map(|policy| &*policy.name).collect();
    unable.sort_unstable();
    unable.dedup();
    let first = *unable.first()?;
    Some(format!(
        "`{}` by a part has no effect under {}: set `percentage_drain = true` under `[policy.{first}]`, or drain members by a part",
        change.pattern,
        quoted(&unable)
    ))
}
