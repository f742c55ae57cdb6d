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
/// Octets of a word, and of a wide move.
const WORD: usize = 8;
const WIDE: usize = 16;
/// Masks of the first octets of a word, by how many.
const FIRST_OCTETS: [u64; WORD + 1] = {
    let mut masks = [0; WORD + 1];
    let mut octets = 1;
    while octets <= WORD {
        masks[octets] = masks[octets - 1] << 8 | 0xff;
        octets += 1;
    }
    masks
};

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
        self.read(octets)
    }

    /// As [`Self::set`], as a part of its caller: for the name of each query.
    #[inline(always)]
    pub(super) fn read(&mut self, octets: &[u8]) -> Result<usize, NameError> {
        let octets = &octets[..octets.len().min(NAME_LEN_MAX)];
        let (mut at, mut labels) = (0, 0_u8);
        loop {
            let Some(&len) = octets.get(at) else {
                return Err(if at < NAME_LEN_MAX { NameError::Malformed } else { NameError::TooLong });
            };
            self.offsets[usize::from(labels)] = at as u8;
            at += 1 + usize::from(len);
            if len == 0 {
                break;
            }
            if usize::from(len) > LABEL_LEN_MAX {
                return Err(NameError::Malformed);
            }
            // 127 labels of one octet fill a name.
            labels = labels.wrapping_add(1);
        }
        (self.len, self.labels) = (at as u8, labels);
        lower_into(&mut self.octets, &octets[..at]);
        self.hash_labels();
        Ok(at)
    }

    /// Hashes each label as [`hash_label`] would, with its length, eight octets at a time, from right to left.
    #[inline(always)]
    fn hash_labels(&mut self) {
        let labels = usize::from(self.labels);
        let mut hash = ROOT_HASH;
        self.hashes[labels] = hash;
        for (offset, place) in self.offsets[..labels].iter().zip(&mut self.hashes[..labels]).rev() {
            // In eight bits, as all places in a name are, so that no word needs a check.
            let mut at = *offset;
            let mut left = 1 + usize::from(self.octets[usize::from(at)]);
            while left > WORD {
                hash = mix(hash ^ word_at(&self.octets, at));
                (at, left) = (at.wrapping_add(WORD as u8), left - WORD);
            }
            hash = mix(hash ^ word_at(&self.octets, at) & FIRST_OCTETS[left]);
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
    #[inline(always)]
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
    #[inline(always)]
    #[must_use]
    pub fn offset(&self, stripped: usize) -> usize {
        self.offsets[stripped].into()
    }

    /// The labels from suffix `stripped` on that are in front of suffix `behind`, in wire form.
    #[inline(always)]
    #[must_use]
    pub fn labels(&self, stripped: usize, behind: usize) -> &[u8] {
        &self.octets[self.offset(stripped)..self.offset(behind)]
    }

    /// Suffix `stripped` in wire form.
    #[inline(always)]
    #[must_use]
    pub fn suffix(&self, stripped: usize) -> &[u8] {
        &self.octets()[self.offset(stripped)..]
    }

    /// The hash of suffix `stripped`.
    #[inline(always)]
    #[must_use]
    pub fn hash(&self, stripped: usize) -> u64 {
        self.hashes[stripped]
    }
}

/// The hash of the root, from which all others grow.
pub const ROOT_HASH: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hash of a name from that of its parent and its leftmost label in lower case, of 63 octets at most. Fixed for one
/// process only: nothing stores or sends it.
#[must_use]
pub fn hash_label(parent: u64, label: &[u8]) -> u64 {
    let mut octets = [0; 1 + LABEL_LEN_MAX];
    octets[0] = label.len() as u8;
    octets[1..=label.len()].copy_from_slice(label);
    let words = octets[..=label.len()].chunks(WORD).map(|octets| {
        let mut word = [0; WORD];
        word[..octets.len()].copy_from_slice(octets);
        u64::from_le_bytes(word)
    });
    words.fold(parent, |hash, word| mix(hash ^ word))
}

/// The word at offset `at` of a key's buffer.
#[inline(always)]
fn word_at(buffer: &[u8; KEY_BUFFER_LEN], at: u8) -> u64 {
    buffer[usize::from(at)..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// Copies `name` to the start of `buffer` in lower case. Lengths of labels are below 64 and no capital letters, so that they
/// stay as they are. The last move overlaps the one before it, as in [`super::short`].
#[inline(always)]
fn lower_into(buffer: &mut [u8; KEY_BUFFER_LEN], name: &[u8]) {
    let len = name.len();
    if len >= WIDE {
        lower_wide(&mut buffer[..WIDE], &name[..WIDE]);
        let mut at = WIDE;
        while at + WIDE < len {
            lower_wide(&mut buffer[at..at + WIDE], &name[at..at + WIDE]);
            at += WIDE;
        }
        lower_wide(&mut buffer[len - WIDE..len], &name[len - WIDE..]);
    } else {
        for (to, octet) in buffer.iter_mut().zip(name) {
            *to = octet.to_ascii_lowercase();
        }
    }
}

/// Copies sixteen octets in lower case: one vector.
#[inline(always)]
fn lower_wide(to: &mut [u8], from: &[u8]) {
    let mut octets = [0; WIDE];
    octets.copy_from_slice(from);
    octets.make_ascii_lowercase();
    to.copy_from_slice(&octets);
}

/// Folded 128-bit product: every bit of the input reaches every bit of the output.
fn mix(word: u64) -> u64 {
    let product = u128::from(word) * 0x8bb8_4b93_962e_acc9_u128;
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
