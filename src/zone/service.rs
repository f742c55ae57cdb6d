//! SVCB and HTTPS records whose target is their own owner, as a base that address hints are put into (RFC 9460, section
//! 7.3). Knows no members and no health: the addresses are given.

use super::master_file::name_text::stored_len;
use super::rrset::{OWNER_OF_QUESTION, RrsetRef, data_of};
use super::wire_form::{parameters, service_key};
use crate::wire::{Name, NameKey, class, rtype};
use std::sync::Arc;

/// An SVCB or HTTPS RRset of which at least one record takes hints.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceBase {
    /// 64 (SVCB) or 65 (HTTPS).
    pub rtype: u16,
    /// Seconds.
    pub ttl: u32,
    records: Arc<[Record]>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Record {
    /// Priority and target.
    head: Box<[u8]>,
    /// In the order of their keys; without hints where the record takes them.
    parameters: Vec<(u16, Box<[u8]>)>,
    takes_hints: bool,
}

impl ServiceBase {
    /// The base that `rrset` of `owner` makes; `None` when no record of it speaks of the owner itself: all are in AliasMode,
    /// or lead to other names, whose addresses are not these.
    #[must_use]
    pub fn of(rrset: RrsetRef<'_>, owner: &Name) -> Option<Self> {
        let owner = NameKey::of(owner);
        let records: Option<Vec<Record>> = data_of(rrset.octets()).map(|data| Record::of(data, &owner)).collect();
        let records = records.filter(|records| records.iter().any(|record| record.takes_hints))?;
        Some(Self { rtype: rrset.rtype(), ttl: rrset.ttl(), records: records.into() })
    }

    /// How many records.
    #[must_use]
    pub fn record_count(&self) -> u16 {
        // They came out of a stored RRset, which counts them in 16 bits.
        self.records.len() as u16
    }

    /// Appends the RRset in stored form, its TTL 0, with these octets of IPv4 and IPv6 addresses as hints; without the hint of a
    /// family that has none. False, and nothing is appended, where it would be longer than any message.
    pub fn push_with_hints(&self, ipv4: &[u8], ipv6: &[u8], out: &mut Vec<u8>) -> bool {
        let start = out.len();
        for record in &*self.records {
            out.extend_from_slice(&OWNER_OF_QUESTION);
            out.extend_from_slice(&self.rtype.to_be_bytes());
            out.extend_from_slice(&class::IN.to_be_bytes());
            out.extend_from_slice(&[0; 4]);
            let len_at = out.len();
            out.extend_from_slice(&[0; 2]);
            record.push_data(ipv4, ipv6, out);
            let Ok(len) = u16::try_from(out.len() - len_at - 2) else {
                out.truncate(start);
                return false;
            };
            out[len_at..len_at + 2].copy_from_slice(&len.to_be_bytes());
        }
        let fits = out.len() - start <= usize::from(u16::MAX);
        if !fits {
            out.truncate(start);
        }
        fits
    }
}

impl Record {
    /// `None` for data that is not what its type asks for, which is never stored.
    fn of(data: &[u8], owner: &NameKey) -> Option<Self> {
        let (target_len, _) = stored_len(data.get(2..)?);
        let (head, rest) = data.split_at_checked(2 + target_len)?;
        let is_alias = head[..2] == [0, 0];
        let takes_hints = !is_alias && (head[2..] == [0] || head[2..].eq_ignore_ascii_case(owner.octets()));
        let is_hint = |key: u16| matches!(key, service_key::IPV4HINT | service_key::IPV6HINT);
        let mut kept = Vec::new();
        for parameter in parameters(rest) {
            let (key, value) = parameter?;
            if !(takes_hints && is_hint(key)) {
                kept.push((key, value.into()));
            }
        }
        Some(Self { head: head.into(), parameters: kept, takes_hints })
    }

