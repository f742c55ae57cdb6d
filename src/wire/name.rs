//! Domain names in wire form (RFC 1035, section 3.1), owned, as an operator typed them.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

pub use super::name_key::{NameKey, ROOT_HASH, hash_label};

/// Most octets in a name, root octet included (RFC 1035, section 2.3.4).
pub const NAME_LEN_MAX: usize = 255;
/// Most octets in a label.
pub const LABEL_LEN_MAX: usize = 63;
/// Most labels in a name, the root not counted: 127 of one octet each fill 254 octets.
pub const LABELS_MAX: usize = 127;

/// Why octets or text are no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// The text is empty.
    Empty,
    /// Two dots meet, or the name begins with one.
    EmptyLabel,
    /// A label has more than 63 octets.
    LabelTooLong,
    /// The name has more than 255 octets in wire form.
    TooLong,
    /// A backslash ends the text, or three digits after it exceed 255.
    BadEscape,
    /// The text has no final dot and there is no origin to complete it.
    Relative,
    /// The octets end inside the name, or hold a label type other than a plain label.
    Malformed,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the name is empty",
            Self::EmptyLabel => "the name has an empty label (two dots in a row, or a dot at its start)",
            Self::LabelTooLong => "a label of the name is longer than 63 octets",
            Self::TooLong => "the name is longer than 255 octets",
            Self::BadEscape => "`\\` must be followed by a character or by three digits of at most 255",
            Self::Relative => "the name has no final dot and there is no origin to complete it",
            Self::Malformed => "the octets are no uncompressed name",
        })
    }
}

impl std::error::Error for NameError {}

/// An absolute domain name, letter case kept; compared, ordered (RFC 4034, section 6.1) and hashed without regard to it.
#[derive(Clone)]
pub struct Name(Box<[u8]>);

impl Name {
    /// The root.
    #[must_use]
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Reads presentation form with `\X` and `\DDD` escapes. A text without a final dot is completed with `origin`; `@`
    /// alone is the origin.
    pub fn from_text(text: &[u8], origin: Option<&Self>) -> Result<Self, NameError> {
        match text {
            b"" => return Err(NameError::Empty),
            b"." => return Ok(Self::root()),
            b"@" => return origin.cloned().ok_or(NameError::Relative),
            _ => {}
        }
        let mut wire = vec![0];
        let (mut label_start, mut absolute) = (0, false);
        let mut at = 0;
        while at < text.len() {
            absolute = false;
            let octet = match text[at] {
                b'.' => {
                    close_label(&mut wire, label_start)?;
                    label_start = wire.len();
                    wire.push(0);
                    absolute = true;
                    at += 1;
                    continue;
                }
                b'\\' => {
                    let (octet, used) = unescape(&text[at + 1..])?;
                    at += 1 + used;
                    octet
                }
                octet => {
                    at += 1;
                    octet
                }
            };
            wire.push(octet);
        }
        if absolute {
            return Self::checked(wire);
        }
        close_label(&mut wire, label_start)?;
        wire.extend_from_slice(&origin.ok_or(NameError::Relative)?.0);
        Self::checked(wire)
    }

    fn checked(wire: Vec<u8>) -> Result<Self, NameError> {
        if wire.len() > NAME_LEN_MAX { Err(NameError::TooLong) } else { Ok(Self(wire.into())) }
    }

    /// Reads an uncompressed name from the start of `octets`; returns it with its length.
    pub fn from_wire(octets: &[u8]) -> Result<(Self, usize), NameError> {
        let mut end = 0;
        loop {
            match octets.get(end) {
                Some(0) => break,
                Some(&len) if usize::from(len) <= LABEL_LEN_MAX => end += 1 + usize::from(len),
                _ => return Err(NameError::Malformed),
            }
        }
        Ok((Self::checked(octets[..=end].to_vec())?, end + 1))
    }

    /// The name in wire form, root octet included.
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels from left to right, without the root.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (&len, after) = rest.split_first()?;
            let (label, after) = after.split_at(len.into());
            rest = after;
            (!label.is_empty()).then_some(label)
        })
    }

    /// Where the labels begin, without the root, and how many there are.
    fn label_starts(&self) -> ([u8; LABELS_MAX], usize) {
        let (mut starts, mut count, mut at) = ([0; LABELS_MAX], 0, 0_u8);
        for label in self.labels() {
            starts[count] = at;
            count += 1;
            at += 1 + label.len() as u8;
        }
        (starts, count)
    }

    fn label_at(&self, start: u8) -> &[u8] {
        let start = usize::from(start);
        &self.0[start + 1..start + 1 + usize::from(self.0[start])]
    }

    /// How many labels, the root not counted.
    #[must_use]
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// The name without its leftmost label; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let first = usize::from(self.0[0]);
        (first > 0).then(|| Self(self.0[1 + first..].into()))
    }

    /// The name without its first `labels` labels; the root when it has no more than that.
    #[must_use]
    pub fn without(&self, labels: usize) -> Self {
        let mut at = 0;
        for _ in 0..labels.min(self.label_count()) {
            at += 1 + usize::from(self.0[at]);
        }
        Self(self.0[at..].into())
    }

    /// Whether this is `other` or below it.
    #[must_use]
    pub fn is_at_or_below(&self, other: &Self) -> bool {
        let Some(at) = self.0.len().checked_sub(other.0.len()) else { return false };
        let mut label = 0;
        while label < at {
            label += 1 + usize::from(self.0[label]);
        }
        label == at && self.0[at..].eq_ignore_ascii_case(&other.0)
    }

    /// Whether the leftmost label is `*`.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(&[1, b'*'])
    }

    /// The same name in lower case.
    #[must_use]
    pub fn to_lower(&self) -> Self {
        // Label lengths are below 64 and no capital letters, so that they survive.
        Self(self.0.to_ascii_lowercase().into())
    }
}

