//! Names from presentation form into wire form without a heap object each, and their compression against the apex.

use crate::wire::NameError;
use crate::wire::name::{LABEL_LEN_MAX, NAME_LEN_MAX, unescape};

/// Appends the name `text` in wire form; without a final dot it is completed with `origin` (wire form). Returns whether
/// it was. After an error `out` holds a part of the name.
pub fn push_name(text: &[u8], origin: &[u8], out: &mut Vec<u8>) -> Result<bool, NameError> {
    let start = out.len();
    let relative = match text {
        b"" => return Err(NameError::Empty),
        b"@" => true,
        b"." => {
            out.push(0);
            false
        }
        _ => push_labels(text, out)?,
    };
    if relative {
        out.extend_from_slice(origin);
    }
    if out.len() - start > NAME_LEN_MAX { Err(NameError::TooLong) } else { Ok(relative) }
}

/// Appends the labels of `text`, and the root if it ends in a dot; returns whether it does not.
fn push_labels(text: &[u8], out: &mut Vec<u8>) -> Result<bool, NameError> {
    let mut label_at = out.len();
    out.push(0);
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.iter().position(|&octet| octet == b'.' || octet == b'\\').unwrap_or(rest.len());
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        match rest.first() {
            Some(b'\\') => {
                let (octet, used) = unescape(&rest[1..])?;
                out.push(octet);
                rest = &rest[1 + used..];
            }
            Some(_) => {
                close_label(out, label_at)?;
                label_at = out.len();
                out.push(0);
                rest = &rest[1..];
                if rest.is_empty() {
                    return Ok(false);
                }
            }
            None => {}
        }
    }
    close_label(out, label_at)?;
    Ok(true)
}

fn close_label(out: &mut [u8], label_at: usize) -> Result<(), NameError> {
    match out.len() - label_at - 1 {
        0 => Err(NameError::EmptyLabel),
        len if len > LABEL_LEN_MAX => Err(NameError::LabelTooLong),
        len => {
            out[label_at] = len as u8;
            Ok(())
        }
    }
}

/// Replaces the longest part that the name at `start` (which ends `out`) has in common with the end of the apex by a
/// pointer relative to the apex: `0xc000` plus the offset in the apex's wire form.
pub fn compress(out: &mut Vec<u8>, start: usize, apex: &[u8]) {
    let mut at = start;
    loop {
        let label = usize::from(out[at]);
        let rest = out.len() - at;
        if label == 0 {
            return;
        }
        if let Some(offset) = apex.len().checked_sub(rest)
            && is_label_start(apex, offset)
            && apex[offset..].eq_ignore_ascii_case(&out[at..])
        {
            out.truncate(at);
            out.extend_from_slice(&(0xc000 | offset as u16).to_be_bytes());
            return;
        }
        at += 1 + label;
    }
}

fn is_label_start(name: &[u8], offset: usize) -> bool {
    let mut at = 0;
    while at < offset {
        at += 1 + usize::from(name[at]);
    }
    at == offset
}

/// The length of the stored name at the start of `octets`, and whether it ends in a pointer instead of the root.
#[must_use]
pub fn stored_len(octets: &[u8]) -> (usize, bool) {
    let mut at = 0;
    loop {
        match octets[at] {
            0 => return (at + 1, false),
            label if usize::from(label) > LABEL_LEN_MAX => return (at + 2, true),
            label => at += 1 + usize::from(label),
        }
    }
}

/// Whether a name in wire form ends in `origin` twice, which is what a relative name with a forgotten final dot looks
/// like.
#[must_use]
pub fn repeats(name: &[u8], origin: &[u8]) -> bool {
    let labels = &origin[..origin.len() - 1];
    let Some(at) = name.len().checked_sub(origin.len() + labels.len()) else { return false };
    !labels.is_empty() && name[at..at + labels.len()].eq_ignore_ascii_case(labels)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{compress, push_name, stored_len};
    use crate::wire::Name;
    use proptest::prelude::{any, proptest};

    #[test]
    fn names_shrink_to_what_the_apex_does_not_have() {
        let apex = Name::from_text(b"Example.COM.", None).unwrap();
        let stored = |text: &str| {
            let mut out = vec![7];
            push_name(text.as_bytes(), b"\x03sub\x07example\x03com\x00", &mut out).unwrap();
            compress(&mut out, 1, apex.as_wire());
            assert_eq!(stored_len(&out[1..]).0, out.len() - 1);
            out.split_off(1)
        };
        assert_eq!(stored("example.com."), b"\xc0\x00");
        assert_eq!(stored("www"), b"\x03www\x03sub\xc0\x00");
        assert_eq!(stored("@"), b"\x03sub\xc0\x00");
        assert_eq!(stored("ns.com."), b"\x02ns\xc0\x08");
        assert_eq!(stored("xexample.com."), b"\x08xexample\xc0\x08");
        assert_eq!(stored("example.net."), b"\x07example\x03net\x00");
        assert_eq!(stored("."), b"\x00");
    }

    proptest! {
        /// `wire::Name` reads every text alike.
        #[test]
        fn the_same_names_as_the_wire_room(text in "([a-c.@\\\\*]|\\\\[0-9]{1,3}|[a-z]{60,64}|(x\\.){60,64}){0,5}", relative in any::<bool>()) {
            let origin = Name::from_text(if relative { b"example." } else { b"." }, None).unwrap();
            let mut out = Vec::new();
            let ours = push_name(text.as_bytes(), origin.as_wire(), &mut out).map(|_| out);
            let theirs = Name::from_text(text.as_bytes(), Some(&origin)).map(|name| name.as_wire().to_vec());
            proptest::prop_assert_eq!(ours, theirs);
        }
    }
}
