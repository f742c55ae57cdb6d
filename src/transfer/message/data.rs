//! The data of records as it comes in messages: names that may be compressed are spelled out, and every field of the types
//! that are known must be there. Senders compress names in the types of RFC 1035 only; those that RFC 3597, section 4,
//! lists besides are read all the same.

use super::{MessageError, read_name};
use crate::zone::record_type::{Field, Format, by_code};

/// Types that are known but stand in no table of fields, with the fields in front of their name. Obsolete ones are there
/// because RFC 3597 names them.
const NAPTR: u16 = 35;
const SIG: u16 = 24;
const NXT: u16 = 30;

/// The data at `at..end` of a message, names in full.
pub fn in_full(rtype: u16, message: &[u8], at: usize, end: usize) -> Result<Box<[u8]>, MessageError> {
    let fields: &[Field] = match (rtype, by_code(rtype).map(|known| known.format)) {
        (_, Some(Format::Fields(fields))) => fields,
        (NAPTR, _) => &[Field::U16, Field::U16, Field::Text, Field::Text, Field::Text, Field::Name],
        (SIG, _) => {
            &[Field::U16, Field::U8, Field::U8, Field::U32, Field::U32, Field::U32, Field::U16, Field::Name, Field::Hex]
        }
        (NXT, _) => &[Field::Name, Field::Hex],
        _ => return Ok(message[at..end].into()),
    };
    // Without a name nothing is changed, which holds for most records.
    let mut data = Vec::with_capacity(end - at);
    let mut from = at;
    for field in fields {
        from = copy_field(*field, message, from, end, &mut data)?;
    }
    if from == end { Ok(data.into()) } else { Err(MessageError::Data) }
}

/// Adds one field to `data`; returns where it ends in the message.
fn copy_field(
    field: Field,
    message: &[u8],
    from: usize,
    end: usize,
    data: &mut Vec<u8>,
) -> Result<usize, MessageError> {
    let rest = message.get(from..end).ok_or(MessageError::Data)?;
    let text_len = |rest: &[u8]| rest.first().map(|len| 1 + usize::from(*len));
    let len = match field {
        Field::CompressibleName | Field::Name => {
            let (name, behind) = read_name(message, from)?;
            data.extend_from_slice(name.as_wire());
            return if behind <= end { Ok(behind) } else { Err(MessageError::Data) };
        }
        Field::U8 => 1,
        Field::U16 => 2,
        Field::U32 | Field::Seconds | Field::Ipv4 => 4,
        Field::Ipv6 | Field::Location => 16,
        Field::Eui(len) => usize::from(len),
        Field::Text | Field::CaaTag | Field::Salt => text_len(rest).ok_or(MessageError::Data)?,
        Field::OptionalText if rest.is_empty() => 0,
        Field::OptionalText => text_len(rest).ok_or(MessageError::Data)?,
        Field::Texts => {
            let mut len = 0;
            while let Some(text) = rest.get(len..).and_then(text_len) {
                len += text;
            }
            // At least one, and none that is cut off.
            if len == 0 || len != rest.len() {
                return Err(MessageError::Data);
            }
            len
        }
        Field::RestText | Field::Hex | Field::Base64 => rest.len(),
    };
    data.extend_from_slice(rest.get(..len).ok_or(MessageError::Data)?);
    Ok(from + len)
}
