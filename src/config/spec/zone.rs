//! Reads `[zone.NAME]` and its balanced names. Knows no pools, policies and zone files: names are looked up later.

use super::absolute_name;
use super::secondary::{SourceTable, source};
use super::transfer::{self, NotifyEntry, TransferEntry};
use super::update::{self, UpdateEntry};
use crate::base::{Diagnostic, Span};
use crate::config::keys::{TableDef, balance, ttl, zone as keys};
use crate::config::reader::{Reader, Slot};
use crate::config::report::Report;
use crate::config::scalars::{boolean, seconds, text, word};
use crate::config::tree::{Entry, Node, Spanned, Value};
use crate::config::values;
use crate::steering::spec::TtlRange;
use crate::wire::Name;
use std::path::Path;
use std::sync::Arc;

/// `[zone.NAME]` as typed.
#[derive(Clone, Debug)]
pub struct ZoneTable {
    /// Its origin; `None` where the name is none.
    pub apex: Option<Name>,
    /// Where its data comes from.
    pub source: SourceTable,
    /// Who may have the zone.
    pub transfer: Vec<TransferEntry>,
    /// Who may change what.
    pub update: Vec<UpdateEntry>,
    /// Who is told of new serials.
    pub notify: Vec<NotifyEntry>,
    /// The balanced names.
    pub balances: Vec<BalanceTable>,
    /// The aliases.
    pub aliases: Vec<AliasTable>,
    /// `transfer_balanced`.
    pub transfer_balanced: Option<Spanned<&'static str>>,
    /// `serial`.
    pub serial: Option<Spanned<&'static str>>,
}

/// An alias as typed.
#[derive(Clone, Debug)]
pub struct AliasTable {
    /// Where the owner is written.
    pub span: Span,
    /// The owner; `None` where it is none, or outside the zone.
    pub owner: Option<Name>,
    /// The name whose addresses it has.
    pub target: Spanned<Name>,
}

/// A balanced name as typed.
#[derive(Clone, Debug)]
pub struct BalanceTable {
    /// Where the owner is written.
    pub span: Span,
    /// The owner; `None` where it is none, or outside the zone.
    pub owner: Option<Name>,
    /// The name of the pool.
    pub pool: Option<Spanned<String>>,
    /// The name of the policy.
    pub policy: Option<Spanned<String>>,
    /// The TTLs.
    pub ttl: TtlRange,
    /// Whether each region has a name of its own.
    pub region_names: bool,
}

/// What to know where a name is outside its zone.
pub(super) const OUTSIDE_HINT: &str =
    "a name with a final dot is absolute; without one it is completed with the zone's origin";

pub(super) fn zone(name: &Spanned<Arc<str>>, reader: &mut Reader<'_, '_>, folder: &Path) -> ZoneTable {
    let apex = match values::domain_name(&name.value, &Name::root()) {
        Ok(apex) if apex.is_wildcard() => {
            reader.report.error(name.span, format!("`{}` is a wildcard, which is no zone", name.value));
            None
        }
        Ok(apex) => Some(apex),
        Err(wrong) => {
            let mut diagnostic = Diagnostic::error(wrong.why).at(name.span, "");
            diagnostic.hints.extend(wrong.hint);
            reader.report.push(diagnostic);
            None
        }
    };
    let origin = apex.clone();
    let source = source(reader, folder);
    let balances =
        reader.named(&keys::BALANCE, &balance::TABLE, |entry, reader| read_balance(entry, reader, origin.as_ref()));
    let (transfer, notify) = (transfer::transfer(reader), transfer::notify(reader));
    let aliases = reader.by_name(&keys::ALIAS, absolute_name).into_iter();
    let aliases = aliases.map(|(key, target)| {
        let owner = origin.as_ref().and_then(|origin| owner(&key, origin, reader.report));
        AliasTable { span: key.span, owner, target }
    });
    let aliases = aliases.collect();
    let update = update::update(reader, origin.as_ref());
    let transfer_balanced = reader.one(&keys::TRANSFER_BALANCED, word);
    let serial = reader.one(&keys::SERIAL, word);
    ZoneTable { apex, source, transfer, notify, update, balances, aliases, transfer_balanced, serial }
}

fn read_balance(entry: &Entry, reader: &mut Reader<'_, '_>, origin: Option<&Name>) -> BalanceTable {
    BalanceTable {
        span: entry.key.span,
        owner: origin.and_then(|origin| owner(&entry.key, origin, reader.report)),
        pool: reader.one(&balance::POOL, text),
        policy: reader.one(&balance::POLICY, text),
        ttl: read_ttl(reader),
        region_names: reader.one(&balance::REGION_NAMES, boolean).is_some_and(|written| written.value),
    }
}

fn owner(key: &Spanned<String>, origin: &Name, report: &mut Report) -> Option<Name> {
    let name = match values::domain_name(&key.value, origin) {
        Ok(name) => name,
        Err(wrong) => {
            let mut diagnostic = Diagnostic::error(wrong.why).at(key.span, "");
            diagnostic.hints.extend(wrong.hint);
            report.push(diagnostic);
            return None;
        }
    };
    if !name.is_at_or_below(origin) {
        let message = format!("`{name}` is outside the zone `{origin}`");
        report.push(Diagnostic::error(message).at(key.span, "").hint(OUTSIDE_HINT));
        return None;
    }
    let absolute = values::domain_name(&key.value, &Name::root()).ok();
    let lost_dot = absolute.filter(|absolute| origin.label_count() > 0 && absolute.is_at_or_below(origin));
    if let Some(meant) = lost_dot.filter(|_| !key.value.ends_with('.')) {
        let message = format!("this is the name `{name}`");
        report.push(
            Diagnostic::warning(message).at(key.span, "").hint(format!("was `{meant}` with its final dot meant?")),
        );
    }
    Some(name)
}

fn read_ttl(reader: &mut Reader<'_, '_>) -> TtlRange {
    let default = TtlRange::default();
    let is_table = reader.node(&balance::TTL).is_some_and(|node| matches!(node.value, Value::Table(_)));
    if !is_table {
        let pinned = reader.one(&balance::TTL, pinned_ttl).map(|ttl| ttl.value);
        return pinned.map_or(default, |ttl| TtlRange { max: ttl, min: ttl });
    }
    let def: &'static TableDef = &ttl::TABLE;
    let Some(mut table) = reader.table(&balance::TTL, def) else { return default };
    let max = table.one(&ttl::MAX, seconds);
    let min = table.one(&ttl::MIN, seconds);
    match (max, min) {
        (Some(max), Some(min)) => {
            if min.value > max.value {
                let message = format!("`{}` is greater than `{}`", ttl::MIN.name, ttl::MAX.name);
                table.report.push(Diagnostic::error(message).at(min.span, "").at(max.span, ""));
            }
            TtlRange { max: max.value, min: min.value }
        }
        // The default of the other one gives way.
        (Some(max), None) => TtlRange { max: max.value, min: default.min.min(max.value) },
        (None, Some(min)) => TtlRange { max: default.max.max(min.value), min: min.value },
        (None, None) => default,
    }
}

/// Reads seconds where a table could stand too.
fn pinned_ttl(report: &mut Report, slot: Slot, node: &Node) -> Option<u32> {
    match node.value {
        Value::Integer(_) | Value::String(_) => seconds(report, slot, node),
        _ => {
            slot.mistyped(report, node);
            None
        }
    }
}
