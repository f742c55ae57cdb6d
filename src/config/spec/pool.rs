//! Reads `[pool.NAME]` and its members. Knows no regions and no monitors: their names are looked up later.

use super::feed::{AskedTable, asked, names as feed_names};
use super::{absolute_name, address, distinct_names, probe_address, refuse, wrong};
use crate::base::Diagnostic;
use crate::config::keys::{limits, member as keys, pool};
use crate::config::reader::{Reader, Slot};
use crate::config::report::Report;
use crate::config::scalars::{boolean, duration, integer, number, switch_or_duration, text, word};
use crate::config::tree::{Node, Spanned, Value};
use crate::steering::spec::{Failback, Limits, MemberTarget, ProbeAddress, Recovery};
use crate::wire::Name;

/// Without `probation` of its own a pool that warms up has this. Only regions with a feed are put on probation.
const PROBATION: f64 = 0.02;

/// `[pool.NAME]` as typed.
#[derive(Clone, Debug)]
pub struct PoolTable {
    /// The names of monitors.
    pub monitors: Vec<Spanned<String>>,
    /// How many of them must pass.
    pub at_least: Option<Spanned<u16>>,
    /// Those of them that must fail.
    pub inverted: Vec<Spanned<String>>,
    /// Those of them that count for nothing.
    pub watch_only: Vec<Spanned<String>>,
    /// The names of feeds.
    pub feeds: Vec<Spanned<String>>,
    /// How its regions are left and come back.
    pub recovery: Recovery,
    /// The most that members may report.
    pub limits: Limits,
    /// The members, in configured order.
    pub members: Vec<MemberTable>,
}

/// A member as typed.
#[derive(Clone, Debug)]
pub struct MemberTable {
    /// The name of its region.
    pub region: Option<Spanned<String>>,
    /// What clients are answered.
    pub target: Option<Spanned<MemberTarget>>,
    /// Its share among the members of its region.
    pub weight: u32,
    /// Where it is checked.
    pub probe_address: Option<Spanned<ProbeAddress>>,
    /// Whether it answers at all.
    pub enabled: bool,
    /// How it is asked for its load.
    pub asked: AskedTable,
}

pub(super) fn pool(reader: &mut Reader<'_, '_>) -> PoolTable {
    let monitors = distinct_names(reader, &pool::MONITOR).map_or_else(Vec::new, |monitors| monitors.value);
    let members = reader.tables(&pool::MEMBERS, &keys::TABLE, member);
    if let Some(members) = &members
        && reader.is_empty_list(&pool::MEMBERS)
    {
        let message = "the pool has no members, so that it answers nothing";
        let hint = format!("for example `{} = {}`", pool::MEMBERS.name, pool::MEMBERS.example);
        reader.report.absent(Diagnostic::error(message).at(members.span, "").hint(hint));
    }
    let names = |names: Option<Spanned<Vec<Spanned<String>>>>| names.map_or_else(Vec::new, |names| names.value);
    PoolTable {
        monitors,
        at_least: reader.one(&pool::AT_LEAST, integer),
        inverted: names(distinct_names(reader, &pool::INVERTED)),
        watch_only: names(distinct_names(reader, &pool::WATCH_ONLY)),
        feeds: feed_names(reader, &pool::FEED),
        recovery: recovery(reader),
        limits: limits(reader),
        members: members.map_or_else(Vec::new, |members| members.value),
    }
}

fn recovery(reader: &mut Reader<'_, '_>) -> Recovery {
    let default = Recovery::default();
    let mut duration_of = |key, otherwise| reader.one(key, duration).map_or(otherwise, |duration| duration.value);
    let warm_up_after = duration_of(&pool::WARM_UP_AFTER, default.warm_up_after);
    let failover_delay = duration_of(&pool::FAILOVER_DELAY, default.failover_delay);
    let failback_delay = duration_of(&pool::FAILBACK_DELAY, default.failback_delay);
    let warm_up = reader.one(&pool::WARM_UP, switch_or_duration).and_then(|warm_up| warm_up.value);
    if warm_up.is_none() && reader.place(&pool::WARM_UP).is_none() {
        refuse(reader, &pool::WARM_UP_AFTER, "`warm_up`");
        refuse(reader, &pool::WARM_UP_FROM, "`warm_up`");
    }
    Recovery {
        warm_up,
        warm_up_after,
        warm_up_from: reader.one(&pool::WARM_UP_FROM, number).map_or(default.warm_up_from, |share| share.value),
        probation: reader.one(&pool::PROBATION, number).map(|share| share.value).or(warm_up.map(|_| PROBATION)),
        failover_delay,
        failback_delay,
        failback: match reader.one(&pool::FAILBACK, word) {
            Some(Spanned { value: "manual", .. }) => Failback::Manual,
            _ => Failback::Auto,
        },
    }
}

