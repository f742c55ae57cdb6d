//! Reads `[pool.NAME]` and its members. Knows no regions and no monitors: their names are looked up later.

use super::{absolute_name, address, distinct_names, probe_address, wrong};
use crate::base::Diagnostic;
use crate::config::keys::{member as keys, pool};
use crate::config::reader::{Reader, Slot};
use crate::config::report::Report;
use crate::config::scalars::{boolean, integer, text};
use crate::config::tree::{Node, Spanned, Value};
use crate::steering::spec::{MemberTarget, ProbeAddress};
use crate::wire::Name;

/// `[pool.NAME]` as typed.
#[derive(Clone, Debug)]
pub struct PoolTable {
    /// The names of monitors.
    pub monitors: Vec<Spanned<String>>,
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
    PoolTable { monitors, members: members.map_or_else(Vec::new, |members| members.value) }
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