fn close_label(wire: &mut [u8], label_start: usize) -> Result<(), NameError> {
    match wire.len() - label_start - 1 {
        0 => Err(NameError::EmptyLabel),
        len if len > LABEL_LEN_MAX => Err(NameError::LabelTooLong),
        len => {
            wire[label_start] = len as u8;
            Ok(())
        }
    }
}

/// The octet that an escape stands for, from the text behind its backslash, and how many characters it takes there.
pub fn unescape(text: &[u8]) -> Result<(u8, usize), NameError> {
    match text {
        [a, b, c, ..] if [a, b, c].iter().all(|d| d.is_ascii_digit()) => {
            let value = [a, b, c].iter().fold(0_u16, |value, &&digit| value * 10 + u16::from(digit - b'0'));
            u8::try_from(value).map(|octet| (octet, 3)).map_err(|_| NameError::BadEscape)
        }
        [digit, ..] if digit.is_ascii_digit() => Err(NameError::BadEscape),
        [octet, ..] => Ok((*octet, 1)),
        [] => Err(NameError::BadEscape),
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let ((mine, mine_len), (theirs, theirs_len)) = (self.label_starts(), other.label_starts());
        for (&start, &other_start) in mine[..mine_len].iter().rev().zip(theirs[..theirs_len].iter().rev()) {
            let label = self.label_at(start).iter().map(u8::to_ascii_lowercase);
            let ordering = label.cmp(other.label_at(other_start).iter().map(u8::to_ascii_lowercase));
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        mine_len.cmp(&theirs_len)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Name {
    /// Presentation form with a final dot; what is not printable ASCII stands as `\DDD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == 1 {
            return f.write_str(".");
        }
        for label in self.labels() {
            for &octet in label {
                match octet {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => write!(f, "\\{}", char::from(octet))?,
                    0x21..=0x7e => write!(f, "{}", char::from(octet))?,
                    _ => write!(f, "\\{octet:03}")?,
                }
            }
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Name, NameError};

    fn name(text: &str) -> Name {
        Name::from_text(text.as_bytes(), None).unwrap()
    }

    #[test]
    fn presentation_form_round_trips() {
        for text in [".", "www.example.com.", "a\\.b.example.", "\\000\\255.example.", "*.example.", "\\@.x."] {
            assert_eq!(name(text).to_string(), text);
        }
        assert_eq!(name("\\119ww.example.").to_string(), "www.example.");
        let origin = name("example.com.");
        assert_eq!(Name::from_text(b"www", Some(&origin)).unwrap(), name("WWW.Example.COM."));
        assert_eq!(Name::from_text(b"@", Some(&origin)).unwrap(), origin);
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_reason() {
        let error = |text: &str| Name::from_text(text.as_bytes(), None).unwrap_err();
        assert_eq!(error(""), NameError::Empty);
        assert_eq!(error("a..b."), NameError::EmptyLabel);
        assert_eq!(error(".a."), NameError::EmptyLabel);
        assert_eq!(error("www"), NameError::Relative);
        assert_eq!(error("a\\"), NameError::BadEscape);
        assert_eq!(error("a\\256."), NameError::BadEscape);
        assert_eq!(error("a\\12."), NameError::BadEscape);
        assert_eq!(error(&format!("{}.", "a".repeat(64))), NameError::LabelTooLong);
        assert_eq!(error(&"a.".repeat(128)), NameError::TooLong);
        assert_eq!(name(&"a.".repeat(127)).as_wire().len(), 255);
    }

    #[test]
    fn rfc4034_canonical_order() {
        let sorted = [
            "example.",
            "a.example.",
            "yljkjljk.a.example.",
            "Z.a.example.",
            "zABC.a.EXAMPLE.",
            "z.example.",
            "\\001.z.example.",
            "*.z.example.",
            "\\200.z.example.",
        ];
        let mut names: Vec<_> = sorted.iter().rev().map(|text| name(text)).collect();
        names.sort();
        assert_eq!(names, sorted.map(name));
    }

    #[test]
    fn below_means_by_whole_labels() {
        assert!(name("a.b.example.").is_at_or_below(&name("EXAMPLE.")));
        assert!(name("example.").is_at_or_below(&name("example.")));
        assert!(!name("xexample.").is_at_or_below(&name("example.")));
        assert!(!name("example.").is_at_or_below(&name("a.example.")));
    }
}
