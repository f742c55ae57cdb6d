//! Class CHAOS: what the server says of itself (RFC 4892), where it was told what to say. Knows no zones.

use crate::snapshot::Settings;
use crate::snapshot::settings::CHAOS_LEN_MAX;
use crate::wire::response::{QNAME_OFFSET, Section};
use crate::wire::{Full, NameKey, Records, Response, class, rtype};

/// Octets of a TXT record in front of its text: pointer to the owner, TYPE, CLASS, TTL, RDLENGTH, length of the text.
const TEXT_AT: usize = 13;

/// What the server says of itself at `name`; `None` where it has nothing to say.
#[cold]
pub fn text<'s>(settings: &'s Settings, name: &NameKey, qtype: u16) -> Option<&'s [u8]> {
    if !matches!(qtype, rtype::TXT | rtype::ANY) {
        return None;
    }
    match name.octets() {
        b"\x07version\x04bind\0" | b"\x07version\x06server\0" => settings.version.as_deref(),
        b"\x02id\x06server\0" | b"\x08hostname\x04bind\0" => settings.identity.as_deref(),
        _ => None,
    }
}

/// Answers with a TXT record of `text`, which may be remembered for no time.
#[cold]
pub fn write(response: &mut Response<'_>, text: &[u8]) -> Result<(), Full> {
    let text = &text[..text.len().min(CHAOS_LEN_MAX)];
    let mut record = [0; TEXT_AT + CHAOS_LEN_MAX];
    record[..2].copy_from_slice(&[0xc0, QNAME_OFFSET as u8]);
    record[2..4].copy_from_slice(&rtype::TXT.to_be_bytes());
    record[4..6].copy_from_slice(&class::CH.to_be_bytes());
    record[10..12].copy_from_slice(&(1 + text.len() as u16).to_be_bytes());
    record[12] = text.len() as u8;
    record[TEXT_AT..TEXT_AT + text.len()].copy_from_slice(text);
    let octets = &record[..TEXT_AT + text.len()];
    response.rrset(Section::Answer, Records { octets, fixups: &[], count: 1 }, QNAME_OFFSET, QNAME_OFFSET, None)?;
    Ok(())
}
