//! The key of a name: lower-cased, with the hash of each of its suffixes, which is what tables of names are searched with.
//! Made anew for every query, so that it counts each instruction.

use super::name::{LABEL_LEN_MAX, LABELS_MAX, NAME_LEN_MAX, Name, NameError};

/// A lower-cased name with the hash of each of its suffixes: what zones and nodes are found with. Reused from query to
/// query, so that setting one does not touch the heap. Suffixes are numbered by the labels stripped from the left: suffix
/// 0 is the whole name, suffix [`NameKey::label_count`] the root.
#[derive(Clone)]
pub struct NameKey {
    octets: [u8; KEY_BUFFER_LEN],
    len: u8,
    labels: u8,
    /// By stripped labels; as many as an index of eight bits can reach, so that none needs a check.
    offsets: [u8; 256],
    hashes: [u64; LABELS_MAX + 1],
}

/// Octets of a key's buffer: room for the longest name, and for reading eight octets from any place in it.
const KEY_BUFFER_LEN: usize = 264;

impl Default for NameKey {
    /// The root.
    fn default() -> Self {
        Self { octets: [0; KEY_BUFFER_LEN], len: 1, labels: 0, offsets: [0; 256], hashes: [ROOT_HASH; LABELS_MAX + 1] }
    }
}

impl NameKey {
    /// Reads the uncompressed name at the start of `octets` and returns its length there. After an error the key is some
    /// name, nobody knows which.
    pub fn set(&mut self, octets: &[u8]) -> Result<usize, NameError> {
        let copied = octets.len().min(NAME_LEN_MAX);
        self.octets[..copied].copy_from_slice(&octets[..copied]);
        let (mut at, mut labels) = (0, 0_u8);
        while at < copied {
            let len = self.octets[at];
            self.offsets[usize::from(labels)] = at as u8;
            if len == 0 {
                (self.len, self.labels) = (at as u8 + 1, labels);
                self.lower_and_hash();
                return Ok(at + 1);
            }
            if usize::from(len) > LABEL_LEN_MAX {
                return Err(NameError::Malformed);
            }
            at += 1 + usize::from(len);
            // 127 labels of one octet fill a name.
            labels = labels.wrapping_add(1);
        }
        Err(if at < NAME_LEN_MAX { NameError::Malformed } else { NameError::TooLong })
    }

    /// Makes each label lower-case and hashes it as [`hash_label`] would, eight octets at a time, from right to left. The
    /// last octets of a label are read and written with some that follow it, which have had their turn: what is
    /// lower-case stays the same, and so do lengths of labels, which are below 64 and no capital letters.
    fn lower_and_hash(&mut self) {
        let labels = usize::from(self.labels);
        let mut hash = ROOT_HASH;
        self.hashes[labels] = hash;
        for (offset, place) in self.offsets[..labels].iter().zip(&mut self.hashes[..labels]).rev() {
            let mut at = usize::from(*offset) + 1;
            let mut left = u32::from(self.octets[at - 1]);
            hash ^= u64::from(left);
            while left >= 8 {
                hash = mix(hash ^ lower_word_at(&mut self.octets, at));
                (at, left) = (at + 8, left - 8);
            }
            let odd_end = lower_word_at(&mut self.octets, at) & !(u64::MAX << (8 * left));
            hash = mix(hash ^ odd_end);
            *place = hash;
        }
    }

    /// The key of an owned name.
    #[must_use]
    pub fn of(name: &Name) -> Self {
        let mut key = Self::default();
        // A `Name` is well-formed, which is all that `set` asks.
        let _ = key.set(name.as_wire());
        key
    }

    /// The whole name in lower-case wire form.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets[..self.len.into()]
    }

    /// How many labels, the root not counted.
    #[must_use]
    pub fn label_count(&self) -> usize {
        self.labels.into()
    }

    /// Where suffix `stripped` begins in [`NameKey::octets`].
    #[must_use]
    pub fn offset(&self, stripped: usize) -> usize {
        self.offsets[stripped].into()
    }

    /// Suffix `stripped` in wire form.
    #[must_use]
    pub fn suffix(&self, stripped: usize) -> &[u8] {
        &self.octets()[self.offset(stripped)..]
    }

    /// The hash of suffix `stripped`.
    #[must_use]
    pub fn hash(&self, stripped: usize) -> u64 {
        self.hashes[stripped]
    }
}

