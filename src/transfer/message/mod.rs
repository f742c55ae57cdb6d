//! Whole DNS messages: a reader that yields records with their names in full, and a writer that compresses them again.
//! Unlike the engine's parser these may allocate. Knows no signatures and no zones.

mod data;
mod reader;
mod writer;

pub use reader::{Header, MessageRecord, Question, Reader};
pub use writer::{MESSAGE_LEN_MAX, MessageWriter};

use crate::wire::Name;
use std::fmt;

/// Why octets are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageError {
    /// Shorter than a header.
    ShortHeader,
    /// A name is cut off, too long, or has a pointer that does not lead back or too many of them.
    Name,
    /// A question or record is cut off.
    Cut,
    /// The data of a record does not have the form of its type.
    Data,
    /// Octets behind the last record.
    TrailingOctets,
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ShortHeader => "the message is shorter than a header",
            Self::Name => "a name in the message is malformed",
            Self::Cut => "the message ends within a record",
            Self::Data => "the data of a record does not have the form of its type",
            Self::TrailingOctets => "there are octets behind the last record",
        })
    }
}

impl std::error::Error for MessageError {}

/// Most pointers of one name: as many as it has labels at most, each of them behind a pointer of its own. Without a limit a
/// message could be a chain of pointers that each of its names goes through.
const POINTERS_MAX: usize = 127;

/// Reads the name at `at`, which may be compressed; returns it in full, and where it ends in the message.
pub fn read_name(message: &[u8], at: usize) -> Result<(Name, usize), MessageError> {
    let (mut whole, mut len) = ([0; 255], 0);
    let (mut from, mut end, mut pointers) = (at, None, 0);
    loop {
        match message.get(from).ok_or(MessageError::Name)? {
            0 => break,
            &label @ 1..0x40 => {
                let behind = from + 1 + usize::from(label);
                let octets = message.get(from..behind).ok_or(MessageError::Name)?;
                // The last octet is the root's.
                whole.get_mut(len..len + octets.len()).ok_or(MessageError::Name)?.copy_from_slice(octets);
                len += octets.len();
                from = behind;
            }
            &high @ 0xc0.. => {
                let low = message.get(from + 1).ok_or(MessageError::Name)?;
                let target = usize::from(u16::from_be_bytes([high & 0x3f, *low]));
                // Each pointer leads further back than the octets it stands behind, so that no chain of them is a loop.
                pointers += 1;
                if target >= from || pointers > POINTERS_MAX {
                    return Err(MessageError::Name);
                }
                end.get_or_insert(from + 2);
                from = target;
            }
            _ => return Err(MessageError::Name),
        }
    }
    let (name, _) = Name::from_wire(whole.get(..=len).ok_or(MessageError::Name)?).map_err(|_| MessageError::Name)?;
    Ok((name, end.unwrap_or(from + 1)))
}

#[cfg(test)]
mod tests;
