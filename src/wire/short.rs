//! Copying and comparing short runs of octets with moves of fixed width. A call of the C library for a run of unknown
//! length costs more instructions than most names and records of a query have octets.
//!
//! The last move overlaps the one before it, so that nothing is ever read or written outside the run.

/// Octets of a wide move.
const WIDE: usize = 16;
/// Runs of more octets than this are left to the C library, which is faster there.
const SHORT_MAX: usize = 128;

/// Copies `from` to `to`.
///
/// Panics when they are not equally long.
#[inline]
pub fn copy(to: &mut [u8], from: &[u8]) {
    assert_eq!(to.len(), from.len(), "copied octets fill their room");
    if from.len() > SHORT_MAX {
        to.copy_from_slice(from);
        return;
    }
    if let (Some(last_to), Some(last)) = (to.last_chunk_mut::<WIDE>(), from.last_chunk::<WIDE>()) {
        // What it writes over the run's earlier octets is what belongs there.
        *last_to = *last;
        for (to, from) in to.as_chunks_mut::<WIDE>().0.iter_mut().zip(from.as_chunks::<WIDE>().0) {
            *to = *from;
        }
    } else if let (Some(last_to), Some(last)) = (to.last_chunk_mut::<8>(), from.last_chunk::<8>()) {
        *last_to = *last;
        copy_first::<8>(to, from);
    } else if let (Some(last_to), Some(last)) = (to.last_chunk_mut::<4>(), from.last_chunk::<4>()) {
        *last_to = *last;
        copy_first::<4>(to, from);
    } else {
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
        }
    }
}

#[inline]
fn copy_first<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk::<N>()) {
        *to = *from;
    }
}

/// Whether two runs hold the same octets.
#[inline]
#[must_use]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if let (Some(last), Some(other_last)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        let mut words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
        last == other_last && words.all(|(word, other)| word == other)
    } else if let (Some(last), Some(other_last)) = (a.last_chunk::<4>(), b.last_chunk::<4>()) {
        last == other_last && a.first_chunk::<4>() == b.first_chunk::<4>()
    } else {
        a.iter().zip(b).all(|(octet, other)| octet == other)
    }
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
