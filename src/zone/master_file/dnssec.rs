//! The texts of signed zones: times and hashes.

use super::rdata::{DataError, Reader};
use super::text::{number, shown};

/// Seconds since 1970 as such, or as YYYYMMDDHHMMSS; times behind 2106 start at zero again (RFC 4034, section 3.1.5).
#[must_use]
pub fn time(text: &[u8]) -> Option<u32> {
    const DATE_LEN: usize = 14;
    if text.len() != DATE_LEN {
        return number(text, u32::MAX);
    }
    let part = |from: usize, to: usize, max: u32| number(&text[from..to], max).map(i64::from);
    let (year, month, day) = (part(0, 4, 9_999)?, part(4, 6, 12)?, part(6, 8, 31)?);
    let (hour, minute, second) = (part(8, 10, 23)?, part(10, 12, 59)?, part(12, 14, 60)?);
    if year < 1970 || month == 0 || day == 0 {
        return None;
    }
    // Days since 1970, with years that begin in March so that the leap day is the last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some((86_400 * days + 3_600 * hour + 60 * minute + second) as u32)
}

/// Appends a hash with its length in front; `None` when the text is no Base32 with the extended hex alphabet, unpadded.
pub fn push_hash(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let len_at = out.len();
    out.push(0);
    let (mut bits, mut held) = (0_u32, 0);
    for &digit in text {
        bits = bits << 5 | char::from(digit).to_digit(32)?;
        held += 5;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    let len = out.len() - len_at - 1;
    // What is left over fills no octet and says nothing.
    if len == 0 || held >= 5 || bits != 0 {
        return None;
    }
    out[len_at] = u8::try_from(len).ok()?;
    Some(())
}

impl Reader<'_, '_> {
    pub(super) fn time(&mut self) -> Result<(), DataError> {
        let (at, _, text) = self.next("a time")?;
        let value = time(text).ok_or_else(|| {
            DataError::at(at, format!("`{}` is no time", shown(text)))
                .with_hint("give it as YYYYMMDDHHMMSS, or in seconds since 1970 (RFC 4034, section 3.2)")
        })?;
        self.out.extend_from_slice(&value.to_be_bytes());
        Ok(())
    }

    pub(super) fn hash(&mut self) -> Result<(), DataError> {
        let (at, _, text) = self.next("a hash")?;
        push_hash(text, self.out).ok_or_else(|| {
            DataError::at(at, format!("`{}` is no hash", shown(text)))
                .with_hint("a hash is written in Base32 with the digits 0 to 9 and A to V (RFC 4648, section 7)")
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{push_hash, time};

    #[test]
    fn rfc4034_times_are_dates_or_seconds() {
        assert_eq!(time(b"20040509183619"), Some(1_084_127_779));
        assert_eq!(time(b"1084127779"), Some(1_084_127_779));
        assert_eq!(time(b"19700101000000"), Some(0));
        assert_eq!(time(b"20000229000000"), Some(951_782_400));
        assert_eq!(time(b"21060207062816"), Some(0), "times go round after 2^32 seconds");
        for wrong in ["2004050918361", "20041309183619", "20040009183619", "19691231235959", "x", "4294967296"] {
            assert_eq!(time(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn rfc5155_hashes_are_whole_octets() {
        let hash = |text: &str| {
            let mut out = Vec::new();
            push_hash(text.as_bytes(), &mut out).map(|()| out)
        };
        assert_eq!(hash("2t7b4g4vsa5smi47k61mv5bv1a22bojr").unwrap().len(), 21);
        assert_eq!(hash("CO").unwrap(), [1, 0x66]);
        for wrong in ["", "C", "CW", "CP", "CO=", "COOO O"] {
            assert_eq!(hash(wrong), None, "{wrong}");
        }
    }
}
