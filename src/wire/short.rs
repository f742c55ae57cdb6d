//! Copying and comparing short runs of octets with moves of fixed width. A call of the C library for a run of unknown
//! length costs more instructions than most names and records of a query have octets.
//!
//! The last move overlaps the one before it, so that nothing is ever read or written outside the run.

/// Octets of a wide move.
const WIDE: usize = 16;
/// Runs of more octets than this are left to the C library, which is faster there.
const SHORT_MAX: usize = 256;

/// Copies `from` to `to`.
///
/// Panics when they are not equally long.
#[inline(always)]
pub fn copy(to: &mut [u8], from: &[u8]) {
    let len = from.len();
    assert!(to.len() == len, "copied octets fill their room");
    if len > SHORT_MAX {
        to.copy_from_slice(from);
    } else if len >= 2 * WIDE {
        let last = len - 2 * WIDE;
        let mut at = 0;
        while at < last {
            to[at..at + 2 * WIDE].copy_from_slice(&from[at..at + 2 * WIDE]);
            at += 2 * WIDE;
        }
        to[last..].copy_from_slice(&from[last..]);
    } else if len >= WIDE {
        to[..WIDE].copy_from_slice(&from[..WIDE]);
        to[len - WIDE..].copy_from_slice(&from[len - WIDE..]);
    } else if len >= 8 {
        to[..8].copy_from_slice(&from[..8]);
        to[len - 8..].copy_from_slice(&from[len - 8..]);
    } else if len >= 4 {
        to[..4].copy_from_slice(&from[..4]);
        to[len - 4..].copy_from_slice(&from[len - 4..]);
    } else {
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
        }
    }
}

/// Whether two runs hold the same octets.
#[inline(always)]
#[must_use]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    let len = a.len();
    if len != b.len() {
        return false;
    }
    if len < 8 {
        if len >= 4 {
            return a[..4] == b[..4] && a[len - 4..] == b[len - 4..];
        }
        return a.iter().zip(b).all(|(octet, other)| octet == other);
    }
    let last = len - 8;
    let mut at = 0;
    while at < last {
        if a[at..at + 8] != b[at..at + 8] {
            return false;
        }
        at += 8;
    }
    a[last..] == b[last..]
}

#[cfg(test)]
mod tests {
    use super::{copy, same};

    #[test]
    fn runs_of_every_length_are_copied_and_nothing_beside_them() {
        let from: Vec<u8> = (0..300).map(|octet: u16| octet as u8 | 1).collect();
        for len in 0..=from.len() {
            let mut room = vec![0; len + 64];
            copy(&mut room[32..32 + len], &from[..len]);
            assert_eq!(room[32..32 + len], from[..len]);
            assert!(room[..32].iter().chain(&room[32 + len..]).all(|octet| *octet == 0), "{len}");
        }
    }

    #[test]
    fn runs_that_differ_in_one_octet_or_in_length_are_not_the_same() {
        let octets: Vec<u8> = (0..80).collect();
        for len in 0..octets.len() {
            assert!(same(&octets[..len], &octets[..len]));
            assert!(!same(&octets[..len], &octets[..=len]));
            for at in 0..len {
                let mut other = octets[..len].to_vec();
                other[at] ^= 0x80;
                assert!(!same(&octets[..len], &other), "{len} {at}");
            }
        }
    }
}
