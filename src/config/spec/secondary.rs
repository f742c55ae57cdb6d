//! Reads what `[zone.NAME]` says of where its data comes from. Knows no other table: keys are looked up later.

use super::transfer::{address_of, server_address};
use super::{absolute_name, path, probe_address, refuse};
use crate::base::{Diagnostic, Span};
use crate::config::keys::{primary, zone as keys};
use crate::config::reader::Reader;
use crate::config::scalars::{duration, size, word};
use crate::config::tree::Spanned;
use crate::transfer::spec::{REFRESH_MAX, REFRESH_MIN, TRANSFER_LEN_MAX};
use crate::wire::Name;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the data of a zone comes from, as typed.
#[derive(Clone, Debug)]
pub enum SourceTable {
    /// From a master file; `None` where it is missing, which was reported.
    File(Option<Spanned<PathBuf>>),
    /// From other servers.
    Servers(SecondaryTable),
}

/// How a zone is had from other servers, as typed.
#[derive(Clone, Debug)]
pub struct SecondaryTable {
    /// Whom to ask.
    pub primaries: Vec<PrimaryTable>,
    /// Shortest time between two looks at a primary.
    pub refresh_min: Duration,
    /// Longest time between two looks at a primary.
    pub refresh_max: Duration,
    /// Most octets of one transfer.
    pub transfer_max: u64,
}

/// An element of `primaries` as typed.
#[derive(Clone, Debug)]
pub struct PrimaryTable {
    /// Where it stands.
    pub span: Span,
    /// Where; `None` where it cannot be read.
    pub address: Option<SocketAddr>,
    /// The name of a key.
    pub key: Option<Spanned<Name>>,
}

/// `type` and the keys that go with it.
pub(super) fn source(reader: &mut Reader<'_, '_>, folder: &Path) -> SourceTable {
    let written = reader.one(&keys::TYPE, word);
    let (file_place, file) = (reader.place(&keys::FILE), path(reader, &keys::FILE, folder));
    // Where the word is mistyped, nothing can be said of the keys that go with it.
    let is_known = written.is_some() || reader.place(&keys::TYPE).is_none();
    if written.is_none_or(|word| word.value == "primary") {
        if is_known {
            if let Some(place) = reader.place(&keys::PRIMARIES) {
                let message = format!("`{}` is used only with `type = \"secondary\"`", keys::PRIMARIES.name);
                let hint = "write that too, or remove it";
                reader.report.push(Diagnostic::error(message).at(place, "").hint(hint));
            }
            for key in [&keys::REFRESH_MIN, &keys::REFRESH_MAX, &keys::TRANSFER_MAX] {
                refuse(reader, key, "`type = \"secondary\"`");
            }
            if file_place.is_none() && reader.place(&keys::PRIMARIES).is_none() && reader.lacks(&[&keys::FILE]) {
                let message = format!("a zone needs `{}`", keys::FILE.name);
                let hint = format!("for example `{} = {}`", keys::FILE.name, keys::FILE.example);
                reader.report.absent(Diagnostic::error(message).at(reader.span, "").hint(hint));
            }
        }
        touch(reader);
        return SourceTable::File(file);
    }
    if let Some(place) = file_place {
        let message = "a secondary zone has no `file`: its data comes from its primaries";
        let hint = "remove it; what is transferred is kept in the `state_dir` of `[server]`";
        reader.report.push(Diagnostic::error(message).at(place, "").hint(hint));
    }
    if let Some(place) = reader.place(&keys::UPDATE) {
        let message = "a secondary zone takes no updates: it is changed at its primary";
        reader.report.push(Diagnostic::error(message).at(place, "").hint("remove it, or send updates to the primary"));
    }
    SourceTable::Servers(secondary(reader))
}

/// Keys that are of no use here are known all the same.
fn touch(reader: &mut Reader<'_, '_>) {
    for key in [&keys::PRIMARIES, &keys::REFRESH_MIN, &keys::REFRESH_MAX, &keys::TRANSFER_MAX] {
        reader.place(key);
    }
}

fn secondary(reader: &mut Reader<'_, '_>) -> SecondaryTable {
    let primaries = reader.tables_or(
        &keys::PRIMARIES,
        &primary::TABLE,
        |reader| PrimaryTable {
            span: reader.span,
            address: server_address(reader, &primary::ADDRESS),
            key: reader.one(&primary::KEY, absolute_name),
        },
        |report, slot, node| PrimaryTable {
            span: node.span,
            address: probe_address(report, slot, node).map(address_of),
            key: None,
        },
    );
    let is_empty = match &primaries {
        Some(primaries) => primaries.value.is_empty() && reader.is_empty_list(&keys::PRIMARIES),
        None => reader.lacks(&[&keys::PRIMARIES]),
    };
    if is_empty {
        let message = format!("a secondary zone needs `{}`", keys::PRIMARIES.name);
        let hint = format!("for example `{} = {}`", keys::PRIMARIES.name, keys::PRIMARIES.example);
        let place = primaries.as_ref().map_or(reader.span, |primaries| primaries.span);
        reader.report.absent(Diagnostic::error(message).at(place, "").hint(hint));
    }
    let primaries = primaries.map_or_else(Vec::new, |primaries| primaries.value);
    check_distinct(&primaries, reader);
    let (min, max) = (reader.one(&keys::REFRESH_MIN, duration), reader.one(&keys::REFRESH_MAX, duration));
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value > max.value
    {
        let message = format!("`{}` is greater than `{}`", keys::REFRESH_MIN.name, keys::REFRESH_MAX.name);
        reader.report.push(Diagnostic::error(message).at(min.span, "").at(max.span, ""));
    }
    let (min, max) = (min.map(|min| min.value), max.map(|max| max.value));
    // The default of the other one gives way.
    SecondaryTable {
        primaries,
        refresh_min: min.unwrap_or_else(|| REFRESH_MIN.min(max.unwrap_or(REFRESH_MAX))),
        refresh_max: max.unwrap_or_else(|| REFRESH_MAX.max(min.unwrap_or(REFRESH_MIN))),
        transfer_max: reader.one(&keys::TRANSFER_MAX, size).map_or(TRANSFER_LEN_MAX, |size| size.value),
    }
}

fn check_distinct(primaries: &[PrimaryTable], reader: &mut Reader<'_, '_>) {
    for (number, primary) in primaries.iter().enumerate() {
        let Some(address) = primary.address else { continue };
        if let Some(first) = primaries[..number].iter().find(|earlier| earlier.address == Some(address)) {
            let message = format!("the primary `{address}` is listed twice");
            reader.report.push(Diagnostic::error(message).at(primary.span, "").at(first.span, "first here"));
        }
    }
}
