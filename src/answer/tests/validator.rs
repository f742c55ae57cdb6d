//! A validator of signed answers for tests: it sees only messages, and shares no code with what writes them.

use crate::wire::{Name, rtype};
use sha1::{Digest, Sha1};
use std::collections::BTreeSet;

pub const APEX: &str = "example.";

pub fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes(), Some(&Name::from_text(APEX.as_bytes(), None).unwrap())).unwrap()
}

/// The name and each one above it, up to the root.
pub fn with_ancestors(name: &Name) -> impl Iterator<Item = Name> {
    std::iter::successors(Some(name.clone()), Name::parent)
}

/// How a zone denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    Nsec,
    Nsec3,
    OptOut,
}

pub const DENIALS: [Denial; 3] = [Denial::Nsec, Denial::Nsec3, Denial::OptOut];
pub const SALT: &[u8] = &[0xaa, 0x01];

/// The hash of a name in Base32 (RFC 5155, section 5), one digit at a time.
pub fn hashed(name: &Name) -> String {
    let mut octets = name.as_wire().to_ascii_lowercase();
    for _ in 0..=1 {
        octets = Sha1::new().chain_update(&octets).chain_update(SALT).finalize().to_vec();
    }
    base32(&octets)
}

fn base32(octets: &[u8]) -> String {
    let bit = |at: usize| u32::from(octets[at / 8] >> (7 - at % 8) & 1);
    let digit = |at: usize| (0..5).fold(0, |value, offset| value << 1 | bit(5 * at + offset));
    (0..octets.len() * 8 / 5).map(|at| char::from_digit(digit(at), 32).unwrap()).collect()
}

/// One record of a message.
#[derive(Clone, Debug)]
pub struct Seen {
    pub owner: Name,
    pub rtype: u16,
    pub ttl: u32,
    pub data: Vec<u8>,
}

/// A message, read without a word of the code that wrote it.
#[derive(Debug)]
pub struct Message {
    pub rcode: u8,
    pub flags: u8,
    pub sections: [Vec<Seen>; 3],
}

fn read_name(octets: &[u8], at: &mut usize) -> Name {
    let (mut wire, mut from, mut jumped) = (Vec::new(), *at, false);
    loop {
        let len = usize::from(octets[from]);
        if len >= 0xc0 {
            let target = (len & 0x3f) << 8 | usize::from(octets[from + 1]);
            assert!(target < from, "pointers lead back");
            *at = if jumped { *at } else { from + 2 };
            (from, jumped) = (target, true);
            continue;
        }
        wire.extend_from_slice(&octets[from..=from + len]);
        from += 1 + len;
        if len == 0 {
            *at = if jumped { *at } else { from };
            return Name::from_wire(&wire).unwrap().0;
        }
    }
}

pub fn read(octets: &[u8]) -> Message {
    let word = |at: usize| u16::from_be_bytes([octets[at], octets[at + 1]]);
    let mut at = 12;
    read_name(octets, &mut at);
    at += 4;
    let sections = [6, 8, 10].map(|count_at| {
        let record = |_| {
            let owner = read_name(octets, &mut at);
            let (rtype, ttl) = (word(at), u32::from(word(at + 4)) << 16 | u32::from(word(at + 6)));
            let (start, end) = (at + 10, at + 10 + usize::from(word(at + 8)));
            at = end;
            let mut name_at = start;
            let data = match rtype {
                // The only name in data that tests look into.
                rtype::CNAME => read_name(octets, &mut name_at).as_wire().to_vec(),
                _ => octets[start..end].to_vec(),
            };
            Seen { owner, rtype, ttl, data }
        };
        (0..word(count_at)).map(record).filter(|seen| seen.rtype != rtype::OPT).collect()
    });
    assert_eq!(at, octets.len(), "counts are right");
    Message { rcode: octets[3] & 0xf, flags: octets[3], sections }
}

/// The records of a message that deny, as a validator needs them.
struct Validator<'m> {
    denial: Denial,
    authority: &'m [Seen],
}

