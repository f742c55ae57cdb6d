//! Keys that need figures which nobody reports, and runs of equals that no order can have. Knows no feeds beyond whether there are
//! any.

use super::balances::Context;
use crate::base::{Diagnostic, PolicyId, PoolId, Span};
use crate::config::report::Report;
use crate::steering::reach::regions_of_pool;
use crate::steering::spec::{Limits, Order, Policy, Pool, Spread};
use std::collections::BTreeMap;

/// Most regions that may be equals for one client.
pub const EQUALS_MAX: usize = 512;

/// Warns of what follows reports where there are none, and refuses more equals than an order may have. `used` has each pair that
/// a balanced name brings together, and where the first one does.
pub fn check(used: &BTreeMap<(PoolId, PolicyId), Span>, context: &Context<'_>, report: &mut Report) {
    for (&(pool, policy), &balance) in used {
        let (pool, policy) = (&context.pools[pool.index()], &context.policies[policy.index()]);
        check_equals(pool, policy, balance, report);
        if pool.has_feed {
            continue;
        }
        let spreads = [Some(policy.spread), policy.region_spread].into_iter().flatten();
        for spread in spreads.filter(|&spread| spread.is_dynamic() && spread != Spread::LeastResponseTime) {
            let message = format!(
                "policy `{}` spreads by `{}`, and nobody reports of pool `{}`: shares stay those of the weights",
                policy.name,
                spread.word(),
                pool.name
            );
            report.push(Diagnostic::warning(message).at(balance, "").hint("give the pool a `feed`"));
        }
        if policy.shed.is_some() && !context.region_feeds {
            let message = format!(
                "policy `{}` sheds by load, and neither pool `{}` nor any region has a feed: nothing is ever handed on",
                policy.name, pool.name
            );
            report.push(Diagnostic::warning(message).at(balance, "").hint("give the pool or its regions a `feed`"));
        }
    }
}

/// Warns of keys of a pool that need a feed and have none.
pub fn check_pool(pool: &Pool, place: Span, report: &mut Report) {
    if pool.has_feed {
        return;
    }
    let without = [("limits", pool.limits != Limits::default()), ("probation", pool.recovery.probation.is_some())];
    for (key, _) in without.into_iter().filter(|(_, written)| *written) {
        let message = format!("`{key}` of pool `{}` has no effect: nobody reports of its members", pool.name);
        report.push(Diagnostic::warning(message).at(place, "").hint("give the pool a `feed`"));
    }
}

fn check_equals(pool: &Pool, policy: &Policy, balance: Span, report: &mut Report) {
    let count = regions_of_pool(pool).len();
    if policy.order == Order::Any && policy.picks_regions() && count > EQUALS_MAX {
        let message = format!(
            "policy `{}` picks one of {count} equal regions of pool `{}`, and there may be {EQUALS_MAX} at most",
            policy.name, pool.name
        );
        let hint =
            "leave out `region_spread` and `region_weights`: members of any number of regions may be spread over";
        report.push(Diagnostic::error(message).at(balance, "").hint(hint));
    }
}
