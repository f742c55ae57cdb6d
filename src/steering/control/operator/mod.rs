//! What operators have said, and what of it holds for a region, a pool or a member at a moment. Pure: time is an argument.
//! Knows neither who asks, nor where it is kept.
//!
//! Words stand by pattern, with the time when they end. Of several that hold for one thing the strongest counts: forced down,
//! then draining, then forced up ([`Admin`]'s order). A drain by less than 100 % is said either of members, whose weight it
//! lessens, or of regions, where it is a share of client subnets.

pub mod matching;
pub mod pattern;

use super::Admin;
use crate::base::UnixTime;
use crate::steering::spec::MemberTarget;
pub use pattern::{Level, Pattern};
use std::borrow::Cow;
use std::sync::Arc;

/// Most orders at a time: each is compared with each member when the table changes.
pub const ORDERS_MAX: usize = 1000;
/// All of it.
pub const PERCENT_ALL: u8 = 100;

/// What an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// New clients are led elsewhere.
    Drain {
        /// 1 to 100.
        percent: u8,
    },
    /// It answers as if it were up.
    ForceUp,
    /// It answers nobody.
    ForceDown,
}

impl Action {
    /// As a state.
    #[must_use]
    pub const fn admin(self) -> Admin {
        match self {
            Self::Drain { percent } => Admin::Draining { percent },
            Self::ForceUp => Admin::ForcedUp,
            Self::ForceDown => Admin::ForcedDown,
        }
    }

    /// Whether nothing of it is answered any more.
    #[must_use]
    pub const fn forbids(self) -> bool {
        self.admin().forbids()
    }

    /// Whether a part of it is drained only.
    #[must_use]
    pub const fn is_partial(self) -> bool {
        matches!(self, Self::Drain { percent } if percent < PERCENT_ALL)
    }

    /// In an operator's words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Drain { percent: PERCENT_ALL.. } => "draining".to_owned(),
            Self::Drain { percent } => format!("draining {percent} %"),
            Self::ForceUp => "forced up".to_owned(),
            Self::ForceDown => "forced down".to_owned(),
        }
    }
}

/// One word of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// What it is about.
    pub pattern: Pattern,
    /// What is asked for.
    pub action: Action,
    /// When it was said.
    pub since: UnixTime,
    /// When it ends by itself.
    pub until: Option<UnixTime>,
    /// Why, in the operator's words; empty when nothing was given.
    pub reason: Arc<str>,
    /// Who said it.
    pub by: Arc<str>,
}

impl Order {
    /// Whether it holds at this time.
    #[must_use]
    pub fn is_active(&self, now: UnixTime) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether its action can be asked of what its pattern names; the error says what to do instead.
    pub fn check(&self) -> Result<(), String> {
        let pattern = &self.pattern;
        match self.action {
            Action::Drain { percent } if percent == 0 || percent > PERCENT_ALL => {
                Err(format!("a drain is by 1 to {PERCENT_ALL} percent, not {percent}"))
            }
            Action::Drain { percent } if percent < PERCENT_ALL && pattern.level() == Level::Pool => Err(format!(
                "a whole pool is not drained by a part ({percent} %): there is nowhere its clients could go instead; drain \
                 some of its regions (`{pattern}/REGION`) or members (`{pattern}/REGION/TARGET`)"
            )),
            Action::Drain { .. } | Action::ForceUp | Action::ForceDown => Ok(()),
        }
    }

    /// Whether it is said of members one by one: a drain by a part of a region is the region's alone.
    #[must_use]
    pub fn concerns_members(&self) -> bool {
        !self.action.is_partial() || self.pattern.level() == Level::Member
    }
}

/// All that operators have said. Later words on the same pattern replace earlier ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorTable {
    orders: Vec<Order>,
}

impl OperatorTable {
    /// All orders, in the order in which they were said; also those whose time is over, until [`Self::expire`].
    #[must_use]
    pub fn orders(&self) -> &[Order] {
        &self.orders
    }

