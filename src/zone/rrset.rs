//! The form in which an RRset is stored and copied into messages.

use crate::wire::rtype;
use std::fmt;

/// Octets of the owner field that stored records begin with: a compression pointer to the question's name.
pub const OWNER_OF_QUESTION: [u8; 2] = [0xc0, 0x0c];
/// Octets in front of a stored record's RDATA: owner pointer, TYPE, CLASS, TTL, RDLENGTH.
pub const RECORD_HEADER_LEN: usize = 12;

/// What is stored of an RRset beside its octets: where these are, and how many of what.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StoredRrset {
    /// TYPE.
    pub rtype: u16,
    /// How many records.
    pub records: u16,
    /// Seconds.
    pub ttl: u32,
    /// Where its records begin in the arena's octets.
    pub octets_at: u32,
    /// Where its fix-ups, and behind them its targets, begin in the arena's offsets.
    pub offsets_at: u32,
    /// Octets of its records.
    pub octets_len: u16,
    /// Octets of its signatures, which follow its records.
    pub signatures_len: u16,
    /// How many signatures.
    pub signatures: u16,
    /// How many fix-ups.
    pub fixups: u16,
    /// How many targets.
    pub targets: u16,
}

/// What many RRsets are stored in.
#[derive(Debug, Default)]
pub(super) struct Arena {
    /// Names and records.
    pub octets: Vec<u8>,
    /// Fix-ups and targets.
    pub offsets: Vec<u16>,
}

/// A stored RRset: small, so that it is handed on by value.
///
/// Its octets are the records one behind the other, each as it goes into a message: owner as a pointer to offset 12
/// ([`OWNER_OF_QUESTION`]; the writer replaces it when the owner is another name), TYPE, CLASS, TTL, RDLENGTH, RDATA.
/// Names in RDATA that RFC 3597 section 4 allows to be compressed and that share their last labels with the apex end in a
/// pointer whose value is `0xc000 + n`, where `n` is the offset within the apex's wire form: the writer adds
/// the message offset at which the apex stands. [`RrsetRef::fixups`] says where those pointers are.
#[derive(Clone, Copy)]
pub struct RrsetRef<'z> {
    stored: &'z StoredRrset,
    arena: &'z Arena,
    /// Whether what is stored as its signatures is meant as its records.
    of_signatures: bool,
}

/// What an RRset without records is stored as.
const NOTHING: StoredRrset = StoredRrset {
    rtype: 0,
    records: 0,
    ttl: 0,
    octets_at: 0,
    offsets_at: 0,
    octets_len: 0,
    signatures_len: 0,
    signatures: 0,
    fixups: 0,
    targets: 0,
};
static NO_SOA: StoredRrset = StoredRrset { rtype: rtype::SOA, ..NOTHING };
static NO_NS: StoredRrset = StoredRrset { rtype: rtype::NS, ..NOTHING };
static NOWHERE: Arena = Arena { octets: Vec::new(), offsets: Vec::new() };

impl<'z> RrsetRef<'z> {
    /// What is stored in `arena`.
    #[inline(always)]
    pub(super) const fn new(stored: &'z StoredRrset, arena: &'z Arena) -> Self {
        Self { stored, arena, of_signatures: false }
    }

    /// A SOA RRset without records.
    #[must_use]
    pub(super) const fn no_soa() -> Self {
        Self::new(&NO_SOA, &NOWHERE)
    }

    /// An NS RRset without records.
    #[must_use]
    pub(super) const fn no_ns() -> Self {
        Self::new(&NO_NS, &NOWHERE)
    }

    /// Its signatures as an RRset of type RRSIG, which has no signatures itself.
    #[must_use]
    pub(super) const fn as_signatures(self) -> Self {
        Self { of_signatures: true, ..self }
    }

    /// TYPE.
    #[inline(always)]
    #[must_use]
    pub const fn rtype(self) -> u16 {
        if self.of_signatures { rtype::RRSIG } else { self.stored.rtype }
    }

    /// TTL in seconds, equal in all records (RFC 2181, section 5.2).
    #[inline(always)]
    #[must_use]
    pub const fn ttl(self) -> u32 {
        self.stored.ttl
    }

    /// How many records.
    #[inline(always)]
    #[must_use]
    pub const fn records(self) -> u16 {
        if self.of_signatures { self.stored.signatures } else { self.stored.records }
    }

    /// The records.
    #[inline(always)]
    #[must_use]
    pub fn octets(self) -> &'z [u8] {
        if self.of_signatures {
            return self.stored_signatures();
        }
        &self.arena.octets[self.stored.octets_at as usize..][..self.stored.octets_len.into()]
    }

    fn stored_signatures(self) -> &'z [u8] {
        let at = self.stored.octets_at as usize + usize::from(self.stored.octets_len);
        &self.arena.octets[at..][..self.stored.signatures_len.into()]
    }

    /// Its RRSIG records in the same form, one behind the other; without names that are compressed (RFC 4034, section
    /// 3.1.7). Empty in a zone that is not signed.
    #[must_use]
    pub fn signatures(self) -> &'z [u8] {
        if self.of_signatures { &[] } else { self.stored_signatures() }
    }

    /// How many RRSIG records.
    #[inline(always)]
    #[must_use]
    pub const fn signature_count(self) -> u16 {
        if self.of_signatures { 0 } else { self.stored.signatures }
    }

    /// The records, and the RRSIG records behind them.
    #[inline(always)]
    #[must_use]
    pub fn octets_and_signatures(self) -> &'z [u8] {
        if self.of_signatures {
            return self.stored_signatures();
        }
        let len = usize::from(self.stored.octets_len) + usize::from(self.stored.signatures_len);
        &self.arena.octets[self.stored.octets_at as usize..][..len]
    }

    /// Offsets in the octets of pointers relative to the apex, ascending.
    #[inline(always)]
    #[must_use]
    pub fn fixups(self) -> &'z [u16] {
        if self.stored.fixups == 0 || self.of_signatures {
            return &[];
        }
        &self.arena.offsets[self.stored.offsets_at as usize..][..self.stored.fixups.into()]
    }

    /// Offsets in the octets of the names that a CNAME leads to, or whose addresses belong into the additional section (NS,
    /// MX, SRV, DNAME).
    #[must_use]
    pub fn targets(self) -> &'z [u16] {
        if self.of_signatures {
            return &[];
        }
        let at = self.stored.offsets_at as usize + usize::from(self.stored.fixups);
        &self.arena.offsets[at..][..self.stored.targets.into()]
    }
}

impl fmt::Debug for RrsetRef<'_> {
    /// What it holds, wherever that is stored.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (counts, offsets) = ((self.records(), self.signature_count()), (self.fixups(), self.targets()));
        let octets = (self.octets(), self.signatures());
        write!(f, "RrsetRef({}, {} s, {counts:?}, {octets:x?}, {offsets:?})", self.rtype(), self.ttl())
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