/// The hash of the root, from which all others grow.
pub const ROOT_HASH: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hash of a name from that of its parent and its leftmost label in lower case. Fixed for one process only: nothing
/// stores or sends it.
#[must_use]
pub fn hash_label(parent: u64, label: &[u8]) -> u64 {
    let mut hash = parent ^ (label.len() as u64);
    let (words, rest) = label.as_chunks::<8>();
    for word in words {
        hash = mix(hash ^ u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(hash ^ u64::from_le_bytes(last))
}

/// Makes eight octets of a key's buffer lower-case and returns them.
fn lower_word_at(buffer: &mut [u8; KEY_BUFFER_LEN], at: usize) -> u64 {
    let Some(octets) = buffer[at..].first_chunk_mut() else { return 0 };
    let word = lower_word(u64::from_le_bytes(*octets));
    *octets = word.to_le_bytes();
    word
}

/// Eight octets in lower case.
const fn lower_word(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH_BITS: u64 = 0x80 * EACH;
    let low = word & !HIGH_BITS;
    // The high bit of each octet tells whether its lower seven are at least `A`, or above `Z`: no sum leaves its octet.
    let from_a = low + (0x80 - b'A' as u64) * EACH;
    let above_z = low + (0x7f - b'Z' as u64) * EACH;
    let capital = (from_a ^ above_z) & !word & HIGH_BITS;
    word | (capital >> 2)
}

/// Folded 128-bit product: every bit of the input reaches every bit of the output.
fn mix(word: u64) -> u64 {
    let product = u128::from(word ^ 0x2d35_8dcc_aa6c_78a5) * 0x8bb8_4b93_962e_acc9_u128;
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{NameKey, ROOT_HASH, hash_label};
    use crate::wire::{Name, NameError};
    use proptest::prelude::*;

    fn name(text: &str) -> Name {
        Name::from_text(text.as_bytes(), None).unwrap()
    }

    #[test]
    fn a_key_holds_every_suffix() {
        let key = NameKey::of(&name("A.b.Example."));
        assert_eq!(key.octets(), b"\x01a\x01b\x07example\x00");
        assert_eq!((key.label_count(), key.suffix(1)), (3, &b"\x01b\x07example\x00"[..]));
        assert_eq!(key.hash(2), NameKey::of(&name("example.")).hash(0));
        assert_eq!(key.suffix(3), b"\x00");
        let mut key = NameKey::default();
        assert_eq!(key.set(b"\x03www"), Err(NameError::Malformed));
        assert_eq!(key.set(b"\xc0\x0c"), Err(NameError::Malformed));
        assert_eq!(key.set(name(&"a.".repeat(127)).as_wire()), Ok(255));
        assert_eq!(key.set(&[63; 300]), Err(NameError::TooLong));
    }

    proptest! {
        #[test]
        fn a_key_is_the_lower_cased_name_hashed_label_by_label(
            labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=63), 0..10),
            before in prop::collection::vec(any::<u8>(), 0..260),
        ) {
            let mut wire: Vec<u8> = labels.iter().flat_map(|label| [&[label.len() as u8], &label[..]].concat()).collect();
            wire.push(0);
            let mut key = NameKey::default();
            let _ = key.set(&before);
            let result = key.set(&[&wire[..], b"behind"].concat());
            if wire.len() > 255 {
                prop_assert_eq!(result, Err(NameError::TooLong));
                return Ok(());
            }
            prop_assert_eq!(result, Ok(wire.len()));
            prop_assert_eq!(key.octets(), &wire.to_ascii_lowercase()[..]);
            let mut hash = ROOT_HASH;
            for (stripped, label) in labels.iter().enumerate().rev() {
                hash = hash_label(hash, &label.to_ascii_lowercase());
                prop_assert_eq!(key.hash(stripped), hash);
            }
        }

        #[test]
        fn no_octets_make_a_key_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = NameKey::default().set(&octets);
        }
    }
}