    /// Takes a word in; gives the one on the same pattern that it replaces. The error says what is wrong with it, and what to do.
    pub fn say(&mut self, order: Order) -> Result<Option<Order>, String> {
        order.check()?;
        let before = self.orders.iter().position(|known| known.pattern == order.pattern);
        if before.is_none() && self.orders.len() >= ORDERS_MAX {
            return Err(format!(
                "{ORDERS_MAX} orders stand already, and there may not be more; clear some, or say one of many with wildcards"
            ));
        }
        let replaced = before.map(|at| self.orders.remove(at));
        self.orders.push(order);
        Ok(replaced)
    }

    /// Takes out the orders that `pattern` matches, or of these the drains alone; gives them.
    pub fn remove(&mut self, pattern: &Pattern, drains_only: bool) -> Vec<Order> {
        self.take(|order| {
            pattern.removes(&order.pattern) && (!drains_only || matches!(order.action, Action::Drain { .. }))
        })
    }

    /// Takes out the orders whose time is over; gives them.
    pub fn expire(&mut self, now: UnixTime) -> Vec<Order> {
        self.take(|order| !order.is_active(now))
    }

    fn take(&mut self, goes: impl Fn(&Order) -> bool) -> Vec<Order> {
        self.orders.extract_if(.., |order| goes(order)).collect()
    }

    /// When the next order ends that has not ended by now.
    #[must_use]
    pub fn next_expiry(&self, now: UnixTime) -> Option<UnixTime> {
        self.orders.iter().filter_map(|order| order.until).filter(|until| *until > now).min()
    }

    /// The orders that hold at this time.
    pub fn active(&self, now: UnixTime) -> impl Iterator<Item = &Order> {
        self.orders.iter().filter(move |order| order.is_active(now))
    }

    /// Whether any order is about pools or members, so that not all pools of a region fare alike.
    #[must_use]
    pub fn names_pools(&self) -> bool {
        self.orders.iter().any(|order| order.pattern.level() != Level::Region)
    }

    /// What is said of a member, at whatever level; `target` as [`target_text`] gives it.
    #[must_use]
    pub fn admin_of_member(&self, pool: &str, region: &str, target: &str, now: UnixTime) -> Admin {
        strongest(self.of_member(pool, region, target, now))
    }

    /// What is said of a region for all pools.
    #[must_use]
    pub fn admin_of_region(&self, region: &str, now: UnixTime) -> Admin {
        strongest(self.active(now).filter(|order| order.pattern.names_region(region)))
    }

    /// What is said of a pool in a region, the region's own words and those about the whole pool included.
    #[must_use]
    pub fn admin_of_pool_region(&self, pool: &str, region: &str, now: UnixTime) -> Admin {
        strongest(self.active(now).filter(|order| order.pattern.covers_pool_region(pool, region)))
    }

    /// The orders that count for a member itself.
    pub fn of_member<'a>(
        &'a self,
        pool: &'a str,
        region: &'a str,
        target: &'a str,
        now: UnixTime,
    ) -> impl Iterator<Item = &'a Order> {
        self.active(now)
            .filter(move |order| order.concerns_members() && order.pattern.covers_member(pool, region, target))
    }
}

/// The strongest of several words.
fn strongest<'a>(orders: impl Iterator<Item = &'a Order>) -> Admin {
    orders.map(|order| order.action.admin()).max().unwrap_or_default()
}

/// A target as patterns name it: an address, or a name in lower case with its final dot.
#[must_use]
pub fn target_text(target: &MemberTarget) -> Cow<'_, str> {
    match target {
        MemberTarget::Address(address) => address.to_string().into(),
        MemberTarget::Name { text, .. } if text.bytes().any(|octet| octet.is_ascii_uppercase()) => {
            text.to_ascii_lowercase().into()
        }
        MemberTarget::Name { text, .. } => (&**text).into(),
    }
}

#[cfg(test)]
mod tests;