impl Validator<'_> {
    fn chain(&self, rtype: u16) -> impl Iterator<Item = &Seen> {
        self.authority.iter().filter(move |seen| seen.rtype == rtype)
    }

    /// The types of an NSEC or NSEC3 record, whose set begins at an offset of its data.
    fn types(seen: &Seen) -> BTreeSet<u16> {
        let mut rest = match seen.rtype {
            rtype::NSEC => &seen.data[Name::from_wire(&seen.data).unwrap().1..],
            _ => &seen.data[5 + SALT.len() + 21..],
        };
        let mut types = BTreeSet::new();
        while let [window, len, behind @ ..] = rest {
            let (bits, behind) = behind.split_at(usize::from(*len));
            let is_set = |bit: &usize| bits[bit / 8] & 0x80 >> (bit % 8) != 0;
            types.extend((0..bits.len() * 8).filter(is_set).map(|bit| u16::from(*window) << 8 | bit as u16));
            rest = behind;
        }
        types
    }

    /// Whether the types of a record say that its owner has none of `qtype`, from the side that may say so.
    fn denies(seen: &Seen, qtype: u16) -> bool {
        let types = Self::types(seen);
        let is_parent_side = types.contains(&rtype::NS) && !types.contains(&rtype::SOA);
        !types.contains(&qtype) && !types.contains(&rtype::CNAME) && (!is_parent_side || qtype == rtype::DS)
    }

    fn next(seen: &Seen) -> Name {
        Name::from_wire(&seen.data).unwrap().0
    }

    /// The NSEC record that covers a name.
    fn nsec_covering(&self, covered: &Name) -> Option<&Seen> {
        let covers = |seen: &&Seen| {
            let next = Self::next(seen);
            seen.owner < *covered && (*covered < next || next == name("@"))
        };
        self.chain(rtype::NSEC).find(covers)
    }

    fn nsec3_matching(&self, matched: &Name) -> Option<&Seen> {
        let owner = name(&hashed(matched));
        self.chain(rtype::NSEC3).find(|seen| seen.owner == owner)
    }

    fn nsec3_covering(&self, covered: &Name) -> Option<&Seen> {
        let hash = hashed(covered);
        let covers = |seen: &&Seen| {
            let owner = String::from_utf8(seen.owner.labels().next().unwrap().to_vec()).unwrap();
            let next = base32(&seen.data[5 + SALT.len() + 1..][..20]);
            if owner < next { owner < hash && hash < next } else { owner < hash || hash < next }
        };
        self.chain(rtype::NSEC3).find(covers)
    }

    /// The closest encloser that NSEC3 records prove, and the record that covers the next closer name.
    fn nsec3_encloser(&self, below: &Name) -> Option<(Name, &Seen)> {
        let mut next_closer = below.clone();
        for encloser in with_ancestors(below).skip(1) {
            if self.nsec3_matching(&encloser).is_some() {
                return Some((encloser, self.nsec3_covering(&next_closer)?));
            }
            next_closer = encloser;
        }
        None
    }

    /// The closest encloser of a name that an NSEC record covers.
    fn nsec_encloser(covering: &Seen, below: &Name) -> Name {
        let next = Self::next(covering);
        let is_shared = |above: &Name| covering.owner.is_at_or_below(above) || next.is_at_or_below(above);
        with_ancestors(below).find(is_shared).unwrap()
    }

    fn wildcard(encloser: &Name) -> Name {
        name(&format!("*.{encloser}"))
    }

    fn proves_nxdomain(&self, qname: &Name) -> bool {
        if self.denial == Denial::Nsec {
            let Some(covering) = self.nsec_covering(qname) else { return false };
            let encloser = Self::nsec_encloser(covering, qname);
            return encloser != *qname && self.nsec_covering(&Self::wildcard(&encloser)).is_some();
        }
        // Where an empty non-terminal has no record because of opt-out, a wildcard further up may not be denied.
        let denies_wildcard = |(encloser, covering): (Name, &Seen)| {
            self.is_opted_out(covering) || self.nsec3_covering(&Self::wildcard(&encloser)).is_some()
        };
        self.nsec3_encloser(qname).is_some_and(denies_wildcard)
    }

    fn proves_nodata(&self, qname: &Name, qtype: u16) -> bool {
        if self.denial == Denial::Nsec {
            if let Some(matching) = self.chain(rtype::NSEC).find(|seen| seen.owner == *qname) {
                return Self::denies(matching, qtype);
            }
            let Some(covering) = self.nsec_covering(qname) else { return false };
            let encloser = Self::nsec_encloser(covering, qname);
            if encloser == *qname {
                return true;
            }
            let wildcard = Self::wildcard(&encloser);
            let matching = self.chain(rtype::NSEC).find(|seen| seen.owner == wildcard);
            let is_empty = || self.nsec_covering(&wildcard).is_some_and(|s| Self::next(s).is_at_or_below(&wildcard));
            return matching.map_or_else(is_empty, |seen| Self::denies(seen, qtype));
        }
        if let Some(matching) = self.nsec3_matching(qname) {
            return Self::denies(matching, qtype);
        }
        let Some((encloser, covering)) = self.nsec3_encloser(qname) else { return false };
        // Opt-out: the name may be an empty non-terminal above unsigned delegations, which has no record of its own.
        let matching = self.nsec3_matching(&Self::wildcard(&encloser));
        self.is_opted_out(covering) || matching.is_some_and(|seen| Self::denies(seen, qtype))
    }

    fn is_opted_out(&self, covering: &Seen) -> bool {
        self.denial == Denial::OptOut && covering.data[1] == 1
    }

    fn proves_expansion(&self, qname: &Name, labels: usize) -> bool {
        let next_closer = with_ancestors(qname).find(|above| above.label_count() == labels + 1).unwrap();
        match self.denial {
            Denial::Nsec => self.nsec_covering(qname).is_some(),
            _ => self.nsec3_covering(&next_closer).is_some(),
        }
    }

    fn proves_no_ds(&self, cut: &Name) -> bool {
        let matching = match self.denial {
            Denial::Nsec => self.chain(rtype::NSEC).find(|seen| seen.owner == *cut),
            _ => self.nsec3_matching(cut),
        };
        let is_opted_out = || self.nsec3_encloser(cut).is_some_and(|(_, covering)| covering.data[1] == 1);
        matching.map_or_else(is_opted_out, |seen| {
            let types = Self::types(seen);
            types.contains(&rtype::NS) && !types.contains(&rtype::DS) && !types.contains(&rtype::SOA)
        })
    }
}

