//! Reads `update` of a zone. Knows no other table: keys are looked up later.

use super::zone::OUTSIDE_HINT;
use super::{absolute_name, prefix};
use crate::base::{Diagnostic, Prefix, suggest};
use crate::config::keys::{Key, update_entry as keys, zone};
use crate::config::reader::Reader;
use crate::config::scalars::text;
use crate::config::tree::Spanned;
use crate::config::values;
use crate::transfer::spec::NamePattern;
use crate::wire::Name;
use crate::zone::record_type;

/// An element of `update` as typed.
#[derive(Clone, Debug)]
pub struct UpdateEntry {
    /// The name of a key.
    pub key: Option<Spanned<Name>>,
    /// The client's address.
    pub prefix: Option<Prefix>,
    /// The names; none for all.
    pub names: Vec<NamePattern>,
    /// The types; `None` for the usual ones.
    pub types: Option<Vec<u16>>,
    /// Whether it may be used: all it says could be read, and it says whom it lets in.
    pub is_whole: bool,
}

/// Types of signatures and denials, which whoever signs a zone makes.
const NEVER: [u16; 3] = [46, 47, 50];

/// `update` of the zone at `apex`.
pub(super) fn update(reader: &mut Reader<'_, '_>, apex: Option<&Name>) -> Vec<UpdateEntry> {
    let entries = reader.tables(&zone::UPDATE, &keys::TABLE, |reader| entry(reader, apex));
    entries.map_or_else(Vec::new, |entries| entries.value)
}

fn entry(reader: &mut Reader<'_, '_>, apex: Option<&Name>) -> UpdateEntry {
    let span = reader.span;
    let places = [reader.place(&keys::PREFIX), reader.place(&keys::KEY)];
    if reader.lacks(&[&keys::PREFIX, &keys::KEY]) {
        let hint = format!("for example `{} = {}`", zone::UPDATE.name, zone::UPDATE.example);
        let message = "the entry says neither `key` nor `prefix`, so that it lets nobody in";
        reader.report.absent(Diagnostic::error(message).at(span, "").hint(hint));
    }
    let prefix = reader.one(&keys::PREFIX, prefix).map(|prefix| prefix.value);
    let key = reader.one(&keys::KEY, absolute_name);
    if key.is_none() && places[1].is_none() && prefix.is_some() {
        let message = "without `key` anybody who sends from that address, or says so, may change the zone";
        let hint = "addresses of UDP are easily forged: ask for a key, which `tsig-keygen` makes";
        reader.report.push(Diagnostic::warning(message).at(span, "").hint(hint));
    }
    let names = read_list(reader, &keys::NAMES, |text| pattern(text, apex?));
    let types = read_list(reader, &keys::TYPES, |text| Some(rtype(text)));
    let is_whole = prefix.is_some() == places[0].is_some()
        && key.is_some() == places[1].is_some()
        && (prefix.is_some() || key.is_some())
        && names.is_ok()
        && types.is_ok();
    let (names, types) = (names.unwrap_or_default().unwrap_or_default(), types.unwrap_or_default());
    UpdateEntry { key, prefix, names, types, is_whole }
}

/// A list of what `read` reads; the error says that a mistake was reported. Where `read` gives nothing, something else was
/// wrong, which was reported before.
fn read_list<T>(
    reader: &mut Reader<'_, '_>,
    key: &'static Key,
    read: impl Fn(&str) -> Option<Result<T, values::Wrong>>,
) -> Result<Option<Vec<T>>, ()> {
    let place = reader.place(key);
    if reader.is_empty_list(key) {
        let message = format!("`{}` is empty, so that the entry allows nothing", key.name);
        reader
            .report
            .push(Diagnostic::error(message).at(place.unwrap_or(reader.span), "").hint("leave it out for all"));
        return Err(());
    }
    let Some(texts) = reader.list(key, text) else { return if place.is_none() { Ok(None) } else { Err(()) } };
    let mut items = Vec::new();
    let mut is_broken = false;
    for text in texts.value {
        match read(&text.value) {
            Some(Ok(item)) => items.push(item),
            Some(Err(wrong)) => {
                let mut diagnostic = Diagnostic::error(wrong.why).at(text.span, "");
                diagnostic.hints.extend(wrong.hint);
                reader.report.push(diagnostic);
                is_broken = true;
            }
            None => is_broken = true,
        }
    }
    if is_broken { Err(()) } else { Ok(Some(items)) }
}

fn pattern(text: &str, apex: &Name) -> Option<Result<NamePattern, values::Wrong>> {
    Some(values::domain_name(text, apex).and_then(|name| {
        if !name.is_at_or_below(apex) {
            return Err(values::Wrong {
                why: format!("`{name}` is outside the zone `{apex}`"),
                hint: Some(OUTSIDE_HINT.to_owned()),
            });
        }
        match name.parent().filter(|_| name.is_wildcard()) {
            Some(above) if above.is_at_or_below(apex) => Ok(NamePattern::Below(above)),
            _ => Ok(NamePattern::Exact(name)),
        }
    }))
}

fn rtype(text: &str) -> Result<u16, values::Wrong> {
    let code = record_type::code_of(text.as_bytes()).ok_or_else(|| {
        let near = suggest::nearest(text, record_type::KNOWN.iter().map(|known| known.mnemonic));
        let near = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        let hint = format!("{near}a type without a name is written by its number, as in `TYPE65280`");
        values::Wrong { why: format!("`{}` is no record type", text.escape_debug()), hint: Some(hint) }
    })?;
    if NEVER.contains(&code) || record_type::refusal(code).is_some() {
        let why = format!("updates cannot change records of type {}", record_type::name(code));
        return Err(values::Wrong { why, hint: Some("leave it out".to_owned()) });
    }
    Ok(code)
}
