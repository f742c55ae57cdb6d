//! The SOA record of negative answers, ready to be copied: with the TTL that says how long to remember them (RFC 2308,
//! section 5), owned by the apex.

use super::rrset::{RECORD_HEADER_LEN, RrsetRef};

/// Octets of a pointer to the apex before the writer has added where that stands.
const APEX_POINTER: [u8; 2] = [0xc0, 0];
/// Where a stored record has its TTL and its RDLENGTH.
const TTL_AT: usize = 6;
const RDLENGTH_AT: usize = 10;

/// Records whose every pointer, that to their owner too, is relative to the apex.
#[derive(Clone, Copy, Debug)]
pub struct ApexRecords<'z> {
    /// The records, one behind the other.
    pub octets: &'z [u8],
    /// Offsets in `octets` of pointers relative to the apex, ascending.
    pub fixups: &'z [u16],
    /// How many records.
    pub count: u16,
}

/// The SOA record of negative answers, and its signatures behind it.
#[derive(Debug)]
pub(super) struct NegativeSoa {
    octets: Box<[u8]>,
    fixups: Box<[u16]>,
    /// Octets, fix-ups and number of the records without signatures.
    plain: (usize, usize, u16),
    count: u16,
}

impl NegativeSoa {
    /// From the stored SOA RRset and the TTL of negative answers in seconds.
    pub fn new(soa: RrsetRef<'_>, ttl: u32) -> Self {
        let mut octets: Box<[u8]> = soa.octets_and_signatures().into();
        let mut fixups = soa.fixups().to_vec();
        let mut at = 0;
        while let Some(header) = octets.get_mut(at..at + RECORD_HEADER_LEN) {
            header[..2].copy_from_slice(&APEX_POINTER);
            header[TTL_AT..RDLENGTH_AT].copy_from_slice(&ttl.to_be_bytes());
            let len = u16::from_be_bytes([header[RDLENGTH_AT], header[RDLENGTH_AT + 1]]);
            fixups.push(at as u16);
            at += RECORD_HEADER_LEN + usize::from(len);
        }
        fixups.sort_unstable();
        let plain_len = soa.octets().len();
        let plain_fixups = fixups.partition_point(|at| usize::from(*at) < plain_len);
        let count = soa.records() + soa.signature_count();
        Self { octets, fixups: fixups.into(), plain: (plain_len, plain_fixups, soa.records()), count }
    }

    /// Without its signatures.
    #[inline]
    pub fn plain(&self) -> ApexRecords<'_> {
        let (len, fixups, count) = self.plain;
        ApexRecords { octets: &self.octets[..len], fixups: &self.fixups[..fixups], count }
    }

    /// With its signatures, where it has any.
    pub const fn signed(&self) -> ApexRecords<'_> {
        ApexRecords { octets: &self.octets, fixups: &self.fixups, count: self.count }
    }
}

#[cfg(test)]
mod tests {
    use super::NegativeSoa;
    use crate::wire::rtype;
    use crate::zone::rrset::{Arena, RrsetRef, StoredRrset};

    #[test]
    fn every_record_has_the_ttl_and_a_pointer_to_the_apex_as_its_owner() {
        let record = |rtype: u8, data: &[u8]| {
            [&[0xc0, 12, 0, rtype, 0, 1, 0, 0, 0x0e, 0x10, 0, data.len() as u8], data].concat()
        };
        let (soa, signature) = (record(6, b"\x02ns\xc0\x00\x01h\x00SOA"), record(46, b"RRSIG"));
        let octets = [&b"before"[..], &soa, &signature, &signature].concat();
        let stored = StoredRrset {
            rtype: rtype::SOA,
            records: 1,
            ttl: 3600,
            octets_at: 6,
            octets_len: soa.len() as u16,
            signatures_len: 2 * signature.len() as u16,
            signatures: 2,
            fixups: 1,
            ..StoredRrset::default()
        };
        let arena = Arena { octets, offsets: vec![15] };
        let ready = NegativeSoa::new(RrsetRef::new(&stored, &arena), 30);
        let (plain, signed) = (ready.plain(), ready.signed());
        assert_eq!((plain.count, signed.count), (1, 3));
        assert_eq!(plain.octets, &signed.octets[..soa.len()]);
        assert_eq!((plain.fixups, signed.fixups), (&[0, 15][..], &[0, 15, 23, 40][..]));
        for at in [0, 23, 40] {
            assert_eq!(signed.octets[at..at + 2], [0xc0, 0]);
            assert_eq!(signed.octets[at + 6..at + 10], [0, 0, 0, 30]);
        }
        assert_eq!(signed.octets[12..23], soa[12..]);
        assert_eq!(signed.octets[52..], signature[12..]);
    }
}