/// The signature over an RRset of a section.
fn signature<'m>(section: &'m [Seen], owner: &Name, rtype: u16) -> Option<&'m Seen> {
    let covers = |seen: &&Seen| seen.rtype == rtype::RRSIG && seen.data[..2] == rtype.to_be_bytes();
    section.iter().filter(covers).find(|seen| seen.owner == *owner)
}

/// What a validator asks of a response to a question with DO; the error says what is missing.
pub fn validate(message: &Message, qname: &Name, qtype: u16, denial: Denial) -> Result<(), &'static str> {
    let [answer, authority, _] = &message.sections;
    let validator = Validator { denial, authority };
    let mut at = qname.clone();
    for seen in answer.iter().filter(|seen| seen.rtype != rtype::RRSIG) {
        let dname = answer.iter().find(|dname| {
            dname.rtype == rtype::DNAME && seen.owner != dname.owner && seen.owner.is_at_or_below(&dname.owner)
        });
        match signature(answer, &seen.owner, seen.rtype) {
            None if seen.rtype == rtype::CNAME && dname.is_some() => {}
            None => return Err("an answer is not signed"),
            Some(signature) => {
                let labels = usize::from(signature.data[3]);
                let is_wildcard = seen.owner.labels().next() == Some(b"*");
                let expanded = labels < seen.owner.label_count() - usize::from(is_wildcard);
                if expanded && !validator.proves_expansion(&seen.owner, labels) {
                    return Err("an expansion is not proved");
                }
                if signature.ttl != seen.ttl {
                    return Err("a signature has another TTL");
                }
            }
        }
        if seen.rtype == rtype::CNAME && seen.owner == at && qtype != rtype::CNAME {
            at = Name::from_wire(&seen.data).unwrap().0;
        }
    }
    let soa = authority.iter().find(|seen| seen.rtype == rtype::SOA);
    let ns = authority.iter().find(|seen| seen.rtype == rtype::NS);
    for seen in authority.iter().filter(|seen| !matches!(seen.rtype, rtype::RRSIG | rtype::NS)) {
        let found = signature(authority, &seen.owner, seen.rtype).ok_or("authority is not signed")?;
        // The zone's TTL is 60, and its negative TTL 30 (RFC 9077).
        let ttl = if seen.rtype == rtype::DS { 60 } else { 30 };
        if (found.ttl, seen.ttl) != (ttl, ttl) {
            return Err("a TTL is not that of negative answers");
        }
    }
    let mut chained: Vec<_> =
        authority.iter().filter(|seen| matches!(seen.rtype, rtype::NSEC | rtype::NSEC3)).map(|s| &s.owner).collect();
    let count = chained.len();
    chained.sort();
    chained.dedup();
    if chained.len() < count {
        return Err("a record of the chain stands there twice");
    }
    let holds = match (message.rcode, soa, ns) {
        (3, Some(_), None) => validator.proves_nxdomain(&at),
        (0, Some(_), None) => validator.proves_nodata(&at, qtype),
        (0, None, Some(ns)) => {
            signature(authority, &ns.owner, rtype::DS).is_some() || validator.proves_no_ds(&ns.owner)
        }
        (0 | 6, None, None) => true,
        _ => false,
    };
    if holds { Ok(()) } else { Err("the outcome is not proved") }
}
