//! The form in which an RRset is stored and copied into messages.

/// Octets of the owner field that stored records begin with: a compression pointer to the question's name.
pub const OWNER_OF_QUESTION: [u8; 2] = [0xc0, 0x0c];
/// Octets in front of a stored record's RDATA: owner pointer, TYPE, CLASS, TTL, RDLENGTH.
pub const RECORD_HEADER_LEN: usize = 12;

/// A stored RRset.
///
/// `octets` holds the records one behind the other, each as it goes into a message: owner as a pointer to offset 12
/// ([`OWNER_OF_QUESTION`]; the writer replaces it when the owner is another name), TYPE, CLASS, TTL, RDLENGTH, RDATA.
/// Names in RDATA that RFC 3597 section 4 allows to be compressed and that share their last labels with the apex end in a
/// pointer whose value is `0xc000 + n`, where `n` is the offset within the apex's wire form: the writer adds
/// the message offset at which the apex stands. [`RrsetRef::fixups`] says where those pointers are.
#[derive(Clone, Copy, Debug)]
pub struct RrsetRef<'z> {
    /// TYPE.
    pub rtype: u16,
    /// TTL in seconds, equal in all records (RFC 2181, section 5.2).
    pub ttl: u32,
    /// How many records.
    pub records: u16,
    /// The records.
    pub octets: &'z [u8],
    /// Its RRSIG records in the same form, one behind the other; without names that are compressed (RFC 4034, section
    /// 3.1.7). Empty in a zone that is not signed.
    pub signatures: &'z [u8],
    /// Offsets in `octets` of pointers relative to the apex, ascending.
    pub fixups: &'z [u16],
    /// Offsets in `octets` of the names that a CNAME leads to, or whose addresses belong into the additional section (NS,
    /// MX, SRV, DNAME).
    pub targets: &'z [u16],
}

impl RrsetRef<'_> {
    /// An RRset without records.
    #[must_use]
    pub const fn empty(rtype: u16) -> Self {
        Self { rtype, ttl: 0, records: 0, octets: &[], signatures: &[], fixups: &[], targets: &[] }
    }
}

/// When the stored signatures of one RRset cease to be enough, in seconds since 1970 (RFC 4034, section 3.1.5);
/// [`u32::MAX`] without any. One good signature is enough for an algorithm, as while keys are rolled over (RFC 6781, section
/// 4.1); a resolver may know only one of the algorithms, so that each must have one.
#[must_use]
pub fn expires(signatures: &[u8]) -> u32 {
    const ALGORITHM_AT: usize = 2;
    const EXPIRATION_AT: usize = 8;
    let facts = |data: &[u8]| {
        let expiration = u32::from_be_bytes(*data.get(EXPIRATION_AT..)?.first_chunk()?);
        Some((*data.get(ALGORITHM_AT)?, expiration))
    };
    let last_of = |algorithm: u8| {
        let same = data_of(signatures).filter_map(facts).filter(|&(other, _)| other == algorithm);
        same.map(|(_, expiration)| expiration).max()
    };
    data_of(signatures).filter_map(facts).filter_map(|(algorithm, _)| last_of(algorithm)).min().unwrap_or(u32::MAX)
}

/// The data of records in stored octets, one after the other.
pub fn data_of(mut octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (header, rest) = octets.split_first_chunk::<RECORD_HEADER_LEN>()?;
        let (data, rest) = rest.split_at(usize::from(u16::from_be_bytes([header[10], header[11]])));
        octets = rest;
        Some(data)
    })
}
