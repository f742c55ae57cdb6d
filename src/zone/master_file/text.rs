//! The small texts of master files: numbers, times with units, character strings, hexadecimal and Base64 digits.

use crate::wire::name::unescape;

/// Largest TTL, in seconds (RFC 2181, section 8).
pub const TTL_MAX: u32 = i32::MAX as u32;
/// Longest character string, in octets (RFC 1035, section 3.3).
pub const STRING_LEN_MAX: usize = 255;

/// A text as messages show it: cut when it is long, without control characters.
#[must_use]
pub fn shown(text: &[u8]) -> String {
    const SHOWN_LEN_MAX: usize = 80;
    let cut = &text[..text.len().min(SHOWN_LEN_MAX)];
    let clean = String::from_utf8_lossy(cut).replace(char::is_control, "\u{fffd}");
    if cut.len() < text.len() { clean + "..." } else { clean }
}

/// A decimal number of digits only, at most `max`.
#[must_use]
pub fn number(text: &[u8], max: u32) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    let mut value = 0_u32;
    for &octet in text {
        if !octet.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u32::from(octet - b'0'))?;
    }
    (value <= max).then_some(value)
}

/// Seconds, plain or with the units `w`, `d`, `h`, `m` and `s`, as in `1h30m`.
#[must_use]
pub fn seconds(text: &[u8]) -> Option<u32> {
    if !text.first()?.is_ascii_digit() {
        return None;
    }
    let (mut total, mut count) = (0_u32, None::<u32>);
    for &octet in text {
        let unit = match octet.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => {
                count = Some(count.unwrap_or(0).checked_mul(10)?.checked_add(u32::from(digit - b'0'))?);
                continue;
            }
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(count.take()?.checked_mul(unit)?)?;
    }
    total.checked_add(count.unwrap_or(0))
}

/// Appends the octets that `text` stands for; `None` when a backslash is followed by nothing usable.
pub fn push_unescaped(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = text;
    while let Some((&octet, after)) = rest.split_first() {
        if octet == b'\\' {
            let (octet, used) = unescape(after).ok()?;
            out.push(octet);
            rest = &after[used..];
        } else {
            out.push(octet);
            rest = after;
        }
    }
    Some(())
}

/// Appends the octets of hexadecimal digits that may be spread over several texts; `None` when they are no whole octets.
pub fn push_hex(texts: &[&[u8]], out: &mut Vec<u8>) -> Option<()> {
    let mut high = None;
    for &digit in texts.iter().copied().flatten() {
        let value = char::from(digit).to_digit(16)? as u8;
        match high.take() {
            None => high = Some(value << 4),
            Some(high) => out.push(high | value),
        }
    }
    high.is_none().then_some(())
}

/// Appends the octets of Base64 (RFC 4648, section 4) that may be spread over several texts; `None` when it is broken.
pub fn push_base64(texts: &[&[u8]], out: &mut Vec<u8>) -> Option<()> {
    let (mut bits, mut held, mut padding) = (0_u32, 0_u32, 0_u32);
    for &digit in texts.iter().copied().flatten() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        bits = bits << 6 | u32::from(value);
        held += 1;
        if held == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, held) = (0, 0);
        }
    }
    match (held, padding) {
        (0, 0) => {}
        (2, 2) if bits & 0x0f == 0 => out.push((bits >> 4) as u8),
        (3, 1) if bits & 0x03 == 0 => out.extend_from_slice(&((bits >> 2) as u16).to_be_bytes()),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{number, push_base64, push_hex, push_unescaped, seconds};

    #[test]
    fn numbers_and_times() {
        assert_eq!(number(b"65535", 65_535), Some(65_535));
        assert_eq!(
            (number(b"65536", 65_535), number(b"", 9), number(b"+1", 9), number(b"99999999999", 9)),
            (None, None, None, None)
        );
        for (text, value) in
            [("0", 0), ("90", 90), ("1h30m", 5_400), ("1W2D", 777_600), ("2h5", 7_205), ("4294967295", u32::MAX)]
        {
            assert_eq!(seconds(text.as_bytes()), Some(value), "{text}");
        }
        for text in ["", "h", "1x", "1hm", "-1", "4294967296", "9999999w"] {
            assert_eq!(seconds(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn strings_and_digits() {
        let read = |read: fn(&[u8], &mut Vec<u8>) -> Option<()>, text: &str| {
            let mut out = Vec::new();
            read(text.as_bytes(), &mut out).map(|()| out)
        };
        assert_eq!(read(push_unescaped, r#"a\"b\\\195\133"#), Some(b"a\"b\\\xc3\x85".to_vec()));
        assert_eq!(read(push_unescaped, r"a\256"), None);
        assert_eq!(read(push_unescaped, r"a\"), None);
        let hex = |text: &[u8], out: &mut Vec<u8>| push_hex(&text.split(|&b| b == b' ').collect::<Vec<_>>(), out);
        assert_eq!(read(hex, "0aF F ff"), Some(vec![0x0a, 0xff, 0xff]));
        assert_eq!(read(hex, "0aF"), None);
        assert_eq!(read(hex, "0g"), None);
        let base64 = |text: &[u8], out: &mut Vec<u8>| push_base64(&text.split(|&b| b == b' ').collect::<Vec<_>>(), out);
        for (text, octets) in
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm 9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmFy", "foobar")]
        {
            assert_eq!(read(base64, text), Some(octets.as_bytes().to_vec()), "{text}");
        }
        for text in ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Z-=="] {
            assert_eq!(read(base64, text), None, "{text}");
        }
    }
}
