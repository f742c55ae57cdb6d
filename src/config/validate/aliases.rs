//! Aliases: names that have the addresses of other names.

use super::balances::{Owners, check_below_zone};
use crate::base::{Diagnostic, Span};
use crate::config::report::Report;
use crate::config::spec::{Definition, ZoneTable};
use crate::wire::Name;
use crate::zone::{AliasTarget, BalancedOwner, Role};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

/// Adds the owners of a zone's aliases; gives what they stand for, in the same order.
pub fn build(
    table: &ZoneTable,
    apexes: &HashSet<&Name>,
    owners: &mut Owners,
    balanced: &mut Vec<BalancedOwner>,
    report: &mut Report,
) -> Vec<Arc<AliasTarget>> {
    let mut targets = Vec::new();
    for alias in &table.aliases {
        let target = &alias.target;
        if let Some(address) = address_of(&target.value) {
            let message = format!("an alias leads to a name, and `{address}` is an address");
            let rtype = if address.is_ipv4() { "A" } else { "AAAA" };
            let hint = format!("for an address write {rtype} records in the zone file");
            report.push(Diagnostic::error(message).at(target.span, "").hint(hint));
            continue;
        }
        if target.value.label_count() < 2 {
            let message = format!("`{}` is no name that has addresses", target.value);
            let hint = "write the whole name, as in \"lb.example.net.\"";
            report.push(Diagnostic::error(message).at(target.span, "").hint(hint));
            continue;
        }
        let Some(owner) = &alias.owner else { continue };
        if !owners.take(owner, Role::Alias, alias.span, report) {
            continue;
        }
        if let Some(apex) = &table.apex {
            check_below_zone(alias.span, owner, apex, apexes, report);
        }
        let (owner, span) = (owner.clone(), Some(alias.span));
        balanced.push(BalancedOwner { owner, role: Role::Alias, answers_cname: false, span });
        targets.push(Arc::new(AliasTarget::new(target.value.clone())));
    }
    targets
}

/// The address that was written where a name belongs.
fn address_of(target: &Name) -> Option<IpAddr> {
    target.to_string().trim_end_matches('.').parse().ok()
}

/// An alias must not lead to itself or to another alias.
pub fn check_targets(tables: &[Definition<ZoneTable>], report: &mut Report) {
    let aliases = || tables.iter().flat_map(|zone| &zone.table.aliases);
    let owners: HashMap<&Name, Span> =
        aliases().filter_map(|alias| Some((alias.owner.as_ref()?, alias.span))).collect();
    for alias in aliases() {
        let target = &alias.target;
        let Some(&other) = owners.get(&target.value) else { continue };
        let diagnostic = if alias.owner.as_ref() == Some(&target.value) {
            Diagnostic::error(format!("`{}` is an alias of itself", target.value)).at(target.span, "")
        } else {
            let message = format!("the target `{}` is itself an alias", target.value);
            Diagnostic::error(message).at(target.span, "").at(other, "the other alias")
        };
        report.push(diagnostic.hint("name the target that has the addresses"));
    }
}