fn limits(reader: &mut Reader<'_, '_>) -> Limits {
    let Some(mut table) = reader.table(&pool::LIMITS, &limits::TABLE) else { return Limits::default() };
    let mut most = |key| table.one(key, number).map(|most| most.value);
    let found = Limits {
        utilisation: most(&limits::UTILISATION),
        connections: most(&limits::CONNECTIONS),
        bandwidth: most(&limits::BANDWIDTH),
        packets: most(&limits::PACKETS),
        requests: most(&limits::REQUESTS),
        response_time: None,
    };
    Limits { response_time: table.one(&limits::RESPONSE_TIME, duration).map(|most| most.value.as_secs_f64()), ..found }
}

fn member(reader: &mut Reader<'_, '_>) -> MemberTable {
    let region = reader.one(&keys::REGION, text);
    let address_place = reader.place(&keys::ADDRESS);
    let name_place = reader.place(&keys::CNAME);
    match (address_place, name_place) {
        (Some(address), Some(name)) => {
            let message = "a member has either `address` or `cname`, not both";
            reader.report.push(Diagnostic::error(message).at(name, "").at(address, ""));
        }
        (None, None) if reader.lacks(&[&keys::ADDRESS, &keys::CNAME]) => {
            let message = format!("a member needs `{}` or `{}`", keys::ADDRESS.name, keys::CNAME.name);
            let hint = format!("for example `{} = {}`", keys::ADDRESS.name, keys::ADDRESS.example);
            reader.report.absent(Diagnostic::error(message).at(reader.span, "").hint(hint));
        }
        _ => {}
    }
    let address = reader.one(&keys::ADDRESS, address).map(|address| address.map(MemberTarget::Address));
    let name = reader.one(&keys::CNAME, cname_target).map(|name| name.map(name_target));
    MemberTable {
        region,
        target: address.or(name),
        weight: reader.one(&keys::WEIGHT, weight).map_or(1, |weight| weight.value),
        probe_address: reader.one(&keys::PROBE_ADDRESS, probe_address),
        enabled: reader.one(&keys::ENABLED, boolean).is_none_or(|enabled| enabled.value),
        asked: asked(reader, &keys::FEED_ADDRESS, &keys::FEED_NAME, &keys::CAPACITY),
    }
}

fn name_target(name: Name) -> MemberTarget {
    MemberTarget::Name { wire: name.as_wire().into(), text: name.to_string().into() }
}

/// Reads the target of a CNAME record.
fn cname_target(report: &mut Report, slot: Slot, node: &Node) -> Option<Name> {
    let name = absolute_name(report, slot, node)?;
    let refused = if name.label_count() == 0 {
        Some(wrong("the root is no target"))
    } else if name.is_wildcard() {
        Some(wrong(format!("`{name}` is a wildcard, which is no target")))
    } else if node_text(node).is_some_and(|text| text.parse::<std::net::IpAddr>().is_ok()) {
        Some(wrong("an address is given as `address`"))
    } else {
        return Some(name);
    };
    if let Some(refused) = refused {
        report.error(node.span, format!("`{}`: {}", keys::CNAME.name, refused.why));
    }
    None
}

fn node_text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Reads a weight; says what to do instead of 0.
fn weight(report: &mut Report, slot: Slot, node: &Node) -> Option<u32> {
    if matches!(node.value, Value::Integer(0)) {
        let message = format!("`{}` must be at least 1", keys::WEIGHT.name);
        let hint = format!("write `{} = false` for a member that shall not answer", keys::ENABLED.name);
        report.push(Diagnostic::error(message).at(node.span, "").hint(hint));
        return None;
    }
    integer(report, slot, node)
}
