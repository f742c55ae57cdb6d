//! Reads `[key.NAME]`, and the lists of a zone that name keys. Knows no other table: keys are looked up later.

use super::{absolute_name, path, prefix, probe_address};
use crate::base::{Diagnostic, Prefix};
use crate::config::files::reason;
use crate::config::keys::{Key, key as keys, notify_target, transfer_entry, zone};
use crate::config::reader::Reader;
use crate::config::report::Report;
use crate::config::scalars::{text, word};
use crate::config::tree::Spanned;
use crate::config::values::{self, Wrong};
use crate::steering::spec::ProbeAddress;
use crate::transfer::spec::{Algorithm, DNS_PORT, Secret};
use crate::wire::Name;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// `[key.NAME]` as typed.
#[derive(Clone, Debug)]
pub struct KeyTable {
    /// Its name; `None` where it is none.
    pub name: Option<Name>,
    /// How it signs.
    pub algorithm: Algorithm,
    /// The secret; `None` where there is none to be had.
    pub secret: Option<Secret>,
    /// Where the secret stands in another file: that file.
    pub file: Option<Spanned<PathBuf>>,
}

/// An element of `transfer` as typed.
#[derive(Clone, Debug)]
pub struct TransferEntry {
    /// The client's address.
    pub prefix: Option<Prefix>,
    /// The name of a key; `None` where there is none, or none that can be read.
    pub key: Option<Spanned<Name>>,
    /// Whether it may be used: all it says could be read, and it says something.
    pub is_whole: bool,
}

/// An element of `notify` as typed.
#[derive(Clone, Debug)]
pub struct NotifyEntry {
    /// Where; `None` where it cannot be read.
    pub address: Option<SocketAddr>,
    /// The name of a key.
    pub key: Option<Spanned<Name>>,
}

pub(super) fn key(name: &Spanned<Arc<str>>, reader: &mut Reader<'_, '_>, folder: &Path) -> KeyTable {
    let parsed = values::domain_name(&name.value, &Name::root()).map_err(|wrong| {
        let mut diagnostic = Diagnostic::error(wrong.why).at(name.span, "");
        diagnostic.hints.extend(wrong.hint);
        reader.report.push(diagnostic);
    });
    let written = reader.one(&keys::ALGORITHM, word);
    let algorithm = written.and_then(|word| Algorithm::ALL.into_iter().find(|known| known.text() == word.value));
    let algorithm = algorithm.unwrap_or(Algorithm::HmacSha256);
    let (inline, file_place) = (reader.place(&keys::SECRET), reader.place(&keys::SECRET_FILE));
    let file = path(reader, &keys::SECRET_FILE, folder);
    let secret = match (inline, file_place) {
        (Some(_), Some(file)) => {
            // Where the secret stands is not shown.
            let diagnostic = Diagnostic::error("a key has either `secret` or `secret_file`, not both").at(file, "");
            reader.report.push(diagnostic.hint("remove one of them"));
            None
        }
        (None, None) if reader.lacks(&[&keys::SECRET, &keys::SECRET_FILE]) => {
            let message = format!("the key needs `{}` or `{}`", keys::SECRET.name, keys::SECRET_FILE.name);
            let hint = "`tsig-keygen NAME` makes a secret";
            reader.report.absent(Diagnostic::error(message).at(reader.span, "").hint(hint));
            None
        }
        (Some(_), None) => reader.one(&keys::SECRET, text).and_then(|text| decode(&text.value, reader, "`secret`")),
        _ => file.as_ref().and_then(|file| read_file(file, algorithm, reader)),
    };
    KeyTable { name: parsed.ok(), algorithm, secret, file }
}

/// Reads a secret from a file of its own.
fn read_file(file: &Spanned<PathBuf>, algorithm: Algorithm, reader: &mut Reader<'_, '_>) -> Option<Secret> {
    let text = match std::fs::read_to_string(&file.value) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("cannot read `{}`: {}", file.value.display(), reason(&error));
            reader.report.error(file.span, message);
            return None;
        }
    };
    let clause = text.contains('{');
    if let Some(other) = clause.then(|| in_clause(&text, "algorithm")).flatten()
        && !other.trim_matches('"').eq_ignore_ascii_case(algorithm.text())
    {
        let message = format!("the key is for `{}`, its file says", algorithm.text());
        let hint = format!("write `algorithm = \"{}\"`, or make another key", other.trim_matches('"'));
        reader.report.push(Diagnostic::error(format!("{message} `{other}`")).at(file.span, "").hint(hint));
        return None;
    }
    let secret = if clause { in_clause(&text, "secret").unwrap_or_default() } else { text.trim() };
    decode(secret.trim_matches('"'), reader, &format!("the secret in `{}`", file.value.display()))
}

/// The word behind `keyword` in a `key` clause.
fn in_clause<'t>(text: &'t str, keyword: &str) -> Option<&'t str> {
    let mut words =
        text.split(|c: char| c.is_whitespace() || matches!(c, ';' | '{' | '}')).filter(|word| !word.is_empty());
    words.find(|word| *word == keyword)?;
    words.next()
}

/// Shortest secret that is taken without a word, in octets.
const SECRET_LEN_MIN: usize = 16;

