//! Reads what a monitor says to a member and expects to hear, in octets. Knows no connection.

use super::pattern;
use crate::config::keys::monitor as keys;
use crate::config::reader::{Reader, Slot};
use crate::config::report::Report;
use crate::config::scalars::text;
use crate::config::tree::Node;
use crate::config::values::Wrong;
use crate::probe::spec::{ANSWER_LEN_MAX, Expectation, TcpCheck};

/// Reads a `tcp` check.
pub(super) fn tcp_check(reader: &mut Reader<'_, '_>) -> TcpCheck {
    TcpCheck {
        send: reader.one(&keys::SEND, octets).map(|send| send.value).unwrap_or_default(),
        expect: Expectation {
            text: reader.one(&keys::EXPECT, octets).map(|expect| expect.value),
            pattern: reader.one(&keys::EXPECT_REGEX, pattern).map(|pattern| pattern.value),
        },
    }
}

/// Reads octets as a text with escapes.
pub(super) fn octets(report: &mut Report, slot: Slot, node: &Node) -> Option<Vec<u8>> {
    let text = text(report, slot, node)?;
    match unescaped(&text) {
        Ok(octets) if octets.len() > ANSWER_LEN_MAX => {
            report.error(node.span, format!("{} is longer than {ANSWER_LEN_MAX} octets", slot.name()));
            None
        }
        Ok(octets) => Some(octets),
        Err(wrong) => {
            slot.refused(report, node.span, wrong);
            None
        }
    }
}

/// The octets that a text with escapes stands for.
fn unescaped(text: &str) -> Result<Vec<u8>, Wrong> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        octets.extend_from_slice(before.as_bytes());
        let (octet, len) = match escape.as_bytes() {
            [b'r', ..] => (b'\r', 1),
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (u8::from_str_radix(&escape[1..3], 16).unwrap_or_default(), 3)
            }
            _ => {
                let written: String = escape.chars().take(if escape.starts_with('x') { 3 } else { 1 }).collect();
                let why = format!("`\\{}` is no escape", written.escape_debug());
                let hint =
                    r"escapes are `\r`, `\n`, `\t`, `\xNN` with two hexadecimal digits, and `\\` for a backslash";
                return Err(Wrong { why, hint: Some(hint.to_owned()) });
            }
        };
        octets.push(octet);
        rest = &escape[len..];
    }
    octets.extend_from_slice(rest.as_bytes());
    Ok(octets)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]

    use super::unescaped;

    #[test]
    fn escapes_stand_for_octets_and_everything_else_for_itself() {
        for (text, octets) in [
            (r"PING\r\n", &b"PING\r\n"[..]),
            ("PING\r\n", b"PING\r\n"),
            (r"\x00\xFf\x7e", &[0, 0xff, 0x7e]),
            (r"a\\xff\tb", br"a\xff	b"),
            ("größe", "größe".as_bytes()),
            ("", b""),
        ] {
            assert_eq!(unescaped(text).unwrap(), octets, "{text}");
        }
        for (text, why) in [
            (r"\q", r"`\q` is no escape"),
            ("end\\", r"`\` is no escape"),
            (r"\x1", r"`\x1` is no escape"),
            (r"\xgg", r"`\xgg` is no escape"),
            ("\\é", r"`\é` is no escape"),
            ("\\xéé", r"`\xéé` is no escape"),
        ] {
            assert_eq!(unescaped(text).unwrap_err().why, why, "{text}");
        }
    }
}
