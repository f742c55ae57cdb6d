//! The data of records as it comes in messages: names that may be compressed are spelled out, and every field of the types
//! that are known must be there. Senders compress names in the types of RFC 1035 only; those that RFC 3597, section 4,
//! lists besides are read all the same.

use super::{MessageError, read_name};
use crate::zone::record_type::{Field, by_code};
use crate::zone::wire_form::field_len;

/// Obsolete types that stand in no table of fields, because RFC 3597 names them.
const SIG: u16 = 24;
const NXT: u16 = 30;

/// The data at `at..end` of a message, names in full.
pub fn in_full(rtype: u16, message: &[u8], at: usize, end: usize) -> Result<Box<[u8]>, MessageError> {
    let fields: &[Field] = match (rtype, by_code(rtype)) {
        (_, Some(known)) => known.fields,
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
    if matches!(field, Field::CompressibleName | Field::Name) {
        let (name, behind) = read_name(message, from)?;
        data.extend_from_slice(name.as_wire());
        return if behind <= end { Ok(behind) } else { Err(MessageError::Data) };
    }
    let rest = message.get(from..end).ok_or(MessageError::Data)?;
    let len = field_len(field, rest).ok_or(MessageError::Data)?;
    data.extend_from_slice(&rest[..len]);
    Ok(from + len)
}
