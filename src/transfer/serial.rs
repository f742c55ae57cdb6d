//! Serial numbers, which count round in 32 bits (RFC 1982).

/// Whether `a` is newer than `b`. Of two that are exactly half the circle apart neither is.
#[must_use]
pub const fn is_newer(a: u32, b: u32) -> bool {
    let ahead = a.wrapping_sub(b);
    ahead != 0 && ahead < 1 << 31
}

/// The serial after `serial`; 0 is left out, which means to some that there is none.
#[must_use]
pub const fn next_serial(serial: u32) -> u32 {
    match serial.wrapping_add(1) {
        0 => 1,
        next => next,
    }
}

#[cfg(test)]
mod tests {
    use super::is_newer;

    #[test]
    fn rfc1982_serials_count_round() {
        assert!(is_newer(1, 0) && is_newer(44, 0) && is_newer(100, 44) && is_newer(200, 100) && is_newer(0, u32::MAX));
        assert!(is_newer(0x8000_0000, 1) && !is_newer(1, 0x8000_0000) && !is_newer(0, 0));
        assert!(!is_newer(0x8000_0000, 0) && !is_newer(0, 0x8000_0000), "half the circle apart");
    }
}
