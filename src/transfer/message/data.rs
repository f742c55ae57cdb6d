//! The data of records as it comes in messages: names that may be compressed are spelled out. Senders compress names in the
//! types of RFC 1035 only; those that RFC 3597, section 4, lists besides are read all the same. Whether the data has the
//! form of its type otherwise is for whoever stores it to ask ([`crate::zone::Record::is_well_formed`]).

use super::{MessageError, read_name};
use crate::zone::record_type::{Field, by_code};
use crate::zone::wire_form::field_len;

/// Obsolete types that RFC 3597 names and that stand in no table of fields.
const SIG: u16 = 24;
const NXT: u16 = 30;
/// Type covered, algorithm, labels, TTL, expiration, inception, key tag, signer; then the signature.
const SIG_FIELDS: &[Field] =
    &[Field::U16, Field::U8, Field::U8, Field::U32, Field::U32, Field::U32, Field::U16, Field::Name];

/// The data at `at..end` of a message, names in full.
pub fn in_full(rtype: u16, message: &[u8], at: usize, end: usize) -> Result<Box<[u8]>, MessageError> {
    let fields = match rtype {
        SIG => SIG_FIELDS,
        NXT => &[Field::Name],
        _ => by_code(rtype).map_or(&[][..], |known| known.fields),
    };
    // What stands behind the last name is copied as it is; for most records that is all of it.
    let Some(last_name) = fields.iter().rposition(|field| is_name(*field)) else { return Ok(message[at..end].into()) };
    let mut data = Vec::with_capacity(end - at);
    let mut from = at;
    for field in &fields[..=last_name] {
        if is_name(*field) {
            let (name, behind) = read_name(message, from)?;
            data.extend_from_slice(name.as_wire());
            from = behind;
        } else {
            let rest = message.get(from..end).ok_or(MessageError::Data)?;
            let len = field_len(*field, rest).ok_or(MessageError::Data)?;
            data.extend_from_slice(&rest[..len]);
            from += len;
        }
    }
    data.extend_from_slice(message.get(from..end).ok_or(MessageError::Data)?);
    Ok(data.into())
}

const fn is_name(field: Field) -> bool {
    matches!(field, Field::CompressibleName | Field::Name)
}