    fn push_data(&self, ipv4: &[u8], ipv6: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        let hints = [(service_key::IPV4HINT, ipv4), (service_key::IPV6HINT, ipv6)];
        let hints = hints.into_iter().filter(|(_, value)| self.takes_hints && !value.is_empty());
        let own = self.parameters.iter().map(|(key, value)| (*key, &**value));
        let mut all: Vec<(u16, &[u8])> = own.chain(hints).collect();
        all.sort_by_key(|(key, _)| *key);
        for &(key, value) in &all {
            let listed: Vec<u8>;
            let value = if key == service_key::MANDATORY {
                // What is not there cannot be mandatory (RFC 9460, section 8).
                let is_there = |listed: &&[u8]| all.iter().any(|(key, _)| key.to_be_bytes() == **listed);
                listed = value.chunks_exact(2).filter(is_there).flatten().copied().collect();
                &listed[..]
            } else {
                value
            };
            if key == service_key::MANDATORY && value.is_empty() {
                continue;
            }
            out.extend_from_slice(&key.to_be_bytes());
            // Hints are the addresses of one answer, and other values came out of 16 bits.
            out.extend_from_slice(&(value.len() as u16).to_be_bytes());
            out.extend_from_slice(value);
        }
    }
}

/// The types that hints are put into.
pub const SERVICE_TYPES: [u16; 2] = [rtype::HTTPS, rtype::SVCB];

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::ServiceBase;
    use crate::wire::Name;
    use crate::zone::rrset::{Arena, RrsetRef, StoredRrset};

    fn rrset(data: &[&[u8]]) -> Vec<u8> {
        let record = |data: &&[u8]| [b"\xc0\x0c\0\x41\0\x01\0\0\0\0\0", &[data.len() as u8][..], data].concat();
        data.iter().flat_map(record).collect()
    }

    fn base(data: &[&[u8]]) -> Option<ServiceBase> {
        let octets = rrset(data);
        let (records, octets_len) = (data.len() as u16, octets.len() as u16);
        let stored = StoredRrset { rtype: 65, records, octets_len, ..StoredRrset::default() };
        let arena = Arena { octets, offsets: Vec::new() };
        let stored = RrsetRef::new(&stored, &arena);
        ServiceBase::of(stored, &Name::from_text(b"www.test.", None).unwrap())
    }

    fn hinted(base: &ServiceBase, ipv4: &[u8], ipv6: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(base.push_with_hints(ipv4, ipv6, &mut out));
        out
    }

    #[test]
    fn hints_stand_in_key_order_and_replace_those_of_the_file() {
        let base = base(&[b"\0\x01\0\0\x01\0\x03\x02h2\0\x04\0\x04\x01\x01\x01\x01\0\x05\0\x01e"]).unwrap();
        assert_eq!(
            hinted(&base, b"\xc0\0\x02\x01", &[7; 16]),
            rrset(&[b"\0\x01\0\0\x01\0\x03\x02h2\0\x04\0\x04\xc0\0\x02\x01\0\x05\0\x01e\0\x06\0\x10\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07"])
        );
        assert_eq!(hinted(&base, b"", b""), rrset(&[b"\0\x01\0\0\x01\0\x03\x02h2\0\x05\0\x01e"]));
    }

    #[test]
    fn only_records_that_speak_of_the_owner_take_hints() {
        assert_eq!(base(&[b"\0\0\x03svc\x04test\0", b"\0\x01\x03svc\x04test\0"]), None);
        let base = base(&[b"\0\x01\x03svc\x04test\0", b"\0\x02\x03WWW\x04test\0"]).unwrap();
        assert_eq!(
            hinted(&base, b"\x01\x02\x03\x04", b""),
            rrset(&[b"\0\x01\x03svc\x04test\0", b"\0\x02\x03WWW\x04test\0\0\x04\0\x04\x01\x02\x03\x04"])
        );
    }

    #[test]
    fn a_hint_that_is_not_there_is_not_mandatory() {
        let base = base(&[b"\0\x01\0\0\0\0\x04\0\x01\0\x04\0\x01\0\x03\x02h2\0\x04\0\x04\x01\x01\x01\x01"]).unwrap();
        assert_eq!(hinted(&base, b"", &[]), rrset(&[b"\0\x01\0\0\0\0\x02\0\x01\0\x01\0\x03\x02h2"]));
    }
}
