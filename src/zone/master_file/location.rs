//! The text of LOC records (RFC 1876, section 3) into their 16 octets.

/// The equator or the prime meridian, in thousandths of an arc second.
const MIDDLE: u32 = 1 << 31;
/// The reference spheroid lies this many centimetres above the lowest altitude.
const ALTITUDE_BASE_CM: i64 = 10_000_000;

/// Reads latitude, longitude, altitude and the optional size and precisions; `None` when the text is no location.
#[must_use]
pub fn location(mut words: &[&str]) -> Option<[u8; 16]> {
    let latitude = angle(&mut words, 90, ["S", "N"])?;
    let longitude = angle(&mut words, 180, ["W", "E"])?;
    let altitude = u32::try_from(centimetres(take(&mut words)?)? + ALTITUDE_BASE_CM).ok()?;
    // Defaults of section 3: 1 m, 10,000 m and 10 m.
    let mut precisions = [0x12, 0x16, 0x13];
    for precision in &mut precisions {
        if let Some(text) = take(&mut words) {
            *precision = mantissa_exponent(centimetres(text)?)?;
        }
    }
    if !words.is_empty() {
        return None;
    }
    let mut octets = [0; 16];
    octets[1..4].copy_from_slice(&precisions);
    octets[4..8].copy_from_slice(&latitude.to_be_bytes());
    octets[8..12].copy_from_slice(&longitude.to_be_bytes());
    octets[12..].copy_from_slice(&altitude.to_be_bytes());
    Some(octets)
}

fn take<'t>(words: &mut &[&'t str]) -> Option<&'t str> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    Some(first)
}

/// Degrees, then optional minutes and seconds, then the hemisphere: `[negative, positive]`.
fn angle(words: &mut &[&str], degrees_max: u32, hemispheres: [&str; 2]) -> Option<u32> {
    let mut thousandths = digits(take(words)?, degrees_max)? * 3_600_000;
    let mut word = take(words)?;
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        thousandths += digits(word, 59)? * 60_000;
        word = take(words)?;
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            let thousandths_of_seconds = u32::try_from(decimal(word, 3)?).ok()?;
            thousandths += (thousandths_of_seconds < 60_000).then_some(thousandths_of_seconds)?;
            word = take(words)?;
        }
    }
    let hemisphere = hemispheres.iter().position(|letter| word.eq_ignore_ascii_case(letter))?;
    if thousandths > degrees_max * 3_600_000 {
        return None;
    }
    Some(if hemisphere == 0 { MIDDLE - thousandths } else { MIDDLE + thousandths })
}

fn digits(text: &str, max: u32) -> Option<u32> {
    super::text::number(text.as_bytes(), max)
}

/// Metres with an optional sign, fraction and `m`.
fn centimetres(text: &str) -> Option<i64> {
    let text = text.strip_suffix(['m', 'M']).unwrap_or(text);
    match text.strip_prefix('-') {
        Some(below) => Some(-decimal(below, 2)?),
        None => decimal(text.strip_prefix('+').unwrap_or(text), 2),
    }
}

/// A decimal fraction with at most `places` digits behind the point, times ten to the power of `places`.
fn decimal(text: &str, places: usize) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > places {
        return None;
    }
    let all = format!("{whole}{fraction:0<places$}");
    Some(i64::from(digits(&all, u32::MAX)?))
}

/// A size as its leading digit and a power of ten (section 2), rounded down.
fn mantissa_exponent(centimetres: i64) -> Option<u8> {
    let (mut mantissa, mut exponent) = (u64::try_from(centimetres).ok()?, 0);
    while mantissa > 9 {
        mantissa /= 10;
        exponent += 1;
    }
    (exponent <= 9).then_some((mantissa as u8) << 4 | exponent)
}

#[cfg(test)]
mod tests {
    use super::location;

    fn read(text: &str) -> Option<[u8; 16]> {
        location(&text.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn rfc1876_examples() {
        // 42 21 54 N is 152,514,000 thousandths; 71 06 18 W is 255,978,000; -24 m is 9,997,600 cm above the base.
        let mut octets = [0, 0x33, 0x16, 0x13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        octets[4..8].copy_from_slice(&((1_u32 << 31) + 152_514_000).to_be_bytes());
        octets[8..12].copy_from_slice(&((1_u32 << 31) - 255_978_000).to_be_bytes());
        octets[12..].copy_from_slice(&9_997_600_u32.to_be_bytes());
        assert_eq!(read("42 21 54 N 71 06 18 W -24m 30m"), Some(octets));
        assert_eq!(read("42 21 54.000 n 71 6 18.0 w -24.00M 30m 10000m 10m"), Some(octets));
        assert!(read("52 N 5 E 0m").is_some());
        assert!(read("51 56 0.123 N 5 54 0.000 E 4.00m 1.00m 10000.00m 10.00m").is_some());
    }

    #[test]
    fn what_is_no_location_is_refused() {
        for text in [
            "",
            "91 N 0 E 0",
            "90 1 N 0 E 0",
            "52 60 N 0 E 0",
            "52 E 5 N 0",
            "52 N 5 E",
            "52 N 5 E 0 1 1 1 1",
            "52 N 5 E -100001",
            "52 1 1.0001 N 5 E 0",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