/// The octets of a secret. Messages show the table, never the line with the secret.
fn decode(text: &str, reader: &mut Reader<'_, '_>, what: &str) -> Option<Secret> {
    match base64(text) {
        Ok(octets) => {
            if octets.len() < SECRET_LEN_MIN {
                let message = format!("{what} has {} octets, which is too few to be safe", octets.len());
                let hint = "`tsig-keygen NAME` makes one of the right length";
                reader.report.push(Diagnostic::warning(message).at(reader.span, "").hint(hint));
            }
            Some(Secret(octets.into()))
        }
        Err(wrong) => {
            let diagnostic = Diagnostic::error(format!("{what} {}", wrong.why)).at(reader.span, "");
            reader.report.push(diagnostic.hint("`tsig-keygen NAME` makes one"));
            None
        }
    }
}

/// The octets of Base64 text (RFC 4648, section 4), without a word of it in the error.
fn base64(text: &str) -> Result<Vec<u8>, Wrong> {
    let broken = || super::wrong("is no Base64 text");
    let digits: Vec<u8> = text.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
    let padded = digits.iter().rev().take_while(|octet| **octet == b'=').count();
    if digits.is_empty() || !digits.len().is_multiple_of(4) || padded > 2 {
        return Err(broken());
    }
    let mut octets = Vec::with_capacity(digits.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for digit in &digits[..digits.len() - padded] {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(broken()),
        };
        (bits, held) = ((bits << 6 | u32::from(value)) & 0x00ff_ffff, held + 6);
        if held >= 8 {
            held -= 8;
            octets.push((bits >> held) as u8);
        }
    }
    Ok(octets)
}

/// `transfer` of a zone.
pub(super) fn transfer(reader: &mut Reader<'_, '_>) -> Vec<TransferEntry> {
    let entries = reader.tables(&zone::TRANSFER, &transfer_entry::TABLE, |reader| {
        let prefix_place = reader.place(&transfer_entry::PREFIX);
        let key_place = reader.place(&transfer_entry::KEY);
        if reader.lacks(&[&transfer_entry::PREFIX, &transfer_entry::KEY]) {
            let message = "the entry says nothing, so that it lets nobody in";
            let hint = format!("for example `{} = {}`", zone::TRANSFER.name, zone::TRANSFER.example);
            reader.report.absent(Diagnostic::error(message).at(reader.span, "").hint(hint));
        }
        let prefix = reader.one(&transfer_entry::PREFIX, prefix).map(|prefix| prefix.value);
        let key = reader.one(&transfer_entry::KEY, absolute_name);
        // Half of an entry would let in more than the whole.
        let is_whole = prefix.is_some() == prefix_place.is_some()
            && key.is_some() == key_place.is_some()
            && (prefix.is_some() || key.is_some());
        TransferEntry { prefix, key, is_whole }
    });
    entries.map_or_else(Vec::new, |entries| entries.value)
}

/// `notify` of a zone.
pub(super) fn notify(reader: &mut Reader<'_, '_>) -> Vec<NotifyEntry> {
    let entries = reader.tables(&zone::NOTIFY, &notify_target::TABLE, |reader| NotifyEntry {
        address: server_address(reader, &notify_target::ADDRESS),
        key: reader.one(&notify_target::KEY, absolute_name),
    });
    entries.map_or_else(Vec::new, |entries| entries.value)
}

/// The address of a DNS server, with port 53 where none is written.
pub(super) fn server_address(reader: &mut Reader<'_, '_>, key: &'static Key) -> Option<SocketAddr> {
    reader.one(key, probe_address).map(|address| address_of(address.value))
}

/// The same of an address that was read already.
pub(super) fn address_of(address: ProbeAddress) -> SocketAddr {
    match address {
        ProbeAddress::Socket(socket) => socket,
        ProbeAddress::Address(address) => SocketAddr::new(address, DNS_PORT),
    }
}

/// Who else may read a file with a secret; a warning where it is everybody.
pub(super) fn check_permissions(path: &Path, place: crate::base::Span, report: &mut Report) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        /// Read permission for others.
        const OTHERS_READ: u32 = 0o004;
        let Ok(metadata) = std::fs::metadata(path) else { return };
        if metadata.permissions().mode() & OTHERS_READ != 0 {
            let message = format!("every user of this machine can read the secret in `{}`", path.display());
            let hint = format!("chmod o= {}", path.display());
            report.push(Diagnostic::warning(message).at(place, "").hint(hint));
        }
    }
    #[cfg(not(unix))]
    let _ = (path, place, report);
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{base64, in_clause};

    #[test]
    fn rfc4648_base64_is_decoded() {
        for (text, octets) in [
            ("Zg==", &b"f"[..]),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9v YmFy\n", b"foobar"),
            ("+/8=", &[0xfb, 0xff]),
        ] {
            assert_eq!(base64(text).unwrap(), octets, "{text}");
        }
        for text in ["", "Zg", "Zg=", "Z===", "Zm9v!", "====", "Zm_v", "Z=m9"] {
            assert!(base64(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_clause_is_read_as_tsig_keygen_writes_it() {
        let text = "key \"transfer.example\" {\n\talgorithm hmac-sha256;\n\tsecret \"Zm9v\";\n};\n";
        assert_eq!((in_clause(text, "algorithm"), in_clause(text, "secret")), (Some("hmac-sha256"), Some("\"Zm9v\"")));
        assert_eq!(in_clause("{ secret", "secret"), None);
    }
}
